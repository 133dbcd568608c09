"""What is read together: the fields of a frame that are wanted, and the windows that they are read from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from adapters.mainframe.copybook.layout import Column, Table
from adapters.mainframe.decoder.faults import Faults
from adapters.mainframe.decoder.frames import Frame, Window
from adapters.mainframe.decoder.nodes import FieldNode, GroupNode, Node, TableNode
from adapters.mainframe.decoder.positions import Located, Tables, rows_where
from adapters.mainframe.records import Mask, Positions, offsets_of, spread


@dataclass(slots=True)
class _Span:
    """Bytes behind an anchor; the window of a block over it holds all that is read from there."""

    anchor: int
    low: int
    high: int


@dataclass(slots=True)
class Block:
    """Fields, tables and groups of one frame that are decoded for the same rows."""

    spans: list[_Span] = field(default_factory=list)
    fields: list[tuple[FieldNode, int]] = field(default_factory=list)  # with the number of the span
    tables: list[tuple[TableNode, Block, int]] = field(default_factory=list)  # with the elements; located ones: span -1
    groups: list[tuple[GroupNode, Block]] = field(default_factory=list)  # that hold in some records only
    anchoring: list[TableNode] = field(default_factory=list)  # whose ends are anchors


@dataclass(slots=True)
class Elements:
    """The decoded elements of a table."""

    offsets: Positions  # where those of each row begin, and behind the last
    values: Result


@dataclass(slots=True)
class Part:
    """A group that holds in some of the rows only."""

    rows: Positions  # of each row: its row in ``values``, or -1
    values: Result


@dataclass(slots=True)
class Result:
    """The decoded rows of a block."""

    size: int  # rows
    arrays: dict[FieldNode, pa.Array] = field(default_factory=dict)
    tables: dict[TableNode, Elements] = field(default_factory=dict)
    parts: dict[GroupNode, Part] = field(default_factory=dict)


def block(nodes: Sequence[Node], wanted: Collection[FieldNode] | None, selected: Collection[GroupNode]) -> Block:
    """Return what is to be read of a frame.

    Args:
        nodes: what stands in the frame.
        wanted: the fields to decode; None: all of them.
        selected: groups that do not hold in every record.
    """
    made = Block()
    _fill(made, nodes, wanted, selected)
    return made


def _fill(
    made: Block, nodes: Sequence[Node], wanted: Collection[FieldNode] | None, selected: Collection[GroupNode]
) -> None:
    for node in nodes:
        if isinstance(node, FieldNode):
            if wanted is None or node in wanted:
                made.fields.append((node, _span(made, node.column)))
        elif isinstance(node, GroupNode):
            if node in selected:
                made.groups.append((node, block(node.children, wanted, selected)))
            else:
                _fill(made, node.children, wanted, selected)
        else:
            if not node.column.fixed:
                made.anchoring.append(node)
            elements = block(node.inner, wanted, ())
            if elements.fields or elements.tables:
                made.tables.append((node, elements, -1 if node.located else _span(made, node.column)))


def _span(made: Block, column: Column) -> int:
    """Return the number of the span that holds a field or all elements of a table; widens it, or makes it."""
    low, anchor = column.place.offset, column.place.anchor
    high = low + column.length * (column.most if isinstance(column, Table) else 1)
    for number, span in enumerate(made.spans):
        if span.anchor == anchor:
            span.low, span.high = min(span.low, low), max(span.high, high)
            return number
    made.spans.append(_Span(anchor, low, high))
    return len(made.spans) - 1


@dataclass(slots=True, kw_only=True)
class Reading:
    """One run over the records of a chunk."""

    active: Mapping[GroupNode, Mask]  # in which records a group holds
    faults: Faults
    keys: bool  # whether elements are numbered, to put what could not be read in order

    def read(self, made: Block, frame: Frame, tables: Tables) -> Result:
        """Decode the rows of a frame; ``tables`` are those that had to be located in it."""
        if not len(frame):
            return _nothing(made)
        for table in made.anchoring:
            frame.anchors[table.column.ends] = tables[table].ends
        windows = [frame.window(span.anchor, span.low, span.high) for span in made.spans]
        result = Result(len(frame))
        for node, number in made.fields:
            values = node.read(windows[number], node.column.place.offset - made.spans[number].low)
            result.arrays[node] = values.array
            if values.bad is not None and len(rows := np.flatnonzero(values.bad)):
                self.faults.unreadable(node, frame, rows)
        for table, elements, number in made.tables:
            if number < 0:
                inner = self._elements(table, tables[table], frame)
                offsets = offsets_of(tables[table].counts)
                result.tables[table] = Elements(offsets, self.read(elements, inner, tables[table].inner))
            else:
                low = table.column.place.offset - made.spans[number].low
                inner = self._cut(table, windows[number], low, frame)
                offsets = np.arange(0, len(inner) + 1, table.column.most)
                result.tables[table] = Elements(offsets, self.read(elements, inner, {}))
        for group, fields in made.groups:
            rows = rows_where(self.active[group], frame)
            at = np.full(len(frame), -1, np.int64)
            at[rows] = np.arange(len(rows))
            result.parts[group] = Part(at, self.read(fields, frame.only(rows), tables))
        return result

    def _elements(self, table: TableNode, located: Located, frame: Frame) -> Frame:
        """Return the elements of a table that stands elsewhere in every row."""
        starts, counts = located.elements, located.counts
        if starts is None:
            starts = spread(located.starts, counts, table.column.length)
        return self._frame(table, starts, counts, frame, None)

    def _cut(self, table: TableNode, window: Window, low: int, frame: Frame) -> Frame:
        """Return the elements of a table that stands at one place in all rows, out of the window that holds it."""
        most, length = table.column.most, table.column.length
        first = window.shift + low
        rows = np.ascontiguousarray(window.rows[:, first : first + most * length]).reshape(-1, length)
        counts = np.full(len(frame), most, np.int64)
        room = window.room
        if room is not None:
            room = spread(room - low, counts, -length)
        starts = spread(frame.at(table.column.place), counts, length)
        return self._frame(table, starts, counts, frame, Window(rows=rows, shift=0, room=room))

    def _frame(
        self, table: TableNode, starts: Positions, counts: Positions, frame: Frame, whole: Window | None
    ) -> Frame:
        keys: tuple[Positions, ...] = ()
        if self.keys:
            numbers = spread(np.zeros(len(counts), np.int64), counts)
            keys = (*(np.repeat(key, counts) for key in frame.keys), np.full(len(starts), table.number), numbers)
        return Frame(
            data=frame.data,
            starts=starts,
            ends=np.repeat(frame.ends, counts),
            records=np.repeat(frame.records_of(np.arange(len(frame))), counts),
            whole=whole,
            keys=keys,
        )


def _nothing(made: Block) -> Result:
    """Return no rows; a table of which no record has an element was not looked into."""
    none = np.zeros(0, np.int64)
    return Result(
        size=0,
        arrays={node: pa.array([], node.column.type) for node, _ in made.fields},
        tables={table: Elements(np.zeros(1, np.int64), _nothing(elements)) for table, elements, _ in made.tables},
        parts={group: Part(none, _nothing(fields)) for group, fields in made.groups},
    )

"""Values to the bytes of whole records: every field at its place, tables with as many elements as their lists have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adapters.mainframe.copybook.layout import Column, Field, Group, Layout, Place, Table
from adapters.mainframe.encoder import fields
from adapters.mainframe.encoder.fields import Nulls, misfit
from adapters.mainframe.encoder.tables import RENAMES, Counted, Elements, Frame, Path
from adapters.mainframe.records import Mask, Positions, Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """Records side by side."""

    rows: Rows  # shape (records, bytes of the longest)
    lengths: Positions  # of each record; what stands behind it in its row means nothing

    @property
    def content(self) -> Rows:
        """The bytes of all records, one behind the other."""
        width = self.rows.shape[1]
        if not len(self.lengths) or self.lengths.min() == width:
            return self.rows.reshape(-1)
        return self.rows[np.arange(width) < self.lengths[:, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What stands where no value does, and how tables are laid out."""

    nulls: Nulls
    background: int | None = None  # of bytes that no column fills; None: spaces of the encoding
    any_table: bool = False  # every table takes just the room of its list, as Cobrix writes them when told so

    def of(self, layout: Layout) -> int:
        """Return the byte that fills what no column does."""
        return fields.characters(layout.profile).space if self.background is None else self.background


def encode(layout: Layout, frame: Frame, filling: Filling, *, whole: bool = False) -> Encoded:
    """Return the records of ``frame``.

    Args:
        layout: where each field stands.
        frame: the values.
        filling: what stands where no value does.
        whole: kinds of records that redefine one another all get the length of the longest.

    Raises:
        EncodeError: a value does not fit its field, or a list its table.
    """
    writer = _Writer(layout, filling)
    rows = np.full((frame.count, layout.length), filling.of(layout), np.uint8)
    anchors = _Anchors(frame.count)
    columns, prefix = _kinds(layout)
    chosen = writer.columns(rows, columns, prefix, frame, anchors)
    lengths = anchors.at(layout.end)
    *_, (first, others) = _sets(columns)
    if others and not whole and layout.profile.name == "ibm":
        ends = np.stack([anchors.at(kind.place) + _most(kind) for kind in (first, *others)])
        lengths = np.where(chosen < 0, lengths, np.minimum(lengths, ends[chosen, np.arange(frame.count)]))
    return Encoded(rows=rows, lengths=lengths)


def _kinds(layout: Layout) -> tuple[Sequence[Column], Path]:
    """Return the columns of which the last may redefine one another: kinds of record, each with its own length."""
    if len(layout.roots) > 1 or layout.profile.name != "ibm":
        return layout.roots, ()
    return layout.roots[0].columns, (layout.roots[0].name,)


def _most(column: Column) -> int:
    """Return the bytes of a column at most."""
    return column.most * column.length if isinstance(column, Table) else column.length


@dataclass(slots=True)
class _Anchors:
    """Where the anchors of a frame are in each row, and what tables that take less room than told leave over."""

    count: int
    found: dict[int, Positions] = field(default_factory=dict)
    saved: Positions | int = 0  # bytes by which everything behind stands nearer to the start

    def at(self, place: Place) -> Positions:
        """Return how many bytes from the start of its row a place is."""
        base = self.found[place.anchor] if place.anchor else np.zeros(self.count, np.int64)
        return base + place.offset - self.saved

    def only(self, rows: Positions) -> _Anchors:
        saved = self.saved if isinstance(self.saved, int) else self.saved[rows]
        return _Anchors(len(rows), {number: anchor[rows] for number, anchor in self.found.items()}, saved)


class _Writer:
    """Writes the columns of frames into rows of bytes."""

    def __init__(self, layout: Layout, filling: Filling) -> None:
        self._profile, self._filling = layout.profile, filling
        self._lenient = layout.profile.name == "cobrix"
        self._background = filling.of(layout)

    def columns(
        self, rows: Rows, columns: Sequence[Column], prefix: Path, frame: Frame, anchors: _Anchors
    ) -> Positions:
        """Write columns of one group; return which of the last set of redefinitions was written in each row."""
        chosen = np.zeros(frame.count, np.int64)
        for first, others in _sets(columns):
            if not others or self._lenient:  # Cobrix writes what is redefined, never a redefinition
                self._column(rows, first, (*prefix, first.name), frame, anchors)
            else:
                chosen = self._alternatives(rows, [first, *others], prefix, frame, anchors)
        return chosen

    def _alternatives(
        self, rows: Rows, columns: Sequence[Column], prefix: Path, frame: Frame, anchors: _Anchors
    ) -> Positions:
        """Write for each row the first of the columns that has any value; none where none has."""
        chosen = np.full(frame.count, -1, np.int64)
        for number, column in enumerate(columns):
            wanted = np.flatnonzero((chosen < 0) & frame.filled((*prefix, column.name)))
            chosen[wanted] = number
            picked = rows[wanted]
            inner = anchors.only(wanted)
            self._column(picked, column, (*prefix, column.name), frame.only(wanted), inner)
            rows[wanted] = picked
            for anchor, places in inner.found.items():
                if anchor not in anchors.found:
                    anchors.found[anchor] = np.zeros(frame.count, np.int64)
                    anchors.found[anchor][wanted] = places
        return chosen

    def _column(self, rows: Rows, column: Column, path: Path, frame: Frame, anchors: _Anchors) -> None:
        if isinstance(column, Table):
            self._table(rows, column, path, frame, anchors)
        elif isinstance(column, Group):
            self._group(rows, column, path, frame, anchors)
        elif column.level != RENAMES:
            values = self._values(column, path, frame)
            if values is not None:
                name = f"{frame.path}{path[-1]}" if not frame.path.endswith("[*]") else frame.path
                encoded = fields.encode(
                    values, column, self._profile, self._filling.nulls, path=name, numbers=frame.numbers
                )
                _place(rows, encoded, anchors.at(column.place))

    def _group(self, rows: Rows, group: Group, path: Path, frame: Frame, anchors: _Anchors) -> None:
        self.columns(rows, group.columns, path, frame, anchors)
        absent = frame.absent.get(path)
        if self._lenient and absent is not None and absent.any():
            start = anchors.at(group.place)[absent]
            blank = np.full((len(start), group.length), self._background, np.uint8)
            cleared = rows[absent]
            _place(cleared, blank, start)
            rows[absent] = cleared

    def _values(self, column: Field, path: Path, frame: Frame) -> pa.Array | None:
        """Return what to write: the column, and where it counts a table and is null, the elements of that."""
        values, counted = frame.arrays.get(path), frame.counted.get(id(column))
        if counted is None:
            return values
        found = _counts(column, counted)
        if values is None or self._lenient:
            return found
        values = values.cast(found.type)
        differs = np.asarray(pc.fill_null(pc.not_equal(values, found), False))
        if counted.dependency.counts:
            differs &= _mapped(values, counted) != counted.counts
        if differs.any():
            message = "it does not count the elements of its table"
            raise misfit(frame.path + path[-1], differs, message, "leave it null", frame.numbers)
        return pc.coalesce(values, found)

    def _table(self, rows: Rows, table: Table, path: Path, frame: Frame, anchors: _Anchors) -> None:
        elements = frame.tables.get(path)
        if elements is None:
            none = Frame(columns=(table.element,), numbers=np.zeros(0, np.int64), path=f"{frame.path}{table.name}[*].")
            elements = Elements(np.zeros(frame.count, np.int64), none)
        else:
            self._check(table, elements, frame)
        content, lengths = self._elements(table, elements)
        width = table.most * table.length
        block = np.full((frame.count, width), self._background, np.uint8)
        sizes = np.zeros(frame.count, np.int64)
        np.add.at(sizes, elements.owners, lengths)
        block[np.arange(width) < sizes[:, None]] = content
        start = anchors.at(table.place)
        _place(rows, block, start)
        if not table.fixed:
            anchors.found[table.ends] = start + sizes + anchors.saved
        elif self._filling.any_table:
            anchors.saved = anchors.saved + (width - sizes)

    def _check(self, table: Table, elements: Elements, frame: Frame) -> None:
        """See that lists have as many elements as their table may have."""
        if self._lenient:
            return
        least = table.least if table.depending is not None else table.most
        wrong = (elements.counts < least) | (elements.counts > table.most)
        if wrong.any():
            room = f"{table.most} elements (which may be null)"
            if table.depending is not None:
                room = f"{table.least} to {table.most} elements"
            raise misfit(frame.path + table.name, wrong, f"a list does not have {room}", "", frame.numbers)

    def _elements(self, table: Table, elements: Elements) -> tuple[Rows, Positions]:
        """Return the bytes of all elements one behind the other, and the length of each."""
        count = elements.frame.count
        rows = np.full((count, table.length), self._background, np.uint8)
        anchors = _Anchors(count)
        self._column(rows, table.element, (table.element.name,), elements.frame, anchors)
        lengths = anchors.at(table.end)
        encoded = Encoded(rows=rows, lengths=lengths)
        return encoded.content, lengths


def _place(rows: Rows, encoded: Rows, starts: Positions) -> None:
    """Write the bytes of a column at their place in each row."""
    if not len(rows):
        return
    first, length = int(starts[0]), encoded.shape[1]
    if (starts == first).all():
        rows[:, first : first + length] = encoded[:, : rows.shape[1] - first]
        return
    places = starts[:, None] + np.arange(length)
    inside = places < rows.shape[1]
    which = np.broadcast_to(np.arange(len(rows))[:, None], places.shape)
    rows[which[inside], places[inside]] = encoded[inside]


def _sets(columns: Sequence[Column]) -> list[tuple[Column, list[Column]]]:
    """Return the columns, each with those that redefine it."""
    sets: list[tuple[Column, list[Column]]] = []
    for column in columns:
        if column.redefines is None:
            sets.append((column, []))
        else:
            others = next(others for first, others in reversed(sets) if first.name == column.redefines)
            others.append(column)
    return sets


def _counts(column: Field, counted: Counted) -> pa.Array:
    """Return what a counting field says of the elements; null where no list tells."""
    told: Mask = counted.known
    counts = pa.array(counted.counts, mask=~told)
    values = counted.dependency.counts
    if not values:
        return counts
    texts = {elements: text for text, elements in reversed(values)}
    return pa.array([texts.get(count) for count in counts.to_pylist()], pa.string()).cast(column.type)


def _mapped(values: pa.Array, counted: Counted) -> Positions:
    """Return how many elements the texts of a value map stand for; -1 for a text it does not have."""
    texts = pa.array([text for text, _ in counted.dependency.counts])
    found = pc.fill_null(pc.index_in(values.cast(pa.string()), texts), -1)
    elements = np.array([*(elements for _, elements in counted.dependency.counts), -1])
    return np.asarray(elements[np.asarray(found)], np.int64)

"""Where the tables of each record stand, and how many elements they have.

Goes through a frame in the order of its bytes, as a program would, but for all records at once: reads the fields that
count, finds the tables that depend on them, and so what stands behind those. Only where elements must be read to find
the next one (they differ in length, or count something themselves) does it go from element to element.

What a count that does not fit means:

- ``ibm``: more than the table can have, or less than none, is counted as unreadable; the table then has ``most`` or
  ``least`` elements. Less than ``least`` is taken as it is: programs write such records. A count that is not there or
  cannot be read gives ``least``.
- ``cobrix``: everything outside ``least`` to ``most`` gives ``most``, silently. A count that is null leaves the last
  one of the same field in the record in force (``dependFields`` of its ``RecordExtractors.scala``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adapters.mainframe.decoder.faults import Faults
from adapters.mainframe.decoder.frames import Frame
from adapters.mainframe.decoder.nodes import Counter, FieldNode, GroupNode, Node, TableNode
from adapters.mainframe.profile import Profile
from adapters.mainframe.records import Mask, Positions, offsets_of, spread

_UNFIT = -1  # a count that no table has


@dataclass(slots=True, kw_only=True)
class Located:
    """A table in every row of a frame."""

    starts: Positions  # in the data, of the first element
    counts: Positions  # elements
    ends: Positions  # in the data, behind the last element
    elements: Positions | None = None  # in the data, of every element of every row; None: without a gap from the start
    inner: Tables = field(default_factory=dict)  # the tables in the elements; their rows are all elements

    def take(self, rows: Positions) -> Located:
        """Return the table in some rows, in their order."""
        offsets = offsets_of(self.counts)
        counts = self.counts[rows]
        picked = spread(offsets[rows], counts)
        return Located(
            starts=self.starts[rows],
            counts=counts,
            ends=self.ends[rows],
            elements=None if self.elements is None else self.elements[picked],
            inner={node: located.take(picked) for node, located in self.inner.items()},
        )


Tables = dict[TableNode, Located]


@dataclass(slots=True, kw_only=True)
class _Latest:
    """What a counter held last, in every record."""

    counts: Positions
    known: Mask
    places: Positions  # in the data


class Locating:
    """One run over the records of a chunk.

    Args:
        records: how many there are.
        profile: of the layout.
        active: in which records a group holds; one that is not named holds in all.
        faults: takes counts that do not fit.
    """

    def __init__(self, records: int, profile: Profile, active: Mapping[GroupNode, Mask], faults: Faults) -> None:
        self._records = records
        self._keep_last = self._clamp_to_most = profile.name == "cobrix"
        self._active = active
        self._faults = faults
        self._latest: dict[Counter, _Latest] = {}

    def walk(self, nodes: Sequence[Node], frame: Frame) -> Tables:
        """Return the tables of a frame that must be located, and set its anchors."""
        found: Tables = {}
        for node in nodes:
            if isinstance(node, FieldNode):
                if node.counters and len(frame):
                    self._read(node, frame)
            elif isinstance(node, GroupNode):
                mask = self._active.get(node)
                found |= self.walk(node.children, frame if mask is None else frame.only(rows_where(mask, frame)))
            elif node.located:
                found[node] = located = self._locate(node, frame)
                if not node.column.fixed:
                    frame.anchors[node.column.ends] = located.ends
        return found

    def _read(self, node: FieldNode, frame: Frame) -> None:
        """Read a field that counts, and remember for each record what it holds."""
        place, length = node.column.place, node.column.length
        array = node.read(frame.window(place.anchor, place.offset, place.offset + length), 0).array
        places = frame.at(place)
        for counter in node.counters:
            counts, known = _numbers(array, counter.counts, text_counts=not self._clamp_to_most)
            latest = self._latest.get(counter)
            if latest is None:
                nothing = np.zeros(self._records, np.int64)
                latest = self._latest[counter] = _Latest(
                    counts=nothing, known=np.zeros(self._records, np.bool_), places=nothing.copy()
                )
            rows = np.flatnonzero(known) if self._keep_last else np.arange(len(frame))
            records = frame.records_of(rows)
            latest.counts[records] = counts[rows]
            latest.known[records] = known[rows]
            latest.places[records] = places[rows]

    def _counts(self, table: TableNode, frame: Frame) -> Positions:
        """Return how many elements a table has in each row."""
        least, most = table.column.least, table.column.most
        latest = None if table.counter is None else self._latest.get(table.counter)
        if table.counter is None:
            return np.full(len(frame), most, np.int64)
        if latest is None:
            return np.full(len(frame), most if self._clamp_to_most else least, np.int64)
        records = frame.records_of(np.arange(len(frame)))
        counts, known = latest.counts[records], latest.known[records]
        if self._clamp_to_most:
            return np.where(known & (counts >= least) & (counts <= most), counts, most)
        wrong = np.flatnonzero(known & ((counts < 0) | (counts > most)))
        if len(wrong):
            self._faults.miscounted(table.counter.field, records[wrong], latest.places[records[wrong]])
        return np.where(known & (counts >= 0), np.minimum(counts, most), least)

    def _locate(self, table: TableNode, frame: Frame) -> Located:
        column = table.column
        starts, counts = frame.at(column.place), self._counts(table, frame)
        if table.stepwise:
            located = self._step(table, frame, starts, counts)
        else:
            located = Located(starts=starts, counts=counts, ends=starts + counts * column.length)
        if column.fixed:
            located.ends = starts + column.most * column.length
        return located

    def _step(self, table: TableNode, frame: Frame, starts: Positions, counts: Positions) -> Located:
        """Go through the elements one after the other: the first of every row, then the second, and so on."""
        offsets = offsets_of(counts)
        elements = np.empty(offsets[-1], np.int64)
        at, steps = starts.copy(), []
        for number in range(int(counts.max(initial=0))):
            rows = np.flatnonzero(counts > number)
            element = Frame(data=frame.data, starts=at[rows], ends=frame.ends[rows], records=frame.records_of(rows))
            slots = offsets[rows] + number
            elements[slots] = element.starts
            steps.append((slots, self.walk(table.inner, element)))
            at[rows] = element.at(table.column.end)
        return Located(starts=starts, counts=counts, ends=at, elements=elements, inner=_join(steps))


def rows_where(mask: Mask, frame: Frame) -> Positions:
    """Return the rows of a frame whose record a mask holds for."""
    return np.flatnonzero(mask if frame.records is None else mask[frame.records])


def _join(steps: Sequence[tuple[Positions, Tables]]) -> Tables:
    """Put together the tables found step by step, in the order of the elements that they stand in."""
    if not steps or not steps[0][1]:
        return {}
    order = np.argsort(np.concatenate([slots for slots, _ in steps]), kind="stable")
    return {node: _concatenate([found[node] for _, found in steps]).take(order) for node in steps[0][1]}


def _concatenate(parts: Sequence[Located]) -> Located:
    return Located(
        starts=np.concatenate([part.starts for part in parts]),
        counts=np.concatenate([part.counts for part in parts]),
        ends=np.concatenate([part.ends for part in parts]),
        elements=np.concatenate([part.elements for part in parts if part.elements is not None])
        if parts[0].elements is not None
        else None,
        inner={
            node: _concatenate([part.inner[node] for part in parts if node in part.inner])
            for node in dict.fromkeys(node for part in parts for node in part.inner)
        },
    )


def _numbers(array: pa.Array, counts: Mapping[str, int], *, text_counts: bool) -> tuple[Positions, Mask]:
    """Return the counts that values mean, and where there is one.

    Args:
        array: numbers or text.
        counts: what text means; if given, also numbers are taken as text if ``text_counts``.
        text_counts: whether text that is no key of ``counts`` may be a number itself.
    """
    text = pa.types.is_string(array.type)
    known = array.is_valid().to_numpy(zero_copy_only=False)
    if counts and (text or text_counts):
        found = pc.index_in(array if text else array.cast(pa.string()), value_set=pa.array(list(counts)))
        sizes = np.array([*counts.values(), _UNFIT], np.int64)
        return sizes[found.fill_null(len(counts)).to_numpy()], known
    if text:
        digits = pc.match_substring_regex(array, r"^[0-9]{1,9}$") if text_counts else pa.scalar(value=False)
        array = pc.if_else(digits, array, str(_UNFIT))
        return array.cast(pa.int64()).fill_null(0).to_numpy(), known
    return array.cast(pa.int64(), safe=False).fill_null(0).to_numpy(), known

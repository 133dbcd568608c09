"""Records whose length follows from the numbers of elements in their tables (OCCURS … DEPENDING ON)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adapters.mainframe.copybook.layout import Column, Dependency, Group, Layout, Place, Table
from adapters.mainframe.framing.base import Framed, FramingError, Partial, hexadecimal, in_a_row, positions
from adapters.mainframe.framing.remembered import Remembered
from adapters.mainframe.profile import Profile
from adapters.mainframe.records import Bytes


class Counted:
    """Records as long as the tables in them say."""

    at_rest = True  # nothing is held

    def __init__(self, layout: Layout, *, start: int = 0, end: int = 0, partial: Partial = "refuse") -> None:
        """Make a framing for one file.

        Args:
            layout: of the records.
            start: bytes before the record that the copybook describes.
            end: bytes after it.
            partial: what becomes of a last record that is cut off.
        """
        self._frame = _frame(layout.roots, layout.end, layout.profile)
        self._start = start
        self._end = end
        self._partial = partial

    def records(self, block: Bytes, *, final: bool) -> Framed:
        """Return the records that are whole in ``block``.

        Raises:
            FramingError: a number of elements is none, or the file ends within a record.
        """
        data = block.tobytes()
        starts: list[int] = []
        position, until = 0, len(data)
        while position < until:
            try:
                length = self._frame.length(_Place(data, position + self._start))
            except _NotAllHere:
                break
            except _NoCount as error:
                raise FramingError(
                    error.message,
                    position=error.position,
                    remedy="correct the limits of OCCURS in the copybook, or check that the file begins with a record"
                    " (`skip_start`)",
                ) from None
            following = position + self._start + length + self._end
            if following > until:
                break
            starts.append(position)
            position = following
        return in_a_row(block, positions(starts), position, final=final, partial=self._partial)


class _NotAllHere(Exception):
    """A number of elements stands beyond the bytes that are here."""


class _NoCount(Exception):
    """A field tells no number of elements."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class _Place:
    """Where a frame (a record, or an element of a table) stands, and where its anchors are."""

    __slots__ = ("anchors", "around", "data", "start")

    def __init__(self, data: bytes, start: int, around: _Place | None = None) -> None:
        self.data = data
        self.start = start
        self.around = around
        self.anchors = {0: 0}

    def of(self, place: Place) -> int:
        """Return a place of the frame as bytes from its start."""
        return self.anchors[place.anchor] + place.offset


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of variable size."""

    table: Table
    counter: _Counter | None  # None: always as many, of different lengths
    element: _Frame | None  # None: elements of one length

    def end(self, place: _Place) -> int:
        """Return where the table ends, in bytes from the start of the frame."""
        at = place.of(self.table.place)
        count = self.table.most if self.counter is None else self.counter.count(place)
        if self.element is None:
            return at + count * self.table.length
        for _ in range(count):
            at += self.element.length(_Place(place.data, place.start + at, place))
        return at


@dataclass(frozen=True, slots=True)
class _Frame:
    """What of a record, or of an element, has to be known to tell its length."""

    tables: tuple[_Table, ...]  # in the order of their ends
    end: Place

    def length(self, place: _Place) -> int:
        """Return the bytes of the record or element at ``place``."""
        for table in self.tables:
            place.anchors[table.table.ends] = table.end(place)
        return place.of(self.end)


class _Counter:
    """The field that tells how many elements a table has."""

    def __init__(self, table: Table, dependency: Dependency, profile: Profile) -> None:
        self._table = table
        self._field = dependency.field
        self._outer = dependency.outer
        self._counts = dict(dependency.counts)
        self._strict = profile.name == "ibm"
        self._remembered = Remembered(dependency.field, profile)

    def count(self, place: _Place) -> int:
        """Return the number of elements; where the field tells none, Cobrix takes the most there can be."""
        for _ in range(self._outer):
            if place.around is None:
                raise ValueError("a table depends on a field outside of the record")
            place = place.around
        start = place.start + place.of(self._field.place)
        raw = place.data[start : start + self._field.length]
        if len(raw) < self._field.length:
            raise _NotAllHere
        value = self._remembered.value(raw)
        count = self._counts.get(str(value)) if self._counts else value
        if isinstance(count, int) and self._table.least <= count <= self._table.most:
            return count
        if self._strict:
            raise _NoCount(
                f"{self._field.written} (bytes {hexadecimal(raw)}) tells no number of elements of"
                f" {self._table.written} from {self._table.least} to {self._table.most}",
                start,
            )
        return self._table.most


def _frame(columns: Sequence[Column], end: Place, profile: Profile) -> _Frame:
    tables = sorted((table for table in _tables(columns) if not table.fixed), key=lambda table: table.ends)
    return _Frame(tuple(_table(table, profile) for table in tables), end)


def _table(table: Table, profile: Profile) -> _Table:
    counter = _Counter(table, table.depending, profile) if table.depending is not None else None
    element = table.element
    if isinstance(element, Group) and table.end.anchor:
        return _Table(table, counter, _frame(element.columns, table.end, profile))
    return _Table(table, counter, None)


def _tables(columns: Sequence[Column]) -> Iterator[Table]:
    """Yield the tables of a frame; not those within their elements."""
    for column in columns:
        if isinstance(column, Table):
            yield column
        elif isinstance(column, Group):
            yield from _tables(column.columns)

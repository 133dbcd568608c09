"""Records that tell their own length, in a field or by an expression of fields.

The length is of the record as the copybook describes it; what ``record_start`` and ``record_end`` leave out at its
ends comes on top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa

from adapters.mainframe import expressions
from adapters.mainframe.copybook.layout import Column, Field, Group, Layout
from adapters.mainframe.framing.base import (
    LARGEST_RECORD,
    Framed,
    FramingError,
    Partial,
    hexadecimal,
    in_a_row,
    positions,
)
from adapters.mainframe.framing.remembered import Datum, Remembered
from adapters.mainframe.options import option_error
from adapters.mainframe.profile import Profile
from adapters.mainframe.records import Bytes
from foundation.errors import ConfigurationError

OTHER = "_"
"""The key of a length map that stands for every value that is not in it."""


class _NoLength(Exception):
    """The bytes of a record tell no length; says why."""


@dataclass(frozen=True, slots=True)
class Length:
    """How the bytes of a record tell its length."""

    head: int  # bytes of a record that are needed to tell
    of: Callable[[bytes], int]  # from those bytes; raises _NoLength


class ByLength:
    """Records whose first bytes tell their length."""

    at_rest = True  # nothing is held

    def __init__(
        self, length: Length, *, start: int = 0, end: int = 0, partial: Partial = "refuse", strict: bool = True
    ) -> None:
        """Make a framing for one file.

        Args:
            length: tells the length of a record.
            start: bytes before the record that the copybook describes.
            end: bytes after it.
            partial: what becomes of a last record that is cut off.
            strict: refuse a length that does not even reach the end of what tells it. Cobrix takes a record of just
                those bytes for it, and leaves bytes at the end of a file out that are too few for that.
        """
        self._length = length
        self._start = start
        self._end = end
        self._partial = partial
        self._strict = strict

    def records(self, block: Bytes, *, final: bool) -> Framed:
        """Return the records that are whole in ``block``.

        Raises:
            FramingError: bytes tell no length, or the file ends within a record.
        """
        data = block.data
        starts: list[int] = []
        position, until = 0, len(data)
        length, head, start = self._length.of, self._length.head, self._start
        while position < until and position + start + head <= until:
            following = position + start
            try:
                following += self._reach(length(bytes(data[following : following + head])))
            except _NoLength as error:
                raise FramingError(
                    str(error),
                    position=position,
                    remedy="check `length_field`, `length_map` and `record_start`, and that the file begins with a"
                    " record (`skip_start`)",
                ) from None
            if following > until:
                break
            starts.append(position)
            position = following
        partial = self._partial
        if until - position < start + head and not (partial == "refuse" and self._strict):
            partial = "drop"
        return in_a_row(block, positions(starts), position, final=final, partial=partial)

    def _reach(self, length: int) -> int:
        """Return the bytes from the start of the record to the next one's."""
        if length < max(self._length.head, 1) and self._strict:
            raise _NoLength(
                f"the record says that it has {length} bytes; {max(self._length.head, 1)} are needed to tell its length"
            )
        if length > LARGEST_RECORD:
            raise _NoLength(f"the record says that it has {length} bytes")
        return max(length + self._end, self._length.head, 1)


def length_of(text: str, lengths: Mapping[str, int], layout: Layout, adjustment: int = 0) -> Length:
    """Return how ``text``, a field or an expression, tells the length of a record.

    Args:
        text: as in the options.
        lengths: of values of the field, as text; ``_`` for all others. Empty: the value is the length.
        layout: of the records.
        adjustment: added to what a field (not an expression) says.

    Raises:
        ConfigurationError: there is no such field, it has no place of its own, or the expression cannot be read.
    """
    try:
        field = _field(text, layout)
    except ConfigurationError:
        if not any(character in text for character in "+-*/()@"):
            raise
        return _by_expression(text, layout)
    return _by_field(field, dict(lengths), layout, adjustment)


def _by_field(field: Field, lengths: dict[str, int], layout: Layout, adjustment: int) -> Length:
    told = _Told(field, layout.profile)

    def of(head: bytes) -> int:
        if not lengths:
            return told.number(head) + adjustment
        raw, value = told.value(head)
        if value is not None and str(value) in lengths:
            return lengths[str(value)] + adjustment
        if OTHER not in lengths:
            raise _NoLength(f"{field.written} (bytes {hexadecimal(raw)}) is not in `length_map`")
        return lengths[OTHER] + adjustment

    return Length(told.end, of)


def _by_expression(text: str, layout: Layout) -> Length:
    expression = expressions.parse(text)
    told = {name: _Told(_field(name, layout), layout.profile) for name in expression.names}
    known: dict[tuple[int, ...], int] = {}

    def of(head: bytes) -> int:
        numbers = tuple(field.number(head) for field in told.values())
        if numbers not in known:
            columns = {name: pa.array([number], pa.int64()) for name, number in zip(told, numbers, strict=True)}
            value = expression.evaluate(columns, 1)[0].as_py()
            if value is None or isinstance(value, str | bool):
                raise _NoLength(f"'{text}' gives no length")
            known[numbers] = int(value)
        return known[numbers]

    return Length(max((field.end for field in told.values()), default=0), of)


class _Told:
    """A field that tells a length, or a part of one."""

    def __init__(self, field: Field, profile: Profile) -> None:
        self._name = field.written
        self._offset = field.place.offset
        self._remembered = Remembered(field, profile)
        self.end = self._offset + field.length

    def value(self, head: bytes) -> tuple[bytes, Datum]:
        """Return the field's bytes and what they mean."""
        raw = head[self._offset : self.end]
        return raw, self._remembered.value(raw)

    def number(self, head: bytes) -> int:
        """Return what the field says as a whole number."""
        raw, value = self.value(head)
        if isinstance(value, int | Decimal):
            return int(value)
        try:
            return int(str(value))
        except ValueError:
            raise _NoLength(f"{self._name} (bytes {hexadecimal(raw)}) holds no number") from None


def _field(name: str, layout: Layout) -> Field:
    """Return the field called ``name``; it must stand at one place in every record."""
    found = layout.find(name)
    if not isinstance(found, Field):
        problem = "is no single field"
    elif found.place.anchor:
        problem = "stands behind a table of variable size"
    elif all(field is not found for field in _outside_tables(layout.roots)):
        problem = "stands in a table"
    else:
        return found
    raise option_error("length_field", f"{name} {problem}", "name a field that stands before all tables")


def _outside_tables(columns: Sequence[Column]) -> Iterator[Field]:
    for column in columns:
        if isinstance(column, Field):
            yield column
        elif isinstance(column, Group):
            yield from _outside_tables(column.columns)

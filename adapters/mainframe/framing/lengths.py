"""Records that tell their own length, in a field or by an expression of fields.

The length is of the record as the copybook describes it; what ``record_start`` and ``record_end`` leave out at its
ends comes on top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa

from adapters.mainframe import expressions
from adapters.mainframe.copybook.layout import Column, Field, Group, Layout
from adapters.mainframe.framing.base import (
    LARGEST_RECORD,
    Framed,
    FramingError,
    Partial,
    framed,
    hexadecimal,
    incomplete,
    positions,
)
from adapters.mainframe.framing.remembered import Datum, Remembered
from adapters.mainframe.records import Bytes
from foundation.errors import ConfigurationError, Problem

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

    @property
    def at_rest(self) -> bool:
        """Always: nothing is held."""
        return True

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
                raise self._error(str(error), data, position) from None
            if following > until:
                break
            starts.append(position)
            position = following
        words = positions(starts)
        lengths = np.append(words[1:], position)[: len(words)] - words
        left = until - position
        if not (final and left):
            return framed(block, words, lengths, position)
        if left >= start + head and self._partial == "keep":
            return framed(block, np.append(words, position), np.append(lengths, left), until, partial=1)
        if self._partial == "refuse" and (self._strict or left >= start + head):
            raise incomplete(position, left, None)
        return framed(block, words, lengths, until, partial=1)

    def _reach(self, length: int) -> int:
        """Return the bytes from the start of the record to the next one's."""
        if length < max(self._length.head, 1) and self._strict:
            raise _NoLength(
                f"the record says that it has {length} bytes; {max(self._length.head, 1)} are needed to tell its length"
            )
        if length > LARGEST_RECORD:
            raise _NoLength(f"the record says that it has {length} bytes")
        return max(length + self._end, self._length.head, 1)

    def _error(self, message: str, data: memoryview, position: int) -> FramingError:
        head = data[position + self._start : position + self._start + self._length.head]
        return FramingError(
            f"{message} (bytes {hexadecimal(head)})",
            position=position,
            remedy="check `length_field`, `length_map` and `record_start`, and that the file begins with a record"
            " (`skip_start`)",
        )


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
    offset = field.place.offset
    remembered = Remembered(field, layout.profile)

    def of(head: bytes) -> int:
        value = remembered.value(head[offset:])
        if not lengths:
            return _whole(value, field.written) + adjustment
        if value is not None and str(value) in lengths:
            return lengths[str(value)] + adjustment
        if OTHER not in lengths:
            raise _NoLength(f"the value of {field.written} is not in `length_map`")
        return lengths[OTHER] + adjustment

    return Length(offset + field.length, of)


def _by_expression(text: str, layout: Layout) -> Length:
    expression = expressions.parse(text)
    fields = {name: _field(name, layout) for name in expression.names}
    remembered = {name: Remembered(field, layout.profile) for name, field in fields.items()}
    known: dict[tuple[int, ...], int] = {}

    def of(head: bytes) -> int:
        numbers = tuple(
            _whole(remembered[name].value(head[field.place.offset : field.place.offset + field.length]), field.written)
            for name, field in fields.items()
        )
        if numbers not in known:
            columns = {name: pa.array([number], pa.int64()) for name, number in zip(fields, numbers, strict=True)}
            value = expression.evaluate(columns, 1)[0].as_py()
            if value is None or isinstance(value, str | bool):
                raise _NoLength(f"'{text}' gives no length")
            known[numbers] = int(value)
        return known[numbers]

    return Length(max((field.place.offset + field.length for field in fields.values()), default=0), of)


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
    raise ConfigurationError(
        Problem(path="length_field", message=f"{name} {problem}", remedy="name a field that stands before all tables")
    )


def _outside_tables(columns: Sequence[Column]) -> Iterator[Field]:
    for column in columns:
        if isinstance(column, Field):
            yield column
        elif isinstance(column, Group):
            yield from _outside_tables(column.columns)


def _whole(value: Datum, name: str) -> int:
    """Return a length as a number."""
    if isinstance(value, int):
        return value
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            raise _NoLength(f"the value of {name} is no number") from None
    raise _NoLength(f"{name} holds no number")

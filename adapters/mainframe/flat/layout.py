"""Where every field of a record stands: offsets, lengths, column names and Arrow types.

A layout is what decoder and encoder share. Columns are flat by field name; a name that stands in several groups is
written ``GROUP.NAME``. OCCURS makes a list: of values for a field, of structs for a group. FILLER makes no column.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pyarrow as pa

from adapters.mainframe.flat import parser
from adapters.mainframe.flat.picture import Picture
from adapters.mainframe.flat.syntax import Condition, Copybook, Entry, Sign, Usage
from foundation.errors import ConfigurationError, Location, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One value: its bytes within the record (or within one element of the table around it), and its type."""

    name: str
    offset: int  # bytes from the start of the record, or of the table's element
    length: int  # bytes
    picture: Picture
    usage: Usage
    sign: Sign
    type: pa.DataType
    conditions: tuple[Condition, ...]
    location: Location

    @property
    def encoding(self) -> Literal["text", "zoned", "packed", "binary"]:
        """How the bytes hold the value."""
        if self.picture.category == "text":
            return "text"
        if self.usage is Usage.DISPLAY:
            return "zoned"
        return "packed" if self.usage is Usage.PACKED else "binary"

    @property
    def description(self) -> str:
        """Picture and usage as a copybook writes them: ``PIC S9(7)V99 COMP-3``."""
        words = ["PIC", self.picture.text]
        if self.usage is not Usage.DISPLAY:
            words.append(str(self.usage))
        elif self.picture.signed and self.sign != Sign():
            words.append("LEADING" if self.sign.leading else "TRAILING")
            words.extend(["SEPARATE"] if self.sign.separate else [])
        return " ".join(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Values that occur several times in a row; one list per record."""

    name: str
    offset: int
    occurs: int
    length: int  # bytes of one element
    element: Field | tuple[Column, ...]  # a list of values, or of structs

    @property
    def type(self) -> pa.DataType:
        """The Arrow type of the column: a list of the field's type or of a struct."""
        if isinstance(self.element, Field):
            return pa.list_(self.element.type)
        return pa.list_(pa.struct(_arrow_fields(self.element)))


Column = Field | Table

_FILLER = "FILLER"
_MAX_BINARY_DIGITS = 18  # a doubleword


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A record of fixed length and its columns in the order of their bytes."""

    name: str
    length: int  # bytes of one record
    columns: tuple[Column, ...]
    notes: tuple[str, ...] = ()  # for people: what of the copybook was left out

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of decoded records."""
        return pa.schema(_arrow_fields(self.columns))


def load(file: Path) -> Layout:
    """Return the layout that a copybook file describes.

    Raises:
        ConfigurationError: the copybook cannot be read or holds problems; all are listed with line and column.
    """
    return compile_layout(parser.load(file))


def compile_layout(copybook: Copybook) -> Layout:
    """Return the layout of a parsed copybook.

    Raises:
        ConfigurationError: two fields of one group have the same name, or there is no field but FILLER.
    """
    record = copybook.record
    placing = _Placing()
    placed, length = placing.place(record, 0, Usage.DISPLAY, Sign())
    problems = placing.problems
    columns = _name(placed, problems)
    if not columns and not problems:
        problems.append(Problem(message="the record has no field but FILLER", location=record.location))
    if problems:
        raise ConfigurationError(problems)
    return Layout(name=record.name or "RECORD", length=length, columns=columns, notes=copybook.notes)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A column that has its place, not yet its unique name."""

    groups: tuple[str, ...]  # enclosing named groups, outermost first, from the nearest table on
    column: Column
    elements: tuple[_Placed, ...]  # the columns of a table of groups
    location: Location


class _Placing:
    """Walks the tree adding up lengths; usage and sign go from a group to what is below it."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def place(self, entry: Entry, start: int, usage: Usage, sign: Sign) -> tuple[list[_Placed], int]:
        """Return the columns at and below ``entry``, and its length in bytes with all its occurrences."""
        usage, sign = entry.usage or usage, entry.sign or sign
        if entry.picture is not None:
            return self._field(entry, entry.picture, start, usage, sign)
        if entry.occurs is not None:
            return self._table(entry, entry.occurs, start, usage, sign)
        placed, length = self._children(entry, start, usage, sign)
        if entry.name is not None and entry.level > 1:
            placed = [replace(item, groups=(entry.name, *item.groups)) for item in placed]
        return placed, length

    def _children(self, entry: Entry, start: int, usage: Usage, sign: Sign) -> tuple[list[_Placed], int]:
        placed: list[_Placed] = []
        end = start
        for child in entry.children:
            below, length = self.place(child, end, usage, sign)
            placed.extend(below)
            end += length
        return placed, end - start

    def _table(self, entry: Entry, occurs: int, start: int, usage: Usage, sign: Sign) -> tuple[list[_Placed], int]:
        elements, length = self._children(entry, 0, usage, sign)
        table = Table(name=entry.name or _FILLER, offset=start, occurs=occurs, length=length, element=())
        placed = [_Placed((), table, tuple(elements), entry.location)] if elements else []
        return placed, length * occurs

    def _field(self, entry: Entry, picture: Picture, start: int, usage: Usage, sign: Sign) -> tuple[list[_Placed], int]:
        self._check(entry, picture, usage)
        length = _length(picture, usage, sign)
        occurs = entry.occurs or 1
        if entry.name is None:
            return [], length * occurs
        field = Field(
            name=entry.name,
            offset=start if entry.occurs is None else 0,
            length=length,
            picture=picture,
            usage=usage,
            sign=sign,
            type=_arrow_type(picture, usage, length),
            conditions=tuple(entry.conditions),
            location=entry.location,
        )
        column: Column = field
        if entry.occurs is not None:
            column = Table(name=entry.name, offset=start, occurs=occurs, length=length, element=field)
        return [_Placed((), column, (), entry.location)], length * occurs

    def _check(self, entry: Entry, picture: Picture, usage: Usage) -> None:
        message = None
        if picture.category == "text" and usage is not Usage.DISPLAY:
            message = f"'{entry.name or _FILLER}' is text (PICTURE {picture.text}) and cannot be {usage}"
        elif usage is Usage.BINARY and picture.size > _MAX_BINARY_DIGITS:
            message = f"PICTURE {picture.text} COMP has {picture.size} digits; at most 18 are supported"
        if message is not None:
            self.problems.append(Problem(message=message, location=entry.location))


def _length(picture: Picture, usage: Usage, sign: Sign) -> int:
    """Return the bytes of one value; sizes after the Language Reference, "USAGE clause"."""
    if picture.category == "text":
        return picture.size
    if usage is Usage.PACKED:
        return picture.size // 2 + 1
    if usage is Usage.BINARY:
        return 2 if picture.size <= 4 else 4 if picture.size <= 9 else 8
    return picture.size + (1 if picture.signed and sign.separate else 0)


def _arrow_type(picture: Picture, usage: Usage, length: int) -> pa.DataType:
    """Return the narrowest type that holds every value the bytes can hold, also beyond the picture.

    COMP fields may use their full binary range (compiler option TRUNC(BIN)), and a packed field of an even number
    of digits has room for one more.
    """
    if picture.category == "text":
        return pa.string()
    if usage is Usage.BINARY:
        if picture.scale:
            return pa.decimal128({2: 5, 4: 10, 8: 20}[length], picture.scale)
        signed = {2: pa.int16(), 4: pa.int32(), 8: pa.int64()}
        unsigned = {2: pa.uint16(), 4: pa.uint32(), 8: pa.uint64()}
        return signed[length] if picture.signed else unsigned[length]
    digits = 2 * length - 1 if usage is Usage.PACKED else picture.size
    if picture.scale or digits > 18:
        return pa.decimal128(digits, picture.scale)
    return pa.int8() if digits <= 2 else pa.int16() if digits <= 4 else pa.int32() if digits <= 9 else pa.int64()


def _name(placed: Sequence[_Placed], problems: list[Problem]) -> tuple[Column, ...]:
    """Give every column its shortest unique name: its own, else with as many enclosing groups as needed."""
    names = [_Name(item) for item in placed]
    _number_fillers(names)
    while True:
        count = Counter(name.text for name in names)
        repeated = [name for name in names if count[name.text] > 1]
        if not repeated:
            break
        qualified = [name.qualify() for name in repeated]
        if not any(qualified):
            problems.extend(
                Problem(
                    message=f"'{name.text}' stands twice in its group",
                    location=name.placed.location,
                    remedy="rename one of them, or make it FILLER",
                )
                for name in repeated[1:]
            )
            break
    columns: list[Column] = []
    for name in names:
        column = name.placed.column
        if isinstance(column, Table) and not isinstance(column.element, Field):
            column = replace(column, element=_name(name.placed.elements, problems))
        columns.append(replace(column, name=name.text))
    return tuple(columns)


class _Name:
    """The name of a column while it is being made unique."""

    def __init__(self, placed: _Placed) -> None:
        self.placed = placed
        self.own = placed.column.name
        self._groups = 0

    @property
    def text(self) -> str:
        groups = self.placed.groups
        return ".".join((*groups[len(groups) - self._groups :], self.own))

    def qualify(self) -> bool:
        """Take in one more enclosing group; False when there is none left."""
        possible = self._groups < len(self.placed.groups)
        self._groups += possible
        return possible


def _number_fillers(names: list[_Name]) -> None:
    """Tables of unnamed groups are called FILLER-1, FILLER-2 and so on."""
    fillers = [name for name in names if name.own == _FILLER]
    for number, name in enumerate(fillers, start=1):
        name.own = f"{_FILLER}-{number}"


def _arrow_fields(columns: tuple[Column, ...]) -> list[pa.Field]:
    return [pa.field(column.name, column.type) for column in columns]


def fields(layout: Layout) -> Iterator[tuple[str, int, Field]]:
    """Yield every field with the path that mappings use (``ITEMS[*].PRICE``) and its first offset in the record."""
    yield from _fields(layout.columns, "", 0)


def _fields(columns: tuple[Column, ...], prefix: str, base: int) -> Iterator[tuple[str, int, Field]]:
    for column in columns:
        path = prefix + column.name
        if isinstance(column, Field):
            yield path, base + column.offset, column
        elif isinstance(column.element, Field):
            yield f"{path}[*]", base + column.offset, column.element
        else:
            yield from _fields(column.element, f"{path}[*].", base + column.offset)

"""Where every field of a record stands: offsets, lengths, names and Arrow types.

A layout is what decoder and encoder share, and what is shown to people. It is a tree of groups, tables and fields as
the copybook has them; ``placing`` makes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from adapters.mainframe.copybook.picture import Picture
from adapters.mainframe.copybook.syntax import Condition, Sign, Usage
from adapters.mainframe.profile import Profile, Trim
from foundation.errors import ConfigurationError, Location, Problem, did_you_mean

Encoding = Literal[
    "text", "dbcs", "national", "bytes", "zoned", "packed", "unsigned-packed", "binary", "float", "edited"
]
Shape = Literal["names", "nested", "flattened"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something begins within its frame: the record, or one element of the table around it.

    Anchor 0 is the start of the frame. What stands behind a table of variable size is told from the end of that
    table, which is an anchor of its own; anchors of a frame are numbered in the order of their bytes.
    """

    offset: int  # bytes from the anchor
    anchor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One value."""

    name: str  # of its column; unique among its siblings
    written: str  # as the copybook spells it; FILLER where it has no name
    level: int  # 66: a RENAMES, whose bytes are those of other fields
    place: Place
    length: int  # bytes of one value
    encoding: Encoding
    picture: Picture | None  # None: COMP-1, COMP-2, POINTER, INDEX
    usage: Usage
    sign: Sign
    type: pa.DataType
    little: bool = False  # byte order of binary, float and national values
    code_page: str | None = None  # where it is not the profile's
    trim: Trim | None = None  # where it is not the profile's
    justified: bool = False  # JUSTIFIED RIGHT
    redefines: str | None = None  # name of the first sibling of which it redefines the bytes
    filler: bool = False  # makes no column
    conditions: tuple[Condition, ...] = ()
    location: Location

    @property
    def description(self) -> str:
        """Picture and usage as a copybook writes them: ``PIC S9(7)V99 COMP-3``."""
        if self.picture is None:
            return str(self.usage)
        words = ["PIC", self.picture.text]
        if self.usage is not Usage.DISPLAY:
            words.append(str(self.usage))
        elif self.picture.signed and self.sign != Sign():
            words.append("LEADING" if self.sign.leading else "TRAILING")
            words.extend(["SEPARATE"] if self.sign.separate else [])
        words.extend(["JUSTIFIED"] if self.justified else [])
        return " ".join(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Fields with a name of their own; one struct."""

    name: str
    written: str
    level: int
    place: Place
    length: int  # bytes at most
    columns: tuple[Column, ...]
    redefines: str | None = None  # name of the first sibling of which it redefines the bytes
    filler: bool = False  # makes no column, nor does anything in it
    location: Location

    @property
    def type(self) -> pa.DataType:
        """The Arrow type of the column: a struct of what is no filler."""
        return pa.struct([pa.field(column.name, column.type) for column in self.columns if not column.filler])


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """The field that counts the elements of a table."""

    field: Field
    outer: int  # in which frame it stands: 0 the frame of the table itself, 1 the one around that, and so on
    counts: tuple[tuple[str, int], ...] = ()  # a value map: (its text, elements); empty: its number


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Values that occur several times in a row; one list."""

    name: str
    written: str
    level: int
    place: Place
    least: int  # elements
    most: int
    depending: Dependency | None  # None: always ``most``
    length: int  # bytes of one element at most
    element: Field | Group  # of the table's name; places within it are in a frame of their own
    end: Place  # of an element, in the element's own frame; not in anchor 0: elements differ in length
    fixed: bool  # takes ``most * length`` bytes whatever it holds; False: its end is the anchor ``ends``
    ends: int = 0
    redefines: str | None = None  # name of the first sibling of which it redefines the bytes
    filler: bool = False  # makes no column
    location: Location

    @property
    def type(self) -> pa.DataType:
        """The Arrow type of the column: a list of the element's type."""
        return pa.list_(self.element.type)


Column = Field | Group | Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One column of the decoded records and where in the tree it comes from."""

    name: str
    path: tuple[str, ...]  # names from the root to ``column``, both included, as ``walk`` gives them
    index: tuple[int, ...] = ()  # flattened: which element (from 0) of each table on the path
    column: Column
    type: pa.DataType


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A record and its columns."""

    name: str
    length: int  # bytes of the longest record
    shortest: int  # bytes of the shortest: its tables DEPENDING ON at their least
    end: Place  # of a record
    roots: tuple[Group, ...]  # the 01 levels
    outputs: tuple[Output, ...]
    profile: Profile
    header: Group | None = None  # the 01 level that stands once, before the records; its places are its own
    trailer: Group | None = None  # likewise after them
    notes: tuple[str, ...] = ()  # for people: what of the copybook was left out

    @property
    def variable(self) -> bool:
        """Whether a record's fields move with its content."""
        return any(isinstance(column, Table) and not column.fixed for _, column in walk(self.roots))

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of decoded records."""
        return pa.schema([pa.field(output.name, output.type) for output in self.outputs])

    def find(self, name: str) -> Column:
        """Return the field, table or group called ``name``; ``GROUP.NAME`` where the name alone is not unique.

        Names compare without regard to case, and ``-`` is ``_``.

        Raises:
            ConfigurationError: there is none, or more than one; names the nearest.
        """
        *groups, own = [plain(part) for part in name.split(".")]
        named = [(path, column) for path, column in walk(self.roots) if plain(path[-1]) == own]
        found = [(path, column) for path, column in named if within(groups, [plain(part) for part in path[:-1]])]
        if len(found) == 1:
            return found[0][1]
        if found:
            remedy = f"write one of: {', '.join('.'.join(path) for path, _ in found)}"
            raise ConfigurationError(
                Problem(message=f"'{name}' stands in several groups of {self.name}", remedy=remedy)
            )
        valid = [path[-1] for path, _ in walk(self.roots)] if not named else [".".join(path) for path, _ in named]
        remedy = did_you_mean(name, list(dict.fromkeys(valid)))
        raise ConfigurationError(Problem(message=f"'{name}' does not stand in {self.name}", remedy=remedy))


def walk(columns: Sequence[Column]) -> Iterator[tuple[tuple[str, ...], Column]]:
    """Yield every group, table and field in the order of the copybook, with its path of names.

    What stands in a table follows it, its path through the table's name; the element itself is not yielded.
    """
    for column in columns:
        yield (column.name,), column
        inner = column.element if isinstance(column, Table) else column
        if isinstance(inner, Group):
            for path, below in walk(inner.columns):
                yield (column.name, *path), below


def plain(name: str) -> str:
    """Return a name as it is compared: ``Cust-Id`` and ``CUST_ID`` are one."""
    return name.strip().upper().replace("-", "_")


def within(groups: Sequence[str], path: Sequence[str]) -> bool:
    """Whether ``groups`` stand on ``path`` in this order, as ``B OF A`` allows groups between B and A."""
    rest = iter(path)
    return all(group in rest for group in groups)

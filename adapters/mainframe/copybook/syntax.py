"""What a copybook says, as a tree: data description entries with the place of each in the file.

The parser builds it and the layout reads it; nothing here knows about bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from adapters.mainframe.copybook.picture import Picture
from foundation.errors import Location


class Usage(StrEnum):
    """How a value is stored; the values are the words a copybook uses for it."""

    DISPLAY = "DISPLAY"  # one character per byte
    DBCS = "DISPLAY-1"  # two bytes per character
    NATIONAL = "NATIONAL"  # UTF-16
    BINARY = "COMP"  # two's complement, big-endian; COMP, COMP-4 and BINARY
    NATIVE = "COMP-5"  # two's complement in the machine's own byte order
    LITTLE = "COMP-9"  # two's complement, little-endian
    BYTES = "COMP-X"  # unsigned, as many bytes as the picture says (X) or needs (9)
    FLOAT = "COMP-1"
    DOUBLE = "COMP-2"
    PACKED = "COMP-3"  # two digits per byte, the sign in the last half byte; COMP-3 and PACKED-DECIMAL
    UNSIGNED_PACKED = "COMP-6"  # two digits per byte, no sign; also COMP-3U
    POINTER = "POINTER"  # four bytes; POINTER-32, FUNCTION-POINTER and OBJECT REFERENCE too
    PROCEDURE_POINTER = "PROCEDURE-POINTER"  # eight bytes
    INDEX = "INDEX"  # four bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """Where a DISPLAY number keeps its sign; the default is overpunched on the last digit."""

    leading: bool = False
    separate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A level 88 condition name: the values for which it is true, as written in the copybook."""

    name: str
    values: tuple[tuple[str, str | None], ...]  # (value, None) or (first, last) for THRU


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurs:
    """How often an entry occurs."""

    least: int  # the same as ``most`` where neither TO nor DEPENDING ON is written; 0 where DEPENDING ON stands alone
    most: int
    depending: str | None = None  # name of the field that holds the number; upper case, ``A.B`` for ``B OF A``


@dataclass(slots=True, kw_only=True)
class Entry:
    """One data description entry (levels 01 to 49, 66 and 77) and the entries below it."""

    level: int
    name: str | None  # upper case; None for FILLER
    written: str = ""  # the name as the copybook spells it
    location: Location
    picture: Picture | None = None
    usage: Usage | None = None  # None: as the enclosing group says, else DISPLAY
    sign: Sign | None = None  # None: as the enclosing group says, else trailing and overpunched
    occurs: Occurs | None = None
    redefines: str | None = None  # upper case
    renames: tuple[str, str | None] | None = None  # level 66, below its record: (first, last), ``A.B`` for ``B OF A``
    synchronized: bool = False
    justified: bool = False
    blank_when_zero: bool = False
    value: str | None = None  # as written
    conditions: list[Condition] = field(default_factory=list)
    children: list[Entry] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copybook:
    """A parsed copybook: its records (level 01), and what was left out on purpose."""

    records: tuple[Entry, ...]  # a copybook that begins below 01 has one, without a name; of level 0
    notes: tuple[str, ...] = ()  # for people, e.g. a skipped level 77

"""What a copybook says, as a tree: data description entries with the place of each in the file.

The parser builds it and the layout reads it; nothing here knows about bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from adapters.mainframe.flat.picture import Picture
from foundation.errors import Location


class Usage(StrEnum):
    """How a number is stored; the values are the words a copybook uses for it."""

    DISPLAY = "DISPLAY"  # one character per byte
    BINARY = "COMP"  # two's complement, big-endian; COMP, COMP-4, COMP-5 and BINARY
    PACKED = "COMP-3"  # two digits per byte, the sign in the last half byte; COMP-3 and PACKED-DECIMAL


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


@dataclass(slots=True, kw_only=True)
class Entry:
    """One data description entry (levels 01 to 49) and the entries below it."""

    level: int
    name: str | None  # upper case; None for FILLER
    location: Location
    picture: Picture | None = None
    usage: Usage | None = None  # None: as the enclosing group says, else DISPLAY
    sign: Sign | None = None  # None: as the enclosing group says, else trailing and overpunched
    occurs: int | None = None
    conditions: list[Condition] = field(default_factory=list)
    children: list[Entry] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copybook:
    """A parsed copybook: its record, and what was left out on purpose."""

    record: Entry
    notes: tuple[str, ...] = ()  # for people, e.g. a skipped level 77

"""Where things are told from while they are placed: positions, frames, and what goes from a group to what is below."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from adapters.mainframe.copybook.layout import Field, Group, Place, plain
from adapters.mainframe.copybook.naming import FILLER
from adapters.mainframe.copybook.syntax import Entry, Sign, Usage


@dataclass(frozen=True, slots=True)
class Position:
    """A place, and how many bytes of the frame lie before it at most and at least."""

    place: Place
    most: int
    least: int

    def plus(self, count: int) -> Position:
        """Return the position so many bytes later."""
        moved = Place(offset=self.place.offset + count, anchor=self.place.anchor)
        return Position(moved, self.most + count, self.least + count)


START = Position(Place(offset=0), 0, 0)


@dataclass(slots=True)
class Frame:
    """The record, or an element of a table: what places are told from."""

    phase: int = 0  # bytes before it in the record, as far as alignment goes
    around: Frame | None = None
    anchors: int = 0  # opened so far
    known: list[tuple[tuple[str, ...], Field | Group]] = field(default_factory=list)  # placed so far, by plain path


@dataclass(frozen=True, slots=True)
class Shared:
    """Siblings that share their bytes: an entry and what redefines it."""

    name: str  # of the first one's column
    entries: tuple[str, ...]  # names by which a redefinition may refer to it
    start: Position
    end: Position

    @classmethod
    def first(cls, name: str, entry: Entry, start: Position, end: Position) -> Shared:
        """Return a set of one."""
        return cls(name, (entry.name or FILLER,), start, end)

    def has(self, name: str | None) -> bool:
        """Whether a redefinition may call one of them so."""
        return plain(name or "") in (plain(entry) for entry in self.entries)

    def joined(self, entry: Entry, end: Position) -> Shared:
        """Return the set with one more member: what follows stands behind the longest, at its longest."""
        longest = max(self.end.most, end.most) - self.start.most
        return replace(self, entries=(*self.entries, entry.name or FILLER), end=self.start.plus(longest))


@dataclass(frozen=True, slots=True)
class Inherited:
    """Clauses that go from a group to what is below it, and the groups around."""

    usage: Usage | None = None
    sign: Sign = field(default_factory=Sign)
    synchronized: bool = False
    groups: tuple[str, ...] = ()  # plain names, outermost first

    def below(self, entry: Entry) -> Inherited:
        """Return what goes to the entries below this one."""
        return Inherited(
            usage=entry.usage or self.usage,
            sign=entry.sign or self.sign,
            synchronized=entry.synchronized or self.synchronized,
            groups=(*self.groups, plain(entry.name or FILLER)),
        )

"""What a name means in REDEFINES, in DEPENDING ON and in RENAMES, and what is wrong where it means nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from adapters.mainframe.copybook.frames import Frame, Shared
from adapters.mainframe.copybook.layout import Dependency, Field, Group, plain, within
from adapters.mainframe.copybook.naming import FILLER
from adapters.mainframe.copybook.syntax import Entry, Occurs
from adapters.mainframe.profile import Profile
from foundation.errors import Problem, did_you_mean


class References:
    """Resolves the names in the entries of some records; ``problems`` grows on the way."""

    def __init__(self, entries: Sequence[Entry], profile: Profile) -> None:
        self.problems: list[Problem] = []
        self._all = [below for entry in entries for below in tree(entry)]
        self._first_counts = profile.name == "cobrix"
        self._counts = {plain(table): values for table, values in profile.counts}
        self._closed: dict[str, Entry] = {}  # plain names of what stands in tables that are placed: the table

    def close(self, table: Entry, frame: Frame) -> None:
        """Take note that a table is placed: what stands in its elements has many values for what follows."""
        self._closed.update((path[-1], table) for path, _ in frame.known)

    def redefined(self, entry: Entry, group: str, before: Sequence[Shared]) -> Shared | None:
        """Return the siblings with which an entry with REDEFINES shares its bytes: those directly before it."""
        if before and before[-1].has(entry.redefines):
            return before[-1]
        what = f"'{entry.name or FILLER}' redefines '{entry.redefines}'"
        elsewhere = next((other for other in self._called(entry.redefines) if other is not entry), None)
        if not before:
            self._report(entry, f"{what}, but is the first of its group", "name an item directly before it")
        elif any(earlier.has(entry.redefines) for earlier in before):
            what = f"{what}, but '{before[-1].entries[0]}' lies between the two"
            self._report(entry, what, f"move it directly behind '{entry.redefines}'")
        elif elsewhere is not None:
            where = f"at level {elsewhere.level:02} in line {elsewhere.location.line}"
            what = f"{what}, which stands {where}, not directly before it in '{group}'"
            self._report(entry, what, did_you_mean(entry.redefines or "", before[-1].entries))
        else:
            remedy = did_you_mean(entry.redefines or "", before[-1].entries)
            self._report(entry, f"{what}, which does not stand before it", remedy)
        return None

    def dependency(self, entry: Entry, occurs: Occurs, frame: Frame) -> Dependency | None:
        """Return what counts the elements of a table; None: nothing does, or a problem was reported."""
        if occurs.depending is None:
            return None
        found = self._counter(occurs.depending, frame)
        if found is None:
            self._no_counter(entry, occurs.depending)
            return None
        column, outer = found
        if not isinstance(column, Field):
            self._report(entry, f"DEPENDING ON '{occurs.depending}' names a group", "name a field in it")
            return None
        counts = self._counts.get(plain(entry.name or FILLER), ())
        if not counts and not _whole(column):
            self._report(
                entry,
                f"DEPENDING ON '{occurs.depending}', which is no whole number ({column.description})",
                "name a whole number, or say in `counts:` what its values mean",
            )
            return None
        return Dependency(field=column, outer=outer, counts=counts)

    def renamed(self, entry: Entry, record: str, frame: Frame) -> tuple[Field | Group, Field | Group] | None:
        """Return the first and the last item that a level 66 renames; None: a problem was reported.

        Args:
            entry: of level 66.
            record: plain name of the record it stands in.
            frame: of the record; all but its level 66 is placed.
        """
        first, last = entry.renames or ("", None)
        begin = self._renameable(entry, first, record, frame)
        end = begin if last is None else self._renameable(entry, last, record, frame)
        if begin is None or end is None:
            return None
        what = f"'{entry.name or FILLER}' renames a range"
        if begin.place.anchor != end.place.anchor:
            self._report(entry, f"{what} that holds a table DEPENDING ON", "rename less")
            return None
        if end.place.offset + end.length <= begin.place.offset:
            self._report(entry, f"{what} that ends before it begins", "swap the two names")
            return None
        return begin, end

    def _counter(self, name: str, frame: Frame) -> tuple[Field | Group, int] | None:
        """Return the item called ``name`` before this point, and how many frames further out it stands.

        Of several, the one is meant whose groups are named without a gap, then the nearest; Cobrix means the first.
        """
        path = tuple(plain(part) for part in name.split("."))
        found: list[tuple[Field | Group, int, bool]] = []
        around: Frame | None = frame
        outer = 0
        while around is not None:
            found.extend(
                (column, outer, known[-len(path) :] == path)
                for known, column in reversed(around.known)
                if known[-1] == path[-1] and within(path[:-1], known[:-1])
            )
            around, outer = around.around, outer + 1
        if not found:
            return None
        if self._first_counts:
            return found[-1][:2]
        return next((item for item in found if item[2]), found[0])[:2]

    def _no_counter(self, entry: Entry, name: str) -> None:
        own = name.rsplit(".", maxsplit=1)[-1]
        what = f"'{entry.name or FILLER}' depends on '{name}'"
        if (table := self._closed.get(plain(own))) is not None:
            what = f"{what}, which stands in the table '{table.name or FILLER}' and has many values"
            self._report(entry, what, "name a field outside of tables, or of the same one")
        elif (later := next(self._called(own), None)) is not None:
            what = f"{what}, which stands behind it, in line {later.location.line}"
            self._report(entry, what, "name a field before the table: a reader must know the count first")
        else:
            valid = [other.name for other in self._all if other.name is not None and other is not entry]
            self._report(entry, f"{what}, which the record does not hold", did_you_mean(name, valid))

    def _renameable(self, entry: Entry, name: str, record: str, frame: Frame) -> Field | Group | None:
        *groups, own = [plain(part) for part in name.split(".")]
        known = [(path, column) for path, column in frame.known if path[0] == record]
        for path, column in known:
            if path[-1] == own and within(groups, path[:-1]):
                return column
        what = f"'{entry.name or FILLER}' renames '{name}'"
        if own in self._closed:
            self._report(entry, f"{what}, which occurs several times", "rename an item outside of tables")
        else:
            remedy = did_you_mean(name, [column.name for _, column in known])
            self._report(entry, f"{what}, which the record does not hold", remedy)
        return None

    def _called(self, name: str | None) -> Iterator[Entry]:
        return (entry for entry in self._all if plain(entry.name or FILLER) == plain(name or ""))

    def _report(self, entry: Entry, message: str, remedy: str | None) -> None:
        self.problems.append(Problem(message=message, location=entry.location, remedy=remedy))


def _whole(field: Field) -> bool:
    """Whether a field holds whole numbers."""
    if field.picture is None or field.encoding in ("text", "bytes", "float"):
        return False
    return field.encoding == "binary" or (field.picture.category == "number" and field.picture.scale <= 0)


def tree(entry: Entry) -> Iterator[Entry]:
    """Yield an entry and all that stands below it."""
    yield entry
    for child in entry.children:
        yield from tree(child)

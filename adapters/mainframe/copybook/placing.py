"""Copybooks to layouts: every entry gets its place, its length, its name and its Arrow type.

Rules: *Enterprise COBOL for z/OS Language Reference*, "Data division — data description entry" (REDEFINES, OCCURS,
RENAMES, SYNCHRONIZED with its slack bytes, USAGE). Where profile ``cobrix`` differs, the facts are those of Cobrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import pyarrow as pa

from adapters.mainframe.copybook import naming, parser
from adapters.mainframe.copybook.layout import (
    Column,
    Dependency,
    Encoding,
    Field,
    Group,
    Layout,
    Place,
    Shape,
    Table,
    plain,
    within,
)
from adapters.mainframe.copybook.naming import FILLER, FillerNames, Fillers, Names
from adapters.mainframe.copybook.picture import Picture
from adapters.mainframe.copybook.storage import MisfitError, Storage, alignment, storage
from adapters.mainframe.copybook.syntax import Copybook, Entry, Occurs, Sign, Usage
from adapters.mainframe.profile import IBM, Profile
from foundation.errors import ConfigurationError, Location, Problem, did_you_mean

Debug = Literal["hex", "raw", "string"]

MAX_LENGTH = 64 << 20
"""Bytes of a record; beyond it a copybook is wrong, and a reader would need more memory than it promises."""


def load(
    files: Sequence[Path],
    profile: Profile = IBM,
    *,
    shape: Shape = "names",
    keep_root: bool = False,
    fillers: Fillers = "drop",
    filler_names: FillerNames = "numbers",
    header: str | None = None,
    trailer: str | None = None,
    as_text: Sequence[str] = (),
    debug: Debug | None = None,
    copy_folder: Path | None = None,
    format: Literal["auto", "fixed", "free"] = "auto",  # noqa: A002 - as the parser and the command line call it
    columns: tuple[int, int] | None = None,
) -> Layout:
    """Return the layout that copybook files describe; see ``compile_layout`` and ``parser.load``.

    Raises:
        ConfigurationError: a copybook cannot be read or holds problems; all are listed with line and column.
    """
    copybooks = [
        parser.load(file, copy_folder=copy_folder, format=format, columns=columns, lenient=profile.name == "cobrix")
        for file in files
    ]
    return compile_layout(
        copybooks,
        profile,
        shape=shape,
        keep_root=keep_root,
        fillers=fillers,
        filler_names=filler_names,
        header=header,
        trailer=trailer,
        as_text=as_text,
        debug=debug,
    )


def compile_layout(
    copybooks: Sequence[Copybook],
    profile: Profile = IBM,
    *,
    shape: Shape = "names",
    keep_root: bool = False,
    fillers: Fillers = "drop",
    filler_names: FillerNames = "numbers",
    header: str | None = None,
    trailer: str | None = None,
    as_text: Sequence[str] = (),
    debug: Debug | None = None,
) -> Layout:
    """Return the layout of the record that parsed copybooks describe together.

    The records (level 01) of several copybooks redefine one another. Those of one copybook do so too (they are the
    kinds of record of one file), except in profile ``cobrix``, where they follow one another.

    Args:
        copybooks: at least one.
        profile: how values are stored and read.
        shape: of the columns; see ``naming.outputs``.
        keep_root: nested: the records are columns themselves.
        fillers: which FILLER makes columns; see ``naming.Names``. With the shape ``names`` a FILLER group is never
            dropped with the named fields that it holds.
        filler_names: how kept FILLER is named.
        header: name of the level 01 that stands once, before the records; no part of a record.
        trailer: likewise after the records.
        as_text: names of groups that also make a text column of their bytes, called ``NAME_NT``.
        debug: gives every field a second column ``NAME_debug`` with its bytes: in hexadecimal, as they are, or as text.

    Raises:
        ConfigurationError: every problem of the copybooks, each with its place and remedy.
    """
    if shape == "names" and fillers in ("drop", "fields"):
        fillers = "groups" if fillers == "drop" else "keep"
    records = [record for copybook in copybooks for record in copybook.records]
    apart = {role: _named(name, records, role) for role, name in (("header", header), ("trailer", trailer)) if name}
    roots = [record for record in records if record not in apart.values()]
    if not roots:
        raise ConfigurationError(_problem(records[0], "the copybook has no record besides header and trailer"))
    if len(copybooks) > 1:
        _refuse_same_names(roots)
    if profile.name == "cobrix":
        roots = _records_of_cobrix(roots)
    names = Names([*roots, *apart.values()], profile, fillers=fillers, filler_names=filler_names)
    placing = _Placing(profile, names, frozenset(plain(name) for name in as_text), debug)
    placed = placing.records(roots, together=profile.name == "ibm" or len(copybooks) > 1)
    ends = {role: placing.records([record], together=False) for role, record in apart.items()}
    if profile.name == "ibm":
        placing.check_options_used()
    problems = [*names.problems, *placing.problems]
    if problems:
        raise ConfigurationError(sorted(problems, key=_line))
    columns = naming.outputs(placed.groups, shape, profile, keep_root=keep_root)
    if not columns:
        raise ConfigurationError(_problem(roots[0], "the record has no field but FILLER"))
    return Layout(
        name=placed.groups[0].name,
        length=placed.end.most,
        shortest=placed.shortest,
        end=placed.end.place,
        roots=placed.groups,
        outputs=columns,
        profile=profile,
        header=ends["header"].groups[0] if "header" in ends else None,
        trailer=ends["trailer"].groups[0] if "trailer" in ends else None,
        notes=(*(note for copybook in copybooks for note in copybook.notes), *placing.notes),
    )


def _named(name: str, records: Sequence[Entry], role: str) -> Entry:
    for record in records:
        if plain(record.name or FILLER) == plain(name):
            return record
    valid = [record.name for record in records if record.name is not None]
    raise ConfigurationError(
        Problem(
            message=f"{role}_record: no level 01 is called '{name}'",
            location=Location(file=records[0].location.file),
            remedy=did_you_mean(name, valid),
        )
    )


def _refuse_same_names(records: Sequence[Entry]) -> None:
    """Raise where copybooks that are merged call two records by one name."""
    seen: set[str | None] = {None}
    for record in records:
        if record.name in seen and record.name is not None:
            message = f"another copybook has a record '{record.name}', too"
            raise ConfigurationError(_problem(record, message, "rename one of them: they become one record's parts"))
        seen.add(record.name)


def _records_of_cobrix(roots: list[Entry]) -> list[Entry]:
    """Return what Cobrix takes for records: the outermost entries; one record if fields are among them."""
    if len(roots) == 1 and roots[0].level == 0:
        roots = roots[0].children
    if all(root.children and root.occurs is None for root in roots):
        return roots
    return [Entry(level=0, name=None, location=roots[0].location, children=roots)]


def _line(problem: Problem) -> tuple[int, int]:
    location = problem.location
    return (location.line or 0, location.column or 0) if location else (0, 0)


def _problem(entry: Entry, message: str, remedy: str | None = None) -> Problem:
    return Problem(message=message, location=entry.location, remedy=remedy)


@dataclass(frozen=True, slots=True)
class _Position:
    """A place, and how many bytes of the frame lie before it at most and at least."""

    place: Place
    most: int
    least: int

    def plus(self, count: int) -> _Position:
        moved = Place(offset=self.place.offset + count, anchor=self.place.anchor)
        return _Position(moved, self.most + count, self.least + count)


_START = _Position(Place(offset=0), 0, 0)


@dataclass(slots=True)
class _Frame:
    """The record, or an element of a table: what places are told from."""

    phase: int = 0  # its first byte's distance from the start of the record, as far as alignment goes
    around: _Frame | None = None
    anchors: int = 0  # opened so far
    known: list[tuple[tuple[str, ...], Field | Group]] = field(default_factory=list)  # placed so far, by plain path


@dataclass(frozen=True, slots=True)
class _Set:
    """Siblings that share their bytes: an entry and what redefines it."""

    name: str  # of the first one's column
    entries: tuple[str, ...]  # names by which a redefinition may refer to it
    start: _Position
    end: _Position

    @property
    def moves(self) -> bool:
        """Whether the end depends on the content of the record."""
        return self.end.place.anchor != self.start.place.anchor

    def joined(self, entry: Entry, end: _Position) -> _Set:
        """Return the set with one more member: what follows stands behind the longest, at its longest."""
        longest = max(self.end.most, end.most) - self.start.most
        return replace(self, entries=(*self.entries, entry.name or FILLER), end=self.start.plus(longest))


@dataclass(frozen=True, slots=True)
class _Inherited:
    """Clauses that go from a group to what is below it, and the groups around."""

    usage: Usage | None = None
    sign: Sign = field(default_factory=Sign)
    synchronized: bool = False
    groups: tuple[str, ...] = ()  # plain names, outermost first

    def below(self, entry: Entry) -> _Inherited:
        return _Inherited(
            usage=entry.usage or self.usage,
            sign=entry.sign or self.sign,
            synchronized=entry.synchronized or self.synchronized,
            groups=(*self.groups, plain(entry.name or FILLER)),
        )


@dataclass(frozen=True, slots=True)
class _Records:
    groups: tuple[Group, ...]
    end: _Position
    shortest: int  # bytes


class _Placing:
    """Walks the tree adding up lengths; ``problems`` and ``notes`` grow on the way."""

    def __init__(self, profile: Profile, names: Names, as_text: frozenset[str], debug: Debug | None) -> None:
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self._profile = profile
        self._names = names
        self._as_text = as_text
        self._debug = debug
        self._counts = {plain(table): values for table, values in profile.counts}
        self._pages = {plain(name): page for name, page in profile.field_code_pages}
        self._used: set[str] = set()
        self._closed: dict[str, Entry] = {}  # plain names of what stands in tables that are placed: the table
        self._all: list[Entry] = []

    def records(self, entries: Sequence[Entry], *, together: bool) -> _Records:
        """Return the records, one behind the other; ``together``: all on the same bytes."""
        frame = _Frame()
        self._all = [below for entry in entries for below in _tree(entry)]
        groups: list[Group] = []
        end = _START
        first: _Set | None = None
        shortest = 0
        for entry in entries:
            if first is not None and (together or entry.redefines is not None):
                if entry.redefines is not None and plain(entry.redefines) not in map(plain, first.entries):
                    self._unknown_record(entry, first.entries)
                group, reached = self._record(entry, first.start, frame)
                group = replace(group, redefines=first.name)
                first = first.joined(entry, reached)
                shortest = min(shortest, reached.least)
            else:
                group, reached = self._record(entry, end, frame)
                first = _Set(group.name, (entry.name or FILLER,), end, reached)
                shortest = reached.least
            groups.append(group)
            end = first.end
            if end.most > MAX_LENGTH:
                self._report(
                    entry,
                    f"a record of {end.most:,} bytes; at most {MAX_LENGTH:,} can be read",
                    "check the OCCURS and PICTURE counts",
                )
        return _Records(tuple(groups), end, shortest)

    def _record(self, entry: Entry, at: _Position, frame: _Frame) -> tuple[Group, _Position]:
        name = self._names[entry]
        if entry.children:
            columns, end = self._children(entry, at, _Inherited().below(entry), frame)
        else:  # an elementary record: its only field has its name
            column, end = self._item(entry, at, _Inherited(), frame)
            columns = self._with_debug(column)
        group = Group(
            name=name.text if entry.level else entry.name or "RECORD",
            written=entry.written or entry.name or FILLER,
            level=entry.level,
            place=at.place,
            length=end.most - at.most,
            columns=columns,
            filler=name.filler and entry.level > 0,
            location=entry.location,
        )
        return group, end

    def _children(
        self, entry: Entry, at: _Position, inherited: _Inherited, frame: _Frame
    ) -> tuple[tuple[Column, ...], _Position]:
        """Return what stands below a group, and the end of the group."""
        placed: list[tuple[Entry, Column, int]] = []
        sets: list[_Set] = []
        end = at
        for child in entry.children:
            if child.renames is not None:
                continue
            target = self._target(child, entry, sets) if child.redefines is not None else None
            if target is not None:
                column, reached = self._item(child, target.start, inherited, frame, redefines=target.name)
                sets[-1] = self._joined(target, child, reached)
            else:
                start = self._aligned(child, end, inherited, frame)
                column, reached = self._item(child, start, inherited, frame)
                sets.append(_Set(column.name, (child.name or FILLER,), start, reached))
            placed.append((child, column, len(sets) - 1))
            end = sets[-1].end
        columns: list[Column] = []
        for child, column, number in placed:
            columns.extend(self._with_debug(column))
            if child.children and plain(child.name or FILLER) in self._as_text:
                columns.append(self._text_of(column, sets[number], {other.name for _, other, _ in placed}))
        columns.extend(self._renamed(child, frame) for child in entry.children if child.renames is not None)
        return tuple(columns), end

    def _item(
        self, entry: Entry, at: _Position, inherited: _Inherited, frame: _Frame, *, redefines: str | None = None
    ) -> tuple[Column, _Position]:
        if entry.occurs is not None:
            return self._table(entry, entry.occurs, at, inherited, frame, redefines=redefines)
        return self._element(entry, at, inherited, frame, redefines=redefines)

    def _element(
        self, entry: Entry, at: _Position, inherited: _Inherited, frame: _Frame, *, redefines: str | None = None
    ) -> tuple[Field | Group, _Position]:
        """Return one occurrence of an entry, and its end."""
        column: Field | Group
        if entry.children:
            columns, end = self._children(entry, at, inherited.below(entry), frame)
            name = self._names[entry]
            column = Group(
                name=name.text,
                written=entry.written or entry.name or FILLER,
                level=entry.level,
                place=at.place,
                length=end.most - at.most,
                columns=columns,
                redefines=redefines,
                filler=name.filler,
                location=entry.location,
            )
        else:
            column = self._field(entry, at.place, inherited, redefines)
            end = at.plus(column.length)
        if entry.name is not None:
            frame.known.append(((*inherited.groups, plain(entry.name)), column))
        return column, end

    def _table(
        self,
        entry: Entry,
        occurs: Occurs,
        at: _Position,
        inherited: _Inherited,
        frame: _Frame,
        *,
        redefines: str | None,
    ) -> tuple[Table, _Position]:
        depending = self._dependency(entry, occurs, frame)
        least = occurs.least if depending is not None else occurs.most
        inner = _Frame(phase=frame.phase + at.most, around=frame)
        element, end = self._element(entry, _START, inherited, inner)
        self._closed.update((path[-1], entry) for path, _ in inner.known)
        end = end.plus(-end.most % self._widest_alignment(entry, inherited))
        fixed = end.place.anchor == 0 and not (depending is not None and self._profile.shift_after_tables)
        if fixed:
            reached = at.plus(occurs.most * end.most)
        else:
            frame.anchors += 1
            place = Place(offset=0, anchor=frame.anchors)
            reached = _Position(place, at.most + occurs.most * end.most, at.least + least * end.least)
        table = Table(
            name=element.name,
            written=element.written,
            level=entry.level,
            place=at.place,
            least=least,
            most=occurs.most,
            depending=depending,
            length=end.most,
            element=element,
            end=end.place,
            fixed=fixed,
            ends=0 if fixed else frame.anchors,
            redefines=redefines,
            filler=element.filler,
            location=entry.location,
        )
        return table, reached

    def _field(self, entry: Entry, place: Place, inherited: _Inherited, redefines: str | None) -> Field:
        sign = entry.sign or inherited.sign
        try:
            stored = storage(entry.picture, entry.usage or inherited.usage, sign, self._profile)
        except MisfitError as error:
            self._report(entry, f"'{entry.name or FILLER}': {error}", error.remedy)
            stored = Storage(usage=Usage.DISPLAY, encoding="text", length=1, type=pa.string())
        name = self._names[entry]
        return Field(
            name=name.text,
            written=entry.written or entry.name or FILLER,
            level=entry.level,
            place=place,
            length=stored.length,
            encoding=stored.encoding,
            picture=stored.picture or entry.picture,
            usage=stored.usage,
            sign=sign,
            type=stored.type,
            little=stored.little,
            code_page=self._code_page(entry, inherited),
            justified=entry.justified,
            redefines=redefines,
            filler=name.filler,
            conditions=tuple(entry.conditions),
            location=entry.location,
        )

    def _code_page(self, entry: Entry, inherited: _Inherited) -> str | None:
        """Return the code page that options give to a field, or to the nearest group around it."""
        for name in (plain(entry.name or FILLER), *reversed(inherited.groups)):
            if name in self._pages:
                self._used.add(name)
                return self._pages[name]
        return None

    def _joined(self, target: _Set, entry: Entry, reached: _Position) -> _Set:
        if target.moves or reached.place.anchor != target.start.place.anchor:
            self.notes.append(
                f"{entry.location}: '{entry.name or FILLER}' or what it redefines holds a table DEPENDING ON; "
                "what follows stands behind the longest, as if the table were full"
            )
        return target.joined(entry, reached)

    def _target(self, entry: Entry, group: Entry, sets: Sequence[_Set]) -> _Set | None:
        """Return the items that an entry with REDEFINES shares its bytes with: those that stand directly before."""
        wanted = plain(entry.redefines or "")
        if sets and wanted in map(plain, sets[-1].entries):
            return sets[-1]
        what = f"'{entry.name or FILLER}' redefines '{entry.redefines}'"
        if not sets:
            self._report(entry, f"{what}, but is the first of its group", "name an item directly before it")
        elif any(wanted in map(plain, earlier.entries) for earlier in sets):
            self._report(
                entry,
                f"{what}, but '{sets[-1].entries[0]}' lies between the two",
                f"move it directly behind '{entry.redefines}'",
            )
        elif elsewhere := self._first(wanted, lambda other: other is not entry):
            self._report(
                entry,
                f"{what}, which stands at level {elsewhere.level:02} in line {elsewhere.location.line}, "
                f"not directly before it in '{group.name or FILLER}'",
                did_you_mean(entry.redefines or "", sets[-1].entries),
            )
        else:
            self._report(
                entry, f"{what}, which does not stand before it", did_you_mean(entry.redefines or "", sets[-1].entries)
            )
        return None

    def _dependency(self, entry: Entry, occurs: Occurs, frame: _Frame) -> Dependency | None:
        """Return what counts the elements of a table; None: nothing does, or a problem was reported."""
        if occurs.depending is None:
            return None
        counts = self._counts.get(plain(entry.name or FILLER), ())
        self._used.add(plain(entry.name or FILLER))
        found = self._counter(occurs.depending, frame)
        if found is None:
            self._no_counter(entry, occurs.depending)
            return None
        column, outer = found
        if not isinstance(column, Field):
            self._report(entry, f"DEPENDING ON '{occurs.depending}' names a group", "name a field in it")
            return None
        whole = column.encoding == "binary" or (column.picture is not None and column.picture.category == "number")
        if not counts and not (whole and column.picture is not None and column.picture.scale <= 0):
            self._report(
                entry,
                f"DEPENDING ON '{occurs.depending}', which is no whole number ({column.description})",
                "name a whole number, or say in `counts:` what its values mean",
            )
            return None
        return Dependency(field=column, outer=outer, counts=counts)

    def _counter(self, name: str, frame: _Frame) -> tuple[Column, int] | None:
        """Return the item called ``name`` before this point, and in which frame around it stands.

        Of several, the one is meant whose groups are named without a gap, then the nearest; Cobrix means the first.
        """
        path = tuple(plain(part) for part in name.split("."))
        found: list[tuple[Column, int, bool]] = []
        around: _Frame | None = frame
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
        if self._profile.name == "cobrix":
            return found[-1][:2]
        return next((column, outer) for column, outer, exact in sorted(found, key=lambda item: not item[2]))

    def _no_counter(self, entry: Entry, name: str) -> None:
        own = plain(name.rsplit(".", maxsplit=1)[-1])
        what = f"'{entry.name or FILLER}' depends on '{name}'"
        if own in self._closed:
            table = self._closed[own].name or FILLER
            self._report(entry, f"{what}, which stands in the table '{table}' and has many values", None)
        elif later := self._first(own, lambda other: True):
            self._report(
                entry,
                f"{what}, which stands behind it, in line {later.location.line}",
                "name a field before the table: a reader must know the count first",
            )
        else:
            valid = [other.name for other in self._all if other.name is not None and other is not entry]
            self._report(entry, f"{what}, which the record does not hold", did_you_mean(name, valid))

    def _renamed(self, entry: Entry, frame: _Frame) -> Field:
        """Return the field of a level 66: another name for one field, or the text of a range of them."""
        first, last = entry.renames or ("", None)
        ends = [self._renameable(entry, name, frame) for name in (first, last) if name is not None]
        begin, end = ends[0], ends[-1]
        name = self._names[entry]
        length = 1
        if begin is not None and end is not None:
            if isinstance(begin, Field) and begin is end:
                return replace(
                    begin,
                    name=name.text,
                    written=entry.written or name.text,
                    level=66,
                    redefines=begin.name,
                    filler=name.filler,
                    conditions=tuple(entry.conditions),
                    location=entry.location,
                )
            length = end.place.offset + end.length - begin.place.offset
            if begin.place.anchor != end.place.anchor:
                self._report(entry, f"'{entry.name}' renames a range that holds a table DEPENDING ON", "rename less")
            elif length < 1:
                self._report(entry, f"'{entry.name}' renames a range that ends before it begins", "swap the two names")
        return self._text(
            entry.name or FILLER,
            begin.place if begin is not None else Place(offset=0),
            max(length, 1),
            redefines=begin.name if begin is not None else None,
            like=entry,
        )

    def _renameable(self, entry: Entry, name: str, frame: _Frame) -> Field | Group | None:
        *groups, own = [plain(part) for part in name.split(".")]
        found = [column for path, column in frame.known if path[-1] == own and within(groups, path[:-1])]
        if found and isinstance(found[0], Field | Group):
            return found[0]
        what = f"'{entry.name or FILLER}' renames '{name}'"
        if own in self._closed:
            self._report(entry, f"{what}, which occurs several times", "rename an item outside of tables")
        else:
            valid = [path[-1] for path, _ in frame.known]
            self._report(entry, f"{what}, which the record does not hold", did_you_mean(name, valid))
        return None

    def _text_of(self, column: Column, shared: _Set, taken: set[str]) -> Field:
        """Return a text field over the bytes of a group, all its occurrences and redefinitions."""
        name = f"{column.name}_NT"
        number = 0
        while name in taken:
            number += 1
            name = f"{column.name}_NT{number}"
        text = self._text(name, shared.start.place, shared.end.most - shared.start.most, redefines=column.name)
        return replace(text, level=column.level, location=column.location)

    def _text(self, name: str, place: Place, length: int, *, redefines: str | None, like: Entry | None = None) -> Field:
        location = like.location if like is not None else Location(file="")
        return Field(
            name=self._names[like].text if like is not None else name,
            written=(like.written if like is not None else "") or name,
            level=like.level if like is not None else 0,
            place=place,
            length=length,
            encoding="text",
            picture=Picture(text=f"X({length})", category="text", size=length),
            usage=Usage.DISPLAY,
            sign=Sign(),
            type=pa.string(),
            redefines=redefines,
            filler=self._names[like].filler if like is not None else False,
            conditions=tuple(like.conditions) if like is not None else (),
            location=location,
        )

    def _with_debug(self, column: Column) -> tuple[Column, ...]:
        """Return a column and, where that is asked for, one with the bytes of its field beside it."""
        if self._debug is None or isinstance(column, Group):
            return (column,)
        if isinstance(column, Field):
            return (column, replace(self._raw(column), redefines=column.name))
        if isinstance(column.element, Group):
            return (column,)
        raw = self._raw(column.element)
        return (column, replace(column, name=raw.name, element=raw, redefines=column.name))

    def _raw(self, original: Field) -> Field:
        kinds: dict[str, tuple[Encoding, pa.DataType]] = {
            "hex": ("bytes", pa.string()),
            "raw": ("bytes", pa.binary()),
            "string": ("text", pa.string()),
        }
        encoding, kind = kinds[self._debug or "hex"]
        size = original.length
        return replace(
            original,
            name=f"{original.name}_debug",
            written=f"{original.written}_debug",
            encoding=encoding,
            picture=Picture(text=f"X({size})", category="text", size=size),
            usage=Usage.DISPLAY,
            type=kind,
            conditions=(),
        )

    def _aligned(self, entry: Entry, at: _Position, inherited: _Inherited, frame: _Frame) -> _Position:
        """Move to where an entry begins: past the slack bytes that its first SYNCHRONIZED field needs."""
        while entry.children:
            inherited, entry = inherited.below(entry), entry.children[0]
        return at.plus(-(frame.phase + at.most) % self._alignment(entry, inherited))

    def _widest_alignment(self, entry: Entry, inherited: _Inherited) -> int:
        if not entry.children:
            return self._alignment(entry, inherited)
        below = inherited.below(entry)
        return max(self._widest_alignment(child, below) for child in entry.children)

    def _alignment(self, entry: Entry, inherited: _Inherited) -> int:
        if self._profile.name != "ibm" or not (entry.synchronized or inherited.synchronized):
            return 1
        return alignment(entry.usage or inherited.usage, entry.picture)

    def _first(self, name: str, wanted: Callable[[Entry], bool]) -> Entry | None:
        return next((entry for entry in self._all if plain(entry.name or FILLER) == name and wanted(entry)), None)

    def _unknown_record(self, entry: Entry, before: Sequence[str]) -> None:
        what = f"'{entry.name or FILLER}' redefines '{entry.redefines}', which does not stand before it"
        self._report(entry, what, did_you_mean(entry.redefines or "", before))

    def check_options_used(self) -> None:
        """Report tables and fields that options name and that do not exist."""
        for option, names in (("counts", self._counts), ("field_code_pages", self._pages)):
            for name in sorted(names.keys() - self._used):
                what = "table DEPENDING ON a field" if option == "counts" else "text"
                self.problems.append(Problem(message=f"{option}: no {what} is called '{name}'"))

    def _report(self, entry: Entry, message: str, remedy: str | None) -> None:
        self.problems.append(_problem(entry, message, remedy))


def _tree(entry: Entry) -> Iterator[Entry]:
    yield entry
    for child in entry.children:
        yield from _tree(child)

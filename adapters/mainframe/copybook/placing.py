"""Copybooks to layouts: every entry gets its place, its length, its name and its Arrow type.

Rules: *Enterprise COBOL for z/OS Language Reference*, "Data division — data description entry" (REDEFINES, OCCURS,
RENAMES, SYNCHRONIZED with its slack bytes, USAGE). Where profile ``cobrix`` differs, the facts are those of Cobrix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from adapters.mainframe.copybook import naming, parser
from adapters.mainframe.copybook.frames import START, Frame, Inherited, Position, Shared
from adapters.mainframe.copybook.layout import Column, Field, Group, Layout, Place, Shape, Table, plain, walk
from adapters.mainframe.copybook.naming import FILLER, FillerNames, Fillers, Names
from adapters.mainframe.copybook.references import References, tree
from adapters.mainframe.copybook.source import Format
from adapters.mainframe.copybook.storage import MisfitError, Storage, alignment, storage
from adapters.mainframe.copybook.syntax import Copybook, Entry, Occurs, Usage
from adapters.mainframe.copybook.views import Debug, renamed, text_of, with_debug
from adapters.mainframe.profile import IBM, Profile
from foundation.errors import ConfigurationError, Location, Problem, did_you_mean

MAX_LENGTH = 64 << 20
"""Bytes of a record; beyond it a copybook is wrong, and a reader would need more memory than it promises."""


def load(
    files: Sequence[Path],
    profile: Profile = IBM,
    *,
    shape: Shape = "names",
    keep_root: bool = False,
    fillers: Fillers = "drop",
    header: str | None = None,
    trailer: str | None = None,
    copy_folder: Path | None = None,
    format: Format = "auto",  # noqa: A002 - as the option is called
    columns: tuple[int, int] | None = None,
    decimal_comma: bool = False,
) -> Layout:
    """Return the layout that copybook files describe; see ``compile_layout`` and ``parser.load``.

    Raises:
        ConfigurationError: a copybook cannot be read or holds problems; all are listed with line and column.
    """
    copybooks = [
        parser.load(
            file,
            copy_folder=copy_folder,
            format=format,
            columns=columns,
            decimal_comma=decimal_comma,
            lenient=profile.name == "cobrix",
        )
        for file in files
    ]
    return compile_layout(
        copybooks, profile, shape=shape, keep_root=keep_root, fillers=fillers, header=header, trailer=trailer
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
    roots, apart = _records(copybooks, header, trailer, profile)
    names = Names([*roots, *apart.values()], profile, fillers=fillers, filler_names=filler_names)
    whole = _Placing(roots, profile, names, as_text=as_text, debug=debug)
    placed = whole.records(together=profile.name == "ibm" or len(copybooks) > 1)
    problems = [*names.problems, *whole.problems, *_unknown([*roots, *apart.values()], profile)]
    ends: dict[str, Group] = {}
    for role, record in apart.items():
        placing = _Placing([record], profile, names, as_text=as_text, debug=debug)
        ends[role] = placing.records(together=False).groups[0]
        problems.extend(placing.problems)
    if problems:
        raise ConfigurationError(sorted(problems, key=_place))
    columns = naming.outputs(placed.groups, shape, profile, keep_root=keep_root)
    if not columns:
        raise ConfigurationError(
            _problem(roots[0], "the record has no field but FILLER", "name a field, or set `fillers: keep`")
        )
    return Layout(
        name=placed.groups[0].name,
        length=placed.end.most,
        shortest=placed.shortest,
        end=placed.end.place,
        roots=placed.groups,
        outputs=columns,
        profile=profile,
        header=ends.get("header"),
        trailer=ends.get("trailer"),
        notes=(
            *(note for copybook in copybooks for note in copybook.notes),
            *whole.notes,
            *_left_out(placed.groups),
        ),
    )


def _records(
    copybooks: Sequence[Copybook], header: str | None, trailer: str | None, profile: Profile
) -> tuple[list[Entry], dict[str, Entry]]:
    """Return the records, and header and trailer by their roles."""
    records = [record for copybook in copybooks for record in copybook.records]
    apart = {role: _named(name, records, role) for role, name in (("header", header), ("trailer", trailer)) if name}
    roots = [record for record in records if record not in apart.values()]
    if not roots:
        message = "the copybook has no record besides header and trailer"
        raise ConfigurationError(_problem(records[0], message, "leave one of them to be the record"))
    if len(copybooks) > 1:
        _refuse_same_names(roots)
    return _records_of_cobrix(roots) if profile.name == "cobrix" else roots, apart


def _named(name: str, records: Sequence[Entry], role: str) -> Entry:
    for record in records:
        if plain(record.name or FILLER) == plain(name):
            return record
    valid = [record.name for record in records if record.name is not None]
    raise ConfigurationError(
        Problem(
            message=f"no level 01 is called '{name}'",
            location=Location(file=records[0].location.file),
            path=f"{role}_record",
            remedy=did_you_mean(name, valid),
        )
    )


def _unknown(records: Sequence[Entry], profile: Profile) -> Iterator[Problem]:
    """Yield what options name and no record has; Cobrix passes over that."""
    if profile.name == "cobrix":
        return
    entries = [below for record in records for below in tree(record)]
    tables = [entry.name or FILLER for entry in entries if entry.occurs is not None and entry.occurs.depending]
    for name, _ in profile.counts:
        if plain(name) not in map(plain, tables):
            remedy = did_you_mean(name, tables) if tables else None
            yield Problem(path="counts", message=f"no table DEPENDING ON a field is called '{name}'", remedy=remedy)
    names = list(dict.fromkeys(entry.name or FILLER for entry in entries))
    for name, _ in profile.field_code_pages:
        if plain(name) not in map(plain, names):
            remedy = did_you_mean(name, names)
            yield Problem(path="field_code_pages", message=f"no field is called '{name}'", remedy=remedy)


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


def _left_out(roots: Sequence[Group]) -> Iterator[str]:
    """Yield a note for every FILLER group that is dropped with named fields in it."""
    for _, column in walk(roots):
        inner = column.element if isinstance(column, Table) else column
        if column.filler and column.written == FILLER and isinstance(inner, Group):
            named = [below.written for _, below in walk(inner.columns) if below.written != FILLER]
            if named:
                what = f"{column.location}: a FILLER group is left out, with {', '.join(named)}"
                yield f"{what}; `fillers: groups` keeps it"


def _place(problem: Problem) -> tuple[str, int, int]:
    location = problem.location
    return (str(location.file), location.line or 0, location.column or 0) if location else ("", 0, 0)


def _problem(entry: Entry, message: str, remedy: str | None) -> Problem:
    return Problem(message=message, location=entry.location, remedy=remedy)


@dataclass(frozen=True, slots=True)
class _Placed:
    groups: tuple[Group, ...]
    end: Position
    shortest: int  # bytes


class _Placing:
    """Walks the trees of some records adding up lengths; ``problems`` and ``notes`` grow on the way."""

    def __init__(
        self,
        entries: Sequence[Entry],
        profile: Profile,
        names: Names,
        *,
        as_text: Sequence[str],
        debug: Debug | None,
    ) -> None:
        self.notes: list[str] = []
        self._entries = entries
        self._profile = profile
        self._names = names
        self._references = References(entries, profile)
        self._as_text = frozenset(plain(name) for name in as_text)
        self._debug = debug
        self._pages = {plain(name): page for name, page in profile.field_code_pages}
        self._problems: list[Problem] = []

    @property
    def problems(self) -> list[Problem]:
        """What is wrong with the entries placed so far."""
        return [*self._problems, *self._references.problems]

    def records(self, *, together: bool) -> _Placed:
        """Return the records, one behind the other; ``together``: all on the same bytes."""
        frame = Frame()
        groups: list[Group] = []
        before: list[Shared] = []
        end, shortest = START, 0
        for entry in self._entries:
            target = before[-1] if together and before else None
            if entry.redefines is not None:
                target = self._references.redefined(entry, "the copybook", before) or target
            group, reached = self._record(entry, target.start if target else end, frame)
            if target is None:
                before.append(Shared.first(group.name, entry, end, reached))
                shortest = reached.least
            else:
                group = replace(group, redefines=target.name)
                before[-1] = target.joined(entry, reached)
                shortest = min(shortest, reached.least)
            groups.append(group)
            end = before[-1].end
        if end.most > MAX_LENGTH:
            message = f"a record of {end.most:,} bytes; at most {MAX_LENGTH:,} can be read"
            self._report(self._entries[0], message, "check the OCCURS and PICTURE counts")
        return _Placed(tuple(groups), end, shortest)

    def _record(self, entry: Entry, at: Position, frame: Frame) -> tuple[Group, Position]:
        name = self._names[entry]
        if entry.children:
            columns, end = self._children(entry, at, Inherited().below(entry), frame)
        else:  # an elementary record: its only field has its name
            column, end = self._item(entry, at, Inherited(), frame)
            columns = with_debug(column, self._debug)
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
        self, entry: Entry, at: Position, inherited: Inherited, frame: Frame
    ) -> tuple[tuple[Column, ...], Position]:
        """Return what stands below a group, and the end of the group."""
        placed: list[tuple[Entry, Column, int]] = []
        sets: list[Shared] = []
        end = at
        for child in entry.children:
            if child.renames is not None:
                continue
            target = None
            if child.redefines is not None:
                target = self._references.redefined(child, entry.name or FILLER, sets)
            if target is not None:
                column, reached = self._item(child, target.start, inherited, frame, redefines=target.name)
                sets[-1] = self._joined(target, child, reached)
            else:
                start = self._aligned(child, end, inherited, frame)
                column, reached = self._item(child, start, inherited, frame)
                sets.append(Shared.first(column.name, child, start, reached))
            placed.append((child, column, len(sets) - 1))
            end = sets[-1].end
        columns: list[Column] = []
        for child, column, number in placed:
            columns.extend(with_debug(column, self._debug))
            if child.children and plain(child.name or FILLER) in self._as_text:
                columns.append(text_of(column, sets[number], {other.name for _, other, _ in placed}))
        return (*columns, *self._renamed(entry, inherited, frame)), end

    def _renamed(self, group: Entry, inherited: Inherited, frame: Frame) -> Iterator[Field]:
        for entry in group.children:
            if entry.renames is not None and (ends := self._references.renamed(entry, inherited.groups[0], frame)):
                yield renamed(entry, self._names[entry], *ends)

    def _item(
        self, entry: Entry, at: Position, inherited: Inherited, frame: Frame, *, redefines: str | None = None
    ) -> tuple[Column, Position]:
        if entry.occurs is not None:
            return self._table(entry, entry.occurs, at, inherited, frame, redefines=redefines)
        return self._element(entry, at, inherited, frame, redefines=redefines)

    def _element(
        self, entry: Entry, at: Position, inherited: Inherited, frame: Frame, *, redefines: str | None = None
    ) -> tuple[Field | Group, Position]:
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
        at: Position,
        inherited: Inherited,
        frame: Frame,
        *,
        redefines: str | None,
    ) -> tuple[Table, Position]:
        depending = self._references.dependency(entry, occurs, frame)
        least = occurs.least if depending is not None else occurs.most
        inner = Frame(phase=frame.phase + at.most, around=frame)
        element, end = self._element(entry, START, inherited, inner)
        self._references.close(entry, inner)
        end = end.plus(-end.most % self._widest_alignment(entry, inherited))
        if isinstance(element, Group):
            element = replace(element, length=end.most)  # the slack bytes behind an element are part of it
        fixed = end.place.anchor == 0 and not (depending is not None and self._profile.shift_after_tables)
        if fixed:
            reached = at.plus(occurs.most * end.most)
        else:
            frame.anchors += 1
            place = Place(offset=0, anchor=frame.anchors)
            reached = Position(place, at.most + occurs.most * end.most, at.least + least * end.least)
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

    def _field(self, entry: Entry, place: Place, inherited: Inherited, redefines: str | None) -> Field:
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

    def _code_page(self, entry: Entry, inherited: Inherited) -> str | None:
        """Return the code page that options give to a field, or to the nearest group around it."""
        for name in (plain(entry.name or FILLER), *reversed(inherited.groups)):
            if name in self._pages:
                return self._pages[name]
        return None

    def _joined(self, target: Shared, entry: Entry, reached: Position) -> Shared:
        if {target.end.place.anchor, reached.place.anchor} != {target.start.place.anchor}:
            self.notes.append(
                f"{entry.location}: '{entry.name or FILLER}' or what it redefines holds a table DEPENDING ON; "
                "what follows stands behind the longest, as if the table were full"
            )
        return target.joined(entry, reached)

    def _aligned(self, entry: Entry, at: Position, inherited: Inherited, frame: Frame) -> Position:
        """Move to where an entry begins: past the slack bytes that its first SYNCHRONIZED field needs."""
        while entry.children:
            inherited, entry = inherited.below(entry), entry.children[0]
        return at.plus(-(frame.phase + at.most) % self._alignment(entry, inherited))

    def _widest_alignment(self, entry: Entry, inherited: Inherited) -> int:
        if not entry.children:
            return self._alignment(entry, inherited)
        below = inherited.below(entry)
        return max(self._widest_alignment(child, below) for child in entry.children)

    def _alignment(self, entry: Entry, inherited: Inherited) -> int:
        if self._profile.name != "ibm" or not (entry.synchronized or inherited.synchronized):
            return 1
        return alignment(entry.usage or inherited.usage, entry.picture)

    def _report(self, entry: Entry, message: str, remedy: str | None) -> None:
        self._problems.append(_problem(entry, message, remedy))

"""Names of columns: of every entry among its siblings, and of the columns that a shape of the rows has.

Entries are named before they are placed, so that a placed field is made once and stays the very same object. FILLER
that is kept gets a name with a number: groups ``FILLER_1``, fields ``FILLER_P1`` (profile ``ibm``: with a hyphen), the
groups inside before the group around them, as Cobrix numbers them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from adapters.mainframe.copybook.layout import Column, Field, Group, Layout, Output, Place, Shape, Table
from adapters.mainframe.copybook.syntax import Entry
from adapters.mainframe.profile import Profile
from foundation.errors import ConfigurationError, Problem

Fillers = Literal["drop", "keep", "groups", "fields"]
FillerNames = Literal["numbers", "previous"]

FILLER = "FILLER"
MAX_COLUMNS = 50_000
"""Columns that ``flattened`` may make; a table of 10,000 elements of a dozen fields has more than anyone can read."""


@dataclass(frozen=True, slots=True)
class Name:
    """What an entry is called, and whether it makes no column."""

    text: str
    filler: bool


class Names:
    """The names of all entries of some records; ``problems`` tells of names that stand twice in a group.

    Args:
        records: entries of level 01.
        profile: ``ibm`` gives names in upper case; ``cobrix`` as they are written, with ``_`` for ``-``.
        fillers: what of FILLER makes columns. ``groups``: FILLER groups that hold a column. ``fields``: FILLER
            fields. ``keep``: both. ``drop``: neither.
        filler_names: ``previous`` names kept FILLER after what stands before it: ``FILLER_AFTER_NAME``.
    """

    def __init__(
        self, records: Sequence[Entry], profile: Profile, *, fillers: Fillers, filler_names: FillerNames = "numbers"
    ) -> None:
        self.problems: list[Problem] = []
        self._names: dict[int, Name] = {}
        self._verbatim = profile.name == "cobrix"
        self._keep_groups = fillers in ("keep", "groups")
        self._keep_fields = fillers in ("keep", "fields")
        self._after_previous = filler_names == "previous"
        self._groups = self._fields = 0
        self._name_children(records, FILLER)

    def __getitem__(self, entry: Entry) -> Name:
        return self._names[id(entry)]

    def _name_children(self, entries: Sequence[Entry], previous: str) -> None:
        taken: set[str] = set()
        for entry in entries:
            name = self._name(entry, previous)
            if not name.filler and name.text in taken:
                name = replace(name, text=self._again(entry, name.text, taken))
            taken.update([] if name.filler else [name.text])
            self._names[id(entry)] = name
            previous = name.text

    def _name(self, entry: Entry, previous: str) -> Name:
        if entry.children:
            self._name_children(entry.children, self._own(entry))
            empty = all(self[child].filler for child in entry.children)
            kept = entry.name is not None or self._keep_groups
        else:
            empty, kept = False, entry.name is not None or self._keep_fields
        if empty or not kept:
            return Name(self._own(entry), filler=True)
        return Name(self._own(entry) if entry.name is not None else self._number(entry, previous), filler=False)

    def _own(self, entry: Entry) -> str:
        if entry.name is None:
            return FILLER
        return (entry.written or entry.name).replace(":", "").replace("-", "_") if self._verbatim else entry.name

    def _number(self, entry: Entry, previous: str) -> str:
        hyphen = "_" if self._verbatim else "-"
        if self._after_previous:
            return hyphen.join((FILLER, "AFTER", previous))
        if entry.children:
            self._groups += 1
            return f"{FILLER}{hyphen}{self._groups}"
        self._fields += 1
        return f"{FILLER}{hyphen}P{self._fields}"

    def _again(self, entry: Entry, text: str, taken: set[str]) -> str:
        """Return another name for an entry whose name stands twice; a COBOL program could not tell the two apart."""
        if not self._verbatim:
            self.problems.append(
                Problem(
                    message=f"'{text}' stands twice in its group",
                    location=entry.location,
                    remedy="rename one of them, or make it FILLER",
                )
            )
        return next(name for name in (f"{text}_{number}" for number in range(2, len(taken) + 3)) if name not in taken)


def outputs(roots: Sequence[Group], shape: Shape, profile: Profile, *, keep_root: bool = False) -> tuple[Output, ...]:
    """Return the columns of decoded records.

    Args:
        roots: the records.
        shape: ``names``: every field by its shortest unique name (``NAME``, else ``GROUP.NAME``); a table is a list, of
            values or of structs, in which groups are structs.
            ``nested``: groups are structs, tables lists. ``flattened``: as ``names``, but every occurrence is a column
            of its own: ``ITEMS_1_PRICE``, counted from 1.
        profile: ``cobrix`` joins a group and a name by ``_`` instead of by a period.
        keep_root: ``nested``: the records themselves are the columns, not what stands in them.

    Raises:
        ConfigurationError: ``flattened`` makes more than ``MAX_COLUMNS`` columns.
    """
    if shape == "nested":
        found = _nested(roots, keep_root=keep_root)
    elif shape == "names":
        found = _leaves(roots, ())
    else:
        found = _occurrences(roots, (), (), ())
    candidates = []
    for candidate in found:
        candidates.append(candidate)
        if len(candidates) > MAX_COLUMNS:
            raise ConfigurationError(
                Problem(
                    message=f"the tables of '{roots[0].name}' make more than {MAX_COLUMNS} columns when flattened",
                    location=roots[0].location,
                    remedy="read them as lists: `columns: names` or `columns: nested`",
                )
            )
    _qualify(candidates)
    joint = "." if shape != "flattened" and profile.name == "ibm" else "_"
    return _unique([replace(item.output, name=joint.join(item.words)) for item in candidates])


def alone(group: Group, layout: Layout, shape: Shape = "names") -> Layout:
    """Return the layout of a header or trailer of ``layout`` as a record by itself."""
    return replace(
        layout,
        name=group.name,
        length=group.length,
        shortest=group.length,
        end=Place(offset=group.length),
        roots=(group,),
        outputs=outputs([group], shape, layout.profile),
        header=None,
        trailer=None,
    )


@dataclass(slots=True)
class _Word:
    """The name of a group, table or field on the way to a column, and whether the column's name says it."""

    text: str
    said: bool


@dataclass(slots=True)
class _Candidate:
    """A column whose name is being made unique."""

    output: Output
    way: list[_Word]

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(word.text for word in self.way if word.said)

    def widen(self) -> bool:
        """Take in the nearest group that is not said yet; False when all are."""
        for word in reversed(self.way):
            if not word.said:
                word.said = True
                return True
        return False


def _nested(roots: Sequence[Group], *, keep_root: bool) -> Iterator[_Candidate]:
    for root in roots:
        if root.filler:
            continue
        if keep_root and root.level > 0:  # level 0 stands in no copybook
            yield _candidate(root, (), ())
            continue
        for column in root.columns:
            if not column.filler:
                yield _candidate(column, (root.name,), (root.name,))


def _leaves(columns: Sequence[Column], path: tuple[str, ...]) -> Iterator[_Candidate]:
    for column in columns:
        if column.filler:
            continue
        if isinstance(column, Group):
            yield from _leaves(column.columns, (*path, column.name))
        else:
            yield _candidate(column, path, path)


def _occurrences(
    columns: Sequence[Column], path: tuple[str, ...], way: tuple[tuple[str, bool], ...], index: tuple[int, ...]
) -> Iterator[_Candidate]:
    """Yield every field as often as it occurs; which occurrence it is, is always said."""
    for column in columns:
        if column.filler:
            continue
        if isinstance(column, Table):
            for number in range(column.most):
                occurrence = (*way, (f"{column.name}_{number + 1}", True))
                if isinstance(column.element, Group):
                    yield from _occurrences(column.element.columns, (*path, column.name), occurrence, (*index, number))
                else:
                    yield _occurrence(column.element, path, occurrence, (*index, number))
        elif isinstance(column, Group):
            yield from _occurrences(column.columns, (*path, column.name), (*way, (column.name, False)), index)
        else:
            yield _occurrence(column, path, (*way, (column.name, True)), index)


def _occurrence(
    field: Field, path: tuple[str, ...], way: tuple[tuple[str, bool], ...], index: tuple[int, ...]
) -> _Candidate:
    output = Output(name=field.name, path=(*path, field.name), index=index, column=field, type=field.type)
    return _Candidate(output, [_Word(text, said) for text, said in way])


def _candidate(column: Column, path: tuple[str, ...], groups: tuple[str, ...]) -> _Candidate:
    output = Output(name=column.name, path=(*path, column.name), column=column, type=column.type)
    return _Candidate(output, [*(_Word(group, False) for group in groups), _Word(column.name, True)])


def _qualify(candidates: Sequence[_Candidate]) -> None:
    """Give every column its shortest unique name: its own, else with as many enclosing groups as needed."""
    while True:
        texts = [item.words for item in candidates]
        count = Counter(texts)
        repeated = [item for item, text in zip(candidates, texts, strict=True) if count[text] > 1]
        widened = [item.widen() for item in repeated]
        if not any(widened):
            return


def _unique(found: Sequence[Output]) -> tuple[Output, ...]:
    """Return the columns with names that differ also once joined: ``A_1`` of a table beside a field ``A_1``."""
    taken: set[str] = {output.name for output in found}
    seen: set[str] = set()
    result = []
    for output in found:
        name, number = output.name, 1
        while name in seen or (number > 1 and name in taken):
            number += 1
            name = f"{output.name}_{number}"
        seen.add(name)
        result.append(replace(output, name=name))
    return tuple(result)

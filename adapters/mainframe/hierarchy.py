"""Parents and their children: records that follow one another become one nested row, or tables with ids.

A child belongs to the last record of its parent's kind before it, unless a record of a kind above that parent stands
between the two: a new company ends the departments of the one before. Records that belong to nobody, and what belongs
to them, make no rows, and are counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adapters.mainframe import options
from adapters.mainframe.copybook import naming
from adapters.mainframe.copybook.layout import Column, Group, Layout, Output, plain, walk
from adapters.mainframe.decoder import Decoder, UnreadableRows
from adapters.mainframe.records import Mask, Positions, Records
from adapters.mainframe.segments import Segments, Select, Selected, generated
from foundation.errors import ConfigurationError, Problem, did_you_mean

Kinds = npt.NDArray[np.int64]

ID, PARENT, ROOT = "segment_id", "parent_id", "root_id"
"""Columns of a related table: the ids of its record, of its parent and of the record at the top, all text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Which kind of record belongs to which; kinds are numbers of ``Segments.names``."""

    names: tuple[str, ...]
    parents: tuple[int, ...]  # of each kind; -1: a root

    @classmethod
    def of(cls, asked: options.Segments, layout: Layout, names: Sequence[str]) -> Family:
        """Return the family that the options tell.

        Raises:
            ConfigurationError: a group is no segment, has two parents, or is its own ancestor; or no kind is a root.
        """
        order = [column.name for _, column in walk(layout.roots) if column.name in names]
        known = {plain(name): number for number, name in enumerate(order)}
        parents = [-1] * len(order)
        for parent, children in asked.children.items():
            for child in children:
                number = _known(child, known)
                if parents[number] not in (-1, _known(parent, known)):
                    raise _problem(f"segments.children: '{child}' has two parents", "give each group one parent")
                parents[number] = _known(parent, known)
        family = cls(names=tuple(order), parents=tuple(parents))
        for number in range(len(order)):
            if len(family.ancestors(number)) > len(order):
                raise _problem(f"segments.children: '{order[number]}' is its own ancestor", "correct the parents")
        return family

    def ancestors(self, kind: int) -> list[int]:
        """Return the kinds above, nearest first; longer than there are kinds where they go in a circle."""
        found: list[int] = []
        while (parent := self.parents[found[-1] if found else kind]) >= 0 and len(found) <= len(self.names):
            found.append(parent)
        return found

    def children(self, kind: int) -> list[int]:
        """Return the kinds right below, in the order of the copybook."""
        return [child for child, parent in enumerate(self.parents) if parent == kind]

    @property
    def roots(self) -> list[int]:
        """The kinds without parent."""
        return self.children(-1)


@dataclass(frozen=True, slots=True)
class Seen:
    """Numbers of the last record of each kind; -1: none yet in this file."""

    numbers: tuple[int, ...]

    def parents(self, family: Family, kinds: Kinds, numbers: Positions) -> tuple[Positions, Seen]:
        """Return the number of each record's parent, -1 where it has none, and what has been seen behind them.

        Args:
            family: which kind belongs to which.
            kinds: of the records; -1: of no kind.
            numbers: of the records, rising.
        """
        last = {}
        for kind, before in enumerate(self.numbers):
            own = np.where(kinds == kind, numbers, before)
            last[kind] = np.maximum.accumulate(own) if len(own) else own
        parents = np.full(len(kinds), -1, np.int64)
        for kind, parent in enumerate(family.parents):
            if parent < 0:
                continue
            found = last[parent]
            for above in family.ancestors(parent):
                found = np.where(last[above] > found, -1, found)
            parents[kinds == kind] = found[kinds == kind]
        behind = tuple(int(last[kind][-1]) if len(kinds) else before for kind, before in enumerate(self.numbers))
        return parents, Seen(behind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nested:
    """Rows that hold a root record with all that belongs to it."""

    rows: pa.RecordBatch
    roots: Positions  # of each row: which of ``records`` is at its top
    numbers: Positions  # of each row: its record's number; in profile ``cobrix`` that of the record behind the row
    lengths: Positions  # of each row: bytes of all records in it
    unreadable: tuple[UnreadableRows, ...]  # their rows are those of ``records``
    records: Records  # what was decoded, in the order of the file
    orphans: int  # records that belong to nobody


Open = tuple[Records, ...]
"""The records of a root that is not complete yet, in chunks with bytes of their own."""


class Hierarchy:
    """Makes nested rows of records. Holds nothing of a file: what goes on from chunk to chunk is handed on.

    Attributes:
        schema: a struct for each group, as with ``columns: nested``; in the struct of each parent, lists of structs of
            its children, called as their groups, behind its own fields.
    """

    def __init__(
        self,
        asked: options.Segments,
        layout: Layout,
        segments: Segments,
        *,
        keep_root: bool = False,
        trim: tuple[int, int] = (0, 0),
    ) -> None:
        """Prepare to nest.

        Args:
            asked: which groups are segments, and which are the children of which.
            layout: of a record.
            segments: what tells the kinds apart.
            keep_root: whether the records (level 01) are columns themselves.
            trim: bytes before and behind the fields of each record.

        Raises:
            ConfigurationError: the options do not describe a family of segments with one root.
        """
        self._segments, self._trim = segments, trim
        self._cobrix = layout.profile.name == "cobrix"
        self._family = Family.of(asked, layout, segments.names)
        if len(self._family.roots) != 1:
            names = ", ".join(self._family.names[kind] for kind in self._family.roots)
            raise _problem(f"segments.children: one group must be without parent, not {names or 'none'}", _GROUPS)
        self._only = None if asked.only is None or self._cobrix else pa.array(asked.only, pa.string())
        outputs = naming.outputs(layout.roots, "nested", layout.profile, keep_root=keep_root)
        self._row = Decoder(replace(layout, outputs=outputs))
        self._groups = {name: _group(layout, name) for name in self._family.names}
        self._members = {
            name: Decoder(replace(layout, outputs=(_output(layout, name, group),)))
            for name, group in self._groups.items()
        }
        self._kinds = {id(group): self._family.names.index(name) for name, group in self._groups.items()}
        self.schema = pa.schema(
            [
                pa.field(output.name, self._type(output.column))
                for output in outputs
                if not self._is_child(output.column)
            ]
        )
        self._columns = [output for output in outputs if not self._is_child(output.column)]
        self._addresses = [self._address(layout, kind, keep_root) for kind in range(len(self._family.names))]

    def nest(self, records: Records, before: Open = (), *, final: bool) -> tuple[list[Nested], Open]:
        """Return the rows that are complete, and the records of a root that is not.

        Args:
            records: the next chunk of a file.
            before: what the chunk before returned.
            final: whether the file ends with the chunk; then no root stays open.
        """
        values = self._segments.values(records.within(*self._trim))
        if self._only is not None:
            wanted = np.asarray(pc.is_in(values, self._only))
            records, values = records.only(wanted), values.filter(pa.array(wanted))
        kinds = self._ordered(records.within(*self._trim), values)
        starts = np.flatnonzero(kinds == self._family.roots[0])
        if not len(starts) and not final:
            return [], (*before, records.detached())
        first = int(starts[0]) if len(starts) else len(records)
        last = len(records) if final else int(starts[-1])
        begun = Records.joined([*before, records.only(slice(0, first)).detached()])
        nested = [self._rows(part) for part in (begun, records.only(slice(first, last))) if len(part)]
        return nested, () if final else (records.only(slice(last, None)).detached(),)

    def _ordered(self, records: Records, values: pa.StringArray) -> Kinds:
        """Return the kind of each record, as the family numbers it."""
        order = np.array([*(self._family.names.index(name) for name in self._segments.names), -1], np.int64)
        kinds: Kinds = order[self._segments.kinds(records, values)]
        return kinds

    def _rows(self, records: Records) -> Nested:
        inner = records.within(*self._trim)
        values = self._segments.values(inner)
        kinds = self._ordered(inner, values)
        parents, _ = Seen((-1,) * len(self._family.names)).parents(self._family, kinds, records.numbers)
        root = self._family.roots[0]
        places = np.searchsorted(records.numbers, parents)  # of the parents among the records
        kept = _kept(kinds, root, np.where(parents >= 0, places, -1), self._family)
        active = self._segments.active(inner, values)
        unreadable: list[UnreadableRows] = []
        children: dict[int, tuple[Positions, pa.Array]] = {}
        for kind, name in enumerate(self._family.names):
            if kind != root:
                own = np.flatnonzero(kept & (kinds == kind))
                found = self._members[name].decode(inner.only(own), active=_some(active, own))
                unreadable.extend(_moved(found.unreadable, own, name, self._addresses[kind]))
                children[kind] = own, found.rows.column(0)
        lists = _Lists(self, children, {kind: places[own] for kind, (own, _) in children.items()})
        roots = np.flatnonzero(kinds == root)
        found = self._row.decode(inner.only(roots), active=_some(active, roots))
        unreadable.extend(_moved(found.unreadable, roots))  # those of columns are addressed already
        arrays = [
            self._with_children(found.rows.column(output.name), output.column, roots, lists) for output in self._columns
        ]
        ends = np.append(roots, len(records))[1:]
        sums = np.concatenate([[0], np.cumsum(records.lengths)])
        numbers = records.numbers[roots] if not self._cobrix else records.numbers[ends - 1] + 1
        return Nested(
            rows=pa.RecordBatch.from_arrays(arrays, schema=self.schema),
            roots=roots,
            numbers=numbers,
            lengths=sums[ends] - sums[roots],
            unreadable=tuple(unreadable),
            records=records,
            orphans=int(np.count_nonzero(~kept)),
        )

    def _with_children(self, array: pa.Array, column: Column, records: Positions, lists: _Lists) -> pa.Array:
        """Return the array with lists of children in the structs of parents, and without the groups of children."""
        if not isinstance(column, Group) or not pa.types.is_struct(array.type):
            return array
        names, arrays = [], []
        for below in column.columns:
            if below.filler or self._is_child(below):
                continue
            names.append(below.name)
            arrays.append(self._with_children(array.field(below.name), below, records, lists))
        kind = self._kinds.get(id(column))
        for child in [] if kind is None else self._family.children(kind):
            names.append(self._family.names[child])
            arrays.append(lists.of(child, records))
        return pa.StructArray.from_arrays(arrays, names, mask=array.is_null())

    def nested_structs(self, kind: int, found: tuple[Positions, pa.Array], lists: _Lists) -> pa.Array:
        """Return the structs of one kind, with their own children in them."""
        records, structs = found
        return self._with_children(structs, self._groups[self._family.names[kind]], records, lists)

    def _type(self, column: Column) -> pa.DataType:
        if not isinstance(column, Group):
            return column.type
        members = [
            pa.field(below.name, self._type(below))
            for below in column.columns
            if not below.filler and not self._is_child(below)
        ]
        kind = self._kinds.get(id(column))
        for child in [] if kind is None else self._family.children(kind):
            name = self._family.names[child]
            members.append(pa.field(name, pa.list_(self._type(self._groups[name]))))
        return pa.struct(members)

    def _address(self, layout: Layout, kind: int, keep_root: bool) -> str:
        """Return how a mapping addresses the group of a kind in the rows: ``COMPANY.DEPT[*]``."""
        name, parent = self._family.names[kind], self._family.parents[kind]
        if parent >= 0:
            return f"{self._address(layout, parent, keep_root)}.{name}[*]"
        path = _output(layout, name, self._groups[name]).path
        return ".".join(path if keep_root or len(path) == 1 else path[1:])

    def _is_child(self, column: Column) -> bool:
        kind = self._kinds.get(id(column))
        return kind is not None and self._family.parents[kind] >= 0


@dataclass(slots=True)
class _Lists:
    """Lists of the children of records."""

    hierarchy: Hierarchy
    found: Mapping[int, tuple[Positions, pa.Array]]  # of each kind: its records and their structs
    parents: Mapping[int, Positions]  # of each kind: the record that each of its records belongs to, rising

    def of(self, kind: int, records: Positions) -> pa.ListArray:
        """Return for each of the ``records`` the structs of its children of one kind; never null."""
        structs = self.hierarchy.nested_structs(kind, self.found[kind], self)
        starts = np.searchsorted(self.parents[kind], records, side="left")
        ends = np.searchsorted(self.parents[kind], records, side="right")
        offsets = np.append(starts, ends[-1] if len(ends) else 0).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), structs)


class RelatedTable:
    """Makes rows of the records of one kind, each with its id and those of its parent and of the root above.

    Attributes:
        layout: what to decode: the columns of the group, and those that all kinds have in common.
        ids: columns with the ids, all text; they stand before those of the fields.
    """

    def __init__(self, asked: options.Segments, layout: Layout, segments: Segments) -> None:
        """Prepare to select.

        Raises:
            ConfigurationError: ``table`` is missing or no segment, or ``children`` describe no family.
        """
        self._family = Family.of(asked, layout, segments.names)
        self._segments, self._prefix = segments, asked.id_prefix
        if asked.table is None:
            raise _problem("segments.table is missing", "name the group whose records are the rows")
        self._kind = _known(asked.table, {plain(name): kind for kind, name in enumerate(self._family.names)})
        self._only = None if asked.only is None else pa.array(asked.only, pa.string())
        others = set(self._family.names) - {self._family.names[self._kind]}
        outputs = tuple(output for output in layout.outputs if not others & set(output.path))
        self.layout = replace(layout, outputs=outputs)
        self.ids = tuple(pa.field(name, pa.string()) for name in (ID, PARENT, ROOT))

    def of_file(self, file: int) -> Select:
        """Return what selects from one file, handed its chunks one after the other; ``file`` is its number."""
        seen: Seen | None = None

        def select(records: Records) -> Selected:
            nonlocal seen
            selected, seen = self.select(records, seen, file)
            return selected

        return select

    def select(self, records: Records, seen: Seen | None = None, file: int = 0) -> tuple[Selected, Seen]:
        """Return the records of the table with their ids, and what has been seen behind them.

        Args:
            records: a chunk.
            seen: what the chunk before returned; None at the start of a file.
            file: number of the file, for the ids.
        """
        seen = seen or Seen((-1,) * len(self._family.names))
        values = self._segments.values(records)
        order = np.array([*(self._family.names.index(name) for name in self._segments.names), -1], np.int64)
        kinds = order[self._segments.kinds(records, values)]
        above, behind = seen.parents(self._family, kinds, records.numbers)
        tops = self._tops(seen, kinds, records.numbers, above)
        wanted = kinds == self._kind
        if self._only is not None:
            wanted &= np.asarray(pc.is_in(values, self._only))
        kept = records.only(wanted)
        numbers = (kept.numbers, above[wanted], tops[wanted])
        selected = Selected(
            records=kept,
            active={self._family.names[self._kind]: np.ones(len(kept), np.bool_)},
            ids=tuple(generated(self._prefix, file, found) for found in numbers),
            filtered=len(records) - len(kept),
        )
        return selected, behind

    def _tops(self, seen: Seen, kinds: Kinds, numbers: Positions, above: Positions) -> Positions:
        """Return the number of the root above each record of the table; -1 where the chain is broken."""
        chain = self._family.ancestors(self._kind)
        if not chain:
            return numbers
        last = {kind: np.maximum.accumulate(np.where(kinds == kind, numbers, seen.numbers[kind])) for kind in chain}
        tops = last[chain[-1]] if len(numbers) else numbers
        broken = above < 0
        for lower, upper in pairwise(chain):
            broken |= last[lower] < last[upper]
        return np.where(broken, -1, tops)


def _kept(kinds: Kinds, root: int, parents: Positions, family: Family) -> Mask:
    """Return the records that are roots or have a chain of parents up to one."""
    kept: Mask = kinds == root
    for kind in sorted(range(len(family.names)), key=lambda kind: len(family.ancestors(kind))):
        if kind != root:
            own = kinds == kind
            kept[own] = (parents[own] >= 0) & kept[parents[own]]
    return kept


def _some(active: Mapping[str, Mask], rows: Positions) -> dict[str, Mask]:
    return {name: mask[rows] for name, mask in active.items()}


def _moved(found: Sequence[UnreadableRows], rows: Positions, name: str = "", address: str = "") -> list[UnreadableRows]:
    """Return what could not be read by the place of its record in the chunk, and by its address in the rows."""
    return [
        replace(item, path=address + item.path.removeprefix(name), rows=tuple(int(rows[row]) for row in item.rows))
        for item in found
    ]


def _group(layout: Layout, name: str) -> Group:
    found = layout.find(name)
    if not isinstance(found, Group):
        raise TypeError(f"{name} is no group")
    return found


def _output(layout: Layout, name: str, group: Group) -> Output:
    path = next(path for path, column in walk(layout.roots) if column is group)
    return Output(name=name, path=path, column=group, type=group.type)


def _known(name: str, known: Mapping[str, int]) -> int:
    if plain(name) not in known:
        raise ConfigurationError(
            Problem(
                message=f"segments: '{name}' is chosen by no value and no condition",
                remedy=f"{did_you_mean(plain(name), list(known))} Give it values in `groups`",
            )
        )
    return known[plain(name)]


_GROUPS = "give every other group its parent, and leave out of `groups` what is no part of it"


def _problem(message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(Problem(message=message, remedy=remedy))

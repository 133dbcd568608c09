"""Parents with their children in them: a row for each root record, with lists of what belongs to it.

Which record belongs to which, ``families`` says. Records that belong to nobody, and what belongs to them, make no rows,
and are counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from adapters.mainframe import options
from adapters.mainframe.copybook import naming
from adapters.mainframe.copybook.layout import Column, Group, Layout, Output, walk
from adapters.mainframe.decoder import Decoder, UnreadableRows
from adapters.mainframe.families import Family, Kinds, Seen
from adapters.mainframe.options import option_error
from adapters.mainframe.records import Margins, Mask, Positions, Records, offsets_of
from adapters.mainframe.segments import Segments


@dataclass(frozen=True, slots=True, kw_only=True)
class Nested:
    """Rows that hold a root record with all that belongs to it."""

    rows: pa.RecordBatch
    roots: Positions  # of each row: which of ``records`` is at its top
    numbers: Positions  # of each row: its record's number; in profile ``cobrix`` that of the record behind the row
    lengths: Positions  # of each row: bytes of all records in it
    unreadable: tuple[UnreadableRows, ...]  # their rows are those of ``records``
    records: Records  # what was decoded, in the order of the file
    orphans: int  # records that belong to nobody, or were not asked for


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
        margins: Margins = (0, 0),
    ) -> None:
        """Prepare to nest.

        Args:
            asked: which groups are segments, and which are the children of which.
            layout: of a record.
            segments: what tells the kinds apart.
            keep_root: whether the records (level 01) are columns themselves.
            margins: bytes before and behind the fields of each record.

        Raises:
            ConfigurationError: the options do not describe a family of segments with one root.
        """
        self._segments, self._margins = segments, margins
        self._cobrix = layout.profile.name == "cobrix"
        self._family = Family.of(asked, layout, segments.names)
        if len(self._family.roots) != 1:
            names = ", ".join(self._family.names[kind] for kind in self._family.roots)
            raise option_error(
                "segments.children",
                f"one group must be without parent, not {names or 'none'}",
                "give every other group its parent, and leave out of `groups` what is no part of it",
            )
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
        inner = records.within(*self._margins)
        values = self._segments.values(inner)
        kinds = np.where(self._wanted(values), self._family.kinds(self._segments, inner, values), -1)
        starts = np.flatnonzero(kinds == self._family.roots[0])
        if not len(starts) and not final:
            return [], (*before, records.detached())
        first = int(starts[0]) if len(starts) else len(records)
        last = len(records) if final else int(starts[-1])
        begun = Records.joined([*before, records.only(slice(0, first)).detached()])
        nested = [self._rows(part) for part in (begun, records.only(slice(first, last))) if len(part)]
        return nested, () if final else (records.only(slice(last, None)).detached(),)

    def _wanted(self, values: pa.StringArray) -> Mask:
        """Return which records are asked for; Cobrix filters no segments here."""
        return np.ones(len(values), np.bool_) if self._cobrix else self._segments.wanted(values)

    def _rows(self, handed: Records) -> Nested:
        values = self._segments.values(handed.within(*self._margins))
        wanted = self._wanted(values)
        records, values = handed.only(wanted), values.filter(pa.array(wanted))
        inner = records.within(*self._margins)
        kinds = self._family.kinds(self._segments, inner, values)
        parents, _ = Seen.nothing(self._family).parents(self._family, kinds, records.numbers)
        places = np.where(parents >= 0, np.searchsorted(records.numbers, parents), -1)  # among the records
        kept = _kept(kinds, places, self._family)
        active = self._segments.active(inner, values)
        structs, unreadable = self._structs(inner, np.where(kept, kinds, -1), active)
        lists = _Lists(self, structs, {kind: places[own] for kind, (own, _) in structs.items()})
        roots = np.flatnonzero(kinds == self._family.roots[0])
        found = self._row.decode(inner.only(roots), active=_some(active, roots))
        unreadable.extend(_moved(found.unreadable, roots))  # those of columns are addressed already
        arrays = [
            self._with_children(found.rows.column(output.name), output.column, roots, lists) for output in self._columns
        ]
        ends = np.append(roots, len(records))[1:]
        sums = offsets_of(records.lengths)
        return Nested(
            rows=pa.RecordBatch.from_arrays(arrays, schema=self.schema),
            roots=roots,
            numbers=records.numbers[ends - 1] + 1 if self._cobrix else records.numbers[roots],
            lengths=sums[ends] - sums[roots],
            unreadable=tuple(unreadable),
            records=records,
            orphans=len(handed) - int(np.count_nonzero(kept)),
        )

    def _structs(
        self, inner: Records, kinds: Kinds, active: Mapping[str, Mask]
    ) -> tuple[_Structs, list[UnreadableRows]]:
        """Return the records of each kind that is a child with a struct of each, and what of them cannot be read."""
        structs: _Structs = {}
        unreadable: list[UnreadableRows] = []
        for kind, name in enumerate(self._family.names):
            if self._family.parents[kind] >= 0:
                own = np.flatnonzero(kinds == kind)
                found = self._members[name].decode(inner.only(own), active=_some(active, own))
                unreadable.extend(_moved(found.unreadable, own, name, self._addresses[kind]))
                structs[kind] = own, found.rows.column(0)
        return structs, unreadable

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


_Structs = dict[int, tuple[Positions, pa.Array]]  # of each kind: its records, rising, and a struct of each


@dataclass(slots=True)
class _Lists:
    """Lists of the children of records."""

    hierarchy: Hierarchy
    found: _Structs
    parents: Mapping[int, Positions]  # of each kind: the record that each of its records belongs to, rising

    def of(self, kind: int, records: Positions) -> pa.ListArray:
        """Return for each of the ``records`` the structs of its children of one kind; never null."""
        structs = self.hierarchy.nested_structs(kind, self.found[kind], self)
        starts = np.searchsorted(self.parents[kind], records, side="left")
        ends = np.searchsorted(self.parents[kind], records, side="right")
        offsets = np.append(starts, ends[-1] if len(ends) else 0).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), structs)


def _kept(kinds: Kinds, parents: Positions, family: Family) -> Mask:
    """Return the records that are roots or have a chain of parents up to one; ``parents`` are places, or -1."""
    kept: Mask = kinds == family.roots[0]
    for kind in sorted(range(len(family.names)), key=lambda kind: len(family.ancestors(kind))):
        if family.parents[kind] >= 0:
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

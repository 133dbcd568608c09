"""An Arrow table against the tree of a layout: which values each field has, in every shape that decoding gives.

A *frame* is a set of rows whose fields stand alike: the records, or all elements of one table. Its columns are found
by their path of names within the frame, whether the table came with short names, nested or flattened.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adapters.mainframe.copybook.layout import Column, Dependency, Field, Group, Layout, Output, Table, plain
from adapters.mainframe.encoder.fields import EncodeError, misfit
from adapters.mainframe.records import Mask, Positions, offsets_of, spread
from foundation.errors import did_you_mean

Path = tuple[str, ...]
_Slot = tuple[Path, tuple[int, ...]]  # a field and, of tables further in, which element
RENAMES = 66
"""Level of a field whose bytes are those of other fields; it is not written."""


@dataclass(slots=True)
class Frame:
    """Rows and their values."""

    columns: Sequence[Column]  # that stand in it
    numbers: Positions  # of the record that each row belongs to, for errors
    path: str  # of its columns, for errors: ``ITEMS[*].``
    arrays: dict[Path, pa.Array] = field(default_factory=dict)  # of fields, by their path within the frame
    tables: dict[Path, Elements] = field(default_factory=dict)
    absent: dict[Path, Mask] = field(default_factory=dict)  # rows in which a group as a whole is null
    counted: dict[int, Counted] = field(default_factory=dict)  # by ``id`` of a field that counts a table's elements

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.numbers)

    def only(self, rows: Positions) -> Frame:
        """Return some of the rows, in their order."""
        return Frame(
            columns=self.columns,
            numbers=self.numbers[rows],
            path=self.path,
            arrays={path: array.take(pa.array(rows)) for path, array in self.arrays.items()},
            tables={path: elements.only(rows) for path, elements in self.tables.items()},
            absent={path: mask[rows] for path, mask in self.absent.items()},
            counted={key: counted.only(rows) for key, counted in self.counted.items()},
        )

    def filled(self, path: Path) -> Mask:
        """Return the rows in which any field at or below ``path`` has a value."""
        found = np.zeros(self.count, np.bool_)
        for key, array in self.arrays.items():
            if key[: len(path)] == path:
                found |= np.asarray(array.is_valid())
        for key, elements in self.tables.items():
            if key[: len(path)] == path:
                found |= elements.counts > 0
        return found


@dataclass(slots=True)
class Elements:
    """The elements of a table: how many each row has, and one frame of all of them."""

    counts: Positions
    frame: Frame

    @property
    def owners(self) -> Positions:
        """The row of the outer frame that each element belongs to."""
        return np.repeat(np.arange(len(self.counts), dtype=np.int64), self.counts)

    def only(self, rows: Positions) -> Elements:
        """Return the elements of some of the rows."""
        counts = self.counts[rows]
        return Elements(counts, self.frame.only(spread(offsets_of(self.counts)[rows], counts)))


@dataclass(slots=True)
class Counted:
    """What a counting field has to say, from the lengths of the lists that it counts."""

    dependency: Dependency
    counts: Positions
    known: Mask

    def only(self, rows: Positions) -> Counted:
        """Return the same for some of the rows."""
        return replace(self, counts=self.counts[rows], known=self.known[rows])


def frame_of(layout: Layout, table: pa.Table, first: int = 0, *, strict: bool = True) -> Frame:
    """Return the values of ``table`` by the places where ``layout`` has them.

    Args:
        layout: what the records look like.
        table: columns named as in ``layout.schema``.
        first: number of the table's first row, for errors.
        strict: every column of the layout must be there, and no other. A field that counts a table, and what
            redefines or is redefined, may be missing.

    Raises:
        EncodeError: a column is missing or unknown, or the lists that one field counts differ in length.
    """
    return _Matching(layout, table, strict).frame(first)


class _Matching:
    def __init__(self, layout: Layout, table: pa.Table, strict: bool) -> None:
        self._layout, self._table, self._strict = layout, table, strict
        self._lenient = layout.profile.name == "cobrix"
        self._counting = {id(dependency.field) for dependency in _dependencies(layout.roots)}

    def frame(self, first: int) -> Frame:
        given: dict[Path, pa.Array] = {}
        occurrences: dict[Path, dict[tuple[int, ...], pa.Array]] = {}
        missing: list[Output] = []
        columns = self._columns()
        for output in self._layout.outputs:
            array = columns.get(self._key(output.name))
            if array is None:
                missing.append(output)
            elif output.index:
                occurrences.setdefault(output.path, {})[output.index] = array
            else:
                given[output.path] = array
        self._check(columns, missing)
        numbers = np.arange(first, first + self._table.num_rows, dtype=np.int64)
        frame = Frame(columns=self._layout.roots, numbers=numbers, path="")
        self._fill(frame, self._layout.roots, (), _Supply(given, occurrences), [frame])
        return frame

    def _columns(self) -> dict[str, pa.Array]:
        return {self._key(name): _whole(self._table[name]) for name in self._table.column_names}

    def _key(self, name: str) -> str:
        return plain(name) if self._lenient else name

    def _check(self, columns: dict[str, pa.Array], missing: Sequence[Output]) -> None:
        names = [output.name for output in self._layout.outputs]
        known = {self._key(name) for name in names}
        for name in self._table.column_names:
            if not self._lenient and self._key(name) not in known:
                raise EncodeError(f"the layout has no column '{name}'", remedy=did_you_mean(name, names))
        optional = {path for path, column in _alternatives(self._layout.roots)}
        for output in missing if self._strict else ():
            within = any(output.path[: len(path)] == path for path in optional)
            if not within and id(output.column) not in self._counting:
                raise EncodeError(f"column '{output.name}' is missing", remedy="add it; nulls are allowed")

    def _fill(self, frame: Frame, columns: Sequence[Column], prefix: Path, supply: _Supply, outer: list[Frame]) -> None:
        """Give the frame its values; ``outer`` are the frames from the records down to this one."""
        for column in columns:
            path = (*prefix, column.name)
            if isinstance(column, Group):
                structs = supply.given.get(path)
                if structs is not None:
                    frame.absent[path] = np.asarray(structs.is_null())
                    supply = supply.expanded(path, self._members(structs, column, frame.path))
                self._fill(frame, column.columns, path, supply, outer)
            elif isinstance(column, Field):
                array = supply.given.get(path)
                if array is not None:
                    frame.arrays[path] = array
            else:
                self._fill_table(frame, column, path, supply, outer)

    def _members(self, structs: pa.Array, group: Group, path: str) -> dict[Path, pa.Array]:
        """Return the children of a struct by name."""
        if not pa.types.is_struct(structs.type):
            raise EncodeError(f"column '{path}{group.name}' is a {structs.type}", remedy=f"give a {group.type}")
        found = {self._key(member.name): index for index, member in enumerate(structs.type)}
        return {
            (column.name,): pc.struct_field(structs, found[self._key(column.name)])
            for column in group.columns
            if not column.filler and self._key(column.name) in found
        }

    def _fill_table(self, frame: Frame, table: Table, path: Path, supply: _Supply, outer: list[Frame]) -> None:
        lists = supply.given.get(path)
        where = f"{frame.path}{table.name}[*]"
        if lists is not None:
            if not pa.types.is_list(lists.type) and not pa.types.is_large_list(lists.type):
                raise EncodeError(f"column '{frame.path}{table.name}' is a {lists.type}", remedy="give lists")
            counts = np.asarray(pc.fill_null(pc.list_value_length(lists), 0)).astype(np.int64)
            inner = _Supply({(table.name,): lists.flatten()}, {})
        else:
            picked = supply.picked(path, table, self._given_counts(table, outer))
            if picked is None:
                return
            counts, inner = picked
        counts = self._cut(counts, inner, table)
        elements = Frame(columns=(table.element,), numbers=np.repeat(frame.numbers, counts), path=f"{where}.")
        frame.tables[path] = Elements(counts, elements)
        element = table.element
        if isinstance(element, Group):
            self._fill(elements, (element,), (), inner, [*outer, elements])
        else:
            array = inner.given.get((table.name,))
            if array is not None:
                elements.arrays[element.name,] = array
                elements.path = where
        if table.depending is not None:
            self._count(table, table.depending, counts, [*outer, elements])

    def _cut(self, counts: Positions, inner: _Supply, table: Table) -> Positions:
        """Return the counts, at most as many as the table has room for where the profile cuts off the rest."""
        if not self._lenient or not (counts > table.most).any():
            return counts
        places = spread(np.zeros(len(counts), np.int64), counts)
        keep = pa.array(places < table.most)
        inner.given = {path: array.filter(keep) for path, array in inner.given.items()}
        return np.minimum(counts, table.most)

    def _given_counts(self, table: Table, frames: list[Frame]) -> pa.Array | None:
        """Return what the counting field says for each row of the innermost frame, where it is a number."""
        dependency = table.depending
        if dependency is None or dependency.counts:
            return None
        level = len(frames) - 1 - dependency.outer
        found = (path for path, field in _fields(frames[level].columns, ()) if field is dependency.field)
        counts = frames[level].arrays.get(next(found, ()))
        if counts is not None:
            for outer, inner in pairwise(frames[level:]):
                counts = counts.take(pa.array(_elements(outer, inner).owners))
        return counts

    def _count(self, table: Table, dependency: Dependency, counts: Positions, frames: list[Frame]) -> None:
        """Note at the frame of the counting field how many elements the table has there."""
        known = np.ones(len(counts), np.bool_)
        level = len(frames) - 2  # the frame of the table itself
        for _ in range(dependency.outer):
            outer = _elements(frames[level - 1], frames[level])
            counts, known = self._common(table, counts, known, outer, frames[level - 1])
            level -= 1
        frame, key = frames[level], id(dependency.field)
        before = frame.counted.get(key)
        if before is not None:
            differs = before.known & known & (before.counts != counts)
            if differs.any() and not self._lenient:
                raise misfit(frame.path + table.name, differs, _UNEQUAL, _EQUAL, frame.numbers)
            counts, known = np.where(known, counts, before.counts), known | before.known
        frame.counted[key] = Counted(dependency, counts, known)

    def _common(
        self, table: Table, counts: Positions, known: Mask, outer: Elements, frame: Frame
    ) -> tuple[Positions, Mask]:
        """Return the count that all elements of a row have in common."""
        owners, rows = outer.owners, frame.count
        most, least = np.zeros(rows, np.int64), np.full(rows, np.iinfo(np.int64).max)
        np.maximum.at(most, owners[known], counts[known])
        np.minimum.at(least, owners[known], counts[known])
        told = np.zeros(rows, np.bool_)
        told[owners[known]] = True
        differs = told & (most != least)
        if differs.any() and not self._lenient:
            raise misfit(outer.frame.path + table.name, differs, _UNEQUAL, _EQUAL, frame.numbers)
        return most, told


_UNEQUAL, _EQUAL = "lists that one field counts differ in length", "make them equally long"


@dataclass(slots=True)
class _Supply:
    """Columns by path: whole ones, and the occurrences of flattened ones."""

    given: dict[Path, pa.Array]
    occurrences: dict[Path, dict[tuple[int, ...], pa.Array]]

    def expanded(self, path: Path, members: dict[Path, pa.Array]) -> _Supply:
        """Return the same with the members of a struct."""
        return replace(self, given={**self.given, **{(*path, *name): array for name, array in members.items()}})

    def picked(self, path: Path, table: Table, counts: pa.Array | None) -> tuple[Positions, _Supply] | None:
        """Return how many elements each row has, and the elements of all rows, from flattened columns.

        A row has as many as ``counts`` says, else up to the last that has a value.
        """
        below = {key: found for key, found in self.occurrences.items() if key[: len(path)] == path}
        if not below:
            return None
        slots: dict[_Slot, dict[int, pa.Array]] = {}
        for key, found in below.items():
            for index, array in found.items():
                slots.setdefault(((table.name, *key[len(path) :]), index[1:]), {})[index[0]] = array
        rows = len(next(iter(next(iter(slots.values())).values())))
        interleaved = {slot: _interleaved(arrays, table.most, rows) for slot, arrays in slots.items()}
        taken = self._taken(table, counts, interleaved, rows)
        present = pa.array((np.arange(table.most)[None, :] < taken[:, None]).ravel())
        inner = _Supply({}, {})
        for (key, index), array in interleaved.items():
            if index:
                inner.occurrences.setdefault(key, {})[index] = array.filter(present)
            else:
                inner.given[key] = array.filter(present)
        return taken, inner

    def _taken(
        self,
        table: Table,
        counts: pa.Array | None,
        interleaved: dict[tuple[Path, tuple[int, ...]], pa.Array],
        rows: int,
    ) -> Positions:
        if table.depending is None:
            return np.full(rows, table.most, np.int64)
        filled = np.zeros((rows, table.most), np.bool_)
        for array in interleaved.values():
            filled |= np.asarray(array.is_valid()).reshape(rows, table.most)
        last = np.where(filled.any(axis=1), table.most - np.argmax(filled[:, ::-1], axis=1), 0)
        last = np.maximum(last, table.least)
        if counts is None:
            return last.astype(np.int64)
        told = np.asarray(pc.fill_null(counts.cast(pa.int64()), -1))
        return np.where((told >= table.least) & (told <= table.most), told, last).astype(np.int64)


def _elements(outer: Frame, inner: Frame) -> Elements:
    """Return what one frame is to the frame around it."""
    return next(elements for elements in outer.tables.values() if elements.frame is inner)


def _interleaved(arrays: dict[int, pa.Array], most: int, rows: int) -> pa.Array:
    """Return the values of all slots of the first row, then of the second, and so on."""
    kind = next(iter(arrays.values())).type
    slots = [arrays.get(number, pa.nulls(rows, kind)) for number in range(most)]
    order = np.arange(most * rows, dtype=np.int64).reshape(most, rows).T.ravel()
    return pa.concat_arrays(slots).take(pa.array(order))


def _whole(values: pa.ChunkedArray) -> pa.Array:
    """Return the chunks as one array."""
    return pa.concat_arrays([pa.array([], values.type), *values.chunks])


def _fields(columns: Sequence[Column], prefix: Path) -> Iterator[tuple[Path, Field]]:
    """Yield the fields of one frame with their paths."""
    for column in columns:
        if isinstance(column, Group):
            yield from _fields(column.columns, (*prefix, column.name))
        elif isinstance(column, Field):
            yield (*prefix, column.name), column


def _dependencies(columns: Sequence[Column]) -> Iterator[Dependency]:
    for column in columns:
        inner = column.element if isinstance(column, Table) else column
        if isinstance(column, Table) and column.depending is not None:
            yield column.depending
        if isinstance(inner, Group):
            yield from _dependencies(inner.columns)


def _alternatives(columns: Sequence[Column], prefix: Path = ()) -> Iterator[tuple[Path, Column]]:
    """Yield what redefines, renames, or is redefined, of the records' own frame."""
    redefined = {column.redefines for column in columns}
    for column in columns:
        path = (*prefix, column.name)
        if column.redefines is not None or column.name in redefined or column.level == RENAMES:
            yield path, column
        elif isinstance(column, Group):
            yield from _alternatives(column.columns, path)

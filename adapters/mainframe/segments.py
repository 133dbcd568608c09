"""Records of several kinds in one file: which group of the copybook a record holds, which are read, and their ids.

A *segment* is a group that redefines another one and holds only in some records: those in which the discriminator
field has one of its values, or in which a condition is true. ``hierarchy`` puts children into their parents.

Generated ids are those of Cobrix: of level 0 ``prefix_file_record``, the number of the file in the read and of the
record in the file; of a deeper level ``_L1_n`` behind that, counting the records of the level under their root. A
record of no level stays on the one before it; records before the first root are left out. (Cobrix leaves out those
before the first record of any level.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adapters.mainframe import expressions, options
from adapters.mainframe.copybook.layout import Column, Field, Group, Layout, walk
from adapters.mainframe.decoder import Decoder
from adapters.mainframe.expressions import Expression
from adapters.mainframe.options import option_error
from adapters.mainframe.records import NO_RECORDS, Mask, Positions, Records
from foundation.errors import ConfigurationError

OTHERS = "_"
"""Among the values of a level: every value that no level names."""

_SPACES = "".join(map(chr, range(0x21)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """The records of a chunk that make rows."""

    records: Records
    active: Mapping[str, Mask]  # of each segment: in which of the records it holds; see ``Decoder.decode``
    ids: tuple[pa.Array, ...]  # columns of ``Segments.ids``
    filtered: int  # records that are left out


Select = Callable[[Records], Selected]
State = TypeVar("State")


def carrying(select: Callable[[Records, State | None], tuple[Selected, State]]) -> Select:
    """Return what selects from one file, handed its chunks one after the other: hands on what goes on between them."""
    state: State | None = None

    def carried(records: Records) -> Selected:
        nonlocal state
        selected, state = select(records, state)
        return selected

    return carried


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Where the levels stand after a record; at the start of a file nothing has been seen."""

    root: int = -1  # number of the last record of level 0
    level: int = -1  # of the last record that has one
    counts: tuple[int, ...] = ()  # records of each level since that root


@dataclass(frozen=True, slots=True)
class _Condition:
    """A condition and what its names stand for."""

    expression: Expression
    fields: Mapping[str, str]  # a name in the expression: the field, as ``Decoder.decode_one`` finds it

    def holds(self, decoder: Decoder, records: Records) -> Mask:
        values = {name: decoder.decode_one(found, records) for name, found in self.fields.items()}
        return np.asarray(self.expression.holds(values, len(records)))


class Segments:
    """Tells the kinds of records apart. Holds nothing of a file: what goes on from chunk to chunk is handed on.

    Attributes:
        ids: columns with the generated ids, ``Seg_Id0`` and so on, all text; none when no levels are asked for.
        names: of the segments, as the layout has them.
    """

    def __init__(self, asked: options.Segments, layout: Layout, decoder: Decoder) -> None:
        """Prepare to select records.

        Raises:
            ConfigurationError: a group or field is not in the layout, a condition cannot be read or compares what
                cannot be compared, or two groups have one value.
        """
        self._asked, self._layout, self._decoder = asked, layout, decoder
        self._cobrix = layout.profile.name == "cobrix"
        self._values = self._groups_by_value()
        self._conditions = {self._group(name).name: self._condition(name, text) for name, text in asked.when.items()}
        self._levels = {value: level for level, values in enumerate(asked.levels) for value in values}
        self.names = tuple(dict.fromkeys([*self._values.values(), *self._conditions]))
        self.ids = tuple(pa.field(f"Seg_Id{level}", pa.string()) for level in range(len(asked.levels)))
        if asked.field is not None:
            self._field(asked.field)
        elif asked.groups or asked.only is not None or asked.levels:
            raise option_error("segments", "`field` is missing", "name the field that tells the kinds apart")
        decoder.decode(NO_RECORDS, active={name: np.zeros(0, np.bool_) for name in self.names})

    def of_file(self, file: int) -> Select:
        """Return what selects from one file, handed its chunks one after the other; ``file`` is its number."""
        return carrying(lambda records, levels: self.select(records, levels, file))

    def select(self, records: Records, levels: Levels | None = None, file: int = 0) -> tuple[Selected, Levels]:
        """Return the records that are asked for, and where the levels stand behind them.

        Args:
            records: a chunk.
            levels: what the chunk before returned; None at the start of a file.
            file: number of the file, for generated ids.
        """
        values = self.values(records)
        wanted = self.wanted(values)
        found, ids = levels or Levels(), ()
        if self.ids:
            roots, depths, counts, found = self._located(values, records, found)
            wanted = wanted & ((depths if self._cobrix else roots) >= 0)
            ids = self._ids(roots[wanted], depths[wanted], counts[:, wanted], file)
        kept = records if wanted.all() else records.only(wanted)
        active = self.active(records, values)
        selected = Selected(
            records=kept,
            active={name: mask[wanted] for name, mask in active.items()},
            ids=ids,
            filtered=len(records) - len(kept),
        )
        return selected, found

    def values(self, records: Records) -> pa.StringArray:
        """Return the discriminator of each record as text without spaces around it; empty where it is null."""
        if self._asked.field is None:
            return pa.repeat(pa.scalar(""), len(records))
        texts = self._decoder.decode_one(self._asked.field, records).cast(pa.string())
        return pc.utf8_trim(pc.fill_null(texts, ""), _SPACES)

    def wanted(self, values: pa.StringArray) -> Mask:
        """Return which records have a value that ``only`` asks for."""
        if self._asked.only is None:
            return np.ones(len(values), np.bool_)
        return np.asarray(pc.is_in(values, pa.array(self._asked.only, pa.string())))

    def active(self, records: Records, values: pa.StringArray) -> dict[str, Mask]:
        """Return in which records each segment holds."""
        active: dict[str, Mask] = {}
        if self._values:
            chosen = pc.index_in(values, pa.array(list(self._values), pa.string()))
            groups = np.array([self.names.index(name) for name in self._values.values()] + [-1])
            kinds = groups[np.asarray(pc.fill_null(chosen, -1))]  # the last of ``groups`` is that of no value
            active = {name: kinds == self.names.index(name) for name in dict.fromkeys(self._values.values())}
        for name, condition in self._conditions.items():
            holds = condition.holds(self._decoder, records)
            active[name] = active[name] & holds if name in active else holds
        return active

    def kinds(self, records: Records, values: pa.StringArray) -> npt.NDArray[np.int64]:
        """Return which of ``names`` each record holds, the first if several; -1 where none does."""
        kinds = np.full(len(records), -1, np.int64)
        active = self.active(records, values)
        for number, name in reversed(list(enumerate(self.names))):
            kinds[active[name]] = number
        return kinds

    def _located(
        self, values: pa.StringArray, records: Records, before: Levels
    ) -> tuple[Positions, Positions, Positions, Levels]:
        """Return of each record: its root's number, its level, and the records of each level since its root."""
        count, depth = len(records), len(self.ids)
        own = self._own_levels(values)
        places = np.arange(count)
        last = _last(places, own >= 0)  # position of the last record that has a level; -1: in a chunk before
        root = _last(places, own == 0)
        depths = np.where(last >= 0, own[last], before.level)
        roots = np.where(root >= 0, records.numbers[root] if count else root, before.root)
        counts = np.zeros((depth, count), np.int64)
        carried = before.counts or (0,) * depth
        for level in range(1, depth):
            seen = np.cumsum(own == level)
            at_root = np.where(root >= 0, seen[root] if count else seen, -carried[level])
            counts[level] = seen - at_root
        if not count:
            return roots, depths, counts, before
        after = Levels(root=int(roots[-1]), level=int(depths[-1]), counts=tuple(counts[:, -1].tolist()))
        return roots, depths, counts, after

    def _own_levels(self, values: pa.StringArray) -> Positions:
        """Return the level that each value has; -1 for none."""
        told = [value for value in self._levels if value != OTHERS]
        levels = np.array([*(self._levels[value] for value in told), self._levels.get(OTHERS, -1)], np.int64)
        found = pc.index_in(values, pa.array(told, pa.string()))
        own: Positions = levels[np.asarray(pc.fill_null(found, len(told)))]
        return own

    def _ids(self, roots: Positions, depths: Positions, counts: Positions, file: int) -> tuple[pa.Array, ...]:
        root = pc.fill_null(generated(self._asked.id_prefix, file, roots), "")
        ids = [root]
        for level in range(1, len(self.ids)):
            numbers = pa.array(counts[level]).cast(pa.string())
            below = pc.binary_join_element_wise(root, numbers, f"_L{level}_")
            ids.append(pc.if_else(pa.array(depths >= level), below, pa.scalar(None, pa.string())))
        return tuple(ids)

    def _groups_by_value(self) -> dict[str, str]:
        """Return the segment of each value."""
        groups: dict[str, str] = {}
        for name, values in self._asked.groups.items():
            group = self._group(name).name
            for value in values:
                if groups.setdefault(value, group) != group:
                    message = f"the value '{value}' chooses '{groups[value]}' and '{group}'"
                    raise option_error("segments.groups", message, "give each value to one group")
        if self._cobrix and len(set(groups.values())) > 1:
            self._refuse_strangers(set(groups.values()))
        return groups

    def _refuse_strangers(self, names: set[str]) -> None:
        """Refuse, as Cobrix does, groups that do not all redefine the same bytes."""
        siblings: list[Sequence[Column]] = [self._layout.roots]
        siblings += [column.columns for _, column in walk(self._layout.roots) if isinstance(column, Group)]
        sets = [
            {first.name, *(other.name for other in columns if other.redefines == first.name)}
            for columns in siblings
            for first in columns
        ]
        if not any(names <= together for together in sets):
            raise option_error(
                "segments.groups",
                f"{', '.join(sorted(names))} do not redefine one another",
                "name groups that stand on the same bytes by REDEFINES",
            )

    def _group(self, name: str) -> Group:
        found = self._layout.find(name)
        if not isinstance(found, Group):
            raise option_error(
                "segments", f"'{name}' is no group", "name a group that redefines another, or is redefined"
            )
        return found

    def _field(self, name: str) -> Field:
        found = self._layout.find(name)
        if not isinstance(found, Field):
            raise option_error("segments", f"'{name}' is no field", "name the field that tells the kinds apart")
        return found

    def _condition(self, name: str, text: str) -> _Condition:
        expression = expressions.parse(text)
        fields = {found: found for found in expression.names}
        types = {found: self._field(found).type for found in expression.names}
        try:
            expression.holds({found: pa.array([], kind) for found, kind in types.items()}, 0)
        except ConfigurationError as error:
            raise ConfigurationError(
                [replace(problem, path=f"segments.when.{name}") for problem in error.problems]
            ) from None
        return _Condition(expression, fields)


def generated(prefix: str | None, file: int, numbers: Positions) -> pa.StringArray:
    """Return ids of records: ``prefix_file_number``; null for a number below 0."""
    start = "_".join([*([prefix] if prefix else []), str(file), ""])
    texts = pc.binary_join_element_wise(start, pa.array(numbers).cast(pa.string()), "")
    return pc.if_else(pa.array(numbers >= 0), texts, pa.scalar(None, pa.string()))


def _last(places: Positions, wanted: Mask) -> Positions:
    """Return for each record the position of the last wanted one up to and with it; -1 where there is none."""
    return np.maximum.accumulate(np.where(wanted, places, -1)) if len(places) else places

"""Which kind of record belongs to which, and which record to which.

A child belongs to the last record of its parent's kind before it, unless a record of a kind above that parent stands
between the two: a new company ends the departments of the one before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from adapters.mainframe import options
from adapters.mainframe.copybook.layout import Layout, plain, walk
from adapters.mainframe.options import option_error
from adapters.mainframe.records import Positions, Records
from adapters.mainframe.segments import Segments
from foundation.errors import did_you_mean

Kinds = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Which kind of record belongs to which; a kind is the number of its name."""

    names: tuple[str, ...]  # of the segments, in the order of the copybook
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
                    raise option_error("segments.children", f"'{child}' has two parents", "give each group one parent")
                parents[number] = _known(parent, known)
        family = cls(names=tuple(order), parents=tuple(parents))
        for number in range(len(order)):
            if len(family.ancestors(number)) > len(order):
                raise option_error("segments.children", f"'{order[number]}' is its own ancestor", "correct the parents")
        return family

    def kind(self, name: str) -> int:
        """Return the number of the kind called ``name``.

        Raises:
            ConfigurationError: no segment is called so.
        """
        return _known(name, {plain(own): number for number, own in enumerate(self.names)})

    def kinds(self, segments: Segments, records: Records, values: pa.StringArray) -> Kinds:
        """Return the kind of each record, whose discriminator has ``values``; -1: none."""
        order = np.array([*(self.names.index(name) for name in segments.names), -1], np.int64)
        kinds: Kinds = order[segments.kinds(records, values)]
        return kinds

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

    @classmethod
    def nothing(cls, family: Family) -> Seen:
        """Return what has been seen at the start of a file."""
        return cls((-1,) * len(family.names))

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


def _known(name: str, known: Mapping[str, int]) -> int:
    if plain(name) not in known:
        raise option_error(
            "segments",
            f"'{name}' is chosen by no value and no condition",
            f"{did_you_mean(plain(name), list(known))} Give it values in `groups`",
        )
    return known[plain(name)]

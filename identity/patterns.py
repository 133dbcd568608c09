"""Patterns: on which levels pairs of records are, and how many pairs are on the same ones.

That is all that estimating asks of pairs, and of millions of pairs there are some thousand patterns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from identity.comparison import Comparison

Floats = NDArray[np.float64]
Tables = dict[str, Floats]
"""By the name of a comparison, something of each of its levels, missing ones left out: mostly probabilities, which add
up to 1."""
MISSING: Final = -1


@dataclass(frozen=True, slots=True)
class Patterns:
    """Levels of pairs, each combination once."""

    names: tuple[str, ...]  # of the comparisons
    levels: NDArray[np.int64]  # (patterns, comparisons): places among the levels that are not missing, or ``MISSING``
    counts: Floats  # pairs

    def likelihood(self, tables: Tables) -> Floats:
        """Return the probability of every pattern; a missing level has probability 1."""
        result = np.ones(len(self.levels))
        for column, name in enumerate(self.names):
            result *= np.append(tables[name], 1.0)[self.levels[:, column]]
        return result

    def told(self, name: str) -> NDArray[np.int64]:
        """Return the level of every pattern in one comparison, or ``MISSING``."""
        return self.levels[:, self.names.index(name)]

    def sums(self, name: str, values: Floats, size: int) -> Floats:
        """Add up values of the patterns by their level in one comparison, which has ``size``."""
        level = self.told(name)
        tells = level != MISSING
        return np.bincount(level[tells], values[tells], minlength=size).astype(np.float64)


def compared(comparisons: Iterable[Comparison], pairs: str) -> str:
    """Write the query of a table of pairs ``l``, ``r`` of the table ``record``, with the level of each comparison."""
    levels = ", ".join(f"{one.sql('a.{}'.format, 'b.{}'.format)} AS {one.name}" for one in comparisons)
    return f"(SELECT pair.*, {levels} FROM {pairs} pair JOIN record a ON a.i = l JOIN record b ON b.i = r)"  # noqa: S608


def count(connection: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison], pairs: str) -> Patterns:
    """Count the patterns of pairs: of ``compared``, or of a table of the same."""
    names = ", ".join(one.name for one in comparisons)
    table = connection.sql(
        f"SELECT {names}, count(*)::DOUBLE AS pairs FROM {pairs} GROUP BY {names} ORDER BY {names}"  # noqa: S608
    ).fetchnumpy()
    columns = []
    for one in comparisons:
        place = np.cumsum([not level.missing for level in one.levels]) - 1  # among the levels not missing
        place[[level.missing for level in one.levels]] = MISSING
        columns.append(place[table[one.name]])
    levels = np.column_stack(columns).astype(np.int64)
    return Patterns(tuple(one.name for one in comparisons), levels, table["pairs"])


def seen(found: Patterns, comparisons: Iterable[Comparison]) -> Tables:
    """Return how many pairs have each level; comparisons that no pair tells are left out."""
    sizes = {one.name: sum(not level.missing for level in one.levels) for one in comparisons}
    counted = {name: found.sums(name, found.counts, size) for name, size in sizes.items()}
    return {name: counts for name, counts in counted.items() if counts.any()}


def normal(values: Floats) -> Floats:
    """Return values so that they add up to 1."""
    return np.asarray(values / values.sum(), dtype=np.float64)

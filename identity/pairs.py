"""Pairs of many records, weighed in DuckDB.

Records come and are numbered in the order of arrival, so that no table has to be sorted; outside, they are numbered
in the order of their keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from identity import blocking
from identity.clustering import Edges, Ints
from identity.comparison import COMPARISONS, VETOES, Comparison
from identity.evidence import Evidence, evidence
from identity.model import Model, Population
from identity.records import Stored, registered

TILE: Final = 1_000_000
"""Records that pairs are joined with at a time; with all features some 500 MB."""
PAIRS: Final = 25_000_000
"""Pairs, repetitions included, that are made at a time; without repetitions some 100 MB."""

_NO_REORDERING: Final = "SET disabled_optimizers = 'join_order,build_side_probe_side'"
"""Joins as written: what stands on the right is held in memory, what stands on the left flows by."""


@dataclass(frozen=True, slots=True)
class Numbering:
    """Two orders of the same records."""

    order: Ints  # by place in the order of keys: number of arrival
    rank: Ints  # by number of arrival: place in the order of keys

    @classmethod
    def of(cls, arrived: pl.DataFrame) -> Numbering:
        """Number records, given in the order of arrival, by ``key`` and ``record_no``."""
        places = arrived.select(pl.arg_sort_by("key", "record_no")).to_series()
        order = places.cast(pl.Int64).to_numpy()
        rank = np.empty_like(order)
        rank[order] = np.arange(order.size)
        return cls(order, rank)

    def edges(self, pairs: pl.DataFrame) -> Edges:
        """Return weighed pairs (l, r, weight, veto) of numbers of arrival, sorted by their place in the key order."""
        one, other = self.rank[pairs["l"].to_numpy()], self.rank[pairs["r"].to_numpy()]
        left, right = np.minimum(one, other), np.maximum(one, other)
        sorted_ = np.argsort(left << 32 | right)
        weight, veto = pairs["weight"].cast(pl.Int64).to_numpy(), pairs["veto"].to_numpy()
        return Edges(left[sorted_], right[sorted_], weight[sorted_], veto[sorted_])


class Pairs:
    """The pairs of the records of one party type."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        model: Model,
        party_type: str,
        numbering: Numbering,
        *,
        records: Stored,
        keys_table: str,
    ) -> None:
        """Take the records.

        Args:
            connection: where the keys are, and pairs are weighed.
            model: the model version.
            party_type: of all the records.
            numbering: of the records.
            records: features as the model sees them, with ``i``: number of arrival.
            keys_table: their blocking keys.
        """
        self._connection = connection
        self._model = model
        self._party_type = party_type
        self._numbering = numbering
        self._records = records
        self._keys = keys_table
        connection.execute(_NO_REORDERING)

    def edges(self) -> Edges:
        """Return the pairs at or above the review threshold, sorted."""
        rules = blocking.RULES[self._party_type]
        blocks = blocking.blocks(self._connection, self._keys, rules, self._model.common_keys)
        count = self._numbering.order.size
        found = [pl.DataFrame(schema={"l": pl.Int32, "r": pl.Int32, "weight": pl.Int32, "veto": pl.Boolean})]
        for first, end in blocks.ranges(records=TILE, pairs=PAIRS):
            left, right = blocks.pairs(first, end)
            for start in range(first // TILE * TILE, count, TILE):
                inside = (right >= start) & (right < start + TILE)
                found.append(self._weighed(left[inside], right[inside], (first, end), (start, start + TILE)))
        return self._numbering.edges(pl.concat(found))

    def weigh(self, left: Ints, right: Ints) -> Evidence:
        """Weigh the given pairs (places in the key order, ``left`` < ``right``), whatever they prove."""
        comparisons = COMPARISONS[self._party_type]
        surprises = _surprises(comparisons)
        levels = [f"{one.sql(_left, _right)} AS {one.name}" for one in comparisons]
        kept = [f"a.{name}_surprise AS {name}_surprise" for name in surprises]
        one, other = self._numbering.order[left], self._numbering.order[right]
        concerned = np.zeros(self._numbering.order.size, dtype=bool)
        concerned[one] = concerned[other] = True
        frames = {
            "pair_frame": pl.DataFrame({"l": one, "r": other}).cast(pl.Int32).with_row_index("place"),
            "record_frame": self._records.gather(np.flatnonzero(concerned)),
        }
        with registered(self._connection, **frames):
            rows = self._connection.sql(
                f"""
                SELECT place, {", ".join(levels + kept)}, {_SAME_ONLY_SOURCE} AS veto
                FROM pair_frame JOIN record_frame a ON a.i = l JOIN record_frame b ON b.i = r
                """  # noqa: S608
            )
            pairs = pl.DataFrame(rows.to_arrow_table()).sort("place")
        found = pairs.select(one.name for one in comparisons).to_numpy()
        return evidence(
            left,
            right,
            levels=found,
            surprises={name: pairs[f"{name}_surprise"].fill_null(0).cast(pl.Int64).to_numpy() for name in surprises},
            veto=pairs["veto"].to_numpy(),
            party_type=self._party_type,
            population=self._model.populations[self._party_type],
        )

    def _weighed(
        self, left: NDArray[np.int32], right: NDArray[np.int32], lefts: tuple[int, int], rights: tuple[int, int]
    ) -> pl.DataFrame:
        """Return those of the pairs that reach the review threshold: l, r, weight, veto.

        Args:
            left: one record of every pair.
            right: the other.
            lefts: from which to before which number ``left`` goes.
            rights: from which to before which number ``right`` goes.
        """
        population = self._model.populations[self._party_type]
        comparisons = COMPARISONS[self._party_type]
        levels = [f"{one.sql(_left, _right)} AS {one.name}" for one in comparisons]
        kept = [f"a.{name}_surprise" for name in _surprises(comparisons)]
        frames = {
            "pair_frame": pl.DataFrame({"l": left, "r": right}),
            "left_frame": self._records.slice(*lefts),
            "right_frame": self._records.slice(*rights),
        }
        with registered(self._connection, **frames):
            rows = self._connection.sql(
                f"""
                WITH level AS (
                    SELECT l, r, {", ".join(levels + kept)}, {_SAME_ONLY_SOURCE} AS duplicates
                    FROM pair_frame JOIN left_frame a ON a.i = l JOIN right_frame b ON b.i = r
                ),
                weighed AS (
                    SELECT l, r, {_weight(comparisons, population)} AS weight, {_veto(self._party_type)} AS veto
                    FROM level
                )
                FROM weighed WHERE weight >= {self._model.review_threshold}
                """  # noqa: S608
            )
            return pl.DataFrame(rows.to_arrow_table())


_SAME_ONLY_SOURCE: Final = "coalesce(a.only_source = b.only_source, false)"
"""Both are of one source that has a party once."""


def _left(column: str) -> str:
    return f"a.{column}"


def _right(column: str) -> str:
    return f"b.{column}"


def _surprises(comparisons: tuple[Comparison, ...]) -> list[str]:
    """Return the features of which the shared value's surprise counts."""
    return sorted({level.frequency for one in comparisons for level in one.levels if level.frequency})


def _weight(comparisons: tuple[Comparison, ...], population: Population) -> str:
    """Write the weight of a pair from its levels: the smaller of those against strangers and against relatives."""
    stranger = " + ".join(_adds(one, population, against="stranger") for one in comparisons)
    relative = " + ".join(_adds(one, population, against="relative") for one in comparisons)
    return f"least({population.stranger_prior} + {stranger}, {population.relative_prior} + {relative})::INTEGER"


def _veto(party_type: str) -> str:
    """Write whether the levels of a pair, or their source, rule out that the two are one party."""
    ruled_out = ["duplicates"]
    for veto in VETOES[party_type]:
        levels = [
            f"{COMPARISONS[party_type][place].name} IN ({', '.join(map(str, sorted(numbers)))})"
            for place, numbers in veto.places(party_type)
        ]
        ruled_out.append(f"({' AND '.join(levels)})")
    return " OR ".join(ruled_out)


def _adds(one: Comparison, population: Population, *, against: str) -> str:
    """Write what a comparison adds to the weight of a pair, from its level."""
    known = {level.name: level for level in population.comparisons[one.name]}
    cases = []
    for number, level in enumerate(one.levels):
        if not level.missing:
            surprise = f" + {level.frequency}_surprise" if level.frequency and against == "stranger" else ""
            cases.append(f"WHEN {number} THEN {getattr(known[level.name], against)}{surprise}")
    return f"(CASE {one.name} {' '.join(cases)} ELSE 0 END)"

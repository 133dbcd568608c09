"""Pairs of many records, weighed in DuckDB.

Records come and are numbered in the order of arrival, so that no table has to be sorted; outside, they are numbered
in the order of their keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from identity import blocking
from identity.clustering import Edges
from identity.comparison import COMPARISONS, VETOES, Comparison, frequencies
from identity.evidence import Evidence, Ints, evidence
from identity.model import Model, Population
from identity.packing import LISTS
from identity.records import Stored, surprise

PAIRS: Final = 15_000_000
"""Pairs, repetitions included, that are made at a time; without repetitions some 60 MB."""
ROWS: Final = 100_000
"""Pairs handed to DuckDB at a time, with the features of both records: some 80 MB."""

Rows = NDArray[np.integer]
"""Rows of a frame, by number."""


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
            records: features as the model sees them, ``compact``.
            keys_table: their blocking keys.
        """
        self._connection = connection
        self._model = model
        self._party_type = party_type
        self.numbering = numbering
        self._records = records
        self._keys = keys_table
        comparisons = COMPARISONS[party_type]
        surprises = _surprises(comparisons)
        self._columns = columns(party_type)
        found = [f"{one.sql(_left, _right)} AS {one.name}" for one in comparisons]
        kept = [f"{_left(name)} AS {name}" for name in surprises]
        self._compared = f"SELECT place, {', '.join(found + kept)}, {_SAME_ONLY_SOURCE} AS duplicates FROM pair"  # noqa: S608

    def edges(self) -> Edges:
        """Return the pairs at or above the review threshold, sorted."""
        rules = blocking.RULES[self._party_type]
        blocks = blocking.blocks(self._connection, self._keys, rules, self._model.common_keys)
        found = [pl.DataFrame(schema={"l": pl.Int32, "r": pl.Int32, "weight": pl.Int32, "veto": pl.Boolean})]
        for left, right in blocks.pieces(tile=self._records.per_tile, pairs=PAIRS):
            weighed = self._weighed(self._sides(left, right))
            place = weighed["place"].to_numpy()
            found.append(weighed.select("weight", "veto", l=pl.Series(left[place]), r=pl.Series(right[place])))
        return self.numbering.edges(pl.concat(found, how="diagonal"))

    def weigh(self, left: Ints, right: Ints) -> Evidence:
        """Weigh the given pairs (places in the key order, ``left`` < ``right``), whatever they prove."""
        comparisons = COMPARISONS[self._party_type]
        numbers, rows = np.unique(self.numbering.order[np.concatenate([left, right])], return_inverse=True)
        records = self._records.gather(numbers, self._columns)
        sides = _side_by_side(records, rows[: left.size], records, rows[left.size :], np.arange(left.size))
        pairs = self._of_pairs(self._compared, sides).sort("place")
        return evidence(
            left,
            right,
            levels=pairs.select(one.name for one in comparisons).to_numpy(),
            surprises={
                name: pairs[surprise(name)].fill_null(0).cast(pl.Int64).to_numpy() for name in frequencies(comparisons)
            },
            veto=pairs["duplicates"].to_numpy(),
            party_type=self._party_type,
            population=self._model.populations[self._party_type],
        )

    def _sides(self, left: Rows, right: Rows) -> Iterator[pa.Table]:
        """Yield pairs of records (``_side_by_side``), the left ones of one tile, the right ones tile by tile."""
        tile = self._records.per_tile
        here = int(left[0]) // tile
        lefts = self._records.tile(here, self._columns)
        tile_of = right // tile
        for there in np.unique(tile_of).tolist():
            places = np.flatnonzero(tile_of == there)
            rights = self._records.tile(there, self._columns)
            yield from _side_by_side(lefts, left[places] - here * tile, rights, right[places] - there * tile, places)

    def _weighed(self, pairs: Iterator[pa.Table]) -> pl.DataFrame:
        """Return those of the pairs (``_side_by_side``) that reach the review threshold: place, weight, veto."""
        weight = _weight(COMPARISONS[self._party_type], self._model.populations[self._party_type])
        weighed = f"SELECT place, {weight} AS weight, {_veto(self._party_type)} AS veto FROM ({self._compared})"  # noqa: S608
        query = f"FROM ({weighed}) WHERE weight >= {self._model.review_threshold}"
        return self._of_pairs(query, pairs)

    def _of_pairs(self, query: str, pairs: Iterator[pa.Table]) -> pl.DataFrame:
        """Answer a query of the table ``pair``, of which there is a first piece; rows come in any order."""
        first = next(pairs)
        batches = chain.from_iterable(piece.to_batches() for piece in chain([first], pairs))
        self._connection.register("pair", pa.RecordBatchReader.from_batches(first.schema, batches))
        answer = pl.DataFrame(self._connection.sql(query).to_arrow_table())
        self._connection.unregister("pair")
        return answer


def columns(party_type: str) -> list[str]:
    """Return what pairs are weighed by: columns of features as the model sees them."""
    comparisons = COMPARISONS[party_type]
    compared = dict.fromkeys(column for one in comparisons for column in one.columns)
    return [*compared, *_surprises(comparisons), "only_source"]


def compact(party_type: str) -> list[pl.Expr]:
    """Return these columns as pairs are weighed by them: what is only the same or another stands as a 64-bit hash.

    That is smaller, and compared in a sixth less time. Among a billion pairs a value is taken for another of its hash
    once in a billion times.
    """
    comparisons = COMPARISONS[party_type]
    read = frozenset().union(*(one.read for one in comparisons), _surprises(comparisons))
    return [pl.col(name) if name in read else _hashed(name) for name in columns(party_type)]


def _hashed(name: str) -> pl.Expr:
    if name in LISTS:
        return pl.col(name).list.eval(pl.element().hash())
    return pl.when(pl.col(name).is_not_null()).then(pl.col(name).hash()).alias(name)


def _surprises(comparisons: Iterable[Comparison]) -> list[str]:
    return [surprise(name) for name in frequencies(comparisons)]


def _side_by_side(
    lefts: pl.DataFrame, left: Rows, rights: pl.DataFrame, right: Rows, places: Rows
) -> Iterator[pa.Table]:
    """Yield pairs of rows, some at a time: ``place`` UInt32 as given, ``l_…`` and ``r_…`` the columns of either side.

    Putting rows side by side by their number takes a third of what a join by it does, and no preparation.
    """
    lefts, rights = lefts.rename(_left), rights.rename(_right)
    for start in range(0, max(left.size, 1), ROWS):
        some = slice(start, start + ROWS)
        place = pl.DataFrame({"place": places[some]}, schema={"place": pl.UInt32})
        pairs = pl.concat([place, lefts[left[some]], rights[right[some]]], how="horizontal")
        yield pairs.to_arrow(compat_level=pl.CompatLevel.newest())


_left, _right = "l_{}".format, "r_{}".format


_SAME_ONLY_SOURCE: Final = f"coalesce({_left('only_source')} = {_right('only_source')}, false)"
"""Both are of one source that has a party once."""


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
    cases = []
    for number, (level, known) in enumerate(zip(one.levels, population.levels(one), strict=True)):
        if known:
            added = f" + {surprise(level.frequency)}" if level.frequency and against == "stranger" else ""
            cases.append(f"WHEN {number} THEN {getattr(known, against)}{added}")
    return f"(CASE {one.name} {' '.join(cases)} ELSE 0 END)"

"""Sampling: the records and pairs that parameters are estimated from.

Parameters need no more pairs when there are more records, so samples have a fixed size. A sample of records is one by
key, which is a hash: the same in any order. It keeps the share of the square of pairs; so blocking passes are sampled
by block, which keeps the pairs of a block together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import duckdb
import polars as pl

from identity.comparison import COMPARISONS, Comparison
from identity.counting import ENOUGH_VALUES
from identity.features import SCHEMA
from identity.model import Model
from identity.patterns import compared
from identity.records import create_records

ENOUGH_RECORDS: Final = 1000
"""Records of a party type from which its parameters are estimated; with fewer they stay at the prior."""
SAMPLED_RECORDS: Final = 100_000
"""Records of a party type of which the candidates are looked at to estimate r and the priors."""
PASS_PAIRS: Final = 30_000
"""Pairs of one blocking pass from which m is estimated, about. With twice as many no F1 that was tried rises."""
KNOWN_SHARE: Final = 0.5
"""Share of the records that must carry an identifier for its pairs to stand for all: those of a few sources with
clean data would not."""
MILLION: Final = 1_000_000
"""Parts of the keys, of which a sample of records takes some."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One blocking pass of the estimation of m: pairs that agree in all of ``on``."""

    on: tuple[str, ...]  # features; of a list its first value
    by: tuple[str, ...]  # of these, those whose values are sampled: passes that share them share the records too

    @property
    def rule(self) -> str:
        """The pass as a condition on two records, ``l`` and ``r``."""
        return " AND ".join(f"{_value(name, 'l.')} = {_value(name, 'r.')}" for name in self.on)

    def decides(self, comparison: Comparison) -> bool:
        """Tell whether the comparison looks at what the pairs agree in anyway."""
        return not set(self.on).isdisjoint(comparison.columns)

    def teaches(self, comparisons: Iterable[Comparison]) -> bool:
        """Tell whether the pairs tell anything of one of the comparisons."""
        return not all(map(self.decides, comparisons))


PASSES: Final[Mapping[str, tuple[Pass, ...]]] = MappingProxyType(
    {
        "person": (
            Pass(("given", "family"), ("given", "family")),
            Pass(("birth_date", "family"), ("birth_date",)),
            Pass(("birth_date", "postcodes"), ("birth_date",)),
            Pass(("birth_date", "birth_place"), ("birth_date",)),
            Pass(("birth_date", "phones"), ("birth_date",)),
            Pass(("birth_date", "emails"), ("birth_date",)),
        ),
        "organisation": (
            Pass(("organisation", "areas", "branch"), ("organisation",)),
            Pass(("organisation", "phones", "branch"), ("organisation",)),
            Pass(("registrations", "branch"), ("registrations",)),
            Pass(("ibans", "branch"), ("ibans",)),
        ),
    }
)
"""Such that many of the pairs, but not all, are one party. None leans on contact points alone, which families and
companies of one group share; and none takes two branches of one company for one party."""

KNOWN: Final[Mapping[str, Pass]] = MappingProxyType(
    {
        "person": Pass(("national_ids",), ("national_ids",)),
        "organisation": Pass(("registrations", "branch"), ("registrations",)),
    }
)
"""Pairs that share an identifier of which one party has one, and no two the same."""


def _value(name: str, of: str = "") -> str:
    """Write the value of a feature that a pass blocks on; two names that name no branch agree in that."""
    if name == "branch":
        return f"coalesce({of}branch, '')"
    return f"{of}{name}[1]" if isinstance(SCHEMA[name], pl.List) else f"{of}{name}"


def pairs_of(
    connection: duckdb.DuckDBPyConnection,
    passes: Iterable[Pass],
    records: str,
    condition: str = "true",
    *,
    every: int = 1,
) -> dict[Pass, int]:
    """Count the pairs of blocking passes, from the sizes of their blocks.

    Args:
        connection: where the records are.
        passes: blocking passes.
        records: name of a table of features.
        condition: on the records that are looked at, as SQL.
        every: of so many blocks one is looked at, and stands for the others.
    """
    columns = {f"block_{place}": one for place, one in enumerate(passes)}
    if not columns:
        return {}
    blocks = ", ".join(f"{_block(one.on)} AS {name}" for name, one in columns.items())
    counts = ", ".join(
        f"(SELECT sum(n * (n - 1) // 2)::BIGINT FROM"  # noqa: S608
        f" (SELECT count(*) AS n FROM block WHERE {name} % {every} = 0 GROUP BY {name}))"
        for name in columns
    )
    [pairs] = connection.sql(
        f"WITH block AS MATERIALIZED (SELECT {blocks} FROM {records} WHERE {condition}) SELECT {counts}"  # noqa: S608
    ).fetchall()
    return {one: int(found or 0) * every for one, found in zip(columns.values(), pairs, strict=True)}


def _block(names: Iterable[str]) -> str:
    """Write a number for the values of features that a pass blocks on; null where one is missing."""
    values = [_value(name) for name in names]
    present = " AND ".join(f"{value} IS NOT NULL" for value in values)
    return f"CASE WHEN {present} THEN hash({', '.join(values)}) END"


@dataclass(frozen=True, slots=True)
class Sample:
    """Records of one party type, and why they are here.

    ``random`` are those picked by key alone, ``slice_0`` … those in the blocks of passes, ``decided`` those that people
    decided about.
    """

    party_type: str
    all_records: int  # of the type
    records: pl.DataFrame  # features, and these columns
    passes: Mapping[Pass, str]  # those with enough pairs, and the slice in which each finds them
    known: Pass | None  # the pass of pairs known to be one party, where they stand for all

    def create_records(self, connection: duckdb.DuckDBPyConnection, model: Model) -> None:
        """Make the table ``record`` of the records as linking compares them, with ``i``, numbered by key."""
        by_key = pl.arg_sort_by("key", "record_no").arg_sort()  # the place of each
        # No level depends on how rare a value is.
        create_records(connection, self.records.with_columns(i=by_key.cast(pl.Int32)), replace(model, frequencies={}))

    def create_pairs(self, connection: duckdb.DuckDBPyConnection, comparisons: Iterable[Comparison]) -> dict[Pass, str]:
        """Make the table ``passed`` of the pairs of all passes, each once, with ``pass_0`` … and their levels.

        Returns:
            The passes that have pairs still, and the column that tells which: many may have been of generic values.
        """
        columns = {one: f"pass_{place}" for place, one in enumerate(self.passes)}
        found = ["SELECT NULL::INTEGER AS l, NULL::INTEGER AS r, '' AS pass WHERE false"]
        found += [
            f"SELECT l.i, r.i, '{columns[one]}' FROM record l JOIN record r ON {one.rule} AND l.i < r.i"  # noqa: S608
            f" WHERE l.{part} AND r.{part}"
            for one, part in self.passes.items()
        ]
        flags = "".join(f", bool_or(pass = '{name}') AS {name}" for name in columns.values())
        pairs = f"(SELECT l, r{flags} FROM ({' UNION ALL '.join(found)}) GROUP BY l, r)"  # noqa: S608
        connection.execute(f"CREATE OR REPLACE TEMP TABLE passed AS FROM {compared(comparisons, pairs)}")
        counts = "".join(f", count(*) FILTER ({name})" for name in columns.values())
        [(_, *pairs_of_each)] = connection.sql(f"SELECT count(*){counts} FROM passed").fetchall()  # noqa: S608
        return {one: columns[one] for one, pairs in zip(columns, pairs_of_each, strict=True) if pairs}


def samples(
    connection: duckdb.DuckDBPyConnection, records: Mapping[str, int], decisions: pl.DataFrame
) -> dict[str, Sample]:
    """Pick the records of every party type that parameters are estimated from; all are read once.

    Makes the view ``decision`` of the decisions.

    Args:
        connection: where ``feature`` is (``identity.counting``).
        records: how many there are of each party type.
        decisions: ``identity.linking.DECISION_SCHEMA``.
    """
    connection.register("decision", decisions.to_arrow())
    passes: dict[str, dict[Pass, str]] = {party_type: {} for party_type in COMPARISONS}
    known: dict[str, Pass] = {}
    tests: dict[str, list[str]] = {"random": ["false"], "decided": ["false"]}
    for party_type, count in records.items():
        if count < ENOUGH_RECORDS:
            continue
        of_type = f"party_type = '{party_type}'"
        if _carriers(connection, KNOWN[party_type], of_type) >= KNOWN_SHARE * count:
            known[party_type] = KNOWN[party_type]
        asked = dict.fromkeys((*PASSES[party_type], *filter(None, [known.get(party_type)])))
        passes[party_type], found = _slices(connection, asked, of_type, count)
        found["random"] = f"key % {MILLION} < {math.ceil(MILLION * SAMPLED_RECORDS / count)}"
        found["decided"] = "record_no IN (SELECT a FROM decision UNION SELECT b FROM decision)"
        for name, test in found.items():
            tests.setdefault(name, []).append(f"({of_type} AND {test})")
    flags = ", ".join(f"({' OR '.join(of_types)}) AS {name}" for name, of_types in tests.items())
    frame = connection.sql(f"SELECT *, {flags} FROM feature WHERE {' OR '.join(tests)}").pl()  # noqa: S608
    return {
        party_type: Sample(
            party_type,
            records.get(party_type, 0),
            frame.filter(pl.col("party_type") == party_type),
            passes[party_type],
            known.get(party_type),
        )
        for party_type in COMPARISONS
    }


def _carriers(connection: duckdb.DuckDBPyConnection, known: Pass, of_type: str) -> int:
    """Return how many records have an identifier by which pairs are known."""
    [(carriers,)] = connection.sql(f"SELECT count({known.on[0]}) FROM feature WHERE {of_type}").fetchall()  # noqa: S608
    return int(carriers)


def _slices(
    connection: duckdb.DuckDBPyConnection, passes: Iterable[Pass], of_type: str, records: int
) -> tuple[dict[Pass, str], dict[str, str]]:
    """Return the passes with enough pairs and the slice in which each finds them, and what records are in a slice."""
    every = math.ceil(records / SAMPLED_RECORDS)
    pairs = pairs_of(connection, passes, "feature", of_type, every=every)
    useful = {one: count for one, count in pairs.items() if count >= ENOUGH_VALUES}
    parts: dict[tuple[str, ...], int] = {}
    for one, count in useful.items():
        parts[one.by] = max(parts.get(one.by, 1), math.ceil(count / PASS_PAIRS))
    slices = {by: f"slice_{number}" for number, by in enumerate(sorted(parts))}
    tests = {name: f"coalesce({_block(by)} % {parts[by]} = 0, false)" for by, name in slices.items()}
    return {one: slices[one.by] for one in useful}, tests

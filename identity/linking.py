"""Linking in bulk: from features to edges and clusters, as a pure function of records, decisions and model.

Steps, each a named DuckDB table over Arrow-registered frames: ``record`` (features without generic values, each
with the surprise of its values), ``candidate`` (pairs from blocking), ``edge`` (pairs with their weight). Clusters
are made from the edges by ``identity.clustering``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from identity import blocking, clustering
from identity.comparison import COMPARISONS, Comparison
from identity.evidence import Evidence, evidence
from identity.model import Model, Population

MUST_LINK: Final = "must_link"
NEVER_LINK: Final = "never_link"

EDGE_SCHEMA = pl.Schema({"a": pl.Int64, "b": pl.Int64, "weight": pl.Int32, "veto": pl.Boolean})
CLUSTER_SCHEMA = pl.Schema({"record_no": pl.Int64, "cluster": pl.Int64, "key": pl.UInt64})
CONFLICT_SCHEMA = pl.Schema({"a": pl.Int64, "b": pl.Int64, "weight": pl.Int32, "reason": pl.String})
DECISION_SCHEMA = pl.Schema({"a": pl.Int64, "b": pl.Int64, "kind": pl.String})


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """Which records are one party, and what speaks for and against it."""

    edges: (
        pl.DataFrame
    )  # EDGE_SCHEMA, weight in 1/1000 bit: pairs at or above the review threshold, a's key the smaller
    clusters: pl.DataFrame  # CLUSTER_SCHEMA: every record once; a cluster is named by its record of smallest key
    conflicts: pl.DataFrame  # CONFLICT_SCHEMA: pairs that would link but were kept apart, and why


def link(features: pl.DataFrame, decisions: pl.DataFrame, model: Model) -> Linked:
    """Link records that are the same party.

    Args:
        features: the features frame of all live records (``identity.features.SCHEMA``), in any order.
        decisions: ``a``, ``b`` (record_no) and ``kind`` (must_link, never_link); pairs of records that are not in
            ``features`` are left out. A never-link beats a must-link.
        model: the model version.
    """
    ordered = features.sort("key", "record_no")
    by_type = {name: ordered.filter(pl.col("party_type") == name) for name in COMPARISONS}
    parts = [
        _link_population(records, decisions, model, party_type)
        for party_type, records in by_type.items()
        if records.height
    ]
    return Linked(
        edges=pl.concat([pl.DataFrame(schema=EDGE_SCHEMA), *(part.edges for part in parts)]),
        clusters=pl.concat([pl.DataFrame(schema=CLUSTER_SCHEMA), *(part.clusters for part in parts)]),
        conflicts=pl.concat([_crossed_decisions(ordered, decisions), *(part.conflicts for part in parts)]),
    )


def _link_population(records: pl.DataFrame, decisions: pl.DataFrame, model: Model, party_type: str) -> Linked:
    """Link the records of one party type; they come ordered by key."""
    numbered = records.with_row_index("i").with_columns(pl.col("i").cast(pl.Int32))
    record_no = records["record_no"].to_numpy()
    with database() as connection:
        create_records(connection, numbered, model)
        blocking.create_candidates(connection, "record", blocking.RULES[party_type], model.common_keys)
        population = model.populations[party_type]
        create_edges(connection, "candidate", "edge", party_type, population)
        pairs = _edges_of(connection, "edge")
        partition = clustering.partition(
            nodes=numbered.height,
            edges=pairs,
            decisions=_local_decisions(numbered, decisions),
            threshold=model.link_threshold,
            weigh=lambda left, right: weigh(connection, left, right, party_type, population),
        )
    kept = pairs.where(pairs.weight >= model.review_threshold)
    return Linked(
        edges=_named(kept, record_no, veto=pl.Series(kept.veto)),
        clusters=pl.DataFrame(
            {"record_no": record_no, "cluster": record_no[partition.label], "key": numbered["key"]},
            schema=CLUSTER_SCHEMA,
        ),
        conflicts=_named(partition.refused, record_no, reason=pl.Series(partition.reasons, dtype=pl.String)),
    )


def _edges_of(connection: duckdb.DuckDBPyConnection, table: str) -> clustering.Edges:
    """Read a table of weighed pairs."""
    pairs = connection.sql(f"SELECT l, r, weight, veto FROM {table}").to_arrow_table()  # noqa: S608
    left, right, weight = (pairs[name].to_numpy().astype(np.int64) for name in ("l", "r", "weight"))
    return clustering.Edges(left, right, weight, pairs["veto"].to_numpy())


def _named(pairs: clustering.Edges, record_no: NDArray[np.int64], **more: pl.Series) -> pl.DataFrame:
    """Return pairs by record_no, heaviest first, ties to the smaller keys; with more columns where given."""
    columns = {"l": pairs.left, "r": pairs.right, "weight": pairs.weight}
    numbered = pl.DataFrame(columns).with_columns(**more)
    return numbered.sort(["weight", "l", "r"], descending=[True, False, False]).select(
        a=pl.lit(record_no).gather("l"),
        b=pl.lit(record_no).gather("r"),
        weight=pl.col("weight").cast(pl.Int32),
        **{name: pl.col(name) for name in more},
    )


@contextmanager
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an in-memory DuckDB that draws no progress bar."""
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("SET enable_progress_bar = false")
        yield connection
    finally:
        connection.close()


def create_records(connection: duckdb.DuckDBPyConnection, numbered: pl.DataFrame, model: Model) -> None:
    """Make the table ``record``: the features with ``i``, without generic values, with a surprise per value.

    The surprise columns are named ``<feature>_surprise``, Int32 in 1/1000 bit, null where the feature is.
    """
    specific = numbered.with_columns(
        without_generic(name, numbered.schema[name], values) for name, values in model.generic.items() if values
    )
    surprising = specific.with_columns(
        pl.when(pl.col(name).is_not_null())
        .then(pl.col(name).replace_strict(dict(table.surprise) or {"": 0}, default=table.unseen, return_dtype=pl.Int32))
        .alias(f"{name}_surprise")
        for name, table in model.frequencies.items()
    )
    connection.register("record_frame", surprising.to_arrow())
    connection.execute("CREATE OR REPLACE TEMP TABLE record AS SELECT * FROM record_frame ORDER BY i")
    connection.unregister("record_frame")


def without_generic(name: str, dtype: pl.DataType, values: Iterable[str]) -> pl.Expr:
    """Return the feature ``name`` with the generic values made null, or taken out of a list."""
    known = pl.Series(sorted(values), dtype=pl.String)
    if dtype == pl.List(pl.String):
        kept = pl.col(name).list.set_difference(pl.lit(known).implode())
        return pl.when(kept.list.len() > 0).then(kept.list.sort()).alias(name)
    return pl.when(~pl.col(name).is_in(known.implode())).then(pl.col(name)).alias(name)


def create_edges(
    connection: duckdb.DuckDBPyConnection,
    pairs: str,
    table: str,
    party_type: str,
    population: Population,
) -> None:
    """Make a table of ``l``, ``r``, ``weight`` INTEGER, ``veto`` BOOLEAN from a table of pairs.

    Args:
        connection: where ``record`` and the pairs are.
        pairs: table with ``l`` and ``r``.
        table: name of the new table.
        party_type: which comparisons.
        population: their weights.
    """
    comparisons = COMPARISONS[party_type]
    levels = ", ".join(f"{one.sql(_left, _right)} AS {one.name}" for one in comparisons)
    surprises = {level.frequency for one in comparisons for level in one.levels if level.frequency}
    kept = ", ".join(f"a.{name}_surprise" for name in sorted(surprises))
    stranger = " + ".join(_weight_sql(one, population, against="stranger") for one in comparisons)
    relative = " + ".join(_weight_sql(one, population, against="relative") for one in comparisons)
    vetoes = [f"{one.name} = {number}" for one in comparisons for number, level in enumerate(one.levels) if level.veto]
    veto = " OR ".join(vetoes) or "false"
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {table} AS
        WITH level AS (
            SELECT l, r, {levels}{", " if kept else ""}{kept}
            FROM {pairs} JOIN record a ON a.i = l JOIN record b ON b.i = r
        )
        SELECT l, r, least(
            {population.stranger_prior} + {stranger},
            {population.relative_prior} + {relative}
        )::INTEGER AS weight, {veto} AS veto
        FROM level
        """  # noqa: S608
    )


def _left(column: str) -> str:
    return f"a.{column}"


def _right(column: str) -> str:
    return f"b.{column}"


def _weight_sql(one: Comparison, population: Population, *, against: str) -> str:
    """Write the weight of a comparison's level, by its number."""
    weights = {level.name: level for level in population.comparisons[one.name]}
    cases = []
    for number, level in enumerate(one.levels):
        if level.missing:
            continue
        value = weights[level.name]
        text = str(value.stranger if against == "stranger" else value.relative)
        if level.frequency and against == "stranger":
            text += f" + {level.frequency}_surprise"
        cases.append(f"WHEN {number} THEN {text}")
    return f"(CASE {one.name} {' '.join(cases)} ELSE 0 END)"


def weigh(
    connection: duckdb.DuckDBPyConnection,
    left: clustering.Ints,
    right: clustering.Ints,
    party_type: str,
    population: Population,
) -> Evidence:
    """Weigh the given pairs (``left`` < ``right``), whatever they prove."""
    comparisons = COMPARISONS[party_type]
    surprises = sorted({level.frequency for one in comparisons for level in one.levels if level.frequency})
    columns = [f"{one.sql(_left, _right)} AS {one.name}" for one in comparisons]
    columns += [f"coalesce(a.{name}_surprise, 0)::BIGINT AS {name}_surprise" for name in surprises]
    connection.register("pair_frame", pl.DataFrame({"l": left, "r": right}).cast(pl.Int32).to_arrow())
    pairs = connection.sql(
        f"SELECT l, r, {', '.join(columns)} FROM pair_frame JOIN record a ON a.i = l JOIN record b ON b.i = r"  # noqa: S608
    ).to_arrow_table()
    connection.unregister("pair_frame")
    levels = np.column_stack([pairs[one.name].to_numpy() for one in comparisons])
    vetoed = [[level.veto for level in one.levels] for one in comparisons]
    return evidence(
        pairs["l"].to_numpy().astype(np.int64),
        pairs["r"].to_numpy().astype(np.int64),
        levels=levels,
        surprises={name: pairs[f"{name}_surprise"].to_numpy() for name in surprises},
        veto=np.logical_or.reduce([np.array(veto)[levels[:, column]] for column, veto in enumerate(vetoed)]),
        party_type=party_type,
        population=population,
    )


def _local_decisions(numbered: pl.DataFrame, decisions: pl.DataFrame) -> clustering.Decisions:
    """Return the decisions about these records, by their number."""
    index = numbered.select("record_no", "i")
    local = (
        decisions.select("a", "b", "kind")
        .join(index.rename({"record_no": "a", "i": "l"}), on="a")
        .join(index.rename({"record_no": "b", "i": "r"}), on="b")
        .select("kind", l=pl.min_horizontal("l", "r"), r=pl.max_horizontal("l", "r"))
        .filter(pl.col("l") != pl.col("r"))
        .unique()
        .sort("l", "r")
    )

    def pairs(kind: str) -> list[tuple[int, int]]:
        return local.filter(pl.col("kind") == kind).select("l", "r").rows()

    return clustering.Decisions(must_link=pairs(MUST_LINK), never_link=pairs(NEVER_LINK))


def _crossed_decisions(records: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """Return the must-links between a person and an organisation as conflicts: they are never one party."""
    index = records.select("record_no", "party_type", "key")
    return (
        decisions.filter(pl.col("kind") == MUST_LINK)
        .select("a", "b")
        .join(index.rename({"record_no": "a", "party_type": "type_a", "key": "key_a"}), on="a")
        .join(index.rename({"record_no": "b", "party_type": "type_b", "key": "key_b"}), on="b")
        .filter(pl.col("type_a") != pl.col("type_b"))
        .sort("key_a", "key_b")
        .select("a", "b", weight=pl.lit(None, dtype=pl.Int32), reason=pl.lit("party_type"))
    )

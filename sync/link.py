"""Link everything anew: by which engine, and what of it is kept for matching changes later."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

import polars as pl

from identity import blocking, linking, packing
from identity.linking import Linked
from identity.model import Model
from store import matching, resolving
from store.engine import Held, Store

CHUNK_ROWS: Final = 100_000
"""Rows of the matcher's tables written in one transaction."""


class Engine(StrEnum):
    """What links in bulk."""

    DUCKDB = "duckdb"  # in this process
    SPARK = "spark"  # on a cluster, where an estate outgrows one machine


def link(features: pl.DataFrame, decisions: pl.DataFrame, model: Model, engine: Engine) -> Linked:
    """Link all live parties; the result is the same whatever the engine."""
    return linking.link(features, decisions, model)


def fill(store: Store, held: Held, features: pl.DataFrame, linked: Linked, model: Model) -> None:
    """Keep what matching a change needs of everything that was linked, in place of what was kept before.

    While it is incomplete, the store says so: whoever comes after a crash links everything anew.
    """
    with store.write(held) as connection:
        resolving.begin_anew(connection)
        matching.clear(connection)
    for start in range(0, features.height, CHUNK_ROWS):
        with store.write(held) as connection:
            matching.fill_features(connection, [packing.pack(features[start : start + CHUNK_ROWS])])
    for keys in _keys(features, model):
        with store.write(held) as connection:
            matching.fill_keys(connection, [keys])
    edges = linked.edges
    for start in range(0, edges.height, CHUNK_ROWS):
        with store.write(held) as connection:
            matching.fill_edges(connection, [edges[start : start + CHUNK_ROWS]])


def _keys(features: pl.DataFrame, model: Model) -> Iterator[pl.DataFrame]:
    """Yield the blocking keys of all records but common ones, by hash: hash, record_no."""
    common = pl.DataFrame({"hash": sorted(model.common_keys)}, schema={"hash": pl.Int64})
    with linking.database() as connection:
        connection.register("common_frame", common.to_arrow())
        for party_type, rules in blocking.RULES.items():
            records = features.filter(pl.col("party_type") == party_type).with_row_index("i")
            linking.create_records(connection, records.with_columns(pl.col("i").cast(pl.Int32)), model)
            table = blocking.create_keys(connection, "record", rules)
            found = connection.sql(
                f"SELECT DISTINCT hash, record_no FROM {table} JOIN record USING (i)"  # noqa: S608
                " ANTI JOIN common_frame USING (hash) ORDER BY hash, record_no"
            )
            for batch in found.to_arrow_reader(CHUNK_ROWS):
                yield pl.DataFrame(pl.from_arrow(batch))

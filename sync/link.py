"""Link everything anew: by which engine, and what of it is kept for matching changes later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final

import polars as pl

from identity import features, linking, packing
from identity.linking import Gathered, Linked
from identity.model import Model
from store import matching, resolving
from store.engine import Held, Store

CHUNK_ROWS: Final = 100_000
"""Rows of the matcher's tables written in one transaction."""


class Engine(StrEnum):
    """What links in bulk."""

    DUCKDB = "duckdb"  # in this process
    SPARK = "spark"  # on a cluster, where an estate outgrows one machine


def landed(store: Store) -> Iterator[pl.DataFrame]:
    """Yield the features of all live parties; neither they nor their contents stand in memory together."""
    return (features.compute(parties) for parties in resolving.live_parties(store))


def link(found: Iterable[pl.DataFrame], decisions: pl.DataFrame, model: Model, engine: Engine) -> Linked:
    """Link records; the result is the same whatever the engine.

    Args:
        found: their features.
        decisions: see ``linking.link``.
        model: the model version.
        engine: what weighs the pairs.

    Raises:
        ConfigurationError: Spark is not installed, or does not start.
    """
    if engine is Engine.DUCKDB:
        return linking.link(found, decisions, model)
    from identity import spark  # noqa: PLC0415 -- brings Splink, which takes seconds to import

    return spark.link(found, decisions, model)


def link_landed(store: Store, held: Held, decisions: pl.DataFrame, model: Model, engine: Engine) -> Linked:
    """Link all live parties, and keep what matching a change will need, in place of what was kept before.

    While that is incomplete, the store says so: whoever comes after a crash links everything anew.
    """
    with linking.gathered(landed(store), model, keep=True) as records:
        linked = (
            records.link(decisions) if engine is Engine.DUCKDB else link(records.features(), decisions, model, engine)
        )
        with store.write(held) as connection:
            resolving.begin_anew(connection)
            matching.clear(connection)
        _keep(store, held, records, linked)
    return linked


def _keep(store: Store, held: Held, records: Gathered, linked: Linked) -> None:
    for some in records.features():
        for slice_ in some.iter_slices(CHUNK_ROWS):
            with store.write(held) as connection:
                matching.fill_features(connection, packing.pack(slice_))
    for keys in records.keys(CHUNK_ROWS):
        with store.write(held) as connection:
            matching.fill_keys(connection, keys)
    for edges in linked.edges.iter_slices(CHUNK_ROWS):
        with store.write(held) as connection:
            matching.fill_edges(connection, edges)

"""How an estate stands: its sources, what the store holds, what waits."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from store import sources
from store.totals import totals
from sync.estate import Estate


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How an estate stands."""

    sources: pl.DataFrame  # as ``store.sources.status``; sources that were never read are there too
    totals: dict[str, int]  # as ``store.totals``


def status(estate: Estate) -> Status:
    """Look at the store; sources of the estate that were never read stand in it with nulls."""
    known = sources.status(estate.store)
    described = pl.DataFrame(
        {"source": [m.name for m in estate.mappings], "system": [m.system for m in estate.mappings]},
        schema={"source": pl.String, "system": pl.String},
    )
    never = described.join(known, on="source", how="anti")
    return Status(sources=pl.concat([known, never], how="diagonal").sort("source"), totals=totals(estate.store))

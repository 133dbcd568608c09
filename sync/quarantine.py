"""Quarantine: list the rows that could not land, show one, and land those that are good now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from adapters.base import Batch
from store import leases, quarantine, records
from store.engine import Store
from sync.apply import Landing, write
from sync.compare import compare
from sync.land import Mapping, end, recorded, run_counts
from sync.spool import Spool, spool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a record of a row was refused."""

    kind: str
    path: str  # in the mapping, or ``key``
    reason: str  # e.g. missing_required, bad_key, duplicate_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A row in quarantine, without its values."""

    entry_id: int
    source: str
    reasons: tuple[Reason, ...]
    opened_at: datetime
    closed_at: datetime | None  # null while it is open
    closed_by: str | None  # read or replay


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What a replay came to, by quarantined row."""

    tried: int
    closed: int  # good now; they landed, or the store already knew better
    left: int  # still refused


def entries(store: Store, source: str | None = None, *, closed: bool = False) -> tuple[Entry, ...]:
    """Return the quarantine of all sources, or of one, oldest first; closed entries only when asked for."""
    return tuple(_entry(row) for row in quarantine.entries(store, source, closed=closed).iter_rows(named=True))


def show(store: Store, entry_id: int) -> tuple[Entry, dict[str, Any]]:
    """Return an entry and its raw row, as the source gave it: personal data, for who asked for this one.

    Raises:
        NotFound: there is no such entry.
    """
    found = quarantine.entry(store, entry_id)
    with store.read() as connection:
        raw = records.raw(connection, found["batch_id"]).slice(found["row"], 1)
    return _entry(found), raw.to_pylist()[0]


def replay(store: Store, mapping: Mapping, *, now: datetime, actor: str) -> Replayed:
    """Map the quarantined rows of a source again, land those that are good now, and close their entries.

    A row is as new as the run that first met it, and older than whatever else that run landed: a later version
    of its record stays.

    Raises:
        ConfigurationError: the mapping needs columns that the rows do not have.
        StoreError: another process lands this source, or the store is gone.
    """
    waiting = quarantine.entries(store, mapping.name)
    with leases.hold(store, f"source:{mapping.name}") as held:
        for (met_in,), rows in waiting.group_by("run_id", maintain_order=True):
            with recorded(store, held, mapping, "replay", now=now, actor=actor) as (source, run_id), spool() as laid:
                laid.fill(_raw(store, rows), mapping.plan)
                _name_entries(laid, rows)
                compare(laid, store, source, "replay", int(met_in) - 1)
                landing = Landing(
                    store=store, held=held, source=source, laid=laid, run_id=run_id, now=now, verb="replay"
                )
                write(landing)
                with store.write(held) as connection:
                    end(connection, landing, run_counts(laid))
    left = quarantine.entries(store, mapping.name).height
    return Replayed(tried=waiting.height, closed=waiting.height - left, left=left)


def _raw(store: Store, rows: pl.DataFrame) -> Iterator[Batch]:
    """Yield the raw rows of entries, in their order."""
    for (batch_id,), of_batch in rows.group_by("batch_id", maintain_order=True):
        with store.read() as connection:
            kept = records.raw(connection, int(batch_id)).take(of_batch["row"].to_arrow())
        for batch in kept.combine_chunks().to_batches():
            yield Batch(rows=batch, origin=f"quarantine, batch {batch_id}")


def _name_entries(laid: Spool, rows: pl.DataFrame) -> None:
    """Tell the comparison which entry each row of the read is."""
    in_order = pl.concat([part for _, part in rows.group_by("batch_id", maintain_order=True)])
    replayed = in_order.select("entry_id").with_row_index("row").cast(pl.Int64)
    laid.table("replayed", replayed.schema)
    laid.add("replayed", replayed)


def _entry(row: dict[str, Any]) -> Entry:
    return Entry(
        entry_id=row["entry_id"],
        source=row["source"],
        reasons=tuple(Reason(**reason) for reason in json.loads(row["reasons"])),
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        closed_by=row["closed_by"],
    )

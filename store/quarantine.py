"""Rows that could not land: one entry per bad row, open until a read or a replay closes it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, select

from foundation.errors import NotFound
from store import bulk, tables
from store.engine import Store

_ENTRY = tables.quarantine

_ENTRIES = (
    select(
        _ENTRY.c.entry_id,
        tables.source.c.name.label("source"),
        _ENTRY.c.reasons,
        _ENTRY.c.batch_id,
        _ENTRY.c.row,
        _ENTRY.c.run_id,
        _ENTRY.c.opened_at,
        _ENTRY.c.closed_at,
        _ENTRY.c.closed_by,
    )
    .join_from(_ENTRY, tables.source, tables.source.c.source_no == _ENTRY.c.source_no)
    .order_by(_ENTRY.c.entry_id)
)


def entries(store: Store, source: str | None = None, *, closed: bool = False) -> pl.DataFrame:
    """Return the entries, oldest first, without any value of a row.

    entry_id:Int64, source, reasons:String (JSON [{kind, path, reason}]), batch_id, row, run_id:Int64,
    opened_at, closed_at:Datetime, closed_by:String.
    """
    statement = _ENTRIES if closed else _ENTRIES.where(_ENTRY.c.closed_at.is_(None))
    if source is not None:
        statement = statement.where(tables.source.c.name == source)
    with store.read() as connection:
        return bulk.frame(connection, statement)


def entry(store: Store, entry_id: int) -> dict[str, Any]:
    """Return one entry, as ``entries`` gives them.

    Raises:
        NotFound: there is no such entry.
    """
    with store.read() as connection:
        found = bulk.frame(connection, _ENTRIES.where(_ENTRY.c.entry_id == entry_id))
    if found.is_empty():
        raise NotFound(f"no quarantine entry {entry_id}", remedy="list them with 'voeg quarantine list'")
    return found.row(0, named=True)


def open_entries(connection: Connection, source_no: int) -> Iterator[pl.DataFrame]:
    """Yield the open entries of a source: entry_id, row_hash, kind, record_id, reasons."""
    columns = _ENTRY.c.entry_id, _ENTRY.c.row_hash, _ENTRY.c.kind, _ENTRY.c.record_id, _ENTRY.c.reasons
    yield from bulk.frames(
        connection, select(*columns).where(_ENTRY.c.source_no == source_no, _ENTRY.c.closed_at.is_(None))
    )


def admit(connection: Connection, rows: pl.DataFrame) -> None:
    """Open entries: source_no, row_hash, kind, record_id, reasons, batch_id, row, run_id, opened_at."""
    bulk.insert(connection, _ENTRY, rows)


def restate(connection: Connection, rows: pl.DataFrame) -> None:
    """Give open entries (entry_id) the reasons for which they are refused now."""
    bulk.update(connection, _ENTRY, rows.select("entry_id", "reasons"), key=["entry_id"])


def close(connection: Connection, entry_ids: pl.Series, *, by: str, now: datetime) -> None:
    """Close entries: by ``read`` or ``replay``."""
    closed = entry_ids.cast(pl.Int64).rename("entry_id").to_frame()
    closed = closed.with_columns(closed_at=pl.lit(now, dtype=bulk.MOMENT), closed_by=pl.lit(by))
    bulk.update(connection, _ENTRY, closed, key=["entry_id"])

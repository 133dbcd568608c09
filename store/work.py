"""The queue of parties that resolving has still to look at."""

from __future__ import annotations

import polars as pl
from sqlalchemy import Connection, func, select

from store import bulk, tables
from store.engine import Store


def waiting(connection: Connection) -> pl.DataFrame:
    """Return the whole queue: seq:Int64, record_no:Int64; one party may stand in it several times."""
    return bulk.frame(connection, select(tables.work.c.seq, tables.work.c.record_no))


def of(connection: Connection, record_no: int) -> pl.DataFrame:
    """Return the queue entries of one party, with the columns of ``waiting``."""
    columns = tables.work.c
    return bulk.frame(connection, select(columns.seq, columns.record_no).where(columns.record_no == record_no))


def count(store: Store) -> int:
    """Return how many parties wait."""
    with store.read() as connection:
        return connection.scalar(select(func.count(tables.work.c.record_no.distinct()))) or 0


def add(connection: Connection, record_nos: pl.Series) -> None:
    """Queue parties; nulls are left out."""
    parties = record_nos.drop_nulls().unique().sort().cast(pl.Int64).rename("record_no")
    bulk.insert(connection, tables.work, parties.to_frame())


def done(connection: Connection, seqs: pl.Series) -> None:
    """Take exactly these rows off the queue; what was queued since stays."""
    bulk.delete(connection, tables.work, seqs.cast(pl.Int64).rename("seq").to_frame())

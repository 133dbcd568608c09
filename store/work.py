"""The queue of parties that resolving has still to look at."""

from __future__ import annotations

import polars as pl
from sqlalchemy import Connection, func, select

from store import bulk, tables
from store.database import Database


class Work:
    """The work queue of a store: rows are added with what caused them, and deleted with what they led to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self) -> pl.DataFrame:
        """Return the whole queue: seq:Int64, record_no:Int64; one party may stand in it several times."""
        with self._database.read() as connection:
            return bulk.frame(connection, select(tables.work.c.seq, tables.work.c.record_no))

    def count(self) -> int:
        """Return how many parties wait."""
        with self._database.read() as connection:
            return connection.scalar(select(func.count(tables.work.c.record_no.distinct()))) or 0

    def add(self, connection: Connection, record_nos: pl.Series) -> None:
        """Queue parties; nulls are left out."""
        waiting = record_nos.drop_nulls().unique().sort().cast(pl.Int64).rename("record_no")
        bulk.insert(connection, tables.work, waiting.to_frame())

    def done(self, connection: Connection, seqs: pl.Series) -> None:
        """Take exactly these rows off the queue; what was queued since stays."""
        bulk.delete(connection, tables.work, seqs.cast(pl.Int64).rename("seq").to_frame())

"""Source records: the newest version of each, the versions before, and the raw rows that they came from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl
import pyarrow as pa
from sqlalchemy import Connection, Select, insert, select

from canonical_model.schema import CANONICAL_VERSION, Kind
from store import bulk, tables
from store.tables import KIND_NUMBERS

_RECORD = tables.source_record
_HISTORY = tables.source_record_history

# For landing ----------------------------------------------------------------------------------------------


def keys(connection: Connection, source_no: int, kind: Kind) -> Iterator[pl.DataFrame]:
    """Yield what change detection needs of every record of one source and kind, deleted ones too.

    record_no:Int64, record_id:String, version:Int64, deleted:Boolean, content_hash:Int64, changed_at:Datetime,
    run_id:Int64.
    """
    yield from bulk.frames(connection, _keys(source_no, kind))


def keys_among(connection: Connection, source_no: int, kind: Kind, record_ids: pl.Series) -> pl.DataFrame:
    """Return what ``keys`` yields, of the named records alone."""
    return bulk.frame(connection, _keys(source_no, kind).where(bulk.among(connection, _RECORD.c.record_id, record_ids)))


def contents(connection: Connection, record_nos: pl.Series) -> pl.DataFrame:
    """Return record_no, content, since_at, since of the named records."""
    columns = _RECORD.c.record_no, _RECORD.c.content, _RECORD.c.since_at, _RECORD.c.since
    return bulk.frame(connection, select(*columns).where(bulk.among(connection, _RECORD.c.record_no, record_nos)))


def add(connection: Connection, rows: pl.DataFrame, *, source_no: int, kind: Kind) -> None:
    """Insert records that are new.

    ``rows``: record_no, record_id, content, content_hash, since_at, since, changed_at, recorded_at, run_id,
    batch_id, row.
    """
    bulk.insert(
        connection,
        _RECORD,
        rows.with_columns(
            source_no=pl.lit(source_no),
            kind=pl.lit(KIND_NUMBERS[kind]),
            version=pl.lit(1),
            deleted=pl.lit(False),
            canonical_version=pl.lit(CANONICAL_VERSION),
        ),
    )


def supersede(connection: Connection, rows: pl.DataFrame) -> None:
    """Give records their next version and keep the one before as history.

    ``rows``: as ``add`` takes them, without record_id, and with the new version.
    """
    _keep_history(connection, rows["record_no"])
    changed = rows.with_columns(deleted=pl.lit(False), canonical_version=pl.lit(CANONICAL_VERSION))
    bulk.update(connection, _RECORD, changed, key=["record_no"])


def bury(connection: Connection, rows: pl.DataFrame, *, now: datetime, run_id: int) -> None:
    """Turn records (record_no, and version of the tombstone) into tombstones; their last content stays."""
    _keep_history(connection, rows["record_no"])
    tombstones = rows.select("record_no", "version").with_columns(
        deleted=pl.lit(True), recorded_at=pl.lit(now, dtype=bulk.MOMENT), run_id=pl.lit(run_id)
    )
    bulk.update(connection, _RECORD, tombstones, key=["record_no"])


def touch(connection: Connection, rows: pl.DataFrame) -> None:
    """Note that records (record_no, changed_at) are as they were at a later time; no new version."""
    bulk.update(connection, _RECORD, rows.select("record_no", "changed_at"), key=["record_no"])


def _keep_history(connection: Connection, record_nos: pl.Series) -> None:
    columns = [_RECORD.c[column.name] for column in _HISTORY.columns]
    current = select(*columns).where(bulk.among(connection, _RECORD.c.record_no, record_nos))
    connection.execute(insert(_HISTORY).from_select([column.name for column in _HISTORY.columns], current))


# Raw rows -------------------------------------------------------------------------------------------------


def keep_raw(connection: Connection, rows: pa.Table, *, source_no: int, run_id: int) -> int:
    """Keep raw rows as one compressed blob and return its batch_id."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(rows)
    kept = tables.raw_batch.insert().values(
        source_no=source_no, run_id=run_id, rows=rows.num_rows, data=sink.getvalue().to_pybytes()
    )
    return int(connection.execute(kept.returning(tables.raw_batch.c.batch_id)).scalar_one())


def raw(connection: Connection, batch_id: int) -> pa.Table:
    """Return the raw rows of a batch."""
    data = connection.scalar(select(tables.raw_batch.c.data).where(tables.raw_batch.c.batch_id == batch_id))
    return pa.ipc.open_stream(data).read_all()


def _keys(source_no: int, kind: Kind) -> Select[Any]:
    columns = (
        _RECORD.c.record_no,
        _RECORD.c.record_id,
        _RECORD.c.version,
        _RECORD.c.deleted,
        _RECORD.c.content_hash,
        _RECORD.c.changed_at,
        _RECORD.c.run_id,
    )
    return select(*columns).where(_RECORD.c.source_no == source_no, _RECORD.c.kind == KIND_NUMBERS[kind])

"""Everything at once, batch by batch: for files and for consumers that start from nothing."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
from sqlalchemy import select

from store import bulk
from store.engine import Store
from store.tables import crosswalk as crosswalk_table
from store.tables import golden as golden_table
from store.tables import source, source_record


def golden(store: Store) -> Iterator[pl.DataFrame]:
    """Yield the golden records in the order of their ids: entity_id, version, payload, provenance; at least once."""
    columns = golden_table.c
    statement = select(columns.entity_id, columns.version, columns.payload, columns.provenance)
    yield from _batches(store, statement.order_by(columns.entity_id))


def crosswalk(store: Store) -> Iterator[pl.DataFrame]:
    """Yield which party belongs to which entity: data_source, record_id, entity_id; at least once."""
    statement = (
        select(source.c.name.label("data_source"), source_record.c.record_id, crosswalk_table.c.entity_id)
        .join(source_record, source_record.c.record_no == crosswalk_table.c.record_no)
        .join(source, source.c.source_no == source_record.c.source_no)
        .order_by(crosswalk_table.c.record_no)
    )
    yield from _batches(store, statement)


def _batches(store: Store, statement: bulk.Statement) -> Iterator[pl.DataFrame]:
    """Yield what a statement finds; one empty frame when it finds nothing, so that a file has its columns."""
    with store.read() as connection:
        empty = True
        for batch in bulk.frames(connection, statement):
            empty = False
            yield batch
        if empty:
            yield bulk.frame(connection, statement)

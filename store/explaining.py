"""What explanations read beside the matcher's own tables: names of records, where they belong, decisions in full."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from sqlalchemy import Connection, Select, select

from canonical_model.schema import Kind
from store import bulk
from store.tables import KIND_NUMBERS, crosswalk, decision, source, source_record, work


def source_names(connection: Connection) -> list[str]:
    """Return the names of all sources that ever landed a record, sorted."""
    return sorted(connection.scalars(select(source.c.name)))


def named(connection: Connection, data_source: str, record_id: str) -> pl.DataFrame:
    """Return the live party of that name, or no row: record_no, data_source, record_id, entity_id (null: none yet)."""
    statement = _parties().where(source.c.name == data_source, source_record.c.record_id == record_id)
    return bulk.frame(connection, statement)


def numbered(connection: Connection, records: Sequence[int]) -> pl.DataFrame:
    """Return the live parties of these numbers, with the columns of ``named``, in the order of their numbers."""
    return bulk.frame(connection, _parties().where(bulk.among(connection, source_record.c.record_no, records))).sort(
        "record_no"
    )


def members(connection: Connection, entity_ids: Sequence[int]) -> pl.DataFrame:
    """Return the records of entities, with the columns of ``named``, in the order of their numbers."""
    statement = _parties().where(bulk.among(connection, crosswalk.c.entity_id, entity_ids))
    return bulk.frame(connection, statement).sort("record_no")


def decisions(connection: Connection, records: Sequence[int]) -> pl.DataFrame:
    """Return the decisions that stand about any of the records, once each, in the order in which they were made.

    Columns: decision_id, a, b (record_no, a < b), kind, author, reason, decided_at.
    """
    columns = decision.c
    stands = select(
        columns.decision_id, columns.a, columns.b, columns.kind, columns.author, columns.reason, columns.decided_at
    ).where(columns.revoked_at.is_(None))
    parts = [
        bulk.frame(connection, stands.where(bulk.among(connection, column, records)))
        for column in (columns.a, columns.b)
    ]
    return pl.concat(parts).unique().sort("decision_id")


def waiting(connection: Connection, records: Sequence[int]) -> frozenset[int]:
    """Return those of the records that changed since matching last looked at them."""
    return frozenset(
        connection.scalars(select(work.c.record_no).where(bulk.among(connection, work.c.record_no, records)))
    )


def _parties() -> Select[tuple[int, str, str, int | None]]:
    return (
        select(source_record.c.record_no, source.c.name.label("data_source"), source_record.c.record_id,
               crosswalk.c.entity_id)
        .join(source, source.c.source_no == source_record.c.source_no)
        .outerjoin(crosswalk, crosswalk.c.record_no == source_record.c.record_no)
        .where(source_record.c.kind == KIND_NUMBERS[Kind.PARTY], source_record.c.deleted.is_(False))
    )  # fmt: skip

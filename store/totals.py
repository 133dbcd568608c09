"""How much of everything there is, for people who look after a store."""

from __future__ import annotations

from sqlalchemy import func, literal_column, select

from store import references, tables
from store.engine import Store


def totals(store: Store) -> dict[str, int]:
    """Return counts by what they count: live records, entities, golden records, and all that waits."""
    record, entity, entry, outbox = tables.source_record, tables.entity, tables.quarantine, tables.outbox
    task = tables.task
    counted = {
        "source_records": select(func.count()).select_from(record).where(~record.c.deleted),
        "entities": select(func.count()).select_from(entity).where(entity.c.state == "active"),
        "golden_records": select(func.count()).select_from(tables.golden),
        "edges": select(func.count()).select_from(tables.edge),
        "quarantine": select(func.count()).select_from(entry).where(entry.c.closed_at.is_(None)),
        "tasks": select(func.count()).select_from(task).where(task.c.state == literal_column("'open'")),
        "work": select(func.count(tables.work.c.record_no.distinct())),
        "outbox": select(func.count()).select_from(outbox),
    }
    with store.read() as connection:
        found = {name: int(connection.scalar(statement) or 0) for name, statement in counted.items()}
    waiting = references.counts(store)
    return {
        **found,
        "references_pending": waiting["pending"],
        "references_ambiguous": waiting["ambiguous"],
    }

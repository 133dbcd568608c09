"""The outbox: events that the broker has not confirmed yet."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, select

from store import bulk, tables
from store.engine import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event that waits, and the golden record that it is about."""

    seq: int
    entity_id: int
    version: int
    type: str
    changed_paths: str | None  # JSON list
    cause: str
    related: str | None  # JSON, {"into": id} or {"out_of_it": [ids]}
    created_at: datetime
    payload: str | None  # the golden record of this version; None when there is none (any more)

    def __repr__(self) -> str:
        """Leave out what the golden record holds."""
        return f"Entry(seq={self.seq}, entity_id={self.entity_id}, version={self.version}, type={self.type!r})"


def count(store: Store) -> int:
    """Return how many events wait."""
    with store.read() as connection:
        return connection.scalar(select(func.count()).select_from(tables.outbox)) or 0


def waiting(store: Store, *, after: int, limit: int) -> list[Entry]:
    """Return the first ``limit`` events behind the number ``after``, in order."""
    golden, history, outbox = tables.golden.c, tables.golden_history.c, tables.outbox.c
    of_it = and_(golden.entity_id == outbox.entity_id, golden.version == outbox.version)
    of_its_past = and_(history.entity_id == outbox.entity_id, history.version == outbox.version)
    statement = (
        select(
            *tables.outbox.c,
            func.coalesce(golden.payload, history.payload).label("payload"),
        )
        .select_from(tables.outbox)
        .outerjoin(tables.golden, of_it)
        .outerjoin(tables.golden_history, of_its_past)
        .where(outbox.seq > after)
        .order_by(outbox.seq)
        .limit(limit)
    )
    with store.read() as connection:
        return [Entry(**row) for row in connection.execute(statement).mappings()]


def delete(connection: Connection, seqs: Collection[int]) -> None:
    """Delete exactly these events."""
    connection.execute(tables.outbox.delete().where(bulk.among(connection, tables.outbox.c.seq, list(seqs))))

"""The matcher's models: immutable artefacts, of which one is active."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from store import tables
from store.engine import Store


def active(store: Store) -> str | None:
    """Return the artefact (JSON) that resolving uses; None when none was ever trained."""
    with store.read() as connection:
        return connection.scalar(select(tables.model_version.c.artefact).where(tables.model_version.c.active))


def artefact(store: Store, version: str) -> str | None:
    """Return the artefact (JSON) of a version; None when there is none."""
    columns = tables.model_version.c
    with store.read() as connection:
        return connection.scalar(select(columns.artefact).where(columns.version == version))


def versions(store: Store) -> list[str]:
    """Return all versions that are kept, the newest first."""
    columns = tables.model_version.c
    with store.read() as connection:
        return list(connection.scalars(select(columns.version).order_by(columns.model_no.desc())))


def activate(store: Store, version: str, artefact: str, *, actor: str, now: datetime, note: str | None = None) -> None:
    """Keep an artefact, if it is not known yet, and make it the one that resolving uses."""
    table = tables.model_version
    with store.write() as connection:
        connection.execute(table.update().where(table.c.active).values(active=False))
        known = connection.execute(table.update().where(table.c.version == version).values(active=True))
        if not known.rowcount:
            connection.execute(
                table.insert().values(
                    version=version, artefact=artefact, active=True, note=note, actor=actor, created_at=now
                )
            )

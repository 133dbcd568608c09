"""The matcher's models: immutable artefacts, of which one is active."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from store.tables import model_version


def activate(connection: Connection, version: str, artefact: str, *, note: str, actor: str, now: datetime) -> None:
    """Keep a model (if it is new) and make it the one that resolving uses."""
    connection.execute(model_version.update().values(active=False))
    found = connection.execute(
        model_version.update().where(model_version.c.version == version).values(active=True)
    ).rowcount
    if not found:
        connection.execute(
            model_version.insert().values(
                version=version, artefact=artefact, active=True, note=note, actor=actor, created_at=now
            )
        )


def active(connection: Connection) -> str | None:
    """Return the artefact of the active model; None when none was ever trained."""
    return connection.scalar(select(model_version.c.artefact).where(model_version.c.active))


def active_number(connection: Connection) -> int | None:
    """Return the number by which edges name the active model."""
    return connection.scalar(select(model_version.c.model_no).where(model_version.c.active))

"""The matcher's models: immutable artefacts, of which one is active."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from canonical_model.schema import Kind
from store import tables
from store.engine import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A model that the store keeps."""

    version: str
    active: bool  # resolving uses it
    note: str | None  # how it came to be
    actor: str
    created_at: datetime


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
    return [one.version for one in kept(store)]


def kept(store: Store) -> list[Kept]:
    """Return what is known of all models, the newest first."""
    columns = tables.model_version.c
    wanted = select(columns.version, columns.active, columns.note, columns.actor, columns.created_at)
    with store.read() as connection:
        return [Kept(**row) for row in connection.execute(wanted.order_by(columns.model_no.desc())).mappings()]


def parties(store: Store) -> int:
    """Return how many live parties there are: what a model would be made from."""
    columns = tables.source_record.c
    of_parties = columns.kind == tables.KIND_NUMBERS[Kind.PARTY]
    wanted = select(func.count()).select_from(tables.source_record).where(of_parties, ~columns.deleted)
    with store.read() as connection:
        return int(connection.scalar(wanted) or 0)


def keep(store: Store, version: str, artefact: str, *, actor: str, now: datetime, note: str | None = None) -> None:
    """Keep an artefact, if it is not known yet; which one resolving uses stays as it is."""
    with store.write() as connection:
        _keep(connection, version, artefact, actor=actor, now=now, note=note)


def activate(store: Store, version: str, artefact: str, *, actor: str, now: datetime, note: str | None = None) -> None:
    """Keep an artefact, if it is not known yet, and make it the one that resolving uses."""
    table = tables.model_version
    with store.write() as connection:
        _keep(connection, version, artefact, actor=actor, now=now, note=note)
        connection.execute(table.update().where(table.c.active).values(active=False))
        connection.execute(table.update().where(table.c.version == version).values(active=True))


def _keep(connection: Connection, version: str, artefact: str, *, actor: str, now: datetime, note: str | None) -> None:
    table = tables.model_version
    if connection.scalar(select(table.c.version).where(table.c.version == version)) is None:
        connection.execute(
            table.insert().values(
                version=version, artefact=artefact, active=False, note=note, actor=actor, created_at=now
            )
        )

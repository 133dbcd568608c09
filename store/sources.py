"""Sources and runs: what is read, where it stands, and how each run went."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite

from store import bulk, tables
from store.engine import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source as the store knows it."""

    number: int
    name: str
    state: str  # active, held
    cursor: dict[str, Any] | None  # where the next delta read starts
    ran_before: bool  # whether any run of it ever began


def numbers(connection: Connection, names: Collection[str]) -> dict[str, int]:
    """Return the number of every source; one that is named but not known gets its number now."""
    table = tables.source
    known = select(table.c.name, table.c.source_no)
    found = {row.name: row.source_no for row in connection.execute(known)}
    missing = sorted(set(names) - found.keys())
    if not missing:
        return found
    new = _insert(connection)(table).on_conflict_do_nothing(index_elements=[table.c.name])
    connection.execute(new, [{"name": name, "state": "active"} for name in missing])
    return {row.name: row.source_no for row in connection.execute(known)}


def describe(connection: Connection, name: str, *, system: str, mode: str) -> Source:
    """Bring what the store knows of a source up to its mapping, and return it."""
    number = numbers(connection, [name])[name]
    table, run = tables.source, tables.run
    connection.execute(table.update().where(table.c.source_no == number).values(system=system, mode=mode))
    row = connection.execute(select(table).where(table.c.source_no == number)).one()
    earlier = select(run.c.run_id).where(run.c.source_no == number).limit(1)
    return Source(
        number=number,
        name=name,
        state=row.state,
        cursor=json.loads(row.cursor) if row.cursor else None,
        ran_before=connection.scalar(earlier) is not None,
    )


def settle(
    connection: Connection,
    number: int,
    *,
    state: str,
    held_reason: str | None = None,
    mapping_digest: str | None = None,
    cursor: Mapping[str, Any] | None = None,
) -> None:
    """Write how a run left its source; a cursor or digest that is not given stays as it was."""
    values: dict[str, Any] = {"state": state, "held_reason": held_reason}
    if mapping_digest is not None:
        values["mapping_digest"] = mapping_digest
    if cursor is not None:
        values["cursor"] = json.dumps(cursor, separators=(",", ":"))
    connection.execute(tables.source.update().where(tables.source.c.source_no == number).values(values))


# Syncs ----------------------------------------------------------------------------------------------------


def begin_sync(connection: Connection, names: Collection[str], now: datetime) -> dict[str, datetime]:
    """Note that a sync reads sources, and return the moment that holds for what each of them gives.

    That is ``now``; but of a source that the last sync never ended, because its process died, the moment of that
    one holds on: what the sources gave in one sync is equally recent, also when the sync took a second start.
    """
    table, keys = tables.state, {f"syncing:{name}": name for name in names}
    if not keys:
        return {}
    new = _insert(connection)(table).on_conflict_do_nothing(index_elements=[table.c.key])
    connection.execute(new, [{"key": key, "value": now.isoformat()} for key in sorted(keys)])
    found = connection.execute(select(table.c.key, table.c.value).where(table.c.key.in_(keys)))
    return {keys[row.key]: datetime.fromisoformat(row.value) for row in found}


def end_sync(connection: Connection, name: str) -> None:
    """Note that a sync came to the end of a source, whether it landed or not."""
    connection.execute(tables.state.delete().where(tables.state.c.key == f"syncing:{name}"))


# Runs -----------------------------------------------------------------------------------------------------


def start_run(
    connection: Connection,
    verb: str,
    *,
    actor: str,
    now: datetime,
    source_no: int | None = None,
    mapping_digest: str | None = None,
) -> int:
    """Begin a run and return its number; an earlier one of the same kind that never ended was interrupted.

    Call it under the lease of the verb or source, so that such a run is truly dead.
    """
    table = tables.run
    connection.execute(
        table.update()
        .where(table.c.verb == verb, table.c.source_no.is_not_distinct_from(source_no), table.c.state == "running")
        .values(state="interrupted", ended_at=now)
    )
    begun = table.insert().values(
        verb=verb, source_no=source_no, state="running", actor=actor, started_at=now, mapping_digest=mapping_digest
    )
    return int(connection.execute(begun.returning(table.c.run_id)).scalar_one())


def end_run(
    connection: Connection,
    run_id: int,
    *,
    state: str,
    now: datetime,
    counts: Mapping[str, int] | None = None,
    details: object = None,
    error: str | None = None,
) -> None:
    """End a run: done, failed or held; ``counts`` are columns of the run table."""
    values: dict[str, Any] = {"state": state, "ended_at": now, "error": error, **(counts or {})}
    if details:
        values["details"] = json.dumps(details, separators=(",", ":"))
    connection.execute(tables.run.update().where(tables.run.c.run_id == run_id).values(values))


def status(store: Store) -> pl.DataFrame:
    """Return one row per source with the last run that landed it, or tried to.

    source, system, mode, state, held_reason:String; run_state, error:String; started_at, ended_at:Datetime;
    read, landed, unchanged, quarantined, filtered, deleted:Int64 (of that run); records, open_quarantine:Int64.
    """
    source, run = tables.source, tables.run
    record, entry = tables.source_record, tables.quarantine
    newest = (
        select(run.c.source_no, func.max(run.c.run_id).label("run_id"))
        .where(run.c.verb == "land")
        .group_by(run.c.source_no)
        .subquery()
    )
    counted = run.c.read, run.c.landed, run.c.unchanged, run.c.quarantined, run.c.filtered, run.c.deleted
    live = (
        select(record.c.source_no, func.count().label("records"))
        .where(~record.c.deleted)
        .group_by(record.c.source_no)
        .subquery()
    )
    bad = (
        select(entry.c.source_no, func.count().label("open_quarantine"))
        .where(entry.c.closed_at.is_(None))
        .group_by(entry.c.source_no)
        .subquery()
    )
    statement = (
        select(
            source.c.name.label("source"),
            source.c.system,
            source.c.mode,
            source.c.state,
            source.c.held_reason,
            run.c.state.label("run_state"),
            run.c.error,
            run.c.started_at,
            run.c.ended_at,
            *counted,
            func.coalesce(live.c.records, 0).label("records"),
            func.coalesce(bad.c.open_quarantine, 0).label("open_quarantine"),
        )
        .select_from(source)
        .outerjoin(newest, newest.c.source_no == source.c.source_no)
        .outerjoin(run, run.c.run_id == newest.c.run_id)
        .outerjoin(live, live.c.source_no == source.c.source_no)
        .outerjoin(bad, bad.c.source_no == source.c.source_no)
        .order_by(source.c.name)
    )
    with store.read() as connection:
        return bulk.frame(connection, statement)


def _insert(connection: Connection) -> Callable[[Table], sqlite.Insert | postgresql.Insert]:
    """Return the INSERT of the database, which can pass over what is there already."""
    return sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert

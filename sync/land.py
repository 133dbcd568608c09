"""Land: compare a complete read of one source with what the store holds, and write the differences.

The order of things: spool the read; let one query of DuckDB decide what every record is (new, changed, unchanged,
touched, stale, a duplicate, vanished); stop at the guard if too much vanished; write in transactions of bounded
size. Unchanged content costs reads only. Killed anywhere and run again, the store holds the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from adapters.base import Batch, Cursor
from foundation.errors import HeldError, StoreError, VoegError
from store import leases, sources
from store.engine import Held, Store
from store.sources import Source
from sync.apply import Landing, write
from sync.compare import compare, counted, guard
from sync.spool import Plan, Spool, spool


class Mapping(Protocol):
    """What landing needs of a mapping."""

    @property
    def name(self) -> str:
        """The source."""

    @property
    def system(self) -> str:
        """The legacy system."""

    @property
    def mode(self) -> str:
        """How it is read: snapshot or delta."""

    @property
    def max_vanished(self) -> float:
        """The share of live records of a kind that may vanish at once."""

    @property
    def digest(self) -> str:
        """Hash of everything in the mapping that changes results."""

    @property
    def plan(self) -> Plan:
        """The compiled mapping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldErrors:
    """Optional values of one path that could not be used and became null."""

    path: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCounts:
    """What a run did, counted by raw row: read = landed + unchanged + quarantined + filtered."""

    read: int
    landed: int  # changed at least one source record
    unchanged: int  # told nothing new
    quarantined: int  # at least one record of it was refused
    filtered: int  # no record wanted it, or it is suppressed
    deleted: int  # source records that vanished from a complete snapshot
    field_errors: tuple[FieldErrors, ...] = ()


def land(
    store: Store,
    mapping: Mapping,
    read: Callable[[Cursor | None], Iterator[Batch]],
    *,
    now: datetime,
    actor: str,
    accept: bool = False,
) -> RunCounts:
    """Read one source and land it.

    Args:
        store: where to.
        mapping: how its rows become canonical records.
        read: reads the source: completely for a snapshot (it gets None), from a cursor on for a delta. A read that
            ends without raising was complete.
        now: the moment at which what lands was recorded. One ``now`` for all sources of a sync keeps ``since``
            equal between them.
        actor: who or what asked for it.
        accept: let records vanish this once, however many.

    Raises:
        SourceError: the read failed; nothing was written.
        HeldError: more records vanished than may; nothing was written.
        ConfigurationError: the mapping does not fit the source's columns.
        StoreError: another process lands this source, or the store is gone; a later run goes on from there.
    """
    with (
        leases.hold(store, f"source:{mapping.name}") as held,
        recorded(store, held, mapping, "land", now=now, actor=actor) as (source, run_id),
        spool() as laid,
    ):
        laid.fill(read(source.cursor if mapping.mode == "delta" else None), mapping.plan)
        compare(laid, store, source, mapping.mode, run_id)
        if not accept:
            guard(laid, source, mapping.max_vanished)
        landing = Landing(store=store, held=held, source=source, laid=laid, run_id=run_id, now=now, verb="read")
        write(landing)
        return _finish(landing, mapping)


@contextmanager
def recorded(
    store: Store, held: Held, mapping: Mapping, verb: str, *, now: datetime, actor: str
) -> Iterator[tuple[Source, int]]:
    """Begin a run of a source, give the source and the run's number, and record it if the block fails."""
    with store.write(held) as connection:
        source = sources.describe(connection, mapping.name, system=mapping.system, mode=mapping.mode)
        run_id = sources.start_run(
            connection, verb, actor=actor, now=now, source_no=source.number, mapping_digest=mapping.digest
        )
    try:
        yield source, run_id
    except Exception as error:
        with suppress(StoreError), store.write(held) as connection:
            _note_failure(connection, source, run_id, error, now=now)
        raise


def _finish(landing: Landing, mapping: Mapping) -> RunCounts:
    """End a run that wrote everything; the cursor moves here, after what it covers and never before."""
    counts = run_counts(landing.laid)
    with landing.store.write(landing.held) as connection:
        sources.settle(
            connection,
            landing.source.number,
            state="active",
            mapping_digest=mapping.digest,
            cursor=landing.laid.cursor if mapping.mode == "delta" else None,
        )
        end(connection, landing, counts)
    return counts


def run_counts(laid: Spool) -> RunCounts:
    """Count what a compared read is."""
    errors = sorted(laid.field_errors.items())
    return RunCounts(
        **counted(laid),
        field_errors=tuple(FieldErrors(path=path, reason=reason, count=count) for (path, reason), count in errors),
    )


def end(connection: Connection, landing: Landing, counts: RunCounts) -> None:
    """End a run that wrote everything."""
    numbers = asdict(counts)
    errors = numbers.pop("field_errors")
    details = {"field_errors": errors} if errors else None
    sources.end_run(connection, landing.run_id, state="done", now=landing.now, counts=numbers, details=details)


def _note_failure(connection: Connection, source: Source, run_id: int, error: Exception, *, now: datetime) -> None:
    told = str(error) if isinstance(error, VoegError) else type(error).__name__
    if isinstance(error, HeldError):
        sources.settle(connection, source.number, state="held", held_reason=told)
        sources.end_run(connection, run_id, state="held", now=now, error=told)
    else:
        sources.end_run(connection, run_id, state="failed", now=now, error=told)

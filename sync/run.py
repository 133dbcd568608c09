"""Sync sources: read, map and land them, one worker per source; one that fails stops only itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from adapters.base import Adapter, Batch
from foundation.errors import SourceUnavailable, VoegError
from sync.estate import Estate
from sync.land import RunCounts, land
from transform.mapping import Mapping

log = structlog.get_logger()

Advance = Callable[[str, int], None]
"""Called with a source and the number of rows just read, to move a progress bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRun:
    """How the sync of one source went."""

    source: str
    system: str
    seconds: float
    counts: RunCounts | None = None  # None: the run failed
    error: VoegError | None = None


def sync(
    estate: Estate,
    mappings: tuple[Mapping, ...],
    *,
    actor: str,
    advance: Advance = lambda source, rows: None,
) -> Iterator[SourceRun]:
    """Sync the sources side by side and yield each as it ends, in no order.

    A source that is unavailable is read again with back-off, ``landing.attempts`` times; its rows land only when
    a read was complete.
    """
    store = estate.store  # opened and migrated once, before the workers need it
    with ThreadPoolExecutor(max_workers=estate.settings.landing.workers, thread_name_prefix="source") as workers:
        runs = {workers.submit(_sync_one, estate, mapping, actor=actor, advance=advance) for mapping in mappings}
        try:
            for run in as_completed(runs):
                yield run.result()
        finally:
            for run in runs:
                run.cancel()
    store.checkpoint()


def _sync_one(estate: Estate, mapping: Mapping, *, actor: str, advance: Advance) -> SourceRun:
    """Run one source to its end, whatever that is; only a bug in this program raises."""
    started = time.perf_counter()
    counts: RunCounts | None = None
    failure: VoegError | None = None
    try:
        counts = _with_retries(estate, mapping, actor=actor, advance=advance)
    except VoegError as error:
        failure = error
        log.error("source failed", source=mapping.name, problems=[str(problem) for problem in error.problems])
    seconds = time.perf_counter() - started
    return SourceRun(source=mapping.name, system=mapping.system, seconds=seconds, counts=counts, error=failure)


def _with_retries(estate: Estate, mapping: Mapping, *, actor: str, advance: Advance) -> RunCounts:
    settings = estate.settings.landing
    attempts = Retrying(
        retry=retry_if_exception_type(SourceUnavailable),
        stop=stop_after_attempt(settings.attempts),
        wait=wait_exponential(multiplier=settings.backoff_seconds, max=60),
        before_sleep=lambda state: log.warning(
            "source unavailable, trying again", source=mapping.name, attempt=state.attempt_number
        ),
        reraise=True,
    )
    for attempt in attempts:
        with attempt:
            return land(
                estate.store,
                mapping,
                lambda cursor: _counted(estate.adapter(mapping), cursor, mapping.name, advance),
                now=datetime.now(UTC),
                actor=actor,
            )
    raise AssertionError("unreachable: the last attempt raises")


def _counted(adapter: Adapter, cursor: dict[str, object] | None, source: str, advance: Advance) -> Iterator[Batch]:
    for batch in adapter.read(cursor):
        advance(source, batch.rows.num_rows)
        yield batch

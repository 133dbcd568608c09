"""Sync sources: read, map and land them, one worker per source; one that fails stops only itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from adapters.base import Batch, Cursor
from foundation.errors import SourceUnavailable, StoreError, VoegError
from store.sources import begin_sync, end_sync
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
    accept: bool = False,
    advance: Advance = lambda source, rows: None,
) -> Iterator[SourceRun]:
    """Sync the sources side by side and yield each as it ends, in no order.

    A source that is unavailable is read again with back-off, ``landing.attempts`` times; its rows land only when
    a read was complete. With ``accept``, records may vanish this once, however many.
    """
    with estate.store.write() as connection:
        moments = begin_sync(connection, [mapping.name for mapping in mappings], datetime.now(UTC))
    work = _Sync(estate=estate, actor=actor, accept=accept, advance=advance, moments=moments)
    threads = estate.settings.landing.workers
    with estate.store.first_load(), ThreadPoolExecutor(threads, thread_name_prefix="source") as workers:
        runs = {workers.submit(work.run, mapping) for mapping in mappings}
        try:
            for run in as_completed(runs):
                yield run.result()
        finally:
            for run in runs:
                run.cancel()
    estate.store.checkpoint()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sync:
    """What the runs of one sync share."""

    estate: Estate
    actor: str
    accept: bool
    advance: Advance
    moments: dict[str, datetime]  # one for all sources, so that ``since`` is equal between them; see ``begin_sync``

    def run(self, mapping: Mapping) -> SourceRun:
        """Run one source to its end, whatever that is; only a bug in this program raises."""
        started = time.perf_counter()
        counts: RunCounts | None = None
        failure: VoegError | None = None
        try:
            counts = self._with_retries(mapping)
        except VoegError as error:
            failure = error
            log.error("source failed", source=mapping.name, problems=[str(problem) for problem in error.problems])
        with suppress(StoreError), self.estate.store.write() as connection:
            end_sync(connection, mapping.name)
        seconds = time.perf_counter() - started
        return SourceRun(source=mapping.name, system=mapping.system, seconds=seconds, counts=counts, error=failure)

    def _with_retries(self, mapping: Mapping) -> RunCounts:
        settings = self.estate.settings.landing
        attempts = Retrying(
            retry=retry_if_exception_type(SourceUnavailable),
            stop=stop_after_attempt(settings.attempts),
            wait=wait_exponential(multiplier=settings.backoff_seconds, max=60),
            before_sleep=lambda state: log.warning(
                "source unavailable, trying again", source=mapping.name, attempt=state.attempt_number
            ),
            reraise=True,
        )
        return attempts(self._land, mapping)

    def _land(self, mapping: Mapping) -> RunCounts:
        return land(
            self.estate.store,
            mapping,
            lambda cursor: self._counted(mapping, cursor),
            now=self.moments[mapping.name],
            actor=self.actor,
            accept=self.accept,
        )

    def _counted(self, mapping: Mapping, cursor: Cursor | None) -> Iterator[Batch]:
        for batch in self.estate.adapter(mapping).read(cursor):
            self.advance(mapping.name, batch.rows.num_rows)
            yield batch

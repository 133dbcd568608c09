"""Publish: bring the events of the outbox to the broker, and delete what it confirmed.

At least once, and in order per entity: of one entity no two events are on the way at a time. An event's golden
record is read from the store moments before it is sent; when the connection breaks, everything read is forgotten and
read again, so that what was erased meanwhile is not sent.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from adapters.rabbitmq import Message, Outcome, Publisher, Settled
from canonical_model.events import CONTENT_TYPE, Event, EventType, render
from store import leases, outbox
from store.engine import Held, Store
from store.outbox import Entry

if TYPE_CHECKING:
    from sync.estate import Estate

log = structlog.get_logger()

FIRST_CONNECTION_SECONDS = 3.0
"""How long a drain waits for a broker that it has not seen yet."""

OUTAGE_SECONDS = 60.0
"""How long a drain waits for a broker that stopped confirming."""

STOP_SECONDS = 5.0
"""How long a relay that was told to stop waits for the confirmations still to come."""

POLL_SECONDS = 0.5
"""How often a running relay looks for new events when there were none."""

Advance = Callable[[int], None]
"""Called with the number of events just published, to move a progress bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a publish did."""

    published: int  # confirmed by the broker, those nobody listens to included
    unroutable: int  # of these, the ones for which no queue was bound
    waiting: int  # left in the outbox
    broker: str  # host:port
    problem: str | None = None  # why events are left, when a broker is the reason

    def __str__(self) -> str:
        """Say what was done and, when events are left, how to go on."""
        parts = [f"{self.published} events published"]
        if self.unroutable:
            parts.append(f"nobody listens to {self.unroutable} of them (no queue is bound for their type)")
        if self.waiting:
            parts.append(f"{self.waiting} wait in the outbox")
        if self.problem:
            parts.append(f"no broker to publish to at {self.broker}: {self.problem}")
        if self.waiting:
            parts.append("start the broker, or set broker.url in conf/voeg.yaml, and run 'voeg publish'")
        return "; ".join(parts)


def publisher(estate: Estate) -> Publisher:
    """Return a publisher, to be entered, for the broker of an estate.

    Raises:
        ConfigurationError: the broker's URL is not one, or refers to a secret that is not there.
    """
    settings = estate.settings.broker
    url = estate.settings.secret(settings.url, estate=estate.root)
    return Publisher(url, exchange=settings.exchange, window=settings.window)


def drain(
    store: Store,
    publisher: Publisher,
    *,
    advance: Advance = lambda count: None,
    first_connection: float = FIRST_CONNECTION_SECONDS,
    outage: float = OUTAGE_SECONDS,
) -> Published:
    """Publish until the outbox is empty, or until the broker is away for too long.

    Args:
        store: whose outbox.
        publisher: an entered ``Publisher``.
        advance: told of progress.
        first_connection: seconds to wait for the first connection.
        outage: seconds without a confirmation after which what is left is left.

    Raises:
        StoreError: another process publishes, or the store is gone.
    """
    if outbox.count(store) == 0:
        return Published(published=0, unroutable=0, waiting=0, broker=publisher.broker)
    never = threading.Event()
    with leases.hold(store, "publish") as held:
        relay = _Relay(store, publisher, held, advance)
        problem: str | None = None
        patience = first_connection
        while problem is None:
            if not publisher.wait_until_ready(patience):
                problem = publisher.problem
            elif relay.publish_waiting(patience=outage, stop=never):
                break
            elif relay.seconds_without_progress > outage:
                problem = publisher.problem or "it confirms nothing"
            patience = outage
    return _report(store, relay, publisher, problem)


def run(
    store: Store, publisher: Publisher, stop: threading.Event, *, advance: Advance = lambda count: None
) -> Published:
    """Publish whatever comes into the outbox until ``stop`` is set, through every outage of the broker.

    Raises:
        StoreError: another process publishes, or the store is gone.
    """
    with leases.hold(store, "publish") as held:
        relay = _Relay(store, publisher, held, advance)
        told: str | None = None
        while not stop.is_set():
            if publisher.problem != told:
                told = publisher.problem
                if told is None:
                    log.info("publishing", broker=publisher.broker)
                else:
                    log.warning("cannot publish", broker=publisher.broker, problem=told, waiting=outbox.count(store))
            if publisher.wait_until_ready(POLL_SECONDS) and relay.publish_waiting(patience=math.inf, stop=stop):
                stop.wait(POLL_SECONDS)
    return _report(store, relay, publisher, None)


def _report(store: Store, relay: _Relay, publisher: Publisher, problem: str | None) -> Published:
    report = Published(
        published=relay.published,
        unroutable=relay.unroutable,
        waiting=outbox.count(store),
        broker=publisher.broker,
        problem=problem,
    )
    log.info(
        "published",
        published=report.published,
        unroutable=report.unroutable,
        waiting=report.waiting,
        problem=report.problem,
    )
    return report


class _Relay:
    """Events on their way from the outbox to the broker, and how many made it."""

    def __init__(self, store: Store, publisher: Publisher, held: Held, advance: Advance) -> None:
        self.published = 0
        self.unroutable = 0
        self._store = store
        self._publisher = publisher
        self._held = held
        self._advance = advance
        self._lines: dict[int, deque[Entry]] = {}  # per entity: the first is on its way, the others wait for it
        self._on_the_way: dict[str, Entry] = {}  # by message id
        self._confirmed: list[int] = []  # not deleted yet
        self._progress = time.monotonic()

    @property
    def seconds_without_progress(self) -> float:
        """How long ago the broker confirmed anything (or this began)."""
        return time.monotonic() - self._progress

    def publish_waiting(self, *, patience: float, stop: threading.Event) -> bool:
        """Publish the events that wait, once through the outbox; return whether there were none.

        When something is lost, or told to stop, it sends nothing more and ends when the rest is settled. It gives
        up when nothing is confirmed for ``patience`` seconds.
        """
        after, more, found, lost = 0, True, False, False
        try:
            while True:
                ending = lost or stop.is_set()
                if more and not ending and self._held_back() < self._publisher.window:
                    entries = outbox.waiting(self._store, after=after, limit=self._publisher.window)
                    more = len(entries) == self._publisher.window
                    found = found or bool(entries)
                    after = entries[-1].seq if entries else after
                    self._send(self._in_line(entries))
                if not self._on_the_way:
                    return not found
                settled = self._publisher.settled(timeout=0.2)
                following = self._next_in_line(settled)
                if not ending:
                    self._send(following)
                lost = lost or any(each.outcome is Outcome.LOST for each in settled)
                if self.seconds_without_progress > (STOP_SECONDS if stop.is_set() else patience):
                    return False
        finally:
            self._delete_confirmed()
            self._lines.clear()
            self._on_the_way.clear()

    def _held_back(self) -> int:
        """How many events are in memory."""
        return sum(map(len, self._lines.values()))

    def _in_line(self, entries: Iterable[Entry]) -> list[Entry]:
        """Put events in the lines of their entities; return those that are first there."""
        first = []
        for entry in entries:
            line = self._lines.setdefault(entry.entity_id, deque())
            line.append(entry)
            if len(line) == 1:
                first.append(entry)
        return first

    def _send(self, entries: Iterable[Entry]) -> None:
        messages = []
        for entry in entries:
            event = _event(entry)
            self._on_the_way[event.id] = entry
            messages.append(Message(event.id, event.type.full_name, render(event, entry.payload), CONTENT_TYPE))
        self._publisher.submit(messages)

    def _next_in_line(self, settled: Iterable[Settled]) -> list[Entry]:
        """Note what the broker confirmed; return what waited for it."""
        following = []
        for message in settled:
            entry = self._on_the_way.pop(message.id)
            if message.outcome is Outcome.LOST:
                continue
            self._progress = time.monotonic()
            self._confirmed.append(entry.seq)
            self.unroutable += message.outcome is Outcome.UNROUTABLE
            line = self._lines[entry.entity_id]
            line.popleft()
            if line:
                following.append(line[0])
        if len(self._confirmed) >= self._publisher.window:
            self._delete_confirmed()
        return following

    def _delete_confirmed(self) -> None:
        if self._confirmed:
            with self._store.write(self._held) as connection:
                outbox.delete(connection, self._confirmed)
            self.published += len(self._confirmed)
            self._advance(len(self._confirmed))
            self._confirmed.clear()


def _event(entry: Entry) -> Event:
    related = json.loads(entry.related) if entry.related else {}
    return Event(
        entity_id=entry.entity_id,
        version=entry.version,
        type=EventType(entry.type),
        cause=entry.cause,
        created_at=entry.created_at,
        changed=json.loads(entry.changed_paths) if entry.changed_paths else (),
        into=related.get("into"),
        out_of_it=related.get("out_of_it", ()),
    )

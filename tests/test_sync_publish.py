"""The relay between the outbox and a real broker: nothing lost, each entity's events in order, outages survived."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pika
import pytest
from pydantic import SecretStr
from servers import RabbitMQ, free_ports

from adapters.rabbitmq import Publisher
from canonical_model.events import CustomerChanged
from foundation.errors import StoreError
from store import engine, leases, outbox, tables
from store.engine import Store
from sync import publish
from sync.publish import Published

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    embedded = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'voeg.db'}" if embedded else request.getfixturevalue("postgres_url")
    yield from opened(url)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    yield from opened(f"sqlite:///{tmp_path / 'voeg.db'}")


def opened(url: str) -> Iterator[Store]:
    store = engine.open(url)
    store.migrate()
    yield store
    store.close()


def payload(version: int) -> str:
    identifiers = [{"type": "iban", "value": "NL91ABNA0417164300"}, {"type": "customer_number", "value": "12"}]
    return json.dumps({"canonical_version": 1, "family_name": f"Jansen {version}", "identifiers": identifiers})


def change(store: Store, versions: dict[int, int], first: int = 1) -> None:
    """Give each entity versions ``first`` to the number named, with an event for each, their lines interleaved."""
    golden, history, events = [], [], []
    for version in range(first, max(versions.values()) + 1):
        for entity, last in versions.items():
            if version > last:
                continue
            row = {"entity_id": entity, "version": version, "payload": payload(version), "provenance": "{}"}
            (golden if version == last else history).append({**row, "recorded_at": NOW})
            events.append(
                {
                    "entity_id": entity,
                    "version": version,
                    "type": "changed",
                    "changed_paths": '["family_name"]',
                    "cause": f"test-{version}",
                    "created_at": NOW,
                }
            )
    with store.write() as connection:
        for table, rows in ((tables.golden, golden), (tables.golden_history, history), (tables.outbox, events)):
            if rows:
                connection.execute(table.insert(), rows)


@pytest.fixture
def queue(rabbitmq: RabbitMQ, request: pytest.FixtureRequest) -> str:
    """A queue of the test's own that is bound to an exchange of its own, for changes alone."""
    name = f"publish {request.node.name}"
    with channel(rabbitmq) as opened_channel:
        opened_channel.exchange_declare(name, "topic", durable=True)
        opened_channel.queue_declare(name, durable=True)
        opened_channel.queue_bind(name, name, "voeg.customer.changed.v1")
    return name


@contextmanager
def channel(rabbitmq: RabbitMQ) -> Iterator[Any]:
    with pika.BlockingConnection(pika.URLParameters(rabbitmq.url)) as connection:
        yield connection.channel()


def heard(rabbitmq: RabbitMQ, queue: str) -> list[dict[str, Any]]:
    found = []
    with channel(rabbitmq) as opened_channel:
        for method, _, body in opened_channel.consume(queue, auto_ack=True, inactivity_timeout=0.5):
            if method is None:
                break
            found.append(json.loads(body))
    return found


def publisher(rabbitmq: RabbitMQ, queue: str, window: int = 1_000) -> Publisher:
    return Publisher(SecretStr(rabbitmq.url), exchange=queue, window=window)


def waiting(store: Store) -> int:
    return outbox.count(store)


def test_a_drain_publishes_all_and_empties_the_outbox(any_store: Store, rabbitmq: RabbitMQ, queue: str) -> None:
    change(any_store, {1: 3, 2: 1, 3: 2})
    moved: list[int] = []
    with publisher(rabbitmq, queue) as broker:
        report = publish.drain(any_store, broker, advance=moved.append)
    assert report == Published(published=6, unroutable=0, waiting=0, broker=broker.broker)
    assert sum(moved) == 6
    assert waiting(any_store) == 0
    events = heard(rabbitmq, queue)
    assert versions_by_entity(events) == {"1": [1, 2, 3], "2": [1], "3": [1, 2]}
    first = CustomerChanged.model_validate(events[0])
    assert (first.subject, first.data.version, first.data.cause) == ("1", 1, "test-1")


def test_an_event_tells_the_values_of_its_own_version_without_the_sensitive_ones(
    store: Store, rabbitmq: RabbitMQ, queue: str
) -> None:
    change(store, {1: 2})
    with publisher(rabbitmq, queue) as broker:
        publish.drain(store, broker)
    events = heard(rabbitmq, queue)
    assert [event["data"]["record"]["family_name"] for event in events] == ["Jansen 1", "Jansen 2"]
    for event in events:
        assert event["data"]["record"]["identifiers"] == [{"type": "customer_number", "value": "12"}]


def test_an_event_whose_values_were_erased_is_published_without_them(
    store: Store, rabbitmq: RabbitMQ, queue: str
) -> None:
    change(store, {1: 1})
    with store.write() as connection:
        connection.execute(tables.golden.delete())
    with publisher(rabbitmq, queue) as broker:
        publish.drain(store, broker)
    assert "record" not in heard(rabbitmq, queue)[0]["data"]


def test_events_nobody_listens_to_count_as_published_and_are_told(store: Store, rabbitmq: RabbitMQ, queue: str) -> None:
    change(store, {1: 1, 2: 1})
    with store.write() as connection:
        connection.execute(tables.outbox.update().where(tables.outbox.c.entity_id == 2).values(type="created"))
    with publisher(rabbitmq, queue) as broker:
        report = publish.drain(store, broker)
    assert (report.published, report.unroutable, report.waiting) == (2, 1, 0)
    assert "nobody listens to 1 of them" in str(report)


def test_a_second_drain_has_nothing_to_do(store: Store, rabbitmq: RabbitMQ, queue: str) -> None:
    change(store, {1: 1})
    with publisher(rabbitmq, queue) as broker:
        assert publish.drain(store, broker).published == 1
        assert publish.drain(store, broker).published == 0
    assert len(heard(rabbitmq, queue)) == 1


def test_no_broker_leaves_the_events_and_says_how_to_go_on(store: Store) -> None:
    change(store, {1: 4})
    nowhere = SecretStr(f"amqp://guest:guest@127.0.0.1:{free_ports(1)[0]}/%2F")
    with Publisher(nowhere, exchange="x") as broker:
        report = publish.drain(store, broker, first_connection=0.5)
    assert (report.published, report.waiting, report.problem) == (0, 4, "connection refused")
    assert "4 wait in the outbox" in str(report)
    assert "run 'voeg publish'" in str(report)
    assert waiting(store) == 4


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_an_outage_midway_loses_nothing_and_keeps_the_order(
    store: Store, rabbitmq: RabbitMQ, queue: str, end: str
) -> None:
    change(store, dict.fromkeys(range(1, 401), 20))
    window = 100
    under_way = threading.Event()
    reports: list[Published] = []

    def drain() -> None:
        with publisher(rabbitmq, queue, window) as broker:
            reports.append(publish.drain(store, broker, advance=lambda count: under_way.set()))

    thread = threading.Thread(target=drain)
    thread.start()
    assert under_way.wait(10)
    getattr(rabbitmq, end)()
    left = waiting(store)
    assert left > 0, "the outage came too late to mean anything"
    rabbitmq.start()
    thread.join(60)
    (report,) = reports
    assert (report.published, report.waiting, report.problem) == (8_000, 0, None)
    events = heard(rabbitmq, queue)
    assert len(events) - 8_000 <= 2 * window, "more duplicates than were on the way"
    heard_of = versions_by_entity(events)
    assert set(heard_of) == {str(entity) for entity in range(1, 401)}
    for versions in heard_of.values():
        assert versions == sorted(versions)
        assert sorted(set(versions)) == list(range(1, 21))


def test_a_drain_gives_up_when_the_broker_stays_away(store: Store, rabbitmq: RabbitMQ, queue: str) -> None:
    change(store, dict.fromkeys(range(1, 401), 20))
    with publisher(rabbitmq, queue, 100) as broker:
        ended = threading.Event()

        def end(_count: int) -> None:
            if not ended.is_set():
                ended.set()
                rabbitmq.kill()

        report = publish.drain(store, broker, advance=end, outage=1.0)
    assert report.problem is not None
    assert report.published + report.waiting == 8_000
    assert report.waiting == waiting(store) > 0


def test_a_running_relay_publishes_what_comes_and_survives_an_outage(
    store: Store, rabbitmq: RabbitMQ, queue: str
) -> None:
    stop = threading.Event()
    reports: list[Published] = []

    def relay() -> None:
        with publisher(rabbitmq, queue) as broker:
            reports.append(publish.run(store, broker, stop))

    thread = threading.Thread(target=relay)
    thread.start()
    change(store, {1: 1})
    eventually_empty(store)
    rabbitmq.stop()
    change(store, {2: 2})
    time.sleep(1)
    assert waiting(store) == 2
    rabbitmq.start()
    eventually_empty(store)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert (reports[0].published, reports[0].waiting) == (3, 0)
    assert versions_by_entity(heard(rabbitmq, queue)) == {"1": [1], "2": [1, 2]}


def test_only_one_relay_publishes_at_a_time(store: Store, rabbitmq: RabbitMQ, queue: str) -> None:
    change(store, {1: 1})
    with (
        leases.hold(store, "publish"),
        publisher(rabbitmq, queue) as broker,
        pytest.raises(StoreError, match="'publish' is being written by another process"),
    ):
        publish.drain(store, broker)
    assert waiting(store) == 1


def test_of_one_entity_no_two_events_are_on_the_way(store: Store, rabbitmq: RabbitMQ, queue: str) -> None:
    change(store, {1: 30, 2: 10})
    with publisher(rabbitmq, queue, window=7) as broker:
        on_the_way: set[str] = set()
        submit, settled = broker.submit, broker.settled

        def watched_submit(messages: Any) -> None:
            messages = list(messages)
            for message in messages:
                subject = json.loads(message.body)["subject"]
                assert subject not in on_the_way
                on_the_way.add(subject)
            submit(messages)

        def watched_settled(timeout: float) -> Any:
            found = settled(timeout)
            on_the_way.difference_update(each.id.partition(".")[0] for each in found)
            return found

        broker.submit, broker.settled = watched_submit, watched_settled  # type: ignore[method-assign]
        assert publish.drain(store, broker).published == 40
    assert versions_by_entity(heard(rabbitmq, queue)) == {"1": list(range(1, 31)), "2": list(range(1, 11))}


def eventually_empty(store: Store, timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while waiting(store):
        assert time.monotonic() < deadline, "the outbox was never emptied"
        time.sleep(0.05)


def versions_by_entity(events: list[dict[str, Any]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for event in events:
        found[event["subject"]].append(event["data"]["version"])
    return dict(found)

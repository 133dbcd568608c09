"""The publisher against a real RabbitMQ: confirms, unroutable messages, outages, and what it says of trouble."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pika
import pytest
from pydantic import SecretStr
from servers import RabbitMQ, free_ports

from adapters.rabbitmq import Message, Outcome, Publisher, Settled
from foundation.errors import ConfigurationError

PUBLISHED, UNROUTABLE, LOST = Outcome.PUBLISHED, Outcome.UNROUTABLE, Outcome.LOST


def message(number: int, key: str = "t.x", body: bytes | None = None) -> Message:
    return Message(str(number), key, body or str(number).encode(), "text/plain")


def settle(publisher: Publisher, count: int, *, exactly: bool = True, timeout: float = 30) -> list[Settled]:
    found: list[Settled] = []
    deadline = time.monotonic() + timeout
    while len(found) < count and time.monotonic() < deadline:
        found += publisher.settled(0.1)
    assert len(found) == count if exactly else len(found) >= count
    return found


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


@contextmanager
def opened(rabbitmq: RabbitMQ) -> Iterator[Any]:
    with pika.BlockingConnection(pika.URLParameters(rabbitmq.url)) as connection:
        yield connection.channel()


def bind(rabbitmq: RabbitMQ, name: str, *, key: str = "t.#", arguments: dict[str, Any] | None = None) -> None:
    """Make a queue of the test's own, bound to an exchange of its own."""
    with opened(rabbitmq) as channel:
        channel.exchange_declare(name, "topic", durable=True)
        channel.queue_declare(name, durable=True, arguments=arguments)
        channel.queue_bind(name, name, key)


def received(rabbitmq: RabbitMQ, name: str) -> list[tuple[Any, bytes]]:
    """Take all that lies in the queue: properties and body, in order."""
    found = []
    with opened(rabbitmq) as channel:
        for method, properties, body in channel.consume(name, auto_ack=True, inactivity_timeout=0.5):
            if method is None:
                break
            found.append((properties, body))
    return found


def eventually(condition: Callable[[], bool], timeout: float = 15) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def test_messages_are_confirmed_and_arrive_in_order(rabbitmq: RabbitMQ, name: str) -> None:
    bind(rabbitmq, name)
    with Publisher(SecretStr(rabbitmq.url), exchange=name, window=10) as publisher:
        assert publisher.wait_until_ready(10)
        publisher.submit(message(n) for n in range(100))
        settled = settle(publisher, 100)
    assert {each.id for each in settled} == {str(n) for n in range(100)}
    assert {each.outcome for each in settled} == {Outcome.PUBLISHED}
    deliveries = received(rabbitmq, name)
    assert [body for _, body in deliveries] == [str(n).encode() for n in range(100)]
    properties = deliveries[0][0]
    assert (properties.delivery_mode, properties.message_id, properties.content_type) == (2, "0", "text/plain")


def test_a_message_nobody_listens_to_is_confirmed_and_told(rabbitmq: RabbitMQ, name: str) -> None:
    bind(rabbitmq, name, key="t.x")
    with Publisher(SecretStr(rabbitmq.url), exchange=name) as publisher:
        assert publisher.wait_until_ready(10)
        publisher.submit([message(1), message(2, "t.y"), message(3)])
        assert dict(settle(publisher, 3)) == {"1": PUBLISHED, "2": UNROUTABLE, "3": PUBLISHED}


def test_the_exchange_is_made_and_survives_a_restart(rabbitmq: RabbitMQ, name: str) -> None:
    with Publisher(SecretStr(rabbitmq.url), exchange=name) as publisher:
        assert publisher.wait_until_ready(10)
    rabbitmq.stop()
    rabbitmq.start()
    with opened(rabbitmq) as channel:
        channel.exchange_declare(name, passive=True)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_an_outage_hands_back_what_is_not_confirmed(rabbitmq: RabbitMQ, name: str, end: str) -> None:
    bind(rabbitmq, name)
    with Publisher(SecretStr(rabbitmq.url), exchange=name, window=50) as publisher:
        assert publisher.wait_until_ready(10)
        publisher.submit(message(n) for n in range(10_000))
        settled = settle(publisher, 500, exactly=False)
        getattr(rabbitmq, end)()
        settled += settle(publisher, 10_000 - len(settled))
        assert publisher.problem is not None
        publisher.submit([message(-1)])
        assert publisher.settled(5) == [("-1", LOST)]
        rabbitmq.start()
        assert publisher.wait_until_ready(60)
        lost = [int(each.id) for each in settled if each.outcome is LOST]
        publisher.submit(message(n) for n in lost)
        assert {each.outcome for each in settle(publisher, len(lost))} == {PUBLISHED}
    assert 0 < len(lost) < 10_000
    assert {int(body) for _, body in received(rabbitmq, name)} == set(range(10_000))


def test_it_connects_when_the_broker_comes_up_late(rabbitmq: RabbitMQ, name: str) -> None:
    rabbitmq.stop()
    with Publisher(SecretStr(rabbitmq.url), exchange=name) as publisher:
        assert not publisher.wait_until_ready(0.5)
        assert publisher.problem == "connection refused"
        rabbitmq.start()
        assert publisher.wait_until_ready(60)
        assert publisher.problem is None


def test_a_message_the_broker_refuses_is_handed_back(rabbitmq: RabbitMQ, name: str) -> None:
    bind(rabbitmq, name, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    with Publisher(SecretStr(rabbitmq.url), exchange=name) as publisher:
        assert publisher.wait_until_ready(10)
        publisher.submit([message(1)])
        assert settle(publisher, 1) == [("1", PUBLISHED)]
        publisher.submit([message(2)])
        assert settle(publisher, 1) == [("2", LOST)]
        assert publisher.problem == "the broker refuses messages: a queue may be full"
        assert [body for _, body in received(rabbitmq, name)] == [b"1"]
        publisher.submit([message(3)])
        assert settle(publisher, 1) == [("3", PUBLISHED)]
        assert publisher.problem is None


def test_it_waits_while_the_broker_blocks_publishers(rabbitmq: RabbitMQ, name: str) -> None:
    bind(rabbitmq, name)
    with Publisher(SecretStr(rabbitmq.url), exchange=name) as publisher:
        assert publisher.wait_until_ready(10)
        publisher._on_blocked(None, None)  # an alarm of the node would block the other tests too
        publisher.submit([message(1)])
        assert publisher.settled(0.3) == []
        assert "short of memory or disk" in str(publisher.problem)
        publisher._in_loop(lambda: publisher._on_unblocked(None, None))
        assert settle(publisher, 1) == [("1", PUBLISHED)]
        assert publisher.problem is None


def test_a_wrong_password_is_told_without_showing_it(rabbitmq: RabbitMQ, name: str) -> None:
    url = rabbitmq.url.replace("guest:guest", "guest:s3cret")
    with Publisher(SecretStr(url), exchange=name) as publisher:
        eventually(lambda: publisher.problem != "not connected yet")
        assert publisher.problem == "the broker refuses the user name or password"
        assert "s3cret" not in repr(publisher)


def test_an_exchange_of_another_type_is_told(rabbitmq: RabbitMQ, name: str) -> None:
    with opened(rabbitmq) as channel:
        channel.exchange_declare(name, "fanout", durable=True)
    with Publisher(SecretStr(rabbitmq.url), exchange=name) as publisher:
        eventually(lambda: publisher.problem != "not connected yet")
        assert "inequivalent arg 'type' for exchange" in str(publisher.problem)


def test_closing_is_quick_with_no_broker_there() -> None:
    url = SecretStr(f"amqp://guest:guest@127.0.0.1:{free_ports(1)[0]}/%2F")
    started = time.monotonic()
    with Publisher(url, exchange="x") as publisher:
        eventually(lambda: publisher.problem == "connection refused")
    assert time.monotonic() - started < 5
    assert not publisher._thread.is_alive()


def test_closing_is_quick_with_a_broker_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = SecretStr(f"amqp://guest:guest@127.0.0.1:{silent.getsockname()[1]}/%2F")
        started = time.monotonic()
        with Publisher(url, exchange="x") as publisher:
            assert not publisher.wait_until_ready(0.3)
        assert time.monotonic() - started < 5
        assert not publisher._thread.is_alive()


@pytest.mark.parametrize(
    "url", ["http://user:s3cret@host/", "amqp://user:s3cret@host:port/", "amqp://h?heartbeat=s3cret"]
)
def test_a_url_that_is_none_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"broker\.url") as error:
        Publisher(SecretStr(url), exchange="x")
    assert "s3cret" not in str(error.value)

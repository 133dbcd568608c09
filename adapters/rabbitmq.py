"""Publish messages to a RabbitMQ topic exchange; the only module that speaks AMQP.

One connection in a thread of its own, which is made again for ever with back-off. Messages are persistent and
``mandatory``; at most ``window`` of them are unconfirmed. What is not confirmed when the connection breaks is handed
back as lost, not kept for the next one: during a long outage only its owner knows whether it may still be sent.

Windowed confirms on a SelectConnection make 12,000 to 21,000 messages/s on a quorum queue; a BlockingConnection, which
waits for every confirm, 600 to 1,000.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from enum import Enum
from types import TracebackType
from typing import Any, NamedTuple, Self

import pika
from pika.exceptions import (
    AMQPHeartbeatTimeout,
    ChannelClosed,
    ConnectionBlockedTimeout,
    ConnectionClosed,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)
from pydantic import SecretStr
from tenacity import RetryError, Retrying, retry_if_exception_type, sleep_using_event, stop_when_event_set
from tenacity.wait import wait_exponential_jitter

from foundation.errors import ConfigurationError, Problem

HEARTBEAT_SECONDS = 30
BLOCKED_SECONDS = 300  # after which a connection that the broker blocks is given up and made again
REFUSED_PAUSE_SECONDS = 1.0  # before anything is published after the broker refused a message
LONGEST_PAUSE_SECONDS = 30  # between two attempts to connect


class Message(NamedTuple):
    """A message to publish; ``id`` is unique among those that are not settled."""

    id: str
    routing_key: str
    body: bytes
    content_type: str


class Outcome(Enum):
    """What became of a message."""

    PUBLISHED = "published"  # the broker keeps it
    UNROUTABLE = "unroutable"  # the broker took it, but no queue is bound for it: nobody listens
    LOST = "lost"  # the connection broke or the broker refused it: it may or may not have arrived


class Settled(NamedTuple):
    """A message of which the outcome is known."""

    id: str
    outcome: Outcome


class _NotConnected(Exception):
    """An attempt to connect failed; the next one follows."""


class Publisher:
    """A connection to one topic exchange, used as a context manager.

    ``submit`` and ``settled`` are for one thread; everything else happens in the connection's own.
    """

    def __init__(self, url: SecretStr, *, exchange: str, window: int = 1_000) -> None:
        """Raises ConfigurationError when the URL is not one."""
        self._parameters = _parameters(url)
        self.window = window  # messages that may be unconfirmed
        self._exchange = exchange
        self._waiting: deque[Message] = deque()
        self._settled: queue.SimpleQueue[list[Settled]] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._ready = threading.Event()
        self._problem: str | None = "not connected yet"
        self._thread = threading.Thread(target=self._run, name="rabbitmq", daemon=True)
        self._lock = threading.Lock()  # guards _connection against use while its loop is torn down
        self._connection: pika.SelectConnection | None = None
        # Of the connection's thread alone:
        self._channel: Any = None
        self._held_back = False  # the broker blocks us, or refused a message a moment ago
        self._delivery_tag = 0
        self._unconfirmed: dict[int, Message] = {}  # by delivery tag, in the order of publishing
        self._returned: set[str] = set()

    def __repr__(self) -> str:
        """Name the broker and the exchange, without credentials."""
        return f"Publisher({self.broker}, exchange={self._exchange!r})"

    @property
    def broker(self) -> str:
        """Where the broker is: ``host:port``."""
        return f"{self._parameters.host}:{self._parameters.port}"

    @property
    def problem(self) -> str | None:
        """Why nothing can be published at the moment; None when all is well."""
        return self._problem

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, type_: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection. What is not settled by now may or may not have reached the broker."""
        self._closing.set()
        self._in_loop(self._close)
        self._thread.join(timeout=10)

    def wait_until_ready(self, timeout: float) -> bool:
        """Wait until messages can be published; tell whether they can."""
        return self._ready.wait(timeout)

    def submit(self, messages: Iterable[Message]) -> None:
        """Publish messages as soon as there is room in the window; each of them will be settled, once.

        Without a connection they are lost at once. The caller bounds how many are not settled.
        """
        self._waiting.extend(messages)
        if not self._in_loop(self._pump):
            self._lose_waiting()

    def settled(self, timeout: float) -> list[Settled]:
        """Return the messages that were settled since the last call; waits ``timeout`` seconds for the first."""
        found: list[Settled] = []
        try:
            found += self._settled.get(timeout=timeout)
            while True:
                found += self._settled.get_nowait()
        except queue.Empty:
            return found

    # The connection's thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing.is_set():
            attempts = Retrying(
                retry=retry_if_exception_type(_NotConnected),
                wait=wait_exponential_jitter(multiplier=0.1, max=LONGEST_PAUSE_SECONDS, jitter=0.1),
                stop=stop_when_event_set(self._closing),
                sleep=sleep_using_event(self._closing),
            )
            try:
                attempts(self._hold_connection)
            except RetryError:
                return
            self._closing.wait(0.1)  # a broker that takes us in and throws us out is not to be hammered

    def _hold_connection(self) -> None:
        """Connect and publish until the connection is lost; raises when it never got ready."""
        connection = pika.SelectConnection(
            self._parameters,
            on_open_callback=self._on_open,
            on_open_error_callback=self._on_lost,
            on_close_callback=self._on_lost,
        )
        with self._lock:
            self._connection = connection
        if self._closing.is_set():  # close() may have looked before there was a connection
            self._in_loop(self._close)
        try:
            connection.ioloop.start()
        finally:
            with self._lock:
                self._connection = None
            was_ready = self._ready.is_set()
            self._forget_connection()
            connection.ioloop.close()
        if not was_ready:
            raise _NotConnected

    def _forget_connection(self) -> None:
        self._ready.clear()
        self._channel = None
        self._held_back = False
        self._delivery_tag = 0
        self._returned.clear()
        self._settle(list(self._unconfirmed.values()), Outcome.LOST)
        self._unconfirmed.clear()
        self._lose_waiting()

    def _lose_waiting(self) -> None:
        """Settle what waits as lost; called when there is no connection, by either thread."""
        with suppress(IndexError):
            while True:
                self._settle([self._waiting.popleft()], Outcome.LOST)

    def _settle(self, messages: list[Message], outcome: Outcome) -> None:
        if messages:
            self._settled.put([Settled(message.id, outcome) for message in messages])

    def _in_loop(self, callback: Callable[[], None]) -> bool:
        """Have the connection's thread do something; tells whether there is a connection."""
        with self._lock:
            if self._connection is None:
                return False
            self._connection.ioloop.add_callback_threadsafe(callback)
            return True

    def _close(self) -> None:
        connection = self._connection
        if connection is None or connection.is_closing or connection.is_closed:
            return
        if connection.is_open:
            connection.close()
        else:  # in the middle of the handshake, where pika's own close() fails an assertion
            connection.ioloop.stop()

    def _on_open(self, connection: pika.SelectConnection) -> None:
        connection.add_on_connection_blocked_callback(self._on_blocked)
        connection.add_on_connection_unblocked_callback(self._on_unblocked)
        connection.channel(on_open_callback=self._on_channel_open)

    def _on_channel_open(self, channel: Any) -> None:
        self._channel = channel
        channel.add_on_close_callback(self._on_channel_closed)
        channel.add_on_return_callback(self._on_returned)
        channel.exchange_declare(
            self._exchange, exchange_type="topic", durable=True, callback=lambda _frame: self._on_exchange_declared()
        )

    def _on_exchange_declared(self) -> None:
        self._channel.confirm_delivery(self._on_confirm, callback=lambda _frame: self._on_ready())

    def _on_ready(self) -> None:
        self._problem = None
        self._ready.set()
        self._pump()

    def _on_channel_closed(self, _channel: Any, reason: BaseException) -> None:
        if not self._closing.is_set():
            self._problem = _described(reason)
            self._close()

    def _on_lost(self, connection: pika.SelectConnection, reason: BaseException) -> None:
        if not (isinstance(reason, ConnectionClosed) and reason.reply_code == 200):  # 200: closed by ourselves
            self._problem = _described(reason)
        connection.ioloop.stop()

    def _on_blocked(self, _connection: Any, _frame: Any) -> None:
        self._held_back = True
        self._problem = "the broker blocks publishers: it is short of memory or disk"

    def _on_unblocked(self, _connection: Any, _frame: Any) -> None:
        self._resume()

    def _resume(self) -> None:
        self._held_back = False
        if self._ready.is_set():
            self._problem = None
            self._pump()

    def _pump(self) -> None:
        """Publish what waits, as far as the window reaches."""
        if not self._ready.is_set():
            self._lose_waiting()
        if not self._ready.is_set() or not self._channel.is_open:
            return
        while self._waiting and len(self._unconfirmed) < self.window and not self._held_back:
            message = self._waiting.popleft()
            self._delivery_tag += 1
            self._unconfirmed[self._delivery_tag] = message
            self._channel.basic_publish(
                self._exchange,
                message.routing_key,
                message.body,
                pika.BasicProperties(
                    content_type=message.content_type,
                    delivery_mode=pika.DeliveryMode.Persistent.value,
                    message_id=message.id,
                ),
                mandatory=True,
            )

    def _on_returned(self, _channel: Any, _method: Any, properties: Any, _body: bytes) -> None:
        self._returned.add(properties.message_id)  # the broker confirms it none the less, after this

    def _on_confirm(self, frame: Any) -> None:
        messages = list(self._take(frame.method.delivery_tag, multiple=frame.method.multiple))
        if isinstance(frame.method, pika.spec.Basic.Nack):
            self._problem = "the broker refuses messages: a queue may be full"
            self._settle(messages, Outcome.LOST)
            self._held_back = True
            self._channel.connection.ioloop.call_later(REFUSED_PAUSE_SECONDS, self._resume)
            return
        unroutable = [message for message in messages if message.id in self._returned]
        routed = [message for message in messages if message.id not in self._returned]
        self._returned.difference_update(message.id for message in unroutable)
        self._settle(unroutable, Outcome.UNROUTABLE)
        self._settle(routed, Outcome.PUBLISHED)
        self._pump()

    def _take(self, delivery_tag: int, *, multiple: bool) -> Iterator[Message]:
        if not multiple:
            yield self._unconfirmed.pop(delivery_tag)
            return
        while self._unconfirmed and (first := next(iter(self._unconfirmed))) <= delivery_tag:
            yield self._unconfirmed.pop(first)


def _parameters(url: SecretStr) -> pika.URLParameters:
    # pika logs every failed attempt with a stack trace; the publisher tells the problem in one sentence instead.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    try:
        parameters = pika.URLParameters(url.get_secret_value())
        if not url.get_secret_value().startswith(("amqp://", "amqps://")):
            raise ValueError
    except Exception:  # whatever pika stumbles over; its message may quote the URL with the password
        raise ConfigurationError(
            Problem(
                message="the broker's URL is not one",
                path="broker.url",
                remedy="write amqp://USER:PASSWORD@HOST:5672/%2F, or amqps:// for TLS",
            )
        ) from None
    if parameters.heartbeat is None:
        parameters.heartbeat = HEARTBEAT_SECONDS
    if parameters.blocked_connection_timeout is None:
        parameters.blocked_connection_timeout = BLOCKED_SECONDS
    parameters.client_properties = {"connection_name": "voeg", "product": "Voeg"}
    return parameters


def _described(reason: BaseException) -> str:
    """Say in plain words why a connection failed; without host, credentials or Python's own words."""
    leaf = _leaf(reason)
    known: tuple[tuple[type[BaseException], str], ...] = (
        (ProbableAuthenticationError, "the broker refuses the user name or password"),
        (ProbableAccessDeniedError, "the user may not use this virtual host, or it does not exist"),
        (AMQPHeartbeatTimeout, "the broker stopped answering"),
        (ConnectionBlockedTimeout, "the broker blocked publishers for too long: it is short of memory or disk"),
    )
    for type_, text in known:
        if isinstance(leaf, type_):
            return text
    if isinstance(leaf, ChannelClosed | ConnectionClosed):
        return f"the broker closed the connection: {leaf.reply_text}"
    if isinstance(leaf, OSError) and leaf.strerror:
        return leaf.strerror.lower()
    return type(leaf).__name__


def _leaf(reason: BaseException) -> BaseException:
    """Return the error at the bottom of pika's wrappers: connection workflow, connector, stream."""
    while True:
        inner = getattr(reason, "exceptions", None) or getattr(reason, "exception", None) or reason.args
        last = inner[-1] if isinstance(inner, tuple | list) and inner else inner
        if not isinstance(last, BaseException):
            return reason
        reason = last

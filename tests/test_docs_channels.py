"""docs/channels.md shows what the API and the broker really give: its examples are asked for, rendered and consumed."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import anyio
import httpx
import pika
import pika.exceptions
import pytest
import servers
from documentation import DOCS, PROJECT, blocks, section, spans, tables
from estates import EstateFolder

from canonical_model.events import MODELS, Event, EventType, render
from channels import api
from channels.access import Clients
from foundation.settings import load_settings
from sync.customer import KINDS, Outcome, State
from sync.publish import drain, publisher

PAGE = DOCS / "channels.md"
LOOKUP, RECORD, PROBLEM, EVENT = (json.loads(block) for block in blocks(PAGE, "json"))
KEY = "a key for the test"

PEOPLE = [
    {"customer_no": "1001", "first_name": "Anna", "born": "1980-02-29", "email": "a.voorbeeld@example.org"},
    {"customer_no": "1002", "first_name": "Bram", "born": "1975-12-31", "email": "bram@example.org"},
    {"customer_no": "1003", "first_name": "Anna", "born": "1980-02-29", "email": "anna@example.org"},
]


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[EstateFolder]:
    """The estate that the page tells of: that of ``voeg init``, with three records of two people on one phone."""
    folder = EstateFolder(tmp_path)
    template = PROJECT / "sync" / "templates" / "mappings" / "customers.yaml"
    folder.write("mappings/customers.yaml", template.read_bytes())
    rows = [{**person, "last_name": "Voorbeeld", "mobile": "06 12345678"} for person in PEOPLE]
    folder.deliver("data/customers_1.csv", rows)
    folder.run()
    yield folder
    folder.close()


@pytest.fixture
def ask(estate: EstateFolder, monkeypatch: pytest.MonkeyPatch) -> Callable[..., httpx.Response]:
    """A function that asks the API, as the second client of the page unless another key is given."""
    [keys] = blocks(PAGE, "yaml")
    estate.write("conf/voeg.yaml", keys)
    monkeypatch.setenv("PAYMENTS_KEY_SHA256", hashlib.sha256(KEY.encode()).hexdigest())
    clients = Clients.of(load_settings(estate.root), estate=estate.root)
    transport = httpx.ASGITransport(api.app(estate.store, clients, region="NL"))

    def ask(method: str, path: str, key: str = KEY, **body: Any) -> httpx.Response:
        async def answer() -> httpx.Response:
            async with httpx.AsyncClient(transport=transport, base_url="http://voeg") as client:
                return await client.request(method, path, headers={"Authorization": f"Bearer {key}"}, **body)

        return anyio.run(answer)

    return ask


def without_times(value: Any) -> Any:
    """Return JSON data with its times taken out."""
    if isinstance(value, dict):
        return {name: without_times(each) for name, each in value.items() if name not in ("recorded_at", "since")}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def test_the_answers_are_those_shown(ask: Callable[..., httpx.Response]) -> None:
    assert ask("POST", "/v1/customers/lookup", json={"phone": "06-12345678"}).json() == LOOKUP
    answer = ask("GET", "/v1/customers/1").json()
    shown = {**RECORD, "provenance": {**answer["provenance"], **RECORD["provenance"]}}
    assert without_times(answer) == without_times(shown)
    assert ask("GET", "/v1/customers/1", key="another").json() == PROBLEM


def test_the_calls_are_those_of_the_api(ask: Callable[..., httpx.Response]) -> None:
    paths = ask("GET", "/openapi.json").json()["paths"]
    offered = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    [table] = [table for table in tables(section(PAGE, "The HTTP API")) if table.head[0] == "call"]
    assert {spans(row[0])[0] for row in table.rows} == offered


def test_the_errors_have_the_status_that_the_table_says(ask: Callable[..., httpx.Response]) -> None:
    lookup = "/v1/customers/lookup"
    statuses = [
        ask("GET", "/v1/customers/1", key="another").status_code,
        ask("GET", "/v1/customers/99").status_code,
        ask("POST", lookup, json={"phone": "0" * 20_000}).status_code,
        ask("POST", lookup, json={"fone": "0"}).status_code,
    ]
    [table] = [table for table in tables(section(PAGE, "Errors")) if table.head[0] == "status"]
    assert statuses == [401, 404, 413, 422]
    assert [int(row[0]) for row in table.rows] == sorted([*statuses, 410, 503])


def test_the_words_of_a_lookup_are_explained() -> None:
    found = tables(section(PAGE, "Look-up"))
    explained = {table.head[0]: {each for row in table.rows for each in spans(row[0])} for table in found}
    assert explained == {"key": set(KINDS), "`outcome`": set(get_args(Outcome)), "`state`": set(get_args(State))}


def test_every_event_type_is_explained() -> None:
    [table] = tables(section(PAGE, "Events"))
    assert [spans(row[0])[0] for row in table.rows] == [type_.full_name for type_ in EventType]


def test_the_event_is_what_the_code_renders_of_a_record_with_an_iban() -> None:
    data = EVENT["data"]
    iban = {"type": "iban", "value": "NL91ABNA0417164300"}
    record = {**data["record"], "identifiers": [iban, *data["record"]["identifiers"]]}
    event = Event(
        entity_id=int(EVENT["subject"]),
        version=data["version"],
        type=EventType.CHANGED,
        cause=data["cause"],
        created_at=datetime.fromisoformat(EVENT["time"]),
        changed=data["changed"],
    )
    assert json.loads(render(event, json.dumps(record))) == EVENT
    MODELS[EventType.CHANGED].model_validate(EVENT)


def test_the_consumer_hears_of_every_customer(estate: EstateFolder, rabbitmq: servers.RabbitMQ) -> None:
    estate.write("conf/voeg.yaml", f'broker: {{url: "{rabbitmq.url}"}}')
    estate.close()
    [consumer] = blocks(PAGE, "python")
    consumer = re.sub(r'"amqp://[^"]*"', repr(rabbitmq.url), consumer)
    heard: list[str] = []
    names: dict[str, Any] = {}

    def handle(event: dict[str, Any]) -> None:
        heard.append(event["type"])
        if len(heard) == 2:
            names["channel"].stop_consuming()

    names["handle"] = handle
    thread = threading.Thread(target=exec, args=(consumer, names), daemon=True)
    thread.start()
    try:
        wait_for_queue(rabbitmq.url, "agent-desktop")
        with publisher(estate.here) as broker:
            report = drain(estate.store, broker, first_connection=20)
        thread.join(timeout=20)
        assert not thread.is_alive()
    finally:
        names["connection"].close()
        delete_queue(rabbitmq.url, "agent-desktop")
    assert (report.published, report.unroutable, heard) == (2, 0, ["voeg.customer.created.v1"] * 2)


def wait_for_queue(url: str, name: str) -> None:
    """Wait until a queue is there and somebody consumes from it."""
    deadline = time.monotonic() + 20
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        while time.monotonic() < deadline:
            channel = connection.channel()
            try:
                if channel.queue_declare(name, passive=True).method.consumer_count:
                    return
            except pika.exceptions.ChannelClosedByBroker:
                pass
            time.sleep(0.1)
    raise TimeoutError(name)


def delete_queue(url: str, name: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        connection.channel().queue_delete(name)

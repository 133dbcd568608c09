"""Killed with SIGKILL at any moment of sync, resolve or publish, and run again: equal to an undisturbed run.

Two days of deliveries go through the real command line. One estate is left in peace. The other's processes are
killed several times a day, at moments of the clock and at transactions drawn by lot, before the day is finished; the
next day begins where that leaves off. Then both hold the same, and the broker has seen every golden version.
"""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pytest
import servers
from estates import EstateFolder, frame, golden, held, outbox
from sqlalchemy import select

from store import tables

CUSTOMERS = """
version: 1
source: {source}
system: {source}
mode: snapshot
timezone: UTC
read: {{adapter: files, format: csv, path: data/{source}.csv, batch_rows: 100}}
records:
  - kind: party
    key: id
    {changed_at}
    required: [family_name]
    fields:
      party_type: {{constant: person}}
      given_name: given
      family_name: name
      birth_date: {{from: born, do: [{{parse_date: ["%Y-%m-%d"]}}]}}
      addresses: [{{kind: {{constant: home}}, street: street, postcode: postcode}}]
      phones: [{{kind: {{constant: mobile}}, number: phone}}]
      emails: [{{address: email}}]
      identifiers: [{{type: {{constant: customer_number}}, value: id}}]
"""
CHANGED_AT = 'changed_at: {from: changed, do: [{parse_datetime: ["%Y-%m-%d"]}]}'
PRODUCTS = """
version: 1
source: products
system: billing
mode: snapshot
read: {adapter: files, format: csv, path: data/products.csv, batch_rows: 100}
records:
  - kind: product
    key: id
    party: {identifier: customer_number, value: customer}
    fields: {product_type: {constant: mobile}, name: name, number: id}
"""
DAYS = 2
PEOPLE = 500
KNOWN = {"crm": 0.95, "shop": 0.6, "shop again": 0.5, "products": 0.7}  # the share of the people that a system knows

# The real commands, with transactions cut small so that there are many moments to be killed at. The process ends
# itself at the n-th beginning or end of a transaction, where the test says so.
PROGRAM = """
import os, signal, sys
from sqlalchemy import Engine, event
from sync import apply, resolve
from sync.cli import main
apply.TRANSACTION_ROWS = apply.FIRST_LOAD_ROWS = 60
resolve.BATCH_RECORDS, resolve.BATCH_ENTITIES, resolve.COMMIT_ENTITIES = 60, 120, 30
estate, last = sys.argv[1], int(sys.argv[2])
seen = 0
def count(connection):
    global seen
    seen += 1
    if seen == last:
        os.kill(os.getpid(), signal.SIGKILL)
event.listen(Engine, "begin", count)
event.listen(Engine, "commit", count)
print("ready", flush=True)
for command in (["sync", "--resolve"], ["publish"]):
    sys.argv = ["voeg", *command, "--estate", estate]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
print("seen", seen)
"""

FIRST = ("Saskia", "Wouter", "Femke", "Lieke", "Joris", "Hanna", "Pieter", "Noor", "Teun", "Marit")
LAST = ("Terpstra", "Hoekzema", "Oosterling", "Brandsma", "Kuipers", "Dijkgraaf", "Wolthuis", "Nauta", "Postma")


def deliver(estate: EstateFolder, day: int) -> None:
    """Write what the systems deliver on a day: some change, come, go, are bad, or are told twice."""
    crm, shop, again, products = [], [], [], []
    for number in range(PEOPLE):
        person = random.Random(number)
        row = {
            "given": person.choice(FIRST),
            "name": person.choice(LAST) + person.choice(("", "a", "ma")),
            "born": f"19{person.randint(30, 99)}-{person.randint(1, 12):02}-{person.randint(1, 28):02}",
            "street": f"Straat {person.randint(1, 400)}",
            "postcode": f"{person.randint(1000, 9999)} AB",
            "phone": f"+316{person.randint(10_000_000, 99_999_999)}",
            "email": f"m{number}@example.org",
        }
        knows = {source: person.random() < share for source, share in KNOWN.items()}
        today = random.Random(number * DAYS + day)
        moved = {"street": f"Laan {day}-{number}"} if today.random() < 0.2 else {}
        lost = {"name": ""} if today.random() < 0.03 else {}
        if knows["crm"] and today.random() < 0.96:
            crm.append({"id": f"c{number}", "changed": f"2026-05-{10 + day:02}", **row, **moved, **lost})
        if knows["shop"]:  # has other addresses, tells no times, and has some people again, far from their first record
            shop.append({"id": f"s{number}", **row, "street": f"Plein {number}"})
        if knows["shop again"] and today.random() < 0.9:
            again.append({"id": f"t{number}", **row, "street": f"Kade {day}", "email": f"n{number}@example.org"})
        if knows["products"] and today.random() < 0.9:
            products.append({"id": f"p{number}", "customer": f"c{number}", "name": f"Mobile {today.randint(1, 2)}"})
    estate.deliver("data/crm.csv", crm)
    estate.deliver("data/shop.csv", shop + again)
    estate.deliver("data/products.csv", products)


@pytest.mark.parametrize(("database", "kills"), [("sqlite", 4), ("postgresql", 2)], ids=["sqlite", "postgresql"])
def test_killed_anywhere_and_run_again_it_is_as_if_nothing_had_happened(
    database: str,
    kills: int,
    tmp_path: Path,
    rabbitmq: servers.RabbitMQ,
    request: pytest.FixtureRequest,
) -> None:
    with contextlib.ExitStack() as stack:
        peaceful, killed = (
            stack.enter_context(listened_to(tmp_path, f"{name}-{database}", rabbitmq, request))
            for name in ("peaceful", "killed")
        )
        chance = random.Random(20260504)
        hits = 0
        for day in range(DAYS):
            deliver(peaceful, day)
            deliver(killed, day)
            lasts, transactions = through(peaceful)
            for number in range(kills):
                place = (number + chance.random()) / kills  # spread over the whole of it
                if number % 2:
                    hits += is_killed(killed, at=1 + int(place * transactions))
                else:
                    hits += is_killed(killed, after=place * lasts)
            through(killed)
        assert hits >= DAYS * kills // 2
        same(held(peaceful.store), held(killed.store))
        for estate in (peaceful, killed):
            assert frame(estate.store, select(tables.work.c.seq)).is_empty()
            assert outbox(estate.store) == []
            every_golden_version_was_published(estate, heard(rabbitmq, estate.exchange))
        assert "running" not in frame(killed.store, select(tables.run.c.state))["state"]


KILLED_BETWEEN_SOURCES = """
import os, signal, sys, time
from sync import run
from sync.cli import main
from store.sources import status
land = run.land
def killed(store, mapping, *args, **kwargs):
    if mapping.name == "second":
        while "done" not in status(store)["run_state"]:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    return land(store, mapping, *args, **kwargs)
run.land = killed
sys.argv = ["voeg", "sync", "--estate", sys.argv[1]]
main()
"""


def test_what_a_killed_sync_did_not_come_to_is_as_recent_as_what_it_landed(tmp_path: Path) -> None:
    """Neither source tells times, so it is for the tie-breaker to say which street is golden, not for the kill."""
    estates = []
    for name in ("peaceful", "killed"):
        (tmp_path / name).mkdir()
        estate = EstateFolder(tmp_path / name)
        for source in ("first", "second"):
            estate.describe(CUSTOMERS.format(source=source, changed_at=""))
            rows = [
                {
                    "id": str(n),
                    "given": FIRST[n],
                    "name": LAST[n],
                    "phone": f"+316123{n}",
                    "street": f"{source} {n}",
                }
                for n in range(9)
            ]
            columns = ("id", "given", "name", "born", "street", "postcode", "phone", "email")
            estate.deliver(f"data/{source}.csv", rows, columns)
        estates.append(estate)
    peaceful, killed = estates
    ended = subprocess.run([sys.executable, "-c", KILLED_BETWEEN_SOURCES, str(killed.root)], check=False)
    assert ended.returncode == -signal.SIGKILL
    for estate in estates:
        estate.run()
    same(held(peaceful.store), held(killed.store))
    streets = [record["addresses"][0]["street"].split()[0] for record, _ in golden(peaceful.store).values()]
    assert len(streets) == 9
    assert set(streets) == {"first", "second"}
    for estate in estates:
        estate.close()


@contextlib.contextmanager
def listened_to(
    folder: Path, name: str, rabbitmq: servers.RabbitMQ, request: pytest.FixtureRequest
) -> Iterator[EstateFolder]:
    """Make an estate, and a queue for all that it publishes."""
    url = request.getfixturevalue("postgres_database")() if "postgresql" in name else "sqlite:///var/voeg.db"
    (folder / name).mkdir()
    match = "identity: {few_changes: 1}"  # on the first day everything is linked, on the second what changed is matched
    estate = EstateFolder(folder / name, url, rabbitmq.url, exchange=f"kill {name}", window=20, settings=match)
    estate.describe(CUSTOMERS.format(source="crm", changed_at=CHANGED_AT))
    estate.describe(CUSTOMERS.format(source="shop", changed_at=""))
    estate.describe(PRODUCTS)
    with channel(rabbitmq) as opened:
        opened.exchange_declare(estate.exchange, "topic", durable=True)
        opened.queue_declare(estate.exchange, durable=True)
        opened.queue_bind(estate.exchange, estate.exchange, "#")
    yield estate
    estate.close()


def start(estate: EstateFolder, last: int = 0) -> subprocess.Popen[str]:
    """Start the commands of a day in a process, and return when they begin."""
    command = [sys.executable, "-c", PROGRAM, str(estate.root), str(last)]
    with (estate.root / "stderr.txt").open("a") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n", (estate.root / "stderr.txt").read_text()
    return process


def through(estate: EstateFolder) -> tuple[float, int]:
    """Let the commands of a day run to their end; return how long that took, and how many transactions it saw."""
    process = start(estate)
    began = time.monotonic()
    told, _ = process.communicate()
    assert process.returncode == 0, told + (estate.root / "stderr.txt").read_text()
    return time.monotonic() - began, int(told.rpartition("seen ")[2])


def is_killed(estate: EstateFolder, *, after: float | None = None, at: int = 0) -> bool:
    """Start the commands of a day and kill them; return whether that was before their end."""
    process = start(estate, at)
    assert process.stdout is not None
    with process.stdout, contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=after)
    process.kill()
    process.wait()
    assert process.returncode in (0, -signal.SIGKILL), (estate.root / "stderr.txt").read_text()
    return process.returncode != 0


def same(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Compare what two stores hold, part by part, telling the first differences."""
    for what, expected in one.items():
        found = other[what]
        if isinstance(expected, dict):
            assert expected.keys() == found.keys(), what
            differing = {key: (expected[key], found[key]) for key in expected if expected[key] != found[key]}
            assert not differing, (what, len(differing), list(differing.items())[:2])
        assert expected == found, what


# What the broker heard ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def channel(rabbitmq: servers.RabbitMQ) -> Iterator[Any]:
    with pika.BlockingConnection(pika.URLParameters(rabbitmq.url)) as connection:
        yield connection.channel()


def heard(rabbitmq: servers.RabbitMQ, queue: str) -> list[dict[str, Any]]:
    """Return every event in a queue, in order."""
    with channel(rabbitmq) as opened:
        waiting = opened.queue_declare(queue, passive=True).method.message_count
        bodies = [opened.basic_get(queue, auto_ack=True)[2] for _ in range(waiting)]
    return [json.loads(body) for body in bodies]


def every_golden_version_was_published(estate: EstateFolder, events: list[dict[str, Any]]) -> None:
    """See that every version of every entity was heard, new ones in order, with the record that is golden now."""
    last: dict[str, int] = {}
    records: dict[str, Any] = {}
    for event in events:
        subject, version = event["subject"], event["data"]["version"]
        assert version <= last.get(subject, 0) + 1, "a version was left out, or overtaken"
        if version == last.get(subject, 0) + 1:
            last[subject] = version
            records[subject] = event["data"].get("record")
    entities = frame(estate.store, select(tables.entity.c.entity_id, tables.entity.c.version))
    assert last == {str(entity): version for entity, version in entities.iter_rows()}
    golden = frame(estate.store, select(tables.golden.c.entity_id, tables.golden.c.payload))
    assert golden.height
    for entity, payload in golden.iter_rows():
        assert records[str(entity)]["family_name"] == json.loads(payload)["family_name"]

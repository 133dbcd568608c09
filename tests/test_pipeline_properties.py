"""What holds for any deliveries, all the way through: sync and resolve of small estates with people who look alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from estates import (
    EstateFolder,
    Key,
    Row,
    counts,
    decide,
    frame,
    golden,
    held,
    lookup_keys,
    members,
    outbox,
    partition,
    revoke,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from store import tables

SOURCES = ("crm", "shop", "desk")
COLUMNS = ("id", "changed", "given", "name", "born", "postcode", "phone", "email")

MAPPING = """
version: 1
source: {source}
system: {source}
mode: snapshot
timezone: UTC
max_vanished: {max_vanished}
read: {{adapter: files, format: csv, path: data/{source}.csv, batch_rows: {batch_rows}}}
records:
  - kind: party
    key: id
    changed_at: {{from: changed, do: [{{parse_datetime: ["%Y-%m-%d"]}}]}}
    required: [family_name]
    fields:
      party_type: {{constant: person}}
      given_name: given
      family_name: name
      birth_date: {{from: born, do: [{{parse_date: ["%Y-%m-%d"]}}]}}
      addresses: [{{kind: {{constant: home}}, postcode: postcode}}]
      phones: [{{kind: {{constant: mobile}}, number: phone}}]
      emails: [{{address: email}}]
"""


def person(given: str, name: str, born: str, postcode: str, phone: str) -> dict[str, str]:
    email = f"{given}@example.org".lower()
    return {"given": given, "name": name, "born": born, "postcode": postcode, "phone": phone, "email": email}


PEOPLE = (
    person("Saskia", "Terpstra", "1971-03-14", "1234 AB", "+31612345678"),
    person("Sanne", "Terpstra", "1999-07-01", "1234 AB", "+31612345678"),
    person("Wouter", "Hoekzema", "1958-11-30", "9876 ZY", "+31687654321"),
    person("Wout", "Hoekstra", "1958-11-03", "9876 ZY", "+31687654321"),
)
"""A mother and a daughter on one phone, and two men whose records are easily mixed up."""


@st.composite
def records(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """A record of one of the people in one of the sources, worn in ways of its own."""
    source = draw(st.sampled_from(SOURCES))
    row = dict(draw(st.sampled_from(PEOPLE)))
    for lost in draw(st.sets(st.sampled_from(["given", "born", "postcode", "phone", "email"]), max_size=3)):
        row[lost] = ""
    if draw(st.integers(0, 9)) == 0:
        row["name"] = ""  # goes to quarantine
    number = draw(st.integers(1, 6))
    return source, {"id": str(number), "changed": f"2026-05-{draw(st.integers(1, 9)):02}", **row}


DELIVERIES = st.lists(records(), min_size=1, max_size=14)
FEW = settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
Deliveries = Sequence[tuple[str, Row]]


@pytest.fixture
def fresh(empty_store: bytes, tmp_path: Path) -> Iterator[Callable[[], EstateFolder]]:
    """Makes empty estates."""
    made: list[EstateFolder] = []

    def make() -> EstateFolder:
        root = tmp_path / str(len(made))
        root.mkdir()
        made.append(EstateFolder(root))
        made[-1].write("var/voeg.db", empty_store)
        describe(made[-1])
        return made[-1]

    yield make
    for estate in made:
        estate.close()


def describe(estate: EstateFolder, *, batch_rows: int = 1000, max_vanished: float = 1.0) -> None:
    for source in SOURCES:
        estate.describe(MAPPING.format(source=source, batch_rows=batch_rows, max_vanished=max_vanished))


def deliver(estate: EstateFolder, delivered: Deliveries) -> None:
    for source in SOURCES:
        rows = [row for name, row in delivered if name == source]
        estate.deliver(f"data/{source}.csv", rows, COLUMNS)


def everything(estate: EstateFolder) -> dict[str, Any]:
    """Everything in the store that a run which finds nothing new must leave alone."""
    left_alone = (
        tables.source_record, tables.source_record_history, tables.raw_batch, tables.quarantine, tables.party_reference,
        tables.entity, tables.crosswalk, tables.crosswalk_history, tables.edge, tables.golden, tables.golden_history,
        tables.lookup_key, tables.outbox, tables.work,
    )  # fmt: skip
    return {table.name: frame(estate.store, select(table).order_by(*table.primary_key)).rows() for table in left_alone}


@FEW
@given(delivered=DELIVERIES)
def test_a_second_run_finds_nothing_changed_and_puts_nothing_into_the_outbox(
    delivered: Deliveries, fresh: Callable[[], EstateFolder]
) -> None:
    estate = fresh()
    deliver(estate, delivered)
    estate.run()
    before = everything(estate)
    again = {source: counts(run) for source, run in estate.sync().items()}
    assert estate.resolve().idle
    assert everything(estate) == before
    for told in again.values():
        assert (told["landed"], told["deleted"]) == (0, 0)
        assert told["read"] == told["unchanged"] + told["quarantined"]


@FEW
@given(delivered=DELIVERIES, data=st.data())
def test_the_order_of_arrival_and_the_cut_into_batches_do_not_matter(
    delivered: Deliveries, data: st.DataObject, fresh: Callable[[], EstateFolder]
) -> None:
    at_once, bit_by_bit = fresh(), fresh()
    one_each = list({(source, row["id"]): (source, row) for source, row in delivered}.values())
    deliver(at_once, one_each)
    at_once.run()

    describe(bit_by_bit, batch_rows=data.draw(st.integers(1, 4), label="rows of a batch"))
    arriving = data.draw(st.permutations(one_each), label="order of arrival")
    cut = data.draw(st.integers(0, len(arriving)), label="of which come first")
    deliver(bit_by_bit, arriving[:cut])
    for source in data.draw(st.permutations(SOURCES), label="order of the sources"):
        bit_by_bit.run(source)
    deliver(bit_by_bit, arriving)
    bit_by_bit.run()
    found = held(bit_by_bit.store)
    for what, expected in held(at_once.store).items():
        assert found[what] == expected, what


@FEW
@given(stays=DELIVERIES, comes=DELIVERIES)
def test_what_was_added_and_deleted_again_leaves_partition_and_ids_as_they_were(
    stays: Deliveries, comes: Deliveries, fresh: Callable[[], EstateFolder]
) -> None:
    estate = fresh()
    deliver(estate, stays)
    estate.run()
    before, keys = members(estate.store), lookup_keys(estate.store)
    records_before = golden(estate.store)
    added = [(source, {**row, "id": f"new {row['id']}"}) for source, row in comes]
    deliver(estate, [*stays, *added])
    estate.run()
    deliver(estate, stays)
    estate.run()
    assert members(estate.store) == before
    assert golden(estate.store) == records_before
    assert lookup_keys(estate.store) == keys


@FEW
@given(delivered=DELIVERIES, data=st.data())
def test_what_stewards_decided_holds(
    delivered: Deliveries, data: st.DataObject, fresh: Callable[[], EstateFolder]
) -> None:
    estate = fresh()
    deliver(estate, delivered)
    estate.run()
    undecided = partition(estate.store)
    parties = sorted(key for cluster in undecided for key in cluster)
    if len(parties) < 2:
        return
    pair = st.lists(st.sampled_from(parties), min_size=2, max_size=2, unique=True)
    together, apart = data.draw(pair, label="must link"), data.draw(pair, label="never link")
    first = decide(estate.store, "must_link", *together)
    estate.resolve()
    assert is_together(estate, *together)
    if set(together) == set(apart):
        revoke(estate.store, first)
    second = decide(estate.store, "never_link", *apart)
    estate.resolve()
    assert not is_together(estate, *apart)
    if set(together) != set(apart):
        assert is_together(estate, *together)
    deliver(estate, [*delivered, ("crm", {"id": "another", "changed": "2026-05-01", **PEOPLE[0]})])
    estate.run()
    assert not is_together(estate, *apart)
    for decision in (first, second):
        revoke(estate.store, decision)
    deliver(estate, delivered)
    estate.run()
    assert partition(estate.store) == undecided


def test_a_snapshot_that_loses_much_is_held_until_it_is_accepted(fresh: Callable[[], EstateFolder]) -> None:
    estate = fresh()
    describe(estate, max_vanished=0.2)
    people: list[tuple[str, Row]] = [
        ("crm", {"id": str(n), "changed": "2026-05-01", **PEOPLE[n % 4]}) for n in range(10)
    ]
    deliver(estate, people)
    estate.run()
    whole, waiting = everything(estate), outbox(estate.store)

    deliver(estate, people[:7])
    held_back = estate.voeg("sync", "crm", "--resolve")
    assert held_back.returncode == 1
    assert "3 of its 10 party records are not in this read" in held_back.stderr
    assert "--accept" in held_back.stderr
    assert everything(estate) == whole
    (crm,) = frame(estate.store, select(tables.source).where(tables.source.c.name == "crm")).to_dicts()
    assert crm["state"] == "held"

    deliver(estate, people[:8])  # 20 % is not more than 20 %
    assert counts(estate.sync("crm")["crm"])["deleted"] == 2
    deliver(estate, people[:6])
    assert estate.sync("crm")["crm"].error
    assert estate.voeg("sync", "--accept").returncode == 2  # never for all sources at once
    accepted = estate.voeg("sync", "crm", "--accept", "--resolve")
    assert accepted.returncode == 0, accepted.stderr
    assert {key for cluster in partition(estate.store) for _, key in cluster} == {"0", "1", "2", "3", "4", "5"}
    assert len(outbox(estate.store)) > len(waiting)


def is_together(estate: EstateFolder, one: Key, other: Key) -> bool:
    return any(one in cluster and other in cluster for cluster in partition(estate.store))

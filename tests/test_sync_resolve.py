"""Resolving: what each change of the landed records writes to entities, golden records, look-up keys and the outbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from estates import EstateFolder, Row, decide, frame, lookup_keys, members, outbox, partition, revoke, snapshot
from sqlalchemy import select

from foundation.errors import StoreError
from store import leases, tables
from store.engine import Store

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)

CRM = """
  - kind: party
    key: id
    changed_at: {from: changed, do: [{parse_datetime: ["%Y-%m-%d"]}]}
    fields:
      party_type: {constant: person}
      given_name: given
      family_name: name
      birth_date: {from: born, do: [{parse_date: ["%Y-%m-%d"]}]}
      addresses:
        - kind: {constant: home}
          street: street
          postcode: postcode
          valid_to: {from: leaves, do: [{parse_date: ["%Y-%m-%d"]}]}
        - kind: {constant: home}
          street: new_street
          valid_from: {from: moves, do: [{parse_date: ["%Y-%m-%d"]}]}
      phones: [{kind: {constant: mobile}, number: phone}]
      emails: [{address: email}]
      identifiers: [{type: {constant: customer_number}, value: number}]
"""
COLUMNS = (
    "id", "changed", "given", "name", "born", "street", "postcode", "leaves", "new_street", "moves",
    "phone", "email", "number",
)  # fmt: skip
CONTACTS = """
  - kind: contact
    key: id
    party: {source: crm, record_id: customer}
    fields: {channel: {constant: phone}, subject: subject}
"""
PRODUCTS = """
  - kind: product
    key: id
    party: {source: crm, record_id: customer}
    fields: {product_type: {constant: mobile}, name: name, number: number}
"""

SASKIA: Row = {
    "given": "Saskia", "name": "Terpstra", "born": "1971-03-14", "phone": "+31612345678",
    "email": "saskia@example.org", "street": "Dorpsstraat", "postcode": "1234 AB",
}  # fmt: skip
WOUTER: Row = {
    "given": "Wouter", "name": "Hoekzema", "born": "1958-11-30", "phone": "+31687654321",
    "email": "wouter@example.org", "street": "Kerklaan", "postcode": "9876 ZY",
}  # fmt: skip


def row(key: str, person: Row, /, **more: str | None) -> Row:
    return {"id": key, **person, **more}


class Resolving:
    """An estate with two systems, resolved at a moment of the test's choice."""

    def __init__(self, estate: EstateFolder) -> None:
        self.estate = estate
        self.now = NOW
        for source in ("crm", "shop"):
            estate.describe(snapshot(source, CRM))
            estate.deliver(f"data/{source}.csv", [], COLUMNS)

    @property
    def store(self) -> Store:
        return self.estate.store

    def crm(self, *rows: Row) -> None:
        self.estate.deliver("data/crm.csv", rows, COLUMNS)

    def shop(self, *rows: Row) -> None:
        self.estate.deliver("data/shop.csv", rows, COLUMNS)

    def run(self) -> list[dict[str, Any]]:
        """Sync and resolve an hour later than last time; return the events that this gave."""
        failed = [run.error for run in self.estate.sync().values() if run.error]
        assert not failed
        self.now += timedelta(hours=1)
        return self.resolve()

    def resolve(self) -> list[dict[str, Any]]:
        before = {event["seq"] for event in outbox(self.store)}
        self.estate.resolve(self.now)
        self.check()
        return [event for event in outbox(self.store) if event["seq"] not in before]

    def check(self) -> None:
        """Look at what must hold after every resolve."""
        assert frame(self.store, select(tables.work.c.seq)).is_empty()
        entities = {entity["entity_id"]: entity for entity in self.table(tables.entity)}
        golden = {record["entity_id"]: record for record in self.table(tables.golden)}
        active = {number for number, entity in entities.items() if entity["state"] == "active"}
        assert golden.keys() == active == members(self.store).keys()
        assert all(golden[number]["version"] == entities[number]["version"] for number in active)
        past: dict[int, list[int]] = {}
        for version in self.table(tables.golden_history):
            past.setdefault(version["entity_id"], []).append(version["version"])
        for number, entity in entities.items():
            versions = sorted(past.get(number, []))
            assert len(set(versions)) == len(versions)
            assert all(version < entity["version"] or entity["state"] == "retired" for version in versions)
        sent = [(event["entity_id"], event["version"]) for event in outbox(self.store)]
        assert len(set(sent)) == len(sent)
        for number, entity in entities.items():
            raised = [version for entity_id, version in sent if entity_id == number]
            assert raised == list(range(1, entity["version"] + 1))
        assert {key["entity_id"] for key in self.table(tables.lookup_key)} <= active

    def table(self, table: Any) -> list[dict[str, Any]]:
        return frame(self.store, select(table).order_by(*table.primary_key)).to_dicts()

    def entity_of(self, source: str, record_id: str) -> int:
        (found,) = (entity for entity, keys in members(self.store).items() if (source, record_id) in keys)
        return found

    def entity(self, number: int) -> dict[str, Any]:
        (found,) = (entity for entity in self.table(tables.entity) if entity["entity_id"] == number)
        return found

    def golden(self, number: int) -> dict[str, Any]:
        (found,) = (record for record in self.table(tables.golden) if record["entity_id"] == number)
        payload: dict[str, Any] = json.loads(found["payload"])
        return payload


@pytest.fixture(params=["sqlite", "postgresql"])
def resolving(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Resolving]:
    url = {"sqlite": lambda: "sqlite:///var/voeg.db", "postgresql": lambda: request.getfixturevalue("postgres_url")}
    estate = EstateFolder(tmp_path, store_url=url[request.param]())
    yield Resolving(estate)
    estate.close()


def told(events: list[dict[str, Any]]) -> list[tuple[int, int, str]]:
    return [(event["entity_id"], event["version"], event["type"]) for event in events]


def test_new_customers_are_created(resolving: Resolving):
    resolving.crm(row("1", SASKIA), row("2", WOUTER))
    resolving.shop(row("a", SASKIA))
    events = resolving.run()
    saskia, wouter = resolving.entity_of("crm", "1"), resolving.entity_of("crm", "2")
    assert partition(resolving.store) == {
        frozenset({("crm", "1"), ("shop", "a")}),
        frozenset({("crm", "2")}),
    }
    assert sorted(told(events)) == sorted([(saskia, 1, "created"), (wouter, 1, "created")])
    for event in events:
        assert event["created_at"] == resolving.now
        assert event["related"] is None
        assert "family_name" in json.loads(event["changed_paths"])
    assert len({event["cause"] for event in events}) == 2
    assert resolving.entity(saskia) == {
        "entity_id": saskia, "state": "active", "redirect_to": None, "version": 1,
        "created_at": resolving.now, "updated_at": resolving.now, "retired_at": None,
    }  # fmt: skip


def test_a_value_that_changes_makes_a_version_and_names_its_path(resolving: Resolving):
    resolving.crm(row("1", SASKIA, changed="2026-01-01"), row("2", WOUTER))
    resolving.run()
    saskia = resolving.entity_of("crm", "1")
    before = resolving.golden(saskia)
    created = resolving.entity(saskia)["created_at"]
    resolving.crm(row("1", SASKIA, changed="2026-02-01", email="s@example.org"), row("2", WOUTER))
    (event,) = resolving.run()
    assert told([event]) == [(saskia, 2, "changed")]
    assert json.loads(event["changed_paths"]) == ["emails"]
    (past,) = resolving.table(tables.golden_history)
    assert (past["entity_id"], past["version"], json.loads(past["payload"])) == (saskia, 1, before)
    assert resolving.golden(saskia)["emails"] == [{"address": "s@example.org"}]
    assert resolving.entity(saskia)["created_at"] == created
    assert resolving.entity(saskia)["updated_at"] == resolving.now


def test_other_survivorship_rules_make_everything_anew(resolving: Resolving):
    resolving.crm(row("1", SASKIA, changed="2024-01-01"), row("2", WOUTER))
    resolving.shop(row("a", SASKIA, changed="2025-01-01", email="s@example.org"))
    resolving.run()
    saskia = resolving.entity_of("crm", "1")
    assert resolving.golden(saskia)["emails"] == [{"address": "s@example.org"}]
    resolving.estate.rule("version: 1\nfields:\n  emails: {rule: source_priority, sources: [crm]}\n")
    assert told(resolving.resolve()) == [(saskia, 2, "changed")]
    assert resolving.golden(saskia)["emails"] == [{"address": "saskia@example.org"}]
    assert resolving.resolve() == []


def test_only_values_make_events_not_where_they_come_from(resolving: Resolving):
    resolving.crm(row("1", SASKIA, changed="2026-01-01"))
    resolving.run()
    saskia = resolving.entity_of("crm", "1")
    resolving.shop(row("a", SASKIA, changed="2026-02-01"))
    assert resolving.run() == []
    assert resolving.entity(saskia)["version"] == 1
    (record,) = resolving.table(tables.golden)
    origins = {origin["data_source"] for origin in json.loads(record["provenance"]).values()}
    assert origins == {"shop"}
    assert resolving.table(tables.golden_history) == []


def test_nothing_new_writes_nothing(resolving: Resolving):
    resolving.crm(row("1", SASKIA), row("2", WOUTER))
    resolving.run()
    names = ("entity", "golden", "crosswalk", "crosswalk_history", "lookup_key", "outbox", "edge")
    before = {name: resolving.table(tables.metadata.tables[name]) for name in names}
    assert resolving.run() == []
    assert {name: resolving.table(tables.metadata.tables[name]) for name in names} == before


# Merge, split, delete -------------------------------------------------------------------------------------------

BRIDGE = {"phone": "+31612345678", "email": "saskia@example.org"}
HALF: Row = {"given": "Saskia", "name": "Terpstra", "born": "1971-03-14", "postcode": "1234 AB"}
OTHER_HALF: Row = {"given": "S.", "name": "de Boer", "phone": "+31612345678", "email": "saskia@example.org"}


def separate(resolving: Resolving) -> tuple[int, int]:
    """Land two records that nothing links, and return their entities, the older one first."""
    resolving.crm(row("1", HALF), row("2", OTHER_HALF))
    resolving.run()
    first, second = resolving.entity_of("crm", "1"), resolving.entity_of("crm", "2")
    assert first != second
    return (first, second) if first < second else (second, first)


def test_a_merge_tells_the_absorbed_one_where_it_went(resolving: Resolving):
    separate(resolving)
    one, two = resolving.entity_of("crm", "1"), resolving.entity_of("crm", "2")
    decide(resolving.store, "must_link", ("crm", "1"), ("crm", "2"))
    events = resolving.resolve()
    stays = resolving.entity_of("crm", "1")
    gone = two if stays == one else one
    assert sorted(told(events)) == sorted([(gone, 2, "merged"), (stays, 2, "changed")])
    (merged,) = (event for event in events if event["type"] == "merged")
    assert json.loads(merged["related"]) == {"into": stays}
    assert len({event["cause"] for event in events}) == 1
    retired = resolving.entity(gone)
    assert (retired["state"], retired["redirect_to"], retired["retired_at"]) == ("retired", stays, resolving.now)
    (moved,) = resolving.table(tables.crosswalk_history)
    assert (moved["entity_id"], moved["until"], moved["actor"]) == (gone, resolving.now, "test")
    assert moved["cause"] == merged["cause"]
    assert {(record["entity_id"], record["version"]) for record in resolving.table(tables.golden_history)} == {
        (gone, 1),
        (stays, 1),
    }


def test_a_split_gives_the_id_back_and_goes_on_counting_versions(resolving: Resolving):
    separate(resolving)
    one, two = resolving.entity_of("crm", "1"), resolving.entity_of("crm", "2")
    decision = decide(resolving.store, "must_link", ("crm", "1"), ("crm", "2"))
    resolving.resolve()
    stays = resolving.entity_of("crm", "1")
    gone = two if stays == one else one
    revoke(resolving.store, decision)
    resolving.now += timedelta(hours=1)
    decide(resolving.store, "never_link", ("crm", "1"), ("crm", "2"))
    events = resolving.resolve()
    assert sorted(told(events)) == sorted([(gone, 3, "created"), (stays, 3, "split")])
    (split,) = (event for event in events if event["type"] == "split")
    assert json.loads(split["related"]) == {"out_of_it": [gone]}
    assert len({event["cause"] for event in events}) == 1
    assert (resolving.entity_of("crm", "1"), resolving.entity_of("crm", "2")) == (one, two)
    revived = resolving.entity(gone)
    assert (revived["state"], revived["redirect_to"], revived["retired_at"]) == ("active", None, None)


def test_never_link_keeps_apart_what_the_evidence_puts_together(resolving: Resolving):
    resolving.crm(row("1", SASKIA), row("2", SASKIA))
    resolving.run()
    assert len(partition(resolving.store)) == 1
    together = resolving.entity_of("crm", "1")
    decide(resolving.store, "never_link", ("crm", "1"), ("crm", "2"))
    events = resolving.resolve()
    assert len(partition(resolving.store)) == 2
    apart = ({resolving.entity_of("crm", "1"), resolving.entity_of("crm", "2")} - {together}).pop()
    (created,) = (event for event in events if event["type"] == "created")
    assert created["entity_id"] == apart
    assert resolving.run() == []
    assert len(partition(resolving.store)) == 2


def test_a_customer_who_is_gone_everywhere_is_deleted(resolving: Resolving):
    resolving.crm(row("1", SASKIA), row("2", WOUTER))
    resolving.run()
    wouter = resolving.entity_of("crm", "2")
    resolving.crm(row("1", SASKIA))
    (event,) = resolving.run()
    assert told([event]) == [(wouter, 2, "deleted")]
    retired = resolving.entity(wouter)
    assert (retired["state"], retired["redirect_to"], retired["retired_at"]) == ("retired", None, resolving.now)
    assert [record["version"] for record in resolving.table(tables.golden_history)] == [1]
    assert wouter not in {key["entity_id"] for key in resolving.table(tables.lookup_key)}

    resolving.crm(row("1", SASKIA), row("2", WOUTER))
    (event,) = resolving.run()
    assert told([event]) == [(wouter, 3, "created")]


# Look-up keys ---------------------------------------------------------------------------------------------------


def test_look_up_keys_follow_the_members(resolving: Resolving):
    resolving.crm(row("1", SASKIA, changed="2026-01-01", number="K1"))
    resolving.run()
    own = {
        ("phone", "+31612345678", True),
        ("email", "saskia@example.org", True),
        ("customer_number", "K1", True),
    }
    assert list(lookup_keys(resolving.store).values()) == [own]
    resolving.shop(row("a", SASKIA, changed="2026-02-01", phone="+31611111111", number="W7"))
    resolving.run()
    ((_, keys),) = lookup_keys(resolving.store).items()
    assert keys == {
        ("phone", "+31612345678", False),
        ("phone", "+31611111111", True),
        ("email", "saskia@example.org", True),
        ("customer_number", "K1", True),
        ("customer_number", "W7", True),
    }
    resolving.shop()
    resolving.run()
    assert list(lookup_keys(resolving.store).values()) == [own]


# Time -----------------------------------------------------------------------------------------------------------


def test_an_address_from_the_future_survives_when_its_day_comes(resolving: Resolving):
    resolving.crm(row("1", SASKIA, changed="2026-01-01", new_street="Nieuwe Gracht", moves="2026-05-10"))
    resolving.run()
    saskia = resolving.entity_of("crm", "1")
    assert [each["street"] for each in resolving.golden(saskia)["addresses"]] == ["Dorpsstraat"]
    (record,) = resolving.table(tables.golden)
    assert record["due_at"] == datetime(2026, 5, 10, tzinfo=UTC)

    resolving.now = datetime(2026, 5, 9, 23, 59, tzinfo=UTC)
    assert resolving.resolve() == []
    resolving.now = datetime(2026, 5, 10, 0, 1, tzinfo=UTC)
    (event,) = resolving.resolve()
    assert told([event]) == [(saskia, 2, "changed")]
    assert json.loads(event["changed_paths"]) == ["addresses"]
    assert [each["street"] for each in resolving.golden(saskia)["addresses"]] == ["Nieuwe Gracht"]
    assert resolving.estate.resolve(resolving.now).idle


def test_an_address_from_the_future_that_is_told_later_has_its_day_too(resolving: Resolving):
    resolving.crm(row("1", SASKIA, changed="2026-01-01"))
    resolving.run()
    resolving.crm(row("1", SASKIA, changed="2026-01-01", new_street="Nieuwe Gracht", moves="2026-05-10"))
    resolving.shop(row("a", SASKIA, changed="2026-01-02"))
    resolving.run()
    resolving.crm(row("1", SASKIA, changed="2026-01-03", new_street="Nieuwe Gracht", moves="2026-05-12"))
    assert resolving.run() == []
    resolving.now = datetime(2026, 5, 11, 0, 1, tzinfo=UTC)
    assert resolving.resolve() == []
    resolving.now = datetime(2026, 5, 12, 0, 1, tzinfo=UTC)
    (event,) = resolving.resolve()
    assert json.loads(event["changed_paths"]) == ["addresses"]


def test_a_day_that_changes_nothing_is_not_looked_at_again(resolving: Resolving):
    resolving.crm(row("1", SASKIA, changed="2026-01-01", leaves="2026-05-09"))
    resolving.shop(row("a", SASKIA, changed="2026-02-01", street="Kerklaan"))
    resolving.run()
    (record,) = resolving.table(tables.golden)
    assert record["due_at"] == datetime(2026, 5, 10, tzinfo=UTC)
    resolving.now = datetime(2026, 5, 10, 0, 1, tzinfo=UTC)
    assert resolving.resolve() == []
    assert resolving.estate.resolve(resolving.now).idle


# Satellites -----------------------------------------------------------------------------------------------------


def test_contacts_are_kept_out_of_the_golden_record_and_its_versions(resolving: Resolving):
    resolving.estate.describe(snapshot("contacts", CONTACTS))
    resolving.estate.deliver("data/contacts.csv", [], ("id", "customer", "subject"))
    resolving.crm(row("1", SASKIA))
    resolving.run()
    saskia = resolving.entity_of("crm", "1")
    before = resolving.golden(saskia)
    resolving.estate.deliver("data/contacts.csv", [{"id": "c1", "customer": "1", "subject": "bill"}])
    assert resolving.run() == []
    assert resolving.golden(saskia) == before
    assert resolving.entity(saskia)["version"] == 1


def test_products_follow_their_customer_through_merge_and_split(resolving: Resolving):
    resolving.estate.describe(snapshot("products", PRODUCTS))
    resolving.estate.deliver(
        "data/products.csv",
        [
            {"id": "p1", "customer": "1", "name": "Mobile", "number": "1111"},
            {"id": "p2", "customer": "2", "name": "Mobile", "number": "2222"},
        ],
    )
    separate(resolving)
    one, two = resolving.entity_of("crm", "1"), resolving.entity_of("crm", "2")
    assert numbers_of(resolving, one) == {"1111"}
    assert numbers_of(resolving, two) == {"2222"}
    decision = decide(resolving.store, "must_link", ("crm", "1"), ("crm", "2"))
    resolving.resolve()
    assert numbers_of(resolving, resolving.entity_of("crm", "1")) == {"1111", "2222"}
    revoke(resolving.store, decision)
    decide(resolving.store, "never_link", ("crm", "1"), ("crm", "2"))
    resolving.resolve()
    assert numbers_of(resolving, one) == {"1111"}
    assert numbers_of(resolving, two) == {"2222"}


def test_a_product_that_waits_for_its_customer_joins_when_the_customer_lands(resolving: Resolving):
    resolving.estate.describe(snapshot("products", PRODUCTS))
    resolving.estate.deliver("data/products.csv", [{"id": "p1", "customer": "1", "name": "Mobile", "number": "1111"}])
    assert resolving.run() == []
    resolving.crm(row("1", SASKIA))
    (event,) = resolving.run()
    assert event["type"] == "created"
    assert numbers_of(resolving, event["entity_id"]) == {"1111"}


def numbers_of(resolving: Resolving, entity: int) -> set[str]:
    return {product["number"] for product in resolving.golden(entity).get("products", [])}


# One writer -----------------------------------------------------------------------------------------------------


def test_two_cannot_resolve_at_the_same_time(resolving: Resolving):
    resolving.crm(row("1", SASKIA))
    resolving.estate.sync()
    with leases.hold(resolving.store, "resolve"), pytest.raises(StoreError, match="another process"):
        resolving.estate.resolve()
    assert resolving.table(tables.entity) == []
    assert len(resolving.resolve()) == 1

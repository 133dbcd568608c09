"""Landing: what a read changes in the store, what it must not change, and that nothing undoes it halfway."""

from __future__ import annotations

import hmac
import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from landed import CONTRACTS, CRM, NOW, PRODUCTS, Landed, Row, batch, delta, mapping, people
from polars.testing import assert_frame_equal
from sqlalchemy import event, select, text

from adapters.base import Batch, Cursor, Unreadable
from canonical_model.schema import Kind
from foundation.errors import HeldError, SourceError, StoreError
from store import bulk, leases, quarantine, records, references, sources, tables
from store.engine import Store
from store.engine import open as open_store
from sync import apply
from sync.land import RunCounts, land
from transform.mapping import Mapping


@pytest.fixture(params=["sqlite", "postgresql"])
def landed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Landed]:
    url = f"sqlite:///{tmp_path / 'v.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    store = open_store(url)
    store.migrate()
    yield Landed(store)
    store.close()


def counts(**expected: int) -> dict[str, int]:
    return {"read": 0, "landed": 0, "unchanged": 0, "quarantined": 0, "filtered": 0, "deleted": 0, **expected}


def told(run: RunCounts) -> dict[str, int]:
    return {name: getattr(run, name) for name in counts()}


# What lands -----------------------------------------------------------------------------------------------------


def test_a_first_read_lands_everything(landed: Landed) -> None:
    run = landed(mapping(CRM), people("Jansen", "Smit"), people("Bakker")[:0], [{"id": "9", "name": "Visser"}])
    assert told(run) == counts(read=3, landed=3)
    assert landed.live()["9"] == {"party_type": "person", "family_name": "Visser"}
    record = landed.record("1")
    assert (record["version"], record["recorded_at"], record["since_at"]) == (1, landed.now, landed.now)
    assert landed.take_work() == {"1", "2", "9"}


def test_the_same_read_again_changes_nothing(landed: Landed) -> None:
    landed(mapping(CRM), people("Jansen", "Smit", changed="2026-01-02"))
    before = landed.frame(select(tables.source_record))
    landed.take_work()
    run = landed(mapping(CRM), people("Jansen", "Smit", changed="2026-01-02"))
    assert told(run) == counts(read=2, unchanged=2)
    assert landed.frame(select(tables.source_record)).equals(before)
    assert landed.take_work() == set()
    assert landed.frame(select(tables.raw_batch.c.batch_id)).height == 1


def test_a_change_is_a_new_version_and_keeps_the_old_one(landed: Landed) -> None:
    landed(mapping(CRM), people("Jansen", "Smit"))
    landed.take_work()
    run = landed(mapping(CRM), people("Jansen", "Smid"))
    assert told(run) == counts(read=2, landed=1, unchanged=1)
    assert landed.live()["2"]["family_name"] == "Smid"
    history = landed.frame(select(tables.source_record_history.c.version, tables.source_record_history.c.content))
    assert history.rows() == [(1, '{"party_type":"person","family_name":"Smit"}')]
    assert landed.record("2")["version"] == 2
    assert landed.take_work() == {"2"}


def test_since_is_kept_per_group_of_fields(landed: Landed) -> None:
    landed(mapping(CRM), people("Jansen", phone="+31612345678", gender="male"))
    first = landed.now
    landed(mapping(CRM), people("Jansen", phone="+31687654321", gender="male"))
    second = landed.now
    record = landed.record("1")
    assert record["since_at"] == first
    assert json.loads(record["since"]) == {"phones": tables.to_micros(second)}
    landed(mapping(CRM), people("Smit", phone="+31687654321", gender="male"))
    assert json.loads(landed.record("1")["since"]) == {
        "name": tables.to_micros(landed.now),
        "phones": tables.to_micros(second),
    }
    landed(mapping(CRM), people("Smit", gender="male"))  # a value that is gone has no since …
    assert json.loads(landed.record("1")["since"]) == {"name": tables.to_micros(landed.now - timedelta(days=1))}


def test_since_is_when_the_source_says_unless_that_is_still_to_come(landed: Landed) -> None:
    landed(
        mapping(CRM),
        [{"id": "1", "name": "A", "changed": "2020-01-02"}, {"id": "2", "name": "B", "changed": "2099-01-01"}],
    )
    assert landed.record("1")["since_at"] == datetime(2020, 1, 2, tzinfo=UTC)
    assert landed.record("2")["since_at"] == landed.now


# Order ----------------------------------------------------------------------------------------------------------


def test_older_never_overwrites_newer(landed: Landed) -> None:
    landed(delta(CRM), people("New", changed="2026-03-01"))
    assert told(landed(delta(CRM), people("Old", changed="2026-02-01"))) == counts(read=1, unchanged=1)
    assert landed.live()["1"]["family_name"] == "New"
    landed(delta(CRM), people("Newer", changed="2026-03-01"))  # the same time in a later run
    assert landed.live()["1"]["family_name"] == "Newer"


def test_a_touch_moves_the_time_and_makes_no_version(landed: Landed) -> None:
    landed(delta(CRM), people("Same", changed="2026-01-01"))
    landed.take_work()
    landed(delta(CRM), people("Same", changed="2026-03-01"))
    assert landed.record("1")["version"] == 1
    assert landed.record("1")["since_at"] == datetime(2026, 1, 1, tzinfo=UTC)
    assert landed.take_work() == set()
    landed(delta(CRM), people("Late", changed="2026-02-01"))
    assert landed.live()["1"]["family_name"] == "Same"


def test_identical_duplicates_collapse_and_others_are_quarantined(landed: Landed) -> None:
    rows: list[Row] = [
        {"id": "1", "name": "Old", "changed": "2026-01-01"},
        {"id": "1", "name": "New", "changed": "2026-02-01"},
        {"id": "2", "name": "Same"},
        {"id": "2", "name": "Same"},
        {"id": "3", "name": "First"},
        {"id": "3", "name": "Last"},
    ]
    run = landed(mapping(CRM), rows)
    assert told(run) == counts(read=6, landed=3, unchanged=1, quarantined=2)
    assert {key: record["family_name"] for key, record in landed.live().items()} == {
        "1": "New",
        "2": "Same",
        "3": "Last",
    }
    entries = quarantine.entries(landed.store)
    assert [json.loads(reasons)[0]["reason"] for reasons in entries["reasons"]] == ["duplicate_key"] * 2
    again = landed(mapping(CRM), rows)
    assert told(again) == counts(read=6, unchanged=4, quarantined=2)
    assert quarantine.entries(landed.store).equals(entries)


# What vanishes --------------------------------------------------------------------------------------------------


def test_what_a_complete_snapshot_does_not_show_is_deleted(landed: Landed) -> None:
    landed(mapping(CRM), people(*"ABCDEF"))
    landed.take_work()
    run = landed(mapping(CRM), people(*"ABCDE"))
    assert told(run) == counts(read=5, unchanged=5, deleted=1)
    assert "6" not in landed.live()
    assert landed.take_work() == {"6"}
    grave = landed.record("6")
    assert (grave["deleted"], grave["version"], json.loads(grave["content"])["family_name"]) == (True, 2, "F")
    assert told(landed(mapping(CRM), people(*"ABCDE"))) == counts(read=5, unchanged=5)


def test_what_comes_back_lives_again_with_its_since(landed: Landed) -> None:
    landed(mapping(CRM), people(*"ABCDEF", changed="2026-01-01"))
    number = landed.record("6")["record_no"]
    landed(mapping(CRM), people(*"ABCDE", changed="2026-01-01"))
    landed(mapping(CRM), people(*"ABCDEF", changed="2026-01-01"))
    record = landed.record("6")
    assert (record["record_no"], record["deleted"], record["version"]) == (number, False, 3)
    assert record["since_at"] == datetime(2026, 1, 1, tzinfo=UTC)


def test_too_much_vanishing_holds_the_source_until_it_is_accepted(landed: Landed) -> None:
    landed(mapping(CRM), people(*"ABCDEFGH"))
    with pytest.raises(HeldError, match="3 of its 8 party records") as caught:
        landed(mapping(CRM), [*people(*"ABCDE"), {"id": "9", "name": "New"}])
    assert "--accept" in str(caught.value)
    assert len(landed.live()) == 8  # nothing of a held read lands
    assert sources.status(landed.store).row(0, named=True)["state"] == "held"
    run = landed(mapping(CRM), [*people(*"ABCDE"), {"id": "9", "name": "New"}], accept=True)
    assert told(run) == counts(read=6, landed=1, unchanged=5, deleted=3)
    assert sources.status(landed.store).row(0, named=True)["state"] == "active"


def test_a_read_that_fails_midway_changes_nothing(landed: Landed) -> None:
    landed(mapping(CRM), people(*"ABCDEF"))

    def broken(cursor: Cursor | None) -> Iterator[Batch]:
        yield batch("crm", people("X", "Y"))
        raise SourceError("the file is truncated")

    with pytest.raises(SourceError):
        land(landed.store, mapping(CRM), broken, now=NOW, actor="test")
    assert [record["family_name"] for record in landed.live().values()] == list("ABCDEF")
    status = sources.status(landed.store).row(0, named=True)
    assert (status["run_state"], status["error"], status["state"]) == ("failed", "the file is truncated", "active")


def test_an_empty_snapshot_is_held(landed: Landed) -> None:
    landed(mapping(CRM), people("A"))
    with pytest.raises(HeldError):
        landed(mapping(CRM))


def test_a_delta_deletes_nothing_and_goes_on_from_its_cursor(landed: Landed) -> None:
    seen: list[Cursor | None] = []

    def read(*batches: Batch) -> Any:
        def from_cursor(cursor: Cursor | None) -> Iterator[Batch]:
            seen.append(cursor)
            yield from batches

        return from_cursor

    first = batch("crm", people("A", "B"), {"after": 2})
    land(landed.store, delta(CRM), read(first), now=NOW, actor="test")
    land(landed.store, delta(CRM), read(batch("crm", [{"id": "3", "name": "C"}], {"after": 3})), now=NOW, actor="test")
    land(landed.store, delta(CRM), read(), now=NOW, actor="test")
    assert seen == [None, {"after": 2}, {"after": 3}]
    assert len(landed.live()) == 3
    with landed.store.write() as connection:
        assert sources.describe(connection, "crm", system="crm", mode="delta").cursor == {"after": 3}


# Quarantine -----------------------------------------------------------------------------------------------------


def test_a_bad_row_is_quarantined_once_and_its_record_stays(landed: Landed) -> None:
    landed(mapping(CRM), people(*"ABCDEF"))
    bad: list[Row] = [*people(*"ABCDE"), {"id": "6", "name": None, "phone": "secret"}]
    run = landed(mapping(CRM), bad)
    assert told(run) == counts(read=6, unchanged=5, quarantined=1)
    assert landed.live()["6"]["family_name"] == "F"  # its row is bad, but not gone
    entry = quarantine.entries(landed.store).row(0, named=True)
    assert json.loads(entry["reasons"]) == [
        {"kind": "party", "path": "records[0].family_name", "reason": "missing_required"}
    ]
    assert "secret" not in str(entry)
    with landed.store.read() as connection:
        raw = records.raw(connection, entry["batch_id"]).slice(entry["row"], 1).to_pylist()[0]
    assert (raw["id"], raw["phone"]) == ("6", "secret")
    landed(mapping(CRM), bad)
    assert quarantine.entries(landed.store)["entry_id"].to_list() == [entry["entry_id"]]


def test_a_row_that_is_good_again_closes_its_entry(landed: Landed) -> None:
    landed(mapping(CRM), [*people(*"ABCDE"), {"id": "6"}])
    landed(mapping(CRM), people(*"ABCDEF"))
    assert quarantine.entries(landed.store).is_empty()
    closed = quarantine.entries(landed.store, closed=True).row(0, named=True)
    assert (closed["closed_by"], closed["closed_at"]) == ("read", landed.now)


def test_in_a_delta_only_the_record_itself_closes_its_entry(landed: Landed) -> None:
    landed(delta(CRM), [{"id": "1"}, {"id": "2"}])
    landed(delta(CRM), [{"id": "1", "name": "A"}, {"id": "3", "name": "C"}])
    left = quarantine.entries(landed.store)
    assert left["row"].to_list() == [1]


def test_a_key_that_no_store_can_hold_is_quarantined(landed: Landed) -> None:
    run = landed(mapping(CRM), [{"id": "a\x00b", "name": "X"}, {"id": "1", "name": "with \x00 inside"}])
    assert told(run) == counts(read=2, landed=1, quarantined=1)
    assert landed.live()["1"]["family_name"] == "with \x00 inside"


def test_filtered_rows_are_counted_and_field_errors_told(landed: Landed) -> None:
    run = landed(mapping(CRM), [{"id": "1", "status": "gone"}, {"id": "2", "name": "B", "changed": "no date"}])
    assert told(run) == counts(read=2, landed=1, filtered=1)
    assert [(error.reason, error.count) for error in run.field_errors] == [("not_a_time", 1)]
    row = sources.status(landed.store).row(0, named=True)
    assert (row["read"], row["landed"], row["filtered"], row["run_state"]) == (2, 1, 1, "done")


# Satellites -----------------------------------------------------------------------------------------------------


def test_values_that_the_adapter_could_not_read_are_told_with_the_run(landed: Landed) -> None:
    lost = Unreadable(path="phone", count=3, places=("F: record 1, offset 9",))
    read = replace(batch("crm", [{"id": "1", "name": "Jansen"}]), unreadable=(lost,))
    run = land(landed.store, mapping(CRM), lambda _: iter([read, read]), now=NOW, actor="test")
    assert [(error.path, error.reason, error.count) for error in run.field_errors] == [("read.phone", "unreadable", 6)]


def test_a_satellite_is_attached_to_its_party_whoever_comes_first(landed: Landed) -> None:
    product: Row = {"id": "p", "customer": "1", "name": "Internet"}
    landed(mapping(PRODUCTS), [product])
    assert landed.reference("p") == ("pending", None)
    landed(mapping(CRM), people("A", "B"))
    assert landed.reference("p") == ("attached", "1")
    landed.take_work()
    landed(mapping(PRODUCTS), [{**product, "customer": "2"}])
    assert landed.reference("p") == ("attached", "2")
    assert landed.take_work() == {"1", "2"}  # both customers changed
    landed(mapping(PRODUCTS), [{**product, "customer": "2", "name": "Mobile"}])
    assert landed.take_work() == {"2"}
    assert references.counts(landed.store) == {"attached": 1, "pending": 0, "ambiguous": 0}


def test_satellites_of_a_party_that_is_gone_wait_for_it(landed: Landed) -> None:
    landed(mapping(CRM), people("A", "B"))
    landed(mapping(PRODUCTS), [{"id": "p", "customer": "2", "name": "Internet"}])
    landed(mapping(CRM), people("A"), accept=True)
    assert landed.reference("p") == ("pending", None)
    landed(mapping(CRM), people("A", "B"))
    assert landed.reference("p") == ("attached", "2")


def test_a_deleted_satellite_queues_its_party(landed: Landed) -> None:
    landed(mapping(CRM), people("A", "B"))
    landed(mapping(PRODUCTS), [{"id": "p", "customer": "2", "name": "Internet"}])
    landed.take_work()
    landed(mapping(PRODUCTS), accept=True)
    assert landed.take_work() == {"2"}


def test_a_reference_by_identifier_waits_for_identity_where_several_have_it(landed: Landed) -> None:
    landed(mapping(CONTRACTS), [{"id": "c", "number": "77", "name": "Energy"}])
    assert landed.reference("c") == ("pending", None)
    landed(mapping(CRM), [{"id": "1", "name": "A", "number": "77"}, {"id": "2", "name": "B", "number": "78"}])
    assert landed.reference("c") == ("attached", "1")
    landed.take_work()
    landed(mapping(CONTRACTS), [{"id": "c", "number": "78", "name": "Energy"}])
    assert landed.reference("c") == ("attached", "2")
    assert landed.take_work() == {"1", "2"}
    landed(mapping(CONTRACTS), [{"id": "c", "number": "77", "name": "Energy"}])

    landed(mapping(CRM), [{"id": "1", "name": "A", "number": "77"}, {"id": "2", "name": "B", "number": "77"}])
    assert landed.reference("c") == ("attached", "1")  # who is who is not known yet: it stays …
    landed(mapping(CONTRACTS), [{"id": n, "number": "77", "name": "Energy"} for n in ("c", "d")])
    assert landed.reference("d") == ("pending", None)  # … or waits
    assert references.attach(landed.store) == 0

    def resolve(first: int, second: int) -> tuple[str, str | None]:
        numbers = [landed.record(key)["record_no"] for key in "12"]
        found = pl.DataFrame({"record_no": numbers, "entity_id": [first, second], "since": [NOW, NOW]})
        with landed.store.write() as connection:
            bulk.upsert(connection, tables.crosswalk, found)
            references.follow(connection, pl.Series(numbers[:1]))
        assert references.attach(landed.store) == 0  # to look at all finds no more
        assert landed.reference("c") == landed.reference("d")
        return landed.reference("c")

    assert resolve(5, 5) == ("attached", "1")
    assert resolve(5, 6) == ("ambiguous", None)
    landed.take_work()
    landed(mapping(CRM), [{"id": "1", "name": "A", "number": "77"}, {"id": "2", "name": "B"}])
    assert landed.reference("c") == ("attached", "1")
    assert landed.take_work() == {"1", "2"}
    landed(mapping(CRM), [{"id": "2", "name": "B", "number": "77"}], accept=True)
    assert landed.reference("c") == ("attached", "2")
    assert references.attach(landed.store) == 0


def test_references_that_wait_cost_a_change_nothing(tmp_path: Path, empty_store: bytes) -> None:
    """What landed with a number that nobody has may wait for ever."""
    (tmp_path / "v.db").write_bytes(empty_store)
    landed = Landed(open_store(f"sqlite:///{tmp_path / 'v.db'}"))
    landed(mapping(CRM), [{"id": str(n), "name": "A", "number": f"K{n}"} for n in range(2_000)])
    numbers = ["K7", *(f"nobody {n}" for n in range(2_000))]
    landed(mapping(CONTRACTS), [{"id": str(n), "number": number, "name": "-"} for n, number in enumerate(numbers)])
    with landed.store.write() as connection:
        connection.exec_driver_sql("ANALYZE")
    statements: list[str] = []
    one = pl.Series([landed.record("7")["record_no"]], dtype=pl.Int64)
    with landed.store.write() as connection:
        driver: Any = connection.connection.driver_connection
        driver.set_trace_callback(statements.append)
        references.follow(connection, one)
        driver.set_trace_callback(None)
        for text_ in statements:
            plan = [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {text_}")]
            scanned = [step.split()[1] for step in plan if step.startswith("SCAN")]
            assert {*scanned} <= {"anon_1", "anon_2", "json_each"}, (text_, plan)
    assert len(statements) == 3  # what it has, who names that, and where those are attached
    landed.store.close()


def test_a_first_load_lands_the_same(landed: Landed) -> None:
    with landed.store.first_load() as first:
        assert first
        landed(mapping(PRODUCTS), [{"id": "p", "customer": "1", "name": "Internet"}])
        landed(mapping(CRM), people("A", "B"))
        assert told(landed(mapping(CRM), people("A", "B", "C"))) == counts(read=3, landed=1, unchanged=2)
    references.attach(landed.store)
    assert landed.reference("p") == ("attached", "1")
    with landed.store.first_load() as first:
        assert not first


def test_sources_land_side_by_side_and_miss_none_of_each_others(landed: Landed) -> None:
    def night(what: Mapping, rows: list[Row]) -> RunCounts:
        parts = [batch(what.name, rows[start : start + 20]) for start in range(0, len(rows), 20)]
        return land(landed.store, what, lambda cursor: iter(parts), now=NOW, actor="test")

    things: list[Row] = [{"id": f"p{n}", "customer": str(n * 7 % 300 + 1), "name": "Thing"} for n in range(300)]
    with ThreadPoolExecutor() as workers, pytest.MonkeyPatch.context() as patch:
        patch.setattr(apply, "TRANSACTION_ROWS", 10)
        runs = [
            workers.submit(night, mapping(CRM), people(*["Name"] * 300)),
            workers.submit(night, mapping(PRODUCTS), things),
        ]
        assert [run.result().landed for run in runs] == [300, 300]
    assert references.counts(landed.store) == {"attached": 300, "pending": 0, "ambiguous": 0}


# Erased persons -------------------------------------------------------------------------------------------------


def test_the_key_of_an_erased_person_does_not_land_again(landed: Landed) -> None:
    of_store = landed.store.suppression_key
    erased = (("crm", Kind.PARTY, "2"), ("products", Kind.PARTY, "1"))
    hashes = [hmac.digest(of_store, "\x1f".join(key).encode(), "sha256") for key in erased]
    with landed.store.write() as connection:
        connection.execute(
            tables.suppression.insert(),
            [{"key_hash": each, "created_at": NOW, "actor": "test"} for each in hashes],
        )
    run = landed(mapping(CRM), people("A", "B", "C"))
    assert told(run) == counts(read=3, landed=2, filtered=1)
    assert set(landed.live()) == {"1", "3"}
    assert b"B" not in landed.frame(select(tables.raw_batch.c.data))["data"][0]


# One writer -----------------------------------------------------------------------------------------------------


def test_a_source_is_landed_by_one_process_at_a_time(landed: Landed) -> None:
    with leases.hold(landed.store, "source:crm"), pytest.raises(StoreError, match="another process"):
        landed(mapping(CRM), people("A"))
    landed(mapping(CRM), people("A"))


def test_who_lost_the_lease_writes_nothing(landed: Landed) -> None:
    with pytest.raises(StoreError, match="took over"), leases.hold(landed.store, "resolve") as held:
        with landed.store.write() as connection:
            connection.execute(text("update lease set epoch = epoch + 1"))
        with landed.store.write(held) as connection:
            connection.execute(tables.state.insert().values(key="k", value="v"))
    assert landed.frame(select(tables.state).where(tables.state.c.key == "k")).is_empty()


def test_the_lease_of_a_dead_process_is_free(landed: Landed) -> None:
    with leases.hold(landed.store, "resolve") as held:
        host = held.holder.partition(":")[0]
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    with landed.store.write() as connection:
        connection.execute(
            tables.lease.update().values(
                holder=f"{host}:{int(gone.stdout)}:x", expires_at=datetime.now(UTC) + timedelta(hours=1)
            )
        )
    with leases.hold(landed.store, "resolve") as again:
        assert again.epoch == held.epoch + 1


# Any read, cut anyhow, killed anywhere --------------------------------------------------------------------------

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.sampled_from(["1", "2", "3", "4", "5", None]),
            "name": st.sampled_from(["Jansen", "Smit", None]),
            "phone": st.sampled_from(["+31612345678", None]),
            "changed": st.sampled_from(["2026-01-01", "2026-01-02", None]),
            "status": st.sampled_from(["gone", "here"]),
        }
    ),
    max_size=12,
)


@pytest.fixture
def fresh(empty_store: bytes, tmp_path: Path) -> Iterator[Callable[[], Landed]]:
    """Makes empty stores."""
    made: list[Store] = []

    def make() -> Landed:
        file = tmp_path / f"{len(made)}.db"
        file.write_bytes(empty_store)
        made.append(open_store(f"sqlite:///{file}"))
        return Landed(made[-1])

    yield make
    for store in made:
        store.close()


def content_of(store: Store, *, times: bool = True) -> dict[str, pl.DataFrame]:
    """What landed, without numbers; raw rows in the place of where they are kept."""
    record, reference, entry = tables.source_record, tables.party_reference, tables.quarantine
    party = record.alias()
    with store.read() as connection:
        raw = {
            number: records.raw(connection, number)
            for (number,) in connection.execute(select(tables.raw_batch.c.batch_id))
        }

        def with_raw(found: pl.DataFrame) -> pl.DataFrame:
            rows = [str(raw[number].slice(row, 1).to_pylist()) for number, row in found["batch_id", "row"].iter_rows()]
            return found.drop("batch_id", "row").with_columns(pl.Series("raw", rows, dtype=pl.String))

        columns = [record.c[name] for name in ("source_no", "kind", "record_id", "deleted", "content", "content_hash")]
        if times:
            columns += [record.c[name] for name in ("version", "changed_at", "since_at", "since", "recorded_at")]
        return {
            "records": with_raw(bulk.frame(connection, select(*columns, record.c.batch_id, record.c.row))).sort(
                "source_no", "kind", "record_id"
            ),
            "references": bulk.frame(
                connection,
                select(record.c.record_id, reference.c.state, party.c.record_id.label("party"))
                .join(record, record.c.record_no == reference.c.record_no)
                .outerjoin(party, party.c.record_no == reference.c.party_no),
            ).sort("record_id"),
            "quarantine": with_raw(
                bulk.frame(
                    connection,
                    select(entry.c.row_hash, entry.c.reasons, entry.c.batch_id, entry.c.row).where(
                        entry.c.closed_at.is_(None)
                    ),
                )
            ).sort("row_hash"),
        }


def same(first: dict[str, pl.DataFrame], second: dict[str, pl.DataFrame]) -> None:
    for name, frame in first.items():
        assert_frame_equal(frame, second[name])


SETTINGS = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SETTINGS
@given(rows=ROWS, later=ROWS, cuts=st.lists(st.integers(0, 12), max_size=4))
def test_any_cut_into_batches_gives_the_same_store(
    fresh: Callable[[], Landed], rows: list[Row], later: list[Row], cuts: list[int]
) -> None:
    whole, cut = fresh(), fresh()
    for read in (rows, later):
        places = [0, *sorted(min(place, len(read)) for place in cuts), len(read)]
        parts = [read[start:end] for start, end in itertools.pairwise(places)]
        assert whole(mapping(CRM), read, accept=True) == cut(mapping(CRM), *parts, accept=True)
    same(content_of(whole.store), content_of(cut.store))


@SETTINGS
@given(first=ROWS, read=ROWS)
def test_landing_is_idempotent_and_its_rows_reconcile(
    fresh: Callable[[], Landed], first: list[Row], read: list[Row]
) -> None:
    landed = fresh()
    landed(mapping(CRM), first, accept=True)
    run = landed(mapping(CRM), read, accept=True)
    assert run.read == run.landed + run.unchanged + run.quarantined + run.filtered == len(read)
    before, versions = content_of(landed.store), landed.versions()
    landed.take_work()
    again = landed(mapping(CRM), read, accept=True)
    assert (again.landed, again.deleted) == (0, 0)
    assert (again.quarantined, again.filtered) == (run.quarantined, run.filtered)
    same(before, content_of(landed.store))
    assert landed.versions() == versions
    assert landed.take_work() == set()


@SETTINGS
@given(
    rows=st.lists(
        st.tuples(st.sampled_from("123"), st.integers(1, 28), st.sampled_from("AB")), unique_by=lambda r: r[:2]
    ),
    data=st.data(),
)
def test_deltas_with_declared_times_land_the_same_in_any_order(
    fresh: Callable[[], Landed], rows: list[tuple[str, int, str]], data: st.DataObject
) -> None:
    reads: list[Row] = [{"id": key, "changed": f"2026-01-{day:02}", "name": name} for key, day, name in rows]
    straight, shuffled = fresh(), fresh()
    straight(delta(CRM), reads)
    for row in data.draw(st.permutations(reads)):
        shuffled(delta(CRM), [row])
    assert straight.live() == shuffled.live()


def rows_of(day: int, count: int = 500) -> list[Row]:
    """A day of a source: every day some change, some vanish, some are bad, some come twice."""
    return [
        {
            "id": str(n),
            "name": None if n % 97 == day else f"Name {n % 50 + (day if n % 10 == day else 0)}",
            "number": str(n),
        }
        for n in range(count)
        if n % 20 != day
    ] + [{"id": "7", "name": f"Twice {day}"}]


def nights(url: str, at: Callable[[int], None] = lambda statement: None) -> None:
    """Land three days of two sources, as often as it takes; ``at`` is called before every statement, with its place."""
    apply.TRANSACTION_ROWS = 50
    store = open_store(url)
    places = itertools.count(1)

    @event.listens_for(store.engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.set_trace_callback(lambda _statement: at(next(places)))

    for day in range(3):
        products: list[Row] = [{"id": f"p{n}", "customer": str(n), "name": f"Product {day}"} for n in range(0, 500, 5)]
        for what, rows in ((mapping(PRODUCTS), products), (mapping(CRM), rows_of(day))):
            parts = [batch(what.name, rows[start : start + 120]) for start in range(0, len(rows), 120)]
            land(store, what, lambda cursor, parts=parts: iter(parts), now=NOW, actor="test")  # type: ignore[misc]
    store.close()


def killed_nights(url: str, place: int) -> None:
    """Land them in a process that is killed before the statement of that place."""

    def die(statement: int) -> None:
        if statement == place:
            os.kill(os.getpid(), signal.SIGKILL)

    nights(url, die)


def test_killed_anywhere_and_run_again_the_store_is_the_same(fresh: Callable[[], Landed]) -> None:
    undisturbed = fresh()
    first: list[int] = []
    again: list[int] = []
    nights(undisturbed.store.engine.url.render_as_string(), first.append)
    expected = content_of(undisturbed.store, times=False)
    nights(undisturbed.store.engine.url.render_as_string(), again.append)

    killed = fresh()
    url = killed.store.engine.url.render_as_string()
    program = f"import sys; sys.path[:0] = {sys.path!r}; import test_sync_land as t"
    chance = random.Random(20260504)
    for statements in (first, again, again, again, again):  # after a kill there is less to do, but not less than this
        place = int(chance.uniform(0.02, 0.9) * len(statements))
        child = subprocess.Popen([sys.executable, "-c", f"{program}; t.killed_nights({url!r}, {place})"])
        assert child.wait() == -signal.SIGKILL
    nights(url)
    same(expected, content_of(killed.store, times=False))
    interrupted = killed.frame(select(tables.run.c.run_id).where(tables.run.c.state == "interrupted"))
    assert interrupted.height >= 1
    assert not killed.frame(select(tables.run.c.run_id).where(tables.run.c.state == "running")).height
    assert not list(Path(tempfile.gettempdir()).glob(f"voeg-spool-{child.pid}-*"))

"""Matching what changed comes to the same as linking everything anew, whatever comes, goes or is decided."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from estates import Key, decide, frame, golden, lookup_keys, members, outbox, partition, revoke
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from adapters.base import Batch
from foundation.document import parse
from foundation.errors import StoreError
from foundation.settings import IdentitySettings
from golden.rules import Rules
from identity import release
from identity.model import packaged_prior
from store import leases, references, tables
from store.engine import Held, Store
from store.engine import open as open_store
from store.resolving import begin_anew
from sync import resolve as resolving
from sync.land import land
from sync.resolve import Decided, Resolved, Waits, model_in_use, resolve, resolve_one
from transform.mapping import Mapping, compiled

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
SOURCES = ("crm", "shop", "desk")
COLUMNS = ("id", "given", "name", "born", "postcode", "phone", "email", "number")
MAPPING = """
version: 1
source: {source}
system: {source}
mode: snapshot
max_vanished: 1.0
read: {{adapter: files, format: csv, path: "*.csv"}}
records:
  - kind: party
    key: id
    fields:
      party_type: {{constant: person}}
      given_name: given
      family_name: name
      birth_date: {{from: born, do: [{{parse_date: ["%Y-%m-%d"]}}]}}
      addresses: [{{kind: {{constant: home}}, postcode: postcode}}]
      phones: [{{kind: {{constant: mobile}}, number: phone}}]
      emails: [{{address: email}}]
      identifiers: [{{type: {{constant: customer_number}}, value: number}}]
"""
CONTRACTS = """
version: 1
source: contracts
system: contracts
mode: snapshot
max_vanished: 1.0
read: {adapter: files, format: csv, path: "*.csv"}
records:
  - kind: product
    key: id
    party: {identifier: customer_number, value: {from: number}}
    fields: {product_type: {constant: mobile}, name: id}
"""
MAPPINGS: dict[str, Mapping] = {
    source: compiled(parse(MAPPING.format(source=source), Path("test.yaml"))) for source in SOURCES
} | {"contracts": compiled(parse(CONTRACTS, Path("test.yaml")))}
ALWAYS = IdentitySettings(few_changes=1.0)
"""However much changed, it is matched."""

Values = tuple[str, ...]
Step = Sequence[tuple[Key, Values | None]]
"""What is told of some records, None: that they are gone."""

SASKIA = ("Saskia", "Terpstra", "1971-03-14", "1234 AB", "+31612345678", "saskia@example.org")
SANNE = ("Sanne", "Terpstra", "1999-07-01", "1234 AB", "+31612345678", "terpstra@example.org")
WOUTER = ("Wouter", "Hoekzema", "1958-11-30", "9876 ZY", "+31687654321", "wouter@example.org")
WOUT = ("Wout", "Hoekstra", "1958-11-03", "9876 ZY", "+31687654321", "wouter@example.org")


class Estate:
    """A store with three systems, of which the records are told one by one."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOW
        self.records: dict[Key, Values] = {}

    def tell(self, step: Step) -> None:
        for key, values in step:
            if values is None:
                self.records.pop(key, None)
            else:
                self.records[key] = values
        for source in {source for (source, _), _ in step}:
            rows = [(number, *values) for (name, number), values in self.records.items() if name == source]
            self.land(source, COLUMNS, rows)

    def sign(self, numbers: Sequence[str]) -> None:
        """Tell of all contracts, each with the customer number that it is of."""
        self.land("contracts", ("id", "number"), [(str(place), number) for place, number in enumerate(numbers)])

    def land(self, source: str, names: Sequence[str], rows: Sequence[Values]) -> None:
        texts = [[row[place] if place < len(row) else "" for row in rows] for place in range(len(names))]
        columns = [pa.array([text or None for text in column], pa.string()) for column in texts]
        batch = Batch(rows=pa.RecordBatch.from_arrays(columns, names=names), origin="test")
        self.now += timedelta(minutes=1)
        land(self.store, MAPPINGS[source], lambda _: iter([batch]), now=self.now, actor="test")

    def resolve(self, **settings_: Any) -> Resolved:
        self.now += timedelta(minutes=1)
        wanted = {"settings": ALWAYS, **settings_}
        return resolve(self.store, Rules(), actor="test", now=self.now, **wanted)

    def match(self) -> Resolved:
        """Resolve what waits, and see that not everything was linked for it."""
        report = self.resolve()
        assert not report.anew
        return report

    def link(self) -> Resolved:
        """Link everything anew."""
        with self.store.write() as connection:
            connection.execute(tables.state.delete().where(tables.state.c.key == "resolved_with_model"))
        report = self.resolve()
        assert report.anew
        return report

    def kept(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return what is kept to match by, and what is asked."""
        task = tables.task.c
        asked = select(task.a, task.b, task.kind, task.weight, task.reason, task.priority).where(task.state == "open")
        return {
            table.name: frame(self.store, select(table).order_by(*table.primary_key)).rows()
            for table in (tables.feature, tables.blocking_key, tables.edge)
        } | {"questions": sorted(frame(self.store, asked).rows())}


@pytest.fixture
def fresh(empty_store: bytes, tmp_path: Path) -> Iterator[Callable[[], Estate]]:
    """Makes empty estates."""
    made: list[Store] = []

    def make() -> Estate:
        file = tmp_path / f"{len(made)}.db"
        file.write_bytes(empty_store)
        made.append(open_store(f"sqlite:///{file}"))
        return Estate(made[-1])

    yield make
    for store in made:
        store.close()


@st.composite
def told(draw: st.DrawFn) -> tuple[Key, Values | None]:
    """Something about a record: that it is gone, or what it says of one of the people, worn in a way of its own."""
    key = draw(st.sampled_from(SOURCES)), draw(st.sampled_from("1234"))
    if draw(st.integers(0, 4)) == 0:
        return key, None
    values = list(draw(st.sampled_from((SASKIA, SANNE, WOUTER, WOUT))))
    for lost in draw(st.sets(st.sampled_from((0, 2, 3, 4, 5)), max_size=3)):
        values[lost] = ""
    return key, tuple(values)


STEPS = st.lists(st.lists(told(), min_size=1, max_size=5), min_size=1, max_size=4)
FEW = settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@FEW
@given(first=st.lists(told(), max_size=8), steps=STEPS)
def test_changes_come_to_what_linking_everything_anew_finds(
    first: Step, steps: Sequence[Step], fresh: Callable[[], Estate]
) -> None:
    estate = fresh()
    estate.tell(first)
    estate.resolve()
    for step in steps:
        estate.tell(step)
        estate.match()
    before, kept, said = members(estate.store), estate.kept(), len(outbox(estate.store))
    records, keys = golden(estate.store), lookup_keys(estate.store)
    estate.link()
    assert members(estate.store) == before
    assert estate.kept() == kept
    assert len(outbox(estate.store)) == said
    assert (golden(estate.store), lookup_keys(estate.store)) == (records, keys)


@FEW
@given(first=st.lists(told(), max_size=8), comes=st.lists(told(), min_size=1, max_size=6))
def test_what_comes_and_goes_leaves_everything_as_it_was(first: Step, comes: Step, fresh: Callable[[], Estate]) -> None:
    estate = fresh()
    estate.tell(first)
    estate.resolve()
    before, kept = members(estate.store), estate.kept()
    added = [((source, f"new {number}"), values) for (source, number), values in comes if values]
    estate.tell(added)
    estate.match()
    estate.tell([(key, None) for key, _ in added])
    estate.match()
    assert members(estate.store) == before
    assert estate.kept() == kept


@FEW
@given(first=st.lists(told(), min_size=2, max_size=8), steps=STEPS, data=st.data())
def test_no_change_brings_together_what_people_keep_apart(
    first: Step, steps: Sequence[Step], data: st.DataObject, fresh: Callable[[], Estate]
) -> None:
    estate = fresh()
    estate.tell(first)
    estate.resolve()
    parties = sorted(estate.records)
    if len(parties) < 2:
        return
    pair = st.lists(st.sampled_from(parties), min_size=2, max_size=2, unique=True)
    apart, together = data.draw(pair, label="never link"), data.draw(pair, label="must link")
    decide(estate.store, "never_link", apart[0], apart[1])
    decision = decide(estate.store, "must_link", together[0], together[1]) if set(apart) != set(together) else None
    for step in steps:
        estate.match()
        assert not any(set(apart) <= cluster for cluster in partition(estate.store))
        estate.tell(step)
    if decision is not None:
        revoke(estate.store, decision)
    estate.match()
    before, kept = members(estate.store), estate.kept()
    estate.link()
    assert members(estate.store) == before
    assert estate.kept() == kept


NUMBERS = st.lists(st.sampled_from(("N1", "N2", "N3")), max_size=4)


@FEW
@given(first=st.lists(told(), max_size=6), steps=STEPS, data=st.data())
def test_what_hangs_on_a_number_follows_who_has_it(
    first: Step, steps: Sequence[Step], data: st.DataObject, fresh: Callable[[], Estate]
) -> None:
    """Only what changed is looked at; looking at everything would find nothing else."""
    estate = fresh()
    estate.tell(first)
    estate.resolve()
    number = st.sampled_from(("", "N1", "N2"))
    for step in steps:
        estate.sign(data.draw(NUMBERS, label="contracts"))
        estate.tell([(key, values and (*values, data.draw(number))) for key, values in step])
        estate.match()
        assert references.attach(estate.store) == 0
    estate.resolve()  # what was attached when the crosswalk had changed
    before = golden(estate.store)
    estate.link()
    assert golden(estate.store) == before


def test_a_contract_stays_while_a_record_with_its_number_comes(fresh: Callable[[], Estate]) -> None:
    estate = fresh()
    estate.tell([(("crm", "1"), (*SASKIA, "N1"))])
    estate.sign(["N1"])
    estate.resolve()
    assert "contracts" in str(golden(estate.store))
    said = len(outbox(estate.store))
    estate.tell([(("shop", "1"), (*SASKIA, "N1"))])
    estate.match()
    assert len(partition(estate.store)) == 1
    assert "contracts" in str(golden(estate.store))
    assert len(outbox(estate.store)) == said  # nothing about the customer is another
    assert frame(estate.store, select(tables.work)).is_empty()


def test_a_first_load_into_a_store_that_was_resolved_empty_attaches_everything(fresh: Callable[[], Estate]) -> None:
    estate = fresh()
    estate.resolve()
    with estate.store.first_load():
        estate.sign(["N1"])
        estate.tell([(("crm", "1"), (*SASKIA, "N1"))])
    estate.match()
    assert "contracts" in str(golden(estate.store))


def test_the_cut_into_batches_changes_nothing(fresh: Callable[[], Estate], monkeypatch: pytest.MonkeyPatch) -> None:
    people = (SASKIA, SANNE, WOUTER, WOUT)
    before = [((source, str(n)), people[(n + place) % 4]) for place, source in enumerate(SOURCES) for n in range(8)]
    after = [((source, str(n)), people[n % 4]) for source in SOURCES for n in range(8)]
    found = []
    for size in (1, 5, 500):
        monkeypatch.setattr(resolving, "BATCH_RECORDS", size)
        estate = fresh()
        estate.tell(before)
        estate.resolve()
        apart = partition(estate.store)
        estate.tell(after)
        estate.match()
        found.append((partition(estate.store), estate.kept()["edge"]))
        assert found[-1][0] != apart
    assert found[0] == found[1] == found[2]


def test_a_correction_splits_what_no_longer_holds(fresh: Callable[[], Estate]) -> None:
    estate = fresh()
    estate.tell([(("crm", "1"), SASKIA), (("shop", "1"), SASKIA), (("desk", "1"), SASKIA)])
    estate.resolve()
    (entity,) = members(estate.store)
    estate.tell([(("desk", "1"), WOUTER)])
    report = estate.match()
    found = members(estate.store)
    assert found[entity] == {("crm", "1"), ("shop", "1")}
    (other,) = found.keys() - {entity}
    assert found[other] == {("desk", "1")}
    assert report.events == {"split": 1, "created": 1}
    told_ = [(event["entity_id"], event["type"], event["related"]) for event in outbox(estate.store)[1:]]
    assert sorted(told_) == sorted([(entity, "split", f'{{"out_of_it":[{other}]}}'), (other, "created", None)])


def test_a_withdrawn_bridge_lets_its_neighbours_go(fresh: Callable[[], Estate]) -> None:
    """The bridge has what either side knows; without it nothing says that they are one."""
    estate = fresh()
    left, right = ("", "Terpstra", "1971-03-14", "1234 AB", "", ""), ("Saskia", "Terpstra", "", "", "", SASKIA[5])
    estate.tell([(("crm", "1"), left), (("shop", "1"), right), (("desk", "1"), SASKIA)])
    estate.resolve()
    together = partition(estate.store)
    estate.tell([(("desk", "1"), None)])
    estate.match()
    assert partition(estate.store) != together
    before = members(estate.store)
    estate.link()
    assert members(estate.store) == before


def test_an_id_that_redirects_follows_its_people(fresh: Callable[[], Estate]) -> None:
    estate = fresh()
    keys = [("crm", "1"), ("shop", "1"), ("desk", "1"), ("crm", "2")]
    people = (SASKIA, WOUTER, ("Femke", "Brandsma", "1980-01-02", "4321 BA", "+31611111111", "f@example.org"), SANNE)
    estate.tell(list(zip(keys, people, strict=True)))
    estate.resolve()
    of = {key: entity for entity, its in members(estate.store).items() for key in its}
    first = decide(estate.store, "must_link", keys[0], keys[1])
    estate.match()
    ((stays, _),) = [(entity, its) for entity, its in members(estate.store).items() if keys[0] in its]
    gone = ({of[keys[0]], of[keys[1]]} - {stays}).pop()
    moves = next(key for key in keys[:2] if of[key] == gone)
    # who was absorbed goes on to another customer, who has two records
    decide(estate.store, "must_link", keys[2], keys[3])
    estate.match()
    revoke(estate.store, first)
    decide(estate.store, "must_link", moves, keys[2])
    estate.match()
    now = {key: entity for entity, its in members(estate.store).items() for key in its}
    assert now[moves] == now[keys[2]] != stays
    row = frame(estate.store, select(tables.entity).where(tables.entity.c.entity_id == gone)).to_dicts()[0]
    assert (row["state"], row["redirect_to"]) == ("retired", now[moves])


def test_an_unfinished_link_is_done_again(fresh: Callable[[], Estate]) -> None:
    """Killed while the matcher's tables were filled, the next run must not match by them."""
    estate = fresh()
    estate.tell([((source, str(n)), SASKIA if n else WOUTER) for source in SOURCES for n in range(3)])
    program = f"""
import os, signal, sys
from datetime import UTC, datetime
from golden.rules import Rules
from store import matching
from store.engine import open
from sync.resolve import resolve
matching.fill_edges = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
resolve(open({str(estate.store.engine.url)!r}), Rules(), actor="test", now=datetime.now(UTC))
"""
    ended = subprocess.run([sys.executable, "-c", program], check=False, env={**os.environ})
    assert ended.returncode == -signal.SIGKILL
    assert not frame(estate.store, select(tables.feature)).is_empty()
    report = estate.resolve()
    assert report.anew
    assert len(partition(estate.store)) == 2


def test_much_that_changed_is_linked_anew(fresh: Callable[[], Estate], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolving, "BATCH_RECORDS", 2)
    estate = fresh()
    estate.tell([(("crm", str(n)), (f"Given{n}", "Terpstra", "", "", "", "")) for n in range(20)])
    estate.resolve()
    few = IdentitySettings(few_changes=0.2)
    estate.tell([(("shop", str(n)), WOUTER) for n in range(4)])
    assert not estate.resolve(settings=few).anew
    estate.tell([(("desk", str(n)), WOUTER) for n in range(5)])
    assert estate.resolve(settings=few).anew


def test_a_release_that_matches_otherwise_links_everything_anew(
    fresh: Callable[[], Estate], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept was made by the code of before: its keys never meet those that are new."""
    estate = fresh()
    estate.tell([(("crm", "1"), SASKIA), (("crm", "2"), WOUTER)])
    estate.resolve()
    kept = estate.kept()["feature"]
    monkeypatch.setattr(release, "digest", lambda: "another")
    estate.tell([(("shop", "1"), SASKIA)])
    assert one(estate, ("shop", "1")) == Decided(entity_id=None, waits=Waits.ANEW)
    assert estate.resolve().anew
    assert estate.kept()["feature"][:2] == kept
    assert estate.resolve().idle


def test_other_thresholds_link_everything_anew(fresh: Callable[[], Estate]) -> None:
    estate = fresh()
    estate.tell([(("crm", "1"), SASKIA), (("shop", "1"), SASKIA)])
    estate.resolve()
    assert len(partition(estate.store)) == 1
    high = IdentitySettings(link_threshold=200.0)
    assert estate.resolve(settings=high).anew
    assert len(partition(estate.store)) == 2
    assert estate.resolve(settings=high).idle


def test_a_source_without_duplicates_has_a_customer_once(fresh: Callable[[], Estate]) -> None:
    estate = fresh()
    estate.tell([(("crm", "1"), SASKIA), (("crm", "2"), SASKIA), (("shop", "1"), WOUTER)])
    estate.resolve()
    assert len(partition(estate.store)) == 2
    assert estate.resolve(duplicate_free=frozenset({"crm"})).anew
    assert len(partition(estate.store)) == 3


def test_who_came_and_went_unseen_leaves_nothing(fresh: Callable[[], Estate]) -> None:
    estate = fresh()
    estate.tell([(("crm", "1"), SASKIA)])
    estate.resolve()
    estate.tell([(("shop", "1"), WOUTER)])
    estate.tell([(("shop", "1"), None)])
    assert estate.match().events == {}
    assert frame(estate.store, select(tables.work)).is_empty()


# One record, while somebody waits -------------------------------------------------------------------------------


def one(estate: Estate, key: Key, **more: Any) -> Decided:
    model, _ = model_in_use(estate.store, ALWAYS)
    wanted = {"model": model, "now": estate.now, **more}
    return resolve_one(estate.store, Rules(), record_no=number_of(estate, key), actor="test", **wanted)


def number_of(estate: Estate, key: Key) -> int:
    record, source = tables.source_record, tables.source
    named = select(record.c.record_no).join(source, source.c.source_no == record.c.source_no)
    with estate.store.read() as connection:
        return int(connection.scalar(named.where(source.c.name == key[0], record.c.record_id == key[1])) or 0)


def test_one_record_is_decided_at_once(fresh: Callable[[], Estate]) -> None:
    estate = fresh()
    estate.tell([(("crm", "1"), SASKIA), (("crm", "2"), WOUTER)])
    estate.resolve()
    of = {key: entity for entity, its in members(estate.store).items() for key in its}
    estate.tell([(("shop", "1"), SASKIA), (("desk", "1"), WOUT)])
    assert one(estate, ("shop", "1")) == Decided(entity_id=of["crm", "1"])
    assert members(estate.store)[of["crm", "1"]] == {("crm", "1"), ("shop", "1")}
    assert one(estate, ("shop", "1")) == Decided(entity_id=of["crm", "1"])  # nothing is left to do
    assert frame(estate.store, select(tables.work))["record_no"].to_list() == [number_of(estate, ("desk", "1"))]
    before = members(estate.store)
    estate.match()
    assert {key for its in members(estate.store).values() for key in its} == {*of, ("shop", "1"), ("desk", "1")}
    assert before.keys() <= members(estate.store).keys()
    kept = estate.kept()
    estate.link()
    assert estate.kept() == kept


def test_one_record_waits_where_much_hangs_together(
    fresh: Callable[[], Estate], monkeypatch: pytest.MonkeyPatch
) -> None:
    estate = fresh()
    estate.tell([(("crm", str(n)), SASKIA) for n in range(4)])
    estate.resolve()
    (entity,) = members(estate.store)
    estate.tell([(("shop", "1"), SASKIA)])
    monkeypatch.setattr(resolving, "AT_MOST", 4)
    assert one(estate, ("shop", "1")) == Decided(entity_id=None, waits=Waits.CROWDED)
    monkeypatch.setattr(resolving, "AT_MOST", 5)
    assert one(estate, ("shop", "1")) == Decided(entity_id=entity)


def test_one_record_waits_while_everything_is_resolved(fresh: Callable[[], Estate]) -> None:
    estate = fresh()
    estate.tell([(("crm", "1"), SASKIA)])
    assert one(estate, ("crm", "1")).waits is Waits.ANEW  # nothing was linked yet
    estate.resolve()
    estate.tell([(("crm", "1"), WOUTER)])
    (entity,) = members(estate.store)
    other = packaged_prior().with_thresholds(link=99_000)
    assert one(estate, ("crm", "1"), model=other) == Decided(entity_id=entity, waits=Waits.ANEW)
    with leases.hold(estate.store, "resolve"):
        assert one(estate, ("crm", "1")) == Decided(entity_id=entity, waits=Waits.BUSY)
    assert one(estate, ("crm", "1")) == Decided(entity_id=entity)
    with leases.hold(estate.store, "resolve"):
        assert one(estate, ("crm", "1")) == Decided(entity_id=entity)  # nothing is left to do


def test_one_record_waits_when_everything_was_about_to_be_linked_anew(
    fresh: Callable[[], Estate], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever had the lease just before may have begun to fill the matcher's tables for another model."""
    estate = fresh()
    estate.tell([(("crm", "1"), SASKIA)])
    estate.resolve()
    estate.tell([(("shop", "1"), SASKIA)])
    taken = leases.hold

    def hold(store: Store, name: str) -> AbstractContextManager[Held]:
        with store.write() as connection:
            begin_anew(connection)
        return taken(store, name)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(leases, "hold", hold)
        assert one(estate, ("shop", "1")) == Decided(entity_id=None, waits=Waits.ANEW)


def test_a_resolve_waits_for_one_that_is_about_to_be_done(
    fresh: Callable[[], Estate], monkeypatch: pytest.MonkeyPatch
) -> None:
    estate = fresh()
    estate.tell([(("crm", "1"), SASKIA)])
    told: list[str] = []
    monkeypatch.setattr(resolving, "PATIENCE", timedelta(seconds=0.4))
    with ThreadPoolExecutor(1) as other:
        with leases.hold(estate.store, "resolve") as held:
            with pytest.raises(StoreError, match="another process"):  # this one is not
                estate.resolve()
            monkeypatch.setattr(resolving, "PATIENCE", timedelta(seconds=60))
            waiting = other.submit(estate.resolve)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.2)
        assert waiting.result().entities == 1
    monkeypatch.setattr(resolving, "PATIENCE", timedelta(seconds=0.2))
    with leases.hold(estate.store, "resolve") as held, pytest.raises(StoreError):
        estate.resolve(stage=lambda name, _: told.append(name))
    assert f"waiting for {held.holder}" in told


def test_times_tell_the_batches_of_a_run_apart(fresh: Callable[[], Estate]) -> None:
    """What the last members of an id were is told by when they left it."""
    estate = fresh()
    estate.tell([(("crm", "1"), SASKIA), (("shop", "1"), SASKIA), (("desk", "1"), SASKIA)])
    estate.resolve()
    for key in (("crm", "1"), ("shop", "1"), ("desk", "1")):
        estate.tell([(key, None)])
        resolve(estate.store, Rules(), actor="test", now=NOW, settings=ALWAYS)  # a clock that stands still
    history = frame(estate.store, select(tables.crosswalk_history.c.until))["until"]
    assert history.n_unique() == 3
    (row,) = frame(estate.store, select(tables.entity)).to_dicts()
    assert row["retired_at"] == history.max()

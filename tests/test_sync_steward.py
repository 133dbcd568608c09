"""Stewarding: which questions a store asks, and what becomes of them when records, entities and decisions change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from canonical_model.schema import Kind
from foundation.errors import StoreError, VoegError
from identity import packing
from identity.clustering import LARGE
from identity.model import packaged_prior
from store import bulk, leases, resolving, tables, work
from store.engine import Store
from store.engine import open as open_store
from sync import steward

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
MODEL = packaged_prior().with_thresholds(link=1_000)

NOTHING: dict[str, Any] = dict.fromkeys(packing.FIELDS)
"""Features of a record that says nothing."""


class Matched:
    """A store in which people were matched: a short way to say which records, entities and edges there are."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOW
        with store.write() as connection:
            connection.execute(insert(tables.source).values(source_no=1, name="crm", state="active"))

    def record(self, *numbers: int, kind: Kind = Kind.PARTY, **content: Any) -> None:
        """Land a version of records."""
        with self.store.write() as connection:
            for number in numbers:
                connection.execute(tables.source_record.delete().where(tables.source_record.c.record_no == number))
                connection.execute(
                    insert(tables.source_record).values(
                        record_no=number,
                        source_no=1,
                        kind=tables.KIND_NUMBERS[kind],
                        record_id=f"r{number}",
                        version=1,
                        deleted=False,
                        content=json.dumps(content or {"party_type": "person"}, default=str),
                        content_hash=number,
                        since_at=self.now,
                        recorded_at=self.now,
                        run_id=1,
                        canonical_version=1,
                    )
                )

    def satellite(self, number: int, kind: Kind, of: int, **content: Any) -> None:
        """Land a product or a contact that is attached to a party."""
        self.record(number, kind=kind, **content)
        with self.store.write() as connection:
            connection.execute(insert(tables.party_reference).values(record_no=number, party_no=of, state="attached"))

    def entities(self, *members: Sequence[int]) -> None:
        """Make this the partition; an entity is named by its first record. New records land."""
        with self.store.write() as connection:
            known = bulk.frame(connection, select(tables.source_record.c.record_no))["record_no"].to_list()
            connection.execute(tables.crosswalk.delete())
            for records in members:
                for number in records:
                    connection.execute(
                        insert(tables.crosswalk).values(record_no=number, entity_id=records[0], since=self.now)
                    )
        self.record(*(number for records in members for number in records if number not in known))

    def features(self, number: int, **features: Any) -> None:
        """Say what the matcher keeps of a record."""
        content = packing.pack_one({**NOTHING, "party_type": "person", "data_source": "crm", **features})
        with self.store.write() as connection:
            row = pl.DataFrame({"record_no": [number], "key": [number], "content": [content]})
            bulk.upsert(connection, tables.feature, row)

    def edges(self, *edges: tuple[int, int, int] | tuple[int, int, int, bool]) -> None:
        """Make these the pairs: a, b, weight, and whether something vetoes it."""
        with self.store.write() as connection:
            connection.execute(tables.edge.delete())
            for a, b, weight, *veto in edges:
                connection.execute(insert(tables.edge).values(a=a, b=b, weight=weight, veto=bool(veto)))

    def refresh(self, *records: int, resolved: bool = True) -> steward.Refreshed:
        """Refresh the questions an hour later: all, or those of some records; the queue was worked off, or was not."""
        self.now += timedelta(hours=1)
        if resolved:
            with self.store.write() as connection:
                connection.execute(tables.work.delete())
        asking: dict[str, Any] = {"model": MODEL, "now": self.now, "actor": "test"}
        if not records:
            with leases.hold(self.store, "resolve") as held:
                return steward.refresh_all(self.store, held, **asking)
        with self.store.write() as connection:
            return steward.refresh(connection, records=pl.Series(records, dtype=pl.Int64), **asking)

    def tasks(self, state: str = "open") -> list[dict[str, Any]]:
        """The tasks of a state, the most urgent first."""
        statement = select(tables.task).where(tables.task.c.state == state)
        with self.store.read() as connection:
            found = bulk.frame(connection, statement)
        return found.sort("priority", "a", "b", descending=[True, False, False]).to_dicts()

    def asked(self) -> set[tuple[int, int, str, str]]:
        """The open questions: records, kind, reason."""
        return {(task["a"], task["b"], task["kind"], task["reason"]) for task in self.tasks()}


@pytest.fixture(params=["sqlite", "postgresql"])
def matched(request: pytest.FixtureRequest, tmp_path: Path, empty_store: bytes) -> Iterator[Matched]:
    if request.param == "sqlite":
        (tmp_path / "voeg.db").write_bytes(empty_store)
        store = open_store(f"sqlite:///{tmp_path / 'voeg.db'}")
    else:
        store = open_store(request.getfixturevalue("postgres_url"))
        store.migrate()
    yield Matched(store)
    store.close()


DUPLICATE = ("possible_duplicate", "between_thresholds")


def test_a_pair_between_the_thresholds_is_asked_about(matched: Matched) -> None:
    matched.entities([1], [2], [3])
    matched.edges((1, 2, 500), (2, 3, -2_000))
    assert matched.refresh() == steward.Refreshed(asked=2, restated=0, withdrawn=0)
    assert matched.asked() == {(1, 2, *DUPLICATE), (2, 3, *DUPLICATE)}
    assert matched.refresh() == steward.Refreshed(asked=0, restated=0, withdrawn=0)


def test_two_entities_make_one_question_about_their_strongest_pair(matched: Matched) -> None:
    matched.entities([1, 2], [3, 4])
    matched.edges((1, 2, 9_000), (1, 3, -500), (2, 4, 700), (1, 4, 700), (3, 4, 8_000))
    matched.refresh()
    assert matched.asked() == {(1, 4, *DUPLICATE)}  # the smaller records among equals


def test_what_would_link_and_was_kept_apart_is_a_conflict(matched: Matched) -> None:
    matched.entities([1, 2], [3], [4])
    matched.edges((1, 2, 9_000), (1, 3, 2_000), (2, 3, -9_000), (2, 4, 3_000, True), (3, 4, 500, True))
    matched.refresh()
    assert matched.asked() == {(1, 3, "conflict", "contradiction"), (2, 4, "conflict", "veto")}


def test_a_question_is_withdrawn_when_the_evidence_answers_it(matched: Matched) -> None:
    matched.entities([1], [2], [3], [4])
    matched.edges((1, 2, 500), (3, 4, 400))
    matched.refresh()
    matched.entities([1, 2], [3])  # 1 and 2 turned out to be one customer, 4 is gone
    matched.edges((1, 2, 5_000))
    assert matched.refresh(1, 2, 4) == steward.Refreshed(asked=0, restated=0, withdrawn=2)
    assert [task["ended_by"] for task in matched.tasks("withdrawn")] == ["test", "test"]


NEVER_ASKED = steward.Refreshed(asked=0, restated=0, withdrawn=0)


def decide(matched: Matched, answer: steward.Answer, **about: int) -> steward.Decided:
    """Answer the question about two records, the only one unless named."""
    matched.now += timedelta(hours=1)
    tasks = [task for task in matched.tasks() if all(task[name] == number for name, number in about.items())]
    assert len(tasks) == 1
    return steward.decide(
        matched.store, tasks[0]["task_id"], answer, author="ada", reason="called them", now=matched.now
    )


@pytest.mark.parametrize("answer", [steward.Answer.DIFFERENT, steward.Answer.UNSURE])
def test_what_was_answered_is_not_asked_again(matched: Matched, answer: steward.Answer) -> None:
    matched.entities([1, 2], [3, 4])
    matched.edges((1, 3, 500), (2, 4, 400))
    matched.refresh()
    decide(matched, answer)
    assert matched.refresh() == NEVER_ASKED  # nor about the weaker pair of the same two
    matched.edges((1, 3, 900), (2, 4, 400))  # another model weighs otherwise: no evidence
    assert matched.refresh() == NEVER_ASKED


def test_it_is_asked_again_when_a_record_changed_and_proves_more(matched: Matched) -> None:
    matched.entities([1, 2], [3])
    matched.edges((1, 3, 500))
    matched.refresh()
    decide(matched, steward.Answer.DIFFERENT)
    matched.now += timedelta(days=1)
    matched.record(1)  # changed, and the pair weighs no more than it did
    assert matched.refresh(1) == NEVER_ASKED
    matched.edges((1, 3, 500), (2, 3, 600))
    assert matched.refresh(1) == NEVER_ASKED  # what weighs more did not change
    matched.record(2)
    matched.refresh(2)
    assert matched.asked() == {(2, 3, "conflict", "never_link")}
    decide(matched, steward.Answer.DIFFERENT)
    assert matched.refresh() == NEVER_ASKED


def test_a_decision_that_no_task_led_to_answers_too(matched: Matched) -> None:
    matched.entities([1, 2], [3, 4])
    matched.edges((1, 3, 500))
    with matched.store.write() as connection:
        values = {"a": 2, "b": 4, "kind": "never_link", "author": "ada", "reason": "-", "decided_at": matched.now}
        connection.execute(insert(tables.decision).values(values))
    assert matched.refresh() == NEVER_ASKED


def test_a_must_link_that_does_not_hold_is_a_conflict(matched: Matched) -> None:
    matched.record(5, party_type="person")
    matched.record(6, party_type="organisation")
    matched.entities([1, 2], [3], [5], [6])
    matched.edges((1, 3, 500))
    with matched.store.write() as connection:
        for a, b, kind in ((1, 3, "must_link"), (2, 3, "never_link"), (5, 6, "must_link")):
            values = {"a": a, "b": b, "kind": kind, "author": "ada", "reason": "-", "decided_at": matched.now}
            connection.execute(insert(tables.decision).values(values))
    matched.refresh()
    assert matched.asked() == {(1, 3, "conflict", "overruled"), (5, 6, "conflict", "party_type")}
    decided = decide(matched, steward.Answer.SAME, a=1)
    assert [(one.a, one.b, one.kind, one.author) for one in decided.against] == [(2, 3, "never_link", "ada")]
    decide(matched, steward.Answer.DIFFERENT, a=5)
    assert matched.refresh() == NEVER_ASKED
    assert matched.asked() == set()


def test_a_decision_is_a_fact_that_the_next_resolve_takes_up(matched: Matched) -> None:
    matched.entities([1], [2])
    matched.edges((1, 2, 500))
    matched.refresh()
    task = decide(matched, steward.Answer.SAME).task
    assert (task.state, task.answer, task.said, task.ended_by) == ("done", "same", "called them", "ada")
    with matched.store.read() as connection:
        facts = bulk.frame(connection, select(tables.decision)).to_dicts()
        assert set(work.waiting(connection)["record_no"]) == {1, 2}
    assert [(one["a"], one["b"], one["kind"], one["author"], one["reason"]) for one in facts] == [
        (1, 2, "must_link", "ada", "called them")
    ]
    assert facts[0]["decided_at"] == matched.now


def test_a_decision_that_still_waits_to_be_applied_is_not_said_to_be_overruled(matched: Matched) -> None:
    matched.entities([1], [2])
    matched.edges((1, 2, 500))
    matched.refresh()
    decide(matched, steward.Answer.SAME)
    assert matched.refresh(resolved=False) == NEVER_ASKED
    matched.refresh()  # somebody resolved, and they are two still
    assert matched.asked() == {(1, 2, "conflict", "overruled")}


def test_a_question_is_answered_once(matched: Matched) -> None:
    matched.entities([1], [2], [3])
    matched.edges((1, 2, 500), (2, 3, 400))
    matched.refresh()
    answered = decide(matched, steward.Answer.UNSURE, a=1).task.task_id
    matched.entities([1], [2])
    matched.refresh()
    (withdrawn,) = matched.tasks("withdrawn")
    for task_id, message in (
        (answered, "answered 'unsure' by ada"),
        (withdrawn["task_id"], "was withdrawn"),
        (99, "there is no task 99"),
    ):
        with pytest.raises(VoegError, match=message):
            steward.decide(matched.store, task_id, steward.Answer.SAME, author="bob", reason="-", now=matched.now)
    with pytest.raises(VoegError, match="needs a reason"):
        steward.decide(matched.store, answered, steward.Answer.SAME, author="bob", reason="  ", now=matched.now)


@pytest.mark.parametrize("answer", steward.Answer)
def test_an_answer_can_be_taken_back(matched: Matched, answer: steward.Answer) -> None:
    matched.entities([1], [2])
    matched.edges((1, 2, 500))
    matched.refresh()
    (before,) = matched.tasks()
    decide(matched, answer)
    undone = steward.undo(matched.store, before["task_id"], author="bob", now=matched.now + timedelta(hours=1))
    assert (undone.state, undone.answer, undone.said) == ("open", None, None)
    assert matched.tasks() == [before]
    with matched.store.read() as connection:
        stand = select(tables.decision).where(tables.decision.c.revoked_at.is_(None))
        assert bulk.frame(connection, stand).is_empty()
        assert set(work.waiting(connection)["record_no"]) == {1, 2}
    assert matched.refresh() == NEVER_ASKED  # it is open still
    with pytest.raises(StoreError, match="was not answered: it is open"):
        steward.undo(matched.store, before["task_id"], author="bob", now=matched.now)


ANOTHER_ID = ("doubtful_merge", "another_national_id")
ONE_ID, OTHER_ID = {"national_ids": ["111222333"]}, {"national_ids": ["987654321"]}


def test_two_national_ids_of_one_customer_are_asked_about_once(matched: Matched) -> None:
    matched.entities([1, 2, 3, 4], [5])
    for number, told in ((1, ONE_ID), (2, {}), (3, OTHER_ID), (4, OTHER_ID), (5, OTHER_ID)):
        matched.features(number, **told)
    matched.edges((1, 2, 9_000), (1, 3, 2_000), (3, 4, 9_000))
    assert matched.refresh() == steward.Refreshed(asked=1, restated=0, withdrawn=0)
    assert matched.asked() == {(1, 3, *ANOTHER_ID)}
    (task,) = matched.tasks()
    assert (task["weight"], json.loads(task["evidence"])["records"]) == (2_000, 4)
    assert matched.refresh(2) == NEVER_ASKED


def test_a_doubtful_merge_is_withdrawn_with_its_contradiction(matched: Matched) -> None:
    matched.entities([1, 2])
    matched.features(1, **ONE_ID)
    matched.features(2, **OTHER_ID)
    matched.refresh(2)
    assert matched.asked() == {(1, 2, *ANOTHER_ID)}
    matched.features(2, **ONE_ID)  # the source corrected it
    matched.record(2)
    assert matched.refresh(2) == steward.Refreshed(asked=0, restated=0, withdrawn=1)


@pytest.mark.parametrize("answer", [steward.Answer.SAME, steward.Answer.UNSURE])
def test_an_answered_doubt_is_not_raised_again_without_a_graver_one(matched: Matched, answer: steward.Answer) -> None:
    matched.entities([1, 2, 3])
    matched.features(1, **ONE_ID)
    for number in (2, 3):
        matched.features(number, **OTHER_ID)
    matched.refresh()
    decide(matched, answer)
    assert matched.refresh() == NEVER_ASKED  # nor about 1 and 3, who contradict each other no less
    matched.now += timedelta(days=1)
    matched.record(3)
    assert matched.refresh(3) == NEVER_ASKED
    matched.features(1, **ONE_ID, birth_date="19500211")
    matched.features(3, **OTHER_ID, birth_date="19810730")
    matched.record(3)
    matched.refresh(3)
    assert matched.asked() == {(1, 3, *ANOTHER_ID)}


def test_who_comes_into_a_customer_later_is_asked_about_though_nothing_of_him_changed(matched: Matched) -> None:
    matched.record(9)
    matched.features(9, **OTHER_ID)
    matched.now += timedelta(days=1)
    matched.entities([1, 2], [9])
    matched.features(1, **ONE_ID)
    matched.features(2)
    matched.edges((1, 2, 500))
    with matched.store.write() as connection:  # the two were joined by a steward, who knew of no contradiction
        values = {"a": 1, "b": 2, "kind": "must_link", "author": "ada", "reason": "-", "decided_at": matched.now}
        connection.execute(insert(tables.decision).values(values))
    assert matched.refresh() == NEVER_ASKED
    matched.now += timedelta(days=1)
    matched.entities([1, 2, 9])
    matched.refresh(9)
    assert matched.asked() == {(1, 9, *ANOTHER_ID)}


def test_a_doubtful_merge_that_was_taken_apart_is_settled(matched: Matched) -> None:
    matched.entities([1, 2])
    matched.features(1, **ONE_ID)
    matched.features(2, **OTHER_ID)
    matched.edges((1, 2, 9_000))
    matched.refresh()
    decided = decide(matched, steward.Answer.DIFFERENT)
    assert matched.refresh(resolved=False) == NEVER_ASKED  # no resolve took it up yet
    matched.entities([1], [2])
    assert matched.refresh(1, 2) == NEVER_ASKED
    steward.undo(matched.store, decided.task.task_id, author="ada", now=matched.now)
    matched.entities([1, 2])
    assert matched.refresh(1, 2) == NEVER_ASKED  # it is open still
    assert matched.asked() == {(1, 2, *ANOTHER_ID)}


def test_too_many_that_hang_together_are_told_apart_from_a_contradiction(matched: Matched) -> None:
    chain = range(10, 12 + LARGE)
    matched.entities(*([number] for number in chain), [1, 2], [3])
    matched.edges(*((number, number + 1, 2_000) for number in chain[:-1]), (1, 2, 9_000), (1, 3, 2_000))
    matched.refresh()
    assert {reason for a, _, _, reason in matched.asked() if a >= 10} == {"size"}
    assert {question for question in matched.asked() if question[0] < 10} == {(1, 3, "conflict", "contradiction")}
    assert matched.refresh(10, 3) == NEVER_ASKED


def test_what_stewards_do_while_the_questions_are_looked_for_stays(
    matched: Matched, monkeypatch: pytest.MonkeyPatch
) -> None:
    matched.entities([1], [2], [3], [4], [5], [6])
    matched.edges((1, 2, 500), (3, 4, 400), (5, 6, 300))
    matched.refresh()
    decide(matched, steward.Answer.UNSURE, a=5)
    (unsure,) = matched.tasks("done")
    matched.edges((1, 2, 600))
    plan = steward._plan

    def slowly(*args: Any, **kwargs: Any) -> Any:
        planned = plan(*args, **kwargs)
        meanwhile()
        return planned

    def meanwhile() -> None:
        decide(matched, steward.Answer.DIFFERENT, a=1)
        decide(matched, steward.Answer.DIFFERENT, a=3)
        steward.undo(matched.store, unsure["task_id"], author="ada", now=matched.now)

    monkeypatch.setattr(steward, "_plan", slowly)
    assert matched.refresh() == NEVER_ASKED
    assert {task["a"] for task in matched.tasks("done")} == {1, 3}
    assert {task["a"] for task in matched.tasks()} == {5}


def test_taking_a_second_answer_back_leaves_the_first(matched: Matched) -> None:
    matched.entities([1], [2])
    matched.edges((1, 2, 500))
    matched.refresh()
    first = decide(matched, steward.Answer.DIFFERENT).task
    matched.now += timedelta(days=1)
    matched.record(1)
    matched.edges((1, 2, 2_000))
    matched.refresh()
    second = decide(matched, steward.Answer.SAME).task
    with pytest.raises(StoreError, match="a later decision took the place"):
        steward.undo(matched.store, first.task_id, author="ada", now=matched.now)
    steward.undo(matched.store, second.task_id, author="ada", now=matched.now + timedelta(minutes=1))
    with matched.store.read() as connection:
        assert resolving.decisions(connection).rows() == [(1, 2, "never_link")]
    assert steward.tasks(matched.store, state="done").tasks[0].task_id == first.task_id


def test_the_uncertain_and_the_important_come_first(matched: Matched) -> None:
    matched.entities([1], [2], [3], [4], [5], [6], [7], [8])
    matched.satellite(101, Kind.PRODUCT, 3, status="active")
    matched.satellite(102, Kind.PRODUCT, 3, status="ended")
    matched.satellite(103, Kind.PRODUCT, 4, ended_on=date(2020, 1, 1))
    matched.satellite(104, Kind.CONTACT, 4, occurred_at="2026-05-01T10:00:00Z")
    matched.satellite(105, Kind.CONTACT, 4, occurred_at="2020-05-01T10:00:00Z")
    matched.edges((1, 2, 0), (3, 4, 0), (5, 6, -3_000), (7, 8, 1_000))
    matched.refresh()
    listed = steward.tasks(matched.store)
    assert [(task.a.record_no, task.b.record_no) for task in listed.tasks] == [(3, 4), (1, 2), (7, 8), (5, 6)]
    assert listed.open == 4
    assert listed.tasks[0].impact == {"records": 2, "active_products": 1, "recent_contacts": 1}
    assert listed.tasks[0].priority == 2_322  # log2(1 + 4), of a pair with even odds
    assert len(steward.tasks(matched.store, limit=2).tasks) == 2


def test_a_task_shows_both_records_and_masks_what_is_sensitive(matched: Matched) -> None:
    def says(family_name: str, national_id: str) -> dict[str, Any]:
        customer = {"type": "customer_number", "value": "K1234567"}
        identifiers = [{"type": "national_id", "value": national_id}, customer]
        return {"party_type": "person", "family_name": family_name, "identifiers": identifiers}

    matched.record(1, **says("Vermeer", "111222333"))
    matched.record(2, **says("Vermeer", "1234"))
    matched.entities([1], [2])
    matched.edges((1, 2, 500))
    matched.refresh()
    (task,) = steward.tasks(matched.store).tasks
    shown = steward.show(matched.store, task.task_id)
    assert shown.a is not None and shown.b is not None
    assert (str(task.a), task.a.entity_id, shown.a["family_name"]) == ("crm/r1", 1, "Vermeer")
    assert [one["value"] for one in shown.a["identifiers"]] == ["…333", "K1234567"]
    assert shown.b["identifiers"][0]["value"] == "…"  # too short to show any of it
    assert "111222333" not in repr(shown) and "Vermeer" not in repr(shown)
    whole = steward.show(matched.store, task.task_id, sensitive=True)
    assert whole.a is not None and whole.a["identifiers"][0]["value"] == "111222333"


@settings(max_examples=30)
@given(data=st.data())
def test_refreshing_what_changed_comes_to_the_same_as_refreshing_all(empty_store: bytes, data: st.DataObject) -> None:
    """Whatever changes: partition, edges, records and decisions."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "voeg.db"
        file.write_bytes(empty_store)
        store = open_store(f"sqlite:///{file}")
        try:
            _change(Matched(store), data)
        finally:
            store.close()


def _change(matched: Matched, data: st.DataObject) -> None:
    records = range(1, 9)
    born = {record: data.draw(st.sampled_from([None, "19500211", "19810730"])) for record in records}
    before: dict[int, int] = {}
    edges: dict[tuple[int, int], tuple[int, bool]] = {}
    for _ in range(data.draw(st.integers(1, 4))):
        labels = data.draw(st.lists(st.integers(0, 4), min_size=len(records), max_size=len(records)))
        now = {record: label for record, label in zip(records, labels, strict=True) if label}  # 0: not live
        weighed = data.draw(
            st.dictionaries(
                st.tuples(st.sampled_from(records), st.sampled_from(records)).filter(lambda pair: pair[0] < pair[1]),
                st.tuples(st.integers(-3_000, 3_000), st.booleans()),
                max_size=8,
            )
        )
        groups = {label: [record for record in now if now[record] == label] for label in set(now.values())}
        moved = {record for record in records if _group(before, record) != _group(now, record)}
        touched = {record for pair in {*edges, *weighed} if edges.get(pair) != weighed.get(pair) for record in pair}
        changed = set(data.draw(st.lists(st.sampled_from(records), max_size=2)))
        matched.entities(*groups.values())
        matched.record(*changed)
        for record in changed:
            born[record] = data.draw(st.sampled_from(sorted({"19200909", *filter(None, born.values())})))
        for record in records:
            matched.features(record, birth_date=born[record])
        matched.edges(*((*pair, weight, veto) if veto else (*pair, weight) for pair, (weight, veto) in weighed.items()))
        affected = {*moved, *touched, *changed}
        if affected:
            matched.refresh(*affected)
        assert matched.refresh() == NEVER_ASKED
        before, edges = now, weighed
        if matched.tasks() and data.draw(st.booleans()):
            task = data.draw(st.sampled_from(matched.tasks()))
            decide(matched, data.draw(st.sampled_from(list(steward.Answer))), task_id=task["task_id"])
            matched.refresh(task["a"], task["b"])
            assert matched.refresh() == NEVER_ASKED


def _group(labels: dict[int, int], record: int) -> frozenset[int]:
    return frozenset(other for other in labels if record in labels and labels[other] == labels[record])

"""What stewards decide, from the question to the next resolve and back: over a real store, record by record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from estates import Key, golden, lookup_keys, members
from test_sync_matching import SANNE, SASKIA, WOUTER, Estate

from store.engine import open as open_store
from sync import steward
from sync.steward import Answer, Task

CRM, SHOP, DESK, OTHER = ("crm", "1"), ("shop", "1"), ("desk", "1"), ("crm", "2")
BORN_ELSE = (*SASKIA[:2], "1988-10-02", *SASKIA[3:])


@pytest.fixture(params=["sqlite", "postgresql"])
def estate(request: pytest.FixtureRequest, empty_store: bytes, tmp_path: Path) -> Iterator[Estate]:
    """Saskia in two systems, somebody at her address, and a stranger; resolved."""
    if request.param == "sqlite":
        (tmp_path / "voeg.db").write_bytes(empty_store)
        store = open_store(f"sqlite:///{tmp_path / 'voeg.db'}")
    else:
        store = open_store(request.getfixturevalue("postgres_url"))
        store.migrate()
    made = Estate(store)
    made.tell([(CRM, SASKIA), (SHOP, SASKIA), (DESK, SANNE), (OTHER, WOUTER)])
    made.resolve()
    yield made
    store.close()


def clusters(estate: Estate) -> set[frozenset[Key]]:
    return set(members(estate.store).values())


def state(estate: Estate) -> list[object]:
    """All that a decision may change, but for what is history."""
    return [members(estate.store), estate.kept(), golden(estate.store), lookup_keys(estate.store)]


def later(estate: Estate) -> datetime:
    estate.now += timedelta(minutes=1)
    return estate.now


def answer(estate: Estate, one: Key, other: Key, said: Answer) -> Task:
    asked = steward.ask(estate.store, "/".join(one), "/".join(other), author="ada", now=later(estate))
    steward.decide(estate.store, asked.task_id, said, author="ada", reason="called them", now=later(estate))
    return asked


def undo(estate: Estate, task: Task) -> None:
    """Take an answer back, and the question with it: it was asked for the sake of the answer."""
    steward.undo(estate.store, task.task_id, author="ada", now=later(estate))
    steward.decide(estate.store, task.task_id, Answer.UNSURE, author="ada", reason="a slip", now=later(estate))


def linked_anew(estate: Estate) -> None:
    """See that linking everything anew finds what matching the change found."""
    before = state(estate)
    estate.link()
    assert state(estate) == before


def test_records_of_one_customer_are_taken_apart_and_put_together_again(estate: Estate) -> None:
    before = state(estate)
    assert frozenset({CRM, SHOP}) in clusters(estate)
    task = answer(estate, CRM, SHOP, Answer.DIFFERENT)
    estate.match()
    assert {frozenset({CRM}), frozenset({SHOP})} <= clusters(estate)
    linked_anew(estate)
    undo(estate, task)
    estate.match()
    assert state(estate) == before


def test_records_of_two_customers_are_put_together_and_taken_apart_again(estate: Estate) -> None:
    before = state(estate)
    task = answer(estate, CRM, OTHER, Answer.SAME)  # who have nothing in common
    estate.match()
    assert frozenset({CRM, SHOP, OTHER}) in clusters(estate)
    linked_anew(estate)
    undo(estate, task)
    estate.match()
    assert state(estate) == before


def test_taking_a_decision_back_leaves_the_others(estate: Estate) -> None:
    answer(estate, DESK, OTHER, Answer.SAME)
    estate.match()
    before = state(estate)
    task = answer(estate, SHOP, OTHER, Answer.DIFFERENT)
    estate.match()
    second = answer(estate, CRM, OTHER, Answer.SAME)
    estate.match()
    assert not any({SHOP, OTHER} <= cluster for cluster in clusters(estate))
    undo(estate, second)
    undo(estate, task)
    estate.match()
    assert state(estate) == before


def test_a_never_link_beats_a_must_link_whatever_comes(estate: Estate) -> None:
    answer(estate, CRM, SHOP, Answer.DIFFERENT)
    answer(estate, CRM, OTHER, Answer.SAME)
    answer(estate, SHOP, OTHER, Answer.SAME)
    estate.match()
    estate.tell([(("shop", "2"), SASKIA), (("desk", "2"), SASKIA)])
    estate.match()
    assert not any({CRM, SHOP} <= cluster for cluster in clusters(estate))
    linked_anew(estate)


def test_a_customer_with_two_birth_dates_is_asked_about_and_taken_apart(estate: Estate) -> None:
    estate.tell([(SHOP, BORN_ELSE)])
    estate.match()
    assert frozenset({CRM, SHOP}) in clusters(estate)
    [doubt] = steward.tasks(estate.store, kinds=("doubtful_merge",)).tasks
    assert doubt.reason == "another_birth_date"
    assert {str(doubt.a), str(doubt.b)} == {"crm/1", "shop/1"}
    before = state(estate)
    estate.link()
    assert state(estate) == before  # asked the same in bulk
    steward.decide(estate.store, doubt.task_id, Answer.DIFFERENT, author="ada", reason="twins", now=later(estate))
    estate.match()
    assert {frozenset({CRM}), frozenset({SHOP})} <= clusters(estate)
    assert steward.tasks(estate.store, kinds=("doubtful_merge",)).tasks == ()
    steward.undo(estate.store, doubt.task_id, author="ada", now=later(estate))
    estate.match()
    assert state(estate) == before


def test_a_customer_with_two_birth_dates_who_is_one_is_not_asked_about_again(estate: Estate) -> None:
    estate.tell([(SHOP, BORN_ELSE)])
    estate.match()
    [doubt] = steward.tasks(estate.store, kinds=("doubtful_merge",)).tasks
    steward.decide(estate.store, doubt.task_id, Answer.SAME, author="ada", reason="a slip", now=later(estate))
    estate.match()
    estate.tell([(SHOP, (*BORN_ELSE[:4], "+31687650000", *BORN_ELSE[5:]))])
    estate.match()
    estate.link()
    assert steward.tasks(estate.store, kinds=("doubtful_merge",)).tasks == ()
    assert frozenset({CRM, SHOP}) in clusters(estate)

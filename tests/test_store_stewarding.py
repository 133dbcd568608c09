"""Tasks and decisions in the store: what is found by which index, what a decision does to the one before it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from foundation.errors import NotFound
from identity import linking
from store import bulk, stewarding, tables
from store.engine import Store
from store.engine import open as open_store
from store.stewarding import MUST_LINK, NEVER_LINK

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 'v.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    opened = open_store(url)
    opened.migrate()
    yield opened
    opened.close()


def decide(
    connection: Connection, kind: str, a: int = 1, b: int = 2, *, now: datetime = NOW, author: str = "ada"
) -> None:
    stewarding.decide(connection, a, b, kind, author=author, reason="-", now=now)


def decisions(connection: Connection) -> list[dict[str, Any]]:
    return bulk.frame(connection, select(tables.decision).order_by(tables.decision.c.decision_id)).to_dicts()


def standing(connection: Connection) -> list[tuple[int, str]]:
    return [(one["decision_id"], one["kind"]) for one in decisions(connection) if one["revoked_at"] is None]


def ask(connection: Connection, *pairs: tuple[int, int, int], kind: str = "conflict") -> list[int]:
    """Open a task about each pair (a, b, priority)."""
    asked = pl.DataFrame(pairs, schema=["a", "b", "priority"], orient="row").with_columns(
        kind=pl.lit(kind), reason=pl.lit("veto"), weight=pl.lit(700), evidence=pl.lit("{}")
    )
    stewarding.ask(connection, asked, now=NOW, actor="test")
    return bulk.frame(connection, select(tables.task.c.task_id).order_by(tables.task.c.task_id))["task_id"].to_list()


def land(connection: Connection, *numbers: int, deleted: bool = False) -> None:
    connection.execute(insert(tables.source).values(source_no=1, name="crm", state="active"))
    row = {
        "source_no": 1, "kind": 1, "version": 1, "deleted": deleted, "content": '{"family_name":"X"}',
        "content_hash": 1, "since_at": NOW, "recorded_at": NOW, "run_id": 1, "canonical_version": 1,
    }  # fmt: skip
    for number in numbers:
        connection.execute(insert(tables.source_record).values(record_no=number, record_id=f"r{number}", **row))


def test_one_decision_stands_about_two_records_and_those_before_it_are_kept(store: Store) -> None:
    with store.write() as connection:
        decide(connection, NEVER_LINK)
        decide(connection, MUST_LINK, now=NOW + HOUR, author="bob")
        first, second = decisions(connection)
        assert (first["revoked_at"], first["revoked_by"]) == (NOW + HOUR, "bob")
        assert (second["kind"], second["author"], second["revoked_at"]) == (MUST_LINK, "bob", None)


def test_what_is_revoked_gives_way_to_what_it_had_replaced(store: Store) -> None:
    with store.write() as connection:
        decide(connection, NEVER_LINK)
        decide(connection, MUST_LINK, now=NOW + HOUR)
        decide(connection, NEVER_LINK, 1, 3, now=NOW + HOUR)  # of other records
        assert not stewarding.revoke(connection, 1, 2, NOW, by="ada", now=NOW + 2 * HOUR)  # stands no more
        assert stewarding.revoke(connection, 1, 2, NOW + HOUR, by="ada", now=NOW + 2 * HOUR)
        assert standing(connection) == [(1, NEVER_LINK), (3, NEVER_LINK)]
        assert stewarding.revoke(connection, 1, 2, NOW, by="ada", now=NOW + 3 * HOUR)
        assert standing(connection) == [(3, NEVER_LINK)]
        assert not stewarding.revoke(connection, 1, 2, NOW, by="ada", now=NOW + 4 * HOUR)


def test_decisions_between_two_groups_are_found_from_either_side(store: Store) -> None:
    with store.write() as connection:
        (task_id,) = ask(connection, (1, 4, 5))
        stewarding.end(connection, task_id, by="ada", now=NOW, evidence=None)
        decide(connection, NEVER_LINK, 1, 4)
        decide(connection, NEVER_LINK, 2, 5)
        decide(connection, MUST_LINK, 1, 5)
        decide(connection, NEVER_LINK, 1, 2)  # inside the one
        found = stewarding.standing(connection, [4, 5], [1, 2], NEVER_LINK)
        assert [(one.a, one.b, one.author, one.decided_at, one.task_id) for one in found] == [
            (1, 4, "ada", NOW, task_id),
            (2, 5, "ada", NOW, None),
        ]


def test_a_task_ends_once_and_opens_again_unless_it_was_asked_anew(store: Store) -> None:
    with store.write() as connection:
        (first,) = ask(connection, (1, 2, 5))
        assert stewarding.end(connection, first, by="ada", now=NOW, evidence='{"unsure":"-"}')
        assert not stewarding.end(connection, first, by="bob", now=NOW, evidence=None)
        stewarding.reopen(connection, first, by="bob", now=NOW, evidence="{}")
        assert stewarding.end(connection, first, by="ada", now=NOW + HOUR, evidence=None)
        _, second = ask(connection, (1, 2, 6))
        stewarding.reopen(connection, first, by="bob", now=NOW + 2 * HOUR, evidence=None)
        states = bulk.frame(connection, select(tables.task.c.task_id, tables.task.c.state, tables.task.c.ended_by))
        assert set(states.rows()) == {(first, "withdrawn", "bob"), (second, "open", None)}


def test_two_open_tasks_never_ask_the_same(store: Store) -> None:
    with store.write() as connection:
        ask(connection, (1, 2, 5))
        ask(connection, (1, 2, 5), kind="possible_duplicate")
        with pytest.raises(IntegrityError), connection.begin_nested():
            connection.execute(
                insert(tables.task).values(kind="conflict", state="open", a=1, b=2, created_at=NOW, actor="t")
            )


def test_tasks_come_by_urgency_with_the_names_of_their_records(store: Store) -> None:
    with store.write() as connection:
        land(connection, 1, 2, 3)
        connection.execute(insert(tables.crosswalk).values(record_no=1, entity_id=70, since=NOW))
        low, high, last = ask(connection, (1, 2, 5), (1, 3, 9), (2, 3, 5))
    with store.read() as connection:
        found = stewarding.tasks(connection)
        assert found["task_id"].to_list() == [high, low, last]
        assert found.row(0, named=True) | {"evidence": None} == stewarding.one_task(connection, high) | {
            "evidence": None
        }
        assert found.select("data_source_a", "record_id_b", "entity_a", "entity_b").row(0) == ("crm", "r3", 70, None)
        assert stewarding.tasks(connection, kinds=["possible_duplicate"]).is_empty()
        assert stewarding.tasks(connection, limit=1).height == 1
        assert stewarding.count_open(connection) == stewarding.count_open(connection, ["conflict"]) == 3
        with pytest.raises(NotFound, match="there is no task 99"):
            stewarding.one_task(connection, 99)


def test_what_is_gone_at_its_source_has_no_content(store: Store) -> None:
    with store.write() as connection:
        land(connection, 1, deleted=True)
        assert stewarding.contents(connection, (1,)) == {}


def test_what_binds_is_called_as_the_matcher_calls_it() -> None:
    """The two rooms do not know each other; what one writes, the other obeys."""
    assert (MUST_LINK, NEVER_LINK) == (linking.MUST_LINK, linking.NEVER_LINK)


def test_what_touches_a_record_is_found_by_index(tmp_path: Path, empty_store: bytes) -> None:
    """Else every change would read all pairs, tasks and decisions."""
    (tmp_path / "v.db").write_bytes(empty_store)
    store = open_store(f"sqlite:///{tmp_path / 'v.db'}")
    statements: list[str] = []
    pairs = pl.DataFrame({"a": range(20_000)}).with_columns(b=pl.col("a") + 1)
    said = {"author": pl.lit("-"), "reason": pl.lit("-"), "decided_at": pl.lit(NOW, bulk.MOMENT)}
    with store.write() as connection:
        ask(connection, *pairs.with_columns(priority=5).iter_rows())
        bulk.insert(connection, tables.decision, pairs.with_columns(kind=pl.lit(NEVER_LINK), **said))
        bulk.insert(connection, tables.edge, pairs.with_columns(weight=1, veto=False))
    with store.write() as connection:
        connection.exec_driver_sql("ANALYZE")
    with store.read() as connection:
        driver: Any = connection.connection.driver_connection
        driver.set_trace_callback(statements.append)
        some = pl.Series([7], dtype=pl.Int64)
        stewarding.open_tasks(connection, ["conflict"], some)
        stewarding.pairs_apart(connection, some)
        stewarding.answers(connection, some)
        stewarding.must_links_apart(connection, ["overruled"], some)
        driver.set_trace_callback(None)
        for text in statements:
            plan = [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {text}")]
            assert not [step for step in plan if step.startswith("SCAN") and "json_each" not in step], (text, plan)
    assert len(statements) == 5
    store.close()

"""Stewarding: which questions a store asks, and what becomes of them when records, entities and decisions change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import insert, select

from canonical_model.schema import Kind
from store import bulk, tables
from store.engine import Store
from store.engine import open as open_store
from sync import steward

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
LINK = 1_000


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

    def edges(self, *edges: tuple[int, int, int] | tuple[int, int, int, bool]) -> None:
        """Make these the pairs: a, b, weight, and whether something vetoes it."""
        with self.store.write() as connection:
            connection.execute(tables.edge.delete())
            for a, b, weight, *veto in edges:
                connection.execute(insert(tables.edge).values(a=a, b=b, weight=weight, veto=bool(veto)))

    def refresh(self, *records: int) -> steward.Refreshed:
        """Refresh the questions an hour later: all, or those of some records."""
        self.now += timedelta(hours=1)
        affected = pl.Series("record_no", list(records), dtype=pl.Int64) if records else None
        with self.store.write() as connection:
            return steward.refresh(connection, link_threshold=LINK, now=self.now, actor="test", records=affected)

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

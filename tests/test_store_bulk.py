"""Frames go into tables and come out the same, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from sqlalchemy import select

from store import bulk, tables
from store.engine import Store
from store.engine import open as open_store

NOW = datetime(2026, 5, 4, 3, 2, 1, 7, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 'v.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    store = open_store(url)
    store.migrate()
    yield store
    store.close()


def rows(*values: str | None, first: int = 1) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "record_no": range(first, first + len(values)),
            "source_no": [1] * len(values),
            "record_id": values,
            "state": ["pending"] * len(values),
        },
        schema={"record_no": pl.Int64, "source_no": pl.Int64, "record_id": pl.String, "state": pl.String},
    )


def stored(store: Store) -> pl.DataFrame:
    table = tables.party_reference
    columns = [table.c.record_no, table.c.source_no, table.c.record_id, table.c.state]
    with store.read() as connection:
        return bulk.frame(connection, select(*columns).order_by(table.c.record_no))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)))
def test_any_text_survives(store: Store, texts: list[str | None]) -> None:
    with store.write() as connection:
        connection.execute(tables.party_reference.delete())
        bulk.insert(connection, tables.party_reference, rows(*texts))
    assert_frame_equal(stored(store), rows(*texts), check_dtypes=True)


def test_upsert_brings_rows_to_what_the_frame_says(store: Store) -> None:
    with store.write() as connection:
        bulk.insert(connection, tables.party_reference, rows("a", "b"))
        bulk.upsert(connection, tables.party_reference, rows("c", "d", first=2))
        bulk.upsert(connection, tables.party_reference, rows("e", first=2))
    assert stored(store)["record_id"].to_list() == ["a", "e", "d"]


def test_update_and_delete_touch_what_the_key_names(store: Store) -> None:
    with store.write() as connection:
        bulk.insert(connection, tables.party_reference, rows("a", "b", "c"))
        change = pl.DataFrame({"record_no": [2, 9], "record_id": ["x", "y"]})
        bulk.update(connection, tables.party_reference, change, key=["record_no"])
        bulk.delete(connection, tables.party_reference, pl.DataFrame({"record_no": [1, 9]}))
    assert stored(store)["record_id"].to_list() == ["x", "c"]


def test_booleans_and_moments_keep_their_types(store: Store) -> None:
    table = tables.lookup_key
    keys = pl.DataFrame({"entity_id": [1, 1], "kind": "phone", "value": ["+31", ""], "current": [True, False]})
    with store.write() as connection:
        bulk.insert(connection, table, keys)
        stone = pl.DataFrame({"entity_id": [1], "erased_at": [NOW], "actor": ["a"]})
        bulk.insert(connection, tables.tombstone, stone)
    with store.read() as connection:
        back = bulk.frame(connection, select(table).order_by(table.c.value.desc()))
        assert_frame_equal(back, keys)
        until_now = select(tables.tombstone.c.erased_at).where(tables.tombstone.c.erased_at <= NOW)
        assert bulk.frame(connection, until_now).rows() == [(NOW,)]


def test_among_finds_many_by_one_parameter(store: Store) -> None:
    table = tables.party_reference
    with store.write() as connection:
        bulk.insert(connection, table, rows(*[f"k{n}" for n in range(5000)]))
    wanted = pl.Series([f"k{n}" for n in range(0, 6000, 2)])
    with store.read() as connection:
        found = bulk.frame(
            connection, select(table.c.record_no).where(bulk.among(connection, table.c.record_id, wanted))
        )
        assert found.height == 2500
        numbers = select(table.c.record_id).where(bulk.among(connection, table.c.record_no, [2, 4, 9999]))
        assert sorted(bulk.frame(connection, numbers)["record_id"]) == ["k1", "k3"]


def test_a_large_result_comes_in_pieces(store: Store) -> None:
    with store.write() as connection:
        bulk.insert(connection, tables.party_reference, rows(*["x"] * 1000))
    with store.read() as connection:
        statement = select(tables.party_reference.c.record_no)
        sizes = [part.height for part in bulk.frames(connection, statement, rows=300)]
        assert sizes == [300, 300, 300, 100]
        again = bulk.frames(connection, statement, rows=300)
        next(again)
        again.close()  # a reader that stops early leaves the connection fit for use
        assert bulk.frame(connection, statement).height == 1000


def test_numbers_are_given_out_once(store: Store) -> None:
    with store.write() as connection:
        assert bulk.allocate(connection, "record", 10) == 1
        assert bulk.allocate(connection, "record", 5) == 11
    with store.write() as connection:
        assert bulk.allocate(connection, "record", 1) == 16
        assert bulk.allocate(connection, "entity", 1) == 1

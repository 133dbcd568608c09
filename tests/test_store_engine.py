"""The store opens, migrates, guards its transactions, and survives a first load that was cut short."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, select, text

from foundation.errors import ConfigurationError, StoreError
from store import tables
from store.engine import Store
from store.engine import open as open_store


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'voeg.db'}"
    postgres: str = request.getfixturevalue("postgres_url")
    return postgres


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = open_store(url)
    store.migrate()
    yield store
    store.close()


def test_migrations_and_metadata_agree(store: Store) -> None:
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []


def test_migrating_again_changes_nothing(store: Store) -> None:
    key = store.suppression_key
    store.migrate()
    assert len(key) == 32
    again = open_store(store.engine.url.render_as_string(hide_password=False))
    assert again.suppression_key == key
    again.close()


def test_a_newer_store_is_refused(store: Store) -> None:
    with store.write() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(StoreError, match="newer version of Voeg"):
        store.migrate()


def test_writers_wait_for_one_another_and_readers_do_not(store: Store) -> None:
    with store.write() as writer:
        writer.execute(tables.state.insert().values(key="k", value="v"))
        with store.read() as reader:
            assert reader.scalar(select(tables.state.c.value).where(tables.state.c.key == "k")) is None
    with store.read() as reader:
        assert reader.scalar(select(tables.state.c.value).where(tables.state.c.key == "k")) == "v"


def test_a_failing_transaction_leaves_nothing(store: Store) -> None:
    with pytest.raises(StoreError, match="the store refused"), store.write() as connection:
        connection.execute(tables.state.insert().values(key="k", value="v"))
        connection.execute(tables.state.insert().values(key="k", value="secret-value"))
    with store.read() as connection:
        assert connection.scalar(select(tables.state.c.value).where(tables.state.c.key == "k")) is None


def test_errors_hold_no_values(store: Store) -> None:
    with pytest.raises(StoreError) as caught, store.write() as connection:
        for _ in range(2):
            connection.execute(tables.state.insert().values(key="jansen-0612345678", value="v"))
    assert "jansen" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_load_that_was_cut_short_is_finished(store: Store, url: str) -> None:
    def indexes() -> set[str | None]:
        return {index["name"] for index in inspect(store.engine).get_indexes("source_record")}

    store.begin_load()
    assert indexes() == set()
    again = open_store(url)  # as a new process would, after a kill
    assert again.loading
    again.finish_load()
    assert indexes() == {"uq_source_record_key"}
    assert not again.loading
    again.finish_load()
    again.close()


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("no url", "is not one"),
        ("mysql://u:pass@h/d", "cannot be kept in mysql"),
        ("sqlite://", "is forgotten"),
        ("sqlite:////no/such/folder/voeg.db", "does not exist"),
    ],
)
def test_a_url_that_cannot_be_used_says_why(bad: str, says: str) -> None:
    with pytest.raises((ConfigurationError, StoreError), match=says) as caught:
        open_store(bad)
    assert "pass" not in str(caught.value)


def test_repr_hides_the_password() -> None:
    assert "geheim" not in repr(open_store("postgresql+psycopg://voeg:geheim@127.0.0.1:1/voeg"))


def test_a_database_that_is_down_is_a_store_error() -> None:
    store = open_store("postgresql+psycopg://voeg:geheim@127.0.0.1:1/voeg")
    with pytest.raises(StoreError, match="does not answer") as caught:
        store.migrate()
    assert "geheim" not in str(caught.value)


def test_moments_survive(store: Store) -> None:
    moment = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    with store.write() as connection:
        connection.execute(tables.tombstone.insert().values(entity_id=1, erased_at=moment, actor="a"))
        connection.execute(
            tables.tombstone.insert().values(entity_id=2, erased_at=moment + timedelta(days=1), actor="a")
        )
    with store.read() as connection:
        rows = connection.execute(select(tables.tombstone.c.erased_at).order_by(tables.tombstone.c.entity_id))
        assert [row.erased_at for row in rows] == [moment, moment + timedelta(days=1)]

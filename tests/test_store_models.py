"""Models are kept for good, and one of them is in use."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from store import models, tables
from store.engine import Store
from store.engine import open as open_store

NOW = datetime(2026, 5, 4, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 'v.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    store = open_store(url)
    store.migrate()
    yield store
    store.close()


def test_none_is_active_until_one_was_trained(store: Store) -> None:
    assert models.active(store) is None


def test_the_last_activated_is_used_and_the_others_stay(store: Store) -> None:
    models.activate(store, "v1", '{"a":1}', actor="test", now=NOW)
    models.activate(store, "v2", '{"a":2}', actor="test", now=NOW)
    assert models.active(store) == '{"a":2}'
    models.activate(store, "v1", '{"a":1}', actor="test", now=NOW)  # back to one that is known
    assert models.active(store) == '{"a":1}'
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.model_version)) == 2


def test_a_model_can_be_kept_without_being_used(store: Store) -> None:
    models.activate(store, "v1", '{"a":1}', actor="test", now=NOW, note="first")
    models.keep(store, "v2", '{"a":2}', actor="another", now=NOW)
    models.keep(store, "v1", '{"a":1}', actor="another", now=NOW)  # known already
    assert models.active(store) == '{"a":1}'
    assert [(one.version, one.active, one.note, one.actor, one.created_at) for one in models.kept(store)] == [
        ("v2", False, None, "another", NOW),
        ("v1", True, "first", "test", NOW),
    ]
    assert models.parties(store) == 0

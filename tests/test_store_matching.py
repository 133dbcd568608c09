"""What the matcher's tables promise: they give back what was applied, in both databases, and match as bulk does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matched import Kept, in_bulk, people
from sqlalchemy import select

from identity.linking import DECISION_SCHEMA, MUST_LINK, NEVER_LINK, gathered
from identity.model import packaged_prior
from identity.online import Matched, Matcher, changes
from identity.packing import pack
from store import matching
from store.engine import Store
from store.engine import open as open_store
from store.tables import blocking_key, decision, edge, feature

PRIOR = packaged_prior()


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        store = open_store(f"sqlite:///{tmp_path / 'voeg.db'}")
    else:
        store = open_store(request.getfixturevalue("postgres_url"))
    store.migrate()
    yield store
    store.close()


@dataclass(kw_only=True)
class Batch:
    """What a batch of changes writes."""

    keys_gone: Sequence[tuple[int, int]] = ()
    keys_new: Sequence[tuple[int, int]] = ()
    features_gone: Sequence[int] = ()
    features_new: Sequence[tuple[int, int, str]] = ()
    edges_gone: Sequence[tuple[int, int]] = ()
    edges_new: Sequence[tuple[int, int, int, bool]] = field(default_factory=list)


SMALLEST, LARGEST = -(2**63), 2**63 - 1


def test_what_was_applied_is_found(store: Store) -> None:
    with store.write() as connection:
        index = matching.Index(connection)
        matching.apply(
            connection,
            Batch(
                keys_new=[(SMALLEST, 1), (SMALLEST, 2), (SMALLEST, 3), (LARGEST, 2)],
                features_new=[(1, SMALLEST, "a\x1f\x1e"), (2, LARGEST, "b"), (3, 0, "c")],
                edges_new=[(1, 2, -300, True), (2, 3, 4000, False)],
            ),
        )
        assert dict(index.holders([SMALLEST, LARGEST, 5], 9)) == {SMALLEST: [1, 2, 3], LARGEST: [2]}
        assert [len(records) for _, records in index.holders([SMALLEST], 2)] == [2]
        assert sorted(index.features([1, 3, 9])) == [(1, SMALLEST, "a\x1f\x1e"), (3, 0, "c")]
        assert sorted(index.edges([2])) == [(1, 2, -300, True), (2, 3, 4000, False)]
        assert index.edges([1, 2]) == index.edges([2, 1, 9])
        matching.apply(
            connection,
            Batch(
                keys_gone=[(SMALLEST, 2)],
                features_gone=[2],
                features_new=[(1, 7, "changed")],
                edges_gone=[(1, 2)],
                edges_new=[(2, 3, 5000, True)],
            ),
        )
        assert dict(index.holders([SMALLEST], 9)) == {SMALLEST: [1, 3]}
        assert index.features([1, 2]) == [(1, 7, "changed")]
        assert index.edges([1, 2]) == [(2, 3, 5000, True)]


def test_only_decisions_that_stand_are_found(store: Store) -> None:
    made = {"author": "s", "reason": "r", "decided_at": datetime(2026, 1, 1, tzinfo=UTC)}
    revoked = {"revoked_at": datetime(2026, 1, 2, tzinfo=UTC), "revoked_by": "s"}
    with store.write() as connection:
        connection.execute(decision.insert(), {"a": 1, "b": 2, "kind": MUST_LINK, **made})
        connection.execute(decision.insert(), {"a": 2, "b": 3, "kind": NEVER_LINK, **made})
        connection.execute(decision.insert(), {"a": 2, "b": 4, "kind": NEVER_LINK, **made, **revoked})
        index = matching.Index(connection)
        assert sorted(index.decisions([2])) == [(1, 2, MUST_LINK), (2, 3, NEVER_LINK)]
        assert index.decisions([4]) == []


def kept(store: Store) -> tuple[object, ...]:
    """All that the tables hold, in the shape of ``matched.Kept``."""
    with store.read() as connection:
        held: dict[int, set[int]] = {}
        for key, number in connection.execute(select(blocking_key)):
            held.setdefault(key, set()).add(number)
        contents = {number: (key, content) for number, key, content in connection.execute(select(feature))}
        pairs = {(a, b): (weight, veto) for a, b, weight, veto in connection.execute(select(edge))}
    return held, contents, pairs


def test_filled_after_linking_in_bulk_is_as_applied_one_by_one(store: Store) -> None:
    everybody = people()
    with gathered(everybody, PRIOR, keep=True) as records, store.write() as connection:
        linked = records.link(pl.DataFrame(schema=DECISION_SCHEMA))
        matching.clear(connection)
        for keys in records.keys(1000):
            matching.fill_keys(connection, keys)
        for features in records.features():
            matching.fill_features(connection, pack(features))
        matching.fill_edges(connection, linked.edges)
    one_by_one = Kept()
    one_by_one.match(PRIOR, *(changes(row) for row in everybody.iter_slices(1)))
    assert kept(store) == one_by_one.state()[:3]


def test_a_store_matches_as_linking_in_bulk(store: Store) -> None:
    everybody = people()
    clusters: dict[int, int] = {}
    for batch in (everybody.head(35), everybody.slice(20, 30), everybody.tail(10)):
        with store.write() as connection:
            found = Matcher(PRIOR, matching.Index(connection)).match(changes(batch), at_most=None)
            assert isinstance(found, Matched)
            matching.apply(connection, found)
        clusters |= {placed.record_no: placed.cluster for placed in found.clusters}
    edges, expected = in_bulk(everybody, [], PRIOR)
    assert kept(store)[2] == edges
    assert clusters == expected


numbers = st.lists(st.integers(1, 2**31), max_size=30, unique=True)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sought=numbers)
def test_any_number_of_records_can_be_asked_for(store: Store, sought: list[int]) -> None:
    with store.read() as connection:
        index = matching.Index(connection)
        assert index.features(sought) == []
        assert index.edges(sought) == []
        assert list(index.holders(sought, 5)) == []


def test_clearing_forgets_everything(store: Store) -> None:
    with store.write() as connection:
        matching.apply(connection, Batch(keys_new=[(1, 1)], features_new=[(1, 1, "")], edges_new=[(1, 2, 3, False)]))
        matching.clear(connection)
    assert kept(store) == ({}, {}, {})


def test_edges_are_filled_with_the_smaller_number_first(store: Store) -> None:
    edges = pl.DataFrame({"a": [9, 1], "b": [2, 3], "weight": [5, 6], "veto": [True, False]})
    with store.write() as connection:
        matching.fill_edges(connection, edges)
    assert kept(store)[2] == {(2, 9): (5, True), (1, 3): (6, False)}

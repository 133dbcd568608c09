"""Quarantine: what is told of a bad row, and how it lands once its mapping is mended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from landed import CRM, Landed, delta, mapping, people
from sqlalchemy import select

from foundation.errors import NotFound
from store import tables
from store.engine import open as open_store
from sync.quarantine import Reason, entries, replay, show

MENDED = CRM.replace("family_name: name", "family_name: {from: name, do: [{default: Onbekend}]}")
STRICT = CRM.replace("required: [family_name]", "required: [family_name, given_name]")


@pytest.fixture(params=["sqlite", "postgresql"])
def landed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Landed]:
    url = f"sqlite:///{tmp_path / 'v.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    store = open_store(url)
    store.migrate()
    yield Landed(store)
    store.close()


def test_a_list_tells_why_but_not_what(landed: Landed) -> None:
    landed(mapping(CRM), [{"id": "1", "phone": "+31612345678"}, {"name": "Nobody"}])
    first, second = entries(landed.store, "crm")
    assert first.reasons == (Reason(kind="party", path="records[0].family_name", reason="missing_required"),)
    assert [reason.reason for reason in second.reasons] == ["bad_key"]
    assert "+31612345678" not in repr(first)
    assert entries(landed.store, "other") == ()


def test_the_raw_row_is_shown_to_who_asks_for_it(landed: Landed) -> None:
    landed(mapping(CRM), [{"id": "1", "name": "Good"}, {"id": "2", "phone": "+31612345678"}])
    (entry,) = entries(landed.store)
    again, raw = show(landed.store, entry.entry_id)
    assert again == entry
    assert (raw["id"], raw["phone"], raw["name"]) == ("2", "+31612345678", None)
    with pytest.raises(NotFound, match="no quarantine entry 99"):
        show(landed.store, 99)


def test_a_replay_lands_what_is_good_now(landed: Landed) -> None:
    landed(mapping(STRICT), [*people("A", given="X"), {"id": "2", "given": "Y"}, {"id": "3", "name": "C"}])
    landed.take_work()
    mended = mapping(STRICT, **{"family_name: name": "family_name: {from: name, do: [{default: Onbekend}]}"})
    done = replay(landed.store, mended, now=landed.now, actor="test")
    assert (done.tried, done.closed, done.left) == (2, 1, 1)
    assert landed.live()["2"]["family_name"] == "Onbekend"
    assert landed.take_work() == {"2"}
    (left,) = entries(landed.store)
    assert [reason.path for reason in left.reasons] == ["records[0].given_name"]
    closed = next(entry for entry in entries(landed.store, closed=True) if entry.closed_at)
    assert closed.closed_by == "replay"
    again = replay(landed.store, mended, now=landed.now, actor="test")
    assert (again.tried, again.closed) == (1, 0)
    run = landed.frame(select(tables.run.c.verb, tables.run.c.state, tables.run.c.read, tables.run.c.landed))
    assert run.rows()[1:] == [("replay", "done", 2, 1), ("replay", "done", 1, 0)]


def test_a_replay_never_overwrites_what_landed_since(landed: Landed) -> None:
    landed(delta(CRM), [{"id": "1"}])
    landed(delta(STRICT), [{"id": "2", "name": "B"}])  # another row in quarantine, of a later run
    with landed.store.write() as connection:  # the record lands by other means, as from a second delivery
        connection.execute(tables.quarantine.update().values(record_id=None, kind=None))
    landed(delta(CRM), people("Newer"))
    done = replay(landed.store, delta(MENDED), now=landed.now, actor="test")
    assert (done.closed, done.left) == (2, 0)
    assert {key: record["family_name"] for key, record in landed.live().items()} == {"1": "Newer", "2": "B"}


def test_a_duplicate_stays_until_it_has_a_key_of_its_own(landed: Landed) -> None:
    landed(mapping(CRM), [{"id": "1", "name": "First", "number": "7"}, {"id": "1", "name": "Last", "number": "8"}])
    assert replay(landed.store, mapping(CRM), now=landed.now, actor="test").left == 1
    assert landed.live()["1"]["family_name"] == "Last"
    by_number = mapping(CRM, **{"key: id": "key: number"})
    assert replay(landed.store, by_number, now=landed.now, actor="test").left == 0
    assert landed.live()["7"]["family_name"] == "First"

"""``voeg resolve --record``, as an operator meets it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from estates import EstateFolder, frame, members, voeg
from households import CRM, SHOP, deliver
from sqlalchemy import select

from store import leases, tables


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[EstateFolder]:
    """One system is resolved, the other has landed since."""
    estate = EstateFolder(tmp_path)
    deliver(estate)
    estate.sync("crm")
    estate.resolve()
    estate.sync("shop")
    yield estate
    estate.close()


def customer_of(folder: EstateFolder, record: tuple[str, str]) -> str:
    return next(str(entity) for entity, its in members(folder.store).items() if record in its)


def test_one_record_is_decided_and_the_others_wait(folder: EstateFolder) -> None:
    record = ("shop", SHOP[0]["id"] or "")
    said = voeg(folder, "resolve", "--record", "/".join(record)).stdout
    assert said == f"customer {customer_of(folder, record)}\n"
    waiting = frame(folder.store, select(tables.work))["record_no"].n_unique()
    assert waiting == len(SHOP) - 1
    answer = json.loads(voeg(folder, "resolve", "--record", "/".join(record), "--json").stdout)
    assert answer == {"customer": customer_of(folder, record), "pending": None}


def test_a_pending_record_says_why_and_has_an_exit_code_of_its_own(folder: EstateFolder) -> None:
    record = f"shop/{SHOP[0]['id']}"
    with leases.hold(folder.store, "resolve"):
        result = voeg(folder, "resolve", "--record", record, exit_code=3)
        assert result.stdout == ""
        assert "pending: another process is resolving; 'voeg resolve' decides" in result.stderr
        answer = voeg(folder, "resolve", "--record", record, "--json", exit_code=3).stdout
        assert json.loads(answer) == {"customer": None, "pending": "busy"}
    folder.write("conf/voeg.yaml", (folder.root / "conf/voeg.yaml").read_text() + "identity: {link_threshold: 9}\n")
    before = customer_of(folder, ("crm", CRM[0]["id"] or ""))
    voeg(folder, "resolve", "--record", f"crm/{CRM[0]['id']}")  # nothing waits for it
    known = voeg(folder, "resolve", "--record", record, "--json", exit_code=3)
    assert json.loads(known.stdout) == {"customer": None, "pending": "anew"}
    assert customer_of(folder, ("crm", CRM[0]["id"] or "")) == before


def test_a_record_that_is_not_there_and_options_that_do_not_fit_are_refused(folder: EstateFolder) -> None:
    assert "did you mean 'shop'?" in voeg(folder, "resolve", "--record", "shopp/1", exit_code=1).stderr
    nobody = voeg(folder, "resolve", "--record", "shop/nobody", exit_code=1)
    assert "no live customer record of that key" in nobody.stderr
    assert "--dry-run" in voeg(folder, "resolve", "--record", "shop/1", "--dry-run", exit_code=2).output
    assert "--engine" in voeg(folder, "resolve", "--record", "shop/1", "--engine", "spark", exit_code=2).output

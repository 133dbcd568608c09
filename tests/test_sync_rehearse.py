"""A rehearsal tells what resolving would do, and does nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from estates import EstateFolder, Row, decide, frame, members, partition
from households import COLUMNS, mapping
from sqlalchemy import select
from typer.testing import CliRunner, Result

from foundation.settings import IdentitySettings
from identity.model import packaged_prior
from store import tables
from sync.cli import command_line
from sync.rehearse import Rehearsal, rehearse
from sync.resolve import with_settings

SASKIA: Row = {
    "type": "person", "given": "Saskia", "name": "Terpstra", "born": "1971-03-14", "phone": "+31612345678",
    "email": "s@example.org",
}  # fmt: skip
WOUTER: Row = {
    "type": "person", "given": "Wouter", "name": "Hoekzema", "born": "1958-11-30", "phone": "+31687654321",
    "email": "w@example.org",
}  # fmt: skip


@pytest.fixture
def estate(tmp_path: Path) -> EstateFolder:
    folder = EstateFolder(tmp_path)
    for source in ("crm", "shop"):
        folder.describe(mapping(source))
    folder.deliver("data/crm.csv", [{"id": "1", **SASKIA}, {"id": "2", **WOUTER}], COLUMNS)
    folder.deliver("data/shop.csv", [{"id": "a", **SASKIA}, {"id": "b", **WOUTER}], COLUMNS)
    return folder


def tried(estate: EstateFolder, *, link: float | None = None, **options: Any) -> Rehearsal:
    model = with_settings(packaged_prior(), IdentitySettings(link_threshold=link))
    return rehearse(estate.store, model, **options)


def everything(estate: EstateFolder) -> dict[str, Any]:
    return {
        table.name: frame(estate.store, select(table)).rows()
        for table in tables.metadata.sorted_tables
        if table is not tables.lease
    }


def voeg(estate: EstateFolder, *words: str) -> Result:
    return CliRunner().invoke(command_line(), ["resolve", *words, "--estate", str(estate.root)])


def test_before_the_first_resolve_everyone_is_new(estate: EstateFolder) -> None:
    estate.sync()
    told = tried(estate)
    assert (told.standing, told.records, told.entities_before, told.entities_after) == (None, 4, 0, 2)
    assert (told.created, told.merged, told.split, told.moved) == (2, 0, 0, 0)


def test_what_is_up_to_date_would_not_change(estate: EstateFolder) -> None:
    estate.run()
    told = tried(estate)
    assert (told.standing, told.entities_before, told.entities_after) == (told.model, 2, 2)
    assert (told.merged, told.split, told.moved, told.absorbed, told.created, told.ended) == (0, 0, 0, 0, 0, 0)
    assert told.changed == 0
    assert told.merges == told.splits == ()


def test_a_rehearsal_writes_nothing_and_resolving_does_what_it_told(estate: EstateFolder) -> None:
    estate.run()
    before = everything(estate)
    told = tried(estate, link=200.0)
    assert everything(estate) == before
    assert (told.split, told.created, told.moved, told.entities_after, told.changed) == (2, 2, 2, 4, 2)
    of = members(estate.store)
    for sample in told.splits:
        assert sample.entity_id is not None
        assert {key for part in sample.parts for key in part.keys} == of[sample.entity_id]
        assert {part.entity_id for part in sample.parts} == {sample.entity_id, None}
        assert sample.weight is not None
        assert 0 < sample.weight < 200_000
        assert all(part.names == () for part in sample.parts)
    estate.write("conf/voeg.yaml", f"{(estate.root / 'conf/voeg.yaml').read_text()}\nidentity: {{link_threshold: 200}}")
    estate.close()
    report = estate.resolve()
    assert report.model == told.model
    assert report.entities == told.entities_after
    assert report.events["split"] == told.split
    back = tried(estate)
    assert (back.merged, back.absorbed, back.entities_after, back.changed) == (2, 2, 2, 4)
    assert {part.entity_id for sample in back.merges for part in sample.parts} == members(estate.store).keys()


def test_a_customer_who_would_gain_a_record_changes(estate: EstateFolder) -> None:
    estate.run()
    estate.deliver("data/shop.csv", [{"id": "a", **SASKIA}, {"id": "b", **WOUTER}, {"id": "c", **SASKIA}], COLUMNS)
    estate.sync()
    told = tried(estate)
    assert (told.changed, told.moved, told.merged, told.split, told.created) == (1, 0, 0, 0, 0)


def test_samples_are_the_largest_and_as_many_as_asked_for(estate: EstateFolder) -> None:
    estate.deliver("data/crm.csv", [{"id": str(n), **SASKIA} for n in range(3)] + [{"id": "9", **WOUTER}], COLUMNS)
    estate.run()
    told = tried(estate, link=200.0, samples=1)
    assert told.split == 2
    (sample,) = told.splits
    assert sample.records == 4


def test_names_are_told_to_who_asks_for_them(estate: EstateFolder) -> None:
    estate.run()
    told = tried(estate, link=200.0, names=True)
    assert {name for sample in told.splits for part in sample.parts for name in part.names} == {
        "Saskia Terpstra", "Wouter Hoekzema",
    }  # fmt: skip
    assert "Saskia" not in repr(told)


def test_no_pair_that_links_is_below_the_review_threshold() -> None:
    """It would not be kept, and so not link."""
    low = with_settings(packaged_prior(), IdentitySettings(link_threshold=-9.0))
    assert (low.link_threshold, low.review_threshold) == (-9_000, -9_000)
    high = with_settings(packaged_prior(), IdentitySettings(review_threshold=50.0))
    assert high.review_threshold == high.link_threshold == packaged_prior().link_threshold


def test_decisions_hold_in_a_rehearsal(estate: EstateFolder) -> None:
    estate.run()
    decide(estate.store, "must_link", ("crm", "1"), ("crm", "2"))
    told = tried(estate)
    assert told.merged == 1
    (sample,) = told.merges
    assert {("crm", "1"), ("crm", "2")} <= {key for part in sample.parts for key in part.keys}
    assert len(partition(estate.store)) == 2


def test_the_command_tells_it_in_tables_and_as_json(estate: EstateFolder, tmp_path: Path) -> None:
    estate.run()
    table = voeg(estate, "--dry-run", "--link-threshold", "200")
    assert table.exit_code == 0
    assert "customers taken apart" in table.stdout
    assert "2 of 2 customers (100.0%) would change: 2 taken apart, 0 put together from several" in table.stdout
    assert f"tried model {packaged_prior().version}, as " in table.stderr and "+200.00 bits" in table.stderr
    assert "nothing would change" in voeg(estate, "--dry-run").stdout
    assert "crm/1" in table.stdout
    assert "Saskia" not in table.output
    assert "Saskia Terpstra" in voeg(estate, "--dry-run", "--link-threshold", "200", "--sensitive").stdout
    file = tmp_path / "model.json"
    file.write_text(packaged_prior().with_thresholds(link=200_000).to_json())
    document = json.loads(voeg(estate, "--dry-run", "--model", str(file), "--json").stdout)
    assert (document["entities_before"], document["entities_after"], document["split"]) == (2, 4, 2)
    assert (document["base"], document["link_threshold"]) == (document["model"], 200)
    assert len(partition(estate.store)) == 2


def test_the_command_refuses_what_it_cannot_try(estate: EstateFolder) -> None:
    estate.run()
    assert voeg(estate, "--link-threshold", "9").exit_code == 2
    unknown = voeg(estate, "--dry-run", "--model", "0123456789abcdef")
    assert unknown.exit_code == 1
    assert "there is no model '0123456789abcdef'" in unknown.output


def test_a_mapping_that_breaks_says_what_it_said(estate: EstateFolder) -> None:
    estate.describe(mapping("crm").replace("mode:", "duplicate_free: true\nmode:"))
    estate.run()
    assert estate.here.duplicate_free == {"crm"}
    estate.describe(mapping("crm") + "oops: 1\n")
    assert estate.here.duplicate_free == {"crm"}
    assert estate.resolve().idle
    estate.describe(mapping("crm"))
    assert estate.here.duplicate_free == frozenset()

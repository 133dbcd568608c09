"""``voeg status``: what waits, and whether customers are what the model in use makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import pytest
from estates import EstateFolder, snapshot
from test_sync_resolve import COLUMNS, CRM, SASKIA, row
from typer.testing import CliRunner, Result

from identity import release
from identity.model import packaged_prior
from store import models
from sync.cli import command_line, console
from sync.status import matching, status


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[EstateFolder]:
    """One person in two systems, of whom something is asked, landed and resolved."""
    folder = EstateFolder(tmp_path, settings=THRESHOLDS.format(link=200))
    for source in ("crm", "shop"):
        folder.describe(snapshot(source, CRM))
        folder.deliver(f"data/{source}.csv", [row(source, SASKIA)], COLUMNS)
    folder.run()
    yield folder
    folder.close()


THRESHOLDS = "identity: {{link_threshold: {link}, review_threshold: 1}}\n"


def shown(estate: EstateFolder, *words: str) -> Result:
    result = CliRunner().invoke(command_line(), ["status", *words, "--estate", str(estate.root)])
    assert result.exit_code == 0, (result.stderr, result.exception)
    return result


def test_what_waits_is_told_with_the_command_that_does_it(estate: EstateFolder) -> None:
    told = shown(estate)
    assert "open questions: 1; 'voeg tasks list'" in told.stderr
    assert "'voeg publish' sends them" in told.stderr
    assert "'voeg model train' learns from your own data" in told.stderr
    assert "'voeg resolve'" not in told.stderr
    estate.deliver("data/shop.csv", [row("shop", SASKIA, phone="+31201234567")], COLUMNS)
    estate.sync()
    assert "changed records that wait: 1; 'voeg resolve'" in shown(estate).stderr


def test_customers_of_another_threshold_are_not_up_to_date(estate: EstateFolder) -> None:
    assert matching(estate.here).up_to_date
    before = matching(estate.here).version
    settings = estate.root / "conf" / "voeg.yaml"
    settings.write_text(settings.read_text().replace("link_threshold: 200", "link_threshold: 150"))
    estate.close()
    now = matching(estate.here)
    assert (now.made_with, now.up_to_date, now.set_here) == (before, False, ("link_threshold", "review_threshold"))
    told = shown(estate)
    assert "'voeg resolve' links everything anew" in told.stderr
    assert f"customers are made with {before}" in " ".join(told.stdout.split())
    assert "+150.00, set here" in told.stdout
    document = json.loads(shown(estate, "--json").stdout)["matching"]
    assert (document["base"], document["version"], document["up_to_date"]) == (
        packaged_prior().version, now.version, False,
    )  # fmt: skip
    estate.resolve()
    assert matching(estate.here).up_to_date and "links everything anew" not in shown(estate).stderr


def test_customers_of_another_release_are_not_up_to_date(estate: EstateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "digest", lambda: "another")
    assert not matching(estate.here).up_to_date
    assert "made by another release of the program" in shown(estate).stderr
    for words in (("resolve", "--dry-run"), ("customer", "why", "crm/crm", "shop/shop")):
        result = CliRunner().invoke(command_line(), [*words, "--estate", str(estate.root)])
        assert "another release of the program" in result.stderr
    estate.resolve()
    assert matching(estate.here).up_to_date


def test_an_outgrown_model_is_told_and_logged_by_resolve(
    estate: EstateFolder, capfd: pytest.CaptureFixture[str]
) -> None:
    use(estate, replace(packaged_prior(), profile=MappingProxyType({"records": 1})).to_json())
    assert matching(estate.here).outgrown is None  # twice as many, not more
    estate.deliver("data/shop.csv", [row("shop", SASKIA), row("late", SASKIA)], COLUMNS)
    estate.sync()
    told = shown(estate).stderr
    assert "made from 1 records and there are 3 now: train again" in told
    assert "model outgrown" not in told + capfd.readouterr().err
    estate.resolve()
    assert "model outgrown" in capfd.readouterr().err  # who looks is told; what a resolve met is logged


def test_a_model_of_another_release_is_told_beside_all_else(estate: EstateFolder) -> None:
    use(estate, json.dumps({**json.loads(packaged_prior().to_json()), "feature_version": 0}))
    found = status(estate.here)
    assert found.matching is None and found.totals["tasks"] == 1
    told = shown(estate)
    assert "voeg model train" in told.stderr and "source records" in told.stdout
    assert json.loads(shown(estate, "--json").stdout)["matching"] is None
    listed = CliRunner().invoke(command_line(), ["model", "list", "--estate", str(estate.root)])
    assert listed.exit_code == 0 and "voeg model train" in listed.stderr


def test_a_narrow_terminal_breaks_no_name(estate: EstateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.out, "_width", 80)
    lines = shown(estate).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert {"crm", "shop", packaged_prior().version[:8]} <= {line.split()[0] for line in lines if line} | {
        word[:8] for line in lines for word in line.split()
    }


def use(estate: EstateFolder, artefact: str) -> None:
    models.activate(estate.store, "made for a test", artefact, actor="test", now=datetime.now(UTC))


def test_where_there_is_nothing_yet_no_list_of_nothing_is_offered(tmp_path: Path) -> None:
    empty = EstateFolder(tmp_path)
    said = CliRunner().invoke(command_line(), ["customer", "why", "crm/1", "shop/1", "--estate", str(empty.root)])
    assert said.exit_code == 1 and "no source 'crm'; there are none yet" in said.stderr
    empty.close()

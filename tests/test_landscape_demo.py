"""The demonstration: from nothing to golden records and back to nothing new, through the real command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from landscape.systems.listing import ALL
from sync.cli import command_line

ROOT = Path(__file__).parents[1]
RUN = ["demo", "--records", "2500"]
NO_BROKER = {"VOEG_BROKER__URL": "amqp://guest:guest@127.0.0.1:1/%2F"}  # nobody listens there


def run(estate: Path, *arguments: str) -> dict:
    outcome = CliRunner().invoke(
        command_line(), [*RUN, *arguments, "--json", "--estate", str(estate)], env=NO_BROKER, catch_exceptions=False
    )
    assert outcome.exit_code == 0, outcome.output
    return json.loads(outcome.stdout)


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("estate")
    for name in ("conf", "mappings"):
        (root / name).symlink_to(ROOT / name)
    return root


@pytest.fixture(scope="module")
def first(estate: Path, odbc_sqlite_driver: str) -> dict:
    """The report of the first run, from nothing."""
    return run(estate)


def test_the_first_run_makes_golden_records(first: dict) -> None:
    assert first["landscape"]["built"]
    assert first["model"]["trained"]
    assert first["left_out"] == {}
    assert {source["source"] for source in first["sources"]} == {name for system in ALL for name in system.sources}
    for source in first["sources"]:
        told = source["landed"] + source["unchanged"] + source["quarantined"] + source["filtered"]
        assert source["read"] == told > 0
    assert first["events"]["created"] == first["golden_records"] == first["entities"]
    assert first["clusters"]["precision"] >= 0.99
    assert first["clusters"]["f1"] >= 0.97
    assert not first["nothing_changed"]


def test_events_wait_where_no_broker_is(first: dict) -> None:
    assert first["published"]["waiting"] == first["golden_records"]
    assert "refused" in first["published"]["problem"]


def test_golden_records_answer_what_one_system_cannot(first: dict) -> None:
    """Over all that a channel needs, the golden record knows more than its own system; for no detail much less."""
    table = pl.DataFrame(first["reask"])
    assert set(table["channel"]) == {"agent desktop", "IVR", "web shop", "shop", "self-care app", "engineer"}
    for channel, cells in table.group_by("channel"):
        assert cells["golden"].sum() > cells["own"].sum(), channel
    assert table.filter(pl.col("golden") < pl.col("own") - 0.05).is_empty()
    assert table.select(pl.col("golden").mean()).item() > 0.85


def test_the_next_run_finds_nothing_changed(estate: Path, first: dict) -> None:
    second = run(estate)
    assert not second["landscape"]["built"]
    assert not second["model"]["trained"]
    assert second["nothing_changed"]
    assert sum(source["landed"] for source in second["sources"]) == 0
    assert second["events"] == {}
    assert second["published"]["published"] == 0
    for measured in ("clusters", "reask", "golden_records"):
        assert second[measured] == first[measured]


@pytest.mark.usefixtures("first")
def test_the_report_can_be_read(estate: Path) -> None:
    outcome = CliRunner().invoke(command_line(), [*RUN, "--estate", str(estate)], env=NO_BROKER, catch_exceptions=False)
    assert outcome.exit_code == 0
    for words in ("Sources", "crm_customers", "precision", "agent", "still to ask"):
        assert words in outcome.stdout
    said = " ".join(outcome.output.split())
    assert "wait in the outbox" in said
    assert "run 'voeg publish'" in said
    assert "nothing changed since the last run" in said


def test_odbc_systems_are_left_out_where_odbc_is_missing(estate: Path, first: dict, tmp_path: Path) -> None:
    """Without the driver the demonstration says so and goes on with the other systems; nothing is deleted for it."""
    environment = {**os.environ, **NO_BROKER, "ODBCSYSINI": str(tmp_path)}  # a folder without odbcinst.ini: no drivers
    command = [sys.executable, "-c", "from sync.cli import main; main()", *RUN, "--json", "--estate", str(estate)]
    outcome = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    report = json.loads(outcome.stdout)
    assert set(report["left_out"]) == {"dealer_customers", "field_service_clients"}
    assert all("apt-get install" in why for why in report["left_out"].values())
    assert len(report["sources"]) == len(first["sources"]) - 2
    assert report["nothing_changed"]


@pytest.mark.usefixtures("first")
def test_two_landscapes_do_not_mix(estate: Path) -> None:
    again = [*RUN, "--seed", "9", "--json", "--estate", str(estate)]
    outcome = CliRunner().invoke(command_line(), again, catch_exceptions=False)
    assert outcome.exit_code == 1
    assert "remove the store" in " ".join(outcome.output.split())


def test_an_estate_without_the_mappings_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "mappings").mkdir()
    outcome = CliRunner().invoke(command_line(), [*RUN, "--estate", str(tmp_path)], catch_exceptions=False)
    assert outcome.exit_code == 1
    assert "copy its mappings/" in " ".join(outcome.output.split())

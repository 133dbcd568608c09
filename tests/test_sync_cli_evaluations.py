"""``voeg evaluate``, as an operator meets it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from estates import EstateFolder, voeg
from test_sync_evaluate import estate, truth  # noqa: F401 -- fixtures
from typer.testing import Result

from identity.calibration import ENOUGH
from identity.model import BIT, packaged_prior


@pytest.fixture
def file(truth: pl.DataFrame, tmp_path: Path) -> Iterator[Path]:  # noqa: F811
    path = tmp_path / "truth.csv"
    truth.rename({"truth": "customer"}).write_csv(path)
    yield path


def row_of(result: Result, start: str) -> list[str]:
    [line] = [line for line in result.stdout.splitlines() if line.startswith(start)]
    return line.removeprefix(start).split()


def test_the_tables_tell_scores_sources_and_the_worst_mistakes(estate: EstateFolder, file: Path) -> None:  # noqa: F811
    shown = voeg(estate, "evaluate", "--truth", file)
    assert row_of(shown, "pairs of records ") == ["0.4286", "0.7500", "0.5455"]
    assert row_of(shown, "whole customers ")[1] == "0.2500"
    assert row_of(shown, "true customers ") == ["4"]
    assert row_of(shown, "crm     shop") == ["2", "1", "0.6000", "0.7500"]
    assert "saskia: crm/csaskia shop/ssaskia | wouter: crm/cwouter shop/swouter" in shown.stdout
    assert row_of(shown, "fenna")[:2] == ["2", "1"]
    none = voeg(estate, "evaluate", "--truth", file, "--examples", "0").stdout
    assert "csaskia" not in none


def test_json_has_it_all(estate: EstateFolder, file: Path) -> None:  # noqa: F811
    answer = json.loads(voeg(estate, "evaluate", "--truth", file, "--decisions", "--links", "5..7..2", "--json").stdout)
    assert answer["model"] == packaged_prior().version
    assert answer["scores"]["cluster_recall"] == 0.25
    assert [example["pairs"] for example in answer["over_merged"]] == [4]
    [split] = answer["split"]
    assert split["name"] == "fenna"
    assert sorted(part["keys"][0]["record_id"] for part in split["parts"]) == ["cfenna", "sfenna"]
    assert {(row["source_a"], row["source_b"]) for row in answer["by_source"]} == {
        ("crm", "crm"), ("crm", "shop"), ("shop", "shop"),
    }  # fmt: skip
    assert [row["threshold"] for row in answer["links"]] == [5, 7]
    assert answer["advice"]["decisions"] == 4
    assert answer["advice"]["link"]["now"] == packaged_prior().link_threshold / BIT


def test_advice_says_when_there_are_too_few_decisions(estate: EstateFolder) -> None:  # noqa: F811
    shown = voeg(estate, "evaluate", "--decisions")
    assert "decided pairs: 4, of which one customer: 3" in shown.stderr
    assert f"too few decisions for link and review: {ENOUGH} are wanted" in " ".join(shown.stderr.split())
    assert row_of(shown, "link")[1] == "-"


@pytest.mark.parametrize(
    ("words", "says"),
    [([], "give --truth FILE"), (["--decisions", "--links", "4..6"], "--links needs --truth")],
)
def test_wrong_use_is_told(words: list[str], says: str, estate: EstateFolder) -> None:  # noqa: F811
    assert says in " ".join(voeg(estate, "evaluate", *words, exit_code=2).output.split())


@pytest.mark.parametrize("links", ["4", "x..6", "6..4", "4..6..0", "1..2..3..4", "1..nan"])
def test_thresholds_that_are_none_are_told(links: str, estate: EstateFolder) -> None:  # noqa: F811
    refused = voeg(estate, "evaluate", "--truth", "truth.csv", "--links", links, exit_code=2)
    assert "--links wants bits" in " ".join(refused.output.split())


def test_a_truth_that_is_not_there_is_one_line(estate: EstateFolder, tmp_path: Path) -> None:  # noqa: F811
    result = voeg(estate, "evaluate", "--truth", tmp_path / "truth.csv", exit_code=1)
    assert result.stderr.startswith("error ")
    assert "there is no such file" in result.stderr
    assert result.stdout == ""

"""docs/identity.md and docs/stewardship.md: commands run, settings are read, figures are those of the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest
from documentation import DOCS, PROJECT, blocks, section, shell_commands, spans, tables
from typer.testing import CliRunner

import identity as room
from foundation.settings import GenericSettings, load_settings
from identity import (
    blocking,
    calibration,
    clustering,
    counting,
    features,
    prior,
    questions,
    relations,
    sampling,
    training,
)
from identity.model import BIT, packaged_prior
from sync import explain, resolve, steward
from sync.cli import command_line
from sync.train import OUTGROWN, generic_features

IDENTITY, STEWARDSHIP, OPERATING = (DOCS / f"{name}.md" for name in ("identity", "stewardship", "operating"))

COMMON, COUNTED, LEARNED, RULES = (next((DOCS / "decisions").glob(f"00{number}-*.md")) for number in (13, 21, 22, 23))

WORDS = {2: "twice", 5: "one fifth", 6: "six", 8: "eight", 12: "twelve", 16: "sixteen", 18: "Eighteen"}
FIGURES = [
    (IDENTITY, f"on more than {counting.PEOPLE_SHARING} people"),
    (IDENTITY, f"A key that more than {blocking.AT_MOST} parties carried"),
    (IDENTITY, f"({blocking.OF_LITTLE} where the key tells little"),
    (
        IDENTITY,
        f"more than {blocking.AT_MOST * blocking.CEILING} ({blocking.OF_LITTLE * blocking.CEILING}) live records",
    ),
    (IDENTITY, f"plus {WORDS[clustering.BEST_PAIR]} of the best pair's"),
    (IDENTITY, f"a group of more than {clustering.LARGE} records"),
    (IDENTITY, f"with fewer than {sampling.ENOUGH_RECORDS:,} records"),
    (IDENTITY, f"has {WORDS[len(prior.DUMMY_DATES)]} birth dates"),
    (IDENTITY, f"{packaged_prior().link_threshold // BIT} and {packaged_prior().review_threshold // BIT} bits"),
    (COMMON, f"more than {WORDS[blocking.AT_MOST]} parties"),
    (COMMON, f"{WORDS[blocking.OF_LITTLE]} where the key tells little"),
    (COMMON, f"{WORDS[blocking.CEILING]} times as high"),
    (COUNTED, f"{training.STRANGERS} records of a type"),
    (LEARNED, f"about {sampling.PASS_PAIRS:,} pairs"),
    (RULES, f"{WORDS[len(blocking.RULES['person'])]} are left"),
    (STEWARDSHIP, f"contacts of the last {steward.RECENT.days} days"),
    (STEWARDSHIP, f"beyond {relations.AT_MOST} people"),
    (STEWARDSHIP, f"that more than {relations.AT_MOST} customers share"),
    (STEWARDSHIP, f"at least {calibration.SURE:.0%} of the decided pairs".replace("%", " %")),
    (STEWARDSHIP, f"fewer than {calibration.ENOUGH} decisions"),
    (OPERATING, f"(or {resolve.BATCH_RECORDS})"),
    (OPERATING, f"more than {resolve.AT_MOST} records hang together"),
    (OPERATING, f"(after {resolve.PATIENCE.seconds} seconds)"),
    (OPERATING, f"waited {resolve.PATIENCE.seconds} seconds for it"),
    (OPERATING, f"more than {WORDS[OUTGROWN]} as many records as the model was made from"),
    (OPERATING, f"needs {sampling.ENOUGH_RECORDS:,} of a type"),
]

LABELS = [
    "task why customers sources bits priority at stake",
    "open tasks; --limit shows more",
    "these two would link, but their customers as a whole do not",
    "What they say field",
    "What that proves evidence in words bits",
    "to begin with the odds of any two",
    "together enough to link them, if nothing else speaks against it",
    "what keeps them apart: voeg customer why-not",
    "the other explanation that fits best, two people of one household; +1.00 links, -3.00 asks a steward",
    "evidence in words if strangers if relatives sum sum if relatives",
    "not told by both:",
    "are not one customer: - pairs of their records would link, but taken together the records contradict one another",
    "step joins with bits as a whole best pair which has mostly for it against it",
    "weakest link: between",
    "bits (+1.00 now) takes apart",
    "With a higher link threshold above bits falls apart into held by",
    "customer because of",
    "would change",
    "bits, review threshold -3.00",
    "customers with other records than now",
    "records that move to another customer",
    "customers put together from several",
    "customers taken apart",
    "ids that redirect to another",
    "Who is who, against the truth precision recall F1 pairs of records",
    "whole customers",
]
"""What the page shows of the commands' answers, but for what depends on the customers."""


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(("page", "figure"), FIGURES, ids=lambda part: part.stem if isinstance(part, Path) else part)
def test_figures_are_those_of_the_code(page: Path, figure: str) -> None:
    assert figure in flat(page.read_text())


def test_the_room_names_each_of_its_modules_once() -> None:
    assert room.__doc__ and room.__file__
    named = re.findall(r"``(\w+)``", room.__doc__.partition("May import")[0])
    modules = [path.stem for path in Path(room.__file__).parent.glob("*.py")]
    assert sorted(named) == sorted({*modules} - {"__init__"})


def test_settings_shown_are_read(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    thresholds, listed = blocks(IDENTITY, "yaml")
    (tmp_path / "conf" / "voeg.yaml").write_text(thresholds)
    identity = load_settings(tmp_path).identity
    assert (identity.link_threshold, identity.review_threshold) == (2, -3)
    (tmp_path / "conf" / "voeg.yaml").write_text(listed)
    generic = load_settings(tmp_path).identity.generic
    assert all(getattr(generic, name) for name in GenericSettings.model_fields)
    found = generic_features(generic)
    assert {"phones", "emails", "ibans", "birth_date", "given", "family", "organisation"} <= set(found)
    assert set(found) <= set(features.SCHEMA)


def test_every_kind_of_question_is_explained() -> None:
    [table] = [table for table in tables(section(STEWARDSHIP, "Questions")) if table.head[0] == "kind"]
    assert [spans(row[0])[0] for row in table.rows] == [
        kind.value
        for kind in (
            questions.Kind.POSSIBLE_DUPLICATE,
            questions.Kind.CONFLICT,
            questions.Kind.DOUBTFUL_MERGE,
            questions.Kind.RAISED,
        )
    ]
    assert len(table.rows) == len(questions.Kind)


def test_for_everything_that_keeps_two_apart_there_is_something_to_do() -> None:
    [table] = [table for table in tables(section(STEWARDSHIP, "Why, why not, how")) if table.head[0] == "reason"]
    told = [row[0] for row in table.rows]
    assert [text for text in explain.REASONS.values() if not any(part in text for part in told)] == []
    assert [part for part in told if not any(part in text for text in explain.REASONS.values())] == []


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory, odbc_sqlite_driver: str) -> Path:
    """A small landscape, resolved, with the truth as a file."""
    root = tmp_path_factory.mktemp("estate")
    for name in ("conf", "mappings"):
        (root / name).symlink_to(PROJECT / name)
    nobody_listens = {"VOEG_BROKER__URL": "amqp://guest:guest@127.0.0.1:1/%2F"}
    demo = CliRunner().invoke(command_line(), ["demo", "--records", "2500", "--estate", str(root)], env=nobody_listens)
    assert demo.exit_code == 0, demo.output
    pl.read_parquet(root / "var" / "landscape" / "truth" / "records.parquet").write_csv(root / "truth.csv")
    return root


def test_the_way_of_a_steward_can_be_gone(estate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands run in the order of the page, on tasks, records and customers of another landscape."""
    monkeypatch.chdir(estate)
    monkeypatch.delenv("VOEG_ESTATE", raising=False)
    monkeypatch.setenv("VOEG_AUTHOR", "a steward")
    here = _stand_ins()
    said = ""
    for words in shell_commands(STEWARDSHIP):
        result = CliRunner().invoke(command_line(), [here.get(word, word) for word in words])
        assert result.exit_code == 0, (words, result.stderr, result.exception)
        said += " " + result.stdout + " " + result.stderr
    assert (estate / "households.csv").stat().st_size
    assert pl.read_parquet(estate / "relationships.parquet").columns == ["one", "other", "kind", "because"]
    shown = flat(" ".join(blocks(STEWARDSHIP, "")))
    assert [label for label in LABELS if label not in shown] == []
    assert [label for label in LABELS if label not in flat(said)] == []


def _stand_ins() -> dict[str, str]:
    """Return what stands here for the tasks, records and customers that the page names."""
    listed = CliRunner().invoke(command_line(), ["tasks", "list", "--limit", "1000", "--json"])
    tasks = json.loads(listed.stdout)["tasks"]
    first, second = [task for task in tasks if task["reason"] == "contradiction"][:2]
    between = next(task for task in tasks if task["kind"] == "possible_duplicate")
    a, b = first["a"], first["b"]
    return {
        "2": str(first["id"]),
        "1": str(second["id"]),
        "3": str(between["id"]),
        "loyalty_members/29500372418559": f"{a['data_source']}/{a['record_id']}",
        "mobile_subscribers/301182229": f"{b['data_source']}/{b['record_id']}",
        "4029": str(a["entity_id"]),
        "1505": str(b["entity_id"]),
    }

"""``voeg tasks``, as a steward meets it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from estates import EstateFolder, partition, snapshot, voeg
from test_sync_resolve import COLUMNS, CRM, SASKIA, WOUTER, row

from identity.model import packaged_prior
from store import models
from sync.cli import console

NATIONAL_ID = "111222333"
THRESHOLDS = "identity: {link_threshold: 200, review_threshold: 1}\n"  # nothing links by itself


@pytest.fixture(scope="module")
def resolved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One person in two systems, who is not linked."""
    folder = EstateFolder(tmp_path_factory.mktemp("resolved") / "estate", settings=THRESHOLDS)
    number = "identifiers: [{type: {constant: national_id}, value: number}]"
    for source in ("crm", "shop"):
        mapping = snapshot(source, CRM)
        folder.describe(mapping.replace("identifiers: [{type: {constant: customer_number}, value: number}]", number))
    folder.deliver("data/crm.csv", [row("1", SASKIA, number=NATIONAL_ID)], COLUMNS)
    folder.deliver("data/shop.csv", [row("9", SASKIA, number=NATIONAL_ID, phone="+31201234567")], COLUMNS)
    voeg(folder, "sync")
    voeg(folder, "resolve")
    folder.close()
    return folder.root


@pytest.fixture
def estate(resolved: Path, tmp_path: Path) -> Iterator[EstateFolder]:
    shutil.copytree(resolved, tmp_path / "estate")
    folder = EstateFolder(tmp_path / "estate", settings=THRESHOLDS)
    yield folder
    folder.close()


def tasks(folder: EstateFolder, *words: str) -> list[dict[str, object]]:
    listed = json.loads(voeg(folder, "tasks", "list", "--json", *words).stdout)
    found: list[dict[str, object]] = listed["tasks"]
    return found


def test_the_list_tells_what_is_asked_without_a_value_of_a_customer(estate: EstateFolder) -> None:
    [task] = tasks(estate)
    assert (task["kind"], task["reason"], task["state"]) == ("possible_duplicate", "between_thresholds", "open")
    assert task["impact"] == {"records": 2, "active_products": 0, "recent_contacts": 0}
    assert set(task) == {
        "id", "kind", "reason", "state", "priority", "weight_bits", "a", "b", "impact", "created_at", "ended_at",
        "ended_by", "answer", "said",
    }  # fmt: skip
    listed = voeg(estate, "tasks", "list").stdout
    assert "between thresholds" in listed and "2 records" in listed
    assert "crm / shop" in listed or "shop / crm" in listed
    assert not [word for word in (*SASKIA.values(), NATIONAL_ID) if word and word in listed]
    assert tasks(estate, "--kind", "conflict") == []
    assert json.loads(voeg(estate, "status", "--json").stdout)["totals"]["tasks"] == 1
    assert "no task is done" in voeg(estate, "tasks", "list", "--state", "done").stderr


def test_numbers_alone_can_be_piped(estate: EstateFolder) -> None:
    [task] = tasks(estate)
    assert voeg(estate, "tasks", "list", "--ids").stdout == f"{task['id']}\n"
    assert voeg(estate, "tasks", "list", "--ids", "--kind", "conflict").stdout == ""


def test_a_narrow_terminal_folds_nothing(estate: EstateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    [task] = tasks(estate)
    monkeypatch.setattr(console.out, "_width", 80)
    header, first, second = voeg(estate, "tasks", "list").stdout.splitlines()
    assert header.split() == ["task", "why", "customers", "sources", "bits", "priority"]
    assert first.split()[:3] == [str(task["id"]), "between", "thresholds"]
    assert {first.split()[4], second.split()[1]} == {"crm", "shop"}
    why = voeg(estate, "customer", "why", "crm/1", "shop/9", "--sensitive").stdout
    assert "they say" in why and "█" not in why
    assert max(map(len, why.splitlines())) <= 80


def test_a_task_shows_both_sides_and_masks_what_is_sensitive(estate: EstateFolder) -> None:
    [task] = tasks(estate)
    number = str(task["id"])
    shown = voeg(estate, "tasks", "show", number).stdout
    assert "crm/1" in shown and "shop/9" in shown and "Terpstra" in shown and "+31201234567" in shown
    assert NATIONAL_ID not in shown and "…333" in shown
    fields = [line.split()[0].partition("[")[0] for line in shown.partition("What they say")[2].splitlines()[2:8]]
    assert fields == ["given_name", "family_name", "birth_date", "addresses", "phones", "emails"]
    assert "birth date" in shown and "together" in shown and "enough to ask a steward" in shown
    assert NATIONAL_ID in voeg(estate, "tasks", "show", number, "--sensitive").stdout
    document = json.loads(voeg(estate, "tasks", "show", number, "--json").stdout)
    assert {document["a"]["content"]["given_name"], document["b"]["content"]["given_name"]} == {"Saskia"}
    assert document["why"]["verdict"]["code"] == "review"
    assert NATIONAL_ID not in json.dumps(document)


def test_a_question_can_be_read_and_answered_after_an_upgrade_that_wants_another_model(estate: EstateFolder) -> None:
    [task] = tasks(estate)
    outdated = json.dumps({**json.loads(packaged_prior().to_json()), "feature_version": 0})
    models.activate(estate.store, "outdated", outdated, actor="test", now=datetime.now(UTC))
    told = voeg(estate, "tasks", "show", str(task["id"]))
    assert "Terpstra" in told.stdout and "voeg model train" in told.stderr
    voeg(estate, "tasks", "decide", str(task["id"]), "--same", "--reason", "one contract")


def test_a_decision_holds_until_a_steward_takes_it_back(estate: EstateFolder) -> None:
    [task] = tasks(estate)
    number = str(task["id"])
    told = voeg(estate, "tasks", "decide", number, "--same", "--reason", "one contract", "--author", "ada").stderr
    assert f"task {number}: same; 'voeg resolve' applies it" in told
    voeg(estate, "resolve")
    assert len(partition(estate.store)) == 1
    assert tasks(estate) == []
    [done] = tasks(estate, "--state", "done")
    assert (done["answer"], done["said"], done["ended_by"]) == ("same", "one contract", "ada")
    assert "same (ada" in voeg(estate, "tasks", "list", "--state", "done").stdout
    assert f"task {number} is open again" in voeg(estate, "tasks", "undo", number).stderr
    voeg(estate, "resolve")
    assert len(partition(estate.store)) == 2
    assert [again["id"] for again in tasks(estate)] == [task["id"]]


def test_different_is_not_asked_again_by_tonights_delivery(estate: EstateFolder) -> None:
    [task] = tasks(estate)
    voeg(estate, "tasks", "decide", str(task["id"]), "--different", "--reason", "twins")
    estate.deliver("data/shop.csv", [row("9", SASKIA, number=NATIONAL_ID, phone="+31207654321")], COLUMNS)
    voeg(estate, "sync")
    voeg(estate, "resolve")
    assert tasks(estate) == []
    assert len(partition(estate.store)) == 2


def test_a_person_can_ask_about_what_the_matcher_does_not(estate: EstateFolder) -> None:
    estate.deliver("data/crm.csv", [row("1", SASKIA, number=NATIONAL_ID), row("2", WOUTER)], COLUMNS)
    voeg(estate, "sync")
    voeg(estate, "resolve")
    assert len(partition(estate.store)) == 3

    def decide(answer: str) -> None:
        asked = json.loads(voeg(estate, "tasks", "ask", "crm/1", "crm/2", "--author", "ada", "--json").stdout)
        assert (asked["kind"], asked["weight_bits"]) == ("raised", None)
        assert json.loads(voeg(estate, "tasks", "ask", "crm/2", "crm/1", "--json").stdout)["id"] == asked["id"]
        voeg(estate, "tasks", "decide", str(asked["id"]), answer, "--reason", "maiden name")
        voeg(estate, "resolve")

    decide("--same")
    assert len(partition(estate.store)) == 2
    decide("--different")  # the way to take apart what is one
    assert len(partition(estate.store)) == 3
    assert "did you mean 'crm'?" in voeg(estate, "tasks", "ask", "crn/1", "crm/2", exit_code=1).stderr
    assert "data_source/record_id" in voeg(estate, "tasks", "ask", "1", "crm/2", exit_code=1).stderr
    assert "the same source record" in voeg(estate, "tasks", "ask", "crm/1", "crm/1", exit_code=1).stderr


def test_wrong_use_is_told(estate: EstateFolder) -> None:
    [task] = tasks(estate)
    number = str(task["id"])
    both = voeg(estate, "tasks", "decide", number, "--same", "--unsure", "--reason", "-", exit_code=2)
    assert "give one of --same, --different, --unsure" in both.stderr
    assert "there is no task 99" in voeg(estate, "tasks", "show", "99", exit_code=1).stderr
    voeg(estate, "tasks", "decide", number, "--unsure", "--reason", "nobody answers")
    again = voeg(estate, "tasks", "decide", number, "--same", "--reason", "-", exit_code=1).stderr
    assert "was answered 'unsure'" in again and f"voeg tasks undo {number}" in again

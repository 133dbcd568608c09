"""No command tells a value of a customer that it was not asked for: not in its answer, its notes, errors or logs."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from estates import EstateFolder
from households import CRM, SHOP, deliver, entity
from typer.main import get_command
from typer.testing import CliRunner

from sync.cli import command_line

NO_VALUES = ("id", "type", "number")  # keys of records name them; "4" is a house number, and many another number
VALUES = {
    form.lower()
    for row in (*CRM, *SHOP)
    for name, value in row.items()
    if value and name not in NO_VALUES
    for form in (value, value.replace("-", ""), value.replace(" ", ""))
}
"""What the customers of the estate are called, and where they are reached; also as the matcher keeps it."""

QUIET = """
status | status --json | model list | model list --json | model show | model show prior | model compare prior {version}
model compare prior {version} --records 10 --json | model use {version} | model use nothing | model import {broken}
resolve --dry-run --link-threshold 40 | resolve --dry-run --link-threshold 40 --json
resolve --dry-run --model {broken} | resolve --json | resolve | resolve --record crm/son | resolve --record crm/nobody
evaluate --truth {truth} | evaluate --truth {truth} --json --links 1..2 | evaluate --truth {headless}
evaluate --truth {rows} | evaluate --decisions
tasks list | tasks list --json | tasks list --kind conflict --ids | tasks show 999
tasks ask crm/father crm/son | tasks ask crm/father crm/nobody | tasks undo {task}
tasks decide {task} --different --reason known --json | tasks decide {task} --same --reason known
tasks list --state done | tasks undo {task} --json
customer why crm/father crm/son | customer why crm/father crm/son --json | customer why {father} {son}
customer why-not crm/father crm/son | customer why-not {father} {son} --json | customer why-not crm/baker crm/bakery
customer how {father} | customer how {father} --json | customer how 999 | customer why crm/nobody crm/son
customer related {father} | customer related {father} --json | customer find --phone +31201112233
customer find --phone +31201112233 --json | export crosswalk {folder}/crosswalk.csv
export households {folder}/households.csv | export relationships {folder}/relationships.csv
sync | sync crm --json | check | quarantine list | quarantine list --json | quarantine replay | preview nothing
publish | model train
"""
"""Commands that tell no value; some fail, and their errors tell none either."""

TELLING = {
    "customer why crm/father crm/son --sensitive": "Smit",
    "customer why-not crm/father crm/son --sensitive --json": "19810730",
    "customer how {father} --sensitive": "Smit",
    "resolve --dry-run --link-threshold 40 --sensitive": "Jan Smit",
    "customer show {father}": "Smit",
    "tasks show {task}": "Smit",
    "preview crm": "Terpstra",
}
"""Commands that tell values, and one that they tell."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EstateFolder]:
    estate = EstateFolder(tmp_path_factory.mktemp("privacy"))
    deliver(estate)
    estate.run()
    yield estate
    estate.close()


@pytest.fixture(scope="module")
def names(folder: EstateFolder) -> dict[str, str]:
    """What stands in the commands for a part of the estate, or for a file with names where none belong."""
    truth = [(source, row["id"], row.get("name")) for source, rows in (("crm", CRM), ("shop", SHOP)) for row in rows]
    written = "\n".join(f"{source},{record},c{len(name or '')}" for source, record, name in truth)
    files = {
        "truth": folder.write("truth.csv", f"data_source,record_id,customer\n{written}\n"),
        "headless": folder.write("headless.csv", "Terpstra,Saskia,1971-03-14\nSmit,Jan,1950-02-11\n"),
        "rows": folder.write("rows.csv", "data_source,record_id,customer\ncrm,1,Terpstra\ncrm,1,Smit\n"),
        "broken": folder.write("broken.json", '{"format": 2, "generic": {"family": ["Terpstra"]}}'),
        "folder": folder.root,
    }
    tasks = json.loads(said(folder, "tasks list --json")[0])["tasks"]
    about = {"father": entity(folder, "crm/father"), "son": entity(folder, "crm/son"), "task": str(tasks[0]["id"])}
    version = json.loads(said(folder, "model list --json")[0])["in_use"]["version"]
    return {**{name: str(file) for name, file in files.items()}, **about, "version": version}


def said(folder: EstateFolder, command: str) -> tuple[str, str]:
    """Return what a command prints; that it ends by itself, whatever its exit code."""
    estate = ["--estate", str(folder.root)]
    environment = {**os.environ, "VOEG_LOG__LEVEL": "debug", "VOEG_AUTHOR": "ada"}
    result = CliRunner().invoke(command_line(), [*shlex.split(command), *estate], env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), (command, result.exception)
    assert result.exit_code != 2, (command, result.stderr)
    return result.stdout, result.stderr


def told(printed: str) -> list[str]:
    """Return the values in a text; keys of records, of which some are names in this estate, are none."""
    text = printed.lower()
    for source, rows in (("crm", CRM), ("shop", SHOP)):
        for key in sorted((str(row["id"]) for row in rows), key=len, reverse=True):
            text = text.replace(f"{source}/{key}", "").replace(f'"{key}"', "")
    return [value for value in VALUES if re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text)]


def test_nothing_is_told_that_was_not_asked_for(folder: EstateFolder, names: dict[str, str]) -> None:
    for command in (part.strip() for line in QUIET.strip().splitlines() for part in line.split("|")):
        wanted = command.format(**names)
        printed = "".join(said(folder, wanted)).lower().replace(wanted.lower().partition("--phone ")[2] or "\0", "")
        assert printed.strip(), command
        assert told(printed) == [], command


@pytest.mark.parametrize("command", TELLING)
def test_what_is_asked_for_is_told_on_standard_output_alone(
    command: str, folder: EstateFolder, names: dict[str, str]
) -> None:
    answer, beside = said(folder, command.format(**names))
    assert TELLING[command] in answer and told(answer)
    assert told(beside) == []


def test_every_command_of_identity_is_tried() -> None:
    tried = " ".join(["", *QUIET.replace("|", " \n ").split(), *" ".join(TELLING).split()])
    rooms = get_command(command_line()).commands  # type: ignore[attr-defined]
    for room in ("model", "tasks", "customer"):
        for name in rooms[room].commands:
            assert f" {room} {name} " in f"{tried} " or (room, name) == ("model", "export"), (room, name)
    for name in ("resolve", "evaluate", "status"):
        assert f" {name} " in tried


def test_files_that_name_nobody_name_nobody(folder: EstateFolder, names: dict[str, str]) -> None:
    for file in ("crosswalk", "households", "relationships"):
        wanted = Path(names["folder"]) / f"{file}.csv"
        said(folder, f"export {file} {wanted}")
        assert told(wanted.read_text()) == []

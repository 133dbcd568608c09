"""docs/operating.md names every setting, message, event of the log and column as the software has them."""

from __future__ import annotations

import ast
import re
import sqlite3
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
import structlog
from documentation import DOCS, PROJECT, Table, blocks, section, spans, tables
from estates import EstateFolder
from pydantic import BaseModel
from ruamel.yaml import YAML
from typer.testing import CliRunner, Result

from foundation.settings import Settings
from store import engine
from store.totals import totals
from sync.cli import command_line

PAGE = DOCS / "operating.md"
ROOMS = ("adapters", "channels", "foundation", "identity", "store", "sync", "transform")


def table_of(heading: str, head: str) -> Table:
    [table] = [table for table in tables(section(PAGE, heading)) if table.head[0] == head]
    return table


def settings(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting by its path, with its default as YAML has it; ``...`` where one is required."""
    for name, info in model.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from settings(kind, f"{prefix}{name}.")
            continue
        default = ... if info.is_required() else info.get_default(call_default_factory=True)
        yield prefix + name, list(default) if isinstance(default, tuple) else default
        for inner in get_args(kind):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from settings(inner, f"{prefix}{name}[].")


def test_every_setting_stands_in_the_table_with_its_default() -> None:
    defaults = {"required": ..., "none": None}
    described = {
        spans(setting)[0]: defaults[default] if default in defaults else YAML(typ="safe").load(spans(default)[0])
        for setting, _, default in table_of("Settings", "setting").rows
    }
    assert described == dict(settings(Settings))


@cache
def texts() -> list[str]:
    """Return every text in the code; what is put into one at run time is a NUL."""
    found = []
    for room in ROOMS:
        for file in sorted((PROJECT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = (part.value if isinstance(part, ast.Constant) else "\0" for part in node.values)
                    found.append("".join(map(str, parts)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
    return found


@pytest.mark.parametrize(
    "row",
    [row for heading in ("What failures look like", "Resolving") for row in table_of(heading, "it says").rows],
    ids=lambda row: row[0][:40],
)
def test_what_the_software_is_said_to_say_is_what_the_code_can_tell(row: tuple[str, ...]) -> None:
    for message in spans(row[0]):
        without_values = re.sub(r"'[^']*'|\([^)]*:[^)]*\)|\b\d+\b", "…", message)
        fragments = [part.strip(" ;'") for part in without_values.split("…")]
        pattern = ".*".join(re.escape(part) for part in fragments if part)
        assert any(re.search(pattern, text, re.DOTALL) for text in texts()), message


def test_every_event_of_the_log_stands_in_the_table() -> None:
    calls = re.compile(r"\blog\.(?:log\(\s*[\w.]+,|debug\(|info\(|warning\(|error\()\s*\"([^\"]+)\"")
    said = {
        event for room in ROOMS for file in (PROJECT / room).rglob("*.py") for event in calls.findall(file.read_text())
    }
    described = [event for row in table_of("Logs", "event").rows for event in spans(row[0])]
    assert sorted(described) == sorted(said)


def test_status_is_explained_column_by_column(tmp_path: Path) -> None:
    store = engine.open(f"sqlite:///{tmp_path / 'voeg.db'}")
    store.migrate()
    counted = {name.replace("_", " ") for name in totals(store)}
    store.close()
    explained = {name for row in table_of("Reading `voeg status`", "in the store").rows for name in row[0].split(", ")}
    assert explained == counted


def test_the_backup_command_copies_a_store_in_use(tmp_path: Path) -> None:
    [command] = re.findall(r'sqlite3 var/voeg.db "(.*)"', PAGE.read_text())
    store = engine.open(f"sqlite:///{tmp_path / 'voeg.db'}")
    store.migrate()
    with store.read(), sqlite3.connect(tmp_path / "voeg.db") as connection:
        connection.execute(command.replace("/backup", str(tmp_path)))
    store.close()
    [copy] = tmp_path.glob("voeg-*.db")
    opened = engine.open(f"sqlite:///{copy}")
    opened.migrate()
    assert set(totals(opened).values()) == {0}
    opened.close()


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[EstateFolder]:
    """The estate of ``voeg init``, with ten customers."""
    folder = EstateFolder(tmp_path)
    template = PROJECT / "sync" / "templates" / "mappings" / "customers.yaml"
    folder.write("mappings/customers.yaml", template.read_bytes())
    folder.deliver("data/customers.csv", CUSTOMERS)
    yield folder
    folder.close()
    structlog.reset_defaults()  # its loggers write to what the command line's standard error was


def voeg(estate: EstateFolder, *words: str) -> Result:
    return CliRunner().invoke(command_line(), [*words, "--estate", str(estate.root)])


CUSTOMERS = [
    {"customer_no": str(number), "first_name": "A", "last_name": "B", "born": "1980-02-29", "mobile": "", "email": ""}
    for number in range(10)
]


def test_values_that_could_not_be_used_are_told_as_shown(estate: EstateFolder) -> None:
    estate.deliver("data/customers.csv", [{**CUSTOMERS[0], "born": "31-02-1980"}, *CUSTOMERS[1:]])
    [shown] = [block for block in blocks(PAGE, "") if "left empty" in block]
    lines = [line.split() for line in shown.splitlines()]
    told = [line.split() for line in voeg(estate, "sync").stdout.splitlines()]
    assert told[-len(lines) :] == lines
    assert "records[0].birth_date: not_a_date, 1 left empty" in voeg(estate, "preview", "customers").stderr


def test_a_source_is_held_until_accepted_or_mended_and_says_so_once(estate: EstateFolder) -> None:
    assert voeg(estate, "sync").exit_code == 0
    estate.deliver("data/customers.csv", CUSTOMERS[:5])
    assert voeg(estate, "sync").exit_code == 1
    status = voeg(estate, "status")
    assert "held" in status.stdout
    assert status.stderr.count("records are not in this read") == 1
    estate.deliver("data/customers.csv", CUSTOMERS)
    assert voeg(estate, "sync").exit_code == 0
    assert "held" not in voeg(estate, "status").stdout
    estate.deliver("data/customers.csv", CUSTOMERS[:5])
    assert voeg(estate, "sync", "customers", "--accept").exit_code == 0


def test_an_export_that_cannot_be_written_says_so(estate: EstateFolder) -> None:
    exported = voeg(estate, "export", "golden", str(estate.root / "nowhere" / "golden.parquet"))
    assert exported.exit_code == 1
    assert exported.stderr.startswith("error cannot write ")

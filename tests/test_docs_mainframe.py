"""docs/mainframe.md: its commands run on the file that it describes, and its options read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from documentation import DOCS, blocks, shell_commands
from ruamel.yaml import YAML
from typer.testing import CliRunner

from adapters.mainframe import Mainframe, MainframeOptions
from adapters.mainframe.copybook import placing
from adapters.mainframe.encoder import WriteOptions, encode
from sync.cli import command_line

PAGE = DOCS / "mainframe.md"
ROWS = [
    {"KIND": "C", "CUST-NO": 1, "FAMILY-NAME": "Voorbeeld"},
    {"KIND": "P", "NUMBER": "0612345678"},
    {"KIND": "P", "NUMBER": "0201234567"},
    {"KIND": "C", "CUST-NO": 2, "FAMILY-NAME": "Proef"},
    {"KIND": "P", "NUMBER": "0612345670"},
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copybook of the page and a file of it, where the commands and where the mappings look for them."""
    [copybook] = blocks(PAGE, "cobol")
    (tmp_path / "data").mkdir()
    for place in (tmp_path, tmp_path / "data"):
        (place / "customer.cpy").write_text(copybook)
        layout = placing.load([place / "customer.cpy"])
        table = pa.Table.from_pylist(ROWS, schema=layout.schema)
        (place / "customers.dat").write_bytes(encode(layout, table, WriteOptions(record_format="V")))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_its_commands_run(folder: Path) -> None:
    commands = shell_commands(PAGE)
    assert len(commands) == 8
    for words in commands:
        result = CliRunner().invoke(command_line(), words)
        assert result.exit_code == 0, (words, result.stderr, result.exception)
    assert (folder / "customers.parquet").exists()
    assert (folder / "again.dat").read_bytes() == (folder / "customers.dat").read_bytes()


def rows(folder: Path, example: str) -> list[dict[str, Any]]:
    options = YAML(typ="safe").load(example)
    assert options.pop("adapter") == "mainframe"
    source = Mainframe(MainframeOptions.model_validate(options), base=folder)
    return [row for batch in source.read() for row in batch.rows.to_pylist()]


def test_its_options_read_the_file_in_three_ways(folder: Path) -> None:
    columns, nested, table = [rows(folder, example) for example in blocks(PAGE, "yaml")]
    assert [(row["KIND"], row["FAMILY-NAME"], row["NUMBER"]) for row in columns] == [
        (row["KIND"], row.get("FAMILY-NAME"), row.get("NUMBER")) for row in ROWS
    ]
    assert [[phone["NUMBER"] for phone in row["CUSTOMER"]["PHONE"]] for row in nested] == [
        ["0612345678", "0201234567"],
        ["0612345670"],
    ]
    assert [row["NUMBER"] for row in table] == ["0612345678", "0201234567", "0612345670"]
    assert len({row["parent_id"] for row in table}) == 2

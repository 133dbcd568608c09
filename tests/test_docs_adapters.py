"""docs/adapters.md says of every option what the adapters' models say, and its examples are mappings that work."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from documentation import DOCS, blocks, section, spans, tables
from pydantic import BaseModel
from ruamel.yaml import YAML

from adapters.base import ReadOptions
from adapters.files import ColumnOptions, FilesOptions
from adapters.mainframe import codepages
from adapters.mainframe.columns import columns as columns_of
from adapters.mainframe.copybook import placing
from adapters.mainframe.options import Columns, MainframeOptions, Segments
from adapters.odbc import OdbcOptions
from adapters.soap import options as soap
from adapters.sql import SqlOptions
from sync.check import check
from sync.discover import discover
from sync.estate import ADAPTERS, Estate, open_estate
from transform import examples

PAGE = DOCS / "adapters.md"
BEGINNING, *EXAMPLES = blocks(PAGE, "yaml")

DESCRIBED: list[tuple[str, str, type[BaseModel]]] = [
    ("files", "option", FilesOptions),
    ("files", "option of `columns[]`", ColumnOptions),
    ("sql", "option", SqlOptions),
    ("odbc", "option", OdbcOptions),
    ("mainframe", "option", MainframeOptions),
    ("mainframe", "option of `segments`", Segments),
    ("mainframe", "option of `add`", Columns),
    ("soap", "option", soap.SoapOptions),
    ("soap", "option of `paging` (`style: none`)", soap.NoPaging),
    ("soap", "option of `paging` (`style: page`)", soap.PagePaging),
    ("soap", "option of `paging` (`style: offset`)", soap.OffsetPaging),
    ("soap", "option of `paging` (`style: token`)", soap.TokenPaging),
    ("soap", "option of `retries`", soap.Retries),
]
"""Section, head of the table, and the model that it describes; ``ReadOptions`` has its own table above all."""


def described(text: str, head: str) -> dict[str, Any]:
    """Return the options of a table with their defaults; ``...`` where one is required."""
    [table] = [table for table in tables(text) if table.head[0] == head]
    defaults = {"required": ..., "none": None}
    return {
        spans(option)[0]: defaults[default] if default in defaults else YAML(typ="safe").load(spans(default)[0])
        for option, _, default in table.rows
    }


def options(model: type[BaseModel]) -> dict[str, Any]:
    """Return the options of a model with their defaults, as YAML has them."""
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        default = info.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            default = default.model_dump(mode="json", exclude_none=True)
        found[info.alias or name] = (
            ... if info.is_required() else list(default) if isinstance(default, tuple) else default
        )
    return found


@pytest.mark.parametrize(("heading", "head", "model"), DESCRIBED)
def test_every_option_stands_in_its_table_with_its_default(heading: str, head: str, model: type[BaseModel]) -> None:
    shared = options(ReadOptions) if issubclass(model, ReadOptions) else {}
    own = {name: default for name, default in options(model).items() if name not in shared}
    assert described(section(PAGE, heading), head) == own


def test_what_all_adapters_have_stands_above_them() -> None:
    above = re.split(r"^## ", PAGE.read_text(), maxsplit=1, flags=re.MULTILINE)[0]
    assert described(above, "option") == {"adapter": ..., **options(ReadOptions)}


def test_every_adapter_has_its_section_with_one_example() -> None:
    [table] = [table for table in tables(PAGE.read_text()) if table.head[0] == "adapter"]
    assert {re.sub(r"\W", "", row[0].partition("]")[0]) for row in table.rows} == set(ADAPTERS)
    assert [re.findall(r"adapter: (\w+)", example) for example in EXAMPLES] == [[name] for name in _in_order()]


def _in_order() -> Iterator[str]:
    for title in re.findall(r"^## (.*)$", PAGE.read_text(), re.MULTILINE):
        if title in ADAPTERS:
            yield title


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    (tmp_path / "mappings").mkdir()
    return open_estate(tmp_path)


@pytest.mark.parametrize("example", EXAMPLES, ids=list(_in_order()))
def test_an_example_is_a_mapping_of_which_the_examples_come_out(example: str, estate: Estate) -> None:
    file = estate.root / "mappings" / "example.yaml"
    file.write_text(example)
    [mapping] = estate.mappings
    outcomes = list(examples.check(mapping))
    assert outcomes
    assert [problem for outcome in outcomes for problem in outcome.problems] == []


def test_the_copybook_has_the_columns_of_its_example(tmp_path: Path) -> None:
    [copybook] = blocks(PAGE, "cobol")
    (tmp_path / "example.cpy").write_text(copybook)
    layout = placing.load([tmp_path / "example.cpy"])
    columns = {column.name for column in columns_of(layout, layout.schema)}
    [example] = [example for example in EXAMPLES if "adapter: mainframe" in example]
    assert set(re.findall(r"CM-[A-Z]+", example)) == {path.removesuffix("[*]") for path in columns}


@pytest.mark.parametrize(("heading", "head", "model"), DESCRIBED)
def test_what_the_command_line_says_of_an_option_stands_there_too(
    heading: str, head: str, model: type[BaseModel]
) -> None:
    [table] = [table for table in tables(section(PAGE, heading)) if table.head[0] == head]
    said = {spans(option)[0]: meaning for option, meaning, _ in table.rows}
    for name, info in model.model_fields.items():
        if info.description:
            assert said[info.alias or name].startswith(info.description)


def test_every_code_page_is_named() -> None:
    named = set(re.findall(r"`(cp\d+)`", (DOCS / "mainframe.md").read_text()))
    assert named >= set(codepages.BUILT_IN)


def test_a_mapping_of_question_marks_leads_to_what_it_lacks(estate: Estate) -> None:
    (estate.root / "data").mkdir()
    with sqlite3.connect(estate.root / "data" / "crm.db") as connection:
        connection.execute("CREATE TABLE customer (id INTEGER, name TEXT)")
    file = estate.root / "mappings" / "crm.yaml"
    file.write_text(BEGINNING)
    assert [thing["name"] for thing in discover(estate, estate.mappings[0])] == ["customer"]
    [checked] = check(estate, estate.mappings)
    assert "use one of: customer" in str(checked.error)
    file.write_text(BEGINNING.replace('table: "?"', "table: customer"))
    again = open_estate(estate.root)
    [checked] = check(again, again.mappings)
    assert "use one of: id, name" in str(checked.error)

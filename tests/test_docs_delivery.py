"""docs/delivery.md says of every option what the models say, and its example is a mapping that works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from documentation import DOCS, blocks, section, spans, tables
from pydantic import BaseModel
from ruamel.yaml import YAML

from adapters.delivery import Delivery
from adapters.mainframe.options import MainframeOptions, Reconcile
from sync.estate import open_estate
from transform import examples

PAGE = DOCS / "delivery.md"


def described(head: str) -> dict[str, tuple[str, Any]]:
    """Return the options of a table with their meanings and defaults."""
    [table] = [table for table in tables(PAGE.read_text()) if table.head[0] == head]
    return {
        spans(option)[0]: (meaning, None if default == "none" else YAML(typ="safe").load(spans(default)[0]))
        for option, meaning, default in table.rows
    }


@pytest.mark.parametrize(("head", "model"), [("option of `delivery`", Delivery), ("option of `reconcile`", Reconcile)])
def test_every_option_stands_in_its_table_with_its_help_and_default(head: str, model: type[BaseModel]) -> None:
    table = described(head)
    assert list(table) == list(model.model_fields)
    for name, info in model.model_fields.items():
        meaning, default = table[name]
        assert info.description
        assert meaning.startswith(info.description)
        assert default == info.get_default(call_default_factory=True)


def test_the_options_that_hold_references_are_named() -> None:
    above = PAGE.read_text().split("## Servers", maxsplit=1)[0].rpartition("\n\n`url`")[2]
    assert set(spans("`url`" + above)) >= {"url", "username", "password", "private_key", "private_key_password"}


def test_the_example_is_a_mapping_of_which_the_examples_come_out(tmp_path: Path) -> None:
    (tmp_path / "mappings").mkdir()
    [example] = blocks(PAGE, "yaml")
    (tmp_path / "mappings" / "example.yaml").write_text(example)
    [mapping] = open_estate(tmp_path).mappings
    outcomes = list(examples.check(mapping))
    assert outcomes
    assert [problem for outcome in outcomes for problem in outcome.problems] == []
    read = {name: value for name, value in YAML(typ="safe").load(example)["read"].items() if name != "adapter"}
    options = MainframeOptions.model_validate(read)
    assert options.delivery is not None
    assert options.reconcile is not None


def test_the_directives_of_dates_are_those_that_are_read() -> None:
    from adapters.delivery import names

    text = section(PAGE, "Which files")
    named = text[text.index("of the digits") : text.index(";")].split()
    assert [word for word in named if word.startswith("%")] == [f"%{key}" for key in names._DIGITS]

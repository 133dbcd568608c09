"""Documents remember where everything stands, and report all that is wrong with them at once."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from foundation.document import dotted, load, parse
from foundation.errors import ConfigurationError


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    length: int
    name: str = ""


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: int
    columns: list[Inner] = []


def problems_of(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        parse(text, Path("a.yaml")).validate(Outer)
    return [str(problem) for problem in caught.value.problems]


def test_every_part_knows_its_line_and_column() -> None:
    document = parse("version: 1\ncolumns:\n  - length: 3\n    name: x\n", Path("a.yaml"))
    assert str(document.location(["columns", 0, "name"])) == "a.yaml:4:5"
    assert str(document.location(["columns", 0, "absent"])) == "a.yaml:3:5"
    assert document.data == {"version": 1, "columns": [{"length": 3, "name": "x"}]}


def test_all_problems_come_at_once_each_with_its_place_and_remedy() -> None:
    assert problems_of("versoin: 1\ncolumns:\n  - length: three\n  - lenght: 3\n") == [
        "a.yaml:1:1 version: 'version' is missing; add it",
        "a.yaml:3:5 columns[0].length: input should be a valid integer, unable to parse string as an integer",
        "a.yaml:4:5 columns[1].length: 'length' is missing; add it",
        "a.yaml:4:5 columns[1].lenght: unknown key 'lenght'; did you mean 'length'?",
        "a.yaml:1:1 versoin: unknown key 'versoin'; did you mean 'version'?",
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [("a: [1, 2", "a.yaml:1:"), ("a: 1\na: 2\n", "a.yaml:2:1"), ("- 1\n- 2\n", "a.yaml:1:1")],
    ids=["not closed", "repeated key", "a list at the top"],
)
def test_what_is_not_a_yaml_mapping_is_refused_with_its_place(text: str, place: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(text, Path("a.yaml"))
    assert str(caught.value).startswith(place)


def test_a_missing_file_and_a_wrong_encoding_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist; check the name"):
        load(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: Jos\xe9\n")
    with pytest.raises(ConfigurationError, match="byte 9 is not UTF-8; save the file as UTF-8"):
        load(tmp_path / "latin.yaml")


def test_paths_read_as_people_write_them() -> None:
    assert dotted(["records", 0, "fields", "birth_date"]) == "records[0].fields.birth_date"


def test_a_key_that_yaml_takes_for_a_number_must_be_quoted() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse("codes:\n  007: x\n  true: y\n", Path("a.yaml"))
    assert [str(problem) for problem in caught.value.problems] == [
        "a.yaml:2:3 codes.7: YAML reads this key as 7 (int), not as text; write it in quotes",
        "a.yaml:3:3 codes.True: YAML reads this key as True (bool), not as text; write it in quotes",
    ]

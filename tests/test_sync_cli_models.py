"""``voeg model``, as an operator meets it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import MappingProxyType

import pytest
from estates import EstateFolder
from test_identity_training import DUMMY_PHONE, Town
from typer.testing import CliRunner, Result

from foundation.settings import GenericSettings
from identity.model import packaged_prior
from store import models
from sync.cli import command_line
from sync.train import differences, generic_features, outgrown

CRM = """
version: 1
source: crm
system: crm
mode: snapshot
read: {adapter: files, format: csv, path: "crm.csv"}
records:
  - kind: party
    key: id
    fields:
      party_type: {constant: person}
      given_name: given
      family_name: family
      birth_date: {from: born, do: [{parse_date: ["%Y-%m-%d"]}]}
      phones: [{number: phone}]
      emails: [{address: email}]
      addresses: [{postcode: postcode, house_number: number}]
      identifiers: [{type: {constant: iban}, value: iban}]
"""
SETTINGS = "identity: {generic: {phones: ['+31699999999'], family_names: [Testpersoon]}}"


def people(town: Town) -> list[dict[str, str | None]]:
    def first(row: dict[str, object], column: str, part: str) -> str | None:
        values = row[column]
        return str(values[0][part]) if isinstance(values, list) else None

    return [
        {
            "id": str(row["record_id"]),
            "given": str(row["given_name"]),
            "family": str(row["family_name"]),
            "born": str(row["birth_date"] or ""),
            "phone": first(row, "phones", "number"),
            "email": first(row, "emails", "address"),
            "postcode": first(row, "addresses", "postcode"),
            "number": first(row, "addresses", "house_number"),
            "iban": first(row, "identifiers", "value"),
        }
        for row in town.rows
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EstateFolder]:
    estate = EstateFolder(tmp_path_factory.mktemp("models"), settings=SETTINGS)
    estate.describe(CRM)
    estate.deliver("crm.csv", people(Town(420)))
    estate.sync()
    yield estate
    estate.close()


@pytest.fixture(scope="module")
def trained(folder: EstateFolder) -> str:
    return str(json.loads(voeg(folder, "train", "--json").stdout)["version"])


def voeg(folder: EstateFolder, *words: str) -> Result:
    return CliRunner().invoke(command_line(), ["model", *words, "--estate", str(folder.root)])


def test_a_trained_model_is_listed_in_use_and_says_what_it_was_made_from(folder: EstateFolder, trained: str) -> None:
    listed = json.loads(voeg(folder, "list", "--json").stdout)
    assert [one["version"] for one in listed["models"] if one["active"]] == [trained]
    assert (listed["in_use"]["version"], listed["in_use"]["base"], listed["in_use"]["set_here"]) == (
        trained,
        trained,
        [],
    )
    assert trained in voeg(folder, "list").stdout
    shown = voeg(folder, "show")
    assert shown.exit_code == 0
    assert f"model {trained}" in shown.stderr
    assert "records" in shown.stdout
    assert "birth_date" in shown.stdout
    document = json.loads(voeg(folder, "show", trained, "--json").stdout)
    population = document["profile"]["populations"]["person"]
    assert document["profile"]["sources"] == {"crm": population["records"]}
    assert 0 < population["told"]["birth_date"] < 1


def test_the_version_that_resolving_names_is_found_under_the_model_that_it_is_made_of(
    folder: EstateFolder, trained: str, tmp_path: Path
) -> None:
    other = EstateFolder(tmp_path / "other", settings="identity: {link_threshold: 2.5}")
    other.describe(CRM.replace("mode:", "duplicate_free: true\nmode:"))
    assert voeg(folder, "export", trained, str(tmp_path / "model.json")).exit_code == 0
    assert voeg(other, "use", str(tmp_path / "model.json")).exit_code == 0
    resolved = other.resolve().model
    used = json.loads(voeg(other, "list", "--json").stdout)["in_use"]
    assert (used["version"], used["base"], used["made_with"]) == (resolved, trained, resolved)
    assert used["set_here"] == ["link_threshold", "duplicate_free"] and used["up_to_date"]
    for shown in (voeg(other, "list"), voeg(other, "show")):
        assert resolved in shown.stdout and "+2.50, set here" in shown.stdout and trained in shown.output
    by_version = json.loads(voeg(other, "show", resolved, "--json").stdout)
    assert by_version["thresholds"]["link"] == 2_500 and by_version["duplicate_free"] == ["crm"]
    assert voeg(other, "compare", trained, resolved).exit_code == 0
    other.close()


def test_values_that_the_estate_lists_are_generic_beside_those_that_are_found(
    folder: EstateFolder, trained: str
) -> None:
    generic = json.loads(voeg(folder, "show", trained, "--json").stdout)["generic"]
    assert {"+31699999999", DUMMY_PHONE} <= set(generic["phones"])
    assert generic["family"] == generic["family_parts"] == ["testpersoon"]


def test_tables_show_no_name_and_no_number_of_a_customer(folder: EstateFolder, trained: str) -> None:
    model = models.artefact(folder.store, trained)
    assert model is not None
    names = set(json.loads(model)["frequencies"]["family"]["surprise"])
    printed = voeg(folder, "show").output + voeg(folder, "compare", trained, "prior").output
    assert names
    assert not names & set(printed.lower().split())
    assert DUMMY_PHONE not in printed


def test_models_are_exported_imported_and_used(folder: EstateFolder, trained: str, tmp_path: Path) -> None:
    file = tmp_path / "model.json"
    assert voeg(folder, "export", "prior", str(file)).exit_code == 0
    assert voeg(folder, "import", str(file)).exit_code == 0
    prior = packaged_prior().version
    kept = {one.version: one.active for one in models.kept(folder.store)}
    assert kept == {trained: True, prior: False}
    assert voeg(folder, "use", prior).exit_code == 0
    assert models.active(folder.store) == packaged_prior().to_json()
    assert voeg(folder, "use", trained).exit_code == 0
    assert models.artefact(folder.store, trained) == models.active(folder.store)


def test_two_models_are_compared_by_their_weights_and_by_what_they_decide(folder: EstateFolder, trained: str) -> None:
    answer = json.loads(voeg(folder, "compare", trained, "prior", "--records", "1000000", "--json").stdout)
    assert answer["versions"] == [trained, packaged_prior().version]
    weights = answer["weights"]
    assert {"given_name", "birth_date"} <= {one["comparison"] for one in weights}
    assert not [one for one in weights if one["comparison"] == "occupation"]  # nobody told any: as in the prior
    decided = answer["decisions"]
    assert decided["records"] == len(Town(420).rows)
    assert 0 < decided["both"] <= min(decided["pairs"])
    some = json.loads(voeg(folder, "compare", trained, "prior", "--records", "200", "--json").stdout)["decisions"]
    assert 0 < some["records"] < decided["records"]
    assert voeg(folder, "compare", trained, trained).exit_code == 0
    assert differences(packaged_prior(), packaged_prior()) == []


def test_the_prior_is_found_by_its_version_too(folder: EstateFolder) -> None:
    shown = voeg(folder, "show", packaged_prior().version, "--json")
    assert shown.exit_code == 0 and shown.stdout == voeg(folder, "show", "prior", "--json").stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("show", "0123456789abcdef"), "there is no model"),
        (("use", "priorr"), "did you mean 'prior'?"),
        (("import", "nowhere.json"), "nowhere.json"),
        (("export", "prior", "/nowhere/model.json"), "/nowhere/model.json"),
    ],
)
def test_what_is_not_there_is_told_with_a_remedy(folder: EstateFolder, words: tuple[str, ...], expected: str) -> None:
    result = voeg(folder, *words)
    assert result.exit_code == 1
    assert expected in result.stderr.replace("\n", "")


def test_a_file_that_is_no_model_is_named(folder: EstateFolder, tmp_path: Path) -> None:
    file = tmp_path / "no-model.json"
    file.write_text("{}")
    result = voeg(folder, "import", str(file))
    assert result.exit_code == 1
    assert "no-model.json" in result.stderr


def test_a_model_is_outgrown_when_there_are_more_than_twice_its_records() -> None:
    model = replace(packaged_prior(), profile=MappingProxyType({"records": 1000}))
    assert outgrown(model, 2000) is None
    assert "1,000 records and there are 2,001 now" in str(outgrown(model, 2001))
    assert outgrown(packaged_prior(), 10**9) is None  # was made from none


def test_listed_values_are_written_as_the_features_hold_them() -> None:
    listed = GenericSettings(
        phones=("+31 20 123 4567",),
        emails=(" Info@Example.ORG ",),
        ibans=("NL91 ABNA 0417 1643 00",),
        birth_dates=(date(1900, 1, 1),),
        given_names=("Ed",),
        family_names=("de Tèst",),
        organisation_names=("Onbekend B.V.",),
    )
    assert generic_features(listed) == {
        "phones": {"+31201234567"},
        "emails": {"info@example.org"},
        "ibans": {"NL91ABNA0417164300"},
        "birth_date": {"19000101"},
        "given": {"ed"},
        "given_names": {"ed"},
        "given_roots": {"ed"},
        "family": {"test"},
        "family_parts": {"test"},
        "organisation": {"onbekend"},
    }
    assert generic_features(GenericSettings()) == {}

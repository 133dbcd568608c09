"""Relating the customers of a real store: one customer at a time tells what all at once do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from estates import EstateFolder, Row, members
from households import COLUMNS as PARTY
from households import mapping

from foundation.errors import NotFound
from identity.model import Model
from store import relating
from sync import relate
from sync.explain import Explainer
from sync.export import Format
from sync.relate import Related
from sync.resolve import model_in_use

RELATIONSHIPS = """\
  - kind: relationship
    key: [id, payer]
    when: {from: payer, is_null: false}
    party: {record_id: id}
    fields:
      relationship_type: {constant: payer}
      other_identifier_type: {constant: customer_number}
      other_identifier_value: payer
  - kind: relationship
    key: [id, guardian]
    when: {from: guardian, is_null: false}
    party: {record_id: id}
    fields:
      relationship_type: {constant: guardian}
      other_source: {constant: crm}
      other_record_id: guardian
"""
COLUMNS = (*PARTY, "payer", "guardian")
MAPPING = mapping("crm", identifier="customer_number", number="id") + RELATIONSHIPS
HOME: Row = {"type": "person", "street": "Dorpsstraat", "number": "4", "postcode": "1234 AB", "city": "Wijchen"}
FLAT: Row = {**HOME, "number": "8", "phone": "+31205550000"}
GIVEN = [
    "Aart",
    "Berend",
    "Cornelis",
    "Dirk",
    "Evert",
    "Floor",
    "Gijs",
    "Hendrik",
    "Ineke",
    "Jolanda",
    "Klaas",
    "Lotte",
    "Marit",
    "Nico",
]
FAMILY = [
    "Oude",
    "Postma",
    "Quist",
    "Roelofs",
    "Stam",
    "Timmer",
    "Uiterwijk",
    "Visser",
    "Wolters",
    "Xanten",
    "Yzerman",
    "Zwart",
    "Hoek",
    "Kuiper",
]
ROWS: list[Row] = [
    {"id": "K1", **HOME, "given": "Bram", "name": "Bakker", "born": "1970-01-02", "phone": "+31102223344"},
    {"id": "K2", **HOME, "given": "Saskia", "name": "Bakker-Bos", "born": "1972-03-04"},
    {"id": "K3", **HOME, "given": "Femke", "name": "Bos", "born": "2001-05-06", "payer": "K1"},
    {"id": "K4", "type": "person", "given": "Odo", "name": "Bos", "payer": "K1", "guardian": "K2"},
    {"id": "K5", **HOME, "type": "organisation", "company": "Bakkerij Bakker B.V."},
    {"id": "K6", "type": "organisation", "company": "Deeg en Co", "phone": "+31102223344"},
    {"id": "K7", "type": "person", "given": "Kluis", "name": "Kluizenaar", "payer": "K999"},
    *(
        {
            "id": f"F{number}",
            **FLAT,
            "given": given,
            "name": name,
            "born": f"{1940 + 5 * number}-0{1 + number % 9}-1{number % 10}",
        }
        for number, (given, name) in enumerate(zip(GIVEN, FAMILY, strict=True))
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EstateFolder]:
    estate = EstateFolder(tmp_path_factory.mktemp("relate"))
    estate.describe(MAPPING)
    estate.deliver("data/crm.csv", ROWS, COLUMNS)
    estate.run()
    assert len(members(estate.store)) == len(ROWS)
    yield estate
    estate.close()


@pytest.fixture
def model(folder: EstateFolder) -> Model:
    return model_in_use(folder.store, folder.here.settings.identity)[0]


@pytest.fixture
def ids(folder: EstateFolder) -> dict[str, str]:
    return {key: str(number) for number, records in members(folder.store).items() for _, key in records}


def related(folder: EstateFolder, model: Model, id_: str) -> Related:
    return relate.related(folder.store, model, id_)


def told(found: Related, ids: dict[str, str]) -> set[tuple[str, str, str]]:
    key = {number: key for key, number in ids.items()}
    return {(key[one.id], one.kind, one.role) for one in found.relations}


def test_a_customer_has_its_household_its_organisations_and_whom_it_pays_for(
    folder: EstateFolder, model: Model, ids: dict[str, str]
) -> None:
    found = related(folder, model, ids["K1"])
    assert told(found, ids) == {
        ("K2", "household", "both"),
        ("K3", "payer", "one"),
        ("K4", "payer", "one"),
        ("K5", "organisation", "other"),
        ("K6", "organisation", "other"),
    }
    because = {(one.id, one.kind): one.because for one in found.relations}
    assert because[ids["K2"], "household"] == ("address", "name")
    assert because[ids["K3"], "payer"] == ("declared", "address")
    assert set(found.household) == {ids["K1"], ids["K2"], ids["K3"]}


def test_who_is_paid_for_names_the_payer_and_the_guardian(
    folder: EstateFolder, model: Model, ids: dict[str, str]
) -> None:
    found = related(folder, model, ids["K4"])
    assert told(found, ids) == {("K1", "payer", "other"), ("K2", "guardian", "other")}
    assert found.household == ()
    assert ("K4", "guardian", "one") in told(related(folder, model, ids["K2"]), ids)


def test_an_organisation_has_its_people(folder: EstateFolder, model: Model, ids: dict[str, str]) -> None:
    people = told(related(folder, model, ids["K5"]), ids)
    assert people == {("K1", "organisation", "one"), ("K2", "organisation", "one")}


def test_a_flat_with_one_phone_and_a_payer_nobody_knows_relate_nobody(
    folder: EstateFolder, model: Model, ids: dict[str, str]
) -> None:
    assert related(folder, model, ids["F3"]).relations == ()
    assert related(folder, model, ids["K7"]).relations == ()


def test_one_customer_is_told_as_all_are(
    folder: EstateFolder, model: Model, ids: dict[str, str], tmp_path: Path
) -> None:
    relate.export_relationships(folder.store, model, tmp_path / "all.parquet", Format.PARQUET)
    relate.export_households(folder.store, model, tmp_path / "homes.parquet", Format.PARQUET)
    relations, homes = pl.read_parquet(tmp_path / "all.parquet"), pl.read_parquet(tmp_path / "homes.parquet")
    assert relations.height == 8
    for id_ in ids.values():
        found = related(folder, model, id_)
        number = int(id_)
        mine = relations.filter((pl.col("one") == number) | (pl.col("other") == number))
        assert sorted((one.kind, one.because) for one in found.relations) == sorted(
            (kind, tuple(because)) for kind, because in mine.select("kind", "because").iter_rows()
        )
        home = homes.filter(pl.col("household").is_in(homes.filter(entity_id=number)["household"].implode()))
        assert {*found.household} == {*home["entity_id"].cast(pl.String)}


def test_who_names_a_customer_is_as_relationships_say_now(tmp_path: Path) -> None:
    estate = EstateFolder(tmp_path)
    estate.describe(MAPPING)
    people: list[Row] = [
        {"id": key, "type": "person", "given": given, "name": name}
        for key, given, name in (("A", "Anna", "Zwart"), ("B", "Bram", "Visser"), ("C", "Carla", "Hoek"))
    ]

    def naming(**says: str) -> dict[str, list[str]]:
        """Return, by the key of a customer, the keys of those who name it, once C says that."""
        estate.deliver("data/crm.csv", [*people[:2], {**people[2], **says}], COLUMNS)
        estate.run()
        key = {number: its for number, ((_, its),) in members(estate.store).items()}
        with estate.store.read() as connection:
            found = {its: [key[one] for one in relating.naming(connection, number)] for number, its in key.items()}
        return {its: names for its, names in found.items() if names}

    assert naming(payer="A", guardian="B") == {"A": ["C"], "B": ["C"]}
    assert naming(payer="B") == {"B": ["C"]}
    assert naming() == {}
    assert naming(guardian="A") == {"A": ["C"]}
    assert naming(guardian="C") == {}
    estate.close()


def test_who_names_a_customer_is_found_by_index(folder: EstateFolder, ids: dict[str, str]) -> None:
    """Else one customer's page would take longer the more customers there are."""
    statements: list[str] = []
    with folder.store.read() as connection:
        driver: Any = connection.connection.driver_connection
        driver.set_trace_callback(statements.append)
        assert relating.naming(connection, int(ids["K1"]))
        driver.set_trace_callback(None)
        for statement in statements:
            plan = [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}")]
            scanned = [step.split()[1] for step in plan if step.startswith("SCAN")]
            assert {*scanned} <= {"source"}, (statement, plan)  # of which there are few
    assert len(statements) == 3  # what it has, and who names its record and its number


def test_exports_can_be_read_by_spreadsheets(folder: EstateFolder, model: Model, tmp_path: Path) -> None:
    file = tmp_path / "all.csv"
    rows = relate.export_relationships(folder.store, model, file, Format.CSV)
    lines = file.read_text().splitlines()
    assert lines[0] == '"one","other","kind","because"' and len(lines) == rows + 1
    assert any(line.endswith('"payer","declared address"') for line in lines)


def test_who_is_not_there_is_not_found(folder: EstateFolder, model: Model) -> None:
    with pytest.raises(NotFound, match="there is no customer 999"):
        related(folder, model, "999")


def test_postgresql_tells_the_same(
    folder: EstateFolder, model: Model, ids: dict[str, str], tmp_path: Path, postgres_url: str
) -> None:
    other = EstateFolder(tmp_path / "estate", store_url=postgres_url)
    other.describe(MAPPING)
    other.deliver("data/crm.csv", ROWS, COLUMNS)
    other.run()
    theirs = {key: str(number) for number, records in members(other.store).items() for _, key in records}
    for key in ("K1", "K4", "K5", "F3"):
        found, expected = related(other, model, theirs[key]), related(folder, model, ids[key])
        assert told(found, theirs) == told(expected, ids)
        assert len(found.household) == len(expected.household)
    explainers = [Explainer(each.store, model) for each in (folder, other)]
    for a, b in (("crm/K1", "crm/K2"), ("crm/F1", "crm/F2"), ("crm/K1", "crm/K5")):
        mine, same = (explainer.why_not(a, b) for explainer in explainers)
        assert (mine.reasons, mine.keys, mine.why.between) == (same.reasons, same.keys, same.why.between)
    how = explainers[1].how(theirs["K1"])
    assert [str(record) for record in how.records] == ["crm/K1"]
    other.close()

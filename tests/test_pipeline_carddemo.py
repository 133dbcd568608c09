"""Real mainframe files to golden records: CardDemo's customers and their cards, with the ASCII twin as the witness."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from estates import EstateFolder, counts, golden, live, lookup_keys, outbox, partition, references

from canonical_model.schema import Kind
from store.tables import KIND_NUMBERS

PARTY = KIND_NUMBERS[Kind.PARTY]

CUSTOMERS = """
version: 1
source: carddemo_customers
system: carddemo
description: Customer master of the card application
mode: snapshot
read: {adapter: mainframe, path: data/CUSTDATA.PS, copybook: data/customer.cpy, code_page: cp037}
code_tables:
  country: {USA: US}
records:
  - kind: party
    key: CUST-ID
    required: [family_name, birth_date]
    fields:
      party_type: {constant: person}
      given_name: CUST-FIRST-NAME
      family_name: CUST-LAST-NAME
      birth_date: {from: CUST-BIRTH-DATE, do: [{parse_date: "%Y-%m-%d"}]}
      addresses:
        - kind: {constant: home}
          street: "CUST-ADDRESS-LINE[0]"
          house_number_suffix: "CUST-ADDRESS-LINE[1]"
          postcode: CUST-ZIP
          city: "CUST-ADDRESS-LINE[2]"
          region: CUST-STATE
          country: {from: CUST-COUNTRY, do: [{code_table: country}]}
      identifiers:
        - {type: {constant: customer_number}, value: CUST-ID}
        - {type: {constant: national_id}, value: {from: CUST-SSN, do: [{pad: {length: 9, with: "0", side: left}}]}}
      attributes:
        - {name: {constant: fico_score}, value: CUST-FICO-SCORE}
        - {name: {constant: middle_name}, value: CUST-MIDDLE-NAME}
        - {name: {constant: phone_1}, value: CUST-PHONE-1}
        - {name: {constant: phone_2}, value: CUST-PHONE-2}
examples:
  - raw: {CUST-ID: 7, CUST-FIRST-NAME: Ada, CUST-LAST-NAME: Voorbeeld, CUST-BIRTH-DATE: "1961-06-08", CUST-SSN: 1020304}
    expect:
      - {kind: party, record_id: "7", given_name: Ada, family_name: Voorbeeld, birth_date: 1961-06-08}
"""

CARDS = """
version: 1
source: carddemo_cards
system: carddemo
description: Which customer and account a card belongs to
mode: snapshot
read: {adapter: mainframe, path: data/CARDXREF.PS, copybook: data/card_xref.cpy, code_page: cp037}
records:
  - kind: product
    key: XREF-CARD-NUMBER
    party: {source: carddemo_customers, record_id: XREF-CUST-ID}
    fields:
      product_type: {constant: card}
      number: XREF-CARD-NUMBER
      attributes: [{name: {constant: account}, value: XREF-ACCT-ID}]
"""

# Where the twin has each field: copied from the layout of the application, not from our copybook reader.
PLACES = {
    "id": (0, 9), "first": (9, 34), "middle": (34, 59), "last": (59, 84), "line_1": (84, 134), "line_2": (134, 184),
    "line_3": (184, 234), "state": (234, 236), "country": (236, 239), "zip": (239, 249), "phone_1": (249, 264),
    "phone_2": (264, 279), "ssn": (279, 288), "birth_date": (308, 318), "fico": (329, 332),
}  # fmt: skip


@pytest.fixture(scope="module")
def witness(carddemo_data: Path) -> dict[str, dict[str, str]]:
    """The same customers in ASCII, by number."""
    lines = (carddemo_data / "custdata.ascii.txt").read_text("ascii").splitlines()
    told = [{name: line[start:end].strip() for name, (start, end) in PLACES.items()} for line in lines]
    return {str(int(customer["id"])): customer for customer in told}


@pytest.fixture(scope="module")
def estate(carddemo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EstateFolder]:
    """Both files synced and resolved."""
    folder = EstateFolder(tmp_path_factory.mktemp("carddemo"))
    shutil.copytree(carddemo_data, folder.root / "data")
    folder.describe(CUSTOMERS)
    folder.describe(CARDS)
    yield folder
    folder.close()


@pytest.fixture(scope="module")
def told(estate: EstateFolder) -> dict[str, dict[str, int]]:
    """What the sync of each source counted."""
    told = {name: counts(run) for name, run in estate.sync().items()}
    estate.resolve()
    return told


def cards(data: Path) -> dict[str, str]:
    """Return the customer of every card, by the place of both in the file."""
    text = (data / "CARDXREF.PS").read_bytes().decode("cp037")
    records = [text[start : start + 50] for start in range(0, len(text), 50)]
    return {record[:16].strip(): str(int(record[16:25])) for record in records}


def as_told(customer: dict[str, str]) -> dict[str, Any]:
    """What the canonical record must be, by the twin."""
    attributes = {
        "fico_score": str(int(customer["fico"])),
        "middle_name": customer["middle"],
        "phone_1": customer["phone_1"],
        "phone_2": customer["phone_2"],
    }
    return {
        "party_type": "person",
        "given_name": customer["first"],
        "family_name": customer["last"],
        "birth_date": customer["birth_date"],
        "addresses": [
            {
                "kind": "home",
                "street": customer["line_1"],
                "house_number_suffix": customer["line_2"],
                "postcode": customer["zip"],
                "city": customer["line_3"],
                "region": customer["state"],
                "country": "US",
            }
        ],
        "identifiers": [
            {"type": "customer_number", "value": str(int(customer["id"]))},
            {"type": "national_id", "value": customer["ssn"]},
        ],
        "attributes": [{"name": name, "value": value} for name, value in attributes.items()],
    }


def test_every_row_is_accounted_for(told: dict[str, dict[str, int]]):
    all_landed = {"read": 50, "landed": 50, "unchanged": 0, "quarantined": 0, "filtered": 0, "deleted": 0}
    assert told == {"carddemo_customers": all_landed, "carddemo_cards": all_landed}


@pytest.mark.usefixtures("told")
def test_source_records_say_what_the_twin_says(estate: EstateFolder, witness: dict[str, dict[str, str]]):
    landed = {key: json.loads(content) for (_, kind, key), content in live(estate.store).items() if kind == PARTY}
    assert len(landed) == 50
    assert landed == {number: as_told(customer) for number, customer in witness.items()}


@pytest.mark.usefixtures("told")
def test_every_card_is_attached_to_its_customer(estate: EstateFolder, carddemo_data: Path):
    of_customer = cards(carddemo_data)
    attached = {key: party for (source, key), (_, party) in references(estate.store).items()}
    assert attached == {card: ("carddemo_customers", customer) for card, customer in of_customer.items()}
    assert {state for state, _ in references(estate.store).values()} == {"attached"}


@pytest.mark.usefixtures("told")
def test_golden_records_say_what_the_twin_says_with_the_cards(
    estate: EstateFolder, witness: dict[str, dict[str, str]], carddemo_data: Path
):
    of_customer = cards(carddemo_data)
    assert partition(estate.store) == {frozenset({("carddemo_customers", number)}) for number in witness}
    for members, (record, provenance) in golden(estate.store).items():
        ((source, number),) = members
        expected = as_told(witness[number])
        (product,) = record.pop("products")
        assert of_customer[product["number"]] == number
        assert product["product_type"] == "card"
        assert record == expected | {"canonical_version": 1}
        origins = {(origin["data_source"], origin["record_id"]) for origin in provenance.values()}
        assert origins == {(source, number), ("carddemo_cards", product["number"])}


@pytest.mark.usefixtures("told")
def test_a_customer_is_found_by_card_and_number(estate: EstateFolder, carddemo_data: Path):
    of_customer = cards(carddemo_data)
    for members, keys in lookup_keys(estate.store).items():
        ((_, number),) = members
        assert ("customer_number", number, True) in keys
        assert {of_customer[value] for kind, value, _ in keys if kind == "product"} == {number}


@pytest.mark.usefixtures("told")
def test_a_second_sync_finds_nothing_changed_and_puts_nothing_into_the_outbox(estate: EstateFolder):
    waiting = outbox(estate.store)
    assert [event["type"] for event in waiting] == ["created"] * 50
    again = {name: counts(run) for name, run in estate.sync().items()}
    unchanged = {"read": 50, "landed": 0, "unchanged": 50, "quarantined": 0, "filtered": 0, "deleted": 0}
    assert again == {"carddemo_customers": unchanged, "carddemo_cards": unchanged}
    assert estate.resolve().idle
    assert outbox(estate.store) == waiting


def test_the_examples_of_the_mapping_hold(estate: EstateFolder):
    assert estate.voeg("mapping", "test").returncode == 0

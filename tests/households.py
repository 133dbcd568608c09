"""An estate of two systems with people who live together, namesakes, a baker and his bakery: to explain and relate."""

from __future__ import annotations

from estates import EstateFolder, Row, members, snapshot

_PARTY = """
  - kind: party
    key: id
    fields:
      party_type: type
      given_name: given
      family_name: name
      organisation_name: company
      birth_date: {{from: born, do: [{{parse_date: ["%Y-%m-%d"]}}]}}
      addresses: [{{kind: {{constant: home}}, street: street, house_number: number, postcode: postcode, city: city}}]
      phones: [{{number: phone}}]
      emails: [{{address: email}}]
      identifiers: [{{type: {{constant: {identifier}}}, value: {number}}}]
"""


def mapping(source: str, *, identifier: str = "national_id", number: str = "nid") -> str:
    """Return the mapping of one of the systems: parties, with an identifier from one of its columns."""
    return snapshot(source, _PARTY.format(identifier=identifier, number=number))


COLUMNS = (
    *("id", "type", "given", "name", "company", "born", "street", "number", "postcode", "city"),
    *("phone", "email", "nid"),
)
HOME: Row = {"street": "Dorpsstraat", "number": "4", "postcode": "1234 AB", "city": "Wijchen", "phone": "+31201112233"}
SASKIA: Row = {"type": "person", "given": "Saskia", "name": "Terpstra", "born": "1971-03-14", "phone": "+31612345678"}
FATHER: Row = {"type": "person", "given": "Jan", "name": "Smit", "born": "1950-02-11", **HOME}
SON: Row = {**FATHER, "born": "1981-07-30"}
EITHER: Row = {**FATHER, "born": None, "email": "jan.smit@example.org"}
BAKER: Row = {"type": "person", "given": "Bram", "name": "Bakker", "phone": "+31102223344", "email": "bram@example.org"}
BAKERY: Row = {
    "type": "organisation",
    "company": "Bakkerij Bakker",
    "phone": "+31102223344",
    "email": "bram@example.org",
}
NAMESAKE: Row = {"type": "person", "given": "Piet", "name": "Bos", "born": "1990-09-09", "phone": "+31613131313"}

CRM: list[Row] = [
    {"id": "saskia", **SASKIA},
    {"id": "father", **FATHER},
    {"id": "son", **SON},
    {"id": "baker", **BAKER},
    {"id": "bakery", **BAKERY},
    {"id": "one bos", **NAMESAKE, "nid": "111222333"},
    {"id": "hermit", "type": "person", "given": "Odulphus", "name": "Kluizenaar"},
]
SHOP: list[Row] = [
    {"id": "saskia/2", **SASKIA, "given": "Sas", "email": "saskia@example.org"},
    {"id": "father", **FATHER, "email": "jan.smit@example.org"},
    {"id": "son", **SON},
    {"id": "either", **EITHER},
    {"id": "other bos", **NAMESAKE, "given": "Klaas", "born": "1961-01-02", "nid": "987654321"},
]


def deliver(estate: EstateFolder) -> None:
    """Describe both systems, and let them deliver what they know."""
    for source, rows in (("crm", CRM), ("shop", SHOP)):
        estate.describe(mapping(source))
        estate.deliver(f"data/{source}.csv", rows, COLUMNS)


def entity(folder: EstateFolder, record: str) -> str:
    """Return the id of the customer that has a record, ``source/record_id``."""
    source, _, key = record.partition("/")
    return next(str(number) for number, records in members(folder.store).items() if (source, key) in records)

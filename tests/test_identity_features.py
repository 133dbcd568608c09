"""What features promise: the same fact written differently becomes the same value."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from canonical_model import content
from canonical_model.schema import Kind, content_schema
from identity import features


def parties(*rows: dict[str, object]) -> pl.DataFrame:
    envelope = {"record_no": pl.Int64(), "data_source": pl.String(), "record_id": pl.String()}
    content = content_schema(Kind.PARTY)
    full = [
        {"record_no": number, "data_source": "crm", "record_id": f"r{number}", **dict.fromkeys(content), **row}
        for number, row in enumerate(rows)
    ]
    return pl.DataFrame(full, schema={**envelope, **content})


def compute(**row: object) -> dict[str, object]:
    return features.compute(parties(row)).row(0, named=True)


def test_the_frame_has_the_schema_also_when_empty() -> None:
    assert features.compute(parties()).schema == features.SCHEMA
    assert features.compute(parties({})).schema == features.SCHEMA


@pytest.mark.parametrize(
    ("written", "family", "parts"),
    [
        ("Vroegindeweij", "vrogindewey", ["vrogindewey"]),
        ("van der Berg", "berg", ["berg"]),
        ("BERG, VAN DEN", "berg", ["berg"]),
        ("Jansen-de Vries", "jansenvries", ["jansen", "vries"]),
        ("Müller", "muller", ["muller"]),
        ("Mu\u0308ller", "muller", ["muller"]),
        ("MUELLER", "muller", ["muller"]),
        ("Ødegård", "odegard", ["odegard"]),
        ("Oedegaard", "odegard", ["odegard"]),
        ("Strauß", "strauss", ["strauss"]),
        ("İşçi", "isci", ["isci"]),
        ("IŞÇI", "isci", ["isci"]),
        ("Dijk", "dyk", ["dyk"]),
        ("Łukasiewicz", "lukasiewicz", ["lukasiewicz"]),
        ("Straße", "strasse", ["strasse"]),
        ("d'Arc", "arc", ["arc"]),
        ("Van", "van", ["van"]),  # an infix that is all there is stays
        ("Παπάς", "papas", ["papas"]),
        ("Иванов", "ivanov", ["ivanov"]),
        ("Соловьёв", "solovev", ["solovev"]),
        ("  ", None, None),
    ],
)
def test_family_names_are_folded_and_free_of_infixes(written: str, family: str | None, parts: list[str] | None) -> None:
    found = compute(family_name=written)
    assert found["family"] == family
    assert found["family_parts"] == parts


def test_given_names_know_what_they_are_short_for() -> None:
    found = compute(given_name="Jan Willem", initials="J.W.P.")
    assert found["given"] == "jan"
    assert found["given_names"] == ["jan", "willem"]
    assert found["initials"] == "jwp"
    assert found["first_letters"] == ["j"]
    assert "johannes" in found["given_roots"]  # type: ignore[operator]
    assert set(compute(given_name="Ted")["given_roots"]) == {"ted", "edmund", "edward", "theodore"}  # type: ignore[call-overload]


def test_a_lone_letter_is_an_initial_not_a_name() -> None:
    found = compute(given_name="J.")
    assert (found["given"], found["given_names"], found["first_letters"]) == (None, None, ["j"])


def test_a_call_name_and_registered_initials_are_both_known() -> None:
    assert compute(given_name="Ria", initials="M.A.")["first_letters"] == ["m", "r"]


def test_a_title_is_not_a_name() -> None:
    assert compute(given_name="Sir William")["given"] == "william"
    assert compute(given_name="Dr.")["given"] is None


@pytest.mark.parametrize("written", ["Bakkerij De Zon B.V.", "bakkerij de zon bv", "Bakkerij 'De Zon'"])
def test_organisations_are_known_without_their_legal_form(written: str) -> None:
    found = compute(party_type="organisation", organisation_name=written)
    assert found["organisation"] == "bakkeryzon"
    assert found["party_type"] == "organisation"


@pytest.mark.parametrize(
    ("written", "organisation", "form", "branch"),
    [
        ("Bakkerij De Zon B.V.", "bakkeryzon", "bv", None),
        ("Bakkerij De Zon, filiaal Ede", "bakkeryzon", None, "ede"),
        ("Zon Groep N.V. - Vestiging 12", "zon", "nv", "12"),
        ("Zon Holding B.V.", "zonholding", "bv", None),  # another company than Zon
        ("Bakkerij 12", "bakkery12", None, "12"),
        ("4711 GmbH", "4711", "gmbh", None),  # a number that is the whole name
        ("Sun Limited", "sun", "ltd", None),
        ("Filiaal", "filial", None, None),
        ("Avbranche", "avbranche", None, None),
    ],
)
def test_legal_form_and_branch_are_told_apart_from_the_name(
    written: str, organisation: str, form: str | None, branch: str | None
) -> None:
    found = compute(party_type="organisation", organisation_name=written)
    assert (found["organisation"], found["legal_form"], found["branch"]) == (organisation, form, branch)


def test_the_own_city_at_the_end_of_a_name_is_a_branch() -> None:
    ede = [{"city": "Ede"}]
    assert compute(organisation_name="Bakkerij De Zon Ede B.V.", addresses=ede)["branch"] == "ede"
    assert compute(organisation_name="Bakkerij De Zon Tiel", addresses=ede)["branch"] is None
    assert compute(organisation_name="Ede", addresses=ede)["branch"] is None


def test_a_house_may_have_a_name_for_a_number() -> None:
    one = compute(addresses=[{"street": "The Old Rectory", "postcode": "YO1 7HH"}])
    other = compute(addresses=[{"street": "Old Rectory", "postcode": "yo17hh", "city": "York"}])
    assert one["addresses"] == other["addresses"] == ["yo17hh:oldrectory"]
    assert compute(addresses=[{"street": "Lindenweg", "postcode": "51404"}])["addresses"] is None


def test_an_address_may_say_since_when() -> None:
    addresses = [{"city": "Ede", "valid_from": date(2020, 3, 31)}, {"city": "Tiel", "valid_from": date(2012, 1, 1)}]
    assert compute(addresses=addresses)["address_since"] == str(2020 * 12 + 3)
    assert compute(addresses=[{"city": "Ede"}])["address_since"] is None


def test_a_party_without_type_is_what_its_names_say() -> None:
    assert compute(organisation_name="Zon")["party_type"] == "organisation"
    assert compute(organisation_name="Zon", family_name="Jansen")["party_type"] == "person"


def test_addresses_meet_whatever_the_spelling() -> None:
    one = compute(
        addresses=[{"street": "Kerkstraat", "house_number": "12", "house_number_suffix": "A", "postcode": "1234 AB"}]
    )
    other = compute(addresses=[{"street": "KERKSTR.", "house_number": "12a", "postcode": "1234ab", "city": "Ede"}])
    assert one["addresses"] == other["addresses"] == ["1234ab:12a"]
    assert one["areas"] == ["1234"]
    assert other["cities"] == ["ede"]


def test_an_address_without_postcode_goes_by_street_number_and_city() -> None:
    found = compute(addresses=[{"street": "Kerkstraat", "house_number": "12", "city": "'s-Gravenhage"}])
    assert found["addresses"] == ["kerkstrat:12:sgravenhage"]
    assert found["postcodes"] is None


@pytest.mark.parametrize(
    "written",
    [
        {"street": "Hauptstraße", "house_number": "5", "house_number_suffix": "a"},
        {"street": "Hauptstr. 5a"},
        {"street": "Haupt-Straße 5 A"},
    ],
)
def test_a_postcode_of_a_whole_quarter_needs_the_street_too(written: dict[str, str]) -> None:
    found = compute(addresses=[{**written, "postcode": "51404", "city": "Köln"}])
    assert found["addresses"] == ["51404:5a:hau"]
    other = compute(addresses=[{"street": "Lindenweg", "house_number": "5a", "postcode": "51404"}])
    assert other["addresses"] != found["addresses"]


@pytest.mark.parametrize("street", ["123 N Main St", "123 Main Street"])
def test_a_house_number_may_come_first_and_a_zip_code_have_four_digits_more(street: str) -> None:
    found = compute(addresses=[{"street": street, "postcode": "12345-6789"}])
    assert found["addresses"] == ["12345:123:mai"]
    assert found["postcodes"] == ["12345"]


def test_a_number_in_a_street_is_no_other_address_than_one_beside_it() -> None:
    inside = compute(addresses=[{"street": "Kerkstraat 12b", "postcode": "6711 AB"}])
    assert inside["addresses"] == ["6711ab:12b"]


def test_contact_points_and_identifiers_are_sets_by_kind() -> None:
    found = compute(
        phones=[{"number": "+31612345678"}, {"number": "+31612345678"}, {"number": None}],
        emails=[{"address": " Jan@Example.COM "}],
        identifiers=[
            {"type": "iban", "value": "NL91 ABNA 0417 1643 00"},
            {"type": "customer_number", "value": "12-34"},
            {"type": "crm_number", "value": "1234"},
            {"type": "chamber_of_commerce", "value": "12345678"},
            {"type": "national_id", "value": "111222333"},
        ],
    )
    assert found["phones"] == ["+31612345678"]
    assert found["emails"] == ["jan@example.com"]
    assert found["ibans"] == ["NL91ABNA0417164300"]
    assert found["identifiers"] == ["crm_number:1234", "customer_number:1234"]
    assert found["registrations"] == ["chamber_of_commerce:12345678"]
    assert found["national_ids"] == ["111222333"]
    assert found["identifier_types"] == ["crm_number", "customer_number"]
    assert found["registration_types"] == ["chamber_of_commerce"]


def test_dates_are_digits() -> None:
    assert compute(birth_date=date(1961, 3, 4))["birth_date"] == "19610304"


def test_the_key_depends_on_the_record_key_alone() -> None:
    rows = parties({"family_name": "Jansen"}, {"family_name": "Jansen"})
    keys = features.compute(rows)["key"].to_list()
    later = features.compute(rows.with_columns(pl.col("record_no") + 7, family_name=pl.lit("Bakker")))["key"].to_list()
    assert keys == later
    assert len(set(keys)) == 2
    assert keys[0] == 5373281353264711168 or keys[0] > 0


def test_the_key_is_the_same_for_few_records_and_for_many() -> None:
    some = parties({}, {}).with_columns(data_source=pl.Series(["crm", "é"]), record_id=pl.Series(["r0", "№\x1f7"]))
    many = pl.concat([some] * content.FEW)
    assert features.compute(many)["key"].head(2).to_list() == features.compute(some)["key"].to_list()

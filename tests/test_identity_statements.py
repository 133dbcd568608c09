"""Statements: what records say, as they say it."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical_model.schema import Kind, content_schema
from identity import features
from identity.comparison import COMPARISONS
from identity.statements import Statement, stated


def statements(*parties: dict[str, Any]) -> list[Statement]:
    keys = {"record_no": pl.Int64(), "data_source": pl.String(), "record_id": pl.String()}
    rows = [{"record_no": number, **party} for number, party in enumerate(parties)]
    said = stated(pl.DataFrame(rows, schema={**keys, **content_schema(Kind.PARTY)}))
    return [said[number] for number in range(len(parties))]


def test_every_value_is_told_as_it_stands_in_the_record() -> None:
    [one] = statements(
        {
            "given_name": "José María", "initials": "J.M.", "infix": "van der", "family_name": "Vroegindeweij",
            "birth_date": date(1950, 2, 11), "gender": "male", "birth_place": "'s-Gravenhage", "occupation": "Kok",
            "addresses": [
                {"street": "Dorpsstraat", "house_number": "4", "house_number_suffix": "bis", "postcode": "1234 AB"},
                {"city": "Wijchen"},
                {"kind": "home"},
            ],
            "phones": [{"number": "+31612345678"}, {"kind": "home"}, {"number": "+31612345678"}],
            "emails": [{"address": "J.Maria@Example.org"}],
            "identifiers": [
                {"type": "iban", "value": "NL91 ABNA 0417"}, {"type": "national_id", "value": "111"},
                {"type": "chamber_of_commerce", "value": "222"}, {"type": "customer_number", "value": "333"},
                {"type": "customer_number"},
            ],
            "organisation_name": "Bakkerij B.V.",
        }
    )  # fmt: skip
    assert one.values == {
        "given_name": ("José María", "J.M."),
        "family_name": ("van der Vroegindeweij",),
        "birth_date": ("1950-02-11",),
        "gender": ("male",),
        "birth_place": ("'s-Gravenhage",),
        "occupation": ("Kok",),
        "address": ("Dorpsstraat 4bis, 1234 AB", "Wijchen"),
        "phone": ("+31612345678",),
        "email": ("J.Maria@Example.org",),
        "iban": ("NL91 ABNA 0417",),
        "national_id": ("111",),
        "registration": ("chamber of commerce 222",),
        "identifier": ("customer number 333",),
        "organisation": ("Bakkerij B.V.",),
    }


def test_who_tells_nothing_says_nothing() -> None:
    [nobody] = statements({})
    assert not any(nobody.values.values()) and not any(nobody.spellings.values())
    assert stated(pl.DataFrame(schema={"record_no": pl.Int64(), **content_schema(Kind.PARTY)})) == {}


def test_what_is_said_is_said_of_what_is_compared() -> None:
    compared = {one.name for found in COMPARISONS.values() for one in found}
    [one] = statements({})
    assert one.spellings.keys() <= one.values.keys() == compared - {"legal_form", "branch"}


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("Vroegindeweij", "Vrogindewey", True),
        ("Müller", "Mueller", True),
        ("Müller", "Muller", False),  # an accent is not a spelling
        ("JANSEN", "Jansen", False),
        ("de Vries-Dijk", "Dyk", True),
        ("van Dijk", "Dijk", False),
        ("Jansen", "Smit", False),
        ("Dijk Dyk", "Dyk", False),  # one of the words is written alike
    ],
)
def test_names_differ_in_spelling_alone_where_they_are_compared_as_equals(one: str, other: str, differ: bool) -> None:
    left, right = statements({"family_name": one}, {"family_name": other})
    assert left.differs_in_spelling(right, "family_name") is differ
    assert not left.differs_in_spelling(right, "address")


@given(st.lists(st.text("aeijouryÄöÅ", min_size=2, max_size=6), min_size=2, max_size=2))
def test_names_that_are_compared_as_equals_are_written_alike_or_differ_in_spelling(names: list[str]) -> None:
    one, other = statements(*({"family_name": name} for name in names))
    written = [set().union(*side.spellings["family_name"].values()) for side in (one, other)]
    equal = one.spellings["family_name"].keys() == other.spellings["family_name"].keys()
    assert one.differs_in_spelling(other, "family_name") is (equal and written[0] != written[1])
    assert other.differs_in_spelling(one, "family_name") is one.differs_in_spelling(other, "family_name")
    assert not one.differs_in_spelling(one, "family_name")
    rows = [
        {"record_no": n, "data_source": "a", "record_id": str(n), "family_name": name} for n, name in enumerate(names)
    ]
    keys = {"record_no": pl.Int64, "data_source": pl.String, "record_id": pl.String}
    family = features.compute(pl.DataFrame(rows, schema={**keys, **content_schema(Kind.PARTY)}))["family"]
    assert equal is (family[0] == family[1])


def test_nothing_is_shown_in_the_representation() -> None:
    [one] = statements({"family_name": "Terpstra"})
    assert "erpstra" not in repr(one)

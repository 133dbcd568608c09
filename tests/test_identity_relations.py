"""Relations: what relates customers that are not one, and what does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from canonical_model.schema import Kind, content_schema
from identity import relations
from identity.model import packaged_prior
from identity.relations import AT_MOST, DECLARED_SCHEMA, FACT_SCHEMA, HOUSEHOLD_SCHEMA, RELATION_SCHEMA

NOTHING_SAID = pl.DataFrame(schema=DECLARED_SCHEMA)


def fact(number: int, party_type: str = "person", **shared: str | Sequence[str]) -> dict[str, object]:
    told = {name: [value] if isinstance(value, str) else list(value) for name, value in shared.items()}
    return {"entity_id": number, "party_type": party_type, **told}


def facts(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=FACT_SCHEMA)


def related(*rows: dict[str, object], declared: pl.DataFrame = NOTHING_SAID) -> list[tuple[int, int, str, str]]:
    found = relations.relate(facts(*rows), declared)
    assert found.schema == RELATION_SCHEMA
    return [(one, other, kind, " ".join(because)) for one, other, kind, because in found.iter_rows()]


def test_people_of_one_name_at_one_address_live_together() -> None:
    assert related(
        fact(2, address="1234ab:4", name=["bos", "vries"]), fact(1, address="1234ab:4", name="bos"), fact(3, name="bos")
    ) == [(1, 2, "household", "address name")]


def test_people_of_other_names_live_together_when_they_share_a_contact_point() -> None:
    assert related(
        fact(1, address="1234ab:4", name="bos", phone="+31201112233"),
        fact(2, address="1234ab:4", name="dekker", phone="+31201112233"),
        fact(3, address="1234ab:4", name="smit"),
        fact(4, address="9999zz:1", name="kok", phone="+31201112233"),
    ) == [(1, 2, "household", "address phone")]


def test_a_person_belongs_to_the_organisation_with_its_phone_or_its_name_at_its_address() -> None:
    assert related(
        fact(1, "organisation", name=["bakkerij", "bos"], address="1234ab:4", phone="+31102223344"),
        fact(2, phone="+31102223344"),
        fact(3, name="bos", address="1234ab:4"),
        fact(4, name="bos", address="5678cd:4"),
        fact(5, name="kok", address="1234ab:4"),
    ) == [(2, 1, "organisation", "phone"), (3, 1, "organisation", "address name")]


def test_two_organisations_are_no_household() -> None:
    point = {"address": "1234ab:4", "phone": "+31102223344", "name": "bos"}
    assert not related(fact(1, "organisation", **point), fact(2, "organisation", **point))


def test_what_a_source_declares_is_a_relation_of_its_own() -> None:
    said = pl.DataFrame({"one": [2, 2, 7], "other": [1, 2, 1], "kind": ["payer"] * 3}, schema=DECLARED_SCHEMA)
    assert related(fact(1, iban="NL1"), fact(2, iban="NL1"), declared=said) == [(2, 1, "payer", "declared iban")]


def test_a_value_of_very_many_relates_nobody() -> None:
    crowd = [fact(number, address="1234ab:4", name=f"name{number}", phone="+31205551000") for number in range(AT_MOST)]
    assert len(related(*crowd)) == AT_MOST * (AT_MOST - 1) // 2
    assert not related(*crowd, fact(AT_MOST, address="1234ab:4", phone="+31205551000"))


def test_generic_values_are_no_facts() -> None:
    content = content_schema(Kind.PARTY)
    row = {"party_type": "person", "family_name": "de Vries-Bos", "phones": [{"number": "+31205551000"}]}
    customers = pl.DataFrame([{"entity_id": 7, **row}], schema={"entity_id": pl.Int64(), **content})
    prior = packaged_prior()
    assert relations.facts(customers, prior).row(0, named=True) == {
        **dict.fromkeys(FACT_SCHEMA),
        **{"entity_id": 7, "party_type": "person", "name": ["bos", "vries"], "phone": ["+31205551000"]},
    }
    generic = replace(prior, generic={**prior.generic, "phones": frozenset({"+31205551000"})})
    assert relations.facts(customers, generic)["phone"].to_list() == [None]


# Households -----------------------------------------------------------------------------------------------------


def test_a_household_is_named_by_its_smallest_customer() -> None:
    home = {"address": "1234ab:4"}
    found = relations.relate(
        facts(fact(9, name="bos", **home), fact(5, name=["bos", "kok"], **home), fact(7, name="kok", **home), fact(3)),
        NOTHING_SAID,
    )
    assert relations.households(found).rows() == [(5, 5), (5, 7), (5, 9)]


def test_what_is_too_large_for_a_household_is_none() -> None:
    chain = [fact(number, address="1234ab:4", name=[f"n{number}", f"n{number + 1}"]) for number in range(AT_MOST + 1)]
    assert relations.households(relations.relate(facts(*chain[:-1]), NOTHING_SAID)).height == AT_MOST
    assert relations.households(relations.relate(facts(*chain), NOTHING_SAID)).is_empty()


def test_nobody_is_related_to_nobody() -> None:
    found = relations.relate(facts(), NOTHING_SAID)
    assert found.is_empty() and relations.households(found).schema == HOUSEHOLD_SCHEMA


values = st.lists(st.sampled_from("abc"), max_size=2, unique=True)
people = st.lists(
    st.fixed_dictionaries(
        {
            "party_type": st.sampled_from(["person", "person", "organisation"]),
            **dict.fromkeys(("address", "name", "phone", "email"), values),
        }
    ),
    max_size=8,
)


@settings(max_examples=40)
@given(people, st.randoms(use_true_random=False))
def test_relations_follow_from_what_is_shared_in_any_order(told, random) -> None:
    rows = [{"entity_id": number, **one} for number, one in enumerate(told)]
    found = relations.relate(facts(*rows), NOTHING_SAID)
    random.shuffle(rows)
    assert relations.relate(facts(*rows), NOTHING_SAID).equals(found)
    shared = {
        (one, other): {
            name for name in ("address", "name", "phone", "email") if {*told[one][name]} & {*told[other][name]}
        }
        for one in range(len(told))
        for other in range(len(told))
    }
    for one, other, kind, because in found.iter_rows():
        assert {*because} == shared[one, other] and one != other
        types = (told[one]["party_type"], told[other]["party_type"])
        assert types == (("person", "person") if kind == "household" else ("person", "organisation"))
    pairs = {frozenset(pair) for pair in found.select("one", "other").rows()}
    for (one, other), what in shared.items():
        if one < other and {"address", "name"} <= what:
            both = {told[one]["party_type"], told[other]["party_type"]}
            assert (frozenset({one, other}) in pairs) == (both != {"organisation"})

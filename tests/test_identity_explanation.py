"""Explanations: words for everything that is compared, and numbers that are those that decide."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canonical_model.schema import Kind, content_schema
from identity import clustering, explanation, features, packing, wording
from identity.clustering import Decisions, Edges
from identity.comparison import COMPARISONS, VETOES
from identity.explanation import Assembly, Packed, weighed
from identity.linking import link
from identity.model import Model, packaged_prior
from identity.scoring import Scorer

PRIOR = packaged_prior()
DUTCH_HEAD_OFFICE = "+31205551000"
NOBODY_DECIDED = pl.DataFrame(schema={"a": pl.Int64, "b": pl.Int64, "kind": pl.String})


def parties(*people: dict[str, Any]) -> pl.DataFrame:
    """Return the features of people who are told by the fields of a party; in the order of their keys."""
    rows = [
        {"record_no": number, "data_source": f"source {number % 3}", "record_id": str(number), "party_type": "person"}
        | person
        for number, person in enumerate(people)
    ]
    keys = {"record_no": pl.Int64(), "data_source": pl.String(), "record_id": pl.String()}
    return features.compute(pl.DataFrame(rows, schema={**keys, **content_schema(Kind.PARTY)})).sort("key", "record_no")


def packed(frame: pl.DataFrame) -> list[Packed]:
    return [Packed(key, content) for _, key, content in packing.pack(frame).iter_rows()]


def person(given: str | None, family: str | None, born: date | None = None, **more: Any) -> dict[str, Any]:
    contact: dict[str, Any] = {}
    if phone := more.pop("phone", None):
        contact["phones"] = [{"number": phone}]
    if number := more.pop("national_id", None):
        contact["identifiers"] = [{"type": "national_id", "value": number}]
    if home := more.pop("home", None):
        contact["addresses"] = [{"street": "Dorpsstraat", "house_number": home, "postcode": "1234AB", "city": "Ede"}]
    return {"given_name": given, "family_name": family, "birth_date": born, **contact, **more}


people = st.builds(
    person,
    st.sampled_from(["Jan", "Johannes", "Piet", "Saskia", "S", None]),
    st.sampled_from(["Jansen", "Janssen", "de Vries", "Terpstra", None]),
    st.sampled_from([date(1970, 2, 1), date(1970, 1, 2), date(1971, 2, 1), date(1999, 9, 9), None]),
    phone=st.sampled_from(["+31612345678", "+31687654321", None]),
    national_id=st.sampled_from(["111222333", "987654321", None, None, None]),
    home=st.sampled_from(["1", "2", None]),
    gender=st.sampled_from(["male", "female", None]),
)
groups = st.lists(people, min_size=2, max_size=7).map(lambda found: parties(*found))


# Pairs ----------------------------------------------------------------------------------------------------------


@settings(max_examples=5)
@given(st.lists(people, min_size=20, max_size=30).map(lambda found: parties(*found)))
def test_a_pair_is_told_with_the_weight_that_linking_gives_it(frame: pl.DataFrame) -> None:
    model = PRIOR.with_thresholds(link=0, review=-30_000)
    edges = link(frame, NOBODY_DECIDED, model).edges
    place = {number: position for position, number in enumerate(frame["record_no"])}
    records = packed(frame)
    for a, b, weight, veto in edges.iter_rows():
        found = weighed(records[place[a]], records[place[b]], model)
        assert (found.weight, bool(found.vetoes)) == (weight, veto)
        assert found.weight == min(found.total("strangers"), found.total("relatives"))
        assert all(step.stranger == step.relative == 0 for step in found.steps if not step.told)


def test_evidence_is_told_in_words_strongest_first() -> None:
    one, other = packed(
        parties(
            person("Saskia", "Terpstra", date(1971, 3, 14), phone="+31612345678"),
            person("Wouter", "Terpstra", date(1971, 3, 14), phone="+31612345678"),
        )
    )
    found = weighed(one, other, PRIOR)
    words = {step.comparison: step.words for step in found.steps if step.told}
    assert words["birth_date"] == words["family_name"] == "the same"
    assert words["given_name"] == "different"
    assert [step.comparison for step in found.strongest(speaking_for=False)] == ["given_name"]
    speaking = found.strongest(speaking_for=True, most=9)
    weights = [step.weight(found.rival) for step in speaking]
    assert speaking[0].comparison == "birth_date" and weights == sorted(weights, reverse=True)
    assert min(weights) >= 1_000


@pytest.mark.parametrize(
    ("stranger", "relative", "rival", "says"),
    [
        (-3_000, 2_000, "relatives", "in another place, unlike relatives"),
        (-3_000, 2_000, "strangers", "in another place"),
        (-3_000, 200, "relatives", "in another place"),
        (-3_000, -2_000, "relatives", "in another place"),
        (3_000, -2_000, "relatives", "in another place, like relatives"),
    ],
)
def test_what_tells_of_relatives_otherwise_than_of_strangers_says_so(
    stranger: int, relative: int, rival: wording.Rival, says: str
) -> None:
    step = explanation.Step(
        comparison="address", level="other", words="in another place", told=True, veto=False,
        stranger=stranger, relative=relative, left={}, right={}, says=((), ()),
    )  # fmt: skip
    assert step.told_against(rival) == says


def test_values_are_kept_out_of_the_representation() -> None:
    one, other = packed(parties(person("Saskia", "Terpstra"), person("Saskia", "Terpstra")))
    found = weighed(one, other, PRIOR)
    assert "terpstra" not in repr(found) + repr(one)
    [family] = [step for step in found.steps if step.comparison == "family_name"]
    assert family.left["family"] == "terpstra"
    assert family.says == (("terpstra",), ("terpstra",))  # in other words they are not known here


def test_a_common_value_that_is_too_common_proves_nothing_and_is_named() -> None:
    one, other = packed(
        parties(person("Jan", "Jansen", phone=DUTCH_HEAD_OFFICE), person("Piet", "Bos", phone=DUTCH_HEAD_OFFICE))
    )
    assert weighed(one, other, PRIOR).set_aside == ()
    model = replace(PRIOR, generic={**PRIOR.generic, "phones": frozenset({DUTCH_HEAD_OFFICE})})
    found = weighed(one, other, model)
    assert found.set_aside == ("phones",)
    assert "phone" not in {step.comparison for step in found.steps if step.told}


def test_two_records_of_a_source_without_duplicates_are_ruled_out() -> None:
    frame = parties(person("Jan", "Bos"), person("Jan", "Bos")).with_columns(data_source=pl.lit("crm"))
    one, other = packed(frame)
    assert not weighed(one, other, PRIOR).vetoes
    model = PRIOR.with_constraints(duplicate_free=["crm"])
    assert weighed(one, other, model).vetoes == ("two records of a source that has every customer once",)


@pytest.mark.parametrize("party_type", sorted(COMPARISONS))
def test_what_rules_a_pair_out_is_named_in_words(party_type: str) -> None:
    for veto in VETOES[party_type]:
        assert " " in veto.name, f"'{veto.name}' is shown to people as it is"


def test_levels_that_rule_a_pair_out_together_are_told_as_that() -> None:
    one, other = packed(
        parties(
            person("Jan", "Bos", date(1950, 1, 1), national_id="111222333"),
            person("Piet", "Bos", date(1984, 6, 7), national_id="987654321"),
        )
    )
    found = weighed(one, other, PRIOR)
    assert len(found.vetoes) == 1 and "national id" in found.vetoes[0]
    assert {step.comparison for step in found.steps if step.veto} >= {"national_id", "given_name", "birth_date"}


def test_a_person_is_not_weighed_against_an_organisation() -> None:
    one, other = packed(parties(person("Jan", "Bos"), {"party_type": "organisation", "organisation_name": "Bos"}))
    with pytest.raises(ValueError, match="party types"):
        weighed(one, other, PRIOR)


# Parties --------------------------------------------------------------------------------------------------------


def assembly(frame: pl.DataFrame, model: Model = PRIOR, decisions: Decisions = Decisions()) -> Assembly:  # noqa: B008
    """Return the assembly of records, with all pairs as edges."""
    records = [explanation.seen(record, model) for record in packed(frame)]
    left, right = np.triu_indices(len(records), k=1)
    proof = Scorer(model, "person").evidence(records, left, right)
    return Assembly(records, Edges(left, right, proof.weight, proof.veto), decisions, model)


@settings(max_examples=25)
@given(groups)
def test_a_fall_is_where_matching_takes_a_party_apart(frame: pl.DataFrame) -> None:
    found = assembly(frame)
    for group in found.groups(PRIOR.link_threshold):
        falls = found.falls(group, PRIOR.link_threshold)
        assert [fall.above for fall in falls] == sorted(fall.above for fall in falls)
        assert bool(falls) == (len(group) > 1)
        for fall in falls:
            parts = [frozenset(part) for part in fall.parts]
            assert frozenset(fall.whole) == frozenset().union(*parts) and len(parts) > 1
            assert {frozenset(fall.whole)} == {
                each & group for each in found.groups(fall.above) if each & {*fall.whole}
            }
            assert {*parts} <= {each & {*fall.whole} for each in found.groups(fall.above + 1)}


def test_what_people_decided_never_falls_apart() -> None:
    frame = parties(person("Jan", "Bos"), person("Saskia", "Terpstra"))
    found = assembly(frame, decisions=Decisions(must_link=[(0, 1)]))
    assert found.groups(PRIOR.link_threshold) == {frozenset({0, 1})}
    assert found.falls([0, 1], PRIOR.link_threshold) == ()
    assert found.joins([0, 1]) == [clustering.Join(0, 1, None)]


@settings(max_examples=25)
@given(groups)
def test_a_party_is_put_together_from_all_its_records(frame: pl.DataFrame) -> None:
    found = assembly(frame)
    for group in found.groups(PRIOR.link_threshold):
        members = sorted(group)
        joins = found.joins(members)
        if not any(found._edges.veto):  # a veto may stand between two records that others hold together
            assert len(joins) == len(members) - 1
        assert {join.right for join in joins} <= group - {members[0]}


@settings(max_examples=25)
@given(groups)
def test_parties_with_a_linking_pair_stay_apart_because_of_the_weight_between_them(frame: pl.DataFrame) -> None:
    found = assembly(frame)
    threshold = PRIOR.link_threshold
    edges = found._edges
    for one, other in itertools.combinations(found.groups(threshold), 2):
        between = np.isin(edges.left, [*one, *other]) & np.isin(edges.right, [*one, *other])
        across = edges.where(between & (np.isin(edges.left, [*one]) != np.isin(edges.right, [*one])))
        weight = found.between(sorted(one), sorted(other))
        assert (weight is None) == bool(across.veto.any())
        if weight is not None and across.weight.max() >= threshold:
            assert weight < threshold

"""Contradictions inside a party: what is asked about, by what the model holds to be nearly impossible."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity import contradictions, packing
from identity.comparison import COMPARISONS
from identity.model import Level, Model, packaged_prior
from identity.questions import Reason

NOTHING: dict[str, Any] = dict.fromkeys(packing.FIELDS)
BORN, ELSE = "19500211", "19810730"


def found(
    *records: dict[str, Any], entities: list[int] | None = None, model: Model | None = None
) -> list[tuple[int, int, int, str]]:
    """The contradictions between records, numbered as they come; all are one person unless told otherwise."""
    pairs = contradictions.contradictions(members(list(records), entities), model or packaged_prior())
    assert pairs.schema == contradictions.SCHEMA
    assert (pairs["against"] <= contradictions.NEARLY_IMPOSSIBLE).all()
    return pairs.sort("a", "b").select("a", "b", "entity_id", "comparison").rows()


def members(records: list[dict[str, Any]], entities: list[int] | None = None) -> pl.DataFrame:
    person = {**NOTHING, "party_type": "person", "data_source": "crm"}
    return pl.DataFrame(
        {
            "record_no": range(len(records)),
            "entity_id": entities or [0] * len(records),
            "content": [packing.pack_one({**person, **record}) for record in records],
        },
        schema={"record_no": pl.Int64, "entity_id": pl.Int64, "content": pl.String},
    )


def with_level(model: Model, comparison: str, level: str, m: float) -> Model:
    """The same model, with another opinion of how often a level is found among records of one person."""
    person = model.populations["person"]
    levels = tuple(
        Level.of(one.name, m, one.u, one.r) if one.name == level else one for one in person.comparisons[comparison]
    )
    changed = replace(person, comparisons={**person.comparisons, comparison: levels})
    return replace(model, populations={**model.populations, "person": changed})


def test_another_national_id_and_another_birth_date_contradict() -> None:
    ids = [{"national_ids": ["111222333"]}, {"national_ids": ["987654321"]}]
    assert found(*ids) == [(0, 1, 0, "national_id")]
    assert found({"birth_date": BORN}, {"birth_date": ELSE}, {}) == [(0, 1, 0, "birth_date")]
    assert found(*ids, entities=[1, 2]) == []


def test_a_typing_error_does_not() -> None:
    assert found({"national_ids": ["111222333"]}, {"national_ids": ["111222334"]}) == []
    assert found({"birth_date": "19500211"}, {"birth_date": "19501102"}) == []


def test_names_and_contact_points_come_and_go() -> None:
    assert found({"given": "jan", "emails": ["a@b.nl"]}, {"given": "wouter", "emails": ["c@d.nl"]}) == []


def test_where_national_ids_are_often_wrong_another_one_is_no_contradiction() -> None:
    records = {"national_ids": ["111222333"]}, {"national_ids": ["987654321"]}
    assert found(*records, model=with_level(packaged_prior(), "national_id", "other", 0.14)) == []


def test_a_gender_is_taken_from_the_name_and_what_is_generic_from_nobody() -> None:
    model = with_level(packaged_prior(), "gender", "other", 0.0005)
    model = replace(model, genders={"saskia": "female"}, generic={"birth_date": frozenset([BORN])})
    records: list[dict[str, Any]] = [
        {"given": "saskia", "birth_date": BORN}, {"gender": "male", "birth_date": ELSE}
    ]  # fmt: skip
    assert found(*records, model=model) == [(0, 1, 0, "gender")]


@st.composite
def people(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Records that share few values, among them such as the packing has to escape."""
    texts = st.none() | st.sampled_from(["jan", "saskia", "a\x1f", "b\x1e", "\x1b0"])
    lists = st.none() | st.lists(
        st.sampled_from(["111222333", "111222334", "987654321", "x\x1fy", "x\x1ez", "\x1b1"]), min_size=1, max_size=2,
        unique=True,
    ).map(sorted)  # fmt: skip
    record = st.fixed_dictionaries(
        {
            "party_type": st.just("person") | st.just("organisation"), "given": texts, "national_ids": lists,
            "birth_date": st.sampled_from([None, BORN, ELSE, "19200909"]),
            "gender": st.sampled_from([None, "male", "female"]),
            "registrations": lists, "registration_types": st.sampled_from([None, ["kvk"], ["kvk", "vat"]]),
        }
    )  # fmt: skip
    return draw(st.lists(record, min_size=1, max_size=8))


@given(records=people(), data=st.data())
def test_record_by_record_comes_to_the_same_as_set_by_set(records: list[dict[str, Any]], data: st.DataObject) -> None:
    of_type = {"person": 0, "organisation": 1}  # no entity is both
    entities = [data.draw(st.integers(0, 2)) * 2 + of_type[record["party_type"]] for record in records]
    model = with_level(packaged_prior(), "gender", "other", 0.0005)
    model = replace(model, genders={"saskia": "female"}, generic={"national_ids": frozenset(["987654321"])})
    some = members(records, entities)
    with pytest.MonkeyPatch.context() as patch:
        one_by_one = contradictions.contradictions(some, model)
        patch.setattr(contradictions, "FEW", 0)
        assert contradictions.contradictions(some, model).sort("a", "b").equals(one_by_one.sort("a", "b"))


def test_every_contradiction_has_a_reason_in_words() -> None:
    known = {comparison.name for comparisons in COMPARISONS.values() for comparison in comparisons}
    assert known.issuperset(contradictions.LASTING)
    assert {f"another_{name}" for name in contradictions.LASTING} <= {reason.value for reason in Reason}

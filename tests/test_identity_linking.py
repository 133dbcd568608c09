"""What linking promises: a pure function of records, decisions and model, in which decisions are law."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canonical_model.schema import Kind, content_schema
from identity import blocking, features, linking, pairs
from identity.assignment import CROSSWALK_SCHEMA, RETIRED_SCHEMA, Assignment, assign
from identity.linking import DECISION_SCHEMA, Linked, Weigher, gathered, link
from identity.model import Model, packaged_prior
from identity.records import view

PRIOR = packaged_prior()


def parties(*rows: Mapping[str, object]) -> pl.DataFrame:
    """Party content by name; record_id "r0", "r1" … and everything that is not given null."""
    envelope = {"record_no": pl.Int64(), "data_source": pl.String(), "record_id": pl.String()}
    content = content_schema(Kind.PARTY)
    full = [
        {"record_no": number, "data_source": "crm", "record_id": f"r{number}", **dict.fromkeys(content), **row}
        for number, row in enumerate(rows)
    ]
    return pl.DataFrame(full, schema={**envelope, **content})


def person(
    given_name: str | None, family_name: str | None, born: date | None = None, **more: object
) -> dict[str, object]:
    row: dict[str, object] = {
        "party_type": "person",
        "given_name": given_name,
        "family_name": family_name,
        "birth_date": born,
    }
    if "phone" in more:
        row["phones"] = [{"kind": "mobile", "number": more.pop("phone")}]
    if "email" in more:
        row["emails"] = [{"kind": None, "address": more.pop("email")}]
    if "iban" in more:
        row["identifiers"] = [{"type": "iban", "value": more.pop("iban")}]
    if "postcode" in more:
        row["addresses"] = [{"postcode": more.pop("postcode"), "house_number": more.pop("number", None)}]
    return row | more


def decisions(*rows: tuple[int, int, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=DECISION_SCHEMA, orient="row")


def linked(content: pl.DataFrame, *decided: tuple[int, int, str], model: Model = PRIOR) -> Linked:
    return link(features.compute(content), decisions(*decided), model)


def clusters(result: Linked) -> set[frozenset[int]]:
    grouped = result.clusters.group_by("cluster").agg("record_no")
    return {frozenset(records) for records in grouped["record_no"].to_list()}


FAMILY = [
    person(
        "Jan",
        "Vroegindeweij",
        date(1961, 3, 4),
        phone="+31612345601",
        email="thuis@vroeg.example",
        iban="NL1",
        postcode="1234AB",
        number="5",
    ),
    person(
        "Johannes", "Vroegindeweij", date(1961, 4, 3), phone="+31612345601", iban="NL1", postcode="1234AB", number="5"
    ),
    person(
        "Marie",
        "Vroegindeweij",
        date(1963, 7, 9),
        phone="+31612345601",
        email="thuis@vroeg.example",
        iban="NL1",
        postcode="1234AB",
        number="5",
        gender="female",
    ),
    person(
        "Piet",
        "Vroegindeweij",
        date(1990, 1, 30),
        phone="+31612345601",
        email="thuis@vroeg.example",
        iban="NL1",
        postcode="1234AB",
        number="5",
    ),
    person("Pieter", "Vroegindeweij", date(1990, 1, 30), email="thuis@vroeg.example", postcode="9999ZZ", number="1"),
]


def test_a_family_shares_everything_and_stays_people() -> None:
    found = clusters(linked(parties(*FAMILY)))
    assert found == {frozenset({0, 1}), frozenset({2}), frozenset({3, 4})}


def test_a_person_is_never_an_organisation() -> None:
    shop = {
        "party_type": "organisation",
        "organisation_name": "Jansen B.V.",
        "phones": [{"kind": None, "number": "+31201234567"}],
    }
    owner = person("Bart", "Jansen", phone="+31201234567")
    result = linked(parties(owner, shop), (0, 1, "must_link"))
    assert clusters(result) == {frozenset({0}), frozenset({1})}


def test_organisations_meet_by_registration_and_name() -> None:
    def shop(name: str, number: str | None) -> dict[str, object]:
        ids = [{"type": "chamber_of_commerce", "value": number}] if number else None
        return {
            "party_type": "organisation",
            "organisation_name": name,
            "identifiers": ids,
            "addresses": [{"postcode": "3011 AA", "house_number": "12"}],
        }

    found = clusters(
        linked(
            parties(
                shop("Bakkerij de Zon B.V.", "12345678"),
                shop("Bakkerij De Zon", "12345678"),
                shop("Zon Holding", "87654321"),
            )
        )
    )
    assert found == {frozenset({0, 1}), frozenset({2})}


def test_never_link_parts_what_everything_joins() -> None:
    twin = person("Jan", "Vroegindeweij", date(1961, 3, 4), phone="+31612345601", iban="NL1")
    content = parties(twin, twin, twin)
    assert clusters(linked(content)) == {frozenset({0, 1, 2})}
    result = linked(content, (2, 0, "never_link"))
    assert frozenset({0, 2}) not in {cluster & {0, 2} for cluster in clusters(result)}


def test_must_link_joins_what_nothing_joins_unless_forbidden() -> None:
    content = parties(person("Jan", "Jansen"), person("Fatima", "Yilmaz"), person("Ole", "Olsen"))
    assert clusters(linked(content, (1, 0, "must_link"))) == {frozenset({0, 1}), frozenset({2})}
    torn = clusters(linked(content, (0, 1, "must_link"), (1, 2, "must_link"), (0, 2, "never_link")))
    assert all(not {0, 2} <= cluster for cluster in torn)
    assert len(torn) == 2


def test_the_frame_may_be_empty() -> None:
    result = linked(parties())
    assert result.clusters.is_empty()
    assert result.edges.is_empty()


def test_a_record_without_any_content_stands_alone() -> None:
    assert clusters(linked(parties(person(None, None), person(None, None)))) == {frozenset({0}), frozenset({1})}


# --- properties ------------------------------------------------------------------------------------------------

people = st.builds(
    person,
    st.sampled_from(["Jan", "Johannes", "Marie", "J.", "Piet", None]),
    st.sampled_from(["Vroegindeweij", "Vroegindewey", "Okkerse", None]),
    st.sampled_from([date(1961, 3, 4), date(1961, 4, 3), date(1990, 1, 30), date(1900, 1, 1), None]),
    phone=st.sampled_from(["+31612345601", "+31612345602", None]),
    email=st.sampled_from(["thuis@vroeg.example", "jan@vroeg.example", None]),
    postcode=st.sampled_from(["1234AB", "1234AC", "9999ZZ", None]),
    number=st.sampled_from(["1", "5", None]),
)
crowds = st.lists(people, min_size=2, max_size=9)


@st.composite
def decided_crowds(draw: st.DrawFn) -> tuple[pl.DataFrame, list[tuple[int, int, str]]]:
    rows = draw(crowds)
    number = st.integers(0, len(rows) - 1)
    decided = draw(st.lists(st.tuples(number, number, st.sampled_from(["must_link", "never_link"])), max_size=5))
    return parties(*rows), [row for row in decided if row[0] != row[1]]


@settings(max_examples=25)
@given(decided_crowds(), st.randoms(use_true_random=False))
def test_order_and_surrogate_numbers_do_not_matter(
    case: tuple[pl.DataFrame, list[tuple[int, int, str]]], random: object
) -> None:
    content, decided = case
    order = list(range(content.height))
    random.shuffle(order)  # type: ignore[attr-defined]
    renumbered = content[order].with_columns(record_no=pl.Series(range(100, 100 + content.height), dtype=pl.Int64))
    new_number = {old: 100 + place for place, old in enumerate(order)}
    other = linked(renumbered, *((new_number[b], new_number[a], kind) for a, b, kind in decided))
    one = linked(content, *decided)
    assert {frozenset(new_number[n] for n in cluster) for cluster in clusters(one)} == clusters(other)


@settings(max_examples=25)
@given(decided_crowds())
def test_decisions_are_law(case: tuple[pl.DataFrame, list[tuple[int, int, str]]]) -> None:
    content, decided = case
    found = clusters(linked(content, *decided))
    never = [{a, b} for a, b, kind in decided if kind == "never_link"]
    assert not any(pair <= cluster for pair in never for cluster in found)
    if not never:
        for a, b, _ in decided:
            assert any({a, b} <= cluster for cluster in found)


def entities(result: Linked, old: pl.DataFrame, retired: pl.DataFrame, next_id: int) -> Assignment:
    return assign(old, result.clusters, retired, next_id)


@settings(max_examples=15)
@given(crowds, people)
def test_add_then_delete_restores_the_partition_and_the_ids(
    rows: list[dict[str, object]], newcomer: dict[str, object]
) -> None:
    nobody, none = pl.DataFrame(schema=CROSSWALK_SCHEMA), pl.DataFrame(schema=RETIRED_SCHEMA)
    before, with_newcomer = parties(*rows), parties(*rows, newcomer)
    first = entities(linked(before), nobody, none, 1)
    second = entities(linked(with_newcomer), first.crosswalk, none, first.next_id)
    retired = first.crosswalk.join(second.redirects, on="entity_id")
    third = entities(linked(with_newcomer.head(len(rows))), second.crosswalk, retired, second.next_id)
    together = {
        frozenset(records) for records in first.crosswalk.group_by("entity_id").agg("record_no")["record_no"].to_list()
    }
    assert {
        frozenset(records) for records in third.crosswalk.group_by("entity_id").agg("record_no")["record_no"].to_list()
    } == together
    merged_only = all(
        len(set(part)) == 1
        for part in second.crosswalk.rename({"entity_id": "now"})
        .join(first.crosswalk, on="record_no")
        .group_by("entity_id")
        .agg("now")["now"]
        .to_list()
    )
    if merged_only:  # the newcomer split nobody: then every id comes back
        assert third.crosswalk.equals(first.crosswalk)


def test_two_national_ids_names_and_birth_dates_are_two_people_whatever_else_they_share() -> None:
    def copy(given: str, born: date, number: str) -> dict[str, object]:
        ids = [{"type": "national_id", "value": number}, {"type": "iban", "value": "NL01ABCD1"}]
        return person(given, "Vroegindeweij", born, phone="+31612345601", email="thuis@v.example", identifiers=ids)

    father, son = ("Jan", date(1961, 3, 4), "111222333"), ("Piet", date(1990, 12, 1), "987654321")
    eager = linked(
        parties(copy(*father), copy(*father), copy(*son)), model=PRIOR.with_thresholds(link=-40_000, review=-40_000)
    )
    assert clusters(eager) == {frozenset({0, 1}), frozenset({2})}
    assert eager.edges.filter("veto").height == 2


def test_a_mistyped_national_id_parts_nobody() -> None:
    def copy(number: str) -> dict[str, object]:
        ids = [{"type": "national_id", "value": number}]
        return person("Jan", "Vroegindeweij", date(1961, 3, 4), postcode="1234AB", number="1", identifiers=ids)

    assert clusters(linked(parties(copy("111222333"), copy("111222323")))) == {frozenset({0, 1})}
    assert clusters(linked(parties(copy("111222333"), copy("112122333")))) == {frozenset({0, 1})}


def test_renewed_passports_are_no_contradiction() -> None:
    def copy(number: str) -> dict[str, object]:
        ids = [{"type": "passport", "value": number}]
        return person("Jan", "Vroegindeweij", date(1961, 3, 4), phone="+31612345601", identifiers=ids)

    assert clusters(linked(parties(copy("NX1"), copy("NX2")))) == {frozenset({0, 1})}


def test_a_model_of_other_features_is_refused() -> None:
    from foundation.errors import ConfigurationError

    text = PRIOR.to_json().replace(f'"feature_version":{features.CODE_VERSION}', '"feature_version":99')
    with pytest.raises(ConfigurationError, match="voeg model train"):
        Model.from_json(text)


# --- out of core -----------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(decided_crowds(), st.integers(1, 4), st.integers(1, 4), st.integers(1, 6))
def test_records_may_come_in_pieces_and_pairs_are_joined_in_tiles(
    case: tuple[pl.DataFrame, list[tuple[int, int, str]]], rows: int, tile: int, made: int
) -> None:
    content, decided = case
    frame = features.compute(content)
    whole = link(frame, decisions(*decided), PRIOR)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linking, "ROWS", rows)
        patch.setattr(linking, "TILE", tile)
        patch.setattr(pairs, "PAIRS", made)
        pieces = link(frame.sample(fraction=1, shuffle=True, seed=1).iter_slices(2), decisions(*decided), PRIOR)
    assert whole.edges.equals(pieces.edges)
    assert whole.clusters.sort("record_no").equals(pieces.clusters.sort("record_no"))


@settings(max_examples=15, deadline=None)
@given(crowds)
def test_edges_weigh_what_their_evidence_does(rows: list[dict[str, object]]) -> None:
    frame = features.compute(parties(*rows)).sort("key", "record_no")
    model = PRIOR.with_thresholds(link=PRIOR.link_threshold, review=-100_000)
    with gathered(frame, model) as records:
        weigher = records.pairs("person")
        edges = weigher.edges()
        evidence = weigher.weigh(edges.left[::-1], edges.right[::-1])
    assert edges.weight[::-1].tolist() == evidence.weight.tolist()
    assert edges.veto[::-1].tolist() == evidence.veto.tolist()


def test_another_engine_is_handed_the_records_in_the_order_of_their_keys() -> None:
    frame = features.compute(parties(*FAMILY))
    seen = []

    def engine(numbered: pl.DataFrame, party_type: str) -> Weigher:
        seen.append((party_type, numbered["i"].to_list(), numbered["key"].is_sorted()))
        records = stack.enter_context(gathered(numbered.drop("i"), PRIOR))
        return records.pairs(party_type)

    with ExitStack() as stack:
        result = link(frame, decisions(), PRIOR, engine=engine)
    assert seen == [("person", [0, 1, 2, 3, 4], True)]
    assert clusters(result) == clusters(linked(parties(*FAMILY)))


def test_a_source_without_duplicates_never_has_two_records_of_one_party() -> None:
    twin = person("Jan", "Vroegindeweij", date(1961, 3, 4), phone="+31612345601", iban="NL1")
    content = parties(twin, twin, twin | {"data_source": "billing"})
    model = PRIOR.with_constraints(duplicate_free={"crm"})
    result = linked(content, model=model)
    assert frozenset({0, 1}) not in {cluster & {0, 1} for cluster in clusters(result)}
    assert clusters(linked(content)) == {frozenset({0, 1, 2})}


def test_a_gender_that_is_not_told_comes_from_the_given_name() -> None:
    frame = features.compute(parties(person("Jan", "Jansen"), person("Robin", "Bos"), person("Jan", None, gender="x")))
    seen = view(replace(PRIOR, genders={"jan": "male"}))(frame)
    assert seen["gender"].to_list() == ["male", None, "male"]


def test_features_that_were_not_kept_are_not_yielded() -> None:
    frame = features.compute(parties(*FAMILY))
    with gathered(frame, PRIOR) as records, pytest.raises(RuntimeError, match="gathered to be kept"):
        records.features()


def test_what_matching_keeps_can_be_read_after_linking() -> None:
    frame = features.compute(parties(*FAMILY, person("Ole", "Olsen", phone="+31687654321")))
    common = blocking.keys(frame.row(4, named=True), "person")["email"]
    model = replace(PRIOR, common_keys=frozenset(common))
    with gathered(frame.iter_slices(2), model, keep=True) as records:
        records.link(decisions())
        kept = pl.concat(records.keys(rows=7))
        assert pl.concat(records.features()).equals(frame)
    expected = {
        (key, row["record_no"])
        for row in frame.iter_rows(named=True)
        for hashes in blocking.keys(row, "person").values()
        for key in hashes
        if key not in common
    }
    assert set(kept.rows()) == expected
    assert kept.height == len(expected)
    assert kept.equals(kept.sort("hash", "record_no"))

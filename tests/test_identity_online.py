"""What matching changes promises: whatever comes, in any order and cut, ends as linking everything anew would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matched import Kept, computed, in_bulk, people

from identity import blocking
from identity.linking import MUST_LINK, NEVER_LINK
from identity.model import Model, packaged_prior
from identity.online import Change, Matched, Matcher, Pending, changes
from identity.scoring import Record

PRIOR = packaged_prior()
RECORDS = 14

versions = st.none() | st.integers(0, people().height - 1)  # what a record says: one of the worn copies, or it is gone
scripts = st.lists(st.dictionaries(st.integers(0, RECORDS - 1), versions, max_size=6), max_size=6)
decisions = st.dictionaries(
    st.tuples(st.integers(0, RECORDS - 1), st.integers(0, RECORDS - 1)).filter(lambda pair: pair[0] < pair[1]),
    st.sampled_from([MUST_LINK, NEVER_LINK]),
    max_size=5,
)


def saying(said: dict[int, int | None]) -> pl.DataFrame:
    """Features of records that say what the chosen copies say; each keeps its key, of no order."""
    live = {number: version for number, version in said.items() if version is not None}
    return people()[list(live.values())].with_columns(
        record_no=pl.Series(list(live), dtype=pl.Int64),
        key=pl.Series([(number + 1) * 0x9E3779B97F4A7C15 % 2**64 for number in live], dtype=pl.UInt64),
    )


def batch(said: dict[int, int | None]) -> list[Change]:
    return changes(saying(said), gone=[number for number, version in said.items() if version is None])


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(PRIOR, id="as packaged"),
        pytest.param(PRIOR.with_constraints(duplicate_free=["crm"]), id="a source without duplicates"),
        pytest.param(
            replace(
                PRIOR,
                generic={"phones": frozenset(["+31612345601"]), "birth_date": frozenset(["19610304"])},
                genders={"jan": "male", "marie": "female"},
            ),
            id="generic values, names that tell the gender",
        ),
    ],
)
@settings(max_examples=25)
@given(script=scripts, decided=decisions)
def test_any_order_and_any_cut_end_as_linking_everything_anew(
    model: Model, script: list[dict[int, int | None]], decided: dict[tuple[int, int], str]
) -> None:
    kept = Kept()
    kept.decided = [(a, b, kind) for (a, b), kind in decided.items()]
    kept.match(model, *map(batch, script))
    said: dict[int, int | None] = {}
    for part in script:
        said |= part
    assert (kept.pairs, kept.clusters) == in_bulk(saying(said), kept.decided, model)
    at_once = Kept()
    at_once.decided = kept.decided
    at_once.match(model, batch(said))
    assert at_once.state() == kept.state()


@settings(max_examples=25)
@given(first=scripts, then=scripts, decided=decisions)
def test_what_came_and_went_leaves_nothing(
    first: list[dict[int, int | None]], then: list[dict[int, int | None]], decided: dict[tuple[int, int], str]
) -> None:
    kept = Kept()
    kept.decided = [(a, b, kind) for (a, b), kind in decided.items()]
    kept.match(PRIOR, *map(batch, first))
    before = kept.state()
    said: dict[int, int | None] = {}
    for part in first:
        said |= part
    others = {number + RECORDS: version for part in then for number, version in part.items()}
    kept.match(PRIOR, batch(others), [Change(number) for number in others])
    assert kept.state() == before
    kept.match(PRIOR, batch(said))
    assert kept.state() == before, "saying again what one said changes nothing"


@settings(max_examples=25)
@given(script=scripts, earlier=decisions, later=decisions)
def test_a_decision_holds_from_when_its_records_are_matched_again(
    script: list[dict[int, int | None]], earlier: dict[tuple[int, int], str], later: dict[tuple[int, int], str]
) -> None:
    said: dict[int, int | None] = {}
    for part in script:
        said |= part
    kept = Kept()
    kept.decided = [(a, b, kind) for (a, b), kind in earlier.items()]
    kept.match(PRIOR, batch(said))
    kept.decided = [(a, b, kind) for (a, b), kind in later.items()]
    touched = {number for pair in (*earlier, *later) for number in pair}
    kept.match(PRIOR, batch({number: said.get(number) for number in touched}))
    assert (kept.pairs, kept.clusters) == in_bulk(saying(said), kept.decided, PRIOR)
    for a, b, kind in kept.decided:
        assert kind != NEVER_LINK or a not in kept.clusters or kept.clusters[a] != kept.clusters.get(b)


def neighbours(count: int) -> pl.DataFrame:
    """People of one postcode, family name and initial who share no more: a rule's key comes to have many records."""
    return computed(
        [
            {
                "party_type": "person",
                "given_name": name,
                "family_name": "Vroegindeweij",
                "birth_date": date(1930 + number // 12, number % 12 + 1, 1),
                "addresses": [{"postcode": "1234AB", "house_number": str(number)}],
            }
            for number, name in zip(range(count), _names(), strict=False)
        ]
    )


def _names() -> Sequence[str]:
    syllables = ("ba", "ko", "mi", "ru", "te", "fo", "sa", "du", "ne", "li", "wa", "po", "gi", "hu", "ve")
    return ["b" + one + other + third for one in syllables for other in syllables for third in syllables[:3]]


def test_a_key_that_crosses_its_ceiling_and_comes_back_changes_all_its_records() -> None:
    # Every weight above the review threshold, so that every pair that a key makes is seen.
    model = PRIOR.with_thresholds(link=60_000, review=-100_000)
    below = blocking.CEILING * blocking.AT_MOST - 20
    everybody = neighbours(below + 50)
    some, more = everybody.head(below), everybody.tail(50)
    kept = Kept()
    kept.match(model, changes(some))
    before, pairs = kept.state(), len(kept.pairs)
    assert pairs == below * (below - 1) // 2
    kept.match(model, changes(more.head(20)))
    kept.match(model, changes(more.tail(30)))
    assert (kept.pairs, kept.clusters) == in_bulk(everybody, [], model)
    assert len(kept.pairs) < pairs, "what only the common value brought together is apart"
    kept.match(model, changes(more.clear(), gone=more["record_no"].to_list()))
    assert kept.state() == before


def copies(count: int) -> pl.DataFrame:
    return computed(
        [{"party_type": "person", "given_name": "Jan", "family_name": "Vroegindeweij", "birth_date": date(1961, 3, 4)}]
        * count
    )


def test_what_hangs_together_too_much_is_left_pending_and_decided_without_hurry() -> None:
    kept = Kept()
    kept.match(PRIOR, changes(copies(5)))
    before = kept.state()
    late = changes(copies(6).tail(1))
    assert Matcher(PRIOR, kept).match(late, at_most=5) == Pending(records=6)
    assert kept.state() == before
    assert isinstance(Matcher(PRIOR, kept).match(late, at_most=6), Matched)
    assert isinstance(Matcher(PRIOR, kept).match(late, at_most=None), Matched)


def test_clusters_that_a_change_does_not_touch_are_not_looked_at() -> None:
    kept = Kept()
    strangers = computed(
        [{"party_type": "person", "given_name": name, "family_name": name[::-1]} for name in _names()[:100:10]]
    )
    everybody = pl.concat([strangers, strangers]).with_columns(
        record_no=pl.int_range(20, dtype=pl.Int64), key=pl.int_range(20, dtype=pl.UInt64)
    )
    late = everybody.row(4, named=True) | {"record_no": 20, "key": 20}
    kept.match(PRIOR, changes(everybody))
    found = Matcher(PRIOR, kept).match(changes(pl.DataFrame([late], schema=everybody.schema)))
    assert isinstance(found, Matched)
    assert {(placed.record_no, placed.cluster) for placed in found.clusters} == {(4, 4), (14, 4), (20, 4)}
    assert not found.keys_gone
    assert not found.edges_gone


def test_neither_a_change_nor_what_it_matches_shows_its_content() -> None:
    found = changes(copies(1))
    assert "vrogindewey" not in repr(found)
    matched = Matcher(PRIOR, Kept()).match(found)
    assert isinstance(matched, Matched)
    assert "vrogindewey" in matched.features_new[0][2]
    assert "vrogindewey" not in repr(matched)
    record = Record(matched.features_new[0][2], 1, PRIOR)
    assert record["family"] == "vrogindewey"
    assert "vrogindewey" not in repr(record)

"""Questions: which pairs of records people are asked about, and which questions come first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from identity.questions import (
    ANSWER_SCHEMA,
    MUST_LINK_SCHEMA,
    PAIR_SCHEMA,
    QUESTION_SCHEMA,
    Kind,
    Reason,
    answered_records,
    ask,
    priority,
)

LINK = 1_000
THEN = datetime(2026, 5, 4, tzinfo=UTC)
RECORDED = pl.Schema({"record_no": pl.Int64, "recorded_at": pl.Datetime("us", "UTC")})


def asked(
    *pairs: tuple[int, int, int, bool],
    answers: tuple[tuple[int, int, datetime, int | None, bool], ...] = (),
    recorded: dict[int, datetime] | None = None,
    must_links: tuple[tuple[int, int, int | None, bool], ...] = (),
) -> set[tuple[int, int, str, str, int | None]]:
    """What is asked of pairs (a, b, weight, veto), where the tens of a record's number are its cluster."""
    found = ask(
        frame([(a, b, weight, veto, a // 10, b // 10) for a, b, weight, veto in pairs], PAIR_SCHEMA),
        frame(list(answers), ANSWER_SCHEMA),
        frame(list((recorded or {}).items()), RECORDED),
        frame([(a, b, weight, a // 10, b // 10, one_type) for a, b, weight, one_type in must_links], MUST_LINK_SCHEMA),
        link_threshold=LINK,
    )
    assert found.schema == QUESTION_SCHEMA
    assert (found["entity_a"] == found["a"] // 10).all() and (found["entity_b"] == found["b"] // 10).all()
    return set(found.select("a", "b", "kind", "reason", "weight").rows())


def frame(rows: list[tuple[Any, ...]], schema: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=schema, orient="row")


DUPLICATE = (Kind.POSSIBLE_DUPLICATE, Reason.BETWEEN_THRESHOLDS)


def test_what_the_matcher_leaves_open_is_asked_once_per_two_clusters() -> None:
    assert asked((10, 20, 400, False), (11, 20, 500, False), (10, 30, 100, False)) == {
        (11, 20, *DUPLICATE, 500),
        (10, 30, *DUPLICATE, 100),
    }


def test_equal_pairs_are_told_apart_by_their_records() -> None:
    assert asked((20, 11, 500, False), (20, 10, 500, False)) == {(20, 10, *DUPLICATE, 500)}


def test_a_veto_answers_what_would_not_link_anyway() -> None:
    assert asked((10, 20, LINK - 1, True)) == set()
    assert asked((10, 20, LINK, True)) == {(10, 20, Kind.CONFLICT, Reason.VETO, LINK)}
    assert asked((10, 20, LINK, False)) == {(10, 20, Kind.CONFLICT, Reason.CONTRADICTION, LINK)}


def test_an_answer_stands_whichever_pair_of_the_two_clusters_it_was_about() -> None:
    answers = ((2, 1, THEN, 300, False),)
    known = {10: THEN - timedelta(days=1), 20: THEN - timedelta(days=1)}
    assert asked((10, 20, 900, False), answers=answers, recorded=known) == set()


def test_new_evidence_is_a_record_that_changed_in_a_pair_that_proves_more() -> None:
    answers = ((1, 2, THEN - timedelta(days=9), 200, False), (2, 1, THEN, 300, True))
    later = {10: THEN + timedelta(days=1), 20: THEN - timedelta(days=1)}
    assert asked((10, 20, 300, False), answers=answers, recorded=later) == set()
    again = {(10, 20, Kind.CONFLICT, Reason.NEVER_LINK, 301)}
    assert asked((10, 20, 301, False), answers=answers, recorded=later) == again
    unsure = ((1, 2, THEN, 300, False),)
    assert asked((10, 20, 301, False), answers=unsure, recorded=later) == {(10, 20, *DUPLICATE, 301)}


def test_a_must_link_that_does_not_hold_comes_before_all_evidence() -> None:
    pair = (10, 20, 5_000, False)
    assert asked(pair, must_links=((11, 21, None, True),)) == {(11, 21, Kind.CONFLICT, Reason.OVERRULED, None)}
    assert asked(pair, must_links=((11, 21, 70, False),)) == {(11, 21, Kind.CONFLICT, Reason.PARTY_TYPE, 70)}


def test_only_records_about_which_something_was_decided_need_their_time() -> None:
    pairs = frame([(10, 20, 5, False, 1, 2), (10, 30, 5, False, 1, 3)], PAIR_SCHEMA)
    assert set(answered_records(pairs, frame([(2, 1, THEN, None, True)], ANSWER_SCHEMA))) == {10, 20}


PAIRS = st.dictionaries(
    st.tuples(st.integers(10, 29), st.integers(30, 59)), st.tuples(st.integers(-3_000, 3_000), st.booleans())
)


@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_the_pairs_does_not_matter(pairs: dict[tuple[int, int], tuple[int, bool]], random: Any) -> None:
    rows = [(a, b, weight, veto) for (a, b), (weight, veto) in pairs.items()]
    shuffled = random.sample(rows, len(rows))
    assert asked(*rows) == asked(*shuffled)


@given(PAIRS)
def test_two_clusters_make_one_question_at_most_and_what_would_link_always_makes_one(
    pairs: dict[tuple[int, int], tuple[int, bool]],
) -> None:
    questions = asked(*((a, b, weight, veto) for (a, b), (weight, veto) in pairs.items()))
    clusters = [(a // 10, b // 10) for a, b, *_ in questions]
    assert len(clusters) == len(set(clusters))
    assert {(a // 10, b // 10) for (a, b), (weight, _) in pairs.items() if weight >= LINK} == {
        (a // 10, b // 10) for a, b, kind, *_ in questions if kind == Kind.CONFLICT
    }


def priorities(*questions: tuple[Kind, int | None, int, int, int]) -> list[int]:
    columns = ["kind", "weight", "records", "active_products", "recent_contacts"]
    schema = pl.Schema({"kind": pl.String} | dict.fromkeys(columns[1:], pl.Int64))
    told = frame([(kind.value, *rest) for kind, *rest in questions], schema)
    return told.select(priority(*(pl.col(name) for name in columns[2:]))).to_series().to_list()


def test_priority_is_uncertainty_times_impact() -> None:
    assert priorities(
        (Kind.POSSIBLE_DUPLICATE, 0, 3, 0, 0),  # even odds: one bit; log2(1 + 3)
        (Kind.POSSIBLE_DUPLICATE, 0, 3, 2, 2),  # log2(1 + 7)
        (Kind.POSSIBLE_DUPLICATE, 3_000, 3, 0, 0),  # eight to one: 0.503 bits
        (Kind.POSSIBLE_DUPLICATE, -3_000, 3, 0, 0),
        (Kind.CONFLICT, 9_000, 3, 0, 0),  # proof against proof
        (Kind.CONFLICT, None, 3, 0, 0),
    ) == [2_000, 3_000, 1_007, 1_007, 2_000, 2_000]


@given(st.integers(-200_000, 200_000), st.integers(1, 10_000))
def test_every_weight_has_a_priority(weight: int, records: int) -> None:
    (found,) = priorities((Kind.POSSIBLE_DUPLICATE, weight, records, 0, 0))
    assert 0 <= found <= priorities((Kind.CONFLICT, weight, records, 0, 0))[0]

"""Which thresholds decisions support: where nearly every pair is one customer, and where nearly none is."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from identity.calibration import ENOUGH, SURE, Support, advise


def decided(*pairs: tuple[int, bool]) -> pl.DataFrame:
    return pl.DataFrame(pairs, schema={"weight": pl.Int64, "same": pl.Boolean}, orient="row")


def many(weight: int, *, same: int = 0, other: int = 0) -> list[tuple[int, bool]]:
    return [(weight, True)] * same + [(weight, False)] * other


def test_thresholds_lie_where_people_are_nearly_always_of_one_mind() -> None:
    advice = advise(
        decided(
            *many(1000, other=30),
            *many(2000, same=1, other=39),
            *many(3000, same=10, other=10),
            *many(4000, same=16, other=4),
            *many(5000, same=39, other=1),
            *many(6000, same=20),
        )
    )
    assert (advice.decisions, advice.same) == (170, 86)
    assert advice.link == Support(threshold=5000, decisions=60, same=59)
    assert advice.review == Support(threshold=3000, decisions=70, same=1)


def test_too_few_decisions_support_nothing() -> None:
    advice = advise(decided(*many(1000, other=ENOUGH - 1), *many(9000, same=ENOUGH - 1)))
    assert advice.link == Support(threshold=None, decisions=ENOUGH - 1, same=ENOUGH - 1)
    assert advice.review == Support(threshold=None, decisions=ENOUGH - 1, same=0)
    enough = advise(decided(*many(1000, other=ENOUGH), *many(9000, same=ENOUGH)))
    assert (enough.link.threshold, enough.review.threshold) == (9000, 9000)


def test_no_decisions_at_all() -> None:
    advice = advise(decided())
    assert (advice.decisions, advice.same) == (0, 0)
    assert advice.link == advice.review == Support(threshold=None, decisions=0, same=0)


def test_where_people_see_no_difference_there_is_no_threshold() -> None:
    advice = advise(decided(*many(1000, same=50, other=50), *many(2000, same=50, other=50)))
    assert advice.link == advice.review == Support(threshold=None, decisions=0, same=0)


def test_when_nothing_was_one_customer_all_that_was_decided_need_not_be_asked() -> None:
    assert advise(decided(*many(1000, other=20), *many(2500, other=20))).review.threshold == 2501


def test_a_few_pure_pairs_above_a_doubtful_range_are_no_support() -> None:
    # By chance the heaviest three agree: that is no range of its own to link by.
    advice = advise(decided(*many(3000, same=50, other=50), *many(3001, same=3)))
    assert advice.link == Support(threshold=None, decisions=3, same=3)


pairs = st.lists(st.tuples(st.integers(-20, 20), st.booleans()), max_size=200)


@given(pairs, st.randoms())
def test_advice_holds_on_the_decisions_it_was_made_from(
    found: list[tuple[int, bool]], shuffler: st.random.Random
) -> None:
    advice = advise(decided(*found))
    for support, side in (
        (advice.link, lambda weight: weight >= (advice.link.threshold or 0)),
        (advice.review, lambda weight: weight < (advice.review.threshold or 0)),
    ):
        if support.threshold is not None:
            mine = [same for weight, same in found if side(weight)]
            assert (len(mine), sum(mine)) == (support.decisions, support.same)
            assert len(mine) >= ENOUGH
    if advice.link.threshold is not None:
        assert advice.link.same >= SURE * advice.link.decisions
    if advice.review.threshold is not None:
        assert advice.review.same <= (1 - SURE) * advice.review.decisions
    if advice.link.threshold is not None and advice.review.threshold is not None:
        assert advice.review.threshold <= advice.link.threshold
    shuffler.shuffle(found)
    assert advise(decided(*found)) == advice

"""What evaluation promises: the pairwise scores of the textbook."""

from __future__ import annotations

import itertools

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.evaluation import score


def partition(labels: list[int]) -> pl.DataFrame:
    return pl.DataFrame(
        {"record_no": range(len(labels)), "cluster": labels}, schema={"record_no": pl.Int64, "cluster": pl.Int64}
    )


def test_perfect_and_hopeless() -> None:
    truth = partition([1, 1, 2, 2])
    assert score(partition([7, 7, 8, 8]), truth).f1 == 1
    apart = score(partition([1, 2, 3, 4]), truth)
    assert (apart.precision, apart.recall, apart.f1) == (1, 0, 0)
    one = score(partition([1, 1, 1, 1]), truth)
    assert (one.precision, one.recall, one.largest) == (pytest.approx(2 / 6), 1, 4)


def test_records_without_truth_do_not_count() -> None:
    truth = partition([1, 1, 2]).head(2)
    assert score(partition([1, 1, 1]), truth).precision == 1


def test_nothing_to_score() -> None:
    empty = score(partition([]), partition([]))
    assert (empty.precision, empty.recall, empty.clusters) == (1, 1, 0)


labels = st.lists(st.integers(0, 3), min_size=1, max_size=10)


@given(st.data(), labels)
def test_scores_are_those_of_counting_every_pair(data: st.DataObject, truth: list[int]) -> None:
    found = data.draw(st.lists(st.integers(0, 3), min_size=len(truth), max_size=len(truth)))
    pairs = list(itertools.combinations(range(len(truth)), 2))
    together = {(a, b) for a, b in pairs if found[a] == found[b]}
    belong = {(a, b) for a, b in pairs if truth[a] == truth[b]}
    result = score(partition(found), partition(truth))
    assert (result.pairs, result.true_pairs) == (len(together), len(belong))
    assert result.precision == pytest.approx(len(together & belong) / len(together) if together else 1)
    assert result.recall == pytest.approx(len(together & belong) / len(belong) if belong else 1)

"""What evaluation promises: the scores of the textbook, and the mistakes behind them."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.evaluation import by_source, compared, mixed, score


def partition(labels: list[int]) -> pl.DataFrame:
    return pl.DataFrame(
        {"record_no": range(len(labels)), "cluster": labels}, schema={"record_no": pl.Int64, "cluster": pl.Int64}
    )


def both(found: list[int], truth: list[int]) -> pl.DataFrame:
    return compared(partition(found), partition(truth))


def test_perfect_and_hopeless() -> None:
    truth = partition([1, 1, 2, 2])
    perfect = score(partition([7, 7, 8, 8]), truth)
    assert (perfect.f1, perfect.cluster_f1, perfect.bcubed_f1) == (1, 1, 1)
    apart = score(partition([1, 2, 3, 4]), truth)
    assert (apart.precision, apart.recall, apart.f1) == (1, 0, 0)
    assert (apart.cluster_precision, apart.cluster_recall, apart.cluster_f1) == (0, 0, 0)
    assert (apart.bcubed_precision, apart.bcubed_recall) == (1, 0.5)
    one = score(partition([1, 1, 1, 1]), truth)
    assert (one.precision, one.recall, one.largest) == (pytest.approx(2 / 6), 1, 4)


def test_records_without_truth_do_not_count() -> None:
    truth = partition([1, 1, 2]).head(2)
    scores = score(partition([1, 1, 1]), truth)
    assert (scores.precision, scores.records, scores.largest) == (1, 2, 2)


def test_nothing_to_score() -> None:
    empty = score(partition([]), partition([]))
    assert (empty.precision, empty.recall, empty.clusters, empty.largest) == (1, 1, 0, 0)
    assert (empty.cluster_f1, empty.bcubed_f1) == (1, 1)
    assert mixed(both([], []), "cluster", 10).is_empty()


def test_the_example_of_the_inventors_of_bcubed() -> None:
    # Bagga and Baldwin 1998: twelve mentions of three parties; the second answer joins the two large ones.
    truth = [1] * 5 + [2] * 2 + [3] * 5
    first, second = [1] * 5 + [2] * 7, [1, 1, 1, 1, 1, 2, 2, 1, 1, 1, 1, 1]
    assert score(partition(first), partition(truth)).bcubed_precision == pytest.approx(0.76, abs=0.005)
    assert score(partition(second), partition(truth)).bcubed_precision == pytest.approx(0.58, abs=0.005)
    assert score(partition(second), partition(truth)).bcubed_recall == 1


def test_the_worst_mistakes_come_first() -> None:
    found = [1, 1, 1, 2, 2, 3, 4, 5, 5]
    truth = [1, 1, 2, 3, 4, 5, 5, 6, 6]
    assert mixed(both(found, truth), "cluster", 10).rows() == [(1, 3, 2, 2), (2, 2, 2, 1)]
    assert mixed(both(found, truth), "cluster", 1).rows() == [(1, 3, 2, 2)]
    assert mixed(both(found, truth), "truth", 10).rows() == [(5, 2, 2, 1)]


labels = st.lists(st.integers(0, 3), min_size=1, max_size=10)


def drawn(data: st.DataObject, truth: list[int]) -> list[int]:
    return data.draw(st.lists(st.integers(0, 3), min_size=len(truth), max_size=len(truth)))


def pairs_where(count: int, holds: Callable[[int, int], bool]) -> set[tuple[int, int]]:
    return {(a, b) for a, b in itertools.combinations(range(count), 2) if holds(a, b)}


@given(st.data(), labels)
def test_scores_are_those_of_counting_one_by_one(data: st.DataObject, truth: list[int]) -> None:
    found = drawn(data, truth)
    together = pairs_where(len(truth), lambda a, b: found[a] == found[b])
    belong = pairs_where(len(truth), lambda a, b: truth[a] == truth[b])
    result = score(partition(found), partition(truth))
    assert (result.pairs, result.true_pairs) == (len(together), len(belong))
    assert result.precision == pytest.approx(len(together & belong) / len(together) if together else 1)
    assert result.recall == pytest.approx(len(together & belong) / len(belong) if belong else 1)

    def groups(by: list[int]) -> list[set[int]]:
        return [{record for record, label in enumerate(by) if label == wanted} for wanted in set(by)]

    def of(record: int, by: list[int]) -> set[int]:
        return {other for other, label in enumerate(by) if label == by[record]}

    exact = [group for group in groups(found) if group in groups(truth)]
    assert result.cluster_precision == pytest.approx(len(exact) / len(set(found)))
    assert result.cluster_recall == pytest.approx(len(exact) / len(set(truth)))
    shares = [(len(of(i, found) & of(i, truth)), len(of(i, found)), len(of(i, truth))) for i in range(len(truth))]
    assert result.bcubed_precision == pytest.approx(sum(shared / size for shared, size, _ in shares) / len(truth))
    assert result.bcubed_recall == pytest.approx(sum(shared / size for shared, _, size in shares) / len(truth))
    assert mixed(both(found, truth), "cluster", 99)["pairs"].sum() == len(together - belong)
    assert mixed(both(found, truth), "truth", 99)["pairs"].sum() == len(belong - together)


@given(st.data(), labels)
def test_pairs_of_sources_are_those_of_counting_one_by_one(data: st.DataObject, truth: list[int]) -> None:
    found = drawn(data, truth)
    sources = data.draw(st.lists(st.sampled_from("abc"), min_size=len(truth), max_size=len(truth)))
    of_record = pl.col("record_no").replace_strict(dict(enumerate(sources)), return_dtype=pl.String)
    result = by_source(both(found, truth).with_columns(data_source=of_record))
    together = pairs_where(len(truth), lambda a, b: found[a] == found[b])
    belong = pairs_where(len(truth), lambda a, b: truth[a] == truth[b])

    def between(pairs: set[tuple[int, int]], one: str, other: str) -> int:
        return sum(sorted((sources[a], sources[b])) == [one, other] for a, b in pairs)

    kinds = (together, belong, together - belong, belong - together)
    counted = {
        (one, other): tuple(between(pairs, one, other) for pairs in kinds)
        for one, other in itertools.combinations_with_replacement("abc", 2)
    }
    assert {row[:2]: row[2:6] for row in result.rows()} == {
        key: counts for key, counts in counted.items() if any(counts)
    }
    mistakes = (result["wrong"] + result["lost"]).to_list()
    assert mistakes == sorted(mistakes, reverse=True)

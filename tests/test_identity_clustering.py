"""What clustering promises: evidence joins, contradictions and decisions part, and the order of pairs is nothing."""

from __future__ import annotations

import itertools
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import components
from identity.clustering import LARGE, LARGEST, Decisions, Edges, Partition, partition

Weighed = dict[tuple[int, int], int]


def edges(weights: Weighed, vetoes: frozenset[tuple[int, int]] = frozenset()) -> Edges:
    pairs = np.array(list(weights), dtype=np.int64).reshape(-1, 2)
    return Edges(
        pairs[:, 0],
        pairs[:, 1],
        np.array(list(weights.values()), dtype=np.int64),
        np.array([pair in vetoes for pair in weights], dtype=bool),
    )


def cluster(
    nodes: int,
    weights: Weighed,
    *,
    hidden: Weighed | None = None,
    vetoes: frozenset[tuple[int, int]] = frozenset(),
    decisions: Decisions | None = None,
) -> Partition:
    """Cluster with what blocking proposed (``weights``) and what it did not (``hidden``; -20 bits when absent)."""

    def weigh(left: np.ndarray, right: np.ndarray) -> Edges:
        pairs = list(zip(left.tolist(), right.tolist(), strict=True))
        return edges({pair: (hidden or {}).get(pair, -20_000) for pair in pairs}, vetoes)

    return partition(
        nodes=nodes,
        edges=edges(weights, vetoes),
        decisions=decisions or Decisions(),
        threshold=1000,
        weigh=weigh,
    )


def groups(found: Partition) -> list[list[int]]:
    return [np.flatnonzero(found.label == name).tolist() for name in np.unique(found.label)]


def test_nothing_to_join() -> None:
    assert groups(cluster(3, {})) == [[0], [1], [2]]
    assert groups(cluster(0, {})) == []


def test_a_component_without_contradiction_is_taken_whole() -> None:
    assert groups(cluster(4, {(0, 1): 9000, (1, 2): 1000, (0, 2): 500})) == [[0, 1, 2], [3]]


def test_one_good_pair_does_not_bridge_two_parties() -> None:
    weights = {(0, 1): 9000, (2, 3): 9000, (1, 2): 8000, (0, 2): -9000, (0, 3): -9000, (1, 3): -9000}
    found = cluster(4, weights)
    assert groups(found) == [[0, 1], [2, 3]]
    assert found.refused.pairs() == [(1, 2)]
    assert found.reasons == ["contradiction"]


def test_a_bridge_is_weighed_by_pairs_that_blocking_did_not_propose() -> None:
    bridged = {(0, 1): 9000, (2, 3): 9000, (1, 2): 8000}
    agreeing = dict.fromkeys([(0, 2), (0, 3), (1, 3)], 3000)
    assert groups(cluster(4, bridged, hidden=agreeing)) == [[0, 1, 2, 3]]
    assert groups(cluster(4, bridged)) == [[0, 1], [2, 3]]


def test_a_worn_copy_stays_with_the_good_ones() -> None:
    weights = {(0, 1): 12_000, (1, 2): 9000, (0, 2): -1500}
    assert groups(cluster(3, weights)) == [[0, 1, 2]]


def test_a_veto_parts_what_everything_else_joins() -> None:
    found = cluster(2, {(0, 1): 20_000}, vetoes=frozenset({(0, 1)}))
    assert groups(found) == [[0], [1]]
    assert found.reasons == ["veto"]


def test_a_veto_holds_between_clusters() -> None:
    weights = dict.fromkeys(itertools.combinations(range(4), 2), 15_000)
    found = groups(cluster(4, weights, vetoes=frozenset({(0, 3)})))
    assert all(not {0, 3} <= set(group) for group in found)


def test_a_must_link_stands_above_a_veto_and_below_a_never_link() -> None:
    veto = frozenset({(0, 1)})
    assert groups(cluster(2, {(0, 1): 0}, vetoes=veto, decisions=Decisions(must_link=[(0, 1)]))) == [[0, 1]]
    both = Decisions(must_link=[(0, 1)], never_link=[(0, 1)])
    assert groups(cluster(2, {(0, 1): 20_000}, decisions=both)) == [[0], [1]]


def test_a_chain_of_strangers_is_cut() -> None:
    """Every neighbour resembles the next, nobody resembles anyone else."""
    chain = {(node, node + 1): 4000 for node in range(4 * LARGE)}
    assert max(map(len, groups(cluster(4 * LARGE + 1, chain)))) <= 3


def test_a_large_party_stays_whole_up_to_the_limit() -> None:
    whole = dict.fromkeys(itertools.combinations(range(2 * LARGE), 2), 9000)
    assert len(groups(cluster(2 * LARGE, whole))) == 1
    nodes = LARGEST + 20
    beyond = dict.fromkeys(itertools.combinations(range(nodes), 2), 9000)
    assert max(map(len, groups(cluster(nodes, beyond)))) <= LARGEST


weights_of_nine = st.dictionaries(
    st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(lambda pair: pair[0] < pair[1]),
    st.sampled_from([-9000, -2000, 500, 1000, 4000, 4000, 9000]),
    max_size=24,
)
pairs_of_nine = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(lambda pair: pair[0] < pair[1]), max_size=5, unique=True
).map(sorted)


@settings(max_examples=200)
@given(weights_of_nine, pairs_of_nine, pairs_of_nine, st.integers(0, 1000))
def test_decisions_are_law_and_the_order_of_pairs_is_nothing(
    weights: Weighed, must: list[tuple[int, int]], never: list[tuple[int, int]], seed: int
) -> None:
    decisions = Decisions(must_link=must, never_link=never)
    found = cluster(9, weights, decisions=decisions)
    assert all(found.label[one] != found.label[other] for one, other in never)
    if not never:
        assert all(found.label[one] == found.label[other] for one, other in must)
    shuffled = list(weights.items())
    Random(seed).shuffle(shuffled)
    assert np.array_equal(cluster(9, dict(shuffled), decisions=decisions).label, found.label)
    assert all(found.label[name] == name for name in found.label)  # named by the smallest record
    assert (found.label <= np.arange(9)).all()


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_components_are_those_of_a_plain_search(pairs: list[tuple[int, int]]) -> None:
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    found = components.label(20, ends[:, 0], ends[:, 1])
    expected = list(range(20))
    for _ in range(20):
        for one, other in pairs:
            expected[one] = expected[other] = min(expected[one], expected[other])
    assert found.tolist() == expected

"""What clustering promises: evidence joins, contradictions and decisions part, and the order of pairs is nothing."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import components
from identity.clustering import LARGE, Decisions, Edges, Join, joins, partition
from identity.evidence import Evidence, Ints

Weighed = dict[tuple[int, int], int]


def edges(weights: Weighed, vetoes: frozenset[tuple[int, int]] = frozenset()) -> Edges:
    pairs = np.array(list(weights), dtype=np.int64).reshape(-1, 2)
    return Edges(
        pairs[:, 0],
        pairs[:, 1],
        np.array(list(weights.values()), dtype=np.int64),
        np.array([pair in vetoes for pair in weights], dtype=bool),
    )


def evidence(weights: Mapping[tuple[int, int], Sequence[int | None]], vetoes: frozenset[tuple[int, int]]) -> Evidence:
    """Make evidence of pairs: what each comparison weighs, None where a record does not tell; the priors are 0."""
    pairs = np.array(list(weights), dtype=np.int64).reshape(-1, 2)
    weighed = np.array([[weight or 0 for weight in row] for row in weights.values()], dtype=np.int64)
    told = np.array([[weight is not None for weight in row] for row in weights.values()], dtype=bool)
    veto = np.array([pair in vetoes for pair in weights], dtype=bool)
    return Evidence(pairs[:, 0], pairs[:, 1], weighed, weighed, told, veto, stranger_prior=0, relative_prior=0)


def cluster(
    nodes: int,
    weights: Weighed,
    *,
    hidden: Weighed | None = None,
    vetoes: frozenset[tuple[int, int]] = frozenset(),
    decisions: Decisions | None = None,
) -> Ints:
    """Cluster with what blocking proposed (``weights``) and what it did not (``hidden``; -20 bits when absent)."""
    known = {**(hidden or {}), **weights}

    def weigh(left: np.ndarray, right: np.ndarray) -> Evidence:
        pairs = list(zip(left.tolist(), right.tolist(), strict=True))
        Random(len(pairs)).shuffle(pairs)
        return evidence({pair: [known.get(pair, -20_000)] for pair in pairs}, vetoes)

    return partition(
        nodes=nodes,
        edges=edges(weights, vetoes),
        decisions=decisions or Decisions(),
        threshold=1000,
        weigh=weigh,
    )


def respects(weights: Mapping[tuple[int, int], Sequence[int | None]], nodes: int) -> Ints:
    """Cluster with what every comparison weighs of every pair."""
    every = evidence(weights, frozenset())

    def weigh(left: np.ndarray, right: np.ndarray) -> Evidence:
        return evidence({pair: weights[pair] for pair in zip(left.tolist(), right.tolist(), strict=True)}, frozenset())

    return partition(
        nodes=nodes,
        edges=Edges(every.left, every.right, every.weight, every.veto),
        decisions=Decisions(),
        threshold=1000,
        weigh=weigh,
    )


def groups(label: Ints) -> list[list[int]]:
    return [np.flatnonzero(label == name).tolist() for name in np.unique(label)]


def test_nothing_to_join() -> None:
    assert groups(cluster(3, {})) == [[0], [1], [2]]
    assert groups(cluster(0, {})) == []


def test_a_component_without_contradiction_is_taken_whole() -> None:
    assert groups(cluster(4, {(0, 1): 9000, (1, 2): 1000, (0, 2): 500})) == [[0, 1, 2], [3]]


def test_one_good_pair_does_not_bridge_two_parties() -> None:
    weights = {(0, 1): 9000, (2, 3): 9000, (1, 2): 8000, (0, 2): -9000, (0, 3): -9000, (1, 3): -9000}
    assert groups(cluster(4, weights)) == [[0, 1], [2, 3]]


def test_a_bridge_is_weighed_by_pairs_that_blocking_did_not_propose() -> None:
    bridged = {(0, 1): 9000, (2, 3): 9000, (1, 2): 8000}
    agreeing = dict.fromkeys([(0, 2), (0, 3), (1, 3)], 3000)
    assert groups(cluster(4, bridged, hidden=agreeing)) == [[0, 1, 2, 3]]
    assert groups(cluster(4, bridged)) == [[0, 1], [2, 3]]


def test_a_worn_copy_stays_with_the_good_ones() -> None:
    weights = {(0, 1): 12_000, (1, 2): 9000, (0, 2): -1500}
    assert groups(cluster(3, weights)) == [[0, 1, 2]]


def test_a_veto_parts_what_everything_else_joins() -> None:
    assert groups(cluster(2, {(0, 1): 20_000}, vetoes=frozenset({(0, 1)}))) == [[0], [1]]


def test_a_veto_holds_between_clusters() -> None:
    weights = dict.fromkeys(itertools.combinations(range(4), 2), 15_000)
    found = groups(cluster(4, weights, vetoes=frozenset({(0, 3)})))
    assert all(not {0, 3} <= set(group) for group in found)


def test_a_must_link_stands_above_a_veto_and_below_a_never_link() -> None:
    veto = frozenset({(0, 1)})
    assert groups(cluster(2, {(0, 1): 0}, vetoes=veto, decisions=Decisions(must_link=[(0, 1)]))) == [[0, 1]]
    both = Decisions(must_link=[(0, 1)], never_link=[(0, 1)])
    assert groups(cluster(2, {(0, 1): 20_000}, decisions=both)) == [[0], [1]]


def test_records_that_do_not_tell_do_not_water_down_a_contradiction() -> None:
    """A father (0, 1) and a son (2) of one name at one address; three records (3, 4, 5) tell no birth date."""
    born = {0: 1950, 1: 1950, 2: 1980}
    name, date, other_date = 6000, 12_000, -9000
    weights = {
        pair: [name, None if not set(pair) <= set(born) else date if born[pair[0]] == born[pair[1]] else other_date]
        for pair in itertools.combinations(range(6), 2)
    }
    label = respects(weights, 6)
    assert label[0] == label[1] != label[2]
    mean = np.mean([sum(weight or 0 for weight in weights[min(2, one), max(2, one)]) for one in (0, 1, 3, 4, 5)])
    assert mean > 1000  # of all pairs with record 2 it would have joined them


def test_a_chain_of_strangers_is_cut() -> None:
    """Every neighbour resembles the next, nobody resembles anyone else."""
    chain = {(node, node + 1): 4000 for node in range(LARGE - 1)}
    assert max(map(len, groups(cluster(LARGE, chain)))) <= 3


def test_a_party_stays_whole_up_to_the_limit_and_is_cut_where_it_is_weakest_beyond() -> None:
    whole = dict.fromkeys(itertools.combinations(range(LARGE), 2), 9000)
    assert len(groups(cluster(LARGE, whole))) == 1
    two = {
        pair: 9000 if (pair[0] < LARGE) == (pair[1] < LARGE) else 2000
        for pair in itertools.combinations(range(LARGE + 20), 2)
    }
    assert groups(cluster(LARGE + 20, two)) == [list(range(LARGE)), list(range(LARGE, LARGE + 20))]


def test_must_links_of_more_records_than_can_be_weighed_hold() -> None:
    nodes = LARGE + 50
    must = [(record, record + 1) for record in range(nodes - 1)]
    assert len(groups(cluster(nodes, {}, decisions=Decisions(must_link=must)))) == 1
    assert groups(cluster(nodes, {}, decisions=Decisions(must_link=must, never_link=[(99, 100)]))) == [
        list(range(100)),
        list(range(100, nodes)),
    ]


def test_a_component_is_decided_without_looking_at_any_other() -> None:
    """Online decides a component alone; what else there is, however much, changes nothing."""
    random = Random(3)
    alone = {
        pair: random.choice([-9000, -2000, 500, 1000, 4000, 9000]) for pair in itertools.combinations(range(12), 2)
    }
    apart = {(one + 12, other + 12): weight for (one, other), weight in alone.items()}
    large = dict.fromkeys(itertools.combinations(range(24, 24 + LARGE + 1), 2), 5000)
    together = cluster(25 + LARGE, {**alone, **apart, **large})
    label = cluster(12, alone)
    assert len(np.unique(label)) > 1
    assert np.array_equal(together[:12], label)
    assert np.array_equal(together[12:24] - 12, label)


def test_joins_are_told_in_order_down_to_the_weakest() -> None:
    weights = {(0, 1): 9000, (2, 3): 12_000, (0, 2): 3000, (0, 3): 3000, (1, 2): -1000, (1, 3): 3000}

    def weigh(left: np.ndarray, right: np.ndarray) -> Evidence:
        return evidence(
            {pair: [weights[pair]] for pair in zip(left.tolist(), right.tolist(), strict=True)}, frozenset()
        )

    assert joins(nodes=4, decisions=Decisions(), weigh=weigh) == [
        Join(2, 3, 12_000),
        Join(0, 1, 9000),
        Join(0, 2, (3000 + 4 * 2000) // 5),
    ]
    decided = Decisions(must_link=[(1, 2)], never_link=[(0, 3)])
    assert joins(nodes=4, decisions=decided, weigh=weigh) == [Join(1, 2, None), Join(1, 3, (12_000 + 4 * 7500) // 5)]
    assert joins(nodes=1, decisions=Decisions(), weigh=weigh) == []


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
    assert all(found[one] != found[other] for one, other in never)
    if not never:
        assert all(found[one] == found[other] for one, other in must)
    shuffled = list(weights.items())
    Random(seed).shuffle(shuffled)
    assert np.array_equal(cluster(9, dict(shuffled), decisions=decisions), found)
    assert all(found[name] == name for name in found)  # named by the smallest record
    assert (found <= np.arange(9)).all()


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_components_are_those_of_a_plain_search(pairs: list[tuple[int, int]]) -> None:
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    found = components.label(20, ends[:, 0], ends[:, 1])
    expected = list(range(20))
    for _ in range(20):
        for one, other in pairs:
            expected[one] = expected[other] = min(expected[one], expected[other])
    assert found.tolist() == expected

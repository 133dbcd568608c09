"""Constrained agglomeration: from weighed pairs to parties.

Connected components alone over-merge: one wrong pair joins two families, and in a large estate nearly everyone is
joined to everyone. So a component is only taken whole when no pair in it speaks against it. Any other is put
together from its records, best clusters first. Two clusters join while the weight between them reaches the
threshold: mostly the mean over *all* pairs between them, so that one good pair between two clusters that otherwise
contradict each other does not hold, and for a part their best pair, so that a few worn copies do not keep apart what
two good ones prove.

Records are numbered in the order of their key hash, and ties go to the smaller numbers; so the partition depends on
records, decisions and weights alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from identity import components

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Pair = tuple[int, int]

BEST_PAIR: Final = 0.25
"""Share of the best pair in the weight between two clusters; the mean of all pairs has the rest."""
UNWEIGHED: Final = -3000
"""Weight of a pair that nothing proposed: it has no key in common."""
LIMIT: Final = 20_000
"""Weights are cut off at ± this, so that one extraordinary pair does not outvote many."""
LARGE: Final = 50
"""A component of more records is first cut roughly, by the pairs that blocking proposed."""
ROUGHLY: Final = -2000
"""Threshold of that cut: low enough to keep together what may belong together."""
LARGEST: Final = 500
"""Records in a cluster, at most: what would grow beyond is a mistake, and every pair of it could not be weighed."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Pairs of record numbers, ``left`` < ``right``, with their weight in 1/1000 bit."""

    left: Ints
    right: Ints
    weight: Ints
    veto: Bools  # the two are never one party, whatever the weight

    def where(self, chosen: Bools) -> Edges:
        """Return the chosen pairs."""
        return Edges(self.left[chosen], self.right[chosen], self.weight[chosen], self.veto[chosen])

    def pairs(self) -> list[Pair]:
        """Return the pairs without their weight."""
        return list(zip(self.left.tolist(), self.right.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Decisions:
    """What people decided about pairs of records, each sorted, smaller number first."""

    must_link: Sequence[Pair] = ()
    never_link: Sequence[Pair] = ()


@dataclass(frozen=True, slots=True)
class Partition:
    """Clusters, and the pairs that would have linked but were kept apart."""

    label: Ints  # of every record: the smallest record number of its cluster
    refused: Edges
    reasons: list[str]  # per refused pair: never_link, veto, contradiction


Weigh = Callable[[Ints, Ints], Edges]
"""Weighs pairs (``left`` < ``right``) whatever they prove."""


def partition(*, nodes: int, edges: Edges, decisions: Decisions, threshold: int, weigh: Weigh) -> Partition:
    """Cut the records 0 … ``nodes`` - 1 into clusters.

    Args:
        nodes: number of records.
        edges: every pair that blocking proposed, once.
        decisions: hard constraints.
        threshold: weight from which pairs link, and mean weight from which clusters join.
        weigh: weighs pairs that blocking did not propose.
    """
    never, must = _columns(decisions.never_link), _columns(decisions.must_link)
    linking = edges.where(edges.weight >= threshold)
    allowed = linking.where(~linking.veto)
    label = components.label(
        nodes, np.concatenate([allowed.left, must[:, 0]]), np.concatenate([allowed.right, must[:, 1]])
    )
    inside = edges.where(label[edges.left] == label[edges.right])
    label = _agglomerate(label, _sizes(label) > LARGE, inside, decisions, ROUGHLY)
    inside = _complete(label, edges.where(label[edges.left] == label[edges.right]), weigh)
    doubtful = np.zeros(nodes, dtype=bool)
    doubtful[label[inside.left[(inside.weight < 0) | inside.veto]]] = True
    doubtful[label[must[:, 0]]] = True
    doubtful[label[never[:, 0]]] = True
    final = _agglomerate(label, doubtful[label], inside, decisions, threshold)
    refused = linking.where(final[linking.left] != final[linking.right])
    return Partition(label=final, refused=refused, reasons=_reasons(refused, decisions))


def _reasons(refused: Edges, decisions: Decisions) -> list[str]:
    never = set(decisions.never_link)
    return [
        "never_link" if pair in never else "veto" if veto else "contradiction"
        for pair, veto in zip(refused.pairs(), refused.veto.tolist(), strict=True)
    ]


def _sizes(label: Ints) -> Ints:
    """Return for every record how many records are in its cluster."""
    return np.bincount(label, minlength=label.size)[label]


def _columns(pairs: Sequence[Pair]) -> Ints:
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _complete(label: Ints, known: Edges, weigh: Weigh) -> Edges:
    """Return the weights of the pairs inside components: all pairs, but of those that decisions made too large."""
    members = np.argsort(label, kind="stable")
    _, starts, sizes = np.unique(label[members], return_index=True, return_counts=True)
    small = (sizes > 2) & (sizes <= LARGEST)
    left, right = _pairs_within(members, starts[small], sizes[small])
    nodes = label.size
    unknown = ~np.isin(left * nodes + right, known.left * nodes + known.right)
    if not unknown.any():
        return known
    weighed = weigh(left[unknown], right[unknown])
    return Edges(
        np.concatenate([known.left, weighed.left]),
        np.concatenate([known.right, weighed.right]),
        np.concatenate([known.weight, weighed.weight]),
        np.concatenate([known.veto, weighed.veto]),
    )


def _pairs_within(members: Ints, starts: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    """Return all pairs within each group of ``members``, smaller record first."""
    lefts, rights = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for size in np.unique(sizes):
        base = starts[sizes == size, None]
        low, high = np.triu_indices(int(size), k=1)
        lefts.append(members[base + low].ravel())
        rights.append(members[base + high].ravel())
    return np.concatenate(lefts), np.concatenate(rights)


def _agglomerate(label: Ints, doubtful: Bools, inside: Edges, decisions: Decisions, threshold: int) -> Ints:
    """Put the doubtful records together anew; the others keep their label."""
    inside = inside.where(doubtful[inside.left])
    records = np.flatnonzero(doubtful)
    if not records.size:
        return label
    local = np.full(label.size, -1, dtype=np.int64)
    local[records] = np.arange(records.size)
    clusters = _Clusters(
        records.size,
        local[inside.left].tolist(),
        local[inside.right].tolist(),
        np.clip(inside.weight, -LIMIT, LIMIT).tolist(),
        threshold,
    )

    def within(pairs: Iterable[Pair]) -> list[Pair]:
        numbered = ((int(local[one]), int(local[other])) for one, other in pairs)
        return [pair for pair in numbered if min(pair) >= 0]

    clusters.forbid(within(decisions.never_link))
    clusters.pin(within(decisions.must_link))  # a person's decision stands above a veto
    clusters.forbid(within(inside.where(inside.veto).pairs()))
    clusters.join_best()
    final = label.copy()
    final[records] = records[clusters.labels()]
    return final


class _Clusters:
    """Clusters that grow. A cluster is named by its smallest record.

    Between two clusters stand the sum over their pairs of (weight - UNWEIGHED), so that pairs nobody weighed add
    nothing, and the best weight. Only pairs of clusters with something in common are held.
    """

    def __init__(self, count: int, left: list[int], right: list[int], weight: list[int], threshold: int) -> None:
        self._threshold = threshold
        self._members = [[record] for record in range(count)]
        self._name = list(range(count))  # of the cluster of every record
        self._between: list[dict[int, tuple[int, int]]] = [{} for _ in range(count)]
        self._forbidden: list[set[int]] = [set() for _ in range(count)]
        for one, other, value in zip(left, right, weight, strict=True):
            self._between[one][other] = self._between[other][one] = (value - UNWEIGHED, value)
        self._queue: list[tuple[float, int, int]] = []

    def forbid(self, pairs: Iterable[Pair]) -> None:
        """Keep the clusters of each pair apart for good, unless they are one already."""
        for one, other in ((self._name[one], self._name[other]) for one, other in pairs):
            if one != other:
                self._forbidden[one].add(other)
                self._forbidden[other].add(one)

    def pin(self, pairs: Iterable[Pair]) -> None:
        """Join the clusters of each pair, unless that is forbidden."""
        for one, other in pairs:
            low, high = sorted((self._name[one], self._name[other]))
            if low != high and high not in self._forbidden[low]:
                self._join(low, high)

    def join_best(self) -> None:
        """Join the two clusters of the best weight, ties to the smaller names, until none reaches the threshold."""
        offers = (self._offer(low, high) for low, row in enumerate(self._between) for high in row if low < high)
        self._queue = [offer for offer in offers if offer]
        heapq.heapify(self._queue)
        while self._queue:
            offer = heapq.heappop(self._queue)
            _, low, high = offer
            if high not in self._between[low] or self._offer(low, high) != offer:
                continue  # of clusters that have changed since
            self._join(low, high)
            for other in self._between[low]:
                renewed = self._offer(min(low, other), max(low, other))
                if renewed:
                    heapq.heappush(self._queue, renewed)

    def labels(self) -> Ints:
        """Return for every record the smallest record of its cluster."""
        return np.array(self._name, dtype=np.int64)

    def _offer(self, low: int, high: int) -> tuple[float, int, int] | None:
        """Return the place of two clusters in the queue, if they may join."""
        one, other = len(self._members[low]), len(self._members[high])
        total, best = self._between[low][high]
        weight = BEST_PAIR * best + (1 - BEST_PAIR) * (total / (one * other) + UNWEIGHED)
        if weight < self._threshold or one + other > LARGEST or high in self._forbidden[low]:
            return None
        return -weight, low, high

    def _join(self, low: int, high: int) -> None:
        """Move everything of cluster ``high`` to cluster ``low``."""
        for record in self._members[high]:
            self._name[record] = low
        self._members[low] += self._members[high]
        self._members[high] = []
        mine, theirs = self._between[low], self._between[high]
        self._between[high] = {}
        mine.pop(high, None)
        theirs.pop(low, None)
        for other, (total, best) in theirs.items():
            own_total, own_best = mine.get(other, (0, best))
            mine[other] = self._between[other][low] = (own_total + total, max(own_best, best))
            del self._between[other][high]
        for other in self._forbidden[high]:
            self._forbidden[other].discard(high)
            self._forbidden[other].add(low)
        self._forbidden[low] |= self._forbidden[high]
        self._forbidden[high] = set()

"""Constrained agglomeration: from weighed pairs to parties.

Connected components alone over-merge: one wrong pair joins two families, and in a large estate nearly everyone is
joined to everyone. So a component is only taken whole when no pair in it speaks against it. Any other is put
together from its records, best clusters first, while the weight between the best two reaches the threshold.

The weight between two clusters is mostly what all pairs between them prove: in each respect the mean over the pairs
*of which both records tell*, so that records without a birth date don't water down a contradiction of those that
have one. For a part it is their best pair, so that a few worn copies do not keep apart what two good ones prove.

Records are numbered in the order of their key hash, and ties go to the smaller numbers; so the partition depends on
records, decisions and weights alone. It is local: the cluster of a record depends only on the records that pairs at
or above the threshold and must-links connect it with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from identity import components
from identity.evidence import Bools, Evidence, Ints

Pair = tuple[int, int]
_Scalar = TypeVar("_Scalar", bound=np.generic)

BEST_PAIR: Final = 5
"""The best pair has one part in so many of the weight between two clusters; what all pairs prove has the rest."""
LIMIT: Final = 20_000
"""The weight of the best pair is cut off at this, so that one extraordinary pair does not outvote many."""
LARGE: Final = 200
"""Records in a component, at most: in a larger one the threshold rises until its pieces are smaller."""
STEP: Final = 500
"""By how much it rises at a time."""
CHUNK: Final = 100_000
"""Pairs weighed at a time: some 30 MB."""
CELLS: Final = 200_000
"""Pairs of records in matrices at a time: some 60 MB."""
_NEVER: Final = np.iinfo(np.int64).min
"""Weight between clusters that may not join."""


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


@dataclass(frozen=True, slots=True)
class Decisions:
    """What people decided about pairs of records, each sorted, smaller number first."""

    must_link: Sequence[Pair] = ()
    never_link: Sequence[Pair] = ()


@dataclass(frozen=True, slots=True)
class Join:
    """Two clusters, each named by its smallest record, become one."""

    left: int
    right: int
    weight: int | None  # between them, 1/1000 bit; None: a person decided it


Weigh = Callable[[Ints, Ints], Evidence]
"""Weighs pairs (``left`` < ``right``) whatever they prove; gives each once, in any order."""


def partition(*, nodes: int, edges: Edges, decisions: Decisions, threshold: int, weigh: Weigh) -> Ints:
    """Cut the records 0 … ``nodes`` - 1 into clusters.

    Args:
        nodes: number of records.
        edges: every pair at or above the threshold, once; others may be among them and change nothing, but the more of
            them are known, the fewer have to be weighed.
        decisions: hard constraints; a never-link beats a must-link.
        threshold: weight from which pairs link, and clusters join.
        weigh: weighs the pairs inside a component.

    Returns:
        Of every record the smallest record of its cluster.
    """
    links = edges.where((edges.weight >= threshold) & ~edges.veto)
    pieces = _pieces(nodes, links, _columns(decisions.must_link), threshold)
    final = pieces.copy()
    pinned = _pinned(nodes, decisions)
    decided = np.zeros(nodes, dtype=bool)
    decided[pieces[_columns(decisions.must_link).ravel()]] = True
    decided[pieces[_columns(decisions.never_link).ravel()]] = True
    grouped = _grouped(pieces)
    for members in _too_large(grouped):
        final[members] = pinned[members]
    for members, evidence in _doubtful(grouped, decided, _agreeing(pieces, edges), weigh):
        grown = _Clusters(members, evidence, pinned, decisions.never_link)
        grown.join_best(threshold)
        final[members] = np.take_along_axis(members, grown.name, axis=1)
    return final


def joins(*, nodes: int, decisions: Decisions, weigh: Weigh) -> list[Join]:
    """Return in which order the records of *one* cluster come together, and how strongly.

    Args:
        nodes: number of records of the cluster, numbered from 0 in the order of their keys; at most ``LARGE``.
        decisions: about pairs of these records.
        weigh: weighs pairs of them.

    Returns:
        ``nodes`` - 1 joins, those that people decided first, then the strongest left at each moment, whatever the
        threshold; fewer when a veto or a never-link stands in between.
    """
    members = np.arange(nodes, dtype=np.int64)
    pinned = _pinned(nodes, decisions)
    found = [Join(int(pinned[member]), int(member), None) for member in members if pinned[member] != member]
    for piece, evidence in _doubtful(
        _grouped(np.zeros(nodes, dtype=np.int64)), np.ones(nodes, dtype=bool), np.zeros(nodes, dtype=np.int64), weigh
    ):
        grown = _Clusters(piece, evidence, pinned, decisions.never_link)
        grown.join_best(_NEVER + 1)
        found += grown.joins
    return found


def crowded(links: pl.DataFrame) -> pl.Series:
    """Return the records (Int64) with which more than ``LARGE`` hang together.

    Args:
        links: ``a``, ``b``: the links and must-links between these records and all that hang together with them.
    """
    numbers = pl.concat([links["a"], links["b"]]).unique().sort()
    left, right = (numbers.search_sorted(links[side]).to_numpy().astype(np.int64) for side in ("a", "b"))
    return numbers.filter(pl.Series(_sizes(components.label(numbers.len(), left, right)) > LARGE, dtype=pl.Boolean))


def _columns(pairs: Sequence[Pair]) -> Ints:
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


# --- components ------------------------------------------------------------------------------------------------


def _pieces(nodes: int, edges: Edges, must: Ints, threshold: int) -> Ints:
    """Return for every record the smallest record of its component, none of them large but by must-links alone."""
    left, right = np.concatenate([edges.left, must[:, 0]]), np.concatenate([edges.right, must[:, 1]])
    label = components.label(nodes, left, right)
    while True:
        large = _sizes(label) > LARGE
        edges = edges.where(large[edges.left])
        if not edges.left.size:
            return label
        threshold += STEP
        edges = edges.where(edges.weight >= threshold)
        held = must[large[must[:, 0]]]
        left, right = np.concatenate([edges.left, held[:, 0]]), np.concatenate([edges.right, held[:, 1]])
        label = np.where(large, components.label(nodes, left, right), label)


def _sizes(label: Ints) -> Ints:
    """Return for every record how many records are in its component."""
    return np.bincount(label, minlength=label.size)[label]


class _Grouped(NamedTuple):
    """The records of every piece side by side."""

    label: Ints  # by record: the smallest record of its piece
    members: Ints  # records, piece by piece, sorted in each
    starts: Ints  # where each piece begins
    sizes: Ints  # how many records it has


def _grouped(label: Ints) -> _Grouped:
    """Bring together the records that have one label."""
    members = np.argsort(label, kind="stable")
    starts = np.flatnonzero(np.diff(label[members], prepend=-1))
    return _Grouped(label, members, starts, np.diff(starts, append=label.size))


def _too_large(pieces: _Grouped) -> Iterator[Ints]:
    """Yield the records of each piece that must-links made too large to weigh."""
    _, members, starts, sizes = pieces
    for start, size in zip(starts[sizes > LARGE], sizes[sizes > LARGE], strict=True):
        yield members[start : start + size]


def _agreeing(pieces: Ints, edges: Edges) -> Ints:
    """Return, by the smallest record of each piece, how many pairs in it are known not to speak against it."""
    inside = (pieces[edges.left] == pieces[edges.right]) & (edges.weight >= 0) & ~edges.veto
    return np.bincount(pieces[edges.left[inside]], minlength=pieces.size)


def _doubtful(pieces: _Grouped, decided: Bools, agreeing: Ints, weigh: Weigh) -> Iterator[tuple[Ints, Evidence]]:
    """Yield the pieces that aren't taken whole, those of one size together, and the evidence of all pairs in them.

    Records of which all pairs are known to agree, and that nobody decided on, need no second look.

    Yields:
        Records (piece, place), sorted in each; and evidence of the pairs of the first piece, sorted, of the second …
    """
    label, members, starts, sizes = pieces
    pairs = sizes * (sizes - 1) // 2
    chosen = (sizes > 1) & (sizes <= LARGE) & (decided[members[starts]] | (agreeing[members[starts]] < pairs))
    starts, sizes, pairs = starts[chosen], sizes[chosen], pairs[chosen]
    chunk = np.cumsum(pairs) // CHUNK
    for number in np.unique(chunk):
        first, last = np.searchsorted(chunk, [number, number + 1])
        evidence = weigh(*_pairs_within(members, starts[first:last], sizes[first:last]))
        evidence = evidence.where(np.lexsort((evidence.right, evidence.left, label[evidence.left])))
        begins = np.cumsum(pairs[first:last]) - pairs[first:last]
        speaks_against = (evidence.weight < 0) | evidence.veto
        doubtful = np.logical_or.reduceat(speaks_against, begins) | decided[members[starts[first:last]]]
        for size in np.unique(sizes[first:last][doubtful]).tolist():
            some = np.flatnonzero(doubtful & (sizes[first:last] == size))
            for batch in np.array_split(some, np.ceil(some.size * size**2 / CELLS)):
                yield (
                    members[starts[first + batch, None] + np.arange(size)],
                    evidence.where((begins[batch, None] + np.arange(size * (size - 1) // 2)).ravel()),
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


# --- clusters --------------------------------------------------------------------------------------------------


def _pinned(nodes: int, decisions: Decisions) -> Ints:
    """Return for every record the smallest record that people joined it with; a never-link beats a must-link."""
    name: dict[int, int] = {}
    members: dict[int, list[int]] = {}
    apart: dict[int, set[int]] = {}
    for one, other in decisions.never_link:
        apart.setdefault(one, set()).add(other)
        apart.setdefault(other, set()).add(one)
    for pair in decisions.must_link:
        low, high = sorted(name.get(record, record) for record in pair)
        if low == high or high in apart.get(low, ()):
            continue
        moved = members.pop(high, [high])
        members.setdefault(low, [low]).extend(moved)
        name.update(dict.fromkeys(moved, low))
        for other in apart.pop(high, set()):
            apart[other].discard(high)
            apart[other].add(low)
            apart.setdefault(low, set()).add(other)
    pinned = np.arange(nodes, dtype=np.int64)
    if name:
        pinned[list(name)] = list(name.values())
    return pinned


class _Clusters:
    """Clusters that grow in many pieces of one size at once, each piece by itself.

    Records and clusters are places in their piece, smallest first. What stands between any two clusters of a piece is
    in the matrices, by the place of their smallest record: (piece, one, other, …).
    """

    def __init__(self, members: Ints, evidence: Evidence, pinned: Ints, never: Sequence[Pair]) -> None:
        """Begin with what people joined.

        Args:
            members: records of the pieces (piece, place), sorted in each.
            evidence: of all pairs of the first piece, sorted, of the second …
            pinned: for every record the smallest record that people joined it with.
            never: pairs that people keep apart, whether of these pieces or not.
        """
        count, size = members.shape
        self._members = members
        self._priors = np.array([evidence.stranger_prior, evidence.relative_prior])
        self._weights = _square(count, size, np.stack([evidence.stranger, evidence.relative], axis=1))
        self._told = _square(count, size, evidence.told.astype(np.int64))
        self._best = _square(count, size, np.minimum(evidence.weight, LIMIT))
        self._apart = _square(count, size, evidence.veto)
        self.name = np.tile(np.arange(size, dtype=np.int64), (count, 1))  # of the cluster of every record
        self.joins: list[Join] = []  # in the order made; of several pieces they are mixed
        self._forbid(never)
        self._pin(pinned)
        self._offers = np.full((count, size, size), _NEVER)
        for low in range(size):
            self._offer(np.flatnonzero(self.name[:, low] == low), low)

    def join_best(self, threshold: int) -> None:
        """Join the two clusters of the best weight, ties to the smaller names, until none reaches the threshold."""
        count, size = self.name.shape
        growing = np.arange(count)
        while True:
            offers = self._offers[growing].reshape(growing.size, -1)
            best = offers.argmax(axis=1)
            weight = np.take_along_axis(offers, best[:, None], axis=1)[:, 0]
            reaches = weight >= threshold
            growing, weight = growing[reaches], weight[reaches]
            if not growing.size:
                return
            low, high = np.divmod(best[reaches], size)
            ends = self._members[growing, low], self._members[growing, high], weight
            self.joins += [Join(*join) for join in zip(*(end.tolist() for end in ends), strict=True)]
            self._merge(growing, low, high)
            self._offers[growing, high] = self._offers[growing, :, high] = _NEVER
            self._offer(growing, low)

    def _forbid(self, never: Sequence[Pair]) -> None:
        """Keep apart what people keep apart."""
        if not never:
            return
        order = np.argsort(self._members, axis=None)
        place = np.searchsorted(self._members.ravel()[order], _columns(never))
        found = order[np.minimum(place, order.size - 1)]
        here = (self._members.ravel()[found] == _columns(never)).all(axis=1)
        piece, record = np.divmod(found[here], self.name.shape[1])
        inside = piece[:, 0] == piece[:, 1]
        one, other = record[inside].T
        self._apart[piece[inside, 0], one, other] = self._apart[piece[inside, 0], other, one] = True

    def _pin(self, pinned: Ints) -> None:
        """Join what people joined."""
        target = pinned[self._members]
        for high in np.flatnonzero((target != self._members).any(axis=0)):
            some = np.flatnonzero(target[:, high] != self._members[:, high])
            low = (self._members[some] == target[some, high, None]).argmax(axis=1)
            self._merge(some, low, np.full_like(low, high))

    def _merge(self, piece: Ints, low: Ints, high: Ints) -> None:
        """Move everything of the cluster ``high`` of each of these pieces to its cluster ``low``."""
        self.name[piece] = np.where(self.name[piece] == high[:, None], low[:, None], self.name[piece])
        for between, combined in (
            (self._weights, np.add),
            (self._told, np.add),
            (self._best, np.maximum),
            (self._apart, np.logical_or),
        ):
            both = combined(between[piece, low], between[piece, high])
            between[piece, low] = both
            between[piece, :, low] = both

    def _offer(self, piece: Ints, low: Ints | int) -> None:
        """Weigh a cluster of each of these pieces against every other of its piece."""
        mean = self._weights[piece, low] // np.maximum(self._told[piece, low], 1)[:, :, None]
        all_pairs = (self._priors + mean.sum(axis=3)).min(axis=2)
        weight = (self._best[piece, low] + (BEST_PAIR - 1) * all_pairs) // BEST_PAIR
        places = np.arange(self.name.shape[1])
        alive = (self.name[piece] == places) & ~self._apart[piece, low]
        weight = np.where(alive & (places != np.reshape(low, (-1, 1))), weight, _NEVER)
        self._offers[piece, low] = np.where(places > np.reshape(low, (-1, 1)), weight, _NEVER)
        self._offers[piece, :, low] = np.where(places < np.reshape(low, (-1, 1)), weight, _NEVER)


def _square(count: int, size: int, values: NDArray[_Scalar]) -> NDArray[_Scalar]:
    """Return what stands between any two records of each piece, from the values of the sorted pairs."""
    matrix = np.zeros((count, size, size, *values.shape[1:]), dtype=values.dtype)
    low, high = np.triu_indices(size, k=1)
    values = values.reshape(count, low.size, *values.shape[1:])
    matrix[:, low, high] = matrix[:, high, low] = values
    return matrix

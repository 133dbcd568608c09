"""Matching in process: a few changed records against all the others, with the answer that bulk would give.

A change touches little: the pairs of the changed records, and the groups of linked records that these pairs join or
joined before. So only those are read, through an ``Index`` that the store implements, and decided by the same
functions as in bulk: the result is that of linking everything anew.

- Pairs are those that share a key. A key that comes to have more records than its ceiling, or no longer has, makes
  all its records change.
- Pairs are scored by ``identity.scoring``: the levels of ``identity.comparison``, evaluated in process.
- Groups of linked records (pairs at or above the link threshold that no veto forbids, and must-links) are put
  together by ``identity.clustering``, which depends on nothing outside a group.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, Protocol

import numpy as np
import polars as pl

from identity import clustering, components, packing
from identity.candidates import Keys
from identity.linking import MUST_LINK, NEVER_LINK
from identity.model import Model
from identity.scoring import Found, Record, scorer, unsigned

Pair = tuple[int, int]


class Placed(NamedTuple):
    """The cluster of a record; as in ``linking.CLUSTER_SCHEMA``."""

    record_no: int
    cluster: int  # the record of its smallest key
    key: int  # unsigned


class Edge(NamedTuple):
    """A pair at or above the review threshold, as in the store's table ``edge``."""

    a: int  # the smaller record_no
    b: int
    weight: int  # 1/1000 bit
    veto: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A record that is new, has other features, is gone, or is in a decision that was made or revoked."""

    record_no: int
    key: int = 0  # signed, as in the store's table ``feature``
    content: str | None = field(default=None, repr=False)  # packed features; None: the record is gone


def changes(features: pl.DataFrame, gone: Sequence[int] = ()) -> list[Change]:
    """Make the changes of a batch.

    Args:
        features: of the records as they are now (``features.SCHEMA``).
        gone: record_nos of records that live no more; one that never did is allowed.
    """
    return [Change(*row) for row in packing.pack(features).iter_rows()] + [Change(record_no) for record_no in gone]


class Index(Protocol):
    """What the matcher reads; records that are not live are in none of it."""

    def holders(self, hashes: Sequence[int], at_most: int) -> Iterator[tuple[int, Sequence[int]]]:
        """Yield the records that have each key, ``at_most`` of them in no order; none for an unknown key."""

    def features(self, records: Sequence[int]) -> list[tuple[int, int, str]]:
        """Return record_no, key (signed) and packed features of those of the records that there are."""

    def edges(self, records: Sequence[int]) -> list[tuple[int, int, int, bool]]:
        """Return every edge that one of the records is in, once: a < b, weight, veto."""

    def decisions(self, records: Sequence[int]) -> list[tuple[int, int, str]]:
        """Return every decision that holds about one of the records, once: a < b, kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """What a batch changes. ``store.matching.apply`` writes all but clusters."""

    keys_gone: list[tuple[int, int]]  # hash, record_no
    keys_new: list[tuple[int, int]]
    features_gone: list[int]  # record_no
    features_new: list[tuple[int, int, str]] = field(repr=False)
    """record_no, key (signed), content: new, or in place of what there was"""
    edges_gone: list[tuple[int, int]]  # a, b
    edges_new: list[Edge]  # new, or in place of what there was
    clusters: list[Placed]  # whole clusters: every record of which the cluster may have changed, and those with it


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Too much hangs together to be decided while somebody waits; nothing was decided."""

    records: int  # how many were found to be affected before it was left


class Matcher:
    """Matches changes by one model version."""

    def __init__(self, model: Model, index: Index) -> None:
        """Take the model, and where records, keys and edges are."""
        self._model = model
        self._index = index
        self._scorer = partial(scorer, model)

    def match(self, changes: Sequence[Change], *, at_most: int | None = 50) -> Matched | Pending:
        """Find, score and decide.

        Args:
            changes: of distinct records. Later ones of one record must be in a later call, after its ``Matched`` was
                written.
            at_most: how many records may hang together; None: it always decides.
        """
        with _uncollected():
            return self._match(changes, at_most)

    def _match(self, changes: Sequence[Change], at_most: int | None) -> Matched | Pending:
        records = _Records(self._model, self._index, changes)
        keys = Keys(
            self._index.holders,
            self._model.common_keys,
            before={number: records.before[number] for number in records.altered if number in records.before},
            after={number: records[number] for number in records.altered if number in records},
        )
        if at_most is not None and len(keys.crossing) > at_most:
            return Pending(records=len(keys.crossing))
        edges = self._edges(records, keys)
        groups = _Groups(self._index, records, edges, self._model.link_threshold)
        if not groups.close(at_most):
            return Pending(records=len(groups.members))
        return Matched(
            keys_gone=keys.gone,
            keys_new=keys.new,
            features_gone=[number for number in records.before if number in records.gone],
            features_new=records.written,
            edges_gone=[pair for pair in edges.old if pair not in edges.new],
            edges_new=[Edge(*pair, *found) for pair, found in edges.new.items() if edges.old.get(pair) != found],
            clusters=self._decide(records, groups),
        )

    def _edges(self, records: _Records, keys: Keys) -> _Edges:
        """Score every pair that a record with other keys or features makes now."""
        dirty = {*records.altered, *keys.crossing}
        old = {(a, b): (weight, bool(veto)) for a, b, weight, veto in self._index.edges(list(dirty))}
        records.load(dirty)
        candidates = list(keys.candidates({number: records[number] for number in keys.crossing if number in records}))
        records.load({other for one in candidates for other in one.others})
        new: dict[Pair, Found] = {}
        contents = records.contents
        for number, groups in groupby(candidates, attrgetter("record_no")):
            record = records[number]
            score_apart = self._scorer(record.party_type).against(record, self._model.review_threshold)
            for _, apart, others in groups:
                score = score_apart(apart)
                for other in others:
                    if found := score(contents[other]):
                        new[(number, other) if number < other else (other, number)] = found
        return _Edges(dirty, old, new)

    def _decide(self, records: _Records, groups: _Groups) -> list[Placed]:
        """Cut the groups into clusters."""
        agreed = groups.agreed()
        placed = [placed for group in agreed for placed in _whole(group, records)]
        by_type: dict[str, list[int]] = {}
        for number in groups.members.difference(*agreed):
            by_type.setdefault(records[number].party_type, []).append(number)
        for party_type, chosen in by_type.items():
            evidence = self._scorer(party_type).evidence
            chosen.sort(key=lambda number: (records[number].key, number))
            label = clustering.partition(
                nodes=len(chosen),
                edges=groups.edges_among(chosen),
                decisions=groups.decisions_among(chosen),
                threshold=self._model.link_threshold,
                weigh=partial(evidence, [records[number] for number in chosen]),
            )
            placed += [
                Placed(number, chosen[place], records[number].key)
                for number, place in zip(chosen, label.tolist(), strict=True)
            ]
        return placed


def _whole(group: Collection[int], records: _Records) -> Iterator[Placed]:
    """Yield the places of records that are one cluster."""
    keys = {number: records.key(number) for number in group}
    smallest = min(keys, key=lambda number: (keys[number], number))
    for number, key in keys.items():
        yield Placed(number, smallest, key)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from running meanwhile.

    A batch makes some hundred thousand objects, none of them in a cycle, and the collector goes through all of them and
    the model again and again: a fifth of the time of a batch, and most of the slowest single changes.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class _Records:
    """The records that a call has met, as they are after the changes."""

    def __init__(self, model: Model, index: Index, changes: Sequence[Change]) -> None:
        """Compare the changes with what there is."""
        self._model = model
        self._index = index
        numbers = [change.record_no for change in changes]
        self.changed = numbers
        stored = {number: (key, content) for number, key, content in index.features(numbers)}
        self.before = {number: Record(content, key, model) for number, (key, content) in stored.items()}
        self.gone = {change.record_no for change in changes if change.content is None}
        self.contents: dict[int, str] = {}
        """The packed features of every loaded record that lives."""
        self._keys: dict[int, int] = {}  # of the same, signed
        self._met = set(numbers)
        self._read: dict[int, Record] = {}  # of few records that are met the features are looked at one by one
        self.altered: list[int] = []  # with other features, new, or gone
        self.written: list[tuple[int, int, str]] = []  # record_no, key, content: of those that live
        for number, key, content in ((change.record_no, change.key, change.content) for change in changes):
            if content is not None:
                self.contents[number], self._keys[number] = content, key
            if stored.get(number) != (None if content is None else (key, content)):
                self.altered.append(number)
                if content is not None:
                    self.written.append((number, key, content))

    def __contains__(self, number: int) -> bool:
        """Whether a loaded record lives."""
        return number in self.contents

    def __getitem__(self, number: int) -> Record:
        """Return a loaded record that lives."""
        record = self._read.get(number)
        if record is None:
            record = self._read[number] = Record(self.contents[number], self._keys[number], self._model)
        return record

    def key(self, number: int) -> int:
        """Return the key, unsigned, of a loaded record that lives."""
        return unsigned(self._keys[number])

    def load(self, numbers: Collection[int]) -> None:
        """Read the records that weren't met yet."""
        missing = set(numbers).difference(self._met)
        if missing:
            self._met |= missing
            for number, key, content in self._index.features(list(missing)):
                self.contents[number], self._keys[number] = content, key


class _Edges(NamedTuple):
    """The pairs of the records that are scored anew."""

    dirty: set[int]  # those records, gone ones among them
    old: dict[Pair, Found]
    new: dict[Pair, Found]


class _Groups:
    """Records that links connect, as far as the changes reach."""

    def __init__(self, index: Index, records: _Records, edges: _Edges, threshold: int) -> None:
        """Begin with the changed records, and those that were linked with them."""
        self._index = index
        self._records = records
        self._edges = edges
        self._threshold = threshold
        self._between: dict[Pair, Found] = dict(edges.new)  # every edge of a member
        self._decisions: set[tuple[int, int, str]] = set()  # every decision about a member
        self.members: set[int] = set()

    def close(self, at_most: int | None) -> bool:
        """Add what hangs together with them; give up when that is more than ``at_most``, and say so."""
        frontier = self._begin()
        while frontier:
            self._records.load(frontier)
            frontier = {number for number in frontier if number in self._records}
            self.members |= frontier
            frontier = self._neighbours(frontier) - self.members
            if at_most is not None and self._largest() > at_most:
                return False
        return True

    def agreed(self) -> list[list[int]]:
        """Return the groups of members that are one cluster at sight: everything that is known of them agrees.

        They are those that ``clustering`` takes whole without weighing anything: nobody decided on a record, and every
        two are a pair that doesn't speak against it.
        """
        groups = self._connected()
        group_of = {number: place for place, group in enumerate(groups) for number in group}
        agreeing = [0] * len(groups)
        doubtful = {group_of[number] for a, b, _ in self._decisions for number in (a, b) if number in group_of}
        for (a, b), (weight, veto) in self._between.items():
            place = group_of.get(a)
            if weight >= 0 and not veto and place is not None and place == group_of.get(b):
                agreeing[place] += 1
        return [
            group
            for place, group in enumerate(groups)
            if place not in doubtful
            and agreeing[place] == len(group) * (len(group) - 1) // 2
            and len(group) <= clustering.LARGE
        ]

    def _connected(self) -> list[list[int]]:
        """Return the members, those that links connect together."""
        linked: dict[int, list[int]] = {number: [] for number in self.members}
        for (a, b), found in self._between.items():
            if self._is_link(found):
                linked[a].append(b)
                linked[b].append(a)
        groups = []
        while linked:
            number, others = linked.popitem()
            group = [number]
            while others:
                other = others.pop()
                if other in linked:
                    group.append(other)
                    others += linked.pop(other)
            groups.append(group)
        return groups

    def edges_among(self, chosen: Sequence[int]) -> clustering.Edges:
        """Return the edges of these records, named by their position."""
        place = {number: position for position, number in enumerate(chosen)}
        rows = [
            (*sorted((place[a], place[b])), weight, veto)
            for (a, b), (weight, veto) in self._between.items()
            if a in place and b in place
        ]
        left, right, weight, veto = np.array(rows, dtype=np.int64).reshape(-1, 4).T
        return clustering.Edges(left, right, weight, veto.astype(bool))

    def decisions_among(self, chosen: Sequence[int]) -> clustering.Decisions:
        """Return the decisions about pairs of these records, named by their position."""
        place = {number: position for position, number in enumerate(chosen)}

        def pairs(wanted: str) -> list[Pair]:
            found = (
                sorted((place[a], place[b]))
                for a, b, kind in self._decisions
                if kind == wanted and a in place and b in place
            )
            return sorted({(low, high) for low, high in found})

        return clustering.Decisions(must_link=pairs(MUST_LINK), never_link=pairs(NEVER_LINK))

    def _begin(self) -> set[int]:
        """Return the changed records, those scored anew, and those that were linked with them before."""
        linked = (pair for pair, found in self._edges.old.items() if self._is_link(found))
        decided = self._index.decisions(list(self._edges.dirty))
        return {
            *self._records.changed,
            *self._edges.dirty,
            *(number for pair in linked for number in pair),
            *(number for a, b, kind in decided if kind == MUST_LINK for number in (a, b)),
        }

    def _neighbours(self, frontier: set[int]) -> set[int]:
        """Return the records that the members are linked with now, members among them."""
        found = {number for pair, edge in self._edges.new.items() if self._is_link(edge) for number in pair}
        dirty = self._edges.dirty
        for a, b, weight, veto in self._index.edges(list(frontier - dirty)):
            if a not in dirty and b not in dirty:
                self._between[a, b] = edge = weight, bool(veto)
                if self._is_link(edge):
                    found |= {a, b}
        decided = self._index.decisions(list(frontier))
        self._records.load({number for a, b, _ in decided for number in (a, b)})
        self._decisions.update(decided)
        return found.union(*(pair for pair in self._must_links(decided)))

    def _links(self) -> list[Pair]:
        """Return the pairs that hang together."""
        linked = [pair for pair, found in self._between.items() if self._is_link(found)]
        return linked + self._must_links(self._decisions)

    def _must_links(self, decided: Iterable[tuple[int, int, str]]) -> list[Pair]:
        """Return the pairs of records that people joined, and that can be one party."""
        return [(a, b) for a, b, kind in decided if kind == MUST_LINK and self._live(a, b) and self._alike(a, b)]

    def _largest(self) -> int:
        """Return how many records hang together, at most."""
        if len(self.members) <= 1:
            return len(self.members)
        numbers = np.array(sorted(self.members), dtype=np.int64)
        pairs = np.array([pair for pair in self._links() if self.members.issuperset(pair)], dtype=np.int64)
        left, right = np.searchsorted(numbers, pairs.reshape(-1, 2)).T
        return int(np.bincount(components.label(numbers.size, left, right)).max())

    def _is_link(self, found: Found) -> bool:
        weight, veto = found
        return weight >= self._threshold and not veto

    def _live(self, a: int, b: int) -> bool:
        return a in self._records and b in self._records

    def _alike(self, a: int, b: int) -> bool:
        return self._records[a].party_type == self._records[b].party_type

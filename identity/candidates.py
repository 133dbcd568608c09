"""Candidates in process: who shares a blocking key with a few changed records, as bulk finds it for all.

The keys of a batch and their holders are columns, put in order and joined by NumPy: with sets and dictionaries of them
a batch of 500 takes a tenth longer, though a single change a tenth less.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from identity import blocking
from identity.evidence import Ints
from identity.packing import LISTS
from identity.scoring import Record

Read = Callable[[Sequence[int], int], Iterator[tuple[int, Sequence[int]]]]
"""Yields the records that have each key, so many of them at most; see ``online.Index.holders``."""

_RULES: Final = [rule for rules in blocking.RULES.values() for rule in rules]
_NUMBERS: Final = {rule.name: number for number, rule in enumerate(_RULES)}
_CEILINGS: Final = np.array([rule.ceiling for rule in _RULES])
_LIST_OF: Final = {
    rule.name: rule.parts[0].sql for rule in _RULES if len(rule.parts) == 1 and rule.parts[0].sql in LISTS
}
"""By rule of which each value of a list is a key, the list: who has none of the keys shares none of the values."""
_LISTS: Final = sorted(set(_LIST_OF.values()))
"""Those lists; a set of them is a number that has a bit for each."""
_BITS: Final = np.array([1 << _LISTS.index(_LIST_OF[rule.name]) if rule.name in _LIST_OF else 0 for rule in _RULES])
"""By number of a rule, its list as such a set; 0 where it has none."""
_ALL_LISTS: Final = {
    party_type: sum(1 << _LISTS.index(_LIST_OF[rule.name]) for rule in rules if rule.name in _LIST_OF)
    for party_type, rules in blocking.RULES.items()
}


class Candidates(NamedTuple):
    """Records that a record has a key in common with."""

    record_no: int
    apart: frozenset[str]  # the lists of which they share no value with it
    others: list[int]


class _Own(NamedTuple):
    """The keys of one record, but the common ones."""

    rules: dict[int, int]  # by key: the number of its rule
    complete: int  # the lists of which none of its values is a common key: every sharer of one is found


class _Holders(NamedTuple):
    """Who has some keys: a row for each key of each record, in the order of the keys."""

    key: Ints
    record_no: Ints

    @classmethod
    def of(cls, key: Ints, record_no: Ints) -> _Holders:
        """Bring rows into order."""
        order = np.argsort(key)
        return cls(key[order], record_no[order])

    def among(self, keys: Ints) -> tuple[Ints, Ints]:
        """Return where the rows of each key begin, and how many they are."""
        begin = np.searchsorted(self.key, keys)
        return begin, np.searchsorted(self.key, keys, side="right") - begin


class Keys:
    """The blocking keys of changed records, and who has them after the changes."""

    def __init__(
        self, read: Read, common: frozenset[int], before: Mapping[int, Record], after: Mapping[int, Record]
    ) -> None:
        """Find the keys that the changes take and give, and the records of those that cross their ceiling by it.

        Args:
            read: who has a key, before the changes.
            common: keys that make no candidates.
            before: the changed records as they were, but for new ones.
            after: the changed records as they are, but for those that are gone.
        """
        self._read = read
        self._common = common
        self._changed = np.array(sorted(before.keys() | after.keys()), dtype=np.int64)
        was = {number: self._own(record) for number, record in before.items()}
        self._of = {number: self._own(record) for number, record in after.items()}
        self.gone = _without(was, self._of)
        """Hash and record_no of the keys that changed records have no more."""
        self.new = _without(self._of, was)
        """Hash and record_no of the keys that changed records didn't have."""
        self._rules = {key: rule for own in chain(was.values(), self._of.values()) for key, rule in own.rules.items()}
        stored = self._holders_of(self._rules)
        stays = ~_among(stored.record_no, self._changed)
        numbers, place, key, _ = self._columns()
        self._holders = _Holders.of(
            np.concatenate([stored.key[stays], key]), np.concatenate([stored.record_no[stays], numbers[place]])
        )
        self.crossing = self._crossing(stored)
        """Records that did not change, but have a key that begins or ceases to make candidates."""

    def candidates(self, crossing: Mapping[int, Record]) -> Iterator[Candidates]:
        """Yield the candidates of the changed records and of those of ``crossing``; each pair once.

        Args:
            crossing: those records.
        """
        if crossing:
            self._of |= {number: self._own(record) for number, record in crossing.items()}
            met = {key for number in crossing for key in self._of[number].rules}
            more = self._holders_of(met.difference(self._rules))
            self._holders = _Holders.of(*map(np.concatenate, zip(self._holders, more, strict=True)))
        numbers, place, key, rule = self._columns()
        begin, count = self._holders.among(key)
        full = count > _CEILINGS[rule]
        count[full] = 0
        complete = np.array([own.complete for own in self._of.values()], dtype=np.int64)
        np.bitwise_and.at(complete, place[full], ~_BITS[rule[full]])
        rows = np.repeat(begin - np.cumsum(count) + count, count) + np.arange(count.sum())
        place, other, shared = _pairs(
            np.repeat(place, count), self._holders.record_no[rows], np.repeat(_BITS[rule], count)
        )
        once = (numbers[place] < other) | ~_among(other, np.sort(numbers))
        yield from _grouped(numbers[place[once]], other[once], (complete[place] & ~shared)[once])

    def _own(self, record: Record) -> _Own:
        """Return the keys of a record."""
        by_rule = blocking.keys(record, record.party_type)
        rules = {key: _NUMBERS[rule] for rule, hashes in by_rule.items() for key in hashes}
        complete = _ALL_LISTS[record.party_type]
        for key in self._common.intersection(rules):
            complete &= ~int(_BITS[rules.pop(key)])
        return _Own(rules, complete)

    def _columns(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Return the records that live, and of each key of each of them: its place among them, the key, its rule."""
        owns = self._of.values()
        return (
            np.array([*self._of], dtype=np.int64),
            np.repeat(np.arange(len(owns)), np.array([len(own.rules) for own in owns], dtype=np.int64)),
            np.fromiter(chain.from_iterable(own.rules for own in owns), np.int64),
            np.fromiter(chain.from_iterable(own.rules.values() for own in owns), np.int64),
        )

    def _holders_of(self, keys: Collection[int]) -> _Holders:
        """Read the holders of each key, enough to know on which side of its ceiling it is after all changes."""
        most = int(_CEILINGS.max()) + self._changed.size + 1
        found = list(self._read(list(keys), most))
        sizes = np.array([len(numbers) for _, numbers in found], dtype=np.int64)
        return _Holders.of(
            np.repeat(np.array([key for key, _ in found], dtype=np.int64), sizes),
            np.fromiter(chain.from_iterable(numbers for _, numbers in found), np.int64),
        )

    def _crossing(self, stored: _Holders) -> set[int]:
        """Return the records that did not change, but have a key that is on the other side of its ceiling now."""
        keys = np.array(list({key for key, _ in chain(self.gone, self.new)}), dtype=np.int64)
        ceilings = _CEILINGS[[self._rules[key] for key in keys.tolist()]]
        (_, before), (_, after) = stored.among(keys), self._holders.among(keys)
        crossed = set(keys[(before > ceilings) != (after > ceilings)].tolist())
        if not crossed:
            return set()
        rows = chain(zip(*stored, strict=True), zip(*self._holders, strict=True))
        return {int(number) for key, number in rows if key in crossed}.difference(self._changed.tolist())


def _without(some: Mapping[int, _Own], others: Mapping[int, _Own]) -> list[tuple[int, int]]:
    """Return key and record of the keys that a record has in ``some``, but not in ``others``."""
    return [
        (key, number)
        for number, own in some.items()
        for key in (own.rules.keys() - others[number].rules.keys() if number in others else own.rules)
    ]


def _among(values: Ints, known: Ints) -> NDArray[np.bool_]:
    """Return which values are in a sorted array; of few, ``np.isin`` takes ten times as long."""
    if not known.size:
        return np.zeros(values.size, dtype=bool)
    found: NDArray[np.bool_] = known.take(np.searchsorted(known, values), mode="clip") == values
    return found


def _pairs(place: Ints, other: Ints, shared: Ints) -> tuple[Ints, Ints, Ints]:
    """Return each pair once, with the lists of which any of its rows says that they share a value."""
    order = np.lexsort((other, place))
    place, other = place[order], other[order]
    first = _firsts(place, other)
    return place[first], other[first], np.bitwise_or.reduceat(shared[order], first) if first.size else shared


def _firsts(one: Ints, other: Ints) -> Ints:
    """Return where rows begin that are not like the row before."""
    begins = np.ones(one.size, dtype=bool)
    begins[1:] = (one[1:] != one[:-1]) | (other[1:] != other[:-1])
    return np.flatnonzero(begins)


def _grouped(number: Ints, other: Ints, apart: Ints) -> Iterator[Candidates]:
    """Yield pairs by their record and by the lists of which they share no value."""
    order = np.lexsort((apart, number))
    number, apart = number[order], apart[order]
    first = _firsts(number, apart)
    others = other[order].tolist()
    starts = zip(number[first].tolist(), apart[first].tolist(), strict=True)
    for (one, lists), (begin, end) in zip(starts, pairwise([*first.tolist(), len(others)]), strict=True):
        yield Candidates(one, _lists_of(lists), others[begin:end])


@cache
def _lists_of(bits: int) -> frozenset[str]:
    return frozenset(name for place, name in enumerate(_LISTS) if bits >> place & 1)

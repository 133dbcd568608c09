"""Explanations: what a pair of records proves in each respect, in words and in numbers, and how a party came together.

Everything here is told from the same levels, weights and partition that decide: nothing is judged a second time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import numpy as np

from identity import clustering, packing
from identity.comparison import COMPARISONS, VETOES, Value
from identity.evidence import Evidence, Ints
from identity.model import BIT, Model
from identity.scoring import Record, scorer
from identity.statements import Statement
from identity.wording import Rival, in_words, respect


@dataclass(frozen=True, slots=True)
class Packed:
    """A record as the matcher keeps it, whatever the model."""

    key: int  # its bits are those of ``identity.features.SCHEMA``, signed or not
    content: str = field(repr=False)  # packed features (``identity.packing``)
    statement: Statement | None = None  # what it says itself; None: not known, or not what the features were made of


# Two records ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a pair proves in one respect; weights in 1/1000 bit."""

    comparison: str
    level: str
    words: str
    told: bool  # whether both records tell; nothing is proved otherwise
    veto: bool  # with others it says that the two are never one party
    stranger: int
    relative: int
    left: Mapping[str, Value] = field(repr=False)  # the values that were compared, by feature
    right: Mapping[str, Value] = field(repr=False)
    says: tuple[tuple[str, ...], tuple[str, ...]] = field(
        repr=False
    )  # the two in their own words, where those are known

    def weight(self, rival: Rival) -> int:
        """The weight against one of the two other explanations."""
        return self.stranger if rival == "strangers" else self.relative

    def told_against(self, rival: Rival) -> str:
        """Return the level in words, and what it says of relatives where that is not what it says of strangers.

        Against relatives another address may speak for one customer, and the same address against it.
        """
        if rival == "relatives" and self.relative >= BIT and self.stranger < 0:
            return f"{self.words}, unlike relatives"
        if rival == "relatives" and self.relative <= -BIT and self.stranger > 0:
            return f"{self.words}, like relatives"
        return self.words


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """What a pair of records proves altogether; weights in 1/1000 bit."""

    party_type: str
    steps: tuple[Step, ...]  # in the order of the comparisons
    vetoes: tuple[str, ...]  # what says that the two are never one party, in words
    set_aside: tuple[str, ...]  # features with a common value that is too common to prove anything
    stranger_prior: int
    relative_prior: int
    link_threshold: int
    review_threshold: int

    def prior(self, rival: Rival) -> int:
        """Where the sum against an explanation starts: the odds before anything is compared."""
        return self.stranger_prior if rival == "strangers" else self.relative_prior

    def total(self, rival: Rival) -> int:
        """What the pair proves against one of the two other explanations."""
        return self.prior(rival) + sum(step.weight(rival) for step in self.steps)

    @property
    def rival(self) -> Rival:
        """The better of the two other explanations: the one that less is proved against."""
        return "strangers" if self.total("strangers") <= self.total("relatives") else "relatives"

    @property
    def weight(self) -> int:
        """The weight of the pair: what it proves against the better of the two other explanations."""
        return self.total(self.rival)

    def strongest(self, *, speaking_for: bool, most: int = 3) -> tuple[Step, ...]:
        """Return the respects that prove most for, or against, the two being one, the strongest first.

        What is less than a bit says nothing to people; a shared address may even speak a little for relatives.
        """
        sign = 1 if speaking_for else -1
        telling = [step for step in self.steps if sign * step.weight(self.rival) >= BIT]
        return tuple(sorted(telling, key=lambda step: -sign * step.weight(self.rival))[:most])


def weighed(left: Packed, right: Packed, model: Model) -> Weighing:
    """Weigh two records of one party type, and keep what each comparison came to.

    Raises:
        ValueError: the records are of different party types, which are never compared.
    """
    one, other = seen(left, model), seen(right, model)
    if one.party_type != other.party_type:
        raise ValueError("records of different party types are never compared")
    scores = scorer(model, one.party_type)
    proof = scores.evidence([one, other], np.array([0]), np.array([1]))
    levels = {
        comparison.name: comparison.levels[comparison.level(one, other)] for comparison in COMPARISONS[one.party_type]
    }
    ruling = [
        veto
        for veto in VETOES[one.party_type]
        if all(levels[comparison].name in names for comparison, names in veto.levels.items())
    ]
    ruled_by = {comparison for veto in ruling for comparison in veto.levels}
    vetoes = [veto.name for veto in ruling]
    if scores.duplicates(one, other):
        vetoes.append("two records of a source that has every customer once")
    steps = []
    for column, (comparison, level) in enumerate(levels.items()):
        shows = respect(comparison).shows
        compared = [{name: record[name] for name in shows} for record in (one, other)]
        words = in_words(comparison, level.name)
        if level.name in _BY_SPELLING and _differ_in_spelling(left, right, comparison):
            words += " but for the spelling"
        steps.append(
            Step(
                comparison=comparison,
                level=level.name,
                words=words,
                told=bool(proof.told[0, column]),
                veto=comparison in ruled_by,
                stranger=int(proof.stranger[0, column]),
                relative=int(proof.relative[0, column]),
                left=compared[0],
                right=compared[1],
                says=(_says(left, comparison, compared[0]), _says(right, comparison, compared[1])),
            )
        )
    return Weighing(
        party_type=one.party_type,
        steps=tuple(steps),
        vetoes=tuple(vetoes),
        set_aside=_too_common(left, right, model),
        stranger_prior=proof.stranger_prior,
        relative_prior=proof.relative_prior,
        link_threshold=model.link_threshold,
        review_threshold=model.review_threshold,
    )


_BY_SPELLING: Final = frozenset({"same", "part", "another", "word"})
"""Levels of names that tell of equal words; whoever spells them otherwise may wonder at that."""


def _differ_in_spelling(left: Packed, right: Packed, comparison: str) -> bool:
    one, other = left.statement, right.statement
    return one is not None and other is not None and one.differs_in_spelling(other, comparison)


def _says(record: Packed, comparison: str, compared: Mapping[str, Value]) -> tuple[str, ...]:
    """Return what a record says in its own words; what was compared, where those are not known."""
    own = record.statement.values.get(comparison, ()) if record.statement else ()
    return own or tuple(
        text for value in compared.values() for text in ([value] if isinstance(value, str) else value or ())
    )


def seen(record: Packed, model: Model) -> Record:
    """Return a record as the model sees it: without values that are too common to prove anything."""
    return Record(record.content, record.key, model)


def _too_common(left: Packed, right: Packed, model: Model) -> tuple[str, ...]:
    """Return the features of which two records have a value in common that is too common to prove anything."""
    one, other = packing.unpack_one(left.content), packing.unpack_one(right.content)
    return tuple(name for name, generic in model.generic.items() if generic & _values(one[name]) & _values(other[name]))


def _values(value: Value) -> frozenset[str]:
    return frozenset([value] if isinstance(value, str) else value or ())


# A whole party --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Fall:
    """What a higher link threshold takes apart."""

    above: int  # the highest threshold at which it is still together, 1/1000 bit
    whole: tuple[int, ...]  # the records that are one until then, by their places
    parts: tuple[tuple[int, ...], ...]  # what they are beyond it


class Assembly:
    """Records that hang together, to be put together anew at any threshold.

    A party depends on the records of its link component alone, so what is told here is what matching does.
    """

    def __init__(
        self, records: Sequence[Record], edges: clustering.Edges, decisions: clustering.Decisions, model: Model
    ) -> None:
        """Take in the records of one party type.

        Args:
            records: as the model sees them, in the order of (key, record_no).
            edges: the pairs that matching keeps among them, by their places.
            decisions: what stewards decided about them, by their places.
            model: the model version.
        """
        self._records, self._edges, self._decisions = records, edges, decisions
        self._scorer = scorer(model, records[0].party_type)
        self._groups: dict[int, frozenset[frozenset[int]]] = {}

    def joins(self, members: Sequence[int]) -> list[clustering.Join]:
        """Return in which order records came together, and how strongly; records and clusters by their places.

        Args:
            members: the places of the records of one party, sorted; at most ``clustering.LARGE``.
        """
        places = np.array(members, dtype=np.int64)
        local = {place: number for number, place in enumerate(members)}
        found = clustering.joins(
            nodes=len(members),
            decisions=clustering.Decisions(
                must_link=_renumbered(self._decisions.must_link, local),
                never_link=_renumbered(self._decisions.never_link, local),
            ),
            weigh=lambda left, right: replace(self._weigh(places[left], places[right]), left=left, right=right),
        )
        return [clustering.Join(members[one.left], members[one.right], one.weight) for one in found]

    def between(self, one: Sequence[int], other: Sequence[int]) -> int | None:
        """Return the weight between two groups of records as a whole, 1/1000 bit; None when a veto is between them."""
        places = sorted({*one, *other})
        if len(places) > clustering.LARGE:
            return None
        local = {place: number for number, place in enumerate(places)}
        whole = [pair for group in (sorted(one), sorted(other)) for pair in itertools.pairwise(group)]
        numbers = np.array(places, dtype=np.int64)
        found = clustering.joins(
            nodes=len(places),
            decisions=clustering.Decisions(must_link=sorted(_renumbered(whole, local))),
            weigh=lambda left, right: replace(self._weigh(numbers[left], numbers[right]), left=left, right=right),
        )
        return next((join.weight for join in found if join.weight is not None), None)

    def strongest(self, one: Sequence[int], other: Sequence[int]) -> clustering.Pair:
        """Return the pair of records between two groups that proves most, by their places; ties to the smaller."""
        left, right = (side.ravel() for side in np.meshgrid(np.array(one), np.array(other), indexing="ij"))
        found = self._weigh(np.minimum(left, right), np.maximum(left, right))
        best = np.lexsort((found.right, found.left, -found.weight))[0]
        return int(found.left[best]), int(found.right[best])

    def groups(self, threshold: int) -> frozenset[frozenset[int]]:
        """Return which records are one at a link threshold, by their places."""
        if threshold not in self._groups:
            name_of = clustering.partition(
                nodes=len(self._records),
                edges=self._edges,
                decisions=self._decisions,
                threshold=threshold,
                weigh=self._weigh,
            )
            together: dict[int, set[int]] = {}
            for place, name in enumerate(name_of.tolist()):
                together.setdefault(name, set()).add(place)
            self._groups[threshold] = frozenset(frozenset(group) for group in together.values())
        return self._groups[threshold]

    def falls(self, members: Iterable[int], threshold: int) -> tuple[Fall, ...]:
        """Return what falls apart at which threshold above the given one: the weakest first.

        What a decision holds together never does. Read backwards, it is the order in which the records came together.
        """
        mine = frozenset(members)
        highest = max([threshold, *self._edges.weight.tolist()]) + 1  # nothing links there
        falls: list[Fall] = []
        for above in self._turns(mine, threshold, highest):
            before, after = self._within(mine, above), self._within(mine, above + 1)
            for whole in sorted(before - after, key=min):
                parts = sorted((group & whole for group in after if group & whole), key=min)
                if len(parts) > 1:
                    falls.append(
                        Fall(
                            above=above,
                            whole=tuple(sorted(whole)),
                            parts=tuple(tuple(sorted(part)) for part in parts),
                        )
                    )
        return tuple(falls)

    def _turns(self, members: frozenset[int], low: int, high: int) -> list[int]:
        """Return the thresholds after which the members are grouped otherwise, found by halving what lies between."""
        turns: list[int] = []
        spans = [(low, high)]
        while spans:
            low, high = spans.pop()
            if self._within(members, low) == self._within(members, high):
                continue
            if high - low == 1:
                turns.append(low)
            else:
                middle = (low + high) // 2
                spans += [(low, middle), (middle, high)]
        return sorted(turns)

    def _within(self, members: frozenset[int], threshold: int) -> frozenset[frozenset[int]]:
        return frozenset(group & members for group in self.groups(threshold) if group & members)

    def _weigh(self, left: Ints, right: Ints) -> Evidence:
        """Weigh pairs; all at once where they are few, as they will be asked for again and again."""
        nodes = len(self._records)
        if nodes > clustering.LARGE:
            return self._scorer.evidence(self._records, left, right)
        return self._all_pairs.where(left * (2 * nodes - left - 1) // 2 + right - left - 1)

    @cached_property
    def _all_pairs(self) -> Evidence:
        return self._scorer.evidence(self._records, *np.triu_indices(len(self._records), k=1))


def _renumbered(pairs: Iterable[clustering.Pair], numbers: Mapping[int, int]) -> list[clustering.Pair]:
    """Return the pairs of which both records have a number, by those."""
    return [(numbers[one], numbers[other]) for one, other in pairs if one in numbers and other in numbers]

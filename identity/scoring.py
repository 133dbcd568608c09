"""Pairs scored in process: what a model sees of a record, and what two records prove; equal to bulk's SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from identity import packing
from identity.comparison import COMPARISONS, VETOES, Condition, Value, shares
from identity.evidence import Evidence, Ints, evidence
from identity.model import Model

Found = tuple[int, bool]
"""Weight of a pair in 1/1000 bit, and whether it has a veto."""

_OUT_OF_REACH: Final = -(2**40)
"""Weight of a level that a record can't have with any other."""

_KEY_BITS: Final = 2**64 - 1


class Record(dict[str, Value]):
    """The features of one record as a model sees them; each is read when it is first asked for.

    Generic values are left out, and a gender that the record doesn't tell is taken from its given name where the model
    knows that. Of most records only a few features are asked for, before it is clear that a pair is hopeless.
    """

    __slots__ = ("_model", "_texts", "key")

    def __init__(self, content: str, key: int, model: Model) -> None:
        """Take packed features, and the record's key with its bits as a signed number."""
        super().__init__()
        self.key = key & _KEY_BITS
        self._texts = packing.fields(content)
        self._model = model

    def __missing__(self, name: str) -> Value:
        """Read a feature."""
        value = packing.read(self._texts, name)
        if value is None:
            if name == "gender" and isinstance(given := self["given"], str):
                value = self._model.genders.get(given)
        elif name in self._model.generic:
            generic = self._model.generic[name]
            if isinstance(value, str):
                value = None if value in generic else value
            elif not generic.isdisjoint(value):
                value = [one for one in value if one not in generic] or None
        self[name] = value
        return value

    @property
    def party_type(self) -> str:
        """Whether a person or an organisation."""
        return str(self["party_type"])

    def surprise(self, name: str) -> int | None:
        """Return how surprising the value of a feature is, in 1/1000 bit; None where the record doesn't tell."""
        value = self[name]
        if not isinstance(value, str):
            return None
        table = self._model.frequencies[name]
        return table.surprise.get(value, table.unseen)


class _Step(NamedTuple):
    """A comparison, with what each of its levels adds to a pair's weights, by number."""

    level: Callable[[Mapping[str, Value], Mapping[str, Value]], int]
    stranger: tuple[int, ...]
    relative: tuple[int, ...]
    place: int  # among the comparisons
    frequency: tuple[str | None, ...]  # the feature of which the shared value's surprise comes on top
    shared: tuple[str | None, ...]  # the feature of which the level says no more than that a value is shared
    by_frequency: bool  # whether one of the levels is


Weights = tuple[int, ...]
"""What each level of a comparison adds against strangers, by number."""


class Sought(NamedTuple):
    """A record of which pairs are scored, with the most that each comparison can add to them."""

    record: Record
    stranger: int  # prior and all comparisons at their best
    relative: int
    steps: Sequence[tuple[_Step, Weights, int, int]]  # the best against strangers, and against relatives


class Scorer:
    """Scores pairs of one party type by one model."""

    def __init__(self, model: Model, party_type: str) -> None:
        """Take the weights from the model."""
        self._model = model
        self._party_type = party_type
        self._population = population = model.populations[party_type]
        steps = []
        for place, one in enumerate(COMPARISONS[party_type]):
            weights = {level.name: level for level in population.comparisons[one.name]}
            known = [weights.get(level.name) for level in one.levels]  # missing levels have no weight
            steps.append(
                _Step(
                    level=one.level,
                    stranger=tuple(level.stranger if level else 0 for level in known),
                    relative=tuple(level.relative if level else 0 for level in known),
                    place=place,
                    frequency=tuple(level.frequency for level in one.levels),
                    shared=tuple(shared_feature(level.condition) for level in one.levels),
                    by_frequency=any(level.frequency for level in one.levels),
                )
            )
        # What tells strangers apart best comes first, so that most pairs are given up after a step or two.
        self._steps = sorted(steps, key=_width, reverse=True)
        at = {step.place: position for position, step in enumerate(self._steps)}
        self._vetoes = [
            [(at[place], numbers) for place, numbers in veto.places(party_type)] for veto in VETOES[party_type]
        ]
        self._bests: dict[frozenset[str], list[tuple[int, int]]] = {}

    def surprising(self, record: Record) -> list[Weights]:
        """Return the weights of the levels of each step for pairs with the record, for ``sought``.

        A level by frequency means that both have the same value: its weight is known from one of them, and it can't be
        reached where that one doesn't tell.
        """
        return [self._surprising(step, record) if step.by_frequency else step.stranger for step in self._steps]

    def sought(self, record: Record, weights: Sequence[Weights], apart: frozenset[str]) -> Sought:
        """Look up the most that a pair with the record can come to.

        Args:
            record: one of the pair.
            weights: what ``surprising`` found for it.
            apart: lists of which the other one is known to share no value.
        """
        bests = self._bests.get(apart)
        if bests is None:
            bests = self._bests[apart] = [_best(step, apart) for step in self._steps]
        steps = [
            (step, own, max(own) if step.by_frequency else stranger, relative)
            for step, own, (stranger, relative) in zip(self._steps, weights, bests, strict=True)
        ]
        return Sought(
            record,
            self._population.stranger_prior + sum(step[2] for step in steps),
            self._population.relative_prior + sum(step[3] for step in steps),
            steps,
        )

    def weight(self, sought: Sought, other: Record, at_least: int) -> Found | None:
        """Return what a pair comes to; None when it is below ``at_least``, in 1/1000 bit.

        Begins with the most that the pair can come to and takes off what each comparison falls short of that, so that
        it can stop as soon as the weight can't be reached any more.
        """
        record, stranger, relative, steps = sought
        levels = []
        for step, weights, best_stranger, best_relative in steps:
            level = step.level(record, other)
            stranger += weights[level] - best_stranger
            relative += step.relative[level] - best_relative
            if stranger < at_least or relative < at_least:
                return None
            levels.append(level)
        vetoed = any(all(levels[place] in numbers for place, numbers in veto) for veto in self._vetoes)
        return min(stranger, relative), vetoed or self._duplicates(record, other)

    def evidence(self, records: Sequence[Record], left: Ints, right: Ints) -> Evidence:
        """Weigh pairs of records, named by their position, in every respect and whatever they prove."""
        comparisons = COMPARISONS[self._party_type]
        level_of = [one.level for one in comparisons]
        pairs = [(records[one], records[other]) for one, other in zip(left.tolist(), right.tolist(), strict=True)]
        levels = np.array([[level(one, other) for level in level_of] for one, other in pairs], dtype=np.uint8).reshape(
            -1, len(comparisons)
        )
        frequencies = {level.frequency for one in comparisons for level in one.levels if level.frequency}
        return evidence(
            left,
            right,
            levels=levels,
            surprises={
                name: np.array([one.surprise(name) or 0 for one, _ in pairs], dtype=np.int64) for name in frequencies
            },
            veto=np.array([self._duplicates(one, other) for one, other in pairs], dtype=bool),
            party_type=self._party_type,
            population=self._population,
        )

    def _surprising(self, step: _Step, record: Record) -> Weights:
        """Return the weights of a comparison's levels against strangers, for pairs with the record."""
        weights = []
        for weight, name in zip(step.stranger, step.frequency, strict=True):
            surprise = record.surprise(name) if name else 0
            weights.append(_OUT_OF_REACH if surprise is None else weight + surprise)
        return tuple(weights)

    def _duplicates(self, one: Record, other: Record) -> bool:
        """Whether both are of one source that has no customer twice."""
        return one["data_source"] == other["data_source"] and one["data_source"] in self._model.duplicate_free


def shared_feature(condition: Condition | None) -> str | None:
    """Return the list of which a condition says no more than that both have a value of it, if it is such a one."""
    return _SHARED.get(condition.python(_plain, _plain)) if condition else None


def _plain(column: str) -> str:
    return column


_SHARED: Final = {shares(name).python(_plain, _plain): name for name in packing.LISTS}


def _best(step: _Step, apart: frozenset[str]) -> tuple[int, int]:
    """Return the most that a comparison can add against strangers, and against relatives."""
    possible = [level for level, name in enumerate(step.shared) if name not in apart]
    return max(step.stranger[level] for level in possible), max(step.relative[level] for level in possible)


def _width(step: _Step) -> int:
    """Return how much the levels of a comparison differ, but for those that blocking tells beforehand."""
    weights = [weight for weight, name in zip(step.stranger, step.shared, strict=True) if name is None]
    return max(weights) - min(weights)

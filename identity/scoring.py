"""Pairs scored in process: what a model sees of a record, and what two records prove; equal to bulk's SQL.

Scoring is most of what matching a change costs, and most candidates are hopeless. So the function that scores them is
put together from the comparisons and compiled, once per model and party type: it reads a feature of the other record
when a comparison first asks for it, keeps it in a local variable, and stops as soon as a pair is hopeless. It takes
about a quarter of the time of a loop over the comparisons' own functions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cache, partial
from types import CodeType
from typing import Final, NamedTuple, cast

import numpy as np

from identity import packing
from identity.comparison import COMPARISONS, NAMES, VETOES, Comparison, Condition, Value, absent, frequencies, shares
from identity.evidence import Evidence, Ints, evidence
from identity.model import Model

Found = tuple[int, bool]
"""Weight of a pair in 1/1000 bit, and whether it has a veto."""

Score = Callable[[str], Found | None]
"""Scores the pair of a record and the one that is packed in a text; None when it is below what was asked for."""

_OUT_OF_REACH: Final = -(2**40)
"""Weight of a level that a record can't have with any other."""

_KEY_BITS: Final = 2**64 - 1


class Record(dict[str, Value]):
    """The features of one record as a model sees them; equal to what ``records.view`` makes of many.

    Generic values are left out, and a gender that the record doesn't tell is taken from its given name where the model
    knows that.
    """

    __slots__ = ("_model", "key")

    def __init__(self, content: str, key: int, model: Model) -> None:
        """Take packed features, and the record's key with its bits as a signed number."""
        super().__init__(packing.unpack_one(content))
        self.key = unsigned(key)
        self._model = model
        for name, generic in model.generic.items():
            self[name] = _without_generic(self[name], generic)
        if self["gender"] is None and isinstance(given := self["given"], str):
            self["gender"] = model.genders.get(given)

    def __repr__(self) -> str:
        """Name it without its values, which are personal data."""
        return f"<Record {self.key:016x}>"

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


def unsigned(key: int) -> int:
    """Return a key of which the bits are a signed number."""
    return key & _KEY_BITS


def _without_generic(value: Value, generic: Collection[str]) -> Value:
    """Leave out what is generic."""
    if value is None or isinstance(value, str):
        return None if value in generic else value
    for one in value:
        if one in generic:
            return [other for other in value if other not in generic] or None
    return value


class _Step(NamedTuple):
    """A comparison, with what each of its levels adds to a pair's weights, by number."""

    place: int  # among the comparisons
    stranger: tuple[int, ...]
    relative: tuple[int, ...]
    frequency: tuple[str | None, ...]  # the feature of which the shared value's surprise comes on top
    shared: tuple[str | None, ...]  # the feature of which the level says no more than that a value is shared
    by_frequency: bool  # whether one of the levels is
    absent: str | None  # the feature that makes the comparison *missing* when a record doesn't tell it


Gains = tuple[int, ...]
"""What each level of a comparison adds, by number; or how much less than the best that is."""


class _Unlike(NamedTuple):
    """What is known of pairs before they are scored."""

    apart: frozenset[str]  # lists of which they share no value
    absent: frozenset[str]  # features that one of the two records doesn't tell


class _Bound(NamedTuple):
    """The most that pairs can come to of which something is known, and what each level falls short of it."""

    stranger: int  # prior, and all comparisons but those by frequency at their best
    relative: int  # prior, and all comparisons at their best
    strangers: tuple[Gains, ...]  # by step
    relatives: tuple[Gains, ...]


class Scorer:
    """Scores pairs of one party type by one model."""

    def __init__(self, model: Model, party_type: str) -> None:
        """Take the weights from the model."""
        self.model = model
        self._party_type = party_type
        self._population = population = model.populations[party_type]
        steps = []
        for place, one in enumerate(COMPARISONS[party_type]):
            known = population.levels(one)
            steps.append(
                _Step(
                    place=place,
                    stranger=tuple(level.stranger if level else 0 for level in known),
                    relative=tuple(level.relative if level else 0 for level in known),
                    frequency=tuple(level.frequency for level in one.levels),
                    shared=tuple(_shared_feature(level.condition) for level in one.levels),
                    by_frequency=bool(one.frequencies),
                    absent=_absent_feature(one),
                )
            )
        # What tells strangers apart best comes first, so that most pairs are given up after a step or two.
        self._steps = sorted(steps, key=partial(_width, model=model), reverse=True)
        self._by_frequency = [
            (number, _counted(step), step.absent) for number, step in enumerate(self._steps) if step.by_frequency
        ]
        self._own: dict[tuple[int, int | None], tuple[int, Gains]] = {}
        self._absent = [step.absent for step in self._steps if step.absent]
        self._bounds: dict[_Unlike, _Bound] = {}
        self._bind = _binding(model, party_type, tuple(step.place for step in self._steps))

    def against(self, record: Record, at_least: int) -> Callable[[frozenset[str]], Score]:
        """Prepare to score pairs with a record.

        Args:
            record: one of every pair.
            at_least: weight in 1/1000 bit of the pairs that are wanted.

        Returns:
            A function that makes the one that scores the pairs of the record and others that are known to share no
            value of some lists.
        """
        # A level by frequency means that both have the same value: its weight is known from one of them, and it can't
        # be reached where that one doesn't tell.
        untold = frozenset([name for name in self._absent if record[name] is None])
        own = [
            (number, *self._gains(number, record.surprise(name)))
            for number, name, absent in self._by_frequency
            if absent not in untold
        ]
        best = sum([most for _, most, _ in own])
        values = self._bind(record, at_least)

        def apart(lists: frozenset[str]) -> Score:
            unlike = _Unlike(lists, untold)
            bound = self._bounds.get(unlike) or self._bound(unlike)
            strangers = list(bound.strangers)
            for number, _, short in own:
                strangers[number] = short
            return values(bound.stranger + best, bound.relative, strangers, bound.relatives)

        return apart

    def _bound(self, unlike: _Unlike) -> _Bound:
        """Return the most that pairs can come to of which this is known."""
        bests = [_best(step, unlike) for step in self._steps]
        self._bounds[unlike] = bound = _Bound(
            stranger=self._population.stranger_prior
            + sum(best for step, (best, _) in zip(self._steps, bests, strict=True) if not step.by_frequency),
            relative=self._population.relative_prior + sum(best for _, best in bests),
            strangers=tuple(
                tuple(one - best for one in step.stranger) for step, (best, _) in zip(self._steps, bests, strict=True)
            ),
            relatives=tuple(
                tuple(one - best for one in step.relative) for step, (_, best) in zip(self._steps, bests, strict=True)
            ),
        )
        return bound

    def _gains(self, number: int, surprise: int | None) -> tuple[int, Gains]:
        """Return the most that a step by frequency can add against strangers, and what each level falls short of it.

        Args:
            number: of the step.
            surprise: of the record's value; None: it doesn't tell.
        """
        found = self._own.get((number, surprise))
        if found is None:
            step = self._steps[number]
            shared = _OUT_OF_REACH if surprise is None else surprise
            gains = [
                weight + (shared if name else 0) for weight, name in zip(step.stranger, step.frequency, strict=True)
            ]
            most = max(gains)
            found = self._own[number, surprise] = most, tuple([one - most for one in gains])
        return found

    def evidence(self, records: Sequence[Record], left: Ints, right: Ints) -> Evidence:
        """Weigh pairs of records, named by their position, in every respect and whatever they prove."""
        comparisons = COMPARISONS[self._party_type]
        level_of = [one.level for one in comparisons]
        pairs = [(records[one], records[other]) for one, other in zip(left.tolist(), right.tolist(), strict=True)]
        levels = np.array([[level(one, other) for level in level_of] for one, other in pairs], dtype=np.uint8).reshape(
            -1, len(comparisons)
        )
        return evidence(
            left,
            right,
            levels=levels,
            surprises={
                name: np.array([one.surprise(name) or 0 for one, _ in pairs], dtype=np.int64)
                for name in frequencies(comparisons)
            },
            veto=np.array([self.duplicates(one, other) for one, other in pairs], dtype=bool),
            party_type=self._party_type,
            population=self._population,
        )

    def duplicates(self, one: Record, other: Record) -> bool:
        """Whether both are of one source that has no customer twice."""
        return one["data_source"] == other["data_source"] and one["data_source"] in self.model.duplicate_free


_LAST: Final[dict[str, Scorer]] = {}
"""By party type, the scorer that was asked for last."""


def scorer(model: Model, party_type: str) -> Scorer:
    """Return the scorer of a model; kept until another is asked for: making it takes a millisecond."""
    last = _LAST.get(party_type)
    if last is None or last.model is not model:
        last = _LAST[party_type] = Scorer(model, party_type)
    return last


def _shared_feature(condition: Condition | None) -> str | None:
    """Return the list of which a condition says no more than that both have a value of it, if it is such a one."""
    return _SHARED.get(_written(condition))


def _absent_feature(comparison: Comparison) -> str | None:
    """Return the feature without which a comparison is *missing*, whatever the other record tells, if there is one."""
    first = comparison.levels[0]
    return _ABSENT.get(_written(first.condition)) if first.missing else None


def _counted(step: _Step) -> str:
    """Return the feature of which the shared value's surprise counts; a comparison has one at most."""
    (name,) = {name for name in step.frequency if name}
    return name


def _written(condition: Condition | None) -> str | None:
    """Write a condition in a way that tells it from others."""
    return condition.python(_plain, _plain) if condition else None


def _plain(column: str) -> str:
    return column


_SHARED: Final[dict[str | None, str]] = {_written(shares(name)): name for name in packing.LISTS}
_ABSENT: Final[dict[str | None, str]] = {_written(absent(name)): name for name in packing.FIELDS}


def _best(step: _Step, unlike: _Unlike) -> tuple[int, int]:
    """Return the most that a comparison can add against strangers, and against relatives."""
    if step.absent in unlike.absent:
        return 0, 0
    possible = [level for level, name in enumerate(step.shared) if name not in unlike.apart]
    return max(step.stranger[level] for level in possible), max(step.relative[level] for level in possible)


def _width(step: _Step, model: Model) -> int:
    """Return how much the levels of a comparison differ, but for those that blocking tells beforehand."""
    weights = [
        weight + (model.frequencies[frequency].unseen if frequency else 0)
        for weight, frequency, shared in zip(step.stranger, step.frequency, step.shared, strict=True)
        if shared is None
    ]
    return max(weights) - min(weights)


# The function that scores -----------------------------------------------------------------------------------------

_Values = Callable[[int, int, Sequence[Gains], Sequence[Gains]], Score]
"""Takes the most that a pair can come to, and what each level of each step falls short of it."""
_Bind = Callable[[Record, int], _Values]
"""Takes the record of which pairs are scored, and the weight of those that are wanted."""


def _binding(model: Model, party_type: str, order: tuple[int, ...]) -> _Bind:
    """Make the function that scores pairs for one record after the other."""
    names: dict[str, object] = {
        **NAMES,
        "fields": packing.fields,
        "read": packing.read,
        "without_generic": _without_generic,
        "genders": model.genders,
        "duplicate_free": model.duplicate_free,
        **{f"generic_{name}": generic for name, generic in model.generic.items()},
    }
    exec(_code(party_type, order, frozenset(model.generic)), names)  # noqa: S102 -- our own text
    return cast("_Bind", names["bind"])


@cache
def _code(party_type: str, order: tuple[int, ...], generic: frozenset[str]) -> CodeType:
    """Put it together, comparison by comparison in an order.

    It begins with the most that a pair can come to and takes off what each level falls short of that. In its text
    ``l_…`` are features of the record, which are read once, and ``r_…`` those of the other one.
    """
    comparisons = [COMPARISONS[party_type][place] for place in order]
    features = {"data_source", *(name for one in comparisons for name in one.columns)}
    read: set[str] = set()
    score = ["texts = fields(content)"]
    for step, one in enumerate(comparisons):
        untold = _absent_feature(one)
        seen = set(read) if untold else read  # what is read in a branch isn't there afterwards
        tests = one.tests(_left, _right)
        lines = [
            *(line for name in one.columns for line in _reading(name, generic, seen)),
            *(f"{'el' if number else ''}if {test}: level{step} = {number}" for number, test in enumerate(tests)),
            f"else: level{step} = {len(tests)}",
            f"stranger += stranger{step}[level{step}]",
            f"relative += relative{step}[level{step}]",
            "if stranger < at_least or relative < at_least: return None",
        ]
        if untold:  # the most that a pair can come to knows already that the level is *missing*
            score += [f"if l_{untold} is None: level{step} = 0", "else:", *(f" {line}" for line in lines)]
        else:
            score += lines
    score += _reading("data_source", generic, read)
    vetoes = ["(l_data_source == r_data_source and l_data_source in duplicate_free)"]
    for veto in VETOES[party_type]:
        levels = [f"level{order.index(place)} in {set(numbers)}" for place, numbers in veto.places(party_type)]
        vetoes.append(f"({' and '.join(levels)})")
    score += [f"return min(stranger, relative), {' or '.join(vetoes)}"]
    gains = [f"{side}{step}" for side in ("stranger", "relative") for step in range(len(order))]
    lines = [
        "def bind(l, at_least):",
        *(f" l_{name} = l[{name!r}]" for name in sorted(features)),
        " def values(most_stranger, most_relative, strangers, relatives):",
        f"  {', '.join(gains)} = *strangers, *relatives",
        "  def score(content):",
        "   stranger, relative = most_stranger, most_relative",
        *(f"   {line}" for line in score),
        "  return score",
        " return values",
    ]
    return compile("\n".join(lines), f"<scores of a pair: {party_type}>", "exec")


def _reading(name: str, generic: frozenset[str], read: set[str]) -> list[str]:
    """Write how the other record's feature is read, unless it is one of those that were ``read``; add it to them."""
    if name in read:
        return []
    read.add(name)
    lines = [f"r_{name} = {packing.reading(name)}"]
    if name in generic:
        lines.append(f"if r_{name} is not None: r_{name} = without_generic(r_{name}, generic_{name})")
    if name == "gender":
        lines += [*_reading("given", generic, read), "if r_gender is None: r_gender = genders.get(r_given)"]
    return lines


_left, _right = "l_{}".format, "r_{}".format

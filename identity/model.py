"""The model: everything that decides how much a pair of records proves, as one immutable artefact.

A pair is weighed against two explanations of why its records are alike: they belong to *strangers*, who agree by
chance, or to *relatives*, who share a household (or, for organisations, a parent company) and with it names,
addresses and contact points. Each level of each comparison has a weight against either, log2 of how much likelier
the level is for one party than for the other explanation, in 1/1000 bit and whole numbers. The weight of a pair is
the smaller of the two sums: what it proves against the better of the two explanations. So a phone, an e-mail and an
IBAN in common count in full against chance, and next to nothing against a family.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib import resources
from types import MappingProxyType
from typing import Any

from pydantic import JsonValue

from foundation.errors import ConfigurationError, Problem
from identity import comparison, features
from identity.comparison import Comparison

FORMAT = 2
BIT = 1000
"""Weight units per bit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What one level of a comparison proves."""

    name: str
    m: float  # probability of the level among pairs of one party, both records telling
    u: float  # among pairs of strangers
    r: float  # among pairs of relatives
    stranger: int  # weight against strangers, 1/1000 bit; the shared value's surprise is added where it counts
    relative: int  # weight against relatives, 1/1000 bit

    @classmethod
    def of(cls, name: str, m: float, u: float, r: float, *, by_frequency: bool = False) -> Level:
        """Make a level with the weights that follow from its probabilities.

        Args:
            name: of the level.
            m: see the fields.
            u: see the fields.
            r: see the fields.
            by_frequency: the surprise of the shared value counts instead of u.
        """
        m, u, r = (round(max(value, 1e-7), 8) for value in (m, u, r))
        return cls(name=name, m=m, u=u, r=r, stranger=weight(m, 1 if by_frequency else u), relative=weight(m, r))


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """How the parties of one type are compared."""

    stranger_prior: int  # log2 odds that two records picked at random are of one party, 1/1000 bit
    relative_prior: int  # log2 odds that two records of one household are of one party
    comparisons: Mapping[str, tuple[Level, ...]]  # by name; missing levels are left out

    def levels(self, one: Comparison) -> list[Level | None]:
        """Return what each level of a comparison proves, by its number; None for a missing one."""
        known = {level.name: level for level in self.comparisons[one.name]}
        return [known.get(level.name) for level in one.levels]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frequencies:
    """How surprising each value of a feature is: -log2 of its share, in 1/1000 bit."""

    unseen: int  # of a value that the table does not hold: rare or new
    surprise: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Model:
    """An immutable model version. Holds names and generic contact points: personal data."""

    feature_version: int
    populations: Mapping[str, Population]  # by party type
    frequencies: Mapping[str, Frequencies] = field(repr=False)  # by feature
    generic: Mapping[str, frozenset[str]] = field(repr=False)  # by feature: values that neither block nor prove
    genders: Mapping[str, str] = field(repr=False)  # given name → gender, of names that tell it nearly always
    common_keys: frozenset[int] = field(repr=False)  # blocking keys (identity.blocking) of too many parties to compare
    duplicate_free: frozenset[str]  # sources that have a customer once: two of their records are never one party
    link_threshold: int  # weight from which two records are linked, 1/1000 bit
    review_threshold: int  # weight from which a pair is kept, for people to look at
    profile: Mapping[str, JsonValue]  # what the model was made from: counts, parameters left at the prior

    @cached_property
    def version(self) -> str:
        """Digest of the whole content: two models with the same version decide the same."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """Return the artefact as canonical JSON (sorted keys, no spaces)."""
        document = {
            "format": FORMAT,
            "feature_version": self.feature_version,
            "thresholds": {"link": self.link_threshold, "review": self.review_threshold},
            "populations": {
                party_type: {
                    "stranger_prior": population.stranger_prior,
                    "relative_prior": population.relative_prior,
                    "comparisons": {
                        name: [_level_document(level) for level in levels]
                        for name, levels in population.comparisons.items()
                    },
                }
                for party_type, population in self.populations.items()
            },
            "frequencies": {
                name: {"unseen": table.unseen, "surprise": dict(table.surprise)}
                for name, table in self.frequencies.items()
            },
            "generic": {name: sorted(values) for name, values in self.generic.items()},
            "genders": dict(self.genders),
            "common_keys": sorted(self.common_keys),
            "duplicate_free": sorted(self.duplicate_free),
            "profile": dict(self.profile),
        }
        return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Model:
        """Read an artefact.

        Raises:
            ConfigurationError: the text is no model artefact of this format, or was made for other features or
                comparisons than this release computes.
        """
        try:
            document = json.loads(text)
            if document["format"] != FORMAT:
                raise ConfigurationError(_outdated(f"the model has format {document['format']}, not {FORMAT}"))
            model = cls(
                feature_version=document["feature_version"],
                populations=MappingProxyType(
                    {name: _population(part) for name, part in document["populations"].items()}
                ),
                frequencies=MappingProxyType(
                    {name: Frequencies(**table) for name, table in document["frequencies"].items()}
                ),
                generic=MappingProxyType({name: frozenset(values) for name, values in document["generic"].items()}),
                genders=MappingProxyType(document["genders"]),
                common_keys=frozenset(document["common_keys"]),
                duplicate_free=frozenset(document["duplicate_free"]),
                link_threshold=document["thresholds"]["link"],
                review_threshold=document["thresholds"]["review"],
                profile=MappingProxyType(document["profile"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigurationError(_outdated(f"the text is not a model artefact ({type(error).__name__})")) from None
        model.check()
        return model

    def check(self) -> None:
        """Confirm that the model fits this release, and that its weights are what they have to be.

        Weights are written into SQL as they are, and a model may come from a file.

        Raises:
            ConfigurationError: it was made for other features, its comparisons or levels differ, it lacks the
                frequencies of a feature or has values of one that there is not, or a weight is not a whole number.
        """
        if self.feature_version != features.CODE_VERSION:
            raise ConfigurationError(
                _outdated(
                    f"the model was made for features {self.feature_version};"
                    f" this release computes {features.CODE_VERSION}"
                )
            )
        for party_type, comparisons in comparison.COMPARISONS.items():
            expected = {one.name: [level.name for level in one.levels if not level.missing] for one in comparisons}
            population = self.populations.get(party_type)
            found = (
                {name: [level.name for level in levels] for name, levels in population.comparisons.items()}
                if population
                else {}
            )
            if found != expected:
                raise ConfigurationError(_outdated(f"the model's comparisons of {party_type}s are not this release's"))
            if missing := [name for name in comparison.frequencies(comparisons) if name not in self.frequencies]:
                raise ConfigurationError(_outdated(f"the model has no frequencies of {', '.join(missing)}"))
        if unknown := (self.generic.keys() | self.frequencies.keys()) - features.SCHEMA.keys():
            raise ConfigurationError(_outdated(f"the model knows values of no feature: {', '.join(sorted(unknown))}"))
        if not all(type(number) is int for number in self._weights()):
            raise ConfigurationError(_outdated("a weight of the model is not a whole number"))

    def _weights(self) -> Iterator[object]:
        """Yield everything that counts in 1/1000 bit, and the keys."""
        yield from (self.link_threshold, self.review_threshold, *self.common_keys)
        for population in self.populations.values():
            yield from (population.stranger_prior, population.relative_prior)
            for levels in population.comparisons.values():
                yield from (weight for level in levels for weight in (level.stranger, level.relative))
        for table in self.frequencies.values():
            yield from (table.unseen, *table.surprise.values())

    def with_thresholds(self, *, link: int, review: int | None = None) -> Model:
        """Return the same model with other thresholds: another version."""
        return replace(self, link_threshold=link, review_threshold=self.review_threshold if review is None else review)

    def with_constraints(self, *, duplicate_free: Iterable[str]) -> Model:
        """Return the same model for other duplicate-free sources: another version, unless they are the same.

        Args:
            duplicate_free: data sources that see to it themselves that a customer has one record.
        """
        return replace(self, duplicate_free=frozenset(duplicate_free))


def weight(one: float, other: float) -> int:
    """Return log2(one / other) in 1/1000 bit."""
    return round(BIT * math.log2(one / other))


@cache
def packaged_prior() -> Model:
    """Return the model that comes with the software: works untrained, knows no data set."""
    text = resources.files("identity").joinpath("data", "prior.json").read_text(encoding="ascii")
    return Model.from_json(text)


def _level_document(level: Level) -> dict[str, JsonValue]:
    return {
        "name": level.name,
        "m": level.m,
        "u": level.u,
        "r": level.r,
        "stranger": level.stranger,
        "relative": level.relative,
    }


def _population(document: Mapping[str, Any]) -> Population:
    return Population(
        stranger_prior=document["stranger_prior"],
        relative_prior=document["relative_prior"],
        comparisons=MappingProxyType(
            {name: tuple(Level(**level) for level in levels) for name, levels in document["comparisons"].items()}
        ),
    )


def _outdated(message: str) -> Problem:
    return Problem(message=message, remedy="train a model with this release: voeg model train")

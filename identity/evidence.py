"""Evidence: what pairs of records prove in each respect, and altogether.

The same whole numbers whoever made the levels: DuckDB for many pairs, or the process itself for a few.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from identity.comparison import COMPARISONS, VETOES
from identity.model import Population

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Pairs of record numbers, ``left`` < ``right``, with the weight of every comparison in 1/1000 bit."""

    left: Ints
    right: Ints
    stranger: Ints  # (pairs, comparisons): against strangers; 0 where a record does not tell
    relative: Ints  # (pairs, comparisons): against relatives; 0 where a record does not tell
    told: Bools  # (pairs, comparisons): whether both records tell
    veto: Bools  # the two are never one party, whatever the weight
    stranger_prior: int
    relative_prior: int

    @property
    def weight(self) -> Ints:
        """The weight of every pair: what it proves against the better of the two other explanations."""
        stranger: Ints = self.stranger_prior + self.stranger.sum(axis=1)
        relative: Ints = self.relative_prior + self.relative.sum(axis=1)
        return np.minimum(stranger, relative)

    def where(self, chosen: Bools | Ints | slice) -> Evidence:
        """Return the chosen pairs, in the order chosen."""
        return replace(
            self,
            left=self.left[chosen],
            right=self.right[chosen],
            stranger=self.stranger[chosen],
            relative=self.relative[chosen],
            told=self.told[chosen],
            veto=self.veto[chosen],
        )


def evidence(
    left: Ints,
    right: Ints,
    *,
    levels: NDArray[np.uint8],
    surprises: Mapping[str, Ints],
    veto: Bools,
    party_type: str,
    population: Population,
) -> Evidence:
    """Look up what the levels of pairs prove.

    Args:
        left: first record of every pair.
        right: second record.
        levels: (pairs, comparisons), in the order of ``COMPARISONS[party_type]``.
        surprises: by feature, how surprising the left record's value is, in 1/1000 bit; of every feature that a level
            names as its ``frequency``; anything where the level is another.
        veto: what is ruled out whatever the levels say.
        party_type: of all these records.
        population: the weights.
    """
    comparisons = COMPARISONS[party_type]
    stranger, relative = (np.zeros(levels.shape, dtype=np.int64) for _ in range(2))
    told = np.zeros(levels.shape, dtype=bool)
    for column, one in enumerate(comparisons):
        known, found = population.levels(one), levels[:, column]
        stranger[:, column] = np.array([level.stranger if level else 0 for level in known])[found]
        relative[:, column] = np.array([level.relative if level else 0 for level in known])[found]
        told[:, column] = np.array([level is not None for level in known])[found]
        for number, level in enumerate(one.levels):
            if level.frequency:
                stranger[:, column] += np.where(found == number, surprises[level.frequency], 0)
    return Evidence(
        left,
        right,
        stranger,
        relative,
        told,
        veto | _ruled_out(levels, party_type),
        population.stranger_prior,
        population.relative_prior,
    )


def _ruled_out(levels: NDArray[np.uint8], party_type: str) -> Bools:
    """Return of which pairs the levels are those of a veto."""
    found = np.zeros(len(levels), dtype=bool)
    for veto in VETOES[party_type]:
        found |= np.logical_and.reduce(
            [np.isin(levels[:, place], list(numbers)) for place, numbers in veto.places(party_type)]
        )
    return found

"""Correction: what people decided about pairs takes the place of what the estimated parameters expect of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np

from identity import patterns
from identity.comparison import Comparison
from identity.expectation import PRIOR_IN_M
from identity.linking import MUST_LINK, NEVER_LINK
from identity.patterns import MISSING, Floats, Patterns, Tables, compared, normal

BAND: Final = 4.0
"""Bits of weight within which pairs that people decided about stand for the others."""
ENOUGH_DECISIONS: Final = 100
"""Decisions in a band from which they take the place of what the model expects."""


@dataclass(slots=True)
class Estimate:
    """The parameters as far as they are known."""

    m: Tables
    u: Tables
    r: Tables
    parties: float  # pairs of one party
    relatives: float
    all_pairs: int

    def odds(self, found: Patterns) -> Floats:
        """Return how likely pairs are of one party rather than not: log2 of the odds."""
        party = self.parties * found.likelihood(self.m)
        other = self.relatives * found.likelihood(self.r) + self.all_pairs * found.likelihood(self.u)
        return np.asarray(np.log2(party) - np.log2(other), dtype=np.float64)


def correct(
    connection: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison], estimate: Estimate, candidates: Patterns
) -> tuple[int, int]:
    """Move m and the number of pairs of one party, in place, by what people decided.

    People are asked about doubtful pairs, which are not like all pairs. So decisions speak for the pairs of their own
    band of weight only: there the share that they found to be one party takes the place of the expected one.

    Args:
        connection: where the tables ``record`` and ``decision`` are.
        comparisons: of which there are parameters.
        estimate: the parameters.
        candidates: pairs that are compared.

    Returns:
        The decisions about pairs of these records, and the bands in which there were enough of them.
    """
    bands_of = []
    for kind in (MUST_LINK, NEVER_LINK):
        connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE judged AS
            SELECT a.i AS l, b.i AS r
            FROM (SELECT DISTINCT least(a, b) AS a, greatest(a, b) AS b FROM decision WHERE kind = '{kind}') d
            JOIN record a ON a.record_no = d.a JOIN record b ON b.record_no = d.b
            """  # noqa: S608
        )
        judged = patterns.count(connection, comparisons, compared(comparisons, "judged"))
        bands_of.append((np.floor(estimate.odds(judged) / BAND), judged.counts))
    (same_band, same), (different_band, different) = bands_of
    counts, odds = candidates.counts, estimate.odds(candidates)
    expected = counts / (1 + np.exp2(-odds))
    corrected = expected.copy()
    band = np.floor(odds / BAND)
    bands = 0
    for one in np.unique(band):
        agreed = float(same[same_band == one].sum())
        asked = agreed + float(different[different_band == one].sum())
        inside = band == one
        if asked < ENOUGH_DECISIONS or not expected[inside].any():
            continue
        bands += 1
        share = (agreed + 1) / (asked + 2)
        corrected[inside] *= share * counts[inside].sum() / expected[inside].sum()
    if bands:
        more = corrected - expected
        for name, m in estimate.m.items():
            told = float(expected[candidates.told(name) != MISSING].sum())
            if told:
                moved = m * told + candidates.sums(name, more, m.size)
                estimate.m[name] = normal(np.maximum(moved, PRIOR_IN_M * m * told))
        estimate.parties = max(estimate.parties + float(more.sum()), 1.0)
    return int(same.sum() + different.sum()), bands

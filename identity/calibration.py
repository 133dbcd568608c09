"""Calibration: which thresholds the decisions of people support.

How often a pair of some weight was decided to be one party should never fall as the weight rises. The best fit that
keeps to that (isotonic regression by the pool-adjacent-violators algorithm: Ayer and others, "An empirical
distribution function for sampling with incomplete information", 1955) cuts the weights into ranges, each with its
share of pairs that are one party. The link threshold is where the ranges begin that nearly always are; the review
threshold where those end that nearly never are.

Only pairs that people were asked about, or corrected by themselves, are in it: mostly those between the thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

SURE: Final = 0.95
"""Share of the pairs that must be one party for them to be linked unasked, or two for them to be forgotten."""
ENOUGH: Final = 30
"""Decisions on its side that a threshold needs: with 30 of 30, the share is above 0.9 with 95 % confidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """What decisions say of one threshold: at or above the link threshold, or below the review threshold."""

    threshold: int | None  # 1/1000 bit; None: too few decisions, or none of that kind
    decisions: int  # on that side
    same: int  # of them, one party


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What decisions say of both thresholds."""

    decisions: int
    same: int  # of them, one party
    link: Support
    review: Support


@dataclass(slots=True)
class _Range:
    lowest: int  # weight
    highest: int
    decisions: int
    same: int

    @property
    def share(self) -> float:
        return self.same / self.decisions


def advise(decided: pl.DataFrame) -> Advice:
    """Return the thresholds that decisions support.

    Args:
        decided: ``weight`` (integer, 1/1000 bit) and ``same`` Boolean, one row per decided pair.
    """
    ranges = _ranges(decided)
    linked = [one for one in ranges if one.share >= SURE]
    forgotten = [one for one in ranges if one.share <= 1 - SURE]
    asked = ranges[len(forgotten) :]
    ceiling = asked[0].lowest if asked else forgotten[-1].highest + 1 if forgotten else None
    return Advice(
        decisions=decided.height,
        same=int(decided["same"].sum()),
        link=_support(linked, linked[0].lowest if linked else None),
        review=_support(forgotten, ceiling),
    )


def _support(side: list[_Range], threshold: int | None) -> Support:
    decisions = sum(one.decisions for one in side)
    enough = decisions >= ENOUGH
    return Support(threshold=threshold if enough else None, decisions=decisions, same=sum(one.same for one in side))


def _ranges(decided: pl.DataFrame) -> list[_Range]:
    """Cut the weights into ranges of which the share of one party rises, the lightest first."""
    by_weight = decided.group_by("weight").agg(pl.len(), pl.col("same").sum()).sort("weight")
    ranges: list[_Range] = []
    for weight, decisions, same in by_weight.iter_rows():
        ranges.append(_Range(weight, weight, decisions, same))
        while len(ranges) > 1 and ranges[-2].share >= ranges[-1].share:
            last = ranges.pop()
            below = ranges[-1]
            below.highest = last.highest
            below.decisions += last.decisions
            below.same += last.same
    return ranges

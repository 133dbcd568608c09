"""Wording: there are words for everything that is compared, and for nothing else."""

from __future__ import annotations

import pytest

from identity import features
from identity.comparison import COMPARISONS
from identity.wording import BOTH, RESPECTS, RIVALS, in_words, respect

LEVELS = sorted({(one.name, level.name) for found in COMPARISONS.values() for one in found for level in one.levels})


@pytest.mark.parametrize(("comparison", "level"), LEVELS)
def test_every_level_has_words(comparison: str, level: str) -> None:
    assert level in RESPECTS[comparison].levels, f"say in RESPECTS what {comparison} '{level}' means"


def test_no_words_for_what_is_not_compared() -> None:
    assert {(name, level) for name, found in RESPECTS.items() for level in found.levels} == set(LEVELS)


@pytest.mark.parametrize("comparison", sorted({name for name, _ in LEVELS}))
def test_what_is_shown_of_a_comparison_are_features(comparison: str) -> None:
    shows = RESPECTS[comparison].shows
    assert shows and {*shows} <= set(features.SCHEMA)


def test_every_party_type_has_words_for_both_rivals() -> None:
    assert RIVALS.keys() == COMPARISONS.keys()
    assert all(rivals.keys() == set(BOTH) for rivals in RIVALS.values())


def test_a_level_without_words_is_told_by_its_name() -> None:
    assert in_words("birth_date", "told_by_a_neighbour") == "told by a neighbour"
    assert in_words("shoe_size", "same_size") == "same size"
    assert respect("shoe_size").name == "shoe size"

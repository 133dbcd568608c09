"""What the model artefact promises: it is complete, immutable, and named by what is in it."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace

import pytest

from foundation.errors import ConfigurationError
from identity import prior
from identity.comparison import COMPARISONS
from identity.model import Model, packaged_prior, weight

PRIOR = packaged_prior()


def test_the_round_trip_is_the_identity() -> None:
    text = PRIOR.to_json()
    again = Model.from_json(text)
    assert again.to_json() == text
    assert again.version == PRIOR.version


def test_the_version_follows_the_content() -> None:
    other = PRIOR.with_thresholds(link=PRIOR.link_threshold + 1)
    assert other.version != PRIOR.version
    assert other.with_thresholds(link=PRIOR.link_threshold).version == PRIOR.version
    with pytest.raises(FrozenInstanceError):
        PRIOR.link_threshold = 0  # type: ignore[misc]


def test_the_sources_without_duplicates_are_part_of_the_version() -> None:
    constrained = PRIOR.with_constraints(duplicate_free=["crm", "billing"])
    assert constrained.duplicate_free == {"billing", "crm"}
    assert constrained.version != PRIOR.version
    assert Model.from_json(constrained.to_json()) == constrained
    assert constrained.with_constraints(duplicate_free=[]).version == PRIOR.version


def test_the_packaged_weights_follow_from_the_packaged_probabilities() -> None:
    for party_type, comparisons in COMPARISONS.items():
        for one in comparisons:
            by_frequency = {level.name for level in one.levels if level.frequency}
            for level in PRIOR.populations[party_type].comparisons[one.name]:
                assert level.stranger == weight(level.m, 1 if level.name in by_frequency else level.u), level
                assert level.relative == weight(level.m, level.r), level


def test_the_packaged_probabilities_are_distributions() -> None:
    for population in PRIOR.populations.values():
        for name, levels in population.comparisons.items():
            assert sum(level.m for level in levels) == pytest.approx(1, abs=0.02), name
            assert sum(level.u for level in levels) == pytest.approx(1, abs=0.03), name
            assert sum(level.r for level in levels) == pytest.approx(1, abs=0.02), name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 2}',
        json.dumps(json.loads(PRIOR.to_json()) | {"format": 1}),
        json.dumps(json.loads(PRIOR.to_json()) | {"feature_version": 1}),
        json.dumps(json.loads(PRIOR.to_json()) | {"populations": {}}),
    ],
)
def test_what_is_no_model_of_this_release_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(ConfigurationError, match="voeg model train"):
        Model.from_json(text)


def test_a_model_with_anything_else_for_a_weight_is_refused() -> None:
    """Weights are written into SQL."""
    for path in (
        ("thresholds", "review"),
        ("populations", "person", "stranger_prior"),
        ("populations", "person", "comparisons", "gender", 0, "relative"),
        ("frequencies", "family", "unseen"),
    ):
        document = json.loads(PRIOR.to_json())
        place = document
        for name in path[:-1]:
            place = place[name]
        assert isinstance(place[path[-1]], int), path
        place[path[-1]] = "0) FROM level; --"
        with pytest.raises(ConfigurationError, match="whole number"):
            Model.from_json(json.dumps(document))


def test_a_model_without_the_frequencies_of_a_feature_is_refused() -> None:
    document = json.loads(PRIOR.to_json())
    del document["frequencies"]["family"]
    with pytest.raises(ConfigurationError, match="frequencies of family"):
        Model.from_json(json.dumps(document))


def test_a_model_with_values_of_no_feature_is_refused() -> None:
    document = json.loads(PRIOR.to_json())
    document["generic"]["shoe_sizes"] = ["42"]
    with pytest.raises(ConfigurationError, match="no feature: shoe_sizes"):
        Model.from_json(json.dumps(document))


def test_a_model_never_shows_the_names_it_holds() -> None:
    from types import MappingProxyType

    from identity.model import Frequencies

    named = replace(
        PRIOR,
        frequencies=MappingProxyType(
            {"family": Frequencies(unseen=1, surprise=MappingProxyType({"vroegindeweij": 2}))}
        ),
        generic=MappingProxyType({"phones": frozenset({"+31612345678"})}),
    )
    assert "vroegindeweij" not in repr(named)
    assert "+31612345678" not in repr(named)


def test_the_packaged_prior_is_made_from_its_table() -> None:
    assert PRIOR.to_json() == prior.prior().to_json()

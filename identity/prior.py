"""The packaged prior: what a model knows before it has seen any records.

``python -m identity.prior`` writes it to ``data/prior.json``. The probabilities are judgement, rounded from models
trained on unlike data: generated Dutch customers of ten systems, 50,000 historical persons of Great Britain with
worn copies, and FEBRL's Australian persons. They are guesses for data nobody has seen; training replaces each one that
the records can tell.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Final

from identity import features
from identity.comparison import COMPARISONS, Comparison
from identity.model import BIT, Frequencies, Level, Model, Population

Probabilities = Mapping[str, Sequence[tuple[str, float, float, float]]]
"""By comparison, its levels with their share among pairs of one party, of strangers and of relatives; the last level
has the rest of each."""

_CONTACT_POINT: Final = (("shared", 0.55, 1e-4, 0.4), ("one_edit", 0.01, 1e-4, 0.005))
_ACCOUNT: Final = (("shared", 0.7, 1e-4, 0.45), ("one_edit", 0.01, 1e-6, 0.0005))

PERSON: Final[Probabilities] = {
    "given_name": (
        ("same", 0.63, 0.0065, 0.02),
        ("crossed", 0.009, 0.0019, 0.002),
        ("nickname", 0.07, 0.0037, 0.01),
        ("another", 0.018, 0.0019, 0.005),
        ("initials", 0.105, 0.00075, 0.008),
        ("similar", 0.045, 0.0037, 0.02),
        ("initial", 0.09, 0.075, 0.09),
        ("first_letter", 0.01, 0.065, 0.08),
    ),
    "family_name": (
        ("same", 0.85, 0.0007, 0.75),
        ("crossed", 0.015, 0.002, 0.005),
        ("part", 0.03, 0.0005, 0.03),
        ("similar", 0.05, 0.001, 0.04),
        ("alike", 0.015, 0.008, 0.02),
    ),
    "birth_date": (
        ("same", 0.9, 6e-5, 0.004),
        ("swapped", 0.01, 3e-4, 5e-4),
        ("one_edit", 0.04, 0.0015, 0.006),
        ("same_year_and_month", 0.01, 0.0015, 0.003),
        ("same_day", 0.01, 0.003, 0.006),
        ("same_year", 0.01, 0.015, 0.03),
    ),
    "gender": (("same", 0.97, 0.5, 0.45),),
    "birth_place": (("same", 0.8, 0.01, 0.5), ("similar", 0.05, 0.005, 0.04)),
    "occupation": (("same", 0.6, 0.02, 0.1),),
    "address": (
        ("same", 0.55, 1e-4, 0.7),
        ("postcode", 0.12, 5e-4, 0.05),
        ("one_edit", 0.01, 1e-5, 0.01),
        ("area", 0.05, 0.003, 0.05),
        ("city", 0.08, 0.05, 0.08),
        ("moved", 0.06, 0.2, 0.03),
    ),
    "phone": _CONTACT_POINT,
    "email": (("shared", 0.55, 1e-4, 0.35), *_CONTACT_POINT[1:]),
    "iban": _ACCOUNT,
    "national_id": (("shared", 0.95, 5e-7, 1e-4), ("one_edit", 0.03, 1e-6, 1e-4)),
    "identifier": (("shared", 0.5, 2e-4, 0.02),),
}
ORGANISATION: Final[Probabilities] = {
    "organisation": (
        ("same", 0.75, 1e-4, 0.25),
        ("similar", 0.1, 5e-4, 0.1),
        ("alike", 0.03, 0.001, 0.1),
        ("word", 0.08, 0.03, 0.35),
    ),
    "legal_form": (("same", 0.9, 0.4, 0.5),),
    "branch": (("neither_names", 0.8, 0.8, 0.4), ("same", 0.165, 0.001, 0.02), ("one_names", 0.025, 0.18, 0.4)),
    "registration": (("shared", 0.95, 5e-6, 0.3), ("one_edit", 0.02, 1e-6, 1e-4)),
    "address": (
        ("same", 0.55, 1e-4, 0.5),
        ("postcode", 0.1, 5e-4, 0.05),
        ("one_edit", 0.01, 1e-5, 0.01),
        ("area", 0.05, 0.003, 0.05),
        ("city", 0.1, 0.05, 0.1),
        ("moved", 0.06, 0.2, 0.06),
    ),
    "phone": _CONTACT_POINT,
    "email": _CONTACT_POINT,
    "iban": (("shared", 0.7, 1e-4, 0.4), *_ACCOUNT[1:]),
    "identifier": (("shared", 0.5, 2e-4, 0.05),),
}
STRANGER_PRIOR: Final = -14 * BIT
RELATIVE_PRIOR: Final = 0
SURPRISE: Final[Mapping[str, int]] = {
    "given": 9000,
    "family": 12_000,
    "birth_date": 14_500,
    "birth_place": 8000,
    "occupation": 6000,
    "organisation": 14_000,
}
"""Of any value, in 1/1000 bit."""
DUMMY_DATES: Final = ("11111111", "18000101", "19000101", "19010101", "19700101", "99991231")


def prior() -> Model:
    """Return the prior as a model."""
    return Model(
        feature_version=features.CODE_VERSION,
        populations=MappingProxyType(
            {
                party_type: Population(
                    stranger_prior=STRANGER_PRIOR,
                    relative_prior=RELATIVE_PRIOR,
                    comparisons=MappingProxyType({one.name: _levels(one, known[one.name]) for one in comparisons}),
                )
                for (party_type, comparisons), known in zip(COMPARISONS.items(), (PERSON, ORGANISATION), strict=True)
            }
        ),
        frequencies=MappingProxyType(
            {name: Frequencies(unseen=bits, surprise=MappingProxyType({})) for name, bits in SURPRISE.items()}
        ),
        generic=MappingProxyType({"birth_date": frozenset(DUMMY_DATES)}),
        genders=MappingProxyType({}),
        common_keys=frozenset(),
        duplicate_free=frozenset(),
        link_threshold=BIT,
        review_threshold=-3 * BIT,
        profile=MappingProxyType({"origin": "packaged prior"}),
    )


def _levels(one: Comparison, known: Sequence[tuple[str, float, float, float]]) -> tuple[Level, ...]:
    m, u, r = (1 - sum(shares) for shares in zip(*(level[1:] for level in known), strict=True))
    probabilities = {name: (m, u, r) for name, m, u, r in known} | {one.levels[-1].name: (m, u, r)}
    return tuple(
        Level.of(level.name, *probabilities[level.name], by_frequency=level.frequency is not None)
        for level in one.levels
        if not level.missing
    )


if __name__ == "__main__":
    with resources.as_file(resources.files("identity")) as folder:
        text = json.dumps(json.loads(prior().to_json()), indent=1)
        Path(folder, "data", "prior.json").write_text(text + "\n", encoding="ascii")

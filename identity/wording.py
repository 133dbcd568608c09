"""Wording: how comparisons, their levels, and what else two alike records may be are spoken of.

One table, ``RESPECTS``; what it does not know is told by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Rival = Literal["strangers", "relatives"]
BOTH: Final[tuple[Rival, Rival]] = ("strangers", "relatives")


@dataclass(frozen=True, slots=True, kw_only=True)
class Respect:
    """How a comparison is spoken of."""

    name: str
    shows: tuple[str, ...]  # the features whose values tell people what was compared
    levels: Mapping[str, str]  # in words, by the level's name


_NOT_TOLD: Final = "one of the two does not tell"
_SHARED: Final = {
    "missing": _NOT_TOLD,
    "shared": "one in common",
    "one_edit": "the same but for one typing error",
    "other": "none in common",
}

RESPECTS: Final[Mapping[str, Respect]] = {
    "given_name": Respect(
        name="given name",
        shows=("given_names", "initials", "first_letters"),
        levels={
            "missing": _NOT_TOLD,
            "same": "the same",
            "crossed": "the other's family name",
            "nickname": "one is short for the other",
            "another": "another of the given names is the same",
            "initials": "the same initials",
            "similar": "spelt nearly alike",
            "initial": "only an initial, which fits",
            "first_letter": "only the first letter is the same",
            "other": "different",
        },
    ),
    "family_name": Respect(
        name="family name",
        shows=("family",),
        levels={
            "same": "the same",
            "crossed": "the other's given name",
            "missing": f"{_NOT_TOLD}, or swapped with the given name",
            "part": "a part of it is the same",
            "similar": "spelt nearly alike",
            "alike": "spelt somewhat alike",
            "other": "different",
        },
    ),
    "birth_date": Respect(
        name="birth date",
        shows=("birth_date",),
        levels={
            "missing": _NOT_TOLD,
            "same": "the same",
            "swapped": "day and month swapped",
            "one_edit": "one digit differs",
            "same_year_and_month": "the same year and month, another day",
            "same_day": "the same day and month, another year",
            "same_year": "the same year only",
            "other": "different",
        },
    ),
    "gender": Respect(
        name="gender",
        shows=("gender",),
        levels={"missing": _NOT_TOLD, "same": "the same", "other": "different"},
    ),
    "birth_place": Respect(
        name="birth place",
        shows=("birth_place",),
        levels={"missing": _NOT_TOLD, "same": "the same", "similar": "spelt nearly alike", "other": "different"},
    ),
    "occupation": Respect(
        name="occupation",
        shows=("occupation",),
        levels={"missing": _NOT_TOLD, "same": "the same", "other": "different"},
    ),
    "address": Respect(
        name="address",
        shows=("addresses", "cities"),
        levels={
            "missing": _NOT_TOLD,
            "same": "the same",
            "postcode": "the same postcode, another number or street",
            "one_edit": "the same but for one typing error",
            "area": "neighbouring postcodes",
            "city": "the same city only",
            "moved": "in another place, since years later",
            "other": "in another place",
        },
    ),
    "phone": Respect(name="phone number", shows=("phones",), levels=_SHARED),
    "email": Respect(name="e-mail address", shows=("emails",), levels=_SHARED),
    "iban": Respect(name="bank account", shows=("ibans",), levels=_SHARED),
    "national_id": Respect(
        name="national id",
        shows=("national_ids",),
        levels={
            "missing": _NOT_TOLD,
            "shared": "the same",
            "one_edit": "the same but for one typing error",
            "other": "different",
        },
    ),
    "registration": Respect(name="registration number", shows=("registrations",), levels=_SHARED),
    "identifier": Respect(
        name="other identifier",
        shows=("identifiers",),
        levels={
            "missing": "they tell none of the same kind",
            "shared": "one in common",
            "other": "none in common",
        },
    ),
    "organisation": Respect(
        name="name of the organisation",
        shows=("organisation",),
        levels={
            "missing": _NOT_TOLD,
            "same": "the same",
            "similar": "spelt nearly alike",
            "alike": "spelt somewhat alike, with a word in common",
            "word": "a word in common",
            "other": "different",
        },
    ),
    "legal_form": Respect(
        name="legal form",
        shows=("legal_form",),
        levels={"missing": _NOT_TOLD, "same": "the same", "other": "different"},
    ),
    "branch": Respect(
        name="branch",
        shows=("branch",),
        levels={
            "missing": _NOT_TOLD,
            "neither_names": "neither names one",
            "same": "the same",
            "one_names": "only one of them names one",
            "other": "different",
        },
    ),
}
"""How each comparison and its levels are spoken of, by the names that ``identity.comparison`` gives them."""

RIVALS: Final[Mapping[str, Mapping[Rival, str]]] = {
    "person": {"strangers": "two strangers, alike by chance", "relatives": "two people of one household"},
    "organisation": {"strangers": "two unrelated organisations", "relatives": "two organisations under one roof"},
}
"""What else two alike records may be, by party type."""


def respect(comparison: str) -> Respect:
    """Return how a comparison is spoken of; by its own name when the table does not know it."""
    return RESPECTS.get(comparison) or Respect(name=_spaced(comparison), shows=(), levels={})


def in_words(comparison: str, level: str) -> str:
    """Return a level in words; its own name when the table does not know it."""
    return respect(comparison).levels.get(level) or _spaced(level)


def _spaced(name: str) -> str:
    return name.replace("_", " ")

"""Statements: what records say themselves in each respect that is compared, to be told to people.

The matcher compares features: folded, in one spelling, without infix. A steward wants to see the name as the record
has it, and to know where two names are the same only because the two ways to spell them count as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from identity import features


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a record says, by comparison."""

    values: Mapping[str, tuple[str, ...]] = field(repr=False)  # in its own words; nothing where it does not tell
    spellings: Mapping[str, Mapping[str, frozenset[str]]] = field(repr=False)  # word as compared → as it is written

    def differs_in_spelling(self, other: Statement, comparison: str) -> bool:
        """Whether the two have a word of a name in common that they write in two ways."""
        mine, theirs = self.spellings.get(comparison, {}), other.spellings.get(comparison, {})
        return any(mine[word].isdisjoint(theirs[word]) for word in mine.keys() & theirs.keys())


def stated(parties: pl.DataFrame) -> dict[int, Statement]:
    """Return what parties say, by ``record_no``.

    Args:
        parties: ``record_no`` and the content columns of a party; as many as are told of at a time.
    """
    said = parties.select(
        values.list.drop_nulls().list.unique(maintain_order=True).alias(comparison)
        for comparison, values in _VALUES.items()
    )
    words = features.words(parties.select(pl.col(column).alias(comparison) for comparison, column in _NAMES.items()))
    return {
        number: Statement(
            values={comparison: tuple(values or ()) for comparison, values in one.items()},
            spellings={comparison: _by_spelling(spelt or ()) for comparison, spelt in names.items()},
        )
        for number, one, names in zip(
            parties["record_no"], said.iter_rows(named=True), words.iter_rows(named=True), strict=True
        )
    }


def _by_spelling(words: Sequence[Mapping[str, str]]) -> dict[str, frozenset[str]]:
    """Return words as they are compared → how they are written."""
    found: dict[str, frozenset[str]] = {}
    for word in words:
        found[word["compared"]] = found.get(word["compared"], frozenset()) | {word["written"]}
    return found


def _joined(separator: str, *parts: str | pl.Expr) -> pl.Expr:
    """Join the parts that there are; null where there is none."""
    text = pl.concat_str(parts, separator=separator, ignore_nulls=True)
    return pl.when(text != "").then(text)


def _of(column: str, value: pl.Expr) -> pl.Expr:
    return pl.col(column).list.eval(value)


def _field(name: str) -> pl.Expr:
    return pl.element().struct.field(name)


def _identifiers(of_type: pl.Expr, value: pl.Expr) -> pl.Expr:
    return _of("identifiers", pl.when(of_type).then(value))


_ADDRESS: Final = _joined(
    ", ",
    _joined(" ", _field("street"), _joined("", _field("house_number"), _field("house_number_suffix"))),
    _joined(" ", _field("postcode"), _field("city")),
)
_TYPE: Final = _field("type")
_REGISTERS: Final = _TYPE.is_in(features.REGISTRATION_TYPES)
_WITH_TYPE: Final = pl.concat_str(_TYPE.str.replace_all("_", " ", literal=True), pl.lit(" "), _field("value"))

_VALUES: Final[Mapping[str, pl.Expr]] = {
    "given_name": pl.concat_list("given_name", "initials"),
    "family_name": pl.concat_list(_joined(" ", "infix", "family_name")),
    "birth_date": pl.concat_list(pl.col("birth_date").cast(pl.String)),
    "gender": pl.concat_list("gender"),
    "birth_place": pl.concat_list("birth_place"),
    "occupation": pl.concat_list("occupation"),
    "address": _of("addresses", _ADDRESS),
    "phone": _of("phones", _field("number")),
    "email": _of("emails", _field("address")),
    "iban": _identifiers(_TYPE == "iban", _field("value")),
    "national_id": _identifiers(_TYPE == "national_id", _field("value")),
    "registration": _identifiers(_REGISTERS, _WITH_TYPE),
    "identifier": _identifiers(~_TYPE.is_in(["iban", "national_id"]) & ~_REGISTERS, _WITH_TYPE),
    "organisation": pl.concat_list("organisation_name"),
}
"""The content columns of a party that a comparison is about; legal form and branch are read out of a name."""

_NAMES: Final = {
    "given_name": "given_name",
    "family_name": "family_name",
    "birth_place": "birth_place",
    "occupation": "occupation",
    "organisation": "organisation_name",
}
"""The comparisons of names that have one spelling, and the names."""

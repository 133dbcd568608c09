"""What the canonical model asks of single fields, as operations that close the chain of a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import ClassVar

import polars as pl

from canonical_model.schema import GENDERS, PARTY_TYPES
from transform.operation import Operation, TextOperation
from transform.operations.contact import EMAIL
from transform.types import DATE, Type


class OneOf(TextOperation):
    """One of the values that the model knows."""

    name: ClassVar[str] = "one of the model's values"
    reason: ClassVar[str | None] = "unknown_value"
    clean: ClassVar[bool] = True

    values: tuple[str, ...]

    def text(self, text: pl.Expr) -> pl.Expr:
        """Keep the known values."""
        return pl.when(text.is_in(list(self.values))).then(text)


class Matching(TextOperation):
    """Text of a form."""

    name: ClassVar[str] = "the field's form"
    reason: ClassVar[str | None] = "unknown_value"
    clean: ClassVar[bool] = True

    pattern: str

    def text(self, text: pl.Expr) -> pl.Expr:
        """Keep what matches."""
        return pl.when(text.str.contains(self.pattern)).then(text)


class PhoneNumber(Matching):
    """E.164."""

    reason: ClassVar[str | None] = "not_a_phone_number"
    ensures: ClassVar[str | None] = "e164"

    pattern: str = r"^\+[1-9]\d{3,14}$"


class EmailAddress(Matching):
    """An e-mail address."""

    reason: ClassVar[str | None] = "not_an_email"
    ensures: ClassVar[str | None] = "email"

    pattern: str = EMAIL


class Plausible(Operation):
    """A date that a person can be born on."""

    name: ClassVar[str] = "plausible"
    gives: ClassVar[Type] = DATE
    reason: ClassVar[str | None] = "implausible"

    earliest: date
    latest: date

    def apply(self, value: pl.Expr, type_: Type) -> pl.Expr:
        """Keep what is in the range, both ends included."""
        return pl.when(value.is_between(self.earliest, self.latest)).then(value)


@dataclass(frozen=True, slots=True)
class Plausibility:
    """The range that a birth date must be in; both ends included."""

    earliest: date = date(1900, 1, 2)  # the first day of 1900 is how many systems write "unknown"
    latest: date | None = None  # none: the day that the mapping is bound to its source


_FORMS: dict[tuple[str | None, str], Operation] = {
    (None, "party_type"): OneOf(values=PARTY_TYPES),
    (None, "gender"): OneOf(values=GENDERS),
    (None, "language"): Matching(pattern="^[a-z]{2}$"),
    ("addresses", "country"): Matching(pattern="^[A-Z]{2}$"),
    ("phones", "number"): PhoneNumber(),
    ("emails", "address"): EmailAddress(),
    ("identifiers", "type"): Matching(pattern="^[a-z][a-z0-9_]*$"),
}


def passes(check: Operation, value: object) -> bool:
    """Whether a value that is known beforehand passes a check."""
    given = pl.Series("value", [value]).to_frame()
    type_ = given.schema["value"]
    prepared = given.with_columns(check.prepare(pl.col("value"), type_))
    return not prepared.select(check.apply(pl.col("value"), type_).is_null().any()).item()


def check_of(list_: str | None, field: str, plausibility: Plausibility) -> Operation | None:
    """Return the check of a field (of an element of ``list_``, or of the record itself), if it has one."""
    if (list_, field) == (None, "birth_date"):
        latest = plausibility.latest or datetime.now(UTC).date()
        return Plausible(earliest=plausibility.earliest, latest=latest)
    return _FORMS.get((list_, field))

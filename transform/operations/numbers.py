"""Numbers."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Self

import polars as pl
from pydantic import Field, model_validator

from transform.operation import Text, TextOperation
from transform.types import WHOLE, Type, described, is_scalar

_INTERNAL_SCALE = 12  # decimals kept before rounding; leaves 26 digits before the point


def _sign_first(text: pl.Expr) -> pl.Expr:
    """Move a sign that stands behind the number, as mainframes print it, to the front."""
    behind = text.str.contains(r"\d\s*[-+]$|^[-+]\s")
    moved = text.str.replace(r"^(.*\d)\s*([-+])$", "${2}${1}").str.replace(r"^([-+])\s+", "${1}")
    return pl.when(behind).then(moved).otherwise(text)


class Decimal(TextOperation):
    """Reads a decimal number."""

    name: ClassVar[str] = "decimal"
    main: ClassVar[str | None] = "separator"
    reason: ClassVar[str | None] = "not_a_number"

    separator: Annotated[Text, Field(min_length=1, max_length=1)] = "."
    thousands: Annotated[Text, Field(min_length=1, max_length=1)] | None = None
    scale: Annotated[int, Field(ge=0, le=_INTERNAL_SCALE)] = 2

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.thousands == self.separator:
            raise ValueError(
                "`thousands` and `separator` are the same: give both, e.g. {separator: ',', thousands: '.'}"
            )
        return self

    def refuses(self, type_: Type) -> str | None:
        """Refuse what is neither text nor a number."""
        wrong = not is_scalar(type_) or isinstance(type_, pl.Boolean | pl.Date | pl.Datetime | pl.Time)
        return f"reads text or numbers, not {described(type_)}" if wrong else None

    def output(self, type_: Type) -> Type:
        """Return a decimal type of the scale."""
        return pl.Decimal(38, self.scale)

    def prepare(self, value: pl.Expr, type_: Type) -> pl.Expr:
        """Let numbers through; put the sign of a text in front."""
        return value if type_.is_numeric() else _sign_first(super().prepare(value, type_))

    def apply(self, value: pl.Expr, type_: Type) -> pl.Expr:
        """Read, then round half to even."""
        number = value if type_.is_numeric() else self.text(value)
        exact = number.cast(pl.Decimal(38, _INTERNAL_SCALE), strict=False)
        return exact.round(self.scale).cast(self.output(type_), strict=False)

    def text(self, text: pl.Expr) -> pl.Expr:
        """Bring the text into the form that a cast reads; thousands only count in groups of three."""
        point = re.escape(self.separator)
        whole = r"\d+"
        if self.thousands is not None:
            whole = rf"(?:\d{{1,3}}(?:{re.escape(self.thousands)}\d{{3}})+|\d+)"
        number = text
        well_formed = number.str.contains(rf"^[-+]?(?:{whole}(?:{point}\d*)?|{point}\d+)$")
        if self.thousands is not None:
            number = number.str.replace_all(self.thousands, "", literal=True)
        return pl.when(well_formed).then(number.str.replace(self.separator, ".", literal=True))


class Integer(TextOperation):
    """Reads a whole number."""

    name: ClassVar[str] = "integer"
    gives: ClassVar[Type] = WHOLE
    reason: ClassVar[str | None] = "not_a_number"

    def refuses(self, type_: Type) -> str | None:
        """Refuse what is neither text nor a number."""
        wrong = not is_scalar(type_) or isinstance(type_, pl.Boolean | pl.Date | pl.Datetime | pl.Time)
        return f"reads text or numbers, not {described(type_)}" if wrong else None

    def text(self, text: pl.Expr) -> pl.Expr:
        """Read digits with an optional sign."""
        return _sign_first(text).cast(pl.Int64, strict=False)

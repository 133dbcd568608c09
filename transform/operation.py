"""What an operation is.

An operation is a small frozen value: a pydantic model whose fields are its parameters, with the rule as a Polars
expression. The library is in ``transform.operations``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from datetime import date
from typing import Annotated, ClassVar

import polars as pl
from pydantic import BaseModel, BeforeValidator, ConfigDict

from transform.types import TEXT, Type, as_text, described, is_scalar, stripped


def _written(value: object) -> object:
    """Write a scalar that YAML took for a number, a date or a boolean as the text it stands for."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value) if isinstance(value, int | float) else value


Text = Annotated[str, BeforeValidator(_written)]
"""A parameter that is text, also when YAML takes it for something else (``0``, ``2024-01-01``)."""


class Operation(BaseModel):
    """A step of ``do:``. Subclasses set the class variables and implement ``apply``.

    Null goes in and out as null. A value that the operation cannot use becomes null too, and is then counted as
    ``reason``: whatever ``prepare`` leaves and ``apply`` makes null has failed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: ClassVar[str]
    """The name in mappings."""
    main: ClassVar[str | None] = None
    """The parameter that is meant by ``{name: value}``."""
    gives: ClassVar[Type] = TEXT
    """The type that comes out."""
    reason: ClassVar[str | None] = None
    """The code that failures are counted under; an operation without one never fails."""
    clean: ClassVar[bool] = False
    """Whether text that comes out is trimmed and never blank."""
    ensures: ClassVar[str | None] = None
    """What is known of every value that comes out, e.g. ``e164``; spares the field's own check."""

    def refuses(self, type_: Type) -> str | None:
        """Say why a value of this type can't go in (``works on text, not on a list``), or None."""
        return None

    def output(self, type_: Type) -> Type:
        """Return the type that comes out for the type that goes in."""
        return self.gives

    def can_fail(self, type_: Type) -> bool:
        """Whether a value of this type may be one that the operation cannot use."""
        return self.reason is not None

    def possible(self) -> frozenset[object] | None:
        """Return all values that can come out, when they are known beforehand."""
        return None

    def prepare(self, value: pl.Expr, type_: Type) -> pl.Expr:
        """Bring the value into the form that ``apply`` wants; null here means that there was no value."""
        return value

    @abstractmethod
    def apply(self, value: pl.Expr, type_: Type) -> pl.Expr:
        """Return the rule as an expression on what ``prepare`` returned; ``type_`` is the type that went in."""


class TextOperation(Operation):
    """An operation on text; any scalar is written as text first. Subclasses implement ``text``.

    An operation that can fail gets its text trimmed, and blank text as null: nothing there is no failure.
    """

    def refuses(self, type_: Type) -> str | None:
        """Refuse what is no scalar."""
        return None if is_scalar(type_) else f"works on text, not on {described(type_)}"

    def prepare(self, value: pl.Expr, type_: Type) -> pl.Expr:
        """Write the value as text."""
        text = as_text(value, type_)
        return stripped(text) if self.reason else text

    def apply(self, value: pl.Expr, type_: Type) -> pl.Expr:
        """Apply the rule to the text."""
        return self.text(value)

    @abstractmethod
    def text(self, text: pl.Expr) -> pl.Expr:
        """Return the rule as an expression on text."""


class Combining(Operation):
    """An operation that makes one value of several; only at the start of ``do:``, after ``from: [a, b]``."""

    def apply(self, value: pl.Expr, type_: Type) -> pl.Expr:
        """Combine a single value."""
        return self.combine([value], [type_])

    @abstractmethod
    def combine(self, values: Sequence[pl.Expr], types: Sequence[Type]) -> pl.Expr:
        """Return the rule as an expression on several values."""

    def refuses_several(self, types: Sequence[Type]) -> str | None:
        """Say why these types can't be combined, or None."""
        return next((said for said in map(self.refuses, types) if said), None)

    def output_of(self, types: Sequence[Type]) -> Type:
        """Return the type that comes out for the types that go in."""
        return self.gives

"""Operations on text, and those that choose between values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, ClassVar, Literal, Self

import polars as pl
from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from foundation.errors import did_you_mean
from transform.operation import Combining, Operation, Text, TextOperation
from transform.types import (
    BOOLEAN,
    DATE,
    TEXT,
    UNKNOWN,
    Type,
    as_text,
    described,
    fields_of,
    instance,
    is_scalar,
    stripped,
)


def _regular_expression(pattern: str) -> str:
    """Refuse what the engine (Rust's ``regex``: no look-around, no back-references) does not take."""
    try:
        pl.select(pl.lit("").str.contains(pattern))
    except pl.exceptions.ComputeError:
        raise ValueError("not a regular expression (look-around and back-references are not known)") from None
    return pattern


Pattern = Annotated[str, AfterValidator(_regular_expression)]


class Trim(TextOperation):
    """Takes white space off both ends."""

    name: ClassVar[str] = "trim"

    def text(self, text: pl.Expr) -> pl.Expr:
        """Trim."""
        return text.str.strip_chars()


class Squeeze(TextOperation):
    """Trims, and makes one space of every run of white space."""

    name: ClassVar[str] = "squeeze"

    def text(self, text: pl.Expr) -> pl.Expr:
        """Squeeze."""
        return text.str.replace_all(r"\s+", " ").str.strip_chars()


class Upper(TextOperation):
    """Capitals."""

    name: ClassVar[str] = "upper"

    def text(self, text: pl.Expr) -> pl.Expr:
        """Put in capitals."""
        return text.str.to_uppercase()


class Lower(TextOperation):
    """Small letters."""

    name: ClassVar[str] = "lower"

    def text(self, text: pl.Expr) -> pl.Expr:
        """Put in small letters."""
        return text.str.to_lowercase()


DUTCH_SMALL_WORDS = (
    *("aan", "bij", "de", "den", "der", "en", "het", "in", "onder", "op", "over", "te", "ten", "ter", "uit"),
    *("van", "voor", "'t"),
)


def dutch_title_case(text: pl.Expr) -> pl.Expr:
    """Put text in title case as Dutch writes names of places: ``'s-Hertogenbosch``, ``Capelle aan den IJssel``."""
    text = text.str.to_titlecase().str.replace_all(r"\bIj", "IJ").str.replace_all("'S-", "'s-", literal=True)
    capital = [f" {word.title()} " if word != "'t" else " 'T " for word in DUTCH_SMALL_WORDS]
    small = [f" {word} " for word in DUTCH_SMALL_WORDS]
    for _ in range(2):  # neighbours share the space between them
        text = text.str.replace_many(capital, small)
    return text.str.replace("^'T ", "'t ")


class TitleCase(TextOperation):
    """A capital at the start of each word, small letters elsewhere."""

    name: ClassVar[str] = "title_case"
    main: ClassVar[str | None] = "language"

    language: Literal["nl"] | None = None

    def text(self, text: pl.Expr) -> pl.Expr:
        """Put in title case."""
        return dutch_title_case(text) if self.language == "nl" else text.str.to_titlecase()


class Replace(TextOperation):
    """Replaces every occurrence of a text."""

    name: ClassVar[str] = "replace"

    find: Annotated[Text, Field(min_length=1)]
    put: Text

    def text(self, text: pl.Expr) -> pl.Expr:
        """Replace."""
        return text.str.replace_all(self.find, self.put, literal=True)


class RegexReplace(TextOperation):
    """Replaces every match of a regular expression."""

    name: ClassVar[str] = "regex_replace"

    pattern: Pattern
    put: Text

    def text(self, text: pl.Expr) -> pl.Expr:
        """Replace."""
        return text.str.replace_all(self.pattern, self.put)


class RegexExtract(TextOperation):
    """Takes what a group of a regular expression matched."""

    name: ClassVar[str] = "regex_extract"
    main: ClassVar[str | None] = "pattern"
    reason: ClassVar[str | None] = "no_match"

    pattern: Pattern
    group: Annotated[int, Field(ge=0)] = 1

    @model_validator(mode="after")
    def _has_group(self) -> Self:
        groups = pl.select(pl.lit("").str.extract_groups(self.pattern).alias("groups")).schema["groups"]
        if self.group > len(fields_of(groups)):
            raise ValueError(f"the pattern has no group {self.group}: put brackets around what you want")
        return self

    def text(self, text: pl.Expr) -> pl.Expr:
        """Extract."""
        return text.str.extract(self.pattern, self.group)


class Slice(TextOperation):
    """Takes a piece by position."""

    name: ClassVar[str] = "slice"

    start: int
    length: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _starts_at_one(self) -> Self:
        if self.start == 0:
            raise ValueError("positions are counted from 1")
        return self

    def text(self, text: pl.Expr) -> pl.Expr:
        """Slice."""
        return text.str.slice(self.start - 1 if self.start > 0 else self.start, self.length)


class Pad(TextOperation):
    """Fills up to a length."""

    name: ClassVar[str] = "pad"

    length: Annotated[int, Field(ge=1)]
    fill: Annotated[Text, Field(alias="with", min_length=1, max_length=1)] = "0"
    side: Literal["left", "right"] = "left"

    def text(self, text: pl.Expr) -> pl.Expr:
        """Pad; what is blank stays nothing."""
        text = stripped(text)
        return (text.str.pad_start if self.side == "left" else text.str.pad_end)(self.length, self.fill)


class StripLeadingZeros(TextOperation):
    """Takes leading zeros off; one digit stays."""

    name: ClassVar[str] = "strip_leading_zeros"

    def text(self, text: pl.Expr) -> pl.Expr:
        """Strip."""
        return stripped(text).str.strip_chars_start("0").replace("", "0")


class Digits(TextOperation):
    """Keeps the digits."""

    name: ClassVar[str] = "digits"

    def text(self, text: pl.Expr) -> pl.Expr:
        """Drop everything that is not a digit."""
        return text.str.replace_all(r"[^0-9]", "")


class Split(TextOperation):
    """Takes text apart at a separator: a list, or one part of it."""

    name: ClassVar[str] = "split"
    main: ClassVar[str | None] = "by"

    by: Annotated[Text, Field(min_length=1)]
    part: int | None = None

    @model_validator(mode="after")
    def _counts_from_one(self) -> Self:
        if self.part == 0:
            raise ValueError("parts are counted from 1, or from the end with -1")
        return self

    def output(self, type_: Type) -> Type:
        """Text, or a list of it."""
        return pl.List(pl.String()) if self.part is None else TEXT

    def text(self, text: pl.Expr) -> pl.Expr:
        """Split; what is blank has no parts."""
        parts = stripped(text).str.split(self.by)
        if self.part is None:
            return parts
        return parts.list.get(self.part - 1 if self.part > 0 else self.part, null_on_oob=True)


class Join(Combining):
    """Joins several values, or the elements of a list, into one text; nulls are left out."""

    name: ClassVar[str] = "join"
    main: ClassVar[str | None] = "separator"

    separator: Text = " "
    complete: bool = False

    def refuses(self, type_: Type) -> str | None:
        """Refuse what can't be written as text."""
        inner = type_.inner if isinstance(type_, pl.List) else type_
        return None if is_scalar(instance(inner)) else f"joins text, not {described(type_)}"

    def refuses_several(self, types: Sequence[Type]) -> str | None:
        """Refuse lists among several values."""
        return next((f"joins text, not {described(type_)}" for type_ in types if not is_scalar(type_)), None)

    def apply(self, value: pl.Expr, type_: Type) -> pl.Expr:
        """Join the elements of a list; a single value stays as it is."""
        if not isinstance(type_, pl.List):
            return self.combine([value], [type_])
        texts = value.list.eval(stripped(as_text(pl.element(), instance(type_.inner))))
        return texts.list.join(self.separator, ignore_nulls=not self.complete).replace("", None)

    def combine(self, values: Sequence[pl.Expr], types: Sequence[Type]) -> pl.Expr:
        """Join several values."""
        texts = [stripped(as_text(value, type_)) for value, type_ in zip(values, types, strict=True)]
        return pl.concat_str(texts, separator=self.separator, ignore_nulls=not self.complete).replace("", None)


class Coalesce(Combining):
    """Takes the first of several values that is not null."""

    name: ClassVar[str] = "coalesce"

    def refuses(self, type_: Type) -> str | None:
        """Refuse what is no scalar."""
        return None if is_scalar(type_) else f"chooses between single values, not {described(type_)}"

    def output(self, type_: Type) -> Type:
        """Return the type of the value itself."""
        return type_

    def output_of(self, types: Sequence[Type]) -> Type:
        """Return the type that all have; text when they differ."""
        known = [type_ for type_ in types if not isinstance(type_, pl.Null)]
        if any(type_ == UNKNOWN for type_ in known):
            return UNKNOWN
        return known[0] if len(set(known)) == 1 else TEXT

    def combine(self, values: Sequence[pl.Expr], types: Sequence[Type]) -> pl.Expr:
        """Choose; blank text counts as nothing."""
        if self.output_of(types) == TEXT:
            values = [stripped(as_text(value, type_)) for value, type_ in zip(values, types, strict=True)]
        return pl.coalesce(values)


class Default(Operation):
    """Fills in a value where there is none."""

    name: ClassVar[str] = "default"
    main: ClassVar[str | None] = "value"

    value: bool | date | Text

    def refuses(self, type_: Type) -> str | None:
        """Refuse a value of another type than the default's."""
        if not is_scalar(type_):
            return f"works on single values, not on {described(type_)}"
        if self.gives_text() or type_ in (UNKNOWN, pl.Null(), self.output(type_)):
            return None
        return f"puts {described(self.output(type_))} where {described(type_)} is"

    def gives_text(self) -> bool:
        """Whether the default is text."""
        return isinstance(self.value, str)

    def output(self, type_: Type) -> Type:
        """Return the type of the default."""
        return BOOLEAN if isinstance(self.value, bool) else TEXT if self.gives_text() else DATE

    def apply(self, value: pl.Expr, type_: Type) -> pl.Expr:
        """Fill in."""
        return (stripped(as_text(value, type_)) if self.gives_text() else value).fill_null(pl.lit(self.value))


class NullIf(Operation):
    """Makes nothing of values that mean nothing."""

    name: ClassVar[str] = "null_if"
    main: ClassVar[str | None] = "values"

    values: Annotated[tuple[Text, ...], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _one_or_more(cls, given: object) -> object:
        if isinstance(given, dict) and "values" in given and not isinstance(given["values"], list):
            return {**given, "values": [given["values"]]}
        return given

    def refuses(self, type_: Type) -> str | None:
        """Refuse what is no scalar."""
        return None if is_scalar(type_) else f"works on single values, not on {described(type_)}"

    def output(self, type_: Type) -> Type:
        """Return the type of the value itself."""
        return type_

    def apply(self, value: pl.Expr, type_: Type) -> pl.Expr:
        """Compare as trimmed text."""
        return pl.when(~as_text(value, type_).str.strip_chars().is_in(list(self.values))).then(value)


class CodeTable(TextOperation):
    """Looks a code up in a table of the mapping."""

    name: ClassVar[str] = "code_table"
    main: ClassVar[str | None] = "table"
    reason: ClassVar[str | None] = "unknown_code"
    clean: ClassVar[bool] = True

    table: dict[str, bool | Text | None]
    otherwise: bool | Text | None = None
    ignore_case: bool = False

    @field_validator("table", mode="before")
    @classmethod
    def _named(cls, table: object, info: ValidationInfo) -> object:
        """Put the table of the mapping in the place of its name."""
        if not isinstance(table, str):
            return table
        tables: dict[str, object] = (info.context or {}).get("code_tables", {})
        if table not in tables:
            remedy = did_you_mean(table, [*tables]) if tables else "add it under `code_tables`"
            raise ValueError(f"unknown code table '{table}'; {remedy}")
        return tables[table]

    @model_validator(mode="after")
    def _one_type(self) -> Self:
        kinds = {type(value) for value in (*self.table.values(), self.otherwise) if value is not None}
        if len(kinds) > 1:
            raise ValueError("a table gives either texts or booleans, not both")
        return self

    def possible(self) -> frozenset[object] | None:
        """Return the values of the table."""
        return frozenset(value for value in (*self.table.values(), self.otherwise) if value is not None)

    def output(self, type_: Type) -> Type:
        """Text or boolean, as the table has it."""
        return BOOLEAN if any(isinstance(value, bool) for value in self.possible() or ()) else TEXT

    def can_fail(self, type_: Type) -> bool:
        """Not when there is a value for every other code."""
        return self.otherwise is None

    def prepare(self, value: pl.Expr, type_: Type) -> pl.Expr:
        """Make nothing of the codes that mean nothing."""
        text = super().prepare(value, type_)
        text = text.str.to_lowercase() if self.ignore_case else text
        nothing = [code for code, meaning in self._codes().items() if meaning is None]
        return pl.when(~text.is_in(nothing)).then(text) if nothing else text

    def text(self, text: pl.Expr) -> pl.Expr:
        """Look up."""
        codes = {code: meaning for code, meaning in self._codes().items() if meaning is not None}
        found = text.replace_strict(
            list(codes), list(codes.values()), default=self.otherwise, return_dtype=self.output(TEXT)
        )
        return found if self.otherwise is None else pl.when(text.is_not_null()).then(found)

    def _codes(self) -> dict[str, str | bool | None]:
        """Return the table as it is compared: codes trimmed, in small letters when case does not count."""
        codes = {code.strip(): value for code, value in self.table.items()}
        return {code.lower(): value for code, value in codes.items()} if self.ignore_case else codes

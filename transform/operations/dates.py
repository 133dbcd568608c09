"""Dates and times. Formats are strptime's; a value is tried against each in turn."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import Annotated, ClassVar, Self

import polars as pl
from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from transform.operation import TextOperation
from transform.types import (
    DATE,
    INSTANT,
    Type,
    as_date,
    as_instant,
    described,
    is_local_time,
    is_scalar,
    utc_of_local,
)

_DIRECTIVES = frozenset("YymdejbBHIMSpfzTF%")
_FRACTION = re.compile(r"\.%f")
NO_TIMEZONE = "local times need a time zone: add `timezone: Europe/Amsterdam` (or yours) at the top"


def _format(written: str) -> str:
    """Refuse directives that are not known, and formats that can't tell a day."""
    directives = re.findall(r"%(.?)", written)
    unknown = [f"%{letter}" for letter in directives if letter not in _DIRECTIVES or not letter]
    if unknown:
        raise ValueError(f"unknown in a format: {', '.join(unknown)}; known are {' '.join(sorted(_DIRECTIVES))}")
    if "%f" in _FRACTION.sub("", written):
        raise ValueError("%f is a fraction of a second and stands behind a dot: %S.%f")
    present = set(directives)
    if not (
        "F" in present
        or (present & {"Y", "y"} and ("j" in present or ({"d", "e"} & present and {"m", "b", "B"} & present)))
    ):
        raise ValueError("a format needs year, month and day (%Y or %y, %m or %b, %d; or %j)")
    return written


Format = Annotated[str, AfterValidator(_format)]


class _Parse(TextOperation):
    """What dates and times share: formats, and the century of two-digit years."""

    main: ClassVar[str | None] = "formats"

    formats: Annotated[tuple[Format, ...], Field(min_length=1)]
    pivot: Annotated[int, Field(ge=0, le=99)] | None = None
    """The last two-digit year of this century; from the next on it is the last century."""

    _timezone: str | None = PrivateAttr(default=None)

    def model_post_init(self, context: object) -> None:
        """Take the mapping's time zone."""
        self._timezone = context.get("timezone") if isinstance(context, dict) else None

    @model_validator(mode="before")
    @classmethod
    def _one_or_more(cls, given: object) -> object:
        if isinstance(given, dict) and isinstance(given.get("formats"), str):
            return {**given, "formats": [given["formats"]]}
        return given

    @model_validator(mode="after")
    def _century(self) -> Self:
        if self.pivot is None and any("%y" in written for written in self.formats):
            raise ValueError("%y needs `pivot`: {formats: […], pivot: 30} reads 00-30 as 2000-2030, 31-99 as 1931-1999")
        return self

    def refuses(self, type_: Type) -> str | None:
        """Refuse what is neither text, a number, a date nor a time."""
        wrong = not is_scalar(type_) or isinstance(type_, pl.Boolean | pl.Time)
        return f"reads text, not {described(type_)}" if wrong else None

    def can_fail(self, type_: Type) -> bool:
        """Not when the source has a date or a time already."""
        return not isinstance(type_, pl.Date | pl.Datetime)

    def text(self, text: pl.Expr) -> pl.Expr:
        """Try the formats in turn, each on what the ones before did not read."""
        return text.map_batches(self._first_that_fits, return_dtype=self.gives, is_elementwise=True)

    def _first_that_fits(self, text: pl.Series) -> pl.Series:
        found = self._read_in_century(text, self.formats[0])
        for written in self.formats[1:]:
            if found.null_count() == text.null_count():
                break
            rest = pl.select(pl.when(found.is_null()).then(text)).to_series()
            found = found.fill_null(self._read_in_century(rest, written))
        return found

    @abstractmethod
    def _read(self, text: pl.Series, written: str) -> pl.Series:
        """Read text by one format."""

    def _read_in_century(self, text: pl.Series, written: str) -> pl.Series:
        """Read, then move a two-digit year to its century; refuse years of less than four digits (``%Y`` takes 71)."""
        read = self._read(text, written)
        value, year = pl.col(read.name), pl.col(read.name).dt.year()
        if "%y" not in written:
            outside = year.is_between(1000, 9999).all()
            if read.to_frame().select(outside).item():
                return read
            return read.to_frame().select(pl.when(year.is_between(1000, 9999)).then(value)).to_series()
        wanted = year % 100 + pl.when(year % 100 <= self.pivot).then(2000).otherwise(1900)
        moved = pl.when(year < wanted).then(value.dt.offset_by("100y")).otherwise(value.dt.offset_by("-100y"))
        return read.to_frame().select(pl.when(year == wanted).then(value).otherwise(moved)).to_series()


class ParseDate(_Parse):
    """Reads a date; lets dates through, and takes the local date of times."""

    name: ClassVar[str] = "parse_date"
    gives: ClassVar[Type] = DATE
    reason: ClassVar[str | None] = "not_a_date"

    def prepare(self, value: pl.Expr, type_: Type) -> pl.Expr:
        """Let dates and times through."""
        if isinstance(type_, pl.Date | pl.Datetime):
            return as_date(value, type_, self._timezone)
        return super().prepare(value, type_)

    def apply(self, value: pl.Expr, type_: Type) -> pl.Expr:
        """Read text."""
        return value if isinstance(type_, pl.Date | pl.Datetime) else self.text(value)

    def _read(self, text: pl.Series, written: str) -> pl.Series:
        return text.str.to_date(_polars(written), strict=False)


class ParseDatetime(_Parse):
    """Reads a time; without an offset it is local in the mapping's time zone. Lets times through."""

    name: ClassVar[str] = "parse_datetime"
    gives: ClassVar[Type] = INSTANT
    reason: ClassVar[str | None] = "not_a_time"

    @model_validator(mode="after")
    def _local(self) -> Self:
        if self._timezone is None and any("%z" not in written for written in self.formats):
            raise ValueError(NO_TIMEZONE)
        return self

    def refuses(self, type_: Type) -> str | None:
        """Refuse local times where no time zone is given."""
        local = is_local_time(type_) or isinstance(type_, pl.Date)
        return NO_TIMEZONE if local and self._timezone is None else super().refuses(type_)

    def prepare(self, value: pl.Expr, type_: Type) -> pl.Expr:
        """Let dates and times through."""
        if isinstance(type_, pl.Date | pl.Datetime):
            return as_instant(value, type_, self._timezone)
        return super().prepare(value, type_)

    def apply(self, value: pl.Expr, type_: Type) -> pl.Expr:
        """Read text."""
        return value if isinstance(type_, pl.Date | pl.Datetime) else self.text(value)

    def _read(self, text: pl.Series, written: str) -> pl.Series:
        if "%z" in written:
            offset = text.str.replace(r"[zZ]$", "+00:00")
            return offset.str.to_datetime(_polars(written), time_unit="us", strict=False).cast(INSTANT)
        local = text.str.to_datetime(_polars(written), time_unit="us", strict=False)
        return utc_of_local(local, self._timezone or "UTC")


def is_timezone(name: str) -> bool:
    """Whether the name is a time zone of the IANA database."""
    try:
        pl.select(pl.lit(0).cast(pl.Datetime("us")).dt.replace_time_zone(name))
    except pl.exceptions.ComputeError:
        return False
    return True


def _polars(written: str) -> str:
    """Write strptime's fraction of a second as Polars does."""
    return _FRACTION.sub("%.f", written)

"""The types of values while they are mapped, how people call them, and how one becomes another.

A value's type is a Polars data type; ``UNKNOWN`` stands for a raw column's before the mapping is bound to a source.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

UNKNOWN: pl.DataType = pl.Unknown()
TEXT: pl.DataType = pl.String()
WHOLE: pl.DataType = pl.Int64()
BOOLEAN: pl.DataType = pl.Boolean()
DATE: pl.DataType = pl.Date()
INSTANT: pl.DataType = pl.Datetime("us", "UTC")

Type = pl.DataType


def instance(type_: object) -> Type:
    """Return a type that Polars may name by its class (``pl.List(pl.String).inner``) as a value."""
    found = type_() if isinstance(type_, type) else type_
    assert isinstance(found, pl.DataType)  # noqa: S101 — what Polars gives for the inner type of a nested one
    return found


def fields_of(type_: Type) -> list[pl.Field]:
    """Return the fields of a struct, or of the structs in a list; none for other types."""
    inner = instance(type_.inner) if isinstance(type_, pl.List) else type_
    return list(inner.fields) if isinstance(inner, pl.Struct) else []


def is_local_time(type_: Type) -> bool:
    """Whether the type is a time that does not say where."""
    return isinstance(type_, pl.Datetime) and type_.time_zone is None


def is_scalar(type_: Type) -> bool:
    """Whether a value of the type can be written as text (an unknown one may)."""
    return not isinstance(type_, pl.List | pl.Array | pl.Struct | pl.Binary | pl.Object)


def described(type_: Type) -> str:
    """Return what people call the type, with its article: ``text``, ``a date``, ``a list``."""
    for kinds, name in _NAMES:
        if isinstance(type_, kinds):
            return name
    return "a number" if type_.is_numeric() else str(type_)


_NAMES: tuple[tuple[type[Type] | tuple[type[Type], ...], str], ...] = (
    ((pl.String, pl.Categorical, pl.Enum), "text"),
    (pl.Boolean, "a boolean"),
    (pl.Date, "a date"),
    (pl.Datetime, "a time"),
    ((pl.List, pl.Array), "a list"),
    (pl.Struct, "a struct"),
    (pl.Binary, "binary data"),
    (pl.Null, "nothing"),
    (pl.Unknown, "a column"),
)


def as_text(value: pl.Expr, type_: Type) -> pl.Expr:
    """Write any scalar as text.

    A whole number has no fraction even where the source keeps it as float or decimal (``1.0``, ``12.00``); a date
    and a time are ISO 8601, a time with a zone in UTC with ``Z``; a boolean is ``true`` or ``false``; NaN is null.
    """
    match type_:
        case pl.String() | pl.Unknown():
            text = value
        case pl.Float32() | pl.Float64():
            number = value.fill_nan(None)
            whole = (number == number.round()) & (number.abs() < 2**53)
            digits = number.cast(pl.Int64, strict=False).cast(pl.String)
            text = pl.when(whole).then(digits).otherwise(number.cast(pl.String))
        case pl.Decimal():
            text = value.cast(pl.String).str.replace(r"\.0+$", "")
        case pl.Date():
            text = value.dt.to_string("%Y-%m-%d")
        case pl.Datetime(time_zone=None):
            text = value.dt.to_string("%Y-%m-%dT%H:%M:%S%.f")
        case pl.Datetime():
            text = value.dt.convert_time_zone("UTC").dt.to_string("%Y-%m-%dT%H:%M:%S%.fZ")
        case _:
            text = value.cast(pl.String)
    return text


def stripped(text: pl.Expr) -> pl.Expr:
    """Take white space off both ends of a text; what is blank becomes null."""
    return text.str.strip_chars().replace("", None)


def as_date(value: pl.Expr, type_: Type, timezone: str | None) -> pl.Expr:
    """Return the date of a date or a time; of a time with a zone, its date in ``timezone``."""
    if isinstance(type_, pl.Datetime):
        if type_.time_zone is not None:
            value = value.dt.convert_time_zone(timezone or "UTC")
        return value.dt.date()
    return value.cast(pl.Date)


def as_instant(value: pl.Expr, type_: Type, timezone: str | None) -> pl.Expr:
    """Return a date (its midnight) or a time as a time in UTC; local ones are in ``timezone``."""
    if isinstance(type_, pl.Datetime) and type_.time_zone is not None:
        return value.dt.convert_time_zone("UTC").cast(INSTANT)
    return from_local(value.cast(pl.Datetime("us")), timezone or "UTC")


def from_local(value: pl.Expr, timezone: str) -> pl.Expr:
    """Return local times (``Datetime[us]``) as times in UTC; see ``utc_of_local``."""
    return value.map_batches(lambda local: utc_of_local(local, timezone), return_dtype=INSTANT, is_elementwise=True)


def utc_of_local(local: pl.Series, timezone: str) -> pl.Series:
    """Return local times as times in UTC.

    A time that occurs twice when the clock goes back is its first occurrence. A time that is skipped when the clock
    goes forward is read with the offset from before, as java.time and ICU do: 02:30 becomes 03:30.
    """
    found = _utc(local, timezone)
    if found.null_count() > local.null_count():
        day = timedelta(days=1)
        found = found.fill_null(_utc(local - day, timezone) + day)
    return found


def _utc(local: pl.Series, timezone: str) -> pl.Series:
    """Return local times in UTC; null where the clock skipped them."""
    zoned = local.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    return zoned.dt.convert_time_zone("UTC")

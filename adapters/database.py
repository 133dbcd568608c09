"""What the SQL and the ODBC adapter share: rows of Python values into Arrow under one schema, cursors, refusals.

A driver that states the type of a column is believed. Where it does not (SQLite has no column types, a PostgreSQL
``numeric`` without precision has any scale) a first pass over the values finds the type, because a schema guessed
from the first batch would not hold for the last.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal

import pyarrow as pa
from pydantic import JsonValue

from adapters.base import Batch, Cursor
from foundation.errors import Problem, SourceError, SourceUnavailable, did_you_mean

Values = Sequence[object]  # the values of one column

TIMESTAMP = pa.timestamp("us")
TIMESTAMP_UTC = pa.timestamp("us", "UTC")
_INT64 = range(-(2**63), 2**63)
_BY_CLASS: dict[type, pa.DataType] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
    bytes: pa.binary(),
    bytearray: pa.binary(),
    memoryview: pa.binary(),
    date: pa.date32(),
    time: pa.time64("us"),
}
_REFUSALS = (
    "authentication failed",
    "no password supplied",
    "access denied",
    "login failed",
    "invalid username/password",
    "no pg_hba.conf entry",
    'role "',
)


@dataclass(slots=True)
class Survey:
    """The classes of values seen in one column, and how large its numbers get."""

    classes: set[type] = field(default_factory=set)
    scale: int = 0  # most digits after the point of any Decimal
    digits: int = 0  # most digits before it
    exact: bool = True  # false once a Decimal is NaN or infinite, or an int is beyond int64
    zoned: set[bool] = field(default_factory=set)  # whether timestamps carry an offset

    def see(self, values: Values) -> None:
        """Take the values of one more batch into account."""
        classes = set(map(type, values)) - {type(None)}
        self.classes |= classes
        if int in classes:
            self.exact &= all(value in _INT64 for value in values if isinstance(value, int))
        if datetime in classes:
            self.zoned |= {value.tzinfo is not None for value in values if isinstance(value, datetime)}
        if Decimal in classes:
            for value in values:
                if isinstance(value, Decimal):
                    self._measure(value)

    def _measure(self, value: Decimal) -> None:
        _, digits, exponent = value.as_tuple()
        if not isinstance(exponent, int):
            self.exact = False
            return
        self.scale = max(self.scale, -exponent)
        self.digits = max(self.digits, len(digits) + exponent)

    def type(self) -> pa.DataType:
        """Return the narrowest type that holds every value seen; a string where natures mix or all are null."""
        if self.classes == {datetime} and len(self.zoned) == 1:
            return TIMESTAMP_UTC if True in self.zoned else TIMESTAMP
        if self.classes and self.classes <= {int, Decimal} and self.exact:
            if Decimal not in self.classes:
                return pa.int64()
            digits = max(self.digits, 19 if int in self.classes else 1)
            return pa.decimal128(38, self.scale) if digits + self.scale <= 38 else pa.string()
        if self.classes == {int, float} and self.exact:
            return pa.float64()
        found = {_BY_CLASS.get(class_, pa.string()) for class_ in self.classes if class_ is not int}
        return found.pop() if len(found) == 1 and int not in self.classes else pa.string()


def type_of(class_: type, precision: int | None, scale: int | None) -> pa.DataType | None:
    """Return the Arrow type of a column that a driver describes by Python class; none when that is not enough."""
    if class_ is Decimal:
        if precision is None or scale is None or not 1 <= precision <= 38 or not 0 <= scale <= precision:
            return None
        return pa.decimal128(precision, scale)
    if class_ is datetime:
        return TIMESTAMP
    return _BY_CLASS.get(class_, pa.string())


def surveyed(
    names: Sequence[str], types: Sequence[pa.DataType | None], rows: Iterable[Sequence[Sequence[object]]]
) -> pa.Schema:
    """Return the schema, finding the types that are none by one pass over ``rows``, given in batches."""
    unknown = [index for index, found in enumerate(types) if found is None]
    surveys = {index: Survey() for index in unknown}
    for batch in rows if unknown else ():
        for index, survey in surveys.items():
            survey.see([row[index] for row in batch])
    return pa.schema(
        [
            (name, surveys[index].type() if found is None else found)
            for index, (name, found) in enumerate(zip(names, types, strict=True))
        ]
    )


def batches(
    fetched: Iterable[Sequence[Sequence[object]]],
    schema: pa.Schema,
    *,
    place: str,
    cursor_column: str | None,
    cursor: Cursor | None,
) -> Iterator[Batch]:
    """Yield rows under one schema, each batch with the cursor that resumes after it; at least one batch.

    Args:
        fetched: the rows, some at a time; in the order of the cursor column where there is one.
        schema: of all of them.
        place: what they are read from, as their origin names it.
        cursor_column: by which a delta grows.
        cursor: that the read resumed from.

    Raises:
        SourceError: a value does not fit its column's type; names the column, never the value.
    """
    index = None if cursor_column is None else schema.get_field_index(cursor_column)
    read = 0
    for rows in fetched:
        cursor = _cursor_after(rows, index, cursor)
        yield Batch(rows=_batch_of(rows, schema), origin=f"{place}, row {read + 1}", cursor=cursor)
        read += len(rows)
    if not read:
        yield Batch(rows=_batch_of([], schema), origin=f"{place}, row 1", cursor=cursor)


def _batch_of(rows: Sequence[Sequence[object]], schema: pa.Schema) -> pa.RecordBatch:
    """Return rows as Arrow columns."""
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.RecordBatch.from_arrays(
        [_array(values, column) for values, column in zip(columns, schema, strict=True)], schema=schema
    )


def _array(values: Values, column: pa.Field) -> pa.Array:
    try:
        if pa.types.is_string(column.type) and not set(map(type, values)) <= {str, type(None)}:
            values = [_as_text(value) for value in values]
        return pa.array(values, column.type)
    except (pa.ArrowException, UnicodeDecodeError, OverflowError, TypeError):
        raise SourceError(
            Problem(
                message=f"column '{column.name}' holds a value that does not fit its type, {column.type}",
                remedy="read it by a `query:` that casts the column to a text or to a wider type",
            )
        ) from None


def _as_text(value: object) -> str | None:
    """Write a value of a class that Arrow has no column for, or of one of several classes in a column."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8")
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)


def check_names(names: Sequence[str], cursor_column: str | None) -> None:
    """Hold the names of the columns read against what a mapping can address.

    Raises:
        SourceError: a name comes twice, or the cursor column is not among them.
    """
    for name in names:
        if names.count(name) > 1:
            raise SourceError(
                Problem(message=f"the query yields two columns '{name}'", remedy="give each its own name with AS")
            )
    if cursor_column is not None and cursor_column not in names:
        raise SourceError(
            Problem(
                message=f"there is no column '{cursor_column}' to serve as `cursor_column`",
                remedy=did_you_mean(cursor_column, names),
            )
        )


def _cursor_after(rows: Sequence[Sequence[object]], index: int | None, cursor: Cursor | None) -> Cursor | None:
    """Return the cursor that resumes after ``rows``, which are in the order of column ``index``."""
    last = None if index is None else next((row[index] for row in reversed(rows) if row[index] is not None), None)
    return cursor if last is None else {"from": _to_json(last)}


def cursor_value(cursor: Cursor) -> object:
    """Return the value a cursor holds, as the driver takes it.

    A read resumes at this value, not after it: rows with the same value may have been written since, and landing
    one twice changes nothing. Rows without a value are read every time.

    Raises:
        SourceError: the cursor was not made here.
    """
    match cursor.get("from"):
        case {"datetime": str(written)}:
            return datetime.fromisoformat(written)
        case {"date": str(written)}:
            return date.fromisoformat(written)
        case {"decimal": str(written)}:
            return Decimal(written)
        case int() | float() | str() as value:
            return value
    raise SourceError(Problem(message="the kept cursor cannot be read", remedy="reset it to read everything again"))


def _to_json(value: object) -> JsonValue:
    match value:
        case datetime():
            return {"datetime": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case Decimal():
            return {"decimal": str(value)}
        case int() | float() | str():
            return value
    raise SourceError(
        Problem(
            message="the `cursor_column` must hold numbers, texts, dates or times",
            remedy="name the column by which the table grows, such as its last change",
        )
    )


def refusal(place: str, driver_says: str) -> SourceError:
    """Return what a failed connection means; ``driver_says`` decides but is not shown, for it may hold secrets."""
    said = driver_says.lower()
    if any(phrase in said for phrase in _REFUSALS):
        return SourceError(
            Problem(
                message=f"{place} refuses the user or the password",
                remedy="check both; a secret comes from `${NAME}` in the environment or from `file:PATH`",
            )
        )
    if "does not exist" in said or "unknown database" in said or "cannot open database" in said:
        return SourceError(Problem(message=f"{place} has no such database", remedy="check the database's name"))
    return SourceUnavailable(
        Problem(message=f"{place} does not answer", remedy="check host and port, and whether it runs")
    )


def missing_table(table: str, tables: Sequence[str]) -> SourceError:
    """Return the error about a table that is not there."""
    return SourceError(
        Problem(
            message=f"there is no table or view '{table}'",
            remedy=did_you_mean(table, tables) if tables else "check `schema:` and the rights of the user",
        )
    )

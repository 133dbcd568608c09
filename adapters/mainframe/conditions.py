"""Level 88 as a code table: which condition name of a field holds, as a column of its own.

Conditions compare as COBOL does: text without regard to spaces behind it, numbers by value. SPACES holds where a field
is blank, which is null in the rows; so do LOW-VALUES and HIGH-VALUES, as blanks are not told apart there. Where several
names hold, the first in the copybook is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import pyarrow as pa
import pyarrow.compute as pc

from adapters.mainframe.copybook.layout import Field, Layout
from adapters.mainframe.copybook.syntax import Condition
from adapters.mainframe.options import option_error

_BLANK = frozenset({"SPACE", "SPACES", "LOW-VALUE", "LOW-VALUES", "HIGH-VALUE", "HIGH-VALUES", "NULL", "NULLS"})
_ZERO = frozenset({"ZERO", "ZEROS", "ZEROES"})
_ALL = "ALL "
_PATH = "add.conditions"  # of the option


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionColumn:
    """A column with the names of the conditions that hold in another one."""

    name: str
    of: str  # the column of the field
    conditions: tuple[Condition, ...]
    length: int  # bytes of the field

    def values(self, rows: pa.RecordBatch) -> pa.Array:
        """Return for every row the first name that holds; null where none does."""
        column = rows.column(self.of)
        if pa.types.is_string(column.type):
            column = pc.utf8_rtrim(column, " ")  # COBOL compares as if the shorter went on with spaces
        names = pa.nulls(len(column), pa.string())
        for condition in reversed(self.conditions):
            names = pc.if_else(self._holds(column, condition), pa.scalar(condition.name), names)
        return names

    def _holds(self, column: pa.Array, condition: Condition) -> pa.BooleanArray:
        holds = pa.repeat(pa.scalar(False), len(column))
        for first, last in condition.values:
            holds = pc.or_(holds, self._compared(column, first, last))
        return holds

    def _compared(self, column: pa.Array, first: str, last: str | None) -> pa.BooleanArray:
        if first in _BLANK:
            blank = column.is_null()
            return pc.or_(blank, self._compared(column, "", None)) if pa.types.is_string(column.type) else blank
        made: Callable[[str], pa.Scalar] = self._text if pa.types.is_string(column.type) else _number
        if last is None:
            return pc.fill_null(pc.equal(column, made(first)), False)
        within = pc.and_(pc.greater_equal(column, made(first)), pc.less_equal(column, made(last)))
        return pc.fill_null(within, False)

    def _text(self, value: str) -> pa.Scalar:
        if value in _ZERO:
            value = "0" * self.length
        elif value.startswith(_ALL):
            filling = value.removeprefix(_ALL)
            value = (filling * self.length)[: self.length]
        return pa.scalar(value.rstrip(" "))


def _number(value: str) -> pa.Scalar:
    return pa.scalar(Decimal(0) if value in _ZERO else Decimal(value))


def condition_columns(layout: Layout, asked: Mapping[str, str]) -> tuple[ConditionColumn, ...]:
    """Return the columns that are asked for.

    Args:
        layout: of the records.
        asked: names of fields with level 88 names, and of the columns to make of them.

    Raises:
        ConfigurationError: a field is not there, is no column of the rows, or has no condition names.
    """
    return tuple(_condition_column(layout, field, name) for field, name in asked.items())


def _condition_column(layout: Layout, asked: str, name: str) -> ConditionColumn:
    field = layout.find(asked)
    output = next((output for output in layout.outputs if output.column is field), None)
    if not isinstance(field, Field) or output is None:
        raise option_error(
            _PATH, f"'{asked}' is no column of the rows", "name a field outside of tables, with `columns: names`"
        )
    if not field.conditions:
        raise option_error(_PATH, f"'{asked}' has no level 88", "name a field with condition names")
    if not pa.types.is_string(output.type):
        for condition in field.conditions:
            _check_numbers(condition, asked)
    return ConditionColumn(name=name, of=output.name, conditions=field.conditions, length=field.length)


def _check_numbers(condition: Condition, asked: str) -> None:
    for value in (value for pair in condition.values for value in pair if value is not None):
        if value in _BLANK or value in _ZERO:
            continue
        try:
            Decimal(value)
        except InvalidOperation:
            raise option_error(
                _PATH, f"'{asked}' is a number, and '{condition.name}' compares it with text", "correct the level 88"
            ) from None

"""JSON Lines into Arrow, nested as they are.

pyarrow reads what is regular. Whatever it refuses goes through the standard library line by line, which either
names the bad line or finds that a column mixes types; such a column becomes text, so that nothing is lost. Types
are found in a first pass over all files, because one schema must hold for the entire read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from adapters.files import text
from adapters.files.json_types import arrow_type
from adapters.files.lines import Lines, whole_lines
from adapters.files.options import FilesOptions
from foundation.errors import Location, Problem, SourceError

Json = None | bool | int | Decimal | str | list["Json"] | dict[str, "Json"]
_EXACT_INT = 2**63


class JsonLines:
    """Reads one JSON Lines file at a time, by the options of the source."""

    def __init__(self, options: FilesOptions) -> None:
        self._options = options

    def schema(self, paths: Sequence[Path]) -> pa.Schema:
        """Return the columns of the options, else those of all objects in all files.

        Integers are int64, other numbers float64, everything else a string, struct or list. A value that is an
        integer here and text there is text; so is what is null everywhere.

        Raises:
            SourceError: located; a line that is no JSON object.
        """
        if self._options.columns:
            return pa.schema([(column.name, arrow_type(column.type)) for column in self._options.columns])
        found: pa.DataType = pa.struct([])
        for path in paths:
            for lines in self._lines(path):
                found = _merged(found, _type_of_lines(lines, path))
        return pa.schema(list(_settled(found)))

    def tables(self, path: Path, schema: pa.Schema) -> Iterator[pa.Table]:
        """Yield the file's rows; empty lines are no rows, keys outside ``schema`` are left.

        Raises:
            SourceError: located; a line that is no JSON object, a value that does not fit a given type.
        """
        for lines in self._lines(path):
            table = _regular(lines, schema)
            yield table if table is not None else _irregular(lines, path, schema)

    def _lines(self, path: Path) -> Iterator[Lines]:
        return whole_lines(text.pieces(path, self._options.encoding), path)


def _regular(lines: Lines, schema: pa.Schema | None) -> pa.Table | None:
    """Return the lines as pyarrow reads them; none when it refuses them or they are not one object a line."""
    try:
        table = pa.json.read_json(
            pa.BufferReader(lines.data),
            read_options=pa.json.ReadOptions(use_threads=False, block_size=len(lines.data) + 1),
            parse_options=pa.json.ParseOptions(
                explicit_schema=schema, unexpected_field_behavior="ignore" if schema else "infer"
            ),
        )
    except pa.ArrowInvalid:
        return None
    objects = sum(1 for line in lines.data.splitlines() if line.strip())
    if table.num_rows != objects or not all(_exact(column) for column in table.columns):
        return None
    return table.select(schema.names) if schema else table


def _type_of_lines(lines: Lines, path: Path) -> pa.DataType:
    """Return the struct type of the objects in ``lines``."""
    table = _regular(lines, None)
    if table is not None:
        return _as_written(pa.struct(list(table.schema)))
    found: pa.DataType = pa.struct([])
    for _, row in _objects(lines, path):
        found = _merged(found, _type_of_value(row))
    return found


def _exact(column: pa.ChunkedArray) -> bool:
    """Return whether no float can have been an integer that int64 does not hold, and none is NaN or infinite."""
    if pa.types.is_struct(column.type):
        return all(_exact(inner) for inner in column.flatten())
    if pa.types.is_list(column.type):
        return _exact(pc.list_flatten(column))
    if not pa.types.is_floating(column.type):
        return True
    return pc.all(pc.less(pc.abs(column), float(_EXACT_INT))).as_py() is not False


def _as_written(found: pa.DataType) -> pa.DataType:
    """Undo what pyarrow reads into texts: a text that looks like a time stays a text."""
    if pa.types.is_struct(found):
        return pa.struct([(inner.name, _as_written(inner.type)) for inner in found])
    if pa.types.is_list(found):
        return pa.list_(_as_written(found.value_type))
    return pa.string() if pa.types.is_temporal(found) else found


def _type_of_value(value: Json) -> pa.DataType:
    if isinstance(value, dict):
        return pa.struct([(name, _type_of_value(inner)) for name, inner in value.items()])
    if isinstance(value, list):
        found = pa.null()
        for inner in value:
            found = _merged(found, _type_of_value(inner))
        return pa.list_(found)
    if value is None:
        return pa.null()
    if isinstance(value, bool):
        return pa.bool_()
    if isinstance(value, int):
        return pa.int64() if abs(value) < _EXACT_INT else pa.string()
    return pa.float64() if isinstance(value, Decimal) else pa.string()


def _merged(left: pa.DataType, right: pa.DataType) -> pa.DataType:
    """Return the narrowest type that holds the values of both; text when they are of different natures."""
    if left == right or pa.types.is_null(right):
        return left
    if pa.types.is_null(left):
        return right
    if pa.types.is_struct(left) and pa.types.is_struct(right):
        fields = {inner.name: inner.type for inner in left}
        for inner in right:
            fields[inner.name] = _merged(fields.get(inner.name, pa.null()), inner.type)
        return pa.struct(list(fields.items()))
    if pa.types.is_list(left) and pa.types.is_list(right):
        return pa.list_(_merged(left.value_type, right.value_type))
    numbers = (pa.int64(), pa.float64())
    return pa.float64() if left in numbers and right in numbers else pa.string()


def _settled(found: pa.DataType) -> pa.DataType:
    """Return the type with text where nothing but nulls and empty objects were seen."""
    if pa.types.is_list(found):
        return pa.list_(_settled(found.value_type))
    if pa.types.is_struct(found):
        return pa.struct(
            [(inner.name, pa.string() if inner.type == pa.struct([]) else _settled(inner.type)) for inner in found]
        )
    return pa.string() if pa.types.is_null(found) else found


def _irregular(lines: Lines, path: Path, schema: pa.Schema) -> pa.Table:
    """Return lines that pyarrow refuses, value by value."""
    rows: list[tuple[int, dict[str, object]]] = []
    for line, row in _objects(lines, path):
        try:
            rows.append((line, {inner.name: _fitted(row.get(inner.name), inner.type) for inner in schema}))
        except ValueError:
            raise _misfit_error(path, line) from None
    try:
        return pa.Table.from_pylist([row for _, row in rows], schema)
    except pa.ArrowException:
        raise _misfit_error(path, next(line for line, row in rows if not _holds(row, schema))) from None


def _holds(row: dict[str, object], schema: pa.Schema) -> bool:
    try:
        pa.Table.from_pylist([row], schema)
    except pa.ArrowException:
        return False
    return True


def _misfit_error(path: Path, line: int) -> SourceError:
    return SourceError(
        Problem(
            message="a value does not fit the type given for its column",
            location=Location(file=path, line=line),
            remedy="give the column type string in `columns:`, or leave `columns:` out to have types found",
        )
    )


def _fitted(value: Json, wanted: pa.DataType) -> object:  # noqa: PLR0911 - one line per type
    """Return ``value`` as pyarrow takes it for ``wanted``; raise ValueError when it does not fit."""
    if value is None:
        return None
    if pa.types.is_struct(wanted) and isinstance(value, dict):
        return {inner.name: _fitted(value.get(inner.name), inner.type) for inner in wanted}
    if pa.types.is_list(wanted) and isinstance(value, list):
        return [_fitted(inner, wanted.value_type) for inner in value]
    if pa.types.is_string(wanted):
        return value if isinstance(value, str) else None if value == {} else _written(value)
    number = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    if pa.types.is_floating(wanted) and isinstance(value, (int, Decimal)) and number:
        return float(value)
    if pa.types.is_decimal(wanted) and isinstance(value, (int, Decimal)) and number:
        return Decimal(value)
    if (pa.types.is_integer(wanted) and number) or (pa.types.is_boolean(wanted) and isinstance(value, bool)):
        return value
    raise ValueError


def _written(value: Json) -> str:
    """Return a value that is no text as JSON writes it, decimals as they stood in the file."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(name)}: {_written(inner)}' for name, inner in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)


def _objects(lines: Lines, path: Path) -> Iterator[tuple[int, dict[str, Json]]]:
    """Yield every line's number and object."""
    parse: Callable[[str], Json] = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_number, strict=True).decode
    for line, written in enumerate(lines.data.split(b"\n"), start=lines.first_line):
        if not written.strip():
            continue
        column = None
        try:
            value = parse(written.decode("utf-8"))
        except json.JSONDecodeError as error:
            value, column = None, error.colno
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise SourceError(
                Problem(
                    message="the line is not one JSON object",
                    location=Location(file=path, line=line, column=column),
                    remedy="write one complete object per line; check whether the file was cut off here",
                )
            )
        yield line, value


def _no_number(_: str) -> NoReturn:
    """Refuse NaN and Infinity, which JSON does not have."""
    raise ValueError

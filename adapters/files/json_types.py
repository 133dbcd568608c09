"""How ``columns:`` of a JSON Lines source writes types."""

from __future__ import annotations

import re

import pyarrow as pa
from pydantic import JsonValue

_SCALARS = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
}
_DECIMAL = re.compile(r"decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)")


def arrow_type(written: JsonValue) -> pa.DataType:
    """Return the Arrow type that ``written`` names.

    ``string``, ``integer`` (int64), ``number`` (float64), ``boolean``, ``decimal(precision,scale)``; a mapping
    of names to types is an object (struct), a list with one type is an array (list).

    Raises:
        ValueError: it names no type.
    """
    if isinstance(written, str) and written in _SCALARS:
        return _SCALARS[written]
    if isinstance(written, str) and (match := _DECIMAL.fullmatch(written)):
        precision, scale = int(match[1]), int(match[2])
        if 1 <= precision <= 38 and scale <= precision:
            return pa.decimal128(precision, scale)
    if isinstance(written, dict) and written:
        return pa.struct([(name, arrow_type(inner)) for name, inner in written.items()])
    if isinstance(written, list) and len(written) == 1:
        return pa.list_(arrow_type(written[0]))
    raise ValueError("unknown type; use string, integer, number, boolean, decimal(12,2), {name: type} or [type]")

"""Rows as JSON Lines in the shape that Cobrix has through Spark's ``toJSON``.

Null fields are left out, nulls in lists are kept; text is JSON text, bytes are base64, decimals have all their
decimal places, and floating-point numbers are written as Java writes them. Everything is put together column by
column.
"""

from __future__ import annotations

import base64
import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_ESCAPES |= {chr(code): f"\\u{code:04X}" for code in range(0x20) if chr(code) not in _ESCAPES}
_ESCAPED = '[\x00-\x1f"\\\\]'
_PLAIN_FROM, _PLAIN_TO = 1e-3, 1e7  # Java writes floating-point numbers outside of these with an exponent


def json_lines(batch: pa.RecordBatch) -> bytes:
    """Return the rows of ``batch``, one JSON object on each line, in UTF-8."""
    if not batch.num_rows:
        return b""
    rows = _objects([field.name for field in batch.schema], batch.columns, batch.num_rows)
    lines = _joined(rows, _constant("\n"))
    offsets = np.frombuffer(lines.buffers()[1], np.int64)
    return bytes(memoryview(lines.buffers()[2])[offsets[lines.offset] : offsets[lines.offset + len(lines)]])


def _objects(names: list[str], columns: list[pa.Array], rows: int) -> pa.Array:
    """Return ``{"name":value,…}`` for each row, without the values that are null."""
    members = [
        _joined(_constant(json.dumps(name, ensure_ascii=False) + ":"), _values(column))
        for name, column in zip(names, columns, strict=True)
    ]
    inner = pc.binary_join_element_wise(*_never_none(members, rows), _constant(","), null_handling="skip")
    return _joined(_constant("{"), inner, _constant("}"))


def _never_none(members: list[pa.Array], rows: int) -> list[pa.Array]:
    """Return ``members`` with an empty text where all of them are null: Arrow joins no row at all out of nulls."""
    nothing = np.ones(rows, np.bool_)
    for member in members:
        nothing &= member.is_null().to_numpy(zero_copy_only=False)
    empty = pc.if_else(pa.array(nothing), _constant(""), pa.scalar(None, pa.large_string()))
    return [pc.coalesce(members[0], empty), *members[1:]] if members else [empty]


def _values(column: pa.Array) -> pa.Array:
    """Return the JSON of each value as text; null where the value is."""
    kind = column.type
    if pa.types.is_struct(kind):
        texts = _objects([field.name for field in kind], _children(column), len(column))
        return pc.if_else(column.is_valid(), texts, pa.scalar(None, pa.large_string()))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _lists(column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _joined(_constant('"'), _escaped(column), _constant('"'))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        encoded = [value and f'"{base64.b64encode(value).decode()}"' for value in column.to_pylist()]
        encoded = ['""' if text == b"" else text for text in encoded]
        return pa.array(encoded, pa.large_string())
    if pa.types.is_floating(kind):
        return _floats(column)
    return column.cast(pa.large_string())


def _children(column: pa.StructArray) -> list[pa.Array]:
    """Return the columns of a struct for just the rows of ``column``."""
    return [column.field(number) for number in range(column.type.num_fields)]


def _lists(column: pa.ListArray) -> pa.Array:
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    texts = pc.fill_null(_values(column.flatten()), "null")
    joined = pc.binary_join(pa.LargeListArray.from_arrays(pa.array(offsets), texts), pa.scalar(",", pa.large_string()))
    whole = _joined(_constant("["), joined, _constant("]"))
    return pc.if_else(column.is_valid(), whole, pa.scalar(None, pa.large_string()))


def _escaped(column: pa.Array) -> pa.Array:
    column = column.cast(pa.large_string())
    if not pc.any(pc.match_substring_regex(column, _ESCAPED)).as_py():
        return column
    for character, escape in _ESCAPES.items():  # the backslash comes first
        column = pc.replace_substring(column, character, escape)
    return column


def _floats(column: pa.Array) -> pa.Array:
    """Return floating-point numbers as Java's ``toString`` has them."""
    texts = column.cast(pa.large_string())
    numbers = column.to_numpy(zero_copy_only=False)
    with np.errstate(invalid="ignore"):
        size = np.abs(numbers)
        plain = ((size >= _PLAIN_FROM) & (size < _PLAIN_TO)) | (size == 0)
    plain_texts = pc.if_else(pc.match_substring(texts, "."), texts, _joined(texts, _constant(".0")))
    if plain[~np.isnan(size)].all() and not (np.isnan(size) & column.is_valid().to_numpy(zero_copy_only=False)).any():
        return plain_texts
    unusual = [None if text is None else _exponent(text) for text in texts.to_pylist()]
    return pc.if_else(pa.array(plain), plain_texts, pa.array(unusual, pa.large_string()))


def _exponent(text: str) -> str:
    """Return the shortest digits of ``text`` as ``d.dddEn``; what is not finite as JSON text."""
    number = float(text)
    if math.isnan(number):
        return '"NaN"'
    if math.isinf(number):
        return '"Infinity"' if number > 0 else '"-Infinity"'
    if number == 0:
        return text
    mantissa, _, exponent = text.lower().partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, decimals = mantissa.lstrip("+-").partition(".")
    digits = (whole + decimals).lstrip("0")
    leading = len(whole + decimals) - len(digits)
    power = int(exponent or 0) + len(whole) - leading - 1
    digits = digits.rstrip("0") or "0"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{power}"


def _joined(*parts: pa.Array | pa.Scalar) -> pa.Array:
    """Return the parts one after the other; null where a part is."""
    return pc.binary_join_element_wise(*parts, _constant(""))


def _constant(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.large_string())

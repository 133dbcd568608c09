"""The other way: Arrow columns to EBCDIC records, by the same layout.

For test data, for the simulated landscape, and for anyone who has to hand records back to a mainframe. Bytes that no
column fills (FILLER) are spaces. A null text or DISPLAY number becomes spaces and a null COMP-3 number low-values,
which both read back as null; COMP has no bytes that mean "nothing", so a null there is an error.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adapters.mainframe.flat import codepages
from adapters.mainframe.flat.codepages import CodePage
from adapters.mainframe.flat.kernels import Rows
from adapters.mainframe.flat.layout import Column, Field, Layout, Table
from foundation.errors import Problem, VoegError, did_you_mean

_SPACE, _LOW_VALUE = 0x40, 0x00
_PLUS, _MINUS = 0x4E, 0x60
_ZERO, _ASCII_ZERO = np.uint8(0xF0), np.uint8(0x30)
_HIGH = np.uint8(16)  # moves a digit or sign code to the upper half of its byte
_POSITIVE, _NEGATIVE, _UNSIGNED = 0xC, 0xD, 0xF  # the preferred sign codes


class EncodeError(VoegError):
    """A table does not fit the layout; names column and row (from 0), never a value."""


def encode(layout: Layout, table: pa.Table, *, code_page: str = "cp037") -> bytes:
    """Return the rows of ``table`` as records of ``layout.length`` bytes each.

    Args:
        layout: where each field stands.
        table: the columns of ``layout.schema`` in any order; each is cast to its field's type.
        code_page: the EBCDIC code page of the text, as ``codepages.get`` takes it.

    Raises:
        EncodeError: a column is missing or unknown, or a value does not fit its field or the code page.
        ConfigurationError: the code page is not known.
    """
    names = [column.name for column in layout.columns]
    for name in table.column_names:
        if name not in names:
            raise EncodeError(f"the layout has no column '{name}'", remedy=did_you_mean(name, names))
    page = codepages.get(code_page)
    rows = np.full((table.num_rows, layout.length), _SPACE, np.uint8)
    for column in layout.columns:
        if column.name not in table.column_names:
            raise EncodeError(f"column '{column.name}' is missing", remedy="add it; nulls are allowed")
        _write(rows, column, _whole(table[column.name]), column.name, page)
    return rows.tobytes()


def _whole(values: pa.ChunkedArray) -> pa.Array:
    """Return the chunks as one array that starts at the beginning of its buffers."""
    return pa.concat_arrays([pa.array([], values.type), *values.chunks])


def _write(rows: Rows, column: Column, values: pa.Array, path: str, page: CodePage) -> None:
    """Write one column into its bytes of every row."""
    if isinstance(column, Table):
        _write_table(rows, column, values, path, page)
        return
    try:
        typed = _cast(values, column.type)
    except pa.ArrowInvalid:
        raise _misfit(path, None, f"a value does not fit {column.type}") from None
    if column.encoding == "text":
        encoded = _text(typed, column, path, page)
    elif column.encoding == "binary":
        encoded = _binary(typed, column, path)
    else:
        encoded = _digits(typed, column, path)
    rows[:, column.offset : column.offset + column.length] = encoded


def _cast(values: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_integer(values.type) and pa.types.is_decimal(kind):
        values = values.cast(pa.decimal128(38, kind.scale))  # Arrow wants room for the widest integer first
    return values.cast(kind)


def _write_table(rows: Rows, table: Table, values: pa.Array, path: str, page: CodePage) -> None:
    counts = pc.fill_null(pc.list_value_length(values), 0)
    wrong = pc.not_equal(counts, table.occurs)
    if pc.any(wrong).as_py():
        raise _misfit(path, wrong, f"a list does not have {table.occurs} elements (which may be null)")
    elements = np.full((len(values) * table.occurs, table.length), _SPACE, np.uint8)
    flat = values.flatten()
    if isinstance(table.element, Field):
        _write(elements, table.element, flat, f"{path}[*]", page)
    else:
        names = [field.name for field in flat.type]
        for column in table.element:
            if column.name not in names:
                raise EncodeError(f"column '{path}[*].{column.name}' is missing", remedy="add it")
            _write(elements, column, pc.struct_field(flat, column.name), f"{path}[*].{column.name}", page)
    rows[:, table.offset : table.offset + table.occurs * table.length] = elements.reshape(
        len(rows), table.occurs * table.length
    )


def _text(values: pa.Array, field: Field, path: str, page: CodePage) -> Rows:
    filled = pc.fill_null(values, "")
    too_long = pc.greater(pc.utf8_length(filled), field.length)
    if pc.any(too_long).as_py():
        raise _misfit(path, too_long, f"a text is longer than {field.length} characters")
    padded = pc.utf8_rpad(filled, field.length, " ")
    characters = "".join(padded.to_pylist())
    try:
        encoded = page.encode(characters)
    except UnicodeEncodeError as error:
        row = error.start // field.length
        raise EncodeError(
            f"column '{path}', row {row}: a character is not in code page {page.name}",
            remedy="use another code page, or replace the character",
        ) from None
    return np.frombuffer(encoded, np.uint8).reshape(len(values), field.length)


def _binary(values: pa.Array, field: Field, path: str) -> Rows:
    if values.null_count:
        raise _misfit(path, values.is_null(), "a COMP field cannot be null")
    kind = f"{'i' if field.picture.signed else 'u'}{field.length}"
    if field.picture.scale:
        try:
            unscaled = _unscaled(values).cast(pa.int64() if field.picture.signed else pa.uint64())
        except pa.ArrowInvalid:
            raise _misfit(path, None, f"a value does not fit {field.description}") from None
        numbers = np.asarray(unscaled)
    else:
        numbers = np.asarray(values)
    limits = np.iinfo(kind)
    wrong = (numbers < limits.min) | (numbers > limits.max)
    if wrong.any():
        raise _misfit(path, pa.array(wrong), f"a value does not fit {field.description}")
    return numbers.astype(f">{kind}").view(np.uint8).reshape(len(values), field.length)


def _digits(values: pa.Array, field: Field, path: str) -> Rows:
    """Return zoned or packed bytes of integers or decimals."""
    unscaled = _unscaled(values) if pa.types.is_decimal(values.type) else values
    negative = np.asarray(pc.fill_null(pc.less(unscaled, pa.scalar(0, unscaled.type)), False))
    if not field.picture.signed and negative.any():
        raise _misfit(path, pa.array(negative), "an unsigned field cannot be negative")
    texts = pc.replace_substring(pc.cast(pc.fill_null(unscaled, 0), pa.string()), "-", "")
    width = 2 * field.length - 1 if field.encoding == "packed" else field.picture.size
    too_large = pc.greater(pc.binary_length(texts), width)
    if pc.any(too_large).as_py():
        raise _misfit(path, too_large, f"a number has more than {width} digits")
    padded = "".join(pc.utf8_lpad(texts, width, "0").to_pylist()).encode("ascii")
    digits = np.frombuffer(padded, np.uint8).reshape(len(values), width) - _ASCII_ZERO
    if field.encoding == "packed":
        encoded, blank = _packed(digits, negative, field), _LOW_VALUE
    else:
        encoded, blank = _zoned(digits, negative, field), _SPACE
    encoded[np.asarray(values.is_null())] = blank
    return encoded


def _unscaled(values: pa.Array) -> pa.Array:
    """Return the decimals as integers without their point."""
    return pa.Array.from_buffers(
        pa.decimal128(38, 0), len(values), values.buffers(), null_count=values.null_count, offset=values.offset
    )


def _packed(digits: Rows, negative: npt.NDArray[np.bool_], field: Field) -> Rows:
    positive = _POSITIVE if field.picture.signed else _UNSIGNED
    sign = np.where(negative, _NEGATIVE, positive).astype(np.uint8)
    halves = np.concatenate([digits, sign[:, None]], axis=1)
    high, low = halves[:, 0::2], halves[:, 1::2]
    return np.asarray(high * _HIGH + low)


def _zoned(digits: Rows, negative: npt.NDArray[np.bool_], field: Field) -> Rows:
    characters = digits + _ZERO
    if not field.picture.signed:
        return characters
    if field.sign.separate:
        mark = np.where(negative, _MINUS, _PLUS).astype(np.uint8)[:, None]
        return np.concatenate([mark, characters] if field.sign.leading else [characters, mark], axis=1)
    position = 0 if field.sign.leading else -1
    zone = np.where(negative, _NEGATIVE, _POSITIVE).astype(np.uint8) * _HIGH
    characters[:, position] = digits[:, position] + zone
    return characters


def _misfit(path: str, rows: pa.Array | None, message: str) -> EncodeError:
    """Return the error for the first of the ``rows`` that are True."""
    place = f"column '{path}'"
    if rows is not None:
        place += f", row {pc.index(pc.cast(rows, pa.bool_()), True).as_py()}"
    return EncodeError(Problem(message=f"{place}: {message}", remedy="shorten the value or widen the field"))

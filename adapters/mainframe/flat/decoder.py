"""The decoder plan: from a layout and a code page to functions that turn rows of bytes into Arrow columns.

Compiled once per read, run once per chunk. A number that cannot be read is null and is counted with its field.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from adapters.mainframe.flat import kernels
from adapters.mainframe.flat.codepages import CodePage
from adapters.mainframe.flat.kernels import Numbers, Rows
from adapters.mainframe.flat.layout import Column, Field, Layout, Table

SHOWN = 5
"""Unreadable values of a field of which the row is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableRows:
    """Values of one field in one chunk that are no numbers; they are null in the columns."""

    path: str  # as mappings address the field: ``ITEMS[*].PRICE``
    count: int
    rows: tuple[int, ...]  # of the first few, within the chunk, rising


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A chunk of records as columns, and what in them could not be read."""

    rows: pa.RecordBatch
    unreadable: tuple[UnreadableRows, ...]


# Decodes one column of a chunk. Where values are unreadable, it appends to the list given.
_Decode = Callable[[Rows, list[UnreadableRows]], pa.Array]


class Decoder:
    """Decodes chunks of whole records."""

    def __init__(self, layout: Layout, page: CodePage) -> None:
        self.schema = layout.schema
        self._columns = [_column(column, column.name, page) for column in layout.columns]

    def decode(self, rows: Rows) -> Decoded:
        """Return the columns of ``rows``, a C-contiguous array of shape (records, record length)."""
        if not len(rows):
            return Decoded(rows=pa.RecordBatch.from_pylist([], schema=self.schema), unreadable=())
        unreadable: list[UnreadableRows] = []
        arrays = [decode(rows, unreadable) for decode in self._columns]
        return Decoded(rows=pa.RecordBatch.from_arrays(arrays, schema=self.schema), unreadable=tuple(unreadable))


def _column(column: Column, path: str, page: CodePage) -> _Decode:
    return _table(column, path, page) if isinstance(column, Table) else _field(column, path, page)


def _table(table: Table, path: str, page: CodePage) -> _Decode:
    """Decode the elements of a table as if each were a record, then gather them to one list per record."""
    if isinstance(table.element, Field):
        element = _field(table.element, f"{path}[*]", page)
    else:
        element = _struct(table.element, f"{path}[*]", page)
    start, end = table.offset, table.offset + table.occurs * table.length

    def decode(rows: Rows, unreadable: list[UnreadableRows]) -> pa.Array:
        elements = np.ascontiguousarray(rows[:, start:end]).reshape(-1, table.length)
        found: list[UnreadableRows] = []
        values = element(elements, found)
        unreadable.extend(replace(item, rows=tuple(row // table.occurs for row in item.rows)) for item in found)
        offsets = np.arange(0, len(elements) + 1, table.occurs, dtype=np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), values)

    return decode


def _struct(columns: tuple[Column, ...], path: str, page: CodePage) -> _Decode:
    names = [column.name for column in columns]
    decoders = [_column(column, f"{path}.{column.name}", page) for column in columns]

    def decode(rows: Rows, unreadable: list[UnreadableRows]) -> pa.Array:
        return pa.StructArray.from_arrays([decoder(rows, unreadable) for decoder in decoders], names)

    return decode


def _field(field: Field, path: str, page: CodePage) -> _Decode:
    if field.encoding == "text":
        return lambda rows, _: kernels.text(rows, field.offset, field.length, page)
    if field.encoding == "binary":
        return _binary(field)
    return _digits(field, path)


def _binary(field: Field) -> _Decode:
    signed = field.picture.signed

    def decode(rows: Rows, _: list[UnreadableRows]) -> pa.Array:
        values = kernels.binary(rows, field.offset, field.length, signed=signed)
        if not field.picture.scale:
            return kernels.integers(values, field.type)
        if not signed:
            return kernels.unsigned_decimals(values.astype(np.uint64), field.type)
        whole = Numbers(low=values.astype(np.int64), bad=np.zeros(len(rows), np.bool_))
        return kernels.decimals(whole, field.type)

    return decode


def _digits(field: Field, path: str) -> _Decode:
    picture, sign = field.picture, field.sign

    def numbers(rows: Rows) -> Numbers:
        if field.encoding == "packed":
            return kernels.packed(rows, field.offset, field.length, signed=picture.signed)
        return kernels.zoned(
            rows,
            field.offset,
            picture.size,
            signed=picture.signed,
            leading=sign.leading,
            separate=sign.separate,
        )

    def decode(rows: Rows, unreadable: list[UnreadableRows]) -> pa.Array:
        found = numbers(rows)
        if found.bad.any():
            wrong = np.flatnonzero(found.bad & ~kernels.absent(rows, field.offset, field.length))
            if len(wrong):
                first = tuple(wrong[:SHOWN].tolist())
                unreadable.append(UnreadableRows(path=path, count=len(wrong), rows=first))
        if pa.types.is_decimal(field.type):
            return kernels.decimals(found, field.type)
        return kernels.integers(found.low, field.type, found.bad)

    return decode

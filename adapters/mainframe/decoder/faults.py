"""What could not be read: told by place, never left silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from adapters.mainframe.decoder.frames import Frame
from adapters.mainframe.decoder.nodes import FieldNode
from adapters.mainframe.records import Bytes, Positions, Records

SHOWN = 5
"""Unreadable values of a field of which the place and the bytes are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableRows:
    """Values of one field in one chunk that are no numbers; they are null in the columns.

    Also counts (DEPENDING ON) that no table can have, in the profile ``ibm``; the column holds those as they are.
    """

    path: str  # as mappings address the field: ``ITEMS[*].PRICE``
    count: int
    rows: tuple[int, ...]  # of the first few: which record of the chunk, rising; in tables one may come again
    offsets: tuple[int, ...]  # of the same: bytes from the start of the record to the value
    hexadecimal: tuple[str, ...]  # of the same: the bytes that were found, as ``C1F2``


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A chunk of records as columns, and what in them could not be read."""

    rows: pa.RecordBatch
    unreadable: tuple[UnreadableRows, ...] = ()
    corrupt: pa.Array | None = None  # if asked for: per record a list of ``{field_name, raw_value}``, never null


@dataclass(frozen=True, slots=True)
class _Found:
    """Some unreadable values of one field."""

    field: FieldNode
    records: Positions
    places: Positions  # of the first byte, in the data
    keys: tuple[Positions, ...]  # what orders the values of a record: numbers of nodes and of elements, outermost first


class Faults:
    """Collects what could not be read while a chunk is decoded."""

    def __init__(self) -> None:
        self._unreadable: list[_Found] = []
        self._miscounted: list[_Found] = []

    def unreadable(self, field: FieldNode, frame: Frame, rows: Positions) -> None:
        """Take down that the values of some rows are not of the field's type."""
        keys = (*(key[rows] for key in frame.keys), np.full(len(rows), field.number))
        place = frame.at(field.column.place)[rows]
        self._unreadable.append(_Found(field, frame.records_of(rows), place, keys))

    def miscounted(self, field: FieldNode, records: Positions, places: Positions) -> None:
        """Take down that a field counts more elements than its table can have, or less than none."""
        self._miscounted.append(_Found(field, records, places, ()))

    def rows(self, records: Records) -> tuple[UnreadableRows, ...]:
        """Return what was found, field by field in the order of the copybook."""
        fields = sorted({found.field for found in self._all()}, key=lambda field: field.number)
        return tuple(self._of(field, records) for field in fields)

    def corrupt(self, records: Records, *, hexadecimal: bool) -> pa.Array:
        """Return the values that are of no type, for every record: ``list<struct<field_name, raw_value>>``.

        An element of a table of fields is called ``NAME[i]``, counted from 0; values stand in the order of the
        record, as Cobrix has them.

        Args:
            records: the chunk.
            hexadecimal: whether the raw value is text of hexadecimal digits, or bytes.
        """
        kind = pa.string() if hexadecimal else pa.binary()
        item = pa.struct([pa.field("field_name", pa.string()), pa.field("raw_value", kind)])
        counts = np.zeros(len(records), np.int64)
        entries = pa.array([], item)
        if self._unreadable:
            owners = np.concatenate([found.records for found in self._unreadable])
            order = np.lexsort((*_columns(self._unreadable)[::-1], owners))
            names = pa.concat_arrays([_names(found) for found in self._unreadable])
            raw = pa.concat_arrays([_raw(found, records.data, kind) for found in self._unreadable])
            entries = pa.StructArray.from_arrays([names, raw], fields=list(item)).take(pa.array(order))
            counts = np.bincount(owners, minlength=len(records))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), entries, type=pa.list_(item))

    def _all(self) -> Sequence[_Found]:
        return [*self._unreadable, *self._miscounted]

    def _of(self, field: FieldNode, records: Records) -> UnreadableRows:
        founds = [found for found in self._all() if found.field is field]
        owners = np.concatenate([found.records for found in founds])
        places = np.concatenate([found.places for found in founds])
        first = np.lexsort((places, owners))[:SHOWN]
        length = field.column.length
        return UnreadableRows(
            path=field.path,
            count=len(owners),
            rows=tuple(owners[first].tolist()),
            offsets=tuple((places[first] - records.starts[owners[first]]).tolist()),
            hexadecimal=tuple(records.data[place : place + length].tobytes().hex().upper() for place in places[first]),
        )


def _columns(founds: Sequence[_Found]) -> list[Positions]:
    """Return the keys of all values, level by level; what has fewer levels is filled up with zeros."""
    depth = max(len(found.keys) for found in founds)
    filled = [(*found.keys, *[np.zeros(len(found.records), np.int64)] * (depth - len(found.keys))) for found in founds]
    return [np.concatenate(level) for level in zip(*filled, strict=True)]


def _names(found: _Found) -> pa.Array:
    name = found.field.column.name
    if not found.field.element:
        return pa.array([name]).take(pa.array(np.zeros(len(found.records), np.int64)))
    numbers = found.keys[-2]  # the last is the field's own
    names = pa.array([f"{name}[{number}]" for number in range(int(numbers.max()) + 1)])
    return names.take(pa.array(numbers))


def _raw(found: _Found, data: Bytes, kind: pa.DataType) -> pa.Array:
    length = found.field.column.length
    raw = data[found.places[:, None] + np.arange(length)].tobytes()
    if kind == pa.string():
        raw, length = raw.hex().upper().encode(), 2 * length
    offsets = np.arange(0, len(raw) + 1, length, dtype=np.int32)
    return pa.Array.from_buffers(kind, len(found.records), [None, pa.py_buffer(offsets), pa.py_buffer(raw)])

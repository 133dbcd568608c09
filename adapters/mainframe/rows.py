"""Records to rows: one row for each record, for each record of one segment, or for each root with its children."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pyarrow as pa

from adapters.mainframe.copybook.layout import Layout
from adapters.mainframe.decoder import Decoder, UnreadableRows
from adapters.mainframe.hierarchy import Hierarchy, Nested, Open
from adapters.mainframe.options import MainframeOptions, option_error
from adapters.mainframe.records import NO_RECORDS, Margins, Records
from adapters.mainframe.related import RelatedTable
from adapters.mainframe.segments import Segments, Selected


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Some rows."""

    rows: pa.RecordBatch  # columns: generated ids, then the fields
    records: Records  # one for each row, whole; of a row of several records the first, with the length of all
    decoded: Records  # all that were decoded
    unreadable: tuple[UnreadableRows, ...] = ()  # their rows are those of ``decoded``
    corrupt: pa.Array | None = None  # see ``Decoded.corrupt``
    filtered: int = 0  # records that made no row


class FileRows(Protocol):
    """Makes the rows of one file, or of a part of one."""

    def of(self, records: Records) -> Iterator[Made]:
        """Yield the rows that some records make; they are handed on in the order of the file."""
        ...

    def rest(self) -> Iterator[Made]:
        """Yield the rows that are complete because the file ends."""
        ...


class Rows:
    """What makes rows as the options ask for them.

    Attributes:
        schema: generated ids, then the fields.
        one_by_one: whether every record can be read without those before it.
        begin: begins a file, given its number within the read.
    """

    def __init__(self, options: MainframeOptions, layout: Layout) -> None:
        """Prepare.

        Raises:
            ConfigurationError: the segments do not fit the layout, or what is asked for cannot be together.
        """
        margins = options.record_start, options.record_end
        corrupt = options.add.unreadable is not None
        asked = options.segments
        decoder = Decoder(layout, corrupt=corrupt)
        self.schema: pa.Schema = decoder.schema
        self.one_by_one = asked is None or not (asked.levels or asked.children)
        self.begin: Callable[[int], FileRows] = lambda _: _Each(decoder, margins)
        if asked is None:
            return
        segments = Segments(asked, layout, decoder)
        if asked.as_ == "nested":
            _refuse_columns_of_one_record(options)
            hierarchy = Hierarchy(asked, layout, segments, keep_root=options.keep_root, margins=margins)
            self.schema = hierarchy.schema
            self.begin = lambda _: _Nested(hierarchy)
            return
        selecting: Segments | RelatedTable = segments
        if asked.as_ == "table":
            selecting = table = RelatedTable(asked, layout, segments)
            decoder = Decoder(table.layout, corrupt=corrupt)
        self.schema = pa.schema([*selecting.ids, *decoder.schema])
        self.begin = lambda file_id: _Selected(selecting.of_file(file_id), decoder, margins, self.schema)


class _Each:
    """A row for each record."""

    def __init__(self, decoder: Decoder, margins: Margins) -> None:
        self._decoder = decoder
        self._margins = margins

    def of(self, records: Records) -> Iterator[Made]:
        inner = records.within(*self._margins)
        found = self._decoder.decode(inner)
        yield Made(rows=found.rows, records=records, decoded=inner, unreadable=found.unreadable, corrupt=found.corrupt)

    def rest(self) -> Iterator[Made]:
        return iter(())


class _Selected:
    """A row for each record that is selected."""

    def __init__(
        self, select: Callable[[Records], Selected], decoder: Decoder, margins: Margins, schema: pa.Schema
    ) -> None:
        self._select = select
        self._decoder = decoder
        self._margins = margins
        self._schema = schema

    def of(self, records: Records) -> Iterator[Made]:
        selected = self._select(records.within(*self._margins))
        inner = selected.records
        found = self._decoder.decode(inner, active=selected.active)
        yield Made(
            rows=pa.RecordBatch.from_arrays([*selected.ids, *found.rows.columns], schema=self._schema),
            records=records.only(np.searchsorted(records.numbers, inner.numbers)),
            decoded=inner,
            unreadable=found.unreadable,
            corrupt=found.corrupt,
            filtered=selected.filtered,
        )

    def rest(self) -> Iterator[Made]:
        return iter(())


class _Nested:
    """A row for each root record, with all that belongs to it."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self._hierarchy = hierarchy
        self._open: Open = ()

    def of(self, records: Records) -> Iterator[Made]:
        found, self._open = self._hierarchy.nest(records, self._open, final=False)
        return map(_of_roots, found)

    def rest(self) -> Iterator[Made]:
        found, self._open = self._hierarchy.nest(NO_RECORDS, self._open, final=True)
        return map(_of_roots, found)


def _of_roots(nested: Nested) -> Made:
    roots = nested.records.only(nested.roots)
    return Made(
        rows=nested.rows,
        records=replace(roots, numbers=nested.numbers, lengths=nested.lengths),
        decoded=nested.records,
        unreadable=nested.unreadable,
        filtered=nested.orphans,
    )


def _refuse_columns_of_one_record(options: MainframeOptions) -> None:
    if options.add.record_bytes is not None or options.add.unreadable is not None:
        raise option_error(
            "add",
            "record_bytes and unreadable tell of one record, and a nested row is made of several",
            "leave them out, or read `segments: {as: columns}`",
        )

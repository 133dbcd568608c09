"""The other way: Arrow tables to the bytes of mainframe files, by the same layout that reads them.

For test data, for the simulated landscape, and for anyone who has to hand records back to a mainframe. The stages:
``tables`` (which values each field has, in any shape of the table), ``fields`` (the bytes of one field), ``records``
(every field at its place), ``formats`` (descriptors, blocks, line ends).

What is read back is what was written: encoding is the inverse of decoding. A null text or DISPLAY number becomes
spaces, a null COMP-3 number low-values, which read back as null; binary numbers and floats have no bytes that mean
"nothing", so a null there is refused. A field that counts the elements of a table may be missing or null, and is then
filled from the lists. Of columns that REDEFINE the same bytes the first that has a value is written. In profile
``cobrix`` the bytes are those that Cobrix writes.

May import: ``copybook``, ``codepages``, ``profile``, ``records``, ``options``. Must never know how files are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from adapters.mainframe.copybook import naming
from adapters.mainframe.copybook.layout import Group, Layout
from adapters.mainframe.encoder import fields, formats, records, tables
from adapters.mainframe.encoder.fields import EncodeError, Nulls
from adapters.mainframe.encoder.formats import WriteOptions
from adapters.mainframe.encoder.records import Filling

__all__ = ["EncodeError", "WriteOptions", "encode", "write"]

_CHUNK_BYTES = 16 << 20  # of records that are made at once; bounds memory
_TELL_LENGTHS = ("V", "VB", "VS", "VBS", "text")  # formats in which a record of a shorter kind can be shorter


def encode(
    layout: Layout,
    table: pa.Table,
    options: WriteOptions | None = None,
    *,
    header: pa.Table | None = None,
    trailer: pa.Table | None = None,
) -> bytes:
    """Return ``table`` as the content of a file.

    Args:
        layout: where each field stands, and by its profile in which encoding.
        table: the columns of ``layout.schema`` in any order; each is cast to its field's type.
        options: how records stand in the file; by default side by side, each of the layout's length.
        header: one row with the columns of the record that stands before the others, if the layout has one.
        trailer: likewise behind them.

    Raises:
        EncodeError: a column is missing or unknown; a value does not fit its field, its type or the code page; or
            lists and the field that counts them do not agree. Names column and row, never a value.
        ConfigurationError: the code page is not known.
    """
    return b"".join(_pieces(layout, table, options or WriteOptions(), header, trailer))


def write(
    path: Path,
    layout: Layout,
    table: pa.Table,
    options: WriteOptions | None = None,
    *,
    header: pa.Table | None = None,
    trailer: pa.Table | None = None,
) -> int:
    """Write ``table`` to a file as ``encode`` would; return its bytes."""
    size = 0
    with path.open("wb") as file:
        for piece in _pieces(layout, table, options or WriteOptions(), header, trailer):
            size += file.write(piece)
    return size


def _pieces(
    layout: Layout, table: pa.Table, options: WriteOptions, header: pa.Table | None, trailer: pa.Table | None
) -> Iterator[bytes]:
    ends = {"header": (layout.header, header), "trailer": (layout.trailer, trailer)}
    for role, (group, rows) in ends.items():
        if rows is not None and (group is None or rows.num_rows != 1):
            raise EncodeError(
                f"a {role} is one row, and the layout has a record for it", remedy=f"name the {role}'s 01"
            )
    if layout.profile.name == "ibm" and options.record_format in ("F", "FB") and options.record_length is None:
        # a data set has one record length, of its longest record
        groups = [group.length for group in (layout.header, layout.trailer) if group is not None]
        options = replace(options, record_length=max(layout.length, *groups, 0))
    if layout.header is not None and header is not None:
        yield _content(_single(layout, layout.header), header, options)
    rows_at_once = max(1, _CHUNK_BYTES // layout.length)
    for first in range(0, table.num_rows, rows_at_once):
        yield _content(layout, table.slice(first, rows_at_once), options, first)
    if layout.trailer is not None and trailer is not None:
        yield _content(_single(layout, layout.trailer), trailer, options)


def _single(layout: Layout, group: Group) -> Layout:
    """Return the layout of a header or trailer, whose columns have the shape of the records'."""
    nested = any(isinstance(output.column, Group) for output in layout.outputs)
    return naming.alone(group, layout, "nested" if nested else "names")


def _content(layout: Layout, table: pa.Table, options: WriteOptions, first: int = 0) -> bytes:
    filling = _filling(layout, options)
    frame = tables.frame_of(layout, table, first, strict=options.strict)
    encoded = records.encode(layout, frame, filling, whole=options.record_format not in _TELL_LENGTHS)
    if layout.profile.name == "cobrix":  # adds the adjustment where reading adds it too
        options = replace(options, rdw_adjustment=-options.rdw_adjustment)
    return formats.layout_records(encoded, options, filling.of(layout))


def _filling(layout: Layout, options: WriteOptions) -> Filling:
    characters = fields.characters(layout.profile)
    cobrix = layout.profile.name == "cobrix"
    nulls = Nulls(
        text=characters.space if options.text_as_spaces else None,
        display=characters.zero if options.display_as_zeros else None,
        packed_zero=options.packed_as_zeros,
        others=0 if cobrix else None,
    )
    return Filling(nulls=nulls, background=0 if cobrix else None, any_table=options.table_by_list)

"""Files to batches of rows: ``chunks`` of records, ``rows`` of these, and the columns that options add.

Memory is bounded by a block of the file and a batch of rows, whatever the size of the file; where several processes
read the parts of files, by some parts of a few blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from adapters.mainframe import files
from adapters.mainframe.chunks import Chunks, Counts, Ends, Part
from adapters.mainframe.copybook.layout import Layout
from adapters.mainframe.options import MainframeOptions, option_error
from adapters.mainframe.records import Records, offsets_of, spread
from adapters.mainframe.rows import Made, Rows
from foundation.errors import Location, Problem, SourceError


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableValues:
    """Values of one field in a batch that are not of its type: null in the rows."""

    path: str  # as mappings address the field: ``ITEMS[*].PRICE``
    count: int
    places: tuple[str, ...]  # of the first few: ``CUSTOMERS.PS: record 17 (byte 3400), offset 45``
    hexadecimal: tuple[str, ...]  # of the same: their bytes, which may tell something about a person


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBatch:
    """Some rows of a file."""

    rows: pa.RecordBatch
    file: Path
    first: int  # number of the first record in the file, from 0
    last: int
    unreadable: tuple[UnreadableValues, ...] = ()

    @property
    def origin(self) -> str:
        """For people: the file, and which of its records these are."""
        return f"{self.file.name}: records {self.first + 1} to {self.last + 1}"


class Reader:
    """Reads files of records that a layout describes."""

    def __init__(self, options: MainframeOptions, layout: Layout) -> None:
        """Prepare to read.

        Args:
            options: how records are found, and which columns come beside the fields.
            layout: of a record.

        Raises:
            ConfigurationError: options contradict one another, or name something that is not there.
        """
        self._options = options
        self._layout = layout
        self._rows = Rows(options, layout)
        self._chunks = Chunks(options, layout, one_by_one=self._rows.one_by_one)

    @property
    def counts(self) -> Counts:
        """What became of the records read so far."""
        return self._chunks.counts

    @property
    def ends(self) -> dict[Path, Ends]:
        """Header and trailer records of the files read so far."""
        return self._chunks.ends

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns of the rows: what the options add, the fields, what could not be read.

        Raises:
            ConfigurationError: an added column has the name of a field.
        """
        add = self._options.add
        added = (
            (add.file, pa.string()),
            (add.file_id, pa.int32()),
            (add.record_id, pa.int64()),
            (add.record_length, pa.int32()),
            (add.record_bytes, pa.binary()),
        )
        columns = [pa.field(name, kind) for name, kind in added if name is not None]
        columns.extend(self._rows.schema)
        if add.unreadable is not None:
            raw = pa.string() if self._layout.profile.binary_as_hex else pa.binary()
            item = pa.struct([pa.field("field_name", pa.string()), pa.field("raw_value", raw)])
            columns.append(pa.field(add.unreadable, pa.list_(item)))
        names = [column.name for column in columns]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise option_error(
                "add", f"there is a column {', '.join(twice)} already", "choose another name for the added column"
            )
        return pa.schema(columns)

    def read(self, paths: Sequence[Path]) -> Iterator[ReadBatch]:
        """Yield the rows of all files in their order.

        Raises:
            SourceUnavailable: a file cannot be opened or read, or changed while it was read.
            SourceError: a file is not as the options say; tells the file, the byte and what to do.
        """
        self._chunks.refuse_uneven(paths)
        for part in self.parts(paths, 1):
            yield from self.read_part(part)

    def parts(self, paths: Sequence[Path], count: int) -> list[Part]:
        """Return about ``count`` parts of like size that together are the files; together they give the same rows.

        A file stays in one part if it is compressed, or if records must be known that came before.

        Raises:
            SourceUnavailable: a file cannot be opened or read.
            SourceError: a file is not as the options say.
        """
        total = sum(files.size_of(path) for path in paths)
        return list(self._chunks.parts(paths, max(1, -(-total // count))))

    def read_part(self, part: Part) -> Iterator[ReadBatch]:
        """Yield the rows of one part.

        Raises:
            SourceUnavailable: the file cannot be opened or read, or changed while it was read.
            SourceError: it is not as the options say.
        """
        making = self._rows.begin(part.file_id)
        for chunk in self._chunks.of(part):
            for start, end in _slices(len(chunk), self._options.batch_rows):
                for made in making.of(chunk.only(slice(start, end))):
                    yield from self._batch(part, made)
        for made in making.rest():
            yield from self._batch(part, made)

    def _batch(self, part: Part, made: Made) -> Iterator[ReadBatch]:
        """Yield the rows with what the options add; nothing where there are none."""
        self.counts.filtered += made.filtered
        unreadable = self._unreadable(part.path, made)
        if unreadable and self._options.invalid == "refuse":
            raise _refused(part.path, unreadable)
        if len(made.rows):
            yield ReadBatch(
                rows=self._with_added(part, made),
                file=part.path,
                first=int(made.decoded.numbers[0]),
                last=int(made.decoded.numbers[-1]),
                unreadable=unreadable,
            )

    def _with_added(self, part: Part, made: Made) -> pa.RecordBatch:
        """Return the rows with the columns that the options add."""
        add, records, count = self._options.add, made.records, len(made.rows)
        arrays: list[pa.Array] = []
        if add.file is not None:
            arrays.append(pa.repeat(pa.scalar(part.path.name), count))
        if add.file_id is not None:
            arrays.append(pa.repeat(pa.scalar(part.file_id, pa.int32()), count))
        if add.record_id is not None:
            arrays.append(pa.array(records.numbers))
        if add.record_length is not None:
            arrays.append(pa.array(records.lengths.astype(np.int32)))
        if add.record_bytes is not None:
            arrays.append(_bytes(records))
        if not arrays and made.corrupt is None:
            return made.rows
        arrays.extend(made.rows.columns)
        if made.corrupt is not None:
            arrays.append(made.corrupt)
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _unreadable(self, path: Path, made: Made) -> tuple[UnreadableValues, ...]:
        """Tell where in the file the values are that could not be read."""
        numbers, offsets, shift = made.decoded.numbers, made.decoded.offsets, self._options.record_start
        return tuple(
            UnreadableValues(
                path=item.path,
                count=item.count,
                places=tuple(
                    f"{path.name}: record {numbers[row] + 1} (byte {offsets[row]}), offset {offset + shift}"
                    for row, offset in zip(item.rows, item.offsets, strict=True)
                ),
                hexadecimal=item.hexadecimal,
            )
            for item in made.unreadable
        )


def _slices(count: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield starts and ends of pieces of like size, none longer than ``most``."""
    pieces = -(-count // most)
    for piece in range(pieces):
        yield piece * count // pieces, (piece + 1) * count // pieces


def _bytes(records: Records) -> pa.BinaryArray:
    """Return the bytes of every record."""
    offsets = offsets_of(records.lengths).astype(np.int32)
    data = records.data[spread(records.starts, records.lengths)]
    return pa.Array.from_buffers(pa.binary(), len(records), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def _refused(path: Path, unreadable: Sequence[UnreadableValues]) -> SourceError:
    return SourceError(
        Problem(
            location=Location(file=path),
            path=item.path,
            message=f"{place.removeprefix(f'{path.name}: ')}: the bytes are not of its type",
            remedy="have it corrected at the source, or set `invalid: count` to read it as null;"
            " `voeg copybook decode` shows the bytes",
        )
        for item in unreadable
        for place in item.places
    )

"""Files to rows: blocks of bytes → records → segments → columns, batch by batch.

Memory is bounded by a block of the file and a batch of rows, whatever the size of the file. A file can be read in
parts by several processes: a part begins and ends between two records, which is found by arithmetic where records
have one length, and otherwise by following them without decoding anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa

from adapters.mainframe import files, framing, parallel
from adapters.mainframe.copybook import naming
from adapters.mainframe.copybook.layout import Group, Layout, Place
from adapters.mainframe.decoder import Decoder
from adapters.mainframe.files import Blocks, Compression
from adapters.mainframe.framing.base import LARGEST_RECORD
from adapters.mainframe.framing.fixed import Fixed, uneven_remedy
from adapters.mainframe.options import MainframeOptions, option_error
from adapters.mainframe.records import Records, offsets_of, spread
from adapters.mainframe.rows import Made, Rows
from foundation.errors import Location, Problem, SourceError


@dataclass(slots=True)
class Counts:
    """What became of the records of a read."""

    read: int = 0  # records found, header and trailer too
    filtered: int = 0  # of segments that were not asked for
    too_short: int = 0
    too_long: int = 0
    ends: int = 0  # header and trailer records
    partial: int = 0  # cut off at the end of a file, and kept or dropped as asked

    @property
    def left_out(self) -> int:
        """Records that the options do not want as rows."""
        return self.filtered + self.too_short + self.too_long

    def add(self, other: Counts) -> None:
        """Add what was counted elsewhere."""
        for item in fields(self):
            setattr(self, item.name, getattr(self, item.name) + getattr(other, item.name))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Records of a file that one process can read by itself."""

    path: Path
    file_id: int  # number of the file within the read, from 0
    compression: Compression = "none"
    start: int | None = None  # byte of the content; None: the start of the file
    end: int | None = None  # byte of the content; None: the end of the file
    first: int = 0  # number of the first record in the file, from 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Header and trailer of a file, each as one row of its fields; None: not there, or not yet read."""

    header: pa.RecordBatch | None = None
    trailer: pa.RecordBatch | None = None
    records: int | None = None  # in the file, header and trailer too; known with its trailer


class Reader:
    """Reads files of records that a layout describes.

    Attributes:
        counts: what became of the records read so far.
        ends: header and trailer records of the files read so far.
    """

    def __init__(self, options: MainframeOptions, layout: Layout, base: Path) -> None:
        """Prepare to read.

        Args:
            options: how records are found, and which columns come beside the fields.
            layout: of a record.
            base: the estate folder, where relative names in the options start.

        Raises:
            ConfigurationError: options contradict one another, or name something that is not there.
        """
        self.counts = Counts()
        self.ends: dict[Path, Ends] = {}
        self._options = options
        self._layout = layout
        self._base = base
        self._rows = Rows(options, layout)
        self._framing = framing.make(options, layout)
        # Cobrix knows header and trailer as so many bytes of the file; otherwise they are its first and last record.
        as_bytes = options.profile == "cobrix"
        self._skip_start = options.skip_start + (layout.header.length if layout.header and as_bytes else 0)
        self._skip_end = options.skip_end + (layout.trailer.length if layout.trailer and as_bytes else 0)
        self._header = _EndRecord(layout.header, layout) if layout.header and not as_bytes else None
        self._trailer = _EndRecord(layout.trailer, layout) if layout.trailer and not as_bytes else None

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
        """Yield the rows of all files in their order; with ``workers`` decoded by as many processes.

        Raises:
            SourceUnavailable: a file cannot be opened or read, or changed while it was read.
            SourceError: a file is not as the options say; tells the file, the byte and what to do.
        """
        self._refuse_uneven(paths)
        if self._options.workers == 1:
            for part in self.parts(paths, 1):
                yield from self.read_part(part)
            return
        for fits, parts in groupby(self._small_parts(paths), self._fits):
            if fits:
                yield from self._read_by_workers(parts)
            else:
                for part in parts:
                    yield from self.read_part(part)

    def _read_by_workers(self, parts: Iterable[Part]) -> Iterator[ReadBatch]:
        work = _PartReader(self._options, self._layout, self._base)
        for done in parallel.in_order(work, parts, self._options.workers):
            batches, counts, ends = done.rest
            self.counts.add(counts)
            for path, known in ends.items():
                before = self.ends.get(path, Ends())
                self.ends[path] = Ends(
                    header=known.header or before.header,
                    trailer=known.trailer or before.trailer,
                    records=known.records or before.records,
                )
            for batch, rows in zip(batches, done.rows, strict=True):
                yield replace(batch, rows=rows)

    def parts(self, paths: Sequence[Path], count: int) -> list[Part]:
        """Return about ``count`` parts of like size that together are the files; together they give the same rows.

        A file stays in one part if it is compressed, or if records must be known that came before.

        Raises:
            SourceUnavailable: a file cannot be opened or read.
            SourceError: a file is not as the options say.
        """
        total = sum(files.size_of(path) for path in paths)
        return list(self._parts(paths, max(1, -(-total // count))))

    def read_part(self, part: Part) -> Iterator[ReadBatch]:
        """Yield the rows of one part.

        Raises:
            SourceUnavailable: the file cannot be opened or read, or changed while it was read.
            SourceError: it is not as the options say.
        """
        making = self._rows.begin(part.file_id)
        for chunk in self._chunks(part):
            for start, end in _slices(len(chunk), self._options.batch_rows):
                for made in making.of(chunk.only(slice(start, end))):
                    yield from self._batch(part, made)
        for made in making.rest():
            yield from self._batch(part, made)

    # Bytes to records

    def _chunks(self, part: Part) -> Iterator[Records]:
        """Yield the records that are to be decoded, with their numbers and places in the file."""
        pending: Records | None = None  # the last record so far, where it may be the trailer
        for found, _ in self._framed(part, self.counts):
            records = found
            if self._header is not None and part.start is None and len(records) and records.numbers[0] == 0:
                self._take_end(part.path, "header", self._header.row(records.only(slice(0, 1))))
                records = records.only(slice(1, None))
            if self._trailer is not None and part.end is None and len(records):
                if pending is not None:
                    yield self._of_length(pending, self.counts)
                pending, records = records.only(slice(-1, None)).detached(), records.only(slice(0, -1))
            yield self._of_length(records, self.counts)
        if pending is not None and self._trailer is not None:
            self._take_end(part.path, "trailer", self._trailer.row(pending))
            self.ends[part.path] = replace(self.ends[part.path], records=int(pending.numbers[0]) + 1)

    def _framed(self, part: Part, counts: Counts) -> Iterator[tuple[Records, int | None]]:
        """Yield what the framing finds, block by block, and where in the file another one could go on, if it could."""
        framing_ = self._framing(files.size_of(part.path) if part.compression == "none" else None)
        number, final = part.first, False
        with self._open(part) as blocks:
            while not final:
                block, final = blocks.next()
                try:
                    found = framing_.records(block, final=final)
                except framing.FramingError as error:
                    raise _located(error, part.path, blocks.position) from None
                counts.read += len(found.records)
                counts.partial += found.partial
                records = found.records
                records = replace(records, offsets=records.offsets + blocks.position)
                if self._options.profile == "cobrix":  # which numbers the records that it keeps
                    records = self._of_length(records, counts)
                records = replace(records, numbers=np.arange(number, number + len(records), dtype=np.int64))
                number += len(records)
                at_rest = not final and found.consumed > 0 and getattr(framing_, "at_rest", False)
                yield records, blocks.position + found.consumed if at_rest else None
                _move_on(blocks, len(block), found.consumed, final=final)

    def _open(self, part: Part) -> Blocks:
        return Blocks(
            part.path,
            part.compression,
            start=self._skip_start if part.start is None else part.start,
            end=part.end,
            without_end=self._skip_end if part.end is None else 0,
        )

    def _of_length(self, records: Records, counts: Counts) -> Records:
        """Leave out records that are too short or too long."""
        least, most = self._options.minimum_length, self._options.maximum_length
        short = records.lengths < least
        long = records.lengths > most if most is not None else np.zeros(len(records), np.bool_)
        if not (short.any() or long.any()):
            return records
        counts.too_short += int(short.sum())
        counts.too_long += int(long.sum())
        return records.only(~(short | long))

    def _take_end(self, path: Path, which: str, row: pa.RecordBatch) -> None:
        self.counts.ends += 1
        self.ends[path] = replace(self.ends.get(path, Ends()), **{which: row})

    # Rows to batches

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

    # Files to parts

    def _parts(self, paths: Sequence[Path], size: int) -> Iterator[Part]:
        """Yield the parts of the files, each of about ``size`` bytes, as soon as they are found."""
        for file_id, path in enumerate(paths):
            compression = self._compression(path)
            whole = Part(path=path, file_id=file_id, compression=compression)
            if compression != "none" or not self._rows.one_by_one or files.size_of(path) < 1.5 * size:
                yield whole
                continue
            first, begin = 0, None
            for at, number in self._places(whole, size):
                yield replace(whole, start=begin, end=at, first=first)
                begin, first = at, number
            yield replace(whole, start=begin, first=first)

    def _places(self, whole: Part, size: int) -> Iterator[tuple[int, int]]:
        """Yield where a file may be cut: the byte, and the number of the record that begins there."""
        last = files.size_of(whole.path) - self._skip_end - size // 2  # no part is much smaller than the others
        framing_ = self._framing(None)
        if isinstance(framing_, Fixed) and self._options.minimum_length <= framing_.length:
            step = -(-size // framing_.length) * framing_.length
            for at in range(self._skip_start + step, last, step):
                yield at, (at - self._skip_start) // framing_.length
            return
        due = self._skip_start + size
        number = 0
        for records, rest in self._framed(whole, Counts()):
            number += len(records)
            if rest is not None and due <= rest < last:
                yield rest, number
                due = rest + size

    def _small_parts(self, paths: Sequence[Path]) -> Iterator[Part]:
        """Yield parts of which a few fit into memory, decoded, and of which every process gets some."""
        total = sum(files.size_of(path) for path in paths)
        return self._parts(paths, min(max(total // (4 * self._options.workers), files.BLOCK), 4 * files.BLOCK))

    def _fits(self, part: Part) -> bool:
        """Whether all rows of a part can be held at once; what cannot be cut is read as it comes, in this process."""
        size = (part.end or files.size_of(part.path)) - (part.start or 0)
        return size <= (8 * files.BLOCK if part.compression == "none" else files.BLOCK)

    def _refuse_uneven(self, paths: Sequence[Path]) -> None:
        """Refuse files of no whole number of records before anything of any file is read."""
        framing_ = self._framing(None)
        if not isinstance(framing_, Fixed) or framing_.partial != "refuse":
            return
        sizes = {path: files.size_of(path) - self._skip_start - self._skip_end for path in paths}
        problems = [
            Problem(
                location=Location(file=path),
                message=f"{size} bytes are {size // framing_.length} records of {framing_.length} bytes"
                f" and {size % framing_.length} bytes left over",
                remedy=uneven_remedy(framing_.length),
            )
            for path, size in sizes.items()
            if size > 0 and size % framing_.length and self._compression(path) == "none"
        ]
        if problems:
            raise SourceError(problems)

    def _compression(self, path: Path) -> Compression:
        wanted = self._options.compression
        return files.compression_of(path) if wanted == "auto" else wanted


_Told = tuple[list[ReadBatch], Counts, dict[Path, Ends]]


class _PartReader:
    """Reads parts in a process of its own; the rows travel apart from what is told of them."""

    def __init__(self, options: MainframeOptions, layout: Layout, base: Path) -> None:
        self._arguments = options, layout, base

    def __call__(self, part: Part) -> parallel.Outcome[_Told]:
        reader = self._reader
        reader.counts, reader.ends = Counts(), {}
        batches = list(reader.read_part(part))
        rows = [batch.rows for batch in batches]
        told = [replace(batch, rows=None) for batch in batches]
        return parallel.Outcome(rows=rows, rest=(told, reader.counts, reader.ends))

    @cached_property
    def _reader(self) -> Reader:
        return Reader(*self._arguments)


class _EndRecord:
    """A header or trailer: one record with a layout of its own."""

    def __init__(self, group: Group, layout: Layout) -> None:
        self._decoder = Decoder(
            replace(
                layout,
                name=group.name,
                length=group.length,
                shortest=group.length,
                end=Place(offset=group.length),
                roots=(group,),
                outputs=naming.outputs([group], "names", layout.profile),
                header=None,
                trailer=None,
            )
        )

    def row(self, record: Records) -> pa.RecordBatch:
        """Return the fields of the one record given."""
        return self._decoder.decode(record).rows


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


def _move_on(blocks: Blocks, size: int, consumed: int, *, final: bool) -> None:
    """Let go of what is consumed, and make room where that is nothing."""
    stuck = final or size >= LARGEST_RECORD
    if stuck and consumed < size and (final or not consumed):
        raise SourceError(
            Problem(
                location=Location(file=blocks.path),
                message=f"byte {blocks.position + consumed}: no record ends within {size - consumed} bytes",
                remedy="check `record_format`; `voeg copybook probe` tells what the bytes look like",
            )
        )
    if not consumed and not final:
        blocks.grow()
    blocks.consume(consumed)


def _located(error: framing.FramingError, path: Path, position: int) -> SourceError:
    return SourceError(
        Problem(
            location=Location(file=path),
            message=f"byte {position + error.position}: {error.message}",
            remedy=error.remedy,
        )
    )


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

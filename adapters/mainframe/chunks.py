"""Files to chunks of records, whole or in parts.

A part begins and ends between two records, which is found by arithmetic where records have one length, and otherwise
by following them without decoding anything. Memory is bounded by a block of the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from adapters.mainframe import files
from adapters.mainframe.copybook.layout import Layout
from adapters.mainframe.copybook.naming import alone
from adapters.mainframe.decoder import Decoder
from adapters.mainframe.files import Blocks, Compression
from adapters.mainframe.framing import FramingError, make
from adapters.mainframe.framing.base import LARGEST_RECORD
from adapters.mainframe.framing.fixed import Fixed, uneven_remedy
from adapters.mainframe.options import MainframeOptions
from adapters.mainframe.records import Records
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


class Chunks:
    """Finds the records of files, whole or in parts.

    Attributes:
        counts: what became of the records found so far.
        ends: header and trailer records of the files read so far.
    """

    def __init__(self, options: MainframeOptions, layout: Layout, *, one_by_one: bool) -> None:
        """Prepare.

        Args:
            options: how records are found.
            layout: of a record.
            one_by_one: whether every record can be read without those before it; if not, no file is cut into parts.

        Raises:
            ConfigurationError: options contradict one another, or name something that is not there.
        """
        self.counts = Counts()
        self.ends: dict[Path, Ends] = {}
        self._options = options
        self._one_by_one = one_by_one
        self._make_framing = make(options, layout)
        # Cobrix knows header and trailer as so many bytes of the file; otherwise they are its first and last record.
        as_bytes = options.profile == "cobrix"
        self._skip_start = options.skip_start + (layout.header.length if layout.header and as_bytes else 0)
        self._skip_end = options.skip_end + (layout.trailer.length if layout.trailer and as_bytes else 0)
        self._header = Decoder(alone(layout.header, layout)) if layout.header and not as_bytes else None
        self._trailer = Decoder(alone(layout.trailer, layout)) if layout.trailer and not as_bytes else None

    def parts(self, paths: Sequence[Path], size: int) -> Iterator[Part]:
        """Yield the parts that together are the files, each of about ``size`` bytes, as soon as they are found.

        A file stays in one part if it is compressed, or if records must be known that came before.

        Raises:
            SourceUnavailable: a file cannot be opened or read.
            SourceError: a file is not as the options say.
        """
        for file_id, path in enumerate(paths):
            compression = self._compression(path)
            whole = Part(path=path, file_id=file_id, compression=compression)
            if compression != "none" or not self._one_by_one or files.size_of(path) < 1.5 * size:
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
        framing = self._make_framing(None)
        if isinstance(framing, Fixed) and self._options.minimum_length <= framing.length:
            step = -(-size // framing.length) * framing.length
            for at in range(self._skip_start + step, last, step):
                yield at, (at - self._skip_start) // framing.length
            return
        due = self._skip_start + size
        number = 0
        for records, rest in self._framed(whole, Counts()):
            number += len(records)
            if rest is not None and due <= rest < last:
                yield rest, number
                due = rest + size

    def refuse_uneven(self, paths: Sequence[Path]) -> None:
        """Refuse files of no whole number of records before anything of any file is read."""
        framing = self._make_framing(None)
        if not isinstance(framing, Fixed) or framing.partial != "refuse":
            return
        sizes = {path: files.size_of(path) - self._skip_start - self._skip_end for path in paths}
        problems = [
            Problem(
                location=Location(file=path),
                message=f"{size} bytes are {size // framing.length} records of {framing.length} bytes"
                f" and {size % framing.length} bytes left over",
                remedy=uneven_remedy(framing.length),
            )
            for path, size in sizes.items()
            if size > 0 and size % framing.length and self._compression(path) == "none"
        ]
        if problems:
            raise SourceError(problems)

    def _compression(self, path: Path) -> Compression:
        wanted = self._options.compression
        return files.compression_of(path) if wanted == "auto" else wanted

    def of(self, part: Part) -> Iterator[Records]:
        """Yield the records of a part that make rows, chunk by chunk, with their numbers and places in the file.

        Raises:
            SourceUnavailable: the file cannot be opened or read, or changed while it was read.
            SourceError: it is not as the options say; tells the byte and what to do.
        """
        pending: Records | None = None  # the last record so far, where it may be the trailer
        for found, _ in self._framed(part, self.counts):
            records = found
            if self._header is not None and part.start is None and len(records) and records.numbers[0] == 0:
                self._take_end(part.path, "header", self._header.decode(records.only(slice(0, 1))).rows)
                records = records.only(slice(1, None))
            if self._trailer is not None and part.end is None and len(records):
                if pending is not None:
                    yield self._of_length(pending, self.counts)
                pending, records = records.only(slice(-1, None)).detached(), records.only(slice(0, -1))
            yield self._of_length(records, self.counts)
        if pending is not None and self._trailer is not None:
            self._take_end(part.path, "trailer", self._trailer.decode(pending).rows)
            self.ends[part.path] = replace(self.ends[part.path], records=int(pending.numbers[0]) + 1)

    def _framed(self, part: Part, counts: Counts) -> Iterator[tuple[Records, int | None]]:
        """Yield what the framing finds, block by block, and where in the file another one could go on, if it could."""
        framing = self._make_framing(files.size_of(part.path) if part.compression == "none" else None)
        number, final = part.first, False
        with self._open(part) as blocks:
            while not final:
                block, final = blocks.next()
                try:
                    found = framing.records(block, final=final)
                except FramingError as error:
                    raise _located(error, part.path, blocks.position) from None
                counts.read += len(found.records)
                counts.partial += found.partial
                records = found.records
                records = replace(records, offsets=records.offsets + blocks.position)
                if self._options.profile == "cobrix":  # which numbers the records that it keeps
                    records = self._of_length(records, counts)
                records = replace(records, numbers=np.arange(number, number + len(records), dtype=np.int64))
                number += len(records)
                at_rest = not final and found.consumed > 0 and getattr(framing, "at_rest", False)
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


def _located(error: FramingError, path: Path, position: int) -> SourceError:
    return SourceError(
        Problem(
            location=Location(file=path),
            message=f"byte {position + error.position}: {error.message}",
            remedy=error.remedy,
        )
    )

"""The mainframe adapter: files of fixed-length EBCDIC records, described by a copybook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, ClassVar, Literal

import numpy as np

from adapters import paths
from adapters.base import Batch, Check, Column, Cursor, Discovered, ReadOptions, Unreadable
from adapters.mainframe.flat import codepages
from adapters.mainframe.flat.decoder import Decoder
from adapters.mainframe.flat.layout import Layout, fields
from adapters.mainframe.flat.layout import load as load_layout
from foundation.errors import Location, Problem, SourceError, SourceUnavailable

_CHUNK_BYTES = 16 << 20  # bounds memory where records are long


class MainframeOptions(ReadOptions):
    """The ``read:`` section of a mapping with ``adapter: mainframe``."""

    path: str  # a file or a glob, relative to the estate; the files together are one snapshot
    copybook: str  # relative to the estate
    code_page: str = "cp037"
    record_format: Literal["F"] = "F"  # fixed length, nothing between the records


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    size: int  # bytes when the read began


class Mainframe:
    """Reads fixed-length EBCDIC files; columns and types as ``layout`` describes them.

    Every read is a whole one: the cursor is not used. Batches tell which fields held values that are no numbers.
    """

    options: ClassVar[type[ReadOptions]] = MainframeOptions

    def __init__(self, options: MainframeOptions, *, base: Path) -> None:
        self._options = options
        self._base = base

    @cached_property
    def layout(self) -> Layout:
        """The layout of a record.

        Raises:
            ConfigurationError: the copybook cannot be read or has problems.
        """
        return load_layout(paths.resolve(self._options.copybook, self._base))

    def check(self) -> Check:
        """Find the files, read the copybook, and see that the record length divides every file."""
        decoder = self._decoder()
        files = self._files()
        for file in files:
            for _ in self._chunks(file, 1):
                break
        records = sum(file.size for file in files) // self.layout.length
        return Check(
            message=f"{len(files)} file(s), {records} records of {self.layout.length} bytes,"
            f" {len(decoder.schema)} columns",
            details={
                "files": len(files),
                "records": records,
                "record_length": self.layout.length,
                "notes": list(self.layout.notes),
            },
        )

    def discover(self) -> Sequence[Discovered]:
        """Return the record with its columns; the files need not be there."""
        columns = tuple(
            Column(
                name=path,
                type=str(field.type),
                note=f"{field.description}, offset {offset}, {field.length} bytes",
            )
            for path, offset, field in fields(self.layout)
        )
        return [Discovered(name=self.layout.name, columns=columns)]

    def read(self, cursor: Cursor | None = None) -> Iterator[Batch]:
        """Yield all records of all files, file by file in the order of their names.

        Raises:
            ConfigurationError: the copybook or the code page is wrong.
            SourceUnavailable: no file is there, or one cannot be opened.
            SourceError: the length of a file is not a multiple of the record length (found before anything is
                yielded), or a file changed while it was read.
        """
        decoder = self._decoder()
        files = self._files()
        offsets = {path: offset for path, offset, _ in fields(self.layout)}
        for file in files:
            start = 0
            for rows in self._chunks(file, self._options.batch_rows):
                decoded = decoder.decode(rows)
                unreadable = tuple(
                    Unreadable(
                        path=item.path,
                        count=item.count,
                        places=tuple(
                            f"{file.path.name}: record {start + row + 1}, offset {offsets[item.path]}"
                            for row in item.rows
                        ),
                    )
                    for item in decoded.unreadable
                )
                origin = f"{file.path.name}: records {start + 1} to {start + len(rows)}"
                yield Batch(rows=decoded.rows, origin=origin, unreadable=unreadable)
                start += len(rows)

    def _decoder(self) -> Decoder:
        return Decoder(self.layout, codepages.get(self._options.code_page))

    def _files(self) -> list[_File]:
        """Return the files with their sizes, all of them whole numbers of records."""
        files = [_File(path, _size(path)) for path in paths.find(self._options.path, self._base)]
        length = self.layout.length
        problems = [
            Problem(
                location=Location(file=file.path),
                message=f"{file.size} bytes are {file.size // length} records of {length} bytes"
                f" and {file.size % length} bytes left over",
                remedy="have it delivered again if it was cut off in transfer, send it in binary mode (no line"
                f" ends, no translation), or correct the copybook {self._options.copybook} if records are"
                f" not {length} bytes long",
            )
            for file in files
            if file.size % length
        ]
        if problems:
            raise SourceError(problems)
        return files

    def _chunks(self, file: _File, batch_rows: int) -> Iterator[np.ndarray[tuple[int, int], np.dtype[np.uint8]]]:
        """Yield the records of ``file`` as arrays of shape (records, record length), in one buffer used again."""
        length = self.layout.length
        rows_at_once = max(1, min(batch_rows, _CHUNK_BYTES // length))
        buffer = bytearray(rows_at_once * length)
        try:
            with file.path.open("rb", buffering=0) as stream:
                for start in range(0, file.size, len(buffer)):
                    part = memoryview(buffer)[: file.size - start]
                    if _fill(part, stream) < len(part):
                        raise _changed(file)
                    yield np.frombuffer(part, np.uint8).reshape(-1, length)
                if stream.read(1):
                    raise _changed(file)
        except OSError as error:
            raise SourceUnavailable(
                Problem(message=f"cannot read {file.path}: {error.strerror}", remedy="check its permissions")
            ) from None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise SourceUnavailable(Problem(message=f"cannot open {path}: {error.strerror}")) from None


def _fill(part: memoryview, stream: BinaryIO) -> int:
    """Read until ``part`` is full or the file ends; return how many bytes came."""
    filled = 0
    while filled < len(part):
        count = stream.readinto(part[filled:])  # type: ignore[attr-defined]
        if not count:
            break
        filled += count
    return filled


def _changed(file: _File) -> SourceError:
    return SourceUnavailable(
        Problem(
            message=f"{file.path} changed its length while it was read",
            remedy="read it when it has been delivered completely",
        )
    )

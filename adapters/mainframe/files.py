"""A file's bytes, decompressed where it is compressed, in one buffer that is used again.

Compression is told by the first bytes of a file: of gzip RFC 1952, bzip2 and xz as their formats begin, zstd
RFC 8878. They are compared far enough that no mainframe record or line of text is taken for one.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, cast

import numpy as np
import pyarrow as pa

from adapters import paths
from adapters.mainframe.records import Bytes
from foundation.errors import Location, Problem, SourceError, SourceUnavailable

Compression = Literal["none", "gzip", "bz2", "xz", "zstd"]

BLOCK = 4 << 20
"""Bytes of a file that are looked at at once; from twice as many, decoding with Numba measured 7 to 16 % slower."""

_MAGIC: tuple[tuple[Compression, int, bytes], ...] = (  # name, place in the file, bytes there
    ("gzip", 0, b"\x1f\x8b\x08"),
    ("bz2", 4, b"\x31\x41\x59\x26\x53\x59"),
    ("xz", 0, b"\xfd7zXZ\x00"),
    ("zstd", 0, b"\x28\xb5\x2f\xfd"),
)
_HEAD = 10  # bytes that tell the compression


def compression_of(path: Path) -> Compression:
    """Return how a file is compressed, by its first bytes.

    Raises:
        SourceUnavailable: it cannot be opened.
    """
    with _located(path, "none"), path.open("rb") as stream:
        head = stream.read(_HEAD)
    for name, place, magic in _MAGIC:
        if head[place : place + len(magic)] == magic and (name != "bz2" or head.startswith(b"BZh")):
            return name
    return "none"


def size_of(path: Path) -> int:
    """Return the bytes of a file as it lies there.

    Raises:
        SourceUnavailable: it is not there, or may not be looked at.
    """
    with _located(path, "none"):
        return path.stat().st_size


def open_stream(path: Path, compression: Compression = "none") -> BinaryIO:
    """Open a file for reading its content from the start.

    Raises:
        SourceUnavailable: it cannot be opened.
        SourceError: it is compressed and damaged.
    """
    with _located(path, compression):
        return _OPENERS[compression](path)


class Blocks:
    """The content of a file, or of a part of it, block by block; what is not consumed comes again."""

    def __init__(
        self,
        path: Path,
        compression: Compression = "none",
        *,
        start: int = 0,
        end: int | None = None,
        without_end: int = 0,
        size: int | None = None,
    ) -> None:
        """Open a file.

        Args:
            path: the file.
            compression: how it is compressed.
            start: bytes of the content that are left out at its start.
            end: byte of the content before which the part ends; None: the end of the file.
            without_end: bytes that are left out at the end of the file; not together with ``end``.
            size: bytes of a block, which grows where not even one record fits; None: ``BLOCK``.

        Raises:
            SourceUnavailable: the file cannot be opened.
            SourceError: it is compressed and damaged.
        """
        self.path = path
        self.position = 0  # in the content, of the first byte of the present block
        self._compression = compression
        self._start = start
        self._end = end
        self._without_end = without_end
        self._size = size_of(path) if compression == "none" else None
        self._stream = open_stream(path, compression)
        self._buffer = np.empty((size or BLOCK) + without_end + 1, np.uint8)
        self._filled = 0  # bytes in the buffer
        self._read = 0  # bytes of the content that were read or passed
        self._ended = False

    def __enter__(self) -> Blocks:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def next(self) -> tuple[Bytes, bool]:
        """Return the bytes not consumed yet, with more behind them, and whether they are the last ones.

        Where they are not, at least one byte will follow them.

        Raises:
            SourceUnavailable: the file cannot be read, or its length changed.
            SourceError: it is compressed, and damaged or cut off.
        """
        if not self._read:
            self._pass_start()
        while not self._ended and self._filled < len(self._buffer):
            self._fill()
        kept_back = self._without_end + (0 if self._ended else 1)
        return self._buffer[: max(0, self._filled - kept_back)], self._ended

    def consume(self, count: int) -> None:
        """Let go of the first ``count`` bytes of the present block."""
        self._buffer[: self._filled - count] = self._buffer[count : self._filled]
        self._filled -= count
        self.position += count

    def grow(self) -> None:
        """Make blocks twice as long, because no record ends within one."""
        larger = np.empty(2 * len(self._buffer), np.uint8)
        larger[: self._filled] = self._buffer[: self._filled]
        self._buffer = larger

    def _pass_start(self) -> None:
        self.position = self._start
        if self._compression == "none":
            self._stream.seek(self._start)
            self._read = self._start
        while self._read < self._start:
            count = self._into(self._buffer.data[: self._start - self._read])
            self._read += count
            if not count:
                return

    def _fill(self) -> None:
        room = self._buffer.data[self._filled :]
        if self._end is not None:
            room = room[: max(0, self._end - self._read)]
        count = self._into(room) if len(room) else 0
        self._filled += count
        self._read += count
        if not count:
            self._ended = True
            self._check_length()

    def _check_length(self) -> None:
        if self._size is None:
            return
        expected = max(self._size, self._start) if self._end is None else self._end
        if self._read != expected:
            raise SourceUnavailable(
                Problem(
                    location=Location(file=self.path),
                    message="the file changed its length while it was read",
                    remedy="read it when it has been delivered completely",
                )
            )

    def _into(self, view: memoryview) -> int:
        with _located(self.path, self._compression):
            return self._stream.readinto(view) or 0  # type: ignore[attr-defined]


def _zstd(path: Path) -> BinaryIO:
    return cast("BinaryIO", pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"))


_OPENERS: dict[Compression, Callable[[Path], BinaryIO]] = {
    "none": lambda path: cast("BinaryIO", path.open("rb", buffering=0)),
    "gzip": lambda path: cast("BinaryIO", gzip.GzipFile(path)),
    "bz2": lambda path: cast("BinaryIO", bz2.BZ2File(path)),
    "xz": lambda path: cast("BinaryIO", lzma.LZMAFile(path)),  # noqa: SIM115 - whoever opens it closes it
    "zstd": _zstd,
}


@contextmanager
def _located(path: Path, compression: Compression) -> Iterator[None]:
    """Tell of what goes wrong with a file which file it is, and what to do."""
    try:
        yield
    except (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowInvalid) as error:
        if isinstance(error, OSError) and (error.errno is not None or compression == "none"):
            raise paths.unreadable(path, error) from None
        raise SourceError(
            Problem(
                location=Location(file=path),
                message=f"the file is compressed ({compression}) and damaged or cut off",
                remedy="have it delivered again; if it is not compressed at all, set `compression: none`",
            )
        ) from None

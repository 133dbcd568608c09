"""Text cut into whole lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from foundation.errors import Location, Problem, SourceError

LONGEST_RECORD = 16 * 1024 * 1024
"""Bytes after which a record that does not end is taken for a broken file, so that memory stays bounded."""


@dataclass(frozen=True, slots=True)
class Lines:
    """A run of whole records of a file; only the last record of the file may lack its line end."""

    data: bytes = field(repr=False)  # UTF-8
    first_line: int  # the number of its first line in the file, from 1

    def line_at(self, offset: int) -> int:
        """Return the number of the line that holds the byte at ``offset`` of ``data``."""
        return self.first_line + self.data.count(b"\n", 0, offset)

    def from_line(self, count: int) -> Lines:
        """Return the lines without the first ``count``."""
        start = 0
        for _ in range(count):
            start = self.data.find(b"\n", start) + 1 or len(self.data)
        return Lines(self.data[start:], self.first_line + count)


def whole_lines(pieces: Iterable[bytes], path: Path) -> Iterator[Lines]:
    """Cut ``pieces`` after line ends.

    Raises:
        SourceError: a line is longer than ``LONGEST_RECORD``.
    """
    rest, line = b"", 1
    for piece in pieces:
        data = rest + piece
        end = data.rfind(b"\n") + 1
        rest = data[end:]
        if end:
            yield Lines(data[:end], line)
            line += data.count(b"\n", 0, end)
        if len(rest) > LONGEST_RECORD:
            raise SourceError(
                Problem(
                    message=f"a line of more than {LONGEST_RECORD // 2**20} MiB",
                    location=Location(file=path, line=line),
                    remedy="check `format:` and how the file ends its lines",
                )
            )
    if rest:
        yield Lines(rest, line)

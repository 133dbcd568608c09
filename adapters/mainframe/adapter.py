"""The mainframe adapter: files of records that a copybook describes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
from pydantic import JsonValue

from adapters import paths
from adapters.base import Batch, Check, Cursor, Discovered, ReadOptions, Unreadable
from adapters.mainframe.columns import columns
from adapters.mainframe.copybook.layout import Layout
from adapters.mainframe.files import size_of
from adapters.mainframe.options import MainframeOptions
from adapters.mainframe.source import Source
from foundation.errors import Location, Problem, SourceUnavailable


class Mainframe:
    """Reads files of records; columns and types as the copybook describes them.

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
        return self._source().layout

    def check(self) -> Check:
        """Find the files, read the copybook, and decode the first record of every file."""
        source = self._source()
        files = paths.find(self._options.path, self._base)
        first = Source(self._options.model_copy(update={"batch_rows": 1, "workers": 1}), self._base)
        for file in files:
            for _ in islice(first.read([file]), 1):
                pass
        return Check(message=_summary(source, files), details=_details(source, files))

    def discover(self) -> Sequence[Discovered]:
        """Return the record with its columns; the files need not be there."""
        source = self._source()
        return [Discovered(name=source.layout.name, columns=tuple(columns(source.layout, source.schema)))]

    def read(self, cursor: Cursor | None = None) -> Iterator[Batch]:
        """Yield all records of all files, file by file in the order of their names.

        Raises:
            ConfigurationError: the options or the copybook are wrong.
            SourceUnavailable: no file is there, or one cannot be opened.
            SourceError: a file is not as the options say.
        """
        source = self._source()
        files = paths.find(self._options.path, self._base)
        before = {file: _state(file) for file in files}
        left_out = 0
        for batch in source.read(files):
            unreadable = tuple(
                Unreadable(path=item.path, count=item.count, places=item.places) for item in batch.unreadable
            )
            more = source.reader.counts.left_out - left_out
            left_out += more
            yield Batch(rows=batch.rows, origin=batch.origin, left_out=more, unreadable=unreadable)
        if more := source.reader.counts.left_out - left_out:
            nothing = pa.RecordBatch.from_pylist([], schema=source.schema)
            yield Batch(rows=nothing, origin=f"{len(files)} file(s)", left_out=more)
        for file, state in before.items():
            if _state(file) != state:
                raise SourceUnavailable(
                    Problem(
                        location=Location(file=file),
                        message="the file changed while it was read",
                        remedy="read it when it has been delivered completely",
                    )
                )

    def _source(self) -> Source:
        return Source(self._options, self._base)


def _state(file: Path) -> tuple[int, int]:
    """Return what changes when a file does."""
    found = file.stat()
    return found.st_size, found.st_mtime_ns


def _summary(source: Source, files: Sequence[Path]) -> str:
    layout = source.layout
    size = f"{layout.shortest} to {layout.length}" if layout.variable else str(layout.length)
    total = sum(size_of(file) for file in files)
    return f"{len(files)} file(s), {total} bytes, records of {size} bytes, {len(source.schema)} columns"


def _details(source: Source, files: Sequence[Path]) -> dict[str, JsonValue]:
    return {
        "files": len(files),
        "bytes": sum(size_of(file) for file in files),
        "record_length": source.layout.length,
        "notes": list(source.notes),
    }

"""The mainframe adapter: files of records that a copybook describes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from adapters.base import Batch, Check, Cursor, Discovered, ReadOptions, Unreadable
from adapters.delivery import Delivered, deliver, offered
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
        """Find the files and read the copybook; of files of the estate decode the first record."""
        source = self._source()
        path, delivery = self._options.path, self._options.delivery
        if delivery is None or delivery.url is None:
            with deliver(path, delivery, self._base) as delivered:
                self._decode_first(delivered)
                sizes = [size_of(file.path) for file in delivered]
        else:
            sizes = [file.size or 0 for file in offered(path, delivery, self._base)]
        layout = source.layout
        size = f"{layout.shortest} to {layout.length}" if layout.variable else str(layout.length)
        return Check(
            message=f"{len(sizes)} file(s), {sum(sizes)} bytes, records of {size} bytes, {len(source.schema)} columns",
            details={
                "files": len(sizes),
                "bytes": sum(sizes),
                "record_length": layout.length,
                "notes": list(source.notes),
            },
        )

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
        with deliver(self._options.path, self._options.delivery, self._base) as delivered:
            before = {file.path: _state(file.path) for file in delivered}
            yield from _batches(source, list(before))
            for file in delivered:
                if _state(file.path) != before[file.path]:
                    raise SourceUnavailable(
                        Problem(
                            location=Location(file=file.origin),
                            message="the file changed while it was read",
                            remedy="read it when it has been delivered completely",
                        )
                    )

    def _decode_first(self, delivered: Sequence[Delivered]) -> None:
        """Decode the first record of each file, so that what does not fit is told before a read."""
        options = self._options.model_copy(update={"batch_rows": 1, "reconcile": None})
        source = Source(options, self._base)
        for file in delivered:
            for _ in islice(source.read([file.path]), 1):
                pass

    def _source(self) -> Source:
        return Source(self._options, self._base)


def _batches(source: Source, files: Sequence[Path]) -> Iterator[Batch]:
    """Yield the rows of files, and how many records were left out on the way."""
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


def _state(file: Path) -> tuple[int, int]:
    """Return what changes when a file does."""
    found = file.stat()
    return found.st_size, found.st_mtime_ns

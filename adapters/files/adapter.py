"""The adapter for delivered files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Protocol

import pyarrow as pa

from adapters.base import Batch, Check, Column, Cursor, Discovered, ReadOptions
from adapters.files.delimited import Delimited
from adapters.files.fixed_width import FixedWidth
from adapters.files.json_lines import JsonLines
from adapters.files.options import FilesOptions
from adapters.paths import find


class Format(Protocol):
    """A way to write records into files."""

    def schema(self, paths: Sequence[Path]) -> pa.Schema:
        """Return the one schema of all rows in ``paths``."""
        ...

    def tables(self, path: Path, schema: pa.Schema) -> Iterator[pa.Table]:
        """Yield the rows of one file in pieces of bounded size."""
        ...


_FORMATS: dict[str, type[Delimited | FixedWidth | JsonLines]] = {
    "csv": Delimited,
    "tsv": Delimited,
    "fixed": FixedWidth,
    "jsonl": JsonLines,
}


class Files:
    """Reads one file, or all files that a glob matches, as one source.

    Rows come in the order of the files' paths, then of their lines. A delta read resumes after the last file
    whose path sorts before or at the cursor's, so files of a delta need names that sort by age.
    """

    options: ClassVar[type[ReadOptions]] = FilesOptions

    def __init__(self, options: FilesOptions, *, base: Path) -> None:
        self._options = options
        self._base = base
        self._format: Format = _FORMATS[options.format](options)

    def check(self) -> Check:
        """Find the files and read the columns of the first."""
        paths = find(self._options.path, self._base)
        schema = self._format.schema(paths[:1])
        size = sum(path.stat().st_size for path in paths)
        return Check(
            message=f"{len(paths)} {self._options.format} file{'s' * (len(paths) > 1)}, {size:,} bytes, "
            f"{len(schema)} columns",
            details={"files": [self._name(path) for path in paths], "bytes": size, "columns": len(schema)},
        )

    def discover(self) -> Sequence[Discovered]:
        """List the files, each with its columns."""
        return [
            Discovered(name=self._name(path), columns=tuple(columns(self._format.schema([path]))))
            for path in find(self._options.path, self._base)
        ]

    def read(self, cursor: Cursor | None = None) -> Iterator[Batch]:
        """Yield the rows of all files, or of those whose name sorts after the cursor's; at least one batch.

        Raises:
            SourceUnavailable: no file matches.
            SourceError: located in the file and line that cannot be read.
        """
        paths = find(self._options.path, self._base)
        schema = self._format.schema(paths)
        after = "" if cursor is None else str(cursor.get("after", ""))
        unread = [path for path in paths if self._name(path) > after]
        for path in unread:
            yield from self._batches(path, schema)
        if not unread:
            yield Batch(rows=_empty(schema), origin=f"nothing after {after}", cursor=cursor)

    def _batches(self, path: Path, schema: pa.Schema) -> Iterator[Batch]:
        """Yield one file's batches; the last one carries the cursor, for only whole files can be resumed after."""
        name, first, held = self._name(path), 1, _empty(schema)
        for table in self._format.tables(path, schema):
            for rows in table.combine_chunks().to_batches(max_chunksize=self._options.batch_rows):
                if held.num_rows:
                    yield Batch(rows=held, origin=f"{name}, row {first}")
                    first += held.num_rows
                held = rows
        yield Batch(rows=held, origin=f"{name}, row {first}", cursor={"after": name})

    def _name(self, path: Path) -> str:
        """Return the path as people write it: relative to the estate when it is in there."""
        return path.relative_to(self._base).as_posix() if path.is_relative_to(self._base) else str(path)


def columns(schema: pa.Schema) -> Iterator[Column]:
    """Yield the columns of a schema as mappings address them: ``a``, ``a.b``, ``items[*].name``."""
    for field in schema:
        yield from _columns_of(field.name, field.type)


def _columns_of(name: str, found: pa.DataType) -> Iterator[Column]:
    yield Column(name=name, type=str(found))
    if pa.types.is_list(found):
        name, found = f"{name}[*]", found.value_type
    if pa.types.is_struct(found):
        for inner in found:
            yield from _columns_of(f"{name}.{inner.name}", inner.type)


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema)

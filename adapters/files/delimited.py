"""CSV and TSV into Arrow: every column a text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from adapters.files import text
from adapters.files.lines import Lines, whole_lines
from adapters.files.options import FilesOptions
from adapters.files.quoting import scan, whole_records
from foundation.errors import Location, Problem, SourceError, did_you_mean


class Delimited:
    """Reads one CSV or TSV file at a time, by the options of the source."""

    def __init__(self, options: FilesOptions) -> None:
        self._options = options

    def schema(self, paths: Sequence[Path]) -> pa.Schema:
        """Return the columns of the source: those of the options, else of the first file's header."""
        for _, names in self._header(self._records(paths[0]), paths[0]):
            return self._options.text_schema(names)
        return self._options.text_schema([column.name for column in self._options.columns or ()])

    def tables(self, path: Path, schema: pa.Schema) -> Iterator[pa.Table]:
        """Yield the file's rows with the columns of ``schema``, whatever their order in the file.

        Raises:
            SourceError: located; a broken quote, a row with another number of fields than the header, a header
                that repeats or lacks a name, bytes that are no text.
        """
        for lines, names in self._header(self._records(path), path):
            missing = [name for name in schema.names if name not in names]
            if missing or len(names) != len(schema):
                odd = missing or [name for name in names if name not in schema.names]
                raise _header_error(
                    path,
                    f"the header is not that of the first file: '{odd[0]}' {'is missing' if missing else 'is new'}",
                    did_you_mean(odd[0], names if missing else schema.names),
                )
            if lines.data.strip(b"\r\n"):
                yield self._parse(lines, path, names, schema)

    def _records(self, path: Path) -> Iterator[Lines]:
        pieces = text.pieces(path, self._options.encoding)
        if not self._options.quote:
            return whole_lines(pieces, path)
        return whole_records(pieces, path, delimiter=self._options.separator, quote=self._options.quote)

    def _header(self, records: Iterator[Lines], path: Path) -> Iterator[tuple[Lines, list[str]]]:
        """Yield the records below the header, each run with the names of the file's columns."""
        described = [column.name for column in self._options.columns or ()]
        if not self._options.has_header:
            yield from ((lines, described) for lines in records)
            return
        first = next(records, None)
        if first is None:
            raise _header_error(path, "the file is empty: not even a header", "have it delivered anew")
        rows = csv.reader(
            io.StringIO(first.data.decode("utf-8"), newline=""),
            delimiter=self._options.separator,
            quotechar=self._options.quote or None,
            quoting=csv.QUOTE_MINIMAL if self._options.quote else csv.QUOTE_NONE,
        )
        names = next((row for row in rows if row), [])
        if described and len(described) != len(names):
            raise _header_error(
                path,
                f"the header has {len(names)} fields, `columns` names {len(described)}",
                "list every column of the file in `columns`",
            )
        names = described or names
        for name in names:
            if not name.strip():
                raise _header_error(
                    path, f"the header lacks the name of column {names.index(name) + 1}", "name all in `columns`"
                )
            if names.count(name) > 1:
                raise _header_error(path, f"the header names '{name}' twice", "name all columns in `columns`")
        yield first.from_line(rows.line_num), names
        yield from ((lines, names) for lines in records)

    def _parse(self, lines: Lines, path: Path, names: list[str], schema: pa.Schema) -> pa.Table:
        misfits: list[pa.csv.InvalidRow] = []

        def misfit(row: pa.csv.InvalidRow) -> str:
            misfits.append(row)
            return "error"

        options = self._options
        try:
            return pa.csv.read_csv(
                pa.BufferReader(lines.data),
                read_options=pa.csv.ReadOptions(column_names=names, use_threads=False, block_size=len(lines.data) + 1),
                parse_options=pa.csv.ParseOptions(
                    delimiter=options.separator,
                    quote_char=options.quote or False,
                    newlines_in_values=bool(options.quote),
                    invalid_row_handler=misfit,
                ),
                convert_options=pa.csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    include_columns=schema.names,
                    null_values=list(options.null_values),
                    strings_can_be_null=bool(options.null_values),
                    check_utf8=False,
                ),
            )
        except pa.ArrowInvalid:
            if not misfits:
                raise
            raise self._misfit_error(lines, path, misfits[0]) from None

    def _misfit_error(self, lines: Lines, path: Path, row: pa.csv.InvalidRow) -> SourceError:
        """Return the located error about a row with too few or too many fields; ``row`` counts records."""
        quote = self._options.quote
        quoting = scan(lines.data, delimiter=ord(self._options.separator), quote=ord(quote) if quote else 256)
        starts = quoting.record_starts(lines.data)
        for _ in range(row.number - 1):
            next(starts)
        return SourceError(
            Problem(
                message=f"{row.actual_columns} fields where the file has {row.expected_columns} columns",
                location=Location(file=path, line=lines.line_at(next(starts))),
                remedy=f"quote fields that hold '{self._options.separator}' or a line end; check `delimiter:`",
            )
        )


def _header_error(path: Path, message: str, remedy: str) -> SourceError:
    return SourceError(Problem(message=message, location=Location(file=path, line=1), remedy=remedy))

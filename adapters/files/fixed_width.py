"""Fixed-width files into Arrow: every column a text, cut out by character and trimmed of spaces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adapters.files import text
from adapters.files.lines import Lines, whole_lines
from adapters.files.options import FilesOptions
from foundation.errors import Location, Problem, SourceError


class FixedWidth:
    """Reads one fixed-width file at a time, by the options of the source."""

    def __init__(self, options: FilesOptions) -> None:
        self._options = options
        self._columns = options.columns or ()

    def schema(self, paths: Sequence[Path]) -> pa.Schema:
        """Return the columns of the options, all texts."""
        return self._options.text_schema([column.name for column in self._columns])

    def tables(self, path: Path, schema: pa.Schema) -> Iterator[pa.Table]:
        """Yield the file's rows; empty lines are no rows, characters after the last column are left.

        Raises:
            SourceError: located; a line too short for its columns, bytes that are no text.
        """
        shortest = max(column.end for column in self._columns)
        skip = 1 if self._options.has_header else 0
        for lines in whole_lines(text.pieces(path, self._options.encoding), path):
            rows = _rows(lines.from_line(skip), path, shortest)
            skip = 0
            yield pa.Table.from_arrays([self._cut(rows, c.start or 1, c.end) for c in self._columns], schema=schema)

    @cached_property
    def _nulls(self) -> pa.StringArray:
        """What stands for null; made when something is read, as PyArrow's first array waits for pandas a second."""
        return pa.array(self._options.null_values, pa.string())

    def _cut(self, rows: pa.StringArray, start: int, end: int) -> pa.StringArray:
        values = pc.utf8_trim(pc.utf8_slice_codeunits(rows, start - 1, end), " ")
        return pc.if_else(pc.is_in(values, value_set=self._nulls), None, values)


def _rows(lines: Lines, path: Path, shortest: int) -> pa.StringArray:
    """Return the lines, line ends included, as one array over the same bytes.

    Raises:
        SourceError: a line has fewer than ``shortest`` characters.
    """
    data = np.frombuffer(lines.data, dtype=np.uint8)
    ends: npt.NDArray[np.intp] = np.flatnonzero(data == ord("\n")) + 1
    if len(data) and data[-1] != ord("\n"):
        ends = np.append(ends, len(data))
    offsets = np.concatenate(([0], ends)).astype(np.int32)
    rows = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(lines.data))
    characters = pc.utf8_length(rows).to_numpy() - _line_end_lengths(data, ends)
    short = np.flatnonzero((characters < shortest) & (characters > 0))
    if len(short):
        raise SourceError(
            Problem(
                message=f"the line has {characters[short[0]]} characters, its columns need {shortest}",
                location=Location(file=path, line=lines.first_line + int(short[0])),
                remedy="check start and length in `columns:`, `encoding:`, and whether the file was cut off",
            )
        )
    return rows.filter(pa.array(characters > 0)) if (characters == 0).any() else rows


def _line_end_lengths(data: npt.NDArray[np.uint8], ends: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return for every line 2 where it ends in CR LF, 1 for LF alone, 0 for the end of the file."""
    feeds = data[ends - 1] == ord("\n")
    returns = feeds & (ends > 1) & (data[ends - 2] == ord("\r"))
    lengths: npt.NDArray[np.intp] = feeds.astype(np.intp) + returns
    return lengths

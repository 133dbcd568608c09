"""Files to a folder of Parquet files by several processes: each decodes and writes parts of its own.

Rows stay in the process that decodes them. Handing them over to another one costs about as much as decoding does.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet

from adapters.mainframe.chunks import Counts, Part
from adapters.mainframe.options import MainframeOptions, option_error
from adapters.mainframe.reader import UnreadableValues
from adapters.mainframe.source import Source
from foundation.errors import Problem, SourceUnavailable, VoegError

_PARTS = 4  # for each process: the slowest part is not long in coming


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """One Parquet file, and what became of the records of its part."""

    path: Path
    rows: int
    counts: Counts
    unreadable: tuple[UnreadableValues, ...]


def convert(
    options: MainframeOptions, base: Path, files: Sequence[Path], folder: Path, processes: int
) -> Iterator[Converted]:
    """Write files as ``part-00000.parquet`` and so on; the names follow the order of the records.

    Args:
        options: how the files are read.
        base: the estate folder, where relative names in the options start.
        files: the data, in its order.
        folder: where the Parquet files go; it is there and empty.
        processes: how many work side by side.

    Raises:
        ConfigurationError: the options are wrong, or hold files against their trailers, which no part can.
        SourceUnavailable: a file cannot be opened or read, or a process was ended from outside.
        SourceError: a file is not as the options say.
    """
    if options.reconcile is not None:
        raise option_error(
            "reconcile", "parts of a file cannot be held against its trailer", "leave it out, or use one process"
        )
    parts = Source(options, base).reader.parts(files, _PARTS * processes)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _begin, (options, base, folder)) as executor:
        try:
            for outcome in executor.map(_convert, range(len(parts)), parts):
                if not isinstance(outcome, Converted):
                    executor.shutdown(wait=False, cancel_futures=True)
                    kind, problems = outcome
                    raise kind(problems)
                yield outcome
        except BrokenProcessPool:
            raise SourceUnavailable(
                Problem(
                    message="a process that converted a part of the files was ended",
                    remedy="look for the reason in the system's log (memory?), or use fewer processes",
                )
            ) from None


_Failed = tuple[type[VoegError], tuple[Problem, ...]]  # an error as it travels

_begun: tuple[MainframeOptions, Path, Path] | None = None  # of a process that converts parts


def _begin(*begun: MainframeOptions | Path) -> None:
    global _begun  # noqa: PLW0603 - how an initializer hands something to the calls
    _begun = begun  # type: ignore[assignment]


def _convert(number: int, part: Part) -> Converted | _Failed:
    """Write one part; in a process of its own."""
    if _begun is None:
        raise RuntimeError("the process was not told its work")
    options, base, folder = _begun
    path = folder / f"part-{number:05d}.parquet"
    try:
        source = Source(options, base)
        rows = 0
        unreadable: list[UnreadableValues] = []
        with pyarrow.parquet.ParquetWriter(path, source.schema, compression="zstd") as writer:
            for batch in source.read_part(part):
                writer.write_batch(batch.rows)
                rows += batch.rows.num_rows
                unreadable.extend(batch.unreadable)
    except VoegError as error:
        return type(error), error.problems
    return Converted(path=path, rows=rows, counts=source.reader.counts, unreadable=tuple(unreadable))

"""Decoding mainframe files by their copybook.

The fixed customer file stands beside a decoder written by hand for just that record, with NumPy and with Numba. The
same customers in other forms stand beside the fixed file ("RDW / fixed"): variable records, text that is not ASCII. A
large file stands beside a small one for the memory it takes, and two processes beside one for the time.

Every side has read its first batch before it is measured, which compiles what Numba is to compile; machine code is kept
on disk on both sides. The file is in the page cache.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from adapters.mainframe import Mainframe, MainframeOptions
from adapters.mainframe.chunks import Part
from adapters.mainframe.conversion import convert
from adapters.mainframe.options import RecordFormat
from adapters.mainframe.source import Source
from benchmarks import customers
from benchmarks.customers import CYRILLIC, PAGE, RECORD
from benchmarks.floors import FLOORS, absent
from benchmarks.measure import Absent, Comparison, Side, Work, compare

FOLDER = FLOORS / "mainframe"
ROWS = 2_500_000
FEWER = 500_000
CHUNK = 8_192  # records, of the floors

NAME = "mainframe: decode a file into Arrow"
OTHERS = (
    "mainframe: RDW, cut short / fixed",
    "mainframe: RDW, with a table / fixed",
    "mainframe: Cyrillic / Latin text",
)
MEMORY = ("mainframe: 500 MB / 100 MB", "mainframe: 500 MB of zstd / 100 MB")
PROCESSES = (
    "mainframe: two processes / one",
    "mainframe: two processes into Parquet / one",
    "machine: two processes that count / one",
)
CLOCKED_ROUNDS = 5  # other work on the machine disturbs what is measured by the clock
COUNTED = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of customers, and how it is read."""

    path: str
    rows: int
    content: int  # bytes, decompressed
    copybook: str = str(FOLDER / "customer.cpy")
    record_format: RecordFormat = "F"
    code_page: str = PAGE

    def options(self) -> MainframeOptions:
        """Return the ``read:`` section: only copybook, code page and record format are known."""
        return MainframeOptions(
            path=self.path, copybook=self.copybook, record_format=self.record_format, code_page=self.code_page
        )

    def side(self, *, numba: bool = False) -> Side:
        """Return the decoding of the file as one side of a comparison."""
        return Side(prepare="benchmarks.mainframe:stage", arguments=asdict(self) | {"numba": numba})

    def into_parquet(self, processes: int) -> Side:
        """Return the conversion of the file by so many processes, with all that they need to begin."""
        return Side(prepare="benchmarks.mainframe:into_parquet", arguments=asdict(self) | {"processes": processes})

    def parts(self, processes: int) -> Side:
        """Return the decoding of its parts by so many processes."""
        return Side(prepare="benchmarks.mainframe:parts", arguments=asdict(self) | {"processes": processes})


def run(folder: Path) -> Iterator[Comparison | Absent]:
    """Write the files and decode them."""
    if not FOLDER.is_dir():
        names = [name for without in (NAME, *OTHERS) for name in (without, _with_numba(without))]
        yield from map(absent, (*names, *MEMORY, *PROCESSES))
        return
    large, small = generated(folder / "large.ebc", ROWS), generated(folder / "small.ebc", FEWER)
    others = other_forms(small)
    for numba in (False, True):
        names = [_with_numba(name) if numba else name for name in (NAME, *OTHERS)]
        if numba and find_spec("numba") is None:
            yield from (Absent(name=name, reason="Numba is not installed") for name in names)
            continue
        floor = Side(prepare="benchmarks.mainframe:floor", arguments={"path": large.path, "numba": numba})
        yield compare(names[0], "bytes", stage=large.side(numba=numba), floor=floor)
        for name, other in zip(names[1:], others, strict=True):
            yield compare(name, "bytes", stage=other.side(numba=numba), floor=small.side(numba=numba))
    for name, other in zip(MEMORY, (large, _compressed(large)), strict=True):
        yield compare(name, "bytes", stage=other.side(), floor=small.side(), rounds=1)
    yield from _processes(large)


def _processes(file: File) -> Iterator[Comparison]:
    """Compare two processes with one, and beside that what the machine itself gives to two processes."""
    pairs = (
        ("bytes", file.parts(2), file.parts(1)),
        ("bytes", file.into_parquet(2), file.into_parquet(1)),
        ("steps", _counting(2), _counting(1)),
    )
    for name, (unit, two, one) in zip(PROCESSES, pairs, strict=True):
        yield compare(name, unit, stage=two, floor=one, rounds=CLOCKED_ROUNDS, by="seconds")


def generated(path: Path, rows: int) -> File:
    """Write the fixed file by the generator that lies beside the floor."""
    subprocess.run([sys.executable, FOLDER / "gen.py", path, str(rows)], check=True)
    return File(path=str(path), rows=rows, content=rows * RECORD)


def other_forms(fixed: File) -> tuple[File, File, File]:
    """Write the same customers as ``OTHERS`` tells, beside the fixed file."""
    source = Path(fixed.path)
    short, longer, cyrillic = (source.with_name(f"{name}.ebc") for name in ("short", "longer", "cyrillic"))
    customers.shorter(source, short)
    copybook = customers.with_contracts(source, Path(fixed.copybook), longer)
    customers.in_cyrillic(source, cyrillic)
    return (
        _other(fixed, short, record_format="V"),
        _other(fixed, longer, record_format="V", copybook=str(copybook)),
        _other(fixed, cyrillic, code_page=CYRILLIC),
    )


def _other(fixed: File, path: Path, **differences: Any) -> File:
    return replace(fixed, path=str(path), content=path.stat().st_size, **differences)


def _compressed(file: File) -> File:
    path = f"{file.path}.zst"
    with Path(file.path).open("rb") as source, pa.CompressedOutputStream(path, "zstd") as target:
        while block := source.read(1 << 24):
            target.write(block)
    return replace(file, path=path)


def _with_numba(name: str) -> str:
    return f"{name}, Numba"


def stage(*, numba: bool, **file: Any) -> Work:
    """Decode a ``File`` as a mapping would have it."""
    _choose(numba)
    described = File(**file)
    options = described.options()
    _warm(Path(options.path))
    adapter = Mainframe(options, base=Path("/"))
    next(iter(adapter.read()))

    def work() -> int:
        decoded = sum(batch.rows.num_rows for batch in adapter.read())
        if decoded != described.rows:
            raise RuntimeError(f"{decoded} of {described.rows} rows were decoded")
        return described.content

    return work


def into_parquet(*, processes: int, **file: Any) -> Work:
    """Convert a ``File`` to a folder of Parquet files."""
    _choose(numba=False)
    described = File(**file)
    options = described.options()
    _warm(Path(options.path))

    def work() -> int:
        with tempfile.TemporaryDirectory(dir=Path(options.path).parent) as folder:
            made = convert(options, Path("/"), [Path(options.path)], Path(folder), processes)
            if sum(converted.rows for converted in made) != described.rows:
                raise RuntimeError("not all rows were converted")
        return described.content

    return work


def parts(*, processes: int, **file: Any) -> Work:
    """Decode parts of a ``File`` in processes that are ready; they hand over only how many rows there were."""
    _choose(numba=False)
    described = File(**file)
    options = described.options()
    _warm(Path(options.path))
    found = Source(options, Path("/")).reader.parts([Path(options.path)], processes)
    together = _ready(_decode_part, [(options, part) for part in found])

    def work() -> int:
        decoded = together()
        if len(found) != processes or decoded != described.rows:
            raise RuntimeError(f"{decoded} of {described.rows} rows were decoded in {len(found)} parts")
        return described.content

    return work


def _decode_part(options: MainframeOptions, part: Part) -> Work:
    reader = Source(options, Path("/")).reader
    next(iter(reader.read_part(part)))
    return lambda: sum(batch.rows.num_rows for batch in reader.read_part(part))


def _counting(processes: int) -> Side:
    return Side(prepare="benchmarks.mainframe:counting", arguments={"processes": processes})


def counting(*, processes: int) -> Work:
    """Count to a number in processes that share the way."""
    return _ready(_count, [(COUNTED // processes,)] * processes)


def _count(steps: int) -> Work:
    def work() -> int:
        for _ in range(steps):
            pass
        return steps

    return work


def _ready(prepare: Callable[..., Work], each: Sequence[tuple[Any, ...]]) -> Work:
    """Return the works of as many processes together; each has started and prepared its own."""
    context = multiprocessing.get_context("spawn")
    connections: list[Connection] = []
    for arguments in each:
        here, there = context.Pipe()
        context.Process(target=_work, args=(there, prepare, arguments), daemon=True).start()
        connections.append(here)
    for connection in connections:
        connection.recv()

    def work() -> int:
        for connection in connections:
            connection.send(None)
        return sum(connection.recv() for connection in connections)

    return work


def _work(connection: Connection, prepare: Callable[..., Work], arguments: tuple[Any, ...]) -> None:
    work = prepare(*arguments)
    connection.send(None)
    connection.recv()
    connection.send(work())
    with suppress(EOFError):
        connection.recv()  # lives on until its CPU-seconds are counted


def floor(path: str, *, numba: bool) -> Work:
    """Decode with the record's offsets, types and code page written into the code."""
    sys.path.insert(0, str(FOLDER))
    decoder = importlib.import_module("decode_nb" if numba else "decode_np")
    mapped = np.memmap(path, np.uint8, "r").reshape(-1, RECORD)
    records = np.ndarray(mapped.shape, np.uint8, mapped)
    _warm(Path(path))
    decoder.decode(records[:CHUNK])

    def work() -> int:
        chunks = (records[start : start + CHUNK] for start in range(0, len(records), CHUNK))
        return int(sum(decoder.decode(chunk).num_rows for chunk in chunks)) * RECORD

    return work


def _choose(numba: bool) -> None:
    os.environ["VOEG_NUMBA"] = "on" if numba else "off"  # also for the processes that are started


def _warm(data: Path) -> None:
    """Read the file once, so that both sides find it in the page cache."""
    with data.open("rb") as stream:
        while stream.read(1 << 24):
            pass

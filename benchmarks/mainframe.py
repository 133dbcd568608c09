"""Decoding a mainframe file by its copybook, beside a decoder written by hand for just that record."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from adapters.mainframe import Mainframe, MainframeOptions
from benchmarks.floors import FLOORS, absent
from benchmarks.measure import Absent, Comparison, Side, Work, compare

FOLDER = FLOORS / "mainframe"
ROWS = 500_000  # of 200 bytes
NAME = "mainframe: decode a file into Arrow"


def run(folder: Path) -> Iterator[Comparison | Absent]:
    """Write the file and decode it both ways."""
    if not FOLDER.is_dir():
        yield absent(NAME)
        return
    data = folder / "customers.ebc"
    subprocess.run([sys.executable, FOLDER / "gen.py", data, str(ROWS)], check=True)
    yield compare(
        NAME,
        "bytes",
        stage=Side(prepare="benchmarks.mainframe:stage", arguments={"data": str(data)}),
        floor=Side(prepare="benchmarks.mainframe:floor", arguments={"data": str(data)}),
    )


def stage(data: str) -> Work:
    """Decode as a mapping's ``read:`` would have it: only copybook and code page are known."""
    options = MainframeOptions(path=data, copybook=str(FOLDER / "customer.cpy"), code_page="cp037")
    adapter = Mainframe(options, base=Path("/"))
    _warm(Path(data))

    def work() -> int:
        return int(sum(batch.rows.num_rows for batch in adapter.read())) * 200

    return work


def floor(data: str) -> Work:
    """Decode with the record's offsets, types and code page written into the code."""
    sys.path.insert(0, str(FOLDER))
    decoder = importlib.import_module("decode_np")
    _warm(Path(data))

    def work() -> int:
        return int(sum(batch.num_rows for batch in decoder.batches(data, 8192))) * 200

    return work


def _warm(data: Path) -> None:
    """Read the file once, so that both sides find it in the page cache."""
    with data.open("rb") as stream:
        while stream.read(1 << 24):
            pass

"""Decoding a mainframe file by its copybook, beside a decoder written by hand for just that record."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from adapters.mainframe import Mainframe, MainframeOptions
from benchmarks.floors import FLOORS, absent
from benchmarks.measure import Absent, Argument, Comparison, Side, Work, compare

FOLDER = FLOORS / "mainframe"
RECORD = 200  # bytes
ROWS = 2_500_000
NAME = "mainframe: decode a file into Arrow"
CHUNK = 8_192  # records, of the floors


def run(folder: Path) -> Iterator[Comparison | Absent]:
    """Write the file and decode it: with NumPy and, where it is installed, with Numba."""
    names = {False: NAME, True: f"{NAME}, Numba"}
    if not FOLDER.is_dir():
        yield from map(absent, names.values())
        return
    data = folder / "customers.ebc"
    subprocess.run([sys.executable, FOLDER / "gen.py", data, str(ROWS)], check=True)
    for numba, name in names.items():
        if numba and find_spec("numba") is None:
            yield Absent(name=name, reason="Numba is not installed")
            continue
        arguments: dict[str, Argument] = {"data": str(data), "numba": numba}
        yield compare(
            name,
            "bytes",
            stage=Side(prepare="benchmarks.mainframe:stage", arguments=arguments),
            floor=Side(prepare="benchmarks.mainframe:floor", arguments=arguments),
        )


def stage(data: str, numba: bool) -> Work:
    """Decode as a mapping's ``read:`` would have it: only copybook and code page are known."""
    os.environ["VOEG_NUMBA"] = "on" if numba else "off"
    options = MainframeOptions(path=data, copybook=str(FOLDER / "customer.cpy"), code_page="cp037")
    adapter = Mainframe(options, base=Path("/"))
    _warm(Path(data))
    next(iter(adapter.read()))  # Numba gets ready, as it does in the floor

    def work() -> int:
        return int(sum(batch.rows.num_rows for batch in adapter.read())) * RECORD

    return work


def floor(data: str, numba: bool) -> Work:
    """Decode with the record's offsets, types and code page written into the code."""
    sys.path.insert(0, str(FOLDER))
    decoder = importlib.import_module("decode_nb" if numba else "decode_np")
    mapped = np.memmap(data, np.uint8, "r").reshape(-1, RECORD)
    records = np.ndarray(mapped.shape, np.uint8, mapped)
    _warm(Path(data))
    decoder.decode(records[:CHUNK])

    def work() -> int:
        chunks = (records[start : start + CHUNK] for start in range(0, len(records), CHUNK))
        return int(sum(decoder.decode(chunk).num_rows for chunk in chunks)) * RECORD

    return work


def _warm(data: Path) -> None:
    """Read the file once, so that both sides find it in the page cache."""
    with data.open("rb") as stream:
        while stream.read(1 << 24):
            pass

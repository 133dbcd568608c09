"""Mapping 25 raw columns to some 38 canonical values, beside the same written by hand in Polars."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from benchmarks.floors import FLOORS, absent
from benchmarks.measure import ROOT, Absent, Argument, Comparison, Side, Work, compare
from transform.mapping import load

FOLDER = FLOORS / "mapping"
LANGUAGE = ROOT / "benchmarks" / "mapping.yaml"
BATCH_ROWS = 20_000  # the default of every adapter


def run(folder: Path) -> Iterator[Comparison | Absent]:
    """Generate the raw rows, then map them with and without phone numbers, which cost more than all the rest."""
    names = {True: "mapping: 25 columns to 38 values", False: "mapping: the same without phone numbers"}
    if not FOLDER.is_dir():
        yield from (absent(name) for name in names.values())
        return
    subprocess.run([sys.executable, FOLDER / "data.py"], cwd=folder, stdout=subprocess.DEVNULL, check=True)
    for phones, name in names.items():
        arguments: dict[str, Argument] = {"folder": str(folder), "phones": phones}
        yield compare(
            name,
            "rows",
            stage=Side(prepare="benchmarks.mapping:stage", arguments=arguments),
            floor=Side(prepare="benchmarks.mapping:floor", arguments=arguments),
        )


def stage(folder: str, *, phones: bool) -> Work:
    """Map batch by batch, as a sync does, with the compiled mapping."""
    text = LANGUAGE.read_text(encoding="utf-8")
    file = Path(folder) / "mapping.yaml"
    file.write_text(text if phones else text.partition("      phones:\n")[0], encoding="utf-8")
    rows = pl.read_parquet(Path(folder) / "raw.parquet").to_arrow()
    batches = rows.combine_chunks().to_batches(max_chunksize=BATCH_ROWS)
    plan = load(file).plan.bind(rows.schema)

    def work() -> int:
        mapped = 0
        for batch in batches:
            outcome = plan.run(batch)
            mapped += sum(frame.height for _, frame in outcome.records)
        if mapped != rows.num_rows:
            raise RuntimeError(f"{mapped} of {rows.num_rows} rows were mapped")
        return mapped

    return work


def floor(folder: str, *, phones: bool) -> Work:
    """Run the hand-written expressions over all rows at once."""
    os.chdir(folder)
    sys.path.insert(0, str(FOLDER))
    written = importlib.import_module("mapping")
    raw = pl.read_parquet("raw.parquet")

    def work() -> int:
        return int(written.run_polars(raw, phones).height)

    return work

"""The benchmarks measure what they say: fresh processes, their CPU and their server's, no number without a floor."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest
from busy import burn

from adapters.mainframe.source import Source
from benchmarks import customers, mainframe, mapping
from benchmarks.mainframe import File
from benchmarks.measure import Absent, Side, compare, measure


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the fresh processes import ``busy``."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def test_only_the_work_is_measured() -> None:
    measured = measure(Side(prepare="busy:busy", arguments={"milliseconds": 100, "units": 7}))
    assert measured.units == 7
    assert 0.1 <= measured.cpu_seconds < 0.3
    assert measured.seconds >= 0.1


def test_the_ratio_is_the_stages_rate_by_the_floors() -> None:
    slow, fast = (
        Side(prepare="busy:busy", arguments={"milliseconds": milliseconds, "units": 100}) for milliseconds in (400, 100)
    )
    comparison = compare("name", "rows", stage=slow, floor=fast, rounds=1)
    assert 0.15 < comparison.ratio < 0.4
    assert comparison.as_json()["ratio"] == comparison.ratio


def test_a_servers_cpu_counts_with_that_of_its_children() -> None:
    server = multiprocessing.get_context("fork").Process(target=burn, args=(30_000,))
    server.start()
    waiting = Side(prepare="busy:idle", arguments={"milliseconds": 1000})
    served = Side(prepare="busy:idle", arguments={"milliseconds": 1000}, server=os.getpid())
    try:
        alone, with_server = measure(waiting), measure(served)
    finally:
        server.kill()
        server.join()
    assert alone.cpu_seconds < 0.1
    assert with_server.cpu_seconds > alone.cpu_seconds + 0.1


@pytest.mark.parametrize("stage", [mainframe, mapping])
def test_an_absent_floor_is_said_and_nothing_is_measured(
    stage: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "FOLDER", tmp_path / "none")
    results = list(stage.run(tmp_path))
    assert results
    assert all(isinstance(result, Absent) and "VOEG_FLOORS" in result.reason for result in results)


CUSTOMERS = 1_000
needs_floor = pytest.mark.skipif(not mainframe.FOLDER.is_dir(), reason="no floor beside the project")


@pytest.fixture
def fixed(tmp_path: Path) -> File:
    return mainframe.generated(tmp_path / "fixed.ebc", CUSTOMERS)


def read(file: File) -> pa.Table:
    options = file.options()
    return pa.Table.from_batches([batch.rows for batch in Source(options, Path("/")).read([Path(file.path)])])


@needs_floor
def test_the_floor_decodes_what_the_stage_decodes(fixed: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(mainframe.FOLDER))
    floor = importlib.import_module("decode_np")
    records = np.fromfile(fixed.path, np.uint8).reshape(-1, customers.RECORD)
    expected = pa.table(floor.decode(records))
    ours = read(fixed).rename_columns(expected.column_names)
    assert ours.cast(expected.schema).equals(expected)


@needs_floor
def test_other_forms_hold_the_same_customers(fixed: File) -> None:
    rows = read(fixed).to_pylist()
    short, longer, cyrillic = map(read, mainframe.other_forms(fixed))
    assert [len(row) for row in longer["CONTRACT"].to_pylist()][:5] == [0, 3, 1, 4, 2]
    assert longer.drop_columns(["CONTRACTS", "CONTRACT"]).to_pylist() == rows
    read_short = short.to_pylist()
    assert all(
        value in (None, row[name]) for found, row in zip(read_short, rows, strict=True) for name, value in found.items()
    )
    assert 0 < sum(row["BALANCE"] is None for row in read_short) < CUSTOMERS / 2
    latin = read(fixed)
    assert cyrillic.drop_columns(TEXTS).equals(latin.drop_columns(TEXTS))
    assert not any(name.isascii() for name in cyrillic["LAST-NAME"].to_pylist())


TEXTS = ["CUST-NO", "FIRST-NAME", "LAST-NAME", "STREET", "CITY", "COUNTRY", "EMAIL"]


@needs_floor
@pytest.mark.parametrize("processes", [1, 2])
def test_parts_together_are_the_file(fixed: File, processes: int) -> None:
    assert measure(fixed.parts(processes)).units == CUSTOMERS * customers.RECORD


@needs_floor
def test_rows_that_are_missing_stop_a_measurement(fixed: File) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        measure(replace(fixed, rows=CUSTOMERS + 1).side())

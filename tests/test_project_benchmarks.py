"""The benchmarks measure what they say: fresh processes, their CPU and their server's, no number without a floor."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path
from types import ModuleType

import pytest
from busy import burn

from benchmarks import mainframe, mapping
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

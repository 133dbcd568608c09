"""A million source records, from ten systems to golden records: time and memory per stage, bytes per source record.

Every stage is a process of its own, as an operator would run it, so that its memory is its own too. Fewer records for
a try: ``VOEG_SLOW_RECORDS=50000 make test-slow``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from landscape.soap_service import serve

pytestmark = pytest.mark.slow

RECORDS = int(os.environ.get("VOEG_SLOW_RECORDS", "1000000"))
VOEG = Path(sys.executable).with_name("voeg")
MOST_MEGABYTES = 8_000


@dataclass(frozen=True)
class Stage:
    """What a command took."""

    name: str
    seconds: float
    cpu_seconds: float
    peak_megabytes: float  # resident; never told as less than what the tests' own process has
    answer: Any = field(repr=False)  # its JSON


@pytest.fixture
def estate(project_root: Path, tmp_path: Path) -> Path:
    """The project's own estate, with an empty store."""
    for name in ("conf", "mappings"):
        shutil.copytree(project_root / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def run(estate: Path) -> Iterator[Any]:
    """A function that runs a command of ``voeg`` in the estate and returns the Stage."""
    environment = dict(os.environ)

    def command(name: str, *arguments: str, **settings: str) -> Stage:
        environment.update(settings)
        answer, said = estate / "answer.json", estate / "said.txt"
        started = time.perf_counter()
        with answer.open("wb") as output, said.open("wb") as errors:
            process = subprocess.Popen(
                [VOEG, *arguments, "--estate", estate], env=environment, stdout=output, stderr=errors
            )
            _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, f"{name}: {said.read_text(errors='replace')[-3000:]}"
        text = answer.read_text()
        return Stage(
            name=name,
            seconds=time.perf_counter() - started,
            cpu_seconds=used.ru_utime + used.ru_stime,
            peak_megabytes=used.ru_maxrss / 1024,
            answer=json.loads(text) if text.lstrip().startswith(("{", "[")) else None,
        )

    yield command


def test_a_million_source_records(estate: Path, run: Any, odbc_sqlite_driver: str) -> None:
    stages = [run("build the landscape", "landscape", "build", "--records", str(RECORDS))]
    with serve(estate / "var" / "landscape") as addresses:
        urls = {f"VOEG_LANDSCAPE_{name.upper()}_URL": address for name, address in addresses.items()}
        stages.append(first := run("sync, first load", "sync", "--json", **urls))
        stages.append(run("train the model", "model", "train", "--json"))
        stages.append(resolved := run("resolve", "resolve", "--json"))
        stages.append(again := run("sync again, nothing changed", "sync", "--json"))
        stages.append(run("resolve again", "resolve", "--json"))
    status = run("status", "status", "--json").answer
    size = sum(file.stat().st_size for file in (estate / "var").glob("voeg.db*"))
    records = status["totals"]["source_records"]
    _report(stages, records, size)

    for source in first.answer["sources"]:
        assert source["ok"], source["problems"]
        assert source["read"] == source["landed"] + source["unchanged"] + source["quarantined"] + source["filtered"]
    assert sum(source["landed"] for source in again.answer["sources"]) == 0
    assert records > 0.9 * RECORDS
    assert 0 < resolved.answer["entities"] < records
    assert status["totals"]["golden_records"] == resolved.answer["entities"]
    assert max(stage.peak_megabytes for stage in stages) < MOST_MEGABYTES


def _report(stages: list[Stage], records: int, size: int) -> None:
    table = Table(title=f"{records:,} source records; the store has {size / records:,.0f} bytes for each")
    for heading in ("stage", "seconds", "CPU-seconds", "records per s", "peak MB"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for stage in stages:
        table.add_row(
            stage.name,
            f"{stage.seconds:.1f}",
            f"{stage.cpu_seconds:.1f}",
            f"{records / stage.seconds:,.0f}",
            f"{stage.peak_megabytes:,.0f}",
        )
        steps = stage.answer.get("seconds", {}) if isinstance(stage.answer, dict) else {}
        for step, seconds in steps.items():
            table.add_row(f"    {step}", f"{seconds:.1f}")
    Console(width=110).print(table)

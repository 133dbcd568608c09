"""Run the benchmarks: ``python -m benchmarks [NAME …] [--json FILE]``."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Absent, Comparison, Counted

CLOCKS: tuple[Counted, ...] = ("cpu_seconds", "seconds")
STAGES = ("mainframe", "mapping", "landing", "lookup", "linking", "matching", "training")


def main() -> int:
    """Measure what was asked for, print a table, and write JSON where it was asked for."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(STAGES)}; default: all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured; - for stdout")
    wanted = parser.parse_args()
    unknown = set(wanted.stages) - set(STAGES)
    if unknown:
        parser.error(f"there is no stage {', '.join(sorted(unknown))}; there are {', '.join(STAGES)}")
    results: list[Comparison | Absent] = []
    progress = Console(stderr=True)
    for stage in wanted.stages or STAGES:
        with progress.status(f"measuring {stage}"), tempfile.TemporaryDirectory(prefix="voeg-bench-") as folder:
            results += importlib.import_module(f"benchmarks.{stage}").run(Path(folder))
    document = {"machine": _machine(), "comparisons": [result.as_json() for result in results]}
    if wanted.json == Path("-"):
        json.dump(document, sys.stdout, indent=2)
        return 0
    if wanted.json:
        wanted.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    console = Console()
    console.width = max(console.width, 120)
    console.print(_table(results))
    for result in results:
        if isinstance(result, Absent):
            console.print(f"{result.name}: not measured, {result.reason}")
    return 0


def _machine() -> dict[str, object]:
    return {"python": platform.python_version(), "system": platform.platform(), "cpus": os.cpu_count()}


def _table(results: list[Comparison | Absent]) -> Table:
    table = Table(title="Units per CPU-second, the stage beside its floor; A / B: what we do in two ways")
    for heading in ("", "unit"):
        table.add_column(heading, no_wrap=True)
    for heading in ("stage", "floor", "by CPU", "by clock", "peak MB", "floor's"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        if isinstance(result, Absent):
            continue
        stage, floor = result.stage, result.floor
        table.add_row(
            result.name,
            result.unit,
            _short(stage.rate),
            _short(floor.rate),
            *(_ratio(result, counted) for counted in CLOCKS),
            f"{stage.peak_megabytes:.0f}",
            f"{floor.peak_megabytes:.0f}",
        )
    return table


def _ratio(result: Comparison, counted: Counted) -> str:
    text = f"{result.ratio_by(counted):.2f}"
    return f"[bold]{text}[/bold]" if counted == result.by else text


def _short(number: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"


if __name__ == "__main__":
    sys.exit(main())

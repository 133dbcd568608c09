"""Run the benchmarks of stages beside their floors: ``python -m benchmarks [STAGE …] [--json]``."""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks.measure import Absent, Comparison
from benchmarks.report import comparisons, conclude

STAGES = ("mainframe", "mapping", "landing", "lookup", "linking", "matching", "training")


def main() -> int:
    """Measure what was asked for, and print a table, or JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(STAGES)}; default: all")
    parser.add_argument("--json", action="store_true", help="print JSON")
    wanted = parser.parse_args()
    unknown = set(wanted.stages) - set(STAGES)
    if unknown:
        parser.error(f"there is no stage {', '.join(sorted(unknown))}; there are {', '.join(STAGES)}")
    results: list[Comparison | Absent] = []
    progress = Console(stderr=True)
    for stage in wanted.stages or STAGES:
        with progress.status(f"measuring {stage}"), tempfile.TemporaryDirectory(prefix="voeg-bench-") as folder:
            results += importlib.import_module(f"benchmarks.{stage}").run(Path(folder))
    document = {"comparisons": [result.as_json() for result in results]}
    return conclude(document, comparisons(results), as_json=wanted.json)


if __name__ == "__main__":
    sys.exit(main())

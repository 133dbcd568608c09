"""What stages take beside their plain floors."""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks.measure import Absent, Comparison
from benchmarks.report import command, comparisons, conclude, stops_at_failure

STAGES = ("mainframe", "mapping", "landing", "lookup", "linking", "matching", "training")


def main() -> int:
    """Measure what was asked for, and print a table, or JSON."""
    parser = command("benchmarks", __doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(STAGES)}; default: all")
    asked = parser.parse_args()
    unknown = set(asked.stages) - set(STAGES)
    if unknown:
        parser.error(f"there is no stage {', '.join(sorted(unknown))}; there are {', '.join(STAGES)}")
    results: list[Comparison | Absent] = []
    progress = Console(stderr=True)
    for stage in asked.stages or STAGES:
        scratch = tempfile.TemporaryDirectory(prefix="voeg-bench-")
        with stops_at_failure(parser), progress.status(f"measuring {stage}"), scratch as folder:
            results += importlib.import_module(f"benchmarks.{stage}").run(Path(folder))
    document = {"comparisons": [result.as_json() for result in results]}
    return conclude(document, comparisons(results), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())

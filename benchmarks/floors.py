"""The hand-written floors that lie beside the project."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.measure import ROOT, Absent

FLOORS = Path(os.environ.get("VOEG_FLOORS") or ROOT.parent / "shared" / "floors")


def absent(name: str) -> Absent:
    """Say that a floor is not on this machine."""
    return Absent(name=name, reason=f"no floor at {FLOORS}; put it there or set VOEG_FLOORS")

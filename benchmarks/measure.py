"""Two sides of one piece of work, measured in fresh processes, in turns.

A side is a function that prepares the work, untimed, and returns the work itself: a callable without arguments that
returns how many units it did (rows, bytes, look-ups). This module is also what runs in the fresh process:
``python -m benchmarks.measure MODULE:FUNCTION ARGUMENTS`` prints one JSON object.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Literal

from foundation.errors import VoegError

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 3
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")

Work = Callable[[], int]
Argument = str | int | bool
Counted = Literal["cpu_seconds", "seconds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One way to do the work."""

    prepare: str  # "module:function", which returns the Work
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    server: int | None = None  # process id of a server that works for it: its CPU-seconds count as well


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One round of one side."""

    units: int
    cpu_seconds: float  # user and system, of the process, those that it started, and its server
    seconds: float
    peak_megabytes: float  # resident memory of the process, with what it prepared, in 1e6 bytes

    @property
    def rate(self) -> float:
        """Units per CPU-second."""
        return self.units / self.cpu_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A stage beside its floor."""

    name: str
    unit: str
    stage: Measured
    floor: Measured
    by: Counted = "cpu_seconds"  # what the ratio is of: work, or with several processes the time that passed

    @property
    def ratio(self) -> float:
        """The stage's rate as a share of the floor's: 0.5 is half as fast, 1 as fast."""
        return self.ratio_by(self.by)

    def ratio_by(self, counted: Counted) -> float:
        """Return the ratio of what either of the two clocks counted."""
        stage, floor = (side.units / getattr(side, counted) for side in (self.stage, self.floor))
        return float(stage / floor)

    def as_json(self) -> dict[str, object]:
        """Return everything that was measured, with the ratio."""
        return asdict(self) | {"ratio": self.ratio}


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A comparison that could not be made here."""

    name: str
    reason: str

    def as_json(self) -> dict[str, object]:
        """Return the name and the reason."""
        return asdict(self)


def compare(
    name: str, unit: str, *, stage: Side, floor: Side, rounds: int = ROUNDS, by: Counted = "cpu_seconds"
) -> Comparison:
    """Measure both sides in turns.

    Of work the round of each side that took the least CPU is kept. Time that passed depends on what else the machine
    does in that moment: of that the two rounds beside one another are kept that have the middle ratio.
    """
    pairs = []
    for _ in range(rounds):
        floors = measure(floor)
        pairs.append((measure(stage), floors))
    if by == "seconds":
        made = sorted((_compared(name, unit, pair, by) for pair in pairs), key=attrgetter("ratio"))
        return made[len(made) // 2]
    stages, beside = zip(*pairs, strict=True)
    least = attrgetter("cpu_seconds")
    return _compared(name, unit, (min(stages, key=least), min(beside, key=least)), by)


def _compared(name: str, unit: str, sides: tuple[Measured, Measured], by: Counted) -> Comparison:
    stage, floor = sides
    return Comparison(name=name, unit=unit, stage=stage, floor=floor, by=by)


def measure(side: Side, *, timeout: float | None = None) -> Measured:
    """Run one side once, in a fresh process. Polars and NumPy have one thread there; DuckDB has one for each CPU.

    Raises:
        subprocess.CalledProcessError: it failed, and said why on standard error.
        subprocess.TimeoutExpired: it took more than ``timeout`` seconds, and was ended.
    """
    one_thread = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
    command = [sys.executable, "-m", "benchmarks.measure", side.prepare]
    answer = subprocess.run(
        [*command, json.dumps(dict(side.arguments)), str(side.server or 0)],
        cwd=ROOT,
        env=os.environ | one_thread,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=timeout,
    )
    return Measured(**json.loads(answer.stdout.splitlines()[-1]))


def _in_this_process(prepare: str, arguments: Mapping[str, Argument], server: int) -> Measured:
    module, _, function = prepare.partition(":")
    work: Work = getattr(importlib.import_module(module), function)(**arguments)
    cpu, wall = _cpu_seconds(server), time.perf_counter()
    units = work()
    return Measured(
        cpu_seconds=_cpu_seconds(server) - cpu,
        seconds=time.perf_counter() - wall,
        units=units,
        peak_megabytes=_peak_bytes() / 1e6,
    )


def _cpu_seconds(server: int) -> float:
    own = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    living = sum(map(_of_tree, _children(os.getpid())))
    return sum(usage.ru_utime + usage.ru_stime for usage in own) + living + (_of_tree(server) if server else 0.0)


def _peak_bytes() -> int:
    """Return the most memory this process had; ``ru_maxrss`` would start from what its parent had."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _of_tree(process: int) -> float:
    """Return the CPU-seconds of a process, its children that ended and those that live."""
    try:
        # fields 14 to 17 of /proc/PID/stat: utime, stime, cutime, cstime; the name before them may hold spaces
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:15]
        children = _children(process)
    except OSError:  # ended meanwhile: its parent counts it
        return 0.0
    return sum(map(int, fields)) / CLOCK_TICKS + sum(map(_of_tree, children))


def _children(process: int) -> list[int]:
    """Return the processes that its main thread started and that live."""
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


if __name__ == "__main__":
    try:
        measured = _in_this_process(sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]))
    except VoegError as error:
        sys.exit(str(error))
    print(json.dumps(asdict(measured)))

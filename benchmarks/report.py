"""What every benchmark has in common: its command line, tables for people or JSON for machines, limits met or missed.

The exit code is 0 where all limits are met, 1 where one is missed, and 2 where nothing could be measured.
"""

from __future__ import annotations

import argparse
import json
import operator
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Literal

from rich.console import Console, RenderableType
from rich.table import Table

from benchmarks.measure import Absent, Comparison, Counted
from foundation.errors import VoegError

CLOCKS: tuple[Counted, ...] = ("cpu_seconds", "seconds")

Relation = Literal["<", "<=", ">="]
_HOLDS: Mapping[Relation, Callable[[float, float], bool]] = {"<": operator.lt, "<=": operator.le, ">=": operator.ge}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a figure is held to."""

    figure: str
    found: float
    relation: Relation
    bound: float
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the figure is where it has to be."""
        return _HOLDS[self.relation](self.found, self.bound)

    def as_json(self) -> dict[str, object]:
        """Return the limit, and whether it is met."""
        return asdict(self) | {"met": self.met}


def most_memory(figure: str, megabytes: float) -> Limit:
    """Return the limit of memory that linking keeps at any size."""
    return Limit(figure=figure, found=megabytes, relation="<", bound=5_000, unit="MB")


def command(module: str, told: str | None) -> argparse.ArgumentParser:
    """Return the parser of a benchmark's own command, which every benchmark can print JSON by.

    Args:
        module: as ``python -m`` takes it.
        told: its docstring, of which people are shown the first line.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=(told or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


@contextmanager
def stops_at_failure(parser: argparse.ArgumentParser) -> Iterator[None]:
    """End with exit code 2 where the work of the block fails, which is no missed limit."""
    try:
        yield
    except subprocess.CalledProcessError:
        parser.exit(2, "a step failed, for the reason above; nothing was concluded\n")
    except VoegError as error:
        parser.exit(2, f"{error}\nnothing was concluded\n")


def conclude(
    document: Mapping[str, object], shown: Iterable[RenderableType], limits: Sequence[Limit] = (), *, as_json: bool
) -> int:
    """Print what was measured; returns the exit code, which is 1 where a limit is missed.

    Args:
        document: what was measured, for JSON; the machine and the limits are added.
        shown: the same for people.
        limits: what the figures are held to.
        as_json: print JSON.
    """
    if as_json:
        told = [limit.as_json() for limit in limits]
        json.dump({"machine": _machine(), **document, "limits": told}, sys.stdout, indent=2)
        print()
    else:
        console = Console()
        console.width = max(console.width, 120)
        for one in (*shown, *([_limits(limits)] if limits else [])):
            console.print(one)
    return 0 if all(limit.met for limit in limits) else 1


def _machine() -> dict[str, object]:
    return {"python": platform.python_version(), "system": platform.platform(), "cpus": os.cpu_count()}


def _limits(limits: Sequence[Limit]) -> Table:
    table = Table(title="Limits")
    for heading in ("", "found", "limit", ""):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for limit in limits:
        bound = f"{limit.relation} {_number(limit.bound)} {limit.unit}".rstrip()
        table.add_row(limit.figure, _number(limit.found), bound, "met" if limit.met else "[bold red]missed[/]")
    return table


def _number(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.5g}"


# --- stages beside their floors --------------------------------------------------------------------------------


def comparisons(results: Iterable[Comparison | Absent]) -> Iterable[RenderableType]:
    """Show stages beside their floors; what could not be measured stands below."""
    table = Table(title="Units per CPU-second, the stage beside its floor; A / B: what we do in two ways")
    absent = []
    table.add_column("")
    table.add_column("unit", no_wrap=True)
    for heading in ("stage", "floor", "by CPU", "by clock", "peak MB", "floor's"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        if isinstance(result, Absent):
            absent.append(f"{result.name}: not measured, {result.reason}")
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
    return [table, *absent]


def _ratio(result: Comparison, counted: Counted) -> str:
    text = f"{result.ratio_by(counted):.2f}"
    return f"[bold]{text}[/bold]" if counted == result.by else text


def _short(number: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"

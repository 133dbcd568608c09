"""What every benchmark ends with: tables for people or JSON for machines, and its limits, met or missed."""

from __future__ import annotations

import json
import operator
import os
import platform
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from rich.console import Console, RenderableType
from rich.table import Table

from benchmarks.measure import Absent, Comparison, Counted

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
    for heading, justify in (("", "left"), ("found", "right"), ("limit", "right"), ("", "left")):
        table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
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

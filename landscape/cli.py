"""The commands ``voeg demo`` and ``voeg landscape``, and the report that the demonstration prints."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.progress import Progress, TaskID
from rich.table import Table

from landscape.build import Landscape, build, is_built
from landscape.demo import FOLDER, Report, demonstrate
from landscape.evaluation import CHANNELS, DETAILS, Evaluation
from landscape.soap_service import serve as serve_services
from sync.cli.console import (
    HERE,
    EstateOption,
    JsonOption,
    note,
    open_here,
    out,
    print_error,
    print_json,
    print_table,
    progress,
    reports_errors,
)
from sync.cli.sources import run_as_dict

landscape_app = typer.Typer(help="The flight simulator: a telecom operator's legacy estate.", no_args_is_help=True)

SeedOption = Annotated[int, typer.Option("--seed", help="The same seed gives the same landscape.")]
RecordsOption = Annotated[int, typer.Option("--records", min=100, help="How many source records, about.")]
DEFAULT = Landscape()


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command()(demo)
    app.add_typer(landscape_app, name="landscape")


@reports_errors
def demo(
    seed: SeedOption = DEFAULT.seed,
    records: RecordsOption = DEFAULT.records,
    retrain: Annotated[bool, typer.Option("--retrain", help="Train the model anew.")] = False,
    estate: EstateOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Build a landscape of ten legacy systems, sync, resolve and publish it, and measure the result."""
    here = open_here(estate)
    with progress() as bars:
        report = demonstrate(here, Landscape(seed=seed, records=records), retrain=retrain, tell=_Bars(bars))
    if as_json:
        print_json(_as_dict(report))
    else:
        _print(report)
    if report.failed:
        raise typer.Exit(1)


@landscape_app.command("build")
@reports_errors
def build_command(
    seed: SeedOption = DEFAULT.seed, records: RecordsOption = DEFAULT.records, estate: EstateOption = HERE
) -> None:
    """Write the landscape into the estate's var/landscape, unless it is there."""
    folder, landscape = open_here(estate).root / FOLDER, Landscape(seed=seed, records=records)
    if is_built(folder, landscape):
        note(f"{folder} holds this landscape already")
        return
    with progress() as bars:
        bar = bars.add_task("building the landscape", total=landscape.households)
        build(folder, landscape, advance=lambda count: bars.advance(bar, count))
    note(f"the landscape is in {folder}")


@landscape_app.command("serve")
@reports_errors
def serve_command(
    port: Annotated[int, typer.Option("--port", help="Port on loopback; the mappings expect this one.")] = 8461,
    estate: EstateOption = HERE,
) -> None:
    """Serve the SOAP services of the landscape on loopback, until stopped."""
    with serve_services(open_here(estate).root / FOLDER, port=port) as addresses:
        for name, address in addresses.items():
            note(f"{name}: {address}")
        threading.Event().wait()


class _Bars:
    """Shows the demonstration's steps as progress bars, one after the other."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._bar: TaskID | None = None

    def begin(self, step: str, total: int | None = None) -> None:
        """Replace the bar; where there is no terminal, say what begins."""
        if self._bar is not None:
            self._bars.remove_task(self._bar)
        self._bar = self._bars.add_task(step, total=total)
        if self._bars.disable:
            note(f"{step} …")

    def advance(self, count: int) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bars.advance(self._bar, count)


# --- the report ------------------------------------------------------------------------------------------------


def _print(report: Report) -> None:
    out.print()
    _print_sources(report)
    for source, why in report.left_out.items():
        note(f"left out: {source}: {why}")
    out.print()
    _print_clusters(report)
    if report.evaluation is not None:
        out.print()
        _print_reask(report.evaluation)
    out.print()
    if report.published is not None:
        note(str(report.published))
    if report.nothing_changed:
        note("nothing changed since the last run, and nothing was published")


def _print_sources(report: Report) -> None:
    """Print what came of every source; ``changed`` are the rows that told something new."""
    rows = [
        (run.source, c.read, c.landed, c.unchanged, c.quarantined, c.filtered, round(run.seconds, 1))
        if (c := run.counts)
        else (run.source, *("failed",) * 6)
        for run in report.runs
    ]
    columns = ("source", "read", "changed", "unchanged", "quarantined", "filtered", "s")
    print_table("Sources", columns, rows)
    for run in report.runs:
        if run.error is not None:
            print_error(run.error)


def _print_clusters(report: Report) -> None:
    rows: list[tuple[str, object]] = [
        ("canonical records", report.totals["source_records"]),
        ("golden records", report.totals["golden_records"]),
    ]
    if report.evaluation is not None:
        scores = report.evaluation.clusters
        rows += [
            ("true customers", scores.true_clusters),
            ("precision", f"{scores.precision:.4f}"),
            ("recall", f"{scores.recall:.4f}"),
            ("F1", f"{scores.f1:.4f}"),
        ]
    if report.resolved is not None:
        rows += [("model", f"{report.resolved.model}" + (", trained now" if report.trained else ""))]
        rows += [(f"events: {name}", count) for name, count in sorted(report.resolved.events.items())]
    rows += [(f"seconds: {name}", round(seconds, 1)) for name, seconds in report.seconds.items()]
    print_table("Golden records", ("", ""), rows)


def _print_reask(evaluation: Evaluation) -> None:
    """Print one column per channel and one row per detail: own system → golden record, in percent."""
    cells = {(cell.channel, cell.detail): cell for cell in evaluation.reask}
    channels = [channel.name for channel in CHANNELS if any((channel.name, detail) in cells for detail in DETAILS)]
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("% found and right")
    for channel in channels:
        table.add_column(channel.replace(" ", "\n"), justify="right", vertical="bottom")
    for detail in DETAILS:
        asked = [cells.get((channel, detail)) for channel in channels]
        shown = [f"{100 * cell.own:.0f} → {100 * cell.golden:.0f}" if cell else "" for cell in asked]
        table.add_row(detail.replace("_", " "), *shown)
    missing = [[(1 - c.own, 1 - c.golden) for c in evaluation.reask if c.channel == name] for name in channels]
    still = [f"{sum(own for own, _ in m):.1f} → {sum(golden for _, golden in m):.1f}" for m in missing]
    table.add_section()
    table.add_row("still to ask", *still, style="bold")
    out.print("[bold]What customers need not be asked again: own system → golden record[/]")
    out.print(table)
    out.print("[dim]still to ask: how many of the details it needs a channel must ask an average customer[/]")


def _as_dict(report: Report) -> dict[str, Any]:
    resolved, published, evaluation = report.resolved, report.published, report.evaluation
    return {
        "landscape": {**asdict(report.landscape), "built": report.built},
        "sources": [run_as_dict(run) for run in report.runs],
        "left_out": report.left_out,
        "model": {"version": resolved.model if resolved else None, "trained": report.trained},
        "entities": report.totals["entities"],
        "golden_records": report.totals["golden_records"],
        "events": resolved.events if resolved else {},
        "published": asdict(published) if published else None,
        "clusters": asdict(evaluation.clusters) if evaluation else None,
        "reask": [asdict(cell) for cell in evaluation.reask] if evaluation else [],
        "nothing_changed": report.nothing_changed,
        "totals": report.totals,
        "seconds": {name: round(seconds, 3) for name, seconds in report.seconds.items()},
    }

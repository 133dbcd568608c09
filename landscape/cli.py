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
from sync.cli.console import HERE, EstateOption, JsonOption, note, open_here, out, print_json, print_table, progress
from sync.cli.console import reports_errors as reports_errors_
from sync.cli.sources import print_runs, run_as_dict

landscape_app = typer.Typer(help="The flight simulator: a telecom operator's legacy estate.", no_args_is_help=True)

SeedOption = Annotated[int, typer.Option("--seed", help="The same seed gives the same landscape.")]
RecordsOption = Annotated[int, typer.Option("--records", min=100, help="How many source records, about.")]
DEFAULT = Landscape()


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command()(demo)
    app.add_typer(landscape_app, name="landscape")


@reports_errors_
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
@reports_errors_
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
@reports_errors_
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
    out.print("[bold]Sources[/]")
    print_runs(report.runs)
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


def _print_clusters(report: Report) -> None:
    rows: list[tuple[str, object]] = [
        ("source records", report.totals["source_records"]),
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
    """Print one row per channel and one column per detail: own system → golden record, in percent."""
    table = Table(
        title="What customers need not be asked again: own system → golden record, % found and right",
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        header_style="dim",
    )
    for name in ("channel", *(detail.replace("_", " ") for detail in DETAILS), "still to ask"):
        table.add_column(name, justify="left" if name == "channel" else "right", no_wrap=True)
    for channel in CHANNELS:
        cells = {cell.detail: cell for cell in evaluation.reask if cell.channel == channel.name}
        if not cells:
            continue
        shown = [f"{100 * cells[d].own:.0f} → {100 * cells[d].golden:.0f}" if d in cells else "" for d in DETAILS]
        own, golden = (sum(1 - getattr(cell, side) for cell in cells.values()) for side in ("own", "golden"))
        table.add_row(channel.name, *shown, f"{own:.1f} → {golden:.1f}")
    out.print(table, soft_wrap=False)
    out.print("[dim]still to ask: of the details that the channel needs, how many it has to ask an average customer[/]")


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

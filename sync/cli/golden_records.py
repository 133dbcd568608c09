"""Commands from landed records to channels: resolve, publish, export."""

from __future__ import annotations

import signal
import threading
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from store import outbox
from sync.cli.console import (
    HERE,
    EstateOption,
    JsonOption,
    note,
    open_here,
    out,
    print_json,
    print_table,
    progress,
    reports_errors,
)
from sync.cli.rehearsals import model_to_try, print_rehearsal
from sync.estate import Estate
from sync.explain import named
from sync.export import Format
from sync.export import crosswalk as export_crosswalk_rows
from sync.export import golden as export_golden_rows
from sync.link import Engine
from sync.publish import Published, drain, publisher, run
from sync.rehearse import rehearse
from sync.resolve import AT_MOST, Decided, Resolved, Waits, model_of, resolve_estate, resolve_one

export_app = typer.Typer(help="Write results to a file.", no_args_is_help=True)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="Parquet for machines, CSV for spreadsheets; as the file is called.")
]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(resolve)
    app.command()(publish)
    app.add_typer(export_app, name="export")


@reports_errors
def resolve(
    *,
    record: Annotated[
        str | None,
        typer.Option(
            "--record", metavar="SOURCE/RECORD_ID", help="Decide this one record now, and leave the rest for later."
        ),
    ] = None,
    engine: Annotated[Engine, typer.Option(help="What links everything, when that is due.")] = Engine.DUCKDB,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; tell what linking everything would merge and split.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(metavar="VERSION|FILE", help="With --dry-run: try this model, not the one in use.")
    ] = None,
    link_threshold: Annotated[
        float | None, typer.Option(metavar="BITS", help="With --dry-run: try this link threshold.")
    ] = None,
    samples: Annotated[int, typer.Option(min=0, help="With --dry-run: merges and splits to show, of each.")] = 10,
    sensitive: Annotated[
        bool, typer.Option("--sensitive", help="With --dry-run: show what the customers are called.")
    ] = False,
    estate: EstateOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Decide who is who, compute golden records, and put events into the outbox.

    With --record, exit code 3 says that the record is pending: a resolve of everything has to decide about it.
    """
    if record is not None and (dry_run or engine is not Engine.DUCKDB):
        raise typer.BadParameter("--record decides one record in this process: leave out --dry-run and --engine")
    if not dry_run and (model is not None or link_threshold is not None or sensitive):
        raise typer.BadParameter("--model, --link-threshold and --sensitive try something out: add --dry-run")
    here = open_here(estate)
    if record is not None:
        print_decided(decide_here(here, record), as_json=as_json)
        return
    if dry_run:
        base, tried = model_to_try(here, model, link_threshold)
        with progress() as bars:
            bars.add_task("who is who", total=None)
            rehearsal = rehearse(here.store, tried, engine=engine, samples=samples, names=sensitive)
        print_rehearsal(rehearsal, base=base, as_json=as_json)
        return
    report = resolve_here(here, engine)
    if as_json:
        print_json(resolved_as_dict(report))
    else:
        print_resolved(report)


PENDING_CODE: Final = 3
"""The exit code when one record was asked about, and could not be decided on its own."""

_WAITS: Final = {
    Waits.BUSY: "another process is resolving",
    Waits.ANEW: "the model, thresholds, constraints, rules or program changed, or nothing was resolved yet",
    Waits.CROWDED: f"more than {AT_MOST} records hang together with it",
}


def decide_here(here: Estate, record: str) -> Decided:
    """Decide about one record of an estate, called ``source/record_id``, with the estate's settings."""
    with here.store.read() as connection:
        record_no = named(connection, record).record_no
    return resolve_one(here.store, here.rules, model_of(here), record_no, actor="cli", now=datetime.now(UTC))


def print_decided(decided: Decided, *, as_json: bool) -> None:
    """Print which customer a record is, as far as is known; exit with ``PENDING_CODE`` when it is pending."""
    customer = None if decided.entity_id is None else str(decided.entity_id)
    if as_json:
        print_json({"customer": customer, "pending": decided.waits})
    elif customer is not None:
        out.print(f"customer {customer}")
    if decided.waits is not None:
        note(f"pending: {_WAITS[decided.waits]}; 'voeg resolve' decides")
        raise typer.Exit(PENDING_CODE)


def resolved_as_dict(report: Resolved) -> dict[str, Any]:
    """Return what a resolve did as JSON-ready data."""
    return {
        "model": report.model,
        "packaged_prior": report.prior,
        "outgrown": report.outgrown,
        "idle": report.idle,
        "anew": report.anew,
        "changes": report.changes,
        "records": report.records,
        "entities": report.entities,
        "events": report.events,
        "seconds": {stage: round(seconds, 3) for stage, seconds in report.seconds.items()},
    }


def resolve_here(here: Estate, engine: Engine = Engine.DUCKDB) -> Resolved:
    """Resolve an estate with its settings, showing progress."""
    with progress() as bars:
        bar = bars.add_task("resolving", total=None)
        return resolve_estate(
            here,
            actor="cli",
            now=datetime.now(UTC),
            engine=engine,
            stage=lambda name, steps: bars.update(bar, description=name, total=steps, completed=0),
            advance=lambda steps: bars.advance(bar, steps),
        )


def print_resolved(report: Resolved) -> None:
    """Print what a resolve did."""
    if report.prior:
        note("no model was trained: the packaged prior is used; 'voeg model train' learns from your own data")
    if report.idle:
        note("nothing changed since the last resolve")
        return
    if report.outgrown:
        note(report.outgrown)
    note(f"by model {report.model}; 'voeg model list' tells what it is made of")
    note("everything was linked anew" if report.anew else f"{report.changes:,} changed records were matched")
    rows: list[tuple[str, float]] = [("source records", report.records), ("entities", report.entities)]
    rows += [(f"events: {name}", count) for name, count in sorted(report.events.items())]
    rows += [(f"seconds: {name}", round(seconds, 2)) for name, seconds in report.seconds.items()]
    print_table(None, ("resolved", ""), rows)


@reports_errors
def publish(
    forever: Annotated[bool, typer.Option("--forever", help="Go on publishing what comes; stop with Ctrl-C.")] = False,
    estate: EstateOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Bring the events of the outbox to RabbitMQ. The exit code is 1 when some are left because there is no broker."""
    here = open_here(estate)
    report = publish_forever(here) if forever else publish_here(here)
    if as_json:
        print_json(asdict(report))
    else:
        note(str(report))
    if report.problem:
        raise typer.Exit(1)


def publish_here(here: Estate) -> Published:
    """Publish what waits in the outbox of an estate, showing progress."""
    with progress() as bars, publisher(here) as broker:
        bar = bars.add_task("publishing", total=outbox.count(here.store))
        return drain(here.store, broker, advance=lambda count: bars.advance(bar, count))


def publish_forever(here: Estate) -> Published:
    """Publish what comes until the process is told to stop (SIGINT, SIGTERM)."""
    stop = threading.Event()
    for signal_ in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_, lambda *_: stop.set())
    with publisher(here) as broker:
        return run(here.store, broker, stop)


@export_app.command("golden")
@reports_errors
def export_golden(file: FileArgument, format_: FormatOption = None, estate: EstateOption = HERE) -> None:
    """Write all golden records. The file holds personal data, sensitive fields included."""
    rows = export_golden_rows(open_here(estate).store, file, format_ or Format.of(file))
    note(f"{rows:,} golden records in {file}")


@export_app.command("crosswalk")
@reports_errors
def export_crosswalk(file: FileArgument, format_: FormatOption = None, estate: EstateOption = HERE) -> None:
    """Write which source record belongs to which entity: data_source, record_id, entity_id."""
    note(
        f"{export_crosswalk_rows(open_here(estate).store, file, format_ or Format.of(file)):,} source records in {file}"
    )

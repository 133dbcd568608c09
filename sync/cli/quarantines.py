"""Commands about rows that could not land: quarantine list|show|replay."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from sync import quarantine
from sync.cli.console import (
    HERE,
    EstateOption,
    JsonOption,
    SourcesArgument,
    note,
    open_here,
    print_json,
    print_table,
    reports_errors,
)
from sync.quarantine import Entry

quarantine_app = typer.Typer(help="Rows that could not land.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(quarantine_app, name="quarantine")


@quarantine_app.command("list")
@reports_errors
def list_(
    sources: SourcesArgument = None,
    estate: EstateOption = HERE,
    closed: Annotated[bool, typer.Option("--closed", help="Show the entries that were closed too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the rows in quarantine and why they are there, without their values."""
    here = open_here(estate)
    wanted = [mapping.name for mapping in here.select(sources or [])] if sources else [None]
    found = [entry for name in wanted for entry in quarantine.entries(here.store, name, closed=closed)]
    if as_json:
        print_json([asdict(entry) for entry in found])
        return
    if not found:
        note("nothing is in quarantine")
        return
    rows = [(e.entry_id, e.source, f"{e.opened_at:%Y-%m-%d %H:%M}", _why(e), e.closed_by or "") for e in found]
    print_table(None, ("entry", "source", "since", "why", "closed by"), rows)


@quarantine_app.command("show")
@reports_errors
def show(
    entry: Annotated[int, typer.Argument(help="The number of the entry, as list shows it.")],
    estate: EstateOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show one row as its source gave it. Shows personal data."""
    found, row = quarantine.show(open_here(estate).store, entry)
    if as_json:
        print_json({**asdict(found), "row": row})
        return
    note(f"{found.source}: {_why(found)}")
    print_table(None, ("column", "value"), [(name, "" if value is None else str(value)) for name, value in row.items()])


@quarantine_app.command("replay")
@reports_errors
def replay(sources: SourcesArgument = None, estate: EstateOption = HERE, as_json: JsonOption = False) -> None:
    """Map the rows in quarantine again, and land those that are good now: after a mapping was mended."""
    here = open_here(estate)
    replayed = {
        mapping.name: quarantine.replay(here.store, mapping, now=datetime.now(UTC), actor="cli")
        for mapping in here.select(sources or [])
    }
    if as_json:
        print_json({name: asdict(outcome) for name, outcome in replayed.items()})
        return
    rows = [(name, outcome.tried, outcome.closed, outcome.left) for name, outcome in replayed.items() if outcome.tried]
    if rows:
        print_table(None, ("source", "tried", "good now", "left"), rows)
    else:
        note("nothing is in quarantine")


def _why(entry: Entry) -> str:
    return "; ".join(f"{reason.kind} {reason.path}: {reason.reason}" for reason in entry.reasons)

"""Commands about an estate as a whole: init, status."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sync.cli.console import (
    HERE,
    EstateOption,
    JsonOption,
    note,
    open_here,
    print_json,
    print_table,
    reports_errors,
)
from sync.init import init as make_estate
from sync.status import status as estate_status


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(init)
    app.command()(status)


@reports_errors
def init(folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")]) -> None:
    """Make an empty estate: conf/ with every setting explained, and mappings/ with one to start from."""
    for file in make_estate(folder):
        note(f"made {file}")
    note(f"next: edit {folder}/mappings/, then voeg check --estate {folder}")


@reports_errors
def status(estate: EstateOption = HERE, as_json: JsonOption = False) -> None:
    """Show what the store holds, how each source stands, and what waits."""
    found = estate_status(open_here(estate))
    if as_json:
        print_json({"sources": found.sources.to_dicts(), "totals": found.totals})
        return
    print_table(
        "Sources",
        ("source", "system", "state", "last run", "when", "read", "quarantined", "live records"),
        [
            (
                row["source"],
                row["system"] or "",
                row["state"] or "never read",
                row["run_state"] or "",
                f"{row['ended_at']:%Y-%m-%d %H:%M}" if row["ended_at"] else "",
                row["read"],
                row["open_quarantine"],
                row["records"],
            )
            for row in found.sources.iter_rows(named=True)
        ],
    )
    for row in found.sources.iter_rows(named=True):
        for problem in dict.fromkeys(filter(None, (row["held_reason"], row["error"]))):
            note(f"{row['source']}: {problem}")
    print_table("Store", ("what", "how many"), [(name.replace("_", " "), n) for name, n in found.totals.items()])
    if found.totals["work"]:
        note(f"changed parties that wait to be resolved: {found.totals['work']:,}; 'voeg resolve' does it")
    if found.totals["outbox"]:
        note(f"events that wait in the outbox: {found.totals['outbox']:,}; 'voeg publish' sends them")

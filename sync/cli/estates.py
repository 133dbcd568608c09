"""Commands about an estate as a whole: init, status."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from sync.cli.console import (
    HERE,
    EstateOption,
    JsonOption,
    is_narrow,
    note,
    open_here,
    print_json,
    print_table,
    reports_errors,
)
from sync.init import init as make_estate
from sync.status import Matching, Status
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
    """Show what the store holds, how each source stands, what decides who is who, and what waits."""
    found = estate_status(open_here(estate))
    if as_json:
        print_json(
            {
                "sources": found.sources.to_dicts(),
                "totals": found.totals,
                "matching": matching_as_dict(found.matching) if found.matching else None,
            }
        )
        return
    _print_sources(found)
    print_table("Store", ("what", "how many"), [(name.replace("_", " "), n) for name, n in found.totals.items()])
    if found.matching:
        print_matching(found.matching)
    for text in _waits(found):
        note(text)


def _print_sources(found: Status) -> None:
    """Print how each source stands; a narrow terminal has no room for its system and the time."""
    narrow = is_narrow()
    columns = ["source", *(["system"] * (not narrow)), "state", "last run", *(["when"] * (not narrow))]
    rows = [
        (
            row["source"],
            *([row["system"] or ""] * (not narrow)),
            row["state"] or "never read",
            row["run_state"] or "",
            *([f"{row['ended_at']:%Y-%m-%d %H:%M}" if row["ended_at"] else ""] * (not narrow)),
            row["read"],
            row["open_quarantine"],
            row["records"],
        )
        for row in found.sources.iter_rows(named=True)
    ]
    print_table("Sources", (*columns, "read", "quarantined", "live records"), rows)
    for row in found.sources.iter_rows(named=True):
        for problem in dict.fromkeys(filter(None, (row["held_reason"], row["error"]))):
            note(f"{row['source']}: {problem}")


def _waits(found: Status) -> Iterator[str]:
    """Yield what waits for somebody, and the command that does it."""
    work, tasks, outbox = (found.totals[name] for name in ("work", "tasks", "outbox"))
    if found.problem:
        yield found.problem
    if found.matching:
        yield from matching_notes(found.matching)
    if work:
        yield f"changed records that wait: {work:,}; 'voeg resolve' decides who they are"
    if tasks:
        yield f"open questions: {tasks:,}; 'voeg tasks list' shows the most urgent"
    if outbox:
        yield f"events that wait in the outbox: {outbox:,}; 'voeg publish' sends them"


def print_matching(matching: Matching) -> None:
    """Print which model decides who is who, and what the estate sets otherwise than that."""
    rows = [("model in use", f"{matching.base}, the packaged prior" if matching.prior else matching.base)]
    if matching.set_here:
        rows.append(("with what is set here", matching.version))
    rows += [
        ("link threshold, bits", _set(f"{matching.link_threshold:+.2f}", "link_threshold", matching)),
        ("review threshold, bits", _set(f"{matching.review_threshold:+.2f}", "review_threshold", matching)),
    ]
    if matching.duplicate_free:
        rows.append(("sources with everyone once", ", ".join(matching.duplicate_free)))
    rows.append(("customers are made with", matching.made_with or "none yet"))
    print_table("Who is who", ("what", ""), rows)


def _set(text: str, setting: str, matching: Matching) -> str:
    return f"{text}, set here" if setting in matching.set_here else text


def matching_notes(matching: Matching) -> Iterator[str]:
    """Yield what should be done about the model."""
    if matching.prior:
        yield "no model was trained: the packaged prior is used; 'voeg model train' learns from your own data"
    if matching.made_with and not matching.up_to_date:
        why = (
            "by another release of the program, which matches otherwise"
            if matching.made_with == matching.version
            else "with another model, threshold or list of duplicate-free sources than is in use"
        )
        yield (
            f"customers were made {why}: 'voeg resolve' links everything anew;"
            " 'voeg resolve --dry-run' tells what that changes"
        )
    if matching.outgrown:
        yield matching.outgrown


def matching_as_dict(matching: Matching) -> dict[str, Any]:
    """Return what decides who is who as JSON-ready data."""
    return {**asdict(matching), "up_to_date": matching.up_to_date}

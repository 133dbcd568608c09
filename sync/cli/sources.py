"""Commands about sources and their mappings: check, discover, preview, mapping test, sync."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from foundation.errors import VoegError
from sync.check import check as check_sources
from sync.cli.console import (
    HERE,
    EstateOption,
    JsonOption,
    SourcesArgument,
    by_path,
    note,
    open_here,
    print_error,
    print_json,
    print_table,
    progress,
    reports_errors,
)
from sync.cli.golden_records import print_resolved, resolve_here, resolved_as_dict
from sync.discover import discover as discover_sources
from sync.estate import Estate
from sync.preview import preview as preview_source
from sync.run import SourceRun
from sync.run import sync as sync_sources
from transform.examples import check as check_examples

mapping_app = typer.Typer(help="Work on mappings.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(check)
    app.command()(discover)
    app.command()(preview)
    app.command()(sync)
    app.add_typer(mapping_app, name="mapping")


@reports_errors
def check(sources: SourcesArgument = None, estate: EstateOption = HERE, as_json: JsonOption = False) -> None:
    """Reach every source and bind its mapping to the columns it has; read nothing."""
    here = open_here(estate)
    results = list(check_sources(here, here.select(sources or [])))
    if as_json:
        print_json(
            [
                {
                    "source": result.source,
                    "system": result.system,
                    "ok": result.error is None,
                    "message": result.message,
                    "problems": _problems(result.error),
                }
                for result in results
            ]
        )
    else:
        rows = [(r.source, r.system, "failed" if r.error else "ok", r.message or "see below") for r in results]
        print_table(None, ("source", "system", "", "found"), rows)
        for result in results:
            if result.error:
                print_error(result.error)
    _end(here, sources, failed=any(result.error for result in results))


@reports_errors
def discover(sources: SourcesArgument = None, estate: EstateOption = HERE, as_json: JsonOption = False) -> None:
    """List what the systems hold: tables, files and operations with their columns."""
    here = open_here(estate)
    found = {mapping.name: list(discover_sources(here, mapping)) for mapping in here.select(sources or [])}
    if as_json:
        print_json(found)
        return
    for source, things in found.items():
        for thing in things:
            print_table(
                f"{source}: {thing['name']}",
                ("column", "type", "null", "note"),
                [(c["name"], c["type"], c["nullable"], c["note"] or "") for c in thing["columns"]],
            )


@reports_errors
def preview(
    source: Annotated[str, typer.Argument(help="The source to preview.")],
    rows: Annotated[int, typer.Option(min=1, max=1000, help="Rows to map.")] = 5,
    estate: EstateOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Map the first rows of a source and show the canonical records; land nothing. Shows personal data."""
    here = open_here(estate)
    (mapping,) = here.select([source])[:1]
    mapped = preview_source(here, mapping, rows=rows)
    records = [
        {"kind": str(kind), **{name: value for name, value in row.items() if value is not None}}
        for kind, frame in mapped.records
        for row in frame.iter_rows(named=True)
    ]
    rejects = mapped.rejects.to_dicts()
    if as_json:
        print_json({"records": records, "rejects": rejects, "field_errors": mapped.field_errors.to_dicts()})
        return
    for record in records:
        title = f"{record.pop('kind')} {record.pop('record_id')} (row {record.pop('row') + 1})"
        print_table(title, ("field", "value"), list(by_path(record).items()))
    for reject in rejects:
        note(f"row {reject['row'] + 1} would be quarantined: {reject['path']} {reject['reason']}")
    for path, reason, count in mapped.field_errors.select("path", "reason", "count").iter_rows():
        note(f"{path}: {reason}, {count:,} left empty")
    if not records and not rejects:
        note(f"no row of {source} becomes a record")


@mapping_app.command("test")
@reports_errors
def mapping_test(sources: SourcesArgument = None, estate: EstateOption = HERE, as_json: JsonOption = False) -> None:
    """Run the examples that stand in the mappings."""
    here = open_here(estate)
    outcomes = {mapping.name: list(check_examples(mapping)) for mapping in here.select(sources or [])}
    failed = sum(not outcome.passed for found in outcomes.values() for outcome in found)
    if as_json:
        print_json(
            {
                name: [
                    {"example": o.index, "passed": o.passed, "problems": [str(problem) for problem in o.problems]}
                    for o in found
                ]
                for name, found in outcomes.items()
            }
        )
    else:
        rows = [(name, len(found), sum(o.passed for o in found)) for name, found in outcomes.items()]
        print_table(None, ("source", "examples", "passed"), rows)
        for found in outcomes.values():
            for outcome in found:
                for problem in outcome.problems:
                    note(str(problem))
    _end(here, sources, failed=bool(failed))


@reports_errors
def sync(
    sources: SourcesArgument = None,
    resolve: Annotated[bool, typer.Option("--resolve", help="Resolve identities afterwards.")] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Accept that records of the named sources vanished, this once.")
    ] = False,
    estate: EstateOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Read, map and land sources. One that fails stops only itself; the exit code then is 1."""
    if accept and not sources:
        raise typer.BadParameter("name the sources of which records are really gone", param_hint="--accept")
    here = open_here(estate)
    mappings = here.select(sources or [])
    runs: list[SourceRun] = []
    with progress() as bars:
        bar = {mapping.name: bars.add_task(mapping.name, total=None) for mapping in mappings}
        for run in sync_sources(
            here, mappings, actor="cli", accept=accept, advance=lambda name, rows: bars.advance(bar[name], rows)
        ):
            bars.remove_task(bar[run.source])
            runs.append(run)
    runs.sort(key=lambda run: run.source)
    resolved = resolve_here(here) if resolve else None
    if as_json:
        print_json(
            {
                "sources": [run_as_dict(run) for run in runs],
                "resolved": resolved_as_dict(resolved) if resolved else None,
                "broken_mappings": _problems(None if sources else here.broken),
            }
        )
    else:
        print_runs(runs)
        if resolved:
            print_resolved(resolved)
    _end(here, sources, failed=any(run.error for run in runs))


def _end(here: Estate, sources: list[str] | None, *, failed: bool) -> None:
    """End a command about all sources: those whose mapping is broken were left out, and that is a failure."""
    broken = None if sources else here.broken
    if broken:
        print_error(broken)
    elif not here.mappings:
        note(f"there are no mappings in {here.root / 'mappings'}; docs/mapping.md says how to write one")
    if failed or broken:
        raise typer.Exit(1)


def _problems(error: VoegError | None) -> list[str]:
    return [str(problem) for problem in error.problems] if error else []


def run_as_dict(run: SourceRun) -> dict[str, Any]:
    """Return a source's run as JSON-ready data."""
    counts = run.counts
    return {
        "source": run.source,
        "system": run.system,
        "ok": run.error is None,
        "seconds": round(run.seconds, 3),
        "read": counts.read if counts else None,
        "landed": counts.landed if counts else None,
        "unchanged": counts.unchanged if counts else None,
        "quarantined": counts.quarantined if counts else None,
        "filtered": counts.filtered if counts else None,
        "deleted": counts.deleted if counts else None,
        "field_errors": [asdict(error) for error in counts.field_errors] if counts else [],
        "problems": _problems(run.error),
    }


def print_runs(runs: list[SourceRun]) -> None:
    """Print one line per source, then what failed."""
    names = ("read", "landed", "unchanged", "quarantined", "filtered", "deleted")
    rows = [
        (
            run.source,
            "failed" if run.error else "done",
            *(getattr(run.counts, name) if run.counts else None for name in names),
            run.seconds,
        )
        for run in runs
    ]
    print_table(None, ("source", "", *names, "seconds"), rows)
    unusable = [
        (run.source, error.path, error.reason, error.count)
        for run in runs
        for error in (run.counts.field_errors if run.counts else ())
    ]
    if unusable:
        print_table("Values that could not be used, left empty", ("source", "field", "reason", "values"), unusable)
    for run in runs:
        if run.error:
            print_error(run.error)

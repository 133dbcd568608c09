"""What the command line prints: tables for people, JSON for machines, errors on standard error.

Standard output carries the answer alone, so that it can be piped; progress and errors go to standard error.
Exit codes: 0 done, 1 failed, 2 wrong use.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from foundation import logging
from foundation.errors import VoegError
from sync.estate import Estate, open_estate

WIDE = 200
"""Columns of a table that is written to a file or a pipe: nothing is folded for a terminal that is not there."""

NARROW = 120
"""Columns of a terminal below which tables stack or leave out what would be folded into soup."""

out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, highlight=False)

EstateOption = Annotated[
    Path,
    typer.Option(
        "--estate", metavar="DIR", envvar="VOEG_ESTATE", help="The estate: a folder with conf/ and mappings/."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of tables.")]
SourcesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[SOURCE]...", help="Sources or systems by name; all when none is named.")
]
HERE = Path()

Params = ParamSpec("Params")
Result = TypeVar("Result")


def reports_errors(command: Callable[Params, Result]) -> Callable[Params, Result]:
    """Turn this project's errors into lines on standard error and exit code 1; let real bugs through."""

    @functools.wraps(command)
    def wrapped(*args: Params.args, **kwargs: Params.kwargs) -> Result:
        try:
            return command(*args, **kwargs)
        except VoegError as error:
            print_error(error)
            raise typer.Exit(1) from None
        except BrokenPipeError:
            raise typer.Exit(0) from None
        except KeyboardInterrupt:
            err.print("stopped; what was committed stays, the same command goes on from there")
            raise typer.Exit(1) from None

    return wrapped


def print_error(error: VoegError) -> None:
    """Print every problem on a line of its own."""
    for problem in error.problems:
        err.print(f"[bold red]error[/] {escape(str(problem))}", soft_wrap=True)


def note(text: str) -> None:
    """Tell the person something beside the answer."""
    err.print(escape(text), soft_wrap=True)


def is_narrow() -> bool:
    """Whether the terminal has little room for tables."""
    return out.width < NARROW


def open_here(estate: Path) -> Estate:
    """Open the estate of a command and set up its logging."""
    opened = open_estate(estate)
    logging.configure(opened.settings.log)
    return opened


def print_json(value: object) -> None:
    """Print a value as one JSON document."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def print_table(title: str | None, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; numbers stand right-aligned with thousands apart, nothing is a dash."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    cells = [[_cell(value) for value in row] for row in rows]
    numeric = [bool(cells) and all(row[i][1] for row in cells) for i in range(len(columns))]
    for name, is_number in zip(columns, numeric, strict=True):
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in cells:
        table.add_row(*(text for text, _ in row))
    out.print(table)


def by_path(record: Mapping[str, object]) -> dict[str, str]:
    """Return the values of a record as people read them: one text per field, and per element of a list."""
    texts: dict[str, str] = {}
    for name, value in record.items():
        if isinstance(value, list):
            texts |= {f"{name}[{place}]": _text(element) for place, element in enumerate(value)}
        else:
            texts[name] = _text(value)
    return texts


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items() if part is not None)
    return str(value)


@contextmanager
def progress() -> Iterator[Progress]:
    """Show progress bars on a terminal, and nothing where standard error is a file or a pipe."""
    bars = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    with bars:
        yield bars


def _cell(value: Any) -> tuple[str, bool]:
    """Return the text of a cell and whether it counts as a number."""
    if value is None:
        return "-", True
    if isinstance(value, bool):
        return ("yes" if value else "no"), False
    if isinstance(value, int):
        return f"{value:,}", True
    if isinstance(value, float):
        return f"{value:,.2f}", True
    return escape(str(value)), False

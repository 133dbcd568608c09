"""What the command line prints: tables for people, JSON for machines, errors on standard error.

Standard output carries the answer alone, so that it can be piped; progress and errors go to standard error.
Exit codes: 0 done, 1 failed, 2 wrong use; a command that has others says so in its help.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from foundation import logging
from foundation.errors import VoegError
from identity.model import BIT
from sync.estate import Estate, open_estate

WIDE = 200
"""Columns of a table that is written to a file or a pipe, where ``COLUMNS`` does not say: no terminal folds it."""

NARROW = 120
"""Columns of a terminal below which tables stack or leave out what would be folded into soup."""

GAP = 2
"""Columns between two columns of a table."""

out = Console(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDE)
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


def is_narrow(columns: int = NARROW) -> bool:
    """Whether the terminal has little room for tables: less than these columns."""
    return out.width < columns


def open_here(estate: Path) -> Estate:
    """Open the estate of a command and set up its logging."""
    opened = open_estate(estate)
    logging.configure(opened.settings.log)
    return opened


def print_json(value: object) -> None:
    """Print a value as one JSON document."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


class Figure(str):
    """A number as it is to be printed: it stands on the right, like every number."""

    __slots__ = ()


def bits(weight: int | None) -> Figure:
    """Return a weight (1/1000 bit) in bits with its sign; a dash for none."""
    return Figure("-" if weight is None else f"{weight / BIT:+.2f}")


def print_table(title: str | None, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; numbers stand right-aligned with thousands apart, nothing is a dash.

    Where it is too wide, texts are folded at spaces, so that names of records can be copied, while there is room.
    """
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim",
        show_header=any(columns),
    )  # fmt: skip
    cells = [[_cell(value) for value in row] for row in rows]
    numeric = [bool(cells) and all(row[i][1] for row in cells) for i in range(len(columns))]
    widths = _widths([[name, *(row[i][0] for row in cells)] for i, name in enumerate(columns)], out.width)
    for name, is_number, width in zip(columns, numeric, widths, strict=True):
        table.add_column(name, justify="right" if is_number else "left", overflow="fold", width=width)
    for row in cells:
        table.add_row(*(escape(text) for text, _ in row))
    out.print(table)


def _widths(columns: Sequence[Sequence[str]], room: int) -> list[int | None]:
    """Return how wide columns stand so that no word is broken; None, where they fit as they are or words do not fit.

    What is left when every column has room for its longest word goes to those that want least beyond it.
    """
    words = [max((cell_len(word) for text in texts for word in text.split()), default=0) for texts in columns]
    lines = [max((cell_len(line) for text in texts for line in text.splitlines()), default=0) for texts in columns]
    room -= GAP * (len(columns) - 1)
    if sum(lines) <= room or sum(words) > room:
        return [None] * len(columns)
    widths, left = words, room - sum(words)
    for turn, column in enumerate(sorted(range(len(columns)), key=lambda one: lines[one] - words[one])):
        more = min(lines[column] - words[column], left // (len(columns) - turn))
        widths[column] += more
        left -= more
    return [*widths]


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
    return str(value), isinstance(value, Figure)

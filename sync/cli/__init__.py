"""The command ``voeg``: one function per command, each opens the estate, runs a use case and prints its answer.

Rooms above this one add their commands through the entry points ``voeg.commands``: a function that takes the app.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points, version
from typing import Annotated

import typer

from sync.cli import (
    copybooks,
    customers,
    estates,
    evaluations,
    explanations,
    golden_records,
    models,
    quarantines,
    sources,
    tasks,
)
from sync.cli.console import out

app = typer.Typer(
    name="voeg",
    help="Voeg: the cement between the customer systems an organisation already has.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a stack trace must not print local values: they may be a customer's
    add_completion=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"voeg {version('voeg')}")
        raise typer.Exit


@app.callback()
def voeg(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Voeg: the cement between the customer systems an organisation already has."""


for room in (
    estates,
    sources,
    golden_records,
    models,
    evaluations,
    customers,
    explanations,
    quarantines,
    tasks,
    copybooks,
):
    room.register(app)


@cache
def command_line() -> typer.Typer:
    """Return the app with the commands of the rooms above, which import this one."""
    for command in sorted(entry_points(group="voeg.commands"), key=lambda point: point.name):
        command.load()(app)
    return app


def main() -> None:
    """Run the command line."""
    command_line()()

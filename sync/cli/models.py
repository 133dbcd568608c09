"""``voeg model``: train the identity model, look at it, choose another, carry one from estate to estate."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from foundation.errors import ConfigurationError
from identity.model import BIT, Model, packaged_prior
from store import models
from sync.cli.console import (
    HERE,
    EstateOption,
    Figure,
    JsonOption,
    bits,
    note,
    open_here,
    print_json,
    print_table,
    progress,
    reports_errors,
)
from sync.cli.estates import matching_as_dict, matching_notes, print_matching
from sync.estate import Estate
from sync.resolve import model_of
from sync.status import matching
from sync.train import (
    bring,
    differences,
    disagreement,
    find_model,
    outgrown,
    use,
    write_model,
)
from sync.train import train as train_model

app = typer.Typer(help="The identity model.", no_args_is_help=True)

LEVELS_SHOWN = 30
"""Differences in the table; ``--json`` has all."""
ACTOR = "cli"

NameArgument = Annotated[str, typer.Argument(metavar="VERSION|FILE", help="A version, a file, or 'prior'.")]


def register(into: typer.Typer) -> None:
    """Add this module's commands."""
    into.add_typer(app, name="model")


@app.command("train")
@reports_errors
def train(estate: EstateOption = HERE, as_json: JsonOption = False) -> None:
    """Train the model on all landed parties, and use it from the next resolve on."""
    here = open_here(estate)
    with progress() as bars:
        bars.add_task("training", total=None)
        model = train_model(here.store, actor=ACTOR, generic=here.settings.identity.generic)
    if as_json:
        print_json({"version": model.version, "profile": dict(model.profile)})
        return
    prior = packaged_prior().populations
    for party_type in (name for name, population in model.populations.items() if population == prior[name]):
        note(f"too few records of type {party_type} to learn from: it keeps the weights of the packaged prior")
    note(f"model {model.version} is trained and in use; 'voeg resolve' links everything with it")


@app.command("list")
@reports_errors
def list_(estate: EstateOption = HERE, as_json: JsonOption = False) -> None:
    """List the models that the store keeps, the newest first, and which version resolving makes of the one in use.

    With --json: "models", and "in_use", null where the model is not one of this release.
    """
    here = open_here(estate)
    kept = models.kept(here.store)
    used, problem = None, None
    try:
        used = matching(here)
    except ConfigurationError as error:  # it can be listed, and another be used
        problem = str(error)
    if as_json:
        print_json({"models": [asdict(one) for one in kept], "in_use": matching_as_dict(used) if used else None})
        return
    rows = [(one.version, one.active, f"{one.created_at:%Y-%m-%d %H:%M}", one.actor, one.note) for one in kept]
    if rows:
        print_table(None, ("version", "in use", "made (UTC)", "by", "how"), rows)
    if used:
        print_matching(used)
    for text in matching_notes(used) if used else [str(problem)]:
        note(text)


@app.command("show")
@reports_errors
def show(
    name: Annotated[
        str | None, typer.Argument(metavar="[VERSION|FILE]", help="A version, a file, or 'prior'; the one in use.")
    ] = None,
    estate: EstateOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show a model: what it was made from, its thresholds, and the weight of every level of evidence."""
    here = open_here(estate)
    store, model = here.store, _find(here, name)
    if as_json:
        print_json(json.loads(model.to_json()))
        return
    is_prior = model.version == packaged_prior().version
    note(f"model {model.version}" + (" (packaged prior: none was trained)" if is_prior and name is None else ""))
    if name is None and (problem := outgrown(model, models.parties(store))):
        note(problem)
    _print_profile(model)
    thresholds = [("link", bits(model.link_threshold)), ("review", bits(model.review_threshold))]
    print_table("Thresholds", ("from", "bits"), thresholds)
    if name is None and (used := matching(here)).set_here:
        print_matching(used)
    for party_type, population in model.populations.items():
        rows = [("prior", "", bits(population.stranger_prior), bits(population.relative_prior))]
        rows += [
            (comparison, level.name, bits(level.stranger), bits(level.relative))
            for comparison, levels in population.comparisons.items()
            for level in levels
        ]
        print_table(party_type, ("comparison", "level", "bits against strangers", "against relatives"), rows)


def _find(here: Estate, name: str | None) -> Model:
    """Return a model; also by the version that resolving makes of the one in use, which the store does not keep."""
    if name is not None and models.artefact(here.store, name) is None:
        used = model_of(here)
        if used.version == name:
            return used
    return find_model(here.store, name)


def _print_profile(model: Model) -> None:
    """Print what a model was made from."""
    rows: list[tuple[str, object]] = []
    for name, value in model.profile.items():
        if name == "populations" and isinstance(value, dict):
            for party_type, part in value.items():
                if isinstance(part, dict):
                    rows += [(f"{party_type}: {_words(what)}", _text(part[what])) for what in part]
        else:
            rows.append((_words(name), _text(value)))
    print_table("Made from", ("what", ""), rows)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{_words(name)} {_text(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, float):
        return f"{value:.0%}"
    return f"{value:,}" if isinstance(value, int) else str(value)


@app.command("compare")
@reports_errors
def compare(
    one: NameArgument,
    other: NameArgument,
    records: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Also link some N landed records by both, and count where they differ."),
    ] = None,
    estate: EstateOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Tell what two models weigh differently, and with --records what they decide differently."""
    here = open_here(estate)
    store, left, right = here.store, _find(here, one), _find(here, other)
    found = differences(left, right)
    decided = disagreement(store, left, right, records=records) if records else None
    if as_json:
        print_json(
            {
                "versions": [left.version, right.version],
                "thresholds": {
                    "link": [left.link_threshold / BIT, right.link_threshold / BIT],
                    "review": [left.review_threshold / BIT, right.review_threshold / BIT],
                },
                "weights": [asdict(difference) for difference in found],
                "decisions": asdict(decided) if decided else None,
            }
        )
        return
    note(f"model {left.version} and model {right.version}")
    print_table(
        "Thresholds",
        ("from", "bits by the one", "by the other"),
        [
            ("link", bits(left.link_threshold), bits(right.link_threshold)),
            ("review", bits(left.review_threshold), bits(right.review_threshold)),
        ],
    )
    print_table(
        "Weights that differ, in bits, most different first",
        (
            "",
            "comparison",
            "level",
            "against strangers: the one",
            "the other",
            "against relatives: the one",
            "the other",
        ),
        [
            (
                difference.party_type,
                difference.comparison,
                difference.level,
                *(_signed(difference.against_strangers)),
                *(_signed(difference.against_relatives)),
            )
            for difference in found[:LEVELS_SHOWN]
        ],
    )
    if len(found) > LEVELS_SHOWN:
        note(f"{len(found) - LEVELS_SHOWN} more differ less; --json has all")
    if decided:
        rows = [
            ("customers", *decided.clusters),
            ("pairs of records put together", *decided.pairs),
            ("of these by one alone", *(pairs - decided.both for pairs in decided.pairs)),
        ]
        print_table(f"Decisions about {decided.records:,} records", ("", "by the one", "by the other"), rows)


def _signed(pair: tuple[float, float] | None) -> tuple[Figure | None, Figure | None]:
    return (Figure(f"{pair[0]:+.2f}"), Figure(f"{pair[1]:+.2f}")) if pair else (None, None)


@app.command("use")
@reports_errors
def use_(name: NameArgument, estate: EstateOption = HERE) -> None:
    """Use another model from the next resolve on."""
    model = use(open_here(estate).store, name, actor=ACTOR)
    note(f"model {model.version} is in use; 'voeg resolve' links everything with it")


@app.command("export")
@reports_errors
def export(
    name: NameArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
    estate: EstateOption = HERE,
) -> None:
    """Write a model to a file. The file holds names and shared contact points: personal data."""
    model = find_model(open_here(estate).store, name)
    write_model(model, file)
    note(f"model {model.version} in {file}")


@app.command("import")
@reports_errors
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that 'voeg model export' wrote.")],
    estate: EstateOption = HERE,
) -> None:
    """Keep a model that was exported elsewhere. 'voeg model use' puts it to use."""
    model = bring(open_here(estate).store, file, actor=ACTOR)
    note(f"model {model.version} is kept; 'voeg model use {model.version}' puts it to use")

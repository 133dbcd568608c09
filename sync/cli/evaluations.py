"""The command ``voeg evaluate``: who is who, against a truth and against what stewards decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from identity.calibration import ENOUGH, SURE, Advice, Support
from identity.model import BIT, Model
from sync import evaluate as use_case
from sync.cli.console import (
    HERE,
    EstateOption,
    Figure,
    JsonOption,
    bits,
    note,
    open_here,
    out,
    print_json,
    print_table,
    progress,
    reports_errors,
)
from sync.evaluate import KEY, Evaluation, Example, Part
from sync.resolve import model_of

SOURCES_SHOWN = 15
"""Pairs of sources in the table; ``--json`` has all."""
PARTS_SHOWN, KEYS_SHOWN = 4, 3
"""Parts of an example in the table, and source records of each; ``--json`` has more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """What was asked for."""

    evaluation: Evaluation | None
    links: pl.DataFrame | None  # see identity.evaluation.sweep
    advice: Advice | None
    model: Model


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(evaluate)


@reports_errors
def evaluate(
    *,
    truth: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Who is who: CSV, JSON Lines (or either as .gz) or Parquet, with data_source, record_id and a column"
            " for the customer.",
        ),
    ] = None,
    entity: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column for the customer, where there are more.")
    ] = None,
    examples: Annotated[int, typer.Option(min=0, help="Mistakes of each kind to show.")] = 5,
    links: Annotated[
        str | None,
        typer.Option(
            metavar="LOW..HIGH[..STEP]", help="Score other link thresholds, in bits; each links everything anew."
        ),
    ] = None,
    decisions: Annotated[
        bool, typer.Option("--decisions", help="Say which thresholds the decisions of stewards support.")
    ] = False,
    estate: EstateOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Measure who is who against a truth, or say which thresholds the decisions of stewards support."""
    if truth is None and not decisions:
        raise typer.BadParameter("give --truth FILE, or --decisions, or both")
    if truth is None and links is not None:
        raise typer.BadParameter("--links needs --truth FILE")
    thresholds = None if links is None else _thresholds(links)
    here = open_here(estate)
    model = model_of(here)
    known = None if truth is None else use_case.read_truth(truth, entity)
    with progress() as bars:
        bars.add_task("evaluating", total=None)
        report = _Report(
            evaluation=None if known is None else use_case.evaluate(here.store, known, examples=examples),
            links=None if known is None or thresholds is None else use_case.sweep(here.store, known, thresholds, model),
            advice=use_case.advise(here.store, model) if decisions else None,
            model=model,
        )
    if as_json:
        print_json(_as_dict(report))
    else:
        _print(report)


def _thresholds(text: str) -> list[int]:
    """Return thresholds in 1/1000 bit; in steps of one bit where none is given."""
    try:
        low, high, *steps = (round(float(part) * BIT) for part in text.split(".."))
        [step] = steps or [BIT]
        if step <= 0 or low > high:
            raise ValueError
    except (ValueError, OverflowError):
        raise typer.BadParameter("--links wants bits as LOW..HIGH or LOW..HIGH..STEP: 4..12, 6..9..0.5") from None
    return list(range(low, high + 1, step))


# --- for people ------------------------------------------------------------------------------------------------


def _print(report: _Report) -> None:
    if report.evaluation is not None:
        _print_evaluation(report.evaluation)
    if report.links is not None:
        out.print()
        _print_links(report.links)
    if report.advice is not None:
        out.print()
        _print_advice(report.advice, report.model)


def _print_evaluation(found: Evaluation) -> None:
    scores = found.scores
    rows = [
        ("pairs of records", scores.precision, scores.recall, scores.f1),
        ("records (B³)", scores.bcubed_precision, scores.bcubed_recall, scores.bcubed_f1),
        ("whole customers", scores.cluster_precision, scores.cluster_recall, scores.cluster_f1),
    ]
    shown = [(name, *map(_share, values)) for name, *values in rows]
    print_table("Who is who, against the truth", ("", "precision", "recall", "F1"), shown)
    out.print()
    counts = [
        ("source records of which the truth is known", scores.records),
        ("true customers", scores.true_clusters),
        ("customers found", scores.clusters),
        ("source records of the largest", scores.largest),
    ]
    print_table(None, ("", ""), counts)
    if found.unknown:
        note(f"source records of the truth that are in no customer: {found.unknown:,}; not live, or not resolved yet")
    if found.of_no_source:
        note(f"of these, of no source that has customers: {found.of_no_source:,}; data_source is a mapping's 'source:'")
    if found.without_truth:
        note(f"source records that are not in the truth, and do not count: {found.without_truth:,}")
    out.print()
    sources = [
        (row["source_a"], row["source_b"], row["wrong"], row["lost"], _share(row["precision"]), _share(row["recall"]))
        for row in found.by_source.head(SOURCES_SHOWN).iter_rows(named=True)
    ]
    print_table(
        "Pairs of records by their sources, the most mistakes first",
        ("source", "and source", "wrongly together", "wrongly apart", "precision", "recall"),
        sources,
    )
    for title, columns, examples in (
        (
            "Customers put together wrongly, the worst first",
            ("customer", "source records", "pairs wrongly together", "of true customers"),
            found.over_merged,
        ),
        (
            "True customers in pieces, the worst first",
            ("true customer", "source records", "pairs wrongly apart", "in customers"),
            found.split,
        ),
    ):
        if examples:
            out.print()
            rows_of = [(example.name, example.records, example.pairs, _parts(example)) for example in examples]
            print_table(title, columns, rows_of)


def _share(value: float) -> Figure:
    return Figure(f"{value:.4f}")


def _parts(example: Example) -> str:
    return _some([_part(part) for part in example.parts[:PARTS_SHOWN]], len(example.parts), " | ")


def _part(part: Part) -> str:
    keys = [f"{source}/{record_id}" for source, record_id in part.keys[:KEYS_SHOWN]]
    return f"{part.name}: {_some(keys, part.records, ' ')}"


def _some(texts: Sequence[str], of: int, between: str) -> str:
    more = [f"and {of - len(texts):,} more"] if of > len(texts) else []
    return between.join([*texts, *more])


def _print_links(links: pl.DataFrame) -> None:
    rows = [
        (bits(row["threshold"]), *(_share(row[name]) for name in ("precision", "recall", "f1")))
        for row in links.iter_rows(named=True)
    ]
    print_table("Other link thresholds", ("bits", "precision", "recall", "F1"), rows)


def _print_advice(advice: Advice, model: Model) -> None:
    note(f"decided pairs: {advice.decisions:,}, of which one customer: {advice.same:,}")
    print_table(
        "Thresholds that the decisions support",
        ("threshold", "bits now", "bits supported", "decisions on its side", "one customer"),
        [
            (name, bits(now), bits(support.threshold), support.decisions, support.same)
            for name, now, support in (
                ("link", model.link_threshold, advice.link),
                ("review", model.review_threshold, advice.review),
            )
        ],
    )
    few = [name for name, side in (("link", advice.link), ("review", advice.review)) if side.threshold is None]
    if few:
        note(
            f"too few decisions for {' and '.join(few)}: {ENOUGH} are wanted where at least {SURE:.0%} of the pairs"
            " are one customer (link), and where at least as many are not (review); 'voeg tasks list' asks for them"
        )


# --- for machines ----------------------------------------------------------------------------------------------


def _as_dict(report: _Report) -> dict[str, Any]:
    answer: dict[str, Any] = {"model": report.model.version}
    if report.evaluation is not None:
        found = report.evaluation
        answer |= {
            "scores": asdict(found.scores),
            "unknown": found.unknown,
            "of_no_source": found.of_no_source,
            "without_truth": found.without_truth,
            "by_source": found.by_source.to_dicts(),
            "over_merged": [_example_as_dict(example) for example in found.over_merged],
            "split": [_example_as_dict(example) for example in found.split],
        }
    if report.links is not None:
        answer["links"] = report.links.with_columns(pl.col("threshold") / BIT).to_dicts()
    if report.advice is not None:
        answer["advice"] = {
            "decisions": report.advice.decisions,
            "same": report.advice.same,
            "link": _support_as_dict(report.advice.link, report.model.link_threshold),
            "review": _support_as_dict(report.advice.review, report.model.review_threshold),
        }
    return answer


def _example_as_dict(example: Example) -> dict[str, Any]:
    parts = [
        {"name": part.name, "records": part.records, "keys": [dict(zip(KEY, key, strict=True)) for key in part.keys]}
        for part in example.parts
    ]
    return {"name": example.name, "records": example.records, "pairs": example.pairs, "parts": parts}


def _support_as_dict(support: Support, now: int) -> dict[str, Any]:
    supported = None if support.threshold is None else support.threshold / BIT
    return {"now": now / BIT, "supported": supported, "decisions": support.decisions, "same": support.same}

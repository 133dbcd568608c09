"""Commands that explain and relate: customer why|why-not|how|related, export households|relationships."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from identity.explanation import Step, Weighing
from identity.wording import RIVALS, respect
from sync import explained, relate
from sync.cli.console import (
    HERE,
    EstateOption,
    Figure,
    JsonOption,
    bits,
    is_narrow,
    note,
    open_here,
    out,
    print_json,
    print_table,
    reports_errors,
)
from sync.cli.customers import customer_app
from sync.cli.golden_records import FileArgument, FormatOption, export_app
from sync.explain import KEY_STATES, REASONS, VERDICTS, Decision, Explainer, How, Named, Pair, Why, WhyNot
from sync.export import Format
from sync.resolve import model_of

WATERFALL: Final = 32
"""Columns that a waterfall takes."""
WITH_BARS: Final = 140
WITH_VALUES: Final = 180
"""Columns of a terminal from which there is room for it: without the values that were compared, and with them."""
MOST_PAIRS: Final = 10
"""Pairs between two customers that are printed; ``--json`` has them all."""

OneArgument = Annotated[str, typer.Argument(metavar="A", help="A source record, source/record_id, or a customer's id.")]
OtherArgument = Annotated[str, typer.Argument(metavar="B", help="Another one.")]
SensitiveOption = Annotated[
    bool, typer.Option("--sensitive", help="Show what the records say, IBAN and national ids included.")
]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    customer_app.command("why")(why)
    customer_app.command("why-not")(why_not)
    customer_app.command("how")(how)
    customer_app.command("related")(related)
    export_app.command("households")(export_households)
    export_app.command("relationships")(export_relationships)


@reports_errors
def why(
    a: OneArgument,
    b: OtherArgument,
    sensitive: SensitiveOption = False,
    estate: EstateOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Explain what speaks for two being one customer, and against it: every comparison, in words and in bits.

    Each bit doubles the odds that the two are one; ten are a thousand to one.

    With --json: "format", the two sides "a" and "b", whether they are "together", the "verdict" on the "strongest" pair
    with its "evidence", all "pairs", the weight "between" the two as a whole, "decisions" and "notes"; weights in bits.
    """
    found = _explainer(estate).why(a, b)
    if as_json:
        print_json(explained.why(found, sensitive=sensitive))
        return
    _notes(found.notes)
    if found.together:
        out.print(f"{found.a} and {found.b} are one customer: {found.a.entity_id}", markup=False)
    else:
        out.print(f"{found.a} and {found.b} are not one customer", markup=False)
    _print_decisions(found.decisions)
    _print_why(found, sensitive=sensitive)
    _print_hint(found)


@reports_errors
def why_not(
    a: OneArgument,
    b: OtherArgument,
    sensitive: SensitiveOption = False,
    estate: EstateOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Explain what keeps two apart: blocking, a veto, a threshold, a contradiction or a decision.

    With --json: what "why" tells, and the "reasons", the decisive one first, and the blocking "keys" in common.
    """
    found = _explainer(estate).why_not(a, b)
    if as_json:
        print_json(explained.why_not(found, sensitive=sensitive))
        return
    _notes(found.why.notes)
    sides = " and ".join(f"{side} ({_count(side.records)})" for side in (found.why.a, found.why.b))
    out.print(f"{sides} are not one customer:", markup=False)
    for reason in found.reasons:
        out.print(f"- {_reason(reason, found)}", markup=False)
    _print_decisions(found.why.decisions)
    if found.why.pairs:
        keys = [(key.rule.replace("_", " "), KEY_STATES[key.state], key.records) for key in found.keys]
        if keys:
            print_table("Blocking keys in common", ("key", "what it does", "records"), keys)
        else:
            out.print("No blocking key in common")
        _print_why(found.why, sensitive=sensitive)


@reports_errors
def how(
    customer: Annotated[str, typer.Argument(metavar="ID", help="The id of a golden record.")],
    sensitive: SensitiveOption = False,
    estate: EstateOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Explain how a customer was put together: in which order, by what, and what a higher threshold takes apart.

    With --json: "format", "id", "records", "link_threshold", the "steps", each with its "weight" and "strongest" pair,
    the "falls", of which the first is the weakest link, "decisions" and "notes"; weights in bits.
    """
    found = _explainer(estate).how(customer)
    if as_json:
        print_json(explained.how(found, sensitive=sensitive))
        return
    _notes(found.notes)
    if str(found.entity_id) != found.asked:
        note(f"customer {found.asked} was merged into {found.entity_id}")
    out.print(f"customer {found.entity_id}: {_count(found.records)}", markup=False)
    _print_decisions(found.decisions)
    if len(found.records) > 1:
        _print_steps(found)
    if sensitive and found.weakest:
        _print_weighing(found.weakest.strongest, sensitive=True)


@reports_errors
def related(
    customer: Annotated[str, typer.Argument(metavar="ID", help="The id of a golden record.")],
    estate: EstateOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """List who is related to a customer: its household, its organisation, who pays for whom; and what they share."""
    here = open_here(estate)
    found = relate.related(here.store, model_of(here), customer)
    if as_json:
        print_json({"format": explained.FORMAT, **asdict(found)})
        return
    if found.id != found.requested_id:
        note(f"customer {found.requested_id} was merged into {found.id}")
    if not found.relations:
        note(f"customer {found.id} is related to nobody")
        return
    if found.household:
        out.print(f"one household: {', '.join(found.household)}", markup=False)
    rows = [
        (_role(one), one.id, ", ".join(_SHARED_WORDS.get(what, what) for what in one.because))
        for one in found.relations
    ]
    print_table(None, (f"customer {found.id}", "customer", "because of"), rows)


@reports_errors
def export_households(file: FileArgument, format_: FormatOption = None, estate: EstateOption = HERE) -> None:
    """Write who lives together: household (its smallest customer id), entity_id."""
    here = open_here(estate)
    rows = relate.export_households(here.store, model_of(here), file, format_ or Format.of(file))
    note(f"{rows:,} people in households in {file}")


@reports_errors
def export_relationships(file: FileArgument, format_: FormatOption = None, estate: EstateOption = HERE) -> None:
    """Write who is related to whom: one, other, kind, because."""
    here = open_here(estate)
    rows = relate.export_relationships(here.store, model_of(here), file, format_ or Format.of(file))
    note(f"{rows:,} relationships in {file}")


_ROLES: Final = {
    ("household", "both"): "lives together with",
    ("organisation", "other"): "belongs to the organisation",
    ("organisation", "one"): "is the organisation of",
    ("payer", "other"): "is paid for by",
    ("payer", "one"): "pays for",
}
"""Relations in words, from the customer that was asked about; others are told by their kind."""

_SHARED_WORDS: Final = {
    "declared": "a source says so",
    "name": "family name",
    "phone": "phone number",
    "email": "e-mail address",
    "iban": "bank account",
    "registration": "registration number",
}


def _role(relation: relate.Relation) -> str:
    kind = relation.kind.replace("_", " ")
    told = f"has as {kind}" if relation.role == "other" else f"is the {kind} of"
    return _ROLES.get((relation.kind, relation.role), told)


def _explainer(estate: Path) -> Explainer:
    here = open_here(estate)
    return Explainer(here.store, model_of(here))


def _notes(notes: Iterable[str]) -> None:
    for text in notes:
        note(text)


def _count(records: Sequence[Named]) -> str:
    return f"{len(records):,} source record" + ("s" if len(records) > 1 else "")


def _reason(code: str, found: WhyNot) -> str:
    """Return a reason in words, with the figures that belong to it."""
    text = REASONS[code]
    if code == "veto":
        return f"{text}: " + "; ".join(dict.fromkeys(veto for pair in found.why.pairs for veto in pair.weighing.vetoes))
    if found.why.strongest is None:
        return text
    weighing = found.why.strongest.weighing
    figures = {
        "too_little": (weighing.weight, weighing.review_threshold),
        "review": (weighing.weight, weighing.link_threshold),
        "contradiction": (found.why.between, weighing.link_threshold),
    }
    if code not in figures:
        return text
    weight, needed = figures[code]
    return f"{text} ({bits(weight)} bits, {bits(needed)} needed)"


# Tables -----------------------------------------------------------------------------------------------------------


def _print_decisions(decisions: Iterable[Decision]) -> None:
    rows = [
        (
            "one customer" if decision.kind == "must_link" else "not one customer",
            decision.a,
            decision.b,
            decision.author,
            f"{decision.decided_at:%Y-%m-%d %H:%M} UTC",
            decision.reason,
        )
        for decision in decisions
    ]
    if rows:
        print_table("Decided by a steward", ("decision", "record", "record", "by", "at", "reason"), rows)


def _print_why(found: Why, *, sensitive: bool) -> None:
    if found.strongest is None:
        out.print(VERDICTS[found.verdict], markup=False)
        return
    if len(found.pairs) > 1:
        if found.between is not None:
            needed = bits(found.strongest.weighing.link_threshold)
            out.print(
                f"taken together they weigh {bits(found.between)} bits; two customers are joined when this"
                f" and a pair of their records reach {needed}",
                markup=False,
            )
        shown = found.pairs
        if len(shown) > MOST_PAIRS:
            shown = (*shown[: MOST_PAIRS // 2], *shown[-MOST_PAIRS // 2 :])
            note(f"the {MOST_PAIRS // 2} strongest and weakest of {len(found.pairs):,} pairs are shown; --json has all")
        names = [(f"{pair.a}\n{pair.b}",) if is_narrow() else (str(pair.a), str(pair.b)) for pair in shown]
        rows = [
            (*name, bits(pair.weighing.weight), *_mainly(pair.weighing))
            for name, pair in zip(names, shown, strict=True)
        ]
        columns = (*(("records",) if is_narrow() else ("record", "record")), "bits", "mostly for", "mostly against")
        print_table("Pairs of their records", columns, rows)
    out.print(f"{found.strongest.a} and {found.strongest.b} by themselves: {VERDICTS[found.verdict]}", markup=False)
    _print_weighing(found.strongest, sensitive=sensitive)


def _print_hint(found: Why) -> None:
    """Say where to look when a pair by itself does not tell why its customers are what they are."""
    links = found.verdict in ("links", "decided_same")
    if found.together and not links:
        note(f"other records hold them together: voeg customer how {found.a.entity_id}")
    elif links and not found.together:
        note(f"what keeps them apart all the same: voeg customer why-not {found.a.asked} {found.b.asked}")


def _mainly(weighing: Weighing) -> tuple[str, str]:
    """Return the strongest evidence for and against, in words."""

    def told(*, speaking_for: bool) -> str:
        steps = weighing.strongest(speaking_for=speaking_for, most=2)
        return "; ".join(f"{_name(step)} ({step.told_against(weighing.rival)})" for step in steps) or "-"

    return told(speaking_for=True), told(speaking_for=False)


def _name(step: Step) -> str:
    return respect(step.comparison).name


def _print_weighing(pair: Pair, *, sensitive: bool) -> None:
    """Print the evidence of a pair, with a waterfall of the sum that decides."""
    weighing = pair.weighing
    rival = weighing.rival
    fits = RIVALS[weighing.party_type][rival]
    out.print(
        f"weight {bits(weighing.weight)} bits: what they prove against the other explanation that fits best, {fits};"
        f" {bits(weighing.link_threshold)} links, {bits(weighing.review_threshold)} asks a steward",
        markup=False,
    )
    told = [step for step in weighing.steps if step.told]
    sums = [weighing.prior(rival)]
    for step in told:
        sums.append(sums[-1] + step.weight(rival))
    low, high = min(0, *sums), max(0, weighing.link_threshold, *sums)
    stacked, drawn = is_narrow(), not is_narrow(WITH_VALUES if sensitive else WITH_BARS)

    def row(
        name: str, words: str, values: tuple[str, str], weights: tuple[int, int], way: tuple[int, int]
    ) -> list[object]:
        """Return a line of the table; a narrow terminal has no room for bars, and stacks the two values."""
        compared = ["\n".join(values)] if stacked else [*values]
        bar = [_bar(*way, low, high)] if drawn else []
        return [name, words, *(compared if sensitive else ()), *map(bits, weights), bits(way[-1]), *bar]

    nothing = ("", "")
    priors = weighing.prior("strangers"), weighing.prior("relatives")
    rows = [row("to begin with", "the odds of any two", nothing, priors, (0, sums[0]))]
    for step, way in zip(told, itertools.pairwise(sums), strict=True):
        own, others = (", ".join(says) or "-" for says in step.says)
        rows.append(row(_name(step), step.told_against(rival), (own, others), (step.stranger, step.relative), way))
    totals = weighing.total("strangers"), weighing.total("relatives")
    rows.append(row("together", "", nothing, totals, (0, weighing.weight)))
    sides = ["they say"] if stacked else [str(pair.a), str(pair.b)]
    headers = ["evidence", "in words", *(sides if sensitive else ()), "if strangers", "if relatives", "sum"]
    print_table(None, [*headers, *([f"sum if {rival}"] if drawn else ())], rows)
    silent = [_name(step) for step in weighing.steps if not step.told]
    if silent:
        out.print(f"not told by both: {', '.join(silent)}", markup=False)
    if weighing.vetoes:
        out.print(f"ruled out by: {'; '.join(weighing.vetoes)}", markup=False)
    if weighing.set_aside:
        names = ", ".join(name.replace("_", " ") for name in weighing.set_aside)
        out.print(f"in common, but too common to mean anything: {names}", markup=False)


def _bar(before: int, after: int, low: int, high: int) -> str:
    """Draw the way from one sum to the next on a line from ``low`` to ``high``."""

    def place(value: int) -> int:
        return round((value - low) * (WATERFALL - 1) / (high - low))

    start, end = sorted((place(before), place(after)))
    mark = "█" if after >= before else "▒"
    return " " * start + mark * (end - start + 1)


def _print_steps(found: How) -> None:
    """Print how a customer came together; its records have numbers, so that groups of them stay readable."""
    number = {record: place for place, record in enumerate(found.records, 1)}
    print_table("Source records", ("no", "record"), [(place, record) for record, place in number.items()])
    rows = [
        (
            place,
            *sorted((_numbers(group, number) for group in (step.one, step.other)), key=len, reverse=True),
            Figure("decided") if step.weight is None else bits(step.weight),
            _numbers((step.strongest.a, step.strongest.b), number),
            *_mainly(step.strongest.weighing),
        )
        for place, step in enumerate(found.steps, 1)
    ]
    columns = ("step", "joins", "with", "bits as a whole", "best pair", "which has mostly for it", "against it")
    print_table("Put together in this order", columns, rows)
    falls = [
        (
            bits(fall.above),
            " | ".join(_numbers(part, number) for part in fall.parts),
            _numbers((fall.strongest.a, fall.strongest.b), number),
        )
        for fall in found.falls
    ]
    if falls:
        above, parts, pair = falls[0]
        out.print(
            f"weakest link: between {pair.replace(' ', ' and ')}; a link threshold above {above} bits"
            f" ({bits(found.link_threshold)} now) takes apart {parts}",
            markup=False,
        )
        print_table("With a higher link threshold", ("above bits", "falls apart into", "held by"), falls)


def _numbers(records: Iterable[Named], number: Mapping[Named, int]) -> str:
    return " ".join(str(place) for place in sorted(number[record] for record in records))

"""Commands of stewards: tasks list|show|ask|decide|undo."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from canonical_model import schema
from foundation.errors import ConfigurationError, VoegError
from identity.model import BIT
from identity.questions import Kind, Reason
from identity.wording import respect
from sync import explained, steward
from sync.cli.console import (
    HERE,
    EstateOption,
    JsonOption,
    bits,
    by_path,
    is_narrow,
    note,
    open_here,
    out,
    print_json,
    print_table,
    reports_errors,
)
from sync.estate import Estate
from sync.explain import VERDICTS, Explainer, Why
from sync.resolve import model_of
from sync.steward import Answer, Record, Shown, State, Task

REASONS: Final[Mapping[str, str]] = {
    Reason.BETWEEN_THRESHOLDS: "too much in common to forget, too little to link",
    Reason.CONTRADICTION: "these two would link, but their customers as a whole do not",
    Reason.SIZE: "these two would link, but too many records hang together through them",
    Reason.VETO: "these two would link, but something says that they are never one",
    Reason.NEVER_LINK: "decided to be different, and there is new evidence that they are not",
    Reason.OVERRULED: "decided to be the same, but other decisions keep them apart",
    Reason.PARTY_TYPE: "decided to be the same, but one is a person and the other an organisation",
    Reason.ANOTHER_NATIONAL_ID: "one customer, but with two national ids",
    Reason.ANOTHER_REGISTRATION: "one customer, but with two registration numbers",
    Reason.ANOTHER_BIRTH_DATE: "one customer, but with two birth dates",
    Reason.ANOTHER_GENDER: "one customer, but both a man and a woman",
    Reason.RAISED: "somebody asked",
}
"""Why a question is asked, in words."""

_FIELDS: Final = tuple(schema.content_schema(schema.Kind.PARTY))

FORMAT: Final = 1
"""Of what ``--json`` prints. Raised when a field changes its meaning or goes; a new field changes nothing."""

tasks_app = typer.Typer(help="Questions for stewards: who may be the same customer.", no_args_is_help=True)

TaskArgument = Annotated[int, typer.Argument(metavar="TASK", help="The number of the task, as list shows it.")]
AuthorOption = Annotated[
    str | None, typer.Option("--author", envvar="VOEG_AUTHOR", help="Who decides; the user of this session if unsaid.")
]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(tasks_app, name="tasks")


@tasks_app.command("list")
@reports_errors
def list_(
    *,
    kind: Annotated[Kind | None, typer.Option(help="Only questions of this kind.")] = None,
    state: Annotated[State, typer.Option(help="Which: the ended ones come latest first.")] = "open",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    ids: Annotated[bool, typer.Option("--ids", help="Print the numbers of the tasks alone, one a line.")] = False,
    estate: EstateOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """List the questions, the most urgent first: the least certain, about the customers with most at stake.

    With --json: "open", how many are open altogether, and "tasks", each with its "id", "kind", "reason", "state",
    "priority", "weight_bits", the two records "a" and "b", "impact", and when and how it ended; no customer's values.
    """
    here = open_here(estate)
    listed = steward.tasks(here.store, kinds=(kind.value,) if kind else (), state=state, limit=limit)
    if as_json:
        print_json({"format": FORMAT, "open": listed.open, "tasks": [_fields(task) for task in listed.tasks]})
        return
    if ids:
        for task in listed.tasks:
            out.print(task.task_id)
        return
    if not listed.tasks:
        note(f"no task is {state}" + (f" of kind {kind}" if kind else ""))
        return
    _print_list(listed.tasks, ended=state != "open")
    if state == "open" and listed.open > len(listed.tasks):
        note(f"{len(listed.tasks):,} of {listed.open:,} open tasks; --limit shows more")


@tasks_app.command("show")
@reports_errors
def show(
    task: TaskArgument,
    sensitive: Annotated[bool, typer.Option("--sensitive", help="Show IBAN and national ids in full.")] = False,
    estate: EstateOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show one question: what the two records say, side by side, and what that proves. Shows personal data."""
    here = open_here(estate)
    shown = steward.show(here.store, task, sensitive=sensitive)
    why = _why(here, shown)
    if as_json:
        sides = {"a": _side(shown.task.a, shown.a), "b": _side(shown.task.b, shown.b)}
        print_json({**_document(shown.task), **sides, "why": explained.why(why, sensitive=False) if why else None})
        return
    _print_task(shown.task)
    _print_sides(shown)
    if why:
        _print_evidence(why, shown.task)


@tasks_app.command("ask")
@reports_errors
def ask(
    *,
    a: Annotated[str, typer.Argument(metavar="A", help="A source record, source/record_id.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    author: AuthorOption = None,
    estate: EstateOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Ask about two records, to mend what was linked or kept apart wrongly; then decide."""
    asked = steward.ask(open_here(estate).store, a, b, author=_author(author), now=datetime.now(UTC))
    if as_json:
        print_json(_document(asked))
    else:
        note(f"task {asked.task_id}: answer it with 'voeg tasks decide {asked.task_id}'")


@tasks_app.command("decide")
@reports_errors
def decide(
    *,
    task: TaskArgument,
    same: Annotated[bool, typer.Option("--same", help="The two are one customer.")] = False,
    different: Annotated[bool, typer.Option("--different", help="They are two customers.")] = False,
    unsure: Annotated[bool, typer.Option("--unsure", help="It cannot be told; ask again with new evidence.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="How you know; kept beside the decision.")],
    author: AuthorOption = None,
    estate: EstateOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Answer a question. The next resolve applies it, and nothing but a steward takes it back."""
    given = [answer for answer, chosen in zip(Answer, (same, different, unsure), strict=True) if chosen]
    if len(given) != 1:
        raise typer.BadParameter("give one of --same, --different, --unsure")
    decided = steward.decide(
        open_here(estate).store, task, given[0], author=_author(author), reason=reason, now=datetime.now(UTC)
    )
    if as_json:
        against = [
            {"kind": one.kind, "author": one.author, "decided_at": one.decided_at, "task": one.task_id}
            for one in decided.against
        ]
        print_json({**_document(decided.task), "against": against})
        return
    note(f"task {task}: {given[0]}" + ("" if given[0] is Answer.UNSURE else "; 'voeg resolve' applies it"))
    for one in decided.against:
        other = "the same" if one.kind == "must_link" else "different"
        undo_it = f"; if that was wrong: voeg tasks undo {one.task_id}" if one.task_id else ""
        note(f"but {one.author} decided on {one.decided_at:%Y-%m-%d} that records of the two are {other}{undo_it}")
    if decided.against:
        note("where decisions contradict each other, the two stay apart")


@tasks_app.command("undo")
@reports_errors
def undo(
    task: TaskArgument, author: AuthorOption = None, estate: EstateOption = HERE, as_json: JsonOption = False
) -> None:
    """Take the answer to a question back, and ask it again."""
    undone = steward.undo(open_here(estate).store, task, author=_author(author), now=datetime.now(UTC))
    if as_json:
        print_json(_document(undone))
    else:
        note(f"task {task} is {undone.state} again; 'voeg resolve' goes by what was decided before it")


def _author(said: str | None) -> str:
    try:
        return said or getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        raise VoegError("it is not known who decides", remedy="say it: --author NAME") from None


def _print_list(tasks: Sequence[Task], *, ended: bool) -> None:
    """Print tasks, one a line; on a narrow terminal the two records of each stand below one another."""
    narrow = is_narrow()
    apart = "\n" if narrow else " / "
    columns = ["task", "why", "customers", "sources", "bits", "priority"]
    columns += ["at stake"] * (not narrow) + ["answer"] * ended
    rows = [
        (
            str(task.task_id),
            task.reason.replace("_", " "),
            _customers(task, apart),
            apart.join((task.a.data_source, task.b.data_source)),
            bits(task.weight),
            task.priority,
            *((_stake(task),) if not narrow else ()),
            *((_ending(task),) if ended else ()),
        )
        for task in tasks
    ]
    print_table(None, columns, rows)


def _print_task(task: Task) -> None:
    out.print(f"task {task.task_id}: {REASONS.get(task.reason, task.reason)}", markup=False)
    rows: list[tuple[str, object]] = [
        ("customers", _customers(task, " / ")),
        ("weight", "below the review threshold" if task.weight is None else f"{bits(task.weight)} bits"),
        ("at stake", _stake(task)),
        ("asked", f"{task.created_at:%Y-%m-%d %H:%M} UTC"),
    ]
    if task.state != "open":
        rows.append((task.state, _ending(task)))
    if task.said:
        rows.append(("reason", task.said))
    print_table(None, ("", ""), rows)


def _print_sides(shown: Shown) -> None:
    one, other = (by_path(side) if side else {} for side in (shown.a, shown.b))
    for record, side in ((shown.task.a, shown.a), (shown.task.b, shown.b)):
        if side is None:
            note(f"{record} is gone: its source does not have it any more")
    paths = [path for path in dict.fromkeys([*one, *other]) if path != "party_type" or one.get(path) != other.get(path)]
    rows = [(path, one.get(path), other.get(path)) for path in sorted(paths, key=_place)]
    print_table("What they say", ("field", str(shown.task.a), str(shown.task.b)), rows)


def _why(here: Estate, shown: Shown) -> Why | None:
    """Return what the two records prove by the model in use; None when one of them, or such a model, is not there."""
    if shown.a is None or shown.b is None:
        return None
    try:
        model = model_of(here)
    except ConfigurationError as error:  # of another release: a question can be answered all the same
        note(str(error))
        return None
    explainer = Explainer(here.store, model)
    return explainer.why(str(shown.task.a), str(shown.task.b))


def _print_evidence(why: Why, task: Task) -> None:
    """Print what speaks for the two being one and what against it, the strongest first."""
    for text in why.notes:
        note(text)
    if why.strongest is None:
        out.print(VERDICTS[why.verdict], markup=False)
        return
    weighing = why.strongest.weighing
    told = sum(step.told for step in weighing.steps)
    steps = [
        step for speaking_for in (True, False) for step in weighing.strongest(speaking_for=speaking_for, most=told)
    ]
    rows = [
        (
            respect(step.comparison).name,
            step.told_against(weighing.rival) + (", which rules it out" if step.veto else ""),
            bits(weight),
        )
        for step in steps
        for weight in [step.weight(weighing.rival)]
    ]
    rows.append(("to begin with", "the odds of any two", bits(weighing.prior(weighing.rival))))
    rows.append(("together", VERDICTS[why.verdict], bits(weighing.weight)))
    print_table("What that proves", ("evidence", "in words", "bits"), rows)
    note(f"all of it: voeg customer why {task.a} {task.b}")
    if why.verdict == "links" and not why.together:
        note(f"what keeps them apart: voeg customer why-not {task.a} {task.b}")


def _place(path: str) -> tuple[int, str]:
    """Return where a field stands: in the order of the canonical model, the elements of a list together."""
    field = path.partition("[")[0]
    return _FIELDS.index(field) if field in _FIELDS else len(_FIELDS), path


def _customers(task: Task, apart: str) -> str:
    """Name the customers of the two records; one, when they have the same."""
    return apart.join(dict.fromkeys((_customer(task.a), _customer(task.b))))


def _customer(record: Record) -> str:
    return "-" if record.entity_id is None else str(record.entity_id)


def _stake(task: Task) -> str:
    """Say what depends on the answer: ``3 records, 1 active product``."""
    names = {"records": "record", "active_products": "active product", "recent_contacts": "recent contact"}
    counted = [(task.impact.get(key, 0), name) for key, name in names.items()]
    return ", ".join(f"{count:,} {name}{'' if count == 1 else 's'}" for count, name in counted if count)


def _ending(task: Task) -> str:
    at = f"{task.ended_at:%Y-%m-%d}" if task.ended_at else ""
    return f"{task.answer} ({task.ended_by}, {at})" if task.answer else f"{task.ended_by}, {at}"


def _document(task: Task) -> dict[str, Any]:
    return {"format": FORMAT, **_fields(task)}


def _fields(task: Task) -> dict[str, Any]:
    """Return a task as JSON-ready data, without a value of a customer."""
    return {
        "id": task.task_id,
        "kind": task.kind,
        "reason": task.reason,
        "state": task.state,
        "priority": task.priority,
        "weight_bits": None if task.weight is None else task.weight / BIT,
        "a": _side(task.a),
        "b": _side(task.b),
        "impact": dict(task.impact),
        "created_at": task.created_at.isoformat(),
        "ended_at": task.ended_at.isoformat() if task.ended_at else None,
        "ended_by": task.ended_by,
        "answer": task.answer,
        "said": task.said,
    }


def _side(record: Record, *content: dict[str, Any] | None) -> dict[str, Any]:
    named = {"data_source": record.data_source, "record_id": record.record_id, "entity_id": record.entity_id}
    return {**named, **({"content": content[0]} if content else {})}

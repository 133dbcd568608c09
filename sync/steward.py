"""Steward: keep the questions that matching leaves to people, show them, and write down what people decide."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Literal

import polars as pl
from sqlalchemy import Connection

from canonical_model.schema import SENSITIVE_IDENTIFIERS
from foundation.errors import StoreError, VoegError
from identity import clustering, contradictions, questions
from identity.model import Model
from store import stewarding, work
from store.engine import Held, Store
from store.stewarding import MUST_LINK, NEVER_LINK, Decision
from sync.explain import named

RECENT: Final = timedelta(days=90)
"""How long a contact makes a question more urgent."""

_KINDS: Final = tuple(kind.value for kind in questions.Kind if kind is not questions.Kind.RAISED)  # the matcher's own
_OVERRULED: Final = (questions.Reason.OVERRULED.value, questions.Reason.PARTY_TYPE.value)
_IMPACT: Final = ("records", "active_products", "recent_contacts")
_SAME: Final = ["a", "b", "kind"]
_STATED: Final = ("reason", "weight", "priority", "evidence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """What a refresh did to the open questions."""

    asked: int
    restated: int  # another weight, reason or priority
    withdrawn: int  # answered by the evidence, or gone with their records


@dataclass(frozen=True, slots=True)
class _Planned:
    """What a refresh is to do."""

    asked: pl.DataFrame  # questions that are not open yet
    restated: pl.DataFrame  # task_id, and what is said of it now
    withdrawn: pl.Series  # task_id


def refresh(
    connection: Connection,
    *,
    model: Model,
    now: datetime,
    actor: str,
    records: pl.Series,
) -> Refreshed:
    """Bring the open questions that a change touches to what edges, entities and decisions say.

    They depend on those and on what the records say alone, and their priority on products and contacts, so that
    refreshing what a change touches comes to the same as refreshing all; but a contact alone touches nothing, it
    counts when a refresh comes by.

    Args:
        connection: the transaction that writes the change: edges, features, crosswalk.
        model: that they were made with.
        now: the time; contacts of the last ``RECENT`` count.
        actor: who is said to ask and withdraw.
        records: the records (record_no) that changed, came, went or moved, with all that shared an entity with any
            of them before; those that share one now are added.
    """
    planned = _plan(connection, records, model=model, now=now)
    return _apply(connection, planned, now=now, actor=actor)


def refresh_all(store: Store, held: Held, *, model: Model, now: datetime, actor: str) -> Refreshed:
    """Bring all open questions to what edges, entities and decisions say; takes what ``refresh`` does.

    What there is to ask is found before anything is written, so that nobody waits for it. A question that a steward
    answers or takes up again meanwhile stays as it is.

    Raises:
        StoreError: the lease of ``resolve``, under which edges and entities stand still, went to another.
    """
    with store.read() as connection:
        planned = _plan(connection, None, model=model, now=now)
    with store.write(held) as connection:
        return _apply(connection, planned, now=now, actor=actor)


def _plan(connection: Connection, records: pl.Series | None, *, model: Model, now: datetime) -> _Planned:
    around = None if records is None else stewarding.surroundings(connection, records)
    standing = stewarding.open_tasks(connection, _KINDS, around)
    asked = _questions(connection, around, model=model, now=now)
    if standing.is_empty() and asked.is_empty():  # as of most changes
        return _Planned(asked, standing.select("task_id", *_STATED), standing["task_id"])
    known = standing.join(asked, on=_SAME, how="inner", suffix="_new")
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_new")) for name in _STATED)
    new = asked.join(standing, on=_SAME, how="anti").sort("priority", "a", "b", descending=[True, False, False])
    return _Planned(
        asked=new,
        restated=known.filter(differs).select("task_id", **{name: pl.col(f"{name}_new") for name in _STATED}),
        withdrawn=standing.join(asked, on=_SAME, how="anti")["task_id"],
    )


def _apply(connection: Connection, planned: _Planned, *, now: datetime, actor: str) -> Refreshed:
    """Do what was planned, but for questions that were answered or opened since."""
    touched = pl.concat([planned.withdrawn, planned.restated["task_id"]])
    if touched.is_empty() and planned.asked.is_empty():
        return Refreshed(asked=0, restated=0, withdrawn=0)
    still_open = stewarding.still_open(connection, touched) if touched.len() else touched
    withdrawn = planned.withdrawn.filter(planned.withdrawn.is_in(still_open.implode()))
    restated = planned.restated.filter(pl.col("task_id").is_in(still_open.implode()))
    asked = planned.asked
    if not asked.is_empty():
        asked = asked.join(stewarding.open_tasks(connection, _KINDS, asked["a"]), on=_SAME, how="anti")
    stewarding.withdraw(connection, withdrawn, now=now, actor=actor)
    stewarding.restate(connection, restated)
    stewarding.ask(connection, asked, now=now, actor=actor)
    return Refreshed(asked=asked.height, restated=restated.height, withdrawn=withdrawn.len())


def _questions(connection: Connection, around: pl.Series | None, *, model: Model, now: datetime) -> pl.DataFrame:
    """Return the questions that should be open, with priority and evidence (JSON: what depends on the answer)."""
    asked = pl.concat([_between(connection, around, model), _inside(connection, around, model)])
    if asked.is_empty():  # of most changes
        return asked.with_columns(priority=pl.lit(None, pl.Int64), evidence=pl.lit(None, pl.String))
    return _weighed(connection, asked, now=now)


def _between(connection: Connection, around: pl.Series | None, model: Model) -> pl.DataFrame:
    """Return the questions about two entities."""
    pairs = stewarding.pairs_apart(connection, around)
    must_links = stewarding.must_links_apart(connection, _OVERRULED, around)
    if pairs.is_empty() and must_links.is_empty():
        return pl.DataFrame(schema=questions.QUESTION_SCHEMA)
    answers = stewarding.answers(connection, around)
    recorded = stewarding.recorded(connection, questions.answered_records(pairs, answers))
    refused = pairs.filter(~pl.col("veto") & (pl.col("weight") >= model.link_threshold))["a"]
    crowded = clustering.crowded(stewarding.hanging_together(connection, refused, model.link_threshold))
    return questions.ask(pairs, answers, recorded, must_links, link_threshold=model.link_threshold, crowded=crowded)


def _inside(connection: Connection, around: pl.Series | None, model: Model) -> pl.DataFrame:
    """Return the questions about two records of one entity."""
    found = pl.concat(
        [
            pl.DataFrame(schema=contradictions.SCHEMA),
            *(contradictions.contradictions(some, model) for some in stewarding.of_several(connection, around)),
        ]
    )
    if found.is_empty():
        return pl.DataFrame(schema=questions.QUESTION_SCHEMA)
    told = stewarding.told(connection, pl.concat([found["a"], found["b"]]).unique())
    asked = questions.doubt(found, stewarding.answers_inside(connection, around), told)
    weights = stewarding.weights(connection, asked)
    return asked.drop("weight").join(weights, on=["a", "b"], how="left").select(questions.QUESTION_SCHEMA.names())


def _weighed(connection: Connection, asked: pl.DataFrame, *, now: datetime) -> pl.DataFrame:
    """Add to questions their priority, and as evidence (JSON) what depends on the answer."""
    sides = asked.with_row_index("question").unpivot(
        ["entity_a", "entity_b"], index="question", value_name="entity_id", variable_name="side"
    )
    entities = sides["entity_id"].drop_nulls().unique()
    impact = stewarding.impact(connection, entities, now=now, recent=RECENT)
    both = sides.unique(["question", "entity_id"]).join(impact, on="entity_id").group_by("question")
    stake = both.agg(pl.col(name).sum() for name in _IMPACT)
    return (
        asked.with_row_index("question").join(stake, on="question", how="left", maintain_order="left")
        .with_columns(pl.col(name).fill_null(0) for name in _IMPACT)
        .with_columns(
            priority=questions.priority(*(pl.col(name) for name in _IMPACT)),
            evidence=pl.struct(_IMPACT).struct.json_encode(),
        )
    )  # fmt: skip


# What stewards see ----------------------------------------------------------------------------------------------


class Answer(StrEnum):
    """What a steward says of two records."""

    SAME = "same"
    DIFFERENT = "different"
    UNSURE = "unsure"  # looked, and cannot tell


State = Literal["open", "done", "withdrawn"]

_ANSWERS: Final = {MUST_LINK: Answer.SAME, NEVER_LINK: Answer.DIFFERENT}
_UNSURE: Final = "unsure"  # in a task's evidence: why a steward could not tell


@dataclass(frozen=True, slots=True)
class Record:
    """One of the two source records of a question."""

    record_no: int
    data_source: str
    record_id: str
    entity_id: int | None  # None: it is gone, or was not resolved yet

    def __str__(self) -> str:
        """Name it as the command line takes it."""
        return f"{self.data_source}/{self.record_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A question about two source records, and what became of it."""

    task_id: int
    kind: str  # see identity.questions.Kind
    reason: str  # see identity.questions.Reason
    state: State
    priority: int  # uncertainty times impact; the larger, the more urgent
    weight: int | None  # of the pair, 1/1000 bit; None: less than the review threshold
    a: Record
    b: Record
    impact: Mapping[str, int]  # records, active_products, recent_contacts of both customers together
    created_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    answer: Answer | None  # of one that is done
    said: str | None = field(repr=False)  # the steward's reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The most urgent tasks, or those that ended last."""

    tasks: tuple[Task, ...]
    open: int  # open tasks of these kinds altogether


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A task with what its two records say."""

    task: Task
    a: dict[str, Any] | None = field(repr=False)  # canonical content; None: the record is gone
    b: dict[str, Any] | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What came of an answer."""

    task: Task
    against: tuple[Decision, ...]  # decisions of before between the same customers that say otherwise


def tasks(store: Store, *, kinds: tuple[str, ...] = (), state: State = "open", limit: int | None = None) -> Listed:
    """Return tasks: open ones by urgency, ended ones latest first."""
    with store.read() as connection:
        found = stewarding.tasks(connection, kinds=kinds, state=state, limit=limit)
        waiting = stewarding.count_open(connection, kinds)
    return Listed(tasks=tuple(_task(row) for row in found.iter_rows(named=True)), open=waiting)


def show(store: Store, task_id: int, *, sensitive: bool = False) -> Shown:
    """Return a task with what its two records say.

    Args:
        store: the store.
        task_id: number of the task.
        sensitive: whether the reader may see sensitive values; only their last characters are shown otherwise.

    Raises:
        NotFound: there is no such task.
    """
    with store.read() as connection:
        found = _task(stewarding.one_task(connection, task_id))
        texts = stewarding.contents(connection, (found.a.record_no, found.b.record_no))

    def side(record: Record) -> dict[str, Any] | None:
        if record.record_no not in texts:
            return None
        content: dict[str, Any] = json.loads(texts[record.record_no])
        return content if sensitive else _masked(content)

    return Shown(task=found, a=side(found.a), b=side(found.b))


def ask(store: Store, a: str, b: str, *, author: str, now: datetime) -> Task:
    """Ask about two source records, whatever the matcher thinks of them: the way to mend what it did wrong.

    Args:
        store: the store.
        a: a source record, ``source/record_id``.
        b: another one; the two may be one customer now, or have nothing in common.
        author: who asks.
        now: the time.

    Returns:
        The new task, or the open one that asks about the two already.

    Raises:
        NotFound: there is no such live record.
        VoegError: the two are the same.
    """
    with store.write() as connection:
        one, two = sorted((named(connection, asked) for asked in (a, b)), key=lambda record: record.record_no)
        if one.record_no == two.record_no:
            raise VoegError("both are the same source record", remedy="name two that differ")
        pair = {"a": one.record_no, "b": two.record_no}
        if not (known := stewarding.open_about(connection, **pair)):
            asked = {**pair, "entity_a": one.entity_id, "entity_b": two.entity_id,
                     "kind": questions.Kind.RAISED.value, "reason": questions.Reason.RAISED.value,
                     "weight": stewarding.weight(connection, **pair)}  # fmt: skip
            question = pl.DataFrame([asked], schema=questions.QUESTION_SCHEMA)
            stewarding.ask(connection, _weighed(connection, question, now=now), now=now, actor=author)
            known = stewarding.open_about(connection, **pair)
        return _task(stewarding.one_task(connection, known[0]))


# What stewards decide -------------------------------------------------------------------------------------------


def decide(store: Store, task_id: int, answer: Answer, *, author: str, reason: str, now: datetime) -> Decided:
    """Write down what a steward says of a question; the next resolve applies it.

    The answer is a fact about the two records of the task: whatever is computed anew, it holds until it is undone.
    *Unsure* binds nothing; the question is not asked again without new evidence.

    Raises:
        NotFound: there is no such task.
        StoreError: it was answered or withdrawn before.
        VoegError: the reason is empty.
    """
    if not reason.strip():
        raise VoegError("a decision needs a reason", remedy="say how you know, for those who will ask")
    with store.write() as connection:
        before = _task(row := stewarding.one_task(connection, task_id))
        evidence = _evidence(row, unsure=reason.strip()) if answer is Answer.UNSURE else row["evidence"]
        if not stewarding.end(connection, task_id, by=author, now=now, evidence=evidence):
            raise _ended(before)
        against: list[Decision] = []
        if answer is not Answer.UNSURE:
            kind, other = (MUST_LINK, NEVER_LINK) if answer is Answer.SAME else (NEVER_LINK, MUST_LINK)
            a, b = before.a.record_no, before.b.record_no
            stewarding.decide(connection, a, b, kind, author=author, reason=reason.strip(), now=now)
            one, two = (stewarding.surroundings(connection, pl.Series([record])).to_list() for record in (a, b))
            against = stewarding.standing(connection, one, two, other)
            work.add(connection, pl.Series([a, b]))
        after = _task(stewarding.one_task(connection, task_id))
    return Decided(task=after, against=tuple(against))


def undo(store: Store, task_id: int, *, author: str, now: datetime) -> Task:
    """Take the answer to a question back, and ask it again; the next resolve goes by what was decided before it.

    Raises:
        NotFound: there is no such task.
        StoreError: it was not answered, or a later decision about the same records took the place of its answer.
    """
    with store.write() as connection:
        before = _task(row := stewarding.one_task(connection, task_id))
        a, b = before.a.record_no, before.b.record_no
        if before.state != stewarding.DONE or before.ended_at is None:
            raise StoreError(f"task {task_id} was not answered: it is {before.state}")
        binds = before.answer in (Answer.SAME, Answer.DIFFERENT)
        if binds and not stewarding.revoke(connection, a, b, before.ended_at, by=author, now=now):
            raise StoreError(
                f"a later decision took the place of the answer to task {task_id}",
                remedy="undo that one: voeg tasks list --state done",
            )
        stewarding.reopen(connection, task_id, by=author, now=now, evidence=_evidence(row))
        work.add(connection, pl.Series([a, b]))
        return _task(stewarding.one_task(connection, task_id))


def _ended(task: Task) -> StoreError:
    if task.state == stewarding.WITHDRAWN:
        return StoreError(
            f"task {task.task_id} is no question any more: it was withdrawn", remedy="see what is: voeg tasks list"
        )
    answered = f"task {task.task_id} was answered '{task.answer}' by {task.ended_by} on {task.ended_at:%Y-%m-%d}"
    return StoreError(answered, remedy=f"to answer it otherwise: voeg tasks undo {task.task_id}")


def _task(row: Mapping[str, Any]) -> Task:
    evidence: dict[str, Any] = json.loads(row["evidence"] or "{}")
    unsure = evidence.pop(_UNSURE, None)
    answer = _ANSWERS.get(row["decision"])
    if row["state"] == stewarding.DONE and unsure is not None:
        answer = Answer.UNSURE
    return Task(
        **{name: row[name] for name in ("task_id", "kind", "reason", "state", "priority", "weight")},
        a=Record(row["a"], row["data_source_a"], row["record_id_a"], row["entity_a"]),
        b=Record(row["b"], row["data_source_b"], row["record_id_b"], row["entity_b"]),
        impact=evidence,
        **{name: row[name] for name in ("created_at", "ended_at", "ended_by")},
        answer=answer,
        said=unsure or row["said"],
    )


def _evidence(row: Mapping[str, Any], **more: str) -> str:
    """Return a task's evidence with more, or without what an answer added."""
    kept = {name: value for name, value in json.loads(row["evidence"] or "{}").items() if name != _UNSURE}
    return json.dumps({**kept, **more}, ensure_ascii=False, separators=(",", ":"))


def _masked(content: dict[str, Any]) -> dict[str, Any]:
    """Return canonical content in which sensitive identifiers show only how they end."""
    identifiers = [
        {**each, "value": _ending(each["value"])}
        if each.get("type") in SENSITIVE_IDENTIFIERS and each.get("value")
        else each
        for each in content.get("identifiers", ())
    ]
    return {**content, "identifiers": identifiers} if identifiers else content


def _ending(value: str) -> str:
    return "…" + (value[-3:] if len(value) > 6 else "")

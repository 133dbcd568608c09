"""What stewards are asked and what they decided: tasks and decisions about pairs of source records.

A decision is a fact about two source records and stands until it is revoked; a task is the question that led to it.
Every answer ends a task, so that what was known at the time (the weight) is kept beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl
from sqlalchemy import ColumnElement, Connection, Select, Table, and_, exists, func, literal_column, or_, select

from canonical_model import content
from canonical_model.schema import Kind
from foundation.errors import NotFound, Problem
from store import bulk
from store.tables import (
    KIND_NUMBERS,
    crosswalk,
    decision,
    edge,
    feature,
    party_reference,
    source,
    source_record,
    task,
    work,
)

MUST_LINK, NEVER_LINK = "must_link", "never_link"  # as identity.linking has them, which this room does not know
ENTITY_RECORDS: Final = 100_000
"""Records of entities read at once: some 50 MB."""

OPEN, DONE, WITHDRAWN = "open", "done", "withdrawn"

_ONE, _OTHER = crosswalk.alias("one"), crosswalk.alias("other")
_ENTITIES = (_ONE.c.entity_id.label("entity_a"), _OTHER.c.entity_id.label("entity_b"))
_RECORD_A, _RECORD_B = source_record.alias("record_a"), source_record.alias("record_b")
_SOURCE_A, _SOURCE_B = source.alias("source_a"), source.alias("source_b")


# What there is to ask about -------------------------------------------------------------------------------------


def surroundings(connection: Connection, records: pl.Series) -> pl.Series:
    """Return the named records and all that are in one entity with any of them (Int64, distinct)."""
    theirs = select(crosswalk.c.entity_id).where(bulk.among(connection, crosswalk.c.record_no, records))
    members = bulk.frame(connection, select(crosswalk.c.record_no).where(crosswalk.c.entity_id.in_(theirs)))
    return pl.concat([records.cast(pl.Int64).rename("record_no"), members["record_no"]]).unique()


def pairs_apart(connection: Connection, records: pl.Series | None = None) -> pl.DataFrame:
    """Return the pairs at or above the review threshold whose records are in different entities.

    Args:
        connection: to the store.
        records: only pairs of which at least one record is among these; None: all.

    Returns:
        a, b (record_no, a < b), weight (1/1000 bit), veto, entity_a, entity_b.
    """
    statement = select(edge.c.a, edge.c.b, edge.c.weight, edge.c.veto, *_ENTITIES)
    return _apart(connection, statement, edge, records)


def answers(connection: Connection, records: pl.Series | None = None) -> pl.DataFrame:
    """Return what was answered about records that are in different entities now.

    Args:
        connection: to the store.
        records: as in ``pairs_apart``.

    Returns:
        entity_a, entity_b, at, weight (that the pair had when it was asked; null: less than the review threshold, or
        not known), never_link: whether the answer binds.
    """
    ended = select(task.c.ended_at.label("at"), task.c.weight, *_ENTITIES).where(task.c.state == DONE)
    never = select(decision.c.decided_at.label("at"), *_ENTITIES).where(_stands(NEVER_LINK))
    asked = _apart(connection, ended, task, records).with_columns(never_link=False)
    decided = _apart(connection, never, decision, records).with_columns(never_link=True)
    return pl.concat([asked, decided], how="diagonal").select("entity_a", "entity_b", "at", "weight", "never_link")


def of_several(connection: Connection, records: pl.Series | None = None) -> Iterator[pl.DataFrame]:
    """Yield the records of entities with several: record_no, entity_id, content (features as the matcher packs them).

    Args:
        connection: to the store.
        records: only these, of an entity all or none. None: all, some whole entities at a time.
    """
    statement = select(crosswalk.c.record_no, crosswalk.c.entity_id, feature.c.content).join(
        feature, feature.c.record_no == crosswalk.c.record_no
    )
    wanted = [] if records is None else [bulk.among(connection, crosswalk.c.record_no, records)]
    if records is None:
        sizes = select(crosswalk.c.entity_id, func.count().label("records")).group_by(crosswalk.c.entity_id)
        several = bulk.frame(connection, sizes.having(func.count() > 1)).sort("entity_id")
        ranges = several.group_by(pl.col("records").cum_sum() // ENTITY_RECORDS).agg(
            first=pl.col("entity_id").min(), last=pl.col("entity_id").max()
        )
        wanted = [crosswalk.c.entity_id.between(first, last) for first, last in ranges.select("first", "last").rows()]
    for condition in wanted:
        yield bulk.frame(connection, statement.where(condition)).filter(pl.len().over("entity_id") > 1)


def answers_inside(connection: Connection, records: pl.Series | None = None) -> pl.DataFrame:
    """Return what was answered about two records that are in one entity now: a, b, entity_id, at.

    Args:
        connection: to the store.
        records: only answers about at least one of these; None: all.
    """
    one = _ONE.c.entity_id.label("entity_id")
    ended = select(task.c.a, task.c.b, one, task.c.ended_at.label("at")).where(task.c.state == DONE)
    stands = decision.c.revoked_at.is_(None)
    decided = select(decision.c.a, decision.c.b, one, decision.c.decided_at.label("at")).where(stands)
    parts = [_placed(connection, ended, task, records, apart=False)]
    parts.append(_placed(connection, decided, decision, records, apart=False))
    return pl.concat(parts)


def told(connection: Connection, records: pl.Series) -> pl.DataFrame:
    """Return since when records say what they say where they are: record_no, at.

    That is when the newest version landed, or when the record came into its entity, whichever is later.
    """
    columns = source_record.c
    statement = select(columns.record_no, columns.recorded_at, crosswalk.c.since).join(
        crosswalk, crosswalk.c.record_no == columns.record_no
    )
    found = bulk.frame(connection, statement.where(bulk.among(connection, columns.record_no, records)))
    return found.select("record_no", at=pl.max_horizontal("recorded_at", "since"))


def weights(connection: Connection, pairs: pl.DataFrame) -> pl.DataFrame:
    """Return the weights (1/1000 bit) of those of the pairs (a, b) that reach the review threshold: a, b, weight."""
    statement = select(edge.c.a, edge.c.b, edge.c.weight)
    found = bulk.frame(connection, statement.where(bulk.among(connection, edge.c.a, pairs["a"].unique())))
    return found.join(pairs, on=["a", "b"], how="semi")


def hanging_together(connection: Connection, records: pl.Series, link_threshold: int) -> pl.DataFrame:
    """Return the links and must-links that connect records with others, and those with others still: a, b."""
    links = select(edge.c.a, edge.c.b).where(edge.c.weight >= link_threshold, edge.c.veto.is_(False))
    must_links = select(decision.c.a, decision.c.b).where(_stands(MUST_LINK))
    found = pl.DataFrame(schema={"a": pl.Int64, "b": pl.Int64})
    known, fresh = records.clear(), records.unique()
    while not fresh.is_empty():
        parts = [
            bulk.frame(connection, statement.where(_either(connection, table, fresh)))
            for statement, table in ((links, edge), (must_links, decision))
        ]
        found = pl.concat([found, *parts]).unique()
        known = pl.concat([known, fresh])
        ends = pl.concat([part[side] for part in parts for side in ("a", "b")]).unique()
        fresh = ends.filter(~ends.is_in(known.implode()))
    return found


def recorded(connection: Connection, records: pl.Series) -> pl.DataFrame:
    """Return when the newest version of each of the named records landed: record_no, recorded_at."""
    columns = source_record.c
    statement = select(columns.record_no, columns.recorded_at)
    return bulk.frame(connection, statement.where(bulk.among(connection, columns.record_no, records)))


def must_links_apart(
    connection: Connection, asked_for: Sequence[str], records: pl.Series | None = None
) -> pl.DataFrame:
    """Return the must-links whose records are in different entities, unless that was asked and answered.

    One of which a record still waits in the queue is left out: no resolve looked at it yet.

    Args:
        connection: to the store.
        asked_for: the reasons of the tasks that ask about such.
        records: as in ``pairs_apart``.

    Returns:
        a, b, weight (null: less than the review threshold), entity_a, entity_b, one_type: whether both are of one
        party type.
    """
    columns = decision.c
    asked = exists().where(
        task.c.a == columns.a, task.c.b == columns.b, task.c.state == DONE, task.c.reason.in_(asked_for),
        task.c.ended_at >= columns.decided_at,
    )  # fmt: skip
    statement = (
        select(columns.a, columns.b, edge.c.weight, *_ENTITIES, _RECORD_A.c.content.label("content_a"),
               _RECORD_B.c.content.label("content_b"))
        .select_from(decision)
        .join(_RECORD_A, _RECORD_A.c.record_no == columns.a).join(_RECORD_B, _RECORD_B.c.record_no == columns.b)
        .outerjoin(edge, and_(edge.c.a == columns.a, edge.c.b == columns.b))
        .where(_stands(MUST_LINK), ~asked)
    )  # fmt: skip
    found = _apart(connection, statement, decision, records)
    if found.is_empty():  # as nearly always; and of the queue there is no index
        return found.drop("content_a", "content_b").with_columns(one_type=pl.lit(None, pl.Boolean))
    among = bulk.among(connection, work.c.record_no, pl.concat([found["a"], found["b"]]).unique())
    waiting = bulk.frame(connection, select(work.c.record_no).where(among))["record_no"].implode()
    found = found.filter(~pl.col("a").is_in(waiting) & ~pl.col("b").is_in(waiting))
    type_a, type_b = (
        content.decode(found[name], Kind.PARTY, ["party_type"])["party_type"] for name in ("content_a", "content_b")
    )
    return found.select("a", "b", "weight", "entity_a", "entity_b").with_columns(one_type=type_a == type_b)


def impact(connection: Connection, entities: pl.Series, *, now: datetime, recent: timedelta) -> pl.DataFrame:
    """Return how much depends on entities: entity_id, records, active_products, recent_contacts (Int64).

    A product is active unless it is said to have ended; a contact is recent for the time ``recent``.
    """
    mine = bulk.among(connection, crosswalk.c.entity_id, entities)
    members = bulk.frame(connection, select(crosswalk.c.entity_id, crosswalk.c.record_no).where(mine))
    statement = (
        select(crosswalk.c.entity_id, source_record.c.content)
        .select_from(crosswalk)
        .join(party_reference, party_reference.c.party_no == crosswalk.c.record_no)
        .join(source_record, source_record.c.record_no == party_reference.c.record_no)
        .where(mine, source_record.c.deleted.is_(False))
    )

    def count(kind: Kind, name: str, fields: list[str], condition: pl.Expr) -> pl.DataFrame:
        parts = [
            found.select("entity_id").hstack(content.decode(found["content"], kind, fields)).filter(condition)
            .group_by("entity_id").len(name)
            for found in bulk.frames(connection, statement.where(source_record.c.kind == KIND_NUMBERS[kind]))
        ]  # fmt: skip
        counted = pl.concat([pl.DataFrame(schema={"entity_id": pl.Int64, name: pl.UInt32}), *parts])
        return counted.group_by("entity_id").agg(pl.col(name).sum())

    ended = pl.col("status").eq_missing("ended") | (pl.col("ended_on") <= now.date()).fill_null(value=False)
    products = count(Kind.PRODUCT, "active_products", ["status", "ended_on"], ~ended)
    contacts = count(Kind.CONTACT, "recent_contacts", ["occurred_at"], pl.col("occurred_at") >= now - recent)
    return (
        members.group_by("entity_id").len("records")
        .join(products, on="entity_id", how="left").join(contacts, on="entity_id", how="left")
        .select("entity_id", pl.col("records", "active_products", "recent_contacts").fill_null(0).cast(pl.Int64))
    )  # fmt: skip


def _stands(kind: str) -> ColumnElement[bool]:
    return and_(decision.c.kind == kind, decision.c.revoked_at.is_(None))


def _apart(connection: Connection, statement: Select[Any], pairs: Table, records: pl.Series | None) -> pl.DataFrame:
    """Return the rows of a table of pairs of records that are in different entities: all, or those touching records."""
    return _placed(connection, statement, pairs, records, apart=True)


def _placed(
    connection: Connection, statement: Select[Any], pairs: Table, records: pl.Series | None, *, apart: bool
) -> pl.DataFrame:
    """Return the rows of a table of pairs of records that are in different entities, or in one."""
    one, other = _ONE.c.entity_id, _OTHER.c.entity_id
    placed = (
        statement.join(_ONE, _ONE.c.record_no == pairs.c.a)
        .join(_OTHER, _OTHER.c.record_no == pairs.c.b)
        .where(one != other if apart else one == other)
    )
    return bulk.frame(connection, placed if records is None else placed.where(_either(connection, pairs, records)))


def _either(connection: Connection, pairs: Table, records: pl.Series) -> ColumnElement[bool]:
    """Return the condition that one of the two records is among those named; by index on either side."""
    return or_(*(bulk.among(connection, column, records) for column in (pairs.c.a, pairs.c.b)))


# Tasks ----------------------------------------------------------------------------------------------------------


def open_tasks(connection: Connection, kinds: Sequence[str], records: pl.Series | None = None) -> pl.DataFrame:
    """Return the open tasks of some kinds: task_id, a, b, kind, reason, weight, priority, evidence.

    With ``records``, those about at least one of them.
    """
    columns = task.c
    statement = select(
        columns.task_id, columns.a, columns.b, columns.kind, columns.reason, columns.weight, columns.priority,
        columns.evidence,
    ).where(columns.state == OPEN, columns.kind.in_(kinds))  # fmt: skip
    return bulk.frame(connection, statement if records is None else statement.where(_either(connection, task, records)))


def still_open(connection: Connection, task_ids: pl.Series) -> pl.Series:
    """Return those of the tasks (task_id, Int64) that are open."""
    these = bulk.among(connection, task.c.task_id, task_ids)
    return bulk.frame(connection, select(task.c.task_id).where(these, task.c.state == OPEN))["task_id"]


def withdraw(connection: Connection, task_ids: pl.Series, *, now: datetime, actor: str) -> None:
    """End open tasks that are no questions any more."""
    ended = task_ids.to_frame("task_id").with_columns(
        state=pl.lit(WITHDRAWN), ended_at=pl.lit(now, bulk.MOMENT), ended_by=pl.lit(actor)
    )
    bulk.update(connection, task, ended, key=["task_id"])


def restate(connection: Connection, tasks: pl.DataFrame) -> None:
    """Give open tasks (task_id) another reason, weight, priority and evidence."""
    stated = tasks.select("task_id", "reason", "weight", "priority", "evidence")
    bulk.update(connection, task, stated, key=["task_id"])


def ask(connection: Connection, questions: pl.DataFrame, *, now: datetime, actor: str) -> None:
    """Open tasks: kind, a, b, reason, weight, priority, evidence."""
    asked = questions.select("kind", "a", "b", "reason", "weight", "priority", "evidence").with_columns(
        state=pl.lit(OPEN), created_at=pl.lit(now, bulk.MOMENT), actor=pl.lit(actor)
    )
    bulk.insert(connection, task, asked)


def tasks(
    connection: Connection, *, kinds: Sequence[str] = (), state: str = OPEN, limit: int | None = None
) -> pl.DataFrame:
    """Return tasks, the most urgent first; ended ones latest first.

    Columns: task_id, kind, state, reason, weight, priority, evidence, created_at, ended_at, ended_by, a, b, and for
    each of the two records data_source_a, record_id_a, entity_a (null: in none), …_b; of a task that a decision
    ended also decision (must_link, never_link) and said (its reason).
    """
    order = (task.c.priority.desc(), task.c.task_id) if state == OPEN else (task.c.ended_at.desc(), task.c.task_id)
    statement = _tasks().where(task.c.state == literal_column(f"'{state}'")).order_by(*order).limit(limit)
    return bulk.frame(connection, statement.where(task.c.kind.in_(kinds)) if kinds else statement)


def one_task(connection: Connection, task_id: int) -> dict[str, Any]:
    """Return a task with the columns of ``tasks``.

    Raises:
        NotFound: there is no such task.
    """
    found = bulk.frame(connection, _tasks().where(task.c.task_id == task_id))
    if found.is_empty():
        raise NotFound(Problem(message=f"there is no task {task_id}", remedy="see which there are: voeg tasks list"))
    return found.row(0, named=True)


def open_about(connection: Connection, a: int, b: int) -> list[int]:
    """Return the open tasks about two records (a < b), oldest first."""
    about = and_(task.c.a == a, task.c.b == b, task.c.state == OPEN)
    return list(connection.scalars(select(task.c.task_id).where(about).order_by(task.c.task_id)))


def weight(connection: Connection, a: int, b: int) -> int | None:
    """Return the weight of two records (a < b), 1/1000 bit; None: less than the review threshold."""
    return connection.scalar(select(edge.c.weight).where(edge.c.a == a, edge.c.b == b))


def count_open(connection: Connection, kinds: Sequence[str] = ()) -> int:
    """Return how many tasks are open, of some kinds or of all."""
    statement = select(func.count()).select_from(task).where(task.c.state == literal_column(f"'{OPEN}'"))
    return connection.scalar(statement.where(task.c.kind.in_(kinds)) if kinds else statement) or 0


def contents(connection: Connection, records: Sequence[int]) -> dict[int, str]:
    """Return the newest canonical content (JSON) of records that are live, by record_no."""
    columns = source_record.c
    statement = select(columns.record_no, columns.content).where(columns.record_no.in_(records), ~columns.deleted)
    return {row.record_no: row.content for row in connection.execute(statement)}


def _tasks() -> Select[Any]:
    a, b = task.c.a, task.c.b
    return (
        select(
            task.c.task_id, task.c.kind, task.c.state, task.c.reason, task.c.weight, task.c.priority, task.c.evidence,
            task.c.created_at, task.c.ended_at, task.c.ended_by, a, b,
            _SOURCE_A.c.name.label("data_source_a"), _RECORD_A.c.record_id.label("record_id_a"),
            _ONE.c.entity_id.label("entity_a"), _SOURCE_B.c.name.label("data_source_b"),
            _RECORD_B.c.record_id.label("record_id_b"), _OTHER.c.entity_id.label("entity_b"),
            decision.c.kind.label("decision"), decision.c.reason.label("said"),
        )
        .join(_RECORD_A, _RECORD_A.c.record_no == a).join(_SOURCE_A, _SOURCE_A.c.source_no == _RECORD_A.c.source_no)
        .join(_RECORD_B, _RECORD_B.c.record_no == b).join(_SOURCE_B, _SOURCE_B.c.source_no == _RECORD_B.c.source_no)
        .outerjoin(_ONE, _ONE.c.record_no == a).outerjoin(_OTHER, _OTHER.c.record_no == b)
        .outerjoin(decision, and_(decision.c.a == a, decision.c.b == b, decision.c.decided_at == task.c.ended_at))
    )  # fmt: skip


# Decisions ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What somebody decided about two records, and still stands."""

    a: int  # record_no, the smaller
    b: int
    kind: str  # must_link, never_link
    author: str
    decided_at: datetime
    task_id: int | None  # the question that it answered


def end(connection: Connection, task_id: int, *, by: str, now: datetime, evidence: str | None) -> bool:
    """End an open task; return False when it is not open."""
    values: dict[str, object] = {"state": DONE, "ended_at": now, "ended_by": by, "evidence": evidence}
    this = and_(task.c.task_id == task_id, task.c.state == OPEN)
    return connection.execute(task.update().where(this).values(values)).rowcount == 1


def reopen(connection: Connection, task_id: int, *, by: str, now: datetime, evidence: str | None) -> None:
    """Open an ended task again; where the same is asked anew already, it is withdrawn instead."""
    this = task.c.task_id == task_id
    a, b, kind = connection.execute(select(task.c.a, task.c.b, task.c.kind).where(this)).one()
    same = and_(task.c.a == a, task.c.b == b, task.c.kind == kind, task.c.state == OPEN)
    asked_anew = connection.scalar(select(task.c.task_id).where(same)) is not None
    opened = {"state": OPEN, "ended_at": None, "ended_by": None}
    ended = {"state": WITHDRAWN, "ended_at": now, "ended_by": by}
    connection.execute(task.update().where(this).values(evidence=evidence, **(ended if asked_anew else opened)))


def decide(connection: Connection, a: int, b: int, kind: str, *, author: str, reason: str, now: datetime) -> None:
    """Write down a decision about two records; what was decided about the very same two before is revoked by it."""
    former = and_(decision.c.a == a, decision.c.b == b, decision.c.revoked_at.is_(None))
    connection.execute(decision.update().where(former).values(revoked_at=now, revoked_by=author))
    connection.execute(decision.insert().values(a=a, b=b, kind=kind, author=author, reason=reason, decided_at=now))


def revoke(connection: Connection, a: int, b: int, decided_at: datetime, *, by: str, now: datetime) -> bool:
    """Revoke a decision, so that the one that it revoked stands again; return False when it does not stand."""
    pair = and_(decision.c.a == a, decision.c.b == b)
    this = and_(pair, decision.c.decided_at == decided_at, decision.c.revoked_at.is_(None))
    if connection.execute(decision.update().where(this).values(revoked_at=now, revoked_by=by)).rowcount != 1:
        return False
    former = and_(pair, decision.c.revoked_at == decided_at)
    connection.execute(decision.update().where(former).values(revoked_at=None, revoked_by=None))
    return True


def standing(connection: Connection, one: Sequence[int], other: Sequence[int], kind: str) -> list[Decision]:
    """Return the decisions of a kind that stand between records of the one and of the other, in their order."""
    columns = decision.c
    between = or_(
        and_(columns.a.in_(one), columns.b.in_(other)),
        and_(columns.a.in_(other), columns.b.in_(one)),
    )
    asked = and_(task.c.a == columns.a, task.c.b == columns.b, task.c.ended_at == columns.decided_at)
    statement = (
        select(columns.a, columns.b, columns.kind, columns.author, columns.decided_at, task.c.task_id)
        .outerjoin(task, asked)
        .where(_stands(kind), between)
        .order_by(columns.decision_id)
    )
    return [Decision(**row) for row in connection.execute(statement).mappings()]

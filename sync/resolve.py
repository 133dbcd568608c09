"""Resolve: decide which live source records are one customer, and write what that changes.

Here everything is linked anew when anything changed, and only the differences are written: a unit is a group of
whole entities that exchanged records, and all that changes for a unit commits together. A run that is killed leaves
its queue entries; the next one comes to the same partition and goes on with what is missing.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl
import structlog
from sqlalchemy import Connection

from canonical_model.events import EventType
from canonical_model.schema import Kind
from foundation.settings import IdentitySettings
from golden import survivorship
from golden.diff import changed_paths
from golden.lookup import keys as lookup_keys
from golden.rules import Rules
from identity.assignment import Assignment, assign
from identity.linking import link
from identity.model import BIT, Model
from store import bulk, leases, references, resolving, work
from store.engine import Held, Store
from store.resolving import Change, MadeWith
from sync.train import active_model, landed_features

log = structlog.get_logger()

BATCH_ENTITIES = 4_000
"""Entities of which golden records are computed at once: some 50 MB."""

COMMIT_ENTITIES = 400
"""Entities written in one transaction, about 100 ms; a larger unit is not cut."""

Stage = Callable[[str, int | None], None]
"""Called with what begins now and how many steps it has (None: unknown), for a progress bar."""
Advance = Callable[[int], None]
"""Called with the number of steps just done."""


@dataclass(slots=True, kw_only=True)
class Resolved:
    """What a resolve did."""

    model: str  # version of the model
    prior: bool  # whether it is the packaged one, because none was trained
    records: int = 0  # live parties
    entities: int = 0  # after it
    events: dict[str, int] = field(default_factory=dict)  # by event type
    seconds: dict[str, float] = field(default_factory=dict)  # by stage
    anew: bool = False  # whether everything was linked anew; false: nothing had changed

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - started


def resolve(
    store: Store,
    rules: Rules,
    *,
    actor: str,
    now: datetime,
    thresholds: IdentitySettings | None = None,
    stage: Stage = lambda name, steps: None,
    advance: Advance = lambda steps: None,
) -> Resolved:
    """Bring entities, golden records, look-up keys and outbox to what the landed records say.

    Raises:
        StoreError: another process is resolving, or the store is gone.
    """
    trained, prior = active_model(store)
    model = _with_thresholds(trained, thresholds)
    report = Resolved(model=model.version, prior=prior)
    references.attach(store)
    with leases.hold(store, "resolve") as held:
        with store.read() as connection:
            queue = work.waiting(connection)
            before = resolving.made_with(connection)
            due = resolving.due(connection, now)
            if before.rules != rules.digest:  # every golden record may differ
                due = resolving.clusters(connection)["entity_id"].unique()
        made_with = MadeWith(model=model.version, rules=rules.digest)
        if queue.is_empty() and due.is_empty() and before == made_with:
            return report
        report.anew = True
        stage("who is who", None)
        with report.timed("who is who"):
            old, assignment = _assign(store, held, model, report)
            plan = _plan(old, assignment, queue, due)
        stage("golden records", plan.affected.height)
        for batch in _cut(plan.affected, BATCH_ENTITIES):
            with report.timed("golden records"):
                changes = list(_changes(store, plan, batch, rules, now=now))
            with report.timed("write"):
                for change in changes:
                    with store.write(held) as connection:
                        resolving.write(connection, change, now=now, actor=actor)
                    _count(report, change.events)
            advance(batch.height)
        with store.write(held) as connection:
            unanswered = queue.join(plan.work, on="seq", how="anti")["seq"]  # of parties gone before they had an id
            resolving.finish(connection, made_with, unanswered)
        references.attach(store, held)
    log.info("resolved", records=report.records, entities=report.entities, events=report.events)
    return report


def _with_thresholds(model: Model, settings: IdentitySettings | None) -> Model:
    """Return the model with the thresholds of the estate's settings, where it has some: another version."""
    if settings is None or settings.link_threshold is settings.review_threshold is None:
        return model
    link = model.link_threshold if settings.link_threshold is None else round(settings.link_threshold * BIT)
    review = None if settings.review_threshold is None else round(settings.review_threshold * BIT)
    return model.with_thresholds(link=link, review=review)


# Who is who -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What changes between the clusters as they are and as they should be."""

    moved: pl.DataFrame  # record_no, entity_id (null: gone), was (null: new)
    members: pl.DataFrame  # record_no, entity_id: of the affected entities, as they will be
    affected: pl.DataFrame  # entity_id, unit: entities of one unit exchange records; sorted by unit
    redirects: pl.DataFrame  # entity_id, redirect_to (null: nobody has its members)
    split: pl.DataFrame  # entity_id, out_of_it List[Int64]: entities that new ones came out of
    work: pl.DataFrame  # seq, entity_id: the queue entries that an affected entity answers


def _assign(store: Store, held: Held, model: Model, report: Resolved) -> tuple[pl.DataFrame, Assignment]:
    """Link all live parties and give every cluster its id; return the crosswalk as it stands, and as it should be."""
    features = landed_features(store)
    with store.read() as connection:
        decisions = resolving.decisions(connection)
        old = resolving.clusters(connection)
        retired = resolving.retired_members(connection)
    linked = link(features, decisions, model)
    with store.write(held) as connection:
        resolving.replace_edges(connection, linked.edges)
        next_id = bulk.allocate(connection, "entity", 0)
    assignment = assign(old, linked.clusters, retired, next_id)
    with store.write(held) as connection:
        bulk.allocate(connection, "entity", assignment.next_id - next_id)
    report.records = features.height
    report.entities = assignment.crosswalk["entity_id"].n_unique()
    return old, assignment


def _plan(old: pl.DataFrame, assignment: Assignment, queue: pl.DataFrame, due: pl.Series) -> _Plan:
    """Find the affected entities: those whose members moved, changed or fall due."""
    both = old.rename({"entity_id": "was"}).join(assignment.crosswalk, on="record_no", how="full", coalesce=True)
    touched = queue.join(both, on="record_no").with_columns(pl.coalesce("entity_id", "was").alias("answers"))
    units = assignment.changes.select("entity_id", pl.col("group").alias("unit")).unique()
    entities = pl.concat([units["entity_id"], touched["entity_id"], touched["was"], due]).drop_nulls().unique()
    affected = (
        entities.to_frame("entity_id")
        .join(units, on="entity_id", how="left")
        .with_columns(pl.coalesce("unit", "entity_id"))
        .sort("unit", "entity_id")
    )
    split = assignment.changes.filter(pl.col("change") == "split")
    return _Plan(
        moved=both.filter(pl.col("was").ne_missing(pl.col("entity_id"))),
        members=assignment.crosswalk.join(affected, on="entity_id", how="semi"),
        affected=affected,
        redirects=assignment.redirects,
        split=split.group_by("entity_id").agg(pl.col("other_id").sort().alias("out_of_it")),
        work=touched.select("seq", pl.col("answers").alias("entity_id")),
    )


def _cut(affected: pl.DataFrame, size: int) -> Iterator[pl.DataFrame]:
    """Cut entities into pieces of about ``size``; no unit is cut."""
    pieces = affected.with_row_index("row").with_columns((pl.col("row") // size).first().over("unit").alias("piece"))
    for _, part in pieces.group_by("piece", maintain_order=True):
        yield part.select("entity_id", "unit")


# What survives --------------------------------------------------------------------------------------------------


def _changes(store: Store, plan: _Plan, batch: pl.DataFrame, rules: Rules, *, now: datetime) -> Iterator[Change]:
    """Compute the golden records of a batch of entities, and yield what changes in pieces that commit together."""
    members = plan.members.join(batch, on="entity_id", how="semi")
    with store.read() as connection:
        before = _before(connection, batch["entity_id"])
        people, satellites, overrides = _members(connection, members)
    golden = survivorship.compute(people, satellites, rules, overrides, now.date())
    keys = lookup_keys(people, golden, satellites[Kind.PRODUCT])
    due = survivorship.next_change(people, satellites, now.date())
    after = _after(plan, batch, before, golden, due, now=now)
    for piece in _cut(batch, COMMIT_ENTITIES):
        yield _change(plan, after.join(piece, on="entity_id", how="semi", maintain_order="left"), keys)


def _before(connection: Connection, entities: pl.Series) -> pl.DataFrame:
    """Return entities as they stand, with their golden records where they have one."""
    known = resolving.entities(connection, entities)
    golden = resolving.golden_records(connection, entities).drop("version")
    return known.join(golden, on="entity_id", how="left")


def _members(
    connection: Connection, members: pl.DataFrame
) -> tuple[pl.DataFrame, dict[Kind, pl.DataFrame], pl.DataFrame]:
    """Return the members of entities, their satellites, and what was set on them by hand."""
    records = members["record_no"]
    people = members.join(resolving.members(connection, records), on="record_no")
    attached = {
        kind: found.join(members.rename({"record_no": "party_no"}), on="party_no")
        for kind, found in resolving.satellites(connection, records).items()
    }
    overrides = resolving.overrides(connection, records).join(members, on="record_no")
    return people, attached, overrides


def _after(
    plan: _Plan, batch: pl.DataFrame, before: pl.DataFrame, golden: pl.DataFrame, due: pl.DataFrame, *, now: datetime
) -> pl.DataFrame:
    """Return one row per affected entity: what it was, what it becomes, and the event that tells it.

    Versions rise with every event; a golden record of which only the provenance changed keeps its version.
    """
    became = golden.rename({"payload": "payload_new", "provenance": "provenance_new"})
    rows = (
        batch.join(before, on="entity_id", how="left", maintain_order="left")
        .join(became, on="entity_id", how="left", maintain_order="left")
        .join(plan.redirects.rename({"redirect_to": "into"}), on="entity_id", how="left", maintain_order="left")
        .join(plan.split, on="entity_id", how="left", maintain_order="left")
        .join(due, on="entity_id", how="left", maintain_order="left")
    )
    was_active = pl.col("state").eq_missing("active")
    lives = pl.col("payload_new").is_not_null()
    rows = rows.with_columns(changed_paths(rows["payload"], rows["payload_new"]))
    event = (
        pl.when(was_active & ~lives & pl.col("into").is_not_null()).then(pl.lit(EventType.MERGED.value))
        .when(was_active & ~lives).then(pl.lit(EventType.DELETED.value))
        .when(lives & ~was_active).then(pl.lit(EventType.CREATED.value))
        .when(lives & pl.col("out_of_it").is_not_null()).then(pl.lit(EventType.SPLIT.value))
        .when(lives & (pl.col("changed_paths").list.len() > 0)).then(pl.lit(EventType.CHANGED.value))
    )  # fmt: skip
    moment = pl.lit(now).cast(bulk.MOMENT)
    return rows.with_columns(
        type=event,
        cause=pl.col("unit").replace_strict({unit: uuid.uuid4().hex for unit in batch["unit"].unique().to_list()}),
        was_active=was_active,
        lives=lives,
        now=moment,
        due_at_new=pl.col("on").cast(bulk.MOMENT),
    ).with_columns(version_new=pl.col("version").fill_null(0) + pl.col("type").is_not_null().cast(pl.Int64))


def _change(plan: _Plan, after: pl.DataFrame, keys: pl.DataFrame) -> Change:
    """Fold the rows of some whole units into what is written for them."""
    ids = after.select("entity_id")
    moved = plan.moved.join(
        after.select(pl.col("entity_id").alias("affected"), "cause"),
        left_on=pl.coalesce("entity_id", "was"),
        right_on="affected",
        how="inner",
    ).select("record_no", "entity_id", "was", "cause")
    versioned = after.filter(pl.col("type").is_not_null())
    differs = pl.col("payload").ne_missing(pl.col("payload_new"))
    noted = (
        differs
        | pl.col("provenance").ne_missing(pl.col("provenance_new"))
        | pl.col("due_at").ne_missing(pl.col("due_at_new"))
    )
    raised = pl.col("version_new") > pl.col("version")
    return Change(
        moved=moved,
        entities=versioned.select(
            "entity_id",
            pl.when("lives").then(pl.lit("active")).otherwise(pl.lit("retired")).alias("state"),
            pl.when("lives").then(None).otherwise("into").alias("redirect_to"),
            pl.col("version_new").alias("version"),
            pl.coalesce("created_at", "now").alias("created_at"),
            pl.col("now").alias("updated_at"),
            pl.when("lives").then(None).otherwise("now").alias("retired_at"),
        ),
        golden=after.filter(pl.col("lives") & (noted | raised.fill_null(True))).select(
            "entity_id",
            pl.col("version_new").alias("version"),
            pl.col("payload_new").alias("payload"),
            pl.col("provenance_new").alias("provenance"),
            pl.col("now").alias("recorded_at"),
            pl.col("due_at_new").alias("due_at"),
        ),
        superseded=after.filter(pl.col("payload").is_not_null() & raised).select(
            "entity_id", "version", "payload", "provenance", "recorded_at"
        ),
        lookup_keys=keys.join(ids, on="entity_id", how="semi"),
        looked_up=after.filter(pl.col("version").is_not_null())["entity_id"],
        gone=after.filter(~pl.col("lives"))["entity_id"],
        events=_events(versioned),
        done=plan.work.join(ids, on="entity_id", how="semi")["seq"],
    )


def _events(versioned: pl.DataFrame) -> pl.DataFrame:
    """Return the outbox rows of the entities that an event tells of."""
    related = (
        pl.when(pl.col("type") == EventType.MERGED.value)
        .then(pl.concat_str(pl.lit('{"into":'), "into", pl.lit("}")))
        .when(pl.col("type") == EventType.SPLIT.value)
        .then(
            pl.concat_str(
                pl.lit('{"out_of_it":['), pl.col("out_of_it").cast(pl.List(pl.String)).list.join(","), pl.lit("]}")
            )
        )
    )
    paths = pl.col("changed_paths").list.eval(pl.concat_str(pl.lit('"'), pl.element(), pl.lit('"'))).list.join(",")
    return versioned.select(
        "entity_id",
        pl.col("version_new").alias("version"),
        "type",
        pl.concat_str(pl.lit("["), paths, pl.lit("]")).alias("changed_paths"),
        "cause",
        related.alias("related"),
        pl.col("now").alias("created_at"),
    )


def _count(report: Resolved, events: pl.DataFrame) -> None:
    for name, count in events.group_by("type").len().iter_rows():
        report.events[name] = report.events.get(name, 0) + count

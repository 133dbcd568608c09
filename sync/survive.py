"""Survive: the golden records of affected entities, and all that follows from them, as what is to be written."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime

import polars as pl
from sqlalchemy import Connection

from canonical_model.events import EventType
from canonical_model.schema import Kind
from golden import survivorship
from golden.diff import changed_paths
from golden.lookup import keys as lookup_keys
from golden.rules import Rules
from store import bulk, resolving
from store.engine import Store
from store.resolving import Change
from sync.plan import Plan, cut


def changes(
    store: Store, plan: Plan, batch: pl.DataFrame, rules: Rules, *, now: datetime, size: int
) -> Iterator[Change]:
    """Compute the golden records of a batch of entities, and yield what changes in pieces that commit together.

    Args:
        store: where their members are.
        plan: what changes.
        batch: entity_id, unit: the entities, of whole units.
        rules: what survives.
        now: the time of the change.
        size: entities in a piece; a larger unit is not cut.
    """
    members = plan.members.join(batch, on="entity_id", how="semi")
    with store.read() as connection:
        before = _before(connection, batch["entity_id"])
        people, satellites, overrides = _members(connection, members)
    golden = survivorship.compute(people, satellites, rules, overrides, now.date())
    keys = lookup_keys(people, golden, satellites[Kind.PRODUCT])
    due = survivorship.next_change(people, satellites, now.date())
    after = _after(plan, batch, before, golden, due, now=now)
    for piece in cut(batch, size):
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
    plan: Plan, batch: pl.DataFrame, before: pl.DataFrame, golden: pl.DataFrame, due: pl.DataFrame, *, now: datetime
) -> pl.DataFrame:
    """Return one row per affected entity: what it was, what it becomes, and the event that tells it.

    Versions rise with every event; a golden record of which only the provenance changed keeps its version.
    """
    became = golden.rename({"payload": "payload_new", "provenance": "provenance_new"})
    rows = (
        batch.join(before, on="entity_id", how="left", maintain_order="left")
        .join(became, on="entity_id", how="left", maintain_order="left")
        .join(plan.redirects.rename({"redirect_to": "into"}), on="entity_id", how="left", maintain_order="left")
        .with_columns(redirected=pl.col("entity_id").is_in(plan.redirected.implode()))
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


def _change(plan: Plan, after: pl.DataFrame, keys: pl.DataFrame) -> Change:
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
        entities=after.filter(pl.col("type").is_not_null() | pl.col("redirected")).select(
            "entity_id",
            pl.when("lives").then(pl.lit("active")).otherwise(pl.lit("retired")).alias("state"),
            pl.when("lives").then(None).otherwise("into").alias("redirect_to"),
            pl.col("version_new").alias("version"),
            pl.coalesce("created_at", "now").alias("created_at"),
            pl.col("now").alias("updated_at"),
            pl.when("lives").then(None).when("was_active").then("now").otherwise("retired_at").alias("retired_at"),
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

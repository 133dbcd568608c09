"""Plan: which entities a new partition affects, and what changes for them, before any golden record is computed.

Linking everything anew and matching a few changes both end in an assignment of ids; from there on they are one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from identity.assignment import Assignment


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What changes between the clusters as they are and as they should be."""

    moved: pl.DataFrame  # record_no, entity_id (null: gone), was (null: new)
    members: pl.DataFrame  # record_no, entity_id: of the affected entities, as they will be
    affected: pl.DataFrame  # entity_id, unit: entities of one unit exchange records; sorted by unit
    redirects: pl.DataFrame  # entity_id, redirect_to (null: nobody has its members): of ids that have no members now
    redirected: pl.Series  # those that had none before either, and redirect elsewhere now
    split: pl.DataFrame  # entity_id, out_of_it List[Int64]: entities that new ones came out of
    work: pl.DataFrame  # seq, entity_id: the queue entries that an affected entity answers


def plan(old: pl.DataFrame, assignment: Assignment, queue: pl.DataFrame, due: pl.Series) -> Plan:
    """Find the affected entities: those whose members moved, changed or fall due.

    Args:
        old: record_no, entity_id: the crosswalk as it stands, of all records that the assignment is about.
        assignment: as it should be.
        queue: seq, record_no: what waits to be looked at.
        due: entities that are looked at anyway.
    """
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
    changes = assignment.changes
    return Plan(
        moved=both.filter(pl.col("was").ne_missing(pl.col("entity_id"))),
        members=assignment.crosswalk.join(affected, on="entity_id", how="semi"),
        affected=affected,
        redirects=assignment.redirects,
        redirected=changes.filter(pl.col("change") == "redirected")["entity_id"],
        split=changes.filter(pl.col("change") == "split")
        .group_by("entity_id")
        .agg(pl.col("other_id").sort().alias("out_of_it")),
        work=touched.select("seq", pl.col("answers").alias("entity_id")),
    )


def cut(affected: pl.DataFrame, size: int) -> Iterator[pl.DataFrame]:
    """Cut entities into pieces of about ``size``; no unit is cut."""
    pieces = affected.with_row_index("row").with_columns((pl.col("row") // size).first().over("unit").alias("piece"))
    for _, part in pieces.group_by("piece", maintain_order=True):
        yield part.select("entity_id", "unit")

"""Ids for clusters: names that stay with the people they were given to, whatever the matcher does.

The partition is recomputed; ids are history. Old and new clusters are matched by the number of records they share,
largest first; ties go to the older id, then to the cluster that no retired id could claim, then to the smallest
record key. An id is used at most once. A cluster that no living id claims revives the retired id of whose last
members it is mostly made, else gets a new id. An id without a cluster is retired and redirects to the cluster that
holds most of its last members.

Ids are numbered in the order in which they were created, so the older id is the smaller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from identity import components

CROSSWALK_SCHEMA = pl.Schema({"record_no": pl.Int64, "entity_id": pl.Int64})
REDIRECT_SCHEMA = pl.Schema({"entity_id": pl.Int64, "redirect_to": pl.Int64})
CHANGE_SCHEMA = pl.Schema({"entity_id": pl.Int64, "change": pl.String, "other_id": pl.Int64, "group": pl.Int64})


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Which entity every record belongs to now, and how that came."""

    crosswalk: pl.DataFrame  # CROSSWALK_SCHEMA: every record of the new partition
    redirects: pl.DataFrame  # REDIRECT_SCHEMA: every id without a cluster; null when none of its members lives
    changes: pl.DataFrame
    """CHANGE_SCHEMA, one row per event of an entity, ordered by group and entity:

    - ``created`` — a new id; ``other_id`` is the id its records came from, null when they are new;
    - ``revived`` — a retired id has a cluster again; ``other_id`` as above;
    - ``merged`` — the id is retired into ``other_id``;
    - ``ended`` — the id is retired and none of its members lives; ``other_id`` is null;
    - ``split`` — the id stays, and ``other_id`` took some of its records and was not an entity before;
    - ``changed`` — the id stays with other members, ``other_id`` is null.

    Entities that exchanged records have the same ``group``: the smallest id among them. They commit together.
    """
    next_id: int  # the first id that was not used


def assign(old: pl.DataFrame, new: pl.DataFrame, retired: pl.DataFrame, next_id: int) -> Assignment:
    """Give every cluster its id.

    Args:
        old: ``record_no``, ``entity_id``: the crosswalk as it stands, records that are gone included.
        new: ``record_no``, ``cluster``, ``key`` (UInt64 hash of the record key): the partition.
        retired: ``record_no``, ``entity_id``: the last members of every retired id.
        next_id: the first free id; must be larger than every id in ``old`` and ``retired``.
    """
    clusters = new.group_by("cluster").agg(size=pl.len().cast(pl.Int64), key=pl.col("key").min())
    claims = _shared(retired, new)
    living = _match(_shared(old, new), claims, clusters)
    free = clusters.join(living, on="cluster", how="anti")
    revivable = (
        claims.join(free, on="cluster")
        .filter(pl.col("shared") * 2 > pl.col("size"))
        .select("entity_id", "cluster", "shared")
    )
    revived = _match(revivable, claims.clear(), clusters)
    unnamed = free.join(revived, on="cluster", how="anti").sort("key")
    created = unnamed.select(entity_id=pl.int_range(next_id, next_id + pl.len(), dtype=pl.Int64), cluster="cluster")
    named = pl.concat([living, revived, created])
    crosswalk = new.join(named, on="cluster").sort("record_no").select("record_no", "entity_id")
    redirects = _redirects(old, retired, crosswalk, named)
    return Assignment(
        crosswalk=crosswalk,
        redirects=redirects,
        changes=_changes(old, crosswalk, redirects, revived, created),
        next_id=next_id + unnamed.height,
    )


def _shared(members: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Count the records that ids and clusters share: ``entity_id``, ``cluster``, ``shared``."""
    return (
        members.select("record_no", "entity_id")
        .join(new.select("record_no", "cluster"), on="record_no")
        .group_by("entity_id", "cluster")
        .agg(shared=pl.len().cast(pl.Int64))
    )


def _match(shared: pl.DataFrame, claims: pl.DataFrame, clusters: pl.DataFrame) -> pl.DataFrame:
    """Match ids and clusters, each at most once: ``entity_id``, ``cluster``."""
    alone = (pl.len().over("entity_id") == 1) & (pl.len().over("cluster") == 1)
    certain = shared.filter(alone).select("entity_id", "cluster")
    claimed = claims.group_by("cluster").agg(claimed=pl.col("shared").max())
    contested = (
        shared.filter(~alone)
        .join(claimed, on="cluster", how="left")
        .join(clusters.select("cluster", "key"), on="cluster")
        .sort(
            ["shared", "entity_id", pl.col("claimed").fill_null(0), "key"],
            descending=[True, False, False, False],
        )
    )
    used_ids: set[int] = set()
    used_clusters: set[int] = set()
    pairs: list[tuple[int, int]] = []
    for entity_id, cluster in contested.select("entity_id", "cluster").iter_rows():
        if entity_id not in used_ids and cluster not in used_clusters:
            used_ids.add(entity_id)
            used_clusters.add(cluster)
            pairs.append((entity_id, cluster))
    return pl.concat([certain, pl.DataFrame(pairs, schema=certain.schema, orient="row")])


def _redirects(old: pl.DataFrame, retired: pl.DataFrame, crosswalk: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    """Point every id without a cluster to the entity that holds most of its last members."""
    former = pl.concat([old.select("record_no", "entity_id"), retired.select("record_no", "entity_id")])
    gone = former.join(named, on="entity_id", how="anti")
    holders = (
        gone.join(crosswalk.rename({"entity_id": "redirect_to"}), on="record_no")
        .group_by("entity_id", "redirect_to")
        .len()
        .sort(["len", "redirect_to"], descending=[True, False])
        .unique("entity_id", keep="first", maintain_order=True)
        .select("entity_id", "redirect_to")
    )
    return gone.select("entity_id").unique().join(holders, on="entity_id", how="left").sort("entity_id")


def _changes(
    old: pl.DataFrame,
    crosswalk: pl.DataFrame,
    redirects: pl.DataFrame,
    revived: pl.DataFrame,
    created: pl.DataFrame,
) -> pl.DataFrame:
    """Say what became of every entity that is not as it was."""
    moves = (
        old.select("record_no", before="entity_id")
        .join(crosswalk.rename({"entity_id": "after"}), on="record_no", how="full", coalesce=True)
        .group_by("before", "after")
        .agg(records=pl.len())
    )
    moved = moves.filter(pl.col("before").ne_missing(pl.col("after")))
    before, after = old["entity_id"].unique().implode(), crosswalk["entity_id"].unique().implode()
    fresh = pl.concat(
        [
            created.select("entity_id", change=pl.lit("created")),
            revived.select("entity_id", change=pl.lit("revived")),
        ]
    )
    origin = (
        moved.drop_nulls()
        .sort(["records", "before"], descending=[True, False])
        .unique("after", keep="first", maintain_order=True)
        .select(entity_id="after", other_id="before")
    )
    arrived = fresh.join(origin, on="entity_id", how="left")
    gone = (
        redirects.filter(pl.col("entity_id").is_in(before))
        .with_columns(change=pl.when(pl.col("redirect_to").is_null()).then(pl.lit("ended")).otherwise(pl.lit("merged")))
        .select("entity_id", "change", other_id="redirect_to")
    )
    stayed = pl.col("before").is_in(before) & pl.col("before").is_in(after)
    split = (
        moved.drop_nulls()
        .filter(stayed & pl.col("after").is_in(fresh["entity_id"].implode()))
        .select(entity_id="before", change=pl.lit("split"), other_id="after")
    )
    touched = pl.concat([moved["before"], moved["after"]]).drop_nulls().unique()
    changed = (
        touched.filter(touched.is_in(before) & touched.is_in(after))
        .to_frame("entity_id")
        .select("entity_id", change=pl.lit("changed"), other_id=pl.lit(None, dtype=pl.Int64))
    )
    events = pl.concat([arrived, gone, split, changed])
    return (
        events.join(_groups(moved, touched), on="entity_id")
        .select(pl.col(name).cast(dtype) for name, dtype in CHANGE_SCHEMA.items())
        .sort("group", "entity_id", "change", "other_id")
    )


def _groups(moved: pl.DataFrame, touched: pl.Series) -> pl.DataFrame:
    """Group the entities that exchanged records: ``entity_id``, ``group``."""
    ids = np.sort(touched.to_numpy())
    both = moved.drop_nulls()
    label = components.label(
        ids.size,
        np.searchsorted(ids, both["before"].to_numpy()).astype(np.int64),
        np.searchsorted(ids, both["after"].to_numpy()).astype(np.int64),
    )
    return pl.DataFrame({"entity_id": ids, "group": ids[label]}, schema={"entity_id": pl.Int64, "group": pl.Int64})

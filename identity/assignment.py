"""Ids for clusters: names that stay with the people they were given to, whatever the matcher does.

The partition is recomputed; ids are history. Old and new clusters are matched by the number of records they share,
largest first; ties go to the older id, then to the cluster that no retired id could claim, then to the smallest
record key. An id is used at most once. A cluster that no living id claims revives the retired id of whose last
members it is mostly made, else gets a new id. An id without a cluster is retired and redirects to the cluster that
holds most of its last members.

Ids are numbered in the order in which they were created, so the older id is the smaller.

The rule itself is ``decide``, in plain Python: some microseconds for the few records that one change concerns.
``assign`` first puts aside, column by column, what the rule leaves as it is: in an estate that is linked anew that is
nearly everything.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

CROSSWALK_SCHEMA = pl.Schema({"record_no": pl.Int64, "entity_id": pl.Int64})
RETIRED_SCHEMA = pl.Schema({"record_no": pl.Int64, "entity_id": pl.Int64, "redirect_to": pl.Int64})
REDIRECT_SCHEMA = pl.Schema({"entity_id": pl.Int64, "redirect_to": pl.Int64})
CHANGE_SCHEMA = pl.Schema({"entity_id": pl.Int64, "change": pl.String, "other_id": pl.Int64, "group": pl.Int64})

FEW: Final = 2_000
"""Records up to which putting aside what stays costs more than it saves (1 to 2 ms)."""

Change = tuple[int, str, int | None, int]
"""entity_id, change, other_id, group: a row of CHANGE_SCHEMA."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Which entity every record belongs to now, and how that came."""

    crosswalk: pl.DataFrame  # CROSSWALK_SCHEMA: every record of the new partition
    redirects: pl.DataFrame  # REDIRECT_SCHEMA: see ``Decided.redirects``
    changes: pl.DataFrame
    """CHANGE_SCHEMA, one row per event of an entity, ordered by group and entity:

    - ``created`` — a new id; ``other_id`` is the id its records came from, null when they are new;
    - ``revived`` — a retired id has a cluster again; ``other_id`` as above;
    - ``merged`` — the id is retired into ``other_id``;
    - ``ended`` — the id is retired and none of its members lives; ``other_id`` is null;
    - ``split`` — the id stays, and ``other_id`` took some of its records and was not an entity before;
    - ``changed`` — the id stays with other members, ``other_id`` is null;
    - ``redirected`` — the id was retired before, and now redirects to ``other_id``, null when none of its last members
      lives.

    Entities that exchanged records have the same ``group``: the smallest id among them. They commit together, and with
    them the ids that redirect to them.
    """
    next_id: int  # the first id that was not used


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What ``decide`` found; see ``Assignment``."""

    crosswalk: Mapping[int, int]  # record → entity
    redirects: Mapping[int, int | None]  # of the given ids that have no cluster; null when none of its members lives
    changes: Sequence[Change]
    next_id: int


def assign(
    old: pl.DataFrame, new: pl.DataFrame, retired: pl.DataFrame, next_id: int, elsewhere: pl.DataFrame | None = None
) -> Assignment:
    """Give every cluster its id: all of them, or those of a closed set of records (see ``decide``).

    A retired id of which no last member moved is left out of the result: it redirects as before.

    Args:
        old: ``record_no``, ``entity_id``: the crosswalk as it stands, records that are gone included.
        new: ``record_no``, ``cluster``, ``key`` (UInt64 hash of the record key): the partition.
        retired: RETIRED_SCHEMA: the last members of retired ids, and where those redirect to; of a closed set, those
            of every id that has one of these records among its last members.
        next_id: the first free id; must be larger than every id in ``old`` and ``retired``.
        elsewhere: ``record_no``, ``entity_id``: where those last members are that are not in the closed set.
    """
    outside = elsewhere if elsewhere is not None else pl.DataFrame(schema=CROSSWALK_SCHEMA)
    stays, created, open_ = _put_aside(old, new, retired, outside, next_id)
    decided = decide(open_.old, open_.clusters, open_.retired, open_.elsewhere, next_id + created.height)
    fresh = new.join(created, on="cluster").select(CROSSWALK_SCHEMA.names())
    rest = pl.DataFrame(list(decided.crosswalk.items()), schema=CROSSWALK_SCHEMA, orient="row")
    arrived = created.select(
        "entity_id",
        change=pl.lit("created"),
        other_id=pl.lit(None, dtype=pl.Int64),
        group="entity_id",
    )
    changes = pl.concat([arrived, pl.DataFrame(list(decided.changes), schema=CHANGE_SCHEMA, orient="row")])
    return Assignment(
        crosswalk=pl.concat([stays, fresh, rest]).sort("record_no"),
        redirects=pl.DataFrame(list(decided.redirects.items()), schema=REDIRECT_SCHEMA, orient="row"),
        changes=changes.sort("group", "entity_id", "change", "other_id"),
        next_id=decided.next_id,
    )


def unmoved(crosswalk: pl.DataFrame) -> Assignment:
    """Return the assignment in which every record stays where it is; ``next_id`` is 0."""
    return Assignment(
        crosswalk=crosswalk.select(CROSSWALK_SCHEMA.names()),
        redirects=pl.DataFrame(schema=REDIRECT_SCHEMA),
        changes=pl.DataFrame(schema=CHANGE_SCHEMA),
        next_id=0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    """What is left to decide: the arguments of ``decide``."""

    old: Mapping[int, int]
    clusters: Sequence[Sequence[int]]
    retired: Mapping[int, Retired]
    elsewhere: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Retired:
    """A retired id."""

    members: Sequence[int]  # its last ones
    redirect_to: int | None  # as it stands


def _put_aside(
    old: pl.DataFrame, new: pl.DataFrame, retired: pl.DataFrame, elsewhere: pl.DataFrame, next_id: int
) -> tuple[pl.DataFrame, pl.DataFrame, _Open]:
    """Separate what needs no deciding.

    Returns:
        The crosswalk of the entities that keep exactly their records; ``entity_id`` and ``cluster`` of the clusters of
        records that nobody had before; and the rest.
    """
    both = old.select("record_no", "entity_id").join(
        new.select("record_no", "cluster", "key"), on="record_no", how="full", coalesce=True
    )
    if both.height <= FEW:
        nothing = both.clear()
        open_ = _open(both, retired, elsewhere)
        return nothing.select(CROSSWALK_SCHEMA.names()), nothing.select("entity_id", "cluster"), open_
    claimed = new.join(retired, on="record_no", how="semi")["cluster"].unique()
    one_cluster = pl.len().over("entity_id") == 1
    one_entity = pl.len().over("cluster") == 1
    pairs = both.group_by("entity_id", "cluster").agg(key=pl.col("key").min())
    pairs = pairs.with_columns(
        stays=one_cluster & one_entity & pl.col("entity_id").is_not_null() & pl.col("cluster").is_not_null(),
        fresh=one_entity & pl.col("entity_id").is_null() & ~pl.col("cluster").is_in(claimed.implode()),
    )
    fresh = pairs.filter("fresh").sort("key")
    created = fresh.select(entity_id=pl.int_range(next_id, next_id + pl.len(), dtype=pl.Int64), cluster="cluster")
    rest = pairs.filter(~pl.col("stays") & ~pl.col("fresh"))
    stays = both.join(pairs.filter("stays"), on="entity_id", how="semi").select(CROSSWALK_SCHEMA.names())
    contested = both.join(rest, on=["entity_id", "cluster"], how="semi", nulls_equal=True)
    concerned = retired.join(retired.join(contested, on="record_no", how="semi"), on="entity_id", how="semi")
    homes = pl.concat([elsewhere.select(stays.columns), stays.join(concerned, on="record_no", how="semi")])
    return stays, created, _open(contested, concerned, homes)


def _open(both: pl.DataFrame, retired: pl.DataFrame, elsewhere: pl.DataFrame) -> _Open:
    clusters = (
        both.drop_nulls("cluster")
        .sort("key", "record_no")
        .group_by("cluster", maintain_order=True)
        .agg("record_no")["record_no"]
    )
    ids = retired.group_by("entity_id").agg("record_no", pl.col("redirect_to").first())
    return _Open(
        old=dict(both.drop_nulls("entity_id").select("record_no", "entity_id").iter_rows()),
        clusters=clusters.to_list(),
        retired={entity_id: Retired(members, redirect_to) for entity_id, members, redirect_to in ids.iter_rows()},
        elsewhere=dict(elsewhere.select(CROSSWALK_SCHEMA.names()).iter_rows()),
    )


# The rule -------------------------------------------------------------------------------------------------------


def decide(
    old: Mapping[int, int],
    clusters: Sequence[Sequence[int]],
    retired: Mapping[int, Retired],
    elsewhere: Mapping[int, int],
    next_id: int,
) -> Decided:
    """Give every cluster its id.

    On a closed set the result is that on everything, but for the numbers of new ids, and for a retired id that clusters
    outside could have as well: it goes to whoever is decided first. A set is closed when it holds all records of every
    entity and every cluster that it holds a record of.

    Args:
        old: record → entity, as the crosswalk stands, records that are gone included.
        clusters: the records of every cluster, in the order of the clusters' smallest record keys.
        retired: every retired id that has one of these records among its last members.
        elsewhere: record → entity, of last members of those ids that take no part.
        next_id: the first free id.
    """
    cluster_of = {record: number for number, records in enumerate(clusters) for record in records}
    claims = _shared(((record, entity) for entity, its in retired.items() for record in its.members), cluster_of)
    claimed: dict[int, int] = {}
    for (_, cluster), count in claims.items():
        claimed[cluster] = max(count, claimed.get(cluster, 0))
    names = _match(_shared(old.items(), cluster_of), claimed)
    revived = _match(
        {
            (entity, cluster): count
            for (entity, cluster), count in claims.items()
            if cluster not in names and count * 2 > len(clusters[cluster])
        },
        {},
    )
    names |= revived
    created = [cluster for cluster in range(len(clusters)) if cluster not in names]
    names |= {cluster: next_id + number for number, cluster in enumerate(created)}
    crosswalk = {record: names[cluster] for record, cluster in cluster_of.items()}
    redirects = _redirects(old, retired, crosswalk, elsewhere, set(names.values()))
    fresh = {names[cluster]: "created" for cluster in created} | {names[cluster]: "revived" for cluster in revived}
    return Decided(
        crosswalk=crosswalk,
        redirects=redirects,
        changes=_changes(old, crosswalk, redirects, retired, fresh),
        next_id=next_id + len(created),
    )


def _shared(members: Iterable[tuple[int, int]], cluster_of: Mapping[int, int]) -> Mapping[tuple[int, int], int]:
    """Count the records that ids and clusters share: (entity, cluster) → records."""
    return Counter((entity, cluster_of[record]) for record, entity in members if record in cluster_of)


def _match(shared: Mapping[tuple[int, int], int], claimed: Mapping[int, int]) -> dict[int, int]:
    """Match ids and clusters, each at most once: cluster → entity. Clusters are numbered in the order of their keys."""
    ranked = sorted(shared, key=lambda pair: (-shared[pair], pair[0], claimed.get(pair[1], 0), pair[1]))
    names: dict[int, int] = {}
    used: set[int] = set()
    for entity, cluster in ranked:
        if entity not in used and cluster not in names:
            used.add(entity)
            names[cluster] = entity
    return names


def _redirects(
    old: Mapping[int, int],
    retired: Mapping[int, Retired],
    crosswalk: Mapping[int, int],
    elsewhere: Mapping[int, int],
    living: set[int],
) -> dict[int, int | None]:
    """Point every id without a cluster to the entity that holds most of its last members, ties to the older one."""
    last: dict[int, list[int]] = defaultdict(list)
    for record, entity in old.items():
        last[entity].append(record)
    for entity, its in retired.items():
        last[entity].extend(its.members)
    redirects: dict[int, int | None] = {}
    for entity in sorted(last.keys() - living):
        homes = (crosswalk.get(record, elsewhere.get(record)) for record in last[entity])
        holders = Counter(home for home in homes if home is not None)
        redirects[entity] = min(holders, key=lambda holder: (-holders[holder], holder)) if holders else None
    return redirects


def _changes(
    old: Mapping[int, int],
    crosswalk: Mapping[int, int],
    redirects: Mapping[int, int | None],
    retired: Mapping[int, Retired],
    fresh: Mapping[int, str],
) -> list[Change]:
    """Say what became of every entity that is not as it was."""
    moves = Counter((old.get(record), crosswalk.get(record)) for record in old.keys() | crosswalk.keys())
    moved = {(before, after): count for (before, after), count in moves.items() if before != after}
    before, after = set(old.values()), set(crosswalk.values())
    groups = _Groups()
    found: list[tuple[int, str, int | None]] = []
    origins: dict[int, tuple[int, int]] = {}  # of a fresh id: (-records, id) of where most of its records came from
    for (source, target), count in moved.items():
        if source is not None and target is not None:
            groups.join(source, target)
            if target in fresh:
                origins[target] = min(origins.get(target, (0, 0)), (-count, source))
                if source in after:
                    found.append((source, "split", target))
    found += [(entity, how, origins[entity][1] if entity in origins else None) for entity, how in fresh.items()]
    for entity, target in redirects.items():
        if entity in before:
            found.append((entity, "ended" if target is None else "merged", target))
        elif target != retired[entity].redirect_to:
            found.append((entity, "redirected", target))
            if target is not None:
                groups.join(entity, target)
    touched = {entity for pair in moved for entity in pair if entity is not None}
    found += [(entity, "changed", None) for entity in touched & before & after]
    rows = [(entity, change, other, groups.of(entity)) for entity, change, other in found]
    return sorted(rows, key=lambda row: (row[3], row[0], row[1], row[2] or 0))


class _Groups:
    """Ids that belong together; a group is named by its smallest id."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}

    def of(self, entity: int) -> int:
        """Return the group of an id."""
        while (parent := self._parent.get(entity, entity)) != entity:
            self._parent[entity] = self._parent.get(parent, parent)
            entity = parent
        return entity

    def join(self, one: int, other: int) -> None:
        """Put two groups together."""
        low, high = sorted((self.of(one), self.of(other)))
        if low != high:
            self._parent[high] = low

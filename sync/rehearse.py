"""Rehearse: what resolving with another model or other thresholds would merge and split; nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from identity import release
from identity.assignment import assign
from identity.model import Model
from store import resolving
from store.engine import Store
from sync.link import Engine, landed, link

KEYS_SHOWN: Final = 3
"""Source records named of each part of a sample."""

Key = tuple[str, str]
"""A source record: data_source, record_id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Records that stay together in a sample."""

    entity_id: int | None  # the entity that they are; None: one that there is not yet, or records that are new
    records: int
    keys: tuple[Key, ...]  # some of them
    names: tuple[str, ...] = field(repr=False)  # what some of them are called: personal data; empty unless asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A customer who would be put together from several, or taken apart into several."""

    entity_id: int | None  # the one whole; None: there is none of that id yet
    records: int
    parts: tuple[Part, ...]  # the largest first
    weight: int | None  # of the strongest pair between two parts, 1/1000 bit; None: none reaches the review threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What would change."""

    model: str  # version that was tried
    link_threshold: int  # of it, 1/1000 bit
    review_threshold: int
    standing: str | None  # version that entities are made with now
    another_release: bool  # whether they were made by a program that matches otherwise
    records: int  # live parties
    entities_before: int
    entities_after: int
    changed: int  # entities before that would have other records
    moved: int  # records, there before and after, of which the entity would be another
    merged: int  # entities after that have records of several before
    split: int  # entities before of which the records would be in several
    absorbed: int  # ids that would redirect to another
    created: int  # ids that would be given out
    ended: int  # ids of which no record lives
    merges: tuple[Sample, ...]  # samples, the largest first
    splits: tuple[Sample, ...]


def rehearse(
    store: Store, model: Model, *, engine: Engine = Engine.DUCKDB, samples: int = 10, names: bool = False
) -> Rehearsal:
    """Link all live parties with a model, and compare that with how things stand.

    Args:
        store: with landed parties.
        model: with thresholds and constraints, as ``resolve`` would use it.
        engine: what links.
        samples: how many merges, and how many splits, are described.
        names: whether they tell what people are called.
    """
    with store.read() as connection:
        decisions = resolving.decisions(connection)
        old = resolving.clusters(connection)
        retired = resolving.retired_members(connection)
        next_id = resolving.next_entity(connection)
        standing = resolving.made_with(connection)
    linked = link(landed(store), decisions, model, engine)
    assignment = assign(old, linked.clusters, retired, next_id)
    both = (
        old.rename({"entity_id": "before"})
        .join(assignment.crosswalk.rename({"entity_id": "after"}), on="record_no", how="full", coalesce=True)
        .with_columns(known=pl.col("after").is_in(old["entity_id"].unique().implode()))
    )
    stays = both.drop_nulls(["before", "after"])
    merged, split = _several(stays, "after", "before"), _several(stays, "before", "after")
    changes = dict(assignment.changes["change"].value_counts().iter_rows())
    describe = _Describe(store=store, edges=linked.edges, both=both, samples=samples, names=names)
    return Rehearsal(
        model=model.version,
        link_threshold=model.link_threshold,
        review_threshold=model.review_threshold,
        standing=standing.model,
        another_release=standing.model is not None and standing.code != release.digest(),
        records=linked.clusters.height,
        entities_before=old["entity_id"].n_unique(),
        entities_after=assignment.crosswalk["entity_id"].n_unique(),
        changed=_changed(both),
        moved=stays.filter(pl.col("before") != pl.col("after")).height,
        merged=merged.len(),
        split=split.len(),
        absorbed=changes.get("merged", 0),
        created=changes.get("created", 0),
        ended=changes.get("ended", 0),
        merges=describe(merged, "after", "before"),
        splits=describe(split, "before", "after"),
    )


def _changed(both: pl.DataFrame) -> int:
    """Count the entities that there are and that would gain or lose records."""
    moving = both.filter(pl.col("before").ne_missing(pl.col("after")))
    return pl.concat([moving["before"], moving.filter("known")["after"]]).drop_nulls().n_unique()


def _several(stays: pl.DataFrame, whole: str, part: str) -> pl.Series:
    """Return the entities of one side of which the records are in several of the other, the largest first."""
    return (
        stays.group_by(whole)
        .agg(parts=pl.col(part).n_unique(), records=pl.len())
        .filter(pl.col("parts") > 1)
        .sort(["records", whole], descending=[True, False])[whole]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Describe:
    """Describes merges and splits."""

    store: Store
    edges: pl.DataFrame  # a, b, weight
    both: pl.DataFrame  # record_no, before, after, known: whether there is an entity ``after`` now
    samples: int
    names: bool

    def __call__(self, entities: pl.Series, whole: str, part: str) -> tuple[Sample, ...]:
        """Describe the first of the entities."""
        chosen = entities.head(self.samples)
        rows = self.both.filter(pl.col(whole).is_in(chosen.implode()) & pl.col(part).is_not_null())
        with self.store.read() as connection:
            parties = resolving.parties(connection, rows["record_no"])
        told = rows.join(parties.select("record_no", "data_source", "record_id", name=_NAME), on="record_no").sort(
            "data_source", "record_id"
        )
        weights = self._between(rows.select("record_no", whole=whole, part=part))
        return tuple(
            self._sample(entity, told.filter(pl.col(whole) == entity), whole, part, weights.get(entity))
            for entity in chosen
        )

    def _sample(self, entity: int, rows: pl.DataFrame, whole: str, part: str, weight: int | None) -> Sample:
        known = dict(rows.select("after", "known").iter_rows())
        parts = [
            Part(
                entity_id=number if part == "before" or known[number] else None,
                records=its.height,
                keys=tuple(its.select("data_source", "record_id").head(KEYS_SHOWN).iter_rows()),
                names=tuple(its["name"].drop_nulls().unique(maintain_order=True).head(KEYS_SHOWN))
                if self.names
                else (),
            )
            for (number,), its in rows.group_by(part, maintain_order=True)
        ]
        return Sample(
            entity_id=entity if whole == "before" or known[entity] else None,
            records=rows.height,
            parts=tuple(sorted(parts, key=lambda each: (-each.records, each.keys))),
            weight=weight,
        )

    def _between(self, rows: pl.DataFrame) -> dict[int, int]:
        """Return the weight of the strongest pair of records of two parts, by whole."""
        pairs = (
            self.edges.join(rows, left_on="a", right_on="record_no")
            .join(rows, left_on=["b", "whole"], right_on=["record_no", "whole"], suffix="_b")
            .filter(pl.col("part") != pl.col("part_b"))
        )
        return dict(pairs.group_by("whole").agg(pl.col("weight").max()).iter_rows())


_NAME: Final = pl.coalesce(
    "organisation_name", pl.concat_str("given_name", "family_name", separator=" ", ignore_nulls=True)
)

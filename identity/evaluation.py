"""Evaluation: how good a partition is, against a truth that is used for nothing else.

Everything is counted from sizes: how many records a cluster, a true party, and each cluster's share of a true party
have. So the work grows with the records, never with their pairs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

import polars as pl

from identity.linking import link
from identity.model import Model

Side = Literal["cluster", "truth"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Scores of a partition: over pairs of records, over records (B³) and over whole clusters.

    B³ asks every record how pure its cluster is and how much of its party that cluster holds (Bagga and Baldwin,
    "Algorithms for scoring coreference chains", 1998); pairs weigh large parties more.
    """

    precision: float  # share of the pairs put together that belong together; 1 when none was put together
    recall: float  # share of the pairs that belong together that were put together; 1 when there are none
    f1: float
    pairs: int  # put together
    true_pairs: int  # belong together
    records: int  # of which the truth is known
    clusters: int
    true_clusters: int
    largest: int  # records in the largest cluster
    cluster_precision: float  # share of the clusters that are exactly one party; 1 when there are none
    cluster_recall: float  # share of the parties that are exactly one cluster; 1 when there are none
    cluster_f1: float
    bcubed_precision: float  # mean over records: share of its cluster that is its party; 1 when there are none
    bcubed_recall: float  # mean over records: share of its party that is in its cluster; 1 when there are none
    bcubed_f1: float


def compared(predicted: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    """Return ``record_no``, ``cluster``, ``truth`` of the records that both know.

    Args:
        predicted: ``record_no``, ``cluster``; each record once.
        truth: the same.
    """
    return predicted.select("record_no", "cluster").join(truth.select("record_no", truth="cluster"), on="record_no")


def score(predicted: pl.DataFrame, truth: pl.DataFrame) -> Scores:
    """Score a partition.

    Args:
        predicted: ``record_no``, ``cluster``; each record once.
        truth: the same; records without truth are left out of the score.
    """
    both = compared(predicted, truth)
    overlaps = _overlaps(both)
    clusters, parties = (overlaps.group_by(side).agg(pl.col("shared").sum()) for side in ("cluster", "truth"))
    pairs, true_pairs, right = (_pairs(frame["shared"]) for frame in (clusters, parties, overlaps))
    exact = overlaps.filter(
        (pl.col("shared") == pl.col("in_cluster")) & (pl.col("shared") == pl.col("in_truth"))
    ).height
    precision, recall = _share(right, pairs), _share(right, true_pairs)
    cluster_precision, cluster_recall = _share(exact, clusters.height), _share(exact, parties.height)
    pure, whole = (  # sorted, for a sum of fractions depends on their order
        overlaps.select((pl.col("shared") ** 2 / pl.col(size)).sort().sum()).item()
        for size in ("in_cluster", "in_truth")
    )
    bcubed_precision, bcubed_recall = _share(pure, both.height), _share(whole, both.height)
    return Scores(
        precision=precision,
        recall=recall,
        f1=_f1(precision, recall),
        pairs=pairs,
        true_pairs=true_pairs,
        records=both.height,
        clusters=clusters.height,
        true_clusters=parties.height,
        largest=int(overlaps.select(pl.col("in_cluster").max()).item() or 0),
        cluster_precision=cluster_precision,
        cluster_recall=cluster_recall,
        cluster_f1=_f1(cluster_precision, cluster_recall),
        bcubed_precision=bcubed_precision,
        bcubed_recall=bcubed_recall,
        bcubed_f1=_f1(bcubed_precision, bcubed_recall),
    )


def _overlaps(both: pl.DataFrame) -> pl.DataFrame:
    """Return the records that each cluster shares with each party: cluster, truth, shared, in_cluster, in_truth."""
    return (
        both.group_by("cluster", "truth")
        .agg(pl.len().cast(pl.Int64).alias("shared"))
        .with_columns(in_cluster=pl.col("shared").sum().over("cluster"), in_truth=pl.col("shared").sum().over("truth"))
    )


def _pairs(sizes: pl.Series) -> int:
    return int((sizes * (sizes - 1) // 2).sum())


def _share(part: float, whole: int) -> float:
    return part / whole if whole else 1.0


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def mixed(both: pl.DataFrame, side: Side, at_most: int) -> pl.DataFrame:
    """Return the worst mistakes of one kind, by the pairs of records that they put together or tear apart wrongly.

    Args:
        both: see ``compared``.
        side: ``cluster`` for the clusters that hold several parties (over-merged), ``truth`` for the parties that are
            in several clusters (split).
        at_most: how many.

    Returns:
        The ``side``, ``records``, ``parts`` (parties in the cluster, or clusters of the party) and ``pairs`` across
        parts; worst first, ties to the smaller name.
    """
    return (
        _overlaps(both)
        .group_by(side)
        .agg(
            records=pl.col("shared").sum(),
            parts=pl.len().cast(pl.Int64),
            pairs=(pl.col("shared").sum() ** 2 - (pl.col("shared") ** 2).sum()) // 2,
        )
        .filter(pl.col("parts") > 1)
        .sort(["pairs", side], descending=[True, False])
        .head(at_most)
    )


def by_source(both: pl.DataFrame) -> pl.DataFrame:
    """Return how well each two sources are matched with each other, the most mistakes first.

    Args:
        both: see ``compared``, and ``data_source``.

    Returns:
        ``source_a`` <= ``source_b``, ``pairs`` (of their records, put together), ``true_pairs`` (belong together),
        ``wrong`` (together, but do not belong), ``lost`` (belong, but are apart), ``precision``, ``recall``.
    """
    together, belong, right = (
        _pairs_by_source(both, by, name)
        for by, name in ((["cluster"], "pairs"), (["truth"], "true_pairs"), (["cluster", "truth"], "right"))
    )
    sources = ["source_a", "source_b"]
    counted = together.join(belong, on=sources, how="full", coalesce=True).join(right, on=sources, how="left")
    return (
        counted.with_columns(pl.col("pairs", "true_pairs", "right").fill_null(0))
        .select(
            *sources,
            "pairs",
            "true_pairs",
            wrong=pl.col("pairs") - pl.col("right"),
            lost=pl.col("true_pairs") - pl.col("right"),
            precision=pl.when(pl.col("pairs") > 0).then(pl.col("right") / pl.col("pairs")).otherwise(1.0),
            recall=pl.when(pl.col("true_pairs") > 0).then(pl.col("right") / pl.col("true_pairs")).otherwise(1.0),
        )
        .sort(pl.col("wrong") + pl.col("lost"), *sources, descending=[True, False, False])
    )


def _pairs_by_source(both: pl.DataFrame, by: list[str], name: str) -> pl.DataFrame:
    """Count the pairs of records within the groups, by the sources of the two: source_a <= source_b, and the count."""
    counts = both.lazy().group_by(*by, "data_source").agg(pl.len().cast(pl.Int64).alias("n"))
    one, other = pl.col("n"), pl.col("n_right")
    inside = pl.col("data_source") == pl.col("data_source_right")
    return (
        counts.join(counts, on=by)
        .filter(pl.col("data_source") <= pl.col("data_source_right"))
        .group_by(source_a="data_source", source_b="data_source_right")
        .agg(pl.when(inside).then(one * (one - 1) // 2).otherwise(one * other).sum().alias(name))
        .filter(pl.col(name) > 0)
        .collect(engine="streaming")
    )


def sweep(
    features: pl.DataFrame, decisions: pl.DataFrame, model: Model, truth: pl.DataFrame, thresholds: Iterable[int]
) -> pl.DataFrame:
    """Score the partitions at several link thresholds, to see how near the configured one is to the best.

    Where a threshold lies below the model's review threshold, that is lowered to it.

    Returns:
        ``threshold`` (1/1000 bit) and the fields of ``Scores``, one row per threshold, in the order given.
    """
    rows = []
    for threshold in thresholds:
        at = model.with_thresholds(link=threshold, review=min(threshold, model.review_threshold))
        rows.append({"threshold": threshold} | asdict(score(link(features, decisions, at).clusters, truth)))
    return pl.DataFrame(rows)

"""Evaluation: how good a partition is, against a truth that is used for nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import polars as pl

from identity.linking import link
from identity.model import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Pairwise scores of a partition: over all pairs of records, together or apart."""

    precision: float  # share of the pairs put together that belong together; 1 when none was put together
    recall: float  # share of the pairs that belong together that were put together; 1 when there are none
    f1: float
    pairs: int  # put together
    true_pairs: int  # belong together
    clusters: int
    true_clusters: int
    largest: int  # records in the largest cluster


def score(predicted: pl.DataFrame, truth: pl.DataFrame) -> Scores:
    """Score a partition.

    Args:
        predicted: ``record_no``, ``cluster``; each record once.
        truth: the same; records without truth are left out of the score.
    """
    both = predicted.select("record_no", "cluster").join(truth.select("record_no", truth="cluster"), on="record_no")
    together = _pairs(both, ["cluster"])
    belong = _pairs(both, ["truth"])
    right = _pairs(both, ["cluster", "truth"])
    precision = right / together if together else 1.0
    recall = right / belong if belong else 1.0
    return Scores(
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if right else 0.0,
        pairs=together,
        true_pairs=belong,
        clusters=both["cluster"].n_unique(),
        true_clusters=both["truth"].n_unique(),
        largest=int(both["cluster"].value_counts()["count"].max() or 0),  # type: ignore[arg-type]
    )


def _pairs(frame: pl.DataFrame, by: list[str]) -> int:
    sizes = frame.group_by(by).len()["len"].cast(pl.Int64)
    return int((sizes * (sizes - 1) // 2).sum())


def sweep(
    features: pl.DataFrame, decisions: pl.DataFrame, model: Model, truth: pl.DataFrame, thresholds: Iterable[int]
) -> pl.DataFrame:
    """Score the partitions at several link thresholds, to see how near the configured one is to the best.

    Returns:
        ``threshold`` (1/1000 bit) and the fields of ``Scores``, one row per threshold, in the order given.
    """
    return pl.DataFrame(
        [
            {"threshold": threshold}
            | asdict(score(link(features, decisions, model.with_thresholds(link=threshold)).clusters, truth))
            for threshold in thresholds
        ]
    )

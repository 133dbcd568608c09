"""Questions: what the matcher leaves to people, one per pair of clusters or per cluster, and how urgent each is.

Two clusters give rise to a question when pairs of their records lie between the thresholds (*possible duplicate*), or
when there is as much for as against them (*conflict*): a pair that would link was kept apart, or what one decision
joins another keeps apart. The strongest pair of records stands for the two clusters, because a decision is a fact
about records and outlives clusters. One cluster gives rise to a question when two of its records contradict each
other in what a party keeps for life (*doubtful merge*): the two that do so most.

A question that was answered is not asked again, whatever the answer, until there is new evidence: a record that
came or changed since the answer, in a pair that weighs more than anything that was known then. A new model alone is
no evidence.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import polars as pl

from identity.model import BIT


class Kind(StrEnum):
    """What a question about two clusters is."""

    POSSIBLE_DUPLICATE = "possible_duplicate"
    CONFLICT = "conflict"
    DOUBTFUL_MERGE = "doubtful_merge"  # about two records of one cluster
    RAISED = "raised"  # by a person, whatever the matcher thinks


class Reason(StrEnum):
    """Why it is asked."""

    BETWEEN_THRESHOLDS = "between_thresholds"  # too much to forget, too little to link
    CONTRADICTION = "contradiction"  # the pair would link; other records of the two speak against it
    SIZE = "size"  # the pair would link; too many records hang together for all such pairs to count
    VETO = "veto"  # the pair would link; something says that the two are never one party
    NEVER_LINK = "never_link"  # a decision keeps them apart, and there is new evidence for them being one
    OVERRULED = "overruled"  # a must-link that a never-link between the two beats
    PARTY_TYPE = "party_type"  # a must-link between a person and an organisation
    ANOTHER_NATIONAL_ID = "another_national_id"  # one cluster, though the two contradict each other in this
    ANOTHER_REGISTRATION = "another_registration"
    ANOTHER_BIRTH_DATE = "another_birth_date"
    ANOTHER_GENDER = "another_gender"
    RAISED = "raised"  # somebody doubts what the matcher made of the two


CERTAIN: Final = 30
"""Bits beyond which nothing is uncertain: one in a thousand million; the entropy of less is lost in rounding."""

MOMENT: Final = pl.Datetime("us", "UTC")
PAIR_SCHEMA: Final = pl.Schema(
    {"a": pl.Int64(), "b": pl.Int64(), "weight": pl.Int64(), "veto": pl.Boolean(), "entity_a": pl.Int64(),
     "entity_b": pl.Int64()}
)  # fmt: skip
"""A pair of records (a < b) of two clusters; weight in 1/1000 bit."""
ANSWER_SCHEMA: Final = pl.Schema(
    {"entity_a": pl.Int64(), "entity_b": pl.Int64(), "at": MOMENT, "weight": pl.Int64(), "never_link": pl.Boolean()}
)
"""What was decided about records that are in these two clusters now, when, and how much the pair weighed then (null:
less than the review threshold); ``never_link``: whether it binds."""
MUST_LINK_SCHEMA: Final = pl.Schema(
    {"a": pl.Int64(), "b": pl.Int64(), "weight": pl.Int64(), "entity_a": pl.Int64(), "entity_b": pl.Int64(),
     "one_type": pl.Boolean()}
)  # fmt: skip
"""A must-link of which the records are in two clusters; ``one_type``: both persons, or both organisations."""
INSIDE_SCHEMA: Final = pl.Schema({"a": pl.Int64(), "b": pl.Int64(), "entity_id": pl.Int64(), "at": MOMENT})
"""What was decided about two records (a < b) that are in one cluster now, and when."""
QUESTION_SCHEMA: Final = pl.Schema(
    {"a": pl.Int64(), "b": pl.Int64(), "kind": pl.String(), "reason": pl.String(), "weight": pl.Int64(),
     "entity_a": pl.Int64(), "entity_b": pl.Int64()}
)  # fmt: skip
"""A question: the two records (a < b), weight in 1/1000 bit (null: less than the review threshold), their clusters."""

_CLUSTERS: Final = ("low", "high")


def answered_records(pairs: pl.DataFrame, answers: pl.DataFrame) -> pl.Series:
    """Return the records (Int64, distinct) of pairs of clusters about which something was decided.

    Args:
        pairs: as in ``ask``.
        answers: as in ``ask``.
    """
    answered = _by_clusters(pairs).join(_by_clusters(answers), on=_CLUSTERS, how="semi")
    return pl.concat([answered["a"], answered["b"]]).unique()


def ask(
    pairs: pl.DataFrame,
    answers: pl.DataFrame,
    recorded: pl.DataFrame,
    must_links: pl.DataFrame,
    *,
    link_threshold: int,
    crowded: pl.Series | None = None,
) -> pl.DataFrame:
    """Return the questions that pairs of records in different clusters give rise to.

    Args:
        pairs: ``PAIR_SCHEMA``: all pairs at or above the review threshold whose records are in different clusters.
        answers: ``ANSWER_SCHEMA``: all decisions, undone ones left out, about records in different clusters.
        recorded: record_no, recorded_at (when its newest version landed): at least the ``answered_records``.
        must_links: ``MUST_LINK_SCHEMA``: the must-links that do not hold and of which that was not asked yet.
        link_threshold: the weight from which a pair links, 1/1000 bit.
        crowded: records (Int64) with which more records hang together than are weighed at once.

    Returns:
        ``QUESTION_SCHEMA``, at most one question per pair of clusters, in no order.
    """
    links = pl.col("weight") >= link_threshold
    evident = (
        _unanswered(_by_clusters(pairs.filter(links | ~pl.col("veto"))), answers, recorded)
        .with_columns(kind=_kind(links), reason=_reason(links, crowded), urgency=pl.lit(1))
    )  # fmt: skip
    overruled = _by_clusters(must_links).with_columns(
        kind=pl.lit(Kind.CONFLICT.value),
        reason=pl.when("one_type").then(pl.lit(Reason.OVERRULED.value)).otherwise(pl.lit(Reason.PARTY_TYPE.value)),
        urgency=pl.lit(0),
    )
    columns = [*_CLUSTERS, "urgency", *QUESTION_SCHEMA]
    return (
        pl.concat([overruled.select(columns), evident.select(columns)])
        .sort("urgency", "weight", "a", "b", descending=[False, True, False, False], nulls_last=True)
        .unique(_CLUSTERS, keep="first", maintain_order=True)
        .select(pl.col(name).cast(dtype) for name, dtype in QUESTION_SCHEMA.items())
    )


def doubt(contradictions: pl.DataFrame, answers: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """Return the questions that contradictions inside clusters give rise to.

    Args:
        contradictions: ``identity.contradictions.SCHEMA``: all of these clusters.
        answers: ``INSIDE_SCHEMA``: all decisions, undone ones left out, about two records of one of them.
        told: record_no, at (when its newest version landed, or when it came into the cluster, the later): of all
            records in ``contradictions`` at least.

    Returns:
        ``QUESTION_SCHEMA`` without a weight (null), at most one question per cluster, in no order.
    """
    of_answers = contradictions.select("a", "b", known="against")
    answered = (
        answers.join(of_answers, on=["a", "b"], how="left").group_by("entity_id")
        .agg(pl.col("at").max(), pl.col("known").min())
    )  # fmt: skip
    newer = pl.max_horizontal("at_a", "at_b") > pl.col("at")
    graver = pl.col("known").is_null() | (pl.col("against") < pl.col("known"))
    open_ = (
        contradictions.join(answered, on="entity_id", how="left")
        .join(told.select("record_no", at_a="at"), left_on="a", right_on="record_no", how="left")
        .join(told.select("record_no", at_b="at"), left_on="b", right_on="record_no", how="left")
        .filter(pl.col("at").is_null() | (newer & graver))
        .sort("against", "a", "b")
        .unique("entity_id", keep="first", maintain_order=True)
    )
    return open_.select(
        "a",
        "b",
        kind=pl.lit(Kind.DOUBTFUL_MERGE.value),
        reason="another_" + pl.col("comparison"),
        weight=pl.lit(None, pl.Int64),
        entity_a="entity_id",
        entity_b="entity_id",
    )


def priority(records: pl.Expr, active_products: pl.Expr, recent_contacts: pl.Expr) -> pl.Expr:
    """Return the priority of questions (Int64): uncertainty times impact, in thousandths; the larger first.

    *Uncertainty* is the entropy of the pair's odds, in bits: 1 where one customer and two are equally likely, 0.5 at
    three bits. In a conflict or a doubtful merge two proofs speak against each other, and who raises a question has a
    reason: 1. *Impact* grows by one with every doubling of the source records, active products and recent contacts of
    both customers together, so that no number of calls makes a clear case urgent.

    Args:
        records: source records of both customers.
        active_products: their products in use.
        recent_contacts: their contacts of late.
    """
    odds = 2.0 ** (pl.col("weight") / BIT).clip(-CERTAIN, CERTAIN)
    likely = odds / (1 + odds)
    entropy = -(likely * likely.log(2) + (1 - likely) * (1 - likely).log(2))
    uncertainty = pl.when(pl.col("kind") == Kind.POSSIBLE_DUPLICATE.value).then(entropy).otherwise(1.0)
    impact = (1 + records + active_products + recent_contacts).log(2)
    return (1_000 * uncertainty * impact).round().cast(pl.Int64)


def _by_clusters(rows: pl.DataFrame) -> pl.DataFrame:
    """Name the two clusters of each row in one order, the smaller id first."""
    return rows.with_columns(
        low=pl.min_horizontal("entity_a", "entity_b"), high=pl.max_horizontal("entity_a", "entity_b")
    )


def _unanswered(pairs: pl.DataFrame, answers: pl.DataFrame, recorded: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs that nobody decided about, or that prove more than was known then; ``never_link`` beside."""
    answered = (
        _by_clusters(answers)
        .group_by(_CLUSTERS)
        .agg(pl.col("at").max(), pl.col("weight").max().alias("known"), pl.col("never_link").any())
    )
    changed = recorded.select("record_no", "recorded_at")
    heavier = pl.col("known").is_null() | (pl.col("weight") > pl.col("known"))
    newer = pl.max_horizontal("recorded_at", "recorded_at_b") > pl.col("at")
    return (
        pairs.join(answered, on=_CLUSTERS, how="left")
        .join(changed, left_on="a", right_on="record_no", how="left")
        .join(changed, left_on="b", right_on="record_no", how="left", suffix="_b")
        .filter(pl.col("at").is_null() | (newer & heavier))
        .with_columns(pl.col("never_link").fill_null(value=False))
    )


def _kind(links: pl.Expr) -> pl.Expr:
    return (
        pl.when(links | pl.col("never_link"))
        .then(pl.lit(Kind.CONFLICT.value))
        .otherwise(pl.lit(Kind.POSSIBLE_DUPLICATE.value))
    )


def _reason(links: pl.Expr, crowded: pl.Series | None) -> pl.Expr:
    too_many = pl.lit(value=False) if crowded is None else pl.col("a").is_in(crowded.implode())
    return (
        pl.when("never_link").then(pl.lit(Reason.NEVER_LINK.value))
        .when("veto").then(pl.lit(Reason.VETO.value))
        .when(links & too_many).then(pl.lit(Reason.SIZE.value))
        .when(links).then(pl.lit(Reason.CONTRADICTION.value))
        .otherwise(pl.lit(Reason.BETWEEN_THRESHOLDS.value))
    )  # fmt: skip

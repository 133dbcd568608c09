"""Steward: keep the questions that matching leaves to people, show them, and write down what people decide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import polars as pl
from sqlalchemy import Connection

from identity import questions
from store import stewarding

RECENT: Final = timedelta(days=90)
"""How long a contact makes a question more urgent."""

_KINDS: Final = tuple(kind.value for kind in questions.Kind)
_STATED: Final = ("reason", "weight", "priority", "evidence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """What a refresh did to the open questions."""

    asked: int
    restated: int  # another weight, reason or priority
    withdrawn: int  # answered by the evidence, or gone with their records


def refresh(
    connection: Connection,
    *,
    link_threshold: int,
    now: datetime,
    actor: str,
    records: pl.Series | None = None,
) -> Refreshed:
    """Bring the open questions about pairs of records to what edges, entities and decisions say.

    The questions depend on those alone, so refreshing what a change touches comes to the same as refreshing all.

    Args:
        connection: a writing transaction; edges and crosswalk are as the last resolve left them.
        link_threshold: of the model that they were made with, 1/1000 bit.
        now: the time; contacts of the last ``RECENT`` count.
        actor: who is said to ask and withdraw.
        records: the records (record_no) that changed, came, went or moved, with all that shared an entity with any
            of them before; those that share one now are added. None: all.
    """
    around = None if records is None else stewarding.surroundings(connection, records)
    standing = stewarding.open_tasks(connection, _KINDS, around)
    asked = _questions(connection, around, link_threshold=link_threshold, now=now)
    same = ["a", "b", "kind"]
    known = standing.join(asked, on=same, how="inner", suffix="_new")
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_new")) for name in _STATED)
    restated = known.filter(differs).select("task_id", **{name: pl.col(f"{name}_new") for name in _STATED})
    withdrawn = standing.join(asked, on=same, how="anti")["task_id"]
    new = asked.join(standing, on=same, how="anti").sort("priority", "a", "b", descending=[True, False, False])
    stewarding.withdraw(connection, withdrawn, now=now, actor=actor)
    stewarding.restate(connection, restated)
    stewarding.ask(connection, new, now=now, actor=actor)
    return Refreshed(asked=new.height, restated=restated.height, withdrawn=withdrawn.len())


def _questions(connection: Connection, around: pl.Series | None, *, link_threshold: int, now: datetime) -> pl.DataFrame:
    """Return the questions that should be open, with priority and evidence (JSON: what depends on the answer)."""
    pairs = stewarding.pairs_apart(connection, around)
    answers = stewarding.answers(connection, around)
    recorded = stewarding.recorded(connection, questions.answered_records(pairs, answers))
    must_links = stewarding.must_links_apart(connection, around)
    asked = questions.ask(pairs, answers, recorded, must_links, link_threshold=link_threshold)
    entities = pl.concat([asked["entity_a"], asked["entity_b"]]).unique()
    impact = stewarding.impact(connection, entities, now=now, recent=RECENT)
    both = asked.join(impact, left_on="entity_a", right_on="entity_id").join(
        impact, left_on="entity_b", right_on="entity_id", suffix="_b"
    )
    names = ("records", "active_products", "recent_contacts")
    return both.with_columns(pl.col(name) + pl.col(f"{name}_b") for name in names).with_columns(
        priority=questions.priority(*(pl.col(name) for name in names)),
        evidence=pl.struct(names).struct.json_encode(),
    )

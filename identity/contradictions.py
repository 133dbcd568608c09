"""Contradictions: records of one party of which the model says that they are hardly ever those of one.

Where nothing rules a pair out by itself, much in common outweighs a contradiction. That is a judgement, so people are
asked about it. It is asked of what a party keeps for life, as a rule, and only where the model holds another value to
be nearly impossible: of data in which every seventh national id is mistyped, another one says nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import polars as pl

from identity import packing
from identity.comparison import COMPARISONS, Comparison
from identity.model import BIT, Model
from identity.records import database, registered, view
from identity.scoring import Record

LASTING: Final = ("national_id", "registration", "birth_date", "gender")
"""What a party keeps for life, as a rule, by comparison; names, addresses and contact points come and go."""
NEARLY_IMPOSSIBLE: Final = -5 * BIT
"""Weight of a level from which it is 32 times likelier for two parties than for one."""

_SEEN: Final = ("data_source", "gender", "given")  # what the model's view of records looks at

SCHEMA: Final = pl.Schema(
    {"a": pl.Int64, "b": pl.Int64, "entity_id": pl.Int64, "comparison": pl.String, "against": pl.Int64}
)
"""Two records (a < b) of one party; the comparison that contradicts most; what all of them together say against it, in
1/1000 bit, negative."""

FEW: Final = 5_000
"""Records up to which pairs are looked at one by one: less than 1 ms for those of a change, where sets take 50."""

Against = Mapping[Comparison, Mapping[int, int]]
"""Comparisons with nearly impossible levels: their numbers, and what they say against one party in 1/1000 bit."""


def contradictions(members: pl.DataFrame, model: Model) -> pl.DataFrame:
    """Return the pairs of records of one party that contradict one another.

    Args:
        members: ``record_no`` Int64, ``entity_id`` Int64 and ``content`` String, the features as ``packing`` packs
            them: of all records of these parties.
        model: the model version.

    Returns:
        ``SCHEMA``, in no order.
    """
    against = {party_type: dict(_against(model, party_type)) for party_type in COMPARISONS}
    found = _few(members, against, model) if members.height <= FEW else _many(members, against, model)
    return pl.concat([pl.DataFrame(schema=SCHEMA), *found])


def _against(model: Model, party_type: str) -> Iterator[tuple[Comparison, dict[int, int]]]:
    """Yield the comparisons with nearly impossible levels: their numbers, and what they say."""
    for comparison in COMPARISONS[party_type]:
        levels = enumerate(model.populations[party_type].levels(comparison))
        weights = {number: max(level.stranger, level.relative) for number, level in levels if level}
        nearly_impossible = {number: weight for number, weight in weights.items() if weight <= NEARLY_IMPOSSIBLE}
        if comparison.name in LASTING and nearly_impossible:
            yield comparison, nearly_impossible


# Few records: in process --------------------------------------------------------------------------------------------


def _few(members: pl.DataFrame, against: Mapping[str, Against], model: Model) -> Iterator[pl.DataFrame]:
    of_entity: dict[int, list[tuple[int, Record]]] = {}
    for record_no, entity_id, content in members.select("record_no", "entity_id", "content").sort("record_no").rows():
        of_entity.setdefault(entity_id, []).append((record_no, Record(content, 0, model)))
    rows = []
    for entity_id, records in of_entity.items():
        levels = [(one.name, one.level, weights) for one, weights in against[records[0][1].party_type].items()]
        for (a, one), (b, other) in itertools.combinations(records, 2):
            speaking = [(weights.get(level(one, other), 0), name) for name, level, weights in levels]
            total = sum(weight for weight, _ in speaking)
            if total < 0:
                rows.append((a, b, entity_id, min(speaking, key=lambda each: each[0])[1], total))
    yield pl.DataFrame(rows, schema=SCHEMA, orient="row")


# Many records: set by set -------------------------------------------------------------------------------------------


def _many(members: pl.DataFrame, against: Mapping[str, Against], model: Model) -> Iterator[pl.DataFrame]:
    for party_type, comparisons in against.items():
        records = _disagreeing(members, party_type, list(comparisons), model)
        if not records.is_empty():
            yield _pairs(records, comparisons)


def _disagreeing(
    members: pl.DataFrame, party_type: str, comparisons: Sequence[Comparison], model: Model
) -> pl.DataFrame:
    """Return the records of parties that do not say the same throughout, as the model sees them.

    Most do, and of these nothing has to be read but whether the packed texts are the same.
    """
    names = {name for comparison in comparisons for name in comparison.columns}
    if "gender" in names:
        names.add("given")  # which may tell it instead
    texts = packing.cut(members["content"], sorted({"party_type", *_SEEN, *names}))
    records = members.select("record_no", "entity_id").hstack(texts).filter(pl.col("party_type") == party_type)
    differs = pl.any_horizontal(pl.lit(value=False), *(pl.col(name).n_unique() > 1 for name in sorted(names)))
    differing = records.group_by("entity_id").agg(differs=differs).filter("differs")
    generic = {name: values for name, values in model.generic.items() if name in texts.columns}
    seen = view(replace(model, generic=generic, frequencies={}))
    return seen(
        records.join(differing, on="entity_id", how="semi").with_columns(packing.values(name) for name in texts.columns)
    )


def _pairs(records: pl.DataFrame, against: Against) -> pl.DataFrame:
    """Return the pairs of records of one entity that have a nearly impossible level."""
    names = [comparison.name for comparison in against]
    levels = ", ".join(f"{comparison.sql(_left, _right)} AS {comparison.name}" for comparison in against)
    weighed = ", ".join(
        f"CASE {comparison.name} {' '.join(f'WHEN {number} THEN {weight}' for number, weight in weights.items())}"
        f" ELSE 0 END AS {comparison.name}"
        for comparison, weights in against.items()
    )
    with database() as connection, registered(connection, record=records):
        contradicting = connection.sql(
            f"""
            WITH level AS (
                SELECT l.record_no AS a, r.record_no AS b, l.entity_id, {levels}
                FROM record l JOIN record r ON l.entity_id = r.entity_id AND l.record_no < r.record_no
            ),
            weight AS (SELECT a, b, entity_id, {weighed} FROM level)
            FROM weight WHERE {" + ".join(names)} < 0
            """  # noqa: S608
        )
        pairs = pl.DataFrame(contradicting.to_arrow_table())
    most = pl.concat_list(names).list.arg_min()
    found = pairs.with_columns(comparison=pl.lit(pl.Series([names])).list.get(most), against=pl.sum_horizontal(names))
    return found.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())


_left, _right = "l.{}".format, "r.{}".format

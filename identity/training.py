"""Training: a model from the records themselves, without knowing who is who.

1. *What the values tell*, counted on all records (``identity.counting``): generic values, how rare each name, date and
   place is, which names tell the gender, which blocking keys are too common to compare.
2. *u*, the chance that strangers agree, counted on all pairs of records picked at random.
3. *m*, the chance that one party's records agree: from pairs that are known to be one party where there are enough of
   them, by an identifier of which one party has one; else by Splink's expectation maximisation over several blocking
   passes, each of which estimates the comparisons that it does not block on.
4. *r and the priors*: the pairs that blocking proposes are a mixture of three kinds, one party, relatives and
   strangers. With m and u known, expectation maximisation over the counts of their level patterns tells how
   relatives agree, and how many pairs of each kind there are.
5. *Decisions*: what people decided about pairs of much the same weight takes the place of what the model expects of
   them, where there are enough decisions; m and the priors follow.

2 to 4 look at samples (``identity.sampling``), of which they ask the counts of patterns of levels
(``identity.patterns``); 3 and 4 are ``identity.expectation``, 5 is ``identity.correction``.

What the records cannot tell stays as it is in the packaged prior, and the model's profile says so.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

import duckdb
import numpy as np
import polars as pl
from pydantic import JsonValue

from identity import blocking, commonness, correction, counting, expectation, patterns
from identity.comparison import COMPARISONS, Comparison
from identity.counting import ENOUGH_VALUES
from identity.expectation import PRIOR_IN_M
from identity.features import SCHEMA
from identity.linking import DECISION_SCHEMA
from identity.model import Level, Model, Population, packaged_prior, weight
from identity.patterns import Patterns, Tables, compared, normal
from identity.records import database
from identity.sampling import ENOUGH_RECORDS, PASSES, Sample, samples

STRANGERS: Final = 800
"""Records picked by key alone of which all pairs, 319,600, give u."""
KNOWN_PAIRS: Final = 1000
"""Pairs known to be one party from which m is counted instead."""
MIXTURE_PAIRS: Final = 500_000
"""Candidate pairs from which r is estimated."""
MOSTLY: Final = 0.5
"""Share of *other* among relatives from which they mostly differ."""

NOTHING_DECIDED: Final = pl.DataFrame(schema=DECISION_SCHEMA)


def train(
    features: pl.DataFrame | Path,
    *,
    generic: Mapping[str, Collection[str]] = MappingProxyType({}),
    decisions: pl.DataFrame = NOTHING_DECIDED,
) -> Model:
    """Return a model made from the records; the same records and decisions give the same model.

    Args:
        features: the features frame of all live records (``identity.features.SCHEMA``), in any order; or a folder with
            Parquet files of it, of which no more than samples and single columns stand in memory.
        generic: by feature, values that are known to prove nothing, as the features hold them; added to those of the
            prior and those that the records show.
        decisions: what people decided (``identity.linking.DECISION_SCHEMA``).
    """
    prior = packaged_prior()
    with database() as connection:
        counting.create_features(connection, features)
        without = counting.generic_values(connection, prior.generic, generic)
        common = counting.common_keys(connection, without)
        model = replace(
            prior,
            generic=without,
            genders=counting.genders(connection, without),
            frequencies=counting.frequencies(connection, without, prior.frequencies),
            common_keys=frozenset(common.values()),
        )
        sampled = samples(connection, counting.records_by(connection, "party_type"), decisions)
        trained = {
            party_type: _population(connection, model, sampled[party_type], common.keys()) for party_type in COMPARISONS
        }
        sources = counting.records_by(connection, "data_source")
    return replace(
        model,
        populations=MappingProxyType({name: population for name, (population, _) in trained.items()}),
        profile=MappingProxyType(
            {
                "origin": "trained",
                "records": sum(sources.values()),
                "sources": dict(sources),
                "generic_values": {name: len(values) for name, values in without.items()},
                "common_keys": len(model.common_keys),
                "populations": {name: profile for name, (_, profile) in trained.items()},
            }
        ),
    )


def _population(
    connection: duckdb.DuckDBPyConnection, model: Model, sample: Sample, common: Collection[int]
) -> tuple[Population, dict[str, JsonValue]]:
    """Estimate the parameters of one party type; returns them and what to say of them in the profile.

    Args:
        connection: for tables of its own.
        model: what the values of all records tell, and the parameters of the prior.
        sample: records of the type.
        common: quick keys that make no candidates (``identity.commonness``).
    """
    records = sample.all_records
    prior = model.populations[sample.party_type]
    if records < ENOUGH_RECORDS:
        return prior, {"records": records, "at_prior": "all: too few records"}
    comparisons = COMPARISONS[sample.party_type]
    sample.create_records(connection, model)
    told, told_by = _told(connection), _telling(connection, comparisons, records)
    enough = [one for one in comparisons if told_by[one.name] >= ENOUGH_VALUES]
    found_u = _strangers(connection, enough)
    rarest = _rarest(told_by, records)
    positive = {name: normal(np.maximum(u, rarest[name])) for name, u in found_u.items()}
    passes = sample.create_pairs(connection, comparisons)
    known: Tables = {}
    if sample.known and sample.known in passes:
        undecided = [one for one in comparisons if not sample.known.decides(one)]
        known = _known(connection, undecided, f"(FROM passed WHERE {passes[sample.known]})")
    unknown = [one for one in enough if one.name not in known]
    by_splink = {one: passes[one] for one in PASSES[sample.party_type] if one in passes and one.teaches(unknown)}
    found_m = expectation.parties(connection, enough, positive, by_splink)
    m, u, r = (_probabilities(prior, comparisons, kind) for kind in ("m", "u", "r"))
    prior_m = dict(m)
    for name, found in (found_m | known).items():
        m[name] = normal((1 - PRIOR_IN_M) * found + PRIOR_IN_M * m[name])
    candidates = _candidates(connection, comparisons, blocking.RULES[sample.party_type], common)
    [(sampled,)] = connection.sql("SELECT count(*) FROM record WHERE random").fetchall()
    all_pairs = math.comb(sampled, 2)
    parties = relatives = float(candidates.counts.sum()) / 3
    overstated = {name for name in found_m.keys() - known if r[name][-1] > MOSTLY}
    for _ in range(2):
        for name in (found_m | known).keys() & found_u.keys():
            # The random pairs hold a few of one party and of relatives, which agree where strangers would not.
            others = (parties * m[name] + relatives * r[name]) / all_pairs
            u[name] = normal(np.maximum(found_u[name] - others, rarest[name]))
        parties, relatives = expectation.relatives(
            candidates, all_pairs=all_pairs, m=m, u=u, r=r, prior_m=prior_m, overstated=overstated
        )
    estimate = correction.Estimate(m, u, r, parties, relatives, all_pairs)
    decided, bands = correction.correct(connection, comparisons, estimate, candidates)
    population = Population(
        stranger_prior=weight(estimate.parties, all_pairs),
        relative_prior=weight(estimate.parties, relatives),
        comparisons=MappingProxyType({one.name: _levels(one, m, u, r) for one in comparisons}),
    )
    scale = math.comb(records, 2) / all_pairs
    return population, {
        "records": records,
        "sampled": sampled,
        "told": {name: round(share, 4) for name, share in told.items() if share},
        "m_from_known_identifiers": sorted(known),
        "m_from_expectation_maximisation": sorted(found_m.keys() - known.keys()),
        "decisions": decided,
        "bands_of_decisions": bands,
        "at_prior": [one.name for one in comparisons if one.name not in found_m and one.name not in known],
        "pairs": {"party": round(estimate.parties * scale), "relatives": round(relatives * scale)},
    }


def _levels(one: Comparison, m: Tables, u: Tables, r: Tables) -> tuple[Level, ...]:
    levels = [level for level in one.levels if not level.missing]
    return tuple(
        Level.of(level.name, *probabilities, by_frequency=level.frequency is not None)
        for level, *probabilities in zip(levels, m[one.name], u[one.name], r[one.name], strict=True)
    )


def _probabilities(population: Population, comparisons: Sequence[Comparison], kind: str) -> Tables:
    return {
        one.name: normal(np.array([getattr(level, kind) for level in population.comparisons[one.name]]))
        for one in comparisons
    }


# --- what the sample shows -------------------------------------------------------------------------------------


def _told(connection: duckdb.DuckDBPyConnection) -> dict[str, float]:
    """Return by feature the share of the random records that tell it."""
    names = [name for name in SCHEMA.names() if name not in ("record_no", "key", "data_source", "party_type")]
    shares = ", ".join(f"count({name}) / count(*)" for name in names)
    [row] = connection.sql(f"SELECT {shares} FROM record WHERE random").fetchall()  # noqa: S608
    return dict(zip(names, row, strict=True))


def _telling(
    connection: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison], records: int
) -> dict[str, float]:
    """Return by comparison how many of all records tell what it needs, from the random ones."""
    shares = []
    for one in comparisons:
        missing = [number for number, level in enumerate(one.levels) if level.missing]
        same = one.sql(lambda column: column, lambda column: column)
        shares.append(f"avg(({same} NOT IN ({', '.join(map(str, missing))}))::INTEGER)")
    [row] = connection.sql(f"SELECT {', '.join(shares)} FROM record WHERE random").fetchall()  # noqa: S608
    return {one.name: float(share or 0) * records for one, share in zip(comparisons, row, strict=True)}


def _rarest(told_by: Mapping[str, float], records: int) -> dict[str, float]:
    """Return by comparison the least that u of a level can be: of a level that no pair of strangers has.

    It counts as half a pair of those that tell; or of as many as there are records that do, where that is more.
    """
    return {
        name: 0.5 / max(telling, (telling / records * STRANGERS) ** 2 / 2)
        for name, telling in told_by.items()
        if telling
    }


def _strangers(connection: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison]) -> Tables:
    """Count u on all pairs of some random records."""
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE strangers AS
        WITH stranger AS (SELECT i FROM record WHERE random ORDER BY i LIMIT {STRANGERS})
        SELECT a.i AS l, b.i AS r FROM stranger a JOIN stranger b ON a.i < b.i
        """  # noqa: S608
    )
    found = patterns.count(connection, comparisons, compared(comparisons, "strangers"))
    return {name: normal(counts) for name, counts in patterns.seen(found, comparisons).items()}


def _known(connection: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison], pairs: str) -> Tables:
    """Count m on pairs known to be one party; comparisons that too few of them tell are left out."""
    found = patterns.seen(patterns.count(connection, comparisons, pairs), comparisons)
    return {name: normal(counts) for name, counts in found.items() if counts.sum() >= KNOWN_PAIRS}


def _candidates(
    connection: duckdb.DuckDBPyConnection,
    comparisons: Sequence[Comparison],
    rules: Sequence[blocking.Rule],
    common: Collection[int],
) -> Patterns:
    """Count the patterns of the pairs that linking will compare among the random records."""
    connection.execute("CREATE OR REPLACE TEMP VIEW random_record AS FROM record WHERE random")
    blocking.create_candidates(connection, "random_record", rules, common, key=commonness.quick_sql)
    [(pairs,)] = connection.sql("SELECT count(*) FROM candidate").fetchall()
    every = max(1, math.ceil(pairs / MIXTURE_PAIRS))
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW looked_at AS FROM candidate WHERE (l::BIGINT * 7919 + r) % {every} = 0"
    )
    found = patterns.count(connection, comparisons, compared(comparisons, "looked_at"))
    return Patterns(found.names, found.levels, found.counts * every)

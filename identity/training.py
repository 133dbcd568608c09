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

Parameters need no more pairs when there are more records: 2 to 4 look at samples of a fixed size. A sample of records
is one by key, which is a hash: the same in any order. It keeps the share of the square of pairs; so passes are sampled
by block, which keeps the pairs of a block together.

What the records cannot tell stays as it is in the packaged prior, and the model's profile says so.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import JsonValue
from splink import DuckDBAPI, Linker, SettingsCreator
from splink.comparison_library import CustomComparison
from splink.internals.exceptions import SplinkException

from identity import blocking, counting
from identity.comparison import COMPARISONS, Comparison
from identity.counting import ENOUGH_VALUES
from identity.features import SCHEMA
from identity.linking import DECISION_SCHEMA, MUST_LINK, NEVER_LINK
from identity.model import Level, Model, Population, packaged_prior, weight
from identity.records import create_records, database

Floats = NDArray[np.float64]

ENOUGH_RECORDS: Final = 1000
"""Records of a party type from which its parameters are estimated; with fewer they stay at the prior."""
SAMPLED_RECORDS: Final = 100_000
"""Records of a party type of which the candidates are looked at to estimate r and the priors."""
STRANGERS: Final = 800
"""Records picked by key alone of which all pairs, 320,000, give u."""
PASS_PAIRS: Final = 60_000
"""Pairs of one blocking pass from which m is estimated, about."""
KNOWN_PAIRS: Final = 1000
"""Pairs known to be one party from which m is counted instead."""
KNOWN_SHARE: Final = 0.5
"""Share of the records that must carry an identifier for its pairs to stand for all: those of a few sources with
clean data would not."""
MIXTURE_PAIRS: Final = 500_000
"""Candidate pairs from which r is estimated."""
MILLION: Final = 1_000_000
"""Parts of the keys, of which a sample of records takes some."""
BAND: Final = 4.0
"""Bits of weight within which pairs that people decided about stand for the others."""
ENOUGH_DECISIONS: Final = 100
"""Decisions in a band from which they take the place of what the model expects."""
ROUNDS: Final = 60
"""Of expectation maximisation for r; it has settled long before."""
PRIOR_IN_M: Final = 0.02
"""Share of the prior in every m, so that a level nobody saw is rare, not impossible."""
MOSTLY: Final = 0.5
"""Share of *other* among relatives from which they mostly differ."""
LIKE_THE_PRIOR: Final = 20.0
"""Pairs that the prior counts for in every distribution of relatives."""

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
        common = counting.generic_values(connection, prior.generic, generic)
        model = replace(
            prior,
            generic=common,
            genders=counting.genders(connection, common),
            frequencies=counting.frequencies(connection, common, prior.frequencies),
            common_keys=counting.common_keys(connection, common),
        )
        samples = _samples(connection, counting.records(connection), decisions)
        trained = {party_type: _train_population(connection, model, samples[party_type]) for party_type in COMPARISONS}
        sources = counting.sources(connection)
    return replace(
        model,
        populations=MappingProxyType({name: population for name, (population, _) in trained.items()}),
        profile=MappingProxyType(
            {
                "origin": "trained",
                "records": sum(sources.values()),
                "sources": dict(sources),
                "generic_values": {name: len(values) for name, values in common.items()},
                "common_keys": len(model.common_keys),
                "populations": {name: profile for name, (_, profile) in trained.items()},
            }
        ),
    )


# --- samples ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pass:
    """One blocking pass of the estimation of m: pairs that agree in all of ``on``."""

    on: tuple[str, ...]  # features; of a list its first value
    by: tuple[str, ...]  # of these, those whose values are sampled: passes that share them share the records too

    @property
    def rule(self) -> str:
        """The pass as Splink takes it."""
        return " AND ".join(f"{_value(name, 'l.')} = {_value(name, 'r.')}" for name in self.on)

    def decides(self, comparison: Comparison) -> bool:
        """Tell whether the comparison looks at what the pairs agree in anyway."""
        return not set(self.on).isdisjoint(comparison.columns)


PASSES: Final[Mapping[str, tuple[Pass, ...]]] = MappingProxyType(
    {
        "person": (
            Pass(("given", "family"), ("given", "family")),
            Pass(("birth_date", "family"), ("birth_date",)),
            Pass(("birth_date", "postcodes"), ("birth_date",)),
            Pass(("birth_date", "birth_place"), ("birth_date",)),
            Pass(("birth_date", "phones"), ("birth_date",)),
            Pass(("birth_date", "emails"), ("birth_date",)),
        ),
        "organisation": (
            Pass(("organisation", "areas", "branch"), ("organisation",)),
            Pass(("organisation", "phones", "branch"), ("organisation",)),
            Pass(("registrations", "branch"), ("registrations",)),
            Pass(("ibans", "branch"), ("ibans",)),
        ),
    }
)
"""Such that many of the pairs, but not all, are one party. None leans on contact points alone, which families and
companies of one group share; and none takes two branches of one company for one party."""

KNOWN: Final[Mapping[str, Pass]] = MappingProxyType(
    {
        "person": Pass(("national_ids",), ("national_ids",)),
        "organisation": Pass(("registrations", "branch"), ("registrations",)),
    }
)
"""Pairs that share an identifier of which one party has one, and no two the same."""


def _value(name: str, of: str = "") -> str:
    """Write the value of a feature that a pass blocks on; two names that name no branch agree in that."""
    if name == "branch":
        return f"coalesce({of}branch, '')"
    return f"{of}{name}[1]" if isinstance(SCHEMA[name], pl.List) else f"{of}{name}"


def pairs_of(
    connection: duckdb.DuckDBPyConnection, one: Pass, records: str, condition: str = "true", *, every: int = 1
) -> int:
    """Count the pairs of a blocking pass among some records of a table, from the sizes of one in so many blocks."""
    keys = [_value(name) for name in one.on]
    present = " AND ".join(f"{key} IS NOT NULL" for key in keys)
    block = f"hash({', '.join(keys)})"
    [(pairs,)] = connection.sql(
        f"SELECT sum(n * (n - 1) // 2)::BIGINT FROM (SELECT count(*) AS n FROM {records}"  # noqa: S608
        f" WHERE {condition} AND {present} AND {block} % {every} = 0 GROUP BY {block})"
    ).fetchall()
    return int(pairs or 0) * every


@dataclass(frozen=True, slots=True)
class _Sample:
    """Records of one party type, and why they are here.

    ``random`` are those picked by key alone, ``slice_0`` … those in the blocks of passes, ``decided`` those that people
    decided about.
    """

    party_type: str
    all_records: int  # of the type
    records: pl.DataFrame  # features, and these columns
    passes: Mapping[Pass, str]  # those with enough pairs, and the slice in which each finds them
    decisions: pl.DataFrame

    def create_records(self, connection: duckdb.DuckDBPyConnection, model: Model) -> dict[Pass, str]:
        """Make the table ``record`` of the records as linking compares them, with ``i``, numbered by key.

        Returns:
            The passes that have pairs still, and their slices: many may have been of generic values.
        """
        numbered = self.records.sort("key", "record_no").with_row_index("i").with_columns(pl.col("i").cast(pl.Int32))
        create_records(connection, numbered, model)
        connection.register("decision", self.decisions.to_arrow())
        return {one: part for one, part in self.passes.items() if pairs_of(connection, one, "record", part)}


def _samples(
    connection: duckdb.DuckDBPyConnection, records: Mapping[str, int], decisions: pl.DataFrame
) -> dict[str, _Sample]:
    """Pick the records of every party type that parameters are estimated from; all are read once."""
    connection.register("decision", decisions.to_arrow())
    passes: dict[str, dict[Pass, str]] = {party_type: {} for party_type in COMPARISONS}
    tests: dict[str, list[str]] = {"random": ["false"], "decided": ["false"]}
    for party_type, count in records.items():
        if count < ENOUGH_RECORDS:
            continue
        of_type = f"party_type = '{party_type}'"
        passes[party_type], found = _slices(connection, party_type, count)
        found["random"] = f"key % {MILLION} < {math.ceil(MILLION * SAMPLED_RECORDS / count)}"
        found["decided"] = "record_no IN (SELECT a FROM decision UNION SELECT b FROM decision)"
        for name, test in found.items():
            tests.setdefault(name, []).append(f"({of_type} AND {test})")
    flags = ", ".join(f"({' OR '.join(of_types)}) AS {name}" for name, of_types in tests.items())
    frame = connection.sql(f"SELECT *, {flags} FROM feature WHERE {' OR '.join(tests)}").pl()  # noqa: S608
    return {
        party_type: _Sample(
            party_type,
            records.get(party_type, 0),
            frame.filter(pl.col("party_type") == party_type),
            passes[party_type],
            decisions,
        )
        for party_type in COMPARISONS
    }


def _slices(
    connection: duckdb.DuckDBPyConnection, party_type: str, records: int
) -> tuple[dict[Pass, str], dict[str, str]]:
    """Return the passes with enough pairs and the slice in which each finds them, and what records are in a slice."""
    of_type, every = f"party_type = '{party_type}'", math.ceil(records / SAMPLED_RECORDS)
    passes = (*PASSES[party_type], KNOWN[party_type])
    pairs = {one: pairs_of(connection, one, "feature", of_type, every=every) for one in passes}
    useful = {one: count for one, count in pairs.items() if count >= ENOUGH_VALUES}
    parts: dict[tuple[str, ...], int] = {}
    for one, count in useful.items():
        parts[one.by] = max(parts.get(one.by, 1), math.ceil(count / PASS_PAIRS))
    slices = {by: f"slice_{number}" for number, by in enumerate(sorted(parts))}
    tests = {}
    for by, name in slices.items():
        values = [_value(feature) for feature in by]
        present = " AND ".join(f"{value} IS NOT NULL" for value in values)
        tests[name] = f"{present} AND hash({', '.join(values)}) % {parts[by]} = 0"
    return {one: slices[one.by] for one in useful}, tests


# --- parameters ------------------------------------------------------------------------------------------------

Tables = dict[str, Floats]
"""Probabilities of the levels of every comparison by name, missing levels left out, each adding up to 1."""
Patterns = NDArray[np.int64]
"""Levels of pairs, (patterns, comparisons): places among the levels that are not missing, or ``MISSING``."""
MISSING: Final = -1


def _train_population(
    connection: duckdb.DuckDBPyConnection, model: Model, sample: _Sample
) -> tuple[Population, dict[str, JsonValue]]:
    """Estimate the parameters of one party type; returns them and what to say of them in the profile."""
    party_type, records = sample.party_type, sample.all_records
    prior = model.populations[party_type]
    if records < ENOUGH_RECORDS:
        return prior, {"records": records, "at_prior": "all: too few records"}
    comparisons = COMPARISONS[party_type]
    passes = sample.create_records(connection, model)
    told, told_by = _told(connection), _telling(connection, comparisons, records)
    enough = [one for one in comparisons if told_by[one.name] >= ENOUGH_VALUES]
    found_u = _strangers(connection, enough)
    # A level that none of the pairs has, of which there are at least as many as records, counts as half a pair.
    rarest = {name: 0.5 / max(told, (told / records * STRANGERS) ** 2 / 2) for name, told in told_by.items() if told}
    positive = {name: _normal(np.maximum(u, rarest[name])) for name, u in found_u.items()}
    found_m = _splink(connection, enough, positive, {one: passes[one] for one in PASSES[party_type] if one in passes})
    known: Tables = {}
    stands_for_all = told.get(KNOWN[party_type].on[0], 0.0) >= KNOWN_SHARE
    if KNOWN[party_type] in passes and stands_for_all:
        known = _known(connection, comparisons, KNOWN[party_type], passes[KNOWN[party_type]])
    m, u, r = (_probabilities(prior, comparisons, kind) for kind in ("m", "u", "r"))
    prior_m = dict(m)
    for name, found in (found_m | known).items():
        m[name] = _normal((1 - PRIOR_IN_M) * found + PRIOR_IN_M * m[name])
    patterns, counts = _candidates(connection, comparisons, party_type, model.common_keys)
    [(sampled,)] = connection.sql("SELECT count(*) FROM record WHERE random").fetchall()
    all_pairs = math.comb(sampled, 2)
    parties = relatives = float(counts.sum()) / 3
    overstated = {name for name in found_m.keys() - known if r[name][-1] > MOSTLY}
    for _ in range(2):
        for name in found_m:
            # The random pairs hold a few of one party and of relatives, which agree where strangers would not.
            others = (parties * m[name] + relatives * r[name]) / all_pairs
            u[name] = _normal(np.maximum(found_u[name] - others, rarest[name]))
        parties, relatives = _mixture(
            patterns, counts, all_pairs=all_pairs, m=m, u=u, r=r, prior_m=prior_m, overstated=overstated
        )
    estimate = _Estimate(m, u, r, parties, relatives, all_pairs)
    decided, bands = _decided(connection, comparisons, estimate, patterns, counts)
    parties = estimate.parties
    population = Population(
        stranger_prior=weight(parties, all_pairs),
        relative_prior=weight(parties, relatives),
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
        "pairs": {"party": round(parties * scale), "relatives": round(relatives * scale)},
    }


def _levels(one: Comparison, m: Tables, u: Tables, r: Tables) -> tuple[Level, ...]:
    levels = [level for level in one.levels if not level.missing]
    return tuple(
        Level.of(level.name, *probabilities, by_frequency=level.frequency is not None)
        for level, *probabilities in zip(levels, m[one.name], u[one.name], r[one.name], strict=True)
    )


def _probabilities(population: Population, comparisons: Sequence[Comparison], kind: str) -> Tables:
    return {
        one.name: _normal(np.array([getattr(level, kind) for level in population.comparisons[one.name]]))
        for one in comparisons
    }


def _normal(values: Floats) -> Floats:
    return np.asarray(values / values.sum(), dtype=np.float64)


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


def _strangers(connection: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison]) -> Tables:
    """Count u on all pairs of some random records."""
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE strangers AS
        WITH stranger AS (SELECT i FROM record WHERE random ORDER BY i LIMIT {STRANGERS})
        SELECT a.i AS l, b.i AS r FROM stranger a JOIN stranger b ON a.i < b.i
        """  # noqa: S608
    )
    seen = _seen(comparisons, *_patterns(connection, comparisons, "strangers"))
    return {name: _normal(counts) for name, counts in seen.items()}


def _splink(
    connection: duckdb.DuckDBPyConnection,
    comparisons: Sequence[Comparison],
    u: Tables,
    passes: Mapping[Pass, str],
) -> Tables:
    """Estimate m of the comparisons with Splink, by name; those without any pair to learn from are left out."""
    estimated = [one for one in comparisons if one.name in u]
    if not estimated:
        return {}
    with quiet():
        linker = Linker(
            DuckDBAPI(connection=connection).register("record"),
            SettingsCreator(
                link_type="dedupe_only",
                unique_id_column_name="i",
                comparisons=[splink_comparison(one, u=u[one.name].tolist()) for one in estimated],
                blocking_rules_to_generate_predictions=[],
            ),
            validate_settings=False,  # looks for columns that are not there, in half a second
            log_level=None,
        )
        for one, part in passes.items():
            if not all(one.decides(comparison) for comparison in estimated):
                _learn(linker, f"{one.rule} AND l.{part} AND r.{part}")
        document = linker.misc.save_model_to_json(out_path=None)
    m = {}
    for one in document["comparisons"]:
        levels = [level for level in one["comparison_levels"] if not level.get("is_null_level")]
        found = np.array([level.get("m_probability", 0.0) for level in levels], dtype=np.float64)
        if found.sum() > 0:
            m[str(one["output_column_name"])] = _normal(found)
    return m


def _learn(linker: Linker, rule: str) -> None:
    """Estimate m from the pairs of one blocking pass.

    The comparisons have no term frequencies, so that leaving them out changes nothing: Splink then counts patterns once
    instead of going through all pairs in every round. Where all pairs agree in everything, it refuses a probability
    that falls to zero, and fails at one that reaches one: such a pass teaches nothing.
    """
    with suppress(ValueError, SplinkException):
        linker.training.estimate_parameters_using_expectation_maximisation(rule, estimate_without_term_frequencies=True)


def splink_comparison(one: Comparison, *, m: Iterable[float] = (), u: Iterable[float] = ()) -> CustomComparison:
    """Return a comparison as Splink takes it, with the same levels in the same order.

    Args:
        one: the comparison.
        m: of its levels, missing ones left out; nothing where Splink is to estimate it.
        u: the same.
    """
    known_m, known_u = iter(m), iter(u)
    return CustomComparison(
        output_column_name=one.name,
        comparison_levels=[
            {
                "sql_condition": level.condition.sql(_left, _right) if level.condition else "ELSE",
                "label_for_charts": level.name,
                "is_null_level": level.missing,
                "m_probability": None if level.missing else next(known_m, None),
                "u_probability": None if level.missing else next(known_u, None),
            }
            for level in one.levels
        ],
    )


_left, _right = '"{}_l"'.format, '"{}_r"'.format


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Splink's progress off the terminal: it is told in the profile."""
    logger = logging.getLogger("splink")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _known(connection: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison], one: Pass, part: str) -> Tables:
    """Count m from pairs that share an identifier of which one has one.

    Comparisons that too few such pairs tell are left out, and so is that of the identifier itself.
    """
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE known AS
        SELECT l.i AS l, r.i AS r FROM record l JOIN record r ON {one.rule} AND l.i < r.i
        WHERE l.{part} AND r.{part}
        """  # noqa: S608
    )
    seen = _seen(comparisons, *_patterns(connection, comparisons, "known"))
    return {
        comparison.name: _normal(seen[comparison.name])
        for comparison in comparisons
        if not one.decides(comparison) and comparison.name in seen and seen[comparison.name].sum() >= KNOWN_PAIRS
    }


# --- relatives -------------------------------------------------------------------------------------------------


def _candidates(
    connection: duckdb.DuckDBPyConnection,
    comparisons: Sequence[Comparison],
    party_type: str,
    common_keys: Collection[int],
) -> tuple[Patterns, Floats]:
    """Return the level patterns of the pairs that linking will compare among the random records, and their counts."""
    connection.execute("CREATE OR REPLACE TEMP VIEW random_record AS FROM record WHERE random")
    blocking.create_candidates(connection, "random_record", blocking.RULES[party_type], common_keys)
    [(pairs,)] = connection.sql("SELECT count(*) FROM candidate").fetchall()
    every = max(1, math.ceil(pairs / MIXTURE_PAIRS))
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW looked_at AS FROM candidate WHERE (l::BIGINT * 7919 + r) % {every} = 0"
    )
    patterns, counts = _patterns(connection, comparisons, "looked_at")
    return patterns, counts * every


def _patterns(
    connection: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison], pairs: str
) -> tuple[Patterns, Floats]:
    """Return the level patterns of a table of pairs (``l``, ``r``), one row each, and their counts."""
    levels = ", ".join(f"{one.sql(lambda c: f'a.{c}', lambda c: f'b.{c}')} AS {one.name}" for one in comparisons)
    names = ", ".join(one.name for one in comparisons)
    table = connection.sql(
        f"""
        SELECT {names}, count(*)::DOUBLE AS pairs
        FROM (SELECT {levels} FROM {pairs} JOIN record a ON a.i = l JOIN record b ON b.i = r)
        GROUP BY {names}
        ORDER BY {names}
        """  # noqa: S608
    ).fetchnumpy()
    columns = []
    for one in comparisons:
        position = np.cumsum([not level.missing for level in one.levels]) - 1  # among the levels not missing
        position[[level.missing for level in one.levels]] = MISSING
        columns.append(position[table[one.name]])
    return np.column_stack(columns).astype(np.int64), table["pairs"]


def _seen(comparisons: Sequence[Comparison], patterns: Patterns, counts: Floats) -> Tables:
    """Return how many pairs have each level, by the name of the comparison; one that no pair tells is left out."""
    seen = {}
    for column, one in enumerate(comparisons):
        tells = patterns[:, column] != MISSING
        if tells.any():
            levels = sum(not level.missing for level in one.levels)
            seen[one.name] = np.bincount(patterns[tells, column], counts[tells], minlength=levels).astype(np.float64)
    return seen


def _mixture(
    patterns: Patterns,
    counts: Floats,
    *,
    all_pairs: int,
    m: Tables,
    u: Tables,
    r: Tables,
    prior_m: Tables,
    overstated: Collection[str],
) -> tuple[float, float]:
    """Estimate how relatives agree (``r``, in place), and how many pairs are one party and how many relatives.

    Strangers need no estimate: nearly all pairs are strangers, and u is known. The passes that m comes from know no
    relatives, and took twins, or a father and a son, for one party that differs. So ``overstated`` is m of *other* in
    what relatives mostly differ in: it falls (in place) to what is left of it once they have a place of their own.
    """
    names = list(m)  # in the order of the patterns' columns
    prior = {name: r[name].copy() for name in names}
    # What tells one party from relatives stays near the prior, or relatives become one party once more.
    held = {name: 0.5 * float(np.abs(prior_m[name] - prior[name]).sum()) for name in names}
    stranger = _likelihood(patterns, names, u) * all_pairs
    parties, relatives = counts.sum() / 3, counts.sum() / 3
    for _ in range(ROUNDS):
        party, relative = _likelihood(patterns, names, m), _likelihood(patterns, names, r)
        total = parties * party + relatives * relative + stranger
        is_party, is_relative = counts * parties * party / total, counts * relatives * relative / total
        parties, relatives = float(is_party.sum()), float(is_relative.sum())
        for column, name in enumerate(names):
            tells = patterns[:, column] != MISSING
            if name in overstated:
                others = patterns[:, column] == prior[name].size - 1
                share = float(is_party[others].sum() / max(is_party[tells].sum(), 1.0))
                m[name] = _with_others(m[name], (1 - PRIOR_IN_M) * share + PRIOR_IN_M * float(prior_m[name][-1]))
            seen = np.bincount(patterns[tells, column], is_relative[tells], minlength=prior[name].size)
            r[name] = _normal(seen + (LIKE_THE_PRIOR + held[name] * float(seen.sum())) * prior[name])
    return max(parties, 1.0), max(relatives, 1.0)


def _with_others(m: Floats, share: float) -> Floats:
    """Return m with so large a share of *other*, its last level, at most."""
    share = min(share, float(m[-1]))
    return np.append(m[:-1] * (1 - share) / m[:-1].sum(), share)


def _likelihood(patterns: Patterns, names: Sequence[str], tables: Tables) -> Floats:
    """Return the probability of every pattern; a missing level has probability 1."""
    result = np.ones(len(patterns))
    for column, name in enumerate(names):
        result *= np.append(tables[name], 1.0)[patterns[:, column]]
    return result


# --- decisions -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Estimate:
    """The parameters as far as they are known."""

    m: Tables
    u: Tables
    r: Tables
    parties: float  # pairs of one party
    relatives: float
    all_pairs: int

    def odds(self, patterns: Patterns) -> Floats:
        """Return how likely pairs are of one party rather than not: log2 of the odds."""
        names = list(self.m)  # in the order of the patterns' columns
        party = self.parties * _likelihood(patterns, names, self.m)
        other = self.relatives * _likelihood(patterns, names, self.r)
        other += self.all_pairs * _likelihood(patterns, names, self.u)
        return np.log2(party) - np.log2(other)


def _decided(
    connection: duckdb.DuckDBPyConnection,
    comparisons: Sequence[Comparison],
    estimate: _Estimate,
    patterns: Patterns,
    counts: Floats,
) -> tuple[int, int]:
    """Move m and the number of pairs of one party, in place, by what people decided.

    People are asked about doubtful pairs, which are not like all pairs. So decisions speak for the pairs of their own
    band of weight only: there the share that they found to be one party takes the place of the expected one.

    Returns:
        The decisions about pairs of these records, and the bands in which there were enough of them.
    """
    bands_of = []
    for kind in (MUST_LINK, NEVER_LINK):
        connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE judged AS
            SELECT a.i AS l, b.i AS r
            FROM (SELECT DISTINCT least(a, b) AS a, greatest(a, b) AS b FROM decision WHERE kind = '{kind}') d
            JOIN record a ON a.record_no = d.a JOIN record b ON b.record_no = d.b
            """  # noqa: S608
        )
        found, times = _patterns(connection, comparisons, "judged")
        bands_of.append((np.floor(estimate.odds(found) / BAND), times))
    (same_band, same), (different_band, different) = bands_of
    odds = estimate.odds(patterns)
    expected = counts / (1 + np.exp2(-odds))
    corrected = expected.copy()
    band = np.floor(odds / BAND)
    bands = 0
    for one in np.unique(band):
        agreed = float(same[same_band == one].sum())
        asked = agreed + float(different[different_band == one].sum())
        inside = band == one
        if asked < ENOUGH_DECISIONS or not expected[inside].any():
            continue
        bands += 1
        share = (agreed + 1) / (asked + 2)
        corrected[inside] *= share * counts[inside].sum() / expected[inside].sum()
    if bands:
        more = corrected - expected
        for column, (name, m) in enumerate(estimate.m.items()):
            tells = patterns[:, column] != MISSING
            moved = np.bincount(patterns[tells, column], more[tells], minlength=m.size)
            told = float(expected[tells].sum())
            if not told:
                continue
            estimate.m[name] = _normal(np.maximum(m * told + moved, PRIOR_IN_M * m * told))
        estimate.parties = max(estimate.parties + float(more.sum()), 1.0)
    return int(same.sum() + different.sum()), bands

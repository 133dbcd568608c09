"""Training: a model from the records themselves, without knowing who is who.

1. *Generic values*: what more kinds of people carry than any household can, is no evidence.
2. *Frequencies*: how rare each name, date, place is.
3. *u and m* by Splink: u, the chance that strangers agree, from random pairs; m, the chance that one person's
   records agree, by expectation maximisation over several blocking passes, each of which estimates the comparisons
   that it does not block on.
4. *r and the priors*: the pairs that blocking proposes are a mixture of three kinds, one party, relatives and
   strangers. With m and u known, expectation maximisation over the counts of their level patterns tells how
   relatives agree, and how many pairs of each kind there are.

What the records cannot tell stays as it is in the packaged prior, and the model's profile says so.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import JsonValue
from splink import DuckDBAPI, Linker, SettingsCreator
from splink.comparison_library import CustomComparison

from identity import blocking, linking
from identity.comparison import COMPARISONS, Comparison
from identity.model import Frequencies, Level, Model, Population, packaged_prior, weight

Floats = NDArray[np.float64]

ENOUGH_RECORDS: Final = 1000
"""Records of a party type from which its parameters are estimated; with fewer they stay at the prior."""
ENOUGH_VALUES: Final = 500
"""Records that must tell a feature before its comparison is estimated."""
SAMPLED_PAIRS: Final = 1_000_000
"""Random pairs from which u is estimated."""
PASS_PAIRS: Final = 200_000
"""Pairs of one blocking pass from which m is estimated."""
MIXTURE_PAIRS: Final = 3_000_000
"""Candidate pairs from which r is estimated."""
ROUNDS: Final = 60
"""Of expectation maximisation for r; it has settled long before."""
PRIOR_IN_M: Final = 0.02
"""Share of the prior in every m, so that a level nobody saw is rare, not impossible."""
LIKE_THE_PRIOR: Final = 20.0
"""Pairs that the prior counts for in every distribution of relatives."""
PEOPLE_SHARING: Final = 12
"""More people than this on one phone, e-mail address, account or identifier is no household."""
DUMMY_PEOPLE: Final = 20
"""Family names that must come with a birth date before it can be a dummy."""
NAMESAKES: Final = 20
"""People who must have a given name and tell their gender before the name can tell it for others."""
NEARLY_ALWAYS: Final = 0.98
"""Share of one gender among them from which it does."""
SEEN_OFTEN: Final = 3
"""Records that must carry a value for it to stand in the frequency table; rarer ones are the unseen."""


def train(
    features: pl.DataFrame, *, generic: Mapping[str, Collection[str]] = MappingProxyType({}), seed: int = 1
) -> Model:
    """Return a model made from the records.

    Args:
        features: the features frame of all live records (``identity.features.SCHEMA``), in any order.
        generic: by feature, values that are known to prove nothing, as the features hold them; added to those of the
            prior and those that the records show.
        seed: of the random pairs; the same records and seed give the same model.
    """
    prior = packaged_prior()
    records = features.sort("key", "record_no")
    common = _generic(records, prior.generic, generic)
    specific = _specific(records, common)
    model = replace(prior, generic=common, genders=_genders(specific), frequencies=_frequencies(specific, prior))
    trained = {
        party_type: _train_population(records.filter(pl.col("party_type") == party_type), model, party_type, seed)
        for party_type in COMPARISONS
    }
    return replace(
        model,
        populations=MappingProxyType({name: population for name, (population, _) in trained.items()}),
        profile=MappingProxyType(
            {
                "origin": "trained",
                "seed": seed,
                "records": records.height,
                "populations": {name: profile for name, (_, profile) in trained.items()},
            }
        ),
    )


# --- generic values and frequencies ----------------------------------------------------------------------------


# A misspelt name or a mistyped day is not another person: people are told apart by how the family name starts and the
# year of birth.
_PERSON: Final = pl.concat_str(
    pl.coalesce("family", "organisation").str.slice(0, 3).fill_null(""),
    pl.col("birth_date").str.slice(0, 4).fill_null(""),
).alias("person")


def _generic(records: pl.DataFrame, *listed: Mapping[str, Collection[str]]) -> Mapping[str, frozenset[str]]:
    """Return the values that neither block nor prove, by feature: those that are listed and what the records show."""
    names = {name for one in listed for name in one}
    found = {name: frozenset(value for one in listed for value in one.get(name, ())) for name in names}
    for name in ("phones", "emails", "ibans", "national_ids", "registrations", "identifiers"):
        shared = (
            records.select(_PERSON, value=name)
            .explode("value")
            .drop_nulls("value")
            .group_by("value")
            .agg(pl.col("person").n_unique())
            .filter(pl.col("person") > PEOPLE_SHARING)
        )
        found[name] = found.get(name, frozenset()) | frozenset(shared["value"])
    found["birth_date"] = found.get("birth_date", frozenset()) | _dummy_dates(records)
    return MappingProxyType({name: values for name, values in sorted(found.items()) if values})


def _dummy_dates(records: pl.DataFrame) -> frozenset[str]:
    """Return birth dates that ten times more people have than the same day of the year before and after."""
    people = (
        records.drop_nulls("birth_date")
        .group_by("birth_date")
        .agg(people=pl.col("family").n_unique().cast(pl.Int64))
        .select(
            "birth_date",
            "people",
            year=pl.col("birth_date").str.slice(0, 4).cast(pl.Int64),
            day=pl.col("birth_date").str.slice(4),
        )
    )
    for column, step in (("before", 1), ("after", -1)):
        neighbour = people.select(pl.col("year") + step, "day", pl.col("people").alias(column))
        people = people.join(neighbour, on=["year", "day"], how="left")
    usual = pl.max_horizontal("before", "after").fill_null(1)
    dummies = people.filter(pl.col("people") >= DUMMY_PEOPLE, pl.col("people") > 10 * usual)
    return frozenset(dummies["birth_date"].to_list())


def _specific(records: pl.DataFrame, generic: Mapping[str, frozenset[str]]) -> pl.DataFrame:
    return records.with_columns(
        linking.without_generic(name, records.schema[name], values) for name, values in generic.items()
    )


def _genders(records: pl.DataFrame) -> Mapping[str, str]:
    """Return the given names that tell the gender nearly always, counted on people, not on records."""
    counts = (
        records.drop_nulls(["given", "gender"])
        .select("given", "gender", _PERSON)
        .unique()
        .group_by("given", "gender")
        .len("people")
        .with_columns(share=pl.col("people") / pl.col("people").sum().over("given"))
    )
    telling = counts.filter(pl.col("people") >= NAMESAKES, pl.col("share") >= NEARLY_ALWAYS).sort("given")
    return MappingProxyType(dict(telling.select("given", "gender").iter_rows()))


def _frequencies(records: pl.DataFrame, prior: Model) -> Mapping[str, Frequencies]:
    """Count how surprising the values are that are seen often enough, and what a rare one is worth."""
    tables = {}
    for name, known in prior.frequencies.items():
        counts = records.drop_nulls(name).group_by(value=name).len()
        total = int(counts["len"].sum())
        if total < ENOUGH_VALUES:
            tables[name] = known
            continue
        often = counts.filter(pl.col("len") >= SEEN_OFTEN).sort("value")
        rare = counts.filter(pl.col("len") < SEEN_OFTEN)
        typical = int(rare["len"].sum()) / rare.height if rare.height else 1.0
        tables[name] = Frequencies(
            unseen=weight(total, typical),
            surprise=MappingProxyType(
                {value: weight(total, count) for value, count in often.select("value", "len").iter_rows()}
            ),
        )
    return MappingProxyType(tables)


# --- parameters ------------------------------------------------------------------------------------------------

Tables = dict[str, Floats]
"""Probabilities of the levels of every comparison by name, missing levels left out, each adding up to 1."""

PASSES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "person": (
            "l.given = r.given AND l.family = r.family",
            "l.birth_date = r.birth_date AND l.family = r.family",
            "l.birth_date = r.birth_date AND l.postcodes[1] = r.postcodes[1]",
            "l.birth_date = r.birth_date AND l.birth_place = r.birth_place",
            "l.birth_date = r.birth_date AND l.phones[1] = r.phones[1]",
            "l.birth_date = r.birth_date AND l.emails[1] = r.emails[1]",
        ),
        "organisation": (
            "l.organisation = r.organisation AND l.areas[1] = r.areas[1]",
            "l.registrations[1] = r.registrations[1]",
            "l.phones[1] = r.phones[1] AND l.postcodes[1] = r.postcodes[1]",
        ),
    }
)
"""Blocking passes of the estimation of m: such that many of the pairs, but not all, are one party. None of persons
leans on contact points alone, which families share."""


def _train_population(
    records: pl.DataFrame, model: Model, party_type: str, seed: int
) -> tuple[Population, dict[str, JsonValue]]:
    """Estimate the parameters of one party type; returns them and what to say of them in the profile."""
    prior = model.populations[party_type]
    if records.height < ENOUGH_RECORDS:
        return prior, {"records": records.height, "at_prior": "all: too few records"}
    comparisons = COMPARISONS[party_type]
    numbered = records.with_row_index("i").with_columns(pl.col("i").cast(pl.Int32))
    with linking.database() as connection:
        linking.create_records(connection, numbered, model)
        told = _told(connection, comparisons)
        known = [one for one in comparisons if told[one.name] >= ENOUGH_VALUES]
        estimated = _splink(connection, known, party_type, seed)
        patterns, counts = _patterns(connection, comparisons, party_type)
    m, u, r = (_probabilities(prior, comparisons, kind) for kind in ("m", "u", "r"))
    all_pairs = math.comb(records.height, 2)
    for name, (found_m, found_u) in estimated.items():
        m[name] = _normal((1 - PRIOR_IN_M) * found_m + PRIOR_IN_M * m[name])
        # The random pairs hold a few of one party, which agree where strangers would not.
        party_share = float(counts.sum()) / 3 / all_pairs
        u[name] = _normal(np.maximum(found_u - party_share * m[name], 0.5 / told[name]))
    parties, relatives = _mixture(patterns, counts, all_pairs=all_pairs, m=m, u=u, r=r)
    population = Population(
        stranger_prior=weight(parties, all_pairs),
        relative_prior=weight(parties, relatives),
        comparisons=MappingProxyType({one.name: _levels(one, m, u, r) for one in comparisons}),
    )
    return population, {
        "records": records.height,
        "at_prior": [one.name for one in comparisons if one.name not in estimated],
        "pairs": {"party": round(parties), "relatives": round(relatives)},
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


def _told(connection: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison]) -> dict[str, int]:
    """Count the records that tell what a comparison needs."""
    counts = []
    for one in comparisons:
        missing = [number for number, level in enumerate(one.levels) if level.missing]
        same = one.sql(lambda column: column, lambda column: column)
        counts.append(f"count(*) FILTER ({same} NOT IN ({', '.join(map(str, missing))}))")
    [row] = connection.sql(f"SELECT {', '.join(counts)} FROM record").fetchall()  # noqa: S608
    return dict(zip((one.name for one in comparisons), row, strict=True))


def _splink(
    connection: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison], party_type: str, seed: int
) -> dict[str, tuple[Floats, Floats]]:
    """Estimate m and u of the comparisons with Splink: by name; those without any pair to learn from are left out."""
    if not comparisons:
        return {}
    with _quiet():
        linker = Linker(
            DuckDBAPI(connection=connection).register("record"),
            SettingsCreator(
                link_type="dedupe_only",
                unique_id_column_name="i",
                comparisons=[_splink_comparison(one) for one in comparisons],
                blocking_rules_to_generate_predictions=[],
            ),
            log_level=None,
        )
        linker.training.estimate_u_using_random_sampling(
            max_pairs=SAMPLED_PAIRS, seed=seed, min_count_per_level=None, num_chunks=1
        )
        for rule in PASSES[party_type]:
            if _pairs_of(connection, rule) >= ENOUGH_VALUES:
                linker.training.estimate_parameters_using_expectation_maximisation(rule, max_pairs=PASS_PAIRS)
        document = linker.misc.save_model_to_json(out_path=None)
    estimated = {}
    for one in document["comparisons"]:
        levels = [level for level in one["comparison_levels"] if not level.get("is_null_level")]
        m, u = (
            np.array([level.get(f"{kind}_probability", 0.0) for level in levels], dtype=np.float64)
            for kind in ("m", "u")
        )
        if m.sum() > 0 and u.sum() > 0:
            estimated[str(one["output_column_name"])] = (_normal(m), _normal(u))
    return estimated


def _pairs_of(connection: duckdb.DuckDBPyConnection, rule: str) -> int:
    """Count the pairs of a blocking pass from the sizes of its blocks."""
    keys = [part.split(" = ")[0].removeprefix("l.") for part in rule.split(" AND ")]
    present = " AND ".join(f"{key} IS NOT NULL" for key in keys)
    [(pairs,)] = connection.sql(
        f"SELECT sum(n * (n - 1) // 2)::BIGINT FROM"  # noqa: S608
        f" (SELECT count(*) AS n FROM record WHERE {present} GROUP BY {', '.join(keys)})"
    ).fetchall()
    return int(pairs or 0)


def _splink_comparison(one: Comparison) -> CustomComparison:
    return CustomComparison(
        output_column_name=one.name,
        comparison_levels=[
            {
                "sql_condition": level.condition.sql(_left, _right) if level.condition else "ELSE",
                "label_for_charts": level.name,
                "is_null_level": level.missing,
            }
            for level in one.levels
        ],
    )


def _left(column: str) -> str:
    return f'"{column}_l"'


def _right(column: str) -> str:
    return f'"{column}_r"'


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Splink's progress off the terminal: it is told in the profile."""
    logger = logging.getLogger("splink")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


# --- relatives -------------------------------------------------------------------------------------------------


def _patterns(
    connection: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison], party_type: str
) -> tuple[NDArray[np.int64], Floats]:
    """Return the level patterns of the candidate pairs, one row each and -1 for missing, and their counts."""
    blocking.create_candidates(connection, "record", blocking.RULES[party_type])
    [(pairs,)] = connection.sql("SELECT count(*) FROM candidate").fetchall()
    every = max(1, math.ceil(pairs / MIXTURE_PAIRS))
    levels = ", ".join(f"{one.sql(lambda c: f'a.{c}', lambda c: f'b.{c}')} AS {one.name}" for one in comparisons)
    names = ", ".join(one.name for one in comparisons)
    table = connection.sql(
        f"""
        SELECT {names}, count(*) AS pairs
        FROM (
            SELECT {levels}
            FROM candidate JOIN record a ON a.i = l JOIN record b ON b.i = r
            WHERE (l::BIGINT * 7919 + r) % {every} = 0
        )
        GROUP BY {names}
        ORDER BY {names}
        """  # noqa: S608
    ).to_arrow_table()
    columns = []
    for one in comparisons:
        position = np.cumsum([not level.missing for level in one.levels]) - 1  # among the levels not missing
        position[[level.missing for level in one.levels]] = -1
        columns.append(position[table[one.name].to_numpy()])
    return np.column_stack(columns).astype(np.int64), table["pairs"].to_numpy().astype(np.float64) * every


def _mixture(
    patterns: NDArray[np.int64], counts: Floats, *, all_pairs: int, m: Tables, u: Tables, r: Tables
) -> tuple[float, float]:
    """Estimate how relatives agree (``r``, in place), and how many pairs are one party and how many relatives.

    Strangers need no estimate: nearly all pairs are strangers, and u is known.
    """
    names = list(m)  # in the order of the patterns' columns
    prior = {name: r[name].copy() for name in names}
    party, stranger = _likelihood(patterns, names, m), _likelihood(patterns, names, u) * all_pairs
    parties, relatives = counts.sum() / 3, counts.sum() / 3
    for _ in range(ROUNDS):
        relative = _likelihood(patterns, names, r)
        total = parties * party + relatives * relative + stranger
        is_relative = counts * relatives * relative / total
        parties, relatives = float((counts * parties * party / total).sum()), float(is_relative.sum())
        for column, name in enumerate(names):
            tells = patterns[:, column] >= 0
            seen = np.bincount(patterns[tells, column], is_relative[tells], minlength=prior[name].size)
            r[name] = _normal(seen + LIKE_THE_PRIOR * prior[name])
    return max(parties, 1.0), max(relatives, 1.0)


def _likelihood(patterns: NDArray[np.int64], names: Sequence[str], tables: Tables) -> Floats:
    """Return the probability of every pattern; a missing level has probability 1."""
    result = np.ones(len(patterns))
    for column, name in enumerate(names):
        result *= np.append(tables[name], 1.0)[patterns[:, column]]
    return result

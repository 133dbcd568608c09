"""Expectation maximisation: how one party's records agree, how relatives', and how many pairs are of each kind.

*m* is Splink's: from the pairs of several blocking passes, of one party or not. *r* and the priors come from the pairs
that linking will compare, which are of three kinds.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import duckdb
import numpy as np
from splink import DuckDBAPI, Linker, SettingsCreator
from splink.comparison_library import CustomComparison
from splink.internals.exceptions import SplinkException

from identity.comparison import Comparison
from identity.patterns import MISSING, Floats, Patterns, Tables, normal
from identity.sampling import Pass

PRIOR_IN_M: Final = 0.02
"""Share of the prior in every m, so that a level nobody saw is rare, not impossible."""
ONE_PARTY: Final = 0.5
"""Share of the pairs of a pass that are one party, to begin with: it is estimated with m, and hardly matters."""
ROUNDS: Final = 60
"""Of expectation maximisation for r; it has settled long before."""
LIKE_THE_PRIOR: Final = 20.0
"""Pairs that the prior counts for in every distribution of relatives."""

# --- one party -------------------------------------------------------------------------------------------------


def parties(
    connection: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison], u: Tables, passes: Mapping[Pass, str]
) -> Tables:
    """Estimate m of the comparisons with Splink, by name; those without any pair to learn from are left out.

    Splink is given levels instead of records: a pair is in several passes, but compared once, and Splink need not take
    the conditions of all levels apart for each. That takes half the time and gives the same m.

    Args:
        connection: where the table ``passed`` is, of pairs with their levels (``identity.patterns.compared``).
        comparisons: those to estimate.
        u: of those of them that it is known of; others are left out.
        passes: blocking passes, and the column of ``passed`` that tells which pairs are in each.
    """
    estimated = [one for one in comparisons if one.name in u]
    useful = {one: column for one, column in passes.items() if one.teaches(estimated)}
    if not useful:
        return {}
    # Splink makes pairs of records, so there are two rows of every pair, and both have its levels.
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE side AS
        SELECT 2 * pair + side AS i, * EXCLUDE (l, r)
        FROM (SELECT row_number() OVER () AS pair, * FROM passed) CROSS JOIN (VALUES (0), (1)) sides(side)
        """
    )
    with quiet():
        linker = Linker(
            DuckDBAPI(connection=connection).register("side"),
            SettingsCreator(
                link_type="dedupe_only",
                unique_id_column_name="i",
                comparisons=[_of_levels(one, u[one.name]) for one in estimated],
                blocking_rules_to_generate_predictions=[],
                probability_two_random_records_match=ONE_PARTY,
            ),
            validate_settings=False,  # looks for columns that are not there, in half a second
            log_level=None,
        )
        for one, column in useful.items():
            # Splink leaves out the comparisons that it finds in the rule: those that the pass decides.
            decided = [other.name for other in estimated if one.decides(other)]
            same = [f"l.{name} = r.{name}" for name in ("pair", *decided)]
            _learn(linker, " AND ".join([*same, f"l.{column}", f"r.{column}"]))
        document = linker.misc.save_model_to_json(out_path=None)
    m = {}
    for one in document["comparisons"]:
        levels = [level for level in one["comparison_levels"] if not level.get("is_null_level")]
        found = np.array([level.get("m_probability", 0.0) for level in levels], dtype=np.float64)
        if found.sum() > 0:
            m[str(one["output_column_name"])] = normal(found)
    return m


def _of_levels(one: Comparison, u: Floats) -> CustomComparison:
    """Return a comparison of levels as Splink takes it."""
    known = iter(u.tolist())
    return CustomComparison(
        output_column_name=one.name,
        comparison_levels=[
            {
                "sql_condition": f'"{one.name}_l" = {number}' if level.condition else "ELSE",
                "label_for_charts": level.name,
                "is_null_level": level.missing,
                "u_probability": None if level.missing else next(known),
            }
            for number, level in enumerate(one.levels)
        ],
    )


def _learn(linker: Linker, rule: str) -> None:
    """Estimate m from the pairs of one blocking pass.

    The comparisons have no term frequencies, so that leaving them out changes nothing: Splink then counts patterns once
    instead of going through all pairs in every round. Where all pairs agree in everything, it refuses a probability
    that falls to zero, and fails at one that reaches one: such a pass teaches nothing. It then forgets to put back the
    comparisons that it left out, and later passes would not learn them.
    """
    settings = linker._settings_obj.core_model_settings  # nothing public puts them back
    every = settings.comparisons
    try:
        linker.training.estimate_parameters_using_expectation_maximisation(rule, estimate_without_term_frequencies=True)
    except (ValueError, SplinkException):
        settings.comparisons = every


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


# --- relatives -------------------------------------------------------------------------------------------------


def relatives(
    candidates: Patterns,
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
    counts = candidates.counts
    prior = {name: table.copy() for name, table in r.items()}
    # What tells one party from relatives stays near the prior, or relatives become one party once more.
    held = {name: 0.5 * float(np.abs(prior_m[name] - prior[name]).sum()) for name in prior}
    stranger = candidates.likelihood(u) * all_pairs
    one_party, related = counts.sum() / 3, counts.sum() / 3
    for _ in range(ROUNDS):
        party, relative = candidates.likelihood(m), candidates.likelihood(r)
        total = one_party * party + related * relative + stranger
        is_party, is_relative = counts * one_party * party / total, counts * related * relative / total
        one_party, related = float(is_party.sum()), float(is_relative.sum())
        for name in candidates.names:
            size = prior[name].size
            if name in overstated:
                level = candidates.told(name)
                others = float(is_party[level == size - 1].sum() / max(is_party[level != MISSING].sum(), 1.0))
                m[name] = _with_others(m[name], (1 - PRIOR_IN_M) * others + PRIOR_IN_M * float(prior_m[name][-1]))
            seen = candidates.sums(name, is_relative, size)
            r[name] = normal(seen + (LIKE_THE_PRIOR + held[name] * float(seen.sum())) * prior[name])
    return max(one_party, 1.0), max(related, 1.0)


def _with_others(m: Floats, share: float) -> Floats:
    """Return m with so large a share of *other*, its last level, at most."""
    share = min(share, float(m[-1]))
    return np.append(m[:-1] * (1 - share) / m[:-1].sum(), share)

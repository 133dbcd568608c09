"""Blocking: which pairs of records are worth comparing.

Records that share a key of any rule are candidates. Every rule has a size guard: a key that more records carry
than the guard allows makes no candidates, so that the number of pairs grows with the records, not their square.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb


@dataclass(frozen=True, slots=True)
class Rule:
    """One way in which two records of a person or an organisation can come together."""

    name: str
    parts: tuple[str, ...]  # SQL over the features of one record; a key needs all of them; lists make many keys
    at_most: int = 100  # records per key


_GIVEN = "unnest(given_roots)"
_NAMES = "unnest(list_distinct(list_concat(coalesce(given_names, []), coalesce(family_parts, []))))"
_NAME_STARTS = (
    "unnest(list_distinct([substr(name, 1, 3) for name in"
    " list_concat(coalesce(given_names, []), coalesce(family_parts, []))]))"
)
_YEAR = "substr(birth_date, 1, 4)"

RULES: Mapping[str, tuple[Rule, ...]] = {
    "person": (
        Rule("phone", ("unnest(phones)",)),
        Rule("email", ("unnest(emails)",)),
        Rule("iban", ("unnest(ibans)",)),
        Rule("national_id", ("unnest(national_ids)",)),
        Rule("identifier", ("unnest(identifiers)",)),
        Rule("full_name", (_GIVEN, "family")),
        Rule("full_name_crossed", ("least(given, family)", "greatest(given, family)")),
        Rule("name_and_birth_date", (_NAMES, "birth_date")),
        Rule("name_start_and_birth_date", (_NAME_STARTS, "birth_date")),
        Rule("name_and_postcode", (_NAMES, "unnest(postcodes)")),
        Rule("name_start_and_address", (_NAME_STARTS, "unnest(addresses)")),
        Rule("birth_date_and_postcode", ("birth_date", "unnest(postcodes)")),
        Rule("birth_date_and_place", ("birth_date", "birth_place")),
        Rule("family_name_and_place", ("family", "birth_place")),
        Rule("given_name_place_and_year", (_GIVEN, "birth_place", _YEAR)),
        Rule("family_name_and_area", ("family", "unnest(areas)")),
        Rule("given_name_and_area", (_GIVEN, "unnest(areas)")),
        Rule("postcode", ("unnest(postcodes)",), 60),
        Rule("area", ("unnest(areas)",), 60),
        Rule("birth_place_and_area", ("birth_place", "unnest(areas)"), 60),
        Rule("name_and_birth_place", (_NAMES, "birth_place"), 60),
        Rule("name_and_birth_year", (_NAMES, _YEAR), 60),
        Rule("name_starts_and_year", ("substr(given, 1, 3)", "substr(family, 1, 3)", _YEAR)),
    ),
    "organisation": (
        Rule("registration", ("unnest(registrations)",)),
        Rule("phone", ("unnest(phones)",)),
        Rule("email", ("unnest(emails)",)),
        Rule("iban", ("unnest(ibans)",)),
        Rule("identifier", ("unnest(identifiers)",)),
        Rule("name", ("organisation",)),
        Rule("name_start_and_area", ("substr(organisation, 1, 4)", "unnest(areas)")),
        Rule("word_and_postcode", ("unnest(organisation_words)", "unnest(postcodes)")),
    ),
}


def create_candidates(connection: duckdb.DuckDBPyConnection, records: str, rules: tuple[Rule, ...]) -> str:
    """Make the table of candidate pairs.

    Args:
        connection: where the table ``records`` is.
        records: name of a table with ``i`` INTEGER (distinct) and the feature columns, generic values left out.
        rules: blocking rules.

    Returns:
        Name of a new table with ``l`` < ``r``, each pair once.
    """
    keys = " UNION ALL ".join(_keys_sql(records, number, rule) for number, rule in enumerate(rules))
    connection.execute(f"CREATE OR REPLACE TEMP TABLE blocking_key AS SELECT DISTINCT * FROM ({keys})")  # noqa: S608
    guards = ", ".join(str(rule.at_most) for rule in rules)
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE candidate AS
        WITH block AS (
            SELECT rule, key, list(i ORDER BY i) AS members
            FROM blocking_key
            GROUP BY rule, key
            HAVING count(*) BETWEEN 2 AND [{guards}][rule + 1]
        ),
        member AS (SELECT members, unnest(members) AS l FROM block)
        SELECT DISTINCT l, r
        FROM (SELECT l, unnest(members) AS r FROM member)
        WHERE l < r
        """  # noqa: S608
    )
    return "candidate"


def _keys_sql(records: str, number: int, rule: Rule) -> str:
    columns = ", ".join(f"{part} AS p{index}" for index, part in enumerate(rule.parts))
    names = [f"p{index}" for index in range(len(rule.parts))]
    present = " AND ".join(f"{name} IS NOT NULL" for name in names)
    return (
        f"SELECT {number}::UTINYINT AS rule, hash({number}, {', '.join(names)}) AS key, i"  # noqa: S608
        f" FROM (SELECT i, {columns} FROM {records}) WHERE {present}"
    )

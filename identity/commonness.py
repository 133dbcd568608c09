"""Commonness: which blocking keys too many parties carry for sharing one to mean anything.

The keys of all records are far more than those that are common. So values are hashed once each by DuckDB's own hash,
and keys are counted as numbers that are made of these, *quick keys*; only those that are common become keys as the
model keeps them. Quick keys are the same wherever one release of DuckDB makes them, and are kept nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import duckdb

from identity.blocking import Part, Rule, combinations, hash_sql, part_names


def common_keys(
    connection: duckdb.DuckDBPyConnection, records: str, rules: Mapping[str, Sequence[Rule]], *, number: str = "i"
) -> dict[int, int]:
    """Return the keys that more parties carry than their rule's ``at_most``: what a model made from them keeps.

    Records that tell the same names and birth date are taken for one party; where there is no birth date, those with
    the same registration or postcode.

    Args:
        connection: where the records are.
        records: table, view or query in brackets of the feature columns, generic values left out.
        rules: blocking rules by party type.
        number: column of whole numbers that tells one record from another.

    Returns:
        By quick key (``quick_sql``), the key.
    """
    all_rules = [(party_type, rule) for party_type, of_type in rules.items() for rule in of_type]
    parts = dict.fromkeys(part for _, rule in all_rules for part in rule.parts)
    names = {part: f"v{place}" for place, part in enumerate(parts)}
    party = (
        "hash(given, coalesce(family, organisation),"
        f" coalesce(birth_date, registrations[1], postcodes[1], {number}::VARCHAR)) AS party"
    )
    hashes = ", ".join(f"{_hashed(part)} AS {name}" for part, name in names.items())
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE hashed AS SELECT {number}, party_type, {party}, {hashes} FROM {records}"  # noqa: S608
    )
    connection.execute("CREATE OR REPLACE TEMP TABLE common (quick BIGINT, carrier BIGINT)")
    for party_type, rule in all_rules:
        of_type = f"(FROM hashed WHERE party_type = '{party_type}')"
        found = combinations(of_type, rule, [names[part] for part in rule.parts], number, "party")
        connection.execute(
            f"""
            INSERT INTO common
            WITH key AS MATERIALIZED (SELECT {number}, party, {_quick(rule, part_names(rule))} AS quick FROM ({found})),
            often AS (SELECT quick FROM key GROUP BY quick HAVING count(*) > {rule.at_most})
            SELECT quick, min({number}) FROM key SEMI JOIN often USING (quick)
            GROUP BY quick HAVING count(DISTINCT party) > {rule.at_most}
            """  # noqa: S608
        )
    texts = ", ".join(f"{part.sql} AS {name}" for part, name in names.items())
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE carrier AS SELECT {texts} FROM {records} SEMI JOIN common ON {number} = carrier"  # noqa: S608
    )
    keys: dict[int, int] = {}
    for _, rule in all_rules:
        values = part_names(rule)
        found = combinations("carrier", rule, [names[part] for part in rule.parts])
        keys |= connection.sql(
            f"SELECT DISTINCT {quick_sql(rule, values)} AS quick, {hash_sql(rule, values)} FROM ({found})"  # noqa: S608
            " WHERE quick IN (SELECT quick FROM common)"
        ).fetchall()
    for table in ("hashed", "common", "carrier"):
        connection.execute(f"DROP TABLE {table}")
    return keys


def quick_sql(rule: Rule, values: Iterable[str]) -> str:
    """Write the quick key of a rule as a DuckDB expression of type BIGINT, from expressions of its values."""
    return _quick(rule, [f"hash({value})" for value in values])


def _quick(rule: Rule, hashes: Iterable[str]) -> str:
    return f"(hash('{rule.name}', {', '.join(hashes)}) >> 1)::BIGINT"


def _hashed(part: Part) -> str:
    """Write a part with hashes in the place of its values."""
    if part.many:
        return f"list_transform({part.repeating or part.sql}, lambda value: hash(value))"  # twice is as good as once
    return f"CASE WHEN {part.sql} IS NOT NULL THEN hash({part.sql}) END"

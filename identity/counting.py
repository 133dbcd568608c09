"""Counting: what the values of all records tell before any two are compared.

Everything here is an aggregate over ``feature`` (``identity.features.SCHEMA``, a row per live record), column by column
in DuckDB, which moves to disk what does not fit in memory; so it does not depend on the order of records.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

import duckdb
import polars as pl

from identity import commonness, features
from identity.blocking import RULES
from identity.model import Frequencies, weight

PEOPLE_SHARING: Final = 12
"""More people than this on one phone, e-mail address, account or identifier is no household."""
DUMMY_PEOPLE: Final = 20
"""Family names that must come with a birth date before it can be a dummy."""
DUMMY_TIMES: Final = 10
"""How many times the people of the same day of the year before and after a dummy has at least."""
NAMESAKES: Final = 20
"""People who must have a given name and tell their gender before the name can tell it for others."""
NEARLY_ALWAYS: Final = 0.98
"""Share of one gender among them from which it does."""
ENOUGH_VALUES: Final = 500
"""Records that must tell a feature before its values are counted, or its comparison is estimated."""
SEEN_OFTEN: Final = 3
"""Records that must carry a value for it to stand in the frequency table; rarer ones are the unseen."""

_SHAREABLE: Final = ("phones", "emails", "ibans", "national_ids", "registrations", "identifiers")
# A misspelt name or a mistyped day is not another person: people are told apart by how the family name starts and the
# year of birth.
_PERSON: Final = "concat(substr(coalesce(family, organisation), 1, 3), '/', substr(birth_date, 1, 4))"


def create_features(connection: duckdb.DuckDBPyConnection, records: pl.DataFrame | Path) -> None:
    """Make the view ``feature``.

    Args:
        connection: where to make it.
        records: the features frame, or a folder with Parquet files of it: those are read column by column, as needed.
    """
    if isinstance(records, Path):
        connection.execute(
            f"CREATE OR REPLACE VIEW feature AS FROM read_parquet({_literals([f'{records}/*.parquet'])})"
        )
    else:
        connection.register("feature", records.to_arrow())


def specific(name: str, generic: Mapping[str, Collection[str]]) -> str:
    """Write a text feature in SQL with its generic values made null."""
    if not generic.get(name):
        return name
    return f"CASE WHEN {name} NOT IN ({_literals(generic[name])}) THEN {name} END"


def generic_values(
    connection: duckdb.DuckDBPyConnection, *listed: Mapping[str, Collection[str]]
) -> Mapping[str, frozenset[str]]:
    """Return the values that neither block nor prove, by feature: those that are listed and what the records show."""
    names = {name for one in listed for name in one}
    found = {name: frozenset(value for one in listed for value in one.get(name, ())) for name in names}
    for name in _SHAREABLE:
        shared = connection.sql(
            f"""
            WITH often AS (
                SELECT hash(value) AS quick FROM (SELECT unnest({name}) AS value FROM feature)
                GROUP BY quick HAVING count(*) > {PEOPLE_SHARING}
            )
            SELECT value FROM (SELECT unnest({name}) AS value, family, organisation, birth_date FROM feature)
            WHERE hash(value) IN (FROM often)
            GROUP BY value HAVING count(DISTINCT {_PERSON}) > {PEOPLE_SHARING}
            """  # noqa: S608
        ).fetchall()
        found[name] = found.get(name, frozenset()) | {value for (value,) in shared}
    found["birth_date"] = found.get("birth_date", frozenset()) | _dummy_dates(connection)
    return MappingProxyType({name: values for name, values in sorted(found.items()) if values})


def _dummy_dates(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Return birth dates that ten times more people have than the same day of the year before and after."""
    people = connection.sql(
        """
        SELECT birth_date, substr(birth_date, 1, 4)::BIGINT AS year, substr(birth_date, 5) AS day, count(*) AS people
        FROM (SELECT DISTINCT birth_date, family FROM feature WHERE birth_date IS NOT NULL AND family IS NOT NULL)
        GROUP BY birth_date
        """
    ).pl()
    for column, step in (("before", 1), ("after", -1)):
        neighbour = people.select(pl.col("year") + step, "day", pl.col("people").alias(column))
        people = people.join(neighbour, on=["year", "day"], how="left")
    usual = pl.max_horizontal("before", "after").fill_null(1)
    dummies = people.filter(pl.col("people") >= DUMMY_PEOPLE, pl.col("people") > DUMMY_TIMES * usual)
    return frozenset(dummies["birth_date"].to_list())


def genders(connection: duckdb.DuckDBPyConnection, generic: Mapping[str, Collection[str]]) -> Mapping[str, str]:
    """Return the given names that tell the gender nearly always, counted on people, not on records."""
    telling = connection.sql(
        f"""
        WITH name AS (
            SELECT given, gender, count(*) AS people
            FROM (
                SELECT DISTINCT {specific("given", generic)} AS given, gender, {_PERSON} AS person
                FROM feature WHERE gender IS NOT NULL
            )
            WHERE given IS NOT NULL
            GROUP BY given, gender
        )
        SELECT given, gender FROM name
        QUALIFY people >= {NAMESAKES} AND people >= {NEARLY_ALWAYS} * sum(people) OVER (PARTITION BY given)
        ORDER BY given
        """  # noqa: S608
    ).fetchall()
    return MappingProxyType(dict(telling))


def frequencies(
    connection: duckdb.DuckDBPyConnection, generic: Mapping[str, Collection[str]], known: Mapping[str, Frequencies]
) -> Mapping[str, Frequencies]:
    """Count how surprising the values are that are seen often enough, and what a rare one is worth.

    Args:
        connection: where ``feature`` is.
        generic: values that are not counted, by feature.
        known: a table per feature to count; it stays where too few records tell.
    """
    return MappingProxyType({name: _frequencies(connection, name, generic, table) for name, table in known.items()})


def _frequencies(
    connection: duckdb.DuckDBPyConnection, name: str, generic: Mapping[str, Collection[str]], known: Frequencies
) -> Frequencies:
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE seen AS SELECT {specific(name, generic)} AS value, count(*) AS records"  # noqa: S608
        " FROM feature GROUP BY value HAVING value IS NOT NULL"
    )
    [(total, rare_records, rare_values)] = connection.sql(
        f"SELECT sum(records)::BIGINT, sum(records) FILTER (records < {SEEN_OFTEN})::BIGINT,"  # noqa: S608
        f" count(*) FILTER (records < {SEEN_OFTEN}) FROM seen"
    ).fetchall()
    if (total or 0) < ENOUGH_VALUES:
        return known
    often = connection.sql(f"SELECT value, records FROM seen WHERE records >= {SEEN_OFTEN} ORDER BY value").fetchall()  # noqa: S608
    return Frequencies(
        unseen=weight(total, rare_records / rare_values if rare_values else 1.0),
        surprise=MappingProxyType({value: weight(total, records) for value, records in often}),
    )


def common_keys(connection: duckdb.DuckDBPyConnection, generic: Mapping[str, Collection[str]]) -> dict[int, int]:
    """Return the blocking keys that more parties carry than their rule's ``at_most``; see ``commonness.common_keys``.

    Generic values of lists are counted too: keys of theirs do no harm here, as no record brings them.
    """
    texts = [name for name, dtype in features.SCHEMA.items() if dtype == pl.String() and generic.get(name)]
    replaced = ", ".join(f"{specific(name, generic)} AS {name}" for name in texts)
    records = f"(SELECT * REPLACE ({replaced}) FROM feature)" if replaced else "feature"  # noqa: S608
    return commonness.common_keys(connection, records, RULES, number="record_no")


def records_by(connection: duckdb.DuckDBPyConnection, column: str) -> dict[str, int]:
    """Return how many records there are by the values of a column that all of them have, in the order of these."""
    rows: Sequence[tuple[str, int]] = connection.sql(
        f"SELECT {column}, count(*) FROM feature GROUP BY {column} ORDER BY {column}"  # noqa: S608
    ).fetchall()
    return dict(rows)


def _literals(values: Iterable[str]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in sorted(values))

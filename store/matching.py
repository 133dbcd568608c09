"""What the matcher keeps: blocking keys, features and edges of all live parties, by the model that is in use.

The reading side implements ``identity.online.Index`` and the writing side takes its ``Matched``; both are described
here by their shape, for this room does not know that one. While the phone rings every microsecond counts: statements
are compiled once and run on the driver's own connection.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol

import polars as pl
from sqlalchemy import (
    ARRAY,
    BigInteger,
    CompoundSelect,
    Connection,
    Delete,
    Dialect,
    Insert,
    Select,
    Table,
    Text,
    bindparam,
    delete,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from store import bulk
from store.tables import blocking_key, decision, edge, feature


class Matched(Protocol):
    """What a batch of changes writes here."""

    @property
    def keys_gone(self) -> Sequence[tuple[int, int]]:
        """Hash, record_no."""

    @property
    def keys_new(self) -> Sequence[tuple[int, int]]:
        """Hash, record_no."""

    @property
    def features_gone(self) -> Sequence[int]:
        """record_no."""

    @property
    def features_new(self) -> Sequence[tuple[int, int, str]]:
        """record_no, key, content."""

    @property
    def edges_gone(self) -> Sequence[tuple[int, int]]:
        """a, b."""

    @property
    def edges_new(self) -> Sequence[tuple[int, int, int, bool]]:
        """a, b, weight, veto."""


class Index:
    """Reads the matcher's tables on one connection, in whatever transaction it is."""

    def __init__(self, connection: Connection) -> None:
        self._driver: Any = connection.connection.driver_connection
        self._reads = _reads(connection.dialect.name)

    def holders(self, hashes: Sequence[int], at_most: int) -> Iterator[tuple[int, Sequence[int]]]:
        """Yield the records that have each key, ``at_most`` of them in no order; none for an unknown key."""
        numbers = self._reads.numbers
        found = self._rows(self._reads.holders, hashes, most=at_most)
        return ((hash_, numbers(records)) for hash_, records in found if records)

    def features(self, records: Sequence[int]) -> list[tuple[int, int, str]]:
        """Return record_no, key (signed) and packed features of those of the records that there are."""
        return self._rows(self._reads.features, records)

    def edges(self, records: Sequence[int]) -> list[tuple[int, int, int, bool]]:
        """Return every edge that one of the records is in, once: a < b, weight, veto."""
        return list(dict.fromkeys(self._rows(self._reads.edges, records)))  # one between two of them comes twice

    def decisions(self, records: Sequence[int]) -> list[tuple[int, int, str]]:
        """Return every decision that holds about one of the records, once: a < b, kind."""
        return list(dict.fromkeys(self._rows(self._reads.decisions, records)))

    def _rows(self, read: _Read, many: Sequence[int], **more: int) -> list[Any]:
        values = {**read.constants, "many": self._reads.many(many), **more}
        found: list[Any] = self._driver.execute(read.text, values).fetchall()
        return found


def apply(connection: Connection, matched: Matched) -> None:
    """Write what a batch of changes found, in the transaction of the clusters that it decided."""
    driver: Any = connection.connection.driver_connection
    cursor, writes = driver.cursor(), _writes(connection.dialect.name)
    for statement, rows in (
        (writes.delete_keys, matched.keys_gone),
        (writes.insert_keys, matched.keys_new),
        (writes.delete_features, [(record_no,) for record_no in matched.features_gone]),
        (writes.upsert_features, matched.features_new),
        (writes.delete_edges, matched.edges_gone),
        (writes.upsert_edges, matched.edges_new),
    ):
        if rows:
            cursor.executemany(statement, rows)


def clear(connection: Connection) -> None:
    """Forget everything, before it is filled anew."""
    for table in (blocking_key, feature, edge):
        connection.execute(table.delete())


def fill_keys(connection: Connection, keys: pl.DataFrame) -> None:
    """Insert blocking keys: ``hash`` Int64, ``record_no`` Int64, each key of a record once.

    Sorted by both they are appended, which is several times as fast.
    """
    bulk.insert(connection, blocking_key, keys)


def fill_features(connection: Connection, features: pl.DataFrame) -> None:
    """Insert packed features: ``record_no``, ``key`` (Int64, signed), ``content``; best sorted by record."""
    bulk.insert(connection, feature, features)


def fill_edges(connection: Connection, edges: pl.DataFrame) -> None:
    """Insert edges: ``a``, ``b`` (record_nos, in either order), ``weight``, ``veto``."""
    smaller, larger = pl.min_horizontal("a", "b"), pl.max_horizontal("a", "b")
    bulk.insert(connection, edge, edges.select("weight", "veto", a=smaller, b=larger).sort("a", "b"))


# Statements -----------------------------------------------------------------------------------------------------


class _Read(NamedTuple):
    """A statement as the driver takes it."""

    text: str
    constants: dict[str, object]  # the values that are part of the statement


class _Reads(NamedTuple):
    """The reading statements of one kind of database, and how it passes many numbers in and out."""

    holders: _Read
    features: _Read
    edges: _Read
    decisions: _Read
    many: Callable[[Sequence[int]], object]
    numbers: Callable[[Any], Sequence[int]]


class _Writes(NamedTuple):
    """The writing statements of one kind of database; parameters by position."""

    delete_keys: str
    insert_keys: str
    delete_features: str
    upsert_features: str
    delete_edges: str
    upsert_edges: str


@cache
def _reads(dialect: str) -> _Reads:
    embedded = dialect == "sqlite"
    many = bindparam("many", type_=Text() if embedded else ARRAY(BigInteger))
    wanted = (
        func.json_each(many).table_valued("value").alias("wanted")
        if embedded
        else func.unnest(many).table_valued("value").render_derived("wanted")
    )
    members = (
        select(blocking_key.c.record_no)
        .where(blocking_key.c.hash == wanted.c.value)
        .limit(bindparam("most"))
        .correlate(wanted)
        .subquery()
    )
    gathered = func.group_concat if embedded else func.array_agg
    holders = select(wanted.c.value, select(gathered(members.c.record_no)).scalar_subquery())
    features = select(feature.c.record_no, feature.c.key, feature.c.content).where(
        feature.c.record_no.in_(select(wanted.c.value))
    )
    standing = select(decision.c.a, decision.c.b, decision.c.kind).where(decision.c.revoked_at.is_(None))

    def either(pairs: Select[Any], table: Table) -> _Read:
        first, second = (pairs.where(table.c[side].in_(select(wanted.c.value))) for side in ("a", "b"))
        return _read(first.union_all(second), dialect)

    return _Reads(
        holders=_read(holders, dialect),
        features=_read(features, dialect),
        edges=either(select(edge.c.a, edge.c.b, edge.c.weight, edge.c.veto), edge),
        decisions=either(standing, decision),
        many=_ordered if embedded else list,
        numbers=_numbers if embedded else list,
    )


def _ordered(many: Sequence[int]) -> str:
    """Write numbers as JSON, in the order of the tables: what is looked up next is then near."""
    return json.dumps(sorted(many))


def _numbers(joined: str) -> list[int]:
    return list(map(int, joined.split(","))) if "," in joined else [int(joined)]


@cache
def _writes(dialect: str) -> _Writes:
    return _Writes(
        delete_keys=_delete(blocking_key, dialect),
        insert_keys=_upsert(blocking_key, dialect),
        delete_features=_delete(feature, dialect),
        upsert_features=_upsert(feature, dialect),
        delete_edges=_delete(edge, dialect),
        upsert_edges=_upsert(edge, dialect),
    )


def _delete(table: Table, dialect: str) -> str:
    """Delete the rows that the primary key names."""
    return _write(delete(table).where(*(column == bindparam(column.name) for column in table.primary_key)), dialect)


def _upsert(table: Table, dialect: str) -> str:
    """Insert a row, or bring the one of this primary key to what it says; values in the order of the columns."""
    insert = (sqlite if dialect == "sqlite" else postgresql).insert(table)
    valued = insert.values({column.name: bindparam(column.name) for column in table.columns})
    others = {column.name: insert.excluded[column.name] for column in table.columns if not column.primary_key}
    if not others:
        return _write(valued.on_conflict_do_nothing(), dialect)
    return _write(valued.on_conflict_do_update(index_elements=list(table.primary_key), set_=others), dialect)


def _read(statement: Select[Any] | CompoundSelect[Any], dialect: str) -> _Read:
    compiled = statement.compile(dialect=_dialect(dialect, "named" if dialect == "sqlite" else "pyformat"))
    return _Read(str(compiled), compiled.params)


def _write(statement: Delete | Insert, dialect: str) -> str:
    return str(statement.compile(dialect=_dialect(dialect, "qmark" if dialect == "sqlite" else "format")))


def _dialect(name: str, paramstyle: str) -> Dialect:
    """Return the dialect that writes parameters as the driver takes them: by name, or by position."""
    kind: Any = sqlite.dialect if name == "sqlite" else PGDialect_psycopg
    dialect: Dialect = kind(paramstyle=paramstyle)
    return dialect

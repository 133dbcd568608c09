"""Frames in and out of tables: executemany into SQLite, COPY into PostgreSQL.

A frame's columns are named as the table's. Moments are ``Datetime("us", "UTC")`` in frames and microseconds in
tables; all numbers are Int64 in frames.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import polars as pl
from sqlalchemy import (
    ARRAY,
    BindParameter,
    Boolean,
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    Select,
    Table,
    any_,
    bindparam,
    text,
)
from sqlalchemy.engine.interfaces import CoreExecuteOptionsParameter
from sqlalchemy.types import TypeEngine

from store.tables import Instant, sequence

Statement = Select[Any]
"""A query, as ``frames`` takes it."""

MOMENT = pl.Datetime("us", "UTC")
"""The type of every moment in a frame."""

FETCH_ROWS = 20_000

_names_given = itertools.count(1)


def frames(connection: Connection, statement: Statement, rows: int = FETCH_ROWS) -> Iterator[pl.DataFrame]:
    """Yield what a query finds as frames of at most ``rows`` rows; memory does not grow with the result."""
    schema = {column.name: _frame_type(column.type) for column in statement.selected_columns}
    # SQLAlchemy compiles a statement once and binds its values; rows are taken as they come from the driver: as plain
    # tuples with moments as numbers. What PostgreSQL finds stays at the server; SQLite finds row by row.
    # ``cursor_strategy`` is not public. What is does not do as well: rows of ``partitions`` take two to four times as
    # long (a million of two numbers: 1.9 CPU-s, not 0.5), and ``result.cursor`` lacks the row that was read ahead.
    options: CoreExecuteOptionsParameter = {"stream_results": not _is_sqlite(connection)}
    with closing(connection.execute(statement, execution_options=options)) as result:
        while batch := result.cursor_strategy.fetchmany(result, result.cursor, rows):
            yield _frame(batch, schema)


def frame(connection: Connection, statement: Statement) -> pl.DataFrame:
    """Return what a query finds as one frame; for results that are known to be small, or wanted whole."""
    schema = {column.name: _frame_type(column.type) for column in statement.selected_columns}
    parts = list(frames(connection, statement))
    return pl.concat(parts) if parts else pl.DataFrame(schema=schema)


def insert(connection: Connection, table: Table, rows: pl.DataFrame) -> None:
    """Insert rows that are known to be new."""
    if rows.is_empty():
        return
    if _is_sqlite(connection):
        names = _names(connection, rows.columns)
        _execute_many(
            connection,
            f"INSERT INTO {_name(connection, table)} ({', '.join(names)}) VALUES ({_marks(names)})",  # noqa: S608
            rows,
        )
    else:
        _copy(connection, _name(connection, table), rows)


def upsert(connection: Connection, table: Table, rows: pl.DataFrame) -> None:
    """Insert rows, or bring those that are there (by primary key) to what the frame says."""
    if rows.is_empty():
        return
    keys = [column.name for column in table.primary_key]
    values = [name for name in rows.columns if name not in keys]
    quote = connection.dialect.identifier_preparer.quote
    changes = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in values)
    conflict = f"ON CONFLICT ({', '.join(map(quote, keys))}) DO " + (f"UPDATE SET {changes}" if values else "NOTHING")
    names = _names(connection, rows.columns)
    target = f"INSERT INTO {_name(connection, table)} ({', '.join(names)})"
    if _is_sqlite(connection):
        _execute_many(connection, f"{target} VALUES ({_marks(names)}) {conflict}", rows)
    else:
        staged = _stage(connection, table, rows)
        connection.exec_driver_sql(f"{target} SELECT {', '.join(names)} FROM {staged} {conflict}")  # noqa: S608


def update(connection: Connection, table: Table, rows: pl.DataFrame, *, key: Sequence[str]) -> None:
    """Set the frame's other columns on the rows that its ``key`` columns name."""
    if rows.is_empty():
        return
    quote = connection.dialect.identifier_preparer.quote
    values = [name for name in rows.columns if name not in key]
    target = f"UPDATE {_name(connection, table)}"
    if _is_sqlite(connection):
        changes = ", ".join(f"{quote(name)} = ?" for name in values)
        match = " AND ".join(f"{quote(name)} = ?" for name in key)
        _execute_many(connection, f"{target} SET {changes} WHERE {match}", rows.select(*values, *key))
    else:
        staged = _stage(connection, table, rows)
        changes = ", ".join(f"{quote(name)} = staged.{quote(name)}" for name in values)
        match = " AND ".join(f"{quote(table.name)}.{quote(name)} = staged.{quote(name)}" for name in key)
        connection.exec_driver_sql(f"{target} SET {changes} FROM {staged} AS staged WHERE {match}")


def delete(connection: Connection, table: Table, rows: pl.DataFrame) -> None:
    """Delete the rows that the frame's columns name."""
    if rows.is_empty():
        return
    quote = connection.dialect.identifier_preparer.quote
    target = f"DELETE FROM {_name(connection, table)}"  # noqa: S608 -- our own table's name
    if _is_sqlite(connection):
        match = " AND ".join(f"{quote(name)} = ?" for name in rows.columns)
        _execute_many(connection, f"{target} WHERE {match}", rows)
    else:
        staged = _stage(connection, table, rows)
        match = " AND ".join(f"{quote(table.name)}.{quote(name)} = staged.{quote(name)}" for name in rows.columns)
        connection.exec_driver_sql(f"{target} USING {staged} AS staged WHERE {match}")


def among(connection: Connection, column: ColumnElement[Any], values: pl.Series | Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition that a column holds one of many values, bound as one parameter."""
    many = values.to_list() if isinstance(values, pl.Series) else list(values)
    if _is_sqlite(connection):  # as text, for a quarter of what the same takes to build of functions
        listed: BindParameter[str] = bindparam("many", json.dumps(many), unique=True)
        return column.in_(text("SELECT value FROM json_each(:many)").bindparams(listed))
    return column == any_(bindparam(None, many, type_=ARRAY(column.type)))


def allocate(connection: Connection, name: str, count: int) -> int:
    """Take ``count`` numbers of a sequence (record, entity) and return the first; none is ever given out again."""
    taken = connection.execute(
        sequence.update().where(sequence.c.name == name).values(next=sequence.c.next + count).returning(sequence.c.next)
    ).scalar_one()
    return int(taken) - count


def _frame(rows: Sequence[Any], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    # SQLite has no booleans and moments are numbers in both: read them as numbers, then give them their type.
    raw = {name: pl.Int64() if isinstance(type_, pl.Datetime | pl.Boolean) else type_ for name, type_ in schema.items()}
    return pl.DataFrame(rows, schema=raw, orient="row").cast(
        {name: type_ for name, type_ in schema.items() if type_ != raw[name]}
    )


def _frame_type(type_: TypeEngine[Any]) -> pl.DataType:
    if isinstance(type_, Instant):
        return MOMENT
    if isinstance(type_, Boolean):
        return pl.Boolean()
    if isinstance(type_, Integer):
        return pl.Int64()
    return pl.Binary() if isinstance(type_, LargeBinary) else pl.String()


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _name(connection: Connection, table: Table) -> str:
    return connection.dialect.identifier_preparer.quote(table.name)


def _names(connection: Connection, columns: Sequence[str]) -> list[str]:
    return [connection.dialect.identifier_preparer.quote(name) for name in columns]


def _marks(names: Sequence[str]) -> str:
    return ", ".join("?" * len(names))


def _plain(rows: pl.DataFrame) -> pl.DataFrame:
    """Return moments as the numbers that tables hold."""
    return rows.with_columns(pl.col(pl.Datetime).cast(MOMENT).to_physical())


def _execute_many(connection: Connection, statement: str, rows: pl.DataFrame) -> None:
    driver: Any = connection.connection.driver_connection
    driver.executemany(statement, _plain(rows).iter_rows())


def _copy(connection: Connection, target: str, rows: pl.DataFrame) -> None:
    lines = io.BytesIO()
    _plain(rows).write_csv(lines, include_header=False, quote_style="necessary")
    driver: Any = connection.connection.driver_connection
    statement = f"COPY {target} ({', '.join(_names(connection, rows.columns))}) FROM STDIN (FORMAT csv)"
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(lines.getbuffer())


def _stage(connection: Connection, table: Table, rows: pl.DataFrame) -> str:
    """Copy the rows into a temporary table of the same column types and return its name."""
    name = f"staged_{next(_names_given)}"
    like = f"SELECT {', '.join(_names(connection, rows.columns))} FROM {_name(connection, table)}"  # noqa: S608
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {name} ON COMMIT DROP AS {like} WITH NO DATA")
    _copy(connection, name, rows)
    return name

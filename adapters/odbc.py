"""Databases behind an ODBC driver: a table or a query, streamed into Arrow.

pyodbc is imported when a source is first reached, for it needs the driver manager (unixODBC) on the machine.

Two drivers are met halfway. PostgreSQL's holds the whole result in memory unless told to fetch in portions, so it
is told. SQLite's always holds the whole result; it cuts integers to 32 bits unless told otherwise, so it is told;
and it silently gives null for what does not fit a declared type (a text in a date column), so such columns are
read as the text that is stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar, Self

import pyarrow as pa
from pydantic import Field, JsonValue, model_validator

from adapters import paths
from adapters.base import Batch, Check, Column, Cursor, Discovered, ReadOptions
from adapters.database import (
    batches,
    check_names,
    cursor_value,
    missing_table,
    refusal,
    surveyed,
    type_of,
)
from foundation.errors import ConfigurationError, Problem, SourceError, SourceUnavailable
from foundation.references import resolve

if TYPE_CHECKING:
    import pyodbc

_PART = re.compile(r"((?:\{(?:[^}]|\}\})*\}|[^;{])+)")  # of a connection string: up to a semicolon outside braces
_DRIVER_NEEDS = {"PostgreSQL": "UseDeclareFetch=1;Fetch={batch_rows}", "SQLite": "BigInt=1"}
"""Keywords that a driver, found by its product, must be given to lose nothing and to stream."""

_POSTGRES_UNBOUNDED_NUMERIC = (28, 6)  # precision and scale that psqlodbc states where the column has none
_STORED_AS: dict[type, tuple[str, ...]] = {int: ("integer",), float: ("integer", "real")}
"""SQLite storage classes that its driver gives faithfully, by the class it announces."""


class OdbcOptions(ReadOptions):
    """How to read one table or query behind an ODBC driver."""

    connection: str | None = Field(default=None, repr=False)  # Driver=…;Server=…;Uid=…;Pwd=${PASSWORD}
    dsn: str | None = None  # a data source of odbc.ini; adds to `connection` when both are given
    table: str | None = None
    schema_name: str | None = Field(default=None, alias="schema")
    query: str | None = None  # with ? for parameters
    parameters: tuple[JsonValue, ...] = ()
    cursor_column: str | None = None  # by which a delta grows: rows are read in its order
    timeout: int = Field(default=30, ge=1)  # seconds to wait for a connection and, where the driver can, for an answer

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if self.connection is None and self.dsn is None:
            raise ValueError("give `connection` or `dsn`")
        if (self.table is None) == (self.query is None):
            raise ValueError("give either `table` or `query`")
        if self.table is not None and self.parameters:
            raise ValueError("`parameters` belong to a `query`")
        return self


class Odbc:
    """Reads one table or query, in the database's order or that of the cursor column."""

    options: ClassVar[type[ReadOptions]] = OdbcOptions

    def __init__(self, options: OdbcOptions, *, base: Path) -> None:
        self._options = options
        self._base = base

    def check(self) -> Check:
        """Connect, and run the statement as far as its columns."""
        with self._connected() as session:
            columns = session.columns(*self._statement(session, None))
            check_names([name for name, *_ in columns], self._options.cursor_column)
            product = session.product_and_version()
        what = f"table {self._options.table}" if self._options.table else "query"
        return Check(
            message=f"{product}, {what}, {len(columns)} columns",
            details={"columns": [name for name, *_ in columns]},
        )

    def discover(self) -> Sequence[Discovered]:
        """List tables and views with their columns and native types."""
        with self._connected() as session:
            return [
                Discovered(name=name, columns=tuple(session.described(name, schema)))
                for schema, name in session.tables(self._options.schema_name)
            ]

    def read(self, cursor: Cursor | None = None) -> Iterator[Batch]:
        """Yield all rows, or those from the cursor's value on; at least one batch.

        Raises:
            ConfigurationError: the driver manager or the driver is not installed.
            SourceUnavailable: the server does not answer, or went away.
            SourceError: it refuses the user, or the statement; a value does not fit its column.
        """
        with self._connected() as session:
            statement, parameters = self._statement(session, cursor)
            statement, schema = self._typed(session, statement, parameters)
            yield from batches(
                session.fetched(statement, parameters, self._options.batch_rows),
                schema,
                place=self._options.table or "query",
                cursor_column=self._options.cursor_column,
                cursor=cursor,
            )

    def _typed(self, session: _Session, statement: str, parameters: Sequence[object]) -> tuple[str, pa.Schema]:
        """Return the schema of all rows, and the statement that yields them as such."""
        columns = session.columns(statement, parameters)
        names = [name for name, *_ in columns]
        check_names(names, self._options.cursor_column)
        if session.product == "SQLite":
            statement = session.faithful(statement, parameters, columns)
            columns = session.columns(statement, parameters)
        types = [
            None
            if session.product == "PostgreSQL" and (precision, scale) == _POSTGRES_UNBOUNDED_NUMERIC
            else type_of(class_, precision, scale)
            for _, class_, precision, scale in columns
        ]
        return statement, surveyed(names, types, session.fetched(statement, parameters, self._options.batch_rows))

    def _statement(self, session: _Session, cursor: Cursor | None) -> tuple[str, tuple[object, ...]]:
        """Return the statement and its parameters."""
        options = self._options
        parameters: tuple[object, ...] = options.parameters
        if options.table is not None:
            name = session.quoted(options.table)
            source = f"{session.quoted(options.schema_name)}.{name}" if options.schema_name else name
        elif options.cursor_column is None:
            return str(options.query), parameters
        else:
            source = f"({options.query})"
        statement = f"SELECT * FROM {source} q"  # noqa: S608 - quoted names, and the integrator's own query
        if options.cursor_column is None:
            return statement, parameters
        column = f"q.{session.quoted(options.cursor_column)}"
        if cursor is not None:
            statement += f" WHERE {column} >= ? OR {column} IS NULL"
            parameters = (*parameters, cursor_value(cursor))
        return f"{statement} ORDER BY {column}", parameters

    @contextmanager
    def _connected(self) -> Iterator[_Session]:
        """Yield a session, and put the driver's errors into words."""
        driver = _pyodbc()
        written = self._connection_string()
        session = None
        try:
            session = _Session(driver, written, self._options.timeout)
            needs = _DRIVER_NEEDS.get(session.product, "").format(batch_rows=self._options.batch_rows)
            if needs and needs.split("=")[0].lower() not in written.lower():
                session.close()
                session = _Session(driver, f"{written};{needs}", self._options.timeout)
            yield session
        except driver.Error as error:
            raise self._failure(error, session) from None
        finally:
            if session is not None:
                session.close()

    def _connection_string(self) -> str:
        """Return the connection string with references replaced, and a SQLite file's path taken from the estate.

        A replaced value is put in braces where it holds characters that would end it.
        """
        whole = self._options.connection or ""
        if whole.startswith("file:") or re.fullmatch(r"\$\{[^}]*\}", whole):
            whole = resolve(whole, base=self._base).get_secret_value()
        parts = [f"DSN={self._options.dsn}"] if self._options.dsn else []
        sqlite = "sqlite" in whole.lower()
        for part in _PART.findall(whole.replace("${", "\0")):  # a reference's brace does not quote
            key, _, value = part.replace("\0", "${").strip().partition("=")
            plain = resolve(value.strip(), base=self._base).get_secret_value()
            if sqlite and key.strip().lower() == "database":
                plain = self._file(plain)
            if plain != value.strip() and any(mark in plain for mark in ";{}[]()=,?*!@"):
                plain = "{" + plain.replace("}", "}}") + "}"
            parts.append(f"{key.strip()}={plain}")
        return ";".join(parts)

    def _file(self, name: str) -> str:
        """Return the path of a SQLite file that exists; its driver would make it otherwise."""
        file = paths.resolve(name, self._base)
        if not file.is_file():
            raise SourceUnavailable(
                Problem(
                    message=f"there is no database file '{name}'",
                    remedy="check `Database=` (it is relative to the estate folder)",
                )
            )
        return str(file.resolve())

    def _failure(self, error: pyodbc.Error, session: _Session | None) -> SourceError:
        """Return what a driver's error means; its words are shown where they can only hold names."""
        state = str(error.args[0]) if error.args else ""
        said = str(error.args[1]) if len(error.args) > 1 else ""
        place = f"ODBC data source {self._options.dsn}" if self._options.dsn else "the ODBC connection"
        if session is None:
            return _no_connection(state, said, place)
        if state[:2] in ("08", "57") or state in ("HYT00", "HYT01") or "locked" in said:
            return SourceUnavailable(
                Problem(message=f"{place} broke off or took too long ({state})", remedy="run the source again")
            )
        if self._options.table is not None:
            tables = session.after_failure(self._options.schema_name)
            if self._options.table not in tables:
                return missing_table(self._options.table, tables)
        name = re.search(r"(no such \w+: \S+|near \S+: syntax error|ERROR: [^;\n]*)", said)
        by_name = name is not None and (state.startswith("42") or session.product == "SQLite")
        return SourceError(
            Problem(
                message=f"{place} refuses the statement ({name[1] if name and by_name else state})",
                remedy="check the names in it and the rights of the user, or try it in the database's own client",
            )
        )


class _Session:
    """One ODBC connection, for reading only: nothing is ever committed.

    Cursors are closed, not used as contexts, for at the end of its context pyodbc commits.
    """

    def __init__(self, driver: ModuleType, written: str, timeout: int) -> None:
        self._driver = driver
        self._connection: pyodbc.Connection = driver.connect(written, timeout=timeout, readonly=True)
        with suppress(driver.Error):  # not every driver can limit how long a statement runs; PostgreSQL's can't
            self._connection.timeout = timeout
        self.product: str = self._connection.getinfo(driver.SQL_DBMS_NAME)
        self._quote: str = self._connection.getinfo(driver.SQL_IDENTIFIER_QUOTE_CHAR).strip()

    def close(self) -> None:
        self._connection.close()

    def product_and_version(self) -> str:
        return f"{self.product} {self._connection.getinfo(self._driver.SQL_DBMS_VER)}"

    def quoted(self, name: str) -> str:
        """Return an identifier as the database quotes it."""
        opening = self._quote
        closing = "]" if opening == "[" else opening
        return f"{opening}{name.replace(closing, closing * 2) if closing else name}{closing}"

    def columns(self, statement: str, parameters: Sequence[object]) -> list[tuple[str, type, int | None, int | None]]:
        """Return name, Python class, precision and scale of each column of a result."""
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(statement, *parameters)
            if cursor.description is None:
                raise SourceError(Problem(message="the query yields no rows", remedy="make it a SELECT"))
            return [(name, class_, precision, scale) for name, class_, _, _, precision, scale, _ in cursor.description]

    def fetched(
        self, statement: str, parameters: Sequence[object], batch_rows: int
    ) -> Iterator[Sequence[Sequence[object]]]:
        """Yield the rows of a result in batches."""
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(statement, *parameters)
            while rows := cursor.fetchmany(batch_rows):
                yield rows

    def faithful(
        self,
        statement: str,
        parameters: Sequence[object],
        columns: Sequence[tuple[str, type, int | None, int | None]],
    ) -> str:
        """Return the statement with those columns as text of which SQLite's driver would lose values."""
        inner = f"({statement}) q"
        doubtful = [name for name, class_, *_ in columns if class_ in _STORED_AS]
        lossy = {name for name, class_, *_ in columns if class_ not in (*_STORED_AS, str, bytearray)}
        if doubtful:
            classes = {name: class_ for name, class_, *_ in columns}
            found = ", ".join(
                f"MAX(TYPEOF(q.{self.quoted(name)}) NOT IN ({_listed(*_STORED_AS[classes[name]], 'null')}))"
                for name in doubtful
            )
            (row,) = next(self.fetched(f"SELECT {found} FROM {inner}", parameters, 1))  # noqa: S608 - quoted names
            lossy |= {name for name, other in zip(doubtful, row, strict=True) if other not in (None, 0, "0")}
        if not lossy:
            return statement
        chosen = ", ".join(
            f"CAST({self.quoted(name)} AS TEXT) AS {self.quoted(name)}" if name in lossy else self.quoted(name)
            for name, *_ in columns
        )
        return f"SELECT {chosen} FROM {inner}"  # noqa: S608 - quoted names

    def tables(self, schema: str | None) -> list[tuple[str | None, str]]:
        """Return schema and name of every table and view."""
        with closing(self._connection.cursor()) as cursor:
            found = [
                (row.table_schem, row.table_name)
                for row in cursor.tables(schema=schema)
                if row.table_type in ("TABLE", "VIEW", "BASE TABLE")
                and row.table_schem not in ("pg_catalog", "information_schema", "INFORMATION_SCHEMA", "sys")
            ]
        return sorted(found, key=lambda pair: (pair[0] or "", pair[1]))

    def after_failure(self, schema: str | None) -> list[str]:
        """Return the names of the tables, or none when the connection no longer answers."""
        try:
            self._connection.rollback()
            return [name for _, name in self.tables(schema)]
        except self._driver.Error:
            return []

    def described(self, table: str, schema: str | None) -> Iterator[Column]:
        """Yield the columns of a table as the driver's catalogue tells them."""
        source = f"{self.quoted(schema)}.{self.quoted(table)}" if schema else self.quoted(table)
        with closing(self._connection.cursor()) as cursor:
            native = {row.column_name: row.type_name for row in cursor.columns(table=table, schema=schema)}
        for name, class_, precision, scale in self.columns(f"SELECT * FROM {source} WHERE 1 = 0", ()):  # noqa: S608
            yield Column(name=name, type=str(type_of(class_, precision, scale) or "decimal"), note=native.get(name))


def _listed(*words: str) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _pyodbc() -> ModuleType:
    """Import pyodbc.

    Raises:
        ConfigurationError: it, or the driver manager it is linked to, is not installed.
    """
    try:
        import pyodbc  # noqa: PLC0415 - only who reads over ODBC needs unixODBC on the machine
    except ImportError as error:
        missing = "the driver manager unixODBC" if "libodbc" in str(error) else "the Python package pyodbc"
        raise ConfigurationError(
            Problem(
                message=f"{missing} is not installed",
                remedy="install it: apt-get install unixodbc, and the driver, such as libsqliteodbc, "
                "odbc-postgresql, odbc-mariadb or tdsodbc"
                if "libodbc" in str(error)
                else "install it: pip install pyodbc",
            )
        ) from None
    pyodbc.pooling = False  # a pooled connection outlives its use, and keeps a SQLite file open
    module: ModuleType = pyodbc
    return module


def _no_connection(state: str, said: str, place: str) -> SourceError:
    if "Can't open lib" in said or state == "IM003":
        return SourceError(
            Problem(
                message=f"the driver of {place} is not installed",
                remedy="install it (apt-get install libsqliteodbc, odbc-postgresql, odbc-mariadb or tdsodbc) and "
                "check `Driver=` against `odbcinst -q -d`",
            )
        )
    if state == "IM002":
        return SourceError(
            Problem(
                message=f"{place} names no data source or driver that is known here",
                remedy="check it against `odbcinst -q -s` (data sources) and `odbcinst -q -d` (drivers)",
            )
        )
    if state == "28000":
        return refusal(place, "authentication failed")
    if state[:2] not in ("08", "HY"):
        return SourceError(
            Problem(
                message=f"{place} cannot be opened ({state})", remedy="try it with isql, the driver manager's client"
            )
        )
    return refusal(place, said)

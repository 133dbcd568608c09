"""Databases that SQLAlchemy reaches: a table or a query, streamed into Arrow.

PostgreSQL states the type of every column of a result. Other databases are read twice, first for the types (see
``adapters.database``). What SQLite stores in a column declared a date or a time is text, and stays text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import ClassVar, Self, cast
from urllib.parse import quote

import pyarrow as pa
import sqlalchemy as sa
from pydantic import Field, JsonValue, model_validator
from sqlalchemy import exc
from sqlalchemy.engine import URL, Connection, CursorResult, Engine, make_url
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.engine.reflection import ObjectKind

from adapters import paths
from adapters.base import Batch, Check, Column, Cursor, Discovered, ReadOptions
from adapters.database import (
    TIMESTAMP,
    TIMESTAMP_UTC,
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

# Object identifiers of PostgreSQL's own types, from pg_type.dat; any other is read as text. ``numeric`` (1700) is
# left out: its type follows from precision and scale.
_POSTGRES_TYPES: dict[int, pa.DataType] = {
    16: pa.bool_(),
    17: pa.binary(),
    20: pa.int64(),
    21: pa.int64(),
    23: pa.int64(),
    26: pa.int64(),
    700: pa.float64(),
    701: pa.float64(),
    1082: pa.date32(),
    1083: pa.time64("us"),
    1114: TIMESTAMP,
    1184: TIMESTAMP_UTC,
}
_POSTGRES_NUMERIC = 1700
_SQLITE_NAMES = ("no such ", "near ", "ambiguous ", "incomplete ", "unrecognized ")
"""How SQLite's errors begin that speak of the statement; others may quote a value."""


class SqlOptions(ReadOptions):
    """How to read one table or query of a database."""

    url: str = Field(repr=False)  # a SQLAlchemy URL; SQLite's file is relative to the estate
    table: str | None = None
    schema_name: str | None = Field(default=None, alias="schema")
    query: str | None = None  # with :name for parameters; a colon that is none is written \:
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    cursor_column: str | None = None  # by which a delta grows: rows are read in its order
    timeout: int = Field(default=30, ge=1)  # seconds to wait for a connection (SQLite: for a lock)

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.table is None) == (self.query is None):
            raise ValueError("give either `table` or `query`")
        if self.table is not None and self.parameters:
            raise ValueError("`parameters` belong to a `query`")
        return self


class Sql:
    """Reads one table or query, in the database's order or that of the cursor column."""

    options: ClassVar[type[ReadOptions]] = SqlOptions

    def __init__(self, options: SqlOptions, *, base: Path) -> None:
        self._options = options
        self._base = base

    def check(self) -> Check:
        """Connect, and run the statement as far as its columns."""
        with self._connected() as connection:
            with self._executed(connection, self._statement(connection, None), 1) as result:
                names = list(result.keys())
            check_names(names, self._options.cursor_column)
            product = _product(connection)
        what = f"table {self._options.table}" if self._options.table else "query"
        return Check(message=f"{product}, {what}, {len(names)} columns", details={"columns": list(names)})

    def discover(self) -> Sequence[Discovered]:
        """List tables and views of the schema with their columns."""
        with self._connected() as connection:
            found = sa.inspect(connection).get_multi_columns(schema=self._options.schema_name, kind=ObjectKind.ANY)
        return [
            Discovered(name=name, columns=tuple(map(_column, columns)))
            for (_, name), columns in sorted(found.items(), key=lambda item: item[0][1])
        ]

    def read(self, cursor: Cursor | None = None) -> Iterator[Batch]:
        """Yield all rows, or those from the cursor's value on; at least one batch.

        Raises:
            SourceUnavailable: the server does not answer, or went away.
            SourceError: it refuses the user, or the statement; a value does not fit its column.
        """
        with self._connected() as connection:
            schema = self._schema(connection, cursor)
            with self._executed(connection, self._statement(connection, cursor), self._options.batch_rows) as result:
                yield from batches(
                    result.partitions(self._options.batch_rows),
                    schema,
                    place=self._options.table or "query",
                    cursor_column=self._options.cursor_column,
                    cursor=cursor,
                )

    def _schema(self, connection: Connection, cursor: Cursor | None) -> pa.Schema:
        """Return the schema of all rows: as described where the driver does so, else by a pass over them."""
        with self._executed(connection, self._statement(connection, cursor), self._options.batch_rows) as result:
            names = list(result.keys())
            check_names(names, self._options.cursor_column)
            types = _described(result) if connection.dialect.name == "postgresql" else [None] * len(names)
            return surveyed(names, types, result.partitions(self._options.batch_rows))

    def _statement(self, connection: Connection, cursor: Cursor | None) -> sa.Executable:
        options = self._options
        if options.table is not None:
            source: sa.FromClause = sa.table(options.table, schema=options.schema_name)
        else:
            written = sa.text(str(options.query))
            unbound = sorted(set(written.compile(connection).params) - set(options.parameters))
            if unbound:
                raise SourceError(
                    Problem(
                        message=f"the query names a parameter ':{unbound[0]}' that `parameters` does not give",
                        remedy="add it to `parameters`, or write `\\:` for a colon that starts none",
                    )
                )
            written = written.bindparams(**options.parameters)
            if options.cursor_column is None:
                return written
            source = written.columns().subquery("q")
        statement = sa.select(sa.text("*")).select_from(source)
        if options.cursor_column is None:
            return statement
        column: sa.ColumnElement[object] = sa.column(options.cursor_column)
        if cursor is not None:
            statement = statement.where((column >= cursor_value(cursor)) | column.is_(None))
        return statement.order_by(column)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        engine = self._engine()
        place = _place(engine.url)
        try:
            connection = engine.connect()
        except exc.DBAPIError as error:
            raise refusal(place, str(error.orig)) from None
        except ModuleNotFoundError as error:
            raise _no_driver(str(error.name)) from None
        with connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            try:
                yield connection
            except exc.DBAPIError as error:
                raise self._failure(connection, error, place) from None
            except exc.SQLAlchemyError as error:
                raise SourceError(
                    Problem(message=f"{place}: the statement cannot be run ({type(error).__name__})")
                ) from None

    def _engine(self) -> Engine:
        url = self._url()
        try:
            dialect = url.get_dialect().name
            waiting = {"sqlite": "timeout", "postgresql": "connect_timeout", "mysql": "connect_timeout"}.get(dialect)
            return sa.create_engine(
                url,
                poolclass=sa.NullPool,
                hide_parameters=True,
                connect_args={waiting: self._options.timeout} if waiting else {},
            )
        except exc.NoSuchModuleError:
            raise _no_driver(url.drivername) from None
        except ModuleNotFoundError as error:
            raise _no_driver(str(error.name)) from None

    def _url(self) -> URL:
        """Return the URL with its references replaced part by part, so that a password may hold any character."""
        try:
            written = make_url(self._options.url)
        except (exc.ArgumentError, ValueError):
            return self._local(self._whole_url())
        query = {
            name: self._plain(value) if isinstance(value, str) else tuple(map(self._plain, value))
            for name, value in written.query.items()
        }
        return self._local(
            written.set(
                username=self._plain(written.username or "") or None,
                password=self._plain(str(written.password or "")) or None,
                host=self._plain(written.host or "") or None,
                database=self._plain(written.database or "") or None,
                query=query,
            )
        )

    def _whole_url(self) -> URL:
        """Return the URL that is as a whole a reference, or has one where a URL can't hold it, such as the port."""
        try:
            return make_url(self._plain(self._options.url))
        except (exc.ArgumentError, ValueError):
            raise ConfigurationError(
                Problem(
                    message="`url` is not a SQLAlchemy URL",
                    remedy="write it as postgresql+psycopg://user:${PASSWORD}@host:5432/database "
                    "or sqlite:///folder/file.db",
                )
            ) from None

    def _plain(self, text: str) -> str:
        return resolve(text, base=self._base).get_secret_value()

    def _local(self, url: URL) -> URL:
        """Return a SQLite URL that opens an existing file for reading only; any other as it is."""
        if not url.drivername.startswith("sqlite") or not url.database or url.database == ":memory:":
            return url
        file = paths.resolve(url.database, self._base)
        if not file.is_file():
            raise SourceUnavailable(
                Problem(
                    message=f"there is no database file '{url.database}'",
                    remedy="check `url:` (its file is relative to the estate folder)",
                )
            )
        return url.set(database=f"file:{quote(str(file.resolve()))}").update_query_dict({"mode": "ro", "uri": "true"})

    @contextmanager
    def _executed(
        self, connection: Connection, statement: sa.Executable, batch_rows: int
    ) -> Iterator[CursorResult[tuple[object, ...]]]:
        result = connection.execution_options(yield_per=batch_rows).execute(statement)
        with result:
            yield result

    def _failure(self, connection: Connection, error: exc.DBAPIError, place: str) -> SourceError:
        """Return what a failed statement means; the driver's words are shown where they can only hold names."""
        state = getattr(error.orig, "sqlstate", None) or ""
        said = str(error.orig).splitlines()[0] if str(error.orig) else ""
        if error.connection_invalidated or state[:2] in ("08", "57") or "locked" in said:
            return SourceUnavailable(
                Problem(message=f"{place} broke off while it was read", remedy="run the source again")
            )
        if self._options.table is not None:
            connection.rollback()
            inspector, schema = sa.inspect(connection), self._options.schema_name
            tables = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
            if self._options.table not in tables:
                return missing_table(self._options.table, tables)
        if state.startswith("42") or said.startswith(_SQLITE_NAMES):
            return SourceError(
                Problem(
                    message=f"{place} refuses the statement: {said}",
                    remedy="check the names in it and the rights of the user",
                )
            )
        return SourceError(
            Problem(
                message=f"{place} cannot read what the statement asks for ({state or type(error.orig).__name__})",
                remedy="try it in the database's own client; cast a column that it cannot read to a text",
            )
        )


def _described(result: CursorResult[tuple[object, ...]]) -> list[pa.DataType | None]:
    """Return the types of a PostgreSQL result; none for a numeric without precision."""
    return [
        type_of(Decimal, precision, scale)
        if code == _POSTGRES_NUMERIC
        else _POSTGRES_TYPES.get(cast("int", code), pa.string())
        for _, code, _, _, precision, scale, _ in result.cursor.description or ()
    ]


def _column(found: ReflectedColumn) -> Column:
    native = found["type"]
    try:
        class_ = native.python_type
    except NotImplementedError:
        class_ = str
    arrow = type_of(class_, getattr(native, "precision", None), getattr(native, "scale", None))
    return Column(
        name=found["name"],
        type=str(TIMESTAMP_UTC if arrow == TIMESTAMP and getattr(native, "timezone", False) else arrow or "decimal"),
        nullable=found["nullable"],
        note=str(native) if not isinstance(native, sa.types.NullType) else None,
    )


def _product(connection: Connection) -> str:
    names = {"postgresql": "PostgreSQL", "sqlite": "SQLite", "mysql": "MySQL", "mssql": "SQL Server"}
    version = ".".join(str(part) for part in connection.dialect.server_version_info or ())
    return f"{names.get(connection.dialect.name, connection.dialect.name)} {version}".strip()


def _place(url: URL) -> str:
    """Return where the database is, without user and password."""
    if url.host is None:
        return url.get_backend_name()
    return f"{url.get_backend_name()} at {url.host}{f':{url.port}' if url.port else ''}"


def _no_driver(name: str) -> ConfigurationError:
    return ConfigurationError(
        Problem(message=f"the Python package for '{name}' is not installed", remedy="install it, or check `url:`")
    )

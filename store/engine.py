"""Open a store: connections, transactions, migrations, and a first load without indexes."""

from __future__ import annotations

import importlib.resources
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from foundation.errors import ConfigurationError, Problem, StoreError
from store.tables import LANDING_INDEXES, lease, sequence, source_record, state

BUSY_SECONDS = 30
"""How long a SQLite writer waits for another one; transactions take about 250 ms."""

PAGE_CACHE_KIB = 65_536
"""SQLite's cache per connection: holds the inner pages of the indexes of some million records."""

MAPPED_BYTES = 2**31 - 2**16
"""How much of a SQLite file is read where the operating system holds it, not copied page by page; the most that SQLite
takes. Reading what one changed record is matched against, at a million records, takes a third less."""

LOG_PAGES = 16_384
"""Pages of SQLite's write-ahead log, 64 MiB, from which a commit moves them into the file. A changed record writes
about a dozen, so with SQLite's own 1,000 one in ninety waited 10 ms for that; so one in 1,400 waits 100 ms."""


@dataclass(frozen=True, slots=True)
class Held:
    """A lease that this process holds; its epoch goes into every transaction made under it."""

    name: str
    holder: str
    epoch: int
    lasts: timedelta  # from its last renewal; every transaction made under it renews it


class Store:
    """An opened store. Cheap to share between threads: each transaction has its own connection."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __repr__(self) -> str:
        """Name the database without its password."""
        return f"Store({self.engine.url.render_as_string(hide_password=True)!r})"

    @property
    def is_sqlite(self) -> bool:
        """Whether the embedded database is used; bulk paths differ."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one unmoving state of the store, and writes nothing.

        Raises:
            StoreError: the database is gone or refuses.
        """
        with _translated(), self.engine.connect() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def write(self, held: Held | None = None) -> Iterator[Connection]:
        """Give a connection of which everything commits together, or nothing.

        With ``held``, the transaction first makes sure that this process still holds the lease.

        Raises:
            StoreError: the lease went to another, or the database is gone or refuses.
        """
        with _translated(), self.engine.connect() as connection:
            connection.execution_options(voeg_writes=True)
            with connection.begin():
                if held is not None:
                    _confirm(connection, held)
                yield connection

    def migrate(self) -> None:
        """Bring the schema to what this program expects; a current store is left alone.

        Raises:
            StoreError: the store was made by a newer program, or the migration failed.
        """
        with self.read() as connection:
            script = ScriptDirectory.from_config(_configuration(connection))
            current = MigrationContext.configure(connection).get_current_revision()
        if current == script.get_current_head():
            return
        if current is not None and current not in {revision.revision for revision in script.walk_revisions()}:
            raise StoreError(
                f"the store is of a newer version of Voeg (its schema is {current})",
                remedy="run that version, or name another store",
            )
        with self.write() as connection:
            if not self.is_sqlite:  # two that start together: the second waits, and finds nothing to do
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('voeg.migrate'))"))
            command.upgrade(_configuration(connection), "head")
            if connection.scalar(select(state.c.value).where(state.c.key == "suppression_key")) is None:
                connection.execute(state.insert().values(key="suppression_key", value=secrets.token_hex(32)))
                connection.execute(sequence.insert(), [{"name": name, "next": 1} for name in ("record", "entity")])

    @cached_property
    def suppression_key(self) -> bytes:
        """The key of the suppression list's hashes; made when the store was."""
        with self.read() as connection:
            return bytes.fromhex(
                connection.execute(select(state.c.value).where(state.c.key == "suppression_key")).scalar_one()
            )

    def checkpoint(self) -> None:
        """Move SQLite's write-ahead log into the database file, if no reader stands in the way."""
        if self.is_sqlite:
            with _translated(), self.engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def first_load(self) -> Iterator[bool]:
        """Leave out the indexes of what lands while a store is filled for the first time; build them at the end.

        Gives whether this is a first load. A load that was cut short by a dead process is finished first.
        """
        self.finish_load()
        with self.read() as connection:
            first = connection.scalar(select(source_record.c.record_no).limit(1)) is None
        if first:
            self.begin_load()
        try:
            yield first
        finally:
            if first:
                self.finish_load()

    @property
    def loading(self) -> bool:
        """Whether a first load is under way, or was when its process died."""
        with self.read() as connection:
            return connection.scalar(select(state.c.value).where(state.c.key == "loading")) is not None

    def begin_load(self) -> None:
        """Drop the indexes of what lands until ``finish_load``."""
        with self.write() as connection:
            connection.execute(state.insert().values(key="loading", value=datetime.now(UTC).isoformat()))
            for index in LANDING_INDEXES:
                index.drop(connection, checkfirst=True)

    def finish_load(self) -> None:
        """Build the indexes that a first load left out, and say that it is over; nothing to do when it is."""
        if not self.loading:
            return
        with self.write() as connection:
            for index in LANDING_INDEXES:
                index.create(connection, checkfirst=True)
            connection.execute(state.delete().where(state.c.key == "loading"))
        with self.write() as connection:
            connection.exec_driver_sql("ANALYZE")


def open(url: str) -> Store:  # noqa: A001 -- read as store.engine.open
    """Open the store at a SQLAlchemy URL: ``sqlite:///FILE`` or ``postgresql+psycopg://…``.

    Raises:
        ConfigurationError: the URL cannot be used; it is never shown, for it may hold a password.
        StoreError: the folder of the SQLite file does not exist.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError(
            Problem(message="the store's URL is not one", path="store.url", remedy="write sqlite:///var/voeg.db")
        ) from None
    if parsed.get_backend_name() == "sqlite":
        return Store(_sqlite(parsed))
    if parsed.get_backend_name() == "postgresql":
        return Store(create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True))
    raise ConfigurationError(
        Problem(
            message=f"a store cannot be kept in {parsed.get_backend_name()}",
            path="store.url",
            remedy="use sqlite:///… or postgresql+psycopg://…",
        )
    )


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise ConfigurationError(
            Problem(message="a store in memory is forgotten", path="store.url", remedy="write sqlite:///var/voeg.db")
        )
    if not Path(url.database).parent.is_dir():
        raise StoreError(f"the folder {Path(url.database).parent} does not exist", remedy="make it")
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not guessed by the driver
        for pragma in (
            f"busy_timeout = {BUSY_SECONDS * 1000}",
            "journal_mode = WAL",
            "synchronous = NORMAL",
            "foreign_keys = ON",
            f"cache_size = -{PAGE_CACHE_KIB}",
            f"mmap_size = {MAPPED_BYTES}",
            f"wal_autocheckpoint = {LOG_PAGES}",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        # A writer takes the lock at once: one that reads first and upgrades later can fail without waiting.
        writes = connection.get_execution_options().get("voeg_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _confirm(connection: Connection, held: Held) -> None:
    """Make sure that the lease is still ours, and renew it; others cannot take it while we write."""
    mine = lease.update().where(lease.c.name == held.name, lease.c.epoch == held.epoch)
    if connection.execute(mine.values(expires_at=datetime.now(UTC) + held.lasts)).rowcount != 1:
        raise StoreError(
            f"another process took over '{held.name}'; nothing of this transaction was written",
            remedy="let that one finish",
        )


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the drivers' errors into StoreError, without the statement and its values."""
    try:
        yield
    except OperationalError as error:
        raise StoreError(
            f"the store does not answer: {_reason(error)}", remedy="see that it is up and not locked"
        ) from None
    except DBAPIError as error:
        raise StoreError(f"the store refused: {_reason(error)}") from None


def _reason(error: DBAPIError) -> str:
    """Name what the database says went wrong; PostgreSQL's details quote rows and are left out."""
    if isinstance(error.orig, psycopg.Error):
        return error.orig.diag.message_primary or type(error.orig).__name__
    return str(error.orig)


def _configuration(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(importlib.resources.files("store") / "migrations"))
    config.attributes["connection"] = connection
    return config

"""Landing a first load, beside writing the rows that came of it by the database's own fastest way."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import psycopg
import pyarrow as pa
import sqlalchemy as sa

from adapters.base import Batch, Cursor
from benchmarks import parties
from benchmarks.measure import ROOT, Absent, Argument, Comparison, Side, Work, compare
from canonical_model.schema import Kind
from store.engine import Store
from store.engine import open as open_store
from store.tables import LANDING_INDEXES, source_record
from sync.land import land

sys.path.append(str(ROOT / "tests"))

import servers

ROWS = 100_000
BATCH_ROWS = 20_000
UNIQUE = LANDING_INDEXES[0].name


def run(folder: Path) -> Iterator[Comparison | Absent]:
    """Land the same rows in both databases."""
    rows = folder / "source_record.parquet"
    _write_rows(folder, rows)
    yield _compare("landing: first load into SQLite, executemany", f"sqlite:///{folder / 'bench.db'}", rows)
    with servers.server_folder("bench") as home:
        server = servers.PostgreSQL(home)
        try:
            server.start()
            url = server.url(server.create_database())
            yield _compare("landing: first load into PostgreSQL, COPY", url, rows, server=server.process)
        finally:
            server.close()


def _compare(name: str, url: str, rows: Path, server: int | None = None) -> Comparison:
    arguments: dict[str, Argument] = {"url": url, "rows": str(rows)}
    return compare(
        name,
        "rows",
        stage=Side(prepare="benchmarks.landing:stage", arguments=arguments, server=server),
        floor=Side(prepare="benchmarks.landing:floor", arguments=arguments, server=server),
    )


def stage(url: str, rows: str) -> Work:
    """Land mapped records: spool, compare, number, write with raw rows, keys and queue, build the index."""
    store = _fresh(url)
    mapping = Prepared(batches=_batches())

    def work() -> int:
        with store.first_load():
            counts = land(store, mapping, mapping.read, now=datetime.now(UTC), actor="benchmark")
        if counts.landed != ROWS:
            raise RuntimeError(f"{counts.landed} of {ROWS} rows landed")
        return ROWS

    return work


def floor(url: str, rows: str) -> Work:
    """Write just the rows of the table of source records, in one transaction, and build its index."""
    store = _fresh(url)
    store.begin_load()
    frame = pl.read_parquet(rows)
    values = frame.rows()
    columns = ", ".join(f'"{name}"' for name in frame.columns)
    index = f"CREATE UNIQUE INDEX {UNIQUE} ON source_record (source_no, kind, record_id)"

    def into_sqlite() -> int:
        marks = ", ".join("?" for _ in frame.columns)
        connection = sqlite3.connect(str(store.engine.url.database), isolation_level=None)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN")
        connection.executemany(f"INSERT INTO source_record ({columns}) VALUES ({marks})", values)
        connection.execute(index)
        connection.execute("COMMIT")
        connection.close()
        return len(values)

    def into_postgresql() -> int:
        plain = store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain) as connection, connection.cursor() as cursor:
            with cursor.copy(f"COPY source_record ({columns}) FROM STDIN") as copy:
                for row in values:
                    copy.write_row(row)
            cursor.execute(index)
        return len(values)

    return into_sqlite if store.is_sqlite else into_postgresql


@dataclass(frozen=True)
class Prepared:
    """A mapping of which the work is done already, so that landing alone is measured."""

    batches: list[tuple[pa.RecordBatch, pl.DataFrame]]
    name: str = "benchmark"
    system: str = "benchmark"
    mode: str = "snapshot"
    max_vanished: float = 0.2
    digest: str = "benchmark"
    _next: list[int] = field(default_factory=lambda: [0])

    @property
    def plan(self) -> Prepared:
        """Stand in for the compiled mapping."""
        return self

    def bind(self, schema: pa.Schema) -> Prepared:
        """Stand in for the mapping bound to columns."""
        return self

    def read(self, cursor: Cursor | None) -> Iterator[Batch]:
        """Yield the raw rows."""
        for number, (raw, _) in enumerate(self.batches):
            self._next[0] = number
            yield Batch(rows=raw, origin="benchmark")

    def run(self, rows: pa.RecordBatch) -> Mapped:
        """Return what was prepared for the batch that was just read."""
        return Mapped(records=((Kind.PARTY, self.batches[self._next[0]][1]),))


@dataclass(frozen=True)
class Mapped:
    """Records without rejects."""

    records: tuple[tuple[Kind, pl.DataFrame], ...]
    rejects: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(
            schema={
                "row": pl.UInt32,
                "record_index": pl.UInt32,
                "record_id": pl.String,
                "path": pl.String,
                "reason": pl.String,
            }
        )
    )
    field_errors: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={"path": pl.String, "reason": pl.String, "count": pl.UInt32})
    )


def _batches() -> list[tuple[pa.RecordBatch, pl.DataFrame]]:
    made = []
    for first in range(0, ROWS, BATCH_ROWS):
        raw = parties.raw(first, BATCH_ROWS)
        made.append((raw.to_arrow().combine_chunks().to_batches()[0], parties.mapped(raw)))
    return made


def _write_rows(folder: Path, file: Path) -> None:
    """Land once, and keep the rows of the table of source records as both databases take them."""
    url = f"sqlite:///{folder / 'once.db'}"
    stage(url, "")()
    store = open_store(url)
    with store.read() as connection:
        found = connection.execute(sa.text("SELECT * FROM source_record"))
        frame = pl.DataFrame(found.fetchall(), schema=list(found.keys()), orient="row", infer_schema_length=None)
    store.close()
    frame.with_columns(pl.col(source_record.c.deleted.name).cast(pl.Boolean)).write_parquet(file)


def _fresh(url: str) -> Store:
    """Empty the database and bring it to the current schema."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        for suffix in ("", "-wal", "-shm"):
            Path(f"{parsed.database}{suffix}").unlink(missing_ok=True)
    else:
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        engine.dispose()
    store = open_store(url)
    store.migrate()
    return store

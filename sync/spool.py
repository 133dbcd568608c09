"""A complete read of one source, laid down in a temporary folder before anything is written to the store.

A source that fails midway has then changed nothing, and every question about the read as a whole (duplicates,
what vanished) is one query of DuckDB, whose memory is bounded. The folder is readable by its owner only and goes
with the block that made it; what a killed process left is removed by the next one.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import duckdb
import polars as pl
import pyarrow as pa

from adapters.base import Batch, Cursor
from canonical_model.content import digest, encode
from canonical_model.schema import REFERENCE, Kind
from store.tables import KIND_NUMBERS

DUCKDB_MEMORY = "512MB"
"""What a comparison may hold in memory; beyond it DuckDB spills into the spool's folder."""
_PREFIX = "voeg-spool-"

_INCOMING = pl.Schema(
    {
        "batch": pl.Int32(),
        "row": pl.Int64(),  # of the whole read, from 0
        "place": pl.Int64(),  # of the record in the whole read, from 0
        "kind": pl.Int16(),
        "record_id": pl.String(),
        "changed_at": pl.Datetime("us", "UTC"),
        "content_hash": pl.Int64(),
    }
)
_REJECTED = pl.Schema(
    {
        "batch": pl.Int32(),
        "row": pl.Int64(),
        "kind": pl.Int16(),
        "record_id": pl.String(),  # null when not even the key could be read
        "path": pl.String(),
        "reason": pl.String(),
    }
)


class Mapped(Protocol):
    """What a mapping makes of a batch of raw rows."""

    @property
    def records(self) -> tuple[tuple[Kind, pl.DataFrame], ...]:
        """One frame per entry of the mapping's ``records:``, in its order, with ``frame_schema(kind)``."""

    @property
    def rejects(self) -> pl.DataFrame:
        """row, record_index:UInt32, record_id:String (null: it could not be read), path, reason:String."""

    @property
    def field_errors(self) -> pl.DataFrame:
        """path, reason:String, count:UInt32."""


class BoundPlan(Protocol):
    """A mapping that fits the columns of a source."""

    def run(self, rows: pa.RecordBatch) -> Mapped:
        """Map raw rows."""
        ...


class Plan(Protocol):
    """A compiled mapping."""

    def bind(self, schema: pa.Schema) -> BoundPlan:
        """Fit the mapping to the columns of a source."""
        ...


class Spool:
    """The read of one source: raw rows, mapped records, and a DuckDB database about them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.database = duckdb.connect(":memory:")
        self.database.execute(f"SET memory_limit = '{DUCKDB_MEMORY}'; SET threads = 2")
        self.database.execute(f"SET temp_directory = '{folder / 'spill'}'; SET preserve_insertion_order = false")
        self.database.execute("SET TimeZone = 'UTC'")
        self.table("incoming", _INCOMING)
        self.table("rejected", _REJECTED)
        self.rows = 0
        self.left_out = 0  # rows that the options of the read do not want
        self.starts: list[int] = []  # the first row of every batch
        self.cursor: Cursor | None = None
        self.field_errors: Counter[tuple[str, str]] = Counter()
        self._records = 0
        self._bound: tuple[pa.Schema, BoundPlan] | None = None

    def fill(self, batches: Iterable[Batch], plan: Plan) -> None:
        """Map a read, and lay it down."""
        for batch in batches:
            if batch.cursor is not None:
                self.cursor = batch.cursor
            for field in batch.unreadable:
                self.field_errors[f"read.{field.path}", "unreadable"] += field.count
            self.left_out += batch.left_out
            if batch.rows.num_rows:
                self._lay_down(batch.rows, self._bind(batch.rows.schema, plan).run(batch.rows))

    def raw(self, batch: int) -> pa.Table:
        """Return the raw rows of a batch."""
        return pa.ipc.open_file(pa.memory_map(str(self._file("raw", batch)))).read_all()

    def records(self, batch: int, kind: Kind) -> pl.DataFrame:
        """Return the mapped records of one kind in a batch that has some.

        place:Int64, content:String; of parties identifiers:List(Struct{type, value}); of satellites ``REFERENCE``.
        """
        return pl.read_ipc(self._file(kind, batch))

    def table(self, name: str, schema: pl.Schema) -> None:
        """Make an empty table with the columns of a frame."""
        self.database.register("shape", pl.DataFrame(schema=schema).to_arrow())
        self.database.execute(f"CREATE TABLE {name} AS FROM shape")
        self.database.unregister("shape")

    def add(self, name: str, rows: pl.DataFrame) -> None:
        """Append a frame to a table, by column name."""
        if not rows.is_empty():
            self.database.register("more", rows.to_arrow())
            self.database.execute(f"INSERT INTO {name} BY NAME FROM more")
            self.database.unregister("more")

    def ask(self, query: str, **values: object) -> pl.DataFrame:
        """Return what a query finds; for results that are known to be small."""
        return pl.DataFrame(self.database.sql(query, params=values or None).to_arrow_table())

    def pieces(self, query: str, rows: int, **values: object) -> Iterator[pl.DataFrame]:
        """Yield what a query finds, at most ``rows`` rows at a time."""
        with self.database.cursor() as cursor:
            cursor.execute("SET TimeZone = 'UTC'")
            for piece in cursor.sql(query, params=values or None).to_arrow_reader(rows):
                if piece.num_rows:
                    yield pl.DataFrame(piece)

    def row_hashes(self, batch: int, rows: pl.Series) -> pl.DataFrame:
        """Return row and row_hash: 64 bits of the MD5 of raw rows of a batch, to know them again in a later read."""
        raw = self.raw(batch).take((rows - self.starts[batch]).to_arrow())
        self.database.register("raw", raw)
        hashes = self.ask("SELECT (md5_number(raw::VARCHAR) >> 64)::UBIGINT AS row_hash FROM raw")["row_hash"]
        self.database.unregister("raw")
        return pl.DataFrame({"row": rows, "row_hash": hashes.cast(pl.UInt64).reinterpret(signed=True)})

    def _bind(self, schema: pa.Schema, plan: Plan) -> BoundPlan:
        if self._bound is None or not self._bound[0].equals(schema):
            self._bound = schema, plan.bind(schema)
        return self._bound[1]

    def _lay_down(self, rows: pa.RecordBatch, mapped: Mapped) -> None:
        with pa.OSFile(str(self._file("raw", len(self.starts))), "wb") as file:
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            with pa.ipc.new_file(file, rows.schema, options=options) as writer:
                writer.write_batch(rows)
        batch = pl.lit(len(self.starts), pl.Int32).alias("batch")
        laid = [(kind, self._laid(frame, kind)) for kind, frame in mapped.records]
        for kind, frame in laid:
            known = frame.select(
                batch,
                pl.lit(KIND_NUMBERS[kind], pl.Int16).alias("kind"),
                *("row", "place", "record_id", "changed_at", "content_hash", "fit"),
            )
            self.add("incoming", known.filter("fit").drop("fit"))
            unfit = known.filter(~pl.col("fit")).select("batch", "row", "kind")
            self.add("rejected", unfit.with_columns(path=pl.lit("key"), reason=pl.lit("bad_key")))
        for kind in dict.fromkeys(kind for kind, _ in laid):
            columns = ["place", *_beside(kind), "content"]
            together = pl.concat([frame.select(columns) for other, frame in laid if other is kind])
            together.write_ipc(self._file(kind, len(self.starts)), compression="lz4")
        kinds = {index: KIND_NUMBERS[kind] for index, (kind, _) in enumerate(mapped.records)}
        self.add(
            "rejected",
            mapped.rejects.select(
                batch,
                pl.col("row").cast(pl.Int64) + self.rows,
                pl.col("record_index").replace_strict(kinds, return_dtype=pl.Int16).alias("kind"),
                pl.col("record_id")
                if "record_id" in mapped.rejects.columns
                else pl.lit(None, pl.String).alias("record_id"),
                "path",
                "reason",
            ),
        )
        for path, reason, count in mapped.field_errors.iter_rows():
            self.field_errors[path, reason] += count
        self.starts.append(self.rows)
        self.rows += rows.num_rows

    def _laid(self, frame: pl.DataFrame, kind: Kind) -> pl.DataFrame:
        """Return a frame's records with their row and place in the read, and the content as text and hash."""
        content = encode(frame, kind)
        references = _references(kind)
        covered = pl.concat_str(
            [pl.lit(content), *(pl.col(name).fill_null("") for name in references)], separator="\x1f"
        )
        keys = [pl.col(name).fill_null("") for name in ("record_id", *references)]
        laid = frame.select(
            (pl.col("row").cast(pl.Int64) + self.rows).alias("row"),
            (pl.int_range(pl.len(), dtype=pl.Int64) + self._records).alias("place"),
            "record_id",
            "changed_at",
            *_beside(kind),
            content,
            digest(frame.select(covered).to_series() if references else content),
            # PostgreSQL's text cannot hold U+0000; inside the content it is escaped.
            (~pl.concat_str(keys).str.contains("\x00", literal=True)).alias("fit"),
        )
        self._records += laid.height
        return laid

    def _file(self, what: str, batch: int) -> Path:
        return self._folder / f"{what}-{batch}.arrow"


@contextmanager
def spool() -> Iterator[Spool]:
    """Give a spool in a folder of its own, and remove the folder afterwards."""
    _remove_left_behind()
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-") as folder:
        made = Spool(Path(folder))
        try:
            yield made
        finally:
            made.database.close()


def _beside(kind: Kind) -> list[str]:
    """Return the columns that landing needs beside the content as text."""
    return ["identifiers"] if kind is Kind.PARTY else _references(kind)


def _references(kind: Kind) -> list[str]:
    """Return the columns that name a satellite's party."""
    return [] if kind is Kind.PARTY else list(REFERENCE.names)


def _remove_left_behind() -> None:
    """Remove the spools of processes of this user that are no longer there; they hold personal data."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        match = re.match(rf"{_PREFIX}(\d+)-", folder.name)
        if match and not _runs(int(match.group(1))):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

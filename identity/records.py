"""Records as a model sees them, and where many of them stand: in a DuckDB that moves to disk, and in files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from identity.features import SCHEMA
from identity.model import Frequencies, Model

MEMORY: Final = "2GB"
"""What DuckDB keeps in memory; the rest goes to files."""


@contextmanager
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an empty DuckDB whose files are gone with it."""
    with tempfile.TemporaryDirectory(prefix="voeg-identity-") as folder, duckdb.connect(":memory:") as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET preserve_insertion_order = false")  # would hold back what comes out of order
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        connection.execute(f"SET temp_directory = '{folder}'")
        yield connection


def create_records(connection: duckdb.DuckDBPyConnection, numbered: pl.DataFrame, model: Model) -> None:
    """Make the table ``record`` of features with ``i`` Int32, as the model sees them (``view``)."""
    with registered(connection, row_frame=view(model)(numbered)):
        connection.execute("CREATE OR REPLACE TABLE record AS FROM row_frame")


@contextmanager
def registered(connection: duckdb.DuckDBPyConnection, **frames: pl.DataFrame) -> Iterator[None]:
    """Let SQL read frames by name, without copying them."""
    for name, frame in frames.items():
        connection.register(name, frame.to_arrow(compat_level=pl.CompatLevel.newest()))
    yield
    for name in frames:
        connection.unregister(name)


class Stored:
    """Records in Arrow files of the same number of records each, numbered in the order of arrival.

    They are read by mapping the files, without a copy; the last ones, too few for a file, wait in memory.
    """

    def __init__(self, folder: Path, per_tile: int) -> None:
        """Begin without records.

        Args:
            folder: an empty folder.
            per_tile: records in a file.
        """
        self._folder = folder
        self.per_tile = per_tile
        self._files: list[Path] = []
        self._waiting = pl.DataFrame()
        self.count = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Add records."""
        self.count += rows.height
        self._waiting = pl.concat([self._waiting, rows]) if self._waiting.height else rows
        while self._waiting.height >= self.per_tile:
            self._write(self._waiting.head(self.per_tile))
            self._waiting = self._waiting.slice(self.per_tile)

    def tiles(self, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
        """Yield columns of the records as they came, a tile at a time."""
        for place in range(-(-self.count // self.per_tile)):
            yield self.tile(place, columns)

    def tile(self, place: int, columns: list[str] | None = None) -> pl.DataFrame:
        """Return columns of the records from ``place * per_tile`` on, as one piece of memory."""
        if place < len(self._files):
            with pa.memory_map(str(self._files[place])) as file:  # Polars would copy it
                table = pa.ipc.open_file(file).read_all()
            return pl.DataFrame(table.select(columns) if columns else table)
        self._waiting = self._waiting.rechunk()
        return self._waiting.select(columns) if columns else self._waiting

    def gather(self, numbers: NDArray[np.int64], columns: list[str]) -> pl.DataFrame:
        """Return columns of the records of these numbers, which are sorted; as one piece of memory."""
        parts = [self.tile(0, columns).clear()]
        for place in np.unique(numbers // self.per_tile).tolist():
            start = place * self.per_tile
            low, high = np.searchsorted(numbers, [start, start + self.per_tile])
            parts.append(self.tile(place, columns)[numbers[low:high] - start])
        return pl.concat(parts, rechunk=True)

    def _write(self, rows: pl.DataFrame) -> None:
        """Write records to a file of one batch, of which every column is one piece."""
        self._files.append(self._folder / f"{len(self._files):06}.arrow")
        # Of a slice whose lists are all empty, Arrow 26 writes a file that reads back as something else.
        whole = rows.rechunk() if rows.n_chunks() > 1 else rows[np.arange(rows.height)]
        table = whole.to_arrow(compat_level=pl.CompatLevel.newest())
        with pa.OSFile(str(self._files[-1]), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)  # Polars takes half as long again


def view(model: Model) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Return how the model sees features.

    Generic values are left out. A gender that the record does not tell is taken from its given name, where the model
    knows that. Columns are added: for each feature with frequencies its ``surprise``, Int32 in 1/1000 bit, null
    where the feature is; and ``only_source``, the record's data source where that has a party once.
    """
    specific = [without_generic(name, SCHEMA[name], values) for name, values in model.generic.items() if values]
    by_name = _looked_up("given", pl.String(), model.genders)
    source = pl.col("data_source")
    derived = [
        pl.coalesce("gender", by_name).alias("gender"),
        *(_surprise(name, table) for name, table in model.frequencies.items()),
        pl.when(source.is_in(sorted(model.duplicate_free))).then(source).alias("only_source"),
    ]
    return lambda features: features.with_columns(specific).with_columns(derived)


def without_generic(name: str, dtype: pl.DataType, values: Iterable[str]) -> pl.Expr:
    """Return the feature ``name`` with the generic values made null, or taken out of a list."""
    known = pl.Series(sorted(values), dtype=pl.String)
    if dtype == pl.List(pl.String):
        kept = pl.col(name).list.set_difference(pl.lit(known).implode())
        return pl.when(kept.list.len() > 0).then(kept.list.sort()).alias(name)
    return pl.when(~pl.col(name).is_in(known.implode())).then(pl.col(name)).alias(name)


def surprise(feature: str) -> str:
    """Name the column that tells how surprising the value of a feature is."""
    return f"{feature}_surprise"


def _surprise(name: str, table: Frequencies) -> pl.Expr:
    known = _looked_up(name, pl.Int32(), table.surprise)
    return pl.when(pl.col(name).is_not_null()).then(known.fill_null(table.unseen)).alias(surprise(name))


def _looked_up(name: str, dtype: pl.DataType, known: Mapping[str, str | int]) -> pl.Expr:
    """Return what a table knows of the values of a feature; null where it knows nothing."""
    old, new = pl.Series(list(known), dtype=pl.String), pl.Series(list(known.values()), dtype=dtype)
    return pl.col(name).replace_strict(old, new, default=None, return_dtype=dtype)

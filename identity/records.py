"""Records as a model sees them, in a DuckDB that keeps on disk what does not fit in memory."""

from __future__ import annotations

import bisect
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
    """Records in Arrow files, numbered in the order of arrival; read by mapping the files."""

    def __init__(self, folder: Path) -> None:
        """Begin without records, in a folder that exists."""
        self._folder = folder
        self._starts: list[int] = []  # number of the first record of each file
        self.count = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Add records."""
        rows.write_ipc(self._path(len(self._starts)))
        self._starts.append(self.count)
        self.count += rows.height

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the records as they came."""
        for place in range(len(self._starts)):
            yield self._frame(place)

    def slice(self, first: int, end: int, columns: list[str]) -> pl.DataFrame:
        """Return columns of the records ``first`` … ``end`` - 1, as far as there are; as one piece of memory."""
        parts = [self._frame(0, columns).clear()]
        for start, frame in self._within(first, end, columns):
            low, high = np.clip([first - start, end - start], 0, frame.height).tolist()
            parts.append(frame.slice(low, high - low))
        return pl.concat(parts, rechunk=True)

    def gather(self, numbers: NDArray[np.int64], columns: list[str]) -> pl.DataFrame:
        """Return columns of the records of these numbers, which are sorted; as one piece of memory."""
        parts = [self._frame(0, columns).clear()]
        for start, frame in self._within(int(numbers[0]), int(numbers[-1]) + 1, columns) if numbers.size else ():
            low, high = np.searchsorted(numbers, [start, start + frame.height])
            parts.append(frame[numbers[low:high] - start])
        return pl.concat(parts, rechunk=True)

    def _within(self, first: int, end: int, columns: list[str]) -> Iterator[tuple[int, pl.DataFrame]]:
        """Yield the files with some of these records, each with the number of its first."""
        low = bisect.bisect_right(self._starts, first) - 1
        high = bisect.bisect_left(self._starts, end)
        for place in range(max(low, 0), high):
            yield self._starts[place], self._frame(place, columns)

    def _frame(self, place: int, columns: list[str] | None = None) -> pl.DataFrame:
        with pa.memory_map(str(self._path(place))) as file:  # Polars would copy it
            table = pa.ipc.open_file(file).read_all()
        return pl.DataFrame(table.select(columns) if columns else table)

    def _path(self, place: int) -> Path:
        return self._folder / f"{place:06}.arrow"


def view(model: Model) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Return how the model sees features.

    Generic values are left out. A gender that the record does not tell is taken from its given name, where the model
    knows that. Columns are added: for each feature with frequencies ``<feature>_surprise``, Int32 in 1/1000 bit, null
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


def _surprise(name: str, table: Frequencies) -> pl.Expr:
    known = _looked_up(name, pl.Int32(), table.surprise)
    return pl.when(pl.col(name).is_not_null()).then(known.fill_null(table.unseen)).alias(f"{name}_surprise")


def _looked_up(name: str, dtype: pl.DataType, known: Mapping[str, str | int]) -> pl.Expr:
    """Return what a table knows of the values of a feature; null where it knows nothing."""
    old, new = pl.Series(list(known), dtype=pl.String), pl.Series(list(known.values()), dtype=dtype)
    return pl.col(name).replace_strict(old, new, default=None, return_dtype=dtype)

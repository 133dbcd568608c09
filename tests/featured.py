"""Features of records for tests of what is made of them, in a database."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import polars as pl
from hypothesis import strategies as st

from identity.features import SCHEMA

Row = dict[str, str | list[str] | None]

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=6)
words = st.sampled_from(["jan", "johannes", "vries", "de", "19610304", "1234ab"]) | texts
sets = st.lists(words, min_size=1, max_size=3, unique=True).map(sorted)
FEATURES = {name: dtype for name, dtype in SCHEMA.items() if dtype in (pl.String, pl.List(pl.String))}
records = st.fixed_dictionaries(
    {name: st.none() | (sets if dtype == pl.List(pl.String) else words) for name, dtype in FEATURES.items()}
)


def empty() -> Row:
    return dict.fromkeys(FEATURES)


def database(rows: Sequence[Row]) -> duckdb.DuckDBPyConnection:
    """Open a database with the table ``record``: the rows, and their places as ``i``."""
    connection = duckdb.connect(":memory:")
    frame = pl.DataFrame(rows, schema=FEATURES).with_row_index("i").with_columns(pl.col("i").cast(pl.Int32)).to_arrow()
    connection.register("record_frame", frame)
    connection.execute("CREATE TEMP TABLE record AS SELECT * FROM record_frame")
    return connection

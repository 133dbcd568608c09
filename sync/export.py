"""Write golden records and the crosswalk to files, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from canonical_model.golden import decode
from foundation.errors import VoegError
from store import exporting
from store.engine import Store


class Format(StrEnum):
    """How a file is written."""

    PARQUET = "parquet"
    CSV = "csv"

    @classmethod
    def of(cls, file: Path) -> Format:
        """Return the format that a file's name says, Parquet when it says none."""
        return cls.CSV if file.suffix.lower() == ".csv" else cls.PARQUET


def golden(store: Store, file: Path, format_: Format) -> int:
    """Write all golden records in the order of their ids; return how many.

    Parquet: entity_id Int64, version Int64, then one column per field of the golden record (lists nested),
    provenance as JSON. CSV: entity_id, version, payload and provenance, both JSON.
    """
    batches = exporting.golden(store)
    if format_ is Format.PARQUET:
        batches = (
            batch.select("entity_id", "version").hstack(decode(batch["payload"])).hstack([batch["provenance"]])
            for batch in batches
        )
    return write(batches, file, format_)


def crosswalk(store: Store, file: Path, format_: Format) -> int:
    """Write data_source, record_id and entity_id of every live party; return how many."""
    return write(exporting.crosswalk(store), file, format_)


def write(batches: Iterator[pl.DataFrame], file: Path, format_: Format) -> int:
    """Write batches to a file that appears only when it is whole.

    Raises:
        VoegError: the file cannot be written.
    """
    unfinished = file.with_name(file.name + ".part")
    try:
        unfinished.touch()
    except OSError as error:
        raise VoegError(f"cannot write {file}: {error.strerror}", remedy="name a file where you may write") from None
    writer: pa.parquet.ParquetWriter | pa.csv.CSVWriter | None = None
    rows = 0
    for batch in batches:
        table = batch.to_arrow(compat_level=pl.CompatLevel.oldest())
        if writer is None:
            make = pa.parquet.ParquetWriter if format_ is Format.PARQUET else pa.csv.CSVWriter
            writer = make(unfinished, table.schema)
        writer.write_table(table)
        rows += table.num_rows
    if writer is not None:
        writer.close()
    unfinished.replace(file)
    return rows

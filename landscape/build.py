"""Build the landscape: people, their copies in every system, the systems' deliveries, and the truth beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from landscape import copies as source_copies
from landscape import people, products
from landscape.systems.listing import ALL

VERSION = 2
"""Raised when the same seed gives another landscape, so that one that lies there is built anew."""

RECORDS_PER_HOUSEHOLD = 6.55
"""Source records per household, as measured; turns a wished number of records into a number of households."""

_MARK = "landscape.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """What a landscape was made from; the same values give the same bytes."""

    seed: int = 1
    records: int = 27_000  # source records, about
    version: int = VERSION

    @property
    def households(self) -> int:
        """How many households it takes."""
        return max(10, round(self.records / RECORDS_PER_HOUSEHOLD))


def built_as(folder: Path) -> Landscape | None:
    """Return what the landscape in ``folder`` was made from; None when there is none that is complete."""
    mark = folder / _MARK
    return Landscape(**json.loads(mark.read_text(encoding="utf-8"))) if mark.exists() else None


def is_built(folder: Path, landscape: Landscape) -> bool:
    """Whether ``folder`` holds this very landscape, complete."""
    return built_as(folder) == landscape


def build(folder: Path, landscape: Landscape, *, advance: Callable[[int], None] = lambda households: None) -> None:
    """Write the deliveries of all systems and ``truth/`` into ``folder``; replaces what is there.

    ``truth/`` is read by the evaluation only: ``records.parquet`` (data_source, record_id, person_id; test customers
    have none), ``people.parquet`` (the columns of ``people.SCHEMA``; customers that are in a system) and
    ``products.parquet`` (person_id, product_type, number; active ones).
    """
    mark = folder / _MARK
    mark.unlink(missing_ok=True)  # a build that is broken off must not look complete
    deliveries = [delivery for system in ALL for delivery in system.deliveries]
    for delivery in deliveries:
        delivery.start(folder)
    truth = folder / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    with (
        _Parquet(truth / "records.parquet") as records,
        _Parquet(truth / "people.parquet") as persons,
        _Parquet(truth / "products.parquet") as owned,
    ):
        for number, chunk in enumerate(people.chunks(landscape.seed, landscape.households)):
            _build_chunk(folder, landscape.seed, number, chunk, records=records, persons=persons, owned=owned)
            advance(min(people.HOUSEHOLDS_PER_CHUNK, landscape.households - number * people.HOUSEHOLDS_PER_CHUNK))
    for delivery in deliveries:
        delivery.finish(folder)
    mark.write_text(json.dumps(asdict(landscape)) + "\n", encoding="utf-8")


class _Parquet:
    """A parquet file that grows by frames of one schema."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> _Parquet:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def add(self, frame: pl.DataFrame) -> None:
        table = frame.to_arrow()
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, table.schema)
        self._writer.write_table(table)


def _build_chunk(
    folder: Path,
    seed: int,
    number: int,
    chunk: pl.DataFrame,
    *,
    records: _Parquet,
    persons: _Parquet,
    owned: _Parquet,
) -> None:
    held = source_copies.memberships(seed, number, chunk, [system.holding for system in ALL])
    extras = products.extras(seed, number, chunk, held)
    known = []
    for system in ALL:
        source = system.holding.source
        copies = source_copies.copies(seed, number, chunk, held, system.holding)
        rows = system.native(copies, extras)
        system.delivery.add(folder, rows)
        for further in system.further:
            further.delivery.add(folder, further.native(copies, extras))
        truth = rows.select(data_source=pl.lit(source), record_id=system.record_id, person_id="person_id")
        records.add(truth)
        known.append(truth["person_id"].drop_nulls())
    customers = pl.concat(known).unique()
    persons.add(chunk.filter(pl.col("person_id").is_in(customers.implode())))
    owned.add(extras.products.filter(pl.col("ended_on").is_null()).select("person_id", "product_type", "number"))

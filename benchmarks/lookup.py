"""Finding a customer by phone or customer number, as the HTTP API does, beside a bare sqlite3 look-up."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from benchmarks import parties
from benchmarks.measure import Absent, Argument, Comparison, Side, Work, compare
from canonical_model.content import encode
from canonical_model.schema import Kind
from store import bulk
from store.engine import open as open_store
from store.tables import entity, golden, lookup_key
from sync.customer import Customers, Key

CUSTOMERS = 200_000
LOOKUPS = 40_000
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def run(folder: Path) -> Iterator[Comparison | Absent]:
    """Fill a store with golden records, then ask it, half by mobile phone and half by customer number."""
    file = folder / "bench.db"
    _fill(file)
    for what, record in (("who has this key", False), ("with the golden record", True)):
        arguments: dict[str, Argument] = {"file": str(file), "record": record}
        yield compare(
            f"look-up: {what}",
            "look-ups",
            stage=Side(prepare="benchmarks.lookup:stage", arguments=arguments),
            floor=Side(prepare="benchmarks.lookup:floor", arguments=arguments),
        )


def stage(file: str, *, record: bool) -> Work:
    """Ask the use case: normalise, find all who have the key, count who shares it, rank; show the record."""
    customers = Customers(open_store(f"sqlite:///{file}"), region="NL")
    asked = [Key(kind, value) for kind, value in _asked()]

    def work() -> int:
        for key in asked:
            (found,) = customers.find([key]).customers
            if record:
                customers.show(found.id, sensitive=True)
        return len(asked)

    return work


def floor(file: str, *, record: bool) -> Work:
    """Ask the same tables by one statement on a bare connection."""
    connection = sqlite3.connect(file)
    statement = "SELECT entity_id, current FROM lookup_key WHERE kind = ? AND value = ?"
    if record:
        statement = (
            "SELECT g.entity_id, g.version, g.payload, g.provenance FROM lookup_key k"
            " JOIN golden g ON g.entity_id = k.entity_id WHERE k.kind = ? AND k.value = ?"
        )
    asked = _asked()

    def work() -> int:
        for key in asked:
            (_,) = connection.execute(statement, key).fetchall()
        return len(asked)

    return work


def _asked() -> list[tuple[str, str]]:
    """Return keys in an order that jumps through the store."""
    numbers = pl.DataFrame({"n": [step * 7_919 % CUSTOMERS for step in range(LOOKUPS)]})
    phone, number = pl.format("+316{}", pl.col("n") + 10_000_000), pl.format("C{}", pl.col("n") + 10_000_000)
    by_phone = pl.col("n") % 2 == 0
    return numbers.select(
        pl.when(by_phone).then(pl.lit("phone")).otherwise(pl.lit("customer_number")),
        pl.when(by_phone).then(phone).otherwise(number).alias("value"),
    ).rows()


def _fill(file: Path) -> None:
    raw = parties.raw(0, CUSTOMERS)
    numbered = raw.select(entity_id=pl.int_range(1, pl.len() + 1), number="number", mobile="mobile", email="email")
    active = numbered.select(
        "entity_id", state=pl.lit("active"), version=pl.lit(1), created_at=pl.lit(NOW), updated_at=pl.lit(NOW)
    )
    records = numbered.select(
        "entity_id",
        version=pl.lit(1),
        payload=encode(parties.mapped(raw), Kind.PARTY),
        provenance=pl.lit('{"birth_date":{"data_source":"crm","record_id":"') + pl.col("number") + pl.lit('"}}'),
        recorded_at=pl.lit(NOW),
    )
    keys = pl.concat(
        numbered.select("entity_id", kind=pl.lit(kind), value=column, current=pl.lit(True))
        for kind, column in (("phone", "mobile"), ("email", "email"), ("customer_number", "number"))
    )
    store = open_store(f"sqlite:///{file}")
    store.migrate()
    with store.write() as connection:
        for table, rows in ((entity, active), (golden, records), (lookup_key, keys)):
            bulk.insert(connection, table, rows)
    with store.write() as connection:
        connection.exec_driver_sql("ANALYZE")
    store.close()

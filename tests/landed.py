"""Small sources and a short way to land their rows, for the tests of landing and what follows it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from sqlalchemy import select

from adapters.base import Batch, Cursor
from canonical_model.schema import Kind
from foundation.document import parse
from store import bulk, tables, work
from store.engine import Store
from sync.land import RunCounts, land
from transform.mapping import Mapping, compiled

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)

CRM = """
version: 1
source: crm
system: crm
mode: snapshot
timezone: UTC
read: {adapter: files, format: csv, path: "*.csv"}
records:
  - kind: party
    key: id
    changed_at: {from: changed, do: [{parse_datetime: ["%Y-%m-%d"]}]}
    when: {from: status, not_in: [gone]}
    required: [family_name]
    fields:
      party_type: {constant: person}
      given_name: given
      family_name: name
      gender: gender
      phones: [{kind: {constant: mobile}, number: {from: phone}}]
      identifiers: [{type: {constant: customer_number}, value: {from: number}}]
"""

PRODUCTS = """
version: 1
source: products
system: billing
mode: snapshot
read: {adapter: files, format: csv, path: "*.csv"}
records:
  - kind: product
    key: id
    party: {source: crm, record_id: customer}
    fields:
      name: name
"""

CONTRACTS = """
version: 1
source: contracts
system: billing
mode: snapshot
read: {adapter: files, format: csv, path: "*.csv"}
records:
  - kind: product
    key: id
    party: {identifier: customer_number, value: {from: number}}
    fields:
      name: name
"""

COLUMNS = {
    "crm": ("id", "changed", "status", "given", "name", "gender", "phone", "number"),
    "products": ("id", "customer", "name"),
    "contracts": ("id", "number", "name"),
}

Row = dict[str, str | None]


def mapping(text: str, **changes: str) -> Mapping:
    for old, new in changes.items():
        text = text.replace(f"{old}: snapshot" if old == "mode" else old, f"{old}: {new}" if old == "mode" else new)
    return compiled(parse(text, Path("test.yaml")))


def delta(text: str) -> Mapping:
    return mapping(text, mode="delta")


def batch(source: str, rows: Sequence[Row], cursor: Cursor | None = None) -> Batch:
    schema = pa.schema([(name, pa.string()) for name in COLUMNS[source]])
    columns = [[row.get(name) for row in rows] for name in COLUMNS[source]]
    arrays = [pa.array(column, pa.string()) for column in columns]
    return Batch(rows=pa.RecordBatch.from_arrays(arrays, schema=schema), origin="test", cursor=cursor)


class Landed:
    """A store, and a short way to land rows in it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOW

    def __call__(self, what: Mapping, *batches: Sequence[Row], accept: bool = False) -> RunCounts:
        self.now += timedelta(days=1)
        return land(
            self.store,
            what,
            lambda cursor: iter([batch(what.name, rows) for rows in batches]),
            now=self.now,
            actor="test",
            accept=accept,
        )

    def frame(self, statement: Any) -> pl.DataFrame:
        with self.store.read() as connection:
            return bulk.frame(connection, statement)

    def live(self, kind: Kind = Kind.PARTY) -> dict[str, dict[str, Any]]:
        record = tables.source_record
        found = self.frame(
            select(record.c.record_id, record.c.content).where(
                record.c.kind == tables.KIND_NUMBERS[kind], ~record.c.deleted
            )
        )
        return {key: json.loads(content) for key, content in found.sort("record_id").iter_rows()}

    def record(self, record_id: str) -> dict[str, Any]:
        record = tables.source_record
        return self.frame(select(record).where(record.c.record_id == record_id)).row(0, named=True)

    def versions(self) -> int:
        return (
            self.frame(select(tables.source_record_history.c.record_no)).height
            + self.frame(select(tables.source_record.c.record_no)).height
        )

    def reference(self, record_id: str) -> tuple[str, str | None]:
        """The state of a satellite's reference, and the key of the party that it is attached to."""
        satellite, party, reference = tables.source_record, tables.source_record.alias(), tables.party_reference
        found = self.frame(
            select(reference.c.state, party.c.record_id.label("party"))
            .join(satellite, satellite.c.record_no == reference.c.record_no)
            .outerjoin(party, party.c.record_no == reference.c.party_no)
            .where(satellite.c.record_id == record_id)
        )
        return found.row(0)  # type: ignore[return-value]

    def take_work(self) -> set[str]:
        """Empty the queue, and return the keys of the parties in it."""
        record = tables.source_record
        queued = self.frame(
            select(tables.work.c.seq, record.c.record_id).join(record, record.c.record_no == tables.work.c.record_no)
        )
        with self.store.write() as connection:
            work.done(connection, queued["seq"])
        return set(queued["record_id"])


def people(*names: str, **more: str) -> list[Row]:
    return [{"id": str(number), "name": name, **more} for number, name in enumerate(names, 1)]

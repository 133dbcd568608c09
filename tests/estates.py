"""Estates for the tests of the whole way: a folder to describe sources in, the use cases, the real command line.

``held`` tells what a store holds in the sense in which two runs are equal: without ids, times and run numbers.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import insert, select, update
from typer.testing import CliRunner, Result

from store import bulk, records, tables, work
from store.engine import Store
from sync.cli import command_line
from sync.estate import Estate, open_estate
from sync.resolve import Resolved, resolve_estate
from sync.run import SourceRun, sync

Row = Mapping[str, str | None]
Key = tuple[str, str]
"""A source record by name: data_source, record_id."""

SETTINGS = """
store: {{url: "{store}"}}
broker: {{url: "{broker}", exchange: "{exchange}", window: {window}}}
landing: {{attempts: 2, backoff_seconds: 0}}
"""

SNAPSHOT = """
version: 1
source: {source}
system: {source}
mode: snapshot
timezone: UTC
max_vanished: 1.0
read: {{adapter: files, format: csv, path: data/{source}.csv}}
records:
"""


def snapshot(source: str, records: str) -> str:
    """Return the mapping of a source that is one CSV file, ``data/{source}.csv``, of which every row may vanish."""
    return SNAPSHOT.format(source=source) + records.lstrip("\n")


@dataclass
class EstateFolder:
    """An estate under test, kept in a folder."""

    root: Path
    store_url: str = "sqlite:///var/voeg.db"
    broker_url: str = "amqp://guest:guest@127.0.0.1:1/%2F"
    exchange: str = "voeg.customers"
    window: int = 1_000
    settings: str = ""  # more lines of conf/voeg.yaml
    _opened: Estate | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        settings = SETTINGS.format(
            store=self.store_url, broker=self.broker_url, exchange=self.exchange, window=self.window
        )
        self.write("conf/voeg.yaml", settings + self.settings)
        (self.root / "mappings").mkdir(exist_ok=True)

    def write(self, path: str, content: str | bytes) -> Path:
        """Write a file of the estate, in a way that nobody reads half of it."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_bytes(content if isinstance(content, bytes) else content.encode())
        unfinished.replace(file)
        return file

    def deliver(self, path: str, rows: Sequence[Row], columns: Iterable[str] = ()) -> Path:
        """Write rows as a CSV file; a null is an empty cell."""
        names = list(dict.fromkeys([*columns, *(name for row in rows for name in row)]))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, restval="")
        writer.writeheader()
        writer.writerows({name: value or "" for name, value in row.items()} for row in rows)
        return self.write(path, text.getvalue())

    def describe(self, mapping: str) -> Path:
        """Write a mapping under the name of its source."""
        source = re.search(r"^source: (\w+)$", mapping, re.MULTILINE)
        assert source
        self._opened = None
        return self.write(f"mappings/{source[1]}.yaml", mapping)

    def rule(self, survivorship: str) -> Path:
        """Write the survivorship rules."""
        self._opened = None
        return self.write("conf/survivorship.yaml", survivorship)

    @property
    def here(self) -> Estate:
        """The estate, opened."""
        if self._opened is None:
            self._opened = open_estate(self.root)
        return self._opened

    @property
    def store(self) -> Store:
        """Its store, migrated."""
        return self.here.store

    def sync(self, *names: str, accept: bool = False) -> dict[str, SourceRun]:
        """Sync sources; all when none is named."""
        runs = sync(self.here, self.here.select(names), actor="test", accept=accept)
        return {run.source: run for run in runs}

    def resolve(self, now: datetime | None = None) -> Resolved:
        """Resolve."""
        return resolve_estate(self.here, actor="test", now=now or datetime.now(UTC))

    def run(self, *names: str, accept: bool = False) -> Resolved:
        """Sync sources, of which none may fail, and resolve."""
        failed = {name: run.error for name, run in self.sync(*names, accept=accept).items() if run.error}
        assert not failed
        return self.resolve()

    def voeg(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the real command line in a process of its own."""
        return subprocess.run(
            [*VOEG, *arguments, "--estate", str(self.root)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def close(self) -> None:
        """Close the store."""
        if self._opened is not None:
            self._opened.store.close()
            self._opened = None


def voeg(folder: EstateFolder, *words: object, exit_code: int = 0) -> Result:
    """Run a command of the command line in this process, and make sure how it ends."""
    result = CliRunner().invoke(command_line(), [*map(str, words), "--estate", str(folder.root)])
    assert result.exit_code == exit_code, (result.stdout, result.stderr, result.exception)
    return result


VOEG = (sys.executable, "-c", "from sync.cli import main; main()")
"""The command ``voeg``, also where the project is not installed as one."""


def counts(run: SourceRun) -> dict[str, int]:
    """Return what a run counted, after making sure that the rows reconcile."""
    counted = run.counts
    assert counted is not None, run.error
    told = {name: getattr(counted, name) for name in ("read", "landed", "unchanged", "quarantined", "filtered")}
    assert told["read"] == sum(count for name, count in told.items() if name != "read")
    return told | {"deleted": counted.deleted}


# What a store holds ---------------------------------------------------------------------------------------------


def frame(store: Store, statement: Any) -> pl.DataFrame:
    """Return what a statement finds."""
    with store.read() as connection:
        return bulk.frame(connection, statement)


def members(store: Store) -> dict[int, frozenset[Key]]:
    """Return the source records of every entity."""
    crosswalk, record, source = tables.crosswalk, tables.source_record, tables.source
    found = frame(
        store,
        select(crosswalk.c.entity_id, source.c.name, record.c.record_id)
        .join(record, record.c.record_no == crosswalk.c.record_no)
        .join(source, source.c.source_no == record.c.source_no),
    )
    entities: dict[int, set[Key]] = {}
    for entity, name, record_id in found.iter_rows():
        entities.setdefault(entity, set()).add((name, record_id))
    return {entity: frozenset(keys) for entity, keys in entities.items()}


def partition(store: Store) -> frozenset[frozenset[Key]]:
    """Return which source records are together."""
    return frozenset(members(store).values())


def live(store: Store) -> dict[tuple[str, int, str], str]:
    """Return the content of every live source record, by source, kind and key."""
    record, source = tables.source_record, tables.source
    found = frame(
        store,
        select(source.c.name, record.c.kind, record.c.record_id, record.c.content)
        .join(source, source.c.source_no == record.c.source_no)
        .where(record.c.deleted.is_(False)),
    )
    return {(name, kind, record_id): content for name, kind, record_id, content in found.iter_rows()}


def golden(store: Store) -> dict[frozenset[Key], tuple[dict[str, Any], dict[str, Any]]]:
    """Return the golden record and the provenance (without times) of every entity, by its source records."""
    found = frame(store, select(tables.golden.c.entity_id, tables.golden.c.payload, tables.golden.c.provenance))
    of = members(store)
    return {
        of[entity]: (json.loads(payload), _without_times(json.loads(provenance)))
        for entity, payload, provenance in found.iter_rows()
    }


def lookup_keys(store: Store) -> dict[frozenset[Key], set[tuple[str, str, bool]]]:
    """Return the look-up keys of every entity, by its source records."""
    keys = tables.lookup_key.c
    found = frame(store, select(keys.entity_id, keys.kind, keys.value, keys.current))
    of = members(store)
    told: dict[frozenset[Key], set[tuple[str, str, bool]]] = {}
    for entity, kind, value, current in found.iter_rows():
        told.setdefault(of[entity], set()).add((kind, value, bool(current)))
    return told


def references(store: Store) -> dict[Key, tuple[str, Key | None]]:
    """Return the state of every live satellite's reference, and the party that it is attached to."""
    satellite, party, reference = tables.source_record, tables.source_record.alias(), tables.party_reference
    own, its = tables.source, tables.source.alias()
    found = frame(
        store,
        select(
            own.c.name,
            satellite.c.record_id,
            reference.c.state,
            its.c.name.label("its"),
            party.c.record_id.label("party"),
        )
        .select_from(reference)
        .join(satellite, satellite.c.record_no == reference.c.record_no)
        .join(own, own.c.source_no == satellite.c.source_no)
        .outerjoin(party, party.c.record_no == reference.c.party_no)
        .outerjoin(its, its.c.source_no == party.c.source_no)
        .where(satellite.c.deleted.is_(False)),
    )
    return {(name, key): (state, (its, party) if its else None) for name, key, state, its, party in found.iter_rows()}


def quarantine(store: Store) -> Counter[str]:
    """Return the entries of the quarantine, each as text: source, raw row, reasons, how it was closed."""
    entry, source = tables.quarantine, tables.source
    found = frame(
        store,
        select(source.c.name, entry.c.batch_id, entry.c.row, entry.c.reasons, entry.c.closed_by).join(
            source, source.c.source_no == entry.c.source_no
        ),
    )
    told: Counter[str] = Counter()
    with store.read() as connection:
        for name, batch, row, reasons, closed in found.iter_rows():
            raw = records.raw(connection, batch).slice(row, 1).to_pylist()[0]
            told[json.dumps([name, raw, json.loads(reasons), closed], default=str)] += 1
    return told


def held(store: Store) -> dict[str, Any]:
    """Return all in which a disturbed run must equal an undisturbed one."""
    return {
        "live source records": live(store),
        "references": references(store),
        "partition": partition(store),
        "golden records": golden(store),
        "look-up keys": lookup_keys(store),
        "quarantine": quarantine(store),
    }


def of_source(store: Store, source: str) -> dict[str, Any]:
    """Return all that the store holds of one source, ids and times included: records, raw rows, quarantine."""
    record, raw, entry = tables.source_record, tables.raw_batch, tables.quarantine
    number = select(tables.source.c.source_no).where(tables.source.c.name == source).scalar_subquery()
    return {
        "records": frame(store, select(record).where(record.c.source_no == number).order_by(record.c.record_no)).rows(),
        "raw rows": frame(store, select(raw).where(raw.c.source_no == number).order_by(raw.c.batch_id)).rows(),
        "quarantine": frame(store, select(entry).where(entry.c.source_no == number).order_by(entry.c.entry_id)).rows(),
    }


def runs(store: Store, source: str) -> list[dict[str, Any]]:
    """Return the runs that landed a source, or tried to, in order."""
    run = tables.run
    number = select(tables.source.c.source_no).where(tables.source.c.name == source).scalar_subquery()
    return frame(store, select(run).where(run.c.source_no == number).order_by(run.c.run_id)).to_dicts()


def outbox(store: Store) -> list[dict[str, Any]]:
    """Return the events that wait, in order."""
    return frame(store, select(tables.outbox).order_by(tables.outbox.c.seq)).to_dicts()


def _without_times(provenance: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        path: {key: value for key, value in origin.items() if key != "since"} for path, origin in provenance.items()
    }


# What stewards decide -------------------------------------------------------------------------------------------


def decide(store: Store, kind: str, one: Key, other: Key) -> int:
    """Write down what a steward decided about two source records; return the decision's number."""
    record, source = tables.source_record, tables.source
    statement = select(source.c.name, record.c.record_id, record.c.record_no)
    found = frame(store, statement.join(source, source.c.source_no == record.c.source_no))
    a, b = sorted(number for name, key, number in found.iter_rows() if (name, key) in (one, other))
    values = {
        "a": a,
        "b": b,
        "kind": kind,
        "author": "steward",
        "reason": "asked them",
        "decided_at": datetime.now(UTC),
    }
    with store.write() as connection:
        made = connection.execute(insert(tables.decision).values(values).returning(tables.decision.c.decision_id))
        work.add(connection, pl.Series([a, b]))
        return int(made.scalar_one())


def revoke(store: Store, decision: int) -> None:
    """Take a decision back."""
    this = tables.decision.c.decision_id == decision
    with store.write() as connection:
        revoked = update(tables.decision).where(this).values(revoked_at=datetime.now(UTC), revoked_by="steward")
        a, b = connection.execute(revoked.returning(tables.decision.c.a, tables.decision.c.b)).one()
        work.add(connection, pl.Series([a, b]))

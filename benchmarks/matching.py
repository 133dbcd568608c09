"""Matching changed records in process, beside linking everything in bulk.

``python -m benchmarks.matching STORE-URL`` asks a store that was resolved how long a single change takes it: the
customers and the model are its own, and what is written is rolled back.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
from sqlalchemy import Connection, func, select

from benchmarks import parties
from benchmarks.measure import Absent, Argument, Comparison, Side, Work, compare
from identity import blocking, features
from identity.linking import DECISION_SCHEMA, gathered, link
from identity.model import Model, packaged_prior
from identity.online import Change, Matched, Matcher, Pending
from identity.packing import pack, pack_one, unpack_one
from identity.records import create_records, database
from store import bulk, matching
from store.engine import Store
from store.engine import open as open_store
from store.tables import feature
from sync.train import active_model

CUSTOMERS = 50_000
"""Each in two systems."""
BATCH = 500
CHANGES = 4_000
AT_MOST = 50


class _RolledBack(Exception):
    """Ends a transaction that was made to be measured."""


def run(folder: Path) -> Iterator[Comparison | Absent]:
    """Fill a store with customers that are in two systems, then change some of them."""
    file, frame, artefact = folder / "bench.db", folder / "features.parquet", folder / "model.json"
    _fill(file, frame, artefact)
    everything = Side(prepare="benchmarks.matching:in_bulk", arguments={"frame": str(frame), "artefact": str(artefact)})
    for what, size in ((f"{BATCH} at a time", BATCH), ("one at a time", 1)):
        arguments: dict[str, Argument] = {"file": str(file), "artefact": str(artefact), "size": size}
        yield compare(
            f"matching: {what} / linking everything",
            "records",
            stage=Side(prepare="benchmarks.matching:online", arguments=arguments),
            floor=everything,
        )


def in_bulk(frame: str, artefact: str) -> Work:
    """Link everything anew."""
    read, model = pl.read_parquet(frame), _model(artefact)

    def work() -> int:
        link(read, pl.DataFrame(schema=DECISION_SCHEMA), model)
        return read.height

    return work


def online(file: str, artefact: str, *, size: int) -> Work:
    """Find, score, decide and write, each batch in a transaction of its own."""
    model = _model(artefact)
    store = open_store(f"sqlite:///{file}")
    changes = _changes(store, CHANGES)

    def work() -> int:
        for start in range(0, len(changes), size):
            _matched(store, model, changes[start : start + size])
        return len(changes)

    return work


def _model(artefact: str) -> Model:
    return Model.from_json(Path(artefact).read_text(encoding="ascii"))


def _matched(store: Store, model: Model, changes: list[Change]) -> Matched | Pending:
    """Match changes as one transaction that leaves nothing."""
    found: Matched | Pending
    try:
        with store.write() as connection:
            at_most = AT_MOST if len(changes) == 1 else None
            found = Matcher(model, matching.Index(connection)).match(changes, at_most=at_most)
            if isinstance(found, Matched):
                matching.apply(connection, found)
            raise _RolledBack
    except _RolledBack:
        return found


def _changes(store: Store, count: int) -> list[Change]:
    """Change records at random: one takes another's phone, address or e-mail, or becomes a new record."""
    chance = random.Random(5)
    with store.read() as connection:
        some = _some(connection, 2 * count, chance)
    changes = []
    for (number, key, content), (_, _, other) in zip(some[:count], some[count:], strict=False):
        mine, theirs = unpack_one(content), unpack_one(other)
        for name in chance.choice((["phones"], ["emails"], ["postcodes", "areas", "addresses", "cities"])):
            mine[name] = theirs[name]
        new = chance.random() < 0.5
        changes.append(Change(-number if new else number, chance.getrandbits(62) if new else key, pack_one(mine)))
    return changes


def _some(connection: Connection, count: int, chance: random.Random) -> list[tuple[int, int, str]]:
    last = connection.scalar(select(func.max(feature.c.record_no))) or 0
    wanted = chance.sample(range(1, last + 1), min(count, last))
    rows = bulk.frame(connection, select(feature).where(bulk.among(connection, feature.c.record_no, wanted))).rows()
    chance.shuffle(rows)
    return rows


def _fill(file: Path, frame: Path, artefact: Path) -> None:
    first = parties.mapped(parties.raw(0, CUSTOMERS))
    second = first.with_columns(emails=pl.lit(None, dtype=first.schema["emails"]), phones=pl.col("phones").list.tail(1))
    both = pl.concat(
        [first.with_columns(data_source=pl.lit("crm")), second.with_columns(data_source=pl.lit("billing"))]
    )
    computed = features.compute(both.with_columns(record_no=pl.int_range(1, pl.len() + 1, dtype=pl.Int64)))
    computed.write_parquet(frame)
    model = _knowing_common_keys(computed)
    artefact.write_text(model.to_json(), encoding="ascii")
    store = open_store(f"sqlite:///{file}")
    store.migrate()
    with gathered(computed, model) as records, store.write() as connection:
        linked = records.link(pl.DataFrame(schema=DECISION_SCHEMA))
        matching.fill_keys(connection, records.keys(500_000))
        matching.fill_features(connection, map(pack, records.features()))
        matching.fill_edges(connection, [linked.edges])
    with store.write() as connection:
        connection.exec_driver_sql("ANALYZE")
    store.close()


def _knowing_common_keys(computed: pl.DataFrame) -> Model:
    """Return the prior with the keys that are common among these people, as a trained model has them."""
    rules = blocking.RULES["person"]
    with database() as connection:
        create_records(connection, computed.with_columns(i=pl.int_range(pl.len(), dtype=pl.Int32)), packaged_prior())
        common = blocking.common_keys(connection, blocking.create_keys(connection, "record", rules), rules)
    return replace(packaged_prior(), common_keys=common)


def _latencies(url: str, count: int) -> None:
    """Print how long single changes and batches take on a store that was resolved."""
    store = open_store(url)
    model, _ = active_model(store)
    changes = _changes(store, count)
    _matched(store, model, changes[:1])  # compiles statements and levels
    for size in (1, BATCH):
        took, cpu, pending = [], time.process_time(), 0
        for start in range(0, len(changes), size):
            began = time.perf_counter()
            pending += isinstance(_matched(store, model, changes[start : start + size]), Pending)
            took.append((time.perf_counter() - began) * 1000)
        cpu = time.process_time() - cpu
        cuts = statistics.quantiles(took, n=100) if len(took) > 1 else took * 99
        print(
            f"{size} at a time: p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms,"
            f" {len(changes) / cpu:.0f} records per CPU-second, {pending} pending"
        )
    store.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.matching", description=__doc__)
    parser.add_argument("store", help="URL of a store that was resolved")
    parser.add_argument("--changes", type=int, default=1_000)
    wanted = parser.parse_args()
    _latencies(wanted.store, wanted.changes)

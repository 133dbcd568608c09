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
from itertools import pairwise
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
from store import bulk, matching, resolving
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
        some = _some(connection, 3 * count, chance)  # of many neither has what the other is to take
    changes = []
    for (number, key, content), (_, _, other) in pairwise(some):
        mine, theirs = unpack_one(content), unpack_one(other)
        for name in chance.choice((["phones"], ["emails"], ["postcodes", "areas", "addresses", "cities"])):
            mine[name] = theirs[name]
        now = pack_one(mine)
        if now != content:
            new = chance.random() < 0.5
            changes.append(Change(-number if new else number, chance.getrandbits(62) if new else key, now))
    return changes[:count]


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
    """Print how long single changes take, and how many records batches match, on a store that was resolved."""
    store = open_store(url)
    model, _ = active_model(store)
    changes = _changes(store, count)
    _matched(store, model, changes[:BATCH])  # compiles statements and levels
    for size in (1, BATCH):
        wall, cpu, pending = [], [], 0
        for start in range(0, len(changes), size):
            began, worked = time.perf_counter(), time.process_time()
            pending += isinstance(_matched(store, model, changes[start : start + size]), Pending)
            wall.append((time.perf_counter() - began) * 1000)
            cpu.append((time.process_time() - worked) * 1000)
        print(f"{size} at a time, {len(changes)} records, {pending} pending: find, score, decide, read and write")
        for clock, took in (("elapsed", wall), ("of the processor", cpu)):
            rate = len(changes) / sum(took) * 1000
            print(f"  {clock}: p50 {_share(took, 50):.2f} ms, p99 {_share(took, 99):.2f} ms, {rate:,.0f} records/s")
    _print_features(store, [change.record_no for change in changes if change.record_no > 0])
    store.close()


def _print_features(store: Store, records: list[int]) -> None:
    """Print how long it takes to read the content of one record and to make its features, where the store has it."""
    took = []
    with store.read() as connection:
        for record in records:
            began = time.perf_counter()
            made = features.compute(resolving.parties(connection, pl.Series([record])))
            if not made.is_empty():
                took.append((time.perf_counter() - began) * 1000)
    if took:
        print(f"features of one record: p50 {_share(took, 50):.2f} ms, p99 {_share(took, 99):.2f} ms elapsed")


def _share(took: list[float], percent: int) -> float:
    """Return what so many percent of the measurements do not exceed."""
    return statistics.quantiles(took, n=100, method="inclusive")[percent - 1] if len(took) > 1 else took[0]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.matching", description=__doc__)
    parser.add_argument("store", help="URL of a store that was resolved")
    parser.add_argument("--changes", type=int, default=1_000)
    wanted = parser.parse_args()
    _latencies(wanted.store, wanted.changes)

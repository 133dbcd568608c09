"""Matching changed records in process, beside linking everything in bulk.

``python -m benchmarks.matching STORE-URL`` asks a store that was resolved how long a single change takes it, and a
batch of changes: the customers and the model are its own, and what is written is rolled back. With
``--features FOLDER`` an empty store is filled first, with the customers of whom the folder has the features (Parquet
files) and a model; that store is there to be measured, so what is written stays.

Half of the changes are customers whose phone, e-mail or address changed, half are new records of such customers.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import polars as pl
from rich.table import Table
from sqlalchemy import Connection, func, select

from benchmarks import inputs, parties
from benchmarks.measure import Absent, Argument, Comparison, Side, Work, compare
from benchmarks.report import Limit, command, conclude, stops_at_failure
from foundation.errors import StoreError
from identity import blocking, commonness, features
from identity.linking import DECISION_SCHEMA, gathered, link
from identity.model import Model, packaged_prior
from identity.online import Change, Matched, Matcher, Pending
from identity.packing import pack, pack_one, unpack_one
from identity.records import create_records, database
from store import bulk, matching, models, resolving
from store.engine import Store
from store.engine import open as open_store
from store.tables import feature
from sync.resolve import AT_MOST, BATCH_RECORDS
from sync.train import active_model

CUSTOMERS = 50_000
"""Each in two systems."""
CHANGES = 4_000
P50, P99 = 3, 15
"""Milliseconds that pass, for one change."""
RATE = 5_000
"""Records per CPU-second, in batches."""
FEWEST = 4
"""Changes that are measured: some to begin with, some one by one and some together."""

Piece = TypeVar("Piece")


class _RolledBack(Exception):
    """Ends a transaction that was made to be measured."""


def run(folder: Path) -> Iterator[Comparison | Absent]:
    """Fill a store with customers that are in two systems, then change some of them."""
    file, frame, artefact = folder / "bench.db", folder / "features.parquet", folder / inputs.MODEL
    _fill(file, frame, artefact)
    everything = Side(prepare="benchmarks.matching:in_bulk", arguments={"frame": str(frame), "artefact": str(artefact)})
    for what, size in ((f"{BATCH_RECORDS} at a time", BATCH_RECORDS), ("one at a time", 1)):
        arguments: dict[str, Argument] = {"file": str(file), "artefact": str(artefact), "size": size}
        yield compare(
            f"matching: {what} / linking everything",
            "records",
            stage=Side(prepare="benchmarks.matching:online", arguments=arguments),
            floor=everything,
        )


def in_bulk(frame: str, artefact: str) -> Work:
    """Link everything anew."""
    read, model = pl.read_parquet(frame), inputs.read_model(artefact)

    def work() -> int:
        link(read, pl.DataFrame(schema=DECISION_SCHEMA), model)
        return read.height

    return work


def online(file: str, artefact: str, *, size: int) -> Work:
    """Find, score, decide and write, each batch in a transaction that is rolled back: every round finds the same."""
    model = inputs.read_model(artefact)
    store = open_store(f"sqlite:///{file}")
    changes = _changes(store, CHANGES)

    def work() -> int:
        for start in range(0, len(changes), size):
            _matched(store, model, changes[start : start + size])
        return len(changes)

    return work


def _matched(store: Store, model: Model, changes: list[Change], *, keep: bool = False) -> Matched | Pending:
    """Match changes as one transaction, that leaves nothing unless it is to be kept."""
    found: Matched | Pending
    try:
        with store.write() as connection:
            at_most = AT_MOST if len(changes) == 1 else None
            found = Matcher(model, matching.Index(connection)).match(changes, at_most=at_most)
            if isinstance(found, Matched):
                matching.apply(connection, found)
            if not keep:
                raise _RolledBack
    except _RolledBack:
        pass
    return found


def _changes(store: Store, count: int) -> list[Change]:
    """Change records at random: one takes another's phone, address or e-mail, or becomes a new record."""
    chance = random.Random(5)
    with store.read() as connection:
        last = connection.scalar(select(func.max(feature.c.record_no))) or 0
        some = _some(connection, last, 3 * count, chance)  # of many neither has what the other is to take
    changes = []
    for (number, key, content), (_, _, other) in pairwise(some):
        mine, theirs = unpack_one(content), unpack_one(other)
        for name in chance.choice((["phones"], ["emails"], ["postcodes", "areas", "addresses", "cities"])):
            mine[name] = theirs[name]
        now = pack_one(mine)
        if now != content:
            new = chance.random() < 0.5
            changes.append(Change(last + number if new else number, chance.getrandbits(62) if new else key, now))
    return changes[:count]


def _some(connection: Connection, last: int, count: int, chance: random.Random) -> list[tuple[int, int, str]]:
    wanted = chance.sample(range(1, last + 1), min(count, last))
    rows = bulk.frame(connection, select(feature).where(bulk.among(connection, feature.c.record_no, wanted))).rows()
    chance.shuffle(rows)
    return rows


def _fill(file: Path, frame: Path, artefact: Path) -> None:
    first = parties.mapped(parties.raw(0, CUSTOMERS))
    second = first.with_columns(emails=pl.lit(None, dtype=first.schema["emails"]), phones=pl.col("phones").list.tail(1))
    computed = inputs.in_two_systems(first, second)
    computed.write_parquet(frame)
    model = _knowing_common_keys(computed)
    inputs.write_model(model, artefact)
    store = open_store(f"sqlite:///{file}")
    store.migrate()
    _keep(store, [computed], model)
    store.close()


def _keep(store: Store, frames: Iterable[pl.DataFrame], model: Model) -> None:
    """Link records (their features), and keep what matching changes needs."""
    with gathered(frames, model, keep=True) as records, store.write() as connection:
        linked = records.link(pl.DataFrame(schema=DECISION_SCHEMA))
        for keys in records.keys(500_000):
            matching.fill_keys(connection, keys)
        for some in records.features():
            matching.fill_features(connection, pack(some))
        matching.fill_edges(connection, linked.edges)
    with store.write() as connection:
        connection.exec_driver_sql("ANALYZE")
    store.checkpoint()


def _knowing_common_keys(computed: pl.DataFrame) -> Model:
    """Return the prior with the keys that are common among these people, as a trained model has them."""
    rules = {"person": blocking.RULES["person"]}
    with database() as connection:
        create_records(connection, computed.with_columns(i=pl.int_range(pl.len(), dtype=pl.Int32)), packaged_prior())
        common = commonness.common_keys(connection, "record", rules)
    return replace(packaged_prior(), common_keys=frozenset(common.values()))


def _filled(store: Store, folder: Path, file: Path | None) -> None:
    """Fill an empty store with the customers of whom a folder has the features, linked by the model in a file.

    Raises:
        StoreError: it is not empty.
    """
    store.migrate()
    with store.read() as connection:
        if connection.scalar(select(feature.c.record_no).limit(1)) is not None:
            raise StoreError("the store holds records already", remedy="name an empty one to fill")
    model = inputs.read_model(inputs.model_file(folder, file))
    models.activate(store, model.version, model.to_json(), actor="benchmark", now=datetime.now(UTC))
    _keep(store, inputs.frames(folder), model)


def main() -> int:
    """Measure changes in a store, and print a table, or JSON, and whether the limits are met."""
    parser = command("benchmarks.matching", __doc__)
    parser.add_argument("store", metavar="STORE-URL", help="a store that was resolved, or is to be filled")
    parser.add_argument("--features", type=Path, metavar="FOLDER", help="Parquet files of features to fill it with")
    inputs.add_model(parser)
    parser.add_argument("--changes", type=int, default=6_000, metavar="N", help="to match; default: 6,000")
    asked = parser.parse_args()
    if asked.model and not asked.features:
        parser.error("--model goes with --features: a store that was resolved has its own")
    with stops_at_failure(parser), closing(open_store(asked.store)) as store:
        if asked.features:
            _filled(store, asked.features, asked.model)
        return _measured(store, asked.changes, keep=bool(asked.features), as_json=asked.json)


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """How long some work took, by one clock."""

    what: str
    clock: str
    p50: float  # milliseconds, each time
    p99: float
    rate: float  # records per second

    @classmethod
    def of(cls, what: str, clock: str, took: Sequence[float], records: int) -> Took:
        """Sum up the milliseconds that each time took, of so many records in all."""
        shares = statistics.quantiles(took, n=100, method="inclusive") if len(took) > 1 else [*took] * 100
        return cls(what=what, clock=clock, p50=shares[49], p99=shares[98], rate=records / sum(took) * 1000)


def _measured(store: Store, count: int, *, keep: bool, as_json: bool) -> int:
    """Measure how long single changes take, and how many records batches match; returns the exit code."""
    model, _ = active_model(store)
    with store.read() as connection:
        size = connection.scalar(select(func.count()).select_from(feature))
    changes = _changes(store, count)
    if len(changes) < FEWEST:
        raise StoreError(
            f"only {len(changes)} changes can be made among its {size} records",
            remedy="resolve a larger store first, or fill an empty one with --features",
        )
    warming, changes = changes[: len(changes) // 4], changes[len(changes) // 4 :]
    _matched(store, model, warming, keep=keep)  # compiles statements and levels
    # Whatever stays is measured once only: half of the changes one by one, the other half in batches.
    one, one_cpu = _matching(store, model, changes[::2], 1, keep=keep)
    many, many_cpu = _matching(store, model, changes[1::2], BATCH_RECORDS, keep=keep)
    took = [one, one_cpu, many, many_cpu, *_features_of(store, [change.record_no for change in changes])]
    batches = f"{BATCH_RECORDS} at a time: records per CPU-second"
    limits = [
        Limit(figure="one change: p50", found=one.p50, relation="<=", bound=P50, unit="ms"),
        Limit(figure="one change: p99", found=one.p99, relation="<=", bound=P99, unit="ms"),
        Limit(figure=batches, found=many_cpu.rate, relation=">=", bound=RATE),
    ]
    table = Table(title=f"Changes among {size:,} records: read, found, scored, decided, written")
    for heading in ("", "clock", "p50 ms", "p99 ms", "records/s"):
        table.add_column(heading, justify="left" if heading in ("", "clock") else "right")
    for each in took:
        table.add_row(each.what, each.clock, f"{each.p50:.2f}", f"{each.p99:.2f}", f"{each.rate:,.0f}")
    document = {"among": size, "took": [asdict(each) for each in took]}
    return conclude(document, [table], limits, as_json=as_json)


def _matching(store: Store, model: Model, changes: list[Change], size: int, *, keep: bool) -> tuple[Took, Took]:
    """Measure how long changes take, so many at a time."""
    pending: list[bool] = []

    def match(start: int) -> None:
        found = _matched(store, model, changes[start : start + size], keep=keep)
        pending.append(isinstance(found, Pending))

    wall, cpu = _timed(match, range(0, len(changes), size))
    what = f"{len(changes)} changes, {size} at a time, {'committed' if keep else 'rolled back'}; {sum(pending)} pending"
    return Took.of(what, "elapsed", wall, len(changes)), Took.of(what, "CPU", cpu, len(changes))


def _features_of(store: Store, records: list[int]) -> Iterator[Took]:
    """Measure how long it takes to read the contents of records, if the store has any, and to make their features."""
    with store.read() as connection:
        known = resolving.parties(connection, pl.Series(records))["record_no"].head(BATCH_RECORDS)

        def make(some: pl.Series) -> None:
            features.compute(resolving.parties(connection, some))

        for size in (1, BATCH_RECORDS) if known.len() else ():
            some = known.head(100 * size)
            wall, cpu = _timed(make, [some.slice(start, size) for start in range(0, some.len(), size)])
            what = f"features of {some.len()}, {size} at a time: contents read, features made"
            yield Took.of(what, "elapsed", wall, some.len())
            yield Took.of(what, "CPU", cpu, some.len())


def _timed(work: Callable[[Piece], None], pieces: Iterable[Piece]) -> tuple[list[float], list[float]]:
    """Return the milliseconds that each piece of work takes: elapsed, and of the CPU."""
    wall, cpu = [], []
    for piece in pieces:
        began, worked = time.perf_counter(), time.process_time()
        work(piece)
        wall.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - worked) * 1000)
    return wall, cpu


if __name__ == "__main__":
    sys.exit(main())

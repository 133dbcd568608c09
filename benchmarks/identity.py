"""How well customers are found in landscapes of several sizes, and what that costs, held to its limits.

``python -m benchmarks.identity --records 100000 --records 1000000 --records 5000000`` generates a landscape of each
size, reads it through the adapters and mappings, and then, each step in a process of its own: computes the features of
all parties, trains a model without knowing who is who, and links, from features to clusters. The truth only scores.

With ``--folder`` everything is kept in a folder for each size: the landscape, which is used again unless other code
makes it now, and beside it what this run made of it, in files that ``benchmarks.linking``, ``benchmarks.training`` and
``benchmarks.matching`` take: ``features/`` and ``model.json``.

Precision, recall and F1 are those of the clusters, over pairs of records: of the pairs that were put together, how many
belong together; of those that belong together, how many were put together. Of whole customers they say how many of the
clusters are exactly a true customer, and how many of the true customers are exactly a cluster.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from benchmarks import inputs, landscapes
from benchmarks.measure import Argument, Measured, Side, Work, measure
from benchmarks.report import Limit, command, conclude, most_memory, stops_at_failure
from identity.evaluation import Scores, score
from identity.linking import DECISION_SCHEMA, link

RECORDS = 100_000
PRECISION, F1, SPREAD = 0.997, 0.988, 0.003
GROWTH = 1.1
"""Of the time that linking takes, for one time as many records: 5.5 for five times as many."""
GROWN = 1_000_000
"""Records from which on growth is held to its limit."""

_CLUSTERS = "clusters.parquet"


def generated(folder: str, *, records: int, seed: int) -> Work:
    """Make the landscape, unless it is there."""

    def work() -> int:
        landscapes.make(Path(folder), records=records, seed=seed)
        return records

    return work


def featured(folder: str) -> Work:
    """Compute the features of all parties."""
    parties, target = landscapes.parties(Path(folder)), Path(folder) / inputs.FEATURES
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    return lambda: inputs.compute(parties, target)


def trained(folder: str) -> Work:
    """Train a model."""
    from identity.training import train  # noqa: PLC0415 -- Splink takes seconds to import

    records = Path(folder) / inputs.FEATURES

    def work() -> int:
        inputs.write_model(train(records), Path(folder) / inputs.MODEL)
        return inputs.count(records)

    return work


def linked(folder: str) -> Work:
    """Link everything: from features to clusters."""
    model = inputs.read_model(Path(folder) / inputs.MODEL)

    def work() -> int:
        frames = inputs.frames(Path(folder) / inputs.FEATURES)
        clusters = link(frames, pl.DataFrame(schema=DECISION_SCHEMA), model).clusters
        clusters.write_parquet(Path(folder) / _CLUSTERS)
        return clusters.height

    return work


STEPS: Mapping[str, Callable[[str], Work]] = {"features": featured, "training": trained, "linking": linked}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What came of the landscape of one size."""

    asked: int  # records, about
    records: int  # in all; the scores count those of which the truth is known
    scores: Scores
    steps: Mapping[str, Measured]

    @property
    def linking(self) -> Measured:
        """From features to clusters."""
        return self.steps["linking"]

    @property
    def peak_megabytes(self) -> float:
        """The most memory that a step had."""
        return max(step.peak_megabytes for step in self.steps.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How linking grows from one size to the next: the larger for one of the smaller."""

    smaller: int  # records, as they were asked for
    larger: int
    cpu_seconds: float
    seconds: float

    @property
    def records(self) -> float:
        """How many times as many records there are."""
        return self.larger / self.smaller


def main() -> int:
    """Measure landscapes, and print tables, or JSON, and whether the limits are met."""
    parser = command("benchmarks.identity", __doc__)
    parser.add_argument(
        "--records",
        type=int,
        action="append",
        metavar="N",
        help=f"source records, about; may be given several times; default: {RECORDS:,}",
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed gives other people; default: 1")
    parser.add_argument("--folder", type=Path, metavar="FOLDER", help="keep everything there, and use it again")
    asked = parser.parse_args()
    wanted = sorted({*(asked.records or [RECORDS])})
    with stops_at_failure(parser), tempfile.TemporaryDirectory(prefix="voeg-bench-") as scratch:
        folder = (asked.folder or Path(scratch)).resolve()
        sizes = [_measured(folder / str(records), records, asked.seed) for records in wanted]
    grown = list(growths(sizes))
    document = {
        "seed": asked.seed,
        "sizes": [asdict(size) for size in sizes],
        "spread": {name: _spread(sizes, name) for name in ("precision", "f1")},
        "growth": [asdict(growth) for growth in grown],
    }
    tables = [_quality(sizes), _cost(sizes), *([_grown(grown)] if grown else [])]
    return conclude(document, tables, [*limits(sizes)], as_json=asked.json)


def _measured(folder: Path, records: int, seed: int) -> Size:
    """Make a landscape and take every step, each in a process of its own."""
    console = Console(stderr=True)
    arguments: dict[str, Argument] = {"folder": str(folder)}
    with console.status(f"{records:,} records: landscape"):
        measure(Side(prepare="benchmarks.identity:generated", arguments=arguments | {"records": records, "seed": seed}))
    steps = {}
    for name, step in STEPS.items():
        with console.status(f"{records:,} records: {name}"):
            steps[name] = measure(Side(prepare=f"benchmarks.identity:{step.__name__}", arguments=arguments))
    scores = score(pl.read_parquet(folder / _CLUSTERS), pl.read_parquet(folder / landscapes.TRUTH))
    return Size(asked=records, records=steps["linking"].units, scores=scores, steps=steps)


def _spread(sizes: Sequence[Size], name: str) -> float:
    found = [getattr(size.scores, name) for size in sizes]
    return float(max(found) - min(found))


def growths(sizes: Sequence[Size]) -> Iterator[Growth]:
    """Yield how linking grows between neighbours of sizes in rising order."""
    for smaller, larger in pairwise(sizes):
        yield Growth(
            smaller=smaller.asked,
            larger=larger.asked,
            cpu_seconds=larger.linking.cpu_seconds / smaller.linking.cpu_seconds,
            seconds=larger.linking.seconds / smaller.linking.seconds,
        )


def limits(sizes: Sequence[Size]) -> Iterator[Limit]:
    """Yield what sizes, in rising order, are held to: each by itself, and beside one another."""
    for size in sizes:
        of = f"{size.records:,} records:"
        yield Limit(figure=f"{of} precision", found=size.scores.precision, relation=">=", bound=PRECISION)
        yield Limit(figure=f"{of} F1", found=size.scores.f1, relation=">=", bound=F1)
        yield most_memory(f"{of} memory at the peak", size.peak_megabytes)
    if len(sizes) > 1:
        for name, shown in (("precision", "precision"), ("f1", "F1")):
            found = _spread(sizes, name)
            yield Limit(figure=f"spread of {shown} between the sizes", found=found, relation="<", bound=SPREAD)
    for growth in growths(sizes):
        if growth.smaller >= GROWN:
            of, bound = f"linking {growth.larger:,} instead of {growth.smaller:,}:", GROWTH * growth.records
            yield Limit(figure=f"{of} CPU-seconds", found=growth.cpu_seconds, relation="<=", bound=bound, unit="times")
            yield Limit(figure=f"{of} seconds", found=growth.seconds, relation="<=", bound=bound, unit="times")


def _quality(sizes: Sequence[Size]) -> Table:
    table = Table(title="Clusters against the truth: pairs of records, and whole customers")
    for heading in ("records", "precision", "recall", "F1", "of customers: precision", "recall", "F1", "found", "true"):
        table.add_column(heading, justify="right")
    for size in sizes:
        found = size.scores
        shares = (found.precision, found.recall, found.f1)
        whole = (found.cluster_precision, found.cluster_recall, found.cluster_f1)
        counts = (found.clusters, found.true_clusters)
        table.add_row(
            f"{size.records:,}",
            *(f"{share:.4f}" for share in (*shares, *whole)),
            *(f"{count:,}" for count in counts),
        )
    return table


def _cost(sizes: Sequence[Size]) -> Table:
    table = Table(title="What it costs, each step in a process of its own")
    for heading in ("records", "step", "CPU-seconds", "seconds", "records per CPU-second", "peak MB"):
        table.add_column(heading, justify="left" if heading == "step" else "right")
    for size in sizes:
        for name, step in size.steps.items():
            table.add_row(
                f"{size.records:,}",
                name,
                f"{step.cpu_seconds:.1f}",
                f"{step.seconds:.1f}",
                f"{step.rate:,.0f}",
                f"{step.peak_megabytes:,.0f}",
            )
    return table


def _grown(grown: Sequence[Growth]) -> Table:
    table = Table(title="How linking grows, from features to clusters")
    for heading in ("from", "to", "records, times", "CPU-seconds, times", "seconds, times"):
        table.add_column(heading, justify="right")
    for growth in grown:
        times = (growth.records, growth.cpu_seconds, growth.seconds)
        table.add_row(f"{growth.smaller:,}", f"{growth.larger:,}", *(f"{number:.2f}" for number in times))
    return table


if __name__ == "__main__":
    sys.exit(main())

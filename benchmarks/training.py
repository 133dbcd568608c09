"""Training a model, beside Splink's default training of the same comparisons on the same records.

*Splink's default training* is what its tutorial does, in its order and with its defaults, all records given:

1. ``estimate_probability_two_random_records_match`` by three deterministic rules (``CERTAIN``) and a recall;
2. ``compute_tf_table`` for every feature of which the model keeps how rare its values are. The comparisons do not
   declare the term frequencies: expectation maximisation would take longer if they did;
3. ``estimate_u_using_random_sampling`` with its default of 1e6 pairs;
4. ``estimate_parameters_using_expectation_maximisation`` once for every pass that ours has: those of
   ``identity.sampling.PASSES`` that have enough pairs.

Splink's side begins with a table of the records as linking compares them, and with the comparisons and passes that have
enough to learn from: both are made out before, and not counted. Ours begins with the features as they are in files and
ends with the whole model: generic values, genders of names, common keys, relatives and priors too, which Splink has no
counterpart of. Splink may take all memory that there is.

``python -m benchmarks.training FOLDER …`` measures both once, each in a process of its own, on features of one's own:
folders of Parquet files. Splink is stopped after ``--timeout`` seconds; then what it had done is told.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import polars as pl
import pyarrow.dataset as ds
from rich.table import Table
from splink import DuckDBAPI, Linker, SettingsCreator
from splink.internals.exceptions import SplinkException

from benchmarks import inputs, parties
from benchmarks.measure import Absent, Comparison, Measured, Side, Work, compare, measure
from benchmarks.peer import splink_comparison
from benchmarks.report import Limit, command, conclude, stops_at_failure
from foundation.errors import VoegError
from identity import features, training
from identity.comparison import COMPARISONS, frequencies
from identity.comparison import Comparison as Compared
from identity.counting import ENOUGH_VALUES
from identity.expectation import quiet
from identity.model import packaged_prior
from identity.records import database, registered, view
from identity.sampling import ENOUGH_RECORDS, PASSES, Pass, pairs_of

CUSTOMERS = 30_000
"""Each in two systems, of which one has mistyped every seventh birth date."""
PIECE = 100_000
"""Records at a time, when Splink's table is made."""
CERTAIN = {
    "person": (
        "l.given = r.given AND l.family = r.family AND l.birth_date = r.birth_date",
        "l.given = r.given AND l.birth_date = r.birth_date AND l.postcodes[1] = r.postcodes[1]",
        "l.given = r.given AND l.emails[1] = r.emails[1]",
    ),
    "organisation": (
        "l.registrations[1] = r.registrations[1]",
        "l.organisation = r.organisation AND l.postcodes[1] = r.postcodes[1]",
        "l.organisation = r.organisation AND l.phones[1] = r.phones[1]",
    ),
}
"""Rules of pairs that are nearly surely one party, for the share of such pairs among all."""
RECALL = 0.7
"""Of these rules, as in Splink's tutorial: it costs nothing and moves nothing that takes time."""
SHARE = 0.5
"""CPU-seconds for one of Splink's."""


def run(folder: Path) -> Iterator[Comparison | Absent]:
    """Make customers that are in two systems, and train on them."""
    records = folder / inputs.FEATURES
    records.mkdir()
    _make(records)
    ours, splink = _sides(records, folder / "steps.json")
    yield compare("training / Splink's default", "records", stage=ours, floor=splink, rounds=1)


def _sides(records: Path, steps: Path) -> tuple[Side, Side]:
    folder = {"folder": str(records)}
    return (
        Side(prepare="benchmarks.training:stage", arguments=folder),
        Side(prepare="benchmarks.training:floor", arguments=folder | {"steps": str(steps)}),
    )


def stage(folder: str) -> Work:
    """Train from files."""
    records = inputs.count(Path(folder))

    def work() -> int:
        training.train(Path(folder))
        return records

    return work


def floor(folder: str, steps: str) -> Work:
    """Train as Splink's defaults would; tables of records are made before, and it is found out what is worth training.

    Args:
        folder: with the features.
        steps: file that keeps the CPU-seconds of each step that is done.
    """
    records = inputs.count(Path(folder))
    open_databases = ExitStack()
    trainings = []
    for party_type, comparisons in COMPARISONS.items():
        connection = open_databases.enter_context(database())
        if _create_table(connection, Path(folder), party_type) >= ENOUGH_RECORDS:
            compared = [one for one in comparisons if _telling(connection, one) >= ENOUGH_VALUES]
            pairs = pairs_of(connection, PASSES[party_type], "record")
            passes = [one for one in PASSES[party_type] if pairs[one] >= ENOUGH_VALUES]
            trainings.append(partial(_by_splink, connection, party_type, compared, passes))
    spent: dict[str, float] = {}

    def timed(step: str, work: Callable[[], object]) -> None:
        before = time.process_time()
        work()
        spent[step] = spent.get(step, 0.0) + time.process_time() - before
        Path(steps).write_text(json.dumps(spent), encoding="ascii")

    def work() -> int:
        with open_databases:
            for by_splink in trainings:
                by_splink(timed)
        return records

    return work


def _create_table(connection: duckdb.DuckDBPyConnection, folder: Path, party_type: str) -> int:
    """Make the table ``record`` of the records of a party type as linking compares them; returns how many there are."""
    connection.execute("RESET memory_limit")
    seen = view(packaged_prior())
    count = 0
    of_type = ds.field("party_type") == party_type
    batches = ds.dataset(folder, format="parquet").to_batches(batch_size=PIECE, filter=of_type)
    nothing = pl.DataFrame(schema=features.SCHEMA)
    for number, part in enumerate(chain([nothing], map(pl.DataFrame, map(pl.from_arrow, batches)))):
        numbered = seen(part).with_columns(i=pl.int_range(count, count + part.height, dtype=pl.Int32))
        with registered(connection, row_frame=numbered):
            connection.execute(f"{'INSERT INTO record' if number else 'CREATE TABLE record AS'} FROM row_frame")
        count += part.height
    return count


def _by_splink(
    connection: duckdb.DuckDBPyConnection,
    party_type: str,
    compared: Sequence[Compared],
    passes: Sequence[Pass],
    timed: Callable[[str, Callable[[], object]], None],
) -> None:
    with quiet():
        linker = Linker(
            DuckDBAPI(connection=connection).register("record"),
            SettingsCreator(
                link_type="dedupe_only",
                unique_id_column_name="i",
                comparisons=[splink_comparison(one) for one in compared],
                blocking_rules_to_generate_predictions=[],
            ),
            log_level=None,
        )
        train = linker.training
        timed(
            "prior", partial(train.estimate_probability_two_random_records_match, [*CERTAIN[party_type]], recall=RECALL)
        )
        for name in frequencies(compared):
            timed("term frequencies", partial(linker.table_management.compute_tf_table, name))
        timed("u", train.estimate_u_using_random_sampling)
        for one in passes:
            timed(f"m by {' and '.join(one.on)} of {party_type}s", partial(_learn, linker, one.rule))


def _learn(linker: Linker, rule: str) -> None:
    """Estimate m by one pass; one in which a probability falls to zero or reaches one ends there, with an error."""
    with suppress(ValueError, SplinkException):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)


def _telling(connection: duckdb.DuckDBPyConnection, one: Compared) -> int:
    """Return how many records tell what a comparison needs."""
    missing = ", ".join(str(number) for number, level in enumerate(one.levels) if level.missing)
    told = connection.sql(f"SELECT count(*) FROM record WHERE {one.sql(str, str)} NOT IN ({missing})")
    [(count,)] = told.fetchall()
    return int(count)


def _make(folder: Path) -> None:
    raw = parties.raw(0, CUSTOMERS)
    mistyped = pl.col("birth_date").str.slice(0, 8) + "28"
    other = raw.with_columns(birth_date=pl.when(pl.int_range(pl.len()) % 7 == 0).then(mistyped).otherwise("birth_date"))
    both = inputs.in_two_systems(parties.mapped(raw), parties.mapped(other))
    both.write_parquet(folder / "parties.parquet")


def main() -> int:
    """Measure on features of one's own, and print a table, or JSON, and whether the limit is met."""
    parser = command("benchmarks.training", __doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="Parquet files of features")
    parser.add_argument(
        "--timeout",
        type=int,
        default=1200,
        metavar="SECONDS",
        help="after which Splink is stopped, its preparation included; default: 1,200",
    )
    asked = parser.parse_args()
    with stops_at_failure(parser):
        found = [_beside(folder.resolve(), asked.timeout) for folder in asked.folders]
    limits = [
        Limit(
            figure=f"training {one.ours.units:,} records: CPU-seconds for one of Splink's",
            found=one.share,
            relation="<=",
            bound=SHARE,
        )
        for one in found
    ]
    document = {"folders": [one.as_json() for one in found]}
    return conclude(document, [_table(found)], limits, as_json=asked.json)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Training one folder in both ways."""

    folder: str
    ours: Measured
    splink: Measured | None  # None: it was stopped
    steps: Mapping[str, float]  # of Splink, as far as it came: CPU-seconds

    @property
    def of_splink(self) -> float:
        """CPU-seconds of Splink; of the steps that it had done, where it was stopped."""
        return self.splink.cpu_seconds if self.splink else sum(self.steps.values())

    @property
    def share(self) -> float:
        """CPU-seconds of ours for one of Splink's."""
        return self.ours.cpu_seconds / self.of_splink

    def as_json(self) -> dict[str, object]:
        """Return everything that was measured, with the share."""
        return asdict(self) | {"share": self.share}


def _beside(folder: Path, timeout: int) -> Beside:
    with TemporaryDirectory(prefix="voeg-bench-") as scratch:
        steps = Path(scratch) / "steps.json"
        steps.write_text("{}", encoding="ascii")
        stage_side, floor_side = _sides(folder, steps)
        ours = measure(stage_side)
        splink = None
        with suppress(subprocess.TimeoutExpired):
            splink = measure(floor_side, timeout=timeout)
        done = json.loads(steps.read_text(encoding="ascii"))
    if not (splink or done):
        raise VoegError(f"Splink had done nothing in {timeout} seconds", remedy="give it more by --timeout")
    return Beside(folder=str(folder), ours=ours, splink=splink, steps=done)


def _table(found: Sequence[Beside]) -> Table:
    table = Table(title="Training: CPU-seconds, and megabytes at the peak")
    for heading in (
        "records",
        "ours",
        "Splink's default",
        "share",
        "of that u and m",
        "share of those",
        "MB",
        "Splink's MB",
    ):
        table.add_column(heading, justify="right")
    for one in found:
        learned = sum(spent for step, spent in one.steps.items() if step == "u" or step.startswith("m by "))
        table.add_row(
            f"{one.ours.units:,}",
            f"{one.ours.cpu_seconds:.1f}",
            f"{one.of_splink:.1f}" if one.splink else f"stopped after {one.of_splink:.1f}",
            f"{one.share:.2f}",
            f"{learned:.1f}",
            f"{one.ours.cpu_seconds / learned:.2f}" if learned else "",
            f"{one.ours.peak_megabytes:.0f}",
            f"{one.splink.peak_megabytes:.0f}" if one.splink else "",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())

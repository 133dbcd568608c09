"""Linking everything, beside what Splink takes for it with the same blocking keys and comparisons.

``python -m benchmarks.linking FOLDER`` links the persons of whom a folder has the features (Parquet files), once and
from prepared records: for estates of millions. What is prepared is not counted, but for memory.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import polars as pl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.comparison_library import CustomComparison

from benchmarks import inputs, landscapes
from benchmarks.measure import Comparison, Side, Work, compare
from benchmarks.peer import splink_comparison
from benchmarks.report import Limit, command, comparisons, conclude, most_memory, stops_at_failure
from identity import blocking, comparison
from identity.linking import DECISION_SCHEMA, gathered
from identity.model import Population
from identity.records import create_records, database

RECORDS = 100_000
NO_DECISIONS = pl.DataFrame(schema=DECISION_SCHEMA)
SHARE = 1.3
"""CPU-seconds for one of Splink's."""
MOST_LIKELY = 0.999999
"""The most that Splink takes for a probability."""


def run(folder: Path) -> Iterator[Comparison]:
    """Link the customers of a landscape."""
    frames = folder / inputs.FEATURES
    landscapes.make(folder, records=RECORDS)
    frames.mkdir()
    inputs.compute(landscapes.parties(folder), frames)
    artefact = inputs.model_file(frames)
    yield compared("prepared records", prepared, frames, artefact, rounds=2)
    yield compared("features", whole, frames, artefact, rounds=2)


def compared(
    what: str, prepare: Callable[[str, str], Work], frames: Path, artefact: Path, *, rounds: int
) -> Comparison:
    """Link the persons by a model, and with Splink."""
    arguments = {"frames": str(frames), "artefact": str(artefact)}
    return compare(
        f"linking: from {what} / Splink from prepared records",
        "records",
        stage=Side(prepare=f"benchmarks.linking:{prepare.__name__}", arguments=arguments),
        floor=Side(prepare="benchmarks.linking:splink", arguments=arguments),
        rounds=rounds,
    )


def prepared(frames: str, artefact: str) -> Work:
    """Make candidates, weigh them and cluster; features and blocking keys are there."""
    stack = ExitStack()
    records = stack.enter_context(gathered(_persons(Path(frames)), inputs.read_model(artefact)))

    def work() -> int:
        with stack:
            return records.link(NO_DECISIONS).clusters.height

    return work


def whole(frames: str, artefact: str) -> Work:
    """Take features in, make blocking keys, and do everything that follows."""
    model = inputs.read_model(artefact)

    def work() -> int:
        with gathered(_persons(Path(frames)), model) as records:
            return records.link(NO_DECISIONS).clusters.height

    return work


def splink(frames: str, artefact: str) -> Work:
    """Predict from the review threshold on, and cluster from the link threshold on; the blocking keys are there."""
    logging.getLogger("splink").setLevel(logging.CRITICAL)
    model = inputs.read_model(artefact)
    population = model.populations["person"]
    stack = ExitStack()
    connection = stack.enter_context(database())
    connection.execute("RESET memory_limit; RESET preserve_insertion_order")
    everybody = pl.concat(_persons(Path(frames))).with_row_index("i").with_columns(pl.col("i").cast(pl.Int32))
    create_records(connection, everybody, model)
    count = everybody.height
    del everybody
    rules = blocking.RULES["person"]
    blocking.create_keys(connection, "record", rules)
    connection.register("common_frame", pl.DataFrame({"hash": sorted(model.common_keys)}).to_arrow())
    ceilings = ", ".join(str(rule.ceiling) for rule in rules)
    connection.execute(
        f"""
        CREATE TABLE prepared AS
        WITH useful AS (
            SELECT hash FROM blocking_key ANTI JOIN common_frame USING (hash)
            GROUP BY hash HAVING count(*) BETWEEN 2 AND [{ceilings}][any_value(rule) + 1]
        ),
        of_record AS (SELECT i, list(hash) AS keys FROM blocking_key SEMI JOIN useful USING (hash) GROUP BY i)
        SELECT record.*, keys FROM record LEFT JOIN of_record USING (i)
        """
    )
    connection.execute("DROP TABLE record; DROP TABLE blocking_key")
    linker = Linker(
        DuckDBAPI(connection=connection).register("prepared"),
        SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name="i",
            comparisons=[_known(one, population) for one in comparison.COMPARISONS["person"]],
            blocking_rules_to_generate_predictions=[block_on("keys", arrays_to_explode=["keys"])],
            probability_two_random_records_match=1 / (1 + 2 ** (-population.stranger_prior / 1000)),
        ),
        log_level=None,
    )

    def work() -> int:
        with stack:
            predicted = linker.inference.predict(threshold_match_weight=model.review_threshold / 1000)
            linker.clustering.cluster_pairwise_predictions_at_threshold(
                predicted, threshold_match_weight=model.link_threshold / 1000
            )
            return count

    return work


def _known(one: comparison.Comparison, population: Population) -> CustomComparison:
    """Write a comparison for Splink; it takes no surprise of rare values, which is to its advantage."""
    levels = population.comparisons[one.name]
    return splink_comparison(
        one, m=[min(level.m, MOST_LIKELY) for level in levels], u=[min(level.u, MOST_LIKELY) for level in levels]
    )


def _persons(frames: Path) -> Iterator[pl.DataFrame]:
    for frame in inputs.frames(frames):
        yield frame.filter(pl.col("party_type") == "person")


def main() -> int:
    """Link the features of a folder, and print a table, or JSON, and whether the limits are met."""
    parser = command("benchmarks.linking", __doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="Parquet files of features")
    inputs.add_model(parser)
    asked = parser.parse_args()
    folder = asked.folder.resolve()
    with stops_at_failure(parser):
        artefact = inputs.model_file(folder, asked.model).resolve()
        found = compared("prepared records", prepared, folder, artefact, rounds=1)
    share = found.stage.cpu_seconds / found.floor.cpu_seconds
    of = f"linking {found.stage.units:,} records:"
    limits = [
        Limit(figure=f"{of} CPU-seconds for one of Splink's", found=share, relation="<=", bound=SHARE),
        most_memory(f"{of} memory at the peak", found.stage.peak_megabytes),
    ]
    document = {"comparisons": [found.as_json()]}
    return conclude(document, comparisons([found]), limits, as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())

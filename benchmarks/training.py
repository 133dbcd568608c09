"""Training a model, beside Splink's default training of the same comparisons on the same records.

Splink's side begins with a table of the records as linking compares them, and ends with u and m. Ours begins with the
features as they are in files, and ends with the whole model: generic values, frequencies, common keys, priors too.

``python -m benchmarks.training FOLDER`` measures both once on features of one's own: a folder of Parquet files.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import duckdb
import polars as pl
from splink import DuckDBAPI, Linker, SettingsCreator

from benchmarks import parties
from benchmarks.measure import Absent, Comparison, Side, Work, compare
from identity import features, training
from identity.comparison import COMPARISONS
from identity.counting import ENOUGH_VALUES
from identity.model import packaged_prior
from identity.records import create_records, database

CUSTOMERS = 30_000
"""Each in two systems, of which one has mistyped every seventh birth date."""
SPLINK_PAIRS = 1e6
"""Random pairs for u: the default."""


def run(folder: Path) -> Iterator[Comparison | Absent]:
    """Make customers that are in two systems, and train on them."""
    _make(folder)
    yield _compare(folder, rounds=1)


def _compare(folder: Path, *, rounds: int) -> Comparison:
    arguments = {"folder": str(folder)}
    return compare(
        "training / Splink's default",
        "records",
        stage=Side(prepare="benchmarks.training:stage", arguments=arguments),
        floor=Side(prepare="benchmarks.training:floor", arguments=arguments),
        rounds=rounds,
    )


def stage(folder: str) -> Work:
    """Train from files."""
    records = pl.scan_parquet(f"{folder}/*.parquet").select(pl.len()).collect().item()

    def work() -> int:
        training.train(Path(folder))
        return int(records)

    return work


def floor(folder: str) -> Work:
    """Train u and m as Splink's defaults would: every pair of every pass. The tables of records are made before."""
    frame = pl.read_parquet(f"{folder}/*.parquet").sort("key")
    tables = {}
    open_databases = ExitStack()  # closed with the process
    for party_type in COMPARISONS:
        records = frame.filter(pl.col("party_type") == party_type)
        if records.height < training.ENOUGH_RECORDS:
            continue
        tables[party_type] = open_databases.enter_context(database())
        numbered = records.with_row_index("i").with_columns(pl.col("i").cast(pl.Int32), random=True)
        create_records(tables[party_type], numbered, packaged_prior())

    def work() -> int:
        for party_type, connection in tables.items():
            _by_splink(connection, party_type)
        open_databases.close()
        return frame.height

    return work


def _by_splink(connection: duckdb.DuckDBPyConnection, party_type: str) -> None:
    records = _count(connection, "true")
    telling = training.telling(connection, COMPARISONS[party_type], records)
    told = [one for one in COMPARISONS[party_type] if telling[one.name] >= ENOUGH_VALUES]
    with training.quiet():
        linker = Linker(
            DuckDBAPI(connection=connection).register("record"),
            SettingsCreator(
                link_type="dedupe_only",
                unique_id_column_name="i",
                comparisons=[training.splink_comparison(one) for one in told],
                blocking_rules_to_generate_predictions=[],
            ),
            log_level=None,
        )
        linker.training.estimate_u_using_random_sampling(max_pairs=SPLINK_PAIRS, seed=1)
        for one in training.PASSES[party_type]:
            if _count(connection, " AND ".join(f"{name} IS NOT NULL" for name in one.on)) >= ENOUGH_VALUES:
                training.learn(linker, one.rule)


def _count(connection: duckdb.DuckDBPyConnection, condition: str) -> int:
    [(count,)] = connection.sql(f"SELECT count(*) FROM record WHERE {condition}").fetchall()
    return int(count)


def _make(folder: Path) -> None:
    raw = parties.raw(0, CUSTOMERS)
    mistyped = pl.col("birth_date").str.slice(0, 8) + "28"
    other = raw.with_columns(birth_date=pl.when(pl.int_range(pl.len()) % 7 == 0).then(mistyped).otherwise("birth_date"))
    for number, (source, rows) in enumerate((("crm", raw), ("billing", other))):
        named = parties.mapped(rows).with_columns(
            record_no=pl.int_range(pl.len(), dtype=pl.Int64) + number * CUSTOMERS, data_source=pl.lit(source)
        )
        features.compute(named).write_parquet(folder / f"{source}.parquet")


def main() -> None:
    """Measure on features of one's own."""
    parser = argparse.ArgumentParser(prog="benchmarks.training", description=__doc__)
    parser.add_argument("folder", type=Path, help="Parquet files of features")
    found = _compare(parser.parse_args().folder.resolve(), rounds=1)
    print(json.dumps({"training": asdict(found.stage), "splink": asdict(found.floor), "ratio": found.ratio}, indent=2))


if __name__ == "__main__":
    main()

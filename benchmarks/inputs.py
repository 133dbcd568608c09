"""What the benchmarks of identity take: features of parties, in a folder of Parquet files, and a model, in JSON."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

from identity import features
from identity.model import Model

FEATURES, MODEL = "features", "model.json"
"""What both are called, beside one another, where nobody says otherwise."""


def compute(parties: Iterable[Path], folder: Path) -> int:
    """Compute the features of the parties in files, into files of the same names; returns of how many parties."""
    count = 0
    for path in parties:
        made = features.compute(pl.read_parquet(path))
        made.write_parquet(folder / path.name)
        count += made.height
    return count


def in_two_systems(one: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """Return the features of the same parties (``benchmarks.parties.mapped``) as two systems have them."""
    both = pl.concat([one.with_columns(data_source=pl.lit("crm")), other.with_columns(data_source=pl.lit("billing"))])
    return features.compute(both.with_columns(record_no=pl.int_range(1, pl.len() + 1, dtype=pl.Int64)))


def frames(folder: Path) -> Iterator[pl.DataFrame]:
    """Yield the features in a folder, file by file."""
    return map(pl.read_parquet, sorted(folder.glob("*.parquet")))


def count(folder: Path) -> int:
    """Return of how many parties a folder holds features."""
    return int(pl.scan_parquet(folder / "*.parquet").select(pl.len()).collect().item())


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the option that names a model; ``model_file`` makes it what is meant."""
    told = f"a model; trained and kept there if there is none; default: {MODEL} beside the folder"
    parser.add_argument("--model", type=Path, metavar="FILE", help=told)


def model_file(folder: Path, file: Path | None = None) -> Path:
    """Return the file of a model, by default beside the folder of features; it is trained on them if there is none."""
    file = file or folder.resolve().parent / MODEL
    if not file.exists():
        from identity.training import train  # noqa: PLC0415 -- Splink takes seconds to import

        write_model(train(folder), file)
    return file


def read_model(file: str | Path) -> Model:
    """Return the model in a file."""
    return Model.from_json(Path(file).read_text(encoding="ascii"))


def write_model(model: Model, file: Path) -> None:
    """Keep a model in a file."""
    file.write_text(model.to_json(), encoding="ascii")

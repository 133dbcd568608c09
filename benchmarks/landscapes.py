"""The parties of a landscape, and who they truly are, in files: generated, served, read and mapped as a sync does.

A folder holds ``parties/`` (Parquet files: ``record_no`` from 0, ``data_source``, ``record_id`` and the content of a
party), ``truth.parquet`` (``record_no``, ``cluster``; test customers have none) and ``made.json``, which says of what
and by which code: what lies there is used again as long as the code that makes it is the same.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from benchmarks.measure import ROOT
from canonical_model.schema import Kind

if TYPE_CHECKING:
    from sync.estate import Estate

PARTIES, TRUTH = "parties", "truth.parquet"
PIECE = 100_000
"""Records in a file, or a few more."""

_KEYS = ("data_source", "record_id")
MAKERS = ("adapters", "canonical_model", "conf", "foundation", "landscape", "mappings", "transform", "uv.lock")
"""What parties come from: rooms, and the versions of the libraries."""


def make(folder: Path, *, records: int, seed: int = 1) -> None:
    """Make the files of a landscape, unless they are there already.

    Args:
        folder: its own; it is made where there is none, and nothing is removed from it but an older landscape.
        records: source records, about.
        seed: another one gives other people.

    Raises:
        VoegError: a system of the landscape cannot be read here; the message names what is missing.
    """
    mark, made = folder / "made.json", {"records": records, "seed": seed, "code": _code()}
    if mark.exists() and json.loads(mark.read_text(encoding="ascii")) == made:
        return
    mark.unlink(missing_ok=True)  # what is broken off must not look complete
    _make(folder, records, seed)
    mark.write_text(json.dumps(made) + "\n", encoding="ascii")


def parties(folder: Path) -> list[Path]:
    """Return the files of the parties of a landscape, in the order in which they were read."""
    return sorted((folder / PARTIES).glob("*.parquet"))


def _make(folder: Path, records: int, seed: int) -> None:
    # What reads a landscape takes seconds to import, and who measures what is there need not wait for it.
    from identity.linking import pieces  # noqa: PLC0415
    from landscape.build import Landscape, build  # noqa: PLC0415
    from landscape.demo import FOLDER, told_where  # noqa: PLC0415
    from landscape.soap_service import serve  # noqa: PLC0415
    from sync.estate import open_estate  # noqa: PLC0415

    estate, target = folder / "estate", folder / PARTIES
    for old in (estate, target):
        shutil.rmtree(old, ignore_errors=True)
        old.mkdir(parents=True)
    for name in ("conf", "mappings"):
        (estate / name).symlink_to(ROOT / name)
    build(estate / FOLDER, Landscape(records=records, seed=seed))
    with serve(estate / FOLDER) as addresses, told_where(addresses):
        for number, some in enumerate(pieces(_read(open_estate(estate)), PIECE)):
            some.write_parquet(target / f"{number:05}.parquet")
    known = pl.scan_parquet(estate / FOLDER / "truth" / "records.parquet").drop_nulls("person_id")
    read = pl.scan_parquet(target).select("record_no", *_KEYS)
    read.join(known, on=_KEYS).select("record_no", cluster="person_id").sink_parquet(folder / TRUTH)
    shutil.rmtree(estate)


def _read(estate: Estate) -> Iterator[pl.DataFrame]:
    """Yield the parties of all sources, numbered."""
    count = 0
    for mapping in estate.mappings:
        for batch in estate.adapter(mapping).read():
            for kind, rows in mapping.plan.bind(batch.rows.schema).run(batch.rows).records:
                if kind is Kind.PARTY and not rows.is_empty():
                    yield rows.with_columns(
                        data_source=pl.lit(mapping.name),
                        record_no=pl.int_range(count, count + rows.height, dtype=pl.Int64),
                    )
                    count += rows.height


def _code() -> str:
    """Return the digest of the files that parties are made by."""
    digest = hashlib.sha256()
    for maker in MAKERS:
        for path in [ROOT / maker, *sorted((ROOT / maker).rglob("*"))]:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]

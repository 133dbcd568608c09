"""Evaluate who is who: against a truth that somebody knows, and against what stewards decided."""

from __future__ import annotations

import difflib
import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import polars as pl

from foundation.errors import ConfigurationError, Location, NotFound, Problem
from identity import calibration, evaluation, features, packing
from identity.calibration import Advice
from identity.comparison import COMPARISONS
from identity.evaluation import Scores, Side
from identity.linking import MUST_LINK
from identity.model import Model
from identity.scoring import Record, Scorer
from store import exporting, resolving
from store.engine import Store

KEY = ("data_source", "record_id")
"""The columns that name a source record in a truth."""

KEYS_SHOWN = 20
"""Source records named per part of an example, at most."""

PARTS_SHOWN = 20
"""Parts of an example that are named, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A party inside a cluster, or a cluster that has some of a party."""

    name: str  # of the true party, or the id of the entity
    records: int
    keys: tuple[tuple[str, str], ...]  # data_source, record_id; the first of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A mistake: an entity that holds several true parties, or a true party that is in several entities."""

    name: str  # id of the entity, or of the true party
    records: int
    pairs: int  # that are together and do not belong, or belong and are apart
    parts: tuple[Part, ...]  # the largest first


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The entities of a store against a truth."""

    scores: Scores
    unknown: int  # records of the truth that are in no entity: not live, or not resolved yet
    of_no_source: int  # of these: of a source that no entity has a record of
    without_truth: int  # records in entities of which the truth says nothing
    by_source: pl.DataFrame  # see identity.evaluation.by_source
    over_merged: tuple[Example, ...]  # the worst first
    split: tuple[Example, ...]  # the worst first


def read_truth(file: Path, entity: str | None = None) -> pl.DataFrame:
    """Read which source records belong together.

    Args:
        file: CSV (``.csv`` with commas, semicolons or tabs; ``.tsv``), JSON Lines (``.jsonl``, ``.ndjson``), each also
            compressed (``.csv.gz``), or Parquet, with the columns ``data_source``, ``record_id`` and one that names
            the party; a record without a party is left out. Texts are UTF-8.
        entity: that column; None: the only other one.

    Returns:
        ``data_source``, ``record_id``, ``truth``, all texts; each record once.

    Raises:
        ConfigurationError: the file is not there or not of its format, lacks a column, names no record, or gives one
            record two parties. What the file holds is not told, nor its first line: that may be somebody.
    """
    suffix = Path(file.stem).suffix.lower() if file.suffix.lower() == ".gz" else file.suffix.lower()
    scan = _SCANS.get(suffix)
    if scan is None:
        raise _wrong(file, f"'{file.suffix}' is no format of a truth", f"use one of: {', '.join(_SCANS)}")
    if not file.is_file():
        raise _wrong(file, "there is no such file", "name one with --truth")
    if not file.stat().st_size:
        raise _wrong(file, "it is empty", _ROWS)
    try:
        rows = scan(file)
        name = _entity_column(file, rows.collect_schema().names(), entity)
        found = rows.select(pl.col(*KEY, name).cast(pl.String)).rename({name: "truth"}).drop_nulls().unique()
        truth = found.collect(engine="streaming")
    except OSError:
        raise _wrong(file, "cannot read it", "name a file that you may read") from None
    except UnicodeDecodeError:
        raise _wrong(file, "its texts are not UTF-8", "save it as UTF-8") from None
    except pl.exceptions.PolarsError as error:
        if "utf-8" in str(error):
            raise _wrong(file, "its texts are not UTF-8", "save it as UTF-8") from None
        said = type(error).__name__  # its text may hold values
        raise _wrong(file, f"it is no {suffix.removeprefix('.')} file ({said})", "mend it or rename it") from None
    if truth.is_empty():
        raise _wrong(file, "it names no source record", _ROWS)
    twice = truth.height - truth.select(pl.struct(KEY).n_unique()).item()
    if twice:
        raise _wrong(
            file, f"source records that belong to more than one '{name}': {twice:,}", "keep one row per source record"
        )
    return truth


def _scan_csv(file: Path) -> pl.LazyFrame:
    """Scan a CSV file, divided by whatever divides the names of its columns: spreadsheets differ by country."""
    with (gzip.open if file.suffix.lower() == ".gz" else open)(file, "rb") as opened:
        names = opened.readline(FIRST_LINE).decode("utf-8")
    separator = max(",;\t", key=names.count)  # a comma, where none is there
    return pl.scan_csv(file, separator=separator, infer_schema=False)


FIRST_LINE = 65_536
"""Bytes of the names of a truth's columns, at most."""

_COLUMNS = f"name its columns in the first line: {', '.join(KEY)} and one for the customer"

_ROWS = f"write a row per source record, with {', '.join(KEY)} and one column for the customer"

_SCANS: MappingProxyType[str, Callable[[Path], pl.LazyFrame]] = MappingProxyType(
    {
        ".csv": _scan_csv,
        ".tsv": lambda file: pl.scan_csv(file, separator="\t", infer_schema=False),
        ".jsonl": pl.scan_ndjson,
        ".ndjson": pl.scan_ndjson,
        ".parquet": pl.scan_parquet,
    }
)


def _entity_column(file: Path, columns: Sequence[str], entity: str | None) -> str:
    """Return the column that names the party."""
    for name in (*KEY, *([] if entity is None else [entity])):
        if name not in columns:
            near = difflib.get_close_matches(name, columns, n=1, cutoff=0.6)  # not all of them: see read_truth
            raise _wrong(file, f"it has no column '{name}'", f"did you mean '{near[0]}'?" if near else _COLUMNS)
    others = [name for name in columns if name not in KEY]
    if entity is not None:
        return entity
    if len(others) != 1:
        raise _wrong(
            file, f"it has {len(others)} columns beside {' and '.join(KEY)}", "name the customer's with --entity"
        )
    return others[0]


def _wrong(file: Path, message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(Problem(message=message, location=Location(file=file), remedy=remedy))


def evaluate(store: Store, truth: pl.DataFrame, *, examples: int = 10) -> Evaluation:
    """Measure the entities of a store against a truth.

    Args:
        store: resolved.
        truth: see ``read_truth``.
        examples: mistakes of each kind, at most.

    Raises:
        NotFound: no record of the truth is in an entity.
    """
    crosswalk = pl.concat(exporting.crosswalk(store)).with_row_index("record_no")
    known = crosswalk.join(truth, on=KEY)
    if known.is_empty():
        raise NotFound(_nobody(any_records=not crosswalk.is_empty()))
    both = known.select("record_no", "data_source", "record_id", "truth", cluster="entity_id")
    return Evaluation(
        scores=evaluation.score(both.select("record_no", "cluster"), both.select("record_no", cluster="truth")),
        unknown=truth.height - both.height,
        of_no_source=truth.join(crosswalk, on="data_source", how="anti").height,
        without_truth=crosswalk.height - both.height,
        by_source=evaluation.by_source(both),
        over_merged=_examples(both, "cluster", "truth", examples),
        split=_examples(both, "truth", "cluster", examples),
    )


def _nobody(*, any_records: bool) -> Problem:
    if not any_records:
        return Problem(message="there is nothing to evaluate yet", remedy="run 'voeg sync' and 'voeg resolve'")
    return Problem(
        message="no source record of the truth is in the store",
        remedy="its data_source must be the 'source:' of a mapping, its record_id the source's own key",
    )


def _examples(both: pl.DataFrame, side: Side, parts: Side, at_most: int) -> tuple[Example, ...]:
    """Return the worst mistakes of one kind, with the source records that they are about."""
    worst = evaluation.mixed(both, side, at_most)
    found = (
        both.join(worst.select(side), on=side, how="semi")
        .sort(KEY)
        .group_by(side, parts, maintain_order=True)
        .agg(pl.len().alias("records"), pl.col(*KEY).head(KEYS_SHOWN))
        .sort(["records", parts], descending=[True, False])
    )
    of = {
        name: tuple(
            Part(name=str(row[parts]), records=row["records"], keys=tuple(zip(*(row[key] for key in KEY), strict=True)))
            for row in rows.head(PARTS_SHOWN).iter_rows(named=True)
        )
        for (name,), rows in found.group_by(side, maintain_order=True)
    }
    return tuple(
        Example(name=str(row[side]), records=row["records"], pairs=row["pairs"], parts=of[row[side]])
        for row in worst.iter_rows(named=True)
    )


def sweep(store: Store, truth: pl.DataFrame, thresholds: Sequence[int], model: Model) -> pl.DataFrame:
    """Score what resolving with ``model`` would make at several link thresholds; nothing is written.

    Every threshold links everything anew, with all features in memory.

    Args:
        store: with landed parties.
        truth: see ``read_truth``.
        thresholds: 1/1000 bit.
        model: the model version.

    Returns:
        See ``identity.evaluation.sweep``.

    Raises:
        NotFound: no record of the truth is live.
    """
    numbered, computed = [], [features.compute(resolving.no_parties())]
    for parties in resolving.live_parties(store):
        numbered.append(parties.select("record_no", *KEY).join(truth, on=KEY).select("record_no", cluster="truth"))
        computed.append(features.compute(parties))
    known = pl.concat(numbered) if numbered else pl.DataFrame()
    if known.is_empty():
        raise NotFound(_nobody(any_records=bool(numbered)))
    with store.read() as connection:
        decisions = resolving.decisions(connection)
    return evaluation.sweep(pl.concat(computed), decisions, model, known, thresholds)


def advise(store: Store, model: Model) -> Advice:
    """Return the thresholds that the decisions of stewards support.

    Every pair that was decided, and of which both records live, counts with the weight that ``model`` gives it now,
    whatever it weighed when it was asked.
    """
    with store.read() as connection:
        decisions = resolving.decisions(connection)
        parties = resolving.members(connection, pl.concat([decisions["a"], decisions["b"]]).unique())
    computed = features.compute(parties)
    weighed = [pl.DataFrame(schema={"weight": pl.Int64, "same": pl.Boolean})]
    for party_type in COMPARISONS:
        packed = packing.pack(computed.filter(pl.col("party_type") == party_type)).with_row_index("place")
        place = packed.select("record_no", pl.col("place").cast(pl.Int64))
        pairs = decisions.join(place.rename({"record_no": "a", "place": "left"}), on="a").join(
            place.rename({"record_no": "b", "place": "right"}), on="b"
        )
        records = [Record(content, key, model) for content, key in packed.select("content", "key").iter_rows()]
        proof = Scorer(model, party_type).evidence(records, pairs["left"].to_numpy(), pairs["right"].to_numpy())
        weighed.append(pl.DataFrame({"weight": proof.weight, "same": pairs["kind"] == MUST_LINK}))
    return calibration.advise(pl.concat(weighed))

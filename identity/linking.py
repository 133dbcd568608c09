"""Linking in bulk: from features to edges and clusters, as a pure function of records, decisions and model.

Records are gathered in a database of their own that keeps on disk what does not fit in memory; their pairs are made
by ``identity.blocking`` and weighed by ``identity.pairs``, and clusters are made from the pairs at or above the
threshold by ``identity.clustering``. In memory stand, per record, its number and key, and per pair that is kept, its
weight.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from identity import blocking, clustering
from identity.comparison import COMPARISONS
from identity.evidence import Evidence, Ints
from identity.model import Model
from identity.pairs import Numbering, Pairs, compact
from identity.records import Stored, database, registered, view

MUST_LINK: Final = "must_link"
NEVER_LINK: Final = "never_link"

EDGE_SCHEMA = pl.Schema({"a": pl.Int64, "b": pl.Int64, "weight": pl.Int32, "veto": pl.Boolean})
CLUSTER_SCHEMA = pl.Schema({"record_no": pl.Int64, "cluster": pl.Int64, "key": pl.UInt64})
DECISION_SCHEMA = pl.Schema({"a": pl.Int64, "b": pl.Int64, "kind": pl.String})

ROWS: Final = 250_000
"""Records taken in at a time: some 100 MB."""
TILE: Final = 500_000
"""Records in a file, of which pairs are made at a time; with what is compared some 200 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """Which records are one party, and the pairs that it follows from."""

    edges: pl.DataFrame  # EDGE_SCHEMA, weight in 1/1000 bit: pairs from the review threshold on, a's key the smaller
    clusters: pl.DataFrame  # CLUSTER_SCHEMA: every record once; a cluster is named by its record of smallest key


class Weigher(Protocol):
    """Weighs the pairs of the records of one party type, numbered from 0 in the order of their keys."""

    def edges(self) -> clustering.Edges:
        """Return the pairs at or above the review threshold, each once."""

    def weigh(self, left: Ints, right: Ints) -> Evidence:
        """Weigh the given pairs (``left`` < ``right``), whatever they prove."""


Engine = Callable[[pl.DataFrame, str], Weigher]
"""Makes a ``Weigher`` of features with ``i``, numbered and sorted in the order of their keys, and their party type."""


def link(
    features: pl.DataFrame | Iterable[pl.DataFrame],
    decisions: pl.DataFrame,
    model: Model,
    *,
    engine: Engine | None = None,
) -> Linked:
    """Link records that are the same party.

    Args:
        features: the features of all live records (``identity.features.SCHEMA``), in any order: one frame, or many
            that together need not fit in memory.
        decisions: ``a``, ``b`` (record_no) and ``kind`` (must_link, never_link); pairs of records that are not in
            ``features`` are left out. A never-link beats a must-link.
        model: the model version.
        engine: what weighs pairs instead of DuckDB; it is handed all records of a party type in one frame.
    """
    if engine:
        return _link_by(engine, features, decisions, model)
    with gathered(features, model) as records:
        return records.link(decisions)


@contextmanager
def gathered(
    features: pl.DataFrame | Iterable[pl.DataFrame], model: Model, *, keep: bool = False
) -> Iterator[Gathered]:
    """Gather features to be linked; they are gone when the block ends.

    Args:
        features: see ``link``.
        model: see ``link``.
        keep: whether they are wanted again, as they came.
    """
    with database() as connection, tempfile.TemporaryDirectory(prefix="voeg-identity-") as folder:
        records = Gathered(connection, Path(folder), model, keep=keep)
        for some in pieces(features, ROWS):
            records.add(some)
        yield records


def pieces(frames: pl.DataFrame | Iterable[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """Cut or put together frames, so that each has about so many rows."""
    waiting: list[pl.DataFrame] = []
    for frame in [frames] if isinstance(frames, pl.DataFrame) else frames:
        for some in frame.iter_slices(rows):
            waiting.append(some)
            if sum(one.height for one in waiting) >= rows:
                yield pl.concat(waiting)
                waiting = []
    if waiting:
        yield pl.concat(waiting)


class Gathered:
    """Records to be linked, in files; afterwards, what matching a change needs to know of them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path, model: Model, *, keep: bool) -> None:
        """Begin without records.

        Args:
            connection: an empty database.
            folder: an empty folder.
            model: the model version.
            keep: whether features are wanted again, as they came.
        """
        self._model = model
        self._view = view(model)
        self._kept = _stored(folder / "kept") if keep else None
        self._of_type = {party_type: _OfType(connection, folder, model, party_type) for party_type in COMPARISONS}

    def add(self, features: pl.DataFrame) -> None:
        """Take records in (``identity.features.SCHEMA``)."""
        if self._kept:
            self._kept.add(features)
        for party_type, records in self._of_type.items():
            some = features.filter(pl.col("party_type") == party_type)
            if not some.is_empty():
                records.add(some, self._view(some))

    def link(self, decisions: pl.DataFrame) -> Linked:
        """Link what was gathered; see ``linking.link``."""
        parts = []
        for records in self._of_type.values():
            pairs = records.pairs()
            ordered = records.numbers()[pairs.numbering.order]
            if not ordered.is_empty():
                parts.append(_link_population(ordered, pairs, decisions, self._model))
        return _together(parts)

    def pairs(self, party_type: str) -> Pairs:
        """Return the pairs of the records of a party type."""
        return self._of_type[party_type].pairs()

    def features(self) -> Iterator[pl.DataFrame]:
        """Yield the features as they came.

        Raises:
            RuntimeError: they were not kept.
        """
        if self._kept is None:
            raise RuntimeError("features are yielded again only where they were gathered to be kept")
        return self._kept.tiles()

    def keys(self, rows: int) -> Iterator[pl.DataFrame]:
        """Yield the blocking keys of all records, but those that the model knows as common.

        Args:
            rows: at a time.

        Yields:
            Frames of ``hash`` Int64 and ``record_no`` Int64; within a party type sorted by both.
        """
        for records in self._of_type.values():
            yield from records.keys(rows)


class _OfType:
    """The records of one party type."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path, model: Model, party_type: str) -> None:
        self._connection = connection
        self._model = model
        self._party_type = party_type
        self._seen = _stored(folder / party_type)
        self._numbers = [pl.DataFrame(schema={"record_no": pl.Int64, "key": pl.UInt64})]
        self._keys = blocking.create_table(connection, f"key_of_{party_type}")

    def add(self, features: pl.DataFrame, seen: pl.DataFrame) -> None:
        """Take records in, and how the model sees them."""
        first = self._seen.count
        numbered = seen.with_columns(i=pl.int_range(first, first + seen.height, dtype=pl.Int32))
        self._seen.add(numbered.select(compact(self._party_type)))
        self._numbers.append(features.select("record_no", "key"))
        with registered(self._connection, record_frame=numbered):
            blocking.add_keys(self._connection, "record_frame", blocking.RULES[self._party_type], self._keys)

    def numbers(self) -> pl.DataFrame:
        """Return ``record_no``, ``key`` in the order of arrival."""
        return pl.concat(self._numbers)

    def pairs(self) -> Pairs:
        """Return the pairs."""
        numbering = Numbering.of(self.numbers())
        return Pairs(
            self._connection, self._model, self._party_type, numbering, records=self._seen, keys_table=self._keys
        )

    def keys(self, rows: int) -> Iterator[pl.DataFrame]:
        """Yield the blocking keys; see ``Gathered.keys``."""
        numbers = self.numbers().select("record_no", i=pl.int_range(pl.len(), dtype=pl.Int32))
        common = pl.DataFrame({"hash": sorted(self._model.common_keys)}, schema={"hash": pl.Int64})
        with registered(self._connection, number_frame=numbers, common_frame=common):
            found = self._connection.sql(
                f"""
                SELECT hash, record_no
                FROM {self._keys} JOIN number_frame USING (i) ANTI JOIN common_frame USING (hash)
                ORDER BY hash, record_no
                """  # noqa: S608
            )
            for batch in found.to_arrow_reader(rows):
                yield pl.DataFrame(pl.from_arrow(batch))


def _stored(folder: Path) -> Stored:
    folder.mkdir()
    return Stored(folder, TILE)


def _link_by(
    engine: Engine, features: pl.DataFrame | Iterable[pl.DataFrame], decisions: pl.DataFrame, model: Model
) -> Linked:
    """Link with pairs weighed elsewhere."""
    frames = [features] if isinstance(features, pl.DataFrame) else list(features)
    ordered = pl.concat(frames).sort("key", "record_no")
    parts = []
    for party_type in COMPARISONS:
        some = ordered.filter(pl.col("party_type") == party_type)
        if not some.is_empty():
            numbered = some.with_row_index("i").with_columns(pl.col("i").cast(pl.Int32))
            parts.append(_link_population(some, engine(numbered, party_type), decisions, model))
    return _together(parts)


def _together(parts: list[Linked]) -> Linked:
    return Linked(
        edges=pl.concat([pl.DataFrame(schema=EDGE_SCHEMA), *(part.edges for part in parts)]),
        clusters=pl.concat([pl.DataFrame(schema=CLUSTER_SCHEMA), *(part.clusters for part in parts)]),
    )


def _link_population(records: pl.DataFrame, pairs: Weigher, decisions: pl.DataFrame, model: Model) -> Linked:
    """Link the records (``record_no``, ``key``) of one party type; they come in the order of their keys."""
    record_no = records["record_no"].to_numpy()
    edges = pairs.edges()
    label = clustering.partition(
        nodes=records.height,
        edges=edges,
        decisions=_local_decisions(records, decisions),
        threshold=model.link_threshold,
        weigh=pairs.weigh,
    )
    return Linked(
        edges=_named(edges, record_no),
        clusters=pl.DataFrame(
            {"record_no": record_no, "cluster": record_no[label], "key": records["key"]},
            schema=CLUSTER_SCHEMA,
        ),
    )


def _named(pairs: clustering.Edges, record_no: NDArray[np.int64]) -> pl.DataFrame:
    """Return pairs by record_no, in the order of their keys."""
    columns = {"a": record_no[pairs.left], "b": record_no[pairs.right], "weight": pairs.weight, "veto": pairs.veto}
    return pl.DataFrame(columns, schema=EDGE_SCHEMA)


def _local_decisions(records: pl.DataFrame, decisions: pl.DataFrame) -> clustering.Decisions:
    """Return the decisions about these records, by their place."""
    if decisions.is_empty():
        return clustering.Decisions()
    index = records.select("record_no").with_row_index("i")
    local = (
        decisions.select("a", "b", "kind")
        .join(index.rename({"record_no": "a", "i": "l"}), on="a")
        .join(index.rename({"record_no": "b", "i": "r"}), on="b")
        .select("kind", l=pl.min_horizontal("l", "r"), r=pl.max_horizontal("l", "r"))
        .filter(pl.col("l") != pl.col("r"))
        .unique()
        .sort("l", "r")
    )

    def pairs(kind: str) -> list[tuple[int, int]]:
        return local.filter(pl.col("kind") == kind).select("l", "r").rows()

    return clustering.Decisions(must_link=pairs(MUST_LINK), never_link=pairs(NEVER_LINK))

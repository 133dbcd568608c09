"""Linking on Spark, for an estate that outgrows one machine: the same edges and clusters as in one process.

Splink's Spark backend brings the pairs together, by the same blocking keys, and finds the levels of each comparison by
a function that evaluates, on a worker and for many pairs at once, the very expression of DuckDB that one process would.
What the levels weigh is looked up on the workers too; pairs at or above the review threshold come back, to be put
together by ``identity.clustering`` as ever.

The workers need the Python environment of this project (``PYSPARK_PYTHON``, or ``spark.archives``). pyspark is an
extra, imported when Spark is asked for.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from functools import cache, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from foundation.errors import ConfigurationError
from identity import blocking, clustering, linking
from identity.comparison import COMPARISONS, Comparison, frequencies
from identity.evidence import Evidence, Ints, evidence
from identity.linking import Linked
from identity.model import BIT, Model, Population
from identity.records import database, registered, surprise, view

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from splink.comparison_library import CustomComparison
    from splink.internals.comparison_level_creator import ComparisonLevelCreator

CHUNK: Final = 200_000
"""Records handed to Spark at a time."""

_EDGES: Final = "l int, r int, weight int, veto boolean"


def session() -> SparkSession:
    """Return the Spark session that is configured: by ``spark-submit`` or ``spark-defaults.conf``; else a local one.

    Raises:
        ConfigurationError: pyspark is not installed, or Java does not start.
    """
    try:
        from pyspark.errors import PySparkException  # noqa: PLC0415 -- an extra
        from pyspark.sql import SparkSession  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            "Spark is not installed", remedy="install Java 17 or newer and the extra: pip install 'voeg[spark]'"
        ) from None
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("voeg").config("spark.sql.warehouse.dir", _warehouse())
    try:
        return builder.getOrCreate()
    except (PySparkException, OSError) as error:
        raise ConfigurationError(
            f"Spark does not start ({type(error).__name__})", remedy="install Java 17 or newer, and set JAVA_HOME"
        ) from None


@cache
def _warehouse() -> str:
    """Make a folder for the tables of sessions, of which there are none, that is gone with this process.

    Spark makes one wherever it is started, and would leave it there.
    """
    folder = tempfile.mkdtemp(prefix="voeg-spark-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder).as_uri()


def link(
    features: pl.DataFrame | Iterable[pl.DataFrame],
    decisions: pl.DataFrame,
    model: Model,
    spark: SparkSession | None = None,
) -> Linked:
    """Link records that are the same party, with pairs made and weighed on Spark; see ``identity.linking.link``.

    Args:
        features: of all live records.
        decisions: about pairs of them.
        model: the model version.
        spark: a session; None: that of ``session``.

    Raises:
        ConfigurationError: there is no Spark here.
    """
    running = spark or session()

    def engine(records: pl.DataFrame, party_type: str) -> Pairs:
        return Pairs(running, records, model, party_type)

    return linking.link(features, decisions, model, engine=engine)


class Pairs:
    """The pairs of records of one party type, on Spark; an ``identity.linking.Weigher``."""

    def __init__(self, spark: SparkSession, records: pl.DataFrame, model: Model, party_type: str) -> None:
        """Hand the records over.

        Args:
            spark: a session.
            records: the features, with ``i``: 0, 1 … in the order of their keys.
            model: the model version.
            party_type: of all of them.
        """
        population = model.populations[party_type]
        self._spark = spark
        self._model = model
        self._party_type = party_type
        self._comparisons = COMPARISONS[party_type]
        # Spark sends it to the workers: plain values only.
        self._population = replace(population, comparisons=dict(population.comparisons))
        self._surprises = frequencies(self._comparisons)
        _register(spark, self._comparisons)
        self._records, self._keys = _handed_over(spark, records, model, party_type)

    def edges(self) -> clustering.Edges:
        """Return the pairs at or above the review threshold."""
        from splink import Linker, SettingsCreator, block_on  # noqa: PLC0415 -- takes seconds
        from splink.backends.spark import SparkAPI  # noqa: PLC0415

        from identity.expectation import quiet  # noqa: PLC0415

        blocked = self._records.join(_useful(self._spark, self._keys, self._model.common_keys), "i").persist()
        with quiet():
            # Levels have functions of their own: those of Splink's jar are not asked for.
            api = SparkAPI(  # type: ignore[no-untyped-call]
                spark_session=self._spark, break_lineage_method="persist", register_udfs_automatically=False
            )
            linker = Linker(
                api.register(blocked),
                SettingsCreator(
                    link_type="dedupe_only",
                    unique_id_column_name="i",
                    comparisons=[_splink_comparison(one, self._population) for one in self._comparisons],
                    blocking_rules_to_generate_predictions=[block_on("keys", arrays_to_explode=["keys"])],
                    additional_columns_to_retain=["only_source", *map(surprise, self._surprises)],
                    probability_two_random_records_match=_probability(self._population.stranger_prior),
                    retain_matching_columns=True,  # the levels come with them
                ),
                log_level=None,
            )
            compared = linker.inference.predict().as_spark_dataframe().unpersist()  # is read once: keep no copy
            found = pl.DataFrame(
                compared.select(*self._told(), *(f"gamma_{one.name}" for one in self._comparisons))
                .mapInArrow(self._edges_of(), _EDGES)
                .toArrow()
            ).sort("l", "r")
        left, right, weight = (found[name].cast(pl.Int64).to_numpy() for name in ("l", "r", "weight"))
        return clustering.Edges(left, right, weight, found["veto"].to_numpy())

    def weigh(self, left: Ints, right: Ints) -> Evidence:
        """Weigh the given pairs (``left`` < ``right``), whatever they prove."""
        pairs = self._spark.createDataFrame(pa.table({"i_l": left, "i_r": right}))
        sides = [self._records.toDF(*(f"{name}_{side}" for name in self._records.columns)) for side in "lr"]
        levels = [f"{_level(one)} AS {one.name}" for one in self._comparisons]
        found = pairs.join(sides[0], "i_l").join(sides[1], "i_r").selectExpr(*self._told(), *levels).toArrow()
        numbers = [found[one.name].to_numpy() for one in self._comparisons]
        return self._weighing()(found, np.column_stack(numbers).astype(np.uint8))

    def _told(self) -> list[str]:
        """Return the columns of pairs that their evidence needs beside levels."""
        return ["i_l", "i_r", "only_source_l", "only_source_r", *(f"{surprise(name)}_l" for name in self._surprises)]

    def _edges_of(self) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
        """Make what turns Splink's comparison vectors into edges, on a worker."""
        weighing, review = self._weighing(), self._model.review_threshold
        levels = [(f"gamma_{one.name}", _levels_of(one)) for one in self._comparisons]

        def edges(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                numbers = [own[batch[name].to_numpy() + 1] for name, own in levels]
                found = weighing(pa.table(batch), np.column_stack(numbers))
                found = found.where(found.weight >= review)
                columns = {"l": found.left, "r": found.right, "weight": found.weight}
                yield pa.record_batch(
                    {name: pa.array(values, pa.int32()) for name, values in columns.items()}
                    | {"veto": pa.array(found.veto)}
                )

        return edges

    def _weighing(self) -> Callable[[pa.Table, NDArray[np.uint8]], Evidence]:
        """Make what looks up the evidence of pairs from their levels; holds no session, so that workers can have it."""
        surprises, party_type, population = self._surprises, self._party_type, self._population

        def weigh(pairs: pa.Table, levels: NDArray[np.uint8]) -> Evidence:
            same_source = pc.equal(pairs["only_source_l"], pairs["only_source_r"]).fill_null(False)
            return evidence(
                *(pairs[name].to_numpy().astype(np.int64) for name in ("i_l", "i_r")),
                levels=levels,
                surprises={
                    name: pairs[f"{surprise(name)}_l"].fill_null(0).to_numpy().astype(np.int64) for name in surprises
                },
                veto=same_source.to_numpy(),
                party_type=party_type,
                population=population,
            )

        return weigh


def _handed_over(
    spark: SparkSession, records: pl.DataFrame, model: Model, party_type: str
) -> tuple[DataFrame, DataFrame]:
    """Give Spark the records as the model sees them, and their blocking keys: i, hash, most (records of such a key)."""
    rules = blocking.RULES[party_type]
    most = pl.DataFrame(
        {"rule": range(len(rules)), "most": [rule.ceiling for rule in rules]}, schema_overrides={"rule": pl.UInt8}
    )
    seen_by_model = view(model)
    seen, keyed = [], []
    for some in records.iter_slices(CHUNK):
        rows = seen_by_model(some).drop("record_no", "key")
        seen.append(spark.createDataFrame(_arrow(rows)))
        with database() as connection, registered(connection, record_frame=rows):
            table = blocking.create_keys(connection, "record_frame", rules)
            keys = pl.DataFrame(connection.sql(f"SELECT i, hash, rule FROM {table}").to_arrow_table())  # noqa: S608
        keyed.append(spark.createDataFrame(_arrow(keys.join(most, on="rule").select("i", "hash", "most"))))
    return reduce(_union, seen).persist(), reduce(_union, keyed)


def _arrow(rows: pl.DataFrame) -> pa.Table:
    """Return a table of types that Spark knows: it has no string views."""
    return rows.to_arrow(compat_level=pl.CompatLevel.oldest())


def _union(one: DataFrame, other: DataFrame) -> DataFrame:
    return one.unionAll(other)


def _useful(spark: SparkSession, keys: DataFrame, common: Collection[int]) -> DataFrame:
    """Return the keys that make candidates, as one list per record: i, keys."""
    from pyspark.sql import functions as f  # noqa: PLC0415

    too_common = spark.createDataFrame(pa.table({"hash": pa.array(sorted(common), pa.int64())}))
    blocks = (
        keys.join(too_common, "hash", "left_anti")
        .groupBy("hash")
        .agg(f.count("*").alias("records"), f.first("most").alias("most"))
        .where("records BETWEEN 2 AND most")
    )
    return keys.join(blocks, "hash", "left_semi").groupBy("i").agg(f.collect_set("hash").alias("keys"))


# --- levels ----------------------------------------------------------------------------------------------------


def _splink_comparison(one: Comparison, population: Population) -> CustomComparison:
    """Write a comparison for Splink, with the probabilities of the model."""
    from splink.comparison_library import CustomComparison  # noqa: PLC0415

    levels: list[ComparisonLevelCreator | dict[str, Any]] = []
    for number, (level, known) in enumerate(zip(one.levels, population.levels(one), strict=True)):
        document: dict[str, Any] = {
            "sql_condition": f"{_level(one)} = {number}" if level.condition else "ELSE",
            "label_for_charts": level.name,
            "is_null_level": level.missing,
        }
        if known:
            document |= {"m_probability": known.m, "u_probability": known.u}
        levels.append(document)
    return CustomComparison(output_column_name=one.name, comparison_levels=levels)


def _levels_of(one: Comparison) -> NDArray[np.uint8]:
    """Return the number of a level by Splink's number of it, plus one.

    Splink gives a missing level -1; the others count up from 0, which is the last.
    """
    missing = next((number for number, level in enumerate(one.levels) if level.missing), 0)
    telling = [number for number, level in enumerate(one.levels) if not level.missing]
    return np.array([missing, *reversed(telling)], dtype=np.uint8)


def _level(one: Comparison) -> str:
    """Write the level of a pair for Spark."""
    return f"{_function(one)}({', '.join(_columns(one))})"


def _function(one: Comparison) -> str:
    return f"voeg_level_of_{one.name}"


def _columns(one: Comparison) -> list[str]:
    """Return the columns of a pair that a comparison looks at."""
    return [side(column) for side in (_left, _right) for column in one.columns]


_left, _right = "{}_l".format, "{}_r".format


def _register(spark: SparkSession, comparisons: Iterable[Comparison]) -> None:
    """Give Spark the functions of levels."""
    from pyspark.sql.pandas.functions import arrow_udf  # noqa: PLC0415
    from pyspark.sql.types import IntegerType  # noqa: PLC0415

    for one in comparisons:
        spark.udf.register(_function(one), arrow_udf(_evaluation(one), IntegerType()))


def _evaluation(one: Comparison) -> Callable[..., pa.Array]:
    """Make what finds the levels of many pairs, from the columns of ``_columns``."""
    columns, level = _columns(one), one.sql(_left, _right)

    def evaluate(*values: pa.Array) -> pa.Array:
        pairs = pa.table(dict(zip(columns, values, strict=True)))
        found = _duckdb().from_arrow(pairs).project(f"({level})::INTEGER AS level").to_arrow_table()
        return found["level"].combine_chunks()

    return evaluate


@cache
def _duckdb() -> duckdb.DuckDBPyConnection:
    """Return the DuckDB of a worker process, which has one core."""
    return duckdb.connect(config={"threads": 1})


def _probability(weight: int) -> float:
    odds: float = 2 ** (weight / BIT)
    return odds / (1 + odds)

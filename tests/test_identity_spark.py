"""Linking on Spark: the same pairs, weights and clusters as in one process; the real Spark runs in the slow test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING

import polars as pl
import pytest
from test_identity_linking import parties
from test_identity_training import Town

from foundation.errors import ConfigurationError
from identity import blocking, features, linking, spark
from identity.comparison import COMPARISONS
from identity.linking import DECISION_SCHEMA
from identity.model import Model, packaged_prior

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.parametrize("party_type", COMPARISONS)
def test_levels_of_many_pairs_on_a_worker_are_those_of_single_pairs(party_type: str, records: pl.DataFrame) -> None:
    mine = records.filter(pl.col("party_type") == party_type)
    shuffled = [mine.sample(fraction=1.0, shuffle=True, seed=seed) for seed in (1, 2)]
    ordered = [mine.sort("phones", "record_no"), mine.sort("phones", "record_no").with_columns(pl.all().shift(1))]
    left, right = (pl.concat(sides)[1:] for sides in zip(shuffled, ordered, strict=True))
    met = 0
    for one in COMPARISONS[party_type]:
        columns = [left[name[:-2]] if name.endswith("_l") else right[name[:-2]] for name in spark._columns(one)]
        found = spark._evaluation(one)(*(column.to_arrow() for column in columns)).to_pylist()
        pairs = zip(left.iter_rows(named=True), right.iter_rows(named=True), strict=True)
        assert found == [one.level(*pair) for pair in pairs]
        met += len(set(found))
    assert met > 1.5 * len(COMPARISONS[party_type])


def test_without_pyspark_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.errors", None)
    with pytest.raises(ConfigurationError, match=r"Spark is not installed; install Java .* 'voeg\[spark\]'"):
        spark.session()


def test_without_java_the_error_names_it() -> None:
    pytest.importorskip("pyspark", reason="needs the extra: spark")
    script = (
        "from foundation.errors import ConfigurationError\n"
        "from identity import spark\n"
        "try: spark.session()\n"
        "except ConfigurationError as error: print(error)\n"
    )
    environment = os.environ | {"JAVA_HOME": "/nowhere"}
    said = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.startswith("Spark does not start (")
    assert "install Java 17 or newer, and set JAVA_HOME" in said.stdout


# The real one ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def session() -> Iterator[SparkSession]:
    sql = pytest.importorskip("pyspark.sql", reason="needs the extra: spark")
    options = {
        "spark.master": "local[2]",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
    }
    builder = sql.SparkSession.builder
    for name, value in options.items():
        builder = builder.config(name, value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        configured = builder.getOrCreate()
    assert spark.session() is configured  # the configured one is taken
    yield configured
    configured.stop()


def organisations() -> pl.DataFrame:
    """Companies with branches that share a phone, and copies of them with and without legal form and registration."""
    random = Random(5)
    rows = []
    for number in range(40):
        name = f"{random.choice(['Bakkerij', 'Garage', 'Adviesbureau'])} {random.choice(Town.SYLLABLES)}{number % 9}"
        for branch in range(random.choice([1, 2])):
            for _ in range(random.choice([1, 2, 3])):
                registration = {"type": "chamber_of_commerce", "value": f"{10_000_000 + number}"}
                rows.append(
                    {
                        "data_source": random.choice(["crm", "billing", "webshop"]),
                        "party_type": "organisation",
                        "organisation_name": name + random.choice(["", " B.V.", " Holding B.V.", " bv"]),
                        "addresses": [{"postcode": f"{2000 + number}CD", "house_number": str(branch + 1)}],
                        "phones": [{"number": f"+3170{number:07d}"}],
                        "identifiers": [registration] if random.random() < 0.6 else None,
                    }
                )
    return parties(*rows)


@pytest.fixture(scope="module")
def records() -> pl.DataFrame:
    people = Town(households=60).features()
    companies = features.compute(organisations())
    return pl.concat([people, companies.with_columns(pl.col("record_no") + people.height)])


def demanding(records: pl.DataFrame) -> Model:
    """A model that keeps nearly every pair, with all that a model can know of values, keys, names and sources."""
    prior = packaged_prior()
    phones = records["phones"].explode().drop_nulls().value_counts(sort=True)
    keys = [blocking.keys(record, record["party_type"]) for record in records.head(50).iter_rows(named=True)]
    return replace(
        prior,
        generic=MappingProxyType({**prior.generic, "phones": frozenset(phones.head(3)["phones"])}),
        genders=MappingProxyType(dict.fromkeys(("sanne", "femke", "lotte"), "female")),
        common_keys=frozenset(hashes[0] for found in keys for hashes in list(found.values())[:3]),
        duplicate_free=frozenset(["webshop"]),
    ).with_thresholds(link=prior.link_threshold, review=-20_000)


@pytest.mark.slow
def test_spark_links_as_one_process_does(session: SparkSession, records: pl.DataFrame) -> None:
    model = demanding(records)
    some = records.sample(12, seed=2)["record_no"].to_list()
    decided = pl.DataFrame(
        [(a, b, kind) for a, b, kind in zip(some[::2], some[1::2], ["must_link", "never_link"] * 3, strict=True)],
        schema=DECISION_SCHEMA,
        orient="row",
    )
    here = linking.link(records, decided, model)
    there = spark.link(records, decided, model, session)
    order = ["a", "b"]
    assert here.edges.height > 1_000
    assert here.edges["veto"].any()
    assert there.edges.sort(order).equals(here.edges.sort(order))
    assert there.clusters.sort("record_no").equals(here.clusters.sort("record_no"))
    assert here.clusters["cluster"].n_unique() < 0.7 * records.height
    assert {"person", "organisation"} == set(records["party_type"])

"""``voeg resolve --engine spark``, from landed records to golden records: what one process comes to."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import pytest
from estates import VOEG, EstateFolder, Row, frame, golden, lookup_keys, members, outbox
from sqlalchemy import select
from test_sync_relate import COLUMNS, MAPPING

from store import tables

pytestmark = pytest.mark.slow

GIVEN = ("Saskia", "Wouter", "Femke", "Ruben", "Anouk", "Jeroen", "Maaike", "Sander")
FAMILY = ("Terpstra", "Hoekzema", "Brandsma", "van der Wal", "Postma", "Kuipers")
STREETS = ("Dorpsstraat", "Kerkweg", "Havenkade")
SPARK = """\
spark.master                  local[2]
spark.driver.host             127.0.0.1
spark.driver.bindAddress      127.0.0.1
spark.ui.enabled              false
spark.sql.shuffle.partitions  2
spark.eventLog.enabled        true
spark.eventLog.dir            file://{root}/events
"""


def rows() -> list[Row]:
    """Families with one phone, shops, and worn copies of both."""
    random = Random(7)
    found: list[Row] = []
    for home in range(40):
        family, postcode = random.choice(FAMILY), f"{random.randrange(1000, 1020)} AB"
        address: Row = {"street": random.choice(STREETS), "number": str(home % 9 + 1), "postcode": postcode}
        phone = f"+3161{home:07}"
        people: list[Row] = [
            {
                "type": "person",
                "given": given,
                "name": family,
                "born": f"{random.randrange(1940, 2005)}-0{random.randrange(1, 10)}-1{random.randrange(10)}",
                "phone": phone,
                "email": f"{given.lower()}{home}@example.org",
                **address,
            }
            for given in random.sample(GIVEN, 2)
        ]
        shop: Row = {"type": "organisation", "company": f"Bakkerij {family} B.V.", "phone": phone, **address}
        for one in [*people, *([shop] if home % 5 == 0 else [])]:
            for _ in range(random.choice((1, 2, 3))):
                lost = random.sample(("born", "phone", "email", "street"), 1)
                found.append({"id": f"K{len(found)}", **one, **dict.fromkeys(lost)})
    return found


def resolved(folder: EstateFolder, engine: str) -> dict[str, Any]:
    """Resolve in a process of its own, and return all that it wrote, but for times."""
    folder.write("spark/spark-defaults.conf", SPARK.format(root=folder.root))
    (folder.root / "events").mkdir()
    ended = subprocess.run(
        [*VOEG, "resolve", "--engine", engine, "--estate", str(folder.root)],
        env={**os.environ, "SPARK_CONF_DIR": str(folder.root / "spark")},
        cwd=folder.root,
        capture_output=True,
        text=True,
        timeout=1_200,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3_000:]
    assert "everything was linked anew" in ended.stderr
    task = tables.task.c
    asked = select(task.a, task.b, task.kind, task.weight, task.reason, task.priority)
    kept = {
        table.name: frame(folder.store, select(table).order_by(*table.primary_key)).rows()
        for table in (tables.feature, tables.blocking_key, tables.edge)
    }
    events = [(event["entity_id"], event["version"], event["type"]) for event in outbox(folder.store)]
    return kept | {
        "members": members(folder.store),
        "golden": golden(folder.store),
        "keys": lookup_keys(folder.store),
        "events": sorted(events),
        "questions": sorted(frame(folder.store, asked).rows()),
    }


def test_an_estate_is_resolved_on_spark_as_in_one_process(tmp_path: Path) -> None:
    pytest.importorskip("pyspark", reason="needs the extra: spark")
    one = EstateFolder(tmp_path / "one")
    one.describe(MAPPING)
    delivered = rows()
    one.deliver("data/crm.csv", delivered, COLUMNS)
    assert not any(run.error for run in one.sync().values())
    one.close()
    shutil.copytree(one.root, tmp_path / "other")
    other = EstateFolder(tmp_path / "other")
    expected = resolved(one, "duckdb")
    assert 40 < len(expected["members"]) < len(delivered)  # something to put together, and much to keep apart
    assert expected["edge"]
    found = resolved(other, "spark")
    assert [*(other.root / "events").iterdir()] and not [
        *(one.root / "events").iterdir()
    ]  # Spark did it, and only then
    left, there = ({file.name for file in folder.root.iterdir()} for folder in (other, one))
    assert left == there  # and left nothing where it ran
    for what, value in expected.items():
        assert found[what] == value, what
    one.close()
    other.close()

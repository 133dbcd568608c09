"""The benchmarks measure what they say: fresh processes, their CPU and their server's, no number without a floor.

Those of identity hold what they find to their limits, and run as docs/identity.md shows them.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import re
import shlex
import subprocess
import sys
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from busy import burn
from documentation import DOCS, PROJECT, blocks, section, spans, tables

from adapters.mainframe.source import Source
from benchmarks import customers, identity, landscapes, mainframe, mapping, matching, training
from benchmarks.mainframe import File
from benchmarks.measure import Absent, Measured, Side, compare, measure
from benchmarks.report import Limit, Relation, conclude
from identity.evaluation import score
from store.engine import open as open_store


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the fresh processes import ``busy``."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def test_only_the_work_is_measured() -> None:
    measured = measure(Side(prepare="busy:busy", arguments={"milliseconds": 100, "units": 7}))
    assert measured.units == 7
    assert 0.1 <= measured.cpu_seconds < 0.3
    assert measured.seconds >= 0.1


def test_the_ratio_is_the_stages_rate_by_the_floors() -> None:
    slow, fast = (
        Side(prepare="busy:busy", arguments={"milliseconds": milliseconds, "units": 100}) for milliseconds in (400, 100)
    )
    comparison = compare("name", "rows", stage=slow, floor=fast, rounds=1)
    assert 0.15 < comparison.ratio < 0.4
    assert comparison.as_json()["ratio"] == comparison.ratio


def test_a_servers_cpu_counts_with_that_of_its_children() -> None:
    server = multiprocessing.get_context("fork").Process(target=burn, args=(30_000,))
    server.start()
    waiting = Side(prepare="busy:idle", arguments={"milliseconds": 1000})
    served = Side(prepare="busy:idle", arguments={"milliseconds": 1000}, server=os.getpid())
    try:
        alone, with_server = measure(waiting), measure(served)
    finally:
        server.kill()
        server.join()
    assert alone.cpu_seconds < 0.1
    assert with_server.cpu_seconds > alone.cpu_seconds + 0.1


@pytest.mark.parametrize("stage", [mainframe, mapping])
def test_an_absent_floor_is_said_and_nothing_is_measured(
    stage: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "FOLDER", tmp_path / "none")
    results = list(stage.run(tmp_path))
    assert results
    assert all(isinstance(result, Absent) and "VOEG_FLOORS" in result.reason for result in results)


CUSTOMERS = 1_000
needs_floor = pytest.mark.skipif(not mainframe.FOLDER.is_dir(), reason="no floor beside the project")


@pytest.fixture
def fixed(tmp_path: Path) -> File:
    return mainframe.generated(tmp_path / "fixed.ebc", CUSTOMERS)


def read(file: File) -> pa.Table:
    options = file.options()
    return pa.Table.from_batches([batch.rows for batch in Source(options, Path("/")).read([Path(file.path)])])


@needs_floor
def test_the_floor_decodes_what_the_stage_decodes(fixed: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(mainframe.FOLDER))
    floor = importlib.import_module("decode_np")
    records = np.fromfile(fixed.path, np.uint8).reshape(-1, customers.RECORD)
    expected = pa.table(floor.decode(records))
    ours = read(fixed).rename_columns(expected.column_names)
    assert ours.cast(expected.schema).equals(expected)


@needs_floor
def test_other_forms_hold_the_same_customers(fixed: File) -> None:
    rows = read(fixed).to_pylist()
    short, longer, cyrillic = map(read, mainframe.other_forms(fixed))
    assert [len(row) for row in longer["CONTRACT"].to_pylist()][:5] == [0, 3, 1, 4, 2]
    assert longer.drop_columns(["CONTRACTS", "CONTRACT"]).to_pylist() == rows
    read_short = short.to_pylist()
    assert all(
        value in (None, row[name]) for found, row in zip(read_short, rows, strict=True) for name, value in found.items()
    )
    assert 0 < sum(row["BALANCE"] is None for row in read_short) < CUSTOMERS / 2
    latin = read(fixed)
    assert cyrillic.drop_columns(TEXTS).equals(latin.drop_columns(TEXTS))
    assert not any(name.isascii() for name in cyrillic["LAST-NAME"].to_pylist())


TEXTS = ["CUST-NO", "FIRST-NAME", "LAST-NAME", "STREET", "CITY", "COUNTRY", "EMAIL"]


@needs_floor
@pytest.mark.parametrize("processes", [1, 2])
def test_parts_together_are_the_file(fixed: File, processes: int) -> None:
    assert measure(fixed.parts(processes)).units == CUSTOMERS * customers.RECORD


@needs_floor
def test_rows_that_are_missing_stop_a_measurement(fixed: File) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        measure(replace(fixed, rows=CUSTOMERS + 1).side())


# --- limits ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "relation", "bound", "met"),
    [
        (2, "<", 3, True),
        (3, "<", 3, False),
        (3, "<=", 3, True),
        (3.1, "<=", 3, False),
        (3, ">=", 3, True),
        (2, ">=", 3, False),
    ],
)
def test_a_missed_limit_is_said_and_is_the_exit_code(
    found: float, relation: Relation, bound: float, met: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = [
        Limit(figure="one that is met", found=1, relation="<", bound=2),
        Limit(figure="this one", found=found, relation=relation, bound=bound, unit="times"),
    ]
    assert conclude({"measured": 1}, ["a table"], limits, as_json=False) == (0 if met else 1)
    shown = capsys.readouterr().out
    assert "a table" in shown
    [line] = [line for line in shown.splitlines() if "this one" in line]
    assert f"{relation} {bound} times" in line
    assert ("missed" in line) is not met
    assert conclude({"measured": 1}, ["a table"], limits, as_json=True) == (0 if met else 1)
    document = json.loads(capsys.readouterr().out)
    assert document["measured"] == 1
    assert [limit["met"] for limit in document["limits"]] == [True, met]


def size(asked: int, *, seconds: float, megabytes: float, right: int = 1_000) -> identity.Size:
    """A size with 1,000 pairs of records that belong together, of which some were found, and no wrong ones."""
    records = pl.DataFrame({"record_no": range(2_000)})
    truth = records.with_columns(cluster=pl.col("record_no") // 2)
    found = records.with_columns(
        cluster=pl.when(pl.col("record_no") < 2 * right).then(truth["cluster"]).otherwise(-pl.col("record_no"))
    )
    step = Measured(units=asked, cpu_seconds=2 * seconds, seconds=seconds, peak_megabytes=megabytes)
    return identity.Size(asked=asked, records=asked, scores=score(found, truth), steps={"linking": step})


MILLION = 1_000_000


def missed(*sizes: identity.Size) -> list[str]:
    return [limit.figure for limit in identity.limits(sizes) if not limit.met]


def test_landscapes_are_held_to_quality_spread_growth_and_memory() -> None:
    good = size(MILLION, seconds=10, megabytes=3_000)
    assert missed(good, size(5 * MILLION, seconds=55, megabytes=4_999)) == []
    assert missed(good, size(5 * MILLION, seconds=55.1, megabytes=5_000)) == [
        "5,000,000 records: memory at the peak",
        "linking 5,000,000 instead of 1,000,000: CPU-seconds",
        "linking 5,000,000 instead of 1,000,000: seconds",
    ]
    assert missed(size(1_000, seconds=0.1, megabytes=300), good) == []
    assert missed(size(1_000, seconds=1, megabytes=300, right=970), good) == [
        "1,000 records: F1",
        "spread of F1 between the sizes",
    ]


# --- landscapes ------------------------------------------------------------------------------------------------


def test_a_landscape_is_used_again_until_other_code_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odbc_sqlite_driver: str
) -> None:
    def made(seed: int) -> tuple[int, pl.DataFrame]:
        landscapes.make(tmp_path, records=200, seed=seed)
        [file] = (tmp_path / landscapes.PARTIES).iterdir()
        return file.stat().st_mtime_ns, pl.read_parquet(file)

    first, parties = made(1)
    truth = pl.read_parquet(tmp_path / landscapes.TRUTH)
    assert parties["record_no"].to_list() == list(range(parties.height))
    assert 0 < truth.height <= parties.height
    assert truth["cluster"].n_unique() < truth.height
    assert made(1)[0] == first
    other, others = made(2)
    assert other > first
    assert not others.equals(parties)
    monkeypatch.setattr(landscapes, "MAKERS", ("landscape",))
    assert made(2)[0] > other


def test_a_landscape_that_was_broken_off_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odbc_sqlite_driver: str
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(landscapes, "TRUTH", "no such folder/truth.parquet")
        with pytest.raises(OSError, match="no such folder"):
            landscapes.make(tmp_path, records=200)
    assert list((tmp_path / landscapes.PARTIES).iterdir())
    landscapes.make(tmp_path, records=200)
    assert pl.read_parquet(tmp_path / landscapes.TRUTH).height


# --- as the page shows them ------------------------------------------------------------------------------------

PAGE = DOCS / "identity.md"
SMALL = {"100000": "300", "1000000": "1600", "5000000": "300"}
"""Two sizes show as much as three, and that with which the other commands go on has persons enough to train on."""


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words[1:]], cwd=PROJECT, capture_output=True, text=True, check=False)


def test_the_commands_of_the_page_measure_and_conclude(tmp_path: Path, odbc_sqlite_driver: str) -> None:
    """In their order, on fewer records; where a limit is missed, the exit code is 1."""
    said = {}
    for line in [line for block in blocks(PAGE, "sh") for line in block.splitlines() if "-m benchmarks" in line]:
        fewer = re.sub(r"\b\d{6,}\b", lambda number: SMALL[number[0]], line)
        words = [word.replace("var/", f"{tmp_path}/") for word in shlex.split(fewer)]
        answer = run(words)
        assert answer.stdout.count("Limits") == 1, (words, answer.stderr)
        assert answer.returncode == (1 if "missed" in answer.stdout else 0)
        said[words[2]] = answer.stdout
    refused = run(words)  # the store of the last one is no longer empty
    assert refused.returncode == 2
    assert "name an empty one" in refused.stderr and "nothing was concluded" in refused.stderr
    [promised] = tables(section(PAGE, "Where the figures come from"))
    assert {spans(row[2])[0] for row in promised.rows} == set(said)
    grown = f"<= {5 * identity.GROWTH:g} times"  # from a million on
    for _, limits, command in promised.rows:
        assert all(f" {limit} " in f"{said[spans(command)[0]]} {grown} " for limit in spans(limits)), limits
    assert said["benchmarks.identity"].count(" records: precision ") == 2

    made = tmp_path / "bench" / SMALL["100000"] / "made.json"
    before = made.stat().st_mtime_ns
    again = run(["python", "-m", "benchmarks.identity", "--records", "300", "--folder", f"{tmp_path}/bench", "--json"])
    assert made.stat().st_mtime_ns == before
    [found] = json.loads(again.stdout)["sizes"]
    clusters, truth = (pl.read_parquet(made.parent / name) for name in ("clusters.parquet", "truth.parquet"))
    assert found["scores"] == asdict(score(clusters, truth))
    assert found["records"] == clusters.height
    assert f"{found['scores']['f1']:.4f}" in said["benchmarks.identity"]
    assert set(found["steps"]) == {"features", "training", "linking"}


@pytest.mark.parametrize("steps", [{}, {"prior": 1.0, "u": 3.0}])
def test_splink_that_was_stopped_is_told_by_what_it_had_done(
    steps: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(side: Side, *, timeout: float | None = None) -> Measured:
        if timeout is None:
            return Measured(units=1_000, cpu_seconds=3, seconds=3, peak_megabytes=1)
        Path(str(side.arguments["steps"])).write_text(json.dumps(steps))
        raise subprocess.TimeoutExpired("splink", timeout)

    monkeypatch.setattr(training, "measure", stopped)
    monkeypatch.setattr(sys, "argv", ["training", str(tmp_path)])
    if steps:
        assert training.main() == 1
        told = capsys.readouterr().out
        assert "stopped after 4.0" in told and "0.75" in told
    else:
        with pytest.raises(SystemExit) as ended:
            training.main()
        assert ended.value.code == 2


def test_a_store_without_records_is_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path}/empty.db"
    with closing(open_store(url)) as store:
        store.migrate()
    monkeypatch.setattr(sys, "argv", ["matching", url])
    with pytest.raises(SystemExit) as ended:
        matching.main()
    assert ended.value.code == 2
    assert "among its 0 records" in capsys.readouterr().err


def test_a_step_that_fails_is_told_apart_from_a_missed_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "100").write_text("a file where the folder of a size is to be")
    monkeypatch.setattr(sys, "argv", ["identity", "--records", "100", "--folder", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        identity.main()
    assert ended.value.code == 2
    assert "nothing was concluded" in capsys.readouterr().err

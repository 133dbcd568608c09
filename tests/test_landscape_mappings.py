"""The mappings of the repository: their examples hold, and each reads what its system delivers."""

import os
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from adapters.mainframe.adapter import Mainframe
from adapters.mainframe.options import MainframeOptions
from canonical_model.schema import Kind
from foundation.errors import SourceError
from landscape.build import Landscape, build
from landscape.soap_service import serve
from landscape.systems.listing import ALL
from sync.estate import Estate, open_estate
from transform.examples import check
from transform.mapping import load

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "mappings").glob("*.yaml"))


def test_every_system_has_a_mapping() -> None:
    found = {(mapping.system, mapping.name) for mapping in map(load, FILES)}
    assert found >= {(system.name, source) for system in ALL for source in system.sources}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_examples_hold(file: Path) -> None:
    outcomes = check(load(file))
    assert len(outcomes) >= 1
    assert [str(problem) for outcome in outcomes for problem in outcome.problems] == []


def test_the_mainframe_files_are_of_many_kinds() -> None:
    reads = [mapping.read for mapping in map(load, FILES) if mapping.read["adapter"] == "mainframe"]
    assert {read.get("record_format", "F") for read in reads} >= {"F", "V", "VB", "VBS"}
    assert len({read["code_page"] for read in reads}) >= 4
    assert any("segments" in read for read in reads)
    assert any("header_record" in read and "reconcile" in read for read in reads)


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    root: Path = tmp_path_factory.mktemp("estate")
    for name in ("conf", "mappings"):
        (root / name).symlink_to(ROOT / name)
    build(root / "var" / "landscape", Landscape(seed=2, records=4_000))
    with serve(root / "var" / "landscape") as addresses, pytest.MonkeyPatch.context() as patch:
        for name, address in addresses.items():
            patch.setitem(os.environ, f"VOEG_LANDSCAPE_{name.upper()}_URL", address)
        yield open_estate(root)


@pytest.mark.parametrize("source", [system.holding.source for system in ALL])
@pytest.mark.usefixtures("odbc_sqlite_driver")
def test_a_delivery_reads_as_its_mapping_says(estate: Estate, source: str) -> None:
    """Every row is read once; parties are those of the truth; few values are lost; some rows are refused or left."""
    (mapping,) = estate.select([source])
    truth = pl.read_parquet(estate.root / "var/landscape/truth/records.parquet").filter(pl.col("data_source") == source)
    rows, filtered, parties, rejects, errors = 0, 0, [], [], []
    for batch in estate.adapter(mapping).read():
        mapped = mapping.plan.bind(batch.rows.schema).run(batch.rows)
        rows += batch.rows.num_rows
        filtered += mapped.filtered.len()
        parties += [frame for kind, frame in mapped.records if kind is Kind.PARTY]
        rejects.append(mapped.rejects)
        errors.append(mapped.field_errors)
    found = pl.concat(parties)
    refused = pl.concat(rejects)
    assert rows == truth.height
    assert found["record_id"].is_unique().all()
    assert set(found["record_id"]) <= set(truth["record_id"])
    assert found.height + refused.filter(pl.col("reason") == "missing_required").height + filtered == rows
    assert 0 < filtered < 0.06 * rows
    assert set(refused["reason"]) <= {"missing_required"}
    assert pl.concat(errors)["count"].sum() < 0.3 * rows
    for name in ("addresses", "phones"):
        assert found[name].is_not_null().mean() > 0.4, name
    assert found["family_name"].is_not_null().mean() > 0.6


@pytest.mark.parametrize(
    ("source", "of"), [(further.source, system.holding.source) for system in ALL for further in system.further]
)
def test_what_a_system_keeps_elsewhere_belongs_to_its_customers(estate: Estate, source: str, of: str) -> None:
    """Every row of a further source is one record, and refers to somebody in the source of the customers."""
    (mapping,) = estate.select([source])
    truth = pl.read_parquet(estate.root / "var/landscape/truth/records.parquet").filter(pl.col("data_source") == of)
    rows, records = 0, []
    for batch in estate.adapter(mapping).read():
        mapped = mapping.plan.bind(batch.rows.schema).run(batch.rows)
        rows += batch.rows.num_rows
        records += [frame for _, frame in mapped.records]
        assert batch.unreadable == ()
        assert mapped.field_errors.is_empty()
    found = pl.concat(records)
    assert found.height == found["record_id"].n_unique() == rows > 0
    assert set(found["party_source"]) == {of}
    assert set(found["party_record_id"]) <= set(truth["record_id"])


def test_mandates_that_lost_records_are_refused(estate: Estate, tmp_path: Path) -> None:
    (mapping,) = estate.select(["billing_mandates"])
    content = (estate.root / str(mapping.read["path"])).read_bytes()
    assert len(content) % 64 == 0
    (tmp_path / "INCASSO.DAT").write_bytes(content[: 64 * 10] + content[64 * 11 :])
    copybook = estate.root / str(mapping.read["copybook"])
    read = {**mapping.read, "path": str(tmp_path / "INCASSO.DAT"), "copybook": str(copybook)}
    del read["adapter"]
    adapter = Mainframe(MainframeOptions.model_validate(read), base=tmp_path)
    with pytest.raises(SourceError, match="IS-AANTAL"):
        list(adapter.read())


@pytest.mark.usefixtures("odbc_sqlite_driver")
def test_the_estate_yields_every_kind_of_record(estate: Estate) -> None:
    kinds = {kind for mapping in estate.mappings for kind in _kinds(estate, mapping.name)}
    assert kinds == set(Kind)


def _kinds(estate: Estate, source: str) -> set[Kind]:
    (mapping,) = estate.select([source])
    batch = next(iter(estate.adapter(mapping).read()))
    mapped = mapping.plan.bind(batch.rows.schema).run(batch.rows)
    return {kind for kind, frame in mapped.records if frame.height}

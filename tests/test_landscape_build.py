"""Building the landscape: the same bytes from the same seed, and a truth that fits the deliveries."""

import hashlib
from pathlib import Path

import polars as pl
import pytest

from adapters.mainframe.options import MainframeOptions
from adapters.mainframe.source import Source
from landscape import build as building
from landscape.build import Landscape, build, built_as, is_built
from landscape.systems.listing import ALL

SMALL = Landscape(seed=3, records=1_500)


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("landscape")
    build(made, SMALL)
    return made


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    build(tmp_path, SMALL)
    assert digests(tmp_path) == digests(folder)


def test_building_over_another_landscape_leaves_nothing_of_it(folder: Path, tmp_path: Path) -> None:
    build(tmp_path, Landscape(seed=4, records=2_500))
    assert digests(tmp_path) != digests(folder)
    build(tmp_path, SMALL)
    assert digests(tmp_path) == digests(folder)


def test_chunks_do_not_change_what_is_in_the_other_chunks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A landscape grows at its end: the records of the first chunk stay, so memory is that of a chunk."""
    monkeypatch.setattr(building.people, "HOUSEHOLDS_PER_CHUNK", 60)
    build(tmp_path / "one", Landscape(seed=1, records=390))
    build(tmp_path / "three", Landscape(seed=1, records=1_000))
    one, three = (
        set((tmp_path / name / "fixed_line/ABONNEES.TXT").read_bytes().splitlines()) for name in ("one", "three")
    )
    assert one < three


def test_a_trailer_counts_the_records_of_all_chunks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(building.people, "HOUSEHOLDS_PER_CHUNK", 60)
    build(tmp_path, Landscape(seed=1, records=1_000))
    file = tmp_path / "billing" / "INCASSO.DAT"
    options = MainframeOptions(
        path=str(file),
        copybook=str(file.with_suffix(".cpy")),
        header_record="INCASSO-VOORLOOP",
        trailer_record="INCASSO-SLUIT",
    )
    source = Source(options, tmp_path)
    rows = sum(batch.rows.num_rows for batch in source.read([file]))
    ends = source.reader.ends[file]
    assert ends.header is not None
    assert ends.trailer is not None
    assert ends.trailer["IS-AANTAL"].to_pylist() == [rows]
    assert rows > 60


def test_the_number_of_records_is_about_what_was_asked(folder: Path) -> None:
    records = pl.read_parquet(folder / "truth" / "records.parquet")
    assert 0.85 * SMALL.records < records.height < 1.15 * SMALL.records


def test_a_build_that_was_broken_off_is_not_taken_for_whole(
    monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path
) -> None:
    build(tmp_path, SMALL)
    assert is_built(tmp_path, SMALL)
    assert not is_built(tmp_path, Landscape(seed=5, records=SMALL.records))
    monkeypatch.setattr(building.people, "chunks", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path, SMALL)
    assert built_as(tmp_path) is None


def test_the_truth_names_every_record_once(folder: Path) -> None:
    records = pl.read_parquet(folder / "truth" / "records.parquet")
    people = pl.read_parquet(folder / "truth" / "people.parquet")
    assert records.select(pl.struct("data_source", "record_id").is_unique().all()).item()
    assert set(records["data_source"]) == {system.holding.source for system in ALL}
    known = records["person_id"].drop_nulls().unique()
    assert known.sort().equals(people["person_id"].unique().sort())
    tests = records.filter(pl.col("person_id").is_null())
    assert tests.height == sum(system.holding.tests for system in ALL), "only test customers are nobody"

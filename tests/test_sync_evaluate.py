"""Evaluating an estate: what is read as a truth, what is measured, and what decisions advise."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from estates import EstateFolder, Row, decide, snapshot
from test_sync_resolve import COLUMNS, CRM, row

from foundation.errors import ConfigurationError, NotFound
from identity.model import packaged_prior
from sync.evaluate import KEY, advise, evaluate, read_truth, sweep

PEOPLE: dict[str, Row] = {
    name: {"given": given, "name": family, "born": born, "email": f"{name}@example.org", "phone": f"+3161234567{place}"}
    for place, (name, given, family, born) in enumerate(
        [
            ("saskia", "Saskia", "Terpstra", "1971-03-14"),
            ("wouter", "Wouter", "Hoekzema", "1958-11-30"),
            ("fenna", "Fenna", "Oldambt", "1983-06-21"),
            ("tjeerd", "Tjeerd", "Rottum", "1990-09-09"),
        ]
    )
}
TRUTH = [(source, f"{letter}{name}", name) for source, letter in (("crm", "c"), ("shop", "s")) for name in PEOPLE]


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EstateFolder]:
    """Four people in two systems: two were wrongly put together by a decision, and one was wrongly kept apart."""
    folder = EstateFolder(tmp_path_factory.mktemp("estate"))
    for source in ("crm", "shop"):
        folder.describe(snapshot(source, CRM))
        rows = [row(f"{source[0]}{name}", person) for name, person in PEOPLE.items()]
        folder.deliver(f"data/{source}.csv", rows, COLUMNS)
    folder.sync()
    for mine, theirs in (("csaskia", "cwouter"), ("csaskia", "ssaskia"), ("cwouter", "swouter")):
        decide(folder.store, "must_link", ("crm", mine), ("crm" if theirs[0] == "c" else "shop", theirs))
    decide(folder.store, "never_link", ("crm", "cfenna"), ("shop", "sfenna"))
    folder.resolve()
    yield folder
    folder.close()


@pytest.fixture(scope="module")
def truth() -> pl.DataFrame:
    return pl.DataFrame(TRUTH, schema=["data_source", "record_id", "truth"], orient="row")


def test_scores_count_what_was_put_together_and_kept_apart(estate: EstateFolder, truth: pl.DataFrame) -> None:
    found = evaluate(estate.store, truth)
    scores = found.scores
    assert (scores.records, scores.true_clusters, scores.clusters) == (8, 4, 4)
    assert (scores.pairs, scores.true_pairs) == (7, 4)  # four of one customer: six pairs; tjeerd's one
    assert scores.precision == pytest.approx(3 / 7)
    assert scores.recall == pytest.approx(3 / 4)
    assert scores.cluster_recall == pytest.approx(1 / 4)
    assert (found.unknown, found.without_truth) == (0, 0)


def test_examples_name_the_records(estate: EstateFolder, truth: pl.DataFrame) -> None:
    found = evaluate(estate.store, truth)
    [merged] = found.over_merged
    assert (merged.records, merged.pairs) == (4, 4)
    assert [(part.name, part.records, part.keys) for part in merged.parts] == [
        ("saskia", 2, (("crm", "csaskia"), ("shop", "ssaskia"))),
        ("wouter", 2, (("crm", "cwouter"), ("shop", "swouter"))),
    ]
    [split] = found.split
    assert (split.name, split.records, split.pairs) == ("fenna", 2, 1)
    assert {part.keys for part in split.parts} == {(("crm", "cfenna"),), (("shop", "sfenna"),)}
    none = evaluate(estate.store, truth, examples=0)
    assert none.over_merged == none.split == ()


def test_sources_tell_between_which_systems_it_goes_wrong(estate: EstateFolder, truth: pl.DataFrame) -> None:
    found = evaluate(estate.store, truth).by_source.select("source_a", "source_b", "wrong", "lost")
    assert found.rows() == [("crm", "shop", 2, 1), ("crm", "crm", 1, 0), ("shop", "shop", 1, 0)]


def test_records_that_only_one_side_knows_do_not_count_but_are_told(estate: EstateFolder, truth: pl.DataFrame) -> None:
    some = truth.filter(pl.col("truth") == "tjeerd")
    stranger = pl.DataFrame({"data_source": ["crm"], "record_id": ["gone"], "truth": ["nobody"]})
    found = evaluate(estate.store, pl.concat([some, stranger]))
    assert (found.scores.f1, found.scores.records, found.unknown, found.without_truth) == (1, 2, 1, 6)
    assert found.of_no_source == 0
    elsewhere = stranger.with_columns(data_source=pl.lit("elsewhere"))
    found = evaluate(estate.store, pl.concat([some, stranger, elsewhere]))
    assert (found.unknown, found.of_no_source) == (2, 1)


def test_a_truth_about_other_sources_is_no_perfect_score(
    estate: EstateFolder, truth: pl.DataFrame, tmp_path: Path
) -> None:
    other = truth.with_columns(data_source=pl.lit("elsewhere"))
    with pytest.raises(NotFound, match="no source record of the truth is in the store; its data_source must be"):
        evaluate(estate.store, other)
    with pytest.raises(NotFound, match="no source record of the truth"):
        sweep(estate.store, other, [0], packaged_prior())
    empty = EstateFolder(tmp_path)
    with pytest.raises(NotFound, match="nothing to evaluate yet; run 'voeg sync'"):
        evaluate(empty.store, truth)
    empty.close()


def test_other_thresholds_are_scored_without_writing(estate: EstateFolder, truth: pl.DataFrame) -> None:
    model = packaged_prior()
    before = evaluate(estate.store, truth).scores
    swept = sweep(estate.store, truth, [model.link_threshold, 90_000], model)
    assert swept["threshold"].to_list() == [model.link_threshold, 90_000]
    assert swept["recall"].to_list() == [before.recall, 0.5]  # no evidence weighs ninety bits; decisions do
    assert swept["precision"][0] == before.precision
    assert evaluate(estate.store, truth).scores == before


def test_decisions_are_weighed_by_the_model_that_is_asked_about(estate: EstateFolder) -> None:
    advice = advise(estate.store, packaged_prior())
    assert (advice.decisions, advice.same) == (4, 3)
    assert advice.link.threshold is None
    assert advice.review.threshold is None


# A truth --------------------------------------------------------------------------------------------------------

WRITERS: dict[str, Callable[[pl.DataFrame, Path], None]] = {
    "csv": lambda frame, file: frame.write_csv(file),
    "tsv": lambda frame, file: frame.write_csv(file, separator="\t"),
    "jsonl": lambda frame, file: frame.write_ndjson(file),
    "ndjson": lambda frame, file: frame.write_ndjson(file),
    "parquet": lambda frame, file: frame.write_parquet(file),
}


@pytest.mark.parametrize("format_", WRITERS)
def test_a_truth_comes_in_several_formats(format_: str, truth: pl.DataFrame, tmp_path: Path) -> None:
    file = tmp_path / f"truth.{format_}"
    WRITERS[format_](truth.rename({"truth": "customer"}), file)
    assert read_truth(file).sort("record_id").equals(truth.sort("record_id"))


def test_keys_are_texts_whatever_they_look_like(tmp_path: Path) -> None:
    file = tmp_path / "truth.csv"
    file.write_text("customer,record_id,data_source\n1,007,crm\n1,7,crm\n,8,crm\n1,7,crm\n")
    found = read_truth(file).sort("record_id")
    assert found.select("data_source", "record_id", "truth").rows() == [("crm", "007", "1"), ("crm", "7", "1")]
    numbers = pl.DataFrame({"data_source": ["crm"], "record_id": [7], "person": [1]})
    numbers.write_parquet(tmp_path / "truth.parquet")
    assert read_truth(tmp_path / "truth.parquet").rows() == [("crm", "7", "1")]


def test_the_column_of_the_customer_can_be_named(tmp_path: Path) -> None:
    file = tmp_path / "truth.csv"
    file.write_text("data_source,record_id,person_id,household\ncrm,1,p,h\n")
    assert read_truth(file, "household")["truth"].to_list() == ["h"]
    with pytest.raises(ConfigurationError, match=r"2 columns beside data_source and record_id; name .* with"):
        read_truth(file)
    with pytest.raises(ConfigurationError, match="no column 'person'; did you mean 'person_id'"):
        read_truth(file, "person")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("truth.xlsx", "", r"'\.xlsx' is no format of a truth; use one of: \.csv"),
        ("truth.csv", "source,record_id,customer\ncrm,1,x\n", "no column 'data_source'; did you mean 'source'"),
        ("truth.parquet", "secret", r"it is no parquet file \(\w+\)"),
        ("truth.jsonl", "{secret", r"it is no jsonl file \(\w+\)"),
        ("truth.csv", "data_source,record_id,c\ncrm,1,secret\ncrm,1,other\n", "more than one 'c': 1; keep one row"),
        ("truth.csv", "secret,Jansen,1980-01-01\n", "no column 'data_source'; name its columns in the first line"),
        ("truth.csv", "", "it is empty; write a row per source record, with data_source, record_id and one"),
        ("truth.csv", "data_source,record_id,c\n", "it names no source record; write a row"),
        ("truth.jsonl", "", "it is empty; write a row"),
        ("truth.csv", "data_source,record_id,c\ncrm,1,secr\xebt\n".encode("latin-1"), "not UTF-8; save it as UTF-8"),
        ("truth.csv", "data_source,record_id,c\ncrm,1,secret\n".encode("utf-16"), "not UTF-8; save it as UTF-8"),
        ("truth.csv", "data_source,record_id,c\ncrm,1,secret,more\n", r"it is no csv file \(\w+\)"),
        ("truth.csv.gz", "data_source,record_id,c\ncrm,1,secret\n", "cannot read it"),
        ("truth.gz", "secret", r"'\.gz' is no format of a truth"),
    ],
)  # fmt: skip
def test_a_wrong_truth_is_told_where_and_why_without_its_values(
    name: str, content: str | bytes, says: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationError, match=says) as caught:
        read_truth(file)
    assert str(file) in str(caught.value)
    assert not [word for word in ("secr", "Jansen", "1980") if word in str(caught.value)]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_spreadsheet_divides_as_its_country_does(
    separator: str, compressed: bool, mark: str, truth: pl.DataFrame, tmp_path: Path
) -> None:
    file = tmp_path / ("truth.csv.gz" if compressed else "truth.csv")
    content = (mark + truth.rename({"truth": "customer"}).write_csv(separator=separator)).encode()
    file.write_bytes(gzip.compress(content) if compressed else content)
    assert read_truth(file).sort(KEY).equals(truth.sort(KEY))


def test_a_truth_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"truth\.csv: there is no such file"):
        read_truth(tmp_path / "truth.csv")

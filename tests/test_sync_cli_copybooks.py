"""``voeg copybook``: what it prints, what it refuses, and that its options are those of a mapping."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from adapters.mainframe import MainframeOptions
from adapters.mainframe.copybook import placing
from adapters.mainframe.encoder import WriteOptions, encode
from sync.cli import command_line

COPYBOOK = """\
       01  CUSTOMER.
           05  KIND      PIC X.
               88  PERSON VALUE 'P'.
           05  CUST-ID   PIC 9(5).
           05  CITY      PIC X(10) OCCURS 2.
           05  FILLER    PIC X(3).
           05  BALANCE   PIC S9(5)V99 COMP-3.
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "customer.cpy").write_text(COPYBOOK)
    layout = placing.load([tmp_path / "customer.cpy"])
    rows = [
        {"KIND": "P", "CUST-ID": 1, "CITY": ["Utrecht", None], "BALANCE": Decimal("12.50")},
        {"KIND": "O", "CUST-ID": 2, "CITY": ["Gent", "Mons"], "BALANCE": None},
    ]
    table = pa.Table.from_pylist(rows, schema=layout.schema)
    (tmp_path / "fixed.dat").write_bytes(encode(layout, table))
    (tmp_path / "variable.dat").write_bytes(encode(layout, table, WriteOptions(record_format="V")))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def voeg(*words: str | Path, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(command_line(), ["copybook", *map(str, words)])
    assert result.exit_code == exit_code, (result.stdout, result.stderr, result.exception)
    return result


def lines(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_show_tells_where_every_field_stands(folder: Path) -> None:
    shown = voeg("show", "customer.cpy").stdout
    assert "CUSTOMER: 33 bytes" in shown
    assert any(line.split()[:6] == ["B", "1", "5", "05", "CUST-ID", "int32"] for line in shown.splitlines())
    assert "PERSON (P)" in shown
    assert "00000000  ABBBBBCCCCCCCCCCCCCCCCCCCC...DDDD" in shown


def test_show_gives_the_same_to_a_program(folder: Path) -> None:
    shown = json.loads(voeg("show", "customer.cpy", "--json").stdout)
    assert (shown["record"], shown["length"]) == ("CUSTOMER", 33)
    city = next(row for row in shown["fields"] if row["name"] == "CITY")
    assert (city["offset"], city["length"], city["most"], city["type"]) == (6, 10, 2, "list<item: string>")


def test_a_copybook_in_error_is_told_with_its_place(folder: Path) -> None:
    (folder / "customer.cpy").write_text(COPYBOOK.replace("PIC 9(5)", "PIK 9(5)").replace("PIC X.", "PIC X(."))
    told = voeg("show", "customer.cpy", exit_code=1).stderr
    assert "customer.cpy:2:" in told
    assert "customer.cpy:4:" in told
    assert "did you mean 'PIC'?" in told


def test_decode_writes_json_lines_without_nulls(folder: Path) -> None:
    assert lines(voeg("decode", "fixed.dat", "--copybook", "customer.cpy")) == [
        {"KIND": "P", "CUST-ID": 1, "CITY": ["Utrecht", None], "BALANCE": 12.50},
        {"KIND": "O", "CUST-ID": 2, "CITY": ["Gent", "Mons"]},
    ]


def test_decode_takes_the_options_of_a_mapping(folder: Path) -> None:
    words = ["decode", "variable.dat", "--copybook", "customer.cpy", "--record-format", "V", "--columns", "flattened"]
    segments = "{field: KIND, only: [O]}"
    found = voeg(*words, "--segments", segments, "--add", "{record_id: NO, file: FILE}")
    assert lines(found) == [
        {"FILE": "variable.dat", "NO": 1, "KIND": "O", "CUST-ID": 2, "CITY_1": "Gent", "CITY_2": "Mons"}
    ]
    assert "1 records of other kinds" in found.stderr


def test_every_option_of_a_mapping_is_one_of_the_command(folder: Path) -> None:
    told = voeg("decode", "--help").stdout
    for name in MainframeOptions.model_fields:
        if name not in ("path", "cobrix_options", "delivery"):
            assert "--" + name.replace("_", "-") in told


def test_decode_writes_parquet_and_leaves_nothing_half_done(folder: Path) -> None:
    voeg("decode", "fixed.dat", "--copybook", "customer.cpy", "--to", "parquet", "--output", "out.parquet")
    assert pq.read_table("out.parquet")["CUST-ID"].to_pylist() == [1, 2]
    (folder / "fixed.dat").write_bytes((folder / "fixed.dat").read_bytes()[:-1])
    told = voeg("decode", "fixed.dat", "--copybook", "customer.cpy", "--output", "out.jsonl", exit_code=1).stderr
    assert "fixed.dat" in told
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith("out")) == ["out.parquet"]


def test_processes_write_the_same_rows_side_by_side(folder: Path) -> None:
    words = ["decode", "fixed.dat", "fixed.dat", "fixed.dat", "--copybook", "customer.cpy", "--to", "parquet"]
    voeg(*words, "--output", "one.parquet", "--add", "{file_id: FILE, record_id: NO}")
    voeg(*words, "--output", "parts", "--processes", "2", "--add", "{file_id: FILE, record_id: NO}")
    found = sorted((folder / "parts").iterdir())
    assert [path.name for path in found] == [f"part-{number:05d}.parquet" for number in range(len(found))]
    assert pa.concat_tables(map(pq.read_table, found)).equals(pq.read_table("one.parquet"))
    assert "is there already" in voeg(*words, "--output", "parts", "--processes", "2", exit_code=1).stderr


def test_what_a_process_meets_is_told_and_nothing_is_left(folder: Path) -> None:
    words = ["variable.dat", "--copybook", "customer.cpy", "--record-format", "V", "--to", "parquet"]
    (folder / "variable.dat").write_bytes((folder / "variable.dat").read_bytes() + b"\x00\x00\x00\x00")
    alone = voeg("decode", *words, "--output", "one.parquet", exit_code=1).stderr
    assert voeg("decode", *words, "--output", "parts", "--processes", "2", exit_code=1).stderr == alone
    assert not any(path.name.startswith(("one", "parts")) for path in folder.iterdir())


def test_decode_stops_at_the_limit(folder: Path) -> None:
    assert len(lines(voeg("decode", "fixed.dat", "fixed.dat", "--copybook", "customer.cpy", "--limit", "3"))) == 3


def test_a_folder_is_its_files(folder: Path) -> None:
    (folder / "delivered").mkdir()
    for name in ("b.dat", "a.dat", "_SUCCESS", ".hidden"):
        (folder / "delivered" / name).write_bytes((folder / "fixed.dat").read_bytes() if name.endswith("dat") else b"x")
    assert len(lines(voeg("decode", "delivered", "--copybook", "customer.cpy"))) == 4


def test_what_cannot_be_read_is_told_with_its_bytes(folder: Path) -> None:
    content = bytearray((folder / "fixed.dat").read_bytes())
    content[34:39] = b"\xc1" * 5
    (folder / "fixed.dat").write_bytes(content)
    found = voeg("decode", "fixed.dat", "--copybook", "customer.cpy")
    assert "CUST-ID" not in lines(found)[1]
    assert "CUST-ID: 1 values are no numbers; fixed.dat: record 2 (byte 33), offset 1: C1C1C1C1C1" in found.stderr


def test_options_of_cobrix_read_as_cobrix_does(folder: Path) -> None:
    words = ["decode", "variable.dat", "--copybook", "customer.cpy", "--cobrix-option", "record_format=V"]
    words += ["--cobrix-option", "is_rdw_big_endian=true", "--cobrix-option", "is_rdw_part_of_record_length=true"]
    found = lines(voeg(*words, "--cobrix-option", "generate_record_id=true"))
    assert found[1] == {
        "File_Id": 0, "Record_Id": 1, "Record_Byte_Length": 33, "KIND": "O", "CUST_ID": 2, "CITY": ["Gent", "Mons"],
    }  # fmt: skip


def test_options_of_cobrix_may_name_the_files(folder: Path) -> None:
    named = ["path=fixed.dat", "copybook=customer.cpy"]
    found = lines(voeg("decode", *(word for each in named for word in ("--cobrix-option", each))))
    assert [row["CUST_ID"] for row in found] == [1, 2]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["decode", "--copybook", "customer.cpy"], "no data"),
        (["decode", "fixed.dat"], "name it with --copybook"),
        (
            ["decode", "fixed.dat", "--copybook", "customer.cpy", "--record-format", "W"],
            "--record-format: input should",
        ),
        (["decode", "fixed.dat", "--copybook", "customer.cpy", "--segments", "{field: KIN}"], "did you mean 'KIND'?"),
        (["decode", "fixed.dat", "--copybook", "customer.cpy", "--segments", "{field"], "--segments: not YAML"),
        (["decode", "fixed.dat", "--copybook", "customer.cpy", "--cobrix-option", "pedantic"], "write KEY=VALUE"),
        (["decode", "absent.dat", "--copybook", "customer.cpy"], "absent.dat"),
    ],
)
def test_wrong_use_is_told_in_one_line(folder: Path, words: list[str], told: str) -> None:
    stderr = voeg(*words, exit_code=1).stderr
    assert told in stderr
    assert stderr.count("\n") == 1


def test_probe_tells_what_a_file_is_and_shows_its_bytes(folder: Path) -> None:
    shown = voeg("probe", "variable.dat", "--copybook", "customer.cpy").stdout
    assert "record_format: V" in shown
    assert "The copybook fits 100.0%" in shown
    assert "F0F0F0F0F1" in shown
    told = json.loads(voeg("probe", "variable.dat", "--copybook", "customer.cpy", "--json").stdout)
    assert told["options"]["record_format"] == "V"
    assert told["record_formats"][0]["reasons"]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_what_is_encoded_is_what_was_decoded(folder: Path, form: str) -> None:
    words = ["variable.dat", "--copybook", "customer.cpy", "--record-format", "V"]
    voeg("decode", *words, "--to", form, "--output", f"rows.{form}")
    voeg("encode", f"rows.{form}", *words[1:], "--output", "again.dat")
    original, again = ((folder / name).read_bytes() for name in ("variable.dat", "again.dat"))
    assert again == original


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"KINDS": "P"}', "did you mean 'KIND'?"),
        ("{", "line 1: not JSON"),
        ('{"CUST-ID": "x"}', "not of its column's type"),
        ('{"KIND": "P", "CUST-ID": 123456, "CITY": [null, null]}', "CUST-ID"),
    ],
)
def test_rows_that_cannot_be_encoded_are_told(folder: Path, line: str, told: str) -> None:
    (folder / "rows.jsonl").write_text(line + "\n")
    words = ["rows.jsonl", "--copybook", "customer.cpy", "--output", "out.dat"]
    assert told in voeg("encode", *words, exit_code=1).stderr
    assert not (folder / "out.dat").exists()

"""Delivered files: what is read, and how a broken file is told from a short one."""

from __future__ import annotations

import codecs
import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.files import Files, FilesOptions, lines, quoting, text
from foundation.errors import SourceError, SourceUnavailable


def read(base: Path, **options: Any) -> pa.Table:
    adapter = Files(FilesOptions(**options), base=base)
    return pa.Table.from_batches([batch.rows for batch in adapter.read()])


def error(base: Path, **options: Any) -> str:
    with pytest.raises(SourceError) as raised:
        read(base, **options)
    assert len(raised.value.problems) == 1
    return str(raised.value).replace(str(base), "ESTATE")


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    return tmp_path


def test_csv_columns_are_texts_and_empty_is_null(estate: Path) -> None:
    (estate / "a.csv").write_bytes(b'NR,NAAM,OPM\r\n007,"Jansen, J.",\r\n8,"say ""hi""\r\nthere",x\r\n')
    table = read(estate, format="csv", path="a.csv")
    assert table.schema == pa.schema([(name, pa.string()) for name in ("NR", "NAAM", "OPM")])
    assert table.to_pylist() == [
        {"NR": "007", "NAAM": "Jansen, J.", "OPM": None},
        {"NR": "8", "NAAM": 'say "hi"\r\nthere', "OPM": "x"},
    ]


def test_csv_options(estate: Path) -> None:
    (estate / "a.txt").write_text("x;'y;z'\nNULL;-\n")
    table = read(
        estate,
        format="csv",
        path="a.txt",
        delimiter=";",
        quote="'",
        header=False,
        columns=["A", "B"],
        null_values=["NULL", "-"],
    )
    assert table.to_pylist() == [{"A": "x", "B": "y;z"}, {"A": None, "B": None}]


def test_tsv_without_quotes_keeps_quote_characters(estate: Path) -> None:
    (estate / "a.tsv").write_text('A\tB\n"x\ty"\n')
    assert read(estate, format="tsv", path="a.tsv", quote="").to_pylist() == [{"A": '"x', "B": 'y"'}]


def test_columns_rename_the_header(estate: Path) -> None:
    (estate / "a.csv").write_text("A,A\n1,2\n")
    assert read(estate, format="csv", path="a.csv", columns=["X", "Y"]).to_pylist() == [{"X": "1", "Y": "2"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16", "utf-16-le", "cp850"])
def test_encodings(estate: Path, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "PIECE_BYTES", 3)  # cut inside characters
    (estate / "a.csv").write_bytes("NAAM,X\nJosé,1\nZoë,2\n".encode(encoding))
    table = read(estate, format="csv", path="a.csv", encoding=encoding)
    assert table.to_pylist() == [{"NAAM": "José", "X": "1"}, {"NAAM": "Zoë", "X": "2"}]


def test_a_byte_order_mark_is_never_part_of_a_name(estate: Path) -> None:
    (estate / "a.csv").write_bytes(codecs.BOM_UTF8 + b"A\n1\n")
    assert read(estate, format="csv", path="a.csv", encoding="utf-8").column_names == ["A"]


@pytest.mark.parametrize(
    ("encoding", "content", "place"),
    [
        ("utf-8", b"A,B\nx,y\nx,\xff\nz,z\n", "a.csv:3: byte 11 of the file is not utf-8"),
        ("utf-8", b"A,B\nx,\xc3", "a.csv:2: byte 7 of the file is not utf-8"),
        ("cp1252", b"A,B\nx,\x81\n", "a.csv:2: byte 7 of the file is not cp1252"),
        ("utf-16", b"\xff\xfeA\x00\n\x00\x00\xd8\n\x00", "a.csv: byte 7 of the file is not utf-16"),
    ],
)
@pytest.mark.parametrize("piece", [1, 4, 1000])
def test_undecodable_bytes_are_located(
    estate: Path, encoding: str, content: bytes, place: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "PIECE_BYTES", piece)
    (estate / "a.csv").write_bytes(content)
    message = error(estate, format="csv", path="a.csv", encoding=encoding)
    assert message.startswith(f"ESTATE/{place}; set `encoding:`")


# Every way a quote goes wrong that leaves the number of fields right, so that a lenient parser would notice nothing.
BROKEN_QUOTES = {
    "unclosed to the end of the file": ('1,"Jan,x\n2,Piet,y\n', "2:3"),
    "unclosed, swallowing the next row up to its quote": ('1,"Jan,x\n2,"Piet",y\n', "2:3"),
    "unclosed last field of a fully quoted file": ('"1","a","Jan\n"2","b","Piet"\n', "2:9"),
    "text after the closing quote": ('1,x,y\n2,"Jan"sen,y\n', "3:3"),
    "a quote inside that is not doubled": ('1,x,y\n2,"Jan "x" y",z\n', "3:3"),
    "after doubled quotes": ('1,"a""b""c"d,y\n', "2:3"),
    "after a quote in an unquoted field": ('1,5" pipe,y\n2,"Jan,y\n3,z,z\n', "3:3"),
    "after a quoted line end": ('1,"a\nb",y\n2,"Jan,y\n', "4:3"),
    "column counted in characters": ('é,"Jan,y\n', "2:3"),
}


@pytest.mark.parametrize("case", BROKEN_QUOTES)
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_a_broken_quote_is_located_where_it_opens(
    estate: Path, case: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "PIECE_BYTES", piece)
    content, place = BROKEN_QUOTES[case]
    (estate / "a.csv").write_text("A,B,C\n" + content)
    message = error(estate, format="csv", path="a.csv")
    assert message.startswith(f"ESTATE/a.csv:{place}: the quoted field that opens here is not closed")
    assert "Jan" not in message


def test_an_endless_quoted_field_does_not_fill_memory(estate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quoting, "LONGEST_RECORD", 1000)
    monkeypatch.setattr(text, "PIECE_BYTES", 100)
    (estate / "a.csv").write_text('A,B\n1,"x\n' + "2,y\n" * 5000)
    source = Files(FilesOptions(format="csv", path="a.csv"), base=estate)
    with pytest.raises(SourceError, match=r"a\.csv:2:3: the quoted field"):
        list(source.read())


def test_quotes_inside_unquoted_fields_are_characters(estate: Path) -> None:
    (estate / "a.csv").write_text('A,B\n5" pipe,a""b\n6","x ""y"" z"\n')
    assert read(estate, format="csv", path="a.csv").to_pylist() == [
        {"A": '5" pipe', "B": 'a""b'},
        {"A": '6"', "B": 'x "y" z'},
    ]


@pytest.mark.parametrize(
    ("row", "count"), [("3", 1), ("3,x,y", 3), ("3,Jansen, J.,y", 4)], ids=["few", "one more", "two more"]
)
@pytest.mark.parametrize("piece", [5, 1000])
def test_a_row_with_another_number_of_fields_is_located(
    estate: Path, row: str, count: int, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "PIECE_BYTES", piece)
    (estate / "a.csv").write_text(f'A,B\n1,"x\ny"\n\n2,z\n{row}\n4,w\n')
    message = error(estate, format="csv", path="a.csv")
    assert message.startswith(f"ESTATE/a.csv:6: {count} fields where the file has 2 columns; quote fields")


@settings(max_examples=150)
@given(
    rows=st.lists(
        st.lists(st.text(st.sampled_from('ab",;\n\r é'), max_size=6), min_size=2, max_size=2), min_size=1, max_size=8
    ),
    piece=st.integers(1, 40),
    everything=st.booleans(),
)
def test_csv_round_trip_wherever_the_file_is_cut(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], piece: int, everything: bool
) -> None:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL if everything else csv.QUOTE_MINIMAL).writerows([["A", "B"], *rows])
    base = tmp_path_factory.getbasetemp()
    (base / "trip.csv").write_bytes(written.getvalue().encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "PIECE_BYTES", piece)
        table = read(base, format="csv", path="trip.csv", null_values=[])
    assert [list(row.values()) for row in table.to_pylist()] == rows


@settings(max_examples=300)
@given(data=st.text(st.sampled_from('a",\n'), max_size=30).map(str.encode))
def test_the_fast_quote_scan_is_the_walk(data: bytes) -> None:
    """Assuming pairs and checking them all at once finds the same as walking quote by quote."""
    import numpy as np

    marks = {"delimiter": ord(","), "quote": ord('"')}
    quotes = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord('"'))
    fast, slow = quoting.scan(data, **marks), quoting._walk(data, quotes, 0, **marks)
    assert fast.broken == slow.broken
    if fast.broken is None:
        assert fast.opens.tolist() == slow.opens.tolist()
        assert fast.closes.tolist() == slow.closes.tolist()


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("A,,B", "the header lacks the name of column 2"),
        ("A,B,A", "the header names 'A' twice"),
        ("", "the file is empty: not even a header"),
    ],
)
def test_headers(estate: Path, header: str, problem: str) -> None:
    (estate / "a.csv").write_text(f"{header}\n1,2,3\n" if header else "")
    assert error(estate, format="csv", path="a.csv").startswith(f"ESTATE/a.csv:1: {problem}; ")


def test_a_glob_is_one_source_in_order_of_names(estate: Path) -> None:
    (estate / "in").mkdir()
    (estate / "in/b.csv").write_text("B,A\n2,1\n")
    (estate / "in/a.csv").write_text("A,B\n3,4\n5,6\n")
    adapter = Files(FilesOptions(format="csv", path="in/*.csv", batch_rows=1), base=estate)
    batches = list(adapter.read())
    assert [batch.origin for batch in batches] == ["in/a.csv, row 1", "in/a.csv, row 2", "in/b.csv, row 1"]
    assert [batch.rows.to_pylist() for batch in batches] == [
        [{"A": "3", "B": "4"}],
        [{"A": "5", "B": "6"}],
        [{"A": "1", "B": "2"}],
    ]
    assert [batch.cursor for batch in batches] == [None, {"after": "in/a.csv"}, {"after": "in/b.csv"}]
    assert [batch.origin for batch in adapter.read({"after": "in/a.csv"})] == ["in/b.csv, row 1"]
    (rest,) = adapter.read({"after": "in/b.csv"})
    assert (rest.rows.num_rows, rest.cursor) == (0, {"after": "in/b.csv"})


def test_files_of_a_glob_must_have_the_same_columns(estate: Path) -> None:
    (estate / "a.csv").write_text("NAAM,B\n1,2\n")
    (estate / "b.csv").write_text("NAME,B\n1,2\n")
    message = error(estate, format="csv", path="*.csv")
    assert message == (
        "ESTATE/b.csv:1: the header is not that of the first file: 'NAAM' is missing; did you mean 'NAME'?"
    )


@pytest.mark.parametrize("path", ["nothing.csv", "*.csv", "folder"])
def test_no_file_is_never_an_empty_source(estate: Path, path: str) -> None:
    (estate / "folder").mkdir()
    source = Files(FilesOptions(format="csv", path=path), base=estate)
    for attempt in (source.check, source.discover, lambda: list(source.read())):
        with pytest.raises(SourceUnavailable, match="no file matches"):
            attempt()


def test_relative_paths_stay_in_the_estate(tmp_path: Path) -> None:
    estate = tmp_path / "estate"
    (estate / "sub").mkdir(parents=True)
    outside = tmp_path / "outside.csv"
    outside.write_text("A\n1\n")
    (estate / "link.csv").symlink_to(outside)
    (estate / "sub/up").symlink_to(tmp_path)
    for path in ("../outside.csv", "../*.csv", "link.csv", "*.csv", "sub/up/outside.csv", "sub/../../outside.csv"):
        assert "leads out of the estate folder" in error(estate, format="csv", path=path), path
    assert read(estate, format="csv", path=str(outside)).num_rows == 1


def test_a_file_that_may_not_be_read_is_told(estate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (estate / "a.csv").write_text("A\n1\n")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert error(estate, format="csv", path="a.csv").startswith(
        "ESTATE/a.csv: cannot read the file: Permission denied; give the user"
    )


FIXED = [{"name": "NR", "start": 1, "length": 3}, {"name": "NAAM", "start": 4, "length": 6}]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("piece", [1, 9, 1000])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_fixed_width_counts_characters(
    estate: Path, newline: str, piece: int, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "PIECE_BYTES", piece)
    rows = ["  1José  more", "002Zoë Wé", "", "   Piet  "]
    (estate / "a.txt").write_bytes(newline.join(rows).encode(encoding))
    assert read(estate, format="fixed", path="a.txt", encoding=encoding, columns=FIXED).to_pylist() == [
        {"NR": "1", "NAAM": "José"},
        {"NR": "002", "NAAM": "Zoë Wé"},
        {"NR": None, "NAAM": "Piet"},
    ]


def test_fixed_width_header_is_skipped_in_every_file(estate: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (estate / name).write_text("HDR\n001Jansen\n")
    assert read(estate, format="fixed", path="*.txt", columns=FIXED, header=True).num_rows == 2


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_short_line_is_located(estate: Path, newline: str) -> None:
    (estate / "a.txt").write_bytes(newline.join(["001Jansen", "002Piets", "003Pieter", ""]).encode())
    assert error(estate, format="fixed", path="a.txt", columns=FIXED).startswith(
        "ESTATE/a.txt:2: the line has 8 characters, its columns need 9; check start and length"
    )


def test_an_endless_line_does_not_fill_memory(estate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST_RECORD", 1000)
    monkeypatch.setattr(text, "PIECE_BYTES", 100)
    (estate / "a.txt").write_text("001Jansen\n" + "x" * 5000)
    assert "a.txt:2: a line of more than" in error(estate, format="fixed", path="a.txt", columns=FIXED)


def test_json_lines_stay_nested(estate: Path) -> None:
    rows = [
        {"id": 1, "at": "2024-01-01", "name": {"first": "Zoë"}, "items": [{"n": 1}]},
        {"id": 2.5, "name": {"first": None, "last": "x"}, "items": [], "none": None, "empty": {}, "list": []},
    ]
    (estate / "a.jsonl").write_text("\n\n".join(json.dumps(row) for row in rows))
    table = read(estate, format="jsonl", path="a.jsonl")
    assert table.schema == pa.schema(
        [
            ("id", pa.float64()),
            ("at", pa.string()),
            ("name", pa.struct([("first", pa.string()), ("last", pa.string())])),
            ("items", pa.list_(pa.struct([("n", pa.int64())]))),
            ("none", pa.string()),
            ("empty", pa.string()),
            ("list", pa.list_(pa.string())),
        ]
    )
    assert table.to_pylist()[0]["name"] == {"first": "Zoë", "last": None}
    adapter = Files(FilesOptions(format="jsonl", path="a.jsonl"), base=estate)
    names = [column.name for column in adapter.discover()[0].columns]
    assert names[:6] == ["id", "at", "name", "name.first", "name.last", "items"]
    assert names[6] == "items[*].n"


@pytest.mark.parametrize("piece", [1, 20, 1000])
def test_json_lines_have_one_schema_and_lose_nothing(estate: Path, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "PIECE_BYTES", piece)
    values = ["null", "1", "1.10", '"x"', "true", "[1, 2.50]", '{"é": null}', "123456789012345678901234567890", "{}"]
    (estate / "a.jsonl").write_text("".join(f'{{"v": {value}, "late{n}": 1}}\n' for n, value in enumerate(values)))
    adapter = Files(FilesOptions(format="jsonl", path="a.jsonl"), base=estate)
    batches = [batch.rows for batch in adapter.read()]
    assert len({batch.schema for batch in batches}) == 1
    found = pa.Table.from_batches(batches).column("v").to_pylist()
    assert found == [None, "1", "1.10", "x", "true", "[1, 2.50]", '{"\\u00e9": null}', values[7], None]


def test_json_lines_with_given_types(estate: Path) -> None:
    (estate / "a.jsonl").write_text('{"a": 12.10, "b": {"c": [1]}, "x": 1}\n{"a": 5, "b": null, "n": 7}\n')
    columns = [
        {"name": "a", "type": "decimal(8,2)"},
        {"name": "b", "type": {"c": ["integer"]}},
        {"name": "n", "type": "string"},
    ]
    table = read(estate, format="jsonl", path="a.jsonl", columns=columns)
    assert [str(value) for value in table.column("a").to_pylist()] == ["12.10", "5.00"]
    assert table.column("n").to_pylist() == [None, "7"]
    assert table.column("b").to_pylist() == [{"c": [1]}, None]
    columns[2]["type"] = "integer"
    columns[0]["type"] = "decimal(8,1)"
    (estate / "a.jsonl").write_text('{"a": 1.5}\n{"a": 12.15}\n')
    assert error(estate, format="jsonl", path="a.jsonl", columns=columns).startswith(
        "ESTATE/a.jsonl:2: a value does not fit the type given for its column; "
    )


@pytest.mark.parametrize(
    "bad",
    ['{"a": 1', "[1]", "7", '{"a": 1} {"a": 2}', '{"a": NaN}', '{"a": "x\ty"}', "{'a': 1}", '{"a": 1},'],
)
@pytest.mark.parametrize("piece", [5, 1000])
def test_bad_json_is_located(estate: Path, bad: str, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "PIECE_BYTES", piece)
    (estate / "a.jsonl").write_text(f'{{"a": 1}}\n\n{bad}\n{{"a": 3}}\n')
    message = error(estate, format="jsonl", path="a.jsonl")
    assert message.startswith("ESTATE/a.jsonl:3")
    assert "the line is not one JSON object; write one complete object per line" in message


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"format": "csv", "header": False}, "needs `columns`"),
        ({"format": "csv", "delimiter": "||"}, "one ASCII character"),
        ({"format": "csv", "encoding": "utf-9"}, "unknown encoding 'utf-9'"),
        ({"format": "csv", "encoding": "base64"}, "unknown encoding 'base64'"),
        ({"format": "fixed"}, "needs `columns`"),
        ({"format": "fixed", "columns": [{"name": "A", "start": 0, "length": 1}]}, "greater than or equal to 1"),
        ({"format": "fixed", "columns": ["A"]}, "start (from 1) and length"),
        ({"format": "fixed", "columns": FIXED, "delimiter": ","}, "do not belong to format fixed"),
        ({"format": "jsonl", "header": True}, "does not belong to format jsonl"),
        ({"format": "jsonl", "columns": [{"name": "A", "type": "text"}]}, "unknown type"),
        ({"format": "jsonl", "columns": ["A"]}, "needs a type"),
        ({"format": "csv", "columns": ["A", "A"]}, "twice"),
        ({"format": "csv", "kolom": 1}, "Extra inputs"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError) as raised:
        FilesOptions(path="x", **options)
    assert problem in str(raised.value)

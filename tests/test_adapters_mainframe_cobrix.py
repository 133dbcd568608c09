"""Cobrix's options, the shape of its rows, and everything that its own test suite reads, refuses and writes.

The cases were captured from Cobrix; where ours is known to differ, docs/cobrix.md says why, and this file reads the
list from there.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from documentation import DOCS, blocks
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.mainframe import MainframeOptions
from adapters.mainframe.cobrix import rows
from adapters.mainframe.cobrix.options import FAMILIES, NAMES, translate
from adapters.mainframe.framing import Framed, registry
from adapters.mainframe.records import Bytes, Records
from adapters.mainframe.source import Source
from foundation.errors import ConfigurationError, VoegError


def read(files: Sequence[Path], copybooks: Sequence[Path], given: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    """Read as ``voeg copybook decode`` does when it is given options of Cobrix."""
    options = MainframeOptions(path="", copybook=tuple(map(str, copybooks)), cobrix_options=dict(given))
    for batch in Source(options, Path()).read(files):
        yield batch.rows


class TestOptions:
    def test_defaults_are_those_of_cobrix(self):
        options = translate({}).options(path="data", copybook="book.cob")
        assert options.profile == "cobrix"
        assert (options.record_format, options.partial_record) == ("F", "refuse")
        assert (options.rdw_endian, options.rdw_includes_itself) == ("little", False)
        assert (options.encoding, options.code_page, options.trim) == ("ebcdic", "common", "both")
        assert options.strict_signs
        assert options.blanks_are_null
        assert not options.shift_after_tables
        assert (options.columns, options.keep_root) == ("nested", False)
        assert translate({}).fillers == "groups"

    def test_names_and_values_are_compared_without_regard_to_case(self):
        options = translate({"Record_Format": "v", "IS_RDW_BIG_ENDIAN": "True"}).options(path="a", copybook="b")
        assert (options.record_format, options.rdw_endian) == ("V", "big")

    @pytest.mark.parametrize(
        ("given", "record_format"),
        [
            ({"is_record_sequence": "true"}, "V"),
            ({"is_xcom": "true"}, "V"),
            ({"is_text": "true"}, "text"),
            ({"record_format": "D2"}, "text"),
            ({"record_length_field": "LEN"}, "length-field"),
            ({"record_format": "V", "record_length_field": "LEN + 4"}, "length-field"),
            ({"variable_size_occurs": "true"}, "counted"),
            ({"variable_size_occurs": "pad_record"}, "F"),
            ({"variable_size_occurs": "true", "record_length": "10"}, "F"),
        ],
    )
    def test_how_records_are_found(self, given: dict[str, str], record_format: str):
        assert translate(given).values["record_format"] == record_format

    def test_segments(self):
        segments = (
            translate(
                {
                    "segment_field": "SEG-ID",
                    "segment_filter": "A,B",
                    "redefine-segment-id-map:0": "HEAD-OF => A, B",
                    "redefine_segment_id_map:1": "TAIL => ,C",
                    "segment_id_root": "A",
                    "segment_id_level1": "*",
                    "segment_id_prefix": "ID",
                }
            )
            .options(path="a", copybook="b")
            .segments
        )
        assert segments is not None
        assert segments.groups == {"HEAD_OF": ("A", "B"), "TAIL": ("", "C")}
        assert segments.only == ("A", "B")
        assert segments.levels == (("A",), ("_",))
        assert segments.id_prefix == "ID"

    def test_a_contradiction_names_both_options(self):
        with pytest.raises(ConfigurationError, match="'record_length' and 'rdw_adjustment' cannot be used together"):
            translate({"record_length": "10", "rdw_adjustment": "-1"})

    def test_everything_wrong_is_told_at_once(self):
        with pytest.raises(ConfigurationError) as error:
            translate({"record_format": "X", "minimum_record_length": "0", "encoding": "latin", "debug": "loud"})
        assert len(error.value.problems) == 4

    def test_a_value_that_is_none_gets_the_nearest_that_is(self):
        with pytest.raises(ConfigurationError, match="did you mean 'collapse_root'"):
            translate({"schema_retention_policy": "colapse_root"})

    def test_unknown_options_are_told_and_with_pedantic_refused(self):
        assert translate({"dummy": "1", "segment_filter": "A"}).unknown == ("dummy", "segment_filter")
        with pytest.raises(ConfigurationError, match="did you mean 'record_format'") as error:
            translate({"record_fromat": "V", "pedantic": "true"})
        assert len(error.value.problems) == 1

    def test_what_only_spark_needs_is_told_as_ignored(self):
        given = {"record_format": "V", "input_split_records": "10", "metadata": "extended"}
        translated = translate({**given, "dummy": "1"})
        assert translated.ignored == ("input_split_records", "metadata")
        assert [note for note in translated.notes if "no effect" in note and "'metadata'" in note]
        assert [note for note in translated.notes if "unknown" in note and "'dummy'" in note]

    @given(st.dictionaries(st.text(max_size=12), st.text(max_size=12), max_size=6))
    def test_whatever_is_given_is_translated_or_refused(self, given: dict[str, str]):
        try:
            translate(given)
        except ConfigurationError as error:
            assert error.problems


SAMPLE = pa.RecordBatch.from_pylist(
    [
        {"I": 1, "T": 'a"\\\n\x01é', "F": 1.5, "D": Decimal("1.10"), "L": [1, None], "S": {"X": None, "B": b"ab"}},
        {"I": None, "T": None, "F": 1e10, "D": Decimal("0.00"), "L": [], "S": None},
        {"I": 3, "T": "", "F": 0.0001, "D": None, "L": None, "S": {"X": "q", "B": b""}},
    ],
    schema=pa.schema(
        {
            "I": pa.int32(),
            "T": pa.string(),
            "F": pa.float64(),
            "D": pa.decimal128(10, 2),
            "L": pa.list_(pa.int32()),
            "S": pa.struct({"X": pa.string(), "B": pa.binary()}),
        }
    ),
)


class TestRows:
    def test_shape(self):
        assert rows.json_lines(SAMPLE).decode().splitlines() == [
            r'{"I":1,"T":"a\"\\\n\u0001é","F":1.5,"D":1.10,"L":[1,null],"S":{"B":"YWI="}}',
            '{"F":1.0E10,"D":0.00,"L":[]}',
            '{"I":3,"T":"","F":1.0E-4,"S":{"X":"q","B":""}}',
        ]

    def test_a_slice_is_what_it_shows(self):
        assert rows.json_lines(SAMPLE.slice(1, 2)) == b"".join(rows.json_lines(SAMPLE).splitlines(keepends=True)[1:])

    @pytest.mark.parametrize("names", ["A", "AB", "ABC"])
    def test_a_row_of_nulls_is_an_empty_object(self, names: str):
        batch = pa.RecordBatch.from_pydict({name: pa.array([None, "x"]) for name in names})
        assert rows.json_lines(batch).splitlines()[0] == b"{}"
        assert len(rows.json_lines(batch).splitlines()) == 2

    def test_no_rows(self):
        assert rows.json_lines(SAMPLE.slice(0, 0)) == b""

    @pytest.mark.parametrize("type_", [pa.float32(), pa.float64()])
    @given(data=st.data())
    @settings(max_examples=50)
    def test_floats_come_back(self, type_: pa.DataType, data: st.DataObject):
        width = type_.bit_width
        numbers = data.draw(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=width), min_size=1))
        column = pa.array(numbers, type_)
        lines = rows.json_lines(pa.RecordBatch.from_arrays([column], ["F"])).splitlines()
        assert pa.array([json.loads(line)["F"] for line in lines], type_) == column

    @given(st.lists(st.one_of(st.none(), st.text()), min_size=1))
    def test_text_comes_back(self, texts: list[str | None]):
        lines = rows.json_lines(pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], ["T"])).splitlines()
        assert [json.loads(line).get("T") for line in lines] == texts

    def test_numbers_that_are_not_finite_are_text(self):
        column = pa.array([float("nan"), float("inf"), float("-inf"), None, 0.5])
        lines = rows.json_lines(pa.RecordBatch.from_arrays([column], ["F"])).decode().splitlines()
        assert lines == ['{"F":"NaN"}', '{"F":"Infinity"}', '{"F":"-Infinity"}', "{}", '{"F":0.5}']


class TestHeaderParsers:
    @pytest.mark.parametrize(("name", "descriptor"), [("rdw_big_endian", "00020000"), ("XCOM", "00000200")])
    def test_those_that_cobrix_has_itself_are_descriptors(self, tmp_path: Path, name: str, descriptor: str):
        (tmp_path / "data").write_bytes(bytes.fromhex(descriptor) + b"AB" + bytes.fromhex(descriptor) + b"CD")
        given = {"record_header_parser": name, "generate_record_id": "true", "encoding": "ascii"}
        found = list(read([tmp_path / "data"], [], {**given, "copybook_contents": "       01 R. 05 A PIC X(2)."}))
        assert [value for batch in found for value in batch.column("A").to_pylist()] == ["AB", "CD"]

    def test_a_class_is_the_name_of_a_function_that_is_registered(self):
        given = {"record_header_parser": "org.example.Parser", "rhp_additional_info": "x", "record_format": "V"}
        values = translate(given).values
        assert (values["framing"], values["framing_options"]) == ("org.example.Parser", "x")
        with pytest.raises(ConfigurationError, match=r"no framing 'org\.example\.Parser' is registered"):
            list(read([], [], {**given, "copybook_contents": "       01 R. 05 A PIC X(2)."}))


class TestCopybooks:
    def test_the_first_line_of_a_copybook_in_an_option_keeps_its_columns(self, tmp_path: Path):
        text = "        01  RECORD.\n            05  A  PIC X.\n"  # without its blanks, `01  RE` would be a line number
        (tmp_path / "data").write_bytes(b"\xc1")
        assert [batch.to_pylist() for batch in read([tmp_path / "data"], [], {"copybook_contents": text})] == [
            [{"A": "A"}]
        ]

    def test_a_table_that_says_no_least_may_be_empty(self, tmp_path: Path):
        text = "       01 R. 05 N PIC 9. 05 T OCCURS 3 DEPENDING ON N PIC X."
        (tmp_path / "data").write_bytes("0abc2abc".encode("cp037"))
        found = [batch.column("T").to_pylist() for batch in read([tmp_path / "data"], [], {"copybook_contents": text})]
        assert found == [[[], ["a", "b"]]]


class TestDocumentation:
    def test_every_option_has_its_line(self, project_root: Path):
        text = (project_root / "docs" / "cobrix.md").read_text("utf-8")
        names = {*NAMES, *(family.rstrip(":") for family in FAMILIES), "segment_id_level0"}
        assert names - set(re.findall(r"`([a-z0-9_-]+)(?::[A-Z]+)?`", text)) == set()

    def test_records_of_ones_own_are_found_as_the_page_says(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(registry, "_registered", {})
        for block in blocks(DOCS / "cobrix.md", "python"):
            exec(block, {})
        (tmp_path / "data").write_bytes(b"\x02AB\x01C\x03DEF")
        given = {
            "record_extractor": "first-byte",
            "encoding": "ascii",
            "copybook_contents": "       01 R. 05 A PIC X(3).",
        }
        found = [batch.column("A").to_pylist() for batch in read([tmp_path / "data"], [], given)]
        assert found == [["AB", "C", "DEF"]]


# Everything that Cobrix's own tests read, refuse and write


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What Cobrix was given, and what it did."""

    id: str
    test: str
    options: dict[str, str]
    copybooks: tuple[Path, ...]
    data: tuple[Path, ...]
    rows: int
    expected: Path | None

    def read(self) -> Iterator[pa.RecordBatch]:
        return read(self.data, self.copybooks, self.options)


@pytest.fixture(scope="module")
def cases(cobrix_data: Path) -> dict[str, list[Case]]:
    """The captured cases by kind: inline, error, writer."""
    found: dict[str, list[Case]] = {}
    for case in json.loads((cobrix_data / "cases.json").read_text("utf-8"))["cases"]:
        found.setdefault(case["kind"], []).append(
            Case(
                id=case["id"],
                test=case["test"],
                options=case["options"],
                copybooks=tuple(cobrix_data / name for name in case["copybooks"]),
                data=tuple(cobrix_data / name for name in case["data"]),
                rows=case.get("rows", 0),
                expected=cobrix_data / case["expected"] if "expected" in case else None,
            )
        )
    return found


@pytest.fixture(scope="module")
def documented(project_root: Path) -> set[str]:
    """The cases that docs/cobrix.md says are not equal."""
    section = (project_root / "docs" / "cobrix.md").read_text("utf-8").partition("that are not equal")[2]
    return set(re.findall(r"\b\d{4}_(?:read|write)\b", section))


class Alternating:
    """Records of these lengths in turn: what the classes do that Cobrix's tests name as ``record_extractor``."""

    def __init__(self, *lengths: int) -> None:
        self._lengths = itertools.cycle(lengths)
        self._length = next(self._lengths)

    def records(self, block: Bytes, *, final: bool) -> Framed:
        starts, lengths, position = [], [], 0
        while position + self._length <= len(block) or (final and position < len(block)):
            starts.append(position)
            lengths.append(min(self._length, len(block) - position))
            position += lengths[-1]
            self._length = next(self._lengths)
        found = Records(data=block, starts=np.array(starts, np.int64), lengths=np.array(lengths, np.int64))
        return Framed(records=found, consumed=position)


@pytest.fixture
def extractors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions under the names of Cobrix's classes."""
    monkeypatch.setattr(registry, "_registered", {})
    mocks = "za.co.absa.cobrix.spark.cobol.mocks."
    registry.register(f"{mocks}CustomRecordExtractorMock", lambda _: Alternating(2, 3))
    registry.register(f"{mocks}FixedRecordExtractor", lambda _: Alternating(2))
    registry.register(f"{mocks}FixedRecordExtractorNoIndex", lambda _: Alternating(2))


TIME_OF_THE_READ = re.compile(r"^\d{14}_")  # begins generated ids where nothing else is said


def same(expected: object, actual: object, type_: pa.DataType) -> bool:
    """Compare values as JSON has them: decimals exactly, floating-point numbers within one unit of the last place."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        fields = {field.name: field.type for field in type_}
        return list(expected) == list(actual) and all(same(expected[key], actual[key], fields[key]) for key in expected)
    if isinstance(expected, list) and isinstance(actual, list):
        pairs = zip(expected, actual, strict=False)
        return len(expected) == len(actual) and all(same(one, other, type_.value_type) for one, other in pairs)
    if pa.types.is_floating(type_) and isinstance(expected, int | Decimal) and isinstance(actual, int | Decimal):
        kind = np.float32 if type_ == pa.float32() else np.float64
        one, other = kind(float(expected)), kind(float(actual))
        return bool(abs(one - other) <= np.spacing(max(abs(one), abs(other))))
    return expected == actual and type(expected) is type(actual)


def lines_of(text: bytes) -> list[dict[str, object]]:
    """Return JSON Lines; numbers with a point are decimals, ids do not begin with the time."""
    parsed = [json.loads(line, parse_float=Decimal) for line in text.split(b"\n") if line]
    for row in parsed:
        row.update({key: TIME_OF_THE_READ.sub("", row[key]) for key in row if key.startswith("Seg_Id")})
    return parsed


def difference(case: Case) -> str | None:
    """Return what of a case is not as in Cobrix."""
    assert case.expected is not None
    expected, actual, schema = lines_of(case.expected.read_bytes()), [], pa.schema([])
    try:
        for batch in case.read():
            schema = batch.schema
            actual += lines_of(rows.json_lines(batch))
    except VoegError as error:
        return f"{type(error).__name__}: {error}"
    if len(actual) != case.rows:
        return f"{len(actual)} rows, not {case.rows}"
    for number, (one, other) in enumerate(zip(expected, actual, strict=False)):
        if not same(one, other, pa.struct(list(schema))):
            return f"row {number} is {other}, not {one}"
    return None


class TestCases:
    @pytest.mark.usefixtures("extractors")
    def test_rows_are_equal(self, cases: dict[str, list[Case]], documented: set[str]):
        differences = {case.id: text for case in cases["inline"] if (text := difference(case))}
        unexpected = {id_: text for id_, text in differences.items() if id_ not in documented}
        assert unexpected == {}
        assert set(differences) == {id_ for id_ in documented if id_ in {case.id for case in cases["inline"]}}
        assert len(cases["inline"]) == 221

    def test_what_cobrix_refuses_is_refused(self, cases: dict[str, list[Case]], documented: set[str]):
        accepted = []
        for case in cases["error"]:
            given = {**case.options, **NAMED_COPYBOOKS.get(case.id, {})}
            files = () if case.id in NAMED_COPYBOOKS else case.copybooks
            try:
                for _ in read(case.data, files, given):
                    pass
                accepted.append(case.id)
            except VoegError as error:
                assert all(problem.message for problem in error.problems)
        assert set(accepted) - documented == set()


NAMED_COPYBOOKS = {  # the cases about these options were captured without them
    "0281_read": {},
    "0282_read": {"copybook": "a.cob", "copybook_contents": "01 R. 05 A PIC X."},
    "0283_read": {"copybooks": "a.cob,b.cob", "copybook_contents": "01 R. 05 A PIC X."},
    "0284_read": {"copybook": "a.cob", "copybooks": "a.cob,b.cob"},
    "0287_read": {"copybook": "jar:///test/copybook_non_existent.cpy"},
}

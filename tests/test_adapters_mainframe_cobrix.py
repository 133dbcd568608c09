"""Cobrix's options, the shape of its rows, and everything that its own test suite reads, refuses and writes.

The cases were captured from Cobrix; where ours is known to differ, docs/cobrix.md says why, and this file reads the
list from there.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.mainframe.cobrix import rows
from adapters.mainframe.cobrix.options import FAMILIES, NAMES, translate
from foundation.errors import ConfigurationError


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
        assert translate(given).ignored == ("input_split_records", "metadata")

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


class TestDocumentation:
    def test_every_option_has_its_line(self, project_root: Path):
        text = (project_root / "docs" / "cobrix.md").read_text("utf-8")
        names = {*NAMES, *(family.rstrip(":") for family in FAMILIES), "segment_id_level0"}
        assert names - set(re.findall(r"`([a-z0-9_-]+)(?::[A-Z]+)?`", text)) == set()

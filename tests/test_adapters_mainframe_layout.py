"""Where fields stand, what type they have and what their columns are called."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mainframe_files import COPYBOOK, layout_of

from adapters.mainframe.copybook import describe, parser, placing
from adapters.mainframe.copybook.layout import Column, Field, Group, Layout, Place, Table, walk
from adapters.mainframe.profile import IBM, Profile
from foundation.errors import ConfigurationError

COBRIX = Profile(name="cobrix", shift_after_tables=False)


def parsed(lines: Sequence[str], **choices):
    """Parse lines that start in column 8."""
    return parser.parse("\n".join("       " + line for line in lines), COPYBOOK, **choices)


def problems(*lines: str, **choices) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        layout_of(*lines, **choices)
    return [str(problem) for problem in caught.value.problems]


def places(record: Layout) -> dict[str, tuple[int, int]]:
    """Return the offset and anchor of everything, by its path."""
    return {".".join(path): (column.place.offset, column.place.anchor) for path, column in walk(record.roots)}


def test_fields_follow_one_another():
    record = layout_of(
        "01  CUSTOMER.",
        "    05  ID          PIC 9(9) COMP.",
        "    05  NAME.",
        "        10  FIRST   PIC X(20).",
        "        10  FILLER  PIC X(5).",
        "        10  LAST    PIC A(25).",
        "    05  BALANCE     PIC S9(11)V99 COMP-3.",
        "    05  LIMIT       PIC S9(9)V99 LEADING SEPARATE CHARACTER.",
        "    05  BIG         PIC 9(20).",
    )
    assert record.length == record.shortest == 4 + 50 + 7 + 12 + 20
    assert not record.variable
    assert [(path[-1], column.place.offset, column.length) for path, column in walk(record.roots)] == [
        ("CUSTOMER", 0, 93),
        ("ID", 0, 4),
        ("NAME", 4, 50),
        ("FIRST", 4, 20),
        ("FILLER", 24, 5),
        ("LAST", 29, 25),
        ("BALANCE", 54, 7),
        ("LIMIT", 61, 12),
        ("BIG", 73, 20),
    ]
    assert record.schema == pa.schema(
        {
            "ID": pa.uint32(),
            "FIRST": pa.string(),
            "LAST": pa.string(),
            "BALANCE": pa.decimal128(13, 2),
            "LIMIT": pa.decimal128(11, 2),
            "BIG": pa.decimal128(20, 0),
        }
    )


TYPES = [
    # picture and usage, bytes, type in profile ibm, type in profile cobrix
    ("PIC X(7)", 7, pa.string(), pa.string()),
    ("PIC 9(2)", 2, pa.int8(), pa.int32()),
    ("PIC S9(4)", 4, pa.int16(), pa.int32()),
    ("PIC 9(9)", 9, pa.int32(), pa.int32()),
    ("PIC 9(10)", 10, pa.int64(), pa.int64()),
    ("PIC 9(19)", 19, pa.decimal128(19, 0), pa.decimal128(19, 0)),
    ("PIC S9(3)V99 SIGN IS LEADING SEPARATE", 6, pa.decimal128(5, 2), pa.decimal128(5, 2)),
    ("PIC 9(3).99", 6, pa.decimal128(5, 2), pa.decimal128(5, 2)),
    ("PIC +9(3)", 4, pa.int16(), pa.int32()),
    ("PIC 9(3)PP", 3, pa.int32(), pa.decimal128(5, 0)),
    ("PIC VPP9(3)", 3, pa.decimal128(5, 5), pa.decimal128(5, 5)),
    ("PIC S9(4) COMP-3", 3, pa.int32(), pa.int32()),
    ("PIC S9(18) COMP-3", 10, pa.decimal128(19, 0), pa.int64()),
    ("PIC S9(37)V99 COMP-3", 20, pa.decimal256(39, 2), pa.decimal256(39, 2)),
    ("PIC 9(4) COMP", 2, pa.uint16(), pa.int32()),
    ("PIC S9(5) COMP", 4, pa.int32(), pa.int32()),
    ("PIC S9(10) COMP-5", 8, pa.int64(), pa.int64()),
    ("PIC 9(9) COMP", 4, pa.uint32(), pa.int64()),
    ("PIC 9(18) COMP", 8, pa.uint64(), pa.decimal128(20, 0)),
    ("PIC S9(18) COMP", 8, pa.int64(), pa.int64()),
    ("PIC S9(5)V99 COMP", 4, pa.decimal128(10, 2), pa.decimal128(7, 2)),
    ("PIC 9(2) COMP-9", 1, pa.uint8(), pa.int32()),
    ("PIC 9(5) COMP-6", 3, pa.int32(), pa.int32()),
    ("PIC 9(7) COMP-X", 3, pa.uint32(), None),
    ("PIC X(2) COMP-X", 2, pa.uint16(), None),
    ("PIC X(4) COMP", 4, pa.binary(), pa.binary()),
    ("COMP-1", 4, pa.float64(), pa.float32()),
    ("COMP-2", 8, pa.float64(), pa.float64()),
    ("POINTER", 4, pa.binary(), None),
    ("INDEX", 4, pa.binary(), None),
    ("PIC N(5) NATIONAL", 10, pa.string(), pa.string()),
    ("PIC G(5) DISPLAY-1", 10, pa.string(), None),
    ("PIC ZZ,ZZ9.99-", 10, pa.string(), None),
]


@pytest.mark.parametrize(("clauses", "length", "ibm", "cobrix"), TYPES, ids=[row[0] for row in TYPES])
def test_length_and_type_of_a_field(clauses, length, ibm, cobrix):
    for profile, expected in ((IBM, ibm), (COBRIX, cobrix)):
        if expected is not None:
            record = layout_of("01  R.", f"    05  A {clauses}.", profile=profile)
            assert record.length == length
            assert record.schema.field("A").type == expected


def test_options_choose_types():
    lines = ("01 R.", "  05 A PIC 9(4).", "  05 B PIC S9(4) COMP.", "  05 C PIC X(4) COMP.")
    text = layout_of(*lines, profile=Profile(numbers_as_text=True, binary_as_hex=True))
    assert text.schema.types == [pa.string(), pa.int16(), pa.string()]
    # To Cobrix only whole numbers become text
    cobrix = Profile(name="cobrix", numbers_as_text=True)
    numbers = layout_of("01 R.", "  05 A PIC 9(4).", "  05 B PIC 99V9.", profile=cobrix)
    assert numbers.schema.types == [pa.string(), pa.decimal128(3, 1)]
    exact = layout_of(*lines, profile=Profile(exact_integers=True))
    assert exact.schema.types == [pa.decimal128(4, 0), pa.decimal128(5, 0), pa.binary()]
    ieee = layout_of("01 R.", "  05 A COMP-1.", profile=Profile(floats="ieee-little"))
    assert ieee.schema.types == [pa.float32()]
    assert ieee.find("A").little


def test_clauses_go_from_a_group_to_its_fields():
    record = layout_of(
        "01  R.",
        "    05  G COMP-3.",
        "        10  A PIC 9(3).",
        "        10  B PIC 9(3) DISPLAY.",
        "    05  H SIGN LEADING SEPARATE.",
        "        10  C PIC S9(3).",
        "        10  D PIC 9(3).",
    )
    assert [record.find(name).length for name in "ABCD"] == [2, 3, 4, 3]


def test_redefinitions_share_their_bytes_and_what_follows_stands_behind_the_longest():
    record = layout_of(
        "01  R.",
        "    05  A PIC X(4).",
        "    05  B REDEFINES A.",
        "        10  C PIC X(2).",
        "        10  D PIC X(6).",
        "    05  E REDEFINES B PIC X.",
        "    05  F PIC X.",
    )
    assert places(record) == {
        "R": (0, 0), "R.A": (0, 0), "R.B": (0, 0), "R.B.C": (0, 0), "R.B.D": (2, 0), "R.E": (0, 0), "R.F": (8, 0),
    }  # fmt: skip
    assert [record.find(name).redefines for name in ("A", "B", "C", "E", "F")] == [None, "A", None, "A", None]
    assert record.length == 9


def test_what_a_table_depending_on_a_field_moves_is_told_from_its_end():
    record = layout_of(
        "01  R.",
        "    05  N PIC 9.",
        "    05  T OCCURS 1 TO 5 DEPENDING ON N.",
        "        10  A PIC X(3).",
        "        10  M PIC 9.",
        "        10  U PIC X(2) OCCURS 0 TO 3 DEPENDING ON M.",
        "        10  Z PIC X.",
        "    05  E PIC X(4).",
        "    05  V PIC X OCCURS 2 TO 3 DEPENDING ON N.",
    )
    table, inner = record.find("T"), record.find("U")
    assert isinstance(table, Table)
    assert isinstance(inner, Table)
    assert (table.least, table.most, table.length, table.fixed, table.ends) == (1, 5, 11, False, 1)
    assert table.end == Place(offset=1, anchor=1)  # of an element, in the element's own frame
    assert table.depending is not None
    assert table.depending.field is record.find("N")
    assert inner.depending is not None
    assert (inner.depending.field, inner.depending.outer) == (record.find("M"), 0)
    assert places(record)["R.T.Z"] == (0, 1)
    assert places(record)["R.E"] == (0, 1)
    assert places(record)["R.V"] == (4, 1)
    assert record.end == Place(offset=0, anchor=2)
    assert (record.length, record.shortest) == (1 + 5 * 11 + 4 + 3, 1 + 5 + 4 + 2)
    assert record.variable


def test_tables_may_take_the_room_of_their_maximum():
    record = layout_of(
        "01  R.",
        "    05  N PIC 9.",
        "    05  T PIC X(2) OCCURS 0 TO 5 DEPENDING ON N.",
        "    05  E PIC X.",
        profile=Profile(shift_after_tables=False),
    )
    table = record.find("T")
    assert isinstance(table, Table)
    assert table.fixed
    assert table.depending is not None
    assert places(record)["R.E"] == (11, 0)
    assert not record.variable


def test_a_table_may_depend_on_a_field_of_the_record_around_its_own_table():
    record = layout_of(
        "01  R.",
        "    05  N PIC 9.",
        "    05  T OCCURS 2.",
        "        10  N PIC 9.",
        "        10  U OCCURS 0 TO 3 DEPENDING ON N OF R.",
        "            15  W PIC X OCCURS 0 TO 9 DEPENDING ON N OF T.",
    )
    outer, inner = record.find("U"), record.find("W")
    assert isinstance(outer, Table)
    assert isinstance(inner, Table)
    assert outer.depending is not None
    assert inner.depending is not None
    assert (outer.depending.field, outer.depending.outer) == (record.roots[0].columns[0], 1)
    assert inner.depending.outer == 1
    assert inner.depending.field is record.find("T.N")


def test_a_table_may_depend_on_text_through_a_map():
    lines = ("01 R.", "  05 K PIC X.", "  05 T PIC X OCCURS 0 TO 5 DEPENDING ON K.")
    record = layout_of(*lines, profile=Profile(counts=(("T", (("A", 1), ("B", 4))),)))
    table = record.find("T")
    assert isinstance(table, Table)
    assert table.depending is not None
    assert table.depending.counts == (("A", 1), ("B", 4))
    assert problems(*lines) == [
        "customer.cpy:3:10: DEPENDING ON 'K', which is no whole number (PIC X); "
        "name a whole number, or say in `counts:` what its values mean"
    ]
    (unknown,) = problems(*lines[:2], profile=Profile(counts=(("T", (("A", 1),)),)))
    assert "counts: no table" in unknown


def test_synchronized_fields_stand_after_slack_bytes():
    """The examples of "Slack bytes within records" and "between records" of the Language Reference."""
    record = layout_of(
        "01  FIELD-A.",
        "    05  FIELD-B PIC X(5).",
        "    05  FIELD-C.",
        "        10  FIELD-D PIC XX.",
        "        10  FIELD-E PIC S9(6) COMP SYNC.",
        "01  FIELD-L.",
        "    05  FIELD-M PIC X.",
        "    05  FIELD-N PIC X.",
        "    05  FIELD-O.",
        "        10  FIELD-P PIC S9(6) COMP SYNC.",
        "01  WORK-RECORD.",
        "    05  WORK-CODE PIC X.",
        "    05  COMP-TABLE OCCURS 10 TIMES.",
        "        10  COMP-TYPE PIC X.",
        "        10  COMP-PAY PIC S9(4)V99 COMP SYNC.",
        "        10  COMP-HOURS PIC S9(3) COMP SYNC.",
        "        10  COMP-NAME PIC X(5).",
    )
    assert record.find("FIELD-E").place.offset == 8
    assert record.find("FIELD-O").place.offset == record.find("FIELD-P").place.offset == 4
    table = record.find("COMP-TABLE")
    assert (table.place.offset, table.length) == (1, 16)
    # The table's element begins at byte 1, and its fields are told from there
    assert [record.find(f"COMP-{name}").place.offset for name in ("TYPE", "PAY", "HOURS", "NAME")] == [0, 3, 7, 9]


def test_synchronized_takes_no_room_in_text_and_in_cobrix():
    lines = ("01 R SYNC.", "  05 A PIC X.", "  05 B PIC S9(3) COMP-3.", "  05 C COMP-2.")
    assert layout_of(*lines).length == 16
    assert layout_of(*lines, profile=COBRIX).length == 11


def test_renames_is_another_name_for_bytes():
    record = layout_of(
        "01  R.",
        "    05  A PIC X(2).",
        "    05  G.",
        "        10  B PIC S9(3) COMP-3.",
        "        10  C PIC X(4).",
        "    05  D PIC X.",
        "66  ALL-OF-G RENAMES G.",
        "66  FROM-A RENAMES A THRU C.",
        "66  OTHER-B RENAMES B.",
    )
    assert record.length == 9
    assert [(record.find(name).place.offset, record.find(name).length) for name in ("ALL-OF-G", "FROM-A")] == [
        (2, 6),
        (0, 8),
    ]
    assert record.schema.field("FROM-A").type == pa.string()
    assert record.schema.field("OTHER-B").type == pa.int16()
    assert record.find("OTHER-B").redefines == "B"


def test_records_of_a_file_redefine_one_another_and_those_of_cobrix_follow():
    lines = ("01 A.", "  05 X PIC X(4).", "01 B.", "  05 Y PIC X(9).")
    together, after = layout_of(*lines), layout_of(*lines, profile=COBRIX)
    assert (together.length, together.shortest) == (9, 4)
    assert [root.redefines for root in together.roots] == [None, "A"]
    assert places(together)["B.Y"] == (0, 0)
    assert (after.length, places(after)["B.Y"]) == (13, (4, 0))


def test_copybooks_are_merged():
    merged = placing.compile_layout(
        [parsed(("01 A.", "  05 X PIC X(4).")), parsed(("01 B.", "  05 Y PIC X(9)."))], COBRIX, shape="nested"
    )
    assert merged.length == 9
    assert merged.schema.names == ["X", "Y"]
    assert merged.roots[1].redefines == "A"


def test_merged_copybooks_have_records_of_different_names():
    with pytest.raises(ConfigurationError, match="another copybook has a record 'A', too"):
        placing.compile_layout([parsed(("01 A.", "  05 X PIC X."))] * 2)


def test_a_copybook_may_begin_below_level_01():
    lines = ("05 A PIC X.", "05 G.", "  10 B PIC X.")
    assert layout_of(*lines).schema.names == ["A", "B"]
    # To Cobrix the outermost groups are the records, unless there are fields beside them
    assert layout_of(*lines, profile=COBRIX, shape="nested", keep_root=True).schema.names == ["A", "G"]
    assert layout_of(*lines[1:], profile=COBRIX, shape="nested").schema.names == ["B"]
    assert layout_of(*lines[1:], profile=COBRIX, shape="nested", keep_root=True).schema.names == ["G"]


def test_a_record_may_be_one_field():
    record = layout_of("01 A PIC X(3).", "01 B PIC 9(5).")
    assert (record.length, record.schema.names) == (5, ["A", "B"])
    assert layout_of("01 A PIC X(3).", "01 B PIC 9(5).", profile=COBRIX).length == 8


def test_header_and_trailer_are_no_part_of_a_record():
    lines = ("01 H.", "  05 D PIC 9(8).", "01 R.", "  05 A PIC X(3).", "01 T.", "  05 N PIC 9(5).")
    record = layout_of(*lines, header="h", trailer="T")
    assert (record.length, record.schema.names) == (3, ["A"])
    assert record.header is not None
    assert record.trailer is not None
    assert (record.header.length, record.trailer.length) == (8, 5)
    (problem,) = problems(*lines, header="HH")
    assert "header_record: no level 01 is called 'HH'" in problem


def test_options_may_name_what_stands_in_any_record_and_nothing_else():
    lines = ("01 H.", "  05 TITLE PIC X.", "01 R.", "  05 N PIC 9.", "  05 T PIC X OCCURS 0 TO 3 DEPENDING ON N.")
    pages = Profile(field_code_pages=(("title", "cp500"), ("T", "cp273")), counts=(("t", (("1", 3),)),))
    record = layout_of(*lines, header="H", profile=pages)
    assert record.header is not None
    assert record.header.columns[0].code_page == "cp500"
    wrong = Profile(field_code_pages=(("TITEL", "cp500"),), counts=(("N", (("1", 3),)),))
    assert problems(*lines, header="H", profile=wrong) == [
        "counts: no table DEPENDING ON a field is called 'N'; use one of: T",
        "field_code_pages: no field is called 'TITEL'; did you mean 'TITLE'?",
    ]


def test_columns_have_their_shortest_unique_name():
    record = layout_of(
        "01  R.",
        "    05  HOME.",
        "        10  STREET PIC X.",
        "        10  PHONE  PIC X OCCURS 2.",
        "    05  WORK.",
        "        10  STREET PIC X.",
        "    05  FILLER.",
        "        10  LINE-1 PIC X.",
        "    05  FILLER     PIC X.",
        "    05  ITEMS OCCURS 2.",
        "        10  STREET PIC X.",
    )
    assert record.schema.names == ["HOME.STREET", "PHONE", "WORK.STREET", "LINE-1", "ITEMS"]
    assert record.schema.field("ITEMS").type == pa.list_(pa.struct({"STREET": pa.string()}))
    assert [output.path for output in record.outputs][:2] == [("R", "HOME", "STREET"), ("R", "HOME", "PHONE")]


NESTED = (
    "01  R.",
    "    05  Cust-Id  PIC 9.",
    "    05  FILLER   PIC X.",
    "    05  FILLER.",
    "        10  A    PIC X.",
    "        10  FILLER.",
    "            15  B PIC X.",
    "    05  G.",
    "        10  FILLER PIC X.",
    "    05  T OCCURS 2.",
    "        10  C    PIC X OCCURS 2.",
)


def test_groups_are_structs_and_fillers_are_numbered_as_cobrix_numbers_them():
    def names(**choices) -> list[str]:
        return layout_of(*NESTED, profile=COBRIX, shape="nested", **choices).schema.names

    assert names(fillers="groups") == ["Cust_Id", "FILLER_2", "T"]
    assert names(fillers="drop") == ["Cust_Id", "T"]
    assert layout_of(*NESTED, shape="nested").notes == (
        "customer.cpy:4:12: a FILLER group is left out, with A, B; `fillers: groups` keeps it",
        "customer.cpy:6:16: a FILLER group is left out, with B; `fillers: groups` keeps it",
    )
    assert names(fillers="keep") == ["Cust_Id", "FILLER_P1", "FILLER_2", "G", "T"]
    assert names(fillers="fields") == ["Cust_Id", "FILLER_P1", "G", "T"]
    assert names(fillers="keep", filler_names="previous") == ["Cust_Id", "FILLER_AFTER_Cust_Id",
        "FILLER_AFTER_FILLER_AFTER_Cust_Id", "G", "T"]  # fmt: skip
    kept = layout_of(*NESTED, profile=COBRIX, shape="nested", fillers="groups")
    assert kept.schema.field("FILLER_2").type == pa.struct(
        {"A": pa.string(), "FILLER_1": pa.struct({"B": pa.string()})}
    )


def test_the_record_itself_may_be_a_column():
    record = layout_of("01 R.", "  05 A PIC X.", shape="nested", keep_root=True)
    assert record.schema == pa.schema({"R": pa.struct({"A": pa.string()})})


def test_every_occurrence_may_be_a_column():
    record = layout_of(*NESTED, shape="flattened", fillers="groups")
    assert record.schema.names == ["CUST-ID", "A", "B", "T_1_C_1", "T_1_C_2", "T_2_C_1", "T_2_C_2"]
    assert record.outputs[4].index == (0, 1)
    assert record.outputs[4].path == ("R", "T", "C")
    (problem,) = problems("01 R.", "  05 T PIC X OCCURS 60000.", shape="flattened")
    assert "more than 50000 columns" in problem


def test_groups_may_be_text_too_and_fields_show_their_bytes():
    record = layout_of(
        "01 R.", "  05 G.", "    10 A PIC 9(3) COMP-3.", "    10 B PIC X.", profile=COBRIX, shape="nested",
        as_text=["g"], debug="hex",
    )  # fmt: skip
    assert record.schema.names == ["G", "G_NT"]
    assert record.schema.field("G").type == pa.struct(
        {"A": pa.int32(), "A_debug": pa.string(), "B": pa.string(), "B_debug": pa.string()}
    )
    assert (record.find("G_NT").place.offset, record.find("G_NT").length) == (0, 3)
    assert record.find("A_debug").encoding == "bytes"


def test_fields_are_found_by_name():
    record = layout_of("01 R.", "  05 G-1.", "    10 A PIC X.", "  05 H.", "    10 A PIC X.", "    10 B-C PIC X.")
    assert record.find("b_c").name == "B-C"
    assert record.find("g_1.a") is record.roots[0].columns[0].columns[0]
    assert record.find("R.H.A").place.offset == 1
    with pytest.raises(ConfigurationError, match=r"'A' stands in several groups of R; write one of: R.G-1.A, R.H.A"):
        record.find("A")
    with pytest.raises(ConfigurationError, match=r"'B-CC' does not stand in R; did you mean 'B-C'"):
        record.find("B-CC")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            ["05 A PIC X.", "05 B REDEFINES AA PIC X."],
            "3:10: 'B' redefines 'AA', which does not stand before it; did you mean 'A'?",
        ),
        (
            ["05 A PIC X.", "05 C PIC X.", "05 B REDEFINES A PIC X."],
            "4:10: 'B' redefines 'A', but 'C' lies between the two; move it directly behind 'A'",
        ),
        (
            ["05 G.", "   10 A PIC X.", "05 B REDEFINES A PIC X."],
            "4:10: 'B' redefines 'A', which stands at level 10 in line 3, not directly before it in 'R'; use one of: G",
        ),
        (
            ["05 A REDEFINES B PIC X.", "05 B PIC X."],
            "2:10: 'A' redefines 'B', but is the first of its group; name an item directly before it",
        ),
        (
            ["05 KOUNT PIC 9.", "05 T PIC X OCCURS 0 TO 3 DEPENDING ON COUNT."],
            "3:10: 'T' depends on 'COUNT', which the record does not hold; did you mean 'KOUNT'?",
        ),
        (
            ["05 T PIC X OCCURS 0 TO 3 DEPENDING ON N.", "05 N PIC 9."],
            "2:10: 'T' depends on 'N', which stands behind it, in line 3; "
            "name a field before the table: a reader must know the count first",
        ),
        (
            ["05 U OCCURS 2.", "   10 N PIC 9.", "05 T PIC X OCCURS 0 TO 3 DEPENDING ON N."],
            "4:10: 'T' depends on 'N', which stands in the table 'U' and has many values; "
            "name a field outside of tables, or of the same one",
        ),
        (
            ["05 N.", "   10 M PIC 9.", "05 T PIC X OCCURS 0 TO 3 DEPENDING ON N."],
            "4:10: DEPENDING ON 'N' names a group; name a field in it",
        ),
        (
            ["05 CUST-A PIC X.", "66 B RENAMES CUST-AA."],
            "3:10: 'B' renames 'CUST-AA', which the record does not hold; did you mean 'CUST-A'?",
        ),
        (
            ["05 T OCCURS 2.", "   10 A PIC X.", "66 B RENAMES A."],
            "4:10: 'B' renames 'A', which occurs several times; rename an item outside of tables",
        ),
        (
            ["05 A PIC X.", "05 B PIC X.", "66 C RENAMES B THRU A."],
            "4:10: 'C' renames a range that ends before it begins; swap the two names",
        ),
        (
            ["05 A PIC X.", "05 A PIC X."],
            "3:10: 'A' stands twice in its group; rename one of them, or make it FILLER",
        ),
        (
            ["05 A PIC X(3) COMP-3."],
            "2:10: 'A': PICTURE X(3) describes characters and cannot be COMP-3; "
            "leave out COMP-3, or describe a number: PIC 9(n)",
        ),
        (
            ["05 A PIC 9(19) COMP."],
            "2:10: 'A': PICTURE 9(19) COMP has 19 digits; at most 18 are possible; "
            "check the picture, or COMP-3 was meant",
        ),
        (
            ["05 A PIC X(9999) OCCURS 9999."],
            "1:8: a record of 99,980,001 bytes; at most 67,108,864 can be read; check the OCCURS and PICTURE counts",
        ),
        (["05 FILLER PIC X."], "1:8: the record has no field but FILLER; name a field, or set `fillers: keep`"),
    ],
)
def test_problems_are_told_with_their_place(lines, expected):
    assert problems("01 R.", *("  " + line for line in lines)) == [f"customer.cpy:{expected}"]


def test_all_problems_are_told_at_once():
    found = problems("01 R.", "  05 A REDEFINES B PIC X.", "  05 C PIC X COMP-3.", "  05 C PIC 9.")
    assert [problem.split(":")[1] for problem in found] == ["2", "3", "4"]


COBRIX_LAYOUT_OPTIONS = {
    "schema_retention_policy", "pedantic", "encoding", "record_format", "variable_size_occurs",
    "string_trimming_policy", "improved_null_detection", "strict_sign_overpunching", "ascii_charset",
    "ebcdic_code_page", "input_split_records",
    "is_rdw_big_endian", "is_bdw_big_endian", "rdw_adjustment", "bdw_adjustment", "floating_point_format", "is_text",
}  # fmt: skip


def test_records_of_cobrix_have_its_names_kinds_and_lengths(cobrix_data):
    """Rows that Cobrix read show the names and kinds of its columns; files of fixed length how long a record is."""
    cases = json.loads((cobrix_data / "cases.json").read_text())["cases"]
    shown = told = 0
    for case in cases:
        options = case.get("options", {})
        if case["kind"] != "inline" or not case["copybooks"] or not options.keys() <= COBRIX_LAYOUT_OPTIONS:
            continue
        record = placing.load(
            [cobrix_data / name for name in case["copybooks"]],
            Profile(name="cobrix", shift_after_tables=options.get("variable_size_occurs") == "true"),
            shape="nested",
            keep_root=options.get("schema_retention_policy") == "keep_original",
            fillers="groups",
        )
        for line in (cobrix_data / case["expected"]).read_text().splitlines()[:20]:
            if line.strip():
                fits(case["id"], json.loads(line, parse_float=str), pa.struct(list(record.schema)))
                shown += 1
        fixed = options.get("record_format", "F") == "F" and not options.keys() & {"is_text", "variable_size_occurs"}
        if fixed and case["rows"] < 2000:
            assert (case["id"], sum((cobrix_data / name).stat().st_size for name in case["data"])) == (
                case["id"],
                case["rows"] * record.length,
            )
            told += 1
    assert (shown > 200, told > 20) == (True, True)


def fits(case: str, value: object, kind: pa.DataType) -> None:
    """Say that a value of expected rows is of a kind: a struct that has all its names, a list, text or a number."""
    if isinstance(value, dict):
        assert set(value) <= {field.name for field in kind}, case
        for name, below in value.items():
            fits(case, below, kind.field(name).type)
    elif isinstance(value, list):
        for below in value:
            fits(case, below, kind.value_type)
    elif pa.types.is_decimal(kind):
        assert len(str(value).partition(".")[2]) == kind.scale, case
    elif isinstance(value, int):
        assert pa.types.is_integer(kind), case
    else:
        assert pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_floating(kind), case


# Properties, of copybooks that are made up

PICTURES = ("X(3)", "9(4)", "S9(5)V99 COMP-3", "S9(9) COMP", "A")


@dataclass
class Item:
    """An entry of a made-up copybook."""

    name: str
    clauses: str
    children: list["Item"]
    most: int = 1
    counted_by: str | None = None

    def lines(self, level: int) -> Iterator[str]:
        occurs = f" OCCURS {self.most}" if self.most > 1 and not self.counted_by else ""
        if self.counted_by:
            occurs = f" OCCURS 0 TO {self.most} DEPENDING ON {self.counted_by}"
        yield f"{level:02} {self.name}{self.clauses}{occurs}."
        for child in self.children:
            yield from child.lines(level + 2)


@st.composite
def items(draw, depth: int = 2, names: Iterator[int] | None = None, counters: tuple[str, ...] = ()) -> list[Item]:
    """Draw the entries of a group: fields, counters, groups and tables; counters come before what they count."""
    names = names or count()
    made: list[Item] = []
    for _ in range(draw(st.integers(1, 3))):
        name = f"N{next(names)}"
        most = draw(st.sampled_from([1, 1, 2, 3]))
        counted_by = draw(st.sampled_from([None, *counters]))
        if draw(st.booleans()) and depth:
            children = draw(items(depth - 1, names, counters))
            made.append(Item(name, "", children, most, counted_by))
        elif draw(st.booleans()):
            made.append(Item(name, " PIC 9", []))
            counters = (*counters, name)
        else:
            made.append(Item(name, f" PIC {draw(st.sampled_from(PICTURES))}", [], most, counted_by))
    return made


def made_up(entries: list[Item], **choices) -> Layout:
    return layout_of("01 R.", *(line for item in entries for line in item.lines(2)), **choices)


def walked(entries: list[Item], sizes: dict[str, int], elements: Callable[[Item], int]) -> list[tuple[str, int]]:
    """Return where every field begins, as a program that reads the record byte by byte finds them."""
    found: list[tuple[str, int]] = []
    at = 0

    def visit(item: Item) -> None:
        nonlocal at
        for _ in range(elements(item)):
            if not item.children:
                found.append((item.name, at))
                at += sizes[item.name]
            for child in item.children:
                visit(child)

    for entry in entries:
        visit(entry)
    return [*found, ("", at)]


def resolved(record: Layout, elements: Callable[[str, int], int]) -> list[tuple[str, int]]:
    """Return the same from the layout: places told from anchors."""
    found: list[tuple[str, int]] = []

    def visit(columns: Sequence[Column], anchors: dict[int, int]) -> None:
        for column in columns:
            at = anchors[column.place.anchor] + column.place.offset
            if isinstance(column, Field):
                found.append((column.name, at))
            elif isinstance(column, Group):
                visit(column.columns, anchors)
            else:
                for _ in range(elements(column.name, column.most) if column.depending else column.most):
                    inner = {0: at}
                    visit([column.element], inner)
                    at = inner[column.end.anchor] + column.end.offset
                if not column.fixed:
                    anchors[column.ends] = at

    anchors = {0: 0}
    visit(record.roots, anchors)
    return [*found, ("", anchors[record.end.anchor] + record.end.offset)]


@given(entries=items(), seed=st.integers(0, 2**32))
def test_places_are_where_a_program_that_reads_byte_by_byte_finds_the_fields(entries, seed):
    record = made_up(entries)
    sizes = {column.name: column.length for _, column in walk(record.roots) if not isinstance(column, Group)}
    first, second = Random(seed), Random(seed)
    assert resolved(record, lambda _, most: first.randint(0, most)) == walked(
        entries, sizes, lambda item: second.randint(0, item.most) if item.counted_by else item.most
    )


@given(entries=items())
def test_a_record_is_as_long_as_its_fields_together(entries):
    record = made_up(entries)
    sizes = {column.name: column.length for _, column in walk(record.roots) if not isinstance(column, Group)}
    assert ("", record.length) == walked(entries, sizes, lambda item: item.most)[-1]
    assert ("", record.shortest) == walked(entries, sizes, lambda item: 0 if item.counted_by else item.most)[-1]
    assert record.variable == any(" DEPENDING " in line for entry in entries for line in entry.lines(2))


@given(entries=items(), shape=st.sampled_from(["names", "nested", "flattened"]), profile=st.sampled_from([IBM, COBRIX]))
def test_names_are_unique_in_every_shape(entries, shape, profile):
    record = made_up(entries, shape=shape, profile=profile)
    assert len(set(record.schema.names)) == len(record.schema.names)
    for output in record.outputs:
        found = record.find(".".join(output.path))
        assert found is output.column or (isinstance(found, Table) and found.element is output.column)
        assert output.type == output.column.type


@given(entries=items())
def test_flattened_has_a_column_for_every_occurrence(entries):
    record = made_up(entries, shape="flattened")
    sizes = {column.name: column.length for _, column in walk(record.roots) if not isinstance(column, Group)}
    assert len(record.outputs) == len(walked(entries, sizes, lambda item: item.most)) - 1


@given(entries=items())
def test_what_counts_a_table_stands_in_the_frame_that_the_table_says(entries):
    record = made_up(entries)
    counted = 0

    def visit(columns: Sequence[Column], frames: list[list[int]]) -> None:
        nonlocal counted
        for column in columns:
            frames[0].append(id(column))
            if isinstance(column, Group):
                visit(column.columns, frames)
            elif isinstance(column, Table):
                if column.depending is not None:
                    counted += 1
                    assert id(column.depending.field) in frames[column.depending.outer]
                visit([column.element], [[], *frames])

    visit(record.roots, [[]])
    assert counted == sum(" DEPENDING " in line for entry in entries for line in entry.lines(2))


@given(before=st.lists(st.sampled_from(PICTURES), max_size=3), others=st.lists(items(depth=1), min_size=1, max_size=3))
def test_only_redefinitions_overlap(before, others):
    lines = [f"  05 B{number} PIC {picture}." for number, picture in enumerate(before)]
    for number, entries in enumerate(others):
        redefines = f" REDEFINES G{number - 1}" if number else ""
        lines.append(f"  05 G{number}{redefines}.")
        lines.extend(line for entry in entries for line in _renamed(entry, number).lines(10))
    record = layout_of("01 R.", *lines, "  05 LAST PIC X.", profile=Profile(shift_after_tables=False))
    columns = record.roots[0].columns
    groups = [column for column in columns if column.name.startswith("G")]
    assert {group.place for group in groups} == {groups[0].place}
    assert record.find("LAST").place.offset == groups[0].place.offset + max(group.length for group in groups)
    kept = [column for column in columns if column.redefines is None]
    for earlier, later in pairwise(kept):
        assert earlier.place.offset + earlier.length <= later.place.offset


def _renamed(item: Item, number: int) -> Item:
    """Return an entry with names of its own."""
    children = [_renamed(child, number) for child in item.children]
    counted_by = f"{item.counted_by}-{number}" if item.counted_by else None
    return Item(f"{item.name}-{number}", item.clauses, children, item.most, counted_by)


def test_a_layout_is_shown_row_by_row_and_as_a_ruler_of_its_bytes():
    record = layout_of(
        "01  R.",
        "    05  N PIC 9.",
        "        88  FEW VALUE 1, 3 THRU 5.",
        "    05  FILLER PIC X(2).",
        "    05  F OCCURS 2.",
        "        10  A PIC X(2).",
        "        10  B PIC 9(4) COMP.",
        "    05  T PIC X(3) OCCURS 0 TO 5 DEPENDING ON N.",
        "    05  E REDEFINES T PIC X.",
        "    05  U PIC X OCCURS 0 TO 2 DEPENDING ON N.",
        "    05  Z PIC X(4).",
    )
    rows = {row.name: row for row in describe.describe(record)}
    assert rows["N"].conditions == ("FEW (1, 3 to 5)",)
    assert (rows["F"].occurs, rows["F"].length, rows["F"].column) == ("2", 4, "F")
    assert (rows["B"].offset, rows["B"].depth, rows["B"].column) == (5, 2, "F[*].B")
    assert (rows["B"].picture, rows["B"].type) == ("PIC 9(4) COMP", "uint16")
    assert rows["T"].occurs == "0 to 5 depending on N"
    assert (rows["E"].redefines, rows["E"].mark) == ("T", None)
    assert rows["Z"].offset == "+0 after U"
    assert rows["FILLER"].column is None
    assert describe.ruler(list(rows.values())) == [
        "          0       8       10      18      20      28      30      38",
        "00000000  A..BBCCBBCCDDDDDDDDDDDDDDDEE",
    ]

"""Copybooks to layouts, and what is said about those that cannot be read."""

from pathlib import Path

import pyarrow as pa
import pytest

from adapters.mainframe.flat import parser
from adapters.mainframe.flat.layout import Layout, compile_layout, fields
from foundation.errors import ConfigurationError

COPYBOOK = Path("customer.cpy")


def layout(*lines: str) -> Layout:
    """Compile lines that start in column 8."""
    return compile_layout(parser.parse("\n".join("       " + line for line in lines), COPYBOOK))


def problems(*lines: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        layout(*lines)
    return [str(problem) for problem in caught.value.problems]


def test_offsets_lengths_and_types():
    record = layout(
        "01  CUSTOMER.",
        "    05  ID          PIC 9(9) COMP.",
        "    05  NAME.",
        "        10  FIRST   PIC X(20).",
        "        10  FILLER  PIC X(5).",
        "        10  LAST    PIC A(25).",
        "    05  BALANCE     PIC S9(11)V99 COMP-3.",
        "    05  LIMIT       PIC S9(9)V99 LEADING SEPARATE CHARACTER.",
        "    05  STATUS      PIC S9(4) USAGE IS BINARY.",
        "    05  POINTS      PIC 9(7) PACKED-DECIMAL.",
        "    05  AGE         PIC 99.",
        "    05  STAMP       PIC S9(18) COMP-5.",
        "    05  BIG         PIC 9(20).",
    )
    assert record.length == 4 + 50 + 7 + 12 + 2 + 4 + 2 + 8 + 20
    assert [(path, offset, field.length) for path, offset, field in fields(record)] == [
        ("ID", 0, 4),
        ("FIRST", 4, 20),
        ("LAST", 29, 25),
        ("BALANCE", 54, 7),
        ("LIMIT", 61, 12),
        ("STATUS", 73, 2),
        ("POINTS", 75, 4),
        ("AGE", 79, 2),
        ("STAMP", 81, 8),
        ("BIG", 89, 20),
    ]
    assert record.schema == pa.schema(
        {
            "ID": pa.uint32(),
            "FIRST": pa.string(),
            "LAST": pa.string(),
            "BALANCE": pa.decimal128(13, 2),
            "LIMIT": pa.decimal128(11, 2),
            "STATUS": pa.int16(),
            "POINTS": pa.int32(),
            "AGE": pa.int8(),
            "STAMP": pa.int64(),
            "BIG": pa.decimal128(20, 0),
        }
    )


def test_occurs_makes_lists():
    record = layout(
        "01  R.",
        "    05  LINE      PIC X(10) OCCURS 3 TIMES.",
        "    05  ITEM      OCCURS 2 INDEXED BY I J.",
        "        10  CODE  PIC X(2).",
        "        10  PRICE PIC 9(3)V99 OCCURS 4 TIMES",
        "            ASCENDING KEY IS PRICE.",
        "    05  FILLER    OCCURS 2.",
        "        10  MARK  PIC X.",
        "    05  TAIL      PIC X.",
    )
    assert record.length == 30 + 2 * 22 + 2 + 1
    item = pa.struct({"CODE": pa.string(), "PRICE": pa.list_(pa.decimal128(5, 2))})
    assert record.schema == pa.schema(
        {
            "LINE": pa.list_(pa.string()),
            "ITEM": pa.list_(item),
            "FILLER-1": pa.list_(pa.struct({"MARK": pa.string()})),
            "TAIL": pa.string(),
        }
    )
    assert [(path, offset) for path, offset, _ in fields(record)] == [
        ("LINE[*]", 0),
        ("ITEM[*].CODE", 30),
        ("ITEM[*].PRICE[*]", 32),
        ("FILLER-1[*].MARK", 74),
        ("TAIL", 76),
    ]


def test_a_name_in_several_groups_is_qualified_as_far_as_needed():
    record = layout(
        "01  R.",
        "    05  HOME.",
        "        10  CITY    PIC X.",
        "        10  ZIP     PIC X.",
        "    05  WORK.",
        "        10  CITY    PIC X.",
        "        10  SITE.",
        "            15  ROOM PIC X.",
        "    05  OLD.",
        "        10  SITE.",
        "            15  ROOM PIC X.",
    )
    assert record.schema.names == ["HOME.CITY", "ZIP", "WORK.CITY", "WORK.SITE.ROOM", "OLD.SITE.ROOM"]


def test_usage_and_sign_of_a_group_hold_for_its_fields():
    record = layout(
        "01  R.",
        "    05  AMOUNTS USAGE COMP-3.",
        "        10  A PIC S9(5).",
        "        10  B PIC S9(5) COMP.",
        "    05  SIGNED SIGN LEADING SEPARATE.",
        "        10  C PIC S9(5).",
    )
    assert [(field.encoding, field.length) for _, _, field in fields(record)] == [
        ("packed", 3),
        ("binary", 4),
        ("zoned", 6),
    ]


def test_fixed_format_columns_and_comments():
    text = "\n".join(
        [
            "000100* a comment; PIC ?",
            "000200/ another",
            "000300 01  REC.                                                         ID000001",
            "000400     05 A PIC X(3). *> to the end",
            "000500D    05 DEBUG-ONLY PIC X.",
            "",
            "000600     05 B PIC X(4).",
        ]
    )
    record = compile_layout(parser.parse(text, COPYBOOK))
    assert record.schema.names == ["A", "B"]
    assert record.length == 7


def test_columns_73_to_80_are_not_read():
    line = "    05  A PIC X(3)".ljust(72 - 7) + "."
    assert problems("01  R.", line, "    05  B PIC X.") == [
        "customer.cpy:3:12: the entry before this is not ended; end it with a period within column 72"
    ]


def test_condition_names_stay_with_their_field():
    record = layout(
        "01  R.",
        "    05  STATUS PIC X VALUE 'A'.",
        "        88  ACTIVE VALUE 'A'.",
        "        88  GONE   VALUES ARE 'D', 'X' THRU 'Z' SPACES.",
        "        88  QUOTED VALUE 'it''s'.",
    )
    ((_, _, field),) = fields(record)
    assert [(condition.name, condition.values) for condition in field.conditions] == [
        ("ACTIVE", (("A", None),)),
        ("GONE", (("D", None), ("X", "Z"), ("SPACES", None))),
        ("QUOTED", (("it's", None),)),
    ]


def test_level_77_is_left_out_with_a_note():
    record = layout("01  R.", "    05  A PIC X.", "77  COUNTER PIC 9(4) COMP.")
    assert record.length == 1
    assert record.notes == ("customer.cpy:3:8: level 77 'COUNTER' is no part of a record",)


def test_a_copybook_without_level_01_is_one_record():
    record = layout("    05  A PIC X(3).", "    05  B PIC 9(2).")
    assert record.length == 5


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("05 A PIC Z(5)9.", "customer.cpy:2:17: PICTURE Z(5)9: symbol 'Z' is not supported"),
        ("05 A PIC X(3)V.", "customer.cpy:2:17: PICTURE X(3)V: S may stand only first"),
        ("05 A PIC 9(32).", "customer.cpy:2:17: PICTURE 9(32): a number has 1 to 31 digits, this one 32"),
        ("05 A PIC X(0).", "customer.cpy:2:17: PICTURE X(0): a repetition count of 0 is impossible"),
        ("05 A PIC 99P.", "customer.cpy:2:19: PICTURE 99P: symbol 'P' is not supported"),
        ("05 A COMP-1.", "customer.cpy:2:13: USAGE COMP-1 is not supported (supported: DISPLAY"),
        ("05 A PIC X USAGE COMPP.", "customer.cpy:2:25: 'COMPP' is not a USAGE; did you mean 'COMP'?"),
        ("05 A PIC X REDEFINES B.", "customer.cpy:2:19: REDEFINES is not supported"),
        ("05 A PIC X OCCURS 1 TO 5 DEPENDING ON N.", "customer.cpy:2:28: OCCURS … DEPENDING ON is not supported"),
        ("05 A PIC X OCURS 3.", "customer.cpy:2:19: 'OCURS' is not a clause; did you mean 'OCCURS'?"),
        ("05 A PIC 9(19) COMP.", "customer.cpy:2:8: PICTURE 9(19) COMP has 19 digits; at most 18"),
        ("05 A PIC X(3) COMP-3.", "customer.cpy:2:8: 'A' is text (PICTURE X(3)) and cannot be COMP-3"),
        ("05 A.", "customer.cpy:2:8: 'A' has no PICTURE and nothing below it"),
        ("66 B RENAMES A.", "customer.cpy:2:8: level 66 (RENAMES) is not supported"),
        ("COPY OTHER.", "customer.cpy:2:8: COPY is not supported"),
        ("HELLO.", "customer.cpy:2:8: 'HELLO' stands where a level number"),
        ("05 A PIC X VALUE 'open.", "customer.cpy:2:25: ''open.' is not COBOL"),
    ],
)
def test_what_is_not_supported_is_named_with_its_place(line: str, expected: str):
    found = problems("01  R.", line, "    05 LAST PIC X.")
    assert any(problem.startswith(expected) for problem in found), found


def test_all_problems_of_a_copybook_come_at_once():
    found = problems("01  R.", "    05  A PIC Q.", "    05  B PIC X", "    05  C PIC X.", "    05  D PIC X.")
    assert [problem.partition(";")[0] for problem in found] == [
        "customer.cpy:2:22: PICTURE Q: symbol 'Q' is not supported (supported: X A 9 S V)",
        "customer.cpy:4:12: the entry before this is not ended",
    ]


def test_the_same_name_twice_in_one_group_is_refused():
    assert problems("01  R.", "    05  A PIC X.", "    05  A PIC X.") == [
        "customer.cpy:3:12: 'A' stands twice in its group; rename one of them, or make it FILLER"
    ]


def test_a_second_record_is_refused():
    assert "a second record, 'S'" in problems("01  R.", "    05  A PIC X.", "01  S.", "    05  B PIC X.")[0]


def test_a_missing_copybook_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"nothing\.cpy: cannot read the copybook: No such file"):
        parser.load(tmp_path / "nothing.cpy")


def test_an_empty_copybook_is_refused():
    assert problems("") == ["customer.cpy:1: the copybook describes no record"]

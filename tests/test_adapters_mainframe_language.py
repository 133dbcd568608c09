"""The language of copybooks: what is read, in which layout of the page, and what is said of what cannot be read."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from adapters.mainframe.copybook import copying, parser, picture
from adapters.mainframe.copybook.picture import Picture, PictureError
from adapters.mainframe.copybook.syntax import Copybook, Entry, Occurs, Sign, Usage
from foundation.errors import ConfigurationError

FILE = Path("customer.cpy")


def fixed(text: str) -> str:
    """``text`` as it stands in columns 8 to 72."""
    lines = [f"       {line}\n" for line in dedent(text).strip("\n").splitlines()]
    assert all(len(line) <= 73 for line in lines)
    return "".join(lines)


def read(text: str, **options: object) -> Copybook:
    return parser.parse(text, FILE, **options)  # type: ignore[arg-type]


def entry(text: str, **options: object) -> Entry:
    """The one entry below a record."""
    lines = "\n    ".join(re.findall(r".{1,60}(?: |$)", text)) if len(text) > 60 and "\n" not in text else text
    (record,) = read(fixed(f"01  R.\n    {lines}"), **options).records
    (found,) = record.children
    return found


def problems(text: str, **options: object) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(text, **options)
    return [str(problem) for problem in caught.value.problems]


def outline(entries: tuple[Entry, ...] | list[Entry], depth: int = 0) -> list[str]:
    """The tree, one line an entry."""
    lines = []
    for each in entries:
        lines.append(f"{'  ' * depth}{each.level:02} {each.name or 'FILLER'}")
        lines += outline(each.children, depth + 1)
    return lines


# --- pictures


NUMBER = {"category": "number"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("X(30)", Picture(text="X(30)", category="text", size=30)),
        ("xx(3)A9", Picture(text="xx(3)A9", category="text", size=6)),
        ("9", Picture(text="9", **NUMBER, size=1)),
        ("S9(11)V99", Picture(text="S9(11)V99", **NUMBER, size=13, scale=2, signed=True)),
        ("SV9(4)", Picture(text="SV9(4)", **NUMBER, size=4, scale=4, signed=True)),
        ("9(5)V", Picture(text="9(5)V", **NUMBER, size=5)),
        ("9(3)PPP", Picture(text="9(3)PPP", **NUMBER, size=3, scale=-3)),
        ("VP(2)99", Picture(text="VP(2)99", **NUMBER, size=2, scale=4)),
        ("SPP9", Picture(text="SPP9", **NUMBER, size=1, scale=3, signed=True)),
        ("9(5).99", Picture(text="9(5).99", **NUMBER, size=7, scale=2, point=".")),
        ("+9(3)", Picture(text="+9(3)", **NUMBER, size=3, signed=True, sign_char="+", sign_first=True)),
        ("99.9-", Picture(text="99.9-", **NUMBER, size=3, scale=1, signed=True, point=".", sign_char="-")),
        ("9V9+", Picture(text="9V9+", **NUMBER, size=2, scale=1, signed=True, sign_char="+")),
        ("N(4)", Picture(text="N(4)", category="national", size=4)),
        ("G(4)", Picture(text="G(4)", category="dbcs", size=4)),
    ],
)
def test_a_picture_says_what_a_value_is(text, expected):
    assert picture.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("ZZ9", 3), ("Z(5)9.99", 9), ("$$,$$9.99", 9), ("***,**9.99CR", 12), ("99/99/9999", 10), ("XXBXX", 5),
        ("--,--9", 6), ("+(8)", 8), ("9(3)B99", 6), ("ZZZV99", 5), ("9,999.99DB", 10), ("990", 3), ("-9.99E+99", 9),
        ("€€9", 3), ("Z9PP", 2),
    ],
)  # fmt: skip
def test_an_edited_picture_is_text_of_its_length(text, characters):
    found = picture.parse(text)
    assert (found.category, found.size, found.length) == ("edited", characters, characters)


def test_characters_of_sign_and_point_take_room_beside_the_digits():
    assert [picture.parse(text).length for text in ("S9(5)V99", "9(5).99", "+9(5).99", "9(5)PP")] == [7, 8, 9, 5]


def test_with_decimal_comma_point_and_comma_change_places():
    found = picture.parse("9(5),99", decimal_comma=True)
    assert (found.category, found.size, found.scale, found.point) == ("number", 7, 2, ",")
    assert picture.parse("9.999,99", decimal_comma=True).category == "edited"
    with pytest.raises(PictureError, match="only one decimal point"):
        picture.parse("9,999,99", decimal_comma=True)


@pytest.mark.parametrize(
    ("text", "digits", "scale"),
    [("Z(5)", 5, 0), ("Z(5)VZZ", 7, 2), ("ZZ9.99", 5, 2), ("+999,99", 5, 2), ("9(3)VPP99", 5, 4)],
)
def test_cobrix_takes_more_pictures_for_numbers(text, digits, scale):
    found = picture.parse(text, lenient=True)
    assert (found.category, found.size, found.scale) == ("number", digits, scale)


def test_a_sign_in_the_last_digit_may_stand_beside_a_point_that_is_a_character():
    found = picture.parse("S9(2).9(2)")
    assert (found.category, found.size, found.scale, found.signed, found.length) == ("number", 4, 2, True, 5)


def test_cobrix_pictures_that_are_no_numbers_stay_what_they_are():
    for text in ("X(3)", "--,--9", "$$,$$9.99", "99/99/99", "N(3)"):
        assert picture.parse(text, lenient=True) == picture.parse(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("9(3)Z", "do not go together in this order"),
        ("ZZ**9", "do not go together in this order"),
        ("$$ZZ9", "do not go together in this order"),
        ("--9CR", "do not go together in this order"),
        ("SX(3)", "behind S only 9, V and P may stand"),
        ("9(3)S", "S may stand only once, as the first symbol"),
        ("9V9V9", "only one decimal point"),
        ("99V9.9", "only one decimal point"),
        ("9P9", "do not go together in this order"),
        ("9(3)VXX", "do not go together in this order"),
        ("+9(3)+", "do not go together in this order"),
        ("9+9", "do not go together in this order"),
        ("SP(3)", "no digit and no character"),
        ("9(77)", "a number of 77 digits; at most 76"),
        ("9(70)P(9)", "a number of 79 digits"),
        ("X(0)", "impossible repetition"),
        ("X(9999999999)", "impossible repetition"),
        ("V(5)", "impossible repetition"),
        ("X(5", "is not closed"),
        ("X()", "impossible repetition"),
        ("(5)", "stands behind no symbol"),
        ("X(999999999)", "more than the 134217727"),
        ("X" * 300, "longer than the 256 characters"),
        ("Y(5)", "'Y' is no symbol of a picture; expected X A N G 9 S V P Z"),
    ],
)
def test_an_impossible_picture_is_refused_with_its_reason(text, complaint):
    with pytest.raises(PictureError) as caught:
        picture.parse(text)
    assert complaint in str(caught.value)


# --- clauses


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        ("DISPLAY", Usage.DISPLAY),
        ("COMP COMPUTATIONAL COMP-4 COMPUTATIONAL-4 BINARY", Usage.BINARY),
        ("COMP-5 COMPUTATIONAL-5", Usage.NATIVE),
        ("COMP-9", Usage.LITTLE),
        ("COMP-X", Usage.BYTES),
        ("COMP-3 COMPUTATIONAL-3 PACKED-DECIMAL", Usage.PACKED),
        ("COMP-6 COMP-3U COMPUTATIONAL-3U", Usage.UNSIGNED_PACKED),
    ],
)
def test_a_usage_has_many_spellings(words, usage):
    for word in words.split():
        assert entry(f"05 A PIC 9(4) {word}.").usage is usage
        assert entry(f"05 A USAGE IS {word.lower()} PIC 9(4).").usage is usage


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        ("COMP-1", Usage.FLOAT),
        ("USAGE COMPUTATIONAL-2", Usage.DOUBLE),
        ("POINTER", Usage.POINTER),
        ("USAGE IS POINTER-32", Usage.POINTER),
        ("FUNCTION-POINTER", Usage.POINTER),
        ("USAGE OBJECT REFERENCE Customer", Usage.POINTER),
        ("PROCEDURE-POINTER", Usage.PROCEDURE_POINTER),
        ("INDEX", Usage.INDEX),
    ],
)
def test_some_usages_need_no_picture(words, usage):
    found = entry(f"05 A {words}.")
    assert (found.usage, found.picture) == (usage, None)


@pytest.mark.parametrize(
    ("clauses", "expected"),
    [
        ("PIC S9(3) SIGN IS LEADING SEPARATE CHARACTER", {"sign": Sign(leading=True, separate=True)}),
        ("PIC S9(3) TRAILING SEPARATE", {"sign": Sign(separate=True)}),
        ("PIC S9(3) SIGN LEADING", {"sign": Sign(leading=True)}),
        ("OCCURS 12 TIMES PIC X", {"occurs": Occurs(least=12, most=12)}),
        ("PIC X OCCURS 3", {"occurs": Occurs(least=3, most=3)}),
        ("PIC X OCCURS 0 TO 9 TIMES DEPENDING ON N", {"occurs": Occurs(least=0, most=9, depending="N")}),
        ("PIC X OCCURS 9 DEPENDING ON N OF B IN C", {"occurs": Occurs(least=0, most=9, depending="C.B.N")}),
        (
            "OCCURS 1 TO 9 DEPENDING N ASCENDING KEY IS A B INDEXED BY I, J PIC X",
            {"occurs": Occurs(least=1, most=9, depending="N")},
        ),
        ("OCCURS 5 INDEXED I PIC X", {"occurs": Occurs(least=5, most=5)}),
        ("REDEFINES B-C PIC X", {"redefines": "B-C"}),
        ("PIC X REDEFINES b-c", {"redefines": "B-C"}),
        ("PIC S9(4) COMP SYNC LEFT", {"synchronized": True, "usage": Usage.BINARY}),
        ("PIC S9(4) BINARY SYNCHRONIZED RIGHT", {"synchronized": True}),
        ("PIC X(4) JUST", {"justified": True}),
        ("PIC X(4) JUSTIFIED RIGHT", {"justified": True}),
        ("PIC 9(4) BLANK WHEN ZEROES", {"blank_when_zero": True}),
        ("PIC 9(4) BLANK ZERO", {"blank_when_zero": True}),
        ("PIC 9(4) VALUE 7", {"value": "7"}),
        ("PIC S9V9 VALUE IS -1.5", {"value": "-1.5"}),
        ("PIC X(9) VALUE 'it''s'", {"value": "it's"}),
        ('PIC X(9) VALUE "say ""so"""', {"value": 'say "so"'}),
        ("PIC X VALUE ALL '*'", {"value": "ALL *"}),
        ("PIC X VALUE HIGH-VALUES", {"value": "HIGH-VALUES"}),
        ("PIC X VALUE X'0A'", {"value": "X'0A'"}),
        ("PIC N VALUE N'é'", {"value": "é"}),
        ("PIC X(4) VALUE 'ab' & 'cd'", {"value": "abcd"}),
        ("IS GLOBAL PIC X EXTERNAL AS 'x'", {"value": None}),
        ("DATE FORMAT YYXX PIC X(4)", {"value": None}),
        ("PACKED-DECIMAL WITH NO SIGN PIC 9(4)", {"usage": Usage.UNSIGNED_PACKED}),
        ("GROUP-USAGE IS NATIONAL PIC N", {"usage": Usage.NATIONAL}),
    ],
)
def test_clauses(clauses, expected):
    found = entry(f"05 A {clauses}.")
    assert {name: getattr(found, name) for name in expected} == expected


def test_conditions_keep_their_values_and_ranges():
    found = entry(
        """05 STATUS-CODE PIC X.
           88 ACTIVE VALUE 'A'.
           88 CLOSED VALUES ARE 'C', 'D' THRU 'F'
                     'X' THROUGH 'Z'.
           88 NONE-SAID VALUE IS SPACE WHEN SET TO FALSE IS 'N'.
           88 HIGH VALUE -5 THRU 10 HIGH-VALUE.
           88 OVER-LINES VALUES 1 THRU 9,
                         10 THRU 19
                         20."""
    )
    assert {condition.name: condition.values for condition in found.conditions} == {
        "ACTIVE": (("A", None),),
        "CLOSED": (("C", None), ("D", "F"), ("X", "Z")),
        "NONE-SAID": (("SPACE", None),),
        "HIGH": (("-5", "10"), ("HIGH-VALUE", None)),
        "OVER-LINES": (("1", "9"), ("10", "19"), ("20", None)),
    }


def test_names_are_kept_as_written_beside_their_upper_case():
    found = entry("05 Customer-No_1 PIC 9.")
    assert (found.name, found.written) == ("CUSTOMER-NO_1", "Customer-No_1")
    assert [entry(f"05 {text}").name for text in ("FILLER PIC X.", "PIC X.", "filler pic x.")] == [None] * 3


def test_words_of_the_language_can_be_names_where_a_picture_follows():
    assert [entry(f"05 {word} PIC X.").name for word in ("VALUE", "SIGN", "DATE", "INDEX")] == [
        "VALUE", "SIGN", "DATE", "INDEX",
    ]  # fmt: skip


# --- the tree


def test_levels_nest_by_their_numbers():
    copybook = read(
        fixed(
            """
            01  CUSTOMER.
                05  NAME.
                    10  FIRST-NAME  PIC X(10).
                    10  LAST-NAME   PIC X(20).
                05  PIC X(3).
            01  ORDERS.
              03 LINES OCCURS 3.
                 07 AMOUNT PIC S9(5)V99 COMP-3.
              02 TOTAL COMP-2.
            """
        )
    )
    assert (
        outline(copybook.records)
        == [
            "01 CUSTOMER",
            "  05 NAME",
            "    10 FIRST-NAME",
            "    10 LAST-NAME",
            "  05 FILLER",
            "01 ORDERS",
            "  03 LINES",
            "    07 AMOUNT",
            "  02 TOTAL",
        ]
        or outline(copybook.records)[5] == "    49 DEEP"
    )


def test_renames_stand_below_their_record():
    first, second = read(
        fixed(
            """
            01  A.
                05  B PIC X.
                05  C PIC X.
            66  B-C RENAMES B THRU C OF A.
                88  BOTH VALUE 'xy'.
            01  D PIC X.
            """
        )
    ).records
    assert outline([first, second]) == ["01 A", "  05 B", "  05 C", "  66 B-C", "01 D"]
    assert first.children[-1].renames == ("B", "A.C")
    assert first.children[-1].conditions[0].name == "BOTH"


def test_level_77_is_no_part_of_a_record_but_can_be_all_there_is():
    copybook = read(fixed("77  COUNTER PIC 9.\n01  R PIC X."))
    assert outline(copybook.records) == ["01 R"]
    assert copybook.notes == ("customer.cpy:1:8: level 77 'COUNTER' is no part of a record",)
    assert outline(read(fixed("77  A PIC 9.\n77  B PIC 9.")).records) == ["00 FILLER", "  77 A", "  77 B"]


def test_a_copybook_may_begin_below_level_01():
    assert outline(read(fixed("05  A PIC X.\n05  B.\n  10 C PIC X.")).records) == [
        "00 FILLER", "  05 A", "  05 B", "    10 C",
    ]  # fmt: skip


def test_what_a_program_has_around_its_records_is_passed_over():
    copybook = read(
        fixed(
            """
            IDENTIFICATION DIVISION.
            PROGRAM-ID. READER.
            ENVIRONMENT DIVISION.
            CONFIGURATION SECTION.
            SPECIAL-NAMES. DECIMAL-POINT IS COMMA.
            DATA DIVISION.
            FILE SECTION.
            FD  CUSTOMERS RECORDING MODE IS V
                RECORD CONTAINS 10 TO 200 CHARACTERS.
            01  CUSTOMER.
                05  AMOUNT PIC 9(3),99 VALUE 1,5.
            PROCEDURE DIVISION.
                MOVE 1 TO X.
                STOP RUN.
            """
        )
    )
    (record,) = copybook.records
    assert record.name == "CUSTOMER"
    assert record.children[0].picture == Picture(text="9(3),99", **NUMBER, size=5, scale=2, point=",")
    assert record.children[0].value == "1,5"


# --- the page


PAGE = """\
000100 01  CUSTOMER.
000200*    A comment, with an apostrophe: don't stop
000300     05  NAME PIC X(10)
000400           VALUE 'this literal goes on where the page has its end,
000500-    ' here'.
       EJECT
000600/    A page
000700D    05  DEBUGGED PIC X.
000800     05  BAL
000900-    ANCE PIC S9(7)V99                *> what is left
001000           COMP-3.
           SKIP2
           TITLE 'Customers'.
"""
PAGE = "".join(f"{line:72}CUST0001\n" for line in PAGE.splitlines())


def test_the_fixed_format():
    (record,) = read(PAGE).records
    assert outline([record]) == ["01 CUSTOMER", "  05 NAME", "  05 BALANCE"]
    name, balance = record.children
    assert name.value == "this literal goes on where the page has its end, here"
    assert balance.picture is not None
    assert balance.picture.text == "S9(7)V99"


def test_a_continued_literal_is_filled_up_to_column_72():
    text = "       01  R PIC X(99) VALUE 'left\n      -    'right'.\n"
    (record,) = read(text).records
    assert record.value == "left" + " " * (72 - 34) + "right"


@pytest.mark.parametrize("options", [{}, {"format": "free"}])
def test_the_free_format(options):
    text = dedent(
        """\
        * A comment
        01 CUSTOMER.           *> another
          05 NAME PIC X(10) VALUE "a line that is longer than the seventy-two columns of the punched card".
            >>D 05 DEBUGGED PIC X.
          05 BALANCE
               PIC S9(7)V99.
        """
    )
    assert outline(read(text, **options).records) == ["01 CUSTOMER", "  05 NAME", "  05 BALANCE"]


def test_a_directive_says_which_format_follows():
    free = "      >>SOURCE FORMAT IS FREE\n01 R.\n 05 A PIC X.\n"
    text = free + ">>SOURCE FIXED\n" + "000001     05 B PIC X.".ljust(72) + "IGNORED\n"
    assert outline(read(text).records) == ["01 R", "  05 A", "  05 B"]


def test_tabs_go_to_the_next_eighth_column():
    assert outline(read("\t01\tR.\n\t\t05\tA\tPIC X.\n").records) == ["01 R", "  05 A"]


def test_other_columns_can_be_named():
    text = "ABC*01 NOTHING.\nABC 01 R.          XYZ\nABC    05 A PIC X. XYZ\n"
    assert outline(read(text, columns=(4, 19)).records) == ["01 R", "  05 A"]


def test_numbered_lines_are_fixed_even_with_text_behind_column_72():
    text = "000010 01  R.\n000020     05  A PIC X.".ljust(86) + "XX000020\n"
    assert outline(read(text).records) == ["01 R", "  05 A"]


def test_files_of_other_machines(tmp_path):
    file = tmp_path / "r.cpy"
    for content in (
        b"\xef\xbb\xbf       01  R PIC X.\r\n",
        "       01  R PIC X VALUE 'é'.\n".encode("latin-1"),
        b"       01  R PIC X.\r\n\x1a",
        "       01\xa0R\xa0PIC X.\n".encode(),
    ):
        file.write_bytes(content)
        assert parser.load(file).records[0].name == "R"
    file.write_bytes(fixed("01  R PIC X.").encode("cp037"))
    with pytest.raises(ConfigurationError, match="the copybook is in EBCDIC; transfer it as text"):
        parser.load(file)


# --- COPY and REPLACE


def folder(tmp_path: Path, **members: str) -> Path:
    for name, text in members.items():
        (tmp_path / f"{name}.cpy").write_text(fixed(text))
    return tmp_path / f"{next(iter(members))}.cpy"


ADDRESS = """
    05  :TAG:-STREET PIC X(:LEN:).
    05  :TAG:-CITY   PIC X(20) VALUE ':TAG:'.
"""


def test_copy_brings_a_member_in(tmp_path):
    main = folder(tmp_path, main="01  R.\nCOPY ADDR.\n    05 Z PIC X.", addr="    05  A PIC X.")
    assert outline(parser.load(main).records) == ["01 R", "  05 A", "  05 Z"]


def test_copy_replacing_pseudo_text_within_words(tmp_path):
    main = folder(
        tmp_path,
        main="01  R.\n    COPY addr REPLACING ==:TAG:== BY ==HOME== ==:LEN:== BY 30.\n"
        "    COPY 'ADDR.CPY' REPLACING ==:TAG:== BY ==WORK==\n        ==:LEN:== BY ==40==.",
        addr=ADDRESS,
    )
    (record,) = parser.load(main).records
    assert [child.name for child in record.children] == ["HOME-STREET", "HOME-CITY", "WORK-STREET", "WORK-CITY"]
    assert [child.picture.size for child in record.children if child.picture] == [30, 20, 40, 20]
    assert record.children[1].value == ":TAG:"  # literals are one text word


def test_copy_replacing_words_and_parts_of_words(tmp_path):
    main = folder(
        tmp_path,
        main="""
            01  R.
                COPY ADDR SUPPRESS REPLACING ADDR-CITY BY TOWN
                    LEADING ==ADDR== BY ==HOME==, TRAILING ==-OLD== BY ====
                    ==PIC X(5)== BY ==PIC 9(5) COMP==.
            """,
        addr="""
    05  ADDR-CITY PIC X.
    05  ADDR-STREET PIC X.
    05  NR-OLD pic  x(5).
    05  MY-ADDR PIC X.
""",
    )
    (record,) = parser.load(main).records
    assert [child.name for child in record.children] == ["TOWN", "HOME-STREET", "NR", "MY-ADDR"]
    assert record.children[2].usage is Usage.BINARY


def test_copies_nest_and_errors_name_the_chain(tmp_path):
    main = folder(
        tmp_path,
        main="01  R.\n    COPY MIDDLE.",
        middle="    05  A PIC X.\n    COPY INNER.",
        inner="    05  B PIC Q.",
    )
    with pytest.raises(ConfigurationError) as caught:
        parser.load(main)
    assert str(caught.value).startswith(
        f"{tmp_path}/inner.cpy:1:18, copied by {tmp_path}/middle.cpy:2:8, copied by {main}:2:12: "
        "PICTURE Q: 'Q' is no symbol of a picture"
    )


def test_a_member_that_copies_itself_is_refused(tmp_path):
    main = folder(tmp_path, main="01  R.\n    COPY INNER.", inner="    05  B PIC X.\n    COPY MAIN.")
    with pytest.raises(ConfigurationError, match=r"the member copies itself: main\.cpy → inner\.cpy → main\.cpy"):
        parser.load(main)


def test_a_member_that_is_not_there_is_named_among_the_other_problems(tmp_path):
    main = folder(tmp_path, main="01  R.\n    COPY NOTHING.\n    05  A PIC Q.")
    with pytest.raises(ConfigurationError) as caught:
        parser.load(main)
    found = [str(problem).removeprefix(f"{main}:") for problem in caught.value.problems]
    assert found[0] == (
        "2:12: COPY NOTHING: there is no such member; "
        "put it beside the copybook, or name the folder where it is: `copy_folder`"
    )
    assert found[1].startswith("3:22: PICTURE Q")


def test_members_come_from_the_folder_that_is_named_and_from_nowhere_else(tmp_path):
    (tmp_path / "lib" / "dept").mkdir(parents=True)
    (tmp_path / "lib" / "dept" / "A.txt").write_text(fixed("    05  DEPT-A PIC X."))
    (tmp_path / "lib" / "A.cbl").write_text(fixed("    05  LIB-A PIC X."))
    (tmp_path / "secret.cpy").write_text(fixed("    05  SECRET PIC X."))
    main = tmp_path / "main.cpy"
    main.write_text(fixed("01  R.\n    COPY A.\n    COPY A OF DEPT.\n    COPY A IN OTHER."))
    (record,) = parser.load(main, copy_folder=tmp_path / "lib").records
    assert [child.name for child in record.children] == ["LIB-A", "DEPT-A", "LIB-A"]
    main.write_text(fixed("01  R.\n    COPY '../secret.cpy'.\n    05 A PIC X."))
    with pytest.raises(ConfigurationError, match="there is no such member"):
        parser.load(main, copy_folder=tmp_path / "lib")


def test_copies_that_multiply_are_stopped():
    def doubling(name: str) -> tuple[str, Path]:
        return f"COPY {name}X. COPY {name}X.", Path(name)

    found = problems("COPY A.", copy=doubling, format="free")
    assert any("more than 32 members deep" in each for each in found)
    assert any("grows beyond 2000 copies or 16777216 characters" in each for each in found)


def test_replace_holds_until_it_is_switched_off():
    (record,) = read(
        fixed(
            """
            01  R.
            REPLACE ==(N)== BY ==(7)== LEADING ==OLD== BY ==NEW==.
                05  OLD-A PIC X(N).
            REPLACE OFF.
                05  OLD-B PIC X.
            """
        )
    ).records
    assert [(child.name, child.picture and child.picture.size) for child in record.children] == [
        ("NEW-A", 7),
        ("OLD-B", 1),
    ]


def test_a_dclgen_member_declares_its_table_before_its_record():
    (record,) = read(
        fixed(
            """
            EXEC SQL DECLARE CUSTOMER TABLE
            ( ID INTEGER NOT NULL, NAME VARCHAR(20) ) END-EXEC.
            01  DCLCUSTOMER.
                10  ID PIC S9(9) USAGE COMP.
                10  NAME.
                    49  NAME-LEN PIC S9(4) USAGE COMP.
                    49  NAME-TEXT PIC X(20).
            """
        )
    ).records
    assert outline([record])[1:] == ["  10 ID", "  10 NAME", "    49 NAME-LEN", "    49 NAME-TEXT"]


def test_other_ways_to_include(tmp_path):
    main = folder(
        tmp_path,
        main="01  R.\n++INCLUDE ONE\nEXEC SQL INCLUDE TWO END-EXEC.",
        one="    05  A PIC X.",
        two="    05  B PIC X.",
    )
    assert outline(parser.load(main).records) == ["01 R", "  05 A", "  05 B"]


# --- what Cobrix takes


@pytest.mark.parametrize(
    "text",
    [
        "      01 R.\n      05 A PIC X.",
        "      01 R.\n       05 A PIC S9(6)USAGE COMP-3.",
        "      01 R.\n       05 A PIC COMP-3 S9(6).",
        "      01 R.\n       05 A PIC 9(2) OCCURS 0 TO 5.",
        "      01 R.\n       05 A PIC X. * a comment",
        "123456 01 R.\n       05 'P'-A PIC X.",
        "      01 :R:.\n       05 F2- PIC 9(10).",
        "      01 R.\n       05\tA\tPIC 9(3)+.",
        "       05 A PIC X.\n       01 B PIC X.",
        "      01 R.\n       05 A PIC X OCCURS 2 INDEXED BY I.\n        88 Y VALUE 1, 2 THRU 3.",
        "      01 R.\n       SKIP1\n       05 A PIC X VALUE 'a' 'b'.\x1a",
    ],
)
def test_lenient_reading(text):
    assert read(text, lenient=True).records


def test_lenient_reading_takes_none_for_the_least_where_none_is_said():
    # Cobrix's data/test1b_expected/test1b_schema.json has minElements 0 for OCCURS 80 DEPENDING ON
    found = entry("05 A PIC X OCCURS 5 DEPENDING ON N.", lenient=True)
    assert found.occurs == Occurs(least=0, most=5, depending="N")


def test_lenient_reading_takes_a_sign_clause_for_the_s_that_is_missing():
    found = entry("05 A PIC 99V99 SIGN IS LEADING SEPARATE.", lenient=True)
    assert found.picture == Picture(text="99V99", **NUMBER, size=4, scale=2, signed=True)


# --- errors


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("05 A PIC X(", "2:22: PICTURE X(: a repetition count stands behind no symbol, or is not closed"),
        ("05 A PIC X OCURS 3.", "2:23: 'OCURS' is not a clause; did you mean 'OCCURS'?"),
        ("05 A PIC X USAGE KOMP.", "2:29: 'KOMP' is not a USAGE; did you mean 'COMP'?"),
        ("05 A PIC.", "2:17: no picture follows; expected symbols such as X(10) or S9(5)V99"),
        ("05 A PIC X PIC X.", "2:23: a second clause of this kind: PIC; remove one of the two"),
        ("05 A PIC X OCCURS.", "2:29: OCCURS is followed by '.'; expected how many times, from 1 to 999999999"),
        ("05 A PIC X OCCURS 0.", "2:23: OCCURS 0 TO 0: expected at least one, and no more than at most"),
        ("05 A PIC X OCCURS 9 TO 3 DEPENDING ON B.", "2:23: OCCURS 9 TO 3: expected"),
        ("05 A PIC X OCCURS 1 TO 3.", "2:23: OCCURS 1 TO 3 without DEPENDING ON; say which field"),
        ("05 A PIC X OCCURS 99999999999.", "expected how many times, from 1 to 999999999"),
        ("05 A PIC X VALUE.", "2:28: '.' stands where a value was expected"),
        ("05 A PIC X REDEFINES 5.", "2:33: '5' stands where the name of the entry whose bytes it redefines"),
        ("05 A PIC X SIGN SEPARATE.", "2:28: 'SEPARATE' stands where LEADING or TRAILING was expected"),
        ("05 A PIC 9(3) SIGN LEADING SEPARATE.", "2:12: SIGN needs a number with S; expected PIC S9…, found PIC 9(3)"),
        ("05 A PIC +9(3) SIGN TRAILING.", "2:12: SIGN needs a number with S; expected PIC S9…, found PIC +9(3)"),
        ("05 A PIC 9 BLANK WHEN SPACE.", "2:34: 'SPACE' stands where ZERO was expected"),
        ("05 A PIC X VALUE 'abc.", "2:29: the literal that begins here is not closed; close it, or continue it"),
        ("05 :TAG:-A PIC X.", "2:15: ':TAG:-A' is not a name; it stands for what COPY … REPLACING"),
        ("05 A(1) PIC X.", "2:16: '(1)' is not COBOL; expected a word, a number or a literal"),
        ("05 A PIC X. * note", "2:24: '*' is not COBOL; begin a comment behind text with *>"),
        ("05 A.", "2:12: 'A' has no PICTURE and nothing below it; add one, such as PIC X(10)"),
        ("05 A PIC X.\n 10 B PIC X.", "2:12: 'A' has a PICTURE and entries below it, 'B' first; leave the"),
        ("05 A PIC X", "the entry before this is not ended; expected a period; end it with a period"),
        ("50 A PIC X.", "2:12: level 50 does not exist; expected 01 to 49, 66, 77 or 88"),
        ("A PIC X.", "2:12: 'A' stands where a level number (01 to 49, 66, 77 or 88) was expected"),
        ("COPY X", "2:18: 'the end of the copybook' stands where REPLACING or a period was expected"),
        ("COPY X.", "2:12: COPY X: nothing is known of where members are; set `copy_folder`"),
        ("COPY X REPLACING ==A BY B.", "2:29: the pseudo-text that begins here is not closed; close it with =="),
        ("COPY X REPLACING A TO B.", "2:31: 'TO' stands where BY was expected"),
        ("EXEC SQL DECLARE.", "2:12: EXEC is not ended; end it with END-EXEC"),
        ("66 A RENAMES.", "2:24: '.' stands where the name of a field was expected"),
        ("88 A VALU 1.", "2:17: 'VALU' stands where VALUE was expected"),
    ],
)
def test_an_error_says_where_what_and_what_was_expected(text, complaint):
    found = problems(fixed(f"01  R.\n    {text}"))
    assert any(complaint in each for each in found), found


def test_all_problems_of_a_copybook_come_at_once_in_its_order():
    found = problems(
        fixed(
            """
            01  R OCCURS 2.
                05  A PIC Q.
                05  B PIC X
                05  C PIC S9(3) COMP-7.
                05  D.
                88  E.
                05  F PIC X(3) VALUE 'x.
            """
        )
    )
    assert [each.split(": ")[0] for each in found] == [f"customer.cpy:{place}" for place in (
        "1:8", "2:22", "4:12", "4:28", "5:12", "6:17", "7:33", "7:36",
    )]  # fmt: skip


def test_a_file_that_is_no_copybook_gives_few_problems_and_the_number_of_the_rest():
    found = problems("       nonsense here.\n" * 500)
    assert len(found) == parser.MAX_PROBLEMS + 1
    assert found[-1] == "customer.cpy: and 450 problems more; check that this is a copybook"


@pytest.mark.parametrize("text", ["", "\n", "      * only a comment\n", "       .\n"])
def test_a_copybook_without_a_record_is_refused(text):
    assert problems(text) == ["customer.cpy:1: the copybook describes no record; check that this is a copybook"]


# --- whatever comes


VOCABULARY = """
    01 05 10 66 77 88 A B-C FILLER PIC PICTURE IS X(5) S9(5)V99 COMP-3 USAGE OCCURS 3 TO 5 TIMES DEPENDING ON N
    REDEFINES RENAMES THRU VALUE VALUES 'x' "y" X'00' SIGN LEADING SEPARATE COPY REPLACING BY == . , REPLACE OFF
    EXEC SQL END-EXEC ( ) : 9(3 Z,ZZ9.99 * *> - + ALL SPACES & >>SOURCE FREE 'open "open GLOBAL SYNC JUST
    """
WORDS = st.sampled_from(VOCABULARY.split())
LAYOUT = st.sampled_from([" ", " ", "  ", "\n       ", "\n      -    ", "\n      * ", "\n", "\t", "\r\n       "])
LOOSE = st.lists(st.tuples(LAYOUT, WORDS), max_size=60).map(lambda pairs: "".join(a + b for a, b in pairs))

SAMPLE = (
    PAGE
    + fixed(ADDRESS)
    + fixed(
        """
        05  T OCCURS 1 TO 9 DEPENDING ON N INDEXED BY I.
          10  V PIC $$,$$9.99CR.
            88 W VALUES 1 THRU 5, 'a'.
        05  U REDEFINES T COMP-1 SYNC.
    66  X RENAMES T THRU U.
    COPY OTHER REPLACING ==A== BY ==B== LEADING C BY D.
    """
    )
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The sample with stretches cut out, doubled, or with something else in their place."""
    text = SAMPLE
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 20)))
        text = (
            text[:start]
            + draw(st.sampled_from(["", text[start:end] * 2, " ", ".", "'", "(", "\n", "9", "-"]))
            + text[end:]
        )
    return text


@settings(max_examples=200, deadline=2000, suppress_health_check=[HealthCheck.too_slow])
@given(
    text=st.one_of(st.text(max_size=400), LOOSE, mutated()),
    lenient=st.booleans(),
    form=st.sampled_from(["auto", "fixed", "free"]),
)
@example(text="       01 A PIC 9(" + "9" * 5000 + ").", lenient=False, form="auto")
@example(text="       " + "9" * 5000 + " A.", lenient=True, form="auto")
@example(text="       01 A PIC X. 05 B PIC X.\n" * 20, lenient=False, form="free")
def test_any_text_gives_a_copybook_or_located_errors(text, lenient, form):
    try:
        found = read(text, lenient=lenient, format=form, copy=lambda name: ("       05 Q PIC X.", Path(name)))
    except ConfigurationError as error:
        assert error.problems
        assert all(problem.location is not None and problem.message for problem in error.problems)
    else:
        assert found.records


@settings(max_examples=300)
@given(st.text(alphabet="XAGN9SVPZ*+-CRDB$,./0E()123 ", max_size=30), st.booleans(), st.booleans())
def test_any_picture_is_read_or_refused(text, comma, lenient):
    try:
        found = picture.parse(text, decimal_comma=comma, lenient=lenient)
    except PictureError as error:
        assert 0 <= error.offset <= len(text)
    else:
        assert found.size >= 1
        assert found.length >= found.size
        assert found.category == "number" or not found.signed


@pytest.mark.parametrize(
    "text",
    [
        "       01 A PIC " + "9," * 20_000 + "X.",
        "       01 A VALUE " + "'a' & " * 5_000 + "'a'.",
        "       01 A.\n" + "       66 B RENAMES A.\n" * 3_000,
        "       01 A.\n" + "".join(f"       {2 + n % 48:02} B{n}.\n" for n in range(5_000)),
        "       01 A PIC X VALUE 'a\n" + "      -    'b\n" * 5_000,
        "       REPLACE " + "==A== BY ==B B== " * 500 + ".\n" + "       A A A A A A A A\n" * 500,
        "       " + "(" * 50_000,
        "       01 A PIC X VALUE " + "X" * 50_000 + "'",
        "       01 " + "COPY " * 3_000,
    ],
    ids=range(9),
)
def test_long_texts_take_no_longer_than_their_length(text):
    """Each of these took minutes if something looked at the rest of the text at every place."""
    try:
        read(text, format="free" if len(text.splitlines()) == 1 else "auto", copy=copying.library(Path("nowhere")))
    except ConfigurationError as error:
        assert error.problems

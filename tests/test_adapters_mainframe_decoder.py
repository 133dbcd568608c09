"""The decoder: records of any length into columns, whatever stands in front of what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mainframe_files import records_of

from adapters.mainframe.copybook import parser, placing
from adapters.mainframe.copybook.layout import Layout, Shape
from adapters.mainframe.decoder import Decoder
from adapters.mainframe.framing.fixed import Fixed
from adapters.mainframe.profile import IBM, Profile
from adapters.mainframe.records import NO_RECORDS, Mask, Records
from foundation.errors import ConfigurationError

COBRIX = Profile(name="cobrix", blanks_are_null=False, shift_after_tables=False)
SHIFTING = replace(COBRIX, shift_after_tables=True)


def compiled(text: str, profile: Profile = IBM, shape: Shape = "nested") -> Layout:
    """Return the layout of a copybook written without margins, an entry up to each period."""
    entries = [entry.removesuffix(".").split() for entry in f"{' '.join(text.split())} ".split(". ") if entry.strip()]
    lines = [f"       {' '.join(words[:4])}\n           {' '.join(words[4:])}.\n" for words in entries]
    return placing.compile_layout([parser.parse("".join(lines), Path("record.cpy"))], profile, shape=shape)


def ebcdic(*texts: str) -> Records:
    """Return records of characters, one behind the other, each with two bytes in front that belong to none."""
    return raw(*(text.encode("cp037") for text in texts))


def raw(*contents: bytes) -> Records:
    return records_of(contents, apart=b"\xff\xff")


def rows(layout: Layout, records: Records, active: dict[str, Mask] | None = None) -> list[dict[str, Any]]:
    decoded = Decoder(layout).decode(records, active=active)
    decoded.rows.validate(full=True)
    result: list[dict[str, Any]] = decoded.rows.to_pylist()
    return result


class TestFixed:
    TEXT = "01 R. 05 A PIC X(3). 05 B PIC 9(2). 05 C PIC S9(3) COMP-3. 05 D PIC 9(4) COMP."
    RECORD = "abc".encode("cp037") + b"\xf1\xf2\x12\x3d\x00\x07"

    def test_values_stand_in_the_columns_of_their_names(self) -> None:
        records = records_of([self.RECORD] * 3)
        assert rows(compiled(self.TEXT), records) == [{"A": "abc", "B": 12, "C": -123, "D": 7}] * 3

    def test_no_records_are_no_rows(self) -> None:
        empty = NO_RECORDS
        decoded = Decoder(compiled(self.TEXT), corrupt=True).decode(empty)
        assert decoded.rows.num_rows == 0
        assert decoded.rows.schema == compiled(self.TEXT).schema
        assert decoded.corrupt is not None
        assert len(decoded.corrupt) == 0

    def test_what_stands_behind_the_layout_is_ignored(self) -> None:
        assert (
            rows(compiled(self.TEXT), raw(self.RECORD + b"more", self.RECORD))
            == [{"A": "abc", "B": 12, "C": -123, "D": 7}] * 2
        )

    def test_of_a_short_record_text_keeps_what_there_is_and_a_number_that_is_cut_is_null(self) -> None:
        layout = compiled(self.TEXT)
        for size, expected in (
            (8, {"A": "abc", "B": 12, "C": -123, "D": None}),
            (4, {"A": "abc", "B": None, "C": None, "D": None}),
            (2, {"A": "ab", "B": None, "C": None, "D": None}),
            (0, {"A": None, "B": None, "C": None, "D": None}),
        ):
            decoded = Decoder(layout).decode(raw(self.RECORD[:size], self.RECORD))
            assert decoded.rows.to_pylist()[0] == expected
            assert decoded.rows.to_pylist()[1]["D"] == 7
            assert not decoded.unreadable, "what is not there is not wrong"

    def test_cobrix_has_empty_text_where_a_record_ends_and_null_behind(self) -> None:
        layout = compiled("01 R. 05 A PIC X. 05 B PIC X. 05 C PIC X.", COBRIX)
        assert rows(layout, ebcdic("a", "abc")) == [{"A": "a", "B": "", "C": None}, {"A": "a", "B": "b", "C": "c"}]

    def test_the_last_record_may_end_where_the_data_ends(self) -> None:
        layout = compiled("01 R. 05 A PIC X(5). 05 B PIC X(5).")
        records = ebcdic("abcdefgh")
        assert rows(layout, records) == [{"A": "abcde", "B": "fgh"}]
        assert rows(layout, Records(data=records.data, starts=records.starts + 6, lengths=records.lengths - 6)) == [
            {"A": "gh", "B": None}
        ]

    def test_what_nobody_reads_need_not_be_readable(self) -> None:
        layout = compiled("01 R. 05 A PIC X. 05 FILLER PIC G(2) DISPLAY-1. 05 B PIC X.")
        assert rows(layout, ebcdic("a----b")) == [{"A": "a", "B": "b"}]
        with pytest.raises(ConfigurationError, match="double-byte"):
            Decoder(compiled("01 R. 05 A PIC X. 05 D PIC G(2) DISPLAY-1."))


class TestTables:
    def test_tables_of_fields_and_of_groups_are_lists(self) -> None:
        layout = compiled("01 R. 05 T OCCURS 2. 10 A PIC X. 10 N PIC 9 OCCURS 2. 05 L PIC X OCCURS 3.")
        assert rows(layout, ebcdic("a12b34xyz")) == [
            {"T": [{"A": "a", "N": [1, 2]}, {"A": "b", "N": [3, 4]}], "L": ["x", "y", "z"]}
        ]

    def test_what_stands_behind_a_table_moves_with_its_size(self) -> None:
        layout = compiled("01 R. 05 N PIC 9. 05 T PIC X(2) OCCURS 0 TO 3 DEPENDING ON N. 05 Z PIC X.")
        assert rows(layout, ebcdic("2aabbz", "0y", "3aabbccx")) == [
            {"N": 2, "T": ["aa", "bb"], "Z": "z"},
            {"N": 0, "T": [], "Z": "y"},
            {"N": 3, "T": ["aa", "bb", "cc"], "Z": "x"},
        ]

    def test_a_table_may_be_counted_by_a_field_of_the_record_around_it(self) -> None:
        layout = compiled("01 R. 05 N PIC 9. 05 T OCCURS 2. 10 L PIC X OCCURS 0 TO 3 DEPENDING ON N. 05 Z PIC X.")
        assert rows(layout, ebcdic("2aabbz", "0y")) == [
            {"N": 2, "T": [{"L": ["a", "a"]}, {"L": ["b", "b"]}], "Z": "z"},
            {"N": 0, "T": [{"L": []}, {"L": []}], "Z": "y"},
        ]

    def test_counts_may_be_names_for_numbers(self) -> None:
        profile = replace(IBM, counts=(("T", (("A", 1), ("BB", 2))),))
        layout = compiled("01 R. 05 N PIC X(2). 05 T PIC 9 OCCURS 0 TO 3 DEPENDING ON N. 05 Z PIC X.", profile)
        decoded = Decoder(layout).decode(ebcdic("A 1z", "BB12z", "C z"))
        assert decoded.rows.column("T").to_pylist() == [[1], [1, 2], []]
        assert decoded.rows.column("Z").to_pylist() == ["z", "z", "z"]
        assert [(item.path, item.rows) for item in decoded.unreadable] == [("N", (2,))]

    def test_a_count_that_no_table_has_is_told_and_never_invents_elements(self) -> None:
        layout = compiled("01 R. 05 N PIC 9(2). 05 T PIC X OCCURS 1 TO 3 DEPENDING ON N. 05 Z PIC X.")
        decoded = Decoder(layout).decode(ebcdic("00z", "04abcz", "  az"))
        assert decoded.rows.column("T").to_pylist() == [[], ["a", "b", "c"], ["a"]]
        assert decoded.rows.column("Z").to_pylist() == ["z", "z", "z"]
        [told] = decoded.unreadable
        assert (told.path, told.count, told.rows, told.offsets, told.hexadecimal) == ("N", 1, (1,), (0,), ("F0F4",))

    def test_cobrix_takes_the_most_for_a_count_that_does_not_fit(self) -> None:
        layout = compiled("01 R. 05 N PIC 9. 05 T PIC X OCCURS 1 TO 2 DEPENDING ON N. 05 Z PIC X.", SHIFTING)
        decoded = Decoder(layout).decode(ebcdic("0abz", "5abz", " abz", "1az"))
        assert decoded.rows.column("T").to_pylist() == [["a", "b"]] * 3 + [["a"]]
        assert decoded.rows.column("Z").to_pylist() == ["z"] * 4
        assert not decoded.unreadable

    def test_cobrix_keeps_the_last_count_that_was_one(self) -> None:
        layout = compiled("01 R. 05 T OCCURS 3. 10 N PIC 9. 10 L PIC X OCCURS 0 TO 2 DEPENDING ON N.", COBRIX)
        assert rows(layout, ebcdic("1a  ab2cd")) == [
            {"T": [{"N": 1, "L": ["a"]}, {"N": None, "L": ["a"]}, {"N": 2, "L": ["c", "d"]}]}
        ]

    def test_elements_behind_the_end_of_a_record_are_null(self) -> None:
        layout = compiled("01 R. 05 T PIC 9 OCCURS 4.")
        assert rows(layout, ebcdic("12", "1234")) == [{"T": [1, 2, None, None]}, {"T": [1, 2, 3, 4]}]


class TestShapes:
    TEXT = "01 R. 05 G. 10 N PIC 9. 10 T OCCURS 0 TO 2 DEPENDING ON N. 15 A PIC X. 15 B PIC 9 OCCURS 2. 05 Z PIC X."
    RECORDS = ("2a12b34z", "0z", "1c56z")

    def test_nested_has_a_struct_for_a_group(self) -> None:
        assert rows(compiled(self.TEXT), ebcdic(*self.RECORDS))[2] == {
            "G": {"N": 1, "T": [{"A": "c", "B": [5, 6]}]},
            "Z": "z",
        }

    def test_names_has_a_column_for_a_field_and_a_list_for_a_table(self) -> None:
        assert rows(compiled(self.TEXT, shape="names"), ebcdic(*self.RECORDS))[2] == {
            "N": 1,
            "T": [{"A": "c", "B": [5, 6]}],
            "Z": "z",
        }

    def test_flattened_has_a_column_for_every_occurrence(self) -> None:
        flat = rows(compiled(self.TEXT, shape="flattened"), ebcdic(*self.RECORDS))
        assert flat[0] == {
            "N": 2, "T_1_A": "a", "T_1_B_1": 1, "T_1_B_2": 2, "T_2_A": "b", "T_2_B_1": 3, "T_2_B_2": 4, "Z": "z"
        }  # fmt: skip
        assert flat[1] == {**dict.fromkeys(flat[0]), "N": 0, "Z": "z"}
        assert flat[2]["T_1_B_2"] == 6
        assert flat[2]["T_2_B_2"] is None


class TestActive:
    TEXT = """01 R. 05 K PIC X. 05 A. 10 X1 PIC X(3). 10 T PIC X OCCURS 2.
        05 B REDEFINES A. 10 N1 PIC 9(2). 10 N2 PIC S9(3) COMP-3. 05 Z PIC X."""
    ACTIVE = {"A": np.array([True, False, True]), "B": np.array([False, True, False])}  # noqa: RUF012

    def records(self) -> Records:
        return raw("Aabcdez".encode("cp037"), b"\xc2\xf1\xf2\x12\x3c\x85\xa9", "Afghijy".encode("cp037"))

    def test_a_group_that_does_not_hold_is_null(self) -> None:
        assert rows(compiled(self.TEXT), self.records(), self.ACTIVE) == [
            {"K": "A", "A": {"X1": "abc", "T": ["d", "e"]}, "B": None, "Z": "z"},
            {"K": "B", "A": None, "B": {"N1": 12, "N2": 123}, "Z": "z"},
            {"K": "A", "A": {"X1": "fgh", "T": ["i", "j"]}, "B": None, "Z": "y"},
        ]

    def test_its_columns_are_null_in_every_shape(self) -> None:
        names = rows(compiled(self.TEXT, shape="names"), self.records(), self.ACTIVE)
        assert names[1] == {"K": "B", "X1": None, "T": None, "N1": 12, "N2": 123, "Z": "z"}
        flat = rows(compiled(self.TEXT, shape="flattened"), self.records(), self.ACTIVE)
        assert [row["T_2"] for row in flat] == ["e", None, "j"]
        assert [row["N2"] for row in flat] == [None, 123, None]

    def test_nothing_of_it_is_told_to_be_unreadable(self) -> None:
        decoder = Decoder(compiled(self.TEXT))
        assert {item.path for item in decoder.decode(self.records()).unreadable} == {"B.N1", "B.N2"}
        assert not decoder.decode(self.records(), active=self.ACTIVE).unreadable

    def test_rows_are_told_by_their_place_in_the_chunk(self) -> None:
        [n1, _] = Decoder(compiled(self.TEXT)).decode(self.records(), active={"B": ~self.ACTIVE["B"]}).unreadable
        assert (n1.path, n1.rows, n1.offsets) == ("B.N1", (0, 2), (1, 1))

    def test_a_table_in_it_is_counted_where_it_holds(self) -> None:
        layout = compiled(
            """01 R. 05 K PIC X. 05 A. 10 N PIC 9. 10 T PIC X OCCURS 0 TO 2 DEPENDING ON N. 10 E PIC X.
            05 B REDEFINES A. 10 Q PIC X(4).""",
            SHIFTING,
        )
        active = {"A": np.array([True, False, True]), "B": np.array([False, True, False])}
        assert rows(layout, ebcdic("A1xe", "Bqqqq", "A0e"), active) == [
            {"K": "A", "A": {"N": 1, "T": ["x"], "E": "e"}, "B": None},
            {"K": "B", "A": None, "B": {"Q": "qqqq"}},
            {"K": "A", "A": {"N": 0, "T": [], "E": "e"}, "B": None},
        ]

    def test_a_group_may_hold_within_one_that_holds(self) -> None:
        layout = compiled(
            """01 R. 05 K PIC X. 05 A. 10 J PIC X. 10 P. 15 C PIC X(2). 10 Q REDEFINES P. 15 N PIC 9(2).
            05 B REDEFINES A. 10 D PIC X(3)."""
        )
        active = {
            "A": np.array([True, False, True, True]),
            "B": np.array([False, True, False, False]),
            "P": np.array([True, True, False, False]),
            "Q": np.array([False, True, True, False]),
        }
        assert rows(layout, ebcdic("apxx", "bddd", "aq12", "a?--"), active) == [
            {"K": "a", "A": {"J": "p", "P": {"C": "xx"}, "Q": None}, "B": None},
            {"K": "b", "A": None, "B": {"D": "ddd"}},
            {"K": "a", "A": {"J": "q", "P": None, "Q": {"N": 12}}, "B": None},
            {"K": "a", "A": {"J": "?", "P": None, "Q": None}, "B": None},
        ]

    def test_records_of_several_kinds_have_the_columns_of_all(self) -> None:
        layout = compiled("01 HEAD. 05 K PIC X. 05 A PIC X. 01 LINE. 05 L PIC X. 05 N PIC 9.", shape="names")
        heads = np.array([True, False, True])
        assert rows(layout, ebcdic("Ha", "L1", "Hb"), {"HEAD": heads, "LINE": ~heads}) == [
            {"K": "H", "A": "a", "L": None, "N": None},
            {"K": None, "A": None, "L": "L", "N": 1},
            {"K": "H", "A": "b", "L": None, "N": None},
        ]

    def test_only_groups_outside_of_tables_can_be_chosen(self) -> None:
        decoder = Decoder(compiled("01 R. 05 T OCCURS 2. 10 G. 15 A PIC X."))
        with pytest.raises(ConfigurationError, match="'G' is no group of R, or stands in a table"):
            decoder.decode(ebcdic("ab"), active={"G": np.array([True])})


class TestUnreadable:
    def test_it_tells_the_first_places_and_their_bytes(self) -> None:
        layout = compiled("01 R. 05 A PIC X(2). 05 T OCCURS 3. 10 P PIC 9(2).", shape="names")
        decoded = Decoder(layout).decode(ebcdic("aa010203", "aa0a0203", "aa01  aa", "aabbcc00"))
        assert decoded.rows.column("T").to_pylist()[3] == [{"P": None}, {"P": None}, {"P": 0}]
        [told] = decoded.unreadable
        assert (told.path, told.count) == ("T[*].P", 4)
        assert told.rows == (1, 2, 3, 3)
        assert told.offsets == (2, 6, 2, 4)
        assert told.hexadecimal == ("F081", "8181", "8282", "8383")

    def test_it_tells_of_five_and_counts_the_rest(self) -> None:
        [told] = Decoder(compiled("01 R. 05 A PIC 9.")).decode(ebcdic(*"abcdefgh1")).unreadable
        assert (told.count, told.rows) == (8, (0, 1, 2, 3, 4))

    def test_cobrix_lists_them_with_their_record(self) -> None:
        layout = compiled(
            "01 R. 05 A PIC 9. 05 G OCCURS 2. 10 B PIC S9 COMP-3. 10 C PIC 9 OCCURS 2. 05 FILLER PIC 9.", COBRIX
        )
        good = b"\xf1\x5c\xf1\xf2\x5c\xf3\xf4\xf5"
        bad = b"\xc1\xff\xf1\xa2\xee\xa3\x40\x81"
        decoded = Decoder(layout, corrupt=True).decode(raw(good, bad, good, good[:2]))
        assert decoded.corrupt is not None
        decoded.corrupt.validate(full=True)
        assert decoded.corrupt.to_pylist() == [
            [],
            [
                {"field_name": "A", "raw_value": b"\xc1"},
                {"field_name": "B", "raw_value": b"\xff"},
                {"field_name": "C[1]", "raw_value": b"\xa2"},
                {"field_name": "B", "raw_value": b"\xee"},
                {"field_name": "C[0]", "raw_value": b"\xa3"},
                {"field_name": "FILLER", "raw_value": b"\x81"},
            ],
            [],
            [],
        ]

    def test_the_bytes_are_hexadecimal_where_the_profile_says_so(self) -> None:
        layout = compiled("01 R. 05 A PIC 9(2).", replace(COBRIX, binary_as_hex=True))
        corrupt = Decoder(layout, corrupt=True).decode(ebcdic("ax", "12")).corrupt
        assert corrupt is not None
        assert corrupt.to_pylist() == [[{"field_name": "A", "raw_value": "81A7"}], []]


def test_carddemo_customers_equal_their_ascii_twin(carddemo_data: Path) -> None:
    copybook = carddemo_data / "customer.cpy"
    layout = placing.load([copybook])
    twin = placing.load([copybook], Profile(encoding="ascii", code_page="us-ascii"))
    lines = (carddemo_data / "custdata.ascii.txt").read_bytes().splitlines()
    customers = Decoder(layout).decode(
        Fixed(layout.length).records(np.fromfile(carddemo_data / "CUSTDATA.PS", np.uint8), final=True).records
    )
    assert customers.rows.num_rows == len(lines) == 50
    assert customers.rows.equals(Decoder(twin).decode(raw(*lines)).rows)
    assert not customers.unreadable


class TestOneField:
    TEXT = "01 R. 05 N PIC 9. 05 T PIC X(2) OCCURS 0 TO 3 DEPENDING ON N. 05 G. 10 Z PIC X(2)."

    def test_it_may_stand_behind_a_table(self) -> None:
        decoder = Decoder(compiled(self.TEXT))
        records = ebcdic("1aazz", "0yy", "2aabbxx", "3aa")
        assert decoder.decode_one("Z", records).to_pylist() == ["zz", "yy", "xx", None]
        assert decoder.decode_one("n", records).to_pylist() == [1, 0, 2, 3]

    def test_it_may_not_stand_in_one(self) -> None:
        decoder = Decoder(compiled("01 R. 05 T OCCURS 2. 10 A PIC X. 05 G. 10 B PIC X."))
        for name in ("A", "G"):
            with pytest.raises(ConfigurationError, match=f"'{name}' is no field of R, or stands in a table"):
                decoder.decode_one(name, ebcdic("abc"))


# What a record holds, for the slow decoder and for COBOL alike.


@dataclass
class Number:
    name: str


@dataclass
class Text:
    name: str
    length: int


@dataclass
class Group:
    name: str
    members: list[Item]


@dataclass
class Table:
    element: Text | Number | Group
    least: int
    most: int
    depending: str | None


Item = Number | Text | Group | Table


def cobol(item: Item, level: int, occurs: str = "") -> Iterator[str]:
    """Yield the entries of a copybook."""
    match item:
        case Number(name):
            yield f"{level:02} {name} PIC 9{occurs}."
        case Text(name, length):
            yield f"{level:02} {name} PIC X({length}){occurs}."
        case Group(name, members):
            yield f"{level:02} {name}{occurs}."
            for member in members:
                yield from cobol(member, level + 1)
        case Table(element, least, most, depending):
            how = f" OCCURS {least} TO {most} DEPENDING ON {depending}" if depending else f" OCCURS {most}"
            yield from cobol(element, level, how)


def most_bytes(item: Item) -> int:
    match item:
        case Number():
            return 1
        case Text(_, length):
            return length
        case Group(_, members):
            return sum(map(most_bytes, members))
        case Table(element, _, most, _):
            return most * most_bytes(element)


@dataclass
class Slow:
    """Decodes one record, field by field, as one would by hand."""

    record: str
    profile: Profile
    at: int = 0
    counts: dict[str, int | None] = field(default_factory=dict)

    def read(self, item: Item) -> Any:
        match item:
            case Number(name):
                text = self.record[self.at : self.at + 1]
                self.at += 1
                value = int(text) if text.isdigit() else None
                if value is not None or self.profile.name == "ibm":
                    self.counts[name] = value
                return value
            case Text(_, length):
                text = self.record[self.at : self.at + length]
                nothing = None if self.profile.name == "ibm" or self.at > len(self.record) else ""
                self.at += length
                return text or nothing
            case Group(_, members):
                return {name_of(member): self.read(member) for member in members}
            case Table(element):
                start = self.at
                values = []
                for _ in range(self.elements(item)):
                    before = dict(self.counts)
                    values.append(self.read(element))
                    if not isinstance(element, Group):
                        self.counts = before  # an element of a table counts nothing
                if not self.profile.shift_after_tables:
                    self.at = start + most_bytes(item)
                return values

    def elements(self, table: Table) -> int:
        if table.depending is None:
            return table.most
        count = self.counts.get(table.depending)
        if self.profile.name == "cobrix":
            return count if count is not None and table.least <= count <= table.most else table.most
        return table.least if count is None else min(count, table.most)


def name_of(item: Item) -> str:
    return name_of(item.element) if isinstance(item, Table) else item.name


@st.composite
def records_of_tables(draw: st.DrawFn) -> Group:
    """Draw a record with tables in tables, some of them counted by any field in front of them."""
    names = (f"F{number}" for number in range(1000))

    def members(depth: int, visible: list[str]) -> list[Item]:
        made: list[Item] = []
        for _ in range(draw(st.integers(1, 3))):
            kind = draw(st.sampled_from(["number", "text", "group", "table", "table"] if depth else ["number", "text"]))
            if kind == "number":
                made.append(Number(next(names)))
                visible = [*visible, made[-1].name]
            elif kind == "text":
                made.append(Text(next(names), draw(st.integers(1, 3))))
            elif kind == "group":
                made.append(Group(next(names), members(depth - 1, visible)))
            else:
                made.append(table(depth - 1, visible))
        return made

    def table(depth: int, visible: list[str]) -> Table:
        depending = draw(st.none() | st.sampled_from(visible)) if visible else None
        element = draw(st.sampled_from(["number", "text", "group"]))
        least, most = draw(st.integers(0, 2)), draw(st.integers(2, 3))
        return Table(
            Number(next(names))
            if element == "number"
            else Text(next(names), 2)
            if element == "text"
            else Group(next(names), members(depth, visible)),
            least,
            most,
            depending,
        )

    return Group("R", [Number(next(names)), *members(3, ["F0"])])


CHARACTERS = "0112233459ab"


@settings(max_examples=150)
@given(
    group=records_of_tables(),
    texts=st.lists(st.text(CHARACTERS, max_size=60), min_size=1, max_size=6),
    profile=st.sampled_from([IBM, COBRIX, SHIFTING]),
)
def test_tables_in_tables_are_read_as_one_would_by_hand(group: Group, texts: list[str], profile: Profile) -> None:
    layout = compiled(" ".join(cobol(group, 1)), profile)
    assert rows(layout, ebcdic(*texts)) == [Slow(text, profile).read(group) for text in texts]


EVERYTHING = """01 R.
    05 K PIC X(2).
    05 A.
        10 Z1 PIC S9(5). 10 Z2 PIC S9(3)V99 SIGN LEADING SEPARATE. 10 Z3 PIC 9(20).
        10 P1 PIC S9(7)V99 COMP-3. 10 P2 PIC 9(4) COMP-3. 10 P3 PIC S9(25) COMP-3.
    05 B REDEFINES A.
        10 B1 PIC S9(4) COMP. 10 B2 PIC 9(9) COMP. 10 B3 PIC S9(18) COMP-5. 10 F1 COMP-1. 10 F2 COMP-2.
    05 N PIC 9(2).
    05 T OCCURS 0 TO 4 DEPENDING ON N.
        10 M PIC 9(1) COMP-3. 10 L OCCURS 0 TO 3 DEPENDING ON M. 15 E PIC S9(2). 15 U PIC X(3).
    05 FILLER OCCURS 2. 10 FILLER PIC X.
    05 S PIC N(2) NATIONAL. 05 C PIC 9(5) COMP-6. 05 H PIC X(3) COMP-X.
    05 V PIC X(4) OCCURS 2.
    05 W PIC S9(3) COMP-3 OCCURS 3.
"""


@pytest.fixture(scope="module", params=[IBM, COBRIX, SHIFTING], ids=["ibm", "cobrix", "shifting"])
def decoder(request: pytest.FixtureRequest) -> Decoder:
    return Decoder(compiled(EVERYTHING, request.param), corrupt=True)


anything = st.lists(
    st.binary(max_size=120) | st.text("0123  -ab", max_size=120).map(lambda text: text.encode("cp037")), max_size=12
)


@settings(max_examples=100)
@given(contents=anything, cuts=st.lists(st.integers(0, 12), max_size=3), choice=st.integers(0, 2**12 - 1))
def test_rows_are_the_same_however_records_are_cut_into_chunks(
    decoder: Decoder, contents: list[bytes], cuts: list[int], choice: int
) -> None:
    records = raw(*contents)
    mask = np.array([bool(choice >> number & 1) for number in range(len(contents))], np.bool_)
    whole = decoder.decode(records, active={"A": mask, "B": ~mask})
    bounds = sorted({0, len(records), *(cut for cut in cuts if cut < len(records))})
    parts = [
        decoder.decode(records.only(np.arange(first, last)), active={"A": mask[first:last], "B": ~mask[first:last]})
        for first, last in pairwise(bounds)
    ]
    whole.rows.validate(full=True)
    if parts:
        assert pa.Table.from_batches([part.rows for part in parts]).equals(pa.Table.from_batches([whole.rows]))
        assert pa.chunked_array([part.corrupt for part in parts]).to_pylist() == whole.corrupt.to_pylist()
    counted: dict[str, int] = {}
    for part in parts:
        for item in part.unreadable:
            counted[item.path] = counted.get(item.path, 0) + item.count
    assert counted == {item.path: item.count for item in whole.unreadable}


@settings(max_examples=50)
@given(content=st.binary(min_size=400, max_size=1500), gap=st.integers(0, 5), seed=st.integers(0, 99))
def test_rows_are_the_same_wherever_records_stand(decoder: Decoder, content: bytes, gap: int, seed: int) -> None:
    """Read in place where records follow one another evenly, and gathered where they do not."""
    width = 150
    data = np.frombuffer(content, np.uint8)
    starts = np.arange(gap, len(data) - width, width + gap, dtype=np.int64)
    records = Records(data=data, starts=starts, lengths=np.full(len(starts), width, np.int64))
    order = np.random.default_rng(seed).permutation(len(starts))
    assert decoder.decode(records).rows.take(pa.array(order)).equals(decoder.decode(records.only(order)).rows)

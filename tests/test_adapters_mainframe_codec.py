"""What is encoded decodes to itself; any bytes decode as a slow, plain reading of the format says."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mainframe.flat import codepages, parser
from adapters.mainframe.flat.decoder import Decoded, Decoder
from adapters.mainframe.flat.encoder import EncodeError, encode
from adapters.mainframe.flat.layout import Field, Layout, compile_layout, fields


@dataclass(frozen=True)
class Number:
    """A generated numeric field: its clauses, and the values that fit it."""

    clauses: str
    digits: int  # that the bytes can hold
    scale: int
    signed: bool
    nullable: bool

    def values(self) -> st.SearchStrategy[Decimal | None]:
        largest = 10**self.digits - 1
        unscaled = st.integers(-largest if self.signed else 0, largest)
        value = unscaled.map(lambda number: Decimal(number).scaleb(-self.scale))
        return st.none() | value if self.nullable else value


@st.composite
def numbers(draw: st.DrawFn) -> Number:
    usage = draw(st.sampled_from(["", "COMP-3", "COMP", "BINARY", "COMP-5", "PACKED-DECIMAL", "COMP-4"]))
    binary = usage not in ("", "COMP-3", "PACKED-DECIMAL")
    size = draw(st.integers(1, 18 if binary else 31))
    scale = draw(st.integers(0, size))
    signed = draw(st.booleans())
    whole = f"9({size - scale})" if size > scale else ""
    picture = ("S" if signed else "") + whole + (f"V9({scale})" if scale else "")
    sign = ""
    if signed and not usage:
        sign = draw(st.sampled_from(["", "SIGN LEADING", "TRAILING SEPARATE", "SIGN IS LEADING SEPARATE", "TRAILING"]))
    digits = size // 2 * 2 + 1 if usage in ("COMP-3", "PACKED-DECIMAL") else size
    return Number(f"PIC {picture} {usage} {sign}", digits, scale, signed, nullable=not binary)


def layout_of(*lines: str) -> Layout:
    text = "\n".join("       " + line for line in ("01 RECORD-1.", *lines))
    return compile_layout(parser.parse(text, Path("test.cpy")))


def decode(layout: Layout, content: bytes, code_page: str = "cp037") -> Decoded:
    rows = np.frombuffer(content, np.uint8).reshape(-1, layout.length)
    return Decoder(layout, codepages.get(code_page)).decode(rows)


def values_of(column: pa.ChunkedArray | pa.Array) -> list[object]:
    """Return decimals and integers as Decimal, so that they compare by value."""
    return [None if value is None else Decimal(value) for value in column.to_pylist()]


@given(st.data())
def test_numbers_come_back_as_they_went(data: st.DataObject):
    items = data.draw(st.lists(numbers(), min_size=1, max_size=5))
    layout = layout_of(*(f"05 FIELD-{i} {item.clauses}." for i, item in enumerate(items)))
    count = data.draw(st.integers(0, 4))
    columns = {
        f"FIELD-{i}": data.draw(st.lists(item.values(), min_size=count, max_size=count)) for i, item in enumerate(items)
    }
    table = pa.table({name: as_array(values, layout.schema.field(name).type) for name, values in columns.items()})
    content = encode(layout, table)
    assert len(content) == count * layout.length
    decoded = decode(layout, content)
    assert decoded.unreadable == ()
    assert {name: values_of(decoded.rows[name]) for name in columns} == columns
    assert encode(layout, pa.Table.from_batches([decoded.rows])) == content


def as_array(values: list[Decimal | None], kind: pa.DataType) -> pa.Array:
    if pa.types.is_decimal(kind):
        return pa.array(values, kind)
    return pa.array([None if value is None else int(value) for value in values], kind)


@given(
    page=st.sampled_from(codepages.BUILT_IN),
    width=st.integers(1, 40),
    data=st.data(),
)
def test_text_comes_back_trimmed(page: str, width: int, data: st.DataObject):
    known = sorted(set(codepages.get(page).characters) - {"\N{REPLACEMENT CHARACTER}"})
    texts = data.draw(st.lists(st.none() | st.text(known, max_size=width), max_size=5))
    layout = layout_of("05 FILLER PIC X(3).", f"05 T PIC X({width}).")
    content = encode(layout, pa.table({"T": pa.array(texts, pa.string())}), code_page=page)
    decoded = decode(layout, content, page)
    assert decoded.rows["T"].to_pylist() == [(text or "").strip(" ") or None for text in texts]


@given(st.lists(numbers(), min_size=1, max_size=3), st.integers(1, 4), st.integers(1, 3), st.data())
def test_tables_come_back_as_lists(items: list[Number], occurs: int, inner: int, data: st.DataObject):
    layout = layout_of(
        f"05 GROUP-1 OCCURS {occurs} TIMES.",
        *(f"  10 FIELD-{i} {item.clauses}." for i, item in enumerate(items)),
        f"  10 LINE-1 PIC X(5) OCCURS {inner}.",
        "05 LAST-1 PIC X.",
    )
    group = layout.schema.field("GROUP-1").type.value_type
    records = []
    for _ in range(2):
        elements = []
        for _ in range(occurs):
            element: dict[str, object] = {}
            for i, item in enumerate(items):
                element[f"FIELD-{i}"] = as_array([data.draw(item.values())], group.field(i).type).to_pylist()[0]
            element["LINE-1"] = data.draw(
                st.lists(st.none() | st.sampled_from(["a", "bcd", "Straße"[:5]]), min_size=inner, max_size=inner)
            )
            elements.append(element)
        records.append({"GROUP-1": elements, "LAST-1": "x"})
    content = encode(layout, pa.Table.from_pylist(records, schema=layout.schema))
    assert decode(layout, content).rows.to_pylist() == records


# Bytes that look like numbers often enough to reach every branch, and anything else too.
_BYTES = st.one_of(
    st.sampled_from([*range(0xF0, 0xFA), 0x40, 0x00, 0x4E, 0x60, 0xC5, 0xD5, 0x1C, 0x9D, 0xA1, 0xB1, 0xE1]),
    st.integers(0, 255),
)


@given(st.data())
def test_any_bytes_read_as_the_plain_reading_says(data: st.DataObject):
    items = data.draw(st.lists(numbers(), min_size=1, max_size=3))
    layout = layout_of(*(f"05 FIELD-{i} {item.clauses}." for i, item in enumerate(items)), "05 T PIC X(3).")
    count = data.draw(st.integers(1, 3))
    size = count * layout.length
    content = bytes(data.draw(st.lists(_BYTES, min_size=size, max_size=size)))
    decoded = decode(layout, content)
    unreadable = {item.path: item for item in decoded.unreadable}
    for path, offset, field in fields(layout):
        if field.encoding == "text":
            continue
        pieces = [content[i * layout.length + offset :][: field.length] for i in range(count)]
        expected = [plain_value(piece, field) for piece in pieces]
        assert values_of(decoded.rows[path]) == expected
        wrong = tuple(
            row
            for row, (piece, value) in enumerate(zip(pieces, expected, strict=True))
            if value is None and set(piece) not in ({0x40}, {0x00})
        )
        assert (unreadable[path].rows if path in unreadable else ()) == wrong


def plain_value(piece: bytes, field: Field) -> Decimal | None:
    """Read one number by the letter of the format; None where it is none."""
    signed, sign = field.picture.signed, field.sign
    if field.encoding == "binary":
        return Decimal(int.from_bytes(piece, "big", signed=signed)).scaleb(-field.picture.scale)
    if field.encoding == "packed":
        halves = piece.hex()
        digits, code = halves[:-1], halves[-1]
    elif signed and sign.separate:
        mark, body = (piece[0], piece[1:]) if sign.leading else (piece[-1], piece[:-1])
        code = {0x4E: "c", 0x60: "d"}.get(mark, "0")
        digits = "".join(f"{byte:02x}"[1] if byte >> 4 == 0xF else "?" for byte in body)
    else:
        place = 0 if signed and sign.leading else len(piece) - 1
        code = f"{piece[place]:02x}"[0]
        digits = "".join(
            f"{byte:02x}"[1] if index == place or byte >> 4 == 0xF else "?" for index, byte in enumerate(piece)
        )
    if not digits.isdecimal() or code not in ("abcdef" if signed else "acef"):
        return None
    number = int(digits) * (-1 if code in "bd" else 1)
    return Decimal((int(number < 0), tuple(map(int, str(abs(number)))), -field.picture.scale))


@given(st.integers(0, 200), st.binary(max_size=8))
def test_text_of_any_bytes_is_text(length: int, seed: bytes):
    layout = layout_of("05 A PIC X(7).", "05 B PIC X(3).")
    content = (seed * 10 * (length + 1))[: length * 10].ljust(length * 10, b"\x40")
    page = codepages.get("cp500")
    decoded = decode(layout, content, "cp500")
    for i in range(length):
        record = content[i * 10 : i * 10 + 10]
        expected = page.decode(record[:7]).strip(" ") or None, page.decode(record[7:]).strip(" ") or None
        assert (decoded.rows["A"][i].as_py(), decoded.rows["B"][i].as_py()) == expected


@pytest.mark.parametrize(
    ("clauses", "value", "content"),
    [  # Enterprise COBOL for z/OS Programming Guide, "Internal representation of numeric items"
        ("PIC S9999 DISPLAY", 1234, "F1F2F3C4"),
        ("PIC S9999 DISPLAY", -1234, "F1F2F3D4"),
        ("PIC 9999 DISPLAY", 1234, "F1F2F3F4"),
        ("PIC S9999 DISPLAY SIGN LEADING", 1234, "C1F2F3F4"),
        ("PIC S9999 DISPLAY SIGN LEADING", -1234, "D1F2F3F4"),
        ("PIC S9999 DISPLAY SIGN LEADING SEPARATE", 1234, "4EF1F2F3F4"),
        ("PIC S9999 DISPLAY SIGN LEADING SEPARATE", -1234, "60F1F2F3F4"),
        ("PIC S9999 DISPLAY SIGN TRAILING SEPARATE", 1234, "F1F2F3F44E"),
        ("PIC S9999 DISPLAY SIGN TRAILING SEPARATE", -1234, "F1F2F3F460"),
        ("PIC S9999 BINARY", 1234, "04D2"),
        ("PIC S9999 BINARY", -1234, "FB2E"),
        ("PIC 9999 BINARY", 1234, "04D2"),
        ("PIC S9999 COMP-3", 1234, "01234C"),
        ("PIC S9999 COMP-3", -1234, "01234D"),
        ("PIC 9999 COMP-3", 1234, "01234F"),
    ],
)
def test_the_manual_s_own_examples(clauses: str, value: int, content: str):
    layout = layout_of(f"05 A {clauses}.")
    assert decode(layout, bytes.fromhex(content)).rows["A"].to_pylist() == [value]
    assert encode(layout, pa.table({"A": [value]})).hex().upper() == content


@pytest.mark.parametrize("sign", "ABCDEF")
def test_every_sign_code_is_read(sign: str):
    layout = layout_of("05 A PIC S9(3) COMP-3.", "05 B PIC S9(3).")
    rows = decode(layout, bytes.fromhex(f"123{sign}F1F2{sign}3")).rows
    expected = -123 if sign in "BD" else 123
    assert rows.to_pylist() == [{"A": expected, "B": expected}]


def test_low_values_are_padding():
    layout = layout_of("05 A PIC X(4).")
    content = b"\x00" * 4 + "ab".encode("cp037") + b"\x00\x00" + b"\x00\xc1\x00\xc2"
    assert decode(layout, content).rows["A"].to_pylist() == [None, "ab", "A B"]


@pytest.mark.parametrize(
    ("clauses", "values", "message"),
    [
        ("PIC X(2)", ["abc"], "column 'A', row 0: a text is longer than 2 characters"),
        ("PIC X(2)", ["ab", "Ж"], "column 'A', row 1: a character is not in code page cp037"),
        ("PIC 9(2)", [5, 100], "column 'A', row 1: a number has more than 2 digits"),
        ("PIC 9(2)", [5, -1], "column 'A', row 1: an unsigned field cannot be negative"),
        ("PIC 9(2)", [1000], "column 'A': a value does not fit int8"),
        ("PIC S9(4) COMP", [1, None], "column 'A', row 1: a COMP field cannot be null"),
        ("PIC 9(4) COMP", [-1], "column 'A': a value does not fit uint16"),
        ("PIC S9(3)V9 COMP", [Decimal("4000.0")], "column 'A', row 0: a value does not fit PIC S9(3)V9 COMP"),
        ("PIC X OCCURS 2", [["a"]], "column 'A', row 0: a list does not have 2 elements"),
    ],
)
def test_what_does_not_fit_is_named_without_its_value(clauses: str, values: list[object], message: str):
    with pytest.raises(EncodeError) as caught:
        encode(layout_of(f"05 A {clauses}."), pa.table({"A": values}))
    assert str(caught.value).startswith(message)


def test_columns_must_be_those_of_the_layout():
    layout = layout_of("05 NAME PIC X.", "05 CITY PIC X.")
    with pytest.raises(EncodeError, match="column 'CITY' is missing"):
        encode(layout, pa.table({"NAME": ["a"]}))
    with pytest.raises(EncodeError, match="no column 'CTY'; did you mean 'CITY'"):
        encode(layout, pa.table({"NAME": ["a"], "CTY": ["b"]}))

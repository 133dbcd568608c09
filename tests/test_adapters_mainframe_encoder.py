"""What is encoded decodes to itself, in every PICTURE, USAGE, shape and record format; Cobrix's writer is equalled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import mainframe_files
import numpy as np
import pyarrow as pa
import pyarrow.json
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mainframe_files import layout_of_fields

from adapters.mainframe import codepages, encoder
from adapters.mainframe.assemble import layout_of as layout_of_options
from adapters.mainframe.copybook import parser, placing
from adapters.mainframe.copybook.layout import Layout
from adapters.mainframe.decoder import Decoder
from adapters.mainframe.encoder import EncodeError, WriteOptions
from adapters.mainframe.options import MainframeOptions
from adapters.mainframe.profile import IBM, Profile
from adapters.mainframe.reader import Reader
from adapters.mainframe.source import Target


def decode(layout: Layout, records: list[bytes]) -> pa.Table:
    """Return the rows of whole records; fails if anything in them could not be read."""
    decoded = Decoder(layout).decode(mainframe_files.records_of(records))
    assert decoded.unreadable == ()
    return pa.Table.from_batches([decoded.rows])


def records_of(layout: Layout, table: pa.Table) -> list[bytes]:
    """Return the records that ``table`` becomes, told apart by their descriptors."""
    return list(variable(encoder.encode(layout, table, WriteOptions(record_format="V"))))


def variable(content: bytes) -> Iterator[bytes]:
    while content:
        length = int.from_bytes(content[:2], "big")
        assert content[2:4] == b"\0\0"
        yield content[4:length]
        content = content[length:]


@dataclass(frozen=True)
class Item:
    """A generated field: its clauses, and the values that fit it."""

    clauses: str
    values: st.SearchStrategy[Decimal | None]


def decimals(digits: int, scale: int, *, signed: bool, nullable: bool) -> st.SearchStrategy[Decimal | None]:
    largest = 10**digits - 1
    value = st.integers(-largest if signed else 0, largest).map(
        lambda number: Decimal((int(number < 0), tuple(map(int, str(abs(number)))), -scale))
    )
    return st.none() | value if nullable else value


def nines(count: int) -> str:
    return f"9({count})" if count else ""


@st.composite
def display_numbers(draw: st.DrawFn) -> Item:
    size = draw(st.integers(1, 31))
    form = draw(st.sampled_from(["plain", "overpunched", "separate", "point", "sign", "point and sign", "scaled"]))
    signed, clause = form not in ("plain", "point"), ""
    if form == "scaled":
        zeros = draw(st.integers(1, 5))
        behind = draw(st.booleans())
        picture = f"S{nines(size)}{'P' * zeros}" if behind else f"SV{'P' * zeros}{nines(size)}"
        return Item(f"PIC {picture}", decimals(size, -zeros if behind else size + zeros, signed=True, nullable=True))
    scale = draw(st.integers(0, size - 1 if "point" in form else size))
    mark = "." if "point" in form else "V"
    picture = nines(size - scale) + (f"{mark}{nines(scale)}" if scale else "")
    if "sign" in form:
        character = draw(st.sampled_from("+-"))
        picture = character + picture if draw(st.booleans()) else picture + character
    elif form == "overpunched":
        picture, clause = "S" + picture, draw(st.sampled_from(["", "SIGN LEADING", "SIGN IS TRAILING"]))
    elif form == "separate":
        picture, clause = "S" + picture, draw(st.sampled_from(["SIGN LEADING SEPARATE", "TRAILING SEPARATE"]))
    return Item(f"PIC {picture} {clause}", decimals(size, scale, signed=signed, nullable=True))


_COMPUTATIONAL = ("COMP-3", "PACKED-DECIMAL", "COMP-6", "COMP", "BINARY", "COMP-4", "COMP-5", "COMP-X")


@st.composite
def computational_numbers(draw: st.DrawFn) -> Item:
    usage = draw(st.sampled_from(_COMPUTATIONAL))
    packed = usage in ("COMP-3", "PACKED-DECIMAL", "COMP-6")
    size = draw(st.integers(1, 31 if packed else 18))
    scale = draw(st.integers(0, size))
    signed = usage not in ("COMP-6", "COMP-X") and draw(st.booleans())
    if usage == "COMP-X":
        scale = 0
    picture = ("S" if signed else "") + nines(size - scale) + (f"V{nines(scale)}" if scale else "")
    digits = size
    if packed:  # a byte has room for two digits, also where the picture has only one
        digits = size // 2 * 2 + 1 if usage != "COMP-6" else (size + 1) // 2 * 2
    return Item(f"PIC {picture} {usage}", decimals(digits, scale, signed=signed, nullable=packed))


def numbers() -> st.SearchStrategy[Item]:
    return display_numbers() | computational_numbers()


def as_array(values: list[Decimal | None], kind: pa.DataType) -> pa.Array:
    if pa.types.is_decimal(kind):
        return pa.array(values, kind)
    return pa.array([None if value is None else int(value) for value in values], kind)


def comparable(column: pa.ChunkedArray) -> list[object]:
    """Return numbers as Decimal, so that they compare by value."""
    return [None if value is None else Decimal(value) for value in column.to_pylist()]


PROFILES = [
    IBM,
    Profile(encoding="ascii", code_page="us-ascii"),
    Profile(native="little", exact_integers=True),
]


@given(st.data(), st.sampled_from(PROFILES))
def test_numbers_come_back_as_they_went(data: st.DataObject, profile: Profile):
    items = data.draw(st.lists(numbers(), min_size=1, max_size=4))
    layout = layout_of_fields(*(f"05 FIELD-{i} {item.clauses}." for i, item in enumerate(items)), profile=profile)
    count = data.draw(st.integers(0, 4))
    columns = {
        f"FIELD-{i}": data.draw(st.lists(item.values, min_size=count, max_size=count)) for i, item in enumerate(items)
    }
    table = pa.table({name: as_array(values, layout.schema.field(name).type) for name, values in columns.items()})
    content = encoder.encode(layout, table)
    assert len(content) == count * layout.length
    decoded = decode(layout, records_of(layout, table))
    assert {name: comparable(decoded[name]) for name in columns} == columns
    assert encoder.encode(layout, decoded) == content


SINGLE = [name for name in codepages.BUILT_IN if codepages.get(name).double is None]


@given(page=st.sampled_from(SINGLE), width=st.integers(1, 40), justified=st.booleans(), data=st.data())
def test_text_comes_back_in_every_code_page(page: str, width: int, justified: bool, data: st.DataObject):
    profile = replace(IBM, code_page=page, controls="keep")
    known = sorted(set(codepages.get(page).characters) - {codepages.REPLACEMENT, "\0", " "})
    texts = data.draw(st.lists(st.none() | st.text(known, min_size=1, max_size=width), min_size=1, max_size=5))
    clause = "JUSTIFIED RIGHT" if justified else ""
    layout = layout_of_fields("05 FILLER PIC X(3).", f"05 T PIC X({width}) {clause}.", profile=profile)
    table = pa.table({"T": pa.array(texts, pa.string())})
    assert decode(layout, records_of(layout, table))["T"].to_pylist() == texts
    raw = encoder.encode(layout, table)
    for row, text in enumerate(texts):
        if text is not None:
            place = raw[row * layout.length + 3 :][:width]
            assert len(place.strip(b"\x40")) <= len(text)
            assert (
                place.startswith(b"\x40" * (width - len(text)))
                if justified
                else place.endswith(b"\x40" * (width - len(text)))
            )


@pytest.mark.parametrize("number", ["300", "930", "933", "935", "937", "939", "1364", "1388"])
@settings(max_examples=8)
@given(data=st.data())
def test_double_byte_text_comes_back(number: str, data: st.DataObject):
    page = codepages.get(number)
    assert page.double is not None
    pairs = [chr(point) for point in np.unique(page.double) if point not in (0, ord(codepages.REPLACEMENT), 0x3000)]
    singles = [character for character in page.characters if character.isalnum() and character.isascii()]
    profile = replace(IBM, code_page=f"cp{number}")
    layout = layout_of_fields("05 G1 PIC G(6) DISPLAY-1.", "05 X1 PIC X(40).", profile=profile)
    doubles = data.draw(st.lists(st.text(pairs, min_size=1, max_size=6), min_size=1, max_size=3))
    mixed = st.text([*singles, *pairs], min_size=1, max_size=6) if singles else st.none()
    rows = [{"G1": text, "X1": data.draw(mixed)} for text in doubles]
    table = pa.Table.from_pylist(rows, schema=layout.schema)
    assert decode(layout, records_of(layout, table)).to_pylist() == rows


_LETTERS = st.characters(max_codepoint=0xD7FF, categories=["L", "N"])


@given(st.lists(st.text(_LETTERS, max_size=8), min_size=1, max_size=4), st.sampled_from(["big", "little"]))
def test_national_text_comes_back(texts: list[str], endian: str):
    layout = layout_of_fields("05 N1 PIC N(8) NATIONAL.", profile=replace(IBM, national=endian))
    table = pa.table({"N1": texts})
    assert decode(layout, records_of(layout, table))["N1"].to_pylist() == [text or None for text in texts]


@given(st.lists(st.text("ABC012é€", max_size=4), min_size=1, max_size=4))
def test_character_sets_of_several_bytes_fill_fields_by_bytes(texts: list[str]):
    layout = layout_of_fields("05 T PIC X(12).", profile=Profile(encoding="ascii", code_page="utf-8"))
    decoded = decode(layout, records_of(layout, pa.table({"T": texts})))
    assert decoded["T"].to_pylist() == [text or None for text in texts]


@given(
    st.lists(st.integers(0, 2**24 - 1), min_size=1, max_size=4),
    st.lists(st.integers(-(2**53), 2**53), min_size=4, max_size=4),
    st.integers(-20, 20),
    st.sampled_from(["ibm", "ibm-little", "ieee", "ieee-little"]),
)
def test_floats_come_back(singles: list[int], doubles: list[int], power: int, floats: str):
    layout = layout_of_fields("05 F1 COMP-1.", "05 F2 COMP-2.", profile=replace(IBM, floats=floats))
    columns = {
        "F1": [float(number) * 16.0**power for number in singles],
        "F2": [float(number) * 16.0**power for number in doubles[: len(singles)]],
    }
    table = pa.table(columns).cast(layout.schema)
    assert decode(layout, records_of(layout, table)).to_pydict() == columns


@pytest.mark.parametrize(
    ("value", "single", "double"),
    [  # Principles of Operation, "Hexadecimal-floating-point data format"
        (1.0, "41100000", "4110000000000000"),
        (-118.625, "C276A000", "C276A00000000000"),
        (0.15625, "40280000", "4028000000000000"),
        (0.0, "00000000", "0000000000000000"),
    ],
)
def test_hexadecimal_floats(value: float, single: str, double: str):
    layout = layout_of_fields("05 F1 COMP-1.", "05 F2 COMP-2.")
    assert encoder.encode(layout, pa.table({"F1": [value], "F2": [value]})).hex().upper() == single + double


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
        ("PIC 9(3) COMP-6", 123, "0123"),
        ("PIC 99.99", Decimal("12.34"), "F1F24BF3F4"),
        ("PIC -99", -12, "60F1F2"),
        ("PIC -99", 12, "40F1F2"),
        ("PIC 9(3)PP", 12300, "F1F2F3"),
    ],
)
def test_the_manual_s_own_examples(clauses: str, value: object, content: str):
    layout = layout_of_fields(f"05 A {clauses}.")
    assert encoder.encode(layout, pa.table({"A": [value]})).hex().upper() == content


@st.composite
def records(draw: st.DrawFn) -> tuple[list[str], st.SearchStrategy[dict[str, object]]]:
    """Draw a copybook with tables in tables and what they depend on, and its nested rows."""
    inner, outer = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    depending = draw(st.booleans())
    lines = [
        "05 N1 PIC 9.",
        "05 N2 PIC S9(4) COMP.",
        "05 HEAD PIC X(3).",
        f"05 ITEMS OCCURS {'0 TO ' if depending else ''}{outer} TIMES{' DEPENDING ON N1' if depending else ''}.",
        "   10 M PIC 9.",
        "   10 KIND PIC XX.",
        f"   10 PRICE PIC S9(3)V99 COMP-3 OCCURS 0 TO {inner} DEPENDING ON M.",
        "   10 REST PIC 9(4).",
        "05 MIDDLE PIC X(4).",
        f"05 TAIL PIC XX OCCURS 1 TO {outer} DEPENDING ON N2.",
        "05 LAST-1 PIC X(2).",
    ]
    text = st.text("AB", min_size=1, max_size=2)
    price = st.none() | st.integers(-99999, 99999).map(lambda number: Decimal(number).scaleb(-2))

    @st.composite
    def row(draw: st.DrawFn) -> dict[str, object]:
        items = []
        for _ in range(draw(st.integers(0, outer)) if depending else outer):
            prices = draw(st.lists(price, max_size=inner))
            items.append({"M": len(prices), "KIND": draw(text), "PRICE": prices, "REST": draw(st.integers(0, 9999))})
        tail = draw(st.lists(text, min_size=1, max_size=outer))
        n1 = len(items) if depending else draw(st.integers(0, 9))
        return {"N1": n1, "N2": len(tail), "HEAD": "abc", "ITEMS": items, "MIDDLE": "mid", "TAIL": tail, "LAST-1": "zz"}

    return lines, row()


@given(st.data(), st.booleans())
def test_tables_of_any_size_come_back(data: st.DataObject, shift: bool):
    lines, row = data.draw(records())
    rows = data.draw(st.lists(row, min_size=1, max_size=4))
    profile = replace(IBM, shift_after_tables=shift)
    nested = layout_of_fields(*lines, profile=profile, shape="nested")
    table = pa.Table.from_pylist(rows, schema=nested.schema)
    content = records_of(nested, table)
    assert [len(record) for record in content] == [
        nested.length if not shift else length_of(record, nested) for record in rows
    ]
    assert decode(nested, content).to_pylist() == rows
    for shape in ("names", "flattened"):
        other = layout_of_fields(*lines, profile=profile, shape=shape)
        assert records_of(other, decode(other, content)) == content


def length_of(row: dict[str, object], layout: Layout) -> int:
    items = sum(7 + 3 * len(item["PRICE"]) for item in row["ITEMS"])
    return 1 + 2 + 3 + items + 4 + 2 * len(row["TAIL"]) + 2


def test_counts_are_filled_from_the_lists():
    layout = layout_of_fields("05 N PIC 9.", "05 T PIC X OCCURS 0 TO 5 DEPENDING ON N.")
    lists = [["a", "b"], [], None]
    alone = records_of(layout, pa.table({"T": lists}))
    assert alone == records_of(layout, pa.table({"N": pa.array([2, None, None], pa.int8()), "T": lists}))
    assert [record.hex() for record in alone] == ["f28182", "f0", "f0"]


def test_the_first_redefinition_with_a_value_is_written():
    layout = layout_of_fields(
        "05 KIND PIC X.",
        "05 A.",
        "   10 A1 PIC X(4).",
        "05 B REDEFINES A.",
        "   10 B1 PIC 9(2).",
        "   10 B2 PIC S9(4) COMP.",
        shape="nested",
    )
    rows = [
        {"KIND": "A", "A": {"A1": "text"}, "B": None},
        {"KIND": "B", "A": None, "B": {"B1": 12, "B2": -1}},
        {"KIND": "?", "A": None, "B": None},
    ]
    content = encoder.encode(layout, pa.Table.from_pylist(rows, schema=layout.schema))
    assert content.hex() == "c1" + "a385a7a3" + "c2" + "f1f2ffff" + "6f" + "40404040"


def test_records_of_several_kinds_have_their_own_length_where_the_format_allows():
    text = "\n".join("       " + line for line in ("01 A.", "05 A1 PIC X(2).", "01 B.", "05 B1 PIC X(5)."))
    layout = placing.compile_layout([parser.parse(text, Path("test.cpy"))])
    table = pa.table({"A1": ["aa", None], "B1": [None, "bbbbb"]})
    assert records_of(layout, table) == ["aa".encode("cp037"), "bbbbb".encode("cp037")]
    assert len(encoder.encode(layout, table)) == 10


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.integers(12, 80), st.sampled_from(["VB", "VS", "VBS"]))
def test_blocks_hold_all_records(lengths: list[int], block: int, record_format: str):
    layout = layout_of_fields("05 N PIC 99.", "05 T PIC X OCCURS 0 TO 60 DEPENDING ON N.")
    texts = [["x"] * length for length in lengths]
    table = pa.table({"T": texts})
    options = WriteOptions(record_format=record_format, block_length=block)
    if record_format == "VB" and max(lengths) + 2 + 4 + 4 > block:
        with pytest.raises(EncodeError, match="longer than a block"):
            encoder.encode(layout, table, options)
        return
    content = encoder.encode(layout, table, options)
    segments = content if record_format == "VS" else b"".join(blocks(content, block))
    assert list(joined(segments)) == records_of(layout, table)


def blocks(content: bytes, most: int) -> Iterator[bytes]:
    while content:
        length = int.from_bytes(content[:2], "big")
        assert 4 < length <= most
        assert content[2:4] == b"\0\0"
        yield content[4:length]
        content = content[length:]


def joined(content: bytes) -> Iterator[bytes]:
    """Yield records of segments; a plain reading of the format."""
    record = b""
    while content:
        length, control = int.from_bytes(content[:2], "big"), content[2]
        assert (control in (0, 1)) == (not record)
        record += content[4:length]
        content = content[length:]
        if control in (0, 2):
            yield record
            record = b""
    assert not record


def test_the_other_formats():
    layout = layout_of_fields("05 T PIC X(4).", profile=Profile(encoding="ascii", code_page="us-ascii"))
    table = pa.table({"T": ["ab", "cd"]})

    def content(**options: object) -> bytes:
        return encoder.encode(layout, table, WriteOptions(**options))

    assert content() == b"ab  cd  "
    assert content(record_length=6) == b"ab    cd    "
    assert content(record_format="FB") == b"ab  cd  "
    assert content(record_format="text") == b"ab  \ncd  \n"
    assert content(record_format="text", newline="\r\n") == b"ab  \r\ncd  \r\n"
    assert content(record_format="V") == b"\x00\x08\x00\x00ab  \x00\x08\x00\x00cd  "
    little = {"rdw_endian": "little", "rdw_includes_itself": False, "rdw_adjustment": -2}
    assert content(record_format="V", **little) == b"\x06\x00\x00\x00ab  \x06\x00\x00\x00cd  "
    both = {"bdw_includes_itself": False, "bdw_endian": "little", "block_length": 12}
    assert content(record_format="VB", **both) == b"\x08\0\0\0\0\x08\0\0ab  \x08\0\0\0\0\x08\0\0cd  "


_FORMATS: list[dict[str, object]] = [
    {"record_format": "F"},
    {"record_format": "F", "record_length": 90},
    {"record_format": "FB"},
    {"record_format": "FB", "records_per_block": 3},
    {"record_format": "V"},
    {"record_format": "V", "rdw_endian": "little", "rdw_includes_itself": False, "rdw_adjustment": -1},
    {"record_format": "VB", "block_length": 120},
    {"record_format": "VB", "bdw_endian": "little", "bdw_includes_itself": False, "rdw_endian": "little"},
    {"record_format": "VS", "block_length": 30},
    {"record_format": "VBS", "block_length": 50},
    {"record_format": "text", "encoding": "ascii"},
    {"record_format": "counted"},
    {"record_format": "length-field", "length_field": "N + 8"},
]


@pytest.mark.parametrize("asked", _FORMATS, ids=lambda asked: "-".join(map(str, asked.values())))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_record_format_is_read_back(tmp_path: Path, asked: dict[str, object], data: st.DataObject):
    (tmp_path / "book.cpy").write_text(
        "       01 R.\n       05 N PIC 9(2).\n       05 T PIC X OCCURS 0 TO 60 DEPENDING ON N.\n       05 K PIC 9(6).\n"
    )
    options = MainframeOptions.model_validate({"path": "data", "copybook": "book.cpy", **asked})
    layout = layout_of_options(options, tmp_path)
    rows = data.draw(
        st.lists(
            st.tuples(st.lists(st.sampled_from("AB"), max_size=60), st.integers(0, 999_999)), min_size=1, max_size=9
        )
    )
    table = pa.table(
        {"N": [len(texts) for texts, _ in rows], "T": [texts for texts, _ in rows], "K": [k for _, k in rows]}
    )
    encoder.write(tmp_path / "data", layout, table, WriteOptions.of(options))
    found = [batch.rows for batch in Reader(options, layout).read([tmp_path / "data"])]
    assert pa.Table.from_batches(found).to_pylist() == table.to_pylist()


@pytest.mark.parametrize(("record_format", "lengths"), [("V", [7, 4]), ("F", [7, 7])])
def test_a_record_ends_with_its_kind_where_the_format_tells_lengths(record_format: str, lengths: list[int]):
    layout = layout_of_fields("05 K PIC X.", "05 A PIC X(6).", "05 B REDEFINES A.", "10 N PIC 9(3).", "10 C PIC X(2).")
    shorter = layout_of_fields("05 K PIC X.", "05 A PIC X(6).", "05 B REDEFINES A PIC 9(3).")
    table = pa.table({"K": ["A", "B"], "A": ["abcdef", None], "B": [None, 123]})
    content = encoder.encode(shorter, table, WriteOptions(record_format=record_format))
    told = [len(record) for record in variable(content)] if record_format == "V" else [len(content) // 2] * 2
    assert told == lengths
    group = pa.table({"K": ["A", "B"], "A": ["abcdef", None], "N": [None, 123], "C": [None, "x"]})
    assert [len(record) for record in records_of(layout, group)] == [7, 6]


def test_header_and_trailer_stand_once():
    lines = ("01 HEAD.", "05 H1 PIC X(3).", "01 DATA-1.", "05 D1 PIC X.", "01 TAIL.", "05 T1 PIC 9(2).")
    copybook = parser.parse("\n".join("       " + line for line in lines), Path("test.cpy"))
    layout = placing.compile_layout([copybook], header="HEAD", trailer="TAIL")
    table = pa.table({"D1": ["a", "b"]})
    content = encoder.encode(layout, table, header=pa.table({"H1": ["abc"]}), trailer=pa.table({"T1": [2]}))
    assert content == "abca  b  02 ".encode("cp037")  # of the length of the longest
    with pytest.raises(EncodeError, match="a header is one row"):
        encoder.encode(layout, table, header=table)


def test_a_file_is_written_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    layout = layout_of_fields("05 N PIC 9(4).", "05 T PIC X(3).")
    table = pa.table({"N": list(range(1000)), "T": ["abc"] * 1000})
    whole = encoder.encode(layout, table)
    monkeypatch.setattr(encoder, "_CHUNK_BYTES", 100)
    assert encoder.write(tmp_path / "file", layout, table) == len(whole)
    assert (tmp_path / "file").read_bytes() == whole
    with pytest.raises(EncodeError, match="column 'N', row 1000: a number has more than 4 digits"):
        encoder.encode(layout, pa.concat_tables([table, pa.table({"N": [10000], "T": ["x"]})]))


@pytest.mark.parametrize(
    ("clauses", "values", "message"),
    [
        ("PIC X(2)", ["abc"], "column 'A', row 0: a text is longer than 2 characters"),
        ("PIC X(2)", ["ab", "Ж"], "column 'A', row 1: a character is not in code page cp037"),
        ("PIC 9(2)", [5, 100], "column 'A', row 1: a number has more than 2 digits"),
        ("PIC 9(2)", [5, -1], "column 'A', row 1: an unsigned field cannot be negative"),
        ("PIC 9(2)V9", [Decimal("1.25")], "column 'A', row 0: a number has digits beyond those of PIC 9(2)V9"),
        ("PIC 9(2)", ["x"], "column 'A': a value is no number"),
        ("PIC S9(4) COMP", [1, None], "column 'A', row 1: a null cannot be written as PIC S9(4) COMP"),
        ("PIC 9(4) COMP", [3, -1], "column 'A', row 1: a value does not fit PIC 9(4) COMP"),
        ("PIC S9(4) COMP", [40000], "column 'A', row 0: a value does not fit PIC S9(4) COMP"),
        ("PIC S9(3)V9 COMP", [Decimal("4000.0")], "column 'A', row 0: a value does not fit PIC S9(3)V9 COMP"),
        ("COMP-2", [1e99], "column 'A', row 0: a number is infinite, none, or too large"),
        ("PIC X OCCURS 2", [["a"]], "column 'A', row 0: a list does not have 2 elements"),
        ("PIC 9 OCCURS 2", [[1, 2], [1, 22]], "column 'A[*]', row 1: a number has more than 1 digits"),
        ("PIC G(2) DISPLAY-1", ["a"], "column 'A', row 0: a character is not in code page"),
    ],
)
def test_what_does_not_fit_is_named_without_its_value(clauses: str, values: list[object], message: str):
    with pytest.raises(EncodeError) as caught:
        encoder.encode(layout_of_fields(f"05 A {clauses}."), pa.table({"A": values}))
    assert str(caught.value).startswith(message)


def test_lists_and_what_counts_them_must_agree():
    layout = layout_of_fields(
        "05 N PIC 9.", "05 T PIC X OCCURS 0 TO 5 DEPENDING ON N.", "05 U PIC X OCCURS 5 DEPENDING ON N."
    )
    both = {"T": [["a"], ["b"]], "U": [["a"], ["b"]]}
    with pytest.raises(EncodeError, match="column 'N', row 1: it does not count the elements of its table"):
        encoder.encode(layout, pa.table({"N": [1, 2], **both}))
    with pytest.raises(EncodeError, match="column 'U', row 1: lists that one field counts differ in length"):
        encoder.encode(layout, pa.table({**both, "U": [["a"], ["b", "c"]]}))


def test_columns_must_be_those_of_the_layout():
    layout = layout_of_fields("05 NAME PIC X.", "05 CITY PIC X.")
    with pytest.raises(EncodeError, match="column 'CITY' is missing"):
        encoder.encode(layout, pa.table({"NAME": ["a"]}))
    with pytest.raises(EncodeError, match="no column 'CTY'; did you mean 'CITY'"):
        encoder.encode(layout, pa.table({"NAME": ["a"], "CTY": ["b"]}))
    loose = WriteOptions(strict=False)
    assert encoder.encode(layout, pa.table({"NAME": ["a"]}), loose) == "a ".encode("cp037")


def writer_cases(folder: Path) -> list[dict[str, object]]:
    cases = json.loads((folder / "cases.json").read_text())["cases"]
    return [case for case in cases if case["kind"] == "writer"]


def parts(table: pa.Table, count: int) -> list[pa.Table]:
    """Return what Cobrix wrote into each of several files: Spark gave the first row to one, the rest to another."""
    halves = [table] if count == 1 else [table.slice(0, 1), table.slice(1)]
    return [half for half in halves for _ in range(count // len(halves))]


def test_what_cobrix_wrote_is_equalled(cobrix_data: Path):
    cases = writer_cases(cobrix_data)
    assert len(cases) == 22
    for case in cases:
        copybook = str(cobrix_data / case["copybooks"][0])
        target = Target(MainframeOptions(path="", copybook=copybook, cobrix_options=case["options"]), cobrix_data)
        outputs = [cobrix_data / name for name in case["outputs"]]
        table = pa.json.read_json(cobrix_data / case["input"])
        for part, output in zip(parts(table, len(outputs)), outputs, strict=True):
            assert target.encode(part) == output.read_bytes(), case["id"]

"""Numbers in every form of storage, held against a slow and plain reading of the rules.

Every case is decoded both by the NumPy kernels and by those of Numba, where it is installed.
"""

from __future__ import annotations

import math
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.mainframe import compiled
from adapters.mainframe.copybook import picture as pictures
from adapters.mainframe.copybook.layout import Field, Place
from adapters.mainframe.copybook.storage import storage
from adapters.mainframe.copybook.syntax import Sign, Usage
from adapters.mainframe.profile import IBM, Profile
from adapters.mainframe.values import decoder, kernels
from foundation.errors import ConfigurationError, Location

COBRIX = Profile(name="cobrix")
EXACT = Context(prec=200)

Value = Decimal | int | float | str | None


@pytest.fixture(autouse=True, scope="module", params=["numpy", "numba"])
def _kernels(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run every test with each kind of kernels."""
    if request.param == "numba":
        pytest.importorskip("numba")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOEG_NUMBA", "off" if request.param == "numpy" else "on")
        compiled.wanted.cache_clear()
        yield
    compiled.wanted.cache_clear()


def field_of(
    clause: str,
    profile: Profile = IBM,
    *,
    usage: Usage = Usage.DISPLAY,
    sign: Sign = Sign(),  # noqa: B008 - frozen
    kind: pa.DataType | None = None,
) -> Field:
    """Return a field as a copybook would have it; ``clause`` is its PICTURE."""
    picture = pictures.parse(clause, lenient=profile.name == "cobrix") if clause else None
    stored = storage(picture, usage, sign, profile)
    return Field(
        name="N",
        written="N",
        level=5,
        place=Place(offset=0),
        length=stored.length,
        encoding=stored.encoding,
        picture=picture,
        usage=usage,
        sign=sign,
        type=kind or stored.type,
        little=stored.little,
        location=Location(file="test.cpy"),
    )


@dataclass(frozen=True)
class Outcome:
    """What became of values, and which of them count as unreadable."""

    values: list[Value]
    bad: list[int]


def decode(
    field: Field, contents: Sequence[bytes], profile: Profile = IBM, *, before: int = 3, behind: int = 2
) -> Outcome:
    """Decode ``contents`` from the middle of records, with bytes around that are no part of the field."""
    rows = np.full((len(contents), before + field.length + behind), 0xE9, np.uint8)
    for row, content in enumerate(contents):
        rows[row, before : before + field.length] = list(content)
    found = decoder(field, profile)(rows, before, None)
    found.array.validate(full=True)
    assert found.array.type == field.type
    bad = [] if found.bad is None else np.flatnonzero(found.bad).tolist()
    assert all(not found.array[row].is_valid for row in bad)
    return Outcome(found.array.to_pylist(), bad)


def one(field: Field, content: bytes, profile: Profile = IBM) -> Value:
    return decode(field, [content], profile).values[0]


def ebcdic(text: str) -> bytes:
    return text.encode("cp037")


# The plain readings


def ibm_zoned(content: bytes, picture: pictures.Picture, sign: Sign) -> Decimal | None:
    """Read one DISPLAY number (EBCDIC) as Enterprise COBOL would; None: it is none."""
    separate = picture.sign_char is not None or (picture.signed and sign.separate)
    leading = picture.sign_first if picture.sign_char else picture.signed and sign.leading
    cells = list(content)
    factor = 1
    if separate:
        mark = cells.pop(0 if leading else -1)
        signs = {0x4E: 1, 0x60: -1} | ({0x40: 1} if picture.sign_char == "-" else {})
        if mark not in signs:
            return None
        factor = signs[mark]
    if picture.point is not None and cells.pop(picture.size - picture.scale) != ebcdic(picture.point)[0]:
        return None
    number = 0
    for place, cell in enumerate(cells):
        zone, digit = cell >> 4, cell & 15
        if digit > 9:
            return None
        if not separate and place == (0 if leading else len(cells) - 1):
            if zone in (0xB, 0xD) and picture.signed:
                factor = -1
            elif zone not in (0xA, 0xC, 0xE, 0xF):
                return None
        elif zone != 0xF:
            return None
        number = number * 10 + digit
    return Decimal(factor * number).scaleb(-picture.scale, EXACT)


def cobrix_text(content: bytes, *, ascii: bool, signed: bool, relaxed: bool, nulls: bool) -> str | None:  # noqa: A002
    """Read one DISPLAY number as Cobrix does: its digits as text."""
    if nulls and all(byte in (0x00, 0x20 if ascii else 0x40) for byte in content):
        return None
    if ascii:
        return _cobrix_ascii(content, signed=signed, relaxed=relaxed)
    sign, text = "", ""
    for byte in content:
        zone, digit = byte >> 4, byte & 15
        if zone == 0xF and digit < 10:
            text += str(digit)
        elif byte in (0x4B, 0x6B):
            text += "."
        elif byte in (0x40, 0x00):
            pass
        elif sign and not relaxed:
            return None
        elif zone in (0xC, 0xD) and digit < 10 and (signed or relaxed):
            sign, text = "-" if zone == 0xD else "+", text + str(digit)
        elif byte in (0x4E, 0x60):
            sign = "-" if byte == 0x60 else "+"
        else:
            return None
    return None if sign == "-" and not signed else sign + text


def _cobrix_ascii(content: bytes, *, signed: bool, relaxed: bool) -> str | None:
    punched = "{ABCDEFGHI}JKLMNOPQR"
    sign, text = "", ""
    for place, character in enumerate(content.decode("latin-1")):
        if character in " 0123456789":
            text += character
        elif character in "+-":
            sign = character
        elif character in ".,":
            text += "."
        elif character in punched and (relaxed or (signed and place in (0, len(content) - 1))):
            sign = "-" if punched.index(character) >= 10 else "+"
            text += str(punched.index(character) % 10)
        else:
            return None
    return None if sign == "-" and not signed else sign + text.strip()


def java_decimal(text: str) -> Decimal | None:
    """Return what Java's BigDecimal makes of a text."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    whole, _, fraction = digits.partition(".")
    if not (whole + fraction).isdigit() or digits.count(".") > 1:
        return None
    return Decimal(text)


def cobrix_decimal(text: str | None, picture: pictures.Picture) -> Decimal | None:
    """Put the point of the picture into a text of digits as Cobrix does."""
    if text is None:
        return None
    scale, zeros = picture.scale, picture.scale - picture.size
    negative = text.startswith("-")
    digits = text[negative:]
    if picture.point is not None or not scale:
        return java_decimal(text)
    if scale < 0:
        return java_decimal(text + "0" * -scale)
    if zeros > 0:
        digits = digits.removeprefix("+")
        return java_decimal(f"{'-' if negative else ''}0.{'0' * zeros}{digits}")
    if len(digits) > scale:
        return java_decimal(("-" if negative else "") + digits[:-scale] + "." + digits[-scale:])
    return java_decimal(("-" if negative else "") + "0." + "0" * (scale - len(digits)) + digits)


def fitted(value: Decimal | None, kind: pa.DataType) -> Value:
    """Return the value as a column of ``kind`` holds it: rounded half up, null where it does not fit."""
    if value is None:
        return None
    if pa.types.is_decimal(kind):
        rounded = value.quantize(Decimal(1).scaleb(-kind.scale, EXACT), ROUND_HALF_UP, EXACT)
        return rounded if abs(rounded.scaleb(kind.scale, EXACT)) < 10**kind.precision else None
    limits = np.iinfo(kind.to_pandas_dtype())
    return int(value) if limits.min <= value <= limits.max else None


# Zoned


SIGNS = (Sign(), Sign(leading=True), Sign(separate=True), Sign(leading=True, separate=True))


@st.composite
def zoned_pictures(draw: st.DrawFn, largest: int = 38) -> str:
    size = draw(st.integers(1, largest))
    scale = draw(st.integers(0, size))
    whole = f"9({size - scale})" if size > scale else ""
    return draw(st.sampled_from(["", "S"])) + whole + (f"V9({scale})" if scale else "")


def zoned_bytes(length: int, ascii: bool = False) -> st.SearchStrategy[bytes]:  # noqa: A002
    """Mostly digits and what may stand beside them, so that many of them are numbers."""
    digits = b"0123456789" if ascii else bytes(range(0xF0, 0xFA))
    marks = (
        b"{A}JR+-., \x00\xff" if ascii else bytes((0xC0, 0xC9, 0xD1, 0xA3, 0xB4, 0xE5, 0x4E, 0x60, 0x4B, 0x6B, 0x40, 0))
    )
    digit, mark, byte = st.sampled_from(digits), st.sampled_from(marks), st.integers(0, 255)
    one_of_them = st.integers(0, 19).flatmap(lambda pick: byte if pick == 0 else mark if pick < 4 else digit)
    return st.lists(one_of_them, min_size=length, max_size=length).map(bytes)


@settings()  # Numba compiles at the first call
@given(st.data())
def test_zoned_numbers_are_read_as_ibm_has_them(data: st.DataObject):
    clause, sign = data.draw(zoned_pictures()), data.draw(st.sampled_from(SIGNS))
    field = field_of(clause, sign=sign)
    contents = data.draw(st.lists(zoned_bytes(field.length), min_size=1, max_size=5))
    found = decode(field, contents)
    expected = [ibm_zoned(content, field.picture, sign) for content in contents]
    assert found.values == expected
    blank = [not set(content) - {0x00, 0x40} or set(content) == {0xFF} for content in contents]
    assert found.bad == [row for row, value in enumerate(expected) if value is None and not blank[row]]


@settings()  # Numba compiles at the first call
@given(st.data())
def test_zoned_numbers_are_read_as_cobrix_has_them(data: st.DataObject):
    clause, sign = data.draw(zoned_pictures()), data.draw(st.sampled_from(SIGNS))
    clause = data.draw(
        st.sampled_from([clause, "S9(3).99", "+9(4)", "9(3),9", "9(4)PP", "SVPP9(4)", "VP9(3)", "9(2)-"])
    )
    profile = replace(
        COBRIX,
        encoding=data.draw(st.sampled_from(["ebcdic", "ascii"])),
        strict_signs=data.draw(st.booleans()),
        blanks_are_null=data.draw(st.booleans()),
        exact_integers=data.draw(st.booleans()),
    )
    field = field_of(clause, profile, sign=sign)
    ascii_data = profile.encoding == "ascii"
    contents = data.draw(st.lists(zoned_bytes(field.length, ascii_data), min_size=1, max_size=5))
    found = decode(field, contents, profile)
    picture = field.picture
    assert picture is not None
    texts = [
        cobrix_text(
            content,
            ascii=ascii_data,
            signed=picture.signed,
            relaxed=not profile.strict_signs,
            nulls=profile.blanks_are_null,
        )
        for content in contents
    ]
    if pa.types.is_decimal(field.type):
        expected = [fitted(cobrix_decimal(text, picture), field.type) for text in texts]
    else:
        whole = [text if text and text.lstrip("+-").isdigit() else None for text in texts]
        expected = [fitted(None if text is None else Decimal(text), field.type) for text in whole]
    assert found.values == expected
    spaces = {0x00, 0x20 if ascii_data else 0x40}
    wrong = [row for row, value in enumerate(expected) if value is None and set(contents[row]) - spaces]
    assert found.bad == wrong


@given(st.data())
def test_ascii_numbers_are_those_of_ebcdic(data: st.DataObject):
    clause, sign = data.draw(zoned_pictures()), data.draw(st.sampled_from(SIGNS))
    field = field_of(clause, sign=sign)
    contents = data.draw(st.lists(zoned_bytes(field.length), min_size=1, max_size=5))
    ascii_contents = [bytes(ASCII_OF.get(byte, 0x21) for byte in content) for content in contents]
    known = [content for content in contents if set(content) <= set(ASCII_OF)]
    found = decode(field, ascii_contents, replace(IBM, encoding="ascii")).values
    assert [value for value, content in zip(found, contents, strict=True) if content in known] == decode(
        field, known
    ).values


ASCII_OF = {byte: ord(bytes([byte]).decode("cp037")) for byte in (*range(0xF0, 0xFA), *range(0xC0, 0xCA))}
ASCII_OF |= {0xD0 + digit: ord("}JKLMNOPQR"[digit]) for digit in range(10)} | {0x4E: 0x2B, 0x60: 0x2D}
ASCII_OF |= {0x40: 0x20, 0x4B: 0x2E, 0x6B: 0x2C, 0x00: 0x00, 0xFF: 0xFF}


def test_gnucobol_and_micro_focus_write_minus_as_p_to_y():
    profile = replace(IBM, encoding="ascii")
    assert decode(field_of("S9(3)"), [b"12p", b"12y", b"129"], profile).values == [-120, -129, 129]


@pytest.mark.parametrize(
    ("clause", "content", "value"),
    [
        ("+9(3)", "+012", 12),
        ("+9(3)", "-012", -12),
        ("-9(3)", " 012", 12),
        ("-9(3)", "-012", -12),
        ("+9(3)", " 012", None),
        ("9(3)-", "012-", -12),
        ("9(3)+", "012+", 12),
        ("9(3).99", "012.34", Decimal("12.34")),
        ("9(3).99", "012,34", None),
        ("-9(3).9", "-012.3", Decimal("-12.3")),
        ("9.9+", "1.2-", Decimal("-1.2")),
        ("9(2)PP", "12", 1200),
        ("SVPP9(2)", "12", Decimal("0.0012")),
        ("VP9", "1", Decimal("0.01")),
    ],
)
def test_signs_and_points_that_are_characters(clause: str, content: str, value: Value):
    assert one(field_of(clause), ebcdic(content)) == value
    assert one(field_of(clause), content.encode("ascii"), replace(IBM, encoding="ascii")) == value


@pytest.mark.parametrize("digits", [1, 8, 9, 18, 19, 31, 36, 37, 38, 39, 54, 55, 76])
@pytest.mark.parametrize("scale", [0, 1])
def test_numbers_of_up_to_76_digits(digits: int, scale: int):
    largest = Decimal("9" * digits).scaleb(-scale, EXACT)
    clause = f"S9({digits - scale})V9" if scale and digits > 1 else "SV9" if scale else f"S9({digits})"
    zoned = field_of(clause)
    assert decode(zoned, [b"\xf9" * (digits - 1) + b"\xc9", b"\xf9" * (digits - 1) + b"\xd9"]).values == [
        largest,
        largest.copy_negate(),
    ]
    if digits < 76:
        packed = field_of(clause, usage=Usage.PACKED)
        nibbles = ("9" * digits).zfill(2 * packed.length - 1)
        assert decode(packed, [bytes.fromhex(nibbles + "C"), bytes.fromhex(nibbles + "D")]).values == [
            largest,
            largest.copy_negate(),
        ]


def test_relaxed_signs_may_stand_anywhere():
    relaxed = replace(IBM, strict_signs=False)
    contents = [b"\xd1\xf2\xf3", b"\xf1\xf2\xd3", b"\xf1\xc2\xf3", b"\x40\xf2\xf3"]
    assert decode(field_of("S9(3)"), contents, relaxed).values == [-123, -123, 123, None]
    assert decode(field_of("S9(3)"), contents).values == [None, -123, None, None]
    assert decode(field_of("9(3)"), contents, relaxed).values == [None, None, 123, None]


def test_numbers_as_text_keep_their_digits():
    kept = replace(IBM, numbers_as_text=True)
    field = field_of("S9(4)", kept, kind=pa.string())
    assert decode(field, [ebcdic("0012"), b"\xf0\xf0\xf1\xd2", ebcdic("    "), ebcdic("00x2")], kept) == Outcome(
        ["0012", "-0012", None, None], [3]
    )
    assert one(field_of("9(3)V99", kept, kind=pa.string()), ebcdic("01234"), kept) == "012.34"
    assert one(field_of("+9.9", kept, kind=pa.string()), ebcdic("-1.5"), kept) == "-1.5"
    assert one(field_of("9.9-", kept, kind=pa.string()), ebcdic("1.5-"), kept) == "-1.5"
    ascii_cobrix = replace(COBRIX, numbers_as_text=True, encoding="ascii")
    texts = decode(
        field_of("S9(4)", ascii_cobrix, kind=pa.string()), [b"  2{", b"011K", b"001J", b" 300", b"    "], ascii_cobrix
    )
    assert texts == Outcome(["+20", "-0112", "-0011", "300", None], [])


@given(st.data())
def test_cobrix_has_the_characters_of_a_number_as_text(data: st.DataObject):
    profile = replace(
        COBRIX,
        numbers_as_text=True,
        encoding=data.draw(st.sampled_from(["ebcdic", "ascii"])),
        strict_signs=data.draw(st.booleans()),
        blanks_are_null=data.draw(st.booleans()),
    )
    field = field_of(data.draw(st.sampled_from(["9(5)", "S9(5)", "9(20)"])), profile, kind=pa.string())
    assert field.picture is not None
    ascii_data = profile.encoding == "ascii"
    contents = data.draw(st.lists(zoned_bytes(field.length, ascii_data), min_size=1, max_size=5))
    assert decode(field, contents, profile).values == [
        cobrix_text(
            content,
            ascii=ascii_data,
            signed=field.picture.signed,
            relaxed=not profile.strict_signs,
            nulls=profile.blanks_are_null,
        )
        for content in contents
    ]


@pytest.mark.parametrize(
    ("clause", "encoding", "options", "content", "value"),
    [
        # spaces and low-values are skipped wherever they stand, in ASCII only around the number
        ("9(3)", "ebcdic", {}, "00F140", 1),
        ("9(3)", "ebcdic", {}, "F140F2", 12),
        ("9(3)", "ascii", {}, "312032", None),
        ("9(3)", "ascii", {}, "203132", 12),
        ("9(3)", "ascii", {}, "003132", None),
        # blanks: null, or with improved_null_detection=false zero where the picture has a V
        ("9(2)V9", "ebcdic", {}, "404040", None),
        ("9(2)V9", "ebcdic", {"blanks_are_null": False}, "404040", Decimal("0.0")),
        ("9(2)V9", "ebcdic", {"blanks_are_null": False}, "004000", Decimal("0.0")),
        ("9(3)", "ebcdic", {"blanks_are_null": False}, "404040", None),
        # strict_sign_overpunching
        ("9(4)", "ebcdic", {}, "F1F2F3C0", None),
        ("9(4)", "ebcdic", {"strict_signs": False}, "F1F2F3C0", 1230),
        ("9(4)", "ebcdic", {"strict_signs": False}, "F7F8F9D1", None),
        ("S9(4)", "ebcdic", {}, "F1F2F3A0", None),
        ("S9(4)", "ebcdic", {}, "F1C2F3F4", 1234),
        ("S9(4)", "ascii", {}, "41323334", 1234),
        ("S9(4)", "ascii", {}, "31423334", None),
        ("S9(5)V9", "ebcdic", {"strict_signs": False}, "F1F2F3D0C440", Decimal("1230.4")),
        ("S9(5)V9", "ascii", {"strict_signs": False}, "3132337D4420", Decimal("1230.4")),
        # several signs: the last one counts, in ASCII always
        ("S9(4)", "ascii", {}, "2D31322B", 12),
        ("S9(4)", "ebcdic", {}, "60F1F24E", None),
        # a digit at the place of the sign; too many digits
        ("+9(2)", "ascii", {}, "353535", 555),
        ("+9(18)", "ascii", {}, "31" * 19, 1111111111111111111),
        ("+9(18)", "ascii", {}, "39" * 19, None),
        ("+9(20)", "ascii", {}, "31" * 21, None),
        # an explicit point, also as a comma
        ("+999,99", "ebcdic", {}, "4EF1F1F26BF3F4", Decimal("112.34")),
        ("99.99", "ascii", {}, "20312E3520", Decimal("1.50")),
        ("99.99", "ascii", {}, "312E333435", Decimal("1.35")),  # rounded half up
        ("99.99", "ascii", {}, "312E2E3435", None),
        ("9(5)", "ascii", {}, "31322E3334", None),
        ("9(2)V9(3)", "ascii", {}, "31322E3334", None),
        # P: digits behind the zeros, or zeros behind the digits
        ("9(15)P", "ascii", {}, "313233343536373839303132333435", 1234567890123450),
        ("SVPP9(5)", "ebcdic", {}, "F0F6F5F4F7", Decimal("0.0006547")),
        ("SVP9(15)", "ascii", {}, "32333435363738393031323334354F", Decimal("-0.0234567890123456")),
        ("9(3)PP", "ebcdic", {"blanks_are_null": False}, "404040", 0),
        # a plus before fewer digits than stand behind the point
        ("S9V99", "ebcdic", {}, "4040C5", None),
        ("S9V99", "ebcdic", {}, "4040D5", Decimal("-0.05")),
    ],
)
def test_zoned_numbers_of_cobrix_by_example(
    clause: str, encoding: str, options: dict[str, bool], content: str, value: Value
):
    profile = replace(COBRIX, encoding=encoding, **options)  # type: ignore[arg-type]
    assert one(field_of(clause, profile), bytes.fromhex(content), profile) == value


# Packed


def plain_packed(content: bytes, *, plus: str, minus: str, signed_half: bool) -> int | None:
    nibbles = content.hex().upper()
    factor = 1
    if signed_half:
        nibbles, sign = nibbles[:-1], nibbles[-1]
        if sign not in plus + minus:
            return None
        factor = -1 if sign in minus else 1
    return factor * int(nibbles or "0") if all(nibble.isdigit() for nibble in nibbles) else None


def packed_bytes(length: int) -> st.SearchStrategy[bytes]:
    """Mostly digits, and mostly a sign at the end."""
    digits = st.text("0123456789", min_size=2 * length - 1, max_size=2 * length - 1)
    mostly = st.tuples(digits, st.sampled_from("ABCDEF0123")).map(lambda parts: bytes.fromhex("".join(parts)))
    return (
        mostly
        | mostly
        | mostly
        | st.binary(min_size=length, max_size=length)
        | st.sampled_from([b"\x00" * length, b"\x40" * length, b"\xff" * length])
    )


@given(st.data())
def test_packed_numbers_are_read_as_either_profile_has_them(data: st.DataObject):
    profile = data.draw(st.sampled_from([IBM, COBRIX, replace(COBRIX, exact_integers=True)]))
    usage = data.draw(st.sampled_from([Usage.PACKED, Usage.UNSIGNED_PACKED]))
    clause = data.draw(zoned_pictures(largest=37))
    field = field_of(clause, profile, usage=usage)
    assert field.picture is not None
    contents = data.draw(st.lists(packed_bytes(field.length), min_size=1, max_size=5))
    found = decode(field, contents, profile)
    plus, minus = ("ACEF", "BD" if field.picture.signed else "") if profile is IBM else ("CF", "D")
    whole = [plain_packed(content, plus=plus, minus=minus, signed_half=usage is Usage.PACKED) for content in contents]
    scaled = [None if number is None else Decimal(number).scaleb(-field.picture.scale, EXACT) for number in whole]
    if profile is COBRIX and not pa.types.is_decimal(field.type):
        width = np.iinfo(field.type.to_pandas_dtype())
        expected: list[Value] = [None if value is None else wrapped(int(value), width.bits) for value in scaled]
    else:
        expected = [fitted(value, field.type) for value in scaled]
    assert found.values == expected
    blank = [not set(content) - {0x00, 0x40} or (set(content) == {0xFF} and profile is IBM) for content in contents]
    assert found.bad == [row for row, value in enumerate(expected) if value is None and not blank[row]]


def wrapped(number: int, bits: int) -> int:
    """Return what a cast to so many bits leaves of a number."""
    return (number + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)


@pytest.mark.parametrize(
    ("clause", "usage", "content", "value"),
    [
        ("S9(5)", Usage.PACKED, "12345C", 12345),
        ("S9(5)", Usage.PACKED, "12345D", -12345),
        ("9(5)", Usage.PACKED, "12345D", -12345),  # whether there is an S or not
        ("S9(5)", Usage.PACKED, "12345A", None),
        ("S9(5)", Usage.PACKED, "1234A5", None),
        ("S9(3)V99", Usage.PACKED, "15884D", Decimal("-158.84")),
        ("9(4)", Usage.UNSIGNED_PACKED, "1011", 1011),
        ("9(4)", Usage.UNSIGNED_PACKED, "101C", None),
        ("9(2)V9(2)", Usage.UNSIGNED_PACKED, "1588", Decimal("15.88")),
        ("SVPP9(5)", Usage.PACKED, "06547C", Decimal("0.0006547")),
        ("SVPP9(4)", Usage.PACKED, "06547C", Decimal("0.000655")),  # the half byte before the digits counts as one
        ("9(3)PP", Usage.PACKED, "123C", 12300),
        ("9(4)V99", Usage.PACKED, "1234567C", None),  # seven digits, of which decimal(6,2) holds six
    ],
)
def test_packed_numbers_of_cobrix_by_example(clause: str, usage: Usage, content: str, value: Value):
    assert one(field_of(clause, COBRIX, usage=usage), bytes.fromhex(content), COBRIX) == value


# Binary


BINARY = (Usage.BINARY, Usage.NATIVE, Usage.LITTLE)


@given(st.data())
def test_binary_numbers_of_every_size(data: st.DataObject):
    profile = data.draw(
        st.sampled_from([IBM, COBRIX, replace(IBM, native="little"), replace(IBM, exact_integers=True)])
    )
    usage = data.draw(st.sampled_from(BINARY))
    clause = data.draw(zoned_pictures(largest=38 if profile is COBRIX else 18))
    field = field_of(clause, profile, usage=usage)
    assert field.picture is not None
    # beyond the types that copybooks lead to: any length
    length = data.draw(st.sampled_from([field.length, *range(1, 33)]))
    kind = pa.decimal256(76, max(field.picture.scale, 0)) if length > 8 else field.type
    field = replace(field, length=length, type=kind)
    contents = data.draw(st.lists(st.binary(min_size=length, max_size=length), min_size=1, max_size=5))
    found = decode(field, contents, profile)
    order = "little" if usage is Usage.LITTLE or (usage is Usage.NATIVE and profile.native == "little") else "big"
    numbers = [int.from_bytes(content, order, signed=field.picture.signed) for content in contents]
    values = [Decimal(number).scaleb(-field.picture.scale, EXACT) for number in numbers]
    assert found.values == [fitted(value, field.type) for value in values]


@pytest.mark.parametrize(
    ("clause", "usage", "content", "value"),
    [
        ("S9(9)", Usage.NATIVE, "FFFFFFFE", -2),  # COMP-5 is big-endian
        ("S9(9)", Usage.LITTLE, "FFFFFFFE", -16777217),
        ("9(4)", Usage.BINARY, "FFFF", 65535),
        ("9(1)", Usage.LITTLE, "90", 144),
        ("S9(20)", Usage.BINARY, "FFFFFFFFFFFFFFFFFE", -2),
        ("9(4)V99", Usage.BINARY, "000F423F", Decimal("9999.99")),
        ("9(4)V99", Usage.BINARY, "000F4240", None),  # decimal(6,2) holds 9999.99 at most
        ("9(3)PP", Usage.BINARY, "0007", 700),
        ("SVPP9(4)", Usage.BINARY, "04D2", Decimal("0.001234")),
        ("SVPP9(4)", Usage.BINARY, "FFFB", Decimal("-0.005")),  # as many digits as the number has, behind the zeros
    ],
)
def test_binary_numbers_of_cobrix_by_example(clause: str, usage: Usage, content: str, value: Value):
    assert one(field_of(clause, COBRIX, usage=usage), bytes.fromhex(content), COBRIX) == value


# Floats


@given(st.binary(min_size=4, max_size=4), st.binary(min_size=8, max_size=8))
def test_ieee_floats_are_those_of_python(single: bytes, double: bytes):
    for floats, order in (("ieee", ">"), ("ieee-little", "<")):
        for profile in (replace(IBM, floats=floats), replace(COBRIX, floats=floats)):  # type: ignore[arg-type]
            for usage, content, code in ((Usage.FLOAT, single, "f"), (Usage.DOUBLE, double, "d")):
                found = one(field_of("", profile, usage=usage), content, profile)
                assert isinstance(found, float)
                expected = struct.unpack(order + code, content)[0]
                assert found == expected or (math.isnan(found) and math.isnan(expected))


@given(st.binary(min_size=4, max_size=4), st.binary(min_size=8, max_size=8))
def test_hexadecimal_floats_are_rounded_once(single: bytes, double: bytes):
    for floats, turn in (("ibm", 1), ("ibm-little", -1)):
        profile = replace(IBM, floats=floats)  # type: ignore[arg-type]
        for usage, content in ((Usage.FLOAT, single), (Usage.DOUBLE, double)):
            assert one(field_of("", profile, usage=usage), content[::turn], profile) == float(hexadecimal(content))


def hexadecimal(content: bytes) -> Fraction:
    word, bits = int.from_bytes(content, "big"), 8 * len(content)
    fraction = Fraction(word & (1 << bits - 8) - 1, 1 << bits - 8)
    exponent = (word >> bits - 8 & 0x7F) - 64
    return (-1 if word >> bits - 1 else 1) * fraction * Fraction(16) ** exponent


def test_hexadecimal_floats_by_example():
    double = field_of("", usage=Usage.DOUBLE)
    contents = [bytes.fromhex(text) for text in ("4110000000000000", "C276A00000000000", "0000000000000000")]
    assert decode(double, contents).values == [1.0, -118.625, 0.0]
    assert one(field_of("", usage=Usage.FLOAT), bytes.fromhex("7FFFFFFF")) == pytest.approx(7.237005e75)
    pair = bytes.fromhex("43142efc")
    assert one(field_of("", usage=Usage.FLOAT), pair) == pytest.approx(322.9365, abs=1e-4)
    of_cobrix = field_of("", COBRIX, usage=Usage.FLOAT)
    assert one(of_cobrix, pair, COBRIX) == pytest.approx(5.045883)
    assert one(of_cobrix, b"\xc3" + pair[1:], COBRIX) == 0.0


# What holds for all


CLAUSES = [
    ("9(5)", Usage.DISPLAY),
    ("S9(11)V99", Usage.DISPLAY),
    ("S9(25)", Usage.DISPLAY),
    ("-9(5).99", Usage.DISPLAY),
    ("9(3)PP", Usage.DISPLAY),
    ("SVP9(4)", Usage.DISPLAY),
    ("S9(11)V99", Usage.PACKED),
    ("S9(30)V9", Usage.PACKED),
    ("9(8)", Usage.UNSIGNED_PACKED),
    ("9(4)", Usage.BINARY),
    ("S9(9)V99", Usage.LITTLE),
    ("9(18)", Usage.NATIVE),
    ("", Usage.FLOAT),
    ("", Usage.DOUBLE),
]
PROFILES = [
    replace(profile, encoding=encoding, strict_signs=strict, blanks_are_null=blanks, exact_integers=exact)
    for profile in (IBM, COBRIX)
    for encoding in ("ebcdic", "ascii")
    for strict, blanks, exact in ((True, True, False), (False, False, True))
]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(("clause", "usage"), CLAUSES)
def test_any_bytes_give_values_or_nulls(clause: str, usage: Usage, profile: Profile):
    field = field_of(clause, profile, usage=usage)
    rng = np.random.default_rng(1)
    contents = [bytes(row.tolist()) for row in rng.integers(0, 256, (500, field.length))]
    letters = list(b"0123456789 {R-+.\xf0\xf9\xc1\xd2\x4e\x40")
    digits = [bytes(row.tolist()) for row in rng.choice(letters, (500, field.length))]
    together = decode(field, contents + digits, profile)
    one_by_one = [one(field, content, profile) for content in (contents[:20] + digits[:20])]
    chosen = together.values[:20] + together.values[500:520]
    assert [repr(value) for value in chosen] == [repr(value) for value in one_by_one]


@pytest.mark.parametrize("profile", [IBM, COBRIX])
@pytest.mark.parametrize(("clause", "usage"), CLAUSES)
def test_a_number_that_is_not_there_whole_is_null_and_not_counted(clause: str, usage: Usage, profile: Profile):
    field = field_of(clause, profile, usage=usage)
    rows = np.full((4, field.length + 10), 0xA1, np.uint8)
    available = np.array([field.length, 0, field.length - 1, field.length], np.int64)
    found = decoder(field, profile)(rows, 5, available)
    assert found.array.is_valid().to_pylist()[1:3] == [False, False]
    assert found.bad is None or not found.bad[1:3].any()
    everything = decoder(field, profile)(rows, 5, None)
    assert found.array[0].as_py() == everything.array[0].as_py()


def test_blanks_count_as_unreadable_where_they_mean_something():
    contents = [ebcdic("   "), b"\x00\x00\x00", b"\xff\xff\xff"]
    assert decode(field_of("9(3)"), contents) == Outcome([None] * 3, [])
    assert decode(field_of("9(3)"), contents, replace(IBM, blanks_are_null=False)) == Outcome([None] * 3, [0, 1, 2])
    assert decode(field_of("9(3)"), contents, COBRIX) == Outcome([None] * 3, [2])
    assert decode(field_of("9(5)", usage=Usage.PACKED), contents) == Outcome([None] * 3, [])
    assert decode(field_of("9(6)", usage=Usage.UNSIGNED_PACKED), contents[:2]).values == [404040, 0]


def test_exact_integers_have_the_digits_of_the_picture():
    exact = replace(COBRIX, exact_integers=True)
    field = field_of("9(4)", exact, usage=Usage.BINARY)
    assert field.type == pa.decimal128(4, 0)
    assert decode(field, [b"\x27\x0f", b"\x27\x10"], exact) == Outcome([Decimal(9999), None], [1])


def test_no_rows_are_no_values():
    for clause, usage in CLAUSES:
        for profile in (IBM, COBRIX):
            field = field_of(clause, profile, usage=usage)
            found = decoder(field, profile)(np.empty((0, field.length), np.uint8), 0, None)
            assert len(found.array) == 0
            assert found.array.type == field.type


@given(st.data())
def test_text_is_the_same_by_either_kind_of_kernels(data: st.DataObject):
    pytest.importorskip("numba")
    profile = replace(
        IBM,
        code_page=data.draw(st.sampled_from(["cp037", "cp1140", "cp875"])),  # 1140 has a character of three bytes
        trim=data.draw(st.sampled_from(["both", "left", "right", "none", "keep"])),
        controls=data.draw(st.sampled_from(["blank", "keep"])),
        blanks_are_null=data.draw(st.booleans()),
    )
    field = field_of("X(5)", profile)
    byte = st.sampled_from([0x00, 0x40, 0xC1, 0x81, 0xF1, 0x9F, 0xFF, 0x05, 0x44]) | st.integers(0, 255)
    contents = data.draw(st.lists(st.lists(byte, min_size=5, max_size=5), min_size=1, max_size=6))
    rows = np.array(contents, np.uint8)
    available = data.draw(st.none() | st.lists(st.integers(0, 5), min_size=len(rows), max_size=len(rows)).map(np.array))
    found = []
    with pytest.MonkeyPatch.context() as patch:
        for setting in ("off", "on"):
            patch.setenv("VOEG_NUMBA", setting)
            compiled.wanted.cache_clear()
            found.append(decoder(field, profile)(rows, 0, available).array)
    compiled.wanted.cache_clear()
    found[1].validate(full=True)
    assert found[0].to_pylist() == found[1].to_pylist()


@pytest.mark.parametrize("environment", [{}, {"VOEG_NUMBA": "off"}])
def test_numba_is_not_imported_unless_it_is_switched_on(environment: dict[str, str]):
    program = (
        "import sys; from adapters.mainframe.values import kernels; kernels.chosen(); print('numba' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"


def test_what_is_wrong_with_the_switch_is_told(monkeypatch: pytest.MonkeyPatch):
    compiled.wanted.cache_clear()
    monkeypatch.setenv("VOEG_NUMBA", "yes")
    with pytest.raises(ConfigurationError, match="neither on nor off"):
        kernels.chosen()
    monkeypatch.setenv("VOEG_NUMBA", "on")
    monkeypatch.setattr(compiled, "find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"not installed; install the extra: pip install 'voeg\[numba\]'"):
        kernels.chosen()

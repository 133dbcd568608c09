"""Numbers in every form of storage, held against a slow and plain reading of the rules.

Every case is decoded both by the NumPy kernels and by those of Numba, where it is installed.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.mainframe.copybook import picture as pictures
from adapters.mainframe.copybook.layout import Field, Place
from adapters.mainframe.copybook.storage import storage
from adapters.mainframe.copybook.syntax import Sign, Usage
from adapters.mainframe.profile import IBM, Profile
from adapters.mainframe.values import decoder, kernels
from foundation.errors import Location

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
        kernels.fastest.cache_clear()
        yield
    kernels.fastest.cache_clear()


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
    if picture.point is not None:
        if cells.pop(picture.size - picture.scale) != ebcdic(picture.point)[0]:
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


@settings(deadline=None)  # Numba compiles at the first call
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


@settings(deadline=None)  # Numba compiles at the first call
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

"""DISPLAY numbers: one character per digit, a sign in the zone of a digit or beside them, perhaps a decimal point.

A *zone* is the upper half of a byte. EBCDIC digits have zone F, an overpunched digit has a sign code there: A, C, E
are plus, B, D minus. ASCII data that was translated from EBCDIC has those as characters (``{`` and ``A`` to ``I`` plus,
``}`` and ``J`` to ``R`` minus); GnuCOBOL and Micro Focus write ``p`` to ``y`` for minus.

Rules: *Enterprise COBOL for z/OS Language Reference*, "SIGN clause"; *Programming Guide*, "Sign representation of
zoned and packed-decimal data"; for the profile ``cobrix`` see ``characters``.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adapters.mainframe.copybook.layout import Field
from adapters.mainframe.copybook.picture import Picture
from adapters.mainframe.profile import Profile
from adapters.mainframe.records import Mask, Positions, Rows
from adapters.mainframe.values import characters, decimals, kernels
from adapters.mainframe.values.characters import COMMA, INVALID, MINUS, PLUS, POINT, Rules
from adapters.mainframe.values.decimals import Unscaled
from adapters.mainframe.values.decode import HIGH_VALUE, LOW_VALUE, SPACE, Cells, Decode, Values, blank, settle
from adapters.mainframe.values.kernels import Sign, Signs


def _signs(plus: tuple[int, ...], minus: tuple[int, ...]) -> Signs:
    table = np.zeros(256, np.int8)
    for zone in plus:
        table[zone << 4 : (zone << 4) + 10] = 1
    for zone in minus:
        table[zone << 4 : (zone << 4) + 10] = -1
    return table


_IBM_SIGNED = _signs((0xA, 0xC, 0xE, 0xF), (0xB, 0xD))
_IBM_UNSIGNED = _signs((0xA, 0xC, 0xE, 0xF), ())  # some programs leave a plus sign in the last zone
_COBRIX_SIGNED = _signs((0xC, 0xF), (0xD,))
_COBRIX_UNSIGNED = _signs((0xF,), ())
_SEPARATE = np.zeros(256, np.int8)
_SEPARATE[[PLUS, MINUS]] = 1, -1
_SEPARATE_OR_SPACE = _SEPARATE.copy()  # ``-9(3)`` writes a space for plus
_SEPARATE_OR_SPACE[SPACE] = 1


def _from_ascii(*, ibm: bool) -> bytes:
    """Return the EBCDIC byte of each ASCII byte, as far as numbers go."""
    table = np.full(256, INVALID, np.uint8)
    table[0x30:0x3A] = np.arange(0xF0, 0xFA)
    for zone, text in ((0xC0, b"{ABCDEFGHI"), (0xD0, b"}JKLMNOPQR")):
        table[list(text)] = np.arange(zone, zone + 10)
    for byte, character in ((SPACE, b" "), (POINT, b"."), (COMMA, b","), (PLUS, b"+"), (MINUS, b"-")):
        table[ord(character)] = byte
    table[[LOW_VALUE, HIGH_VALUE]] = LOW_VALUE, HIGH_VALUE  # for what was never filled in
    if ibm:
        table[0x70:0x7A] = np.arange(0xD0, 0xDA)
    return table.tobytes()


_ASCII = {ibm: _from_ascii(ibm=ibm) for ibm in (True, False)}


def decoder(field: Field, profile: Profile) -> Decode:
    """Return what decodes a DISPLAY number to the field's type: an integer, a decimal, or text (its digits)."""
    if field.picture is None:
        raise ValueError(f"{field.name} has no PICTURE")
    return _Zoned(field, field.picture, profile)


class _Zoned:
    """Regular numbers go through the kernel; of the rest, what the profile still allows goes through ``characters``."""

    def __init__(self, field: Field, picture: Picture, profile: Profile) -> None:
        self._type, self._length, self._picture, self._profile = field.type, field.length, picture, profile
        self._ibm = profile.name == "ibm"
        self._ascii = _ASCII[self._ibm] if profile.encoding == "ascii" else None
        self._rules = Rules(
            ibm=self._ibm,
            ascii=self._ascii is not None and not self._ibm,
            signed=picture.signed,
            relaxed=not profile.strict_signs,
        )
        separate = picture.sign_char is not None or (picture.signed and field.sign.separate)
        leading = picture.sign_first if picture.sign_char else picture.signed and field.sign.leading
        self._first = int(separate and leading)  # offset of the first digit
        self._sign = 0 if leading else picture.size - (not separate)  # offset of the sign or of the digit that has it
        self._signs = self._sign_table(separate=separate)
        self._point = None if picture.point is None else self._first + picture.size - picture.scale  # its offset
        self._digits = decimals.chunks(picture.size)
        self._power = (self._type.scale if pa.types.is_decimal(self._type) else 0) - picture.scale
        self._regular = self._power >= 0 and picture.length + (separate and picture.sign_char is None) == field.length
        self._tolerant = not self._ibm or self._rules.relaxed

    def _sign_table(self, *, separate: bool) -> Signs:
        if separate:
            return _SEPARATE_OR_SPACE if self._ibm and self._picture.sign_char == "-" else _SEPARATE
        if self._ibm:
            return _IBM_SIGNED if self._picture.signed else _IBM_UNSIGNED
        return _COBRIX_SIGNED if self._picture.signed else _COBRIX_UNSIGNED

    def __call__(self, rows: Rows, offset: int, available: Positions | None = None) -> Values:
        if self._ascii is not None:
            rows, offset = self._translated(rows, offset, self._ascii), 0
        array, bad = self._text(rows, offset) if pa.types.is_string(self._type) else self._number(rows, offset)
        return settle(array, bad, rows[:, offset : offset + self._length], available, self._profile)

    def _translated(self, rows: Rows, offset: int, table: bytes) -> Cells:
        content = rows[:, offset : offset + self._length].tobytes().translate(table)
        return np.frombuffer(content, np.uint8).reshape(len(rows), self._length)

    def _number(self, rows: Rows, offset: int) -> tuple[pa.Array, Mask | None]:
        if not self._regular:
            return self._irregular(rows[:, offset : offset + self._length])
        numbers, bad = self._read(rows, offset)
        array, null = decimals.array(numbers.times(self._power), self._type, bad)
        if null is None or not self._tolerant:
            return array, null
        rest = np.flatnonzero(null)
        others, still = self._irregular(rows[rest, offset : offset + self._length])
        array = pc.replace_with_mask(array, pa.array(null), others)
        null[rest] = False if still is None else still
        return array, null

    def _read(self, rows: Rows, offset: int) -> tuple[Unscaled, Mask]:
        """Return the numbers that have every character at its place."""
        bad = np.zeros(len(rows), np.bool_)
        if self._point is not None:
            cells = rows[:, offset : offset + self._length]
            bad |= cells[:, self._point] != (POINT if self._picture.point == "." else COMMA)
            rows, offset = np.ascontiguousarray(np.delete(cells, self._point, axis=1)), 0
        zoned = kernels.chosen().zoned
        limbs, position = [], offset + self._first
        sign = Sign(offset + self._sign, self._signs)
        for count in self._digits:
            limbs.append(zoned(rows, position, count, sign, bad))
            position += count
        return Unscaled(limbs=tuple(limbs), digits=tuple(self._digits)), bad

    def _irregular(self, cells: Cells) -> tuple[pa.Array, Mask | None]:
        """Return the numbers that have their characters anywhere."""
        found = characters.read(cells, self._rules)
        if pa.types.is_decimal(self._type):
            numbers, bad = characters.decimals(found, self._picture, self._type.scale)
            if not self._ibm and self._profile.blanks_are_null:
                bad |= blank(cells)
        else:
            numbers, bad = characters.integers(found, self._picture)
        return decimals.array(numbers, self._type, bad)

    def _text(self, rows: Rows, offset: int) -> tuple[pa.Array, Mask]:
        cells = rows[:, offset : offset + self._length]
        if not self._ibm:
            found = characters.read(cells, self._rules)
            array, bad = characters.texts(cells, found, self._rules), found.wrong
            if self._profile.blanks_are_null:
                bad = bad | blank(cells)
                array = pc.if_else(pa.array(bad), pa.scalar(None, array.type), array)
            return array, bad
        numbers, bad = self._read(rows, offset)
        places = [
            self._first + place + (self._point is not None and self._first + place >= self._point)
            for place in range(self._picture.size)
        ]
        return characters.plain(cells[:, places], self._picture.scale, decimals.negative(numbers), bad), bad

"""The inner loops over digits, in NumPy.

``rows`` is always a C-contiguous ``uint8`` array of shape (records, bytes of a record); a field stands at the same
offset in every row. Digits are read several at a time: zoned ones eight to a 64-bit word (SWAR: arithmetic on all
bytes of a word at once), packed ones four to a look-up in a table of 65,536 entries. ``accelerated`` has the same
functions compiled by Numba; ``chosen`` says which are used.

Formats: *z/Architecture Principles of Operation*, "Decimal instructions" (zoned and packed format, sign codes).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from adapters.mainframe import compiled
from adapters.mainframe.records import Bytes, Mask, Positions, Rows
from adapters.mainframe.values.decimals import Integers

Signs = npt.NDArray[np.int8]  # of each byte that can hold a sign: 1, -1, or 0 where it is none
Words = npt.NDArray[np.uint64]
Ends = npt.NDArray[np.int32]


class Sign(NamedTuple):
    """Which byte of a record tells the sign of a number, and how."""

    at: int  # offset; negative: none does
    table: Signs


class Letters(NamedTuple):
    """What each of the 256 bytes of a code page stands for."""

    codes: npt.NDArray[np.uint16]  # the ASCII character, 0x80 for any other; 0x100 more if trimming takes it off
    utf8: Rows  # shape (256, 3)
    sizes: Bytes  # how many of these three count
    longest: int  # the largest of the sizes
    left: bool  # trim at the left
    right: bool  # trim at the right


class Zoned(Protocol):
    """``zoned`` or its like."""

    def __call__(self, rows: Rows, offset: int, digits: int, sign: Sign, bad: Mask) -> Integers:
        """Return the value of up to 18 digits, one per byte."""
        ...


class Packed(Protocol):
    """``packed`` or its like."""

    def __call__(self, rows: Rows, offset: int, length: int, sign: Sign, bad: Mask) -> Integers:
        """Return the value of up to nine bytes of two digits each."""
        ...


class Text(Protocol):
    """Reads text of one byte per character."""

    def __call__(
        self, rows: Rows, offset: int, width: int, available: Positions, letters: Letters
    ) -> tuple[Bytes, Ends, Mask]:
        """Return the characters in UTF-8, where each text ends in them (with 0 before the first), and which are blank.

        Blank is what has nothing but spaces, or nothing but high-values. ``available`` bytes of each row are there; of
        length 0: all of them.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernels:
    """One implementation of the inner loops."""

    zoned: Zoned
    packed: Packed
    text: Text | None  # None: ``values.text`` does without


WORD = 8  # digits or bytes in a 64-bit word
_INVALID = -32_768  # in the tables below: at least one half byte is no digit


def _pair_table() -> npt.NDArray[np.int16]:
    """Return the value of each byte that holds two digits."""
    byte = np.arange(256)
    high, low = byte >> 4, byte & 15
    return np.where((high < 10) & (low < 10), high * 10 + low, _INVALID).astype(np.int16)


_PAIRS = _pair_table()
# Four digits in two bytes; the index is those bytes read little-endian, so the first byte is the low one.
_QUADS = np.where(
    (_PAIRS[:, None] < 0) | (_PAIRS[None, :] < 0), _INVALID, _PAIRS[None, :] * np.int16(100) + _PAIRS[:, None]
).ravel()
# Three digits and any last half byte, indexed likewise.
_TAILS = np.where(
    (_PAIRS[None, :] < 0) | (np.arange(256) >= 0xA0)[:, None],
    _INVALID,
    _PAIRS[None, :] * np.int16(10) + (np.arange(256) >> 4)[:, None],
).ravel()

_ZONES = np.uint64(0xF0F0F0F0F0F0F0F0)
_SIX = np.uint64(0x0606060606060606)  # carries into the zone from digits above 9
_JOINS = tuple(
    (np.uint64(weight), np.uint64(bits), np.uint64(mask))
    for weight, bits, mask in (
        (10, 8, 0x00FF00FF00FF00FF),
        (100, 16, 0x0000FFFF0000FFFF),
        (10_000, 32, 0x00000000FFFFFFFF),
    )
)


def zoned(rows: Rows, offset: int, digits: int, sign: Sign, bad: Mask) -> Integers:
    """Return the value of up to 18 digits, one per byte.

    Args:
        rows: shape (records, bytes).
        offset: of the first digit.
        digits: how many.
        sign: the zone of a digit is not looked at there.
        bad: of each row; set where a byte is no digit or no sign.
    """
    total: Integers | None = None
    invalid: Words | None = None
    position = offset
    while position < offset + digits:
        count = (offset + digits - position) % WORD or WORD
        word = _zoned_word(rows, position, count)
        if position <= sign.at < position + count:
            place = WORD - count + sign.at - position  # of the byte in the word, from its low end
            word &= ~np.uint64(0xF0 << (8 * place))
        carry = word + _SIX
        carry |= word
        invalid = carry if invalid is None else np.bitwise_or(invalid, carry, out=invalid)
        value = _word_value(word)
        total = value if total is None else total * 10**count + value
        position += count
    if total is None or invalid is None:
        raise ValueError("a run of no digits")
    invalid &= _ZONES
    bad |= invalid != 0
    return total * _signs(rows, sign, bad)


def _signs(rows: Rows, sign: Sign, bad: Mask) -> Integers:
    signs = sign.table.take(_bytes(rows, sign.at))
    bad |= signs == 0
    return signs.astype(np.int64)


def _zoned_word(rows: Rows, offset: int, count: int) -> Words:
    """Return up to eight digits as bytes of a word, the last digit highest; a byte above 9 was no digit."""
    end = offset + count
    unused = np.uint64(8 * (WORD - count))
    if end >= WORD:
        word: Words = view(rows, end - WORD, "<u8") ^ _ZONES
        if unused:
            word >>= unused
            word <<= unused
        return word
    if offset + WORD <= rows.shape[1]:
        word = view(rows, offset, "<u8") ^ _ZONES
        word <<= unused
        return word
    padded = np.full((len(rows), WORD), 0xF0, np.uint8)  # records of less than eight bytes
    padded[:, WORD - count :] = rows[:, offset:end]
    return padded.view("<u8")[:, 0] ^ _ZONES


def _word_value(word: Words) -> Integers:
    """Return the number that eight digits make: neighbours are joined to pairs, quads, then all eight."""
    for weight, bits, mask in _JOINS:
        joined = word * weight
        word = np.right_shift(word, bits)
        word += joined
        word &= mask
    return word.view(np.int64)


def packed(rows: Rows, offset: int, length: int, sign: Sign, bad: Mask) -> Integers:
    """Return the value of up to nine bytes of two digits each, of which the last half byte may be the sign.

    Args:
        rows: shape (records, bytes).
        offset: of the first byte.
        length: bytes.
        sign: the lower half of that byte is no digit.
        bad: of each row; set where a half byte is no digit or no sign.
    """
    value = _packed(rows, offset, length, bad, tail=sign.at == offset + length - 1)
    return value if sign.at < 0 else value * _signs(rows, sign, bad)


def _packed(rows: Rows, offset: int, length: int, bad: Mask, *, tail: bool) -> Integers:
    """Return the value without its sign; the last half byte is left out if ``tail``."""
    if length == 1 and tail:
        last = _bytes(rows, offset)
        bad |= last >= 0xA0
        return last >> 4
    total: Integers | None = None
    invalid: npt.NDArray[np.int16] | None = None
    position = offset
    while position < offset + length:
        size = 1 if position == offset and length % 2 else 2
        table, scale = (_PAIRS, 100) if size == 1 else (_QUADS, 10_000)
        if tail and position + size == offset + length:
            table, scale = _TAILS, 1_000
        index = _bytes(rows, position) if size == 1 else view(rows, position, "<u2").astype(np.intp)
        piece = table.take(index)
        invalid = piece if invalid is None else invalid | piece  # negative if one of them is
        if total is None:
            total = piece.astype(np.int64)
        else:
            total *= scale
            total += piece
        position += size
    if total is None or invalid is None:
        raise ValueError("a run of no bytes")
    bad |= invalid < 0
    return total


def view(rows: Rows, offset: int, kind: str) -> np.ndarray[tuple[int], np.dtype[Any]]:
    """Return the same bytes of every row as one item each, without copying; NumPy reads unaligned items well."""
    if not len(rows):
        return np.empty(0, kind)
    return np.ndarray(len(rows), np.dtype(kind), rows.data, offset, (rows.shape[1],))


def _bytes(rows: Rows, offset: int) -> npt.NDArray[np.intp]:
    """Return one byte of every row, as an index into a table."""
    return rows[:, offset].astype(np.intp)


PLAIN = Kernels(zoned=zoned, packed=packed, text=None)


def chosen() -> Kernels:
    """Return the kernels in NumPy, or those compiled by Numba where they are wanted."""
    return accelerated() if compiled.wanted() else PLAIN


@cache
def accelerated() -> Kernels:
    """Return the kernels compiled by Numba, which is imported only now."""
    module = import_module("adapters.mainframe.values.accelerated")
    return Kernels(zoned=module.zoned, packed=module.packed, text=module.text)

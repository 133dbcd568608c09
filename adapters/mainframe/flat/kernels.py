"""Columns of bytes to columns of values: the inner loops of the decoder, in NumPy.

``rows`` is always a C-contiguous ``uint8`` array of shape (records, bytes of a record); a field stands at the same
offset in every row. Digits are read several at a time: zoned ones eight to a 64-bit word (SWAR: arithmetic on all
bytes of a word at once), packed ones four to a look-up in a table of 65,536 entries.

Formats: *z/Architecture Principles of Operation*, "Decimal instructions" (zoned and packed format, sign codes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adapters.mainframe.flat.codepages import CodePage

Rows = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

LIMB_DIGITS = 18  # what an int64 holds for certain
_WORD = 8  # digits or bytes in a 64-bit word

_SPACE, _LOW_VALUE = 0x40, 0x00
_PLUS, _MINUS = 0x4E, 0x60  # the same in every EBCDIC page

# Sign codes: A, C, E and F are plus, B and D are minus, a digit is no sign.
_SIGNS = np.zeros(16, np.int8)
_SIGNS[[0xA, 0xC, 0xE, 0xF]] = 1
_SIGNS[[0xB, 0xD]] = -1

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


# Three digits and a sign code in the last two bytes, indexed likewise; and the sign of every byte that ends a number.
_TAILS = np.where(
    (_PAIRS[None, :] < 0) | (np.arange(256) >= 0xA0)[:, None] | (_SIGNS[np.arange(256) & 15] == 0)[:, None],
    _INVALID,
    _PAIRS[None, :] * np.int16(10) + (np.arange(256) >> 4)[:, None],
).ravel()
_PACKED_SIGNS = _SIGNS[np.arange(256) & 15].astype(np.int64)
_ZONED_SIGNS = _SIGNS[np.arange(256) >> 4].astype(np.int64)
_SEPARATE_SIGNS = np.zeros(256, np.int64)
_SEPARATE_SIGNS[[_PLUS, _MINUS]] = 1, -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Unscaled integers, ``high * 10**low_digits + low``, and which of them could not be read."""

    low: Integers
    high: Integers | None = None  # None when ``low`` holds all digits
    low_digits: int = LIMB_DIGITS
    bad: Mask  # where it is True the values mean nothing


def text(rows: Rows, offset: int, length: int, page: CodePage) -> pa.StringArray:
    """Return the characters, trimmed of spaces and low-values at both ends; null where nothing is left."""
    raw = _view(rows, offset, f"V{length}").tobytes()
    characters = raw.translate(page.ascii)
    if characters.isascii():
        offsets = np.arange(0, len(raw) + 1, length, dtype=np.int32)
    else:
        characters = page.decode(raw).encode()
        lengths = np.frombuffer(raw.translate(page.utf8_lengths), np.uint8).reshape(-1, length)
        offsets = np.zeros(len(rows) + 1, np.int32)
        np.cumsum(lengths.sum(axis=1, dtype=np.int32), out=offsets[1:])
    untrimmed = pa.StringArray.from_buffers(len(rows), pa.py_buffer(offsets), pa.py_buffer(characters))
    return _null_where_empty(pc.ascii_trim(untrimmed, " "))


def _null_where_empty(strings: pa.StringArray) -> pa.StringArray:
    _, offsets, data = strings.buffers()
    ends = np.frombuffer(offsets, np.int32, len(strings) + 1)
    present = ends[1:] != ends[:-1]
    if present.all():
        return strings
    return pa.StringArray.from_buffers(len(strings), offsets, data, _bitmap(present))


def binary(rows: Rows, offset: int, length: int, *, signed: bool) -> npt.NDArray[np.integer]:
    """Return two's complement big-endian integers of 2, 4 or 8 bytes, in the machine's own order."""
    kind = f"{'i' if signed else 'u'}{length}"
    return _view(rows, offset, f">{kind}").astype(kind)


def zoned(rows: Rows, offset: int, digits: int, *, signed: bool, leading: bool, separate: bool) -> Numbers:
    """Return DISPLAY numbers: one digit per byte, the sign in the zone of the last (or first) digit or beside them.

    An unsigned number may carry a plus sign in its last zone, as some programs leave one there.
    """
    separate = separate and signed
    leading = leading and signed
    if separate:
        sign = _SEPARATE_SIGNS.take(_bytes(rows, offset if leading else offset + digits))
        offset += leading
    else:
        sign = _ZONED_SIGNS.take(_bytes(rows, offset if leading else offset + digits - 1))
    bad = sign == 0 if signed else sign != 1
    first, last = (offset if leading and not separate else None), offset + digits - 1
    overpunched = None if separate else first if first is not None else last
    low_digits = min(digits, LIMB_DIGITS)
    low = _zoned_run(rows, offset + digits - low_digits, low_digits, overpunched, bad) * sign
    if digits <= LIMB_DIGITS:
        return Numbers(low=low, bad=bad)
    high = _zoned_run(rows, offset, digits - low_digits, overpunched, bad) * sign
    return Numbers(low=low, high=high, bad=bad)


def _zoned_run(rows: Rows, offset: int, digits: int, overpunched: int | None, bad: Mask) -> Integers:
    """Return the value of up to 18 digits; sets ``bad`` where a byte is none. ``overpunched`` is the sign's byte."""
    total: Integers | None = None
    invalid: Words | None = None
    position = offset
    while position < offset + digits:
        count = (offset + digits - position) % _WORD or _WORD
        word = _zoned_word(rows, position, count)
        if overpunched is not None and position <= overpunched < position + count:
            place = _WORD - count + overpunched - position  # of the byte in the word, from its low end
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
    return total


_ZONES = np.uint64(0xF0F0F0F0F0F0F0F0)
_SIX = np.uint64(0x0606060606060606)  # carries into the zone from digits above 9


def _zoned_word(rows: Rows, offset: int, count: int) -> Words:
    """Return up to eight digits as bytes of a word, the last digit highest; a byte above 9 was no digit."""
    end = offset + count
    unused = np.uint64(8 * (_WORD - count))
    if end >= _WORD:
        word: Words = _view(rows, end - _WORD, "<u8") ^ _ZONES
        if unused:
            word >>= unused
            word <<= unused
        return word
    if offset + _WORD <= rows.shape[1]:
        word = _view(rows, offset, "<u8") ^ _ZONES
        word <<= unused
        return word
    padded = np.full((len(rows), _WORD), 0xF0, np.uint8)  # records of less than eight bytes
    padded[:, _WORD - count :] = rows[:, offset:end]
    return padded.view("<u8")[:, 0] ^ _ZONES


def _word_value(word: Words) -> Integers:
    """Return the number that eight digits make: neighbours are joined to pairs, quads, then all eight."""
    for weight, bits, mask in _JOINS:
        joined = word * weight
        word = np.right_shift(word, bits)
        word += joined
        word &= mask
    return word.view(np.int64)


_JOINS = tuple(
    (np.uint64(weight), np.uint64(bits), np.uint64(mask))
    for weight, bits, mask in (
        (10, 8, 0x00FF00FF00FF00FF),
        (100, 16, 0x0000FFFF0000FFFF),
        (10_000, 32, 0x00000000FFFFFFFF),
    )
)


def packed(rows: Rows, offset: int, length: int, *, signed: bool) -> Numbers:
    """Return COMP-3 numbers: two digits per byte, the last half byte a sign; unsigned ones have a plus sign."""
    sign = _PACKED_SIGNS.take(_bytes(rows, offset + length - 1))
    bad = sign == 0 if signed else sign != 1
    low_length = min(length, _PACKED_LIMB)
    low = _packed_run(rows, offset + length - low_length, low_length, bad, tail=True) * sign
    if length <= _PACKED_LIMB:
        return Numbers(low=low, bad=bad)
    high = _packed_run(rows, offset, length - low_length, bad, tail=False) * sign
    return Numbers(low=low, high=high, low_digits=2 * _PACKED_LIMB - 1, bad=bad)


_PACKED_LIMB = 9  # bytes: 17 digits and the sign


def _packed_run(rows: Rows, offset: int, length: int, bad: Mask, *, tail: bool) -> Integers:
    """Return the value of up to nine bytes, of which the last holds the sign if ``tail``; sets ``bad``."""
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
        index = _bytes(rows, position) if size == 1 else _view(rows, position, "<u2").astype(np.intp)
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


def absent(rows: Rows, offset: int, length: int) -> Mask:
    """Return where a field was never filled: all spaces, or all low-values."""
    field = rows[:, offset : offset + length]
    same = (field == field[:, :1]).all(axis=1)
    return np.asarray(same & ((field[:, 0] == _SPACE) | (field[:, 0] == _LOW_VALUE)))


def integers(values: npt.NDArray[np.integer], kind: pa.DataType, bad: Mask | None = None) -> pa.Array:
    """Return an Arrow array of an integer type, null where ``bad``; the values fit."""
    data = values.astype(kind.to_pandas_dtype(), copy=False)
    return pa.Array.from_buffers(kind, len(data), [_validity(bad), pa.py_buffer(data)])


def decimals(numbers: Numbers, kind: pa.Decimal128Type) -> pa.Decimal128Array:
    """Return the exact decimals; null where the number is bad."""
    low = _unscaled(numbers.low, 18)
    if numbers.high is not None:
        weight = pa.scalar(10**numbers.low_digits, pa.decimal128(numbers.low_digits + 1, 0))
        low = pc.add(pc.multiply(_unscaled(numbers.high, 14), weight), low)
    return pa.Array.from_buffers(kind, len(low), [_validity(numbers.bad), low.buffers()[1]])


def _unscaled(values: Integers, digits: int) -> pa.Decimal128Array:
    halves = np.empty((len(values), 2), np.int64)
    halves[:, 0] = values
    np.right_shift(values, 63, out=halves[:, 1])
    return pa.Array.from_buffers(pa.decimal128(digits, 0), len(values), [None, pa.py_buffer(halves)])


def unsigned_decimals(values: npt.NDArray[np.uint64], kind: pa.Decimal128Type) -> pa.Decimal128Array:
    """Return the exact decimals of unscaled unsigned integers."""
    halves = np.zeros((len(values), 2), np.uint64)
    halves[:, 0] = values
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(halves)])


def _validity(bad: Mask | None) -> pa.Buffer | None:
    return _bitmap(~bad) if bad is not None and bad.any() else None


def _bitmap(present: Mask) -> pa.Buffer:
    return pa.py_buffer(np.packbits(present, bitorder="little"))


def _view(rows: Rows, offset: int, kind: str) -> np.ndarray[tuple[int], np.dtype[Any]]:
    """Return the same bytes of every row as one item each, without copying; NumPy reads unaligned items well."""
    return np.ndarray(len(rows), np.dtype(kind), rows.data, offset, (rows.shape[1],))


def _bytes(rows: Rows, offset: int) -> npt.NDArray[np.intp]:
    """Return one byte of every row, as an index into a table."""
    return rows[:, offset].astype(np.intp)

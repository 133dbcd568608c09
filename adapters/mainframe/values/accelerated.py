"""The functions of ``kernels`` compiled by Numba: the same values in less time.

Eight bytes of a row are read as one word, whose low end is the first of them, and all digits in it are joined at once.

Numba is an optional extra; nothing but ``kernels.accelerated`` imports this module.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from adapters.mainframe.compiled import by_numba
from adapters.mainframe.records import Bytes, Mask, Positions, Rows
from adapters.mainframe.values import kernels
from adapters.mainframe.values.decimals import Integers
from adapters.mainframe.values.kernels import WORD, Ends, Letters, Sign, Signs, Words, view


class _Part(NamedTuple):
    """Which bytes of a word count, and what is not looked at in them."""

    right: np.uint64  # bits before the first of them
    left: np.uint64  # bits that they are moved up then, to end where the word ends
    looked_at: np.uint64  # bits of the word so moved
    weight: np.int64  # of what came before them


def zoned(rows: Rows, offset: int, digits: int, sign: Sign, bad: Mask) -> Integers:
    """Return the value of up to 18 digits, one per byte; see ``kernels.zoned``."""
    if rows.shape[1] < WORD:
        return kernels.zoned(rows, offset, digits, sign, bad)
    values = np.zeros(len(rows), np.int64)
    for start, part in _parts(offset, digits, sign.at, 0xF0, 10):
        _add_zoned(view(rows, start, "<u8"), part, values, bad)
    _apply(rows[:, sign.at], sign.table, values, bad)
    return values


def packed(rows: Rows, offset: int, length: int, sign: Sign, bad: Mask) -> Integers:
    """Return the value of up to nine bytes of two digits each; see ``kernels.packed``."""
    if rows.shape[1] < WORD:
        return kernels.packed(rows, offset, length, sign, bad)
    values = np.zeros(len(rows), np.int64)
    for start, part in _parts(offset, length, sign.at, 0x0F, 100):
        _add_packed(view(rows, start, "<u8"), part, values, bad)
    if sign.at == offset + length - 1:
        _drop_last(values)
    if sign.at >= 0:
        _apply(rows[:, sign.at], sign.table, values, bad)
    return values


def _parts(offset: int, length: int, sign: int, ignored: int, base: int) -> Iterator[tuple[int, _Part]]:
    """Yield where to read words that hold ``length`` bytes together, and which part of each is wanted.

    Args:
        offset: of the first byte.
        length: how many.
        sign: offset of the byte of which some bits are ignored.
        ignored: those bits.
        base: what a byte counts more than the next.
    """
    position, end = offset, offset + length
    while position < end:
        count = (end - position) % WORD or WORD
        start = max(position + count - WORD, 0)
        looked_at = 0xFFFF_FFFF_FFFF_FFFF
        if position <= sign < position + count:
            looked_at ^= ignored << 8 * (WORD - count + sign - position)
        yield (
            start,
            _Part(
                right=np.uint64(8 * (position - start)),
                left=np.uint64(8 * (WORD - count)),
                looked_at=np.uint64(looked_at),
                weight=np.int64(base**count if position > offset else 0),
            ),
        )
        position += count


@by_numba
def _add_zoned(words: Words, part: _Part, values: Integers, bad: Mask) -> None:
    zones, six = np.uint64(0xF0F0F0F0F0F0F0F0), np.uint64(0x0606060606060606)
    for row in range(len(words)):
        word = ((words[row] ^ zones) >> part.right) << part.left & part.looked_at
        bad[row] |= ((word + six) | word) & zones != 0
        word = (word * np.uint64(10) + (word >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
        word = (word * np.uint64(100) + (word >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
        word = (word * np.uint64(10_000) + (word >> np.uint64(32))) & np.uint64(0xFFFFFFFF)
        values[row] = values[row] * part.weight + np.int64(word)


@by_numba
def _add_packed(words: Words, part: _Part, values: Integers, bad: Mask) -> None:
    low, six = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0606060606060606)
    odd, wide = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
    for row in range(len(words)):
        word = (words[row] >> part.right) << part.left & part.looked_at
        tens, ones = (word >> np.uint64(4)) & low, word & low
        bad[row] |= ((tens + six) | (ones + six)) & ~low != 0
        word = tens * np.uint64(10) + ones
        word = (word & odd) * np.uint64(100) + ((word >> np.uint64(8)) & odd)
        word = (word & wide) * np.uint64(10_000) + ((word >> np.uint64(16)) & wide)
        word = (word & np.uint64(0xFFFFFFFF)) * np.uint64(100_000_000) + (word >> np.uint64(32))
        values[row] = values[row] * part.weight + np.int64(word)


@by_numba
def _drop_last(values: Integers) -> None:
    for row in range(len(values)):
        values[row] //= 10


@by_numba
def _apply(column: Bytes, signs: Signs, values: Integers, bad: Mask) -> None:
    for row in range(len(column)):
        sign = signs[column[row]]
        values[row] *= sign
        bad[row] |= sign == 0


@by_numba
def _throughout(cells: Bytes, byte: int) -> bool:
    return bool(np.all(cells == byte))


@by_numba
def text(rows: Rows, offset: int, width: int, available: Positions, letters: Letters) -> tuple[Bytes, Ends, Mask]:
    """Return the characters of a field in UTF-8; see ``kernels.Text``.

    Each character is written before it is known whether it is but a space at the end; then the next text begins there.
    """
    data = np.empty(len(rows) * width * letters.longest, np.uint8)
    ends = np.zeros(len(rows) + 1, np.int32)
    blank = np.empty(len(rows), np.bool_)
    # Unsigned places: with signed ones Numba asks at every byte whether it counts from the end, which doubles the time
    none, one, left, right = np.uint64(0), np.uint64(1), np.uint64(offset), np.uint64(offset + width)
    filled = none
    for row in range(np.uint64(len(rows))):
        if len(available):
            right = left + np.uint64(available[row])
        first = left
        while letters.left and first < right and letters.codes[rows[row, first]] >= 0x100:
            first += one
        found, count = np.uint16(0), none
        for place in range(right - first):
            code = letters.codes[rows[row, first + place]]
            found |= code
            data[filled + place] = code
            count = count if code >= 0x100 else place + one
        blank[row] = count == none or (rows[row, left] == 0xFF and _throughout(rows[row, left:right], 0xFF))
        if not letters.right:
            count = right - first
        if not found & 0x80:
            filled += count
        else:
            for byte in rows[row, first : first + count]:
                for part in range(np.uint64(letters.sizes[byte])):
                    data[filled] = letters.utf8[byte, part]
                    filled += one
        ends[row + one] = filled
    return data[:filled].copy(), ends, blank

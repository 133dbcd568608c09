"""Unscaled decimal numbers of any size as limbs, and Arrow arrays of them.

A number of more than 18 digits does not fit an int64; it is kept as several *limbs*, int64 arrays of up to 18 decimal
digits each, of which all have the sign of the number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adapters.mainframe.records import Mask

Integers = npt.NDArray[np.int64]
Digits = npt.NDArray[np.uint8]  # shape (numbers, digits), each 0 to 9

LIMB_DIGITS = 18  # what an int64 holds for certain


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscaled:
    """Integers without their decimal point: the sum of ``limbs``, each times ten to the ``digits`` behind it."""

    limbs: tuple[Integers, ...]  # most significant first
    digits: tuple[int, ...]  # of each limb at most

    def times(self, power: int) -> Unscaled:
        """Return the numbers times ten to the ``power``, which is not negative."""
        if not power:
            return self
        zeros = np.zeros(len(self.limbs[0]), np.int64)
        parts = [LIMB_DIGITS] * (power // LIMB_DIGITS) + [power % LIMB_DIGITS]
        parts = [part for part in parts if part]
        return Unscaled(limbs=(*self.limbs, *[zeros] * len(parts)), digits=(*self.digits, *parts))


def chunks(digits: int) -> list[int]:
    """Return how many digits go to each limb of a number of ``digits``, most significant first."""
    first = digits % LIMB_DIGITS
    return ([first] if first else []) + [LIMB_DIGITS] * (digits // LIMB_DIGITS)


def of_digits(matrix: Digits, sign: npt.NDArray[np.integer]) -> Unscaled:
    """Return the numbers whose digits are the columns of ``matrix``, times ``sign`` (1 or -1)."""
    limbs, start = [], 0
    counts = chunks(matrix.shape[1])
    for count in counts:
        powers = 10 ** np.arange(count - 1, -1, -1, dtype=np.int64)
        limbs.append(matrix[:, start : start + count].astype(np.int64) @ powers * sign)
        start += count
    return Unscaled(limbs=tuple(limbs), digits=tuple(counts))


def to_digits(numbers: Unscaled) -> Digits:
    """Return the digits of the numbers without their sign, with leading zeros."""
    columns = []
    for limb, count in zip(numbers.limbs, numbers.digits, strict=True):
        powers = 10 ** np.arange(count - 1, -1, -1, dtype=np.int64)
        columns.append((np.abs(limb)[:, None] // powers % 10).astype(np.uint8))
    return np.concatenate(columns, axis=1)


def rescaled(numbers: Unscaled, fraction: Integers, scale: int) -> Unscaled:
    """Return the numbers, of which each has its own ``fraction`` (digits behind the point), rounded to one scale."""
    digits = to_digits(numbers)
    return aligned(digits, np.ones(digits.shape, np.bool_), fraction, scale, np.where(negative(numbers), -1, 1))


def negative(numbers: Unscaled) -> Mask:
    """Return where the numbers are below zero."""
    return np.asarray(np.logical_or.reduce([limb < 0 for limb in numbers.limbs]))


def aligned(
    digits: Digits, present: npt.NDArray[np.bool_], fraction: Integers, scale: int, sign: npt.NDArray[np.integer]
) -> Unscaled:
    """Return numbers of which the point stands elsewhere than the type has it, rounded half up to ``scale``.

    Args:
        digits: of each number, left to right.
        present: which of them count; the others are no digits at all.
        fraction: how many of the digits of each number stand behind its point; negative: that many zeros follow.
        scale: digits behind the point wanted.
        sign: 1 or -1 of each number.
    """
    behind = np.cumsum(present[:, ::-1], axis=1, dtype=np.int64)[:, ::-1] - 1  # digits to the right of each
    power = behind - fraction[:, None] + scale
    width = max(int(power.max(initial=0, where=present)) + 1, 1)
    matrix = np.zeros((len(digits), width + 1), np.uint8)  # one more for what is carried by rounding
    row, column = np.nonzero(present & (power >= 0))
    matrix[row, width - power[row, column]] = digits[row, column]
    unscaled = of_digits(matrix, sign)
    half = (present & (power == -1) & (digits >= 5)).any(axis=1)
    if not half.any():
        return unscaled
    carried = list(unscaled.limbs)
    carried[-1] = carried[-1] + half * sign
    for index in range(len(carried) - 1, 0, -1):
        limit = 10 ** unscaled.digits[index]
        over = np.abs(carried[index]) == limit
        carried[index] = np.where(over, 0, carried[index])
        carried[index - 1] = carried[index - 1] + over * sign
    return Unscaled(limbs=tuple(carried), digits=unscaled.digits)


def array(
    numbers: Unscaled, kind: pa.DataType, bad: Mask | None, *, wrap: bool = False
) -> tuple[pa.Array, Mask | None]:
    """Return an Arrow array of an integer or decimal type, and where it is null (None: nowhere).

    Args:
        numbers: what to hold.
        kind: an integer type, decimal128 or decimal256.
        bad: numbers that mean nothing: null.
        wrap: integers too large for the type lose their upper bits, as a cast in C or Java has it; otherwise a number
            that does not fit is null.
    """
    if pa.types.is_decimal(kind):
        bad = _either(bad, _too_long(numbers, kind.precision))
        data = _words(numbers, kind.bit_width // 8)
    else:
        if not wrap:
            bad = _either(bad, _too_large(numbers, kind))
        data = _integers(numbers).astype(kind.to_pandas_dtype(), copy=False)
    if bad is not None and not bad.any():
        bad = None
    return from_buffer(kind, data, bad), bad


def from_buffer(kind: pa.DataType, data: npt.NDArray[np.integer], bad: Mask | None) -> pa.Array:
    """Return an array of a fixed width that has ``data`` as it is, null where ``bad``."""
    return pa.Array.from_buffers(kind, len(data), [validity(bad), pa.py_buffer(data)])


def validity(bad: Mask | None) -> pa.Buffer | None:
    """Return the validity bitmap of an array that is null where ``bad``; None: nothing is."""
    return None if bad is None else pa.py_buffer(np.packbits(~bad, bitorder="little"))


def _either(bad: Mask | None, more: Mask | None) -> Mask | None:
    if bad is None or more is None:
        return more if bad is None else bad
    return bad | more


def _too_long(numbers: Unscaled, precision: int) -> Mask | None:
    """Return where numbers have more than ``precision`` digits; None: nowhere, by their size."""
    behind = sum(numbers.digits)
    if behind <= precision:
        return None
    wrong = np.zeros(len(numbers.limbs[0]), np.bool_)
    for limb, digits in zip(numbers.limbs, numbers.digits, strict=True):
        behind -= digits
        room = precision - behind  # digits that this limb may have
        if room < digits:
            wrong |= np.abs(limb) >= 10 ** max(room, 0)
    return wrong


def _too_large(numbers: Unscaled, kind: pa.DataType) -> Mask | None:
    """Return where numbers do not fit an integer type; None: nowhere, by their size."""
    limits = np.iinfo(kind.to_pandas_dtype())
    digits = sum(numbers.digits)
    if 10**digits - 1 <= limits.max and limits.min < 0:
        return None
    size = _integers(Unscaled(limbs=tuple(np.abs(limb) for limb in numbers.limbs), digits=numbers.digits))
    largest = np.where(negative(numbers), np.uint64(-int(limits.min)), np.uint64(limits.max))
    too_large = size.view(np.uint64) > largest  # as far as 19 digits, which fit a uint64 whatever they are
    return np.asarray(_either(_too_long(numbers, 19), too_large))


def _integers(numbers: Unscaled) -> Integers:
    """Return the numbers as far as 64 bits hold them."""
    total = numbers.limbs[0]
    for limb, digits in zip(numbers.limbs[1:], numbers.digits[1:], strict=True):
        total = total * np.int64(10**digits) + limb
    return total


def _words(numbers: Unscaled, size: int) -> npt.NDArray[np.int64]:
    """Return the numbers as little-endian two's complement of ``size`` bytes (16 or 32), shape (numbers, words)."""
    if len(numbers.limbs) == 1:
        return widened(numbers.limbs[0], size)
    wide = size if size == 32 or sum(numbers.digits) <= 2 * LIMB_DIGITS else 32
    total = _decimal(numbers.limbs[0], wide)
    for limb, digits in zip(numbers.limbs[1:], numbers.digits[1:], strict=True):
        weight = pa.scalar(10**digits, _nominal(wide, digits + 1))
        total = pc.add(pc.multiply(total, weight), _decimal(limb, wide))
        total = pa.Array.from_buffers(_nominal(wide), len(total), [None, total.buffers()[1]])
    words = np.frombuffer(total.buffers()[1], np.int64).reshape(-1, wide // 8)[: len(total)]
    return words if wide == size else np.ascontiguousarray(words[:, : size // 8])


def widened(values: npt.NDArray[np.integer], size: int) -> npt.NDArray[np.int64]:
    """Return int64 or uint64 as little-endian two's complement of ``size`` bytes (16 or 32)."""
    words = np.zeros((len(values), size // 8), np.int64)
    words[:, 0] = values.view(np.int64)
    if values.dtype == np.int64:
        words[:, 1:] = (values >> 63)[:, None]
    return words


def _decimal(values: Integers, size: int) -> pa.Array:
    return pa.Array.from_buffers(_nominal(size), len(values), [None, pa.py_buffer(widened(values, size))])


def _nominal(size: int, digits: int = LIMB_DIGITS - 1) -> pa.DataType:
    """Return a type of so many bytes; Arrow adds precisions up and refuses too many, whatever the values are."""
    return pa.decimal128(digits, 0) if size == 16 else pa.decimal256(digits, 0)

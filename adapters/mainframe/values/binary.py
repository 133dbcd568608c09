"""COMP, COMP-4, COMP-5, COMP-9 and COMP-X: two's complement integers of any number of bytes.

All bits count, also those beyond the digits of the picture (compiler option TRUNC(BIN)). A value that the field's type
cannot hold is null: that happens where the type has just the digits of the picture.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adapters.mainframe.copybook.layout import Field
from adapters.mainframe.profile import Profile
from adapters.mainframe.records import Mask, Positions, Rows
from adapters.mainframe.values import decimals
from adapters.mainframe.values.decimals import LIMB_DIGITS, Unscaled
from adapters.mainframe.values.decode import Decode, Values, settle
from adapters.mainframe.values.kernels import view

Integers64 = npt.NDArray[np.integer]  # int64 or uint64
Words = npt.NDArray[np.int64]  # shape (numbers, words), little-endian two's complement

_NATIVE = (1, 2, 4, 8)  # bytes of which NumPy has an integer
_DIGITS = {1: 3, 2: 5, 4: 10, 8: 20}  # decimal ones of the largest integer in so many bytes


def decoder(field: Field, profile: Profile) -> Decode:
    """Return what decodes a binary number to the field's type: an integer or a decimal."""
    return _Binary(field, profile)


class _Binary:
    def __init__(self, field: Field, profile: Profile) -> None:
        self._type, self._length, self._profile = field.type, field.length, profile
        picture = field.picture
        self._signed = picture is not None and picture.signed
        self._little = field.little
        scale = picture.scale if picture else 0
        self._decimal = pa.types.is_decimal(self._type)
        self._power = (self._type.scale if self._decimal else 0) - scale
        # Cobrix puts the digits of VPP9(4) behind the zeros, however few they are
        self._zeros = scale - picture.size if picture and profile.name == "cobrix" and scale > picture.size else None
        self._certain = self._holds_all()

    def _holds_all(self) -> bool:
        """Return whether the type has room for whatever the bytes hold."""
        if self._power or self._zeros is not None or self._length not in _NATIVE:
            return False
        if self._decimal:
            return bool(self._type.precision >= _DIGITS[self._length])
        held, limits = np.iinfo(f"{'i' if self._signed else 'u'}{self._length}"), np.iinfo(self._type.to_pandas_dtype())
        return bool(limits.min <= held.min and held.max <= limits.max)

    def __call__(self, rows: Rows, offset: int, available: Positions | None = None) -> Values:
        if self._length > 8:
            array, null = self._wide(rows, offset)
        elif self._certain:
            array, null = self._plain(self._native(rows, offset, self._length)), None
        else:
            array, null = self._checked(self._short(rows, offset))
        return settle(array, null, rows[:, offset : offset + self._length], available, self._profile)

    def _native(self, rows: Rows, offset: int, length: int) -> npt.NDArray[np.integer]:
        """Return integers of 1, 2, 4 or 8 bytes as they stand."""
        return view(rows, offset, f"{'<' if self._little else '>'}{'i' if self._signed else 'u'}{length}")

    def _plain(self, values: npt.NDArray[np.integer]) -> pa.Array:
        kind = self._type
        if self._decimal:
            data = decimals.widened(values.astype(np.int64 if self._signed else np.uint64), kind.bit_width // 8)
        else:
            data = values.astype(kind.to_pandas_dtype())
        return decimals.from_buffer(kind, data, None)

    def _short(self, rows: Rows, offset: int) -> Integers64:
        """Return integers of up to eight bytes as 64 bits."""
        if self._length in _NATIVE:
            return self._native(rows, offset, self._length).astype(np.int64 if self._signed else np.uint64)
        return self._extended(rows, offset, 8)[:, 0].view(np.int64 if self._signed else np.uint64)

    def _extended(self, rows: Rows, offset: int, size: int) -> Words:
        """Return the integers with their sign carried on to ``size`` bytes."""
        cells = rows[:, offset : offset + self._length]
        if not self._little:
            cells = cells[:, ::-1]
        extended = np.zeros((len(rows), size), np.uint8)
        extended[:, : self._length] = cells
        if self._signed:
            extended[:, self._length :] = np.where(cells[:, -1] >= 0x80, 0xFF, 0)[:, None]
        return extended.view("<i8")

    def _checked(self, values: Integers64) -> tuple[pa.Array, Mask | None]:
        """Return numbers of up to 64 bits, null where the type cannot hold them."""
        sign = np.where(values < 0, -1, 1)
        size = np.where(values < 0, 0 - values.view(np.uint64), values.view(np.uint64))  # of the least int64 too
        limb = np.uint64(10**LIMB_DIGITS)
        limbs = tuple(part.astype(np.int64) * sign for part in (size // limb, size % limb))
        numbers = Unscaled(limbs=limbs, digits=(20 - LIMB_DIGITS, LIMB_DIGITS))
        if self._zeros is not None:
            digits = decimals.to_digits(numbers)
            count = digits.shape[1] - np.minimum((digits != 0).argmax(axis=1), digits.shape[1] - 1)
            count = np.where(size == 0, 1, count)
            numbers = decimals.rescaled(numbers, (self._zeros + count).astype(np.int64), self._type.scale)
        else:
            numbers = numbers.times(self._power)
        return decimals.array(numbers, self._type, None)

    def _wide(self, rows: Rows, offset: int) -> tuple[pa.Array, Mask | None]:
        """Return numbers of more than eight bytes, null where the type cannot hold them."""
        words = self._extended(rows, offset, max(self._length, 32) // 8 * 8 + 8)  # with a word for the sign at least
        null = _beyond(words, self._type.precision - self._power)
        words = np.ascontiguousarray(words[:, :4])
        if self._power:
            whole = pa.Array.from_buffers(pa.decimal256(38, 0), len(words), [None, pa.py_buffer(words)])
            scaled = pc.multiply(whole, pa.scalar(10**self._power, pa.decimal256(37, 0)))
            words = np.frombuffer(scaled.buffers()[1], np.int64).reshape(-1, 4)[: len(words)]
        data = np.ascontiguousarray(words[:, : self._type.bit_width // 64])
        return decimals.from_buffer(self._type, data, null), null


def _beyond(words: Words, digits: int) -> Mask:
    """Return where numbers have more than so many decimal digits."""
    below = words[:, -1] < 0
    size = np.where(below[:, None], ~words, words).view(np.uint64)  # of a negative number one less than its size
    limits = [(10**digits - one) for one in (0, 1)]
    wrong = np.zeros(len(words), np.bool_)
    undecided = np.ones(len(words), np.bool_)
    for index in range(words.shape[1] - 1, -1, -1):
        whole, one_less = (np.uint64(limit >> 64 * index & 0xFFFF_FFFF_FFFF_FFFF) for limit in limits)
        word = np.where(below, one_less, whole)
        wrong |= undecided & (size[:, index] > word)
        undecided &= size[:, index] == word
    return wrong | undecided

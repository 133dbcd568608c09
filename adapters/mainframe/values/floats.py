"""COMP-1 and COMP-2: floating point of 4 and 8 bytes, IBM hexadecimal or IEEE 754, in both byte orders.

A hexadecimal number is a sign bit, an exponent of 16 in seven bits (64 means zero), and a fraction of 24 or 56 bits;
see *z/Architecture Principles of Operation*, "Hexadecimal-floating-point instructions". Its range is wider than that of
an IEEE number of 4 bytes, of which the largest and smallest become infinite and zero.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from adapters.mainframe.copybook.layout import Field
from adapters.mainframe.profile import Profile
from adapters.mainframe.records import Positions, Rows
from adapters.mainframe.values.decode import Decode, Values, settle
from adapters.mainframe.values.kernels import view

_BIAS = 64
_SINGLE_WEIGHT = 2.0**-18


def decoder(field: Field, profile: Profile) -> Decode:
    """Return what decodes a floating-point number to the field's type, float32 or float64."""
    order = "<" if profile.floats.endswith("little") else ">"
    length = field.length
    kind = np.dtype(field.type.to_pandas_dtype())
    ieee = profile.floats.startswith("ieee")

    def decode(rows: Rows, offset: int, available: Positions | None = None) -> Values:
        if ieee:
            numbers = view(rows, offset, f"{order}f{length}")
        elif length == 4 and profile.name == "cobrix":
            numbers = _single_of_cobrix(view(rows, offset, f"{order}u4"))
        else:
            numbers = _hexadecimal(view(rows, offset, f"{order}u{length}"), 8 * length)
        with np.errstate(over="ignore", invalid="ignore"):  # beyond a float32: infinite; a signalling NaN: quiet
            data = numbers.astype(kind)
        array = pa.Array.from_buffers(field.type, len(data), [None, pa.py_buffer(data)])
        return settle(array, None, rows[:, offset : offset + length], available, profile)

    return decode


def _hexadecimal(words: npt.NDArray[np.unsignedinteger], bits: int) -> npt.NDArray[np.float64]:
    """Return the numbers, rounded half to even where the fraction has more than 53 bits."""
    words = words.astype(np.uint64)
    fraction_bits = bits - 8
    fraction = (words & np.uint64((1 << fraction_bits) - 1)).astype(np.float64)
    exponent = (words >> np.uint64(fraction_bits) & np.uint64(0x7F)).astype(np.int32)
    sizes = np.ldexp(fraction, 4 * (exponent - _BIAS) - fraction_bits)
    negative = (words >> np.uint64(bits - 1)).astype(np.bool_) & (sizes != 0)  # zero has no sign here
    return np.where(negative, -sizes, sizes)


def _single_of_cobrix(words: npt.NDArray[np.uint32]) -> npt.NDArray[np.float64]:
    """Return what Cobrix makes of hexadecimal COMP-1.

    It takes the sign bit for the exponent (``FloatingPointDecoders.decodeIbmSingleBigEndian``), so that every
    positive number has the exponent 65.5 and every negative one is too small to be told from zero.
    """
    fraction = (words & 0x00FF_FFFF) * _SINGLE_WEIGHT
    return np.where(words >> 31, 0.0, fraction)

"""The functions of ``kernels`` compiled by Numba: the same values in less time.

Numba is an optional extra; nothing but ``kernels.fastest`` imports this module. Machine code is kept on disk beside the
module, or where ``NUMBA_CACHE_DIR`` says, so that only the first run compiles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

from adapters.mainframe.records import Mask, Rows
from adapters.mainframe.values.decimals import Integers
from adapters.mainframe.values.kernels import Sign

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _compiled(function: _Function) -> _Function:
    return cast("_Function", numba.njit(nogil=True, cache=True)(function))


@_compiled
def zoned(rows: Rows, offset: int, digits: int, sign: Sign, bad: Mask) -> Integers:
    """Return the value of up to 18 digits, one per byte; see ``kernels.zoned``."""
    values = np.empty(rows.shape[0], np.int64)
    for row in range(rows.shape[0]):
        value = np.int64(0)
        wrong = False
        for place in range(offset, offset + digits):
            byte = rows[row, place]
            wrong |= (byte & 15 > 9) | ((byte < 0xF0) & (place != sign.at))
            value = value * 10 + (byte & 15)
        factor = sign.table[rows[row, sign.at]]
        values[row] = value * factor
        bad[row] |= wrong | (factor == 0)
    return values


@_compiled
def packed(rows: Rows, offset: int, length: int, sign: Sign, bad: Mask) -> Integers:
    """Return the value of up to nine bytes of two digits each; see ``kernels.packed``."""
    values = np.empty(rows.shape[0], np.int64)
    last = offset + length - 1
    for row in range(rows.shape[0]):
        value = np.int64(0)
        wrong = False
        for place in range(offset, last):
            high, low = rows[row, place] >> 4, rows[row, place] & 15
            wrong |= (high > 9) | (low > 9)
            value = value * 100 + high * 10 + low
        high, low = rows[row, last] >> 4, rows[row, last] & 15
        wrong |= high > 9
        value = value * 10 + high
        if sign.at != last:
            wrong |= low > 9
            value = value * 10 + low
        if sign.at >= 0:
            factor = sign.table[rows[row, sign.at]]
            value *= factor
            wrong |= factor == 0
        values[row] = value
        bad[row] |= wrong
    return values

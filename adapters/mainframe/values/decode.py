"""What a decoder of one field takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from adapters.mainframe.profile import Profile
from adapters.mainframe.records import Mask, Positions, Rows
from adapters.mainframe.values.decimals import validity

Cells = npt.NDArray[np.uint8]  # shape (values, bytes of the field)

LOW_VALUE, SPACE, HIGH_VALUE = 0x00, 0x40, 0xFF
ASCII_SPACE = 0x20


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The values of one field, one for each row."""

    array: pa.Array  # of the field's type
    bad: Mask | None = None  # values that are no numbers, and not merely blank: null in ``array``, and counted


class Decode(Protocol):
    """Decodes one field of many rows at once."""

    def __call__(self, rows: Rows, offset: int, available: Positions | None = None) -> Values:
        """Return the values of the field that begins at byte ``offset`` of every row.

        Args:
            rows: shape (n, width), width >= offset + length of the field.
            offset: bytes from the start of a row.
            available: bytes of the field that each row really has (0 to its length); None: all of them.
        """
        ...


def settle(
    array: pa.Array,
    null: Mask | None,
    cells: Cells,
    available: Positions | None,
    profile: Profile,
    *,
    space: int = SPACE,
) -> Values:
    """Return numbers with what is not there left out, and tell unreadable ones from those that were never filled in.

    Args:
        array: the numbers.
        null: which of them are null; None: none is.
        cells: their bytes.
        available: bytes that each really has; a number that is not complete is null, and not counted.
        profile: whether blanks are counted.
        space: the byte that a space is in ``cells``.
    """
    if available is not None:
        short = available < cells.shape[1]
        missing = short if null is None else short | null
        array = pa.Array.from_buffers(array.type, len(array), [validity(missing), *array.buffers()[1:]])
        null = None if null is None else null & ~short
    if null is None or not null.any():
        return Values(array=array)
    wrong = np.flatnonzero(null)
    bad = null.copy()
    if profile.name == "cobrix":
        bad[wrong] = ~blank(cells[wrong])
    elif profile.blanks_are_null:
        bad[wrong] = ~(blank(cells[wrong], space) | (cells[wrong] == HIGH_VALUE).all(axis=1))
    return Values(array=array, bad=bad if bad.any() else None)


def blank(cells: Cells, space: int = SPACE) -> Mask:
    """Return where there is nothing but spaces and low-values."""
    return np.asarray(((cells == space) | (cells == LOW_VALUE)).all(axis=1))

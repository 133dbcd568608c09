"""Bytes of a field to Arrow values: one module per way of storing them.

``zoned`` (DISPLAY numbers), ``packed`` (COMP-3, COMP-6), ``binary`` (COMP, COMP-4, COMP-5, COMP-9), ``floats`` (COMP-1,
COMP-2) and ``text``; ``decimals`` makes Arrow arrays of unscaled integers; ``accelerated`` holds the same kernels
compiled by Numba, where that is installed.

May import: ``copybook.layout``, ``profile``, ``records``, ``codepages``. Must never know how records were found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from adapters.mainframe.copybook.layout import Field
from adapters.mainframe.profile import Profile
from adapters.mainframe.records import Mask, Positions, Rows

_NUMBERS = frozenset({"zoned", "packed", "unsigned-packed", "binary", "float"})


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


def decoder(field: Field, profile: Profile) -> Decode:
    """Return what decodes ``field`` as ``profile`` says."""
    if field.encoding in _NUMBERS:
        from adapters.mainframe.values.numbers import numbers

        return numbers(field, profile)
    from adapters.mainframe.values import text

    return text.decoder(field, profile)

"""The value of a field by its bytes: decoded once for every sequence of bytes, then looked up.

Where one record is only found through the value of a field in the one before it, fields cannot be decoded by the
column. Such fields tell lengths and numbers of elements, so that few different values occur.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from adapters.mainframe import values
from adapters.mainframe.copybook.layout import Field
from adapters.mainframe.profile import Profile

Datum = int | str | Decimal | float | bytes | None

_MOST = 100_000  # values remembered of a field


class Remembered:
    """A field of which the value is asked record by record."""

    def __init__(self, field: Field, profile: Profile) -> None:
        self.field = field
        self.length = field.length
        self._decode = values.decoder(field, profile)
        self._known: dict[bytes, Datum] = {}

    def value(self, raw: bytes) -> Datum:
        """Return the value of the field's bytes; None if they are blank or of another type."""
        try:
            return self._known[raw]
        except KeyError:
            if len(self._known) >= _MOST:
                self._known.clear()
            row = np.frombuffer(raw, np.uint8).reshape(1, -1)
            known: Datum = self._decode(row, 0).array[0].as_py()
            self._known[raw] = known
            return known

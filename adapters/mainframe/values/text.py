"""Text to Arrow strings, and bytes that stay bytes.

``alphabets`` turns the bytes of a column into UTF-8, Arrow trims it, and what is blank or was never filled becomes
null.

Rules of the profile ``cobrix``: its ``StringDecoders`` and ``Primitive``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adapters.mainframe.copybook.layout import Field
from adapters.mainframe.profile import Profile, Trim
from adapters.mainframe.records import Mask, Positions, Rows
from adapters.mainframe.values import Decode, Values
from adapters.mainframe.values.alphabets import Alphabet, Column, alphabet, columns
from foundation.errors import SourceError

_IDEOGRAPHIC_SPACE = "\u3000"
_HIGH_VALUE = 0xFF
_ASCII_SPACES = "".join(map(chr, range(0x21)))  # what Java's String.trim takes off

_Null = Callable[[Column, pa.StringArray, pa.StringArray], Mask | None]
"""Tells which texts are null, from their bytes and from the texts before and after trimming; None: none are."""


def decoder(field: Field, profile: Profile) -> Decode:
    """Return what decodes text (also edited numbers and DISPLAY numbers that stay text), DBCS, NATIONAL or bytes.

    The array is of ``string``; of a field of encoding ``bytes`` of ``binary``, or of ``string`` in upper-case
    hexadecimal digits where that is the field's type. A value of which no byte exists is null.

    Profile ``ibm``: blank text (nothing but spaces, low-values or high-values) is null where ``blanks_are_null``,
    unless ``trim`` is ``keep``. Profile ``cobrix``: low-values throughout are null where ``blanks_are_null``, and a
    value whose record ends just before it is empty otherwise; ``available`` below zero marks one that ends earlier.

    Raises:
        ConfigurationError: the code page or character set is not known, or has no double-byte characters for DBCS.
    """
    if field.encoding == "bytes":
        return _Bytes(length=field.length, hexadecimal=pa.types.is_string(field.type), cobrix=profile.name == "cobrix")
    return _Text(
        length=field.length,
        alphabet=alphabet(field, profile),
        trim=profile.trim,
        spaces=_spaces(field, profile),
        null=_null(field, profile),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """Decodes a field of characters."""

    length: int
    alphabet: Alphabet
    trim: Trim
    spaces: str  # what trimming takes off
    null: _Null

    def __call__(self, rows: Rows, offset: int, available: Positions | None = None) -> Values:
        return Values(array=_joined(map(self._texts, columns(rows, offset, self.length, available)), pa.string()))

    def _texts(self, column: Column) -> pa.StringArray:
        texts = self.alphabet(column).array()
        trimmed = _trimmed(texts, self.trim, self.spaces)
        return _with_nulls(trimmed, self.null(column, texts, trimmed))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bytes:
    """Takes the bytes of a field as they are, or as hexadecimal digits."""

    length: int
    hexadecimal: bool
    cobrix: bool

    def __call__(self, rows: Rows, offset: int, available: Positions | None = None) -> Values:
        parts = map(self._bytes, columns(rows, offset, self.length, available))
        return Values(array=_joined(parts, self._type))

    @property
    def _type(self) -> pa.DataType:
        return pa.string() if self.hexadecimal else pa.binary()

    def _bytes(self, column: Column) -> pa.Array:
        cells, present = column.cells, column.present()
        lengths = np.full(len(column), self.length) if column.exists is None else np.maximum(column.exists, 0)
        flat = cells.ravel() if present is None else cells[present]
        ends = np.zeros(len(column) + 1, np.int32)
        np.cumsum(lengths * (2 if self.hexadecimal else 1), out=ends[1:])
        data = _HEXADECIMAL.take(flat).tobytes() if self.hexadecimal else flat.tobytes()
        array = pa.Array.from_buffers(self._type, len(column), [None, pa.py_buffer(ends), pa.py_buffer(data)])
        return _with_nulls(array, _missing(column, at_least=0 if self.cobrix else 1))


_HEXADECIMAL = np.frombuffer(b"".join(b"%02X" % byte for byte in range(256)), "<u2")


def _joined(parts: Iterable[pa.Array], kind: pa.DataType) -> pa.Array:
    """Return one array; mostly there is one part."""
    arrays = list(parts)
    if len(arrays) == 1:
        return arrays[0]
    try:
        return pa.concat_arrays([pa.array([], kind), *arrays])
    except pa.ArrowInvalid:
        raise SourceError(
            "a batch has a column of more than 2 GB of text", remedy="give a smaller `batch_rows`"
        ) from None


def _with_nulls(array: pa.Array, null: Mask | None) -> pa.Array:
    if null is None or not null.any():
        return array
    _, ends, data = array.buffers()
    present = pa.py_buffer(np.packbits(~null, bitorder="little"))
    return pa.Array.from_buffers(array.type, len(array), [present, ends, data])


# Trimming and nulls


def _spaces(field: Field, profile: Profile) -> str:
    """Return the characters that trimming takes off."""
    if profile.name == "cobrix":
        return _ASCII_SPACES
    return " \0" + (_IDEOGRAPHIC_SPACE if field.encoding == "dbcs" else "")


def _trimmed(texts: pa.StringArray, trim: Trim, spaces: str) -> pa.StringArray:
    if trim in ("none", "keep"):
        return texts
    functions = _ASCII_TRIMS if spaces.isascii() else _TRIMS
    return functions[trim](texts, spaces)


_ASCII_TRIMS = {"both": pc.ascii_trim, "left": pc.ascii_ltrim, "right": pc.ascii_rtrim}
_TRIMS = {"both": pc.utf8_trim, "left": pc.utf8_ltrim, "right": pc.utf8_rtrim}


def _null(field: Field, profile: Profile) -> _Null:
    """Return the rule of the profile."""
    if profile.name == "cobrix":
        kept = profile.trim == "keep" and field.encoding != "national"
        return _low_values if profile.blanks_are_null and not kept else _beyond
    if not profile.blanks_are_null or profile.trim == "keep":
        return _nothing
    spaces = _spaces(field, profile)
    return lambda column, texts, trimmed: _blank(
        column, trimmed if profile.trim == "both" else _trimmed(texts, "both", spaces)
    )


def _blank(column: Column, trimmed: pa.StringArray) -> Mask:
    """Return the texts of which nothing is left, or that are high-values throughout (and so never were filled)."""
    ends = np.frombuffer(trimmed.buffers()[1], np.int32, len(trimmed) + 1)
    return np.asarray((ends[1:] == ends[:-1]) | column.throughout(_HIGH_VALUE))


def _low_values(column: Column, _texts: pa.StringArray, _trimmed: pa.StringArray) -> Mask:
    return column.throughout(0)


def _nothing(column: Column, _texts: pa.StringArray, _trimmed: pa.StringArray) -> Mask | None:
    return _missing(column, at_least=1)


def _beyond(column: Column, _texts: pa.StringArray, _trimmed: pa.StringArray) -> Mask | None:
    return _missing(column, at_least=0)


def _missing(column: Column, *, at_least: int) -> Mask | None:
    return None if column.exists is None else column.exists < at_least

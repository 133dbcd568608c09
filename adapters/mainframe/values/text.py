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
from adapters.mainframe.values import Decode, Values, kernels
from adapters.mainframe.values.alphabets import MOST, Alphabet, Column, alphabet, characters_of, columns
from adapters.mainframe.values.kernels import Letters
from foundation.errors import SourceError

_IDEOGRAPHIC_SPACE = "\u3000"
_LOW_VALUE, _HIGH_VALUE = 0x00, 0xFF
_ASCII_SPACES = "".join(map(chr, range(0x21)))  # what Java's String.trim takes off

_Null = Callable[[Column, pa.StringArray, pa.StringArray], Mask | None]
"""Tells which texts are null, from their bytes and from the texts before and after trimming; None: none are."""


def decoder(field: Field, profile: Profile) -> Decode:
    """Return what decodes text (also edited numbers and DISPLAY numbers that stay text), DBCS, NATIONAL or bytes.

    The array is of ``string``; of a field of encoding ``bytes`` of ``binary``, or of ``string`` in upper-case
    hexadecimal digits where that is the field's type.

    Profile ``ibm``: a value of which no byte exists is null, and so is blank text (nothing but spaces, low-values or
    high-values) where ``blanks_are_null``, unless ``trim`` is ``keep``. Profile ``cobrix``: low-values throughout are
    null where ``blanks_are_null``, and so is what has no byte; otherwise that is empty.

    Raises:
        ConfigurationError: the code page or character set is not known, or has no double-byte characters for DBCS.
    """
    if field.encoding == "bytes":
        return _Bytes(length=field.length, hexadecimal=pa.types.is_string(field.type), cobrix=profile.name == "cobrix")
    letters = alphabet(field, profile)
    compiled, characters = kernels.chosen().text, characters_of(letters)
    if compiled is not None and characters is not None and profile.name == "ibm" and profile.trim != "keep":
        return _CompiledText(
            length=field.length,
            kernel=compiled,
            letters=_letters(characters, profile.trim, _spaces(field, profile)),
            blanks_are_null=profile.blanks_are_null,
        )
    return _Text(
        length=field.length,
        alphabet=letters,
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
class _CompiledText:
    """Decodes a field of characters of one byte each by a compiled kernel: the same values as ``_Text`` gives."""

    length: int
    kernel: kernels.Text
    letters: Letters
    blanks_are_null: bool

    def __call__(self, rows: Rows, offset: int, available: Positions | None = None) -> Values:
        step = MOST // self.length
        parts = [
            self._texts(
                rows[start : start + step], offset, None if available is None else available[start : start + step]
            )
            for start in range(0, max(len(rows), 1), step)
        ]
        return Values(array=_joined(parts, pa.string()))

    def _texts(self, rows: Rows, offset: int, available: Positions | None) -> pa.StringArray:
        exists = _NO_POSITIONS if available is None else np.clip(available, 0, self.length)
        data, ends, blank = self.kernel(rows, offset, self.length, exists, self.letters)
        null = blank if self.blanks_are_null else None if available is None else available < 1
        array = pa.StringArray.from_buffers(len(rows), pa.py_buffer(ends), pa.py_buffer(data))
        return _with_nulls(array, null)


_NO_POSITIONS = np.empty(0, np.int64)


def _letters(characters: str, trim: Trim, spaces: str) -> Letters:
    encoded = [character.encode() for character in characters]
    utf8 = np.zeros((256, 3), np.uint8)
    for byte, parts in enumerate(encoded):
        utf8[byte, : len(parts)] = list(parts)
    sizes = np.array([len(parts) for parts in encoded], np.uint8)
    taken_off = np.array([0x100 if character in spaces else 0 for character in characters], np.uint16)
    return Letters(
        codes=np.array([parts[0] if len(parts) == 1 else 0x80 for parts in encoded], np.uint16) | taken_off,
        utf8=utf8,
        sizes=sizes,
        longest=int(sizes.max()),
        left=trim in ("both", "left"),
        right=trim in ("both", "right"),
    )


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
        lengths = np.full(len(column), self.length) if column.exists is None else column.exists
        flat = cells.ravel() if present is None else cells[present]
        ends = np.zeros(len(column) + 1, np.int32)
        np.cumsum(lengths * (2 if self.hexadecimal else 1), out=ends[1:])
        data = _HEXADECIMAL.take(flat).tobytes() if self.hexadecimal else flat.tobytes()
        array = pa.Array.from_buffers(self._type, len(column), [None, pa.py_buffer(ends), pa.py_buffer(data)])
        return _with_nulls(array, None if self.cobrix else column.empty())


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
        return _low_values if profile.blanks_are_null and not kept else _never
    if not profile.blanks_are_null or profile.trim == "keep":
        return _without_bytes
    spaces = _spaces(field, profile)
    return lambda column, texts, trimmed: _blank(
        column, trimmed if profile.trim == "both" else _trimmed(texts, "both", spaces)
    )


def _blank(column: Column, trimmed: pa.StringArray) -> Mask:
    """Return the texts of which nothing is left, or that are high-values throughout (and so never were filled)."""
    ends = np.frombuffer(trimmed.buffers()[1], np.int32, len(trimmed) + 1)
    return np.asarray((ends[1:] == ends[:-1]) | column.throughout(_HIGH_VALUE))


def _low_values(column: Column, _texts: pa.StringArray, _trimmed: pa.StringArray) -> Mask:
    return column.throughout(_LOW_VALUE)


def _without_bytes(column: Column, _texts: pa.StringArray, _trimmed: pa.StringArray) -> Mask | None:
    return column.empty()


def _never(_column: Column, _texts: pa.StringArray, _trimmed: pa.StringArray) -> None:
    return None

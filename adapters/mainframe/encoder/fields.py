"""The bytes of one field, for all values of a column at once.

Formats: *Enterprise COBOL for z/OS Programming Guide*, "Formats for numeric data"; *z/Architecture Principles of
Operation*, "Decimal instructions" and "Hexadecimal-floating-point instructions". Where the profile is ``cobrix``, a
value that does not fit is written as Cobrix writes it: text is cut off, a number is rounded, or becomes low-values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adapters.mainframe.copybook.layout import Field
from adapters.mainframe.encoder import pages
from adapters.mainframe.profile import Profile
from adapters.mainframe.records import Mask, Positions, Rows
from foundation.errors import Problem, VoegError

_PLUS_SIGN, _MINUS_SIGN, _NO_SIGN = 0xC, 0xD, 0xF  # the preferred sign codes
_LOW_VALUE, _HIGH_VALUE = 0x00, 0xFF
_MAX_DIGITS = 76  # of decimal256

_Rounding = Literal["half_to_even", "half_towards_zero"]


class EncodeError(VoegError):
    """A table does not fit the layout; names column and row (from 0), never a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Characters:
    """The bytes that DISPLAY numbers are made of."""

    space: int
    zero: int
    plus: int
    minus: int
    point: int
    comma: int
    positive: bytes  # of an overpunched digit 0 to 9
    negative: bytes


EBCDIC = Characters(
    space=0x40,
    zero=0xF0,
    plus=0x4E,
    minus=0x60,
    point=0x4B,
    comma=0x6B,
    positive=bytes(range(0xC0, 0xCA)),
    negative=bytes(range(0xD0, 0xDA)),
)
ASCII = Characters(
    space=0x20,
    zero=0x30,
    plus=0x2B,
    minus=0x2D,
    point=0x2E,
    comma=0x2C,
    positive=b"{ABCDEFGHI",
    negative=b"}JKLMNOPQR",
)


def characters(profile: Profile) -> Characters:
    """Return the bytes that DISPLAY numbers are made of in the encoding of ``profile``."""
    return ASCII if profile.encoding == "ascii" else EBCDIC


@dataclass(frozen=True, slots=True, kw_only=True)
class Nulls:
    """What a null becomes; the default is what reads back as null, and refused where nothing does."""

    text: int | None = None  # a byte that fills the field
    display: int | None = None
    packed_zero: bool = False  # COMP-3: the number zero
    others: int | None = None  # every field not told above; None: as the format has it


def encode(
    values: pa.Array, field: Field, profile: Profile, nulls: Nulls, *, path: str, numbers: Positions | None = None
) -> Rows:
    """Return the bytes of ``values``, shape (values, length of the field).

    Args:
        values: of any type that can be cast to the field's without loss.
        field: how the values are stored.
        profile: code page, byte orders, and whose rules hold for values that do not fit.
        nulls: what a null becomes.
        path: of the column, for errors.
        numbers: of the record that each value belongs to, for errors.

    Raises:
        EncodeError: a value does not fit the field, its type or the code page; or a null has no bytes.
        ConfigurationError: the code page is not known.
    """
    if pa.types.is_null(values.type):
        values = values.cast(field.type)
    if len(values) == 0:
        return np.zeros((0, field.length), np.uint8)
    writer = _Writer(field, profile, nulls, path, numbers)
    rows = writer.bytes_of(values)
    if values.null_count:
        empty = np.asarray(values.is_null())
        rows = rows.copy() if not rows.flags.writeable else rows
        rows[empty] = writer.null(values)
    return rows


class _Writer:
    """Writes the values of one field."""

    def __init__(self, field: Field, profile: Profile, nulls: Nulls, path: str, numbers: Positions | None) -> None:
        self._field, self._profile, self._nulls, self._path, self._numbers = field, profile, nulls, path, numbers
        self._lenient = profile.name == "cobrix"
        self._characters = characters(profile)

    def bytes_of(self, values: pa.Array) -> Rows:
        """Return the bytes of the values; those of nulls mean nothing."""
        return _WRITERS[self._field.encoding](self, values)

    def null(self, values: pa.Array) -> Rows:
        """Return the bytes of a null, shape (1, length)."""
        field, nulls = self._field, self._nulls
        kind = field.encoding
        if kind == "packed" and nulls.packed_zero:
            return self.bytes_of(pa.array([0], pa.int64()))
        asked = nulls.text if kind in _TEXTS else nulls.display if kind == "zoned" else None
        fill = nulls.others if asked is None else asked
        if fill is None:
            if kind == "national":
                return np.frombuffer((" " * (field.length // 2)).encode(self._utf16), np.uint8).reshape(1, -1)
            fill = self._unfilled.get(kind)
        if fill is None:
            raise self._misfit(values.is_null(), f"a null cannot be written as {field.description}", "fill it")
        return np.full((1, field.length), fill, np.uint8)

    @property
    def _unfilled(self) -> dict[str, int]:
        """Bytes that read back as null; low-values are zero in a packed number without sign."""
        space = self._characters.space
        return {
            "text": space,
            "edited": space,
            "dbcs": space,
            "zoned": space,
            "packed": _LOW_VALUE,
            "unsigned-packed": _HIGH_VALUE,
        }

    # Text

    def _text(self, values: pa.Array) -> Rows:
        texts = pc.fill_null(values, "")
        charset = pages.charset(self._field, self._profile)
        if charset.mixed:
            return self._mixed(texts, charset)
        padded = self._padded(texts, self._field.length, " ")
        return self._encoded(padded, self._field.length, charset.encode, charset.name)

    def _dbcs(self, values: pa.Array) -> Rows:
        width = self._field.length // 2
        padded = self._padded(pc.fill_null(self._cast(values), ""), width, "\N{IDEOGRAPHIC SPACE}")
        charset = pages.charset(self._field, self._profile)
        return self._encoded(padded, width, charset.encode_double, charset.name)

    def _national(self, values: pa.Array) -> Rows:
        width = self._field.length // 2
        padded = self._padded(pc.fill_null(self._cast(values), ""), width, " ")
        return self._encoded(padded, width, lambda text: text.encode(self._utf16), "the basic plane of Unicode")

    @property
    def _utf16(self) -> str:
        return "utf-16-le" if self._field.little else "utf-16-be"

    def _padded(self, texts: pa.Array, width: int, space: str) -> pa.Array:
        """Return the texts with just ``width`` characters each."""
        too_long = pc.greater(pc.utf8_length(texts), width)
        if pc.any(too_long).as_py():
            if not self._lenient:
                raise self._misfit(too_long, f"a text is longer than {width} characters")
            texts = pc.utf8_slice_codeunits(texts, 0, width)
        pad = pc.utf8_lpad if self._field.justified else pc.utf8_rpad
        return pad(texts, width, space)

    def _encoded(self, padded: pa.Array, width: int, encode: Callable[[str], bytes], where: str) -> Rows:
        """Return the bytes of texts of equal length, a column in one call."""
        try:
            encoded = encode(bytes(_data(padded)).decode())
        except UnicodeEncodeError as error:
            raise self._misfit(error.start // width, f"a character is not in {where}", _OTHER_PAGE) from None
        if len(encoded) != len(padded) * self._field.length:
            raise self._misfit(None, f"a character is not in {where}", _OTHER_PAGE)
        rows: Rows = np.frombuffer(encoded, np.uint8).reshape(len(padded), self._field.length)
        return rows

    def _mixed(self, texts: pa.Array, charset: pages.Charset) -> Rows:
        """Return text of which a character may take several bytes: each distinct one is encoded by itself."""
        length = self._field.length
        distinct = pc.dictionary_encode(texts)
        rows = np.full((len(distinct.dictionary), length), self._characters.space, np.uint8)
        which = np.asarray(distinct.indices)
        for index, text in enumerate(distinct.dictionary.to_pylist()):
            try:
                encoded = charset.encode(text)
            except UnicodeEncodeError:
                row = int(np.argmax(which == index))
                raise self._misfit(row, f"a character is not in {charset.name}", _OTHER_PAGE) from None
            if len(encoded) > length:
                row = int(np.argmax(which == index))
                raise self._misfit(row, f"a text is longer than {length} bytes in {charset.name}")
            start = length - len(encoded) if self._field.justified else 0
            rows[index, start : start + len(encoded)] = np.frombuffer(encoded, np.uint8)
        encoded_rows: Rows = rows[which]
        return encoded_rows

    def _bytes(self, values: pa.Array) -> Rows:
        length = self._field.length
        if pa.types.is_string(self._field.type):  # hexadecimal
            try:
                values = pa.array([None if text is None else bytes.fromhex(text) for text in values.to_pylist()])
            except ValueError:
                raise self._misfit(None, "a text is not hexadecimal") from None
        filled = pc.fill_null(values.cast(pa.binary()), b"\0" * length)
        wrong = pc.not_equal(pc.binary_length(filled), length)
        if pc.any(wrong).as_py():
            raise self._misfit(wrong, f"bytes are not just {length}")
        rows: Rows = np.frombuffer(_data(filled), np.uint8).reshape(len(values), length)
        return rows

    # Numbers

    def _zoned(self, values: pa.Array) -> Rows:
        picture, sign = self._field.picture, self._field.sign
        if picture is None:
            raise TypeError(f"{self._path} has no picture")
        digits = self._digits(values, picture.size, "half_to_even")
        chars = self._characters
        body = digits.values + np.uint8(chars.zero)
        separate = sign.separate or picture.sign_char is not None
        if picture.signed and not separate:
            place = 0 if sign.leading else -1
            marks = np.frombuffer(chars.positive + chars.negative, np.uint8)
            body[:, place] = marks[digits.values[:, place] + np.uint8(10) * digits.negative]
        parts = [body]
        if picture.point is not None:
            whole = picture.size - picture.scale
            point = chars.comma if picture.point == "," else chars.point
            parts = [body[:, :whole], np.full((len(body), 1), point, np.uint8), body[:, whole:]]
        rows: Rows
        if picture.signed and separate:
            positive = chars.space if picture.sign_char == "-" else chars.plus
            mark = np.where(digits.negative, chars.minus, positive).astype(np.uint8)[:, None]
            first = picture.sign_first if picture.sign_char is not None else sign.leading
            parts = [mark, *parts] if first else [*parts, mark]
        rows = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        rows[digits.misfit] = _LOW_VALUE
        return rows

    def _packed(self, values: pa.Array) -> Rows:
        length, picture = self._field.length, self._field.picture
        signed = picture is not None and picture.signed
        digits = self._digits(values, 2 * length - 1, "half_towards_zero")
        positive = _PLUS_SIGN if signed else _NO_SIGN
        sign = np.where(digits.negative, _MINUS_SIGN, positive).astype(np.uint8)
        halves = np.concatenate([digits.values, sign[:, None]], axis=1)
        return self._halves(halves, digits.misfit)

    def _unsigned_packed(self, values: pa.Array) -> Rows:
        digits = self._digits(values, 2 * self._field.length, "half_towards_zero")
        return self._halves(digits.values, digits.misfit)

    def _halves(self, halves: Rows, misfit: Mask) -> Rows:
        rows: Rows = halves[:, 0::2] * np.uint8(16) + halves[:, 1::2]
        rows[misfit] = _LOW_VALUE
        return rows

    def _digits(self, values: pa.Array, room: int, rounding: _Rounding) -> _Digits:
        """Return the digits of the values without point and sign, padded with zeros to ``room``."""
        picture = self._field.picture
        if picture is None:
            raise TypeError(f"{self._path} has no picture")
        exact = _unpointed(self._exact(values))
        negative = np.asarray(pc.fill_null(pc.less(exact, pa.scalar(0, exact.type)), False))
        texts = pc.utf8_ltrim(self._unscaled(values, rounding).cast(pa.string()), "-")
        most = picture.size if self._lenient else room
        too_large = np.asarray(pc.greater(pc.binary_length(texts), most))
        unsigned_negative = negative if not picture.signed else np.zeros(len(values), np.bool_)
        if not self._lenient:
            if unsigned_negative.any():
                raise self._misfit(unsigned_negative, "an unsigned field cannot be negative")
            if too_large.any():
                raise self._misfit(too_large, f"a number has more than {most} digits")
        misfit: Mask = too_large | unsigned_negative
        fitting = pc.if_else(pa.array(misfit), "0", texts) if misfit.any() else texts
        padded = np.frombuffer(_data(pc.utf8_lpad(fitting, room, "0")), np.uint8).reshape(len(values), room)
        return _Digits(values=padded - np.uint8(ord("0")), negative=negative, misfit=misfit)

    def _unscaled(self, values: pa.Array, rounding: _Rounding) -> pa.Array:
        """Return the values as integers (decimals of scale 0) counted in the field's last digit; nulls as 0."""
        scale = self._field.picture.scale if self._field.picture is not None else 0
        if pa.types.is_integer(values.type) and scale == 0:
            return pc.fill_null(values, 0)
        exact = pc.fill_null(self._exact(values), 0)
        if exact.type.scale != scale:
            exact = self._rescaled(exact, scale, rounding)
        return _unpointed(exact)

    def _exact(self, values: pa.Array) -> pa.Array:
        """Return numbers as decimals of the scale they have; floats by their shortest decimal form, and texts."""
        kind = values.type
        if pa.types.is_decimal(kind):
            return values
        if pa.types.is_integer(kind):
            return values.cast(pa.decimal128(20, 0)).cast(pa.decimal128(38, 0))
        try:
            return values.cast(pa.string()).cast(pa.decimal256(_MAX_DIGITS, _MAX_DIGITS // 2))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise self._misfit(None, "a value is no number") from None

    def _rescaled(self, exact: pa.Array, scale: int, rounding: _Rounding) -> pa.Array:
        try:
            wide = exact.cast(pa.decimal256(_MAX_DIGITS, max(exact.type.scale, scale)))
            rounded = pc.round(wide, ndigits=scale, round_mode=rounding)
            changed = pc.not_equal(rounded, wide)
            if not self._lenient and pc.any(changed).as_py():
                raise self._misfit(changed, f"a number has digits beyond those of {self._field.description}")
            return rounded.cast(pa.decimal256(_MAX_DIGITS, scale))
        except pa.ArrowInvalid:
            raise self._misfit(None, f"a number is too large for {self._field.description}") from None

    def _binary(self, values: pa.Array) -> Rows:
        field, picture = self._field, self._field.picture
        signed = picture is not None and picture.signed
        unscaled = self._unscaled(values, "half_towards_zero")
        width = pa.decimal256(_MAX_DIGITS, 0) if pa.types.is_decimal256(unscaled.type) else pa.decimal128(38, 0)
        wide = unscaled.cast(width)
        bits = min(8 * field.length, 126 if pa.types.is_decimal128(width) else 252)
        lowest, highest = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        largest = 10**width.precision - 1
        misfit = np.asarray(
            pc.or_(
                pc.less(wide, pa.scalar(max(lowest, -largest), width)),
                pc.greater(wide, pa.scalar(min(highest, largest), width)),
            )
        )
        if misfit.any() and not self._lenient:
            raise self._misfit(misfit, f"a value does not fit {field.description}")
        words = np.frombuffer(_data(wide), np.uint8).reshape(len(values), width.byte_width)
        rows = _sign_extended(words, field.length)
        rows = np.ascontiguousarray(rows if field.little else rows[:, ::-1])
        rows[misfit] = _LOW_VALUE
        return rows

    def _float(self, values: pa.Array) -> Rows:
        numbers = np.asarray(pc.fill_null(values.cast(pa.float64(), safe=False), 0.0))
        if self._profile.floats.startswith("ieee"):
            rows = numbers.astype(f">f{self._field.length}").view(np.uint8).reshape(len(values), self._field.length)
        else:
            rows = self._hexadecimal(numbers)
        return np.ascontiguousarray(rows[:, ::-1]) if self._field.little else rows

    def _hexadecimal(self, numbers: npt.NDArray[np.float64]) -> Rows:
        """Return IBM floating point: sign, exponent of 16 in excess of 64, and a fraction of 6 or 14 hex digits."""
        bits = 8 * self._field.length - 8
        finite = np.isfinite(numbers)
        mantissa, exponent = np.frexp(np.where(finite, np.abs(numbers), 0.0))  # mantissa in [0.5, 1)
        power = -(-exponent.astype(np.int64) // 4)
        fraction = np.ldexp(mantissa, exponent.astype(np.int64) - 4 * power + bits)
        whole = np.trunc(fraction) if self._lenient else np.rint(fraction)
        carried = whole >= float(1 << bits)
        whole, power = np.where(carried, whole / 16, whole), power + carried
        large, small = ~finite | (power > 63), power < -64
        if not self._lenient and large.any():
            raise self._misfit(large, "a number is infinite, none, or too large for a hexadecimal float")
        word = (power + 64).astype(np.uint64) << np.uint64(bits) | whole.astype(np.uint64)
        word[(whole == 0) | small] = 0
        word[large] = (1 << (bits + 7)) - 1
        word |= (((numbers < 0) & (word != 0)) | np.isnan(numbers)).astype(np.uint64) << np.uint64(bits + 7)
        rows: Rows = word.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 8 - self._field.length :].copy()
        return rows

    def _cast(self, values: pa.Array) -> pa.Array:
        try:
            return values.cast(self._field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise self._misfit(None, f"a value does not fit {self._field.type}") from None

    def _plain_text(self, values: pa.Array) -> Rows:
        return self._text(self._cast(values))

    def _misfit(self, rows: pa.Array | Mask | int | None, message: str, remedy: str = "") -> EncodeError:
        """Return the error for the first of the ``rows`` that are True, or the one row told."""
        return misfit(self._path, rows, message, remedy, self._numbers)


_WRITERS: dict[str, Callable[[_Writer, pa.Array], Rows]] = {
    "text": _Writer._plain_text,
    "edited": _Writer._plain_text,
    "dbcs": _Writer._dbcs,
    "national": _Writer._national,
    "bytes": _Writer._bytes,
    "zoned": _Writer._zoned,
    "packed": _Writer._packed,
    "unsigned-packed": _Writer._unsigned_packed,
    "binary": _Writer._binary,
    "float": _Writer._float,
}
_TEXTS = ("text", "edited", "dbcs", "national")
_OTHER_PAGE = "use another code page, or replace the character"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Digits:
    """Numbers as digits 0 to 9, one per byte."""

    values: Rows
    negative: Mask
    misfit: Mask  # only where the profile is lenient; the digits are zeros there


def misfit(
    path: str,
    rows: pa.Array | Mask | int | None,
    message: str,
    remedy: str = "",
    numbers: Positions | None = None,
) -> EncodeError:
    """Return the error for column ``path`` in the first of the ``rows`` that are True, or in the one row told.

    ``numbers`` are those of the records that the rows belong to.
    """
    place = f"column '{path}'"
    if rows is not None:
        row = rows if isinstance(rows, int) else int(np.argmax(np.asarray(rows)))
        place += f", row {row if numbers is None else numbers[row]}"
    return EncodeError(Problem(message=f"{place}: {message}", remedy=remedy or "shorten the value or widen the field"))


def _unpointed(decimals: pa.Array) -> pa.Array:
    """Return decimals without their point: integers, as decimals of scale 0."""
    width = pa.decimal128(38, 0) if pa.types.is_decimal128(decimals.type) else pa.decimal256(_MAX_DIGITS, 0)
    return pa.Array.from_buffers(width, len(decimals), decimals.buffers(), offset=decimals.offset)


def _sign_extended(words: Rows, length: int) -> Rows:
    """Return little-endian two's complement numbers with just ``length`` bytes."""
    if length <= words.shape[1]:
        return words[:, :length]
    sign = np.where(words[:, -1:] >= 0x80, np.uint8(0xFF), np.uint8(0))
    return np.concatenate([words, np.repeat(sign, length - words.shape[1], axis=1)], axis=1)


def _data(values: pa.Array) -> memoryview:
    """Return the bytes of the values without gaps: characters, or items of a fixed width."""
    if values.offset:
        values = pa.concat_arrays([values])
    width = None if pa.types.is_string(values.type) or pa.types.is_binary(values.type) else values.type.byte_width
    data = memoryview(values.buffers()[-1] or b"")
    if width is not None:
        return data[values.offset * width : (values.offset + len(values)) * width]
    ends = np.frombuffer(values.buffers()[1], np.int32, len(values) + 1, 4 * values.offset)
    return data[int(ends[0]) : int(ends[-1])]

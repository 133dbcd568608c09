"""How an elementary item is stored: its bytes, their encoding and the Arrow type of its values.

Sizes: *Enterprise COBOL for z/OS Language Reference*, "USAGE clause" and "PICTURE clause"; COMP-6, COMP-X and the
larger COMP as GnuCOBOL and Micro Focus have them. Profile ``cobrix``: the sizes and the Spark types of Cobrix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pyarrow as pa

from adapters.mainframe.copybook.layout import Encoding
from adapters.mainframe.copybook.picture import Picture
from adapters.mainframe.copybook.syntax import Sign, Usage
from adapters.mainframe.profile import Profile

_BINARY = frozenset({Usage.BINARY, Usage.NATIVE, Usage.LITTLE})
_ADDRESSES = {Usage.POINTER: 4, Usage.PROCEDURE_POINTER: 8, Usage.INDEX: 4}  # bytes
_UNSCALED = {Usage.FLOAT: 4, Usage.DOUBLE: 8, **_ADDRESSES}  # bytes; these have no picture
_FLOATS = frozenset({Usage.FLOAT, Usage.DOUBLE})
_MAX_BINARY_DIGITS = 18  # a doubleword


class MisfitError(ValueError):
    """A picture and a usage that do not fit; ``remedy`` says what would."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Bytes of one value, and what they become."""

    usage: Usage
    encoding: Encoding
    length: int  # bytes
    type: pa.DataType
    little: bool = False
    picture: Picture | None = None  # where it means something else than what is written


def storage(picture: Picture | None, usage: Usage | None, sign: Sign, profile: Profile) -> Storage:
    """Return how a value with this picture and usage (None: neither it nor a group around says) is stored.

    Raises:
        MisfitError: the two do not fit.
    """
    usage = _implied(picture) if usage is None or usage is Usage.DISPLAY else usage
    if usage in _UNSCALED:
        return _unscaled(picture, usage, profile)
    if picture is None:
        raise MisfitError(f"USAGE {usage} needs a PICTURE", "add one, such as PIC 9(9)")
    if picture.category != "number":
        return _characters(picture, usage, profile)
    return _number(picture, usage, sign, profile)


def alignment(usage: Usage | None, picture: Picture | None) -> int:
    """Return the bytes to a multiple of which SYNCHRONIZED moves an item; see "SYNCHRONIZED clause"."""
    if usage is Usage.DOUBLE:
        return 8
    if usage is Usage.FLOAT or usage in _ADDRESSES:
        return 4
    if usage in (Usage.BINARY, Usage.NATIVE) and picture is not None:
        return 2 if picture.size <= 4 else 4
    return 1


def _implied(picture: Picture | None) -> Usage:
    categories = {"dbcs": Usage.DBCS, "national": Usage.NATIONAL}
    return Usage.DISPLAY if picture is None else categories.get(picture.category, Usage.DISPLAY)


def _unscaled(picture: Picture | None, usage: Usage, profile: Profile) -> Storage:
    if picture is not None and not (profile.name == "cobrix" and usage in _FLOATS and picture.category == "number"):
        raise MisfitError(f"{usage} takes no PICTURE (it has PIC {picture.text})", "leave out the PICTURE")
    length = _UNSCALED[usage]
    if usage in _ADDRESSES:  # an address or a displacement within the program that wrote it
        return Storage(usage=usage, encoding="bytes", length=length, type=_bytes(profile))
    # A hexadecimal COMP-1 reaches 7.2E75, beyond what a float of 32 bits holds
    single = usage is Usage.FLOAT and (profile.name == "cobrix" or profile.floats.startswith("ieee"))
    return Storage(
        usage=usage,
        encoding="float",
        length=length,
        type=pa.float32() if single else pa.float64(),
        little=profile.floats.endswith("little"),
    )


def _bytes(profile: Profile) -> pa.DataType:
    return pa.string() if profile.binary_as_hex else pa.binary()


def _characters(picture: Picture, usage: Usage, profile: Profile) -> Storage:
    """Text: national and DBCS characters take two bytes each."""
    size = picture.length
    encoding: Encoding
    if picture.category == "dbcs" or (picture.category == "national" and usage is Usage.DBCS):
        expected, encoding, length = Usage.DBCS, "dbcs", 2 * size
    elif picture.category == "national" or (picture.category == "edited" and usage is Usage.NATIONAL):
        expected, encoding, length = Usage.NATIONAL, "national", 2 * size
    elif picture.category == "edited":
        expected, encoding, length = Usage.DISPLAY, "edited", size
    elif usage in _BINARY or (profile.name == "cobrix" and usage is Usage.PACKED):
        expected, encoding, length = usage, "bytes", size
    elif usage is Usage.BYTES:
        return _count(picture, usage, size, profile)
    elif usage is Usage.UNSIGNED_PACKED and profile.name == "cobrix":  # PIC X(4) COMP-3U: eight digits
        digits = replace(picture, category="number", size=2 * size)
        return replace(_number(digits, usage, Sign(), profile), picture=digits)
    else:
        expected, encoding, length = Usage.DISPLAY, "text", size
    if usage is not expected:
        raise MisfitError(
            f"PICTURE {picture.text} describes characters and cannot be {usage}",
            f"leave out {usage}, or describe a number: PIC 9(n)",
        )
    return Storage(
        usage=usage,
        encoding=encoding,
        length=length,
        type=_bytes(profile) if encoding == "bytes" else pa.string(),
        little=_little(encoding, profile),
    )


def _little(encoding: str, profile: Profile) -> bool:
    return encoding == "national" and profile.national == "little"


def _number(picture: Picture, usage: Usage, sign: Sign, profile: Profile) -> Storage:
    digits = picture.size
    if usage is Usage.DISPLAY:
        separate = picture.signed and sign.separate and picture.sign_char is None
        # To Cobrix only whole numbers are text then
        text = profile.numbers_as_text and (profile.name == "ibm" or picture.scale == 0)
        kind = pa.string() if text else _type(picture, digits, profile)
        return Storage(usage=usage, encoding="zoned", length=picture.length + separate, type=kind)
    if usage is Usage.NATIONAL:
        length = 2 * (picture.length + (picture.signed and sign.separate))
        return Storage(
            usage=usage, encoding="national", length=length, type=pa.string(), little=_little("national", profile)
        )
    if picture.point is not None or picture.sign_char is not None:
        raise MisfitError(
            f"PICTURE {picture.text} holds a decimal point or a sign as characters and cannot be {usage}",
            "write V for the point and S for the sign",
        )
    if usage is Usage.PACKED:
        length = digits // 2 + 1
        return Storage(
            picture=picture, usage=usage, encoding="packed", length=length, type=_type(picture, 2 * length - 1, profile)
        )
    if usage is Usage.UNSIGNED_PACKED:
        length = (digits + 1) // 2
        return Storage(
            picture=picture,
            usage=usage,
            encoding="unsigned-packed",
            length=length,
            type=_type(picture, 2 * length, profile),
        )
    if usage is Usage.BYTES:
        return _count(picture, usage, _least_bytes(10**digits - 1), profile)
    if usage in _BINARY:
        return _binary(picture, usage, profile)
    raise MisfitError(f"PICTURE {picture.text} describes a number and cannot be {usage}", f"leave out {usage}")


def _binary(picture: Picture, usage: Usage, profile: Profile) -> Storage:
    digits = picture.size
    if digits > _MAX_BINARY_DIGITS and profile.name == "ibm":
        raise MisfitError(
            f"PICTURE {picture.text} {usage} has {digits} digits; at most {_MAX_BINARY_DIGITS} are possible",
            "check the picture, or COMP-3 was meant",
        )
    if usage is Usage.LITTLE and digits <= 2:
        length = 1
    elif digits <= _MAX_BINARY_DIGITS:
        length = 2 if digits <= 4 else 4 if digits <= 9 else 8
    else:
        length = math.ceil((math.log2(10) * digits + 1) / 8)
    little = usage is Usage.LITTLE or (usage is Usage.NATIVE and profile.native == "little")
    if profile.name == "cobrix":
        kind = _binary_of_cobrix(picture, profile)
    elif picture.scale > 0 or profile.exact_integers:
        kind = decimal(len(str(1 << 8 * length)), max(picture.scale, 0))
    elif picture.scale < 0:
        kind = _type(picture, len(str(1 << 8 * length)), profile)
    else:
        kind = _integer(length, signed=picture.signed)
    return Storage(usage=usage, encoding="binary", length=length, type=kind, little=little)


def _binary_of_cobrix(picture: Picture, profile: Profile) -> pa.DataType:
    """Return the type of a binary number; Cobrix widens what is unsigned and fills its bytes."""
    widened = {9: pa.int64(), 18: pa.decimal128(20, 0)}
    if picture.size in widened and not picture.signed and not picture.scale and not profile.exact_integers:
        return widened[picture.size]
    return _type(picture, picture.size, profile)


def _count(picture: Picture, usage: Usage, length: int, profile: Profile) -> Storage:
    """COMP-X: an unsigned number of so many bytes."""
    digits = len(str(1 << 8 * length))
    if picture.category == "number" and picture.scale:
        kind = _type(picture, digits, profile)
    else:
        kind = _integer(length, signed=False) if length <= 8 else decimal(digits, 0)
    return Storage(usage=usage, encoding="binary", length=length, type=kind)


def _least_bytes(largest: int) -> int:
    return (largest.bit_length() + 7) // 8


def _integer(length: int, *, signed: bool) -> pa.DataType:
    """Return the narrowest integer of at least ``length`` bytes."""
    types = (
        (1, pa.int8(), pa.uint8()),
        (2, pa.int16(), pa.uint16()),
        (4, pa.int32(), pa.uint32()),
        (8, pa.int64(), pa.uint64()),
    )
    return next(one if signed else other for most, one, other in types if length <= most)


def _type(picture: Picture, digits: int, profile: Profile) -> pa.DataType:
    """Return the type of a number whose bytes have room for ``digits``.

    Profile ``ibm``: the narrowest that holds every value the bytes can hold, also beyond the picture (a packed field
    of an even number of digits has room for one more). ``cobrix``: what Cobrix gives Spark for the picture.
    """
    if profile.name == "cobrix":
        digits = picture.size
    scale = picture.scale
    if scale > 0:
        return decimal(max(digits, scale), scale)
    digits -= scale  # each P behind the digits is a zero
    if profile.name == "cobrix":
        if scale or profile.exact_integers or digits > 18:
            return decimal(digits, 0)
        return pa.int32() if digits <= 9 else pa.int64()
    if digits > 18 or profile.exact_integers:
        return decimal(digits, 0)
    return pa.int8() if digits <= 2 else pa.int16() if digits <= 4 else pa.int32() if digits <= 9 else pa.int64()


def decimal(digits: int, scale: int) -> pa.DataType:
    """Return the decimal type for so many digits: 128 bits up to 38, else 256.

    Raises:
        MisfitError: more than 76 digits.
    """
    digits = max(digits, scale)
    if digits > 76:
        raise MisfitError(f"a number of {digits} digits; at most 76 can be held", "describe it as text: PIC X(n)")
    return pa.decimal128(digits, scale) if digits <= 38 else pa.decimal256(digits, scale)

"""COMP-3 and COMP-6: two digits per byte; COMP-3 has a sign in the last half byte, COMP-6 (COMP-3U) has none.

The profile ``ibm`` takes A, C, E and F for plus, B and D for minus, and no minus without an S in the picture. Cobrix
takes C, F and D, whether there is an S or not (its ``BCDNumberDecoders``); numbers beyond its integer types lose their
upper bits as they do in Java.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from adapters.mainframe.copybook.layout import Field
from adapters.mainframe.profile import Profile
from adapters.mainframe.records import Mask, Positions, Rows
from adapters.mainframe.values import decimals, kernels
from adapters.mainframe.values.decimals import Unscaled
from adapters.mainframe.values.decode import ASCII_SPACE, SPACE, Decode, Values, settle
from adapters.mainframe.values.kernels import Sign, Signs

_LIMB = 9  # bytes


def _signs(plus: tuple[int, ...], minus: tuple[int, ...]) -> Signs:
    table = np.zeros(256, np.int8)
    for code in plus:
        table[code::16] = 1
    for code in minus:
        table[code::16] = -1
    return table


_IBM_SIGNED = _signs((0xA, 0xC, 0xE, 0xF), (0xB, 0xD))
_IBM_UNSIGNED = _signs((0xA, 0xC, 0xE, 0xF), ())
_COBRIX = _signs((0xC, 0xF), (0xD,))


def decoder(field: Field, profile: Profile) -> Decode:
    """Return what decodes a packed number to the field's type: an integer or a decimal."""
    signed_half = field.encoding == "packed"
    ibm = profile.name == "ibm"
    signed = field.picture is None or field.picture.signed
    signs = (_IBM_SIGNED if signed else _IBM_UNSIGNED) if ibm else _COBRIX
    nibbles = 2 * field.length - signed_half
    picture_scale = field.picture.scale if field.picture else 0
    if not ibm and field.picture and picture_scale > field.picture.size:
        # Cobrix puts all half bytes behind the zeros of VPP9(4), also the one that just fills the first byte
        picture_scale += nibbles - field.picture.size
    kind = field.type
    space = ASCII_SPACE if profile.encoding == "ascii" else SPACE  # a program moved spaces to the group around it
    power = (kind.scale if pa.types.is_decimal(kind) else 0) - picture_scale

    def decode(rows: Rows, offset: int, available: Positions | None = None) -> Values:
        numbers, bad = _read(rows, offset, field.length, signs if signed_half else None)
        if power >= 0:
            numbers = numbers.times(power)
        else:
            numbers = decimals.rescaled(numbers, np.full(len(rows), picture_scale), kind.scale)
        array, null = decimals.array(numbers, kind, bad, wrap=not ibm)
        return settle(array, null, rows[:, offset : offset + field.length], available, profile, space=space)

    return decode


def _read(rows: Rows, offset: int, length: int, signs: Signs | None) -> tuple[Unscaled, Mask]:
    packed = kernels.chosen().packed
    bad = np.zeros(len(rows), np.bool_)
    end = offset + length
    sign = Sign(-1, _COBRIX) if signs is None else Sign(end - 1, signs)
    limbs, digits = [], []
    while end > offset:
        start = max(offset, end - _LIMB)
        limbs.append(packed(rows, start, end - start, sign, bad))
        digits.append(2 * (end - start) - (end - 1 == sign.at))
        end = start
    return Unscaled(limbs=tuple(limbs[::-1]), digits=tuple(digits[::-1])), bad

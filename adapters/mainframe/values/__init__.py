"""Bytes of a field to Arrow values: one module per way of storing them.

``zoned`` (DISPLAY numbers, with ``characters`` for their irregular forms), ``packed`` (COMP-3, COMP-6), ``binary``
(COMP, COMP-4, COMP-5, COMP-9, COMP-X), ``floats`` (COMP-1, COMP-2) and ``text``. ``decode`` says what each takes and
gives; ``decimals`` makes Arrow arrays of long numbers; ``kernels`` holds the inner loops, and ``accelerated`` the same
compiled by Numba, where that is installed.

May import: ``codepages``, ``compiled``, ``copybook``, ``profile``, ``records``. Must never know how records were found.
"""

from __future__ import annotations

from dataclasses import replace

from adapters.mainframe.copybook.layout import Field
from adapters.mainframe.profile import Profile
from adapters.mainframe.values.binary import decoder as binary_decoder
from adapters.mainframe.values.decode import Decode, Values
from adapters.mainframe.values.floats import decoder as float_decoder
from adapters.mainframe.values.packed import decoder as packed_decoder
from adapters.mainframe.values.text import decoder as text_decoder
from adapters.mainframe.values.zoned import decoder as zoned_decoder

__all__ = ["Decode", "Values", "decoder"]

_NUMBERS = {
    "zoned": zoned_decoder,
    "packed": packed_decoder,
    "unsigned-packed": packed_decoder,
    "binary": binary_decoder,
    "float": float_decoder,
}


def decoder(field: Field, profile: Profile) -> Decode:
    """Return what decodes ``field`` as ``profile`` says, and as the field itself where it says otherwise."""
    if field.trim is not None:
        profile = replace(profile, trim=field.trim)
    return _NUMBERS.get(field.encoding, text_decoder)(field, profile)

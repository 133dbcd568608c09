"""PICTURE character-strings: ``X(30)``, ``S9(11)V99``.

Rules: *Enterprise COBOL for z/OS Language Reference*, "PICTURE clause".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

MAX_DIGITS = 31  # ARITH(EXTEND), the most that Enterprise COBOL allows in one number

_ITEM = re.compile(r"(?P<symbol>.)(?:\((?P<count>\d+)\))?", re.DOTALL)
_NUMBER = re.compile(r"S?9*V?9*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What a picture describes: text of so many characters, or a number of so many digits."""

    text: str  # as written
    category: Literal["text", "number"]
    size: int  # characters of text, or digits of a number
    scale: int = 0  # digits after the implied decimal point
    signed: bool = False


class PictureError(ValueError):
    """A picture that cannot be read; ``offset`` counts characters from its start."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


def parse(text: str) -> Picture:
    """Return what the picture ``text`` describes.

    Raises:
        PictureError: a symbol that is not supported yet, an impossible count, or an impossible combination.
    """
    symbols = _expand(text.upper())
    if set(symbols) <= set("XA9") and set(symbols) & set("XA"):
        return Picture(text=text, category="text", size=len(symbols))
    if not _NUMBER.fullmatch(symbols):
        raise PictureError("S may stand only first and V only once, and neither beside X or A", 0)
    digits = symbols.count("9")
    if not 1 <= digits <= MAX_DIGITS:
        raise PictureError(f"a number has 1 to {MAX_DIGITS} digits, this one {digits}", 0)
    _, _, fraction = symbols.partition("V")
    return Picture(text=text, category="number", size=digits, scale=len(fraction), signed=symbols.startswith("S"))


def _expand(text: str) -> str:
    """Return the picture with its repetition counts written out."""
    symbols = []
    for item in _ITEM.finditer(text):
        symbol, count = item["symbol"], item["count"]
        if symbol not in "XA9SV":
            raise PictureError(f"symbol '{symbol}' is not supported (supported: X A 9 S V)", item.start())
        if count is not None and not 1 <= int(count) <= 1 << 24:
            raise PictureError(f"a repetition count of {count} is impossible", item.start())
        symbols.append(symbol * int(count or 1))
    return "".join(symbols)

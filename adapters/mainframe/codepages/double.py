"""Mixed code pages: one byte per character, and two between the shift codes.

The tables are IBM's (CDRA conversion tables, as every iconv and ICU has them), kept beside this module as the code
points of all 65,536 pairs of each page, its high and low bytes apart, packed by xz: ``double.xz``. Pairs in a range
for the user's own characters are in the private use area of Unicode.
"""

from __future__ import annotations

import lzma
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from adapters.mainframe.codepages.page import CodePage

_SINGLES = ("930", "933", "935", "937", "939", "1364", "1388")  # pages whose bytes are in the file, in its order
_DOUBLES = ("930", "933", "935", "937", "1364", "1388")  # pages whose pairs are

NUMBERS = ("300", "930", "933", "935", "937", "939", "1364", "1388")
"""Japan: 300, 930 (kana), 939 (small letters); Korea: 933, 1364; China: 935, 1388; Taiwan: 937."""

_PARTS = {"300": ("930", "930"), "939": ("939", "930")}
"""Which bytes and which pairs, where not the page's own; 300 is the pairs of 930, and has its bytes for mixed text."""


def get(number: str) -> CodePage:
    """Return the mixed page with this number."""
    singles, doubles = _PARTS.get(number, (number, number))
    cells = _cells()
    bytes_ = cells[256 * _SINGLES.index(singles) :][:256]
    pairs = cells[256 * len(_SINGLES) + 65_536 * _DOUBLES.index(doubles) :][:65_536]
    return CodePage(
        name=f"cp{number}", characters="".join(map(chr, bytes_)), double=np.ascontiguousarray(pairs, np.uint32)
    )


@cache
def _cells() -> npt.NDArray[np.uint16]:
    packed = Path(__file__).with_name("double.xz").read_bytes()
    high, low = np.frombuffer(lzma.decompress(packed), np.uint8).reshape(2, -1).astype(np.uint16)
    return np.asarray((high << 8) | low, np.uint16)

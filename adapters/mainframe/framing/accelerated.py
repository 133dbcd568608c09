"""The loop of ``chain`` compiled by Numba: the same records in less time.

Numba is an optional extra; nothing but ``chain.fastest`` imports this module.
"""

from __future__ import annotations

import numpy as np

from adapters.mainframe.compiled import by_numba
from adapters.mainframe.framing.chain import Steps
from adapters.mainframe.framing.descriptors import WORD
from adapters.mainframe.records import Bytes, Positions

_AT_ONCE = 1 << 16  # records


def follow(block: Bytes, position: int, limit: int, steps: Steps) -> tuple[Positions, int]:
    """Follow a chain; see ``chain.Follow``."""
    shortest = max(steps.least + steps.extra, 1)
    found: list[Positions] = []
    going = True
    while going:
        words = np.empty(min((limit - position) // shortest + 1, _AT_ONCE), np.int64)
        count, position = _follow(block, position, limit, steps, words)
        found.append(words[:count])
        going = count == _AT_ONCE
    return found[0] if len(found) == 1 else np.concatenate(found), position


@by_numba
def _follow(block: Bytes, position: int, limit: int, steps: Steps, words: Positions) -> tuple[int, int]:
    high, low, least, extra = steps
    count = 0
    while position <= limit - WORD and count < len(words):
        says = int(block[position + high]) << 8 | int(block[position + low])
        if says < least or position + says + extra > limit:
            break
        words[count] = position
        count += 1
        position += says + extra
    return count, position

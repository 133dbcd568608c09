"""From record to record by the lengths in their descriptors.

A chain of lengths can only be followed one by one. The loop does nothing else, and where many records in a row have
the same descriptor, the run is compared at once. Numba follows it about four times as fast.
"""

from __future__ import annotations

from array import array
from functools import cache
from importlib import import_module
from typing import NamedTuple, Protocol, cast

import numpy as np

from adapters.mainframe import compiled
from adapters.mainframe.framing.descriptors import WORD, Descriptor
from adapters.mainframe.records import Bytes, Positions


class Steps(NamedTuple):
    """How to get from one descriptor to the next."""

    high: int  # byte of the word that holds the more significant half of the length
    low: int
    least: int  # what a word says at least
    extra: int  # bytes to the next word beyond what this one says


class Follow(Protocol):
    """Follows a chain as far as it goes."""

    def __call__(self, block: Bytes, position: int, limit: int, steps: Steps) -> tuple[Positions, int]:
        """Return where words of whole records stand, from ``position`` on, and where the first other thing stands.

        That is a word that says too little, or a record, or a word, that is not whole before ``limit``.
        """
        ...


class Chain:
    """Follows the records of one file."""

    def __init__(self, rdw: Descriptor) -> None:
        self._rdw = rdw
        self._half = 0  # of the word in which the lengths stand: 0, or 2 for the second one
        self._follow = fastest()

    def run(self, block: Bytes, position: int, limit: int) -> tuple[Positions, int]:
        """Return what ``Follow`` does, in whichever half of the words the lengths stand."""
        data, found = block.data, []
        while True:
            words, position = self._follow(block, position, limit, self._steps())
            if self._half:
                words, position = _with_second_half(block, words, position)
            found.append(words)
            if limit - position < WORD:
                break
            word = data[position : position + WORD]
            says = self._rdw.record(word)
            if says < self._rdw.least or position + says + self._rdw.extra > limit:
                break
            self._half = 0 if word[0] or word[1] else 2
            found.append(np.array([position], np.int64))
            position += says + self._rdw.extra
        return found[0] if len(found) == 1 else np.concatenate(found), position

    def _steps(self) -> Steps:
        high, low = (0, 1) if self._rdw.endian == "big" else (1, 0)
        return Steps(high + self._half, low + self._half, self._rdw.least, self._rdw.extra)


def _with_second_half(block: Bytes, words: Positions, position: int) -> tuple[Positions, int]:
    """Take back what follows a word whose first half is in use."""
    others = np.flatnonzero(block[words] | block[words + 1])
    return (words[: others[0]], int(words[others[0]])) if len(others) else (words, position)


@cache
def fastest() -> Follow:
    """Return what is compiled by Numba where that is wanted, else what is not."""
    if not compiled.wanted():
        return follow
    return cast("Follow", import_module("adapters.mainframe.framing.accelerated").follow)


_RUN = 64  # records between two looks whether they have one length
_LOOK = 256  # records compared at once before all that follow are


def follow(block: Bytes, position: int, limit: int, steps: Steps) -> tuple[Positions, int]:
    """Follow a chain in Python; see ``Follow``."""
    data, words = block.data, array("q")
    high, low, least, extra = steps
    last = limit - WORD
    append = words.append
    going = True
    while going:
        for _ in range(_RUN):
            if position > last:
                going = False
                break
            says = data[position + high] << 8 | data[position + low]
            if says < least:
                going = False
                break
            append(position)
            position += says + extra
        else:
            if position <= limit and position - words[-_RUN] == _RUN * (says + extra):
                position = _leap(data, position, limit, says + extra, words)
    if position > limit:
        position = words.pop()
    return np.array(words, np.int64), position


def _leap(data: memoryview, position: int, limit: int, step: int, words: array[int]) -> int:
    """Append the words that follow at equal steps as long as they are the same as the one before."""
    word = np.ndarray(1, "<u4", data, position - step)[0]
    left = (limit - position) // step
    for count in (min(left, _LOOK), left):
        others = np.flatnonzero(np.ndarray(count, "<u4", data, position, (step,)) != word)
        same = int(others[0]) if len(others) else count
        if same < count or count == left:
            break
    words.frombytes(np.arange(position, position + same * step, step, dtype=np.int64).tobytes())
    return position + same * step

"""Randomness that repeats: every piece of the landscape has its own stream, named and seeded.

A stream depends on the seed and its name only, so that adding a system or a chunk changes no other. Draws use
``random`` and ``integers`` alone: they are the parts of NumPy's generator that depend on no mathematics library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Stream:
    """A named sequence of random numbers, drawn in arrays."""

    def __init__(self, seed: int, *name: str | int) -> None:
        digest = hashlib.sha256("/".join(str(part) for part in (seed, *name)).encode()).digest()
        self._generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))

    def uniform(self, size: int) -> Floats:
        """Draw from [0, 1)."""
        return self._generator.random(size)

    def chance(self, size: int, probability: float | Floats) -> Bools:
        """Draw true with ``probability``, which may differ per element."""
        return self.uniform(size) < probability

    def integers(self, size: int, low: int | Ints, high: int | Ints) -> Ints:
        """Draw from ``low`` up to and including ``high``; both may differ per element."""
        steps: Ints = (self.uniform(size) * (np.asarray(high) - low + 1)).astype(np.int64)
        drawn: Ints = low + steps
        return drawn

    def weighted(self, size: int, weights: Sequence[float] | Floats) -> Ints:
        """Draw indices of ``weights`` in proportion to them."""
        cumulative = np.cumsum(np.asarray(weights, dtype=np.float64))
        picked = np.searchsorted(cumulative, self.uniform(size) * cumulative[-1], side="right")
        indices: Ints = np.minimum(picked, len(cumulative) - 1).astype(np.int64)
        return indices

    def order(self, size: int) -> Ints:
        """Draw a permutation of ``range(size)``."""
        return np.argsort(self.uniform(size), kind="stable").astype(np.int64)

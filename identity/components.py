"""Connected components of an undirected graph, column-wise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def label(nodes: int, left: Ints, right: Ints) -> Ints:
    """Return for every node the smallest node of its component.

    Hooks the larger root of every edge under the smaller one and halves the paths until nothing moves; the number
    of rounds grows with the logarithm of the longest path.

    Args:
        nodes: how many nodes there are, numbered from 0.
        left: one end of every edge.
        right: the other end.
    """
    root = np.arange(nodes, dtype=np.int64)
    while left.size:
        low, high = np.minimum(root[left], root[right]), np.maximum(root[left], root[right])
        apart = low != high
        if not apart.any():
            break
        left, right, low, high = left[apart], right[apart], low[apart], high[apart]
        np.minimum.at(root, high, low)
        while True:
            parent = root[root]
            if np.array_equal(parent, root):
                break
            root = parent
    return root

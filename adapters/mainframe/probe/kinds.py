"""Records of several kinds: which field tells them apart, and what follows from its value.

With a copybook, a field in front of REDEFINES is looked for whose value decides which of them the bytes can be.
Without one, bytes that take few values and decide the length of the record.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adapters.mainframe.probe.fit import RECORDS
from adapters.mainframe.records import Records

_LOOKED_AT = 64  # bytes at the start of a record in which a discriminator is looked for
_WIDEST = 4  # bytes of a discriminator
_KINDS = range(2, 33)  # different values of a discriminator
_PURE = 0.98  # share of records whose length follows from the value


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """The records with one value of the discriminator."""

    value: str  # hexadecimal
    records: int
    shortest: int  # bytes
    longest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Discriminator:
    """Bytes that tell the kind of a record."""

    offset: int
    length: int
    kinds: tuple[Kind, ...]  # the most frequent first
    certainty: float  # share of records whose length follows from it


def discriminator(records: Records) -> Discriminator | None:
    """Return the bytes at the start of records that decide how long they are; None where lengths do not differ."""
    records = records.only(np.arange(min(RECORDS, len(records))))
    lengths = records.lengths
    if len(records) < 2 * _KINDS.start or len(np.unique(lengths)) < 2:
        return None
    shared = min(_LOOKED_AT, int(lengths.min()))
    found = [
        candidate
        for width in range(1, _WIDEST + 1)
        for offset in range(shared - width + 1)
        if (candidate := _candidate(records, offset, width)) is not None
    ]
    # The surest; among those the one with the fewest values, then the shortest and first.
    return min(found, key=lambda c: (-round(c.certainty, 3), len(c.kinds), c.length, c.offset), default=None)


def _candidate(records: Records, offset: int, width: int) -> Discriminator | None:
    keys = _keys(records, offset, width)
    values, which, counts = np.unique(keys, return_inverse=True, return_counts=True)
    if len(values) not in _KINDS or counts.min() < 2:
        return None
    kinds, agreeing = [], 0
    for number, value in enumerate(values):
        lengths = records.lengths[which == number]
        agreeing += Counter(lengths.tolist()).most_common(1)[0][1]
        kinds.append(
            Kind(
                value=int(value).to_bytes(width, "big").hex().upper(),
                records=int(counts[number]),
                shortest=int(lengths.min()),
                longest=int(lengths.max()),
            )
        )
    certainty = agreeing / len(records)
    if certainty < _PURE:
        return None
    kinds.sort(key=lambda kind: -kind.records)
    return Discriminator(offset=offset, length=width, kinds=tuple(kinds), certainty=certainty)


def _keys(records: Records, offset: int, width: int) -> npt.NDArray[np.uint32]:
    """Return ``width`` bytes of every record as one number."""
    keys = np.zeros(len(records), np.uint32)
    for position in range(width):
        keys = keys << np.uint32(8) | records.data[records.starts + offset + position]
    return keys

"""What is looked at, and the form of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.mainframe.records import Bytes

SAMPLE_BYTES = 4 << 20
"""Bytes from the start of a file that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The first bytes of a file, decompressed."""

    data: Bytes
    complete: bool  # they are the whole file
    size: int | None = None  # bytes of the whole file, where that is known without reading it


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """One possible answer, how much speaks for it, and what."""

    options: Mapping[str, object]  # as a mapping's ``read:`` section takes them
    score: float  # 0 to 1; only its order means something
    reasons: tuple[str, ...]  # for people; no value of the file

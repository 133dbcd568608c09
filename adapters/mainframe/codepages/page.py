"""A code page: what its bytes mean, both ways."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np
import numpy.typing as npt

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""Stands for bytes that a page leaves undefined."""

SHIFT_OUT, SHIFT_IN = 0x0E, 0x0F
"""In text of mixed pages: from here on two bytes per character; from here on one byte again."""

_SPACE = 0x40


@dataclass(frozen=True, kw_only=True)
class CodePage:
    """What each byte stands for and, in a mixed page, each pair of bytes between SHIFT_OUT and SHIFT_IN."""

    name: str
    characters: str  # of the bytes 0 to 255
    double: npt.NDArray[np.uint32] | None = None  # code point of the pairs X'0000' to X'FFFF'; None: a page without

    def decode(self, text: bytes) -> str:
        """Return the characters of ``text``: one value. Columns of values are the business of ``values.text``."""
        if self.double is None:
            return "".join(self.characters[byte] for byte in text)
        singles, *runs = text.split(bytes([SHIFT_OUT]))
        parts = ["".join(self.characters[byte] for byte in singles)]
        for run in runs:
            pairs, _, singles = run.partition(bytes([SHIFT_IN]))
            parts.append(self.decode_double(pairs) + "".join(self.characters[byte] for byte in singles))
        return "".join(parts)

    def decode_double(self, pairs: bytes) -> str:
        """Return the characters of ``pairs``, two bytes each and no shift codes among them."""
        if self.double is None:
            raise ValueError(f"{self.name} has no characters of two bytes")
        whole = np.frombuffer(pairs, ">u2", len(pairs) // 2)
        return "".join(map(chr, self.double[whole])) + REPLACEMENT * (len(pairs) % 2)

    def encode(self, text: str) -> bytes:
        """Return the bytes of ``text``, with shift codes around characters of two bytes.

        Raises:
            UnicodeEncodeError: a character that the page does not have.
        """
        if self.double is None:
            return b"".join(self._bytes_of(text, index, 1) for index in range(len(text)))
        encoded = b""
        for is_single, places in groupby(range(len(text)), lambda index: text[index] in self._singles):
            run = b"".join(self._bytes_of(text, index, 1 if is_single else 2) for index in places)
            encoded += run if is_single else bytes([SHIFT_OUT]) + run + bytes([SHIFT_IN])
        return encoded

    def encode_double(self, text: str) -> bytes:
        """Return two bytes for each character of ``text``, without shift codes, as PICTURE G has it.

        Raises:
            UnicodeEncodeError: a character that is not among the page's pairs.
        """
        return b"".join(self._bytes_of(text, index, 2) for index in range(len(text)))

    def _bytes_of(self, text: str, index: int, size: int) -> bytes:
        table = self._singles if size == 1 else self._doubles
        try:
            return table[text[index]]
        except KeyError:
            raise UnicodeEncodeError(self.name, text, index, index + 1, "not in the code page") from None

    @cached_property
    def _singles(self) -> dict[str, bytes]:
        """Where a character has several bytes, the first; but a space is X'40'."""
        table = {self.characters[byte]: bytes([byte]) for byte in range(255, -1, -1)}
        table[" "] = bytes([_SPACE])
        table.pop(REPLACEMENT, None)
        return table

    @cached_property
    def _doubles(self) -> dict[str, bytes]:
        if self.double is None:
            return {}
        known = np.flatnonzero(self.double != ord(REPLACEMENT))[::-1]
        return {chr(self.double[pair]): int(pair).to_bytes(2) for pair in known}

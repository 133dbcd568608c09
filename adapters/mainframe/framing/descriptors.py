"""How record and block descriptors tell a length.

IBM: *z/OS DFSMS Using Data Sets*, "Variable-Length Record Formats". Programs that bring files over write the words in
either byte order, counting the word itself or not, and some in its second half; all of that is read.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.mainframe.profile import Endian

WORD = 4  # bytes of a descriptor


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """How a length is written."""

    endian: Endian = "big"
    includes_itself: bool = True  # the word counts its own four bytes
    adjustment: int = 0  # added to what it says

    @property
    def extra(self) -> int:
        """Bytes from one word to the next, beyond what the word says."""
        return self.adjustment + (0 if self.includes_itself else WORD)

    @property
    def least(self) -> int:
        """What a word says at least: never zero, and where it counts itself not less than itself."""
        return max(1, (WORD if self.includes_itself else WORD + 1) - self.extra)

    def record(self, word: bytes | memoryview) -> int:
        """Return what a record descriptor says."""
        return int.from_bytes(word[:2] if word[0] or word[1] else word[2:4], self.endian)

    def block(self, word: bytes | memoryview) -> int:
        """Return what a block descriptor says, 0 if nothing; little-endian ones may be swapped as one word of four."""
        whole = bytes(word if self.endian == "big" else word[::-1])
        if whole[0] & 0x80:
            return int.from_bytes(whole, "big") & 0x7FFFFFFF
        if not (whole[2] or whole[3]):
            return int.from_bytes(whole[:2], "big")
        if self.endian == "little" and not (word[2] or word[3]):
            return int.from_bytes(word[:2], "little")
        return 0

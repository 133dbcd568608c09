"""Text: every line is a record.

Lines end with LF or CR LF, on request also with CR alone; blank lines are no records. How Cobrix treats lines that
are longer than the layout (its format D2, without and with ``allow_partial_records``) is kept for its profile.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from adapters.mainframe.framing.base import Framed, framed, positions
from adapters.mainframe.records import Bytes, Mask, Positions, spread

LineEnd = Literal["lf", "any"]

_LF, _CR = 0x0A, 0x0D


class Lines:
    """One record a line."""

    def __init__(self, line_end: LineEnd = "lf", cut_to: int | None = None) -> None:
        """Make a framing for one file.

        Args:
            line_end: ``lf`` (LF or CR LF) or ``any`` (CR alone too).
            cut_to: bytes to which a line is cut that has more than twice as many, and a last line without an end
                that has more; None: lines are as long as they are.
        """
        self._line_end = line_end
        self._cut_to = cut_to
        self._skipping = False  # within the rest of a line that was cut

    @property
    def at_rest(self) -> bool:
        """Whether no line is being cut."""
        return not self._skipping

    def records(self, block: Bytes, *, final: bool) -> Framed:
        """Return the lines that end in the block; of the last block the rest too."""
        ends = np.flatnonzero((block == _LF) | (block == _CR) if self._line_end == "any" else block == _LF)
        starts = np.concatenate(([0], ends + 1)).astype(np.int64)
        rest = int(starts[-1])  # where the line begins that does not end here
        starts = starts[:-1]
        ended = np.ones(len(ends), np.bool_)
        if self._skipping and len(ends):
            starts, ends, ended = starts[1:], ends[1:], ended[1:]
            self._skipping = False
        if self._skipping or (final and rest == len(block)):
            rest = len(block)
        elif final or self._cannot_end_well(block, rest):
            self._skipping = not final
            starts, ends, ended = np.append(starts, rest), np.append(ends, len(block)), np.append(ended, False)
            rest = len(block)
        return framed(block, *self._lines(block, starts, ends, ended), rest)

    def _cannot_end_well(self, block: Bytes, rest: int) -> bool:
        """Whether the line that begins at ``rest`` is to be cut wherever it ends."""
        if self._cut_to is None or len(block) - rest <= 2 * self._cut_to + 1:
            return False
        return bool(block[rest] != _CR)

    def _lines(self, block: Bytes, starts: Positions, ends: Positions, ended: Mask) -> tuple[Positions, Positions]:
        """Return where the lines begin and their lengths, without their ends and without blank ones."""
        texts_end = ends - ((ends > starts) & ended & (block[ends - 1] == _CR))
        while (leading := (starts < texts_end) & (block[np.minimum(starts, len(block) - 1)] == _CR)).any():
            starts = starts + leading
        lengths = texts_end - starts
        if self._cut_to is not None:
            too_long = np.where(ended, ends - starts > 2 * self._cut_to + 1, lengths > self._cut_to)
            lengths = np.where(too_long, self._cut_to, lengths)
        return _present(starts, lengths)


class CutLines:
    """Lines in pieces: what of a line does not fit the layout is the next record.

    A line may have two bytes more than the layout, its line end among them; a longer one is cut to the layout's length
    again and again, until the rest is no longer. Of a last line without an end no piece has more than the layout.
    """

    at_rest = True  # nothing is held

    def __init__(self, length: int) -> None:
        """Make a framing for one file; ``length`` is the layout's."""
        self._length = length
        self._window = length + 2

    def records(self, block: Bytes, *, final: bool) -> Framed:
        """Return the lines and pieces of lines in the block."""
        if not len(block):
            return framed(block, positions([]), positions([]), 0)
        ends = np.flatnonzero(block == _LF)
        starts = np.concatenate(([0], ends + 1)).astype(np.int64)
        stops = np.append(ends + 1, len(block))  # behind the line end; of the last line, what is here of it
        texts = np.append(ends - ((ends > starts[:-1]) & (block[ends - 1] == _CR)), len(block))
        pieces = np.maximum(-(-(stops - starts - self._window) // self._length), 0)  # beside the rest of the line
        here = stops[-1] - starts[-1]
        if final:
            pieces[-1] = max(-(-here // self._length) - 1, 0)
        else:
            pieces[-1] = max((here - self._window) // self._length + 1, 0)
        counts = pieces + 1
        within = spread(np.zeros(len(counts), np.int64), counts)
        begins = np.repeat(starts, counts) + within * self._length
        lengths = np.where(within < np.repeat(pieces, counts), self._length, np.repeat(texts, counts) - begins)
        rest = len(block) if final else int(begins[-1])
        if not final:
            begins, lengths = begins[:-1], lengths[:-1]
        return framed(block, *_present(begins, lengths), rest)


def _present(starts: Positions, lengths: Positions) -> tuple[Positions, Positions]:
    """Leave out what is blank."""
    present = lengths > 0
    return starts[present], lengths[present]

"""Text: every line is a record.

Lines end with LF or CR LF, on request also with CR alone; blank lines are no records. How Cobrix treats lines that
are longer than the layout (its format D2, without and with ``allow_partial_records``) is kept for its profile.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from adapters.mainframe.framing.base import Framed, framed, positions
from adapters.mainframe.records import Bytes, Mask, Positions

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
        present = lengths > 0
        return starts[present], lengths[present]


class CutLines:
    """Lines in pieces: what of a line does not fit the layout is the next record.

    A piece has two bytes more than the layout, less the line end before it: so Cobrix cuts them.
    """

    def __init__(self, length: int) -> None:
        """Make a framing for one file; ``length`` is the layout's."""
        self._window = length + 2
        self._line_end = 1  # bytes of the line end before the next byte; Cobrix takes the start of a file for one

    @property
    def at_rest(self) -> bool:
        """Whether it goes on as it began."""
        return self._line_end == 1

    def records(self, block: Bytes, *, final: bool) -> Framed:
        """Return the lines and pieces of lines in the block."""
        ends = np.flatnonzero(block == _LF)
        starts = np.concatenate(([0], ends + 1)).astype(np.int64)
        returns = (ends > starts[:-1]) & (block[ends - 1] == _CR)
        before = np.concatenate(([self._line_end], 1 + returns))  # bytes of the line end before each line
        long = ends - starts[:-1] >= self._window
        found = [starts[:-1][~long]]
        lengths = [(ends - returns - starts[:-1])[~long]]
        for line in np.flatnonzero(long).tolist():
            at, sizes, rest, _ = self._pieces(int(starts[line]), int(ends[line]) + 1, int(before[line]))
            found.append(positions([*at, rest]))
            lengths.append(positions([*sizes, int(ends[line] - (returns[line] and ends[line] > rest)) - rest]))
        at, sizes, rest, self._line_end = self._pieces(int(starts[-1]), len(block), int(before[-1]))
        if final:
            at, sizes, rest = [*at, rest], [*sizes, len(block) - rest], len(block)
        all_starts = np.concatenate([*found, positions(at)])
        all_lengths = np.concatenate([*lengths, positions(sizes)])
        order = np.argsort(all_starts, kind="stable")
        order = order[all_lengths[order] > 0]
        return framed(block, all_starts[order], all_lengths[order], rest)

    def _pieces(self, start: int, end: int, before: int) -> tuple[list[int], list[int], int, int]:
        """Cut what is too long: where pieces begin, their lengths, where the rest begins, bytes of line end before."""
        starts: list[int] = []
        lengths: list[int] = []
        while end - start > self._window:
            starts.append(start)
            lengths.append(self._window - before)
            start += lengths[-1]
            before = 0
        return starts, lengths, start, before

"""Where the records of a CSV file end, given that quoted fields may hold line ends (RFC 4180).

Parsers differ on a quote that is never closed: pyarrow takes everything up to the next quote, or to the end of the
file, as one field and says nothing. So the quotes are checked here first. A quote opens a field only where a field
begins, and must be closed by a quote that stands before a delimiter, a line end or the end of the file; a quote
inside an unquoted field is just a character.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from adapters.files.lines import LONGEST_RECORD, Lines
from foundation.errors import Location, Problem, SourceError

Offsets = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Quoting:
    """The quoted stretches of some text: ``opens[i]`` to ``closes[i]``; the last may still be open.

    A doubled quote inside a field counts as the end of one stretch and the start of the next.
    """

    opens: Offsets
    closes: Offsets
    broken: int | None = None  # the opening quote of the first field that is not closed as it should be

    @property
    def still_open(self) -> bool:
        """Return whether the text ends inside a quoted field."""
        return len(self.opens) > len(self.closes)

    def opening(self, stretch: int) -> int:
        """Return the opening quote of the field that ``stretch`` belongs to, over its doubled quotes."""
        while stretch and self.opens[stretch] == self.closes[stretch - 1] + 1:
            stretch -= 1
        return int(self.opens[stretch])

    def last_record_end(self, data: bytes) -> int:
        """Return the offset after the last line end that stands outside quotes; 0 when there is none."""
        end = len(data)
        while (newline := data.rfind(b"\n", 0, end)) >= 0:
            stretch = int(np.searchsorted(self.opens, newline)) - 1
            if stretch < 0 or (stretch < len(self.closes) and self.closes[stretch] < newline):
                return newline + 1
            end = int(self.opens[stretch])
        return 0

    def record_starts(self, data: bytes) -> Iterator[int]:
        """Yield the offset of every record that is not an empty line."""
        start = 0
        while start < len(data):
            end = self._line_end(data, start)
            if data[start:end].strip(b"\r\n"):
                yield start
            start = end

    def _line_end(self, data: bytes, start: int) -> int:
        """Return the offset after the first line end outside quotes from ``start``."""
        while (newline := data.find(b"\n", start)) >= 0:
            stretch = int(np.searchsorted(self.opens, newline)) - 1
            if stretch < 0 or (stretch < len(self.closes) and self.closes[stretch] < newline):
                return newline + 1
            start = int(self.closes[stretch]) if stretch < len(self.closes) else len(data)
        return len(data)


def scan(data: bytes, *, delimiter: int, quote: int) -> Quoting:
    """Find the quoted fields of text that begins where a record begins.

    Quotes come in pairs unless one stands inside an unquoted field, so pairs are assumed and checked all at once;
    from the first that does not fit on, the quotes are walked one by one.
    """
    text = np.frombuffer(data, dtype=np.uint8)
    quotes: Offsets = np.flatnonzero(text == quote)
    opens, closes = quotes[0::2], quotes[1::2]
    if not len(quotes):
        return Quoting(opens, closes)
    borders = np.zeros(256, dtype=np.bool_)
    borders[[delimiter, ord("\n"), ord("\r"), quote]] = True
    bad_opens = opens[~borders[text[opens - 1]] & (opens > 0)]
    inner = closes[closes + 1 < len(text)]
    bad_closes = inner[~borders[text[inner + 1]]]
    if not len(bad_opens) and not len(bad_closes):
        return Quoting(opens, closes)
    fitting = int(np.searchsorted(quotes, min([*bad_opens[:1], *bad_closes[:1]]))) // 2
    return _walk(data, quotes, fitting, delimiter=delimiter, quote=quote)


def _walk(data: bytes, quotes: Offsets, fitting: int, *, delimiter: int, quote: int) -> Quoting:
    """Do as ``scan`` does, quote by quote, from the pair number ``fitting`` on."""
    opens: list[int] = quotes[0 : 2 * fitting : 2].tolist()
    closes: list[int] = quotes[1 : 2 * fitting : 2].tolist()
    borders = {delimiter, ord("\n"), ord("\r")}
    broken = None
    for at in quotes[2 * fitting :].tolist():
        if len(opens) == len(closes):
            if at == 0 or data[at - 1] in borders or (closes and closes[-1] == at - 1):
                opens.append(at)
        elif at + 1 == len(data) or data[at + 1] == quote or data[at + 1] in borders:
            closes.append(at)
        else:
            broken = len(opens) - 1
            break
    found = Quoting(np.array(opens, dtype=np.intp), np.array(closes, dtype=np.intp))
    return found if broken is None else Quoting(found.opens, found.closes, found.opening(broken))


def whole_records(pieces: Iterable[bytes], path: Path, *, delimiter: str, quote: str) -> Iterator[Lines]:
    """Cut ``pieces`` after the line ends that stand outside quotes.

    Raises:
        SourceError: a quoted field is not closed; located at its opening quote.
    """
    rest, line = b"", 1
    marks = {"delimiter": ord(delimiter), "quote": ord(quote)}
    for piece in pieces:
        data = rest + piece
        quoting = scan(data, **marks)
        if quoting.broken is not None:
            raise _broken(path, Lines(data, line), quoting.broken)
        end = quoting.last_record_end(data)
        if end:
            yield Lines(data[:end], line)
            line += data.count(b"\n", 0, end)
        rest = data[end:]
        if len(rest) > LONGEST_RECORD:
            raise _too_long(path, Lines(rest, line), scan(rest, **marks))
    if not rest:
        return
    quoting = scan(rest, **marks)
    if quoting.still_open:
        raise _broken(path, Lines(rest, line), quoting.opening(len(quoting.opens) - 1))
    yield Lines(rest, line)


def _broken(path: Path, lines: Lines, opening: int) -> SourceError:
    start = lines.data.rfind(b"\n", 0, opening) + 1
    return SourceError(
        Problem(
            message="the quoted field that opens here is not closed as it should be",
            location=Location(
                file=path,
                line=lines.line_at(opening),
                column=len(lines.data[start:opening].decode("utf-8")) + 1,
            ),
            remedy='close the quote, or double quotes inside the field; a file that does not quote needs `quote: ""`',
        )
    )


def _too_long(path: Path, lines: Lines, quoting: Quoting) -> SourceError:
    if quoting.still_open:
        return _broken(path, lines, quoting.opening(len(quoting.opens) - 1))
    return SourceError(
        Problem(
            message=f"a record of more than {LONGEST_RECORD // 2**20} MiB",
            location=Location(file=path, line=lines.first_line),
            remedy="check `format:` and how the file ends its lines",
        )
    )

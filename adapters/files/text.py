"""Files as checked UTF-8, in pieces of bounded size."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from foundation.errors import Location, Problem, SourceError, SourceUnavailable

PIECE_BYTES = 4 * 1024 * 1024


def pieces(path: Path, encoding: str) -> Iterator[bytes]:
    """Yield the file's text as UTF-8, cut anywhere, without a byte order mark.

    Raises:
        SourceUnavailable: the file is gone.
        SourceError: the file may not be read, or holds bytes that are no text in ``encoding``; tells file, line
            and byte, never the content.
    """
    utf8 = encoding in ("utf-8", "utf-8-sig")
    decoder = codecs.getincrementaldecoder("utf-8" if utf8 else encoding)("strict")
    offset = pending = 0  # bytes of the file decoded so far, and those held back as an unfinished character
    try:
        with path.open("rb") as file:
            while True:
                data = file.read(PIECE_BYTES)
                text = decoder.decode(data, final=not data)
                if not data:
                    return
                if offset == 0 and text.startswith("\ufeff"):
                    yield data[3:] if utf8 else text[1:].encode("utf-8")
                else:
                    yield data if utf8 else text.encode("utf-8")
                offset += len(data)
                pending = len(decoder.getstate()[0])
    except UnicodeDecodeError as error:
        raise _undecodable(path, encoding, offset - pending + error.start) from None
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: OSError) -> SourceError:
    """Return the error that a file which cannot be opened or read means."""
    if isinstance(error, FileNotFoundError):
        return SourceUnavailable(
            Problem(message="the file is gone", location=Location(file=path), remedy="wait for the next delivery")
        )
    return SourceError(
        Problem(
            message=f"cannot read the file: {error.strerror}",
            location=Location(file=path),
            remedy="give the user that runs this the right to read it",
        )
    )


def _undecodable(path: Path, encoding: str, offset: int) -> SourceError:
    """Return the located error about the byte at ``offset`` (from 0)."""
    return SourceError(
        Problem(
            message=f"byte {offset + 1} of the file is not {encoding}",
            location=Location(file=path, line=_line_at(path, offset, encoding)),
            remedy="set `encoding:` to what the file is written in (often cp1252 or latin-1), or have it sent anew",
        )
    )


def _line_at(path: Path, offset: int, encoding: str) -> int | None:
    """Return the line that holds the byte at ``offset``; none where line ends are not a single byte."""
    if "\n".encode(encoding)[-2:] != b"\n":
        return None
    line, left = 1, offset
    with path.open("rb") as file:
        while left and (data := file.read(min(left, PIECE_BYTES))):
            line += data.count(b"\n")
            left -= len(data)
    return line

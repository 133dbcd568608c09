"""What the documentation says, taken out of its pages so that tests can hold it against the software."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
DOCS = PROJECT / "docs"

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_VOEG = re.compile(r"(?:^|\s|bin/)voeg((?: +(?:'[^']*'|[^\s;&|#`}']+))+)")


def pages() -> list[Path]:
    """Return every page that a person reads."""
    return [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


def named(page: Path) -> str:
    """Return the name of a page, relative to the project."""
    return page.relative_to(PROJECT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of a page in one language."""
    return [body for found, body in _FENCED.findall(page.read_text(encoding="utf-8")) if found == language]


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return _FENCED.sub("", page.read_text(encoding="utf-8"))


def spans(text: str) -> list[str]:
    """Return what stands between back-quotes."""
    return _SPAN.findall(text)


def section(page: Path, heading: str) -> str:
    """Return what stands under a heading, up to the next one of its rank or a higher one; without fenced blocks."""
    text = prose(page)
    start = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert start, f"{named(page)} has no heading '{heading}'"
    rest = text[start.end() :]
    end = re.search(rf"^#{{1,{len(start[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


@dataclass(frozen=True)
class Table:
    """A table: the cells of its head, and of its rows."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(text: str) -> Iterator[Table]:
    """Yield the tables of a text."""
    for lines in re.findall(r"(?:^\|.*\|$\n?)+", text, re.MULTILINE):
        head, _, *rows = [_cells(line) for line in lines.strip().splitlines()]
        yield Table(head, tuple(rows))


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip().strip("|").split("|"))


def shell_commands(page: Path) -> list[list[str]]:
    """Return the ``voeg`` commands of the shell blocks of a page, in order, without the word ``voeg``."""
    lines = (line for block in blocks(page, "sh") for line in block.splitlines())
    return [shlex.split(words, comments=True) for line in lines for words in _VOEG.findall(line)]


def other_commands(page: Path) -> list[list[str]]:
    """Return the ``voeg`` commands that stand in the text of a page, or in blocks that are no shell's."""
    text = page.read_text(encoding="utf-8")
    other = [body for language, body in _FENCED.findall(text) if language in ("", "ini")]
    found = [*(span for span in spans(prose(page)) if span.startswith("voeg ") or "bin/voeg " in span), *other]
    return [shlex.split(words) for words in _VOEG.findall("\n".join(found))]

"""Copybooks to trees: entries hung below one another by their level numbers.

After ``source``, ``copying``, ``lexer`` and ``sentences`` have made entries of the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from adapters.mainframe.copybook import copying, source
from adapters.mainframe.copybook.copying import Library, Members, library
from adapters.mainframe.copybook.lexer import lex
from adapters.mainframe.copybook.sentences import Sentences
from adapters.mainframe.copybook.source import Format
from adapters.mainframe.copybook.syntax import Copybook, Entry, Usage
from foundation.errors import ConfigurationError, Location, Problem

MAX_PROBLEMS = 50  # that are told of one copybook; a file that is none at all has one in every line

_IS_IT_ONE = "check that this is a copybook"
_WITHOUT_PICTURE = frozenset({Usage.FLOAT, Usage.DOUBLE, Usage.INDEX, Usage.POINTER, Usage.PROCEDURE_POINTER})
_DECIMAL_COMMA = re.compile(r"\bDECIMAL-POINT\s+(?:IS\s+)?COMMA\b", re.IGNORECASE)


def load(
    file: Path,
    *,
    copy_folder: Path | None = None,
    format: Format = "auto",  # noqa: A002 - as the option is called
    columns: tuple[int, int] | None = None,
    decimal_comma: bool = False,
    lenient: bool = False,
) -> Copybook:
    """Read and parse a copybook file; see ``parse``.

    Args:
        file: UTF-8 or Latin-1 text.
        copy_folder: where COPY finds its members; default: beside the copybook.
        format: see ``parse``.
        columns: see ``parse``.
        decimal_comma: see ``parse``.
        lenient: see ``parse``.

    Raises:
        ConfigurationError: the file cannot be read, or ``parse`` finds problems in it.
    """
    return parse(
        copying.text_of(file),
        file,
        format=format,
        columns=columns,
        copy=library(file.parent if copy_folder is None else copy_folder),
        decimal_comma=decimal_comma,
        lenient=lenient,
    )


def parse(
    text: str,
    file: Path,
    *,
    format: Format = "auto",  # noqa: A002 - as the option is called
    columns: tuple[int, int] | None = None,
    copy: Library | None = None,
    decimal_comma: bool = False,
    lenient: bool = False,
) -> Copybook:
    """Return the records that the copybook ``text`` describes.

    Args:
        text: COBOL.
        file: named in errors.
        format: ``fixed``, ``free``, or ``auto``: judged by where the entries begin.
        columns: of the indicator and of the last text, from 1; default 7 and 72. Given, the format is fixed.
        copy: returns the members that COPY names.
        decimal_comma: DECIMAL-POINT IS COMMA; the words themselves may also stand in the text.
        lenient: take what Cobrix takes beyond COBOL: text in column 7, names with other characters, ``Z(5)`` and
            ``S9(3).99`` as numbers, OCCURS n TO m without DEPENDING ON.

    Raises:
        ConfigurationError: with every problem found, each with line and column, the text, and what was expected.
    """
    read = source.read(text, file, reference_format=format, columns=columns, lenient=lenient)
    members = Members(copy, reference_format=format, columns=columns, lenient=lenient)
    expanded = copying.expand(read, file, members)
    decimal_comma = decimal_comma or _DECIMAL_COMMA.search(expanded.text) is not None
    lexed = lex(expanded, decimal_comma=decimal_comma, lenient=lenient)
    sentences = Sentences(lexed.tokens, decimal_comma=decimal_comma, lenient=lenient)
    tree = _Tree(sentences.entries(), file, lenient=lenient)
    if not expanded.problems:  # where text is missing more would seem to be wrong than is
        tree.check({id(entry) for entry in sentences.broken})
    if not (lexed.problems or sentences.problems or tree.records):
        at = Location(file=file, line=1)
        tree.problems.append(Problem(message="the copybook describes no record", location=at, remedy=_IS_IT_ONE))
    problems = [*lexed.problems, *sentences.problems, *tree.problems]
    if problems:
        raise ConfigurationError(_told(problems, file))
    return Copybook(records=tuple(tree.records), notes=tuple(tree.notes))


def _told(problems: Sequence[Problem], file: Path) -> list[Problem]:
    """Return the first problems, in the order of the copybook."""
    told = sorted(problems, key=lambda problem: _place(problem, file))[:MAX_PROBLEMS]
    if len(problems) > MAX_PROBLEMS:
        more = f"and {len(problems) - MAX_PROBLEMS} problems more"
        told.append(Problem(message=more, location=Location(file=file), remedy=_IS_IT_ONE))
    return told


def _place(problem: Problem, file: Path) -> tuple[bool, str, int, int]:
    location = problem.location or Location(file=file)
    return (location.file != file, str(location.file), location.line or 0, location.column or 0)


class _Tree:
    """Hangs every entry below the nearest one before it with a smaller level number."""

    def __init__(self, entries: Sequence[Entry], file: Path, *, lenient: bool) -> None:
        self._lenient = lenient
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        alone = [entry for entry in entries if entry.level == 77]
        members = [entry for entry in entries if entry.level != 77]
        self.records = self._records(members)
        if not members and alone:
            self.records = [_nameless(alone)]
        elif alone:
            self.notes = [f"{each.location}: level 77 '{each.written}' is no part of a record" for each in alone]

    def _records(self, entries: Sequence[Entry]) -> list[Entry]:
        roots: list[Entry] = []
        renames: list[tuple[int, Entry]] = []  # and how many roots stood before it
        above: list[Entry] = []
        for entry in entries:
            if entry.level == 66:
                renames.append((len(roots), entry))
                continue
            while above and above[-1].level >= entry.level:
                above.pop()
            (above[-1].children if above else roots).append(entry)
            above.append(entry)
        records = self._of(roots)
        for before, entry in renames:
            if not before:
                self._report(
                    entry,
                    "level 66 stands before the record it belongs to",
                    "move it behind the last entry of the record",
                )
            else:
                record = records[0] if records[0].level == 0 else roots[before - 1]
                record.children.append(entry)
        return records

    def _of(self, roots: list[Entry]) -> list[Entry]:
        """Return the records: level 01, or one without a name where a copybook begins deeper.

        Such a copybook is meant for inclusion below a program's own 01.
        """
        stray = [root for root in roots if root.level != 1]
        if not stray:
            return roots
        if len(stray) < len(roots) and not self._lenient:
            self._report(stray[0], "this entry stands outside the record", "put a level 01 before it")
        return [_nameless(roots)]

    def check(self, broken: set[int]) -> None:
        """Report groups with a picture, fields without one, and records that occur; not entries that are broken."""
        for record in self.records:
            if record.level == 1 and record.occurs is not None and not self._lenient:
                self._report(record, "a record cannot have OCCURS", "put the table below it, at level 05")
            self._check(record, None, broken)

    def _check(self, entry: Entry, usage: Usage | None, broken: set[int]) -> None:
        usage = entry.usage or usage
        fields = [child for child in entry.children if child.level != 66]
        if entry.level == 66 or id(entry) in broken:
            pass
        elif fields and entry.picture is not None:
            what = f"'{entry.written}' has a PICTURE and entries below it, '{fields[0].written}' first"
            self._report(entry, what, "leave the PICTURE out, or give both the same level number")
        elif not fields and entry.picture is None and usage not in _WITHOUT_PICTURE:
            self._report(entry, f"'{entry.written}' has no PICTURE and nothing below it", "add one, such as PIC X(10)")
        for child in fields:
            self._check(child, usage, broken)

    def _report(self, entry: Entry, message: str, remedy: str) -> None:
        self.problems.append(Problem(message=message, location=entry.location, remedy=remedy))


def _nameless(entries: list[Entry]) -> Entry:
    return Entry(level=0, name=None, location=entries[0].location, children=entries)

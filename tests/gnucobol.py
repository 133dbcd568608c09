"""GnuCOBOL for the tests: a compiler, and programs that write, read and measure the records of copybooks.

Nothing here knows how the project reads a copybook: a program says what is in a record, and where.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import servers
from copybooks import Index, Item, Record, sentences

IBM = ("-std=ibm", "-fsign=EBCDIC", "-fpretty-display", "-fodoslide", "-fnumeric-literal-length=38")
"""Options of the compiler: storage as IBM has it; tables move what follows; numbers are shown with sign and point."""
BYTES = (*IBM, "-fbinary-size=1--8")
"""The same, with as few bytes for a binary number as it needs, as Micro Focus has COMP-X."""


class Compiler:
    """Compiles programs in a folder and runs them there."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("cobc")
        if program is None:
            raise servers.NotInstalled("GnuCOBOL", "gnucobol3")
        self._cobc = program
        self.folder = folder

    def run(self, name: str, source: str, *options: str, **environment: str) -> list[str]:
        """Compile a program and return the lines that it prints."""
        (self.folder / f"{name}.cob").write_text(source, encoding="ascii")
        unhurried = {"COB_CFLAGS": "-O0 -w"}  # the C compiler's optimiser takes longer than the programs run
        self._call([self._cobc, "-x", "-w", *(options or IBM), f"{name}.cob"], unhurried)
        return self._call([str(self.folder / name)], environment).splitlines()

    def _call(self, command: Sequence[str], environment: Mapping[str, str]) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **environment},
            capture_output=True,
            encoding="latin-1",
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout


def name_of(item: Item, index: Index) -> str:
    """Return how a statement refers to an element."""
    return f"{item.name}({' '.join(map(str, index))})" if index else item.name


def program(records: Sequence[Record], statements: Sequence[str], *, organization: str = "SEQUENTIAL") -> str:
    """Return a program with a file of each record, called as the record is."""
    selects = [
        f'    SELECT F-{record.name} ASSIGN TO "{record.name}.dat" ORGANIZATION IS {organization}.'
        for record in records
    ]
    files = []
    for record in records:
        files += [f"FD  F-{record.name}{' RECORD IS VARYING DEPENDING ON W-LENGTH' if record.variable else ''}."]
        files += [f'    COPY "{record.name}.cpy".']
        if record.variable:  # to be written when its counters are EBCDIC, which a program cannot count by
            files += [f"01  A-{record.name} PIC X(4000)."]
    return sentences(*_HEAD, *selects, "DATA DIVISION.", "FILE SECTION.", *files, *_WORK, *statements, "    STOP RUN.")


def measured(records: Sequence[Record], statements: Sequence[str]) -> str:
    """Return a program with the records in its memory."""
    copies = [f'    COPY "{record.name}.cpy".' for record in records]
    work, division = _WORK[:-1], _WORK[-1]
    return sentences(_HEAD[0], _HEAD[1], "DATA DIVISION.", *work, *copies, division, *statements, "    STOP RUN.")


_HEAD = (
    "IDENTIFICATION DIVISION.",
    "PROGRAM-ID. WITNESS.",
    "ENVIRONMENT DIVISION.",
    "CONFIGURATION SECTION.",
    "SPECIAL-NAMES.",
    "    ALPHABET EBC IS EBCDIC",
    "    ALPHABET ASC IS ASCII.",
    "INPUT-OUTPUT SECTION.",
    "FILE-CONTROL.",
)
_WORK = (
    "WORKING-STORAGE SECTION.",
    "01  W-LENGTH PIC 9(5) COMP-5.",
    "01  W-SHOWN PIC -(18)9.9(18).",
    "01  W-FROM USAGE POINTER.",
    "01  W-FROM-N REDEFINES W-FROM PIC S9(18) COMP-5.",
    "01  W-AT USAGE POINTER.",
    "01  W-AT-N REDEFINES W-AT PIC S9(18) COMP-5.",
    "PROCEDURE DIVISION.",
)


def writing(record: Record, *, ebcdic: bool) -> list[str]:
    """Return statements that write the rows of a record to its file, and print every field before."""
    lines = [f"    OPEN OUTPUT F-{record.name}."]
    for row in record.rows:
        lines += [f"    MOVE {count} TO {counter}." for counter, count in row.counts.items()]
        fields = list(record.fields(row.counts))
        for item, index in fields:
            if item.literals:
                lines.append(f"    MOVE {row.literals[item.name, index]} TO {name_of(item, index)}.")
        lines += showing(fields)
        if record.variable:
            lines.append(f"    MOVE LENGTH OF {record.name} TO W-LENGTH.")
        if ebcdic:  # the last first: where a field is hangs on the counters before it
            lines += translated(fields[::-1], "ASC TO EBC")
        lines.append(f"    WRITE {'A-' if record.variable else ''}{record.name}.")
    return [*lines, f"    CLOSE F-{record.name}."]


def reading(record: Record, *, ebcdic: bool) -> list[str]:
    """Return statements that read a file with the rows of a record, and print every field."""
    lines = [f"    OPEN INPUT F-{record.name}."]
    for row in record.rows:
        lines.append(f'    READ F-{record.name} AT END DISPLAY "no record".')
        counters = [(item, index) for item, index in record.fields(row.counts) if item.name in row.counts]
        fields = [field for field in record.fields(row.counts) if field not in counters]
        if ebcdic:  # the counters first: they say where the others are
            lines += translated(counters, "EBC TO ASC") + translated(fields, "EBC TO ASC")
        lines += showing(list(record.fields(row.counts)))
    lines.append(f'    READ F-{record.name} AT END CONTINUE NOT AT END DISPLAY "one record more".')
    return [*lines, f"    CLOSE F-{record.name}."]


def showing(fields: Sequence[tuple[Item, Index]]) -> list[str]:
    """Return statements that print fields, one a line."""
    lines = []
    for item, index in fields:
        name = name_of(item, index)
        if item.plain:
            lines += [f"    MOVE {name} TO W-SHOWN.", "    DISPLAY W-SHOWN."]
        else:
            lines.append(f"    DISPLAY {name}.")
    return lines


def translated(fields: Sequence[tuple[Item, Index]], how: str) -> list[str]:
    """Return statements that translate what is stored as characters."""
    return [f"    INSPECT {name_of(item, index)} (1:) CONVERTING {how}." for item, index in fields if item.characters]


def measuring(record: Record) -> list[str]:
    """Return statements that print offset and length of everything in a record, and last the record's own length.

    Of a table every element has a line, of a group in it too.
    """
    lines = [f"    SET W-FROM TO ADDRESS OF {record.name}."]
    for item, index in record.everything():
        name = name_of(item, index)
        lines += [f"    SET W-AT TO ADDRESS OF {name}.", "    SUBTRACT W-FROM-N FROM W-AT-N."]
        lines += [f'    DISPLAY W-AT-N " " LENGTH OF {name}.']
    return [*lines, f"    DISPLAY LENGTH OF {record.name}."]

"""Errors that say where, what, and how to mend it.

The tree; a class says what happens next, not what went wrong::

    VoegError
    ├── ConfigurationError      the operator or integrator edits a file; holds every problem found, not the first
    ├── SourceError             one source's run failed; the other sources go on
    │   └── SourceUnavailable   the same, and worth retrying: down, slow, refused, timed out
    ├── HeldError               a guard stopped a source; a person accepts or mends
    ├── StoreError              the store refused or is gone; nothing was acknowledged
    └── NotFound                the thing asked for does not exist

Messages never hold a value read from a customer system nor a secret: they name places, types and names.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place in a file that a person can open."""

    file: Path | str
    line: int | None = None  # counted from 1
    column: int | None = None  # counted from 1

    def __str__(self) -> str:
        """``file:line:column`` with the unknown parts left out, as editors and terminals link it."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, where it is, and what to do about it."""

    message: str
    location: Location | None = None
    path: str | None = None  # path inside the document, e.g. ``records[0].birth_date``
    remedy: str | None = None  # one sentence that starts with a verb, or a question like "did you mean 'x'?"

    def __str__(self) -> str:
        """``where path: what; remedy`` on one line."""
        head = " ".join(str(part) for part in (self.location, self.path) if part is not None)
        text = f"{head}: {self.message}" if head else self.message
        return f"{text}; {self.remedy}" if self.remedy else text


class VoegError(Exception):
    """Base of everything this project raises on purpose; carries the problems it reports."""

    def __init__(self, problems: Problem | str | Iterable[Problem], *, remedy: str | None = None) -> None:
        if isinstance(problems, str):
            problems = Problem(message=problems, remedy=remedy)
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ConfigurationError(VoegError):
    """A mapping or a settings file is wrong; lists every problem found in it."""


class SourceError(VoegError):
    """One source cannot be read as it is; its run fails and the other sources go on."""


class SourceUnavailable(SourceError):
    """A source is down, slow or refuses; the same read may succeed later."""


class HeldError(VoegError):
    """A guard stopped a source before it did harm; it stays held until a person accepts."""


class StoreError(VoegError):
    """The store refused or is gone; nothing of the transaction was acknowledged."""


class NotFound(VoegError):
    """The customer, source, model or task asked for does not exist."""


def did_you_mean(name: str, valid: Sequence[str]) -> str:
    """Return a remedy that names the nearest valid name, or lists them all when none is near."""
    if not valid:
        return "there are none yet"
    nearest = difflib.get_close_matches(name, valid, n=1, cutoff=0.6)
    if nearest:
        return f"did you mean '{nearest[0]}'?"
    return f"use one of: {', '.join(sorted(valid))}"

"""A mapping: one YAML file that says how to read one source and what its rows mean.

``load`` reads, validates and compiles it; everything that is wrong is told at once, at its place.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from canonical_model.schema import CANONICAL_VERSION, Kind, frame_schema
from foundation import document as documents
from foundation.document import Document
from foundation.errors import ConfigurationError, Problem, did_you_mean
from transform.binding import Binder
from transform.operations.dates import is_timezone
from transform.plan import Plan, Plausibility
from transform.syntax import Reader, Tree, columns_in, steps_in

Mode = Literal["snapshot", "delta"]

LANGUAGE_VERSION = 1
"""Raised when the same mapping gives other results; changes the digest of every mapping."""


class Failed(BaseModel):
    """A value that became null: where, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    path: str
    reason: str


class Example(BaseModel):
    """A raw row and what it must become."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    raw: dict[str, Any]
    expect: tuple[dict[str, Any], ...] = ()
    rejects: tuple[Failed, ...] = ()
    errors: tuple[Failed, ...] | None = None
    """Values of mapped records that failed; not looked at when absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """A compiled mapping."""

    name: str
    """The ``source:``, which is the ``data_source`` of its records."""
    system: str
    description: str
    mode: Mode
    timezone: str | None
    read: dict[str, Any] = field(repr=False)
    """The ``read:`` section as written, ``adapter`` included; may hold references to secrets."""
    duplicate_free: bool
    max_vanished: float
    document: Document = field(repr=False)
    digest: str
    """SHA-256 over everything that changes what rows become; stable across machines and runs."""
    examples: tuple[Example, ...] = field(repr=False)
    plan: Plan = field(repr=False)


class _Form(BaseModel):
    """The top of the file; ``let`` and ``records`` have a reader of their own."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    version: Literal[1]
    source: Annotated[str, Field(pattern="^[A-Za-z0-9_.-]+$")]
    system: Annotated[str, Field(pattern="^[A-Za-z0-9_.-]+$")]
    description: str = ""
    mode: Mode
    timezone: str | None = None
    read: dict[str, Any]
    duplicate_free: bool = False
    max_vanished: Annotated[float, Field(ge=0, le=1)] = 0.2
    code_tables: dict[str, dict[str, str | bool | None]] = {}
    let: Any = None
    records: Any
    examples: tuple[Example, ...] = ()


def load(file: Path, *, plausibility: Plausibility | None = None) -> Mapping:
    """Read and compile a mapping.

    Raises:
        ConfigurationError: with every problem found, each with file, line, column, path and, where there is one, the
            nearest valid name.
    """
    return compiled(documents.load(file), plausibility=plausibility)


def compiled(document: Document, *, plausibility: Plausibility | None = None) -> Mapping:
    """Compile a mapping that has been parsed; raises as ``load`` does."""
    plausibility = plausibility or Plausibility()
    problems: list[Problem] = []
    form = _form(document, problems)
    timezone = document.data.get("timezone")
    if isinstance(timezone, str) and not is_timezone(timezone):
        remedy = "use a name such as Europe/Amsterdam"
        problems.append(document.problem(["timezone"], f"unknown time zone '{timezone}'", remedy))
        timezone = "UTC"  # to go on with, for what else is wrong
    code_tables = document.data.get("code_tables")
    context = {"code_tables": code_tables if isinstance(code_tables, dict) else {}, "timezone": timezone}
    reader = Reader(document, source=str(document.data.get("source", "")), context=context)
    tree = reader.tree()
    binder = Binder(tree, document, timezone=timezone, plausibility=plausibility, columns=None)
    binder.bind()
    problems = [*problems, *reader.problems, *binder.problems]
    if problems or form is None:
        raise ConfigurationError(sorted(problems, key=_place))
    return Mapping(
        name=form.source,
        system=form.system,
        description=form.description,
        mode=form.mode,
        timezone=timezone,
        read=form.read,
        duplicate_free=form.duplicate_free,
        max_vanished=form.max_vanished,
        document=document,
        digest=_digest(document, tree, plausibility),
        examples=form.examples,
        plan=Plan(
            tree=tree,
            document=document,
            timezone=timezone,
            plausibility=plausibility,
            columns=columns_of(tree),
        ),
    )


def columns_of(tree: Tree) -> frozenset[str]:
    """Return the top-level raw columns that a tree may mean."""
    return frozenset(head for column in columns_in(tree) for head in column.heads())


def _form(document: Document, problems: list[Problem]) -> _Form | None:
    """Validate the top of the file and the form of the examples."""
    try:
        form = document.validate(_Form)
    except ConfigurationError as error:
        problems.extend(error.problems)
        return None
    for index, example in enumerate(form.examples):
        for place, record in enumerate(example.expect):
            at = ("examples", index, "expect", place)
            kind = str(record.get("kind"))
            if kind not in [*Kind]:
                problems.append(document.problem(at, "`kind` is missing or unknown", did_you_mean(kind, [*Kind])))
                continue
            known = ["kind", *frame_schema(Kind(kind)).names()[1:]]
            problems.extend(
                document.problem((*at, name), f"a {kind} has no '{name}'", did_you_mean(name, known))
                for name in record
                if name not in known
            )
    return form


def _place(problem: Problem) -> tuple[int, int]:
    location = problem.location
    return (location.line or 0, location.column or 0) if location else (0, 0)


def _digest(document: Document, tree: Tree, plausibility: Plausibility) -> str:
    """Return a digest of what changes results; a library counts when one of its operations is used."""
    used = {step.operation.name for step in steps_in(tree)}
    libraries = {library: version(library) for name, library in _LIBRARIES.items() if name in used}
    parts = {key: document.data.get(key) for key in ("source", "timezone", "code_tables", "let", "records")}
    parts |= {"language": LANGUAGE_VERSION, "canonical": CANONICAL_VERSION, "libraries": libraries}
    parts |= {"birth_date": [str(plausibility.earliest), str(plausibility.latest)]}
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


_LIBRARIES = {"phone": "phonenumbers", "stdnum": "python-stdnum", "iban": "python-stdnum"}

"""The survivorship rules of ``conf/survivorship.yaml``, read, checked and completed with defaults.

A rule is chosen per field group. ``name`` is a group of several fields: they follow one winning record together, so
that no name arises that nobody bears. With ``fill_gaps``, what that record leaves out (a given name where it has
initials alone) comes from records that agree with it on the surname and the first letter. A field of the group that
is given a rule of its own goes its own way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cache, cached_property
from types import MappingProxyType

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, field_validator

from canonical_model.golden import GOLDEN, SATELLITES
from canonical_model.schema import SCHEMAS, Kind, field_groups
from foundation.document import Document
from foundation.errors import ConfigurationError, Problem, did_you_mean


class Rule(StrEnum):
    """How the surviving value is chosen among those that are not null."""

    MOST_RECENT = "most_recent"  # which its source gave most recently for the first time
    SOURCE_PRIORITY = "source_priority"  # of the source that stands first in the list
    MOST_FREQUENT = "most_frequent"  # which most source records hold
    LONGEST = "longest"  # with the most characters, over all fields of the group


class Keep(StrEnum):
    """How many elements of a list survive for each kind (type, name) of element."""

    ONE = "one"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The rule of one field group, with nothing left to look up."""

    rule: Rule
    sources: tuple[str, ...]  # systems and sources, best first; those not in it come after, all equal
    fill_gaps: bool = False  # of a name: take what the winning record leaves out from others of the same name
    keep: Keep = Keep.ONE  # of a list
    keep_of: Mapping[str, Keep] = field(default_factory=dict)  # of a list: exceptions by kind of element


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The rules of an estate."""

    default: Rule = Rule.MOST_RECENT
    sources: tuple[str, ...] = ()  # the source priority where a rule gives none, and the breaker of ties
    choices: Mapping[str, Choice] = field(default_factory=dict)  # by field group, field or satellite
    systems: Mapping[str, str] = field(default_factory=dict)  # source → the system that it is read from

    def choice(self, name: str) -> Choice:
        """Return the choice for a field group, a field or a satellite list."""
        return self.choices.get(name) or Choice(rule=self.default, sources=self.sources, keep_of=_keep_of(name))

    @cached_property
    def digest(self) -> str:
        """Hash of everything here that can change a golden record."""
        named = {*self.sources, *(source for choice in self.choices.values() for source in choice.sources)}
        systems = {source: system for source, system in self.systems.items() if system in named}
        everything = [self.default, self.sources, {name: asdict(one) for name, one in self.choices.items()}, systems]
        return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:16]

    def scalars(self) -> Iterator[tuple[tuple[str, ...], Choice]]:
        """Yield the sets of single-valued party fields that are decided together, each with its choice."""
        for group, fields in field_groups(Kind.PARTY).items():
            if group in LISTS:
                continue
            alone = [name for name in fields if name != group and name in self.choices]
            together = tuple(name for name in fields if name not in alone)
            if together:
                yield together, self.choice(group)
            for name in alone:
                yield (name,), self.choice(name)


LISTS = tuple(entry.name for entry in SCHEMAS[Kind.PARTY] if pa.types.is_list(entry.type))
"""The list fields of a party. The first field of their elements says which kind of element it is."""

DEFAULT_KEEP_OF: Mapping[str, Mapping[str, Keep]] = MappingProxyType(
    {"identifiers": MappingProxyType({"customer_number": Keep.ALL})}
)


def load(document: Document, *, systems: Mapping[str, str] | None = None) -> Rules:
    """Return the rules of a survivorship document.

    Args:
        document: ``conf/survivorship.yaml``, as ``foundation.document.load`` gives it.
        systems: every source of the estate and the system it belongs to. With it, a list of sources may name
            systems, and a name that is neither is an error; without it any name is taken for a source's.

    Raises:
        ConfigurationError: with every problem, each located.
    """
    written = document.validate(_Written)
    problems = list(_problems(document, written, systems))
    if problems:
        raise ConfigurationError(problems)
    choices = {
        name: Choice(
            rule=each.rule or written.default,
            sources=each.sources or written.sources,
            fill_gaps=each.fill_gaps,
            keep=each.keep or Keep.ONE,
            keep_of=_keep_of(name) if each.keep_of is None else each.keep_of,
        )
        for name, each in written.fields.items()
    }
    return Rules(default=written.default, sources=written.sources, choices=choices, systems=systems or {})


class _WrittenRule(BaseModel):
    """A rule as it is written: its name alone, or a mapping."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: Rule | None = None
    sources: tuple[str, ...] | None = None
    fill_gaps: bool = False
    keep: Keep | None = None
    keep_of: dict[str, Keep] | None = None


class _Written(BaseModel):
    """The document as it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = Field(default=1, ge=1, le=1)
    default: Rule = Rule.MOST_RECENT
    sources: tuple[str, ...] = ()
    fields: dict[str, _WrittenRule] = {}

    @field_validator("fields", mode="before")
    @classmethod
    def _short_form(cls, fields: object) -> object:
        """``birth_date: most_frequent`` is short for ``birth_date: {rule: most_frequent}``."""
        if not isinstance(fields, dict):
            return fields
        return {name: {"rule": each} if isinstance(each, str) else each for name, each in fields.items()}


def _keep_of(name: str) -> Mapping[str, Keep]:
    return DEFAULT_KEEP_OF.get(name, {})


@cache
def _names() -> tuple[str, ...]:
    """Return what a rule can be given to: field groups and fields of a party, and the lists of satellites."""
    groups = field_groups(Kind.PARTY)
    fields = [name for members in groups.values() for name in members]
    return tuple(dict.fromkeys([*groups, *fields, *SATELLITES.values()]))


def _problems(document: Document, written: _Written, systems: Mapping[str, str] | None) -> Iterator[Problem]:
    known = None if systems is None else sorted({*systems, *systems.values()})
    yield from _unknown_sources(document, ("sources",), written.sources, known)
    for name, each in written.fields.items():
        path = ("fields", name)
        if name not in _names():
            yield document.problem(path, f"unknown field '{name}'", did_you_mean(name, _names()))
            continue
        yield from _unknown_sources(document, (*path, "sources"), each.sources or (), known)
        if each.sources is not None and (each.rule or written.default) is not Rule.SOURCE_PRIORITY:
            yield document.problem(
                (*path, "sources"),
                "only the rule source_priority uses a list of sources",
                "add 'rule: source_priority'",
            )
        if each.rule is Rule.SOURCE_PRIORITY and not (each.sources or written.sources):
            yield document.problem(
                path, "source_priority has no list of sources", "add 'sources:' here or at the top of the file"
            )
        if each.rule is Rule.LONGEST and not _has_text(name):
            yield document.problem(path, f"longest suits text, and '{name}' is none", "use most_frequent")
        if each.fill_gaps and name != "name":
            yield document.problem(path, f"fill_gaps suits the parts of 'name', and not '{name}'", "remove it")
        if (each.keep or each.keep_of) and name not in LISTS:
            yield document.problem(path, f"keep suits lists of a party, and '{name}' is none", "remove it")


def _unknown_sources(
    document: Document, path: tuple[str, ...], names: tuple[str, ...], known: list[str] | None
) -> Iterator[Problem]:
    if known is None:
        return
    for index, name in enumerate(names):
        if name not in known:
            yield document.problem((*path, index), f"no source or system is called '{name}'", did_you_mean(name, known))


def _has_text(name: str) -> bool:
    fields = field_groups(Kind.PARTY).get(name, (name,))
    return all(not pa.types.is_date(GOLDEN.field(each).type) for each in fields)

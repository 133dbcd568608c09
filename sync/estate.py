"""An estate: one installation, a folder with ``conf/`` and ``mappings/``; everything else is wired from it."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from pydantic import ValidationError

from adapters.base import Adapter, Batch, Check, Cursor, Discovered, ReadOptions
from foundation.document import Document, load
from foundation.errors import ConfigurationError, NotFound, Problem, VoegError, did_you_mean
from foundation.settings import Settings, load_settings
from golden import rules as survivorship_rules
from golden.rules import Rules
from store import resolving
from store.engine import Store
from store.engine import open as open_store
from transform import mapping as mapping_language
from transform.mapping import Mapping
from transform.plan import Plausibility

ADAPTERS = MappingProxyType(
    {
        "files": "adapters.files:Files",
        "mainframe": "adapters.mainframe:Mainframe",
        "odbc": "adapters.odbc:Odbc",
        "soap": "adapters.soap:Soap",
        "sql": "adapters.sql:Sql",
    }
)
"""The kinds of foreign systems by their name in a mapping; a driver is imported when a source first needs it."""


@dataclass(frozen=True)
class Estate:
    """One installation: its folder, its settings, and what is made from them on demand."""

    root: Path
    settings: Settings

    @cached_property
    def _loaded(self) -> tuple[tuple[Mapping, ...], tuple[Problem, ...]]:
        """The mappings that compile, by source name, and all that is wrong with the others."""
        found: dict[str, Mapping] = {}
        problems: list[Problem] = []
        for file in sorted((self.root / "mappings").glob("*.y*ml")):
            try:
                mapping = self.load_mapping(file)
            except ConfigurationError as error:
                problems.extend(error.problems)
                continue
            if mapping.name in found:
                other = found[mapping.name].document.file.name
                problems.append(
                    mapping.document.problem(["source"], f"'{mapping.name}' is described by {other} too", "rename one")
                )
            else:
                found[mapping.name] = mapping
        return tuple(found[name] for name in sorted(found)), tuple(problems)

    @property
    def mappings(self) -> tuple[Mapping, ...]:
        """The mappings that compile, by source name; a broken one stops only itself (see ``broken``)."""
        return self._loaded[0]

    @property
    def duplicate_free(self) -> frozenset[str]:
        """The sources of which the mapping says that they have a customer once.

        A mapping that does not compile says what it said at the last resolve: a typing error parts no customers.
        """
        told = {mapping.name: mapping.duplicate_free for mapping in self.mappings}
        if self.broken:
            with self.store.read() as connection:
                told = dict.fromkeys(resolving.duplicate_free(connection), True) | told
        return frozenset(name for name, once in told.items() if once)

    @property
    def broken(self) -> ConfigurationError | None:
        """All that is wrong with mappings that do not compile; two that describe one source are wrong too."""
        return ConfigurationError(self._loaded[1]) if self._loaded[1] else None

    def load_mapping(self, file: Path) -> Mapping:
        """Read and compile one mapping of this estate, and validate its ``read:`` section."""
        dates = self.settings.birth_date
        mapping = mapping_language.load(file, plausibility=Plausibility(earliest=dates.earliest, latest=dates.latest))
        adapter_of(mapping, base=self.root)
        return mapping

    def select(self, names: Iterable[str]) -> tuple[Mapping, ...]:
        """Return the mappings of the named sources or systems; all that compile when none is named.

        Raises:
            ConfigurationError: a name is not known, and mappings are broken: it may be one of theirs.
            NotFound: a name is neither a source nor a system; names the nearest.
        """
        wanted = list(names)
        if not wanted:
            return self.mappings
        known = {mapping.name for mapping in self.mappings} | {mapping.system for mapping in self.mappings}
        unknown = [name for name in wanted if name not in known]
        if unknown and self.broken:
            raise self.broken
        if unknown:
            raise NotFound(
                Problem(message=f"no source '{name}'", remedy=did_you_mean(name, sorted(known))) for name in unknown
            )
        return tuple(m for m in self.mappings if m.name in wanted or m.system in wanted)

    def adapter(self, mapping: Mapping) -> Adapter:
        """Return the adapter that a mapping's ``read:`` section describes; its errors say where that stands."""
        return _LocatedAdapter(adapter_of(mapping, base=self.root), mapping.document)

    @cached_property
    def rules(self) -> Rules:
        """The survivorship rules of ``conf/survivorship.yaml``; the defaults when the file is absent."""
        file = self.root / "conf" / "survivorship.yaml"
        if not file.exists():
            return Rules()
        return survivorship_rules.load(load(file), systems={mapping.name: mapping.system for mapping in self.mappings})

    @cached_property
    def store(self) -> Store:
        """The estate's store, opened and migrated."""
        url = self.settings.secret(self.settings.store.url, estate=self.root).get_secret_value()
        store = open_store(_inside(url, self.root))
        store.migrate()
        return store


def open_estate(root: Path) -> Estate:
    """Open the estate in ``root``.

    Raises:
        NotFound: the folder holds neither ``conf/`` nor ``mappings/``.
        ConfigurationError: ``conf/voeg.yaml`` or a ``VOEG_*`` variable is wrong.
    """
    if not any((root / name).is_dir() for name in ("conf", "mappings")):
        raise NotFound(
            Problem(
                message=f"{root} is not an estate: it has neither conf/ nor mappings/",
                remedy="name one with --estate DIR, or make one with 'voeg init DIR'",
            )
        )
    return Estate(root=root.resolve(), settings=load_settings(root))


def adapter_of(mapping: Mapping, *, base: Path) -> Adapter:
    """Make the adapter of a mapping, with its options validated and every problem located in the mapping."""
    options = dict(mapping.read)
    kind = str(options.pop("adapter", ""))
    document = mapping.document
    if kind not in ADAPTERS:
        problem = document.problem(["read", "adapter"], f"unknown adapter '{kind}'", did_you_mean(kind, [*ADAPTERS]))
        raise ConfigurationError(problem)
    module, _, name = ADAPTERS[kind].partition(":")
    adapter = getattr(importlib.import_module(module), name)
    try:
        with _located(document):
            made: Adapter = adapter(adapter.options.model_validate(options), base=base)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise ConfigurationError(
            document.problem_of({**detail, "loc": ("read", *detail["loc"])}, adapter.options) for detail in details
        ) from None
    return made


@dataclass(frozen=True, slots=True)
class _LocatedAdapter:
    """An adapter of which every error says where the system is described, or where in its file it stands."""

    adapter: Adapter
    document: Document

    options: ClassVar[type[ReadOptions]] = ReadOptions

    def check(self) -> Check:
        with _located(self.document):
            return self.adapter.check()

    def discover(self) -> Sequence[Discovered]:
        with _located(self.document):
            return self.adapter.discover()

    def read(self, cursor: Cursor | None = None) -> Iterator[Batch]:
        with _located(self.document):
            yield from self.adapter.read(cursor)


@contextmanager
def _located(document: Document) -> Iterator[None]:
    """Locate problems that have no place of their own at the ``read:`` section of a mapping."""
    try:
        yield
    except VoegError as error:
        read = document.location(["read"])
        raise type(error)(
            problem if problem.location else replace(problem, location=read, path=problem.path or "read")
            for problem in error.problems
        ) from None


def _inside(url: str, root: Path) -> str:
    """Anchor a relative SQLite file at the estate, and make sure that its folder is there."""
    prefix = "sqlite:///"
    if not url.startswith(prefix) or url.startswith((prefix + "/", prefix + ":memory:")) or url == prefix:
        return url
    file = root / url.removeprefix(prefix)
    file.parent.mkdir(parents=True, exist_ok=True)
    return f"{prefix}{file}"

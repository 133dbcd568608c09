"""The demonstration: from an empty folder to golden records, and a report of what they are worth.

Builds the landscape, serves its SOAP services, and then does what an operator would do by hand: sync, train, resolve,
publish. Nothing here is known to the use cases; the estate is read through its own mappings.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from foundation.errors import ConfigurationError, Problem, VoegError
from landscape.build import Landscape, build, built_as, is_built
from landscape.evaluation import Evaluation, evaluate
from landscape.soap_service import serve
from landscape.systems.listing import ALL
from store import outbox
from store.totals import totals
from sync.estate import Estate
from sync.publish import Published, drain, publisher
from sync.resolve import Resolved, resolve_estate
from sync.run import SourceRun, sync
from sync.train import active_model, train
from transform.mapping import Mapping

FOLDER = Path("var") / "landscape"
"""Where the landscape lies in the estate; its mappings say so too."""


class Teller(Protocol):
    """Is told how the demonstration goes, to show it to people."""

    def begin(self, step: str, total: int | None = None) -> None:
        """A step begins; ``total`` is what it counts to, where that is known."""
        ...

    def advance(self, count: int) -> None:
        """The step has come further."""
        ...


@dataclass(slots=True, kw_only=True)
class Report:
    """What a demonstration did."""

    landscape: Landscape
    built: bool = False  # false: it was there
    trained: bool = False  # false: a model was there
    runs: list[SourceRun] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)  # source → why
    resolved: Resolved | None = None
    published: Published | None = None
    totals: dict[str, int] = field(default_factory=dict)
    evaluation: Evaluation | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def nothing_changed(self) -> bool:
        """Whether no source told anything new and nothing was resolved or published."""
        counts = [run.counts for run in self.runs if run.counts is not None]
        still = all(count.landed == 0 and count.deleted == 0 for count in counts)
        unresolved = self.resolved is None or self.resolved.idle
        return still and unresolved and not (self.published and self.published.published)

    @property
    def failed(self) -> bool:
        """Whether a source could not be synced."""
        return any(run.error is not None for run in self.runs)


def demonstrate(estate: Estate, landscape: Landscape, *, retrain: bool, tell: Teller) -> Report:
    """Run the demonstration in an estate that has the landscape's mappings.

    Raises:
        ConfigurationError: the estate lacks the landscape's mappings, or its store holds another landscape.
        VoegError: the store or the model failed. Sources that fail are in the report.
    """
    report = Report(landscape=landscape)
    folder = estate.root / FOLDER
    mappings = _mappings(estate)
    if not is_built(folder, landscape):
        _refuse_to_mix(estate, folder, landscape)
        with _step(report, tell, "building the landscape", landscape.households):
            build(folder, landscape, advance=tell.advance)
        report.built = True
    with serve(folder) as addresses, told_where(addresses):
        readable = tuple(_readable(estate, mappings, report))
        with _step(report, tell, "syncing the sources", landscape.records):
            report.runs = sorted(
                sync(estate, readable, actor="demo", advance=lambda _, rows: tell.advance(rows)),
                key=lambda run: run.source,
            )
    _, untrained = active_model(estate.store)
    if untrained or retrain:
        with _step(report, tell, "training the model"):
            train(estate.store, actor="demo")
        report.trained = True
    with _step(report, tell, "resolving identities"):
        report.resolved = resolve_estate(
            estate, actor="demo", now=datetime.now(UTC), stage=tell.begin, advance=tell.advance
        )
    with _step(report, tell, "publishing", outbox.count(estate.store)), publisher(estate) as broker:
        report.published = drain(estate.store, broker, advance=tell.advance)
    with _step(report, tell, "measuring against the truth"):
        report.evaluation = evaluate(estate.store, folder)
    report.totals = totals(estate.store)
    return report


@contextmanager
def _step(report: Report, tell: Teller, name: str, total: int | None = None) -> Iterator[None]:
    started = datetime.now(UTC)
    tell.begin(name, total)
    try:
        yield
    finally:
        report.seconds[name] = (datetime.now(UTC) - started).total_seconds()


def _mappings(estate: Estate) -> tuple[Mapping, ...]:
    """Return the mappings of the landscape's sources; an estate may have others beside them."""
    wanted = {source for system in ALL for source in system.sources}
    found = tuple(mapping for mapping in estate.mappings if mapping.name in wanted)
    missing = sorted(wanted - {mapping.name for mapping in found})
    if missing and estate.broken:
        raise estate.broken
    if missing:
        raise ConfigurationError(
            Problem(
                message=f"{estate.root / 'mappings'} does not describe the landscape's sources: {', '.join(missing)}",
                remedy="run the demonstration in the project's own folder, or copy its mappings/ into this estate",
            )
        )
    return found


def _refuse_to_mix(estate: Estate, folder: Path, landscape: Landscape) -> None:
    """Keep two landscapes out of one store: the second would look like mass deletion."""
    before = built_as(folder)
    if before is not None and before != landscape and totals(estate.store)["source_records"]:
        raise ConfigurationError(
            Problem(
                message=f"the store holds the landscape of seed {before.seed} with {before.records} records",
                remedy="remove the store (var/voeg.db*) to begin anew, or name another estate with --estate",
            )
        )


@contextmanager
def told_where(addresses: dict[str, str]) -> Iterator[None]:
    """Put the addresses of the services into the environment, where the mappings' references find them."""
    names = {f"VOEG_LANDSCAPE_{name.upper()}_URL": address for name, address in addresses.items()}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _readable(estate: Estate, mappings: tuple[Mapping, ...], report: Report) -> Iterator[Mapping]:
    """Yield the mappings that can be read here; ODBC needs parts of the operating system that may be missing."""
    for mapping in mappings:
        if mapping.read["adapter"] == "odbc":
            try:
                estate.adapter(mapping).check()
            except VoegError as error:
                report.left_out[mapping.name] = str(error)
                continue
        yield mapping

"""How an estate stands: its sources, what the store holds, what waits, and what decides who is who."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from foundation.errors import ConfigurationError
from identity import release
from identity.model import BIT, Model
from store import models, resolving, sources
from store.totals import totals
from sync.estate import Estate
from sync.resolve import with_settings
from sync.train import active_model, outgrown


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """The model that the next resolve uses, and whether customers are made with it."""

    version: str  # with what the estate sets: the one that resolving names
    base: str  # version of the model that it derives from; the same, where the estate sets nothing
    prior: bool  # whether that is the packaged one, because none was trained
    link_threshold: float  # in bits
    review_threshold: float  # in bits
    duplicate_free: tuple[str, ...]  # sources that have a customer once
    set_here: tuple[str, ...]  # what of these the estate sets otherwise than the model
    made_from: int | None  # records; None: the model does not tell
    made_with: str | None  # version that customers were last made with, completely; None: never yet
    another_release: bool  # whether they were made by a program that matches otherwise
    outgrown: str | None  # why the model should be trained again

    @property
    def up_to_date(self) -> bool:
        """Whether the next resolve links no more than what changed."""
        return self.made_with == self.version and not self.another_release


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How an estate stands."""

    sources: pl.DataFrame  # as ``store.sources.status``; sources that were never read are there too
    totals: dict[str, int]  # as ``store.totals``
    matching: Matching | None  # None: the model is not one of this release; see ``problem``
    problem: str | None  # why there is no matching, and what to do


def status(estate: Estate) -> Status:
    """Look at the store; sources of the estate that were never read stand in it with nulls."""
    known = sources.status(estate.store)
    described = pl.DataFrame(
        {"source": [m.name for m in estate.mappings], "system": [m.system for m in estate.mappings]},
        schema={"source": pl.String, "system": pl.String},
    )
    never = described.join(known, on="source", how="anti")
    found, problem = None, None
    try:
        found = matching(estate)
    except ConfigurationError as error:  # what stands wrong is told, all else is told too
        problem = str(error)
    return Status(
        sources=pl.concat([known, never], how="diagonal").sort("source"),
        totals=totals(estate.store),
        matching=found,
        problem=problem,
    )


def matching(estate: Estate) -> Matching:
    """Tell what the next resolve decides by.

    Raises:
        ConfigurationError: the model in use is not one of this release.
    """
    base, prior = active_model(estate.store)
    model = with_settings(base, estate.settings.identity, estate.duplicate_free)
    with estate.store.read() as connection:
        made_with = resolving.made_with(connection)
    made_from = base.profile.get("records")
    return Matching(
        version=model.version,
        base=base.version,
        prior=prior,
        link_threshold=model.link_threshold / BIT,
        review_threshold=model.review_threshold / BIT,
        duplicate_free=tuple(sorted(model.duplicate_free)),
        set_here=_set_here(base, model),
        made_from=made_from if isinstance(made_from, int) else None,
        made_with=made_with.model,
        another_release=made_with.model is not None and made_with.code != release.digest(),
        outgrown=outgrown(base, models.parties(estate.store)),
    )


def _set_here(base: Model, model: Model) -> tuple[str, ...]:
    names = ("link_threshold", "review_threshold", "duplicate_free")
    return tuple(name for name in names if getattr(base, name) != getattr(model, name))

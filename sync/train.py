"""The identity model of an estate: train it on what is landed, choose one, compare two."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import polars as pl

from canonical_model.schema import Kind, content_schema
from foundation.errors import ConfigurationError, NotFound, Problem, did_you_mean
from foundation.settings import GenericSettings
from identity import features, linking
from identity.model import BIT, Model, packaged_prior
from store import models, resolving
from store.engine import Store
from sync.link import landed

OUTGROWN: Final = 2
"""How many times the records that a model was made from there may be before it should be made anew."""
PRIOR: Final = "prior"
"""The name of the model that comes with the software."""


# --- making and choosing one -----------------------------------------------------------------------------------


def train(store: Store, *, actor: str, generic: GenericSettings | None = None) -> Model:
    """Train on all live parties and what people decided; the next resolve uses the new version for everything.

    Training never happens silently: this is the only caller.

    Args:
        store: with landed parties.
        actor: who asked for it.
        generic: values that the estate knows to prove nothing.
    """
    from identity.training import train as train_model  # noqa: PLC0415 -- Splink takes seconds to import

    with store.read() as connection:
        decisions = resolving.decisions(connection)
    with tempfile.TemporaryDirectory(prefix="voeg-train-") as folder:
        for number, found in enumerate(landed(store)):
            found.write_parquet(Path(folder) / f"{number:06}.parquet", compression="lz4")
        if not any(Path(folder).iterdir()):
            features.compute(resolving.no_parties()).write_parquet(Path(folder) / "none.parquet")
        model = train_model(Path(folder), generic=generic_features(generic or GenericSettings()), decisions=decisions)
    note = f"trained on {model.profile['records']} records"
    models.activate(store, model.version, model.to_json(), actor=actor, now=datetime.now(UTC), note=note)
    return model


def generic_features(settings: GenericSettings) -> Mapping[str, frozenset[str]]:
    """Return values known to prove nothing as the features hold them: made like those of the records themselves."""
    listed = pl.DataFrame(
        [
            *({"phones": [{"number": value}]} for value in settings.phones),
            *({"emails": [{"address": value}]} for value in settings.emails),
            *({"identifiers": [{"type": "iban", "value": value}]} for value in settings.ibans),
            *({"birth_date": value} for value in settings.birth_dates),
            *({"given_name": value} for value in settings.given_names),
            *({"family_name": value} for value in settings.family_names),
            *({"organisation_name": value} for value in settings.organisation_names),
        ],
        schema=content_schema(Kind.PARTY),
    )
    if listed.is_empty():
        return {}
    named = listed.with_columns(
        record_no=pl.int_range(pl.len(), dtype=pl.Int64), data_source=pl.lit("settings"), record_id=pl.lit("")
    )
    found = features.compute(named)
    texts = ("birth_date", "given", "family", "organisation")
    lists = ("phones", "emails", "ibans", "given_roots", "given_names", "family_parts")
    values = {name: frozenset(found[name].drop_nulls()) for name in texts}
    values |= {name: frozenset(found[name].explode().drop_nulls()) for name in lists}
    # A nickname that is listed says nothing of the names that it stands for.
    values["given_roots"] &= values["given"]
    return {name: some for name, some in values.items() if some}


def active_model(store: Store) -> tuple[Model, bool]:
    """Return the model in use, and whether it is the packaged prior because none was trained."""
    artefact = models.active(store)
    return (Model.from_json(artefact), False) if artefact else (packaged_prior(), True)


def find_model(store: Store, name: str | None) -> Model:
    """Return a model.

    Args:
        store: where models are kept.
        name: its version; ``prior`` for the one that comes with the software; a file that one was exported to; or None,
            the one in use.

    Raises:
        NotFound: there is no such version, nor file.
        ConfigurationError: it is no model of this release.
    """
    if name is None:
        return active_model(store)[0]
    if name in (PRIOR, packaged_prior().version):
        return packaged_prior()
    artefact = models.artefact(store, name)
    if artefact is None and Path(name).is_file():
        return read_model(Path(name))
    if artefact is None:
        known = [*models.versions(store), PRIOR]
        message = f"there is no model '{name}', and no such file"
        raise NotFound(Problem(message=message, remedy=did_you_mean(name, known)))
    return Model.from_json(artefact)


def read_model(file: Path) -> Model:
    """Return the model in a file.

    Raises:
        ConfigurationError: it cannot be read, or holds no model of this release.
    """
    try:
        return Model.from_json(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        message, remedy = f"the model cannot be read: {reason}", "name a file that 'voeg model export' wrote"
        raise ConfigurationError(Problem(message=message, path=str(file), remedy=remedy)) from None
    except ConfigurationError as error:
        raise ConfigurationError(
            Problem(message=problem.message, path=str(file), remedy=problem.remedy) for problem in error.problems
        ) from None


def write_model(model: Model, file: Path) -> None:
    """Write a model to a file.

    Raises:
        ConfigurationError: it cannot be written there.
    """
    try:
        file.write_text(model.to_json() + "\n", encoding="ascii")
    except OSError as error:
        message = f"the model cannot be written: {error.strerror}"
        problem = Problem(message=message, path=str(file), remedy="name a file in a folder that you may write to")
        raise ConfigurationError(problem) from None


def use(store: Store, name: str, *, actor: str) -> Model:
    """Make a model the one that the next resolve uses; see ``find_model`` for the name and what is raised."""
    model = find_model(store, name)
    models.activate(store, model.version, model.to_json(), actor=actor, now=datetime.now(UTC), note=_note(name))
    return model


def bring(store: Store, file: Path, *, actor: str) -> Model:
    """Keep the model in a file; which one is in use stays as it is. See ``read_model`` for what is raised."""
    model = read_model(file)
    models.keep(store, model.version, model.to_json(), actor=actor, now=datetime.now(UTC), note=_note(file.name))
    return model


def _note(name: str) -> str:
    return "the packaged prior" if name == PRIOR else f"from {name}"


def outgrown(model: Model, records: int) -> str | None:
    """Tell that a model was made from far fewer records than there are now; None when not.

    What was common, generic or rare when it was made may not be so any more.
    """
    made_from = model.profile.get("records")
    if not isinstance(made_from, int) or records <= OUTGROWN * made_from:
        return None
    return f"the model was made from {made_from:,} records and there are {records:,} now: train again"


# --- comparing two ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One level of evidence that two models weigh differently, in bits."""

    party_type: str
    comparison: str  # or "prior"
    level: str  # or, of a prior, against whom
    against_strangers: tuple[float, float] | None  # by the one, by the other
    against_relatives: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """What two models decide differently about the same records."""

    records: int
    clusters: tuple[int, int]  # by the one, by the other
    pairs: tuple[int, int]  # records together
    both: int  # pairs together by both


def differences(one: Model, other: Model) -> list[Difference]:
    """Return what two models weigh differently, most different first."""
    found = []
    for party_type, population in one.populations.items():
        against = other.populations[party_type]
        strangers = population.stranger_prior / BIT, against.stranger_prior / BIT
        relatives = population.relative_prior / BIT, against.relative_prior / BIT
        rows = [("prior", "strangers", strangers, None), ("prior", "relatives", None, relatives)]
        rows += [
            (name, level.name, (level.stranger / BIT, also.stranger / BIT), (level.relative / BIT, also.relative / BIT))
            for name, levels in population.comparisons.items()
            for level, also in zip(levels, against.comparisons[name], strict=True)
        ]
        found += [
            Difference(
                party_type=party_type,
                comparison=name,
                level=level,
                against_strangers=stranger,
                against_relatives=relative,
            )
            for name, level, stranger, relative in rows
        ]
    return sorted((one for one in found if _apart(one)), key=lambda one: (-_apart(one), one.comparison, one.level))


def _apart(one: Difference) -> float:
    pairs = [pair for pair in (one.against_strangers, one.against_relatives) if pair]
    return max(abs(left - right) for left, right in pairs)


def disagreement(store: Store, one: Model, other: Model, *, records: int) -> Disagreement:
    """Link a sample of the live parties by two models and count where they differ.

    Args:
        store: with landed parties.
        one: a model.
        other: another.
        records: size of the sample, about. It is taken by family name or name of the organisation, so that what
            belongs together mostly is in it together.
    """
    with store.read() as connection:
        decisions = resolving.decisions(connection)
    every = max(1, round(models.parties(store) / max(1, records)))
    name = pl.coalesce("family", "organisation", pl.col("record_no").cast(pl.String))
    sample = pl.concat(
        [
            pl.DataFrame(schema=features.SCHEMA),
            *(found.filter(name.hash(seed=0) % every == 0) for found in landed(store)),
        ]
    )
    left, right = (linking.link(sample, decisions, model).clusters for model in (one, other))
    both = left.join(right.select("record_no", also="cluster"), on="record_no")
    return Disagreement(
        records=sample.height,
        clusters=(both["cluster"].n_unique(), both["also"].n_unique()),
        pairs=(_pairs(both, "cluster"), _pairs(both, "also")),
        both=_pairs(both, "cluster", "also"),
    )


def _pairs(frame: pl.DataFrame, *by: str) -> int:
    sizes = frame.group_by(by).len()["len"].cast(pl.Int64)
    return int((sizes * (sizes - 1) // 2).sum())

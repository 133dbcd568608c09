"""Train the identity model on what is landed, and make it the active one."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from identity import features
from identity.model import Model, packaged_prior
from store import models, resolving
from store.engine import Store


def train(store: Store, *, actor: str) -> Model:
    """Train on all live parties; the next resolve uses the new version and re-links everything.

    Training never happens silently: this is the only caller.
    """
    from identity.training import train as train_model  # noqa: PLC0415 -- Splink takes seconds to import

    model = train_model(landed_features(store))
    models.activate(store, model.version, model.to_json(), actor=actor, now=datetime.now(UTC))
    return model


def active_model(store: Store) -> tuple[Model, bool]:
    """Return the model in use, and whether it is the packaged prior because none was trained."""
    artefact = models.active(store)
    return (Model.from_json(artefact), False) if artefact else (packaged_prior(), True)


def landed_features(store: Store) -> pl.DataFrame:
    """Return the features of all live parties, computed chunk by chunk: contents never stand in memory together."""
    chunks = [features.compute(parties) for parties in resolving.live_parties(store)]
    return pl.concat(chunks) if chunks else features.compute(resolving.no_parties())

"""Relations between customers that are not one: households, people and their organisations, who pays for whom.

A by-product of telling people apart: what relatives share, and what therefore proves next to nothing about who is who,
is what relates them. A value that very many share relates nobody.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from identity import components, features
from identity.model import Model
from identity.records import view

AT_MOST: Final = 12
"""Customers that may share a value, and customers in a household; beyond it nobody is related by that."""

HOUSEHOLD: Final = "household"
ORGANISATION: Final = "organisation"
DECLARED: Final = "declared"

_TEXTS = pl.List(pl.String())
FACT_SCHEMA: Final = pl.Schema(
    {
        "entity_id": pl.Int64(),
        "party_type": pl.String(),
        "address": _TEXTS,
        "name": _TEXTS,  # parts of the family name; words of an organisation's
        "phone": _TEXTS,
        "email": _TEXTS,
        "iban": _TEXTS,
        "registration": _TEXTS,
    }
)
"""What relates customers, one row each; as features tell it, without generic values."""

DECLARED_SCHEMA: Final = pl.Schema({"one": pl.Int64(), "other": pl.Int64(), "kind": pl.String()})
"""What a source says: ``other`` is the ``kind`` (payer …) of ``one``."""

RELATION_SCHEMA: Final = pl.Schema({**DECLARED_SCHEMA, "because": _TEXTS})
"""How two customers are related.

``kind`` is *household* (two people, ``one`` < ``other``), *organisation* (``other`` is the organisation of the person
``one``), or what a source declared: ``other`` is the ``kind`` of ``one``. ``because`` names what they share, in the
order of ``FACT_SCHEMA``, after *declared*.
"""

HOUSEHOLD_SCHEMA: Final = pl.Schema({"household": pl.Int64(), "entity_id": pl.Int64()})
"""Who lives together; a household is named by its smallest entity id."""

_SHARED: Final = ("address", "name", "phone", "email", "iban", "registration")
_POINTS: Final = ("phone", "email", "iban", "registration")
"""What relates by itself, or together with an address; address and name only do so together."""


def facts(customers: pl.DataFrame, model: Model) -> pl.DataFrame:
    """Return what may relate customers (``FACT_SCHEMA``).

    Args:
        customers: ``entity_id`` and the content columns of a party: what survived of each.
        model: knows the generic values.
    """
    parties = customers.with_columns(
        record_no=pl.col("entity_id"), data_source=pl.lit(""), record_id=pl.col("entity_id").cast(pl.String)
    )
    told = view(model)(features.compute(parties))
    is_person = pl.col("party_type") == "person"
    return told.select(
        pl.col("record_no").alias("entity_id"),
        "party_type",
        pl.col("addresses").alias("address"),
        pl.when(is_person).then("family_parts").otherwise("organisation_words").alias("name"),
        pl.col("phones").alias("phone"),
        pl.col("emails").alias("email"),
        pl.col("ibans").alias("iban"),
        pl.col("registrations").alias("registration"),
    )


def relate(customers: pl.DataFrame, declared: pl.DataFrame) -> pl.DataFrame:
    """Return who is related to whom (``RELATION_SCHEMA``), sorted.

    Args:
        customers: ``FACT_SCHEMA``; all customers, or all that share a value with those of interest.
        declared: ``DECLARED_SCHEMA``: what sources say.
    """
    said = declared.filter(pl.col("one") != pl.col("other")).unique()
    found = _compared(customers, _pairs(customers))
    both_people = (pl.col("type_one") == "person") & (pl.col("type_other") == "person")
    shares_a_point = pl.any_horizontal(_POINTS)
    at_home = pl.col("address") & pl.col("name")
    home = found.filter(
        both_people & pl.col("address") & (pl.col("name") | pl.any_horizontal("phone", "email", "iban"))
    )
    mixed = found.filter((pl.col("type_one") != pl.col("type_other")) & (shares_a_point | at_home))
    person_first = pl.col("type_one") == "person"
    works = mixed.with_columns(
        one=pl.when(person_first).then("one").otherwise("other"),
        other=pl.when(person_first).then("other").otherwise("one"),
    )
    parts = [
        home.with_columns(kind=pl.lit(HOUSEHOLD)),
        works.with_columns(kind=pl.lit(ORGANISATION)),
        _compared(customers, said).with_columns(declared=pl.lit(True)),
    ]
    because = [pl.when(pl.col(name)).then(pl.lit(name)) for name in (DECLARED, *_SHARED)]
    return (
        pl.concat(parts, how="diagonal")
        .with_columns(because=pl.concat_list(because).list.drop_nulls())
        .select(pl.col(name).cast(dtype) for name, dtype in RELATION_SCHEMA.items())
        .sort("one", "other", "kind")
    )


def households(relations: pl.DataFrame) -> pl.DataFrame:
    """Return who lives together (``HOUSEHOLD_SCHEMA``), sorted; what would be too large is not told as one."""
    pairs = relations.filter(pl.col("kind") == HOUSEHOLD)
    people = np.unique(pairs.select("one", "other").to_numpy())
    label = components.label(
        people.size, np.searchsorted(people, pairs["one"]), np.searchsorted(people, pairs["other"])
    )
    return (
        pl.DataFrame({"household": people[label], "entity_id": people}, schema=HOUSEHOLD_SCHEMA)
        .filter(pl.len().over("household") <= AT_MOST)
        .sort("household", "entity_id")
    )


def _pairs(customers: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs that share a value of few: ``one`` < ``other``, each once."""
    keys = [
        customers.select("entity_id", pl.lit(name).alias("what"), pl.col(name).alias("value")).explode("value")
        for name in _POINTS
    ]
    named_home = customers.select("entity_id", "address", "name").explode("address").explode("name")
    keys.append(
        named_home.select(
            "entity_id", pl.lit("home").alias("what"), pl.concat_str("address", pl.lit("\x1f"), "name").alias("value")
        )
    )
    shared = (
        pl.concat(keys)
        .drop_nulls("value")
        .unique()
        .filter(pl.len().over("what", "value").is_between(2, AT_MOST))
        .select("entity_id", key=pl.struct("what", "value").rank("dense"))
    )
    return (
        shared.rename({"entity_id": "one"})
        .join(shared.rename({"entity_id": "other"}), on="key")
        .filter(pl.col("one") < pl.col("other"))
        .select("one", "other")
        .unique()
    )


def _compared(customers: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Return pairs with ``type_one``, ``type_other`` and, for each thing that relates, whether they share it."""
    sides = [
        customers.rename(
            {name: f"{name}_{side}" for name in _SHARED} | {"party_type": f"type_{side}", "entity_id": side}
        )
        for side in ("one", "other")
    ]
    both = pairs.join(sides[0], on="one").join(sides[1], on="other")
    return both.with_columns(
        pl.col(f"{name}_one").list.set_intersection(f"{name}_other").list.len().fill_null(0).gt(0).alias(name)
        for name in _SHARED
    ).select(*pairs.columns, "type_one", "type_other", *_SHARED)

"""The keys by which channels find a customer: every live member value, and whether it is the one that survived."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

from canonical_model.golden import decode

LOOKUP_KEYS = pl.Schema({"entity_id": pl.Int64, "kind": pl.String, "value": pl.String, "current": pl.Boolean})

PHONE, EMAIL, PRODUCT = "phone", "email", "product"
"""Kinds of key beside the identifier types (``customer_number``, ``iban`` …), which are kinds themselves."""

_LISTS: Final = {"phones": (PHONE, "number"), "emails": (EMAIL, "address"), "identifiers": (None, "value")}
"""The lists of a party whose elements are keys: of which kind (None: the element's type), and which field of theirs."""

_E164 = r"^\+[1-9]\d{6,14}$"


def keys(members: pl.DataFrame, golden: pl.DataFrame, products: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return the look-up keys of entities.

    A product's number is a key too, since it is what a customer calls from or knows the product by: of kind
    ``phone`` when it is a phone number in E.164 (a subscription), otherwise of kind ``product`` (a card, a meter).

    Args:
        members: the live source records, as for ``survivorship.compute``.
        golden: their golden records, as ``survivorship.compute`` gives them.
        products: the product satellites, as for ``survivorship.compute``.

    Returns:
        Columns ``LOOKUP_KEYS``, sorted and distinct. ``current`` is true when the golden record holds the value,
        false when it was superseded by another member's. Values are as ``normal`` makes them.
    """
    live = [_party_keys(members)]
    if products is not None:
        live.append(_product_keys(products))
    values = golden.select("entity_id").hstack(decode(golden["payload"], *_LISTS, "products"))
    survived = values.select("entity_id", "products").explode("products").unnest("products")
    current = pl.concat([_party_keys(values), _product_keys(survived)]).unique()
    return (
        pl.concat([*live, current])
        .unique()
        .join(current.with_columns(current=True), on=["entity_id", "kind", "value"], how="left")
        .with_columns(pl.col("current").fill_null(False))
        .sort("entity_id", "kind", "value")
    )


def normal(kind: str, value: str) -> str:
    """Return a value as it stands in the keys of its kind; what a caller asks for goes through here first.

    In plain Python, as one value through Polars costs more than the look-up it serves.
    """
    compact = "".join(value.split())
    return compact.lower() if kind == EMAIL else compact.upper()


def _party_keys(parties: pl.DataFrame) -> pl.DataFrame:
    element = pl.col("element").struct
    return _shaped(
        parties.select("entity_id", element=name)
        .explode("element")
        .select(
            "entity_id",
            (element.field("type") if kind is None else pl.lit(kind)).alias("kind"),
            value=element.field(value),
        )
        for name, (kind, value) in _LISTS.items()
    )


def _product_keys(products: pl.DataFrame) -> pl.DataFrame:
    number = pl.col("number")
    kind = pl.when(number.str.contains(_E164)).then(pl.lit(PHONE)).otherwise(pl.lit(PRODUCT))
    return _shaped([products.select("entity_id", kind=kind, value=number)])


def _shaped(keys: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Put keys together, without those of no kind or value, as they are looked up."""
    told = pl.concat(keys).filter(pl.col("kind").is_not_null() & pl.col("value").is_not_null())
    return told.with_columns(value=_normal(pl.col("kind"), pl.col("value")))


def _normal(kind: pl.Expr, value: pl.Expr) -> pl.Expr:
    """E-mail addresses in lower case; of all else white space goes and letters become capitals."""
    compact = value.str.replace_all(r"\s+", "")
    return pl.when(kind == EMAIL).then(compact.str.to_lowercase()).otherwise(compact.str.to_uppercase())

"""The keys by which channels find a customer: every live member value, and whether it is the one that survived."""

from __future__ import annotations

import polars as pl

from canonical_model.golden import decode

LOOKUP_KEYS = pl.Schema({"entity_id": pl.Int64, "kind": pl.String, "value": pl.String, "current": pl.Boolean})

PHONE, EMAIL, PRODUCT = "phone", "email", "product"
"""Kinds of key beside the identifier types (``customer_number``, ``iban`` …), which are kinds themselves."""

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
    live = [*_party_keys(members)]
    if products is not None:
        live.append(_product_keys(products.select("entity_id", "number")))
    values = golden.select("entity_id").hstack(decode(golden["payload"]))
    survived = values.select("entity_id", "products").explode("products").unnest("products")
    current = pl.concat([*_party_keys(values), _product_keys(survived.select("entity_id", "number"))])
    found = pl.concat([*live, current]).unique()
    return (
        found.join(
            current.unique().with_columns(current=True),
            on=["entity_id", "kind", "value"],
            how="left",
        )
        .with_columns(pl.col("current").fill_null(False))
        .sort("entity_id", "kind", "value")
    )


def normal(kind: str, value: str) -> str:
    """Return a value as it stands in the keys of its kind; what a caller asks for goes through here first.

    In plain Python, as one value through Polars costs more than the look-up it serves.
    """
    compact = "".join(value.split())
    return compact.lower() if kind == EMAIL else compact.upper()


def _normal(kind: pl.Expr, value: pl.Expr) -> pl.Expr:
    """E-mail addresses in lower case; of all else white space goes and letters become capitals."""
    compact = value.str.replace_all(r"\s+", "")
    return pl.when(kind == EMAIL).then(compact.str.to_lowercase()).otherwise(compact.str.to_uppercase())


def _party_keys(parties: pl.DataFrame) -> list[pl.DataFrame]:
    return [
        _elements(parties, "phones", pl.lit(PHONE), "number"),
        _elements(parties, "emails", pl.lit(EMAIL), "address"),
        _elements(parties, "identifiers", pl.col("type"), "value"),
    ]


def _elements(parties: pl.DataFrame, name: str, kind: pl.Expr, value: str) -> pl.DataFrame:
    elements = parties.select("entity_id", name).filter(pl.col(name).list.len() > 0).explode(name).unnest(name)
    return _shaped(elements, kind, pl.col(value))


def _product_keys(numbers: pl.DataFrame) -> pl.DataFrame:
    number = pl.col("number")
    kind = pl.when(number.str.contains(_E164)).then(pl.lit(PHONE)).otherwise(pl.lit(PRODUCT))
    return _shaped(numbers, kind, number)


def _shaped(rows: pl.DataFrame, kind: pl.Expr, value: pl.Expr) -> pl.DataFrame:
    return rows.filter(kind.is_not_null() & value.is_not_null()).select(
        "entity_id", kind.alias("kind"), _normal(kind, value).alias("value")
    )

"""Billing: the customer master of the mainframe, in capitals, without given names; letters and mandates beside it."""

from __future__ import annotations

import polars as pl

from adapters.mainframe.encoder import WriteOptions
from landscape.copies import Holding
from landscape.deliveries import MainframeFile
from landscape.systems import letters, mandates
from landscape.systems.base import (
    Extras,
    System,
    code,
    date_number,
    listed,
    organisation,
    plain_upper,
    surname_first,
    text,
)

_CODES = {"internet": "INT", "tv": "TV", "mobile": "MOB", "fixed_line": "VST"}
_SLOTS = 4


def native(copies: pl.DataFrame, extras: Extras) -> pl.DataFrame:
    """Return rows with the columns of CUSTMAST."""
    rows = copies.join(_products(copies, extras), on="key", how="left", maintain_order="left")
    name = pl.when(organisation()).then("organisation_name").otherwise(surname_first("initials"))
    return rows.select(
        pl.col("person_id"),
        pl.col("billing_key").cast(pl.Int64).alias("CM-KLANTNR"),
        pl.when(organisation()).then(pl.lit("Z")).otherwise(pl.lit("P")).alias("CM-SOORT"),
        pl.when("closed").then(pl.lit("X")).when(pl.col("key") % 40 == 0).then(pl.lit("S"))
        .otherwise(pl.lit("A")).alias("CM-STATUS"),
        text(plain_upper(name), 40).alias("CM-NAAM"),
        date_number("birth_date").alias("CM-GEBDAT"),
        code("gender", {"male": "M", "female": "V"}).alias("CM-GESLACHT"),
        text(plain_upper("street"), 24).alias("CM-STRAAT"),
        pl.col("house_number").cast(pl.Int64, strict=False).fill_null(0).alias("CM-HUISNR"),
        text(plain_upper("house_number_suffix"), 4).alias("CM-TOEVOEGING"),
        text("postcode", 6).alias("CM-POSTCODE"),
        text(plain_upper("city"), 20).alias("CM-PLAATS"),
        text("iban", 18).alias("CM-IBAN"),
        pl.col("chamber_of_commerce").cast(pl.Int64).fill_null(0).alias("CM-KVK"),
        text("vat", 14).alias("CM-BTW"),
        ((pl.col("key") * 37 % 120_000 - 40_000) / 100).round(2).cast(pl.Decimal(9, 2)).alias("CM-SALDO"),
        date_number("changed_on").alias("CM-MUTDATUM"),
        pl.col("changed_at").dt.strftime("%H%M%S").cast(pl.Int64).alias("CM-MUTTIJD"),
        _phones().alias("CM-TELEFOON"),
        pl.col("products").alias("CM-PRODUCT"),
    )  # fmt: skip


def _phones() -> pl.Expr:
    """List the phones that there are, each with its kind."""
    kinds = {"V": "landline", "M": "mobile"}
    phones = pl.concat_list(
        pl.struct(pl.lit(kind).alias("CT-SOORT"), pl.col(column).alias("CT-NUMMER")) for kind, column in kinds.items()
    )
    return phones.list.eval(pl.element().filter(pl.element().struct.field("CT-NUMMER").is_not_null()))


def _products(copies: pl.DataFrame, extras: Extras) -> pl.DataFrame:
    """Return key and the elements of the product table; what comes fifth is not there."""
    product = pl.struct(
        code("product_type", _CODES).alias("CP-CODE"),
        pl.col("number").alias("CP-NUMMER"),
        pl.when(pl.col("ended_on").is_null()).then(pl.lit("A")).otherwise(pl.lit("E")).alias("CP-STATUS"),
        date_number("started_on").alias("CP-INGANG"),
        date_number("ended_on").alias("CP-EINDE"),
    )
    rows = listed(copies, extras.products, _SLOTS)
    return rows.group_by("key", maintain_order=True).agg(product.alias("products"))


SYSTEM = System(
    name="billing",
    holding=Holding(
        source="billing_customers",
        adults=0.50,
        elders=0.60,
        organisations=0.75,
        given=(0, 0, 1),
        age=3.5,
        wear=0.8,
        fills={
            "birth_date": 0.90,
            "gender": 0.80,
            "address": 1,
            "landline": 0.5,
            "mobile": 0.6,
            "iban": 0.93,
            "chamber_of_commerce": 0.9,
            "vat": 0.7,
        },
    ),
    delivery=MainframeFile(
        path="billing/CUSTMAST.DAT",
        copybook="CUSTMAST.cpy",
        code_page="cp1140",
        format=WriteOptions(record_format="VB"),
    ),
    native=native,
    record_id=pl.col("CM-KLANTNR").cast(pl.String),
    further=(letters.LETTERS, mandates.MANDATES),
)

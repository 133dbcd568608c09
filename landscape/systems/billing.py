"""Billing: the customer master of the mainframe, in capitals, without given names."""

from __future__ import annotations

import polars as pl

from landscape.copies import Holding
from landscape.deliveries import MainframeFile
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
    empty_slots = pl.lit(pl.Series([[None] * _SLOTS], dtype=pl.List(_SLOT))).first()
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
        pl.concat_list("landline", "mobile").alias("CM-TELEFOON"),
        text("iban", 18).alias("CM-IBAN"),
        pl.col("chamber_of_commerce").cast(pl.Int64).fill_null(0).alias("CM-KVK"),
        text("vat", 14).alias("CM-BTW"),
        ((pl.col("key") * 37 % 120_000 - 40_000) / 100).round(2).cast(pl.Decimal(9, 2)).alias("CM-SALDO"),
        pl.col("count").fill_null(0).alias("CM-AANTAL"),
        pl.coalesce("slots", empty_slots).alias("CM-PRODUCT"),
        date_number("changed_on").alias("CM-MUTDATUM"),
        pl.col("changed_at").dt.strftime("%H%M%S").cast(pl.Int64).alias("CM-MUTTIJD"),
    )  # fmt: skip


_SLOT = pl.Struct(
    {
        "CP-CODE": pl.String,
        "CP-NUMMER": pl.String,
        "CP-STATUS": pl.String,
        "CP-INGANG": pl.Int64,
        "CP-EINDE": pl.Int64,
    }
)


def _products(copies: pl.DataFrame, extras: Extras) -> pl.DataFrame:
    """Return key, count and the four slots of the product table; what comes fifth is not there."""
    rows = listed(copies, extras.products, _SLOTS)
    slot = pl.struct(
        code("product_type", _CODES).alias("CP-CODE"),
        pl.col("number").alias("CP-NUMMER"),
        pl.when(pl.col("ended_on").is_null()).then(pl.lit("A")).otherwise(pl.lit("E")).alias("CP-STATUS"),
        date_number("started_on").alias("CP-INGANG"),
        date_number("ended_on").alias("CP-EINDE"),
    ).cast(_SLOT)
    grouped = rows.group_by("key", maintain_order=True).agg(slot.alias("slots"), count=pl.len().cast(pl.Int64))
    padding = pl.lit(pl.Series([[None] * _SLOTS], dtype=pl.List(_SLOT))).first()
    return grouped.with_columns(pl.concat_list("slots", padding).list.head(_SLOTS))


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
    delivery=MainframeFile(path="billing/CUSTMAST.DAT", copybook="CUSTMAST.cpy", code_page="cp037"),
    native=native,
    record_id=pl.col("CM-KLANTNR").cast(pl.String),
)

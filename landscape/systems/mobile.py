"""Mobile activation: the subscriptions of the mainframe, with two-digit years and the payer's number."""

from __future__ import annotations

import polars as pl

from landscape.copies import Holding
from landscape.deliveries import MainframeFile
from landscape.systems.base import Extras, System, international, listed, text

_SLOTS = 3
_SLOT = pl.Struct(
    {
        "MB-MSISDN": pl.Int64,
        "MB-BUNDEL": pl.String,
        "MB-INGANG": pl.Int64,
        "MB-EINDE": pl.Int64,
        "MB-LIMIET": pl.Decimal(7, 2),
    }
)
_EMPTY = pl.lit(pl.Series([[None] * _SLOTS], dtype=pl.List(_SLOT))).first()


def native(copies: pl.DataFrame, extras: Extras) -> pl.DataFrame:
    """Return rows with the columns of MOBACT."""
    rows = copies.join(_subscriptions(copies, extras), on="key", how="left", maintain_order="left")
    return rows.select(
        pl.col("person_id"),
        pl.col("key").alias("MA-NUMMER"),
        international("mobile").cast(pl.Int64, strict=False).fill_null(0).alias("MA-MSISDN"),
        text("given", 20).alias("MA-VOORNAAM"),
        text(pl.col("initials").str.replace_all(".", "", literal=True), 8).alias("MA-VOORLETTERS"),
        text("infix", 10).alias("MA-TUSSENVOEGSEL"),
        text("family_name", 30).alias("MA-ACHTERNAAM"),
        pl.col("birth_date").dt.strftime("%y%m%d").cast(pl.Int64).fill_null(0).alias("MA-GEBDAT"),
        pl.col("gender").replace_strict({"male": 1, "female": 2}, default=0, return_dtype=pl.Int64)
        .alias("MA-GESLACHT"),
        text("street", 30).alias("MA-STRAAT"),
        pl.col("house_number").cast(pl.Int64, strict=False).fill_null(0).alias("MA-HUISNR"),
        text("house_number_suffix", 5).alias("MA-TOEVOEGING"),
        pl.col("postcode").str.head(4).cast(pl.Int64, strict=False).fill_null(0).alias("MA-PC-CIJFERS"),
        text(pl.col("postcode").str.tail(2), 2).alias("MA-PC-LETTERS"),
        text("city", 25).alias("MA-PLAATS"),
        text("email", 60).alias("MA-EMAIL"),
        text("iban", 18).alias("MA-REKENING"),
        pl.col("payer").cast(pl.Int64).fill_null(0).alias("MA-BETALER"),
        pl.when("closed").then(9).otherwise(0).alias("MA-STATUS"),
        pl.col("changed_at").dt.strftime("%Y%m%d%H%M%S").alias("MA-MUTATIE"),
        pl.coalesce("slots", _EMPTY).alias("MA-ABONNEMENT"),
    )  # fmt: skip


def _subscriptions(copies: pl.DataFrame, extras: Extras) -> pl.DataFrame:
    """Return key and the three slots of the subscription table."""
    rows = listed(copies, extras.products.filter(pl.col("product_type") == "mobile"), _SLOTS)
    slot = pl.struct(
        international("number").cast(pl.Int64).alias("MB-MSISDN"),
        pl.col("name").alias("MB-BUNDEL"),
        pl.col("started_on").dt.strftime("%Y%m%d").cast(pl.Int64).alias("MB-INGANG"),
        pl.coalesce(pl.col("ended_on").dt.strftime("%Y%m%d"), pl.lit("99991231")).cast(pl.Int64).alias("MB-EINDE"),
        ((pl.col("key") % 20 + 1) * 5).cast(pl.Decimal(7, 2)).alias("MB-LIMIET"),
    ).cast(_SLOT)
    grouped = rows.group_by("key", maintain_order=True).agg(slot.alias("slots"))
    return grouped.with_columns(pl.concat_list("slots", _EMPTY).list.head(_SLOTS))


SYSTEM = System(
    name="mobile",
    holding=Holding(
        source="mobile_subscribers",
        adults=0.42,
        elders=0.25,
        minors=0.6,
        twice=0.05,
        given=(0.55, 0.40, 0.05),
        fills={"birth_date": 0.88, "gender": 0.9, "address": 0.9, "mobile": 1, "email": 0.35, "iban": 0.5},
    ),
    delivery=MainframeFile(path="mobile/MOBACT.DAT", copybook="MOBACT.cpy", code_page="cp500"),
    native=native,
    record_id=pl.col("MA-NUMMER").cast(pl.String),
)

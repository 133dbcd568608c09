"""Mobile activation: customers, subscriptions and payers as records of their own, one behind the other."""

from __future__ import annotations

import polars as pl

from adapters.mainframe.encoder import WriteOptions
from landscape.copies import Holding
from landscape.deliveries import MainframeFile
from landscape.systems.base import Extras, System, international, listed, text

_CUSTOMER, _SUBSCRIPTION, _PAYER = 10, 20, 30  # MR-SOORT


def native(copies: pl.DataFrame, extras: Extras) -> pl.DataFrame:
    """Return MR-NUMMER, and a list of the customer's records with the columns of MOBACT."""
    kinds = [_customers(copies), _subscriptions(copies, extras), _payers(copies)]
    records = pl.concat(kinds, how="diagonal").sort("MR-NUMMER", "MR-SOORT", maintain_order=True)
    grouped = records.select("MR-NUMMER", records=pl.struct(pl.all())).group_by("MR-NUMMER").all()
    return copies.select("person_id", pl.col("key").alias("MR-NUMMER")).join(
        grouped, on="MR-NUMMER", how="left", maintain_order="left"
    )


def _customers(copies: pl.DataFrame) -> pl.DataFrame:
    return copies.select(
        *_of_kind(_CUSTOMER),
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
        pl.when("closed").then(9).otherwise(0).alias("MA-STATUS"),
        pl.col("changed_at").dt.strftime("%Y%m%d%H%M%S").alias("MA-MUTATIE"),
    )  # fmt: skip


def _subscriptions(copies: pl.DataFrame, extras: Extras) -> pl.DataFrame:
    rows = listed(copies, extras.products.filter(pl.col("product_type") == "mobile"))
    return rows.select(
        *_of_kind(_SUBSCRIPTION),
        international("number").cast(pl.Int64).alias("MB-MSISDN"),
        pl.col("name").alias("MB-BUNDEL"),
        pl.col("started_on").dt.strftime("%Y%m%d").cast(pl.Int64).alias("MB-INGANG"),
        pl.coalesce(pl.col("ended_on").dt.strftime("%Y%m%d"), pl.lit("99991231")).cast(pl.Int64).alias("MB-EINDE"),
        ((pl.col("key") % 20 + 1) * 5).cast(pl.Decimal(7, 2)).alias("MB-LIMIET"),
    )


def _payers(copies: pl.DataFrame) -> pl.DataFrame:
    return copies.drop_nulls("payer").select(*_of_kind(_PAYER), pl.col("payer").cast(pl.Int64).alias("MP-KLANTNR"))


def _of_kind(kind: int) -> tuple[pl.Expr, pl.Expr]:
    """Return what every record begins with."""
    return pl.lit(kind).alias("MR-SOORT"), pl.col("key").alias("MR-NUMMER")


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
    delivery=MainframeFile(
        path="mobile/MOBACT.DAT",
        copybook="MOBACT.cpy",
        code_page="cp500",
        format=WriteOptions(record_format="V"),
        records="records",
    ),
    native=native,
    record_id=pl.col("MR-NUMMER").cast(pl.String),
)

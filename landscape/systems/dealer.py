"""Dealer portal: what shops type in at the counter, in columns that nobody can read."""

from __future__ import annotations

import polars as pl

from landscape.copies import Holding
from landscape.deliveries import SqliteTable
from landscape.systems.base import Extras, System, address_line, organisation, spaced_iban, spaced_postcode

_COLUMNS = {
    "K_ID": "TEXT PRIMARY KEY",
    "K_TP": "INTEGER",
    "K_NM": "TEXT",
    "K_VN": "TEXT",
    "K_TV": "TEXT",
    "K_GD": "TEXT",
    "K_T1": "TEXT",
    "K_EM": "TEXT",
    "K_RK": "TEXT",
    "K_A1": "TEXT",
    "K_A2": "TEXT",
    "K_BS": "TEXT",
    "K_KK": "TEXT",
    "K_DL": "TEXT",
    "K_ST": "TEXT",
    "K_DT": "TEXT",
}


def native(copies: pl.DataFrame, extras: Extras) -> pl.DataFrame:
    """Return rows of the table ``TBL_KL``."""
    hurried = pl.col("key") % 8 == 0
    family = pl.when(organisation()).then("organisation_name").otherwise("family_name")
    second_line = pl.concat_str(spaced_postcode(), "city", separator=" ", ignore_nulls=True)
    return copies.select(
        "person_id",
        K_ID="D" + (pl.col("key") * 16 + pl.col("key") % 16).cast(pl.String).str.zfill(11),
        K_TP=pl.when(organisation()).then(2).otherwise(1),
        K_NM=pl.when(hurried).then(family.str.to_lowercase()).otherwise(family),
        K_VN=pl.when(hurried).then(pl.col("given").str.to_lowercase()).otherwise(pl.coalesce("given", "initials")),
        K_TV="infix",
        K_GD=pl.col("birth_date").dt.strftime("%d/%m/%Y"),
        K_T1="mobile",
        K_EM="email",
        K_RK=spaced_iban(),
        K_A1=address_line(),
        K_A2=pl.when(pl.col("street").is_not_null()).then(second_line),
        K_BS="national_id",
        K_KK="chamber_of_commerce",
        K_DL="NL" + (pl.col("key") % 83).cast(pl.String).str.zfill(3),
        K_ST=pl.when("closed").then(pl.lit("X")).otherwise(pl.lit("A")),
        K_DT=pl.col("changed_at").dt.strftime("%Y%m%d%H%M%S"),
    )


SYSTEM = System(
    name="dealer_portal",
    holding=Holding(
        source="dealer_customers",
        adults=0.20,
        elders=0.12,
        minors=0.08,
        organisations=0.15,
        twice=0.05,
        given=(0.7, 0.25, 0.05),
        age=2.5,
        wear=1.5,
        fills={
            "birth_date": 0.88,
            "address": 0.95,
            "mobile": 0.95,
            "email": 0.55,
            "iban": 0.6,
            "national_id": 0.2,
            "chamber_of_commerce": 0.7,
        },
    ),
    delivery=SqliteTable(path="dealer/portal.db", table="TBL_KL", columns=_COLUMNS),
    native=native,
    record_id=pl.col("K_ID"),
)

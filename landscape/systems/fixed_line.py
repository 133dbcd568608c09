"""Fixed line: the oldest register, a file of fixed width in a code page of the DOS days."""

from __future__ import annotations

import polars as pl

from landscape.copies import Holding
from landscape.deliveries import FixedWidthFile
from landscape.systems.base import Extras, System, code, organisation

WIDTHS = {
    "ABONNEE": 9,
    "SOORT": 1,
    "AANSLUITING": 12,
    "NAAM": 40,
    "TUSSENV": 10,
    "VOORL": 8,
    "VOORNAAM": 15,
    "GEBDAT": 8,
    "AANHEF": 1,
    "STRAAT": 28,
    "HUISNR": 5,
    "TOEV": 4,
    "POSTCODE": 6,
    "PLAATS": 24,
    "REKENING": 18,
    "BSN": 9,
    "MOBIEL": 10,
    "KVK": 8,
    "STATUS": 1,
    "INGANG": 8,
    "EINDE": 8,
    "MUTATIE": 8,
}


def native(copies: pl.DataFrame, extras: Extras) -> pl.DataFrame:
    """Return rows of ABONNEES.TXT."""
    lines = extras.products.filter(pl.col("product_type") == "fixed_line")
    periods = lines.select("person_id", "started_on", "ended_on", line="number")
    rows = copies.join(periods, on="person_id", how="left", maintain_order="left")
    landline = pl.coalesce("landline", "line")
    return rows.select(
        "person_id",
        ABONNEE=pl.col("key").cast(pl.String).str.zfill(9),
        SOORT=pl.when(organisation()).then(pl.lit("Z")).otherwise(pl.lit("P")),
        AANSLUITING=landline.str.head(3) + "-" + landline.str.slice(3),
        NAAM=pl.when(organisation()).then("organisation_name").otherwise("family_name"),
        TUSSENV="infix",
        VOORL=pl.col("initials").str.replace_all(".", "", literal=True),
        VOORNAAM="given",
        GEBDAT=pl.col("birth_date").dt.strftime("%d%m%Y"),
        AANHEF=code("gender", {"male": "H", "female": "D"}),
        STRAAT="street",
        HUISNR=pl.col("house_number").str.zfill(5),
        TOEV="house_number_suffix",
        POSTCODE="postcode",
        PLAATS="city",
        REKENING="iban",
        BSN="national_id",
        MOBIEL="mobile",
        KVK="chamber_of_commerce",
        STATUS=pl.when("closed").then(pl.lit("X")).otherwise(pl.lit("L")),
        INGANG=pl.col("started_on").dt.strftime("%d%m%Y"),
        EINDE=pl.col("ended_on").dt.strftime("%d%m%Y"),
        MUTATIE=pl.col("changed_on").dt.strftime("%Y%m%d"),
    )


SYSTEM = System(
    name="fixed_line",
    holding=Holding(
        source="fixed_line_subscribers",
        adults=0.16,
        elders=0.5,
        organisations=0.4,
        twice=0.02,
        given=(0, 0.45, 0.55),
        age=1.6,
        wear=0.9,
        fills={
            "birth_date": 0.85,
            "gender": 0.9,
            "address": 1,
            "landline": 1,
            "mobile": 0.15,
            "iban": 0.65,
            "national_id": 0.35,
            "chamber_of_commerce": 0.6,
        },
    ),
    delivery=FixedWidthFile(path="fixed_line/ABONNEES.TXT", encoding="cp850", widths=WIDTHS),
    native=native,
    record_id=pl.col("ABONNEE"),
)

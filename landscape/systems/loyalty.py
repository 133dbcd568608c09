"""Loyalty: the card members, delivered as CSV by two regional offices."""

from __future__ import annotations

import polars as pl

from landscape.copies import Holding
from landscape.deliveries import DelimitedFiles
from landscape.systems.base import Extras, System, code

_COLUMNS = (
    *("KAARTNR", "AANHEF", "VOORLETTERS", "VOORNAAM", "TUSSENVOEGSEL", "ACHTERNAAM", "GEBDATUM", "GESLACHT"),
    *("STRAAT", "NR", "TOEV", "POSTCODE", "WOONPLAATS", "E-MAIL", "MOBIEL", "PUNTEN", "INGESCHREVEN"),
    *("GEWIJZIGD", "STATUS"),
)


def native(copies: pl.DataFrame, extras: Extras) -> pl.DataFrame:
    """Return rows of the members' list."""
    shouted = pl.col("key") % 7 == 0
    return copies.select(
        "person_id",
        KAARTNR="29500" + pl.col("key").cast(pl.String).str.zfill(9),
        AANHEF=code("gender", {"male": "Dhr.", "female": "Mw."}),
        VOORLETTERS="initials",
        VOORNAAM="given",
        TUSSENVOEGSEL="infix",
        ACHTERNAAM=pl.when(shouted).then(pl.col("family_name").str.to_uppercase()).otherwise("family_name"),
        GEBDATUM=pl.col("birth_date").dt.strftime("%d-%m-%Y"),
        GESLACHT=code("gender", {"male": "M", "female": "V"}, missing="O"),
        STRAAT="street",
        NR="house_number",
        TOEV="house_number_suffix",
        POSTCODE="postcode",
        WOONPLAATS=pl.col("city").str.to_uppercase(),
        **{"E-MAIL": pl.col("email")},
        MOBIEL="mobile",
        PUNTEN=(pl.col("key") % 90).cast(pl.String) + "." + (pl.col("key") % 900 + 100).cast(pl.String) + ",00",
        INGESCHREVEN=(pl.col("changed_on") - pl.duration(days=pl.col("key") % 900)).dt.strftime("%d-%m-%Y"),
        GEWIJZIGD=pl.col("changed_at").dt.strftime("%d-%m-%Y %H:%M"),
        STATUS=pl.when("closed").then(pl.lit("VERVALLEN")).otherwise(pl.lit("LID")),
    )


SYSTEM = System(
    name="loyalty",
    holding=Holding(
        source="loyalty_members",
        adults=0.26,
        elders=0.3,
        minors=0.05,
        given=(0.5, 0.1, 0.4),
        age=2.2,
        wear=1.3,
        fills={"birth_date": 0.85, "gender": 0.95, "address": 0.95, "mobile": 0.5, "email": 0.75},
    ),
    delivery=DelimitedFiles(
        path="loyalty/leden_{part}.csv", delimiter=";", encoding="cp1252", columns=_COLUMNS, parts=2
    ),
    native=native,
    record_id=pl.col("KAARTNR"),
)

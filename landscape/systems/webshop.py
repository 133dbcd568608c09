"""Web shop: names in one field, addresses in one line, e-mail as the login."""

from __future__ import annotations

import polars as pl

from landscape.copies import Holding
from landscape.deliveries import SqliteTable
from landscape.systems.base import Extras, System, address_line, in_full, organisation, spaced_postcode, styled

_COLUMNS = {
    "id": "INTEGER PRIMARY KEY",
    "email": "TEXT",
    "name": "TEXT",
    "company": "TEXT",
    "date_of_birth": "TEXT",
    "phone": "TEXT",
    "address": "TEXT",
    "postcode": "TEXT",
    "city": "TEXT",
    "newsletter": "INTEGER",
    "newsletter_at": "TEXT",
    "state": "TEXT",
    "updated_at": "TEXT",
}


def native(copies: pl.DataFrame, extras: Extras) -> pl.DataFrame:
    """Return rows of the table ``customer``."""
    first = pl.coalesce("given", "initials")
    shouted = pl.col("key") % 6 == 0
    subscribed = pl.col("key") % 3 == 0
    return copies.select(
        "person_id",
        id="key",
        email=pl.when(shouted).then(pl.col("email").str.to_uppercase()).otherwise("email"),
        name=pl.when(pl.col("key") % 9 == 0).then(in_full(first).str.to_lowercase()).otherwise(in_full(first)),
        company=pl.when(organisation()).then("organisation_name"),
        date_of_birth=pl.col("birth_date").dt.to_string(),
        phone=styled("mobile"),
        address=pl.when(pl.col("key") % 4 == 0).then(address_line("-")).otherwise(address_line("")),
        postcode=pl.when(shouted).then(pl.col("postcode").str.to_lowercase()).otherwise(spaced_postcode()),
        city="city",
        newsletter=pl.when(subscribed).then(1).otherwise(0),
        newsletter_at=pl.when(subscribed).then(pl.col("changed_at").dt.strftime("%Y-%m-%d %H:%M:%S")),
        state=pl.when("closed").then(pl.lit("deleted")).otherwise(pl.lit("active")),
        updated_at=pl.col("changed_at").dt.strftime("%Y-%m-%d %H:%M:%S"),
    )


SYSTEM = System(
    name="webshop",
    holding=Holding(
        source="webshop_customers",
        adults=0.30,
        elders=0.1,
        minors=0.12,
        organisations=0.1,
        twice=0.06,
        given=(0.85, 0.1, 0.05),
        fills={"birth_date": 0.4, "address": 1, "mobile": 0.85, "email": 1},
    ),
    delivery=SqliteTable(path="webshop/shop.db", table="customer", columns=_COLUMNS),
    native=native,
    record_id=pl.col("id").cast(pl.String),
)

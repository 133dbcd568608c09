"""Field service: where the engineers go, and whom they ask for at the door."""

from __future__ import annotations

import polars as pl

from landscape.copies import Holding
from landscape.deliveries import SqliteTable
from landscape.systems.base import Extras, System, house_number, in_full, organisation, styled, surname_first

_COLUMNS = {
    "client_no": "INTEGER PRIMARY KEY",
    "contact": "TEXT",
    "company": "TEXT",
    "street": "TEXT",
    "nr": "TEXT",
    "zip": "TEXT",
    "place": "TEXT",
    "tel_mobile": "TEXT",
    "tel_home": "TEXT",
    "mail": "TEXT",
    "billing_ref": "TEXT",
    "last_visit": "TEXT",
    "visit_result": "TEXT",
    "deleted": "INTEGER",
    "modified": "TEXT",
}


def native(copies: pl.DataFrame, extras: Extras) -> pl.DataFrame:
    """Return rows of the table ``clients``."""
    first = pl.coalesce("given", "initials")
    visited = pl.col("key") % 5 < 3
    result = pl.when(pl.col("key") % 4 == 0).then(pl.lit("NT")).otherwise(pl.lit("OK"))
    return copies.select(
        "person_id",
        client_no="key",
        contact=pl.when(pl.col("key") % 3 == 0).then(surname_first(first)).otherwise(in_full(first)),
        company=pl.when(organisation()).then("organisation_name"),
        street="street",
        nr=house_number(),
        zip="postcode",
        place=pl.col("city").str.to_uppercase(),
        tel_mobile=styled("mobile"),
        tel_home="landline",
        mail="email",
        billing_ref="billing_number",
        last_visit=pl.when(visited).then(pl.col("changed_at").dt.strftime("%Y-%m-%dT%H:%M:%S")),
        visit_result=pl.when(visited).then(result),
        deleted=pl.when("closed").then(1).otherwise(0),
        modified=pl.col("changed_at").dt.strftime("%Y-%m-%dT%H:%M:%S"),
    )


SYSTEM = System(
    name="field_service",
    holding=Holding(
        source="field_service_clients",
        adults=0.17,
        elders=0.2,
        organisations=0.3,
        twice=0.04,
        given=(0.5, 0.1, 0.4),
        wear=1.3,
        fills={"address": 1, "landline": 0.45, "mobile": 0.75, "email": 0.25, "billing_number": 0.75},
    ),
    delivery=SqliteTable(path="field_service/fsm.db", table="clients", columns=_COLUMNS),
    native=native,
    record_id=pl.col("client_no").cast(pl.String),
)

"""Self-care: the accounts of the app, kept by e-mail address and mobile number."""

from __future__ import annotations

import polars as pl

from landscape.copies import Holding
from landscape.deliveries import SqliteTable
from landscape.systems.base import Extras, System, house_number, international, organisation

_COLUMNS = {
    "user_id": "TEXT PRIMARY KEY",
    "login_email": "TEXT",
    "first_name": "TEXT",
    "last_name": "TEXT",
    "business_name": "TEXT",
    "birthdate": "TEXT",
    "msisdn": "TEXT",
    "postal_code": "TEXT",
    "house_no": "TEXT",
    "locale": "TEXT",
    "billing_account": "TEXT",
    "marketing_opt_in": "INTEGER",
    "opt_in_changed": "TEXT",
    "account_state": "TEXT",
    "updated": "TEXT",
}


def native(copies: pl.DataFrame, extras: Extras) -> pl.DataFrame:
    """Return rows of the table ``app_user``; times carry an offset."""
    last = pl.concat_str("infix", "family_name", separator=" ", ignore_nulls=True)
    utc = pl.col("changed_at").dt.strftime("%Y-%m-%dT%H:%M:%S+00:00")
    mixed = (pl.col("key") * 2_654_435_761 % 4_294_967_296).cast(pl.String).str.zfill(10)
    return copies.select(
        "person_id",
        user_id="u" + mixed + "-" + pl.col("key").cast(pl.String).str.zfill(9),
        login_email="email",
        first_name=pl.coalesce("given", "initials"),
        last_name=pl.when(pl.col("family_name").is_not_null()).then(last),
        business_name=pl.when(organisation()).then("organisation_name"),
        birthdate=pl.col("birth_date").dt.to_string(),
        msisdn="+" + international("mobile"),
        postal_code="postcode",
        house_no=house_number(),
        locale=pl.when(pl.col("key") % 17 == 0).then(pl.lit("en_GB")).otherwise(pl.lit("nl_NL")),
        billing_account="billing_number",
        marketing_opt_in=pl.when(pl.col("key") % 2 == 0).then(1).otherwise(0),
        opt_in_changed=utc,
        account_state=pl.when("closed").then(pl.lit("closed")).otherwise(pl.lit("open")),
        updated=utc,
    )


SYSTEM = System(
    name="self_care",
    holding=Holding(
        source="self_care_accounts",
        adults=0.33,
        elders=0.12,
        minors=0.4,
        organisations=0.05,
        twice=0.04,
        given=(0.9, 0.08, 0.02),
        age=3.5,
        wear=0.8,
        fills={"birth_date": 0.6, "address": 0.75, "mobile": 0.97, "email": 1, "billing_number": 0.35},
    ),
    delivery=SqliteTable(path="self_care/accounts.db", table="app_user", columns=_COLUMNS),
    native=native,
    record_id=pl.col("user_id"),
)

"""CRM: what the agents work with, behind a SOAP service, with the consents they ask for."""

from __future__ import annotations

import polars as pl

from landscape.copies import Holding
from landscape.deliveries import ServiceRecords
from landscape.systems.base import Extras, System, code, listed, organisation, styled
from landscape.xml_text import element, group


def native(copies: pl.DataFrame, extras: Extras) -> pl.DataFrame:
    """Return customerId and the ``customer`` element of the service."""
    rows = copies.join(_consents(copies, extras), on="key", how="left", maintain_order="left").with_columns(
        customer_id=_customer_id()
    )
    mobile, landline = styled("mobile"), pl.col("landline")
    return rows.select(
        "person_id",
        "customer_id",
        xml=group(
            "customer",
            element("customerId", "customer_id"),
            element("type", pl.when(organisation()).then(pl.lit("ORG")).otherwise(pl.lit("PER"))),
            element("state", pl.when("closed").then(pl.lit("X")).otherwise(pl.lit("ACT"))),
            group(
                "name",
                element("salutation", code("gender", {"male": "De heer", "female": "Mevrouw"})),
                element("firstName", "given"),
                element("initials", "initials"),
                element("prefix", "infix"),
                element("lastName", "family_name"),
            ),
            element("companyName", "organisation_name"),
            element("chamberOfCommerce", "chamber_of_commerce"),
            element("dateOfBirth", pl.col("birth_date").dt.to_string()),
            element("gender", code("gender", {"male": "1", "female": "2"}, missing="9")),
            group(
                "address",
                element("street", "street"),
                element("number", "house_number"),
                element("addition", "house_number_suffix"),
                element("postalCode", "postcode"),
                element("town", "city"),
            ),
            group(
                "telephones",
                group("telephone", element("number", mobile), element("kind", _where(mobile, "MOB"))),
                group("telephone", element("number", landline), element("kind", _where(landline, "TEL"))),
            ),
            element("email", "email"),
            element("iban", "iban"),
            element("billingNumber", "billing_number"),
            pl.col("consents").fill_null(""),
            element("lastModified", pl.col("changed_at").dt.strftime("%Y-%m-%dT%H:%M:%S")),
        ),
    )


def _customer_id() -> pl.Expr:
    return "C" + pl.col("key").cast(pl.String).str.zfill(9)


def _where(value: pl.Expr, word: str) -> pl.Expr:
    return pl.when(value.is_not_null()).then(pl.lit(word))


def _consents(copies: pl.DataFrame, extras: Extras) -> pl.DataFrame:
    """Return key and the element ``consents``."""
    consent = group(
        "consent",
        element("purpose", pl.col("purpose").str.to_uppercase()),
        element("channel", "channel"),
        element("granted", "granted"),
        element("recordedAt", pl.col("recorded_at").dt.strftime("%Y-%m-%dT%H:%M:%S")),
    )
    grouped = listed(copies, extras.consents).group_by("key", maintain_order=True).agg(consent.alias("consents"))
    return grouped.with_columns(consents="<consents>" + pl.col("consents").list.join("") + "</consents>")


SYSTEM = System(
    name="crm",
    holding=Holding(
        source="crm_customers",
        adults=0.48,
        elders=0.45,
        minors=0.1,
        organisations=0.6,
        twice=0.04,
        given=(0.75, 0.15, 0.1),
        age=4,
        wear=0.9,
        fills={
            "birth_date": 0.85,
            "gender": 0.9,
            "address": 0.97,
            "mobile": 0.85,
            "landline": 0.45,
            "email": 0.8,
            "iban": 0.3,
            "billing_number": 0.5,
            "chamber_of_commerce": 0.6,
        },
    ),
    delivery=ServiceRecords(path="crm/customers.xml"),
    native=native,
    record_id=pl.col("customer_id"),
)

"""Contact centre: callers as the agents noted them, with their contact moments, behind an older SOAP service."""

from __future__ import annotations

import polars as pl

from landscape.copies import Holding
from landscape.deliveries import ServiceRecords
from landscape.systems.base import Extras, System, code, house_number, in_full, listed, organisation
from landscape.xml_text import element, group


def native(copies: pl.DataFrame, extras: Extras) -> pl.DataFrame:
    """Return the caller's number and the ``Beller`` element of the service."""
    rows = copies.join(_contacts(copies, extras), on="key", how="left", maintain_order="left").with_columns(
        caller_id="B" + pl.col("key").cast(pl.String).str.zfill(9)
    )
    spoken = code("gender", {"male": "dhr.", "female": "mevr."})
    salutation = pl.when(pl.col("key") % 2 == 0).then(spoken)
    name = pl.concat_str(salutation, in_full(pl.coalesce("given", "initials")), separator=" ", ignore_nulls=True)
    return rows.select(
        "person_id",
        "caller_id",
        xml=group(
            "Beller",
            element("BellerNr", "caller_id"),
            element("Naam", pl.when(pl.col("family_name").is_not_null()).then(name)),
            element("Bedrijf", pl.when(organisation()).then("organisation_name")),
            element("GeboorteDatum", pl.col("birth_date").dt.strftime("%d-%m-%Y")),
            element("Postcode", "postcode"),
            element("Huisnummer", house_number(" ")),
            element("Telefoon1", "mobile"),
            element("Telefoon2", "landline"),
            element("EMail", "email"),
            element("KlantNr", "billing_number"),
            element("Actief", pl.when("closed").then(pl.lit("N")).otherwise(pl.lit("J"))),
            pl.col("contacts").fill_null(""),
            element("GewijzigdOp", pl.col("changed_at").dt.strftime("%Y%m%d %H%M%S")),
        ),
    )


def _contacts(copies: pl.DataFrame, extras: Extras) -> pl.DataFrame:
    """Return key and the element ``Contacten``."""
    contact = group(
        "Contact",
        element("ContactNr", "contact_id"),
        element("Tijdstip", pl.col("occurred_at").dt.strftime("%d-%m-%Y %H:%M")),
        element("Kanaal", "channel"),
        element("Richting", "direction"),
        element("Onderwerp", "subject"),
        element("Afloop", "outcome"),
    )
    grouped = listed(copies, extras.contacts).group_by("key", maintain_order=True).agg(contact.alias("contacts"))
    return grouped.with_columns(contacts="<Contacten>" + pl.col("contacts").list.join("") + "</Contacten>")


SYSTEM = System(
    name="contact_centre",
    holding=Holding(
        source="contact_centre_callers",
        adults=0.15,
        elders=0.15,
        organisations=0.15,
        twice=0.06,
        given=(0.65, 0.05, 0.3),
        age=3.5,
        wear=1.6,
        fills={
            "birth_date": 0.5,
            "gender": 0.9,
            "address": 0.7,
            "mobile": 0.8,
            "landline": 0.35,
            "email": 0.45,
            "billing_number": 0.5,
        },
    ),
    delivery=ServiceRecords(path="contact_centre/callers.xml"),
    native=native,
    record_id=pl.col("caller_id"),
)

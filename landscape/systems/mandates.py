"""Mandates of direct debit, as the bank sends them to billing: between a header and a trailer that counts them."""

from __future__ import annotations

import polars as pl

from landscape.deliveries import EndRecord, MainframeFile
from landscape.people import REFERENCE_DATE
from landscape.systems.base import Extras, Further, date_number, listed


def native(copies: pl.DataFrame, extras: Extras) -> pl.DataFrame:
    """Return rows with the columns of INCASSO-MACHTIGING."""
    withdrawn = pl.col("withdrawn_on").is_not_null()
    numbers = copies.select("key", pl.col("billing_key").cast(pl.Int64).alias("IM-KLANTNR"))
    return (
        listed(copies, extras.mandates)
        .join(numbers, on="key", maintain_order="left")
        .select(
            pl.lit("10").alias("IM-SOORT"),
            pl.col("reference").alias("IM-KENMERK"),
            "IM-KLANTNR",
            pl.when(withdrawn).then(pl.lit("I")).otherwise(pl.lit("A")).alias("IM-STATUS"),
            date_number("signed_on").alias("IM-GETEKEND"),
            date_number("withdrawn_on").alias("IM-INGETROKKEN-OP"),
        )
    )


MANDATES = Further(
    source="billing_mandates",
    delivery=MainframeFile(
        path="billing/INCASSO.DAT",
        copybook="INCASSO.cpy",
        code_page="cp037",
        header=EndRecord(
            "INCASSO-VOORLOOP",
            {
                "IV-SOORT": "00",
                "IV-DATUM": int(REFERENCE_DATE.strftime("%Y%m%d")),
                "IV-OPDRACHTGEVER": "VOEG TELECOM",
            },
        ),
        trailer=EndRecord("INCASSO-SLUIT", {"IS-SOORT": "99"}, count="IS-AANTAL"),
    ),
    native=native,
)

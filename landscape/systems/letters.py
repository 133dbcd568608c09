"""Letters that billing sent, as the printing house in Germany archived them: whole texts, longer than a block."""

from __future__ import annotations

import polars as pl

from adapters.mainframe.encoder import WriteOptions
from landscape.deliveries import MainframeFile
from landscape.systems.base import Extras, Further, date_number, listed
from landscape.wordlists import letter_lines

_CODES = {"welcome": "WE", "reminder": "HE", "prices": "PR", "terms": "VW"}


def native(copies: pl.DataFrame, extras: Extras) -> pl.DataFrame:
    """Return rows with the columns of BRIEVEN."""
    numbers = copies.filter(~pl.col("closed")).select("key", pl.col("billing_key").cast(pl.Int64).alias("BR-KLANTNR"))
    letters = listed(copies, extras.letters).join(numbers, on="key", maintain_order="left")
    return letters.select(
        pl.col("letter_id").cast(pl.Int64).alias("BR-BRIEFNR"),
        "BR-KLANTNR",
        pl.col("kind").replace_strict(_CODES).alias("BR-SOORT"),
        date_number("sent_at").alias("BR-DATUM"),
        pl.col("sent_at").dt.strftime("%H%M%S").cast(pl.Int64).alias("BR-TIJD"),
        _lines().alias("BR-REGEL"),
    )


def _lines() -> pl.Expr:
    """List the lines of a letter: a salutation, and as much text as its length asks for."""
    said = letter_lines()
    text = pl.lit(pl.Series([said])).first()
    told = pl.int_ranges(0, pl.col("lines") - 1).list.eval(pl.element() % len(said))
    return pl.concat_list(pl.lit("Geachte klant,"), text.list.gather(told))


LETTERS = Further(
    source="billing_letters",
    delivery=MainframeFile(
        path="billing/BRIEVEN.DAT",
        copybook="BRIEVEN.cpy",
        code_page="cp1141",
        format=WriteOptions(record_format="VBS", block_length=6_233),
    ),
    native=native,
)

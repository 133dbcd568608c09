"""Invented customers, made column-wise from the row number, for stages that care little what they are called."""

from __future__ import annotations

from datetime import date

import polars as pl

from canonical_model.schema import Kind, frame_schema

GIVEN = ("Anna", "Bram", "Carla", "Daan", "Eva", "Fleur", "Gijs", "Hanna", "Iris", "Jan", "Kim", "Lars", "Mila")
FAMILY = ("Bakker", "Dekker", "Groot", "Jansen", "Koning", "Meijer", "Mulder", "Peters", "Smit", "Visser", "Vos")
CITIES = ("Utrecht", "Zwolle", "Breda", "Leiden", "Venlo", "Assen", "Delft")


def raw(first: int, rows: int) -> pl.DataFrame:
    """Return raw rows as a customer table holds them: text columns only."""
    number = pl.int_range(first, first + rows)
    return pl.select(
        number=pl.format("C{}", number + 10_000_000),
        given_name=_one_of(GIVEN, number * 7),
        family_name=_one_of(FAMILY, number * 3) + (number // 1000).cast(pl.String),
        birth_date=(pl.lit(date(1930, 1, 1)) + pl.duration(days=number * 7919 % 28_000)).cast(pl.String),
        street=pl.format("{}straat", _one_of(FAMILY, number * 5)),
        house_number=(number % 199 + 1).cast(pl.String),
        postcode=pl.format("{} AB", number % 8999 + 1000),
        city=_one_of(CITIES, number),
        mobile=pl.format("+316{}", number + 10_000_000),
        home=pl.format("+3130{}", number // 3 + 2_000_000),  # families share one
        email=pl.format("{}@example.org", number),
    )


def mapped(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows as a mapping would make them: ``frame_schema(Kind.PARTY)``."""
    column = pl.col
    values: dict[str, pl.Expr] = {
        "row": pl.int_range(pl.len(), dtype=pl.UInt32),
        "record_id": column("number"),
        "party_type": pl.lit("person"),
        "initials": column("given_name").str.slice(0, 1) + ".",
        "given_name": column("given_name"),
        "family_name": column("family_name"),
        "birth_date": column("birth_date").str.to_date(),
        "addresses": _list(
            kind=pl.lit("home"),
            street=column("street"),
            house_number=column("house_number"),
            postcode=column("postcode"),
            city=column("city"),
            country=pl.lit("NL"),
        ),
        "phones": pl.concat_list(
            _list(kind=pl.lit("mobile"), number=column("mobile")), _list(kind=pl.lit("home"), number=column("home"))
        ),
        "emails": _list(kind=pl.lit("private"), address=column("email")),
        "identifiers": _list(type=pl.lit("customer_number"), value=column("number")),
    }
    schema = frame_schema(Kind.PARTY)
    return rows.select(
        values.get(name, pl.lit(None)).cast(type_).alias(name)  # fields that a struct lacks become null
        for name, type_ in schema.items()
    )


def _one_of(words: tuple[str, ...], number: pl.Expr) -> pl.Expr:
    return (number % len(words)).replace_strict(dict(enumerate(words)), return_dtype=pl.String)


def _list(**fields: pl.Expr) -> pl.Expr:
    """Return a list of one struct."""
    return pl.concat_list(pl.struct(value.alias(name) for name, value in fields.items()))

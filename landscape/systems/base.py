"""What a system is, and the notations that several of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from landscape.copies import Holding
from landscape.deliveries import Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What systems hold beside customers; every frame has ``person_id``."""

    products: pl.DataFrame  # product_type, name, number, started_on, ended_on (null: active)
    consents: pl.DataFrame  # purpose, channel, granted, recorded_at
    contacts: pl.DataFrame  # contact_id, occurred_at, channel, direction, subject, outcome
    letters: pl.DataFrame  # letter_id, sent_at, kind, lines (how many)
    mandates: pl.DataFrame  # reference, signed_on, withdrawn_on (null: it holds)


Native = Callable[[pl.DataFrame, Extras], pl.DataFrame]
"""Copies → rows as the system holds them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Further:
    """Another source of a system: what is kept elsewhere about the customers that it holds."""

    source: str
    delivery: Delivery
    native: Native


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A system of the estate, with the source that its customers are read from."""

    name: str
    holding: Holding
    delivery: Delivery
    native: Native
    record_id: pl.Expr  # of a native row, as the mapping makes it
    further: tuple[Further, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of its sources, that of its customers first."""
        return (self.holding.source, *(further.source for further in self.further))

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """How it delivers each of its sources."""
        return (self.delivery, *(further.delivery for further in self.further))


def text(value: pl.Expr | str, width: int) -> pl.Expr:
    """Cut to a field's width, as old systems do; null becomes blank."""
    return _expr(value).str.slice(0, width).fill_null("")


def plain_upper(value: pl.Expr | str) -> pl.Expr:
    """Write in capitals without accents."""
    return _expr(value).str.normalize("NFKD").str.replace_all(r"\p{M}", "").str.to_uppercase()


def date_number(value: pl.Expr | str) -> pl.Expr:
    """Write a date as the number YYYYMMDD; zero when there is none."""
    return _expr(value).dt.strftime("%Y%m%d").cast(pl.Int64).fill_null(0)


def surname_first(given: pl.Expr | str) -> pl.Expr:
    """Write a name as in a register: ``Jansen, J.P. van der``."""
    rest = pl.concat_str(_expr(given), "infix", separator=" ", ignore_nulls=True)
    return pl.when(pl.col("family_name").is_not_null()).then(
        pl.concat_str("family_name", pl.when(rest != "").then(rest), separator=", ", ignore_nulls=True)
    )


def in_full(first: pl.Expr) -> pl.Expr:
    """Write a name as one says it: ``Jan van der Jansen``; null without a family name."""
    return pl.when(pl.col("family_name").is_not_null()).then(
        pl.concat_str(first, "infix", "family_name", separator=" ", ignore_nulls=True)
    )


def house_number(separator: str = "") -> pl.Expr:
    """Write house number and suffix in one field; null without a number."""
    return pl.col("house_number") + (separator + pl.col("house_number_suffix")).fill_null("")


def address_line(separator: str = " ") -> pl.Expr:
    """Write street, number and suffix in one line."""
    return pl.col("street") + " " + house_number(separator)


def spaced_postcode() -> pl.Expr:
    """Write a postcode as ``1234 AB``."""
    return pl.col("postcode").str.head(4) + " " + pl.col("postcode").str.tail(2)


def international(phone: pl.Expr | str) -> pl.Expr:
    """Write a national number with the country code, digits only: ``31612345678``."""
    return "31" + _expr(phone).str.slice(1)


def styled(phone: pl.Expr | str) -> pl.Expr:
    """Write phones as people type them: as they stand, with a dash, with spaces, or with +31."""
    number = _expr(phone)
    style = pl.col("key") % 5
    return (
        pl.when(style == 0).then(number.str.head(2) + "-" + number.str.slice(2))
        .when(style == 1).then("+31 " + number.str.slice(1, 1) + " " + number.str.slice(2))
        .when(style == 2).then(number.str.head(2) + " " + number.str.slice(2, 4) + " " + number.str.slice(6))
        .otherwise(number)
    )  # fmt: skip


def spaced_iban() -> pl.Expr:
    """Write an IBAN in groups of four."""
    return pl.col("iban").str.replace_all(r"(.{4})", "${1} ").str.strip_chars()


def organisation() -> pl.Expr:
    """Whether a copy is of an organisation."""
    return pl.col("party_type") == "organisation"


def code(column: str, codes: dict[str, str], *, missing: str | None = None) -> pl.Expr:
    """Write a value in the system's own code."""
    return pl.col(column).replace_strict(codes, default=missing, return_dtype=pl.String)


def listed(copies: pl.DataFrame, rows: pl.DataFrame, slots: int | None = None) -> pl.DataFrame:
    """Return the rows that belong to first copies, with the copy's key, in a stable order, at most ``slots`` each."""
    keys = copies.filter(pl.col("copy") == 0).drop_nulls("person_id").select("person_id", "key")
    joined = rows.join(keys, on="person_id", how="inner", maintain_order="left")
    return joined if slots is None else joined.filter(pl.int_range(pl.len()).over("key") < slots)


def _expr(value: pl.Expr | str) -> pl.Expr:
    return pl.col(value) if isinstance(value, str) else value

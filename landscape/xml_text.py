"""XML elements, written column by column."""

from __future__ import annotations

import polars as pl


def element(name: str, value: pl.Expr | str) -> pl.Expr:
    """Write ``<name>value</name>`` with the value escaped; nothing where it is null."""
    column = pl.col(value) if isinstance(value, str) else value
    escaped = column.cast(pl.String).str.replace_many(["&", "<", ">"], ["&amp;", "&lt;", "&gt;"])
    return (f"<{name}>" + escaped + f"</{name}>").fill_null("")


def group(name: str, *parts: pl.Expr) -> pl.Expr:
    """Write an element around the others; nothing where all of them are empty."""
    return (f"<{name}>" + pl.concat_str(parts) + f"</{name}>").replace(f"<{name}></{name}>", "")

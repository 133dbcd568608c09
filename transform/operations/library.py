"""Checks by a library, done once per distinct value, for what column-wise rules leave undecided."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

_REMEMBERED = 100_000  # values a check keeps between batches; about 20 MB when full


class PerDistinctValue:
    """A function on text, called once per distinct value and remembered between batches.

    Values live in memory only, and the oldest half is dropped when the limit is reached.
    """

    def __init__(self, function: Callable[[str], str | None]) -> None:
        self._function = function
        self._known: dict[str, str | None] = {}

    def __call__(self, text: pl.Series) -> pl.Series:
        """Return the function's result for every value; null for null."""
        distinct = text.drop_nulls().unique()
        results = pl.Series([self._result(value) for value in distinct.to_list()], dtype=pl.String)
        return text.replace_strict(distinct, results, default=None, return_dtype=pl.String)

    def _result(self, value: str) -> str | None:
        if value not in self._known:
            if len(self._known) >= _REMEMBERED:
                for old in list(self._known)[: _REMEMBERED // 2]:
                    del self._known[old]
            self._known[value] = self._function(value)
        return self._known[value]


def by_library(text: pl.Expr, library: PerDistinctValue) -> pl.Expr:
    """Return the library's word for every text."""
    return text.map_batches(library, return_dtype=pl.String, is_elementwise=True)


def settled(text: pl.Expr, plain: pl.Expr, library: PerDistinctValue) -> pl.Expr:
    """Return ``plain`` where a column-wise rule gave a result, and the library's word for the rest of ``text``."""

    def rest(columns: Sequence[pl.Series]) -> pl.Series:
        given, found = columns
        if found.null_count() == given.null_count():
            return found
        undecided = pl.select(pl.when(found.is_null()).then(given)).to_series()
        return found.fill_null(library(undecided))

    return pl.map_batches([text, plain], rest, return_dtype=pl.String, is_elementwise=True)

"""What typing, hearing, scanning and re-keying do to values: column by column, where a mask says so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from landscape.seeds import Bools, Stream

_SOUNDS = (
    *(("ij", "y"), ("y", "ij"), ("ck", "k"), ("c", "k"), ("k", "c"), ("ph", "f"), ("f", "v"), ("v", "f")),
    *(("z", "s"), ("s", "z"), ("dt", "t"), ("ou", "au"), ("au", "ou"), ("ei", "ij"), ("oo", "o"), ("ee", "e")),
    *(("aa", "a"), ("ss", "s"), ("nn", "n"), ("tt", "t"), ("ie", "i"), ("x", "ks"), ("th", "t")),
)
"""Spellings that sound alike in Dutch."""

_SHAPES = (("rn", "m"), ("m", "rn"), ("l", "i"), ("i", "l"), ("cl", "d"), ("h", "b"), ("e", "c"), ("n", "u"))
"""Letters that a scanner takes for each other."""

_NEIGHBOURS = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "svxfdghjukolkmnjipwtyiecxzu1234567890"[:36],
        strict=True,
    )
)
"""A key next to each on the keyboard."""


def misspelt(stream: Stream, values: pl.Series, where: Bools) -> pl.Series:
    """Misspell names: a slip of the keyboard, a word written as heard, or as scanned."""
    kinds = stream.weighted(len(values), [0.55, 0.35, 0.10])
    values = slipped(stream, values, where & (kinds == 0))
    values = _changed(values, where & (kinds == 1), lambda hit: _replaced(stream, hit, _SOUNDS))
    return _changed(values, where & (kinds == 2), lambda hit: _replaced(stream, hit, _SHAPES))


def slipped(stream: Stream, values: pl.Series, where: Bools) -> pl.Series:
    """Slip once on the keyboard, not on the first character: leave out, double, swap, or hit a key beside."""

    def slip(hit: pl.Series) -> pl.Series:
        frame = pl.DataFrame({"text": hit}).with_columns(
            pl.Series("place", stream.uniform(len(hit))), pl.Series("kind", stream.integers(len(hit), 0, 3))
        )
        length = pl.col("text").str.len_chars().cast(pl.Int64)
        place = 1 + (pl.col("place") * (length - 1)).floor().cast(pl.Int64)
        head, tail = pl.col("text").str.slice(0, place), pl.col("text").str.slice(place + 1)
        char = pl.col("text").str.slice(place, 1)
        beside = char.str.to_lowercase().replace(_NEIGHBOURS)
        text = (
            pl.when(length < 3).then("text")
            .when(pl.col("kind") == 0).then(head + tail)
            .when(pl.col("kind") == 1).then(head + char + char + tail)
            .when(pl.col("kind") == 2).then(head + tail.str.head(1) + char + tail.str.slice(1))
            .otherwise(head + beside + tail)
        )  # fmt: skip
        return frame.select(text.str.strip_chars()).to_series()

    return _changed(values, where, slip)


def misdialled(stream: Stream, values: pl.Series, where: Bools) -> pl.Series:
    """Get one of the last six characters wrong: digits of phones, house numbers, accounts."""

    def digit(hit: pl.Series) -> pl.Series:
        frame = pl.DataFrame({"text": hit}).with_columns(pl.Series("back", stream.integers(len(hit), 1, 6)))
        place = (pl.col("text").str.len_chars().cast(pl.Int64) - pl.col("back")).clip(lower_bound=0)
        char = pl.col("text").str.slice(place, 1).replace({str(n): str((n + 1) % 10) for n in range(10)})
        return frame.select(pl.col("text").str.slice(0, place) + char + pl.col("text").str.slice(place + 1)).to_series()

    return _changed(values, where, digit)


def day_and_month_swapped(dates: pl.Series, where: Bools) -> pl.Series:
    """Read a date the American way round, where that gives a date."""
    frame = pl.DataFrame({"date": dates, "hit": where})
    swapped = pl.date(pl.col("date").dt.year(), pl.col("date").dt.day().clip(1, 12), pl.col("date").dt.month())
    possible = pl.col("hit") & (pl.col("date").dt.day() <= 12)
    return frame.select(pl.when(possible).then(swapped).otherwise("date")).to_series()


def dates_off(stream: Stream, dates: pl.Series, where: Bools) -> pl.Series:
    """Get one figure of a date wrong: a day, ten days, a year or ten."""
    step = np.array([1, -1, 10, 365, -365, 3653])[stream.integers(len(dates), 0, 5)]
    frame = pl.DataFrame({"date": dates, "step": step, "hit": where})
    moved = (pl.col("date").cast(pl.Int32) + pl.col("step").cast(pl.Int32)).cast(pl.Date)
    return frame.select(pl.when("hit").then(moved).otherwise("date")).to_series()


def _replaced(stream: Stream, values: pl.Series, pairs: tuple[tuple[str, str], ...]) -> pl.Series:
    """Replace the first occurrence of one of ``pairs``, tried from a random one on, five at most."""
    start = stream.integers(len(values), 0, len(pairs) - 1)
    head, tail = values.str.head(1), values.str.slice(1)
    outcome = tail
    done = np.zeros(len(values), dtype=np.bool_)
    for offset in range(5):
        for index, (found, put) in enumerate(pairs):
            turn = ~done & ((start + offset) % len(pairs) == index)
            if not turn.any():
                continue
            present = turn & tail.str.contains(found, literal=True).fill_null(value=False).to_numpy()
            positions = np.flatnonzero(present)
            changed = tail.gather(positions).str.replace(found, put, literal=True)
            outcome = outcome.scatter(positions, changed)
            done |= present
    return pl.select(head + outcome).to_series()


def _changed(values: pl.Series, where: Bools, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Return ``values`` with ``change`` applied where ``where`` holds and there is a value."""
    positions = np.flatnonzero(where & values.is_not_null().to_numpy())
    if not len(positions):
        return values
    return values.clone().scatter(positions, change(values.gather(positions)))

"""The words that people and addresses are made of, from the package's ``data/``.

The lists are of names in common use, written for this simulator: no list of persons lies behind them.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import polars as pl

from landscape.seeds import Floats, Ints

INFIXES = (
    *("van der", "van den", "van de", "van 't", "van", "in 't", "op de", "op den", "op 't", "uit den", "uit de"),
    *("bij de", "tot", "de", "den", "der", "ter", "ten", "te", "'t", "da", "dos", "el"),
)
"""Family name infixes, longest first where one starts with another."""

COHORTS = ("born_to_1950", "born_1951_1970", "born_1971_1990", "born_from_1991")
COHORT_STARTS = (1951, 1971, 1991)  # first birth year of every cohort but the first


def _rows(name: str) -> list[dict[str, str]]:
    text = files("landscape").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _lines(name: str) -> list[str]:
    return files("landscape").joinpath("data", name).read_text(encoding="utf-8").splitlines()


@dataclass(frozen=True, slots=True)
class GivenNames:
    """Given names: index → name, gender, weight per cohort, and the names that people are called by."""

    name: tuple[str, ...]
    female: np.ndarray[tuple[int], np.dtype[np.bool_]]
    weights: np.ndarray[tuple[int, int], np.dtype[np.float64]]  # (name, cohort)
    call_names: tuple[tuple[str, ...], ...]


@cache
def given_names() -> GivenNames:
    """Return the given names."""
    rows = _rows("given_names.csv")
    return GivenNames(
        name=tuple(row["name"] for row in rows),
        female=np.array([row["gender"] == "F" for row in rows]),
        weights=np.array([[float(row[cohort]) for cohort in COHORTS] for row in rows]),
        call_names=tuple(tuple(filter(None, row["call_names"].split("|"))) for row in rows),
    )


@cache
def streets() -> tuple[str, ...]:
    """Return the street names."""
    return tuple(_lines("streets.txt"))


@cache
def letter_lines() -> tuple[str, ...]:
    """Return what letters to customers say, line by line."""
    return tuple(_lines("letter_lines.txt"))


@dataclass(frozen=True, slots=True)
class Places:
    """Cities: index → name, range of the postcode's digits, area code, weight."""

    name: tuple[str, ...]
    postcode_from: Ints
    postcode_to: Ints
    area_code: tuple[str, ...]
    weight: Floats


@cache
def places() -> Places:
    """Return the cities."""
    rows = _rows("places.csv")
    return Places(
        name=tuple(row["city"] for row in rows),
        postcode_from=np.array([int(row["postcode_from"]) for row in rows], dtype=np.int64),
        postcode_to=np.array([int(row["postcode_to"]) for row in rows], dtype=np.int64),
        area_code=tuple(row["area_code"] for row in rows),
        weight=np.array([float(row["weight"]) for row in rows]),
    )


@dataclass(frozen=True, slots=True)
class FamilyNames:
    """Family names by code: first the common ones by falling frequency, then every compound of head and tail."""

    common: tuple[tuple[str, str], ...]  # (infix or "", name)
    infixes: tuple[str, ...]
    heads: tuple[str, ...]
    tails: tuple[str, ...]

    @property
    def weights(self) -> Floats:
        """Weights of the common names: a power law, flattened at the top as in the Dutch family name bank."""
        return np.asarray(1.0 / (np.arange(len(self.common)) + 14.0), dtype=np.float64)

    @property
    def compounds(self) -> int:
        """How many compound names there are: codes from ``len(common)`` on."""
        return len(self.infixes) * len(self.heads) * len(self.tails)

    def text(self, codes: Ints) -> tuple[pl.Series, pl.Series]:
        """Return infix (null when there is none) and family name of every code."""
        distinct, positions = np.unique(codes, return_inverse=True)
        names = [self._name(int(code)) for code in distinct]
        infix = pl.Series("infix", [infix or None for infix, _ in names], dtype=pl.String)
        family = pl.Series("family_name", [name for _, name in names], dtype=pl.String)
        return infix.gather(positions), family.gather(positions)

    def _name(self, code: int) -> tuple[str, str]:
        if code < len(self.common):
            return self.common[code]
        rest, infix = divmod(code - len(self.common), len(self.infixes))
        head, tail = divmod(rest, len(self.tails))
        return self.infixes[infix], self.heads[head] + self.tails[tail]


@cache
def family_names() -> FamilyNames:
    """Return the family names."""
    parts = {row["part"]: tuple(row["values"].split("|")) for row in _rows("compound_names.csv")}
    common = []
    for line in _lines("family_names.txt"):
        infix = next((infix for infix in INFIXES if line.lower().startswith(infix + " ")), "")
        common.append((line[: len(infix)], line[len(infix) :].strip()))
    return FamilyNames(common=tuple(common), infixes=parts["infix"], heads=parts["head"], tails=parts["tail"])


def pick(words: Sequence[str | None], indices: Ints, name: str = "") -> pl.Series:
    """Return the words at ``indices`` as a column."""
    return pl.Series(name, words, dtype=pl.String).gather(indices)

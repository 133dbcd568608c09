"""A mapping bound to the columns of its source, as it is run: plain values that hold Polars expressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from canonical_model.schema import Kind

ROW = "row"
"""The column of a working frame that holds the place of the raw row in its batch (UInt32)."""

Stages = Sequence[Sequence[pl.Expr]]
"""Columns to add to a working frame; those of one stage only need those of the stages before."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that can fail: where the column ``before`` holds a value and ``after`` is null, it did."""

    path: str  # of the value, for people: ``records[0].birth_date``
    reason: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A step as a person follows it: what was done, and the expression of its outcome."""

    step: str
    outcome: pl.Expr


Traces = Mapping[str, tuple[Shown, ...]]
"""The steps of every value, by its path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explosion:
    """One row per element of a list: the list, and the columns that hold the element and its position from 1."""

    elements: pl.Expr
    element: str
    position: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Required:
    """A value without which a record is rejected."""

    path: str
    value: pl.Expr
    reason: str  # when there was no value to begin with
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundElement:
    """One element of a list field; with explosions, many, made in a frame of their own."""

    explosions: tuple[Explosion, ...]
    stages: Stages  # of its own frame
    columns: tuple[str, ...]  # that it reads; those of the record's frame go along into its own
    alive: pl.Expr
    content: pl.Expr  # a struct
    failures: tuple[Failure, ...]  # to count in its own frame
    traces: Traces


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundRecord:
    """One entry of ``records:``."""

    kind: Kind
    path: str
    entry_stages: Stages  # what the lists to explode need
    explosions: tuple[Explosion, ...]
    gate_stages: Stages  # what the gate needs
    gate: pl.Expr | None  # rows that pass become records
    stages: Stages
    scalars: Mapping[str, pl.Expr]  # by column of the mapped frame; what is not mapped is absent
    lists: Mapping[str, tuple[BoundElement, ...]]
    required: tuple[Required, ...]
    required_lists: tuple[str, ...]
    failures: tuple[Failure, ...]  # to count in the frame of mapped rows
    traces: Traces


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A whole mapping."""

    columns: Mapping[str, str]  # raw name → name in the working frame
    stages: Stages  # lets that several records share
    records: tuple[BoundRecord, ...]

"""Show each step of a mapping for one row: for the person who asks, on their own screen.

What comes back holds personal data; it is never logged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from foundation.errors import NotFound, Problem, did_you_mean
from transform.bound import BoundElement, BoundRecord, Traces
from transform.plan import BoundPlan, element_frame, entered


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: a column, a let or an operation, and its outcome as a Python value."""

    step: str
    outcome: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """How one field got its value; for records made per element, one per element."""

    path: str
    steps: tuple[Step, ...]


def explain(plan: BoundPlan, rows: pa.RecordBatch, *, row: int = 0, path: str | None = None) -> list[Explained]:
    """Follow one row through the plan.

    Args:
        plan: the plan, bound to the schema of ``rows``.
        rows: a batch that holds the row.
        row: its place in the batch, from 0.
        path: a field as counts and rejects name it (``records[0].birth_date``); all fields when None.

    Raises:
        NotFound: the mapping has no such path; names the nearest.
    """
    raw = plan.raw_frame(rows.slice(row, 1))
    explained = [found for record in plan.bound.records for found in _explained(record, raw)]
    if path is None:
        return explained
    known = {name for record in plan.bound.records for name in _paths(record)}
    if path not in known:
        raise NotFound(Problem(message=f"the mapping has no '{path}'", remedy=did_you_mean(path, sorted(known))))
    return [found for found in explained if found.path == path]


def _explained(record: BoundRecord, raw: pl.DataFrame) -> Iterable[Explained]:
    frame = entered(record, raw)
    yield from _followed(record.traces, frame)
    for element in _elements(record):
        yield from _followed(element.traces, element_frame(element, frame) if element.explosions else frame)


def _followed(traces: Traces, frame: pl.DataFrame) -> Iterable[Explained]:
    for path, trace in traces.items():
        outcomes = frame.select(shown.outcome.alias(str(number)) for number, shown in enumerate(trace))
        for values in outcomes.iter_rows():
            steps = (Step(step=shown.step, outcome=value) for shown, value in zip(trace, values, strict=True))
            yield Explained(path=path, steps=tuple(steps))


def _elements(record: BoundRecord) -> Iterable[BoundElement]:
    return (element for elements in record.lists.values() for element in elements)


def _paths(record: BoundRecord) -> Iterable[str]:
    yield from record.traces
    for element in _elements(record):
        yield from element.traces

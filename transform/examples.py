"""Run the examples that stand in a mapping: raw in, canonical out.

Example values are invented by whoever wrote the mapping, so what differs is shown as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pyarrow as pa

from foundation.document import Document, Path_
from foundation.errors import ConfigurationError, Problem
from transform.mapping import Example, Failed, Mapping
from transform.plan import Mapped
from transform.references import Part
from transform.syntax import columns_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one example came to; it passed when there are no problems."""

    index: int
    problems: tuple[Problem, ...]

    @property
    def passed(self) -> bool:
        """Whether everything came out as expected."""
        return not self.problems


def check(mapping: Mapping) -> list[Outcome]:
    """Run every example of a mapping, each as a batch of one row."""
    return [
        Outcome(index=index, problems=tuple(_problems(mapping, example, ("examples", index))))
        for index, example in enumerate(mapping.examples)
    ]


def _problems(mapping: Mapping, example: Example, at: Path_) -> Iterable[Problem]:
    try:
        rows = _row(mapping, example)
        mapped = mapping.plan.bind(rows.schema).run(rows)
    except ConfigurationError as error:
        yield from error.problems
        return
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        yield mapping.document.problem((*at, "raw"), f"not a row: {error}")
        return
    document = mapping.document
    records = [
        {"kind": kind.value, **record} for kind, frame in mapped.records for record in frame.iter_rows(named=True)
    ]
    if len(records) != len(example.expect):
        found = f"{len(records)} {'record comes' if len(records) == 1 else 'records come'} out"
        yield document.problem((*at, "expect"), f"{found}, {len(example.expect)} expected{_why(mapped)}")
    for place, (expected, record) in enumerate(zip(example.expect, records, strict=False)):
        for name, value in expected.items():
            difference = _difference(value, _plain(record.get(name)))
            if difference:
                yield document.problem((*at, "expect", place, name), difference)
    yield from _compared(document, mapped.rejects, example.rejects, (*at, "rejects"))
    if example.errors is not None:
        yield from _compared(document, mapped.field_errors, example.errors, (*at, "errors"))


def _row(mapping: Mapping, example: Example) -> pa.RecordBatch:
    """Make a batch of the raw row; what it leaves out is there and null: columns, and the parts of those it has."""
    row = deepcopy(dict(example.raw))
    for reference in columns_in(mapping.plan.tree):
        found = reference.split(row)
        if found is None:
            row[reference.heads()[-1]] = None
        else:
            column, parts = found
            _complete(row[column], parts)
    return pa.RecordBatch.from_arrays([pa.array([value]) for value in row.values()], names=list(row))


def _complete(value: Any, parts: Sequence[Part]) -> None:
    """Put null where the structs of a value lack a part."""
    if not parts:
        return
    part, *below = parts
    if isinstance(value, dict):
        _complete(value.setdefault(part, None), below)
    elif isinstance(value, list):
        for element in value:
            _complete(element, below)


def _why(mapped: Mapped) -> str:
    """Say why records are missing."""
    said = [f"{path} {reason}" for path, reason in mapped.rejects.select("path", "reason").iter_rows()]
    return f" (rejected: {', '.join(said)})" if said else " (filtered)" if len(mapped.filtered) else ""


def _compared(document: Document, found: pl.DataFrame, expected: Iterable[Failed], at: Path_) -> Iterable[Problem]:
    """Compare what was rejected or failed with what was expected, by path and reason."""
    happened = set(found.select("path", "reason").iter_rows())
    wanted = {(failed.path, failed.reason): place for place, failed in enumerate(expected)}
    for (path, reason), place in wanted.items():
        if (path, reason) not in happened:
            yield document.problem((*at, place), f"{path} {reason} did not happen")
    for path, reason in sorted(happened - wanted.keys()):
        yield document.problem(at, f"not expected: {path} {reason}")


def _difference(expected: Any, found: Any) -> str | None:
    """Say how a value differs from the expected one; of structs only the fields that are expected count."""
    if isinstance(expected, dict) and isinstance(found, dict):
        parts = {f"{name}: ": _difference(value, found.get(name)) for name, value in expected.items()}
        return _joined(parts)
    if isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return f"{len(expected)} expected, {len(found)} found"
        pairs = zip(expected, found, strict=True)
        return _joined({f"[{place}] ": _difference(*pair) for place, pair in enumerate(pairs)})
    expected = _plain(expected)
    same = expected == found or (isinstance(found, str) and not isinstance(expected, bool) and str(expected) == found)
    return None if same else f"expected {_shown(expected)}, found {_shown(found)}"


def _joined(differences: dict[str, str | None]) -> str | None:
    return "; ".join(f"{where}{said}" for where, said in differences.items() if said) or None


def _plain(value: Any) -> Any:
    """Write dates and times as ISO 8601, a time with zone in UTC with ``Z``; inside lists and structs too."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat().removesuffix("+00:00") + "Z"
    return value.isoformat() if isinstance(value, date) else value


def _shown(value: Any) -> str:
    return "nothing" if value is None else repr(value)

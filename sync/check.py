"""Check that sources can be reached and read as their mappings say, without reading them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa

from adapters.base import Adapter, Batch
from foundation.errors import VoegError
from sync.estate import Estate
from transform.mapping import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check of one source found; ``error`` is set when it failed."""

    source: str
    system: str
    message: str | None = None
    error: VoegError | None = None


def check(estate: Estate, mappings: tuple[Mapping, ...]) -> Iterator[Checked]:
    """Check the sources one after the other: reach the system, then bind the mapping to the columns it has."""
    for mapping in mappings:
        try:
            adapter = estate.adapter(mapping)
            message = adapter.check().message
            mapping.plan.bind(first_rows(adapter, rows=1).schema)
        except VoegError as error:
            yield Checked(source=mapping.name, system=mapping.system, error=error)
        else:
            yield Checked(source=mapping.name, system=mapping.system, message=message)


def first_rows(adapter: Adapter, *, rows: int) -> pa.RecordBatch:
    """Read the first rows of a source; an empty batch without columns when it has none."""
    with_rows: Batch | None = next(islice(adapter.read(), 1), None)
    return with_rows.rows.slice(0, rows) if with_rows else pa.RecordBatch.from_pylist([])

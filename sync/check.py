"""Check that sources can be reached and read as their mappings say, without reading them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
            rows = first_rows(adapter, rows=1)
            if rows is None:
                message += ", no rows yet"
            else:
                mapping.plan.bind(rows.schema)
        except VoegError as error:
            yield Checked(source=mapping.name, system=mapping.system, error=error)
        else:
            yield Checked(source=mapping.name, system=mapping.system, message=message)


def first_rows(adapter: Adapter, *, rows: int) -> pa.RecordBatch | None:
    """Read the first rows of a source; None when it has none and does not tell its columns either."""
    first: Batch | None = next(adapter.read(), None)
    return None if first is None else first.rows.slice(0, rows)

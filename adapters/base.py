"""What every adapter promises.

An adapter is made from the validated ``read:`` section of a mapping (a pydantic model that it declares) and can
check that the system answers, discover what it holds, and read one source as Arrow batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, JsonValue, PositiveInt

Cursor = dict[str, JsonValue]
"""Where the next delta read starts; what is in it is the adapter's own business. JSON, kept by the store."""


class ReadOptions(BaseModel):
    """Base of every adapter's ``read:`` options; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    batch_rows: PositiveInt = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Values of one field that are not of its type: null in the rows, told here by place, never by value."""

    path: str  # as mappings address the field: ``ITEMS[*].PRICE``
    count: int
    places: tuple[str, ...] = ()  # of the first few: ``CUSTOMERS.PS: record 17, offset 45``


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A piece of a read: raw rows as the system gave them, and where a later read could go on."""

    rows: pa.RecordBatch
    origin: str  # where the rows came from, for people: file name with first row, table, page; no personal data
    cursor: Cursor | None = None  # set when a delta read may resume after this batch
    left_out: int = 0  # rows that the options of the read do not want, and that are therefore not here
    unreadable: tuple[Unreadable, ...] = ()  # values that became null because the system gave something else


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a discovered table, file or message."""

    name: str  # as mappings address it: ``NAME``, ``group.name``, ``items[*].name``
    type: str  # Arrow type, written as Arrow writes it
    nullable: bool = True
    note: str | None = None  # picture, offset, native type


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """One readable thing of a system: a table, a file, an operation."""

    name: str
    columns: tuple[Column, ...] = ()
    rows: int | None = None  # when the system tells without a scan


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The outcome of a check that passed; a failing check raises SourceError."""

    message: str  # e.g. "PostgreSQL 15.8, table customers, 12 columns"
    details: dict[str, JsonValue] = field(default_factory=dict)


@runtime_checkable
class Adapter(Protocol):
    """A foreign system, ready to be read.

    All three methods raise ``SourceUnavailable`` when the system is down, slow or refuses (a retry may help) and
    ``SourceError`` when it answers but cannot be read as described (a truncated file, a missing table, a fault).
    A read that ends without raising was complete.
    """

    options: ClassVar[type[ReadOptions]]

    def check(self) -> Check:
        """Reach the system and confirm that what the options name is there."""
        ...

    def discover(self) -> Sequence[Discovered]:
        """List what can be read, with columns and types."""
        ...

    def read(self, cursor: Cursor | None = None) -> Iterator[Batch]:
        """Yield the rows: all of them, or those after ``cursor`` for a source read as deltas."""
        ...

"""The SOAP adapter: the records that an operation of a web service gives, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from adapters.base import Batch, Check, Cursor, Discovered, ReadOptions
from adapters.soap.options import SoapOptions

if TYPE_CHECKING:
    from adapters.soap.operation import Operation


class Soap:
    """Reads one operation of a SOAP 1.1 or 1.2 service; columns and types as ``records`` describes them.

    Every read is a whole one: the cursor is not used. Memory holds one page at a time. Batches tell
    which fields held values that are not of their type.
    """

    options: ClassVar[type[ReadOptions]] = SoapOptions

    def __init__(self, options: SoapOptions, *, base: Path) -> None:
        self._options = options
        self._base = base

    def check(self) -> Check:
        """Load the WSDL, compare the options with it, and call the operation for its first page."""
        return self._operation.check()

    def discover(self) -> Sequence[Discovered]:
        """Return every list of records that an operation of the service gives: ``operation: place of the records``."""
        return self._operation.discover()

    def read(self, cursor: Cursor | None = None) -> Iterator[Batch]:
        """Yield the records of all pages, at most ``batch_rows`` at a time; see ``Operation.read``."""
        return self._operation.read()

    @cached_property
    def _operation(self) -> Operation:
        from adapters.soap.operation import Operation  # noqa: PLC0415 -- zeep takes a third of a second

        return Operation(self._options, base=self._base)

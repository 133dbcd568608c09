"""One operation of a web service: the records that it gives, page by page, as Arrow batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from adapters.base import Batch, Check, Column, Discovered, Unreadable
from adapters.soap import paging
from adapters.soap.options import SoapOptions
from adapters.soap.records import Reader, Scalar, Struct, columns_of, repeated_paths, walk
from adapters.soap.service import Service


class Operation:
    """What the adapter does, once a source needs it; see ``adapters.soap.adapter.Soap``."""

    def __init__(self, options: SoapOptions, *, base: Path) -> None:
        self._options = options
        self._base = base

    def check(self) -> Check:
        """Load the WSDL, compare the options with it, and call the operation for its first page."""
        reader = self._reader()
        page = next(self._pages(), None)
        count = len(page.elements) if page else 0
        return Check(
            message=f"SOAP {self._service.version}, {self._options.operation}: {count} records in the first answer,"
            f" {len(reader.schema)} columns",
            details={"records_in_first_answer": count, "columns": list(reader.schema.names)},
        )

    def discover(self) -> Sequence[Discovered]:
        """Return every list of records that an operation of the service gives: ``operation: place of the records``."""
        return [
            Discovered(name=f"{operation}: {path}", columns=_columns(walk(node, path, what="records").node))
            for operation, node in self._service.operations.items()
            for path in repeated_paths(node)
        ]

    def read(self) -> Iterator[Batch]:
        """Yield the records of all pages, at most ``batch_rows`` at a time.

        Raises:
            ConfigurationError: the options do not fit the WSDL.
            SourceUnavailable: the service is down, slow or refuses, also after the retries.
            SourceError: it answers with a fault, or its pages do not add up.
        """
        reader = self._reader()
        for page in self._pages():
            origin = f"{self._options.operation}: page {page.number}"
            for start in range(0, len(page.elements), self._options.batch_rows):
                rows, misread = reader.read(page.elements[start : start + self._options.batch_rows])
                unreadable = tuple(Unreadable(path=path, count=n, places=(origin,)) for path, n in misread.items())
                yield Batch(rows=rows, origin=origin, unreadable=unreadable)

    @cached_property
    def _service(self) -> Service:
        return Service(self._options, base=self._base)

    def _reader(self) -> Reader:
        """Return the reader of records; sees first that all that the options name is in the WSDL."""
        service = self._service
        for option, field in paging.request_fields(self._options.paging).items():
            service.check_request(field, what=option)
        for field in self._options.request:
            service.check_request(field, what="request")
        for option, place in paging.answer_places(self._options.paging).items():
            walk(service.answer, place, what=option)
        member = walk(service.answer, self._options.records, what="records")
        return Reader(member.node, member.name)

    def _pages(self) -> Iterator[paging.Page]:
        return paging.pages(self._service.call, self._options.paging, self._options.records)


def _columns(node: Struct | Scalar) -> tuple[Column, ...]:
    if not isinstance(node, Struct):
        return ()
    return tuple(Column(name=path, type=str(kind)) for path, kind in columns_of(node))

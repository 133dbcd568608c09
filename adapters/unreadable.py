"""Values that are not of their field's type: null in the rows, and told here, by field and place, never by value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

SHOWN = 5  # places named per field


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableField:
    """How many values of one field could not be read, and where the first of them stand."""

    count: int = 0
    first: tuple[str, ...] = ()  # ``CUSTOMERS.PS: record 17, offset 45``; at most ``SHOWN``


class UnreadableFields(Mapping[str, UnreadableField]):
    """The unreadable values of one read, by the field's path as mappings write it (``ITEMS[*].PRICE``)."""

    def __init__(self) -> None:
        self._fields: dict[str, UnreadableField] = {}

    def add(self, path: str, count: int, places: Iterable[str]) -> None:
        """Count ``count`` more values of the field ``path``; ``places`` are of the first few of them."""
        known = self._fields.get(path, UnreadableField())
        self._fields[path] = UnreadableField(count=known.count + count, first=(*known.first, *places)[:SHOWN])

    def __getitem__(self, path: str) -> UnreadableField:
        return self._fields[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

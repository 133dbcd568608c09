"""Names of columns and of ``let`` values, as mappings write them: ``a.b``, ``lines[*].code``, ``$person.infix``."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

EVERY = "[*]"
POSITION = "$position"

Part = str | int
"""A name, an index from 0, or ``EVERY``."""

_TOKEN = re.compile(r"\.?(?P<name>[^.\[\]]+)|(?P<every>\[\*\])|\[(?P<index>\d+)\]")


@dataclass(frozen=True, slots=True)
class Reference:
    """One name, taken apart; ``text`` is how it was written."""

    text: str
    parts: tuple[Part, ...]

    @property
    def let(self) -> str | None:
        """The name of the ``let`` that is meant, or None for a column."""
        head = str(self.parts[0])
        return head[1:] if head.startswith("$") and self.text.startswith("$") else None

    def heads(self) -> tuple[str, ...]:
        """Return the names that the top-level column may have, longest first: ``a.b`` may be one column's name."""
        names: list[str] = []
        for part in self.parts:
            if isinstance(part, int) or part == EVERY:
                break
            names.append(part)
        return tuple(".".join(names[:length]) for length in range(len(names), 0, -1))

    def split(self, columns: Collection[str]) -> tuple[str, tuple[Part, ...]] | None:
        """Return the top-level column that is meant and the parts inside it, or None when it is not there."""
        for head in self.heads():
            if head in columns:
                return head, self.parts[len(self.parts[: self._length(head)]) :]
        return None

    def _length(self, head: str) -> int:
        names: list[str] = []
        for part in self.parts:
            names.append(str(part))
            if ".".join(names) == head:
                break
        return len(names)


def parse(text: str) -> Reference:
    """Take a name apart.

    Raises:
        ValueError: it is not written as names with dots, ``[0]`` and ``[*]``.
    """
    parts: list[Part] = []
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None or (position == 0) != (token.group(0) == token.group("name")):
            raise ValueError(text)
        index = token.group("index")
        parts.append(int(index) if index else EVERY if token.group("every") else token.group("name"))
        position = token.end()
    if not parts:
        raise ValueError(text)
    return Reference(text, tuple(parts))


def literal(name: str) -> Reference:
    """Return the reference to a column whose name is taken as it stands."""
    return Reference(f"column {name}", (name,))

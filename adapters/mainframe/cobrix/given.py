"""Options as they were given: by lower-case name, read as what they should be, with everything that is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeVar

from foundation.errors import Problem, did_you_mean

_T = TypeVar("_T")
_FLAGS = {"true": True, "false": False}


class Given:
    """The options, and what is wrong with them; every reader notes a problem and goes on with the default."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._values = {name.strip().lower(): str(value) for name, value in options.items()}
        self.problems: list[Problem] = []

    def __contains__(self, name: str) -> bool:
        return name in self._values

    @property
    def names(self) -> tuple[str, ...]:
        """The names given, in their order."""
        return tuple(self._values)

    def refuse(self, name: str, message: str, remedy: str | None = None) -> None:
        """Note what is wrong with an option."""
        problem = Problem(path=f"cobrix_options.{name}", message=message, remedy=remedy)
        if problem not in self.problems:
            self.problems.append(problem)

    def never_together(self, name: str, others: Sequence[str]) -> None:
        """Refuse every one of ``others`` that is given beside ``name``."""
        for other in others:
            if name in self and other in self:
                message = f"'{name}' and '{other}' cannot be used together"
                self.refuse(name, message, f"leave out '{name}' or '{other}'")

    def text(self, name: str) -> str | None:
        """Return a text; None when it is not given, or blank."""
        return self._values.get(name, "").strip() or None

    def verbatim(self, name: str) -> str | None:
        """Return a text as it was given, where blanks at its ends mean something; None when there is nothing else."""
        return self._values[name] if self.text(name) else None

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        return self.choice(name, _FLAGS, default=default)

    def number(self, name: str, *, default: int | None = None, least: int | None = None) -> int | None:
        """Return a whole number, not less than ``least``."""
        if name not in self._values:
            return default
        try:
            number = int(self._values[name])
        except ValueError:
            self.refuse(name, f"'{self._values[name]}' is not a whole number")
            return default
        if least is not None and number < least:
            self.refuse(name, f"'{name}' is {number}", f"give at least {least}")
            return default
        return number

    def choice(self, name: str, choices: Mapping[str, _T], *, default: _T) -> _T:
        """Return what the value stands for, compared without regard to case."""
        value = self.text(name)
        if value is None:
            return default
        for written, meaning in choices.items():
            if written.lower() == value.lower():
                return meaning
        self.refuse(name, f"'{value}' is not a value of '{name}'", did_you_mean(value, list(choices)))
        return default

    def family(self, *prefixes: str) -> dict[str, str]:
        """Return the options whose names begin with one of ``prefixes``, by name."""
        return {name: value for name, value in sorted(self._values.items()) if name.startswith(prefixes)}

    def arrows(self, *prefixes: str) -> list[tuple[str, str]]:
        """Return the two sides of ``GROUP => …`` of a family, in the order of the names."""
        pairs = []
        for name, value in self.family(*prefixes).items():
            left, arrow, right = value.partition("=>")
            if not arrow or not left.strip() or "=>" in right:
                self.refuse(name, f"'{value}' is not of the form 'GROUP => …'")
            else:
                pairs.append((column(left), right))
        return pairs

    def document(self, name: str) -> dict[str, object]:
        """Return a value that is a JSON object; empty when it is not given."""
        try:
            parsed = json.loads(self.text(name) or "{}")
        except ValueError as error:
            self.refuse(name, f"'{name}' is not JSON: {error}")
            return {}
        if not isinstance(parsed, dict):
            self.refuse(name, f"'{name}' is not a JSON object", 'write it as {"VALUE": 10}')
            return {}
        return parsed


def column(name: str) -> str:
    """Return a name of a copybook as columns have it."""
    return name.strip().replace("-", "_").replace(":", "")


def listed(text: str | None) -> tuple[str, ...]:
    """Return what stands between commas, without blanks around it and without what is empty."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def split(text: str) -> list[str]:
    """Return what stands between commas, as it is; what is empty at the end does not count, as in Java."""
    parts = text.split(",")
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return parts

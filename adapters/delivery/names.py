"""What names tell: the date in them, the generation, and which files stand beside others.

Generations: z/OS DFSMS Using Data Sets, "Absolute Generation and Version Numbers". A generation data set ends in
``.GxxxxVyy``, generation 0001 to 9999, version 00 to 99; after 9999 comes 0001, and while both are there the low
numbers (up to 0999, as many as a group can hold) count as 10,000 more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import PurePosixPath
from typing import TypeVar

from foundation.errors import ConfigurationError, Problem, SourceError

_DATE = re.compile(r"\{\w+:([^{}/]*)\}")
_DIRECTIVE = re.compile(r"%(.)")
_DIGITS = {"Y": 4, "y": 2, "m": 2, "d": 2, "j": 3, "H": 2, "M": 2, "S": 2}
_GENERATION = re.compile(r"\.G(\d{4})V(\d{2})(?=\.|$)")
_WRAPS_FROM, _WRAPS_TO = 9001, 999

Item = TypeVar("Item")


@dataclass(frozen=True)
class Pattern:
    """A file name with ``*``, ``?``, ``[…]``, ``**`` and dates such as ``{date:%y%m%d}``.

    A date is written with the directives %Y %y %m %d %j %H %M %S of ``strptime``, all of them digits.
    """

    text: str

    @cached_property
    def glob(self) -> str:
        """The same as a glob, which matches all that the pattern matches.

        Raises:
            ConfigurationError: a date is written with something else.
        """
        return _DATE.sub(lambda found: _replaced(found[1], self.text, lambda _, digits: "[0-9]" * digits), self.text)

    @property
    def dated(self) -> bool:
        """Whether it holds a date."""
        return _DATE.search(self.text) is not None

    def date_of(self, name: str) -> datetime | None:
        """Return the date in a name that ``glob`` matched; None if it does not match the pattern.

        Raises:
            SourceError: the digits are no date.
        """
        expression, directives = self._expression
        match = expression.fullmatch(name)
        if match is None:
            return None
        values = dict(zip(directives, match.groups(), strict=True))
        try:
            return datetime.strptime("|".join(values.values()), "|".join(f"%{key}" for key in values))  # noqa: DTZ007
        except ValueError:
            raise SourceError(
                Problem(
                    message=f"the digits in the name of '{name}' are no date as '{self.text}' has it",
                    remedy="correct the pattern, or have the file renamed",
                )
            ) from None

    @cached_property
    def _expression(self) -> tuple[re.Pattern[str], list[str]]:
        """The pattern as a regular expression, and the directive that each of its groups stands for."""
        directives: list[str] = []

        def group(directive: str, digits: int) -> str:
            directives.append(directive)
            return f"([0-9]{{{digits}}})"

        text = PurePosixPath(self.text).as_posix()
        parts, end = [], 0
        for found in _DATE.finditer(text):
            parts += [_of_glob(text[end : found.start()]), _replaced(found[1], text, group, re.escape)]
            end = found.end()
        return re.compile("".join([*parts, _of_glob(text[end:])]), re.DOTALL), directives


def newest(items: Sequence[Item], pattern: Pattern, name_of: Callable[[Item], str]) -> list[Item]:
    """Return the newest items: all of the latest date, or of each generation data group the last generation.

    Raises:
        SourceError: a name has neither date nor generation.
    """
    if pattern.dated:
        dates = [pattern.date_of(name_of(item)) for item in items]
        latest = max((date for date in dates if date is not None), default=None)
        return [item for item, date in zip(items, dates, strict=True) if date == latest]
    groups: dict[str, list[tuple[int, int, Item]]] = {}
    for item in items:
        match = _GENERATION.search(name_of(item))
        if match is None:
            raise SourceError(
                Problem(
                    message=f"cannot tell whether '{name_of(item)}' is the newest: its name holds no generation"
                    f" (.G0001V00), and '{pattern.text}' no date",
                    remedy="write where the date is, such as CUST.D{date:%y%m%d}.PS, or have `choose: all`",
                )
            )
        group = name_of(item)[: match.start()] + name_of(item)[match.end() :]
        groups.setdefault(group, []).append((int(match[1]), int(match[2]), item))
    return [_last_generation(group) for group in groups.values()]


def in_order(items: Sequence[Item], pattern: Pattern, name_of: Callable[[Item], str]) -> list[Item]:
    """Return the items as they are, or in the order of the dates in their names, without those that do not match."""
    if not pattern.dated:
        return list(items)
    dated = [(date, item) for item in items if (date := pattern.date_of(name_of(item))) is not None]
    return [item for _, item in sorted(dated, key=lambda pair: (pair[0], name_of(pair[1])))]


def check_companion(template: str) -> None:
    """Refuse a template that does not name a file beside the data.

    Raises:
        ValueError: tells what is wrong.
    """
    parts = PurePosixPath(template).parts
    if not parts or template.startswith("/") or ".." in parts:
        raise ValueError("names no file beside the data or below; write such as {name}.ready")
    if re.search(r"[{}]", re.sub(r"\{(name|stem)\}", "", template)):
        raise ValueError("has a placeholder other than {name} and {stem}")
    if template in ("{name}", "{stem}"):
        raise ValueError("names the file itself; write such as {name}.ready")


def companion(template: str, name: str) -> str:
    """Return the name of the file that ``template`` puts beside the file ``name``."""
    path = PurePosixPath(name)
    beside = template.replace("{name}", path.name).replace("{stem}", path.stem)
    return (path.parent / beside).as_posix()


def without_companions(items: Iterable[Item], templates: Iterable[str], name_of: Callable[[Item], str]) -> list[Item]:
    """Return the items that no template describes: ``CUST.*`` matches ``CUST.G0001V00.ready`` too."""
    expressions = [
        re.compile(r"(?:.*/)?" + re.sub(r"\\\{(?:name|stem)\\\}", "[^/]+", re.escape(template)), re.DOTALL)
        for template in templates
    ]
    return [item for item in items if not any(expression.fullmatch(name_of(item)) for expression in expressions)]


def _last_generation(group: list[tuple[int, int, Item]]) -> Item:
    numbers = [number for number, _, _ in group]
    wrapped = (
        min(numbers) <= _WRAPS_TO
        and max(numbers) >= _WRAPS_FROM
        and not any(_WRAPS_TO < number < _WRAPS_FROM for number in numbers)
    )

    def age(generation: tuple[int, int, Item]) -> tuple[int, int]:
        number, version, _ = generation
        return number + 10_000 * (wrapped and number <= _WRAPS_TO), version

    return max(group, key=age)[2]


def _replaced(
    written: str, text: str, directive: Callable[[str, int], str], literal: Callable[[str], str] = str
) -> str:
    """Return how a date is written with its directives, and what stands between them, replaced."""
    parts = _DIRECTIVE.split(written)
    unknown = [part for part in parts[1::2] if part not in _DIGITS]
    if unknown or len(parts) == 1 or "%" in "".join(parts[::2]):
        raise ConfigurationError(
            Problem(
                path="path",
                message=f"'{text}' has a date that is not written with {' '.join(f'%{key}' for key in _DIGITS)}",
                remedy="write such as CUST.D{date:%y%m%d}.T{time:%H%M%S}.PS, and `*` for what is no digit",
            )
        )
    return "".join(
        directive(part, _DIGITS[part]) if position % 2 else literal(part) for position, part in enumerate(parts)
    )


def _of_glob(text: str) -> str:
    """Return a glob as a regular expression."""
    return re.sub(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", _of_glob_token, text, flags=re.DOTALL)


def _of_glob_token(found: re.Match[str]) -> str:
    token = found[0]
    if token.startswith("[") and len(token) > 2:
        negated = token[1] == "!"
        characters = token[2 if negated else 1 : -1].replace("\\", r"\\").replace("[", r"\[")
        if characters.startswith("^"):
            characters = "\\" + characters
        return f"[{'^' if negated else ''}{characters}]"
    return {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(token, re.escape(token))

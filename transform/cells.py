"""Values while they are bound: cells, and the scopes that they live in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from foundation.errors import Problem
from transform.bound import Failure, Shown
from transform.references import Part, Reference
from transform.syntax import Value
from transform.types import Type


class Wrong(Exception):
    """Something in the mapping can't be bound; never leaves this package."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A value of every row: an expression on the working frame, and what is known of it."""

    expr: pl.Expr
    type: Type
    key: str  # says what it computes: equal keys in one scope are equal values
    depth: int = 0  # stages that must have run before the expression can
    column: str | None = None  # that holds it, when it is kept
    clean: bool = False  # text that is trimmed and never blank
    possible: frozenset[object] | None = None  # all its values, when known beforehand
    ensures: str | None = None  # what is known of all its values, e.g. ``e164``
    failures: tuple[Failure, ...] = ()
    trace: tuple[Shown, ...] = ()

    def after(self, step: str, expr: pl.Expr, type_: Type, key: str) -> Cell:
        """Return the outcome of a step; of its values nothing is known but their type."""
        return Cell(
            expr=expr,
            type=type_,
            key=f"{self.key}|{key}",
            depth=self.depth,
            failures=self.failures,
            trace=(*self.trace, Shown(step, expr)),
        )


@dataclass(slots=True)
class Scope:
    """One working frame: its stages of columns, and the names that values in it can use."""

    prefix: str  # of the paths of lets at the top, which each record counts for itself: ``records[0].``
    parent: Scope | None = None
    lets: Mapping[str, Value] = field(default_factory=dict)
    elements: list[tuple[tuple[Part, ...], Cell]] = field(default_factory=list)  # what ``each`` gives, innermost first
    position: Cell | None = None
    stages: list[list[pl.Expr]] = field(default_factory=list)
    failures: dict[Failure, None] = field(default_factory=dict)  # to count; an ordered set
    being_bound: set[str] = field(default_factory=set)
    bound_lets: dict[str, Cell] = field(default_factory=dict)
    _kept: dict[str, Cell] = field(default_factory=dict)

    def keep(self, cell: Cell, column: str) -> Cell:
        """Make the cell a column; when one computes the same already, return that."""
        known = self._kept.get(cell.key)
        if known is None:
            while len(self.stages) <= cell.depth:
                self.stages.append([])
            self.stages[cell.depth].append(cell.expr.alias(column))
            known = replace(cell, expr=pl.col(column), depth=cell.depth + 1, column=column)
            self._kept[cell.key] = known
        return replace(cell, expr=known.expr, depth=known.depth, column=known.column)

    def sibling(self) -> Scope:
        """Return a scope with the same names and nothing bound yet."""
        return Scope(self.prefix, self.parent, self.lets, self.elements, self.position)

    def count(self, failures: Iterable[Failure]) -> None:
        """Note failures to count in this scope's frame."""
        self.failures.update(dict.fromkeys(failures))

    def element(self, reference: Reference) -> tuple[Cell, tuple[Part, ...]] | None:
        """Return the element of an ``each`` that a name lies in, and the parts of the name inside it."""
        for prefix, cell in self.elements:
            if reference.parts[: len(prefix)] == prefix:
                return cell, reference.parts[len(prefix) :]
        return self.parent.element(reference) if self.parent else None

    def innermost_position(self) -> Cell | None:
        """Return the position of the innermost ``each`` around this scope."""
        return self.position or (self.parent.innermost_position() if self.parent else None)

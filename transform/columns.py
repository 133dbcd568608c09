"""Raw columns: finding the one that a name means, and walking into structs and lists."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from foundation.errors import did_you_mean
from transform.references import EVERY, Part, Reference
from transform.types import TEXT, UNKNOWN, Type, described, instance


class NotThere(Exception):
    """A name that leads nowhere; never leaves this package."""

    def __init__(self, message: str, remedy: str) -> None:
        self.message, self.remedy = message, remedy
        super().__init__(message)


class Columns:
    """The raw columns of a source, or (``types`` None) of one that is not known yet and may have any."""

    def __init__(self, types: Mapping[str, Type] | None) -> None:
        self._types = types
        self.used: dict[str, str] = {}
        """Raw name → name in the working frame, of the columns that were found."""

    def find(self, reference: Reference) -> tuple[str, pl.Expr, Type, tuple[Part, ...]]:
        """Return the column that is meant: its name, expression and type, and what is left of the reference.

        Raises:
            NotThere: the source has no such column; names the nearest.
        """
        name, rest, type_ = str(reference.parts[0]), reference.parts[1:], UNKNOWN
        if self._types is not None:
            found = reference.split(self._types)
            if found is None:
                head = reference.heads()[-1]
                remedy = did_you_mean(head, list(self._types)) if self._types else "the source has no columns at all"
                raise NotThere(f"the source has no column '{head}'", remedy)
            (name, rest), type_ = found, self._types[found[0]]
        expr = pl.col(self.used.setdefault(name, f"c{len(self.used)}"))
        if isinstance(type_, pl.Categorical | pl.Enum):
            return name, expr.cast(pl.String), TEXT, rest
        if isinstance(type_, pl.Array):
            return name, expr.arr.to_list(), pl.List(type_.inner), rest
        return name, expr, type_, rest


def walk(expr: pl.Expr, type_: Type, parts: tuple[Part, ...], name: str) -> tuple[pl.Expr, Type]:
    """Walk into structs (``.a``) and lists (``[0]``, ``[*]``); ``[*]`` gives a list, of several one flat list.

    Raises:
        NotThere: there is no such field, or no struct or list where the name wants one.
    """
    if not parts or isinstance(type_, pl.Null):
        return expr, type_
    if type_ == UNKNOWN:
        return expr, (pl.List(pl.Unknown) if EVERY in parts else UNKNOWN)
    part, rest = parts[0], parts[1:]
    if isinstance(part, int) or part == EVERY:
        return _into_list(expr, type_, part, rest, name)
    if not isinstance(type_, pl.Struct):
        remedy = "write [*] or [0] before it" if isinstance(type_, pl.List) else "leave it out"
        raise NotThere(f"'{name}' looks for '{part}' in {described(type_)}", remedy)
    inner = {field.name: instance(field.dtype) for field in type_.fields}
    if part not in inner:
        raise NotThere(f"'{name}': there is no '{part}' in it", did_you_mean(part, [*inner]))
    return walk(expr.struct.field(part), inner[part], rest, name)


def _into_list(expr: pl.Expr, type_: Type, part: Part, rest: tuple[Part, ...], name: str) -> tuple[pl.Expr, Type]:
    if not isinstance(type_, pl.List):
        raise NotThere(f"'{name}' looks for a list in {described(type_)}", "leave the brackets out")
    inner = instance(type_.inner)
    if isinstance(part, int):
        return walk(expr.list.get(part, null_on_oob=True), inner, rest, name)
    element, element_type = walk(pl.element(), inner, rest, name)
    if EVERY in rest:
        return expr.list.eval(element.explode()), element_type
    return expr.list.eval(element), pl.List(element_type)

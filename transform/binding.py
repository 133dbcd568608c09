"""From the tree of a mapping and the columns of a source to Polars expressions.

A value becomes a chain of expressions, a ``Cell``. Chains are fused as far as possible; a cell is *kept* — made a
column of the working frame, in the earliest stage where its inputs are there — when others share it, or around an
operation that can fail: the failures of a step are then the difference of the null counts of two columns, which
costs nothing, and the reason of a rejected row can be looked up afterwards.

The same code checks a mapping before any source is known: every raw column then has the type ``UNKNOWN``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TypeVar

import polars as pl

from canonical_model.schema import content_schema
from foundation.document import Document, Path_
from foundation.errors import Problem, did_you_mean
from transform.bound import Bound, BoundElement, BoundRecord, Explosion, Failure, Required, Shown
from transform.cells import Cell, Scope, Wrong
from transform.checks import Plausibility, check_of, passes
from transform.columns import Columns, NotThere, walk
from transform.operation import Combining, Operation
from transform.references import EVERY, POSITION, Reference
from transform.syntax import (
    Condition,
    Constant,
    Element,
    Every,
    Opposite,
    PartyReference,
    Record,
    Several,
    Test,
    Tree,
    Value,
    label,
    references_in,
)
from transform.types import (
    BOOLEAN,
    DATE,
    INSTANT,
    TEXT,
    UNKNOWN,
    WHOLE,
    Type,
    as_date,
    as_instant,
    as_text,
    described,
    fields_of,
    instance,
    is_local_time,
    is_scalar,
    stripped,
)

Part = TypeVar("Part", Value, Condition)


@dataclass(slots=True)
class _Finished:
    """The values of a record or an element, brought into their fields."""

    cells: dict[str, Cell] = field(default_factory=dict)
    traces: dict[str, tuple[Shown, ...]] = field(default_factory=dict)
    required: list[Required] = field(default_factory=list)


class Binder:
    """Binds a tree to the columns of a source, or to none; collects the problems of all its values."""

    def __init__(
        self,
        tree: Tree,
        document: Document,
        *,
        timezone: str | None,
        plausibility: Plausibility,
        columns: Mapping[str, Type] | None,
    ) -> None:
        self._tree = tree
        self._document = document
        self._timezone = timezone
        self._plausibility = plausibility
        self._columns = Columns(columns)
        self._unknown_source = columns is None
        self._numbers = count()
        self._problems: dict[str, Problem] = {}

    @property
    def problems(self) -> list[Problem]:
        """What is wrong, each once."""
        return list(self._problems.values())

    def bind(self) -> Bound:
        """Bind everything; look at ``problems`` afterwards."""
        shared = self._shared_lets()
        base = Scope(prefix="", lets={name: value for name, value in self._tree.let.items() if name in shared})
        for name, value in base.lets.items():
            with self._noting():
                self._let(name, base, value.at)
        records = tuple(self._record(record, base) for record in self._tree.records)
        if self._unknown_source:
            self._bind_unused_lets()
        return Bound(columns=self._columns.used, stages=base.stages, records=records)

    # --- records

    def _record(self, record: Record, base: Scope) -> BoundRecord:
        prefix = f"{label(record.at)}."
        lets = {**{name: let for name, let in self._tree.let.items() if name not in base.lets}, **record.let}
        entry = Scope(prefix=prefix, parent=base, lets=lets)
        explosions = self._explode(record.each, (*record.at, "each"), entry)
        gate, scope = entry.sibling(), entry.sibling()
        when = None
        with self._noting():
            when = self._condition(record.when, gate) if record.when else None
        finished = self._scalars(record, scope)
        schema = content_schema(record.kind)
        lists = {
            name: tuple(self._element(element, name, schema[name], scope) for element in elements)
            for name, elements in record.lists.items()
        }
        return BoundRecord(
            kind=record.kind,
            path=label(record.at),
            entry_stages=entry.stages,
            explosions=explosions,
            gate_stages=gate.stages,
            gate=when.expr if when else None,
            stages=scope.stages,
            scalars={name: cell.expr for name, cell in finished.cells.items()},
            lists=lists,
            required=tuple(finished.required),
            required_lists=tuple(name for name in record.required if name in lists),
            failures=tuple(scope.failures),
            traces=finished.traces,
        )

    def _scalars(self, record: Record, scope: Scope) -> _Finished:
        """Bind everything of a record that is not a list."""
        finished = _Finished()
        self._finish(finished, "record_id", record.key, TEXT, scope, missing="bad_key")
        if record.changed_at:
            self._finish(finished, "changed_at", record.changed_at, INSTANT, scope)
        if record.party:
            self._party(finished, record.party, scope)
        schema = content_schema(record.kind)
        for name, value in record.fields.items():
            missing = "missing_required" if name in record.required else None
            check = check_of(None, name, self._plausibility)
            self._finish(finished, name, value, schema[name], scope, check=check, missing=missing)
        return finished

    def _party(self, finished: _Finished, party: PartyReference, scope: Scope) -> None:
        by_record = party.source is not None
        name, said = ("party_source", party.source) if by_record else ("party_identifier_type", party.identifier)
        finished.cells[name] = _constant(Constant(said or ""))
        target = "party_record_id" if by_record else "party_identifier_value"
        self._finish(finished, target, party.value, TEXT, scope, missing="missing_party")

    def _finish(
        self,
        finished: _Finished,
        name: str,
        value: Value,
        target: Type,
        scope: Scope,
        *,
        check: Operation | None = None,
        missing: str | None = None,
    ) -> None:
        """Bring a value into a field; with ``missing``, a row without it is rejected for that reason."""
        with self._noting():
            path, cell = label(value.at), self._fitted(value, target, scope, check)
            if missing is not None:
                cell = scope.keep(cell, self._new())
                required = Required(path=path, value=cell.expr, reason=missing, failures=cell.failures)
                finished.required.append(required)
            finished.cells[name] = cell
            finished.traces[path] = cell.trace
            scope.count(cell.failures)

    def _element(self, element: Element, list_: str, type_: Type, parent: Scope) -> BoundElement:
        """Bind an element of a list field; with ``each`` in a scope of its own."""
        scope = Scope(prefix=parent.prefix, parent=parent) if element.each else parent
        explosions = self._explode(element.each, (*element.at, "each"), scope)
        targets = {field.name: instance(field.dtype) for field in fields_of(type_)}
        finished = _Finished()
        for name, value in element.fields.items():
            check = check_of(list_, name, self._plausibility)
            self._finish(finished, name, value, targets[name], scope, check=check)
        cells = {
            name: cell if element.fields[name].is_constant else scope.keep(cell, self._new())
            for name, cell in finished.cells.items()
        }
        content = element.content & cells.keys()
        alive = pl.any_horizontal(pl.lit(value=False), *(cells[name].expr.is_not_null() for name in sorted(content)))
        with self._noting():
            if element.when:
                alive &= scope.keep(self._condition(element.when, scope), self._new()).expr
        struct = pl.struct(
            (cells[name].expr if name in cells else pl.lit(None, target)).alias(name)
            for name, target in targets.items()
        )
        own = scope is not parent
        read = [alive, struct, *(x.elements for x in explosions), *(expr for stage in scope.stages for expr in stage)]
        return BoundElement(
            explosions=explosions,
            stages=scope.stages if own else (),
            columns=tuple(sorted({name for expr in read for name in expr.meta.root_names()})) if own else (),
            alive=alive,
            content=struct,
            failures=tuple(scope.failures) if own else (),
            traces=finished.traces,
        )

    def _explode(self, each: Reference | None, at: Path_, scope: Scope) -> tuple[Explosion, ...]:
        """Add the elements of a list to a scope; for ``a[*].b[*]`` those of every level."""
        explosions: list[Explosion] = []
        with self._noting():
            for end, part in enumerate(each.parts if each else (), start=1):
                if each and part == EVERY:
                    explosions.append(self._exploded(each, end, at, scope))
        return tuple(explosions)

    def _exploded(self, each: Reference, end: int, at: Path_, scope: Scope) -> Explosion:
        """Add the elements of one level; ``end`` is where its ``[*]`` ends."""
        cell = self._referred(Reference(each.text, each.parts[: end - 1]), scope, at)
        if not isinstance(cell.type, pl.List | pl.Null | pl.Unknown):
            raise self._wrong(at, f"`each` needs a list; this is {described(cell.type)}", "name a list column")
        of_list = isinstance(cell.type, pl.List)
        inner = instance(cell.type.inner) if isinstance(cell.type, pl.List) else cell.type
        element, position = self._new(), self._new()
        key = f"element {element} of {cell.key}"
        scope.elements.insert(0, (each.parts[:end], Cell(expr=pl.col(element), type=inner, key=key)))
        scope.position = Cell(expr=pl.col(position), type=WHOLE, key=f"{key} position")
        elements = cell.expr if of_list else cell.expr.cast(pl.List(pl.Null))
        return Explosion(elements=elements, element=element, position=position)

    # --- values

    def _fitted(self, value: Value, target: Type, scope: Scope, check: Operation | None) -> Cell:
        """Bind a value and bring it into its field: the type, trimmed text, the field's own check."""
        cell = self._converted(self._value(value, scope), target, value.at)
        if check is None or (check.ensures is not None and check.ensures == cell.ensures):
            return cell
        if cell.possible is None:
            return self._operated(cell, check, scope, label(value.at))
        wrong = sorted(str(known) for known in cell.possible if not passes(check, known))
        if wrong:
            allowed: Sequence[str] = getattr(check, "values", ())
            remedies = [did_you_mean(known, allowed) if allowed else None for known in wrong]
            raise Wrong(
                self._problem(value.at, f"'{known}' is not a value of this field", remedy)
                for known, remedy in zip(wrong, remedies, strict=True)
            )
        return cell

    def _converted(self, cell: Cell, target: Type, at: Path_) -> Cell:
        """Bring a cell to the type of a field, where that loses nothing."""
        given = cell.type
        if isinstance(given, pl.Null):
            return replace(cell.after("nothing", cell.expr.cast(target), target, "null"), trace=cell.trace, clean=True)
        if target == TEXT and is_scalar(given):
            if given == TEXT and cell.clean:
                return cell
            text = stripped(as_text(cell.expr, given))
            return replace(cell, expr=text, type=TEXT, key=f"{cell.key}|text", column=None, clean=True)
        if given in (UNKNOWN, target):
            return replace(cell, type=target)
        if target == DATE and isinstance(given, pl.Datetime):
            return cell.after("as date", as_date(cell.expr, given, self._timezone), DATE, "date")
        if target == INSTANT and isinstance(given, pl.Date | pl.Datetime):
            if self._timezone is None and (given == DATE or is_local_time(given)):
                raise self._wrong(at, "a local time, and there is no `timezone`", "add `timezone:` at the top")
            return cell.after("as time in UTC", as_instant(cell.expr, given, self._timezone), INSTANT, "instant")
        raise self._wrong(
            at, f"{described(given)} does not go into a field for {described(target)}", _REMEDIES.get(target)
        )

    def _value(self, value: Value, scope: Scope) -> Cell:
        """Bind a value: its source, its condition, its operations."""
        steps = value.do
        if isinstance(value.source, Several):
            cell, steps = self._combined(value, value.source, scope), steps[1:]
        elif isinstance(value.source, Constant):
            cell = _constant(value.source)
        else:
            cell = self._referred(value.source, scope, (*value.at, "from"))
        if value.when is not None:
            when = self._condition(value.when, scope)
            found = cell.after("when", pl.when(when.expr).then(cell.expr), cell.type, f"when {when.key}")
            cell = replace(
                found, depth=max(cell.depth, when.depth), clean=cell.clean, possible=cell.possible, ensures=cell.ensures
            )
        path = f"{scope.prefix}{label(value.at)}" if value.at[0] == "let" else label(value.at)
        for step in steps:
            if refused := step.operation.refuses(cell.type):
                raise self._wrong(step.at, f"'{step.operation.name}' {refused}")
            cell = self._operated(cell, step.operation, scope, path)
        return cell

    def _operated(self, cell: Cell, operation: Operation, scope: Scope, path: str) -> Cell:
        """Bind one operation; keep what goes in and what comes out when it can fail."""
        given, gives = cell.type, operation.output(cell.type)
        key = f"{operation.name} {operation.model_dump_json()}"
        prepared = operation.prepare(cell.expr, given)
        before = (
            scope.keep(cell.after("", prepared, given, f"{key} prepared"), self._new()) if operation.reason else cell
        )
        applied = operation.apply(before.expr if operation.reason else prepared, given)
        done = replace(
            cell.after(operation.name, applied, gives, key),
            depth=before.depth,
            clean=operation.clean,
            possible=operation.possible(),
            ensures=operation.ensures,
        )
        if not operation.can_fail(given):
            return done
        kept = scope.keep(done, self._new())
        failure = Failure(path, operation.reason or "", before.column or "", kept.column or "")
        trace = (*cell.trace, Shown(operation.name, kept.expr))
        return replace(kept, failures=(*cell.failures, failure), trace=trace)

    def _combined(self, value: Value, several: Several, scope: Scope) -> Cell:
        """Bind several values and the operation that makes one of them."""
        cells = self._all(lambda part: self._value(part, scope), several.values)
        step = value.do[0]
        if not isinstance(step.operation, Combining):
            raise self._wrong(step.at, f"'{step.operation.name}' takes one value", "begin `do` with join or coalesce")
        types = [cell.type for cell in cells]
        if refused := step.operation.refuses_several(types):
            raise self._wrong(step.at, f"'{step.operation.name}' {refused}")
        expr = step.operation.combine([cell.expr for cell in cells], types)
        ensured = {cell.ensures for cell in cells} if step.operation.name == "coalesce" else set()
        shown = [shown for cell in cells for shown in cell.trace]
        return Cell(
            expr=expr,
            type=step.operation.output_of(types),
            key=f"({', '.join(cell.key for cell in cells)})|{step.operation.name} {step.operation.model_dump_json()}",
            depth=max(cell.depth for cell in cells),
            ensures=ensured.pop() if len(ensured) == 1 else None,
            failures=tuple(failure for cell in cells for failure in cell.failures),
            trace=(*shown, Shown(step.operation.name, expr)),
        )

    # --- names

    def _referred(self, reference: Reference, scope: Scope, at: Path_) -> Cell:
        """Bind a name: a position, something in an element, a let or a column."""
        if reference.text == POSITION:
            position = scope.innermost_position()
            if position is None:
                raise self._wrong(at, "$position means nothing without `each`", "add `each`, or name a column")
            return replace(position, trace=(Shown(POSITION, position.expr),))
        try:
            if inside := scope.element(reference):
                start, parts = inside
            elif reference.let is not None:
                start, parts = self._let(reference.let, scope, at), reference.parts[1:]
            else:
                name, expr, type_, parts = self._columns.find(reference)
                start = Cell(expr=expr, type=type_, key=f"column {name}")
            if not parts and reference.let is not None:
                return start
            expr, type_ = walk(start.expr, start.type, parts, reference.text)
        except NotThere as error:
            raise self._wrong(at, error.message, error.remedy) from None
        return start.after(reference.text, expr, type_, "".join(f".{part}" for part in parts))

    def _let(self, name: str, scope: Scope, at: Path_) -> Cell:
        """Bind a let, once in the scope that it belongs to."""
        if name in scope.bound_lets:
            return scope.bound_lets[name]
        if name not in scope.lets:
            if scope.parent is None:
                names = {*self._tree.let, *(name for record in self._tree.records for name in record.let)}
                remedy = did_you_mean(name, sorted(names)) if names else "add it under `let`"
                raise self._wrong(at, f"there is no `let` named '{name}'", remedy)
            return self._inherited(self._let(name, scope.parent, at), scope)
        if name in scope.being_bound:
            raise self._wrong(scope.lets[name].at, f"${name} refers to itself", "break the circle")
        scope.being_bound.add(name)
        cell = self._value(scope.lets[name], scope)
        scope.being_bound.discard(name)
        if scope.lets[name].do and cell.column is None:
            cell = scope.keep(cell, self._new())
        scope.bound_lets[name] = cell
        return cell

    def _inherited(self, outer: Cell, scope: Scope) -> Cell:
        """Return a let of an outer scope as the inner one sees it: a column that is there from the start.

        A record counts the failures of a shared let for itself; an element leaves them to its record.
        """
        parent = scope.parent
        if parent is not None and parent.parent is not None:
            parent.count(outer.failures)
            return replace(outer, depth=0, failures=())
        failures = tuple(replace(failure, path=f"{scope.prefix}{failure.path}") for failure in outer.failures)
        return replace(outer, depth=0, failures=failures)

    def _shared_lets(self) -> set[str]:
        """Return the top-level lets that several records use: they are computed once, for all of them."""
        uses = [self._top_lets_of(record) for record in self._tree.records]
        shared = {name for name in self._tree.let if sum(name in used for used in uses) > 1}
        return {name for let in shared for name in (let, *self._top_lets_of(self._tree.let[let]))}

    def _top_lets_of(self, node: object) -> set[str]:
        """Return the top-level lets that a part of the tree refers to, also by way of other lets."""
        found: set[str] = set()
        pending = list(references_in(node))
        while pending:
            name = pending.pop().let
            if name is not None and name in self._tree.let and name not in found:
                found.add(name)
                pending.extend(references_in(self._tree.let[name]))
        return found

    def _bind_unused_lets(self) -> None:
        """Bind what nothing refers to as well, so that what is wrong with it is told."""
        used = {name for record in self._tree.records for name in self._top_lets_of(record)}
        scopes = [(Scope(prefix="", lets=self._tree.let), self._tree.let.keys() - used)]
        for record in self._tree.records:
            named = {reference.let for reference in references_in(record)}
            scope = Scope(prefix="", lets={**self._tree.let, **record.let})
            self._explode(record.each, (*record.at, "each"), scope)
            scopes.append((scope, record.let.keys() - named))
        for scope, names in scopes:
            for name in names:
                with self._noting():
                    self._let(name, scope, scope.lets[name].at)

    # --- conditions

    def _condition(self, condition: Condition, scope: Scope) -> Cell:
        """Bind a condition: a boolean without nulls."""
        if isinstance(condition, Test):
            return self._test(condition, scope)
        if isinstance(condition, Opposite):
            inner = self._condition(condition.condition, scope)
            return replace(inner, expr=~inner.expr, key=f"not {inner.key}", column=None)
        cells = self._all(lambda part: self._condition(part, scope), condition.conditions)
        every = isinstance(condition, Every)
        combine = pl.all_horizontal if every else pl.any_horizontal
        return Cell(
            expr=combine([cell.expr for cell in cells]),
            type=BOOLEAN,
            key=f"{'every' if every else 'some'} ({', '.join(cell.key for cell in cells)})",
            depth=max(cell.depth for cell in cells),
        )

    def _test(self, test: Test, scope: Scope) -> Cell:
        cell = self._value(test.value, scope)
        if is_scalar(cell.type):
            text = stripped(as_text(cell.expr, cell.type))
        elif test.test == "is_null":
            text = cell.expr
        else:
            raise self._wrong(test.value.at, f"only single values can be compared; this is {described(cell.type)}")
        if test.test == "is_null":
            held = text.is_null()
        elif test.test == "matches":
            held = text.str.contains(test.texts[0]).fill_null(value=False)
        else:
            held = text.is_in(list(test.texts)).fill_null(value=False)
        key = f"{cell.key} {test.test} {test.negated} {test.texts}"
        return Cell(expr=~held if test.negated else held, type=BOOLEAN, key=key, depth=cell.depth)

    # --- problems

    def _all(self, bind: Callable[[Part], Cell], parts: Iterable[Part]) -> list[Cell]:
        """Bind several parts; tell the problems of all of them."""
        cells: list[Cell] = []
        problems: list[Problem] = []
        for part in parts:
            try:
                cells.append(bind(part))
            except Wrong as wrong:
                problems.extend(wrong.problems)
        if problems:
            raise Wrong(problems)
        return cells

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Note what is wrong inside, and go on behind it."""
        try:
            yield
        except Wrong as wrong:
            for problem in wrong.problems:
                self._note(problem)

    def _note(self, problem: Problem) -> None:
        self._problems.setdefault(str(problem), problem)

    def _wrong(self, at: Path_, message: str, remedy: str | None = None) -> Wrong:
        return Wrong([self._problem(at, message, remedy)])

    def _problem(self, at: Path_, message: str, remedy: str | None = None) -> Problem:
        location = self._document.location(at)
        return Problem(message=message, location=location, path=label(at) or None, remedy=remedy)

    def _new(self) -> str:
        return f"v{next(self._numbers)}"


_REMEDIES: Mapping[Type, str] = {
    TEXT: "take one value out of it",
    DATE: "add the operation parse_date",
    INSTANT: "add the operation parse_datetime",
    BOOLEAN: "add a code_table that gives true and false",
}


def _constant(constant: Constant) -> Cell:
    """Return a value that is the same in every row."""
    value = constant.value
    expr = pl.lit(value)
    return Cell(
        expr=expr,
        type=pl.select(expr).to_series().dtype,
        key=f"constant {value!r}",
        clean=isinstance(value, str) and value == value.strip(),
        possible=frozenset({value}),
        trace=(Shown("constant", expr),),
    )

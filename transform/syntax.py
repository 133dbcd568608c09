"""The tree of a mapping: what its document says, checked in form but not yet against the types of columns.

``read`` walks the document by hand rather than by pydantic unions, so that each problem is told once, at its place,
in the words of the language. Every node keeps its path in the document (``at``), for problems found later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from typing import Any

import polars as pl
from pydantic import ValidationError

from canonical_model.schema import Kind, content_schema
from foundation.document import Document, Path_, dotted
from foundation.errors import Problem, did_you_mean
from transform import references
from transform.operation import Combining, Operation
from transform.operations import OPERATIONS
from transform.references import EVERY, Reference

DESCRIPTIVE = frozenset({"kind", "type", "name", "country", "valid_from", "valid_to"})
"""Fields of an element of a list that say what it is, not what it holds; alone they do not keep it."""

Scalar = str | int | float | bool | date


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is always the same."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class Several:
    """Several values that the first operation makes one of."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a ``do:``."""

    at: Path_
    operation: Operation


@dataclass(frozen=True, slots=True)
class Value:
    """Where a value comes from, when it counts, and what is done with it."""

    at: Path_
    source: Reference | Constant | Several
    when: Condition | None = None
    do: tuple[Step, ...] = ()

    @property
    def is_constant(self) -> bool:
        """Whether the value is the same for every row."""
        return isinstance(self.source, Constant) and self.when is None


@dataclass(frozen=True, slots=True)
class Test:
    """One comparison of a value as text; ``negated`` reverses it."""

    value: Value
    test: str  # in, matches, is_null
    texts: tuple[str, ...] = ()
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Every:
    """All conditions hold."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one condition holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Opposite:
    """The condition does not hold."""

    condition: Condition


Condition = Test | Every | Some | Opposite


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a list field (an address, a phone …), or one per element of a list column."""

    at: Path_
    fields: Mapping[str, Value]
    when: Condition | None
    each: Reference | None

    @property
    def content(self) -> frozenset[str]:
        """The fields that make it worth keeping: not constants, nor those that only say what it is."""
        return frozenset(name for name, value in self.fields.items() if not value.is_constant) - DESCRIPTIVE


@dataclass(frozen=True, slots=True)
class PartyReference:
    """Whose satellite it is: a source record, or the bearer of an identifier."""

    at: Path_
    value: Value
    source: str | None = None
    identifier: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of ``records:``."""

    at: Path_
    kind: Kind
    key: Value
    changed_at: Value | None
    when: Condition | None
    required: tuple[str, ...]
    party: PartyReference | None
    let: Mapping[str, Value]
    each: Reference | None
    fields: Mapping[str, Value]
    lists: Mapping[str, tuple[Element, ...]]


@dataclass(frozen=True, slots=True)
class Tree:
    """All of a mapping that turns rows into records."""

    let: Mapping[str, Value]
    records: tuple[Record, ...]


def label(path: Sequence[str | int]) -> str:
    """Return the path that people know a value by: ``records[0].phones[1].number``, without ``fields`` and ``do``."""
    parts: list[str | int] = []
    for part in path:
        if part in ("do", "from", "constant", "column") and len(parts) > 1:
            break
        if part != "fields":
            parts.append(part)
    return dotted(parts)


def references_in(node: object) -> Iterator[Reference]:
    """Yield all names in a part of the tree."""
    return (part for part in _parts(node) if isinstance(part, Reference))


def columns_in(node: object) -> Iterator[Reference]:
    """Yield the names of raw columns in a part of the tree."""
    return (reference for reference in references_in(node) if reference.let is None)


def steps_in(node: object) -> Iterator[Step]:
    """Yield all operations in a part of the tree."""
    return (part for part in _parts(node) if isinstance(part, Step))


def _parts(node: object) -> Iterator[object]:
    """Yield every node, depth first."""
    if isinstance(node, Mapping | tuple):
        for part in node.values() if isinstance(node, Mapping) else node:
            yield from _parts(part)
    elif is_dataclass(node):
        yield node
        for member in fields(node):
            yield from _parts(getattr(node, member.name))


class Reader:
    """Reads the ``let:`` and ``records:`` of a document; collects problems instead of stopping at the first."""

    def __init__(self, document: Document, *, source: str, context: Mapping[str, Any]) -> None:
        self._document = document
        self._source = source
        self._context = dict(context)
        self.problems: list[Problem] = []

    def problem(self, at: Path_, message: str, remedy: str | None = None) -> None:
        """Note a problem at its place."""
        location = self._document.location(at)
        self.problems.append(Problem(message=message, location=location, path=label(at) or None, remedy=remedy))

    def tree(self) -> Tree:
        """Read everything; look at ``problems`` afterwards."""
        data = self._document.data
        let = self._let(data.get("let"), ("let",))
        records = data.get("records")
        if "records" in data and (not isinstance(records, list) or not records):
            self.problem(("records",), "there are no records", "add a list with at least one record")
        records = records if isinstance(records, list) else []
        read = [self._record(node, ("records", index)) for index, node in enumerate(records)]
        found = tuple(record for record in read if record)
        for record in found:
            for name in record.let.keys() & let.keys():
                self.problem((*record.at, "let", name), f"`let` has a '{name}' already", "give it another name")
        return Tree(let=let, records=found)

    # --- records

    def _record(self, node: Any, at: Path_) -> Record | None:
        known = ("kind", "key", "changed_at", "when", "required", "party", "let", "each", "fields")
        if not self._keys(node, at, known, required=("kind", "key")):
            return None
        if node["kind"] not in [*Kind]:
            self.problem((*at, "kind"), f"unknown kind '{node['kind']}'", did_you_mean(str(node["kind"]), [*Kind]))
            return None
        kind = Kind(node["kind"])
        fields, lists = self._fields(node.get("fields", {}), (*at, "fields"), kind)
        return Record(
            at=at,
            kind=kind,
            key=self._key(node["key"], (*at, "key")) or _anything((*at, "key")),
            changed_at=self.value(node["changed_at"], (*at, "changed_at")) if "changed_at" in node else None,
            when=self.condition(node["when"], (*at, "when")) if "when" in node else None,
            required=self._required(node.get("required", []), (*at, "required"), {*fields, *lists}),
            party=self._party(node.get("party"), (*at, "party"), kind),
            let=self._let(node.get("let"), (*at, "let")),
            each=self._each(node["each"], (*at, "each")) if "each" in node else None,
            fields=fields,
            lists=lists,
        )

    def _let(self, node: Any, at: Path_) -> dict[str, Value]:
        if node is None:
            return {}
        if not isinstance(node, dict):
            self.problem(at, "`let` is a mapping of names to values")
            return {}
        let: dict[str, Value] = {}
        for name, written in node.items():
            value = self.value(written, (*at, name))
            if not name.isidentifier() or name == "position":
                self.problem((*at, name), f"'{name}' can't be a name here", "use letters, digits and _; not `position`")
            else:
                let[name] = value or _anything((*at, name))
        return let

    def _key(self, node: Any, at: Path_) -> Value | None:
        if not isinstance(node, list):
            return self.value(node, at)
        values = [self.value(part, (*at, index)) for index, part in enumerate(node)]
        join = OPERATIONS["join"].model_validate({"separator": "-", "complete": True})
        if not values:
            self.problem(at, "the key is empty", "name the column or columns that make a row unique")
        return Value(at, Several(tuple(filter(None, values))), do=(Step(at, join),)) if all(values) and values else None

    def _required(self, node: Any, at: Path_, mapped: set[str]) -> tuple[str, ...]:
        if not isinstance(node, list):
            self.problem(at, "`required` is a list of field names")
            return ()
        names = [str(name) for name in node]
        for index, name in enumerate(names):
            if name not in mapped:
                message = f"required field '{name}' is not among the `fields`"
                self.problem((*at, index), message, "map it or leave it out")
        return tuple(name for name in names if name in mapped)

    def _party(self, node: Any, at: Path_, kind: Kind) -> PartyReference | None:
        if kind is Kind.PARTY:
            if node is not None:
                self.problem(at, "a party has no `party`", "take it out")
            return None
        if node is None:
            self.problem(at[:-1], f"a {kind} needs a `party`", "add party: {source: …, record_id: COLUMN}")
            return None
        if not self._keys(node, at, ("source", "record_id", "identifier", "value")):
            return None
        if {*node} in ({"record_id"}, {"record_id", "source"}):
            value = self.value(node["record_id"], (*at, "record_id"))
            return PartyReference(at, value, source=str(node.get("source", self._source))) if value else None
        if {*node} == {"identifier", "value"}:
            value = self.value(node["value"], (*at, "value"))
            return PartyReference(at, value, identifier=str(node["identifier"])) if value else None
        self.problem(at, "`party` names a source record or an identifier", _PARTY_FORMS)
        return None

    def _each(self, node: Any, at: Path_) -> Reference | None:
        if not isinstance(node, str):
            self.problem(at, "`each` names a list column")
            return None
        return self._reference(node if node.endswith(EVERY) else node + EVERY, at)

    # --- fields

    def _fields(self, node: Any, at: Path_, kind: Kind) -> tuple[dict[str, Value], dict[str, tuple[Element, ...]]]:
        schema = content_schema(kind)
        fields: dict[str, Value] = {}
        lists: dict[str, tuple[Element, ...]] = {}
        if not isinstance(node, dict):
            self.problem(at, "`fields` is a mapping of field names to values")
            return fields, lists
        for name, written in node.items():
            here = (*at, name)
            if name not in schema:
                self.problem(here, f"a {kind} has no field '{name}'", did_you_mean(name, list(schema)))
            elif isinstance(type_ := schema[name], pl.List):
                if elements := self._elements(written, here, type_.inner):
                    lists[name] = elements
            elif value := self.value(written, here):
                fields[name] = value
        return fields, lists

    def _elements(self, node: Any, at: Path_, type_: Any) -> tuple[Element, ...]:
        if not isinstance(node, list):
            self.problem(at, f"'{at[-1]}' is a list", "write its elements under `- `")
            return ()
        names = [field.name for field in type_.fields]
        elements = []
        for index, written in enumerate(node):
            here, known = (*at, index), len(self.problems)
            if not self._keys(written, here, (*names, "when", "each")):
                continue
            fields = {
                name: value for name in names if name in written and (value := self.value(written[name], (*here, name)))
            }
            when = self.condition(written["when"], (*here, "when")) if "when" in written else None
            each = self._each(written["each"], (*here, "each")) if "each" in written else None
            element = Element(here, fields, when, each)
            if not element.content and len(self.problems) == known:
                self.problem(here, "nothing here holds content", "map a column to more than what it is called")
            elements.append(element)
        return tuple(elements)

    # --- values

    def value(self, node: Any, at: Path_) -> Value | None:
        """Read a value in any of its forms."""
        if isinstance(node, str):
            reference = self._reference(node, at)
            return Value(at, reference) if reference else None
        if isinstance(node, dict):
            return self._full_value(node, at)
        shown = "nothing" if node is None else "a list" if isinstance(node, list) else "a plain value"
        remedy = (
            "write {from: [a, b], do: [join]}" if isinstance(node, list) else "write {constant: …} or a column's name"
        )
        self.problem(at, f"a value is wanted, not {shown}", remedy)
        return None

    def _full_value(self, node: dict[str, Any], at: Path_) -> Value | None:
        if not self._keys(node, at, ("from", "column", "constant", "when", "do")):
            return None
        sources = [key for key in ("from", "column", "constant") if key in node]
        if len(sources) != 1:
            message = "a value needs `from`, `column` or `constant`" if not sources else "too many sources of a value"
            self.problem(at, message, "write one of them")
            return None
        source = self._source_of(node, sources[0], at)
        when = self.condition(node["when"], (*at, "when")) if "when" in node else None
        do = self._do(node.get("do", []), (*at, "do"), several=isinstance(source, Several))
        return Value(at, source, when, do) if source is not None and do is not None else None

    def _source_of(self, node: dict[str, Any], form: str, at: Path_) -> Reference | Constant | Several | None:
        given, here = node[form], (*at, form)
        if form == "constant":
            if isinstance(given, Scalar) and given != "":
                return Constant(given)
            self.problem(here, "a constant is text, a number, a boolean or a date")
            return None
        if form == "column":
            return references.literal(str(given))
        if isinstance(given, str):
            return self._reference(given, here)
        if isinstance(given, list) and given:
            values = [self.value(part, (*here, index)) for index, part in enumerate(given)]
            return Several(tuple(filter(None, values))) if all(values) else None
        self.problem(here, "`from` names a column, a $let, or a list of values")
        return None

    def _reference(self, text: str, at: Path_) -> Reference | None:
        try:
            return references.parse(text)
        except ValueError:
            self.problem(
                at, f"'{text}' is not a column's name", "write a, a.b, a[0] or a[*].b; other names as {column: …}"
            )
            return None

    def _do(self, node: Any, at: Path_, *, several: bool) -> tuple[Step, ...] | None:
        known = len(self.problems)
        if not isinstance(node, list):
            self.problem(at, "`do` is a list of operations", "write [trim], with brackets")
            return None
        steps = [self._step(written, (*at, index)) for index, written in enumerate(node)]
        found = tuple(filter(None, steps))
        if several and (not steps or (steps[0] and not isinstance(steps[0].operation, Combining))):
            self.problem(
                at if steps else at[:-1], "several values need to become one", "begin `do` with join or coalesce"
            )
        return found if len(self.problems) == known else None

    def _step(self, node: Any, at: Path_) -> Step | None:
        written = {node: {}} if isinstance(node, str) else node
        if not isinstance(written, dict) or len(written) != 1:
            self.problem(at, "an operation is a name, or {name: parameters}", "write one operation per item")
            return None
        ((name, given),) = written.items()
        kind = OPERATIONS.get(name)
        if kind is None:
            self.problem(at, f"unknown operation '{name}'", did_you_mean(name, [*OPERATIONS]))
            return None
        if not isinstance(given, dict):
            if kind.main is None:
                self.problem(at, f"'{name}' takes no single value", self._parameters(kind))
                return None
            given = {kind.main: given}
        try:
            return Step(at, kind.model_validate(given, context=self._context))
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_input=False):
                self._parameter_problem(detail, kind, (*at, name))
            return None

    def _parameter_problem(self, detail: Any, kind: type[Operation], at: Path_) -> None:
        here = (*at, *(part for part in detail["loc"]))
        parameter = str(detail["loc"][0]) if detail["loc"] else ""
        names = [field.alias or name for name, field in kind.model_fields.items()]
        if detail["type"] == "extra_forbidden":
            remedy = did_you_mean(parameter, names) if names else "it has none"
            self.problem(here, f"'{kind.name}' has no parameter '{parameter}'", remedy)
        elif detail["type"] == "missing":
            self.problem(at, f"'{kind.name}' needs `{parameter}`", self._parameters(kind))
        else:
            message = str(detail["msg"]).removeprefix("Value error, ")
            text = message[:1].lower() + message[1:]
            self.problem(here, f"'{kind.name}': {f'`{parameter}` ' if parameter and 'input' in text else ''}{text}")

    @staticmethod
    def _parameters(kind: type[Operation]) -> str:
        names = [field.alias or name for name, field in kind.model_fields.items()]
        return f"its parameters are: {', '.join(names)}" if names else "it has no parameters"

    # --- conditions

    def condition(self, node: Any, at: Path_) -> Condition | None:
        """Read a condition in any of its forms."""
        known = len(self.problems)
        if isinstance(node, list):
            condition = self._every(node, at)
        elif not isinstance(node, dict):
            self.problem(at, "a condition is {from: …, in: […]} or a list of such")
            condition = None
        elif "any" in node or "all" in node:
            key = "any" if "any" in node else "all"
            self._keys(node, at, (key,))
            condition = self._every(node[key], (*at, key), Some if key == "any" else Every)
        elif "not" in node:
            self._keys(node, at, ("not",))
            inner = self.condition(node["not"], (*at, "not"))
            condition = Opposite(inner) if inner else None
        else:
            condition = self._tests(node, at)
        return condition if len(self.problems) == known else None

    def _every(self, node: Any, at: Path_, kind: type[Every | Some] = Every) -> Condition | None:
        if not isinstance(node, list) or not node:
            self.problem(at, "a list of conditions is wanted")
            return None
        found = [self.condition(part, (*at, index)) for index, part in enumerate(node)]
        return kind(tuple(condition for condition in found if condition))

    def _tests(self, node: dict[str, Any], at: Path_) -> Condition | None:
        if not self._keys(node, at, ("from", "column", "do", *_TESTS)):
            return None
        value = self._full_value({key: node[key] for key in ("from", "column", "do") if key in node}, at)
        if not any(key in node for key in _TESTS):
            self.problem(at, "the condition tests nothing", f"add one of: {', '.join(_TESTS)}")
        if value is None:
            return None
        tests = [self._test(key, node[key], value, (*at, key)) for key in _TESTS if key in node]
        return Every(tuple(test for test in tests if test))

    def _test(self, key: str, given: Any, value: Value, at: Path_) -> Test | None:
        if key in ("is_null", "not_null"):
            if not isinstance(given, bool):
                self.problem(at, f"`{key}` is true or false")
                return None
            return Test(value, "is_null", negated=given is (key == "not_null"))
        listed = key in ("in", "not_in")
        if listed != isinstance(given, list):
            self.problem(at, f"`{key}` takes {'a list' if listed else 'one value'}")
            return None
        if any(item is None or isinstance(item, dict | list) for item in (given if listed else [given])):
            self.problem(at, f"`{key}` compares with texts, numbers, dates or booleans", "use is_null for null")
            return None
        texts = tuple(_written(item) for item in (given if listed else [given]))
        if key == "matches":
            try:
                pl.select(pl.lit("").str.contains(texts[0]))
            except pl.exceptions.ComputeError:
                self.problem(at, "not a regular expression", "look-around and back-references are not known")
        return Test(value, "matches" if key == "matches" else "in", texts, negated=key == "not_in")

    def _keys(self, node: Any, at: Path_, known: Sequence[str], required: Sequence[str] = ()) -> bool:
        """Note what is wrong with the keys of a mapping; return whether it is one and holds the required ones."""
        if not isinstance(node, dict):
            self.problem(at, "a mapping (key: value) is wanted here")
            return False
        unknown = [key for key in node if key not in known]
        missing = [key for key in required if key not in node]
        for key in unknown:
            self.problem((*at, key), f"unknown key '{key}'", did_you_mean(key, list(known)))
        for key in missing:
            self.problem(at, f"'{key}' is missing", "add it")
        return not missing


_TESTS = ("equals", "in", "not_in", "matches", "is_null", "not_null")
_PARTY_FORMS = "write {source: SOURCE, record_id: COLUMN} or {identifier: TYPE, value: COLUMN}"


def _anything(at: Path_) -> Value:
    """Return what stands in for a value that could not be read, so that nothing more is said of it."""
    return Value(at, references.literal("?"))


def _written(item: object) -> str:
    """Write an item of a condition as the text it is compared with."""
    return str(item).lower() if isinstance(item, bool) else str(item).strip()

"""XML elements to Arrow columns, by the types that the WSDL's XML schema declares.

Elements are matched by their local name, because services are careless with namespaces. An element with elements
below it is a struct, one that may come several times a list. Types:

===========================================  ====================================================================
XML schema                                   Arrow
===========================================  ====================================================================
byte, short, int, long and the unsigned      the integer of the same width
integer and its kin, without a bound         int64
boolean                                      bool
float, double                                float64
date                                         date32 (an offset behind it is dropped)
everything else                              string, as written: a decimal has neither precision nor scale in XML
                                             schema, and a dateTime may or may not carry an offset; the mapping
                                             knows which
===========================================  ====================================================================

A value that is not of its type is null and is counted with its field.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pyarrow as pa
from lxml import etree
from zeep import xsd
from zeep.xsd.elements.indicators import Group, OrderIndicator
from zeep.xsd.types import builtins

from foundation.errors import ConfigurationError, did_you_mean

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"

_TYPES: tuple[tuple[type, pa.DataType], ...] = (  # the narrower before those that they derive from
    (builtins.Byte, pa.int8()),
    (builtins.Short, pa.int16()),
    (builtins.Int, pa.int32()),
    (builtins.Long, pa.int64()),
    (builtins.UnsignedByte, pa.uint8()),
    (builtins.UnsignedShort, pa.uint16()),
    (builtins.UnsignedInt, pa.uint32()),
    (builtins.UnsignedLong, pa.uint64()),
    (builtins.Integer, pa.int64()),
    (builtins.Boolean, pa.bool_()),
    (builtins.Float, pa.float64()),
    (builtins.Double, pa.float64()),
    (builtins.Date, pa.date32()),
)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value without elements below it."""

    type: pa.DataType


@dataclass(frozen=True, slots=True)
class Member:
    """One part of an element: a child element, an attribute, or its own text beside attributes."""

    name: str
    node: Node
    repeated: bool = False
    source: Literal["element", "attribute", "text"] = "element"


@dataclass(frozen=True, slots=True)
class Struct:
    """A value with elements or attributes below it."""

    members: tuple[Member, ...]

    def member(self, name: str) -> Member | None:
        """Return the member called ``name``."""
        return next((member for member in self.members if member.name == name), None)


Node = Scalar | Struct

_CLASH = "attr__"  # zeep puts it before an attribute that is called as an element is
TEXT = "value"  # the name of an element's own text where it has attributes beside it


def node_of(kind: object, enclosing: tuple[object, ...] = ()) -> Node | None:
    """Return what an XSD type declares; None for a type inside itself and for one that declares nothing."""
    if not isinstance(kind, xsd.ComplexType):
        return Scalar(_scalar_type(kind))
    if kind in enclosing:
        return None  # Arrow has no recursive types
    enclosing = (*enclosing, kind)
    members = [*_elements(kind, enclosing), *_attributes(kind)]
    if [member.source for member in members] == ["text"]:
        return members[0].node
    return Struct(tuple(members)) if members else None


def _scalar_type(kind: object) -> pa.DataType:
    return next((arrow for python, arrow in _TYPES if isinstance(kind, python)), pa.string())


def _elements(kind: xsd.ComplexType, enclosing: tuple[object, ...]) -> Iterator[Member]:
    for _, item in kind.elements_nested:
        if isinstance(item, xsd.Element):  # simple content: the text itself
            yield Member(TEXT, Scalar(_scalar_type(item.type)), source="text")
        else:
            yield from _unique(_below(item, enclosing, repeated=False))


def _below(item: object, enclosing: tuple[object, ...], *, repeated: bool) -> Iterator[Member]:
    """Yield the elements of a sequence, choice, all or group, however deep they stand in it."""
    if isinstance(item, xsd.Element):
        node = node_of(item.type, enclosing)
        if node is not None and item.name is not None:
            yield Member(item.name, node, repeated=repeated or item.accepts_multiple)
    elif isinstance(item, Group):
        yield from _below(item.child, enclosing, repeated=repeated or item.accepts_multiple)
    elif isinstance(item, OrderIndicator):
        for inner in item:
            yield from _below(inner, enclosing, repeated=repeated or item.accepts_multiple)


def _unique(members: Iterator[Member]) -> Iterator[Member]:
    """Join elements of one name, as two branches of a choice have them, to one that may come several times."""
    found: dict[str, Member] = {}
    for member in members:
        known = found.get(member.name)
        found[member.name] = member if known is None else Member(member.name, known.node, repeated=True)
    yield from found.values()


def _attributes(kind: xsd.ComplexType) -> Iterator[Member]:
    for name, attribute in kind.attributes:
        if attribute.name is not None:
            yield Member(name, Scalar(_scalar_type(attribute.type)), source="attribute")


def repeated_paths(node: Node, path: str = "") -> Iterator[str]:
    """Yield the paths of all lists of structs below ``node``: what ``records:`` may name."""
    if isinstance(node, Struct):
        for member in node.members:
            here = f"{path}.{member.name}" if path else member.name
            if member.repeated and isinstance(member.node, Struct):
                yield here
            else:
                yield from repeated_paths(member.node, here)


def walk(node: Node, path: str, *, what: str) -> Member:
    """Return the member at the dotted ``path`` below ``node``; ``what`` names the option in errors.

    Raises:
        ConfigurationError: a part of the path is not declared; names the nearest that is.
    """
    member: Member | None = None
    for part in path.split("."):
        if not isinstance(node, Struct):
            raise ConfigurationError(f"{what}: '{path}' goes on below a plain value", remedy=f"stop before '{part}'")
        member = node.member(part)
        if member is None:
            names = [member.name for member in node.members]
            raise ConfigurationError(
                f"{what}: the answer has no '{part}' in '{path}'", remedy=did_you_mean(part, names)
            )
        node = member.node
    if member is None:
        raise ConfigurationError(f"{what}: the path is empty", remedy="name an element of the answer")
    return member


def find(element: etree._Element, path: str) -> list[etree._Element]:
    """Return the elements at the dotted ``path`` below ``element``, in document order."""
    found = [element]
    for part in path.split("."):
        found = [child for parent in found for child in parent if local_name(child) == part]
    return found


def local_name(element: etree._Element) -> str:
    """Return the name without its namespace; empty for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


class Reader:
    """Turns record elements into rows of one Arrow schema."""

    def __init__(self, node: Node, name: str) -> None:
        self._plain = not isinstance(node, Struct)
        self._struct = node if isinstance(node, Struct) else Struct((Member(name, node),))
        self.schema = pa.schema(_fields(self._struct))
        self._raw_type = pa.struct(_fields(self._struct, raw=True))

    def read(self, elements: Sequence[etree._Element]) -> tuple[pa.RecordBatch, Counter[str]]:
        """Return one row per element, and by field how many values were not of its type."""
        if self._plain:
            name = self._struct.members[0].name
            rows: list[object] = [{name: _text(element)} for element in elements]
        else:
            rows = [_extract(element, self._struct) or {} for element in elements]
        raw = pa.array(rows, self._raw_type)
        misread: Counter[str] = Counter()
        columns = [
            _typed(raw.field(index), member, member.name, misread) for index, member in enumerate(self._struct.members)
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema), misread


def _fields(struct: Struct, *, raw: bool = False) -> list[pa.Field]:
    return [pa.field(member.name, _arrow_type(member, raw=raw)) for member in struct.members]


def _arrow_type(member: Member, *, raw: bool) -> pa.DataType:
    if isinstance(member.node, Struct):
        kind = pa.struct(_fields(member.node, raw=raw))
    else:
        kind = pa.string() if raw else member.node.type
    return pa.list_(kind) if member.repeated else kind


def columns_of(struct: Struct, prefix: str = "") -> Iterator[tuple[str, pa.DataType]]:
    """Yield every plain value below ``struct``, by its path as mappings write it, with its type."""
    for member in struct.members:
        path = f"{prefix}{member.name}" + ("[*]" if member.repeated else "")
        if isinstance(member.node, Struct):
            yield from columns_of(member.node, f"{path}.")
        else:
            yield path, member.node.type


def _extract(element: etree._Element, struct: Struct) -> dict[str, object] | None:
    """Return the texts below ``element``; None for xsi:nil."""
    if _is_nil(element):
        return None
    children: dict[str, list[etree._Element]] = {}
    for child in element:
        children.setdefault(local_name(child), []).append(child)
    values: dict[str, object] = {}
    for member in struct.members:
        if member.source == "attribute":
            values[member.name] = element.get(member.name.removeprefix(_CLASH))
        elif member.source == "text":
            values[member.name] = _text(element)
        elif member.name in children:
            found = [_value(child, member.node) for child in children[member.name]]
            values[member.name] = found if member.repeated else found[-1]
    return values


def _value(element: etree._Element, node: Node) -> object:
    return _extract(element, node) if isinstance(node, Struct) else _text(element)


def _text(element: etree._Element) -> str | None:
    return None if _is_nil(element) else element.text or ""


def _is_nil(element: etree._Element) -> bool:
    return element.get(_NIL) in ("true", "1")


def _typed(raw: pa.Array, member: Member, path: str, misread: Counter[str]) -> pa.Array:
    """Return a column of texts as the types of ``member``."""
    if member.repeated:
        one = replace(member, repeated=False)
        values = _typed(raw.flatten(), one, f"{path}[*]", misread)
        return pa.ListArray.from_arrays(raw.offsets, values, mask=raw.is_null())
    if isinstance(member.node, Struct):
        columns = [
            _typed(raw.field(index), inner, f"{path}.{inner.name}", misread)
            for index, inner in enumerate(member.node.members)
        ]
        return pa.StructArray.from_arrays(columns, fields=_fields(member.node), mask=raw.is_null())
    if pa.types.is_string(member.node.type):
        return raw
    converted, wrong = _convert(raw, member.node.type)
    if wrong:
        misread[path] += wrong
    return converted


def _convert(texts: pa.Array, kind: pa.DataType) -> tuple[pa.Array, int]:
    """Return the values of ``texts``, null where there is none, and how many were not of the type."""
    parse = _parser(kind)
    stripped = [None if text is None else text.strip() for text in texts.to_pylist()]
    values = [parse(text) if text else None for text in stripped]
    try:
        converted = pa.array(values, kind)
    except (pa.ArrowInvalid, OverflowError):  # a number beyond its declared width
        converted = pa.array([_fitting(value, kind) for value in values], kind)
    return converted, converted.null_count - sum(not text for text in stripped)


def _fitting(value: object, kind: pa.DataType) -> object:
    try:
        return pa.scalar(value, kind).as_py()
    except (pa.ArrowInvalid, OverflowError):
        return None


def _parser(kind: pa.DataType) -> Callable[[str], object]:
    if pa.types.is_date(kind):
        return _date
    if pa.types.is_boolean(kind):
        return {"true": True, "1": True, "false": False, "0": False}.get
    return _float if pa.types.is_floating(kind) else _integer


_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?INF|NaN")
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2})?")


def _integer(text: str) -> int | None:
    return int(text) if _INTEGER.fullmatch(text) else None


def _float(text: str) -> float | None:
    return float(text) if _FLOAT.fullmatch(text) else None


def _date(text: str) -> datetime.date | None:
    match = _DATE.fullmatch(text)
    try:
        return datetime.date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None

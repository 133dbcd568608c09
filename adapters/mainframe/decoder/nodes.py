"""The tree of a layout, made ready for decoding: a decoder for each field, and who counts whose elements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from adapters.mainframe import values
from adapters.mainframe.copybook.layout import Column, Dependency, Field, Group, Layout, Table
from adapters.mainframe.decoder.frames import Window
from adapters.mainframe.profile import Profile
from adapters.mainframe.values import Decode, Values

_NUMBERS = frozenset({"zoned", "packed", "unsigned-packed", "binary", "float"})


@dataclass(eq=False, slots=True, kw_only=True)
class Counter:
    """A field that counts the elements of tables, read as one of them reads it."""

    field: FieldNode
    counts: dict[str, int]  # what the field may hold, and how many elements that means; empty: its number


@dataclass(eq=False, slots=True, kw_only=True)
class FieldNode:
    """A field and what decodes it."""

    column: Field
    number: int  # in the order of the copybook
    path: str  # for people, as mappings address it: ``ITEMS[*].PRICE``
    profile: Profile
    element: bool  # of a table of fields
    least: int  # bytes of it that a record must reach for a value: of a number all, of text what the profile says
    counters: list[Counter] = field(default_factory=list)  # what it counts
    decode: Decode | None = None  # made when it is first asked for: what nobody reads need not be readable

    def prepare(self) -> Decode:
        """Return what decodes the field.

        Raises:
            ConfigurationError: the field cannot be decoded as the profile says, e.g. its code page is not known.
        """
        if self.decode is None:
            self.decode = values.decoder(self.column, self.profile)
        return self.decode

    def read(self, window: Window, offset: int) -> Values:
        """Return the values of all rows; the field begins at byte ``offset`` of the window.

        A number of which a record holds only a part is null, as Cobrix has it; of text, what there is remains. Text
        that begins just where the record ends is empty to Cobrix, and null otherwise.
        """
        if not len(window.rows):
            return Values(array=pa.array([], self.column.type))
        available = window.available(offset, self.column.length)
        found = self.prepare()(window.rows, window.shift + offset, available)
        if available is None or window.room is None:
            return found
        absent = window.room - offset < self.least
        if not absent.any():
            return found
        bad = None if found.bad is None else found.bad & ~absent
        return Values(array=pc.if_else(pa.array(absent), pa.scalar(None, self.column.type), found.array), bad=bad)


@dataclass(eq=False, slots=True, kw_only=True)
class GroupNode:
    """A group and what stands in it."""

    column: Group
    children: tuple[Node, ...]


@dataclass(eq=False, slots=True, kw_only=True)
class TableNode:
    """A table and its element."""

    column: Table
    number: int
    element: FieldNode | GroupNode
    counter: Counter | None = None  # None: always ``most`` elements
    located: bool = False  # must be found in every record: its place, its size or what it counts differs
    stepwise: bool = False  # one element must be read to find or to count the next

    @property
    def inner(self) -> tuple[Node, ...]:
        """What stands in an element."""
        return self.element.children if isinstance(self.element, GroupNode) else (self.element,)


Node = FieldNode | GroupNode | TableNode


def grow(layout: Layout) -> tuple[GroupNode, ...]:
    """Return the tree of a layout."""
    growing = _Growing(layout.profile)
    roots = tuple(growing.group(root, "") for root in layout.roots)
    growing.resolve()
    for node in tables(roots):
        _see(node)
    return roots


def below(nodes: Sequence[Node]) -> Iterator[Node]:
    """Yield all nodes of one frame: of groups what stands in them, of tables only themselves."""
    for node in nodes:
        yield node
        if isinstance(node, GroupNode):
            yield from below(node.children)


def tables(nodes: Sequence[Node]) -> Iterator[TableNode]:
    """Yield all tables, those within a table before it."""
    for node in below(nodes):
        if isinstance(node, TableNode):
            yield from tables(node.inner)
            yield node


def relabel(node: Node, path: str) -> None:
    """Let the fields of a node tell of themselves under another path."""
    if isinstance(node, FieldNode):
        node.path = path
    elif isinstance(node, TableNode):
        relabel(node.element, f"{path}[*]")
    else:
        for child in node.children:
            relabel(child, f"{path}.{child.column.name}")


class _Growing:
    """Makes nodes in the order of the copybook."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._number = 0
        self._fields: dict[int, FieldNode] = {}  # by identity of the layout's field
        self._equal: dict[Field, FieldNode] = {}
        self._counted: list[tuple[TableNode, Dependency]] = []

    def group(self, group: Group, path: str) -> GroupNode:
        """Return the node of a group; ``path`` is in front of the names in it."""
        return GroupNode(column=group, children=tuple(self._node(column, path) for column in group.columns))

    def _node(self, column: Column, path: str) -> Node:
        self._number += 1
        name = path + column.name
        if isinstance(column, Group):
            return self.group(column, f"{name}.")
        if isinstance(column, Field):
            return self._field(column, name)
        number = self._number
        element = column.element
        node = TableNode(
            column=column,
            number=number,
            element=self._field(element, f"{name}[*]", element=True)
            if isinstance(element, Field)
            else self.group(element, f"{name}[*]."),
        )
        if column.depending is not None:
            self._counted.append((node, column.depending))
        return node

    def _field(self, column: Field, path: str, *, element: bool = False) -> FieldNode:
        node = FieldNode(
            column=column,
            number=self._number,
            path=path,
            element=element,
            profile=self._profile,
            least=column.length if column.encoding in _NUMBERS else int(self._profile.name == "ibm"),
        )
        self._fields[id(column)] = node
        self._equal.setdefault(column, node)
        return node

    def resolve(self) -> None:
        """Connect tables with the fields that count them."""
        for table, depending in self._counted:
            counting = self._fields.get(id(depending.field)) or self._equal[depending.field]
            table.counter = Counter(field=counting, counts=dict(depending.counts))
            counting.counters.append(table.counter)


def _see(node: TableNode) -> None:
    """Set whether a table must be found in every record; what is in it has been seen before."""
    inner = list(below(node.inner))
    counts = any(isinstance(item, FieldNode) and item.counters for item in inner) and isinstance(
        node.element, GroupNode
    )
    node.stepwise = counts or any(isinstance(item, TableNode) and item.located for item in inner)
    node.located = node.stepwise or node.counter is not None or not node.column.fixed

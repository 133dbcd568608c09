"""Columns out of what was decoded: structs of groups, lists of tables, single occurrences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from adapters.mainframe.copybook.layout import Output
from adapters.mainframe.decoder import nodes
from adapters.mainframe.decoder.blocks import Result
from adapters.mainframe.decoder.nodes import FieldNode, GroupNode, Node, TableNode
from adapters.mainframe.records import Positions

Assemble = Callable[[Result], pa.Array]


def column(output: Output, roots: Sequence[GroupNode]) -> tuple[Assemble, list[FieldNode]]:
    """Return what makes a column out of decoded records, and the fields that must be decoded for it.

    The fields tell of themselves under the name of the column from then on, unless it is one occurrence of many.
    """
    *around, target = _way(output, roots)
    if not output.index:
        nodes.relabel(target, output.name)
    values = _values(target, output.type)

    def assemble(result: Result) -> pa.Array:
        rows: Positions | None = None
        index = iter(output.index)
        for node in around:
            if isinstance(node, TableNode):
                elements = result.tables[node]
                rows = _through(rows, _occurrence(elements.offsets, next(index)))
                result = elements.values
            elif isinstance(node, GroupNode) and node in result.parts:
                part = result.parts[node]
                rows = _through(rows, part.rows)
                result = part.values
        return _select(values(result), rows)

    return assemble, list(_fields(target))


def _way(output: Output, roots: Sequence[GroupNode]) -> list[Node]:
    """Return the nodes from the root to what the column holds."""
    way: list[Node] = []
    siblings: Sequence[Node] = roots
    for name in output.path:
        node = next(node for node in siblings if node.column.name == name and not node.column.filler)
        way.append(node)
        siblings = node.children if isinstance(node, GroupNode) else node.inner if isinstance(node, TableNode) else ()
    last = way[-1]
    return [*way, last.element] if output.index and isinstance(last, TableNode) else way


def _values(node: Node, kind: pa.DataType) -> Assemble:
    """Return what makes the column of a node, of an Arrow type."""
    if isinstance(node, FieldNode):
        return lambda result: result.arrays[node]
    if isinstance(node, TableNode):
        return _lists(node, kind)
    return _structs(node, kind)


def _lists(node: TableNode, kind: pa.ListType) -> Assemble:
    values = _values(node.element, kind.value_type)

    def assemble(result: Result) -> pa.Array:
        elements = result.tables[node]
        offsets = pa.array(elements.offsets.astype(np.int32))
        return pa.ListArray.from_arrays(offsets, values(elements.values), type=kind)

    return assemble


def _structs(node: GroupNode, kind: pa.StructType) -> Assemble:
    children = [child for child in node.children if not child.column.filler]
    members = [_values(child, member.type) for child, member in zip(children, kind, strict=True)]

    def assemble(result: Result) -> pa.Array:
        part = result.parts.get(node)
        values = part.values if part else result
        arrays = [member(values) for member in members]
        if not arrays:
            return pa.array([{}] * values.size, kind)
        return _select(pa.StructArray.from_arrays(arrays, fields=list(kind)), part.rows if part else None)

    return assemble


def _occurrence(offsets: Positions, number: int) -> Positions:
    """Return of each row which element is its ``number``-th, counted from 0; -1 where it has fewer."""
    firsts = offsets[:-1]
    return np.where(offsets[1:] - firsts > number, firsts + number, -1)


def _through(rows: Positions | None, further: Positions) -> Positions:
    """Return ``further`` of ``rows``; -1 where one of them is."""
    if rows is None:
        return further
    if not len(further):
        return rows
    return np.where(rows >= 0, further[rows], -1)


def _select(array: pa.Array, rows: Positions | None) -> pa.Array:
    """Return the values of some rows, null for -1."""
    if rows is None:
        return array
    missing = rows < 0
    return array.take(pa.array(rows, mask=missing) if missing.any() else pa.array(rows))


def _fields(node: Node) -> Iterator[FieldNode]:
    """Yield the fields that make the column of a node."""
    if node.column.filler:
        return
    if isinstance(node, FieldNode):
        yield node
    elif isinstance(node, TableNode):
        yield from _fields(node.element)
    else:
        for child in node.children:
            yield from _fields(child)

"""Decodes chunks of records by a layout."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from adapters.mainframe.copybook.layout import Layout
from adapters.mainframe.decoder import assembly, nodes
from adapters.mainframe.decoder.blocks import Block, Reading, block
from adapters.mainframe.decoder.faults import Decoded, Faults
from adapters.mainframe.decoder.frames import Frame
from adapters.mainframe.decoder.nodes import FieldNode, GroupNode
from adapters.mainframe.decoder.positions import Locating, Tables
from adapters.mainframe.records import Mask, Records
from foundation.errors import ConfigurationError, Problem


class Decoder:
    """Decodes chunks of records; compiled once per read.

    Args:
        layout: of the records.
        corrupt: whether to tell in ``Decoded.corrupt`` for every record what of it could not be read. FILLER is
            decoded too, then, in the profile ``cobrix``: Cobrix tells of it.

    Attributes:
        schema: of the decoded rows.

    Raises:
        ConfigurationError: a field cannot be decoded as the layout's profile says, e.g. its code page is not known.
    """

    def __init__(self, layout: Layout, *, corrupt: bool = False) -> None:
        self.schema: pa.Schema = layout.schema
        self._layout = layout
        self._corrupt = corrupt
        self._roots = nodes.grow(layout)
        self._columns = [assembly.column(output, self._roots) for output in layout.outputs]
        self._wanted = {field for _, fields in self._columns for field in fields}
        for field in self._wanted:
            field.prepare()
        self._groups = {id(node.column): node for node in nodes.below(self._roots) if isinstance(node, GroupNode)}
        self._moving = any(table.located for table in nodes.tables(self._roots))
        self._blocks: dict[frozenset[GroupNode], Block] = {}
        self._single: dict[str, FieldNode] = {}

    def decode(self, records: Records, *, active: Mapping[str, Mask] | None = None) -> Decoded:
        """Return the columns of a chunk of records.

        Args:
            records: the chunk.
            active: names of groups, and in which of the records each holds; where it does not, its columns are null
                and nothing of it is decoded or counted. A group that is not named holds in all records.

        Raises:
            ConfigurationError: ``active`` names what is no group, or a group within a table.
        """
        groups = {self._group(name): mask for name, mask in (active or {}).items()}
        groups = {group: mask for group, mask in groups.items() if not mask.all()}
        faults = Faults()
        frame = Frame.of(records)
        located = self._locate(frame, groups, faults) if self._moving else {}
        result = Reading(active=groups, faults=faults, keys=self._corrupt).read(self._block(groups), frame, located)
        arrays = [assemble(result) for assemble, _ in self._columns]
        return Decoded(
            rows=pa.RecordBatch.from_arrays(arrays, schema=self.schema),
            unreadable=faults.rows(records),
            corrupt=faults.corrupt(records, hexadecimal=self._layout.profile.binary_as_hex) if self._corrupt else None,
        )

    def decode_one(self, name: str, records: Records) -> pa.Array:
        """Return the values of one field, e.g. of a discriminator, in all records, whatever groups are active.

        Args:
            name: of a field that stands in no table; ``GROUP.NAME`` where the name alone is not unique.
            records: the chunk.

        Raises:
            ConfigurationError: there is no such field.
        """
        field = self._field(name)
        frame = Frame.of(records)
        place = field.column.place
        if place.anchor:
            self._locate(frame, {}, Faults())
        return field.read(frame.window(place.anchor, place.offset, place.offset + field.column.length), 0).array

    def _locate(self, frame: Frame, groups: Mapping[GroupNode, Mask], faults: Faults) -> Tables:
        return Locating(len(frame), self._layout.profile, groups, faults).walk(self._roots, frame)

    def _block(self, groups: Mapping[GroupNode, Mask]) -> Block:
        selected = frozenset(groups)
        if selected not in self._blocks:
            everything = self._corrupt and self._layout.profile.name == "cobrix"
            self._blocks[selected] = block(self._roots, None if everything else self._wanted, selected)
        return self._blocks[selected]

    def _group(self, name: str) -> GroupNode:
        node = self._groups.get(id(self._layout.find(name)))
        if node is None:
            raise ConfigurationError(
                Problem(
                    message=f"'{name}' is no group of {self._layout.name}, or stands in a table",
                    remedy="name a group that REDEFINES another one, outside of tables",
                )
            )
        return node

    def _field(self, name: str) -> FieldNode:
        if name not in self._single:
            column = self._layout.find(name)
            found = [node for node in nodes.below(self._roots) if node.column is column and isinstance(node, FieldNode)]
            if not found:
                raise ConfigurationError(
                    Problem(
                        message=f"'{name}' is no field of {self._layout.name}, or stands in a table",
                        remedy="name a field that holds one value per record",
                    )
                )
            self._single[name] = found[0]
        return self._single[name]

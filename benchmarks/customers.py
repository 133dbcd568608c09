"""The customer file of the floor in other forms: the same records behind descriptors, with a table, in Cyrillic.

Records are taken from the file of fixed records, so that each form holds what the first one holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from adapters.mainframe import MainframeOptions
from adapters.mainframe.assemble import layout_of
from adapters.mainframe.codepages import get
from adapters.mainframe.encoder import WriteOptions, write
from adapters.mainframe.source import Source

RECORD = 200  # bytes
PAGE = "cp037"
CYRILLIC = "cp1025"
TEXT = (slice(4, 121), slice(129, 168))  # bytes of a record that are text
ENDS = (168, 175, 186, 188, 192, RECORD)  # ends of the last fields of a record

_TABLE = """\
           05  CONTRACTS           PIC 9(2).
           05  CONTRACT            OCCURS 0 TO 4 DEPENDING ON CONTRACTS.
               10  CONTRACT-NO     PIC X(10).
               10  PREMIUM         PIC S9(7)V99 COMP-3.
"""
_AT_ONCE = 100_000  # records

Matrix = npt.NDArray[np.uint8]  # shape (records, bytes of one)


def shorter(fixed: Path, target: Path) -> None:
    """Write the records behind descriptors (format V), each up to the end of one of its last fields."""
    ends = np.array(ENDS)
    with target.open("wb") as file:
        for records in _records(fixed):
            lengths = ends[np.arange(len(records)) * 5 % 7 % len(ends)]
            described = np.zeros((len(records), 4 + RECORD), np.uint8)
            described[:, :2] = (lengths + 4).astype(">u2").view(np.uint8).reshape(-1, 2)
            described[:, 4:] = records
            file.write(described[np.arange(4 + RECORD) < lengths[:, None] + 4].tobytes())


def with_contracts(fixed: Path, copybook: Path, target: Path) -> Path:
    """Write the records with a table of 0 to 4 contracts each, behind descriptors (format V); return the copybook."""
    longer = target.with_suffix(".cpy")
    longer.write_text(copybook.read_text(encoding="ascii").rstrip("\n") + "\n" + _TABLE, encoding="ascii")
    options = MainframeOptions(path=str(fixed), copybook=str(copybook), code_page=PAGE)
    table = pa.Table.from_batches([batch.rows for batch in Source(options, Path("/")).read([fixed])])
    counts = np.arange(table.num_rows) * 3 % 5
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    elements = pa.array(np.arange(offsets[-1]))
    numbers, premiums = elements.cast(pa.string()), elements.cast(pa.decimal128(19, 0)).cast(pa.decimal128(21, 2))
    contracts = pa.StructArray.from_arrays([numbers, premiums], names=["CONTRACT-NO", "PREMIUM"])
    table = table.append_column("CONTRACTS", pa.array(counts))
    table = table.append_column("CONTRACT", pa.ListArray.from_arrays(pa.array(offsets), contracts))
    layout = layout_of(options.model_copy(update={"copybook": str(longer)}), Path("/"))
    write(target, layout, table, WriteOptions(record_format="V"))
    return longer


def in_cyrillic(fixed: Path, target: Path) -> None:
    """Write the records with a Cyrillic letter in the place of every Latin one, in code page 1025."""
    source, page = get(PAGE), get(CYRILLIC)
    letters = [_cyrillic(source.decode(bytes([byte]))) for byte in range(256)]
    table = b"".join(page.encode(letter) for letter in letters)
    with target.open("wb") as file:
        for records in _records(fixed):
            for text in TEXT:
                content = np.ascontiguousarray(records[:, text]).tobytes().translate(table)
                records[:, text] = np.frombuffer(content, np.uint8).reshape(len(records), -1)
            file.write(records.tobytes())


def _cyrillic(character: str) -> str:
    for first, other in (("a", 0x430), ("A", 0x410)):  # of the small and of the capital letters
        if 0 <= ord(character) - ord(first) < 26:
            return chr(other + ord(character) - ord(first))
    return character if character.isascii() and character.isprintable() else chr(0x44F)


def _records(fixed: Path) -> Iterator[Matrix]:
    with fixed.open("rb") as file:
        while content := file.read(_AT_ONCE * RECORD):
            yield np.frombuffer(content, np.uint8).reshape(-1, RECORD).copy()

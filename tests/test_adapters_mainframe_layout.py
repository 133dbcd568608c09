"""Where fields stand, what type they have and what their columns are called."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from adapters.mainframe.copybook import parser, placing
from adapters.mainframe.copybook.layout import Field, Group, Layout, Place, Table, walk
from adapters.mainframe.profile import Profile
from foundation.errors import ConfigurationError

COPYBOOK = Path("customer.cpy")
COBRIX = Profile(name="cobrix", shift_after_tables=False)


def parsed(lines: Sequence[str], **given):
    """Parse lines that start in column 8."""
    return parser.parse("\n".join("       " + line for line in lines), COPYBOOK, **given)


def layout(*lines: str, profile: Profile = placing.IBM, **given) -> Layout:
    return placing.compile_layout([parsed(lines)], profile, **given)


def problems(*lines: str, **given) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        layout(*lines, **given)
    return [str(problem) for problem in caught.value.problems]


def places(record: Layout) -> dict[str, tuple[int, int]]:
    """Return the offset and anchor of everything, by its path."""
    return {".".join(path): (column.place.offset, column.place.anchor) for path, column in walk(record.roots)}


def test_fields_follow_one_another():
    record = layout(
        "01  CUSTOMER.",
        "    05  ID          PIC 9(9) COMP.",
        "    05  NAME.",
        "        10  FIRST   PIC X(20).",
        "        10  FILLER  PIC X(5).",
        "        10  LAST    PIC A(25).",
        "    05  BALANCE     PIC S9(11)V99 COMP-3.",
        "    05  LIMIT       PIC S9(9)V99 LEADING SEPARATE CHARACTER.",
        "    05  BIG         PIC 9(20).",
    )
    assert record.length == record.shortest == 4 + 50 + 7 + 12 + 20
    assert not record.variable
    assert [(path[-1], column.place.offset, column.length) for path, column in walk(record.roots)] == [
        ("CUSTOMER", 0, 93),
        ("ID", 0, 4),
        ("NAME", 4, 50),
        ("FIRST", 4, 20),
        ("FILLER", 24, 5),
        ("LAST", 29, 25),
        ("BALANCE", 54, 7),
        ("LIMIT", 61, 12),
        ("BIG", 73, 20),
    ]
    assert record.schema == pa.schema(
        {
            "ID": pa.uint32(),
            "FIRST": pa.string(),
            "LAST": pa.string(),
            "BALANCE": pa.decimal128(13, 2),
            "LIMIT": pa.decimal128(11, 2),
            "BIG": pa.decimal128(20, 0),
        }
    )

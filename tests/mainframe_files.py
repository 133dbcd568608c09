"""Layouts and records of mainframe files, for the tests of their adapter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adapters.mainframe.copybook import parser, placing
from adapters.mainframe.copybook.layout import Layout
from adapters.mainframe.profile import IBM, Profile
from adapters.mainframe.records import Records

COPYBOOK = Path("customer.cpy")


def layout_of(*lines: str, profile: Profile = IBM, **choices: Any) -> Layout:
    """Return the layout of a copybook whose lines begin in column 8; see ``compile_layout`` for the choices."""
    text = "\n".join("       " + line for line in lines)
    return placing.compile_layout([parser.parse(text, COPYBOOK)], profile, **choices)


def layout_of_fields(*lines: str, profile: Profile = IBM, **choices: Any) -> Layout:
    """Return the layout of a record, told by the lines below its 01."""
    return layout_of("01 RECORD-1.", *lines, profile=profile, **choices)


def layout_of_text(text: str, **profile: Any) -> Layout:
    """Return the layout of a copybook in whichever format it looks to be."""
    return placing.compile_layout([parser.parse(text, COPYBOOK)], Profile(**profile))


def records_of(contents: Sequence[bytes], *, apart: bytes = b"") -> Records:
    """Return records that stand one behind the other, with some bytes before each that belong to none."""
    data = b"".join(apart + content for content in contents)
    lengths = np.array([len(content) for content in contents], np.int64)
    starts = np.cumsum(lengths + len(apart)) - lengths
    return Records(data=np.frombuffer(data, np.uint8), starts=starts.astype(np.int64), lengths=lengths)

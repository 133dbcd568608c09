"""What records in files promise: whatever the files they came in, they are found by their number."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from identity.records import Stored


@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    ends=st.tuples(st.integers(0, 21), st.integers(0, 21)).map(sorted),
    wanted=st.sets(st.integers(0, 20)),
)
def test_records_are_found_by_number_whatever_file_they_are_in(
    sizes: list[int], ends: list[int], wanted: set[int]
) -> None:
    everything = list(range(sum(sizes)))
    with tempfile.TemporaryDirectory() as folder:
        stored = Stored(Path(folder))
        for size in sizes:
            stored.add(pl.DataFrame({"i": everything[stored.count : stored.count + size], "word": ["a"] * size}))
        first, end = ends
        assert stored.slice(first, end, ["i"]).to_dict(as_series=False) == {"i": everything[first:end]}
        numbers = sorted(wanted.intersection(everything))
        assert stored.gather(np.array(numbers, dtype=np.int64), ["i"]).to_dict(as_series=False) == {"i": numbers}
        assert pl.concat(stored.frames())["i"].to_list() == everything

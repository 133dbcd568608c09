"""What records in files promise: however they came, they are found by their number."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from identity.records import Stored


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    per_tile=st.integers(1, 10),
    wanted=st.sets(st.integers(0, 44)),
)
def test_records_are_found_by_number_however_they_came(sizes: list[int], per_tile: int, wanted: set[int]) -> None:
    everything = list(range(sum(sizes)))
    with tempfile.TemporaryDirectory() as folder:
        stored = Stored(Path(folder), per_tile)
        for size in sizes:
            stored.add(pl.DataFrame({"i": everything[stored.count : stored.count + size], "word": ["a"] * size}))
        tiles = [tile["i"].to_list() for tile in stored.tiles()]
        assert tiles == [everything[start : start + per_tile] for start in range(0, len(everything), per_tile)]
        numbers = sorted(wanted.intersection(everything))
        assert stored.gather(np.array(numbers, dtype=np.int64), ["i"]).to_dict(as_series=False) == {"i": numbers}


def test_a_tile_in_which_no_list_has_a_value_reads_back_as_it_was(tmp_path: Path) -> None:
    lists = pl.DataFrame({"word": ["one", "two", "three", "four"], "letters": [None, None, ["a", "b"], None]})
    pieces = pl.concat(lists.iter_slices(1), rechunk=False)  # Polars takes what it evaluates apart again for each
    rows = pieces.select(pl.col("letters").list.eval(pl.element().hash()), "word")
    stored = Stored(tmp_path, 1)
    stored.add(rows)
    assert pl.concat(stored.tiles()).equals(rows)

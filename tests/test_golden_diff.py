"""Which fields changed between two versions of a golden record."""

from __future__ import annotations

import polars as pl
import pytest

from golden.diff import changed_paths


@pytest.mark.parametrize(
    ("old", "new", "paths"),
    [
        ('{"language":"nl"}', '{"language":"nl"}', []),
        ('{"language":"nl"}', '{"language":"de"}', ["language"]),
        ('{"language":"nl"}', '{"gender":"female"}', ["gender", "language"]),
        ('{"phones":[{"number":"+31600000001"}]}', '{"phones":[{"number":"+31600000002"}]}', ["phones"]),
        ('{"canonical_version":1,"language":"nl"}', '{"canonical_version":2,"language":"nl"}', []),
        (None, '{"canonical_version":1,"language":"nl"}', ["language"]),
        ('{"language":"nl"}', None, ["language"]),
        (None, None, []),
    ],
)
def test_changed_paths(old: str | None, new: str | None, paths: list[str]) -> None:
    assert changed_paths(pl.Series([old]), pl.Series([new])).to_list() == [paths]


def test_each_pair_has_its_own_answer_in_the_order_asked() -> None:
    old = pl.Series(['{"language":"nl"}', None, '{"gender":"male"}'])
    new = pl.Series(['{"language":"nl"}', '{"gender":"male"}', '{"gender":"female"}'])
    assert changed_paths(old, new).to_list() == [[], ["gender"], ["gender"]]
    assert changed_paths(old.clear(), new.clear()).to_list() == []

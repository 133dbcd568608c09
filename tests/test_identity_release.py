"""The digest of the matching code tells every change of what it decides, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from identity import blocking, clustering, comparison, features, release


@pytest.fixture(autouse=True)
def computed_anew() -> Iterator[None]:
    release.digest.cache_clear()
    yield
    release.digest.cache_clear()


PHONE, RULE = comparison.PHONE, blocking.RULES["person"][0]
OTHER_LEVEL = replace(PHONE.levels[1], condition=comparison.same("family"))


@pytest.mark.parametrize(
    "changes",
    [
        lambda patch: patch.setattr(features, "CODE_VERSION", 99),
        lambda patch: patch.setattr(release, "CODE_VERSION", 99),
        lambda patch: patch.setattr(clustering, "LIMIT", 19_999),
        lambda patch: patch.setitem(
            blocking.RULES, "person", (replace(RULE, at_most=29), *blocking.RULES["person"][1:])
        ),
        lambda patch: patch.setitem(blocking.RULES, "person", blocking.RULES["person"][1:]),
        lambda patch: patch.setitem(comparison.VETOES, "person", comparison.VETOES["person"][1:]),
        lambda patch: patch.setitem(
            comparison.COMPARISONS,
            "person",
            tuple(
                replace(one, levels=(one.levels[0], OTHER_LEVEL, *one.levels[2:])) if one is PHONE else one
                for one in comparison.COMPARISONS["person"]
            ),
        ),
    ],
    ids=["features", "code", "clustering", "common", "rules", "vetoes", "condition"],
)
def test_what_decides_otherwise_is_another_release(changes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = release.digest()
    release.digest.cache_clear()
    changes(monkeypatch)
    assert release.digest() != before


def test_another_process_of_the_same_program_is_the_same_release() -> None:
    """Else every start would link everything anew."""
    told = "from identity import release; print(release.digest())"
    found = {
        subprocess.run(
            [sys.executable, "-c", told], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True, text=True, check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }  # fmt: skip
    assert found == {release.digest()}

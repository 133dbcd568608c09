"""What the command line prints, however wide the terminal is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from sync.cli import console
from sync.cli.console import Figure, bits, print_table

WORDS = st.text(st.sampled_from("aé/9-漢"), min_size=1, max_size=12)
TEXTS = st.lists(WORDS, min_size=1, max_size=5).map(" ".join)


@pytest.mark.parametrize(("weight", "text"), [(None, "-"), (0, "+0.00"), (-12_345, "-12.35"), (500, "+0.50")])
def test_weights_are_printed_in_bits_with_their_sign(weight: int | None, text: str) -> None:
    assert bits(weight) == text


@given(rows=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=4), width=st.integers(50, 120))
def test_a_table_fits_and_breaks_no_word(rows: list[tuple[str, str, str]], width: int) -> None:
    with console.out.capture() as printed:
        before, console.out._width = console.out._width, width
        try:
            print_table(None, ("one", "two", "three"), rows)
        finally:
            console.out._width = before
    lines = printed.get().splitlines()
    assert max(map(cell_len, lines)) <= width
    shown = {word for line in lines for word in line.split()}
    assert {word for row in rows for text in row for word in text.split()} <= shown


def test_numbers_stand_on_the_right_and_a_table_without_names_has_no_line_for_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console.out, "_file", sys.stdout)
    print_table(None, ("what", "bits", "n"), [("a", bits(-10_500), 1_000), ("b", bits(250), None)])
    print_table(None, ("", ""), [("total", Figure("7"))])
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "what    bits      n",
        "a     -10.50  1,000",
        "b      +0.25      -",
        "total  7",
    ]


@pytest.mark.parametrize(("columns", "width"), [("80", 80), (None, console.WIDE)])
def test_a_pipe_is_as_wide_as_it_is_said_to_be(columns: str | None, width: int) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    environment |= {"COLUMNS": columns} if columns else {}
    asked = [sys.executable, "-c", "from sync.cli.console import out; print(out.width)"]
    said = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == str(width)

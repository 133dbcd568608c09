"""``voeg customer why|why-not|how``, as a steward and an integrator meet them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from estates import EstateFolder, decide, voeg
from households import COLUMNS, FATHER, SASKIA, deliver, entity, mapping
from rich.cells import cell_len

from sync.cli import console

VALUES = [
    value for person in (SASKIA, FATHER) for name, value in person.items() if value and name not in ("type", "number")
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EstateFolder]:
    estate = EstateFolder(tmp_path_factory.mktemp("explanations"))
    deliver(estate)
    estate.run()
    decide(estate.store, "must_link", ("crm", "hermit"), ("crm", "baker"))
    estate.resolve()
    yield estate
    estate.close()


def row_of(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(name))


def test_why_is_a_waterfall_in_words_and_bits(folder: EstateFolder) -> None:
    shown = voeg(folder, "customer", "why", "crm/saskia", "shop/saskia/2").stdout
    assert f"are one customer: {entity(folder, 'crm/saskia')}" in shown
    assert "enough to link them" in shown
    birth_date = row_of(shown, "birth date")
    assert "the same" in birth_date and "█" in birth_date
    together = row_of(shown, "together").split()
    answer = json.loads(voeg(folder, "customer", "why", "crm/saskia", "shop/saskia/2", "--json").stdout)
    for each in answer["strongest"]["evidence"]:
        if each["told"]:
            assert each["text"] in row_of(shown, each["name"])
    assert float(together[3]) == pytest.approx(answer["strongest"]["weight"], abs=0.01)
    assert "not told by both:" in shown and "national id" in row_of(shown, "not told by both")


def test_values_are_shown_on_demand_only(folder: EstateFolder) -> None:
    for words in (
        ["why", "crm/father", "crm/son"],
        ["why-not", "crm/father", "crm/son"],
        ["how", entity(folder, "crm/father")],
    ):
        for more in ([], ["--json"]):
            result = voeg(folder, "customer", *words, *more)
            told = (result.stdout + result.stderr).lower()
            assert not [value for value in VALUES if value.lower() in told]
            assert "19500211" not in told
    why = voeg(folder, "customer", "why", "crm/father", "crm/son", "--sensitive").stdout
    assert "1950-02-11" in why and "Dorpsstraat 4, 1234 AB Wijchen" in why.replace("\n", " ")
    assert "19810730" in voeg(folder, "customer", "why-not", "crm/father", "crm/son", "--sensitive", "--json").stdout
    assert "Smit" in voeg(folder, "customer", "how", entity(folder, "crm/father"), "--sensitive").stdout


def test_why_not_names_what_keeps_two_apart(folder: EstateFolder) -> None:
    shown = voeg(folder, "customer", "why-not", "crm/father", "crm/son").stdout
    assert "- pairs of their records would link, but taken together the records contradict one another" in shown
    assert "phone" in shown and "brings them together" in shown
    assert "birth date (different)" in shown
    bos = voeg(folder, "customer", "why-not", "crm/one bos", "shop/other bos").stdout
    assert "- something rules it out: another national id" in bos and row_of(bos, "ruled out by")
    bakery = voeg(folder, "customer", "why-not", "crm/baker", "crm/bakery").stdout
    assert "but may be related" in bakery and len(bakery.splitlines()) == 2
    assert "no blocking key" in voeg(folder, "customer", "why-not", "crm/hermit", "crm/saskia").stdout


def test_a_conflict_would_link_and_says_where_to_look_for_what_keeps_it_apart(folder: EstateFolder) -> None:
    listed = voeg(folder, "tasks", "list", "--kind", "conflict", "--json").stdout
    number = next(str(task["id"]) for task in json.loads(listed)["tasks"] if task["reason"] == "contradiction")
    shown = voeg(folder, "tasks", "show", number)
    assert "these two would link, but their customers as a whole do not" in shown.stdout
    assert "enough to link them, if nothing else speaks against it" in row_of(shown.stdout, "together")
    assert "is linked" not in shown.stdout
    assert "what keeps them apart: voeg customer why-not " in shown.stderr


def test_why_points_to_what_a_pair_alone_cannot_tell(folder: EstateFolder) -> None:
    apart = voeg(folder, "customer", "why", "shop/either", entity(folder, "crm/son"))
    together = voeg(folder, "customer", "why", "shop/either", entity(folder, "crm/father"))
    assert "voeg customer why-not" in apart.stderr + together.stderr


def test_how_tells_the_order_the_weakest_link_and_the_thresholds(folder: EstateFolder) -> None:
    shown = voeg(folder, "customer", "how", entity(folder, "crm/father")).stdout
    assert "3 source records" in shown
    assert "weakest link: between " in shown and "bits as a whole" in shown
    assert "With a higher link threshold" in shown and " | " in shown
    decided = voeg(folder, "customer", "how", entity(folder, "crm/hermit")).stdout
    assert "decided" in decided and "asked them" in decided and "weakest" not in decided


LONG = {
    "type": "person", "given": "Жанна-Łucja", "name": "漢字 van der Oudenhoven-Achterberg", "born": "1971-03-14",
    "street": "Burgemeester van der Oudermeulenstraat", "number": "1234", "postcode": "1234 AB", "city": "Wijchen",
    "phone": "+31612345678", "email": "zhanna.lucja.van.der.oudenhoven-achterberg@mail.example.org",
}  # fmt: skip


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EstateFolder]:
    """An estate of people with long names in other scripts, and long keys."""
    estate = EstateFolder(tmp_path_factory.mktemp("far"))
    for source in ("crm", "shop"):
        estate.describe(mapping(source))
        people = [{"id": f"klant/ключ-{source}-{number}", **LONG, "nid": number} for number in ("111222333", None)]
        estate.deliver(f"data/{source}.csv", people, COLUMNS)
    estate.run()
    yield estate
    estate.close()


@pytest.mark.parametrize("width", [80, 119, 120, 139, 140, 179, 180, 240])
@pytest.mark.parametrize("sensitive", [(), ("--sensitive",)])
def test_screens_fit_and_break_neither_names_nor_bars(
    width: int, sensitive: tuple[str, ...], far: EstateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console.out, "_width", width)
    one, other = "crm/klant/ключ-crm-111222333", "shop/klant/ключ-shop-None"
    why = voeg(far, "customer", "why", one, other, *sensitive).stdout
    how = voeg(far, "customer", "how", entity(far, one), *sensitive).stdout
    for shown in (why, how):
        assert max(map(cell_len, shown.splitlines())) <= width
        assert one in shown and other in shown
    bars = [line for line in why.splitlines() if set(line) & {"█", "▒"}]
    assert bool(bars) == (width >= (180 if sensitive else 140))
    assert all(re.search(r"[+-]\d+\.\d\d +[█▒]+ *$", line) for line in bars)
    if sensitive and width == 240:  # a word that is wider than its column is broken
        assert LONG["email"] in why


def test_what_is_not_there_is_one_line_and_exit_code_1(folder: EstateFolder) -> None:
    result = voeg(folder, "customer", "why", "crm/nobody", "crm/saskia", exit_code=1)
    assert len(result.stderr.strip().splitlines()) == 1
    assert "no live customer record of that key" in result.stderr and "nobody" not in result.stderr


def test_who_is_related_is_told_in_words(folder: EstateFolder, tmp_path: Path) -> None:
    father, son = entity(folder, "crm/father"), entity(folder, "crm/son")
    shown = voeg(folder, "customer", "related", father).stdout
    assert f"one household: {', '.join(sorted((father, son), key=int))}" in shown
    assert "lives together with" in shown and "address, family name, phone number" in shown
    bakery = voeg(folder, "customer", "related", entity(folder, "crm/bakery")).stdout
    assert "is the organisation of" in bakery and "phone number, e-mail address" in bakery
    answer = json.loads(voeg(folder, "customer", "related", father, "--json").stdout)
    assert answer["format"] == 1 and {relation["id"] for relation in answer["relations"]} == {son}
    assert "related to nobody" in voeg(folder, "customer", "related", entity(folder, "crm/one bos")).stderr
    file = tmp_path / "households.csv"
    result = voeg(folder, "export", "households", file)
    assert result.exit_code == 0 and "2 people in households" in result.stderr
    assert file.read_text().splitlines()[0] == '"household","entity_id"'

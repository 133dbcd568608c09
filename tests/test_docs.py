"""The documentation: every command it shows runs or is understood, every link leads somewhere, every file is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import documentation
import pytest
import structlog
import typer.main
from documentation import PROJECT, blocks, named, other_commands, pages, prose, shell_commands, spans
from typer.testing import CliRunner

from sync.cli import command_line

EXECUTED = (
    PROJECT / "README.md",
    *(documentation.DOCS / f"{name}.md" for name in ("operating", "adapters", "channels", "identity")),
)
"""Pages of which the shell blocks are executed."""

FOREVER = (["serve"], ["publish", "--forever"])
"""Commands that end only when they are stopped; they have tests of their own."""

CUSTOMERS = """\
customer_no,first_name,last_name,born,mobile,email
1001,Anna,Voorbeeld,1980-02-29,06 12345678,a.voorbeeld@example.org
1002,Bram,Voorbeeld,1975-12-31,06 12345678,bram@example.org
1003,Anna,Voorbeeld,1980-02-29,06 12345678,anna@example.org
1004,,,1990-01-01,06 12345670,
"""
SOURCES = {"crm_customers": "crm", "billing_customers": "billing", "loyalty": "loyalty"}
"""Sources that the pages name, beside the one that ``voeg init`` makes, and their systems."""


@pytest.fixture
def voeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The command line, in an empty folder, far from any broker."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VOEG_ESTATE", raising=False)
    monkeypatch.setenv("VOEG_BROKER_URL", "amqp://guest:guest@127.0.0.1:1/%2F")

    def run(words: list[str]) -> None:
        result = CliRunner().invoke(command_line(), words)
        nobody = words[0] == "publish" and "no broker" in result.stderr
        assert result.exit_code == (1 if nobody else 0), (words, result.stderr, result.exception)

    yield SimpleNamespace(run=run)
    structlog.reset_defaults()  # its loggers write to what the command line's standard error was


def make_estate(folder: Path) -> None:
    """Give the estate that ``voeg init`` made something to read, and the sources that the pages name."""
    (folder / "data").mkdir()
    template = (folder / "mappings" / "customers.yaml").read_text()
    (folder / "data" / "customers_1.csv").write_text(CUSTOMERS)
    for source, system in SOURCES.items():
        (folder / "data" / f"{source}.csv").write_text(CUSTOMERS.replace("100", f"{len(source)}00"))
        mapping = template.replace("source: customers", f"source: {source}").replace(
            "data/customers*", f"data/{source}*"
        )
        (folder / "mappings" / f"{source}.yaml").write_text(mapping.replace("system: files", f"system: {system}"))


@pytest.mark.parametrize("page", EXECUTED, ids=named)
def test_the_commands_of_a_page_run_in_its_order(
    page: Path, voeg: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = shell_commands(page)
    assert commands
    init = ["init", "my-estate"]
    voeg.run(init)
    make_estate(tmp_path / "my-estate")
    monkeypatch.chdir(tmp_path / "my-estate")
    if page.name != "README.md":  # the others begin where that one ends
        voeg.run(["sync", "--resolve"])
    for words in commands:
        if words != init and words not in FOREVER:
            voeg.run(words)


@pytest.mark.parametrize("page", pages(), ids=named)
def test_the_command_line_understands_every_command_of_a_page(page: Path) -> None:
    for words in [*shell_commands(page), *other_commands(page)]:
        command, rest = typer.main.get_command(command_line()), list(words)
        while rest and rest[0] in getattr(command, "commands", ()):
            command = command.commands[rest.pop(0)]
        alternatives = rest and "|" in rest[0]
        assert alternatives or not hasattr(command, "commands"), f"there is no command voeg {' '.join(words)}"
        if not alternatives and rest:
            command.make_context(words[0], rest)  # raises when it has no such argument or option


@pytest.mark.parametrize("page", pages(), ids=named)
def test_make_knows_every_target_of_a_page(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    text = "\n".join([*blocks(page, "sh"), *spans(prose(page))])
    assert set(re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)) <= targets


@pytest.mark.parametrize("page", pages(), ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{named(page)}: {target}"
        if anchor:
            assert anchor in {slug(title) for title in re.findall(r"^#+ (.*)$", prose(file), re.MULTILINE)}, target


def slug(title: str) -> str:
    """Return the anchor that a heading gets: small letters, hyphens for spaces, no other marks."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", pages(), ids=named)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    folders = {entry.name for entry in PROJECT.iterdir() if entry.is_dir() and not entry.name.startswith(".")}
    for span in spans(prose(page)):
        path = span.partition(":")[0]
        if not re.fullmatch(r"[\w.*/-]+/[\w.*-]*", path) or path.split("/")[0] not in folders - {"var"}:
            continue
        if "NAME" not in path:
            assert any(PROJECT.glob(path.rstrip("/"))), f"{named(page)}: {span}"


def test_readme_leads_to_every_page() -> None:
    readme = prose(PROJECT / "README.md")
    for page in documentation.DOCS.glob("*.md"):
        assert f"](docs/{page.name})" in readme


def test_the_words_of_the_command_line_are_those_of_the_pages() -> None:
    commands = typer.main.get_command(command_line()).commands  # type: ignore[attr-defined]
    text = "\n".join(page.read_text() for page in pages())
    assert [name for name in commands if f"voeg {name}" not in text and not commands[name].hidden] == []

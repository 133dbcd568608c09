"""Make an empty estate to start from."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

from foundation.errors import ConfigurationError, Problem


def init(folder: Path) -> Iterator[Path]:
    """Write ``conf/`` and ``mappings/`` into ``folder`` and yield every file made.

    Raises:
        ConfigurationError: one of the files is there already; nothing is written then.
    """
    with as_file(files("sync") / "templates") as templates:
        wanted = {file: folder / file.relative_to(templates) for file in sorted(templates.rglob("*.yaml"))}
        present = [target for target in wanted.values() if target.exists()]
        if present:
            raise ConfigurationError(
                Problem(message=f"{target} exists", remedy="name an empty folder") for target in present
            )
        for template, target in wanted.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(template.read_bytes())
            yield target

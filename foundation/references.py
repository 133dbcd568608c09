"""Secrets by reference: ``${NAME}`` from the environment, ``file:PATH`` from a file; never shown.

Any text in ``conf/`` or in a mapping's ``read:`` may hold a reference. It is resolved at the last moment, by the
adapter's wiring, and the result is wrapped so that no log, error or repr prints it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from foundation.errors import ConfigurationError, Problem

_ENV = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def resolve(text: str, *, base: Path, env: Mapping[str, str] | None = None) -> SecretStr:
    """Return ``text`` with its references replaced.

    ``${NAME}`` and ``${NAME:-default}`` anywhere in the text come from the environment; a text that as a whole
    is ``file:PATH`` is the content of that file (relative to ``base``), without the final newline. ``sqlite:///``
    and other URLs are left alone: only ``file:`` followed by no second slash pair is a reference.

    Raises:
        ConfigurationError: a variable is not set, or the file cannot be read; names the variable or file only.
    """
    environment = os.environ if env is None else env
    if text.startswith("file:") and not text.startswith("file://"):
        path = base / text.removeprefix("file:")
        try:
            return SecretStr(path.read_text(encoding="utf-8").rstrip("\n"))
        except OSError as error:
            raise ConfigurationError(Problem(message=f"cannot read the secret file {path}: {error.strerror}")) from None

    def value(match: re.Match[str]) -> str:
        name, default = match.group(1), match.group(2)
        found = environment.get(name, default)
        if found is None:
            raise ConfigurationError(
                Problem(message=f"environment variable {name} is not set", remedy=f"set {name} and run again")
            )
        return found

    return SecretStr(_ENV.sub(value, text))

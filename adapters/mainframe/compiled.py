"""Inner loops that Numba compiles: used with ``VOEG_NUMBA=on`` in the environment, and not without.

They change no value. Numba takes about a second per process to get ready, which pays back after about a gigabyte.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar, cast

from foundation.errors import ConfigurationError

_Function = TypeVar("_Function", bound=Callable[..., Any])


@cache
def wanted() -> bool:
    """Return whether to use what Numba compiles.

    Raises:
        ConfigurationError: the variable is neither on nor off, or it is on and Numba is not installed.
    """
    said = os.environ.get("VOEG_NUMBA", "off")
    if said not in ("on", "off"):
        raise ConfigurationError("the environment variable VOEG_NUMBA is neither on nor off", remedy="set it to on")
    if said == "on" and find_spec("numba") is None:
        raise ConfigurationError(
            "VOEG_NUMBA is on, but Numba is not installed", remedy="install the extra: pip install 'voeg[numba]'"
        )
    return said == "on"


def by_numba(function: _Function) -> _Function:
    """Return the function compiled by Numba, which is imported only now.

    The machine code is kept on disk beside its module, or where ``NUMBA_CACHE_DIR`` says, so that only the first run
    compiles; where there is no such folder, every process does.
    """
    numba = import_module("numba")
    try:
        return cast("_Function", numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:
        return cast("_Function", numba.njit(nogil=True)(function))

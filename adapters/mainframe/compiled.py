"""Whether the inner loops that Numba compiles are used: with ``VOEG_NUMBA=on`` in the environment, and not without.

They change no value. Numba takes about a second per process to get ready, which pays back after about a gigabyte.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec

from foundation.errors import ConfigurationError


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

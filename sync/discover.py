"""List what a source's system holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from sync.estate import Estate
from transform.mapping import Mapping


def discover(estate: Estate, mapping: Mapping) -> Iterator[dict[str, Any]]:
    """Yield every readable thing of the mapping's system as plain data (see ``adapters.base.Discovered``)."""
    for thing in estate.adapter(mapping).discover():
        yield asdict(thing)

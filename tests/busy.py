"""Sides of a comparison that do nothing but take time; fresh processes import this, so it imports little."""

from __future__ import annotations

import time

from benchmarks.measure import Work


def burn(milliseconds: int) -> None:
    """Use the processor for some time."""
    until = time.process_time() + milliseconds / 1000
    while time.process_time() < until:
        pass


def busy(*, milliseconds: int, units: int) -> Work:
    """Burn before it is measured, and then for the time given."""
    burn(300)

    def work() -> int:
        burn(milliseconds)
        return units

    return work


def idle(*, milliseconds: int) -> Work:
    """Wait for a server."""

    def work() -> int:
        time.sleep(milliseconds / 1000)
        return 1

    return work

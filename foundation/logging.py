"""Structured logs on standard error: for people on a terminal, JSON lines otherwise.

Log names and counts, never values read from a customer system: an event is a fixed text, its fields are source
names, run numbers, counts, seconds. A processor refuses the keys that would hold personal data or secrets.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from foundation.settings import LogSettings

_NEVER = frozenset(
    {
        "address", "birth_date", "content", "email", "family_name", "given_name", "iban", "key", "name_given",
        "national_id", "password", "payload", "phone", "raw", "record_id", "row_values", "secret", "url", "value",
    }
)  # fmt: skip


def configure(settings: LogSettings) -> None:
    """Set up structlog and route the standard library's warnings through it."""
    human = settings.format == "human" or (settings.format == "auto" and sys.stderr.isatty())
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if human else structlog.processors.JSONRenderer()
    )
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # what is standard error now, not once
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr, format="%(name)s: %(message)s")


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the value of every key that may not be logged; a slip in the code must not leak a customer."""
    for name in event.keys() & _NEVER:
        event[name] = "[not logged]"
    return event

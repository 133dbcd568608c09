"""HTTP under SOAP: messages sent without being logged, answers read to their end within one time-out."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import requests
import zeep
from zeep.cache import SqliteCache

from adapters.soap.options import SoapOptions

logging.getLogger("zeep").setLevel(logging.WARNING)  # at DEBUG it logs whole messages


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read to its end."""

    status: int
    media_type: str
    content: bytes


class Transport(zeep.Transport):
    """Sends messages without logging them, and holds the whole answer to one time-out."""

    def __init__(self, options: SoapOptions, *, session: requests.Session, folder: Path) -> None:
        timeouts = (options.connect_timeout, options.timeout)
        cache = _cache(folder, options.wsdl_cache)
        super().__init__(cache=cache, timeout=timeouts, operation_timeout=timeouts, session=session)  # type: ignore[no-untyped-call]
        self._seconds = options.timeout

    def post(self, address: str, message: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a message; zeep calls this and hands the result through."""
        deadline = time.monotonic() + self._seconds
        with self.session.post(
            address, data=message, headers=headers, timeout=self.operation_timeout, stream=True
        ) as response:
            content = bytearray()
            # Small pieces, because reading one waits until it is full and only then is the clock looked at.
            for piece in response.iter_content(4096):
                content += piece
                if time.monotonic() > deadline:
                    raise requests.ReadTimeout
            media_type = response.headers.get("Content-Type", "no content type").partition(";")[0]
            return Answer(response.status_code, media_type, bytes(content))


def _cache(folder: Path, seconds: int) -> SqliteCache | None:
    """Return the cache of WSDLs and schemas in ``folder``; none where that cannot be written."""
    try:
        folder.mkdir(exist_ok=True)
        return SqliteCache(path=str(folder / "wsdl-cache.db"), timeout=seconds)  # type: ignore[no-untyped-call]
    except (OSError, sqlite3.Error):
        return None

"""Going through the pages of an operation, and knowing for certain when all of them were seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lxml import etree
from pydantic import JsonValue

from adapters.soap.options import NoPaging, OffsetPaging, PagePaging, Paging, TokenPaging
from adapters.soap.records import find
from foundation.errors import SourceError

Call = Callable[[Mapping[str, JsonValue]], etree._Element]


@dataclass(frozen=True, slots=True)
class Page:
    """The record elements of one answer."""

    number: int  # from 1
    elements: list[etree._Element]


def request_fields(paging: Paging) -> dict[str, str]:
    """Return the request fields that ``paging`` sets, by the option that names each."""
    named = {
        "paging.page": getattr(paging, "page", None),
        "paging.offset": getattr(paging, "offset", None),
        "paging.token": getattr(paging, "token", None),
        "paging.size": getattr(paging, "size", None),
    }
    return {option: field for option, field in named.items() if field is not None}


def answer_places(paging: Paging) -> dict[str, str]:
    """Return the places in the answer that ``paging`` looks at, by the option that names each."""
    named = {
        "paging.more": getattr(paging, "more", None),
        "paging.total": getattr(paging, "total", None),
        "paging.next": getattr(paging, "next", None),
    }
    return {option: place for option, place in named.items() if place is not None}


def pages(call: Call, paging: Paging, records: str) -> Iterator[Page]:
    """Yield the pages in order; ends only when the service said so.

    Args:
        call: calls the operation with the given request fields and returns the answer's outermost element.
        paging: how to ask for the next page.
        records: the place of the record elements in the answer.

    Raises:
        SourceError: the service repeats itself, stops early, or contradicts its own count.
    """
    if isinstance(paging, NoPaging):
        yield Page(1, find(call({}), records))
    elif isinstance(paging, TokenPaging):
        yield from _by_token(call, paging, records)
    else:
        yield from _by_count(call, paging, records)


def _by_count(call: Call, paging: PagePaging | OffsetPaging, records: str) -> Iterator[Page]:
    seen, number, previous = 0, 0, b""
    while True:
        number += 1
        answer = call(_position(paging, number, seen) | _size(paging))
        elements = find(answer, records)
        content = b"".join(etree.tostring(element) for element in elements)
        if elements and content == previous:
            raise SourceError(
                f"page {number} is the same as the page before it",
                remedy="check which field of the request asks for the next page (`paging:`)",
            )
        previous = content
        seen += len(elements)
        total = _total(answer, paging.total)
        if elements:
            yield Page(number, elements)
        more = _more(answer, paging)
        if more is None:
            more = bool(elements) if total is None else seen < total
        if not more:
            _check_total(seen, total)
            return
        if not elements:
            raise SourceError(
                f"page {number} is empty, though the service says there is more ({seen} records came)",
                remedy="read again; if it stays, ask the service's owner",
            )


def _by_token(call: Call, paging: TokenPaging, records: str) -> Iterator[Page]:
    seen, number = 0, 0
    token: str | None = None
    tokens: set[str] = set()
    while True:
        number += 1
        answer = call(_size(paging) | ({paging.token: token} if token else {}))
        elements = find(answer, records)
        seen += len(elements)
        if elements:
            yield Page(number, elements)
        token = _text(answer, paging.next)
        if not token:
            _check_total(seen, _total(answer, paging.total))
            return
        if token in tokens:
            raise SourceError(
                f"page {number} gives a token that was used before",
                remedy="check which field of the request takes the token (`paging.token:`)",
            )
        tokens.add(token)


def _position(paging: PagePaging | OffsetPaging, number: int, seen: int) -> dict[str, JsonValue]:
    if isinstance(paging, PagePaging):
        return {paging.page: paging.first + number - 1}
    return {paging.offset: paging.first + seen}


def _size(paging: PagePaging | OffsetPaging | TokenPaging) -> dict[str, JsonValue]:
    return {paging.size: paging.page_size} if paging.size else {}


def _more(answer: etree._Element, paging: PagePaging | OffsetPaging) -> bool | None:
    """Return whether the service says there is more; None when it is not asked."""
    if paging.more is None:
        return None
    text = _text(answer, paging.more)
    if text not in ("true", "1", "false", "0", None):
        raise SourceError(f"'{paging.more}' in the answer is neither true nor false", remedy="check `paging.more:`")
    return text in ("true", "1")


def _total(answer: etree._Element, place: str | None) -> int | None:
    if place is None:
        return None
    text = _text(answer, place)
    if text is None or not text.isdecimal():
        raise SourceError(f"'{place}' in the answer is not a count", remedy="check `paging.total:`")
    return int(text)


def _check_total(seen: int, total: int | None) -> None:
    if total is not None and seen < total:
        raise SourceError(
            f"the service counts {total} records but gave {seen}",
            remedy="read again; if it stays, ask the service's owner",
        )


def _text(answer: etree._Element, place: str) -> str | None:
    found = find(answer, place)
    return (found[0].text or "").strip() or None if found else None

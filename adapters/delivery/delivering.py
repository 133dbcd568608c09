"""From ``path:`` and ``delivery:`` to files that can be read."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path

from adapters.delivery import checksums, copies, names, servers
from adapters.delivery.options import Delivery
from adapters.delivery.places import Entry, Place
from foundation.errors import Location, Problem, SourceError, SourceUnavailable

_NAME = attrgetter("name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A file that is delivered."""

    origin: str  # as people name it: relative to the estate, absolute, or a URL without user and password
    size: int | None  # bytes, where the server tells


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A file that is delivered and can be read."""

    path: Path  # its own, or of a copy that is removed afterwards
    origin: str  # as people name it: relative to the estate, absolute, or a URL without user and password


def offered(path: str, delivery: Delivery | None, base: Path) -> list[Offered]:
    """Return the files that ``deliver`` would give, without bringing them or looking into them.

    Raises:
        ConfigurationError: a reference leads nowhere, or an option does not fit.
        SourceUnavailable: nothing is there, or not complete yet, or the server does not answer.
        SourceError: the server refuses, or the newest cannot be told.
    """
    options = delivery or Delivery()
    with servers.place(options, base) as place:
        chosen = _chosen(place, path, options)
        return [Offered(origin=place.origin(entry.name), size=entry.size) for entry in chosen]


@contextmanager
def deliver(path: str, delivery: Delivery | None, base: Path) -> Iterator[list[Delivered]]:
    """Give the files to read, complete and checked, in their order.

    Files of the estate are read where they are: without ``delivery`` those of ``adapters.paths.find``, all of them,
    in its order. Files of a server are copied one after another to a folder that is removed at the end, and the
    connection is closed before anything is read. A SourceError about a copy that passes through is told of the file
    on the server.

    Args:
        path: a file or a glob, which may hold dates: ``CUST.D{date:%y%m%d}.PS``; relative to ``base`` or to the
            folder on the server.
        delivery: how the files are delivered; None: they are in the estate.
        base: the estate folder.

    Raises:
        ConfigurationError: a reference leads nowhere, or an option does not fit.
        SourceUnavailable: nothing is there, or not complete yet, or the server does not answer.
        SourceError: the server refuses, a checksum is another, or the newest cannot be told.
    """
    options = delivery or Delivery()
    with _folder(options, base) as folder:
        with servers.place(options, base) as place:
            delivered = _brought(place, _chosen(place, path, options), options, folder)
        origins = {item.path: item.origin for item in delivered} if options.url is not None else {}
        try:
            yield delivered
        except SourceError as error:
            if not any(problem.location and problem.location.file in origins for problem in error.problems):
                raise
            raise type(error)(_told_of(origins, error.problems)) from None


def _chosen(place: Place, path: str, options: Delivery) -> list[Entry]:
    """Return the files to read, all of them complete."""
    pattern = names.Pattern(path)
    companions = [template for template in (options.ready, options.checksum) if template is not None]
    found = names.without_companions(place.matching(pattern.glob), companions, _NAME)
    found = names.in_order(found, pattern, _NAME)
    if not found:
        raise SourceUnavailable(
            f"no file matches '{path}' but those that stand beside others",
            remedy="check `path`, `ready` and `checksum`, and whether the delivery arrived",
        )
    if options.choose == "newest":
        found = names.newest(found, pattern, _NAME)
    for entry in found:
        _check_ready(place, entry, options)
    if options.stable_for:
        _check_stable(place, found, options.stable_for)
    return found


def _check_ready(place: Place, entry: Entry, options: Delivery) -> None:
    """Refuse a file that does not count as delivered yet."""
    for template in (options.ready, options.checksum):
        if template is not None and place.entry(names.companion(template, entry.name)) is None:
            raise SourceUnavailable(
                Problem(
                    location=Location(file=place.origin(entry.name)),
                    message=f"is not delivered yet: waiting for {place.origin(names.companion(template, entry.name))}",
                    remedy="nothing, if it still comes; else have the sender asked",
                )
            )
    ready = place.entry(names.companion(options.ready, entry.name)) if options.ready is not None else None
    if ready is None or not options.ready_not_older:
        return
    if ready.modified is None or entry.modified is None:
        raise SourceError(
            f"{place.origin(ready.name)}: the server does not tell how old it is", remedy="set `ready_not_older: false`"
        )
    if ready.modified < entry.modified:
        raise SourceUnavailable(
            Problem(
                location=Location(file=place.origin(entry.name)),
                message=f"is not delivered yet: {place.origin(ready.name)} is older, of an earlier delivery",
                remedy="nothing, if a new one still comes; else have the sender asked",
            )
        )


def _check_stable(place: Place, entries: Sequence[Entry], seconds: float) -> None:
    """Refuse files that grow."""
    time.sleep(seconds)
    place.look_anew()
    for entry in entries:
        now = place.entry(entry.name)
        if entry.size is None:
            raise SourceError(
                f"{place.origin(entry.name)}: the server does not tell its size",
                remedy="use `ready` in place of `stable_for`",
            )
        if now is None or now.size != entry.size:
            raise SourceUnavailable(
                Problem(
                    location=Location(file=place.origin(entry.name)),
                    message=f"changed its size within {seconds:g} seconds",
                    remedy="read it when it has been delivered completely",
                )
            )


def _brought(place: Place, entries: Sequence[Entry], options: Delivery, folder: Path) -> list[Delivered]:
    """Return the files where they can be read, held against their checksums."""
    copied = options.url is not None
    stated: dict[str, bytes] = {}  # by the name of a file of checksums: its content
    delivered = []
    for number, entry in enumerate(entries):
        path = place.brought(entry, _below(folder, f"{number:06d}") if copied else folder)  # names may be equal
        if options.checksum is not None:
            name = names.companion(options.checksum, entry.name)
            if name not in stated:
                at = _below(folder, f"{number:06d}.checksum") if copied else folder
                stated[name] = _checksums(place, name, at)
            expected = checksums.parse(stated[name], entry.name, place.origin(name))
            checksums.verify(path, expected, place.origin(entry.name), place.origin(name))
        delivered.append(Delivered(path=path, origin=place.origin(entry.name)))
    return delivered


def _below(folder: Path, name: str) -> Path:
    """Return a new folder in another one."""
    below = folder / name
    below.mkdir()
    return below


def _checksums(place: Place, name: str, folder: Path) -> bytes:
    """Return the content of a file of checksums."""
    entry = place.entry(name)
    if entry is None or (entry.size or 0) > checksums.LARGEST:
        raise SourceError(
            f"{place.origin(name)} is no file of checksums: it is too large, or gone",
            remedy="check `checksum` and what it names",
        )
    return place.brought(entry, folder).read_bytes()


def _told_of(origins: Mapping[Path, str], problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems, told of the files that copies are of."""
    return [
        replace(problem, location=replace(problem.location, file=origins[Path(problem.location.file)]))
        if problem.location is not None and Path(problem.location.file) in origins
        else problem
        for problem in problems
    ]


def _folder(options: Delivery, base: Path) -> AbstractContextManager[Path]:
    """Return where copies go; files of the estate are not copied."""
    return nullcontext(base) if options.url is None else copies.folder(base / "var" / "delivered")

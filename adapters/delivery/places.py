"""Where files are delivered: a folder of the estate, or one on a server."""

from __future__ import annotations

import errno
import fnmatch
import glob
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Protocol

from fsspec import AbstractFileSystem

from adapters import paths
from adapters.delivery.address import Address
from foundation.errors import Location, Problem, SourceError, SourceUnavailable

_UNSAFE = re.compile(r"[^\w.$#@=+,-]|^\.+", re.ASCII)
_LONGEST_NAME = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file in a place."""

    name: str  # with the folders below the place; where `path` is absolute, absolute
    size: int | None  # bytes, where the server tells
    modified: datetime | None  # UTC, where the server tells


class Place(Protocol):
    """A folder with files. Every method raises SourceUnavailable where it cannot be looked at."""

    def matching(self, pattern: str) -> list[Entry]:
        """Return the files that a glob matches, in the order of their paths; at least one."""
        ...

    def entry(self, name: str) -> Entry | None:
        """Return the file of that name; None: there is none."""
        ...

    def look_anew(self) -> None:
        """Forget what was seen, because it may have changed."""
        ...

    def brought(self, entry: Entry, folder: Path) -> Path:
        """Return a path where the file can be read: its own, or that of a copy in ``folder``."""
        ...

    def origin(self, name: str) -> str:
        """Return how people name the file."""
        ...


class Estate:
    """Files below the estate folder, or where an absolute path says."""

    def __init__(self, base: Path) -> None:
        self._base = base

    def matching(self, pattern: str) -> list[Entry]:
        """Return what ``paths.find`` finds."""
        absolute = PurePosixPath(pattern).is_absolute()
        found = paths.find(pattern, self._base)
        return [_local(path, str(path) if absolute else path.relative_to(self._base).as_posix()) for path in found]

    def entry(self, name: str) -> Entry | None:
        """Return the file of that name; None: there is none."""
        path = paths.resolve(name, self._base)
        return _local(path, name) if path.is_file() else None

    def look_anew(self) -> None:
        """Do nothing: every look is a new one."""

    def brought(self, entry: Entry, folder: Path) -> Path:
        """Return the file's own path."""
        return paths.resolve(entry.name, self._base)

    def origin(self, name: str) -> str:
        """Return the name, which is relative to the estate or absolute."""
        return name


class Server:
    """Files below a folder on a server."""

    def __init__(
        self,
        address: Address,
        filesystem: AbstractFileSystem,
        failure: Callable[[Exception, str], SourceError | None],
    ) -> None:
        """Look at a folder.

        Args:
            address: of the folder.
            filesystem: connected to the server.
            failure: what an exception of it means, told of the place given; None: nothing that it knows.
        """
        self._address = address
        self._filesystem = filesystem
        self._failure = failure
        self._listings: dict[str, list[_Listed]] = {}

    def matching(self, pattern: str) -> list[Entry]:
        """Return the files that a glob matches, which starts at the folder and does not lead out of it."""
        parts = PurePosixPath(pattern).parts
        if not parts or pattern.startswith("/") or ".." in parts:
            raise SourceError(
                Problem(
                    message=f"'{pattern}' leads out of {self._address}",
                    remedy="name in `url` the folder that `path` starts at",
                )
            )
        found = {entry.name: entry for entry in self._below("", parts)}
        if not found:
            raise SourceUnavailable(
                Problem(
                    message=f"no file matches '{pattern}' in {self._address}",
                    remedy="check `path:` (it is relative to the folder of `url`) and whether the delivery arrived",
                )
            )
        return [found[name] for name in sorted(found, key=PurePosixPath)]

    def entry(self, name: str) -> Entry | None:
        """Return the file of that name; None: there is none."""
        path = PurePosixPath(name)
        folder = "" if len(path.parts) == 1 else path.parent.as_posix()
        return next((item.entry for item in self._listed(folder) if item.entry.name == name and item.is_file), None)

    def look_anew(self) -> None:
        """Forget the listings of folders."""
        self._listings.clear()

    def brought(self, entry: Entry, folder: Path) -> Path:
        """Return a copy of the file in ``folder``, as long as the server said.

        Raises:
            SourceUnavailable: the connection broke off, or the file changed meanwhile.
        """
        path = folder / local_name(entry.name)
        with self._told(entry.name):
            self._filesystem.get_file(self._address.path(entry.name), str(path))
        size = path.stat().st_size
        if entry.size is not None and size != entry.size:
            raise SourceUnavailable(
                Problem(
                    location=Location(file=self.origin(entry.name)),
                    message=f"{size} bytes came where the server told of {entry.size}",
                    remedy="read it when it has been delivered completely; `ready` or `stable_for` wait for that",
                )
            )
        return path

    def origin(self, name: str) -> str:
        """Return the URL of the file, without user and password."""
        return f"{str(self._address).rstrip('/')}/{name}"

    def _below(self, folder: str, parts: tuple[str, ...]) -> Iterator[Entry]:
        """Yield the files below a folder that the parts of a pattern match."""
        first, rest = parts[0], parts[1:]
        if rest and first != "**" and not glob.has_magic(first):
            yield from self._below(_joined(folder, first), rest)
            return
        if first == "**" and rest:
            yield from self._below(folder, rest)
        for item in self._listed(folder):
            last = PurePosixPath(item.entry.name).name
            if item.is_folder and first == "**" and not last.startswith("."):
                yield from self._below(item.entry.name, parts)
            elif item.is_folder and rest and _matches(last, first):
                yield from self._below(item.entry.name, rest)
            elif item.is_file and not rest and _matches(last, "*" if first == "**" else first):
                yield item.entry

    def _listed(self, folder: str) -> list[_Listed]:
        if folder not in self._listings:
            path = self._address.path(folder).rstrip("/") or "/"
            try:
                with self._told(folder):
                    found = self._filesystem.ls(path, detail=True)
                    self._listings[folder] = [item for info in found if (item := self._item(folder, info)) is not None]
            except _NotThere:
                self._listings[folder] = []
        return self._listings[folder]

    def _item(self, folder: str, info: dict[str, object]) -> _Listed | None:
        """Return one line of a listing; None where a server gives what can be no name."""
        last = str(info["name"]).removeprefix(self._address.path(folder).rstrip("/") + "/")
        if "/" in last or "\\" in last or last in ("", ".", ".."):
            return None
        name, kind = _joined(folder, last), info["type"]
        if kind == "link":
            try:
                info = self._filesystem.info(self._address.path(name))
            except FileNotFoundError:
                return None
            kind = info["type"]
        size = info.get("size")
        is_file = kind == "file"
        known = isinstance(size, int) and not str(info.get("unix.mode", "")).startswith("l")
        entry = Entry(name=name, size=int(str(size)) if is_file and known else None, modified=_modified(info))
        return _Listed(entry=entry, is_file=is_file, is_folder=kind == "directory")

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """Tell of what goes wrong where it did, and what to do."""
        try:
            yield
        except SourceError:
            raise
        except FileNotFoundError:
            raise _NotThere(
                Problem(
                    location=Location(file=self.origin(name)),
                    message="is not there any more",
                    remedy="read it when it has been delivered completely",
                )
            ) from None
        except Exception as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise SourceUnavailable(
                    f"there is no room here for {self.origin(name)}", remedy="make room in the folder var of the estate"
                ) from None
            failure = self._failure(error, self.origin(name))
            if failure is None:
                raise
            raise failure from None


class _NotThere(SourceUnavailable):
    """A file or a folder on a server is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    entry: Entry
    is_file: bool
    is_folder: bool


def broken(error: Exception, place: str) -> SourceUnavailable:
    """Return what it means when a network or a server fails."""
    if isinstance(error, TimeoutError):
        return SourceUnavailable(f"{place} does not answer in time", remedy="raise `timeout`, or try again later")
    return SourceUnavailable(
        f"{place} does not answer, or the connection broke off", remedy="check host and port, and whether it runs"
    )


def local_name(name: str) -> str:
    """Return a file name that is safe here for a file that a server calls ``name``: its last part, in plain letters."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return _UNSAFE.sub("_", last)[-_LONGEST_NAME:] or "_"


def _matches(name: str, pattern: str) -> bool:
    """Tell as ``glob`` does whether a name matches: ``*`` matches no hidden file."""
    return fnmatch.fnmatchcase(name, pattern) and (not name.startswith(".") or pattern.startswith("."))


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _modified(info: dict[str, object]) -> datetime | None:
    """Return when a file was last written: SFTP tells a time, FTP digits in UTC (RFC 3659, section 2.3)."""
    if isinstance(time := info.get("mtime"), datetime):
        return time
    digits = str(info.get("modify", ""))[:14]
    if len(digits) < 14 or not digits.isdigit():
        return None
    return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _local(path: Path, name: str) -> Entry:
    with _readable(path):
        found = path.stat()
    return Entry(name=name, size=found.st_size, modified=datetime.fromtimestamp(found.st_mtime, UTC))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise paths.unreadable(path, error) from None

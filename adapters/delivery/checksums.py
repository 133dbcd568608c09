"""Checksums as ``sha256sum`` and its kin write them, GNU or BSD: ``HASH  NAME``, ``SHA256 (NAME) = HASH``, ``HASH``."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from foundation.errors import Location, Problem, SourceError

LARGEST = 4 << 20
"""Bytes of a file of checksums; a larger one is none."""

_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}  # hexadecimal
_NAMED = re.compile(r"\.?(md5|sha-?1|sha-?256|sha-?512)(?:sums?)?(?:\.txt)?$", re.IGNORECASE)
_OTHER = re.compile(r"\.(crc(?:32)?|cksum|sha-?(?:224|384)|sha3.*|b2|blake.*|adler32)(?:sums?)?$", re.IGNORECASE)
_GNU = re.compile(r"\\?([0-9a-fA-F]{32,})[ \t]+\*?(\S.*)")
_BSD = re.compile(r"([\w-]+) ?\((.+)\) ?= ?([0-9a-fA-F]+)")
_BARE = re.compile(r"[0-9a-fA-F]{32,}")


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a file's bytes must come to."""

    algorithm: str
    hexadecimal: str  # lower case


def algorithm_named(name: str) -> str | None:
    """Return the algorithm that a name such as ``CUST.PS.sha256`` tells; None: it tells none.

    Raises:
        ValueError: it tells one that is not known.
    """
    if _OTHER.search(name):
        raise ValueError(f"is of no known kind; known are {', '.join(_DIGITS)}")
    found = _NAMED.search(name)
    return found[1].lower().replace("-", "") if found else None


def parse(content: bytes, name: str, origin: str) -> Checksum:
    """Return the checksum of the file ``name`` that a file of checksums holds.

    Args:
        content: of the file of checksums.
        name: of the file that is to be checked; only its last part counts.
        origin: of the file of checksums, for errors; its name may tell the algorithm.

    Raises:
        SourceError: it has none for that file, or none that is of its algorithm.
    """
    wanted = PurePosixPath(name).name
    lines = [line.strip() for line in content.decode("utf-8", "replace").lstrip("\ufeff").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    for line in lines:
        if bsd := _BSD.fullmatch(line):
            if PurePosixPath(bsd[2]).name == wanted:
                return _checksum(bsd[3], bsd[1], origin)
        elif gnu := _GNU.fullmatch(line):
            if PurePosixPath(gnu[2].replace("\\", "/")).name == wanted:
                return _checksum(gnu[1], None, origin)
        elif len(lines) == 1 and _BARE.fullmatch(line):
            return _checksum(line, None, origin)
    raise SourceError(
        Problem(
            location=Location(file=origin),
            message=f"has no checksum of '{wanted}' in its {len(lines)} lines",
            remedy="have it delivered as `sha256sum` writes it: HASH  NAME",
        )
    )


def verify(path: Path, expected: Checksum, origin: str, stated_by: str) -> None:
    """Hold the bytes of a file against its checksum.

    Raises:
        SourceError: they are others.
    """
    with path.open("rb") as stream:
        algorithm = expected.algorithm
        found = hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    if found != expected.hexadecimal:
        raise SourceError(
            Problem(
                location=Location(file=origin),
                message=f"its {expected.algorithm} is {found}, and {stated_by} says {expected.hexadecimal}",
                remedy="have it delivered again, in binary mode; nothing of it was taken as read",
            )
        )


def _checksum(hexadecimal: str, named: str | None, origin: str) -> Checksum:
    told = (named.lower().replace("-", "") if named else None) or algorithm_named(PurePosixPath(origin).name)
    fitting = [algorithm for algorithm, digits in _DIGITS.items() if digits == len(hexadecimal)]
    if not fitting or (told is not None and told != fitting[0]):
        raise SourceError(
            Problem(
                location=Location(file=origin),
                message=f"a checksum of {len(hexadecimal)} digits is no {told or 'md5, sha1, sha256 or sha512'}",
                remedy="have it delivered again, complete and with the name of what it is",
            )
        )
    return Checksum(fitting[0], hexadecimal.lower())

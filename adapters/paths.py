"""Which files a mapping may read: the estate's own, unless it names others by absolute path."""

from __future__ import annotations

import glob
from pathlib import Path

from foundation.errors import Location, Problem, SourceError, SourceUnavailable


def find(pattern: str, base: Path) -> list[Path]:
    """Return the files that ``pattern`` matches, sorted by path.

    Args:
        pattern: a file name or a glob (``*``, ``?``, ``[...]``, ``**``); a relative one starts at ``base``.
        base: the estate folder. A relative pattern may not lead out of it, neither by ``..`` nor by a link.

    Raises:
        SourceUnavailable: no file matches: the delivery has not come, which is not the same as an empty one.
        SourceError: a relative pattern leads out of the estate.
    """
    names = [pattern]
    if glob.has_magic(pattern):
        names = glob.glob(pattern, root_dir=base, recursive=True)  # noqa: PTH207 - takes absolute patterns too
    found = sorted({resolve(name, base) for name in names})
    files = [path for path in found if path.is_file()]
    if not files:
        raise SourceUnavailable(
            Problem(
                message=f"no file matches '{pattern}'",
                remedy="check `path:` (it is relative to the estate folder) and whether the delivery arrived",
            )
        )
    return files


def resolve(name: str, base: Path) -> Path:
    """Return the path of ``name`` as the operator sees it: below ``base``, or itself when it is absolute.

    Raises:
        SourceError: a relative name leads out of the estate.
    """
    path = base / name
    if not Path(name).is_absolute() and not path.resolve().is_relative_to(base.resolve()):
        raise SourceError(
            Problem(
                message=f"'{name}' leads out of the estate folder",
                remedy="move the file into the estate, or name it by its absolute path on purpose",
            )
        )
    return path


def unreadable(path: Path, error: OSError) -> SourceUnavailable:
    """Return the error to raise for a file that cannot be opened or read."""
    return SourceUnavailable(
        Problem(
            location=Location(file=path),
            message=f"cannot read the file: {error.strerror}",
            remedy="check that it is there, and its permissions",
        )
    )

"""A folder for copies of files, which hold personal data: nobody else may look, and nothing stays behind."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def folder(parent: Path) -> Iterator[Path]:
    """Give a new folder in ``parent`` that only this user may look into, and remove it at the end.

    What a process left there that was killed is removed by the next one: the lock on its folder ended with it.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with _locked(parent):
        for left in parent.iterdir():
            _remove_if_left(left)
        own = Path(tempfile.mkdtemp(dir=parent))
        lock = _lock_of(own)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)
        os.close(lock)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    lock = _lock_of(folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _remove_if_left(folder: Path) -> None:
    """Remove a folder whose process ended without doing so: nobody holds its lock."""
    try:
        lock = _lock_of(folder)
    except OSError:
        return  # gone meanwhile, or no folder
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        pass
    finally:
        os.close(lock)


def _lock_of(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)

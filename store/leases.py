"""Leases: one writer at a time, and a writer that lost its turn cannot write."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select

from foundation.errors import StoreError
from store import tables
from store.engine import Held, Store

LASTS: Final = timedelta(minutes=5)
"""How long a lease outlives its last renewal, where the death of its holder cannot be seen."""

AGAIN: Final = 0.05
"""Seconds between two attempts to take a lease that is held."""


class Taken(StoreError):
    """Another process holds the lease."""


@contextmanager
def hold(
    store: Store,
    name: str,
    *,
    patience: timedelta = timedelta(0),
    waiting: Callable[[str], None] = lambda holder: None,
) -> Iterator[Held]:
    """Hold a lease while the block runs, and keep it alive; give the result to ``Store.write``.

    A lease is free when nobody has it, when it expired, or when its holder was a process of this machine that
    is no longer there. Every holder raises the epoch, so that an earlier one's transactions are refused.

    Args:
        store: where it is.
        name: of the lease.
        patience: how long to wait for a holder that is about to be done.
        waiting: called once, with the holder's name, when half of that has passed.

    Raises:
        Taken: another process holds it, still.
        StoreError: the store is gone.
    """
    held = _wait_for(store, name, patience.total_seconds(), waiting)
    over = threading.Event()
    keeper = threading.Thread(target=_keep_alive, args=(store, held, over), name=f"lease {name}", daemon=True)
    keeper.start()
    try:
        yield held
    finally:
        over.set()
        keeper.join()
        with store.write() as connection:
            connection.execute(
                tables.lease.update()
                .where(tables.lease.c.name == name, tables.lease.c.epoch == held.epoch)
                .values(expires_at=datetime.now(UTC))
            )


def _keep_alive(store: Store, held: Held, over: threading.Event) -> None:
    """Renew a lease until it is over, or until another process took it."""
    while not over.wait(held.lasts.total_seconds() / 4):
        try:
            with store.write(held):
                pass
        except StoreError:
            return  # the holder's own next transaction meets the same and reports it


def _wait_for(store: Store, name: str, patience: float, waiting: Callable[[str], None]) -> Held:
    """Take a lease as soon as it is free, or say who has it when patience is over."""
    began, told = time.monotonic(), False
    while True:
        with store.write() as connection:
            found = _take(connection, name)
        if isinstance(found, Held):
            return found
        waited = time.monotonic() - began
        if waited >= patience:
            raise Taken(
                f"'{name}' is being written by another process ({found})", remedy="wait until it is done, and run again"
            )
        if not told and waited >= patience / 2:
            waiting(found)
            told = True
        time.sleep(AGAIN)


def _take(connection: Connection, name: str) -> Held | str:
    """Take a lease; where another process has it, return that one's name instead."""
    now = datetime.now(UTC)
    table = tables.lease
    current = connection.execute(select(table).where(table.c.name == name).with_for_update()).one_or_none()
    if current is not None and current.expires_at > now and not _is_dead(current.holder):
        return str(current.holder)
    held = Held(
        name=name,
        holder=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
        epoch=current.epoch + 1 if current else 1,
        lasts=LASTS,
    )
    values = {"holder": held.holder, "epoch": held.epoch, "expires_at": now + LASTS}
    if current is None:
        connection.execute(table.insert().values(name=name, **values))
    else:
        connection.execute(table.update().where(table.c.name == name).values(values))
    return held


def _is_dead(holder: str) -> bool:
    """Whether the holder was a process of this machine that is gone."""
    host, _, rest = holder.partition(":")
    process = rest.partition(":")[0]
    if host != socket.gethostname() or not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False

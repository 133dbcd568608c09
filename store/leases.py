"""Leases: one writer at a time, and a writer that lost its turn cannot write."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import select
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from foundation.errors import StoreError
from store import tables
from store.engine import Held, Store

LASTS: Final = timedelta(minutes=5)
"""How long a lease outlives its last renewal, where the death of its holder cannot be seen."""

AGAIN: Final = timedelta(seconds=0.05)
"""The pause between two attempts to take a lease that is held."""


class Taken(StoreError):
    """Another process holds the lease."""

    def __init__(self, name: str, holder: str) -> None:
        """Say who holds it."""
        super().__init__(
            f"'{name}' is being written by another process ({holder})", remedy="wait until it is done, and run again"
        )
        self.holder = holder


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
    try:
        held = _take(store, name, patience / 2)
    except Taken as taken:
        if not patience:
            raise
        waiting(taken.holder)
        held = _take(store, name, patience / 2)
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


def _take(store: Store, name: str, patience: timedelta) -> Held:
    """Take a lease as soon as it is free."""
    attempts = Retrying(
        retry=retry_if_exception_type(Taken), stop=stop_after_delay(patience), wait=wait_fixed(AGAIN), reraise=True
    )
    return attempts(_attempt, store, name)


def _attempt(store: Store, name: str) -> Held:
    """Take a lease if it is free."""
    now = datetime.now(UTC)
    table = tables.lease
    with store.write() as connection:
        current = connection.execute(select(table).where(table.c.name == name).with_for_update()).one_or_none()
        if current is not None and current.expires_at > now and not _is_dead(current.holder):
            raise Taken(name, current.holder)
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

"""Leases: who may do a thing that only one process may do at a time.

A lease is renewed by its holder's own transactions (they check the epoch, see ``Store.write``) and by ``renew``. One
that was not renewed within its time may be taken by another process; the epoch then rises, and whatever the first
one still tries to write is refused.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from foundation.errors import HeldError
from store.engine import Held, Store
from store.tables import lease

TERM = timedelta(minutes=2)
"""How long a lease holds without being renewed: what a restart after a crash has to wait at most."""


@contextmanager
def hold(store: Store, name: str) -> Iterator[Held]:
    """Hold a lease while the block runs.

    Raises:
        HeldError: another living process holds it.
    """
    held = _take(store, name)
    try:
        yield held
    finally:
        with store.write() as connection:
            connection.execute(
                lease.update()
                .where(lease.c.name == name, lease.c.epoch == held.epoch)
                .values(expires_at=datetime.now(UTC))
            )


def renew(store: Store, held: Held) -> None:
    """Hold a lease for another term; for work that writes nothing for a while.

    Raises:
        StoreError: another process took it.
    """
    with store.write(held) as connection:
        connection.execute(lease.update().where(lease.c.name == held.name).values(expires_at=datetime.now(UTC) + TERM))


def _take(store: Store, name: str) -> Held:
    now = datetime.now(UTC)
    holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    with store.write() as connection:
        found = connection.execute(select(lease).where(lease.c.name == name).with_for_update()).one_or_none()
        if found is None:
            connection.execute(lease.insert().values(name=name, holder=holder, epoch=1, expires_at=now + TERM))
            return Held(name=name, holder=holder, epoch=1)
        if found.expires_at > now and _lives(found.holder):
            raise HeldError(
                f"'{name}' is being done by another process ({found.holder})",
                remedy="wait for it, or stop it; if it died, the lease is free two minutes later",
            )
        epoch = found.epoch + 1
        connection.execute(
            lease.update().where(lease.c.name == name).values(holder=holder, epoch=epoch, expires_at=now + TERM)
        )
    return Held(name=name, holder=holder, epoch=epoch)


def _lives(holder: str) -> bool:
    """Whether a holder may still be at work: one of this machine whose process is gone is not."""
    host, process, _ = holder.rsplit(":", 2)
    if host != socket.gethostname():
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

"""Open a store: one database, and what each part of the project keeps in it."""

from __future__ import annotations

from functools import cached_property

from store.database import Database, open_engine
from store.leases import Leases
from store.models import Models
from store.quarantine import Quarantine
from store.records import Records
from store.references import References
from store.sources import Sources
from store.suppression import Suppression
from store.work import Work


class Store(Database):
    """An opened store; each property is one room of it.

    Methods that write take the connection of ``Store.write``, so that what belongs together commits together;
    methods that only read and take none see the store as it is when they are called.
    """

    @cached_property
    def sources(self) -> Sources:
        """The sources and their runs."""
        return Sources(self)

    @cached_property
    def records(self) -> Records:
        """Source records, their history and their raw rows."""
        return Records(self)

    @cached_property
    def references(self) -> References:
        """Which party each satellite belongs to."""
        return References(self)

    @cached_property
    def quarantine(self) -> Quarantine:
        """Rows that could not land."""
        return Quarantine(self)

    @cached_property
    def suppression(self) -> Suppression:
        """The keys of erased persons."""
        return Suppression(self)

    @cached_property
    def work(self) -> Work:
        """What resolving has still to look at."""
        return Work(self)

    @cached_property
    def leases(self) -> Leases:
        """Who may write what."""
        return Leases(self)

    @cached_property
    def models(self) -> Models:
        """The matcher's models."""
        return Models(self)


def open(url: str) -> Store:  # noqa: A001 -- read as store.engine.open
    """Open the store at a SQLAlchemy URL: ``sqlite:///FILE`` or ``postgresql+psycopg://…``.

    Raises:
        ConfigurationError: the URL cannot be used; it is never shown, for it may hold a password.
        StoreError: the folder of the SQLite file does not exist.
    """
    return Store(open_engine(url))

"""Fixtures that many tests share: real servers, ODBC drivers, and the real data that lies beside the project."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import servers
import structlog
from hypothesis import settings

from store.engine import open as open_store

PROJECT = Path(__file__).resolve().parent.parent

os.environ.pop("COLUMNS", None)  # tables are tested as wide as they are where nobody says how wide

settings.register_profile("patient", settings(), deadline=None)  # what is slow on a busy machine is not wrong
settings.load_profile("patient")

if sys.version_info >= (3, 12):
    # spyne 2.14, the tests' SOAP server, brings a six of 2020, whose modules this Python can't find: lend it today's
    for _name in (
        *("", ".collections_abc", ".http_cookies"),
        *(".urllib", ".urllib.error", ".urllib.parse", ".urllib.request"),
    ):
        sys.modules[f"spyne.util.six.moves{_name}"] = importlib.import_module(f"six.moves{_name}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that asks for the real data, so that ``-m external_data`` finds them all."""
    for item in items:
        if any(f"{name}_data" in getattr(item, "fixturenames", ()) for name in REAL_DATA):
            item.add_marker("external_data")


@pytest.fixture(autouse=True)
def logs_are_configured_anew() -> Iterator[None]:
    """Forget how a test's command line set up the logs: they went to that test's standard error, which is closed."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a migrated SQLite store, to start many from."""
    file = tmp_path_factory.mktemp("empty") / "voeg.db"
    store = open_store(f"sqlite:///{file}")
    store.migrate()
    store.checkpoint()
    store.close()
    return file.read_bytes()


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The folder that holds pyproject.toml."""
    return PROJECT


@pytest.fixture(scope="session")
def rabbitmq_node() -> Iterator[servers.RabbitMQ]:
    """The session's RabbitMQ node; tests use ``rabbitmq``, which makes sure that it runs."""
    with servers.server_folder("rabbitmq") as folder:
        node = servers.RabbitMQ(folder)
        try:
            node.start()
            yield node
        finally:
            node.close()


@pytest.fixture
def rabbitmq(rabbitmq_node: servers.RabbitMQ) -> Iterator[servers.RabbitMQ]:
    """A running RabbitMQ: ``.url``, and ``.stop()``, ``.kill()``, ``.start()`` for outages.

    The node is shared by the session, so name queues and exchanges after the test; an outage ends with the test.
    """
    yield rabbitmq_node
    rabbitmq_node.ensure_running()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[servers.PostgreSQL]:
    """The session's PostgreSQL server."""
    with servers.server_folder("postgres") as folder:
        server = servers.PostgreSQL(folder)
        try:
            server.start()
            yield server
        finally:
            server.close()


@pytest.fixture
def postgres_database(postgres_server: servers.PostgreSQL) -> Iterator[Callable[[], str]]:
    """A function that makes a fresh, empty database and returns its SQLAlchemy URL; dropped after the test."""
    names: list[str] = []

    def create() -> str:
        names.append(postgres_server.create_database())
        return postgres_server.url(names[-1])

    yield create
    for name in names:
        postgres_server.drop_database(name)


@pytest.fixture
def postgres_url(postgres_database: Callable[[], str]) -> str:
    """The SQLAlchemy URL (``postgresql+psycopg://…``) of a database made for this test."""
    return postgres_database()


@pytest.fixture(scope="session")
def odbc_sqlite_driver() -> str:
    """The SQLite ODBC driver, fit for ``Driver=``."""
    return servers.odbc_driver("libsqlite3odbc.so", "unixodbc libsqliteodbc")


@pytest.fixture(scope="session")
def odbc_postgres_driver() -> str:
    """The PostgreSQL ODBC driver (Unicode), fit for ``Driver=``."""
    return servers.odbc_driver("psqlodbcw.so", "unixodbc odbc-postgresql")


REAL_DATA = {
    "historical": "historical_50k.parquet, published by Splink as https://raw.githubusercontent.com/"
    "moj-analytical-services/splink_datasets/master/data/historical_figures_with_errors_50k.parquet",
    "carddemo": "the master files of AWS CardDemo, with copybooks and the customers in ASCII",
    "cobrix": "cases.json and its files, captured from the tests of Cobrix",
}
"""Folders of data that nobody here wrote, and what each holds."""


def _real_data(name: str) -> Path:
    """Return a folder of real data; the test that asks for it is skipped where it is absent."""
    folder = Path(os.environ.get("VOEG_EXTERNAL_DATA") or PROJECT.parent / "shared" / "data") / name
    if not folder.is_dir():
        pytest.skip(
            f"no {folder}, which is to hold {REAL_DATA[name]}; put it there,"
            " or set VOEG_EXTERNAL_DATA to the folder above it (CONTRIBUTING.md, Real data)"
        )
    return folder


@pytest.fixture(scope="session")
def historical_data() -> Path:
    """The folder of 50,578 records of persons long dead, with their real errors."""
    return _real_data("historical")


@pytest.fixture(scope="session")
def carddemo_data() -> Path:
    """The folder of a mainframe application's files."""
    return _real_data("carddemo")


@pytest.fixture(scope="session")
def cobrix_data() -> Path:
    """The folder of cases that Cobrix was seen to read."""
    return _real_data("cobrix")

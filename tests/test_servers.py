"""The tests' own servers: reachable while they run, gone when they are stopped, and nobody else's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pika
import psycopg
import pytest
import servers
import sqlalchemy as sa


def test_rabbitmq_keeps_persistent_messages_over_an_outage(rabbitmq: servers.RabbitMQ) -> None:
    queue = "servers.outage"
    with pika.BlockingConnection(pika.URLParameters(rabbitmq.url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(queue, durable=True)
        channel.basic_publish("", queue, b"kept", pika.BasicProperties(delivery_mode=2))

    rabbitmq.stop()
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        pika.BlockingConnection(pika.URLParameters(rabbitmq.url))
    rabbitmq.start()

    with pika.BlockingConnection(pika.URLParameters(rabbitmq.url)) as connection:
        channel = connection.channel()
        assert channel.basic_get(queue, auto_ack=True)[2] == b"kept"
        channel.queue_delete(queue)


def test_rabbitmq_is_back_after_a_test_that_killed_it(rabbitmq: servers.RabbitMQ) -> None:
    rabbitmq.kill()
    rabbitmq.ensure_running()
    pika.BlockingConnection(pika.URLParameters(rabbitmq.url)).close()


def test_rabbitmq_writes_only_into_its_own_folder(rabbitmq: servers.RabbitMQ) -> None:
    written = {path.name for path in rabbitmq.folder.iterdir()}
    assert {"mnesia", "log", ".erlang.cookie"} <= written


def test_every_postgres_database_is_fresh(postgres_database: Callable[[], str]) -> None:
    first, second = postgres_database(), postgres_database()
    assert first != second
    for url in (first, second):
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE only_here (id int)"))
        engine.dispose()


def test_postgres_refuses_a_wrong_password(postgres_url: str, postgres_server: servers.PostgreSQL) -> None:
    url = sa.make_url(postgres_url).set(password="wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))


def test_postgres_can_go_away_and_come_back(postgres_url: str, postgres_server: servers.PostgreSQL) -> None:
    engine = sa.create_engine(postgres_url, pool_pre_ping=True)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE kept (id int)"))
    postgres_server.stop()
    with pytest.raises(sa.exc.OperationalError), engine.connect():
        pass
    postgres_server.start()
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM kept")).scalar() == 0
    engine.dispose()


def test_a_server_that_dies_at_once_is_reported_with_its_log(tmp_path: Path) -> None:
    node = servers.RabbitMQ(tmp_path)
    (tmp_path / "mnesia").write_text("a file where a folder is wanted")
    try:
        with pytest.raises(RuntimeError, match="RabbitMQ ended with status"):
            node.start()
    finally:
        node.close()


def test_odbc_drivers_reach_their_databases(
    odbc_sqlite_driver: str,
    odbc_postgres_driver: str,
    postgres_url: str,
    tmp_path: Path,
) -> None:
    pyodbc = pytest.importorskip("pyodbc")
    url = sa.make_url(postgres_url)
    for target in (
        f"Driver={odbc_sqlite_driver};Database={tmp_path / 'x.db'}",
        f"Driver={odbc_postgres_driver};Server={url.host};Port={url.port};Database={url.database};"
        f"Uid={url.username};Pwd={url.password}",
    ):
        connection = pyodbc.connect(target, timeout=5)
        assert connection.execute("SELECT 1").fetchval() == 1
        connection.close()


def test_a_missing_driver_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "ODBC_FOLDERS", (tmp_path,))
    with pytest.raises(servers.NotInstalled, match="apt install unixodbc libsqliteodbc"):
        servers.odbc_driver("libsqlite3odbc.so", "unixodbc libsqliteodbc", ini=tmp_path / "odbcinst.ini")


def test_a_driver_is_found_where_odbcinst_ini_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "ODBC_FOLDERS", ())
    library = tmp_path / "libmine.so"
    library.touch()
    ini = tmp_path / "odbcinst.ini"
    ini.write_text(f"[Mine]\nDriver={library}\n[Mine]\nDriver={library}\n")
    assert servers.odbc_driver("libmine.so", "mine", ini=ini) == str(library)


def test_the_real_data_can_be_put_elsewhere(tmp_path: Path, project_root: Path) -> None:
    (tmp_path / "test_inner.py").write_text("def test_it(historical_data): assert historical_data.is_dir()")

    command = [sys.executable, "-m", "pytest", "-rs", "-p", "conftest", "-c", os.devnull, "-m", "external_data"]

    def outcome(folder: Path) -> str:
        """Run the inner test in a process of its own, with this folder's conftest as a plug-in."""
        return subprocess.run(
            [*command, str(tmp_path)],
            env=os.environ | {"PYTHONPATH": str(project_root / "tests"), "VOEG_EXTERNAL_DATA": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        ).stdout

    absent = outcome(tmp_path)
    assert "1 skipped" in absent
    assert f"no {tmp_path / 'historical'}" in absent
    assert "historical_figures_with_errors_50k.parquet" in absent
    assert "set VOEG_EXTERNAL_DATA" in absent
    (tmp_path / "historical").mkdir()
    assert "1 passed" in outcome(tmp_path)

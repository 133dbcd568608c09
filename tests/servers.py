"""Real servers for the tests: started from the installed packages, on loopback and free ports, and stopped again.

Each server keeps everything it writes in one temporary folder of its own, and never looks at a server, a port or a
configuration of the machine it runs on. ``conftest.py`` turns them into fixtures.
"""

from __future__ import annotations

import configparser
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

AMQP_GREETING = b"AMQP\x00\x00\x09\x01"
RABBITMQ_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
ODBC_FOLDERS = (
    Path("/usr/lib/x86_64-linux-gnu/odbc"),
    Path("/usr/lib/aarch64-linux-gnu/odbc"),
    Path("/usr/lib64"),
    Path("/usr/lib"),
)


class NotInstalled(Exception):
    """A program that the tests need is not on this machine; the message names the packages that bring it."""

    def __init__(self, what: str, packages: str) -> None:
        super().__init__(f"{what} is not installed; `make test` installs it as root, or: apt install {packages}")


class RabbitMQ:
    """A private RabbitMQ node, which survives its own ``stop`` and ``start``: same port, same durable queues."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self._dist_port, self._epmd_port = free_ports(3)
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/%2F"
        self._epmd: subprocess.Popen[bytes] | None = None
        self._node: subprocess.Popen[bytes] | None = None

    def start(self, timeout: float = 60) -> None:
        """Start the node and wait until it speaks AMQP."""
        if not RABBITMQ_SERVER.exists():
            raise NotInstalled("RabbitMQ", "rabbitmq-server")
        if self._epmd is None:
            self._epmd = _spawn([_epmd()], self.folder / "epmd.log", env=self._environment())
            wait_for("epmd", lambda: _accepts(self._epmd_port), timeout, self._epmd, self.folder / "epmd.log")
        log = self.folder / "server.log"
        self._node = _spawn([str(RABBITMQ_SERVER)], log, env=self._environment())
        wait_for("RabbitMQ", lambda: _speaks_amqp(self.port), timeout, self._node, log)

    def stop(self) -> None:
        """Shut the node down in order; durable queues and persistent messages stay."""
        _end(self._node, signal.SIGTERM)
        self._node = None

    def ensure_running(self) -> None:
        """Start the node again if a test left it stopped."""
        if self._node is None:
            self.start()

    def kill(self) -> None:
        """End the node as a power cut would."""
        _end(self._node, signal.SIGKILL)
        self._node = None

    def close(self) -> None:
        """Stop everything that this object started."""
        self.kill()
        _end(self._epmd, signal.SIGTERM)
        self._epmd = None

    def _environment(self) -> dict[str, str]:
        plugins, settings, nothing = (self.folder / name for name in ("enabled_plugins", "rabbitmq.conf", "env.conf"))
        plugins.write_text("[].\n")
        settings.write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\ndisk_free_limit.absolute = 50MB\nlog.file.level = warning\n"
        )
        nothing.write_text("")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("RABBITMQ_")}
        return inherited | {
            "HOME": str(self.folder),  # holds .erlang.cookie
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"voeg-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "node.pid"),
            "RABBITMQ_CONF_ENV_FILE": str(nothing),
            "RABBITMQ_CONFIG_FILE": str(settings),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.folder / "generated"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }


class PostgreSQL:
    """A private PostgreSQL cluster with a fresh database for whoever asks; passwords are really checked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_ports(1)[0]
        self.user = "voeg"
        self.password = secrets.token_urlsafe(12)
        self._data = folder / "data"
        self._account = _unprivileged_account()
        self._server: subprocess.Popen[bytes] | None = None
        self._databases = 0

    def start(self, timeout: float = 60) -> None:
        """Make the cluster on the first call, start the server and wait until it takes a connection."""
        programs = _postgres_programs()
        if not self._data.exists():
            self._initialise(programs)
        log = self.folder / "server.log"
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "shared_buffers": "64MB",
            "max_connections": 50,
            "timezone": "UTC",
        }
        command = [str(programs / "postgres"), "-D", str(self._data)]
        command += [f"--{name}={value}" for name, value in options.items()]
        self._server = _spawn(command, log, account=self._account)
        wait_for("PostgreSQL", self._answers, timeout, self._server, log)

    @property
    def process(self) -> int:
        """The id of the process that all of the server's processes are children of."""
        if self._server is None:
            raise RuntimeError("the server does not run")
        return self._server.pid

    def stop(self) -> None:
        """Shut the server down at once, cutting its connections; the data stays."""
        _end(self._server, signal.SIGINT)
        self._server = None

    close = stop

    def create_database(self) -> str:
        """Make an empty database and return its name."""
        self._databases += 1
        name = f"voeg_{self._databases}"
        self._administer(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name)))
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self._administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://{self.user}:{self.password}@127.0.0.1:{self.port}/{database}"

    def _initialise(self, programs: Path) -> None:
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        if self._account:
            os.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
            os.chown(password_file, self._account.pw_uid, self._account.pw_gid)
        command = [programs / "initdb", "-D", self._data, "-U", self.user, "--pwfile", password_file]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        log = self.folder / "initdb.log"
        process = _spawn([str(part) for part in command], log, account=self._account)
        if process.wait():
            raise RuntimeError(f"initdb failed:\n{log.read_text()}")

    def _administer(self, statement: sql.Composed | sql.SQL) -> None:
        with self._connect() as connection:
            connection.execute(statement)

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=self.user,
            password=self.password,
            dbname="postgres",
            autocommit=True,
            connect_timeout=10,
        )

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True


def odbc_driver(library: str, packages: str, ini: Path = Path("/etc/odbcinst.ini")) -> str:
    """Return the path of an ODBC driver's library, fit for ``Driver=`` in a connection string."""
    folders = list(ODBC_FOLDERS)
    registered = configparser.ConfigParser(strict=False, interpolation=None)
    registered.read(ini)
    for section in registered.sections():
        path = Path(registered[section].get("driver", ""))
        if path.name == library and path.is_absolute():
            folders.insert(0, path.parent)
    for folder in folders:
        if (folder / library).exists():
            return str(folder / library)
    raise NotInstalled(f"the ODBC driver {library}", packages)


@contextmanager
def server_folder(name: str) -> Iterator[Path]:
    """Give a short-named folder (a unix socket's path is limited to 107 bytes), removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix=f"voeg-{name}-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nothing listens on, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports


def wait_for(what: str, ready: Callable[[], bool], timeout: float, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until ``ready`` says so; fail with the log's end when the process dies or time is up."""
    deadline = time.monotonic() + timeout
    while not ready():
        died = process.poll() is not None
        if died or time.monotonic() > deadline:
            state = f"ended with status {process.returncode}" if died else f"is not ready after {timeout:g} s"
            _end(process, signal.SIGKILL)
            raise RuntimeError(f"{what} {state}:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.05)


def _spawn(
    command: list[str],
    log: Path,
    *,
    env: dict[str, str] | None = None,
    account: pwd.struct_passwd | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, so that it and all its children can be ended together."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd="/",
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )


def _end(process: subprocess.Popen[bytes] | None, how: signal.Signals, timeout: float = 20) -> None:
    if process is None:
        return
    try:
        os.killpg(process.pid, how)
        process.wait(timeout)
    except ProcessLookupError:
        process.wait()
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _epmd() -> str:
    """Return Erlang's port mapper, which every node needs; a private one keeps the machine's out of it."""
    found = shutil.which("epmd") or next(map(str, Path("/usr/lib/erlang").glob("erts-*/bin/epmd")), None)
    if found is None:
        raise NotInstalled("Erlang's epmd", "rabbitmq-server")
    return found


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _speaks_amqp(port: int) -> bool:
    """Tell whether the node answers AMQP's greeting with a method frame (its first byte is 1)."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(AMQP_GREETING)
            return connection.recv(1) == b"\x01"
    except OSError:
        return False


def _postgres_programs() -> Path:
    """Return the folder of the newest installed PostgreSQL server."""
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    if found:
        return max(found, key=lambda path: int(path.parent.name.partition(".")[0]))
    initdb = shutil.which("initdb")
    if initdb is None:
        raise NotInstalled("PostgreSQL", "postgresql")
    return Path(initdb).resolve().parent


def _unprivileged_account() -> pwd.struct_passwd | None:
    """Return the account to run PostgreSQL under, which refuses root; None when we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL refuses to run as root and there is neither a user postgres nor nobody")

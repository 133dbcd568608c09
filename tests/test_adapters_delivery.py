"""Files come from real SFTP, FTP and FTPS servers on loopback, complete and checked, or one error says why not."""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import os
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paramiko
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pyftpdlib.authorizers import AuthenticationFailed, DummyAuthorizer
from pyftpdlib.filesystems import AbstractedFS
from pyftpdlib.handlers import DTPHandler, FTPHandler, TLS_DTPHandler, TLS_FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

from adapters import paths
from adapters.delivery import Delivery, checksums, deliver, names, offered
from adapters.delivery.address import Address
from adapters.delivery.places import local_name
from foundation.errors import ConfigurationError, Location, Problem, SourceError, SourceUnavailable

USER, PASSWORD = "reader", "correct horse"
BIG = bytes(range(256)) * 4096  # 1 MiB


# Servers of the tests: each serves one folder, and can be told to break off


@dataclass
class Faults:
    """What goes wrong with the data that a server sends."""

    cut_after: int | None = None  # bytes, then the connection ends
    listed_too_large: int = 0  # bytes
    grows_by: int = 0  # bytes, whenever a file is opened

    def allows(self, sent: int) -> bool:
        return self.cut_after is None or sent <= self.cut_after


@dataclass
class Served:
    """A running server."""

    url: str
    folder: Path
    options: dict[str, Any]
    faults: Faults = field(default_factory=Faults)

    def delivery(self, **options: Any) -> Delivery:
        return Delivery.model_validate({"url": self.url, **self.options, **options})


class _Account(paramiko.ServerInterface):
    def __init__(self, key: paramiko.PKey) -> None:
        self._key = key

    def check_auth_password(self, username: str, password: str) -> int:
        right = (username, password) == (USER, PASSWORD)
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        right = (username, key.asbytes()) == (USER, self._key.asbytes())
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class _Handle(paramiko.SFTPHandle):
    def __init__(self, path: Path, faults: Faults, transport: paramiko.Transport) -> None:
        super().__init__()
        self.readfile = path.open("rb")
        self._faults = faults
        self._transport = transport

    def read(self, offset: int, length: int) -> bytes | int:
        if not self._faults.allows(offset + length):
            self._transport.close()
            return paramiko.SFTP_FAILURE
        return super().read(offset, length)

    def stat(self) -> paramiko.SFTPAttributes:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))


class _Files(paramiko.SFTPServerInterface):
    folder: Path
    faults: Faults
    transport: paramiko.Transport

    def __init__(self, server: paramiko.ServerInterface, *, folder: Path, faults: Faults, transport: Any) -> None:
        super().__init__(server)
        self.folder, self.faults, self.transport = folder, faults, transport

    def _path(self, path: str) -> Path:
        return self.folder / path.lstrip("/")

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        try:
            found = sorted(self._path(path).iterdir())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        listed = [paramiko.SFTPAttributes.from_stat(item.lstat(), item.name) for item in found]
        for item in listed:
            item.st_size = (item.st_size or 0) + self.faults.listed_too_large
        return listed

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        try:
            return paramiko.SFTPAttributes.from_stat(self._path(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def open(self, path: str, flags: int, attr: Any) -> paramiko.SFTPHandle | int:
        if self.faults.grows_by:
            with self._path(path).open("ab") as stream:
                stream.write(bytes(self.faults.grows_by))
        try:
            return _Handle(self._path(path), self.faults, self.transport)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)


@contextmanager
def sftp_server(folder: Path, host_key: paramiko.PKey, user_key: paramiko.PKey, faults: Faults) -> Iterator[int]:
    """Serve a folder by SFTP; gives the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    transports: list[paramiko.Transport] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else a short answer waits 40 ms
            transport = paramiko.Transport(connection)
            transports.append(transport)
            transport.add_server_key(host_key)
            transport.set_subsystem_handler(
                "sftp", paramiko.SFTPServer, _Files, folder=folder, faults=faults, transport=transport
            )
            try:
                transport.start_server(server=_Account(user_key))
            except (paramiko.SSHException, EOFError):
                continue  # the client went away, because it does not know this server

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for transport in transports:
            transport.close()
        thread.join(5)


class _Accounts(DummyAuthorizer):
    def validate_authentication(self, username: str, password: str, handler: Any) -> None:
        if (username, password) != (USER, PASSWORD):
            raise AuthenticationFailed("no")


@contextmanager
def ftp_server(folder: Path, certificate: Path | None, faults: Faults, **settings: Any) -> Iterator[int]:
    """Serve a folder by FTP, with a certificate over TLS only; gives the port."""

    def send(self: Any, data: bytes) -> int:
        if not faults.allows(self.tot_bytes_sent + len(data)):
            self.cmd_channel.close()
            self.close()
            return 0
        return int(super(type(self), self).send(data))

    plain_data, secure_data = (type("Data", (base,), {"send": send}) for base in (DTPHandler, TLS_DTPHandler))
    settings |= {"auth_failed_timeout": 0, "dtp_handler": plain_data, "use_sendfile": False}
    base = FTPHandler
    if certificate is not None:
        base = TLS_FTPHandler
        settings |= {"certfile": str(certificate), "tls_control_required": True, "tls_data_required": True}
        settings["dtp_handler"] = secure_data
    accounts = _Accounts()
    accounts.add_user(USER, PASSWORD, str(folder), perm="elr")
    server = FTPServer(
        ("127.0.0.1", 0), type("Handler", (base,), {"authorizer": accounts, **settings}), ioloop=IOLoop()
    )
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            server.serve_forever(timeout=0.05, blocking=False)
        server.close_all()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.address[1]
    finally:
        stop.set()
        thread.join(5)


def certificate_of(host: str, folder: Path) -> Path:
    """Return a file with a fresh key and a certificate that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{host}.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture(scope="module")
def host_key() -> paramiko.PKey:
    return paramiko.ECDSAKey.generate()


@pytest.fixture(scope="module")
def user_key() -> paramiko.PKey:
    return paramiko.RSAKey.generate(2048)


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("paramiko", "pyftpdlib"):
        monkeypatch.setattr(logging.getLogger(name), "disabled", True)


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    folder = tmp_path / "estate"
    folder.mkdir()
    return folder


@pytest.fixture
def start(
    tmp_path: Path, estate: Path, host_key: paramiko.PKey, user_key: paramiko.PKey, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Served]]:
    """A function that starts a server of one kind, which serves an empty folder ``out``."""
    from contextlib import ExitStack

    monkeypatch.setenv("DELIVERY_PASSWORD", PASSWORD)
    root = tmp_path / "server"
    (root / "out").mkdir(parents=True)
    login = {"username": USER, "password": "${DELIVERY_PASSWORD}", "timeout": 5}

    with ExitStack() as running:

        def started(scheme: str) -> Served:
            faults = Faults()
            if scheme == "sftp":
                port = running.enter_context(sftp_server(root, host_key, user_key, faults))
                (estate / "known_hosts").write_text(
                    f"[127.0.0.1]:{port} {host_key.get_name()} {host_key.get_base64()}\n"
                )
                login["known_hosts"] = "known_hosts"
            else:
                certificate = certificate_of("127.0.0.1", estate) if scheme == "ftps" else None
                port = running.enter_context(ftp_server(root, certificate, faults))
                if certificate is not None:
                    login["certificates"] = certificate.name
            return Served(f"{scheme}://127.0.0.1:{port}/out", root / "out", login, faults)

        yield started


@pytest.fixture(params=["sftp", "ftp", "ftps"])
def served(request: pytest.FixtureRequest, start: Callable[[str], Served]) -> Served:
    return start(request.param)


def contents(path: str, delivery: Delivery | None, estate: Path) -> dict[str, bytes]:
    """Return what is delivered: the last part of its origin, and its bytes."""
    with deliver(path, delivery, estate) as delivered:
        return {item.origin.rpartition("/")[2]: item.path.read_bytes() for item in delivered}


def write(folder: Path, **files: bytes) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)


def copies(estate: Path) -> list[Path]:
    return list((estate / "var" / "delivered").glob("*"))


# From servers


def test_files_of_a_server_are_read_as_they_are_and_nothing_stays(served: Served, estate: Path) -> None:
    write(served.folder, **{"CUST.A": BIG, "CUST.B": b"", "OTHER": b"no"})
    with deliver("CUST.*", served.delivery(), estate) as delivered:
        assert [item.origin for item in delivered] == [f"{served.url}/CUST.A", f"{served.url}/CUST.B"]
        assert [item.path.read_bytes() for item in delivered] == [BIG, b""]
        assert [item.path.name for item in delivered] == ["CUST.A", "CUST.B"]
        assert all(item.path.is_relative_to(estate / "var" / "delivered") for item in delivered)
        assert copies(estate)[0].stat().st_mode & 0o077 == 0
    assert copies(estate) == []


def test_a_look_tells_what_there_is_and_brings_nothing(served: Served, estate: Path) -> None:
    write(served.folder, A=b"12345")
    [found] = offered("*", served.delivery(), estate)
    assert (found.origin, found.size) == (f"{served.url}/A", 5)
    assert not (estate / "var").exists()


def test_folders_below_match_as_they_do_in_the_estate(served: Served, estate: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin"
    for root in (served.folder, twin):
        for folder in ("", "a", "a/b", "a-b", "c", ".hidden"):
            (root / folder).mkdir(exist_ok=True, parents=True)
            write(root / folder, **{"x.ps": b"1", ".y.ps": b"2", "z#1.txt": b"3", "[odd].ps": b"4"})
    for pattern in (
        "*.ps",
        "a/*.ps",
        "*/x.ps",
        "**/x.ps",
        "a/**/*.ps",
        "**",
        "?.ps",
        "z#1.*",
        "[x-z].ps",
        "[[]*",
        "a/x.ps",
    ):
        here = [path.relative_to(twin).as_posix() for path in paths.find(pattern, twin)]
        there = [item.origin.removeprefix(f"{served.url}/") for item in offered(pattern, served.delivery(), estate)]
        assert there == here, pattern


def test_nothing_there_is_unavailable_and_never_empty(served: Served, estate: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"no file matches 'CUST\.\*' in .*/out"):
        contents("CUST.*", served.delivery(), estate)
    with pytest.raises(SourceUnavailable, match="no file matches"):
        contents("nowhere/CUST.*", served.delivery(), estate)


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../secret"])
def test_a_path_does_not_lead_out_of_the_folder(path: str, served: Served, estate: Path) -> None:
    with pytest.raises(SourceError, match="leads out"):
        contents(path, served.delivery(), estate)


def test_links_on_a_server_are_files_where_they_lead_to_one(start: Callable[[str], Served], estate: Path) -> None:
    served = start("sftp")
    write(served.folder, **{"CUST.D1": b"data"})
    (served.folder / "CUST.CURRENT").symlink_to("CUST.D1")
    (served.folder / "CUST.GONE").symlink_to("CUST.D0")
    assert contents("CUST.*", served.delivery(), estate) == {"CUST.CURRENT": b"data", "CUST.D1": b"data"}


_WITHOUT_MLSD = {name: how for name, how in FTPHandler.proto_cmds.items() if not name.startswith("MLS")}


class _DataSets(AbstractedFS):
    """Lists as the FTP server of z/OS lists data sets."""

    def format_list(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield b"Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname\r\n"
        yield b"WORK01 3390   2026/01/31  1   15  FB     200 27800  PS  CUST.G0001V00\r\n"


def test_a_server_without_mlsd_is_understood_by_its_lists(estate: Path, tmp_path: Path) -> None:
    write(tmp_path, **{"CUST 1.G0001V00": b"12345", "CUST 1.ready": b""})
    (tmp_path / "CUST.LINK").symlink_to("CUST 1.G0001V00")
    with ftp_server(tmp_path, None, Faults(), proto_cmds=_WITHOUT_MLSD) as port:
        login = {"url": f"ftp://127.0.0.1:{port}", "username": USER, "password": PASSWORD}
        delivery = Delivery.model_validate(login | {"ready": "{stem}.ready", "stable_for": 0.1})
        assert contents("*.G*", delivery, estate) == {"CUST 1.G0001V00": b"12345"}
        assert contents("*.LINK", Delivery.model_validate(login), estate) == {"CUST.LINK": b"12345"}
        with pytest.raises(SourceError, match="does not tell its size"):
            contents("*.LINK", Delivery.model_validate(login | {"stable_for": 0.1}), estate)
        with pytest.raises(SourceError, match="does not tell how old it is"):
            contents("*.G*", delivery.model_copy(update={"ready_not_older": True}), estate)


def test_lists_that_are_not_understood_are_told(estate: Path, tmp_path: Path) -> None:
    with ftp_server(tmp_path, None, Faults(), proto_cmds=_WITHOUT_MLSD, abstracted_fs=_DataSets) as port:
        delivery = Delivery.model_validate({"url": f"ftp://127.0.0.1:{port}", "username": USER, "password": PASSWORD})
        with pytest.raises(SourceError, match="lists files in a way that is not understood"):
            contents("*", delivery, estate)


def test_an_error_about_a_copy_is_told_of_the_file_on_the_server(served: Served, estate: Path) -> None:
    write(served.folder, A=b"1")
    with pytest.raises(SourceError) as caught, deliver("A", served.delivery(), estate) as delivered:
        raise SourceError(Problem(location=Location(file=delivered[0].path, line=3), message="bad", remedy="mend"))
    assert str(caught.value) == f"{served.url}/A:3: bad; mend"
    assert type(caught.value) is SourceError
    assert copies(estate) == []


def test_an_error_about_something_else_passes_as_it_is(served: Served, estate: Path) -> None:
    write(served.folder, A=b"1")
    error = SourceError("elsewhere")
    with pytest.raises(SourceError) as caught, deliver("A", served.delivery(), estate):
        raise error
    assert caught.value is error


def test_a_large_file_does_not_need_memory(served: Served, estate: Path) -> None:
    size = 48 << 20
    with (served.folder / "BIG").open("wb") as stream:
        stream.truncate(size)
    delivery = served.delivery()
    tracemalloc.start()
    try:
        with deliver("BIG", delivery, estate) as [item]:
            assert item.path.stat().st_size == size
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 16 << 20  # of both ends: the server runs in this process


# Faults


def test_a_server_that_is_down_is_unavailable(served: Served, estate: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    scheme = served.url.partition(":")[0]
    down = served.delivery(url=f"{scheme}://127.0.0.1:{port}/out")
    with pytest.raises(SourceUnavailable, match=rf"^{scheme}://127\.0\.0\.1:{port}/out does not answer"):
        contents("*", down, estate)


def test_a_server_that_says_nothing_is_unavailable_in_time(served: Served, estate: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        mute = f"{served.url.partition(':')[0]}://127.0.0.1:{listener.getsockname()[1]}/out"
        began = time.monotonic()
        with pytest.raises(SourceUnavailable, match="does not answer"):
            contents("*", served.delivery(url=mute, timeout=0.5), estate)
        assert time.monotonic() - began < 4


def test_a_wrong_password_is_refused_and_not_shown(
    served: Served, estate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DELIVERY_PASSWORD", "wrong horse")
    with pytest.raises(SourceError, match="refuses the user") as caught:
        contents("*", served.delivery(), estate)
    assert not isinstance(caught.value, SourceUnavailable)
    assert "horse" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_secrets_are_in_no_repr_and_no_message(estate: Path) -> None:
    secret = "only-in-the-option"
    delivery = Delivery(url="sftp://h/out", username="u", password=secret, private_key=secret)  # type: ignore[arg-type]
    assert secret not in repr(delivery)
    assert secret not in str(delivery.model_dump())
    with pytest.raises(ValidationError) as refused:
        Delivery.model_validate({"url": f"sftp://u:{secret}@h/out", "username": "u"})
    assert secret not in str(refused.value)


def test_a_reference_that_leads_nowhere_is_told_by_name(served: Served, estate: Path) -> None:
    with pytest.raises(ConfigurationError, match="NOT_SET_ANYWHERE"):
        contents("*", served.delivery(password="${NOT_SET_ANYWHERE}"), estate)


@pytest.mark.parametrize("after", [0, 200_000])
def test_a_connection_that_breaks_off_is_unavailable_and_leaves_nothing(
    after: int, served: Served, estate: Path
) -> None:
    write(served.folder, A=BIG)
    delivery = served.delivery()
    assert offered("A", delivery, estate)[0].size == len(BIG)
    served.faults.cut_after = after + 4096 if served.url.startswith("ftp") else after  # listings are data too
    with pytest.raises(SourceUnavailable, match=rf"^{served.url}/A does not answer, or the connection broke off"):
        contents("A", delivery, estate)
    assert copies(estate) == []
    served.faults.cut_after = None
    assert contents("A", delivery, estate) == {"A": BIG}


def test_a_file_of_another_size_than_was_listed_is_not_read(start: Callable[[str], Served], estate: Path) -> None:
    served = start("sftp")
    write(served.folder, A=b"1234")
    served.faults.listed_too_large = 1
    with pytest.raises(SourceUnavailable, match=rf"^{served.url}/A: 4 bytes came where the server told of 5"):
        contents("A", served.delivery(), estate)
    assert copies(estate) == []


def test_a_file_that_changes_while_it_is_copied_is_not_read(start: Callable[[str], Served], estate: Path) -> None:
    served = start("sftp")
    write(served.folder, A=BIG * 5)  # two windows
    served.faults.grows_by = 10
    with pytest.raises(SourceUnavailable):
        contents("A", served.delivery(), estate)
    assert copies(estate) == []


def test_a_server_nobody_vouched_for_is_refused_with_its_fingerprint(
    start: Callable[[str], Served], estate: Path, host_key: paramiko.PKey
) -> None:
    served = start("sftp")
    (estate / "known_hosts").write_text("")
    with pytest.raises(SourceError, match="not known") as caught:
        contents("*", served.delivery(), estate)
    assert host_key.fingerprint in str(caught.value)
    assert "known_hosts" in str(caught.value)


def test_a_server_with_another_key_than_known_is_refused(
    start: Callable[[str], Served], estate: Path, host_key: paramiko.PKey
) -> None:
    served, other = start("sftp"), paramiko.ECDSAKey.generate()
    place = served.url.removeprefix("sftp://127.0.0.1:").removesuffix("/out")
    (estate / "known_hosts").write_text(f"[127.0.0.1]:{place} {other.get_name()} {other.get_base64()}\n")
    with pytest.raises(SourceError, match="somebody may stand in between") as caught:
        contents("*", served.delivery(), estate)
    assert host_key.fingerprint in str(caught.value)
    assert other.fingerprint in str(caught.value)


@pytest.mark.parametrize("certificate", [None, "192.0.2.1"])
def test_a_certificate_nobody_vouched_for_is_refused(
    certificate: str | None, start: Callable[[str], Served], estate: Path
) -> None:
    served = start("ftps")
    file = None if certificate is None else certificate_of(certificate, estate).name
    with pytest.raises(SourceError, match="certificate is not trusted") as caught:
        contents("*", served.delivery(certificates=file), estate)
    assert not isinstance(caught.value, SourceUnavailable)


def test_data_connections_resume_the_session_of_the_first(
    start: Callable[[str], Served], estate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ssl

    served = start("ftps")
    write(served.folder, A=b"1")
    resumed: list[bool | None] = []
    close = ssl.SSLSocket.unwrap

    def unwrap(self: ssl.SSLSocket) -> socket.socket:
        resumed.append(self.session_reused)
        return close(self)

    monkeypatch.setattr(ssl.SSLSocket, "unwrap", unwrap)
    assert contents("A", served.delivery(), estate) == {"A": b"1"}
    assert resumed == [True, True]  # the listing and the file


@pytest.mark.parametrize("password", [None, "of the key"])
def test_a_user_logs_in_with_a_key(
    password: str | None, start: Callable[[str], Served], estate: Path, user_key: paramiko.PKey
) -> None:
    served = start("sftp")
    write(served.folder, A=b"1")
    user_key.write_private_key_file(str(estate / "id"), password=password)
    login = {"password": None, "private_key": "file:id", "private_key_password": password}
    assert contents("A", served.delivery(**login), estate) == {"A": b"1"}
    if password is not None:
        with pytest.raises(ConfigurationError, match="private_key: is encrypted"):
            contents("A", served.delivery(**login | {"private_key_password": None}), estate)
        with pytest.raises(ConfigurationError, match="cannot be opened with its password"):
            contents("A", served.delivery(**login | {"private_key_password": "wrong"}), estate)


def test_a_key_of_another_user_is_refused(start: Callable[[str], Served], estate: Path) -> None:
    served = start("sftp")
    paramiko.ECDSAKey.generate().write_private_key_file(str(estate / "id"))
    with pytest.raises(SourceError, match="refuses the user"):
        contents("A", served.delivery(password=None, private_key="file:id"), estate)
    with pytest.raises(ConfigurationError, match="private_key: cannot be read"):
        contents("A", served.delivery(password=None, private_key="no key"), estate)


def test_without_paramiko_the_extra_is_named(
    start: Callable[[str], Served], estate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = start("sftp")
    monkeypatch.delitem(sys.modules, "adapters.delivery.sftp", raising=False)
    monkeypatch.delattr("adapters.delivery.sftp", raising=False)
    monkeypatch.setitem(sys.modules, "paramiko", None)
    with pytest.raises(ConfigurationError, match=r"voeg\[sftp\]"):
        contents("A", served.delivery(), estate)


def test_paramiko_is_imported_only_for_sftp() -> None:
    script = "import sys, adapters.delivery; sys.exit('paramiko' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_copies_of_a_process_that_was_killed_are_removed_by_the_next(served: Served, estate: Path) -> None:
    write(served.folder, A=b"1")
    left = estate / "var" / "delivered" / "left"
    left.mkdir(parents=True)
    (left / "CUST").write_bytes(b"personal")
    with deliver("A", served.delivery(), estate):
        assert not left.exists()
        with deliver("A", served.delivery(), estate) as [other]:
            assert len(copies(estate)) == 2  # those in use stay
            assert other.path.exists()
    assert copies(estate) == []


# Signs of being complete: of the estate and of servers alike


@pytest.fixture(params=["estate", "sftp", "ftp"])
def place(request: pytest.FixtureRequest, start: Callable[[str], Served], estate: Path) -> Served:
    if request.param != "estate":
        return start(request.param)
    return Served("", estate, {})


def of(place: Served, **options: Any) -> Delivery:
    return place.delivery(**options) if place.url else Delivery(**options)


def test_a_file_counts_when_its_ready_file_is_there(place: Served, estate: Path) -> None:
    write(place.folder, **{"CUST.A": b"a", "CUST.B": b"b", "CUST.A.ready": b""})
    delivery = of(place, ready="{name}.ready")
    with pytest.raises(SourceUnavailable, match=r"CUST\.B: is not delivered yet: waiting for .*CUST\.B\.ready"):
        contents("CUST.*", delivery, estate)
    write(place.folder, **{"CUST.B.ready": b""})
    assert contents("CUST.*", delivery, estate) == {"CUST.A": b"a", "CUST.B": b"b"}


def test_one_ready_file_may_stand_for_all_or_in_another_folder(place: Served, estate: Path) -> None:
    write(place.folder, **{"CUST.A.dat": b"a"})
    for template, file in (("READY", "READY"), ("{stem}.trg", "CUST.A.trg"), ("flags/{stem}.ok", "flags/CUST.A.ok")):
        delivery = of(place, ready=template)
        with pytest.raises(SourceUnavailable, match="waiting for"):
            contents("*", delivery, estate)
        (place.folder / file).parent.mkdir(exist_ok=True)
        (place.folder / file).touch()
        assert contents("**/*A.dat" if "/" in file else "*A.dat", delivery, estate) == {"CUST.A.dat": b"a"}
        (place.folder / file).unlink()


def test_a_ready_file_of_an_earlier_delivery_does_not_count(place: Served, estate: Path) -> None:
    write(place.folder, **{"CUST": b"a", "CUST.ready": b""})
    os.utime(place.folder / "CUST.ready", (1_000_000, 1_000_000))
    assert contents("CUST", of(place, ready="{name}.ready"), estate) == {"CUST": b"a"}
    with pytest.raises(SourceUnavailable, match=r"CUST: is not delivered yet: .*CUST\.ready is older"):
        contents("CUST", of(place, ready="{name}.ready", ready_not_older=True), estate)
    os.utime(place.folder / "CUST.ready")
    os.utime(place.folder / "CUST", (1_000_000, 1_000_000))
    assert contents("CUST", of(place, ready="{name}.ready", ready_not_older=True), estate) == {"CUST": b"a"}


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_a_file_is_held_against_its_checksum(algorithm: str, place: Served, estate: Path) -> None:
    right = hashlib.new(algorithm, BIG).hexdigest()
    write(place.folder, **{"CUST": BIG, f"CUST.{algorithm}": f"{right}  CUST\n".encode()})
    delivery = of(place, checksum=f"{{name}}.{algorithm}")
    assert contents("CUST*", delivery, estate) == {"CUST": BIG}
    write(place.folder, CUST=BIG[:-1] + b"\0")
    with pytest.raises(SourceError, match=rf"CUST: its {algorithm} is [0-9a-f]+, and .*says {right}") as caught:
        contents("CUST*", delivery, estate)
    assert not isinstance(caught.value, SourceUnavailable)
    assert copies(estate) == []


def test_a_checksum_that_has_not_come_is_waited_for(place: Served, estate: Path) -> None:
    write(place.folder, CUST=b"a")
    with pytest.raises(SourceUnavailable, match=r"waiting for .*CUST\.sha256"):
        contents("CUST", of(place, checksum="{name}.sha256"), estate)


def test_one_file_may_hold_the_checksums_of_all(place: Served, estate: Path) -> None:
    write(place.folder, A=b"a", B=b"b")
    lines = [f"{hashlib.sha256(content).hexdigest()} *out/{name}" for name, content in (("B", b"b"), ("A", b"a"))]
    write(place.folder, SHA256SUMS="\n".join(lines).encode())
    assert contents("?", of(place, checksum="SHA256SUMS"), estate) == {"A": b"a", "B": b"b"}
    write(place.folder, SHA256SUMS=lines[0].encode())
    with pytest.raises(SourceError, match=r"SHA256SUMS: has no checksum of 'A' in its 1 lines"):
        contents("?", of(place, checksum="SHA256SUMS"), estate)


def test_a_file_that_grows_is_not_read(place: Served, estate: Path) -> None:
    write(place.folder, CUST=b"a")
    delivery = of(place, stable_for=0.3)
    assert contents("CUST", delivery, estate) == {"CUST": b"a"}
    stop = threading.Event()

    def grow() -> None:
        while not stop.is_set():
            with (place.folder / "CUST").open("ab") as stream:
                stream.write(b"more")
            time.sleep(0.02)

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        with pytest.raises(SourceUnavailable, match=r"CUST: changed its size within 0\.3 seconds"):
            contents("CUST", delivery, estate)
    finally:
        stop.set()
        thread.join()


def test_the_newest_generation_is_read_of_every_group(place: Served, estate: Path) -> None:
    names = ["A.G0009V00", "A.G0010V00", "A.G0010V01", "B.G9999V00.gz", "B.G0001V00.gz", "B.G9998V00.gz"]
    write(place.folder, **{name: name.encode() for name in names})
    assert set(contents("*.G*V*", of(place, choose="newest"), estate)) == {"A.G0010V01", "B.G0001V00.gz"}
    assert len(contents("*.G*V*", of(place), estate)) == len(names)


def test_the_newest_date_is_read_and_all_in_the_order_of_dates(place: Served, estate: Path) -> None:
    files = ["CUST.D311299.T235959.PS", "CUST.D010100.T000001.PS", "CUST.D010100.T000000.PS", "CUST.Dxxxxxx.T000000.PS"]
    write(place.folder, **{name: name.encode() for name in files})
    pattern = "CUST.D{date:%d%m%y}.T{time:%H%M%S}.PS"
    assert list(contents(pattern, of(place), estate)) == [files[0], files[2], files[1]]
    assert list(contents(pattern, of(place, choose="newest"), estate)) == [files[1]]


# Without a server


def test_without_options_it_is_what_paths_finds(estate: Path, tmp_path: Path) -> None:
    (estate / "data").mkdir()
    write(estate / "data", **{"b.csv": b"1", "a.csv": b"2", "c{x}.csv": b"3"})
    write(tmp_path, **{"elsewhere.csv": b"4"})
    for pattern in ("data/*.csv", "data/a.csv", "./data//*.csv", "**/*.csv", "data/c{x}.csv", str(tmp_path / "*.csv")):
        for delivery in (None, Delivery()):
            with deliver(pattern, delivery, estate) as delivered:
                assert [item.path for item in delivered] == paths.find(pattern, estate)
            assert [item.origin for item in offered(pattern, delivery, estate)] == [item.origin for item in delivered]
    with deliver("data/a.csv", None, estate) as [item]:
        assert item.origin == "data/a.csv"
    for bad, kind in (("../*.csv", SourceError), ("none*", SourceUnavailable)):
        with pytest.raises(kind), deliver(bad, None, estate):
            pass
    assert not (estate / "var").exists()


def test_a_ready_file_does_not_lead_out_of_the_estate(estate: Path, tmp_path: Path) -> None:
    write(estate, CUST=b"1")
    write(tmp_path, **{"CUST.ready": b""})
    (estate / "flags").symlink_to(tmp_path)
    with pytest.raises(SourceError, match="leads out"), deliver("CUST", Delivery(ready="flags/{name}.ready"), estate):
        pass


def test_what_has_neither_date_nor_generation_has_no_newest(estate: Path) -> None:
    write(estate, CUST=b"1")
    with pytest.raises(SourceError, match=r"whether 'CUST' is the newest.*have `choose: all`"):
        contents("*", Delivery(choose="newest"), estate)


def test_digits_that_are_no_date_are_told(estate: Path) -> None:
    write(estate, **{"CUST.D991332": b"1"})
    with pytest.raises(SourceError, match=r"the digits in the name of 'CUST\.D991332' are no date"):
        contents("CUST.D{date:%y%m%d}", None, estate)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"url": "http://host/out"}, "begins with none of sftp://"),
        ({"url": "sftp://host:port/out", "username": "u"}, "is none"),
        ({"url": "sftp:///out", "username": "u"}, "names no host"),
        ({"url": "sftp://user@host/out", "username": "u"}, "write them as `username`"),
        ({"url": "ftp://host/../out"}, "leads upwards"),
        ({"url": "ftp://host/out?x"}, "has a '\\?'"),
        ({"url": "sftp://host/out"}, "needs `username`"),
        ({"url": "ftp://host/out", "password": "x"}, "without a username"),
        ({"username": "u"}, "`username` has no meaning without"),
        ({"url": "ftp://host", "known_hosts": "k"}, "`known_hosts` has no meaning"),
        ({"url": "ftp://host", "certificates": "k"}, "`certificates` has no meaning"),
        ({"url": "sftp://host", "username": "u", "private_key_password": "k"}, "opens nothing"),
        ({"ready": "{name}"}, "names the file itself"),
        ({"ready": "../{name}.ready"}, "beside the data"),
        ({"ready": "/{name}.ready"}, "beside the data"),
        ({"ready": "{nmae}.ready"}, "placeholder"),
        ({"ready_not_older": True}, "nothing to look at"),
        ({"checksum": "{name}.crc32"}, "known are md5"),
        ({"checksums": "{name}.md5"}, "Extra inputs"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Delivery.model_validate(options)


def test_a_url_may_be_a_reference(served: Served, estate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(served.folder, A=b"1")
    scheme, _, rest = served.url.partition("://")
    monkeypatch.setenv("DELIVERY_HOST", rest.partition("/")[0])
    assert contents("A", served.delivery(url=f"{scheme}://${{DELIVERY_HOST}}/out"), estate) == {"A": b"1"}
    monkeypatch.setenv("DELIVERY_HOST", "secret@host")
    with pytest.raises(ConfigurationError, match="holds a user or a password") as caught:
        contents("A", served.delivery(url=f"{scheme}://${{DELIVERY_HOST}}/out"), estate)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("sftp://host/out", "sftp://host/out"),
        ("sftp://host:22/a%20b/", "sftp://host/a b"),
        ("ftp://host:2121", "ftp://host:2121/"),
        ("ftps://[::1]:990/PROD.#CUST", "ftps://[::1]:990/PROD.#CUST"),
    ],
)
def test_an_address_is_told_without_what_goes_without_saying(url: str, address: str) -> None:
    assert str(Address.parse(url)) == address


# Names


@pytest.mark.parametrize(
    ("generations", "newest"),
    [
        (["G0001V00"], "G0001V00"),
        (["G0002V00", "G0010V00", "G0009V00"], "G0010V00"),
        (["G0002V00", "G0002V02", "G0002V01", "G0001V99"], "G0002V02"),
        (["G9999V00", "G0001V00", "G0002V00"], "G0002V00"),
        (["G9001V00", "G0999V00"], "G0999V00"),
        (["G9001V00", "G1000V00"], "G9001V00"),
        (["G0001V00", "G5000V00", "G9999V00"], "G9999V00"),  # nobody rolls half of them off: not wrapped
    ],
)
def test_generations_are_ordered_as_their_catalogue_does(generations: list[str], newest: str) -> None:
    files = [f"PROD.CUST.{generation}" for generation in generations]
    assert names.newest(files, names.Pattern("*"), str) == [f"PROD.CUST.{newest}"]


@given(st.integers(1, 9999), st.integers(1, 998))
def test_any_window_of_a_group_has_its_last_generation_as_newest(first: int, length: int) -> None:
    window = [(first - 1 + step) % 9999 + 1 for step in range(length)]
    files = [f"X.G{number:04d}V00" for number in sorted(window)]
    assert names.newest(files, names.Pattern("*"), str) == [f"X.G{window[-1]:04d}V00"]


@given(st.datetimes(datetime(1970, 1, 1), datetime(2068, 12, 31)))  # noqa: DTZ001 - names tell no zone
def test_a_date_is_found_wherever_it_stands(date: datetime) -> None:
    date = date.replace(microsecond=0)
    for text in (
        "A{t:%H%M%S}.D{d:%y%m%d}*",
        "{d:%Y%m%d}/**/[A-C]?.{d:%y%m%d}T{t:%H%M%S}",
        "./CUST.{d:%Y-%j}.{t:%H.%M.%S}.PS",
    ):
        pattern = names.Pattern(text)
        written = {
            "A{": f"A{date:%H%M%S}.D{date:%y%m%d}.PS",
            "{d": f"{date:%Y%m%d}/x/y/BX.{date:%y%m%d}T{date:%H%M%S}",
            "./": f"CUST.{date:%Y-%j}.{date:%H.%M.%S}.PS",
        }[text[:2]]
        assert pattern.date_of(written) == date
        assert pattern.date_of(written + "/below") is None


@pytest.mark.parametrize("text", ["C{d:%b}", "C{d:yymmdd}", "C{d:%}", "C{d:}", "C{d:%y%%}"])
def test_a_date_of_no_digits_is_refused(text: str, estate: Path) -> None:
    with pytest.raises(ConfigurationError, match="has a date that is not written with"):
        contents(text, None, estate)


@given(st.text(max_size=300))
def test_no_name_of_a_server_leads_anywhere_here(name: str) -> None:
    safe = local_name(name)
    assert 0 < len(safe) <= 150
    assert Path("folder", safe).parent == Path("folder")
    assert safe not in (".", "..")
    assert safe.isprintable()


# Checksums


HASH = hashlib.sha256(b"x").hexdigest()


@pytest.mark.parametrize(
    "content",
    [
        HASH,
        f"{HASH}\n",
        f"{HASH.upper()}\r\n",
        f"{HASH}  CUST.PS\n",
        f"{HASH} *CUST.PS\n",
        f"\ufeff{HASH}  ./out/CUST.PS",
        f"# made by night job\n\n{'0' * 64}  OTHER\n{HASH}  CUST.PS\n",
        f"SHA256 (CUST.PS) = {HASH}\n",
        f"SHA2-256(out/CUST.PS)= {HASH}\n".replace("2-", ""),
        f"SHA512 (OTHER) = {'0' * 128}\nSHA256 (CUST.PS) = {HASH}\n",
        f"{HASH}  C:\\out\\CUST.PS",
    ],
)
def test_checksums_are_read_as_they_are_usually_written(content: str) -> None:
    assert checksums.parse(content.encode(), "in/CUST.PS", "CUST.PS.sha256").hexadecimal == HASH
    assert checksums.parse(content.encode(), "CUST.PS", "CHECKSUMS").algorithm == "sha256"


@pytest.mark.parametrize(
    ("content", "origin", "told"),
    [
        ("", "A.sha256", "no checksum of 'A' in its 0 lines"),
        ("not one", "A.sha256", "no checksum of 'A'"),
        (f"{HASH}  B", "A.sha256", "no checksum of 'A'"),
        (f"{HASH}\n{HASH}", "A.sha256", "no checksum of 'A'"),
        (HASH, "A.md5", "a checksum of 64 digits is no md5"),
        (HASH[:-1], "A.sum", "a checksum of 63 digits is no md5, sha1"),
        (f"MD5 (A) = {HASH}", "sums", "is no md5"),
    ],
)
def test_what_is_no_checksum_is_told(content: str, origin: str, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        checksums.parse(content.encode(), "A", origin)


@given(st.binary(max_size=500))
def test_any_bytes_are_checksums_or_one_error(content: bytes) -> None:
    try:
        checksums.parse(content, "A", "A.sum")
    except SourceError as error:
        assert len(error.problems) == 1

"""Folders on SFTP servers, with paramiko; imported when first used, because paramiko is an extra.

The key of the server is always held against known ones. fsspec's own file system accepts any key that it has not
seen, and knows none.
"""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import paramiko
from fsspec.implementations.sftp import SFTPFileSystem
from pydantic import SecretStr

from adapters.delivery.address import Address, Login
from adapters.delivery.places import broken
from foundation.errors import ConfigurationError, Problem, SourceError

_REQUEST = 32 << 10  # bytes that every server gives at once
_WINDOW = 4 << 20  # bytes asked for at once: bounds what waits in memory


class UnknownHostKey(paramiko.SSHException):  # type: ignore[misc]
    """A server shows a key, and no known one is of it."""

    def __init__(self, key: paramiko.PKey) -> None:
        super().__init__("unknown host key")
        self.kind = key.get_name()
        self.fingerprint = key.fingerprint


class _Refuse(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        raise UnknownHostKey(key)


class SFTPFolder(SFTPFileSystem):  # type: ignore[misc]
    """An SFTP connection that knows whom it talks to."""

    cachable = False  # a connection ends with its read, and no cache keeps a password

    def __init__(self, address: Address, login: Login, key: paramiko.PKey | None) -> None:
        self._address = address
        self._login = login
        self._key = key
        super().__init__(address.host)

    def _connect(self) -> None:
        login, timeout = self._login, self._login.timeout
        self.client = paramiko.SSHClient()
        self.client.set_missing_host_key_policy(_Refuse())
        self.client.load_system_host_keys(None if login.known_hosts is None else str(login.known_hosts))
        by_agent = login.password is None and self._key is None
        try:
            self.client.connect(
                self._address.host,
                self._address.port,
                username=login.username,
                password=None if login.password is None else login.password.get_secret_value(),
                pkey=self._key,
                allow_agent=by_agent,
                look_for_keys=by_agent,
                timeout=timeout,
                banner_timeout=timeout,
                auth_timeout=timeout,
                channel_timeout=timeout,
            )
            self.ftp = self.client.open_sftp()
            self.ftp.get_channel().settimeout(timeout)
        except BaseException:
            self.client.close()
            raise

    def get_file(self, rpath: str, lpath: str, **_: object) -> None:
        """Copy a file window by window, with all requests of a window under way, and a new handle for each.

        paramiko's prefetch takes a pause between answers for their end; then it asks once more, one request after
        another, for what it goes on collecting (5.1.0, also with a limit of requests). A handle of its own bounds what
        that costs: memory to a window, where it would be the whole file.

        Raises:
            OSError: the file is replaced or written to meanwhile.
        """
        before: tuple[int, int] | None = None
        with Path(lpath).open("wb") as stream:
            for start in itertools.count(0, _WINDOW):
                with self.ftp.open(rpath) as remote:
                    found = remote.stat()
                    if before not in (None, (found.st_size, found.st_mtime)):
                        raise OSError("the file changed")
                    before, end = (found.st_size, found.st_mtime), min(start + _WINDOW, found.st_size)
                    for piece in remote.readv([(at, min(_REQUEST, end - at)) for at in range(start, end, _REQUEST)]):
                        stream.write(piece)
                if end == found.st_size:
                    return

    def close(self) -> None:
        """End the connection."""
        self.client.close()


def connect(address: Address, login: Login) -> SFTPFolder:
    """Connect to a server.

    Raises:
        ConfigurationError: the private key cannot be read.
        Exception: what ``failure`` tells of.
    """
    key = None if login.private_key is None else _private_key(login.private_key, login.private_key_password)
    return SFTPFolder(address, login, key)


def failure(error: Exception, place: str) -> SourceError | None:
    """Return what an exception of paramiko means; None: it is none that a server or a network causes."""
    if isinstance(error, UnknownHostKey):
        return SourceError(
            f"{place}: the server is not known; it shows the {error.kind} key {error.fingerprint}",
            remedy="compare that with what its operator says, then add it to `known_hosts` (`ssh-keyscan` prints it)",
        )
    if isinstance(error, paramiko.BadHostKeyException):
        return SourceError(
            f"{place}: the server shows the key {error.key.fingerprint}, and `known_hosts` has"
            f" {error.expected_key.fingerprint}",
            remedy="ask its operator whether the key was changed: somebody may stand in between",
        )
    if isinstance(error, paramiko.AuthenticationException):
        return SourceError(
            f"{place} refuses the user, the password or the key",
            remedy="check them; a secret comes from `${NAME}` in the environment or from `file:PATH`",
        )
    if isinstance(error, PermissionError):
        return SourceError(f"{place} may not be read", remedy="have the user given the right to read it")
    if isinstance(error, UnicodeError):
        return SourceError(f"{place}: there are names that are not UTF-8", remedy="have those files renamed")
    return broken(error, place) if isinstance(error, (OSError, EOFError, paramiko.SSHException)) else None


def _private_key(text: SecretStr, password: SecretStr | None) -> paramiko.PKey:
    """Return the key that a text holds, of whatever kind.

    Raises:
        ConfigurationError: it holds none, or one that the password does not open.
    """
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        stream = io.StringIO(text.get_secret_value() + "\n")
        try:
            return kind.from_private_key(stream, None if password is None else password.get_secret_value())
        except paramiko.PasswordRequiredException:
            raise _key_error("is encrypted", "give `private_key_password`") from None
        except (paramiko.SSHException, ValueError, IndexError, UnicodeError):
            continue
    remedy = "write a reference to a file that holds an Ed25519, ECDSA or RSA key: file:secrets/id_ed25519"
    raise _key_error("cannot be read" if password is None else "cannot be opened with its password", remedy)


def _key_error(message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(Problem(path="delivery.private_key", message=message, remedy=remedy))

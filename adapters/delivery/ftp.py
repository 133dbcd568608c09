"""Folders on FTP servers, in the clear or with TLS.

The certificate of a server is always verified; fsspec's own file system does not.
"""

from __future__ import annotations

import ftplib
import ssl
from pathlib import Path
from socket import socket

from fsspec.implementations.ftp import FTPFileSystem

from adapters.delivery.address import Address, Login
from adapters.delivery.places import broken
from foundation.errors import ConfigurationError, Problem, SourceError


class _TLS(ftplib.FTP_TLS):
    """FTP over TLS; data connections resume the session of the control connection, as many servers demand."""

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket, int | None]:
        """Open a data connection."""
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)  # noqa: S321 - TLS comes right behind
        session = self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None
        return self.context.wrap_socket(connection, server_hostname=self.host, session=session), size


class FTPFolder(FTPFileSystem):  # type: ignore[misc]
    """An FTP connection, with TLS where a context is given."""

    def __init__(self, address: Address, login: Login, context: ssl.SSLContext | None) -> None:
        self._address = address
        self._login = login
        self._context = context
        super().__init__(
            address.host, address.port, timeout=login.timeout, tls=context is not None, use_listings_cache=False
        )

    def _connect(self) -> None:
        self.ftp = (
            ftplib.FTP(timeout=self.timeout)  # noqa: S321 - as the operator asks by ftp://
            if self._context is None
            else _TLS(timeout=self.timeout, context=self._context)
        )
        password = self._login.password
        self.ftp.connect(self._address.host, self._address.port)
        self.ftp.login(self._login.username, "" if password is None else password.get_secret_value())

    def get_file(self, rpath: str, lpath: str, **_: object) -> None:
        """Copy a file, in binary, piece by piece."""
        with Path(lpath).open("wb") as stream:
            self.ftp.retrbinary(f"RETR {rpath}", stream.write, self.blocksize)

    def close(self) -> None:
        """End the connection."""
        self.ftp.close()


def connect(address: Address, login: Login) -> FTPFolder:
    """Connect to a server.

    Raises:
        ConfigurationError: what vouches for the server cannot be read.
        Exception: what ``failure`` tells of.
    """
    if address.scheme == "ftp":
        return FTPFolder(address, login, None)
    try:
        context = ssl.create_default_context(cafile=None if login.certificates is None else str(login.certificates))
    except (OSError, ssl.SSLError):
        raise ConfigurationError(
            Problem(
                path="delivery.certificates",
                message="the file holds no certificates that can be read",
                remedy="name a file of certificates in PEM format",
            )
        ) from None
    return FTPFolder(address, login, context)


def failure(error: Exception, place: str) -> SourceError | None:
    """Return what an exception of ftplib means; None: it is none that a server or a network causes."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return SourceError(
            f"{place}: the server's certificate is not trusted: {error.verify_message}",
            remedy="name the certificates that vouch for it in `certificates`, and the host as the certificate does",
        )
    if isinstance(error, ftplib.error_perm):
        code = str(error)[:3]
        if code == "530":
            return SourceError(
                f"{place} refuses the user or the password",
                remedy="check both; a secret comes from `${NAME}` in the environment or from `file:PATH`",
            )
        return SourceError(
            f"{place} is refused by the server (code {code})", remedy="check that it is there, and the user's rights"
        )
    if isinstance(error, (KeyError, ValueError, IndexError)):
        return SourceError(
            f"{place}: the server lists files in a way that is not understood",
            remedy="use a server with MLSD or lists like those of Unix, and names in UTF-8",
        )
    return broken(error, place) if isinstance(error, (OSError, EOFError, ftplib.Error)) else None

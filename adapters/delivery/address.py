"""Where a server is, ``sftp://host:port/folder``, and how one logs in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

_PORTS = {"sftp": 22, "ftp": 21, "ftps": 21}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A folder on a server."""

    scheme: str  # sftp, ftp, ftps
    host: str
    port: int
    folder: str  # begins with a slash, ends without one but for the root

    @classmethod
    def parse(cls, url: str) -> Address:
        """Return the address that ``url`` writes.

        Raises:
            ValueError: it is no such URL; tells what is wrong and never repeats the URL, which may hold a password.
        """
        try:
            parts = urlsplit(url.replace("#", "%23"))  # a name on a mainframe may hold one
            port = parts.port
        except ValueError:
            raise ValueError("`url` is none; write sftp://host:port/folder") from None
        if parts.scheme not in _PORTS:
            raise ValueError(f"`url` begins with none of {', '.join(f'{scheme}://' for scheme in _PORTS)}")
        if "@" in parts.netloc:
            raise ValueError("`url` holds a user or a password; write them as `username` and `password`")
        if not parts.hostname:
            raise ValueError("`url` names no host; write sftp://host:port/folder")
        if parts.query:
            raise ValueError("`url` has a '?'; write the pattern of the files in `path`")
        folder = "/" + unquote(parts.path).strip("/")
        if ".." in folder.split("/"):
            raise ValueError("`url` leads upwards by '..'; name the folder itself")
        return cls(scheme=parts.scheme, host=parts.hostname, port=port or _PORTS[parts.scheme], folder=folder)

    def path(self, name: str) -> str:
        """Return where on the server a file of the folder is."""
        return f"{self.folder.rstrip('/')}/{name}"

    def __str__(self) -> str:
        """Return the address for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.folder}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who connects, and whom they trust; references are resolved."""

    username: str
    password: SecretStr | None
    private_key: SecretStr | None
    private_key_password: SecretStr | None
    known_hosts: Path | None  # None: the user's own
    certificates: Path | None  # None: the machine's
    timeout: float  # seconds

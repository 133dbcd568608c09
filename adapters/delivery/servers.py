"""From options to the folder where the files are: of the estate, or of a server that is connected to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from pydantic import SecretStr

from adapters import paths
from adapters.delivery import ftp
from adapters.delivery.address import Address, Login
from adapters.delivery.options import Delivery
from adapters.delivery.places import Estate, Place, Server
from foundation import references
from foundation.errors import ConfigurationError, Problem


@contextmanager
def place(options: Delivery, base: Path) -> Iterator[Place]:
    """Give the folder that files are delivered to; a connection lasts as long as it is in use.

    Raises:
        ConfigurationError: a reference or a file that an option names is not there, or holds something else.
        SourceUnavailable: the server does not answer.
        SourceError: the server refuses, or cannot be trusted.
    """
    if options.url is None:
        yield Estate(base)
        return
    try:
        address = Address.parse(references.resolve(options.url, base=base).get_secret_value())
    except ValueError as error:
        raise ConfigurationError(Problem(path="delivery.url", message=str(error))) from None
    protocol = _sftp() if address.scheme == "sftp" else ftp
    login = _login(options, base)
    try:
        filesystem = protocol.connect(address, login)
    except Exception as error:
        failure = protocol.failure(error, str(address))
        if failure is None:
            raise
        raise failure from None
    try:
        yield Server(address, filesystem, protocol.failure)
    finally:
        filesystem.close()


def _sftp() -> ModuleType:
    """Return the module for SFTP, whose library need not be there."""
    try:
        from adapters.delivery import sftp  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "paramiko":
            raise
        raise ConfigurationError(
            Problem(
                path="delivery.url",
                message="SFTP needs paramiko, which is not installed",
                remedy="install the extra `sftp`: uv pip install 'voeg[sftp]'",
            )
        ) from None
    return sftp


def _login(options: Delivery, base: Path) -> Login:
    return Login(
        username=references.resolve(options.username or "", base=base).get_secret_value(),
        password=_secret(options.password, base),
        private_key=_secret(options.private_key, base),
        private_key_password=_secret(options.private_key_password, base),
        known_hosts=_file("known_hosts", options.known_hosts, base),
        certificates=_file("certificates", options.certificates, base),
        timeout=options.timeout,
    )


def _secret(text: SecretStr | None, base: Path) -> SecretStr | None:
    return None if text is None else references.resolve(text.get_secret_value(), base=base)


def _file(option: str, name: str | None, base: Path) -> Path | None:
    path = None if name is None else paths.resolve(name, base)
    if path is not None and not path.is_file():
        raise ConfigurationError(
            Problem(
                path=f"delivery.{option}",
                message=f"there is no file '{name}'",
                remedy="name it relative to the estate, or by its absolute path",
            )
        )
    return path

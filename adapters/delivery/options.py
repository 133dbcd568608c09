"""The ``delivery:`` section of a mapping's ``read:``; the text below each option is its help."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    SecretStr,
    field_validator,
    model_validator,
)

from adapters.delivery import checksums, names
from adapters.delivery.address import Address


class Delivery(BaseModel):
    """Where files are delivered, which of them are read, and what must hold before they are."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)

    url: str | None = None
    """the folder that `path` starts at: `sftp://host:port/folder`, `ftp://…` or `ftps://…`; the estate if not given"""
    username: str | None = None
    """user of the server"""
    password: SecretStr | None = None
    """its password; write a reference"""
    private_key: SecretStr | None = None
    """sftp: the key that the user logs in with, as OpenSSH writes it; write a reference, `file:secrets/id_ed25519`"""
    private_key_password: SecretStr | None = None
    """sftp: what the private key is encrypted with; write a reference"""
    known_hosts: str | None = None
    """sftp: file with the keys of servers, relative to the estate; `~/.ssh/known_hosts` if not given"""
    certificates: str | None = None
    """ftps: file with the certificates that vouch for the server, relative to the estate; the machine's if not given"""
    timeout: PositiveFloat = 30
    """seconds to wait for a connection, and for every answer"""
    choose: Literal["all", "newest"] = "all"
    """every file that `path` matches, or the newest by the date in its name or by its generation"""
    ready: str | None = None
    """file that stands beside a file once that is complete: `{name}.ready`, `{stem}.trg` or one for all: `READY`"""
    ready_not_older: bool = False
    """whether the ready file must not be older than the file, or it is left from an earlier delivery"""
    checksum: str | None = None
    """file that holds the checksum of a file: `{name}.sha256`, `{stem}.md5`, or of all: `SHA512SUMS`"""
    stable_for: NonNegativeFloat = Field(default=0, le=3600)
    """seconds for which no file may change its size before it is read"""

    @field_validator("url")
    @classmethod
    def _url_is_an_address(cls, url: str | None) -> str | None:
        if url is not None and "${" not in url:  # else known when the reference is resolved
            Address.parse(url)
        return url

    @field_validator("ready", "checksum")
    @classmethod
    def _stands_beside_the_file(cls, template: str | None) -> str | None:
        if template is not None:
            names.check_companion(template)
        return template

    @field_validator("checksum")
    @classmethod
    def _algorithm_is_known(cls, template: str | None) -> str | None:
        if template is not None:
            checksums.algorithm_named(PurePosixPath(template).name)
        return template

    @model_validator(mode="after")
    def _options_are_those_of_the_server(self) -> Delivery:
        scheme = None if self.url is None else self.url.partition(":")[0].lower()
        for name, schemes in _OF_SCHEMES.items():
            if getattr(self, name) is not None and scheme not in schemes and "${" not in (scheme or ""):
                raise ValueError(f"`{name}` has no meaning without a `url` that begins with {' or '.join(schemes)}")
        if scheme == "sftp" and not self.username:
            raise ValueError("`url` with sftp needs `username`")
        if self.password is not None and not self.username:
            raise ValueError("a password without a username would not be sent; add `username`")
        if self.private_key_password is not None and self.private_key is None:
            raise ValueError("`private_key_password` without `private_key` opens nothing")
        if self.ready_not_older and self.ready is None:
            raise ValueError("`ready_not_older` without `ready` has nothing to look at")
        return self


_OF_SCHEMES = {
    "username": ("sftp", "ftp", "ftps"),
    "password": ("sftp", "ftp", "ftps"),
    "private_key": ("sftp",),
    "private_key_password": ("sftp",),
    "known_hosts": ("sftp",),
    "certificates": ("ftps",),
}

"""Typed settings of an estate: ``conf/voeg.yaml``, with ``VOEG_*`` from the environment on top.

``VOEG_STORE__URL`` overrides ``store.url``: two underscores step into a section. Texts may hold references to
secrets (see ``foundation.references``); they are kept as written and resolved only where a connection is made.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from foundation.document import Document, dotted, load, parse
from foundation.errors import ConfigurationError, Problem, did_you_mean
from foundation.references import resolve

ENV_PREFIX = "VOEG_"


class Section(BaseModel):
    """Base of every section: unknown keys are refused, values never shown in errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class StoreSettings(Section):
    """Where source records, golden records and the outbox are kept."""

    url: str = "sqlite:///var/voeg.db"  # sqlite:///PATH relative to the estate, or postgresql+psycopg://…


class BrokerSettings(Section):
    """The RabbitMQ that golden-record events are published to."""

    url: str = "${VOEG_BROKER_URL:-amqp://guest:guest@127.0.0.1:5672/%2F}"
    exchange: str = "voeg.customers"  # topic exchange; routing key: the event type
    window: Annotated[int, Field(ge=1, le=65_535)] = 1_000  # unconfirmed messages at most


class BirthDateSettings(Section):
    """The plausible range; what falls outside becomes null and is counted as ``implausible``."""

    earliest: date = date(1900, 1, 2)  # the first day of 1900 is how many systems write "unknown"
    latest: date | None = None  # none: the day of the run


class PhoneSettings(Section):
    """How look-ups read a phone number that has no country code."""

    region: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "NL"


class GenericSettings(Section):
    """Values that are known to prove nothing, beside those that training finds: a head office's phone, test names."""

    phones: tuple[str, ...] = ()  # with their country code
    emails: tuple[str, ...] = ()
    ibans: tuple[str, ...] = ()
    birth_dates: tuple[date, ...] = ()
    given_names: tuple[str, ...] = ()
    family_names: tuple[str, ...] = ()
    organisation_names: tuple[str, ...] = ()


class IdentitySettings(Section):
    """Overrides of the model's own thresholds, in bits of match weight (none: the model's), and how to resolve."""

    link_threshold: float | None = None
    review_threshold: float | None = None
    few_changes: Annotated[float, Field(ge=0, le=1)] = 0.1  # share of the records up to which changes are matched one
    # by one; when more changed, linking everything anew is quicker
    generic: GenericSettings = GenericSettings()


class LandingSettings(Section):
    """How sources are read."""

    workers: Annotated[int, Field(ge=1, le=64)] = 2  # sources extracted and mapped at the same time
    attempts: Annotated[int, Field(ge=1, le=20)] = 3  # reads of a source that is unavailable, with back-off
    backoff_seconds: Annotated[float, Field(ge=0)] = 1.0  # before the second attempt; doubles after each


class ApiKey(Section):
    """One client of the API. Only the SHA-256 of its key is kept: ``printf %s "$KEY" | sha256sum``."""

    name: str
    sha256: Annotated[str, Field(pattern="^([0-9a-f]{64}|\\$\\{.+\\})$")]
    sensitive: bool = False  # may see sensitive fields (IBAN, national id)


class ApiSettings(Section):
    """The HTTP API."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8460
    keys: tuple[ApiKey, ...] = ()


class LogSettings(Section):
    """Logging to standard error: ``auto`` is human on a terminal and JSON otherwise."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "human", "json"] = "auto"


class Settings(BaseSettings):
    """All settings of one estate; every section has defaults that work on a laptop."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    store: StoreSettings = StoreSettings()
    broker: BrokerSettings = BrokerSettings()
    birth_date: BirthDateSettings = BirthDateSettings()
    phone: PhoneSettings = PhoneSettings()
    identity: IdentitySettings = IdentitySettings()
    landing: LandingSettings = LandingSettings()
    api: ApiSettings = ApiSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file; nothing else is read."""
        return env_settings, init_settings

    def secret(self, text: str, *, estate: Path) -> SecretStr:
        """Return ``text`` with its secret references resolved; files are relative to the estate."""
        return resolve(text, base=estate)


def load_settings(estate: Path) -> Settings:
    """Read ``conf/voeg.yaml`` of an estate (all defaults when it is absent) and the environment.

    Raises:
        ConfigurationError: with every problem, each naming the file and line or the environment variable.
    """
    file = estate / "conf" / "voeg.yaml"
    document = load(file) if file.exists() else parse("{}", file)
    try:
        settings = Settings(**document.data)
    except ValidationError as error:
        raise _located(error, document) from None
    if idle := [*_variables_that_set_nothing()]:
        raise ConfigurationError(idle)
    return settings


def _variables_that_set_nothing() -> Iterator[Problem]:
    """Yield a problem for every ``VOEG_SECTION__NAME`` that is no setting; other ``VOEG_`` names are left alone."""
    valid = [
        f"{ENV_PREFIX}{section}__{name}".upper()
        for section, field in Settings.model_fields.items()
        for name in getattr(field.annotation, "model_fields", {})
    ]
    for name in sorted(os.environ):
        if name.startswith(ENV_PREFIX) and "__" in name and name not in valid:
            yield Problem(message=f"environment variable {name} sets nothing", remedy=did_you_mean(name, valid))


def _located(error: ValidationError, document: Document) -> ConfigurationError:
    """Name the environment variable where one set the value, the place in the file otherwise."""
    from_environment, in_file = [], []
    for detail in error.errors(include_url=False, include_input=False):
        path = tuple(detail["loc"])
        variable = _variable(path)
        if variable:
            from_environment.append(
                Problem(message=f"{dotted(path)}: {detail['msg']}", path=f"environment variable {variable}")
            )
        else:
            in_file.append(detail)
    problems = [document.problem_of(detail, Settings) for detail in in_file]
    return ConfigurationError([*from_environment, *problems])


def _variable(path: tuple[str | int, ...]) -> str | None:
    """Return the ``VOEG_*`` variable that set the value at ``path`` or an enclosing one, if any did."""
    names = {name.upper(): name for name in os.environ}
    for length in range(len(path), 0, -1):
        name = ENV_PREFIX + "__".join(str(part) for part in path[:length]).upper()
        if name in names:
            return names[name]
    return None

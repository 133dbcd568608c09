"""compose.yaml is linted and read here, not run: its parts must fit one another and the settings."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from foundation.settings import load_settings

SECRETS = {"POSTGRES_PASSWORD": "one", "RABBITMQ_PASSWORD": "two"}


@pytest.fixture(scope="module")
def compose(project_root: Path) -> dict[str, Any]:
    """The parsed file, anchors and merges resolved."""
    return YAML(typ="safe").load(project_root / "compose.yaml")


def test_it_is_well_formed(project_root: Path) -> None:
    lint = [sys.executable, "-m", "yamllint", "--strict", "compose.yaml"]
    outcome = subprocess.run(lint, cwd=project_root, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout


def test_it_holds_the_whole_stack(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"postgres", "rabbitmq", "serve", "relay", "voeg"}
    for service in services.values():
        assert ("image" in service) != ("build" in service)
        for needed, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "healthcheck" in services[needed]
        for volume in service.get("volumes", []):
            source = volume.rpartition(":")[0]
            assert source in compose["volumes"] or source.startswith("${VOEG_ESTATE")


def test_no_secret_stands_in_it_and_no_port_is_open_to_the_network(project_root: Path, compose: dict[str, Any]) -> None:
    text = (project_root / "compose.yaml").read_text()
    assert set(re.findall(r"\$\{(\w+):\?\}", text)) == set(SECRETS)
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("service", ["serve", "relay"])
def test_its_commands_are_commands(compose: dict[str, Any], service: str) -> None:
    voeg = Path(sys.executable).with_name("voeg")
    command = [voeg, *compose["services"][service]["command"], "--help"]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr


def test_its_settings_are_settings(compose: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in compose["services"]["serve"]["environment"].items():
        monkeypatch.setenv(name, re.sub(r"\$\{(\w+):\?\}", lambda match: SECRETS[match[1]], value))
    settings = load_settings(tmp_path)
    assert settings.store.url == "postgresql+psycopg://voeg:one@postgres/voeg"
    assert settings.secret(settings.broker.url, estate=tmp_path).get_secret_value() == (
        "amqp://voeg:two@rabbitmq:5672/%2F"
    )
    assert f"127.0.0.1:8460:{settings.api.port}" in compose["services"]["serve"]["ports"]

"""Logs say names and counts, never a customer's details."""

import io
import json
import sys

import pytest
import structlog

from foundation.logging import configure
from foundation.settings import LogSettings


def test_off_a_terminal_logs_are_json_and_hold_no_personal_value(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogSettings(format="auto"))
    structlog.get_logger().info("landed", source="crm", rows=3, family_name="Voorbeeld", iban="NL91ABNA0417164300")
    line = json.loads(capsys.readouterr().err)
    assert line["event"] == "landed"
    assert (line["source"], line["rows"]) == ("crm", 3)
    assert line["family_name"] == line["iban"] == "[not logged]"


def test_the_level_of_the_settings_holds(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogSettings(level="warning"))
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["loud"]


def test_logs_go_to_what_is_standard_error_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream of the time of configuration may be closed by now, e.g. where a daemon reopened its own."""
    before = io.StringIO()
    monkeypatch.setattr(sys, "stderr", before)
    configure(LogSettings())
    before.close()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    structlog.get_logger().info("still here")
    assert "still here" in sys.stderr.getvalue()

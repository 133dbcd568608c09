"""The set-up: what makes it run again, what it says when it may not install, and that its lock is the lock."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import bootstrap


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder of its own, with a finished environment as far as the stamp goes."""
    for name in bootstrap.MADE_FROM:
        (tmp_path / name).write_text(name)
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "pyvenv.cfg").touch()
    (venv / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", venv)
    monkeypatch.setattr(bootstrap, "PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(bootstrap, "STAMP", venv / "setup.stamp")
    monkeypatch.setattr(bootstrap, "LOCK", tmp_path / "requirements.lock")
    bootstrap.STAMP.write_text(bootstrap.stamp())
    return tmp_path


@pytest.fixture
def programs(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH: tests put the programs there that the machine shall have."""
    folder = tmp_path_factory.mktemp("programs")
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, name: str, script: str) -> None:
    """Put a shell script on the PATH; it can call nothing but what the shell has built in."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_a_second_call_runs_nothing(folder: Path, programs: Path) -> None:
    program(programs, "uv", "exit 1")
    assert bootstrap.main([]) == 0


@pytest.mark.parametrize("name", bootstrap.MADE_FROM)
def test_a_change_of_anything_it_is_made_from_runs_it_again(folder: Path, name: str) -> None:
    assert bootstrap.is_current()
    (folder / name).write_text("changed")
    assert not bootstrap.is_current()


def test_an_environment_that_lost_its_python_is_made_anew(folder: Path, programs: Path) -> None:
    bootstrap.PYTHON.unlink()
    program(programs, "uv", 'echo "$UV_PROJECT_ENVIRONMENT $*" > "$PWD/called"')
    (bootstrap.VENV / "old").touch()
    assert bootstrap.has_moved()
    with pytest.raises(FileNotFoundError):  # the uv above makes no environment to put a stamp into
        bootstrap.main([])
    assert (folder / "called").read_text() == f"{bootstrap.VENV} sync --frozen --quiet\n"
    assert not (bootstrap.VENV / "old").exists()


def test_an_environment_from_another_folder_is_made_anew(folder: Path) -> None:
    bootstrap.STAMP.write_text(bootstrap.stamp().replace(str(folder), "/elsewhere"))
    assert bootstrap.has_moved()


def test_uv_that_fails_is_shown_with_what_it_said(
    folder: Path, programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "uv.lock").write_text("changed")
    program(programs, "uv", "echo no route to the index; exit 2")
    assert bootstrap.main([]) == 1
    assert "no route to the index" in capsys.readouterr().err
    assert not bootstrap.is_current()


def test_without_any_pip_the_message_names_the_package(programs: Path, tmp_path: Path) -> None:
    with pytest.raises(bootstrap.SetupError, match="apt-get install python3-venv"):
        bootstrap.pip_of_the_distribution(tmp_path)


def test_only_what_dpkg_does_not_have_installed_is_missing(programs: Path) -> None:
    program(programs, "dpkg-query", 'echo "unixodbc installed"; echo "postgresql config-files"; exit 1')
    assert bootstrap.missing_packages(["unixodbc", "postgresql", "odbcinst"]) == ["postgresql", "odbcinst"]


def test_who_is_not_root_is_told_what_to_install(
    folder: Path, programs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    program(programs, "dpkg-query", 'echo "unixodbc installed"')
    program(programs, "apt-get", "exit 1")
    assert bootstrap.main(["--packages", "test"]) == 1
    said = capsys.readouterr().err
    assert "sudo apt-get install odbcinst libsqliteodbc odbc-postgresql rabbitmq-server postgresql" in said


def test_the_demo_goes_on_without_its_packages_and_says_so(
    folder: Path, programs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    program(programs, "dpkg-query", "exit 1")
    program(programs, "apt-get", "exit 1")
    assert bootstrap.main(["--packages", "demo"]) == 0
    assert "read over ODBC will be left out" in capsys.readouterr().err


def test_root_updates_the_lists_when_an_install_fails_and_no_service_starts(
    programs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(bootstrap, "POLICY", tmp_path / "policy-rc.d")
    log, updated = tmp_path / "log", tmp_path / "updated"
    program(
        programs,
        "apt-get",
        f'echo "$@" >> {log}\n'
        f"[ -x {bootstrap.POLICY} ] || exit 9\n"
        f'case "$*" in *update) : > {updated};; *) [ -f {updated} ];; esac',
    )
    bootstrap.install_packages(["rabbitmq-server"])
    steps = [line.split("Timeout=300 ")[1] for line in log.read_text().splitlines()]
    install = "install --yes --no-install-recommends rabbitmq-server"
    assert steps == [install, "update", install]
    assert not bootstrap.POLICY.exists()


def test_a_policy_that_the_machine_has_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("theirs")
    monkeypatch.setattr(bootstrap, "POLICY", policy)
    with bootstrap.services_held_back():
        assert policy.read_text() == "theirs"
    assert policy.read_text() == "theirs"


ONLY_SPARK = ("pyspark", "py4j")  # some 400 MB, which only make test-slow fetches


def test_requirements_lock_pins_what_uv_lock_pins(project_root: Path) -> None:
    lock = tomllib.loads((project_root / "uv.lock").read_text())
    exported: dict[str, set[str]] = {}
    for line in (project_root / "requirements.lock").read_text().splitlines():
        if "==" in line and not line.startswith((" ", "#")):
            name, version = line.split(" ")[0].split("==")
            pin = f"{name}=={version}"
            exported[pin] = set()
        elif "--hash=" in line:
            exported[pin].add(line.split("--hash=")[1].rstrip(" \\"))
    locked = {
        f"{package['name']}=={package['version']}": {
            file["hash"] for file in [*package.get("wheels", []), *filter(None, [package.get("sdist")])]
        }
        for package in lock["package"]
        if "registry" in package["source"] and package["name"] not in ONLY_SPARK
    }
    assert exported == locked, "run make lock"
    assert {package["source"]["registry"] for package in lock["package"] if "registry" in package["source"]} == {
        "https://pypi.org/simple"
    }


def test_the_locked_uv_can_be_installed_alone() -> None:
    lines = bootstrap.locked("uv").splitlines()
    assert lines[0].startswith("uv==")
    assert sum("==" in line for line in lines) == 1
    assert any("--hash=sha256:" in line for line in lines)


def test_the_makefile_explains_every_target(project_root: Path) -> None:
    shown = subprocess.run(["make", "help"], cwd=project_root, capture_output=True, text=True, check=True).stdout
    for target in ("setup", "demo", "test", "test-slow", "check", "bench", "clean"):
        assert f"make {target} " in shown


def test_the_ci_entry_calls_make_test_and_nothing_else(project_root: Path) -> None:
    script = project_root / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    assert script.read_text().splitlines()[-1] == "exec make test"

#!/usr/bin/env python3
"""Make the environment in ``.venv`` from the lock, on a machine that has nothing but Python 3.11 or newer.

``python3 bootstrap.py`` is what ``make setup`` runs. With uv on the PATH, uv does it all. Without, Python's own venv
and pip do, and pip's first step is to fetch the locked uv, which is ten times faster at the rest; where that does
not work (a network whose mirror only pip knows), pip installs everything from ``requirements.lock`` itself.
Debian and Ubuntu leave pip out of their Python: then pip comes out of the distribution's own package, which needs
no root. A stamp in ``.venv`` ends the second call at once.

``--packages test`` also looks after the system packages that the tests need, ``--packages demo`` after those of the
demo, which can do without: as root they are installed by apt, otherwise a message names them.

Standard library only, and nothing that Python 3.7 does not know, so that an old one can still say that it is old.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PIP = (str(PYTHON), "-m", "pip")
STAMP = VENV / "setup.stamp"
LOCK = ROOT / "requirements.lock"
MADE_FROM = ("pyproject.toml", "uv.lock", "requirements.lock", "bootstrap.py")

OLDEST = (3, 11)
NEWEST_TRIED = 14

ODBC = ("unixodbc", "odbcinst", "libsqliteodbc")
TEST = (*ODBC, "odbc-postgresql", "rabbitmq-server", "postgresql", "gnucobol3")
PACKAGES = {
    "demo": ODBC,
    "test": TEST,
    "slow": (*TEST, "default-jre-headless"),  # Spark runs on Java
}
OPTIONAL = {"demo": "the systems that are read over ODBC will be left out"}

POLICY = Path("/usr/sbin/policy-rc.d")  # asked by Debian before a package starts its service; 101 says no
NO_PIP = (
    "this Python has neither pip nor ensurepip, and the package with pip could not be downloaded;\n"
    "install one of them and run again: sudo apt-get install python3-venv   (or uv, or python3-pip)"
)


class SetupError(Exception):
    """The set-up cannot go on; the message says what the person at the keyboard can do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Set up what was asked for; 0 when it is there, 1 with a message when it cannot be."""
    parser = argparse.ArgumentParser(description="Make .venv from the lock, and install system packages.")
    parser.add_argument("--packages", choices=sorted(PACKAGES), help="system packages to look after as well")
    wanted = parser.parse_args(arguments)
    try:
        set_up_environment()
        if wanted.packages:
            set_up_packages(wanted.packages)
    except SetupError as error:
        say(str(error))
        return 1
    return 0


def set_up_environment() -> None:
    """Make ``.venv`` agree with the lock, and do nothing when it does already."""
    if is_current():
        return
    if has_moved():
        shutil.rmtree(VENV)  # its scripts name the Python of the old place
    uv = shutil.which("uv")
    if uv:
        say("making .venv with uv")
        uv_sync(uv)
    else:
        use_supported_python()
        say("making .venv with pip")
        make_venv()
        install_with_pip()
    STAMP.write_text(stamp(), encoding="utf-8")


def stamp() -> str:
    """Return the place and content of everything that the environment is made from, in two lines."""
    digest = hashlib.sha256()
    for name in MADE_FROM:
        digest.update((ROOT / name).read_bytes())
    return f"{ROOT}\n{digest.hexdigest()}\n"


def is_current() -> bool:
    """Tell whether the environment was completed from exactly what lies here now."""
    return STAMP.is_file() and PYTHON.exists() and STAMP.read_text(encoding="utf-8") == stamp()


def has_moved() -> bool:
    """Tell whether the environment was made in another folder, or its Python is gone."""
    if not (VENV / "pyvenv.cfg").is_file():
        return False
    made_here = not STAMP.is_file() or STAMP.read_text(encoding="utf-8").splitlines()[:1] == [str(ROOT)]
    return not (made_here and PYTHON.exists())


def use_supported_python() -> None:
    """Go on under a newer Python when this one is too old and the PATH has one."""
    if sys.version_info >= OLDEST:
        return
    for minor in range(NEWEST_TRIED, OLDEST[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer:
            os.execv(newer, [newer, *sys.argv])  # noqa: S606 - a Python from the PATH, by its full path
    raise SetupError(
        f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, and this is {sys.version.split()[0]}; install a newer "
        "one and name it, e.g. make setup PYTHON=python3.12 (or install uv, which brings its own)"
    )


def uv_sync(uv: str) -> None:
    """Let uv make the environment, or bring it up to date."""
    environment = dict(os.environ, UV_PROJECT_ENVIRONMENT=str(VENV))
    if not PYTHON.exists() and sys.version_info >= OLDEST:
        environment["UV_PYTHON"] = sys.executable
    run([uv, "sync", "--frozen", "--quiet"], environment=environment)


def make_venv() -> None:
    """Make an environment with nothing but pip in it, unless one is there."""
    if not PYTHON.exists():
        run([sys.executable, "-m", "venv", "--without-pip", str(VENV)])
    if works([*PIP, "--version"]) or works([str(PYTHON), "-m", "ensurepip"]):
        return
    with tempfile.TemporaryDirectory(prefix="voeg-pip-") as folder:
        wheel = pip_of_the_distribution(Path(folder))
        run([str(PYTHON), str(wheel / "pip"), "install", "--quiet", "--no-index", str(wheel)])


def install_with_pip() -> None:
    """Install the lock: with uv, which pip brings in from the lock, else with pip alone."""
    install = [*PIP, "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--use-pep517"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as only_uv:
        only_uv.write(locked("uv"))
        only_uv.flush()
        has_uv = works([*install, "--require-hashes", "--requirement", only_uv.name])
    if has_uv:
        try:
            uv_sync(str(VENV / "bin" / "uv"))
            return
        except SetupError:
            say("uv could not reach what it needs; going on with pip, which takes about half a minute")
    run([*install, "--require-hashes", "--requirement", str(LOCK)])
    run([*install, "--editable", str(ROOT)])


def locked(name: str) -> str:
    """Return the lines that pin one distribution in ``requirements.lock``."""
    found: list[str] = []
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        starts_pin = not line.startswith((" ", "#"))
        if found and starts_pin:
            break
        if found or (starts_pin and line.startswith(name + "==")):
            found.append(line)
    if not found:
        raise SetupError(f"{LOCK.name} does not pin {name}; run make lock")
    return "\n".join(found) + "\n"


def pip_of_the_distribution(folder: Path) -> Path:
    """Return the wheel of pip out of Debian's package python3-pip-whl, downloaded into ``folder``, not installed.

    A wheel is a zip file, and Python can run the pip inside. Needs no root as long as apt has its lists.
    """
    download = ["apt-get", "download", "python3-pip-whl"]
    if not works(download, folder=folder) and os.geteuid() == 0:
        works(["apt-get", "update"])
        works(download, folder=folder)
    for package in folder.glob("*.deb"):
        run(["dpkg-deb", "--extract", str(package), str(folder)])
    for wheel in folder.glob("usr/share/python-wheels/pip-*.whl"):
        return wheel
    raise SetupError(NO_PIP)


def set_up_packages(purpose: str) -> None:
    """Install the missing system packages of a purpose, or say which are missing and what that means."""
    missing = missing_packages(PACKAGES[purpose])
    if not missing:
        return
    try:
        install_packages(missing)
    except SetupError as error:
        if purpose not in OPTIONAL:
            raise
        say(f"{error}; going on without: {OPTIONAL[purpose]}")


def missing_packages(names: Sequence[str]) -> list[str]:
    """Return those of the packages that dpkg does not have installed; all of them where there is no dpkg."""
    if not shutil.which("dpkg-query"):
        return list(names)
    query = ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *names]
    answer = subprocess.run(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    installed = {line.split()[0] for line in answer.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed]


def install_packages(names: Sequence[str]) -> None:
    """Install system packages by apt, without starting the services that they bring."""
    if not shutil.which("apt-get"):
        raise SetupError("this machine has no apt; install what these Debian packages hold: " + ", ".join(names))
    if os.geteuid() != 0:
        raise SetupError("these packages are missing; run: sudo apt-get install " + " ".join(names))
    say(f"installing {', '.join(names)} (apt, a minute or two)")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    apt = ["apt-get", "--quiet", "--option", "DPkg::Lock::Timeout=300"]
    install = [*apt, "install", "--yes", "--no-install-recommends", *names]
    with services_held_back():
        if not works(install, environment=environment):  # mostly because the lists are missing or old
            run([*apt, "update"], environment=environment)
            run(install, environment=environment)


@contextmanager
def services_held_back() -> Iterator[None]:
    """Keep packages from starting their services meanwhile, unless the machine has a policy of its own."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    try:
        POLICY.chmod(0o755)
        yield
    finally:
        POLICY.unlink()


def works(command: Sequence[str], *, environment: dict[str, str] | None = None, folder: Path = ROOT) -> bool:
    """Run a command that may fail, and tell whether it did what it should."""
    quiet = subprocess.DEVNULL
    try:
        outcome = subprocess.run(command, cwd=folder, env=environment, stdout=quiet, stderr=quiet, check=False)
    except OSError:  # there is no such program
        return False
    return outcome.returncode == 0


def run(command: Sequence[str], *, environment: dict[str, str] | None = None) -> None:
    """Run a command that must succeed; what it wrote is shown when it does not."""
    outcome = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if outcome.returncode:
        shown = "\n".join(outcome.stdout.strip().splitlines()[-30:])
        raise SetupError(f"this failed with status {outcome.returncode}: {' '.join(command)}\n{shown}")


def say(text: str) -> None:
    """Tell the person at the keyboard; standard output stays free for what was asked for."""
    print("voeg: " + text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

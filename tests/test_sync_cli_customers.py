"""``voeg customer`` and ``voeg serve``, as an operator meets them."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import customers
import httpx
import pytest
from customers import IBAN
from typer.testing import CliRunner, Result

from store.engine import open as open_store
from sync.cli import command_line

KEY = "desk-secret"


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("estate")
    (folder / "conf").mkdir()
    (folder / "var").mkdir()
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    (folder / "conf/voeg.yaml").write_text(f"api:\n  keys:\n    - {{name: desk, sha256: '{digest}'}}\n")
    store = open_store(f"sqlite:///{folder / 'var/voeg.db'}")
    store.migrate()
    customers.fill(store)
    store.close()
    return folder


def voeg(estate: Path, *words: str) -> Result:
    return CliRunner().invoke(command_line(), [*words, "--estate", str(estate)])


def test_find_lists_everyone(estate: Path) -> None:
    result = voeg(estate, "customer", "find", "--phone", "070 1234567", "--iban", IBAN)
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [line[0] for line in lines] == ["customer", "1", "2"]
    assert "iban" in lines[1]
    answer = json.loads(voeg(estate, "customer", "find", "--email", "jan@example.nl", "--json").stdout)
    assert answer["customers"][0]["id"] == "1"


def test_find_wants_something_to_find(estate: Path) -> None:
    result = voeg(estate, "customer", "find")
    assert result.exit_code == 2
    assert "--customer-number" in result.output


def test_show_gives_values_with_their_origin(estate: Path) -> None:
    result = voeg(estate, "customer", "show", "3")
    assert result.exit_code == 0
    assert "customer 3 was merged into 1" in result.stderr
    given_name = next(line for line in result.stdout.splitlines() if line.startswith("given_name"))
    assert given_name.split()[1:4] == ["Jan", "crm", "a"]
    assert IBAN not in result.stdout
    answer = json.loads(voeg(estate, "customer", "show", "1", "--json", "--sensitive").stdout)
    assert IBAN in json.dumps(answer["record"])
    assert answer["provenance"]["given_name"]["data_source"] == "crm"


@pytest.mark.parametrize(("id_", "says"), [("999", "there is no customer 999"), ("6", "customer 6 was erased")])
def test_who_is_not_there_is_one_line_and_exit_code_1(estate: Path, id_: str, says: str) -> None:
    result = voeg(estate, "customer", "show", id_)
    assert result.exit_code == 1
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_serve_answers_until_it_is_stopped(estate: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from sync.cli import main; main()", "serve"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--estate", str(estate)],
        cwd=Path(__file__).parent.parent,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": KEY}) as client:
            for _ in range(300):
                try:
                    assert client.get("/ready").status_code == 200
                    break
                except httpx.ConnectError:
                    assert process.poll() is None
                    time.sleep(0.1)
            assert client.get("/v1/customers/1").json()["record"]["given_name"] == "Jan"
            assert client.get("/v1/customers/1", headers={"X-API-Key": "other"}).status_code == 401
    finally:
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=20)
    assert process.returncode == 0
    assert f"serving on http://127.0.0.1:{port}" in log
    assert '"route": "/v1/customers/{id}"' in log
    assert "/v1/customers/1" not in log


def test_serve_refuses_to_serve_nobody(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    result = voeg(tmp_path, "serve", "--port", "0")
    assert result.exit_code == 1
    assert "nobody has an API key" in result.stderr
    assert "conf/voeg.yaml" in result.stderr

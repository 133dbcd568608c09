"""Bad input, through the real command line: each source that cannot be read gives one located message with its remedy,
changes nothing, and stops no other; the exit code is 1.

All sources were synced once when all was well. Then everything breaks at the same time.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest
import servers
from estates import EstateFolder, Row, live, of_source, runs
from spyne.protocol.soap import Soap11
from sqlalchemy import create_engine, text
from test_adapters_soap import PASSWORD, running

from adapters.mainframe.copybook import placing
from adapters.mainframe.encoder import encode

PEOPLE: list[Row] = [
    {"id": "1", "given": "Saskia", "name": "Terpstra"},
    {"id": "2", "given": "Wouter", "name": "Hoekzema"},
    {"id": "3", "given": "Femke", "name": "Oosterling"},
]
ONE_MORE: Row = {"id": "4", "given": "Lieke", "name": "Brandsma"}
BROKEN = 'id,given,name\n1,"Saskia",Terpstra\n2,"Wouter,Hoekzema\n3,"Femke",Oosterling\n'
WRONG = "hunter2-is-wrong"
COPYBOOK = """
       01  CUSTOMER.
           05  ID        PIC 9(4).
           05  GIVEN     PIC X(10).
           05  NAME      PIC X(12).
"""

MAPPING = """
version: 1
source: {source}
system: {source}
mode: snapshot
read: {read}
records:
  - kind: party
    key: {key}
    fields:
      party_type: {{constant: person}}
      family_name: {name}
"""
CSV = "{{adapter: files, format: csv, path: data/{source}.csv}}"
DATABASE = '{{adapter: sql, url: "${{{source}_url}}", table: customers}}'
MAINFRAME = "{{adapter: mainframe, path: data/{source}.bin, copybook: data/customer.cpy}}"
SOAP = (
    '{{adapter: soap, wsdl: "${{{source}_url}}/wsse?wsdl", address: "${{{source}_url}}/wsse", operation: All,'
    ' records: AllResult.Customer, username: voeg, password: "${{{source}_password}}", wsdl_cache: 0,'
    " retries: {{attempts: 2, first_wait: 0.01}}}}"
)
READ = {
    "healthy": CSV,
    "broken_quote": CSV,
    "missing_column": CSV,
    "missing_file": CSV,
    "truncated": MAINFRAME,
    "database_down": DATABASE,
    "database_password": DATABASE,
    "soap_down": SOAP,
    "soap_password": SOAP,
    "soap_fault": SOAP,
}
HEALTHY = "healthy"


def mapping(source: str) -> str:
    key, name = {MAINFRAME: ("ID", "NAME"), SOAP: ("Id", "Name")}.get(READ[source], ("id", "name"))
    return MAPPING.format(source=source, read=READ[source].format(source=source), key=key, name=name)


@dataclass(frozen=True)
class Story:
    """What was so, what the command said when everything broke, and where it happened."""

    estate: EstateFolder
    before: dict[str, dict[str, Any]]  # what the store held of each source
    run: subprocess.CompletedProcess[str]

    def error(self, source: str) -> str:
        """Return the one line that tells of a source."""
        lines = [line for line in self.run.stderr.splitlines() if line.startswith("error ")]
        (told,) = [line for line in lines if f"{source}." in line]
        assert len(lines) == len(READ) - 1
        return told


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, postgres_server: servers.PostgreSQL) -> Iterator[Story]:
    with pytest.MonkeyPatch.context() as environment:
        for service in running(Soap11):
            estate = EstateFolder(tmp_path_factory.mktemp("bad input"))
            database = postgres_server.create_database()
            fill(postgres_server.url(database))
            for source in READ:
                estate.describe(mapping(source))
                estate.deliver(f"data/{source}.csv", PEOPLE)
                url = service.url if source.startswith("soap") else postgres_server.url(database)
                environment.setenv(f"{source}_url", url)
                environment.setenv(f"{source}_password", PASSWORD)
            copybook = estate.write("data/customer.cpy", COPYBOOK)
            columns = {name.upper(): [row[name] for row in PEOPLE] for name in ("given", "name")}
            file = encode(placing.load([copybook]), pa.table({"ID": [1, 2, 3], **columns}))
            estate.write("data/truncated.bin", file)
            assert not [run.error for run in estate.sync().values() if run.error]
            before = {source: of_source(estate.store, source) for source in READ}

            estate.deliver("data/healthy.csv", [*PEOPLE, ONE_MORE])
            estate.write("data/broken_quote.csv", BROKEN)
            estate.describe(mapping("missing_column").replace("family_name: name", "family_name: nane"))
            (estate.root / "data/missing_file.csv").unlink()
            estate.write("data/truncated.bin", file[:-7])
            estate.describe(mapping("soap_fault").replace("All", "Failing").replace("Customer,", "Customers.Customer,"))
            nobody = servers.free_ports(1)[0]
            environment.setenv("database_down_url", f"postgresql+psycopg://voeg:{WRONG}@127.0.0.1:{nobody}/shop")
            environment.setenv("database_password_url", re.sub(":[^:]+@", f":{WRONG}@", postgres_server.url(database)))
            environment.setenv("soap_down_url", f"http://127.0.0.1:{nobody}")
            environment.setenv("soap_password_password", WRONG)
            yield Story(estate, before, estate.voeg("sync"))
            estate.close()
            postgres_server.drop_database(database)


def fill(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE customers (id text PRIMARY KEY, given text, name text)"))
        connection.execute(text("INSERT INTO customers VALUES (:id, :given, :name)"), [dict(row) for row in PEOPLE])
    engine.dispose()


IN_MAPPING = "mappings/{source}.yaml:6:1 read: "


@pytest.mark.parametrize(
    ("source", "where", "what", "remedy"),
    [
        ("broken_quote", "data/broken_quote.csv:3:", "quote", "quote"),
        ("missing_column", "mappings/missing_column.yaml:12:", "'nane'", "did you mean 'name'"),
        ("missing_file", IN_MAPPING, "missing_file.csv", "path"),
        ("truncated", "data/truncated.bin", "26", "copybook|again"),
        ("database_down", IN_MAPPING, "does not answer", "host and port"),
        ("database_password", IN_MAPPING, "refuses the user or the password", "check both"),
        ("soap_down", IN_MAPPING, "refused", "service runs"),
        ("soap_password", IN_MAPPING, "FailedAuthentication", "username, password"),
        ("soap_fault", IN_MAPPING, "fault Client.CustomerLocked", "service's own log"),
    ],
    ids=[source for source in READ if source != HEALTHY],
)
class TestASourceThatCannotBeRead:
    def test_tells_where_what_and_how_to_mend_it(
        self, story: Story, source: str, where: str, what: str, remedy: str
    ) -> None:
        told = story.error(source)
        _, _, message = told.partition(where.format(source=source))
        assert message, told
        assert re.search(f"{what}.*; .*({remedy})", message), told
        assert re.search(rf"^{source} +failed", story.run.stdout, re.MULTILINE)

    def test_changes_nothing_of_what_the_store_holds_of_it(
        self, story: Story, source: str, where: str, what: str, remedy: str
    ) -> None:
        assert story.before[source]["records"]
        assert of_source(story.estate.store, source) == story.before[source]

    def test_leaves_a_failed_run_that_says_why(
        self, story: Story, source: str, where: str, what: str, remedy: str
    ) -> None:
        *_, last = runs(story.estate.store, source)
        assert last["state"] == "failed"
        assert last["error"] in story.error(source)


def test_the_exit_code_is_1(story: Story):
    assert story.run.returncode == 1
    assert "Traceback" not in story.run.stderr


def test_the_others_are_synced(story: Story):
    assert re.search(r"^healthy +done", story.run.stdout, re.MULTILINE), story.run.stdout
    assert {key for source, _, key in live(story.estate.store) if source == HEALTHY} == {"1", "2", "3", "4"}


def test_no_secret_and_no_value_of_a_customer_is_shown(story: Story):
    told = story.run.stdout + story.run.stderr
    values = {value for row in [*PEOPLE, ONE_MORE] for name, value in row.items() if name != "id"}
    for never in (*values, WRONG, PASSWORD, "Jansen", "1970-01-01"):
        assert never not in told


def test_status_tells_which_sources_failed_and_why(story: Story):
    status = story.estate.voeg("status")
    assert status.returncode == 0
    for source in READ.keys() - {HEALTHY}:
        assert f"{source}: " in status.stderr
    assert "does not answer" in status.stderr
    assert WRONG not in status.stdout + status.stderr

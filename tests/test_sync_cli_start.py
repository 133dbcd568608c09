"""A command waits for nothing that it does not use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from estates import EstateFolder

HEAVY = {"pandas", "splink", "zeep", "pyspark", "numba"}
"""What takes longer to import than most commands take; PyArrow imports pandas for its first array of a list."""

MAPPING = """
version: 1
source: {source}
system: {source}
mode: snapshot
timezone: UTC
read: {read}
records:
  - kind: party
    key: id
    fields: {{party_type: {{constant: person}}, family_name: name}}
"""
READ = {
    "csv": "{adapter: files, format: csv, path: a.csv}",
    "lines": "{adapter: files, format: jsonl, path: a.jsonl}",
    "columns": "{adapter: files, format: fixed, path: a.txt, columns: [{name: id, start: 1, length: 4}]}",
    "soap": '{adapter: soap, wsdl: "http://127.0.0.1:1/a?wsdl", operation: All, records: AllResult.Customer}',
    "sql": '{adapter: sql, url: "sqlite:///a.db", table: customers}',
    "odbc": "{adapter: odbc, connection: 'Driver=a', table: customers}",
    "mainframe": "{adapter: mainframe, path: a.bin, copybook: a.cpy, framing: length-field, length_field: 'LEN + 4'}",
}

COPYBOOK = """
       01  A.
           05  LEN   PIC 9(4) COMP.
           05  ID    PIC X(4).
           05  NAME  PIC X(9).
"""


@pytest.mark.parametrize("command", ["status", "tasks list", "customer find --phone +31612345678", "resolve"])
def test_a_command_imports_nothing_heavy(command: str, tmp_path: Path) -> None:
    folder = EstateFolder(tmp_path)
    folder.write("a.cpy", COPYBOOK)
    for source, read in READ.items():
        folder.describe(MAPPING.format(source=source, read=read))
    program = f"""
import sys
from sync.cli import main
sys.argv = ["voeg", *{command.split()!r}, "--estate", {str(tmp_path)!r}]
try:
    main()
finally:
    print(*sorted({HEAVY!r} & sys.modules.keys()), file=open("imported", "w"))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert not (tmp_path / "imported").read_text().split()
    assert {mapping.name for mapping in folder.here.mappings} == READ.keys()
    folder.close()

"""Level 88 as a code table: the condition name that holds is a column."""

from pathlib import Path

import pyarrow as pa
import pytest

from adapters.mainframe import MainframeOptions
from adapters.mainframe.copybook import placing
from adapters.mainframe.encoder import encode
from adapters.mainframe.source import Source
from foundation.errors import ConfigurationError
from sync.estate import open_estate
from sync.preview import preview

COPYBOOK = """\
       01  CUSTOMER.
           05  STATUS    PIC XX.
               88  ACTIVE   VALUE 'A' 'AB'.
               88  ENDED    VALUE 'X1' THRU 'X9'.
               88  STARS    VALUE ALL '*'.
               88  UNKNOWN  VALUE SPACES.
           05  CHILDREN  PIC S9(3) COMP-3.
               88  NOBODY   VALUE ZERO.
               88  FEW      VALUES ARE 1 THRU 3, 5.
               88  BELOW    VALUE -1.
           05  PLAIN     PIC X.
           05  GROUP-OF OCCURS 2.
               10  KIND  PIC X.
                   88  ONE VALUE '1'.
"""
CASES = [
    ("A", 0, "ACTIVE", "NOBODY"),
    ("AB", 3, "ACTIVE", "FEW"),
    ("X5", 4, "ENDED", None),
    ("**", 5, "STARS", "FEW"),
    (None, -1, "UNKNOWN", "BELOW"),
    ("Z", None, None, None),
]


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    (tmp_path / "customer.cpy").write_text(COPYBOOK)
    layout = placing.load([tmp_path / "customer.cpy"])
    rows = [
        {"STATUS": status, "CHILDREN": children, "PLAIN": "-", "GROUP-OF": [{"KIND": "1"}, {"KIND": "2"}]}
        for status, children, *_ in CASES
    ]
    (tmp_path / "customers.dat").write_bytes(encode(layout, pa.Table.from_pylist(rows, schema=layout.schema)))
    return tmp_path


def source(estate: Path, conditions: dict[str, str]) -> Source:
    options = MainframeOptions.model_validate(
        {"path": "customers.dat", "copybook": "customer.cpy", "add": {"conditions": conditions}}
    )
    return Source(options, estate)


def test_the_name_that_holds_is_a_column(estate: Path) -> None:
    made = source(estate, {"STATUS": "STATUS-NAME", "children": "HOW-MANY"})
    table = pa.Table.from_batches([batch.rows for batch in made.read([estate / "customers.dat"])], made.schema)
    assert table["STATUS-NAME"].to_pylist() == [name for *_, name, _ in CASES]
    assert table["HOW-MANY"].to_pylist() == [name for *_, name in CASES]


@pytest.mark.parametrize(
    ("field", "told"),
    [("STATSU", "did you mean 'STATUS'"), ("PLAIN", "has no level 88"), ("KIND", "is no column of the rows")],
)
def test_what_cannot_be_is_told(estate: Path, field: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        source(estate, {field: "NAME"})


def test_a_mapping_uses_the_names_as_codes(estate: Path) -> None:
    (estate / "mappings").mkdir()
    (estate / "mappings" / "customers.yaml").write_text("""\
version: 1
source: customers
system: mainframe
mode: snapshot
read:
  adapter: mainframe
  path: customers.dat
  copybook: customer.cpy
  add: {conditions: {STATUS: STATUS-NAME}}
code_tables:
  language: {ACTIVE: nl, ENDED: de, STARS: fr, UNKNOWN: null}
records:
  - kind: party
    key: {constant: "1"}
    fields:
      party_type: {constant: person}
      language: {from: STATUS-NAME, do: [{code_table: language}]}
""")
    here = open_estate(estate)
    [(_, parties)] = preview(here, here.mappings[0], rows=10).records
    assert parties["language"].to_list() == ["nl", "nl", "de", "fr", None, None]

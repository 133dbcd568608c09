"""Mappings as documents: what is wrong with them is told at once, at its place, with the remedy."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.document import parse
from foundation.errors import ConfigurationError
from transform import examples
from transform.mapping import Mapping, compiled, load
from transform.operations import OPERATIONS
from transform.plan import Plausibility

DOCS = Path(__file__).parent.parent / "docs" / "mapping.md"

HEAD = """\
version: 1
source: crm
system: crm
mode: snapshot
timezone: Europe/Amsterdam
read: {adapter: files, format: csv, path: x.csv}
code_tables:
  gender: {M: male, V: female}
"""


FULL = next(re.finditer(r"```yaml\n(version:.*?)```", DOCS.read_text(), re.S)).group(1)
TEXTS = st.sampled_from(["", "A", "$person", "$person.infix", "a[*].b", "a[", "party", "trim", "1"])
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-1, 3), st.floats(allow_nan=False), TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(["from", "do", "constant", "when", "kind", "key", "each", "any"]), inner, max_size=2
        ),
    ),
    max_leaves=4,
)


def mapping_of(records: str, head: str = HEAD) -> Mapping:
    """Compile a mapping with the usual head."""
    return compiled(parse(head + dedent(records), Path("mappings/crm.yaml")))


def problems_of(records: str, head: str = HEAD) -> list[str]:
    """Return what is wrong with a mapping, line by line."""
    with pytest.raises(ConfigurationError) as raised:
        mapping_of(records, head)
    return [str(problem) for problem in raised.value.problems]


def of_field(field: str, *, more: str = "") -> str:
    """Return records with one field of a party."""
    return f"records:\n  - kind: party\n    key: NR\n{indent(more, '    ')}    fields:\n{indent(field, '      ')}\n"


def test_a_problem_names_file_line_column_path_and_remedy() -> None:
    assert problems_of(of_field("birth_date: {from: GEB, do: [{parse_dat: ['%d-%m-%Y']}]}")) == [
        "mappings/crm.yaml:13:36 records[0].birth_date: unknown operation 'parse_dat'; did you mean 'parse_date'?"
    ]


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    found = problems_of(
        """\
        let:
          a: {from: X, do: [nope]}
        records:
          - kind: party
            key: NR
            required: [gendre]
            fields:
              gendre: G
              birth_date: {from: GEB, do: [trim]}
              gender: {from: G, do: [{code_table: gendr}]}
              phones:
                - {nummer: TEL}
          - kind: products
            key: NR
        extra: 1
        """
    )
    assert [re.sub(r"^mappings/crm.yaml:(\d+):\d+ ", r"\1 ", line) for line in found] == [
        "10 let.a: unknown operation 'nope'; " + found[0].partition("; ")[2],
        "14 records[0].required[0]: required field 'gendre' is not among the `fields`; map it or leave it out",
        "16 records[0].gendre: a party has no field 'gendre'; did you mean 'gender'?",
        "17 records[0].birth_date: text does not go into a field for a date; add the operation parse_date",
        "18 records[0].gender: 'code_table': unknown code table 'gendr'; did you mean 'gender'?",
        "20 records[0].phones[0].nummer: unknown key 'nummer'; did you mean 'number'?",
        "21 records[1].kind: unknown kind 'products'; did you mean 'product'?",
        "23 extra: unknown key 'extra'; " + found[-1].partition("; ")[2],
    ]


FIELD_PROBLEMS = [
    ("birth_date: {from: A, do: [upper]}", "text does not go into a field for a date; add the operation parse_date"),
    ("birth_date: {from: A, do: [{parse_date: '%d-%m-%y'}]}", "%y needs `pivot`"),
    ("birth_date: {from: A, do: [{parse_date: {format: '%Y'}}]}", "no parameter 'format'; did you mean 'formats'?"),
    ("family_name: {from: A, do: [{split: ';'}]}", "a list does not go into a field for text"),
    ("family_name: {from: 'a[*].b'}", "a list does not go into a field for text"),
    ("family_name: {from: 'a[*].b', do: [upper]}", "'upper' works on text, not on a list"),
    ("family_name: {from: [A, B]}", "several values need to become one; begin `do` with join or coalesce"),
    ("family_name: {from: [A, B], do: [trim, join]}", "several values need to become one"),
    ("family_name: [A, B]", "a value is wanted, not a list; write {from: [a, b], do: [join]}"),
    ("family_name: 12", "write {constant: …} or a column's name"),
    ("family_name:", "a value is wanted, not nothing"),
    ("family_name: {do: [trim]}", "a value needs `from`, `column` or `constant`"),
    ("family_name: {from: A, constant: b}", "too many sources of a value"),
    ("family_name: {from: A, do: trim}", "`do` is a list of operations; write [trim], with brackets"),
    ("family_name: {from: A, do: [{trim: 1}]}", "'trim' takes no single value; it has no parameters"),
    ("family_name: {from: A, do: [replace]}", "'replace' needs `find`; its parameters are: find, put"),
    ("family_name: {from: A, do: [{slice: {start: x}}]}", "'slice': `start` input should be a valid integer"),
    ("family_name: 'a..b'", "'a..b' is not a column's name"),
    ("family_name: $nobody", "there is no `let` named 'nobody'"),
    ("family_name: $position", "$position means nothing without `each`"),
    ("family_name: {from: A, when: {from: B}}", "the condition tests nothing"),
    ("family_name: {from: A, when: {from: B, in: x}}", "`in` takes a list"),
    ("family_name: {from: A, when: {from: B, matches: '(?=x)'}}", "not a regular expression"),
    ("family_name: {from: A, when: {from: B, equal: x}}", "unknown key 'equal'; did you mean 'equals'?"),
    ("gender: {constant: man}", "'man' is not a value of this field; use one of: female, male, other"),
    ("gender: {from: A, do: [{code_table: {table: {M: mal}}}]}", "'mal' is not a value of this field; did you mean"),
    ("addresses: {street: A}", "'addresses' is a list"),
    ("addresses: [{kind: {constant: home}}]", "nothing here holds content"),
    ("addresses: [{kind: A, country: B}]", "nothing here holds content"),
    ("phones: [{number: {from: A, do: [{phone: Nederland}]}}]", "unknown region 'Nederland'"),
    ("phones: [{each: $nobody, number: X}]", "there is no `let` named 'nobody'"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "said"), FIELD_PROBLEMS)
def test_a_wrong_field_is_told(field: str, said: str) -> None:
    found = problems_of(of_field(field))
    assert any(said in problem for problem in found), found
    assert all(problem.startswith("mappings/crm.yaml:") for problem in found)


RECORD_PROBLEMS = [
    ("- {kind: party}", "'key' is missing"),
    ("- {kind: product, key: NR}", "a product needs a `party`"),
    ("- {kind: party, key: NR, party: {record_id: X}}", "a party has no `party`"),
    ("- {kind: product, key: NR, party: {identifier: iban}}", "`party` names a source record or an identifier"),
    ("- {kind: product, key: NR, party: {source: a, identifier: b, value: C}}", "`party` names a source record or"),
    ("- {kind: party, key: []}", "the key is empty"),
    ("- {kind: party, key: {from: A, do: [{split: ';'}]}}", "a list does not go into a field for text"),
    ("- {kind: party, key: NR, let: {person: A}}", "`let` has a 'person' already"),
    ("- {kind: party, key: NR, let: {x: $y, y: $x}, fields: {family_name: $x}}", "refers to itself"),
    ("- {kind: party, key: NR, let: {x: {from: A, do: [{parse_date: '%Y'}]}}}", "year, month and day"),
    ("- {kind: party, key: NR, each: $person.title}", "`each` needs a list; this is text"),
    (
        "- {kind: party, key: NR, fields: {family_name: $person.name}}",
        "there is no 'name' in it; use one of: family_name, gender",
    ),
]


@pytest.mark.parametrize(("record", "said"), RECORD_PROBLEMS)
def test_a_wrong_record_is_told(record: str, said: str) -> None:
    found = problems_of(f"let:\n  person: {{from: NAME, do: [dutch_person_name]}}\nrecords:\n  {record}\n")
    assert any(said in problem for problem in found), found


HEAD_PROBLEMS = [
    ("mode: snapshot", "mode: snapshoot", "should be 'snapshot' or 'delta'"),
    ("timezone: Europe/Amsterdam", "timezone: Europe/Utrecht", "unknown time zone 'Europe/Utrecht'"),
    ("system: crm\n", "", "'system' is missing; add it"),
    ("version: 1", "version: 2", "input should be 1"),
    ("mode: snapshot", "mode: snapshot\nmax_vanished: 2", "less than or equal to 1"),
]


@pytest.mark.parametrize(("old", "new", "said"), HEAD_PROBLEMS)
def test_a_wrong_head_is_told(old: str, new: str, said: str) -> None:
    found = problems_of(of_field("family_name: A"), HEAD.replace(old, new))
    assert len(found) == 1
    assert said in found[0]


def test_a_local_time_without_time_zone_is_told_before_any_row_is_read() -> None:
    head = HEAD.replace("timezone: Europe/Amsterdam\n", "")
    written = of_field("family_name: A", more="changed_at: {from: T, do: [{parse_datetime: '%Y-%m-%d'}]}\n")
    (found,) = problems_of(written, head)
    assert "local times need a time zone: add `timezone:" in found
    plan = mapping_of(of_field("family_name: A", more="changed_at: T\n"), head).plan
    with pytest.raises(ConfigurationError, match="a local time, and there is no"):
        plan.bind(pa.schema({"NR": pa.string(), "A": pa.string(), "T": pa.timestamp("us")}))
    plan.bind(pa.schema({"NR": pa.string(), "A": pa.string(), "T": pa.timestamp("us", "Europe/Paris")}))


def test_columns_that_are_not_there_are_told_when_binding() -> None:
    mapping = mapping_of(of_field("{family_name: NAAM, given_name: {from: [VOOR, ROEP], do: [join]}, birth_date: GEB}"))
    with pytest.raises(ConfigurationError) as raised:
        mapping.plan.bind(pa.schema({"NR": pa.string(), "NAME": pa.string(), "VOORN": pa.string(), "GEB": pa.string()}))
    assert [str(problem) for problem in raised.value.problems] == [
        "mappings/crm.yaml:13:8 records[0].family_name: the source has no column 'NAAM'; did you mean 'NAME'?",
        "mappings/crm.yaml:13:47 records[0].given_name: the source has no column 'VOOR'; did you mean 'VOORN'?",
        "mappings/crm.yaml:13:53 records[0].given_name: the source has no column 'ROEP'; "
        "use one of: GEB, NAME, NR, VOORN",
        "mappings/crm.yaml:13:73 records[0].birth_date: text does not go into a field for a date; "
        "add the operation parse_date",
    ]


def test_columns_of_types_that_cannot_be_mapped_are_told_when_binding() -> None:
    plan = mapping_of(of_field("family_name: A")).plan
    for type_ in (pa.binary(), pa.list_(pa.string()), pa.decimal256(50, 2)):
        with pytest.raises(ConfigurationError, match="records"):
            plan.bind(pa.schema({"NR": pa.string(), "A": type_}))
    plan.bind(pa.schema({"NR": pa.string(), "A": pa.string(), "UNUSED": pa.decimal256(50, 2)}))


@given(st.data())
@settings(max_examples=150)
def test_a_mapping_with_anything_put_anywhere_compiles_or_says_what_is_wrong(data: st.DataObject) -> None:
    document = parse(FULL, Path("mappings/crm.yaml"))
    place = data.draw(st.sampled_from(sorted(filter(None, document.places), key=str)))
    put = data.draw(ANYTHING)
    parent: Any = document.data
    for part in place[:-1]:
        parent = parent[part]
    parent[place[-1]] = put
    try:
        mapping = compiled(document)
    except ConfigurationError as error:
        assert all(problem.location and problem.location.line for problem in error.problems)
    else:
        assert len(mapping.digest) == 64


def test_what_could_not_be_read_gives_no_further_problems() -> None:
    written = "let:\n  a: {from: X, do: [nope]}\n" + of_field("{family_name: $a.b, birth_date: $a}")
    assert len(problems_of(written)) == 1


def test_columns_lists_what_a_name_may_mean() -> None:
    plan = mapping_of(of_field("{family_name: G.NAME, given_name: 'a[0].b', infix: {column: 'x.y'}}")).plan
    assert plan.columns == {"NR", "G", "G.NAME", "a", "x.y"}


def test_the_digest_changes_with_what_changes_results_and_with_nothing_else() -> None:
    written = of_field("gender: {from: G, do: [{code_table: gender}]}")
    digest = mapping_of(written).digest
    assert mapping_of(written).digest == digest
    assert mapping_of(written, HEAD.replace("mode: snapshot", "mode: delta\ndescription: x")).digest == digest
    assert mapping_of(written, HEAD.replace("M: male", "m: male")).digest != digest
    assert mapping_of(written, HEAD.replace("Amsterdam", "Paris")).digest != digest
    narrow = compiled(parse(HEAD + written, Path("x")), plausibility=Plausibility(earliest=date(1950, 1, 1)))
    assert narrow.digest != digest


def test_load_tells_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        load(tmp_path / "crm.yaml")


# --- examples


def outcomes_of(written: str) -> list[list[str]]:
    mapping = mapping_of(
        of_field("{family_name: A, gender: {from: G, do: [{code_table: gender}]}}", more="required: [family_name]\n")
        + written
    )
    return [[str(problem) for problem in outcome.problems] for outcome in examples.check(mapping)]


def test_examples_pass_when_the_named_fields_come_out() -> None:
    assert outcomes_of(
        """\
examples:
  - {raw: {NR: 1, A: x, G: M}, expect: [{kind: party, record_id: "1", family_name: x, gender: male, infix: null}]}
  - {raw: {NR: 1, G: M}, rejects: [{path: "records[0].family_name", reason: missing_required}]}
  - {raw: {NR: 1, A: x, G: Q}, expect: [{kind: party}], errors: [{path: "records[0].gender", reason: unknown_code}]}
"""
    ) == [[], [], []]


def test_examples_that_differ_say_where() -> None:
    found = outcomes_of(
        """\
examples:
  - raw: {NR: 1, A: Jansen, G: M}
    expect:
      - {kind: party, family_name: Janssen, infix: de}
  - {raw: {NR: 1, G: M}, expect: [{kind: party}]}
  - {raw: {NR: 1, A: x, G: Q}, expect: [{kind: party}], errors: []}
"""
    )
    assert found == [
        [
            "mappings/crm.yaml:18:23 examples[0].expect[0].family_name: expected 'Janssen', found 'Jansen'",
            "mappings/crm.yaml:18:45 examples[0].expect[0].infix: expected 'de', found nothing",
        ],
        [
            "mappings/crm.yaml:19:26 examples[1].expect: 0 records come out, 1 expected "
            "(rejected: records[0].family_name missing_required)",
            "mappings/crm.yaml:19:5 examples[1].rejects: not expected: records[0].family_name missing_required",
        ],
        ["mappings/crm.yaml:20:57 examples[2].errors: not expected: records[0].gender unknown_code"],
    ]


def test_examples_may_leave_out_parts_of_a_column() -> None:
    written = of_field("{family_name: P.A, given_name: P.G, phones: [{each: 'P.T[*]', number: 'P.T[*].N'}]}") + (
        "examples:\n"
        "  - {raw: {NR: 1, P: {A: x}}, expect: [{kind: party, family_name: x, given_name: null, phones: null}]}\n"
        "  - {raw: {NR: 1, P: {G: y, T: [{K: z}]}}, expect: [{kind: party, given_name: y, phones: null}]}\n"
        "  - raw: {NR: 1, P: {T: [{K: z}, {N: '+31612345678'}]}}\n"
        "    expect: [{kind: party, phones: [{number: '+31612345678'}]}]\n"
    )
    assert [outcome.problems for outcome in examples.check(mapping_of(written))] == [(), (), ()]


def test_examples_name_fields_that_exist() -> None:
    written = of_field("family_name: A") + "examples:\n  - {raw: {NR: 1}, expect: [{kind: party, surname: x}]}\n"
    (found,) = problems_of(written)
    assert "examples[0].expect[0].surname: a party has no 'surname'" in found


# --- the documentation


def test_every_mapping_in_the_documentation_compiles_and_its_examples_pass() -> None:
    blocks = [
        block for block in re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.S) if block.startswith("version:")
    ]
    assert len(blocks) >= 2
    for block in blocks:
        mapping = compiled(parse(block, DOCS))
        outcomes = examples.check(mapping)
        assert outcomes
        assert [problem for outcome in outcomes for problem in outcome.problems] == []


def test_every_operation_and_reason_is_documented() -> None:
    rows = [line for line in DOCS.read_text().splitlines() if line.startswith("| `")]
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert {*OPERATIONS} - documented == set()
    reasons = {operation.reason for operation in OPERATIONS.values() if operation.reason}
    assert {reason for reason in reasons if f"`{reason}`" not in DOCS.read_text()} == set()

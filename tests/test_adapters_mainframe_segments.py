"""Which group a record holds, the ids of levels, and children in their parents: as a slow reading of Cobrix does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import mainframe_files
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mainframe_files import layout_of_fields

from adapters.mainframe import assemble
from adapters.mainframe.copybook.layout import Layout
from adapters.mainframe.decoder import Decoder
from adapters.mainframe.hierarchy import Hierarchy
from adapters.mainframe.options import MainframeOptions
from adapters.mainframe.options import Segments as Asked
from adapters.mainframe.profile import IBM, Profile
from adapters.mainframe.reader import Reader
from adapters.mainframe.records import Records
from adapters.mainframe.related import RelatedTable
from adapters.mainframe.segments import Segments
from foundation.errors import ConfigurationError

COBRIX = Profile(name="cobrix", code_page="cp037")

COPYBOOK = (
    "05 KIND PIC X.",
    "05 COMPANY.",
    "   10 COMPANY-NAME PIC X(3).",
    "05 DEPT REDEFINES COMPANY.",
    "   10 DEPT-NO PIC 9(3).",
    "05 EMPLOYEE REDEFINES COMPANY.",
    "   10 NAME PIC XX.",
    "   10 AGE PIC 9.",
    "05 OFFICE REDEFINES COMPANY.",
    "   10 CITY PIC X(3).",
)
GROUPS = {"COMPANY": ("C",), "DEPT": ("D",), "EMPLOYEE": ("E", "M"), "OFFICE": ("O",)}
CHILDREN = {"COMPANY": ("DEPT", "OFFICE"), "DEPT": ("EMPLOYEE",)}


layout_of = partial(layout_of_fields, shape="nested")


def records_of(texts: Sequence[str]) -> Records:
    return mainframe_files.records_of([text.encode("cp037") for text in texts])


def cut(records: Records, places: Sequence[int]) -> list[Records]:
    """Return the records in several chunks."""
    bounds = [0, *sorted(place % (len(records) + 1) for place in places), len(records)]
    return [records.only(slice(first, last)) for first, last in pairwise(bounds)]


def asked(**values: object) -> Asked:
    return Asked.model_validate({"field": "KIND", "groups": GROUPS, **values})


def rows_of(layout: Layout, options: Asked, chunks: Sequence[Records], file: int = 0) -> list[dict[str, object]]:
    decoder = Decoder(layout)
    segments = Segments(options, layout, decoder)
    rows: list[dict[str, object]] = []
    levels = None
    for chunk in chunks:
        selected, levels = segments.select(chunk, levels, file)
        found = decoder.decode(selected.records, active=selected.active).rows
        for column, array in zip(segments.ids, selected.ids, strict=True):
            found = found.append_column(column.name, array)
        rows += found.to_pylist()
    return rows


def test_only_the_group_of_its_value_is_read():
    rows = rows_of(layout_of(*COPYBOOK), asked(), [records_of(["Cabc", "D012", "Mxy5", "?xyz"])])
    nothing = {"COMPANY": None, "DEPT": None, "EMPLOYEE": None, "OFFICE": None}
    assert rows == [
        {**nothing, "KIND": "C", "COMPANY": {"COMPANY-NAME": "abc"}},
        {**nothing, "KIND": "D", "DEPT": {"DEPT-NO": 12}},
        {**nothing, "KIND": "M", "EMPLOYEE": {"NAME": "xy", "AGE": 5}},
        {**nothing, "KIND": "?"},
    ]


def test_an_empty_value_chooses_too():
    options = asked(groups={"COMPANY": ("C",), "DEPT": ("", "D")})
    rows = rows_of(layout_of(*COPYBOOK), options, [records_of(["Cabc", " 012", "D013", "Exy1"])])
    assert [row["DEPT"] for row in rows] == [None, {"DEPT-NO": 12}, {"DEPT-NO": 13}, None]
    assert [row["OFFICE"] is None for row in rows] == [False] * 4  # nothing is said about when it holds


def test_a_number_tells_the_kind_as_text():
    layout = layout_of("05 KIND PIC 9(2).", "05 A.", "   10 A1 PIC X.", "05 B REDEFINES A.", "   10 B1 PIC X.")
    rows = rows_of(layout, asked(groups={"A": ("1",), "B": ("2",)}), [records_of(["01x", "02y"])])
    assert [(row["A"], row["B"]) for row in rows] == [({"A1": "x"}, None), (None, {"B1": "y"})]


def test_other_records_are_left_out_and_counted():
    layout = layout_of(*COPYBOOK)
    segments = Segments(asked(only=("C", "O")), layout, Decoder(layout))
    selected, _ = segments.select(records_of(["Cabc", "D012", "Oxyz"]))
    assert (selected.records.numbers.tolist(), selected.filtered) == ([0, 2], 1)
    assert selected.active["OFFICE"].tolist() == [False, True]


def test_conditions_choose_groups():
    layout = layout_of("05 ID PIC 9V9.", "05 G1.", "   10 F1 PIC S9(2).", "05 G2 REDEFINES G1.", "   10 F2 PIC X(2).")
    options = Asked.model_validate({"when": {"G1": "in(ID, 1, null)", "g2": "@ID = 2 || ID = null"}})
    rows = rows_of(layout, options, [records_of(["1111", "2222", "  33", "3044"])])
    assert [(row["G1"], row["G2"]) for row in rows] == [
        ({"F1": 11}, None),
        (None, {"F2": "22"}),
        ({"F1": 33}, {"F2": "33"}),
        (None, None),
    ]


class Accumulator:
    """The ids of levels, record by record: a plain reading of Cobrix's accumulator."""

    def __init__(self, levels: Sequence[Sequence[str]], prefix: str, file: int) -> None:
        self.levels, self.prefix, self.file = levels, prefix, file
        self.root, self.current, self.counts = "", -1, [0] * len(levels)

    def ids(self, value: str, number: int) -> list[str | None]:
        named = [level for level, values in enumerate(self.levels) if value in values]
        others = [level for level, values in enumerate(self.levels) if "_" in values]
        for level in (named or others)[:1]:
            self.current = level
            self.counts[level] += 1
            if level == 0:
                self.root = f"{self.prefix}_{self.file}_{number}"
                self.counts = [0] * len(self.levels)
        return [
            None if level > self.current else self.root if level == 0 else f"{self.root}_L{level}_{self.counts[level]}"
            for level in range(len(self.levels))
        ]


@given(
    st.lists(st.sampled_from("CDEO?"), max_size=20),
    st.sampled_from([(("C",),), (("C",), ("D", "O")), (("C",), ("D",), ("E",)), (("C",), ("D",), ("_",))]),
    st.lists(st.integers(0, 20), max_size=3),
)
def test_ids_of_levels_are_those_of_cobrix(kinds: list[str], levels: tuple[tuple[str, ...], ...], places: list[int]):
    records = records_of([kind + "001" for kind in kinds])
    accumulator = Accumulator(levels, "ID", 3)
    expected = [accumulator.ids(kind, number) for number, kind in enumerate(kinds)]
    options = asked(groups={}, levels=levels, id_prefix="ID")
    for profile in (IBM, COBRIX):
        rows = rows_of(layout_of(*COPYBOOK, profile=profile), options, cut(records, places), file=3)
        found = [[row[f"Seg_Id{level}"] for level in range(len(levels))] for row in rows]
        # Cobrix keeps records that come before the first root if they have a level
        assert found == [ids for ids in expected if ids[0] or (profile is COBRIX and ids[0] is not None)]


def nested_slowly(kinds: Sequence[str], texts: Sequence[str]) -> list[dict[str, object]]:
    """Return the rows as Cobrix makes them: for each parent it looks through what follows."""
    group_of = {value: name for name, values in GROUPS.items() for value in values}
    groups = [group_of.get(kind) for kind in kinds]
    above = {child: parent for parent, children in CHILDREN.items() for child in children}

    def struct(number: int, name: str) -> dict[str, object]:
        text = texts[number][1:]
        fields: dict[str, dict[str, object]] = {
            "COMPANY": {"COMPANY-NAME": text},
            "DEPT": {"DEPT-NO": int(text) if name == "DEPT" else None},
            "EMPLOYEE": {"NAME": text[:2], "AGE": int(text[2]) if name == "EMPLOYEE" else None},
            "OFFICE": {"CITY": text},
        }
        below = {
            child: children(number, child, name) for child in ("DEPT", "EMPLOYEE", "OFFICE") if above[child] == name
        }
        return {**fields[name], **below}

    def children(parent: int, name: str, parent_name: str) -> list[dict[str, object]]:
        ends = {parent_name}
        while parent_name in above:
            parent_name = above[parent_name]
            ends.add(parent_name)
        found = []
        for number in range(parent + 1, len(kinds)):
            if groups[number] in ends:
                break
            if groups[number] == name:
                found.append(struct(number, name))
        return found

    return [
        {"KIND": "C", "COMPANY": struct(number, "COMPANY")} for number, name in enumerate(groups) if name == "COMPANY"
    ]


@st.composite
def files(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    kinds = draw(st.lists(st.sampled_from("CDEMO?"), max_size=25))
    return kinds, [f"{kind}{draw(st.integers(100, 999))}" for kind in kinds]


@given(files(), st.lists(st.integers(0, 25), max_size=4), st.sampled_from([IBM, COBRIX]))
def test_children_stand_in_their_parents(file: tuple[list[str], list[str]], places: list[int], profile: Profile):
    kinds, texts = file
    layout = layout_of(*COPYBOOK, profile=profile)
    options = asked(children=CHILDREN, **{"as": "nested"})
    hierarchy = Hierarchy(options, layout, Segments(options, layout, Decoder(layout)))
    chunks = cut(records_of(texts), places)
    nested, begun = [], ()
    for number, chunk in enumerate(chunks):
        handed = replace(chunk, data=chunk.data.copy())
        found, begun = hierarchy.nest(handed, begun, final=number == len(chunks) - 1)
        nested += found
        handed.data[:] = 0  # as a reader does with its buffer
    rows = [row for found in nested for row in found.rows.to_pylist()]
    names = {"COMPANY-NAME": "COMPANY_NAME", "DEPT-NO": "DEPT_NO"} if profile is COBRIX else {}
    assert rows == renamed(nested_slowly(kinds, texts), names)
    assert all(found.rows.schema == hierarchy.schema for found in nested)
    roots = [number for number, kind in enumerate(kinds) if kind == "C"]
    following = [*roots[1:], len(kinds)] if roots else []
    assert [number for found in nested for number in found.numbers] == (roots if profile is IBM else following)
    assert [length for found in nested for length in found.lengths] == [
        4 * (end - start) for start, end in zip(roots, following, strict=True)
    ]


def renamed(value: object, names: dict[str, str]) -> object:
    if isinstance(value, list):
        return [renamed(item, names) for item in value]
    if isinstance(value, dict):
        return {names.get(key, key): renamed(item, names) for key, item in value.items()}
    return value


def test_what_cannot_be_read_in_a_child_is_told_with_its_record():
    layout = layout_of(*COPYBOOK)
    options = asked(children=CHILDREN, **{"as": "nested"})
    hierarchy = Hierarchy(options, layout, Segments(options, layout, Decoder(layout)))
    (found,), _ = hierarchy.nest(records_of(["Cabc", "D0x1", "D002"]), final=True)
    assert [(item.path, item.count, item.rows) for item in found.unreadable] == [("COMPANY.DEPT[*].DEPT-NO", 1, (1,))]
    assert found.rows.to_pylist()[0]["COMPANY"]["DEPT"][0]["DEPT-NO"] is None


@given(files(), st.lists(st.integers(0, 25), max_size=4), st.sampled_from(["COMPANY", "DEPT", "EMPLOYEE"]))
def test_tables_are_related_by_ids(file: tuple[list[str], list[str]], places: list[int], table: str):
    kinds, texts = file
    options = asked(children=CHILDREN, table=table, id_prefix="P", **{"as": "table"})
    layout = layout_of(*COPYBOOK, shape="names")
    related = RelatedTable(options, layout, Segments(options, layout, Decoder(layout)))
    decoder = Decoder(related.layout)
    rows: list[dict[str, object]] = []
    seen, filtered = None, 0
    for chunk in cut(records_of(texts), places):
        selected, seen = related.select(chunk, seen, file=1)
        found = decoder.decode(selected.records, active=selected.active).rows
        filtered += selected.filtered
        for column, array in zip(related.ids, selected.ids, strict=True):
            found = found.append_column(column.name, array)
        rows += found.to_pylist()
    assert [tuple(row[name] for name in ("segment_id", "parent_id", "root_id")) for row in rows] == [
        tuple(None if above is None else f"P_1_{above}" for above in chain) for chain in related_slowly(kinds, table)
    ]
    assert filtered == len(kinds) - len(rows)
    others = {"COMPANY-NAME", "DEPT-NO", "NAME", "CITY"} - {*related.layout.schema.names}
    assert len(others) == 3


def related_slowly(kinds: Sequence[str], table: str) -> list[tuple[int, int | None, int | None]]:
    group_of = {value: name for name, values in GROUPS.items() for value in values}
    above = {child: parent for parent, children in CHILDREN.items() for child in children}
    last: dict[str, int] = {}  # of each group that is open
    rows: list[tuple[int, int | None, int | None]] = []
    for number, kind in enumerate(kinds):
        group = group_of.get(kind)
        if group is None:
            continue
        for other in list(last):  # a record ends all that are below a record of its kind
            chain = other
            while chain in above:
                chain = above[chain]
                if chain == group:
                    last.pop(other, None)
        last[group] = number
        if group == table:
            parent = last.get(above[group]) if group in above else None
            root = number if group not in above else last.get("COMPANY") if parent is not None else None
            rows.append((number, parent, root))
    return rows


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"field": "KINDS"}, "'KINDS' does not stand in RECORD-1"),
        ({"field": "COMPANY"}, "segments: 'COMPANY' is no field"),
        ({"field": None}, "segments: `field` is missing"),
        ({"groups": {"KIND": ("A",)}}, "segments: 'KIND' is no group"),
        ({"groups": {"COMPANY": ("A",), "DEPT": ("A",)}}, "the value 'A' chooses 'COMPANY' and 'DEPT'"),
        ({"groups": {}, "when": {"DEPT": "KIND = 1"}}, "segments.when.DEPT: expression 'KIND = 1': cannot compare"),
        ({"groups": {}, "when": {"DEPT": "KIN = 'x'"}}, "'KIN' does not stand in RECORD-1"),
    ],
)
def test_options_that_do_not_fit_the_layout_are_refused(values: dict[str, object], message: str):
    layout = layout_of(*COPYBOOK)
    with pytest.raises(ConfigurationError, match=message):
        Segments(asked(**values), layout, Decoder(layout))


def test_cobrix_takes_groups_on_the_same_bytes_only():
    lines = (*COPYBOOK, "05 REST.", "   10 R PIC X.")
    apart = asked(groups={"DEPT": ("D",), "REST": ("R",)})
    layout = layout_of(*lines, profile=COBRIX)
    with pytest.raises(ConfigurationError, match="DEPT, REST do not redefine one another"):
        Segments(apart, layout, Decoder(layout))
    Segments(asked(), layout, Decoder(layout))
    layout = layout_of(*lines)
    Segments(apart, layout, Decoder(layout))


@pytest.mark.parametrize(
    ("children", "message"),
    [
        ({"COMPANY": ("DEPT",)}, "one group must be without parent, not COMPANY, EMPLOYEE, OFFICE"),
        ({"COMPANY": ("DEPT", "EMPLOYEE", "OFFICE"), "DEPT": ("EMPLOYEE",)}, "'EMPLOYEE' has two parents"),
        ({"COMPANY": ("DEPTS",)}, "'DEPTS' is chosen by no value and no condition; did you mean 'DEPT'"),
        ({"DEPT": ("EMPLOYEE", "OFFICE", "COMPANY"), "COMPANY": ("DEPT",)}, "is its own ancestor"),
    ],
)
def test_families_that_are_none_are_refused(children: dict[str, tuple[str, ...]], message: str):
    layout = layout_of(*COPYBOOK)
    options = asked(children=children)
    with pytest.raises(ConfigurationError, match=message):
        Hierarchy(options, layout, Segments(options, layout, Decoder(layout)))


def test_groups_may_stand_deep_in_the_record():
    layout = layout_of(
        "03 HEAD.",
        "   05 KIND PIC X.",
        "03 BODY.",
        "   04 INNER.",
        "      05 COMPANY.",
        "         10 A PIC X.",
        "      05 DEPT REDEFINES COMPANY.",
        "         10 B PIC X.",
    )
    options = asked(groups={"COMPANY": ("C",), "DEPT": ("D",)}, children={"COMPANY": ("DEPT",)}, **{"as": "nested"})
    hierarchy = Hierarchy(options, layout, Segments(options, layout, Decoder(layout)))
    (found,), _ = hierarchy.nest(records_of(["Ca", "Db", "Dc"]), final=True)
    assert found.rows.to_pylist() == [
        {"HEAD": {"KIND": "C"}, "BODY": {"INNER": {"COMPANY": {"A": "a", "DEPT": [{"B": "b"}, {"B": "c"}]}}}}
    ]
    assert pa.types.is_list(hierarchy.schema.field("BODY").type.field("INNER").type.field("COMPANY").type[1].type)


@pytest.mark.parametrize("batch_rows", [1, 2, 100])
def test_the_reader_nests_and_relates(tmp_path: Path, batch_rows: int):
    (tmp_path / "book.cpy").write_text("\n".join("       " + line for line in ("01 RECORD-1.", *COPYBOOK)) + "\n")
    texts = ["D000", "Cone", "D001", "Eab1", "Cad2", "Ctwo", "Oxyz"]
    (tmp_path / "data").write_bytes("".join(f"..{text}" for text in texts).encode("cp037"))

    def read(**segments: object) -> tuple[list[dict[str, object]], Reader]:
        options = MainframeOptions.model_validate(
            {
                "path": "data",
                "copybook": "book.cpy",
                "record_start": 2,
                "batch_rows": batch_rows,
                "add": {"record_id": "ID", "record_length": "LENGTH"},
                "segments": {"field": "KIND", "groups": GROUPS, "children": CHILDREN, **segments},
            }
        )
        reader = Reader(options, assemble.layout_of(options, tmp_path))
        return [row for batch in reader.read([tmp_path / "data"]) for row in batch.rows.to_pylist()], reader

    rows, reader = read(**{"as": "nested"})
    assert [(row["ID"], row["LENGTH"]) for row in rows] == [(1, 18), (4, 6), (5, 12)]
    dept = {"DEPT-NO": 1, "EMPLOYEE": [{"NAME": "ab", "AGE": 1}]}
    assert rows[0]["COMPANY"] == {"COMPANY-NAME": "one", "DEPT": [dept], "OFFICE": []}
    assert (reader.counts.read, reader.counts.filtered) == (7, 1)
    rows, reader = read(**{"as": "nested", "only": ("C", "O")})
    assert [(row["ID"], row["LENGTH"]) for row in rows] == [(1, 6), (4, 6), (5, 12)]
    assert (reader.counts.read, reader.counts.filtered) == (7, 3)
    rows, reader = read(**{"as": "table", "table": "EMPLOYEE"})
    assert rows == [
        {"ID": 3, "LENGTH": 6, "segment_id": "0_3", "parent_id": "0_2", "root_id": "0_1"}
        | {"KIND": "E", "NAME": "ab", "AGE": 1}
    ]
    assert reader.counts.filtered == 6

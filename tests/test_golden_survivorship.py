"""Golden records: which values survive, and the invariants of survivorship."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canonical_model.schema import Kind, content_schema, field_groups
from foundation.document import parse
from golden import rules as survivorship_rules
from golden.rules import Rule, Rules
from golden.survivorship import OVERRIDES, compute, next_change

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
TODAY = date(2026, 6, 1)
GROUPS = {kind: tuple(field_groups(kind)) for kind in Kind}


def day(number: int) -> datetime:
    return EPOCH + timedelta(days=number)


def record(entity: int, source: str, key: str, *, since: int | Mapping[str, int] = 0, **content: Any) -> dict[str, Any]:
    return {"entity_id": entity, "data_source": source, "record_id": key, "since": since, **content}


def frame(rows: Iterable[dict[str, Any]], kind: Kind = Kind.PARTY) -> pl.DataFrame:
    """Lay records out as the store gives them; ``since`` is a day, or a day per field group."""
    moment = pl.Datetime("us", "UTC")
    schema = {
        "entity_id": pl.Int64(),
        "record_no": pl.Int64(),
        "data_source": pl.String(),
        "record_id": pl.String(),
        "changed_at": moment,
        "since": pl.Struct(dict.fromkeys(GROUPS[kind], moment)),
        **content_schema(kind),
    }
    laid_out = []
    for number, row in enumerate(rows):
        since = row["since"]
        days = {group: since.get(group, 0) if isinstance(since, Mapping) else since for group in GROUPS[kind]}
        laid_out.append({**row, "record_no": number, "since": {group: day(n) for group, n in days.items()}})
    return pl.DataFrame(laid_out, schema=schema)


def rules(text: str = "", systems: Mapping[str, str] | None = None) -> Rules:
    return survivorship_rules.load(parse(text, Path("survivorship.yaml")), systems=systems)


def golden(
    *rows: dict[str, Any],
    conf: str = "",
    satellites: Mapping[Kind, pl.DataFrame] | None = None,
    overrides: pl.DataFrame | None = None,
    as_of: date = TODAY,
    systems: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return payload and provenance of the only entity in ``rows``."""
    result = compute(frame(rows), satellites or {}, rules(conf, systems), overrides, as_of)
    assert result.height == 1
    payload: dict[str, Any] = json.loads(result["payload"][0])
    provenance: dict[str, Any] = json.loads(result["provenance"][0])
    assert payload.pop("canonical_version") == 1
    return payload, provenance


class TestRules:
    def test_most_recent_goes_by_when_the_value_was_first_given(self) -> None:
        payload, provenance = golden(
            record(1, "crm", "a", since={"birth_place": 5}, birth_place="Delft"),
            record(1, "web", "b", since={"birth_place": 3, "occupation": 90}, birth_place="Gouda", occupation="baker"),
        )
        assert payload == {"birth_place": "Delft", "occupation": "baker"}
        assert provenance["birth_place"] == {
            "data_source": "crm",
            "record_id": "a",
            "since": "2024-01-06T00:00:00Z",
            "rule": "most_recent",
        }

    def test_a_touch_does_not_make_a_value_recent(self) -> None:
        touched = record(1, "web", "b", since=1, language="de") | {"changed_at": day(900)}
        payload, _ = golden(record(1, "crm", "a", since=2, language="nl") | {"changed_at": day(2)}, touched)
        assert payload == {"language": "nl"}

    def test_empty_values_never_win(self) -> None:
        payload, _ = golden(record(1, "crm", "a", since=1, gender="female"), record(1, "web", "b", since=9))
        assert payload == {"gender": "female"}

    def test_source_priority_may_name_a_system(self) -> None:
        rows = (
            record(1, "crm_people", "a", since=1, language="nl"),
            record(1, "web", "b", since=9, language="de"),
            record(1, "unlisted", "c", since=99, language="fr"),
        )
        conf = "fields: {language: {rule: source_priority, sources: [crm, web]}}"
        systems = {"crm_people": "crm", "web": "portal", "unlisted": "other"}
        assert golden(*rows, conf=conf, systems=systems)[0] == {"language": "nl"}

    def test_most_frequent_counts_records(self) -> None:
        rows = [
            record(1, "s", key, since=since, birth_date=date(1980, 1, born))
            for key, since, born in [("a", 1, 2), ("b", 2, 2), ("c", 99, 3)]
        ]
        assert golden(*rows, conf="default: most_frequent")[0] == {"birth_date": "1980-01-02"}

    def test_longest(self) -> None:
        rows = (record(1, "s", "a", since=9, occupation="baker"), record(1, "s", "b", occupation="master baker"))
        assert golden(*rows, conf="fields: {occupation: longest}")[0] == {"occupation": "master baker"}

    @pytest.mark.parametrize("default", Rule)
    def test_a_rule_that_cannot_tell_values_apart_takes_the_most_recent(self, default: Rule) -> None:
        rows = (record(1, "web", "a", since=9, birth_date=TODAY), record(1, "crm", "b", birth_date=date(1980, 1, 2)))
        values = compute(frame(rows), {}, Rules(default=default), None, TODAY)["payload"]
        assert json.loads(values[0])["birth_date"] == TODAY.isoformat()

    def test_who_tells_nothing_has_an_empty_golden_record(self) -> None:
        assert golden(record(1, "crm", "a")) == ({}, {})

    def test_ties_fall_to_the_source_that_stands_first(self) -> None:
        rows = (record(1, "web", "a", language="de"), record(1, "crm", "b", language="nl"))
        assert golden(*rows, conf="sources: [crm, web]")[0] == {"language": "nl"}
        assert golden(*rows, conf="sources: [web, crm]")[0] == {"language": "de"}


class TestNames:
    OLD = record(1, "crm", "a", since=1, given_name="Anna", infix="van der", family_name="Berg", title="Dr.")
    NEW = record(1, "web", "b", since=2, given_name="Anna", family_name="Smit")

    def test_the_parts_of_a_name_follow_one_record(self) -> None:
        payload, provenance = golden(self.OLD, self.NEW)
        assert payload == {"given_name": "Anna", "family_name": "Smit"}
        assert {origin["data_source"] for origin in provenance.values()} == {"web"}

    def test_a_part_with_a_rule_of_its_own_goes_its_own_way(self) -> None:
        payload, provenance = golden(self.OLD, self.NEW, conf="fields: {title: most_recent}")
        assert payload == {"given_name": "Anna", "family_name": "Smit", "title": "Dr."}
        assert provenance["title"]["data_source"] == "crm"


class TestFillingGaps:
    CONF = "fields: {name: {rule: most_recent, fill_gaps: true}}"
    WINNER = record(1, "web", "b", since=9, initials="J.", family_name="Berg")

    def test_what_the_winner_leaves_out_comes_from_who_bears_the_same_name(self) -> None:
        fuller = record(
            1, "crm", "a", since=1, given_name="Johanna", infix="van der", family_name="BERG", initials="J.P."
        )
        payload, provenance = golden(self.WINNER, fuller, conf=self.CONF)
        assert payload == {"initials": "J.", "given_name": "Johanna", "infix": "van der", "family_name": "Berg"}
        assert {path: origin["record_id"] for path, origin in provenance.items()} == {
            "initials": "b",
            "given_name": "a",
            "infix": "a",
            "family_name": "b",
        }

    @pytest.mark.parametrize(
        "other", [{"given_name": "Piet", "family_name": "Berg"}, {"given_name": "Johanna", "family_name": "Smit"}]
    )
    def test_nothing_comes_from_another_name(self, other: dict[str, str]) -> None:
        payload, _ = golden(self.WINNER, record(1, "crm", "a", since=1, **other), conf=self.CONF)
        assert payload == {"initials": "J.", "family_name": "Berg"}

    def test_a_part_with_a_rule_of_its_own_tells_who_bears_the_same_name(self) -> None:
        fuller = record(1, "crm", "a", since=1, given_name="Johanna", infix="van der", family_name="Berg")
        conf = "fields: {name: {rule: most_recent, fill_gaps: true}, given_name: longest}"
        payload, provenance = golden(self.WINNER, fuller, conf=conf)
        assert payload == {"initials": "J.", "given_name": "Johanna", "infix": "van der", "family_name": "Berg"}
        assert provenance["given_name"]["rule"] == "longest"

    def test_an_organisation_has_no_first_letter(self) -> None:
        winner = record(1, "web", "b", since=9, organisation_name="Bakkerij Smit")
        contact = record(1, "crm", "a", since=1, organisation_name="bakkerij smit", title="dhr.")
        payload, _ = golden(winner, contact, conf=self.CONF)
        assert payload == {"title": "dhr.", "organisation_name": "Bakkerij Smit"}


class TestLists:
    def test_one_address_per_kind_with_the_parts_that_belong_to_it(self) -> None:
        home = {"kind": "home", "street": "Dam", "house_number": "1", "house_number_suffix": "a"}
        moved = {"kind": "home", "street": "Coolsingel", "house_number": "40"}
        postal = {"kind": "postal", "street": "Postbus", "house_number": "9"}
        payload, provenance = golden(
            record(1, "crm", "a", since=1, addresses=[home, postal]), record(1, "web", "b", since=2, addresses=[moved])
        )
        assert payload == {"addresses": [moved, postal]}
        assert [provenance[f"addresses[{n}]"]["record_id"] for n in (0, 1)] == ["b", "a"]

    def test_an_address_survives_only_while_it_is_valid(self) -> None:
        now = {"kind": "home", "street": "Dam", "valid_to": "2026-06-30"}
        next_month = {"kind": "home", "street": "Coolsingel", "valid_from": "2026-07-01"}
        both = record(1, "crm", "a", addresses=[_dated(now), _dated(next_month)])
        assert golden(both, as_of=date(2026, 6, 30))[0] == {"addresses": [now]}
        assert golden(both, as_of=date(2026, 7, 1))[0] == {"addresses": [next_month]}
        days = next_change(frame([both]), {}, date(2026, 6, 29))
        assert days.rows() == [(1, date(2026, 7, 1))]
        assert next_change(frame([both]), {}, date(2026, 7, 1)).is_empty()

    def test_the_start_of_an_address_is_news(self) -> None:
        moving = record(
            1, "crm", "a", since=1, addresses=[_dated({"kind": "home", "street": "A", "valid_from": "2026-05-01"})]
        )
        other = record(1, "web", "b", since=400, addresses=[{"kind": "home", "street": "B"}])
        assert golden(moving, other)[0]["addresses"][0]["street"] == "A"

    def test_all_customer_numbers_but_one_iban(self) -> None:
        payload, _ = golden(
            record(1, "crm", "a", since=1, identifiers=[_id("customer_number", "1"), _id("iban", "OLD")]),
            record(1, "web", "b", since=2, identifiers=[_id("customer_number", "2"), _id("iban", "NEW")]),
            record(1, "pos", "c", since=0, identifiers=[_id("customer_number", "1")]),
        )
        assert payload["identifiers"] == [
            _id("customer_number", "2"),
            _id("customer_number", "1"),
            _id("iban", "NEW"),
        ]

    def test_a_number_under_two_kinds_stands_once(self) -> None:
        payload, _ = golden(
            record(1, "crm", "a", since=2, phones=[{"kind": "home", "number": "+31612345678"}]),
            record(1, "web", "b", since=1, phones=[{"kind": "mobile", "number": "+31612345678"}]),
            record(1, "pos", "c", since=0, phones=[{"kind": None, "number": "+31612345678"}]),
            conf="fields: {phones: {keep: all}}",
        )
        assert payload == {"phones": [{"kind": "home", "number": "+31612345678"}]}

    def test_the_newest_number_of_a_kind_wins_even_if_it_stands_under_another_too(self) -> None:
        payload, _ = golden(
            record(1, "crm", "a", since=9, phones=[{"kind": "home", "number": "+31600000001"}]),
            record(1, "web", "b", since=8, phones=[{"kind": "mobile", "number": "+31600000001"}]),
            record(1, "pos", "c", since=1, phones=[{"kind": "mobile", "number": "+31600000002"}]),
        )
        assert payload == {"phones": [{"kind": "home", "number": "+31600000001"}]}


class TestSatellites:
    def test_of_two_records_of_one_product_one_survives_as_a_whole(self) -> None:
        products = frame(
            [
                record(
                    1,
                    "billing",
                    "p1",
                    since=1,
                    product_type="mobile",
                    number="+31612345678",
                    status="active",
                    name="Go",
                ),
                record(1, "orders", "p2", since=2, product_type="mobile", number="+31612345678", status="ended"),
                record(1, "orders", "p3", since=2, product_type="tv", name="TV"),
                record(1, "orders", "p4", since=2, product_type="tv", name="TV"),
            ],
            Kind.PRODUCT,
        )
        payload, provenance = golden(record(1, "crm", "a"), satellites={Kind.PRODUCT: products})
        assert payload["products"][0] == {"product_type": "mobile", "number": "+31612345678", "status": "ended"}
        assert [product["product_type"] for product in payload["products"]] == ["mobile", "tv", "tv"]
        assert provenance["products[0]"]["record_id"] == "p2"

    def test_the_last_word_on_a_consent_holds(self) -> None:
        consents = frame(
            [
                record(
                    1, "web", "c1", since=50, purpose="marketing", channel="e-mail", granted=True, recorded_on=day(3)
                ),
                record(
                    1, "crm", "c2", since=10, purpose="marketing", channel="e-mail", granted=False, recorded_on=day(4)
                ),
            ],
            Kind.CONSENT,
        )
        payload, _ = golden(record(1, "crm", "a"), satellites={Kind.CONSENT: consents})
        assert payload["consents"] == [
            {"purpose": "marketing", "channel": "e-mail", "granted": False, "recorded_on": "2024-01-05T00:00:00Z"}
        ]

    def test_contacts_are_no_part_of_it(self) -> None:
        contacts = frame([record(1, "cc", "x", channel="phone", subject="a call")], Kind.CONTACT)
        assert golden(record(1, "crm", "a", language="nl"), satellites={Kind.CONTACT: contacts})[0] == {
            "language": "nl"
        }


class TestOverrides:
    def test_a_stewards_word_wins_and_is_named(self) -> None:
        overrides = pl.DataFrame(
            [
                (1, "birth_date", '"1980-02-03"', "j.steward", day(1)),
                (1, "birth_date", '"1980-02-04"', "j.steward", day(2)),
                (1, "phones", '[{"kind":"mobile","number":"+31687654321"}]', "j.steward", day(2)),
                (1, "language", None, "j.steward", day(2)),
                (7, "language", '"nl"', "j.steward", day(2)),
            ],
            schema=OVERRIDES,
            orient="row",
        )
        row = record(
            1, "crm", "a", since=99, language="de", birth_date=date(1999, 9, 9), phones=[{"number": "+31600000001"}]
        )
        payload, provenance = golden(row, overrides=overrides)
        assert payload == {"birth_date": "1980-02-04", "phones": [{"kind": "mobile", "number": "+31687654321"}]}
        said = {"since": "2024-01-03T00:00:00Z", "rule": "override", "author": "j.steward"}
        assert provenance == {"birth_date": said, "phones": said}


# Invariants -------------------------------------------------------------------------------------------------------

texts = st.sampled_from(["Anna", 'O"Neill', "Bäcker", "{x", ',"a":null'])
phones = st.fixed_dictionaries(
    {"kind": st.sampled_from(["home", "mobile", None]), "number": st.sampled_from(["+31600000001", "+31600000002"])}
)
addresses = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["home", "postal", None]),
        "street": texts,
        "city": st.none() | texts,
        "valid_from": st.none() | st.dates(date(2026, 5, 1), date(2026, 7, 1)),
        "valid_to": st.none() | st.dates(date(2026, 5, 1), date(2026, 7, 1)),
    }
)
identifiers = st.fixed_dictionaries(
    {"type": st.sampled_from(["customer_number", "iban"]), "value": st.sampled_from(["1", "2", "3"])}
)
parties = st.fixed_dictionaries(
    {
        "entity_id": st.integers(1, 3),
        "data_source": st.sampled_from(["crm", "web", "pos"]),
        "record_id": st.integers(0, 5).map(str),
        "since": st.integers(0, 3),
        "given_name": st.none() | texts,
        "infix": st.none() | texts,
        "family_name": st.none() | texts,
        "birth_date": st.none() | st.dates(date(1980, 1, 1), date(1980, 1, 3)),
        "occupation": st.none() | texts,
        "phones": st.none() | st.lists(phones, min_size=1, max_size=3),
        "addresses": st.none() | st.lists(addresses, min_size=1, max_size=3),
        "identifiers": st.none() | st.lists(identifiers, min_size=1, max_size=3),
    }
)
members = st.lists(parties, min_size=1, max_size=12, unique_by=lambda row: (row["data_source"], row["record_id"]))
choices = st.fixed_dictionaries(
    {
        "default": st.sampled_from(["most_recent", "most_frequent", "source_priority"]),
        "sources": st.permutations(["crm", "web", "pos"]),
        "fields": st.fixed_dictionaries(
            {
                "name": st.sampled_from(["most_recent", "longest"]),
                "phones": st.sampled_from([{"keep": "all"}, {"keep": "one"}]),
            }
        ),
    }
).map(lambda conf: rules(json.dumps(conf)))


@settings(max_examples=25)
@given(members, choices, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_means_nothing(rows: list[dict[str, Any]], chosen: Rules, random: Any) -> None:
    shuffled = random.sample(rows, len(rows))
    assert compute(frame(rows), {}, chosen, None, TODAY).equals(compute(frame(shuffled), {}, chosen, None, TODAY))


@settings(max_examples=25)
@given(members, choices)
def test_other_entities_mean_nothing(rows: list[dict[str, Any]], chosen: Rules) -> None:
    together = compute(frame(rows), {}, chosen, None, TODAY)
    alone = [
        compute(frame([row for row in rows if row["entity_id"] == entity]), {}, chosen, None, TODAY)
        for entity in sorted({row["entity_id"] for row in rows})
    ]
    assert together.equals(pl.concat(alone))


@settings(max_examples=25)
@given(members, choices)
def test_every_value_is_a_members_and_its_origin_is_told(rows: list[dict[str, Any]], chosen: Rules) -> None:
    by_key = {(row["data_source"], row["record_id"]): row for row in rows}
    for entity, text, origins_text in compute(frame(rows), {}, chosen, None, TODAY).iter_rows():
        payload, origins = json.loads(text), json.loads(origins_text)
        told = set()
        for path, origin in origins.items():
            held = by_key[origin["data_source"], origin["record_id"]]
            assert held["entity_id"] == entity
            name, _, index = path.rstrip("]").partition("[")
            if index:
                assert _dated(payload[name][int(index)]) in [_without_nulls(each) for each in held[name]]
            else:
                assert payload[name] == _plain(held[name])
            told.add(path)
        assert told == set(_paths(payload))
        names = {origins[part]["record_id"] for part in ("given_name", "infix", "family_name") if part in origins}
        assert len(names) <= 1


@settings(max_examples=25)
@given(members, choices)
def test_the_golden_record_of_a_golden_record_is_itself(rows: list[dict[str, Any]], chosen: Rules) -> None:
    once = compute(frame(rows), {}, chosen, None, TODAY)
    again = frame(
        record(entity, "golden", str(entity), **_dated(_without_version(json.loads(payload))))
        for entity, payload, _ in once.iter_rows()
    )
    assert compute(again, {}, chosen, None, TODAY)["payload"].equals(once["payload"])


def test_an_entity_without_values_has_a_golden_record() -> None:
    assert golden(record(1, "crm", "a")) == ({}, {})


def test_no_members_give_no_golden_records() -> None:
    assert compute(frame([]), {}, Rules(), None, TODAY).is_empty()


class TestRulesDocument:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("fields: {birthdate: longest}", "fields.birthdate: unknown field 'birthdate'; did you mean 'birth_date'?"),
            ("fields: {birth_date: longest}", "longest suits text, and 'birth_date' is none"),
            ("fields: {language: newest}", "input should be 'most_recent'"),
            ("fields: {language: {sources: [crm]}}", "only the rule source_priority uses a list of sources"),
            ("fields: {language: source_priority}", "source_priority has no list of sources"),
            ("fields: {language: {keep: all}}", "keep suits lists of a party"),
            ("fields: {emails: {fill_gaps: true}}", "fill_gaps suits the parts of 'name'"),
            ("sources: [cmr]", "sources[0]: no source or system is called 'cmr'; did you mean 'crm'?"),
            ("defaults: longest", "unknown key 'defaults'; did you mean 'default'?"),
        ],
    )
    def test_an_error_names_place_and_remedy(self, text: str, message: str) -> None:
        with pytest.raises(Exception, match=r"survivorship\.yaml:1:") as error:
            rules(text, systems={"crm_people": "crm"})
        assert message in str(error.value)

    def test_all_errors_at_once(self) -> None:
        with pytest.raises(Exception) as error:
            rules("fields:\n  birthdate: longest\n  occupations: longest\n")
        assert str(error.value).count("did you mean") == 2

    def test_the_projects_own_document_is_right(self, project_root: Path) -> None:
        from foundation.document import load

        survivorship_rules.load(load(project_root / "conf" / "survivorship.yaml"))


def _id(type_: str, value: str) -> dict[str, str]:
    return {"type": type_, "value": value}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _without_nulls(element: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in element.items() if value is not None}


def _without_version(payload: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name != "canonical_version"}


def _dated(value: Any) -> Any:
    """Turn the ISO dates of a JSON value into dates, as frames hold them."""
    if isinstance(value, dict):
        return {
            name: date.fromisoformat(each) if name in ("birth_date", "valid_from", "valid_to") else _dated(each)
            for name, each in value.items()
        }
    return [_dated(each) for each in value] if isinstance(value, list) else value


def _paths(payload: dict[str, Any]) -> Iterable[str]:
    for name, value in _without_version(payload).items():
        if isinstance(value, list):
            yield from (f"{name}[{index}]" for index in range(len(value)))
        else:
            yield name

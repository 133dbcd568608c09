"""Events: what channels hear, the schemas they were promised, and what must not leak."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from canonical_model.events import MODELS, Event, EventType, json_schema, render, schema_file

RECORD = (
    '{"canonical_version":1,"party_type":"person","family_name":"Jansen","birth_date":"1980-02-03",'
    '"identifiers":[{"type":"iban","value":"NL91ABNA0417164300"},{"type":"customer_number","value":"123"}],'
    '"consents":[{"purpose":"marketing","granted":true,"recorded_on":"2024-01-02T03:04:05Z"}]}'
)
OTHERS: dict[EventType, dict[str, Any]] = {
    EventType.CREATED: {"changed": ("family_name",)},
    EventType.CHANGED: {"changed": ("family_name",)},
    EventType.MERGED: {"into": 8},
    EventType.SPLIT: {"changed": ("family_name",), "out_of_it": (9, 10)},
    EventType.DELETED: {},
}


def event(type_: EventType) -> Event:
    at = datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC)
    return Event(entity_id=7, version=3, type=type_, cause="r5-7", created_at=at, **OTHERS[type_])


@pytest.mark.parametrize("type_", EventType)
def test_the_published_schema_is_the_models(type_: EventType) -> None:
    assert schema_file(type_).read_text(encoding="utf-8") == json_schema(type_), "run python -m canonical_model.events"


@pytest.mark.parametrize("entitled", [False, True])
@pytest.mark.parametrize("payload", [RECORD, None])
@pytest.mark.parametrize("type_", EventType)
def test_what_is_rendered_keeps_the_promise(type_: EventType, payload: str | None, entitled: bool) -> None:
    text = render(event(type_), payload, entitled=entitled)
    schema = json.loads(schema_file(type_).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(json.loads(text))
    read = MODELS[type_].model_validate_json(text)
    assert read.model_dump(mode="json", exclude_unset=True) == json.loads(text)


def test_the_schema_refuses_what_is_no_event() -> None:
    broken = json.loads(render(event(EventType.MERGED), None))
    del broken["data"]["into"]
    assert not Draft202012Validator(json.loads(json_schema(EventType.MERGED))).is_valid(broken)


def test_the_envelope() -> None:
    rendered = json.loads(render(event(EventType.SPLIT), None))
    assert rendered == {
        "specversion": "1.0",
        "id": "7.3",
        "source": "/voeg/customers",
        "type": "voeg.customer.split.v1",
        "subject": "7",
        "time": "2026-01-02T03:04:05.600000Z",
        "datacontenttype": "application/json",
        "data": {
            "version": 3,
            "cause": "r5-7",
            "canonical_version": 1,
            "out_of_it": ["9", "10"],
            "changed": ["family_name"],
        },
    }


def test_sensitive_values_travel_only_to_the_entitled() -> None:
    assert b"NL91ABNA0417164300" not in render(event(EventType.CHANGED), RECORD)
    assert b'"value":"123"' in render(event(EventType.CHANGED), RECORD)
    assert b"NL91ABNA0417164300" in render(event(EventType.CHANGED), RECORD, entitled=True)


@pytest.mark.parametrize("type_", [EventType.MERGED, EventType.DELETED])
def test_an_entity_that_is_gone_has_no_record(type_: EventType) -> None:
    assert b"Jansen" not in render(event(type_), RECORD)

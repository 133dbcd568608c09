"""What channels hear of a customer: CloudEvents 1.0 in structured JSON, one event per affected entity.

``subject`` is the entity's id and ``data.version`` rises with every event of it, so that a consumer ignores what it
has passed. Events of one change share ``data.cause``. The JSON Schemas that are published for consumers lie in
``canonical_model/schemas/`` and are generated from the models here: ``python -m canonical_model.events``.

Source of the envelope: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from canonical_model.golden import GoldenRecord, without_sensitive
from canonical_model.schema import CANONICAL_VERSION

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
SOURCE = "/voeg/customers"
SCHEMAS = Path(__file__).parent / "schemas"

EntityId = str
"""An entity's id as channels see it."""


class EventType(StrEnum):
    """What happened to an entity; ``into`` and ``out_of_it`` name the other entities of the change."""

    CREATED = "created"  # it is new, or revived
    CHANGED = "changed"  # a value of its golden record changed
    MERGED = "merged"  # it was absorbed; its id redirects to ``into``
    SPLIT = "split"  # records left it for the entities in ``out_of_it``; it kept its id
    DELETED = "deleted"  # no source knows it any more, or it was erased

    @property
    def full_name(self) -> str:
        """The CloudEvents type, which is the routing key too: ``voeg.customer.changed.v1``."""
        return f"voeg.customer.{self.value}.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event as the outbox keeps it: what happened, without the golden record."""

    entity_id: int
    version: int  # of the entity; with its id it names the event
    type: EventType
    cause: str  # shared by all events of one change
    created_at: datetime  # with time zone
    changed: Sequence[str] = ()  # fields of the golden record, of created, changed and split
    into: int | None = None  # of merged
    out_of_it: Sequence[int] = ()  # of split

    @property
    def id(self) -> str:
        """The CloudEvents id: the same each time the event is delivered."""
        return f"{self.entity_id}.{self.version}"


def render(event: Event, payload: str | None, *, entitled: bool = False) -> bytes:
    """Return an event as structured JSON.

    Args:
        event: what happened.
        payload: the golden record of that version, canonical JSON; None when there is none (any more).
        entitled: whether the readers may see sensitive fields; they are left out otherwise.
    """
    data: dict[str, Any] = {
        "version": event.version,
        "cause": event.cause,
        "canonical_version": CANONICAL_VERSION,
    }
    if event.type is EventType.MERGED:
        data["into"] = str(event.into)
    elif event.type is not EventType.DELETED:
        if event.type is EventType.SPLIT:
            data["out_of_it"] = [str(entity) for entity in event.out_of_it]
        data["changed"] = list(event.changed)
        if payload is not None:
            record: Mapping[str, Any] = json.loads(payload)
            data["canonical_version"] = record["canonical_version"]
            data["record"] = record if entitled else without_sensitive(record)
    envelope = {
        "specversion": "1.0",
        "id": event.id,
        "source": SOURCE,
        "type": event.type.full_name,
        "subject": str(event.entity_id),
        "time": event.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": data,
    }
    return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class Data(_Part):
    """What every event says."""

    version: int = Field(ge=1, description="Rises with every event of the entity; ignore what you have passed.")
    cause: str = Field(description="Shared by all events of one change.")
    canonical_version: int = Field(ge=1, description="Version of the canonical model that the record was made with.")


class ValueData(Data):
    """What an event about values says."""

    changed: tuple[str, ...] = Field(description="The fields of the golden record that changed.")
    record: GoldenRecord | None = Field(
        default=None, description="The golden record of this version; absent when it was erased meanwhile."
    )


class SplitData(ValueData):
    """What a split says."""

    out_of_it: tuple[EntityId, ...] = Field(description="The entities that records of this one went to.")


class MergedData(Data):
    """What a merge says of the entity that was absorbed."""

    into: EntityId = Field(description="The entity that it is part of now.")


class CustomerEvent(_Part):
    """The CloudEvents envelope of every event."""

    specversion: Literal["1.0"]
    id: str = Field(description="The same each time the event is delivered.")
    source: Literal["/voeg/customers"]
    subject: EntityId
    time: AwareDatetime
    datacontenttype: Literal["application/json"]


class CustomerCreated(CustomerEvent):
    """A customer is known who was not."""

    type: Literal["voeg.customer.created.v1"]
    data: ValueData


class CustomerChanged(CustomerEvent):
    """A value of a customer's golden record changed."""

    type: Literal["voeg.customer.changed.v1"]
    data: ValueData


class CustomerMerged(CustomerEvent):
    """Two customers turned out to be one; this one was absorbed."""

    type: Literal["voeg.customer.merged.v1"]
    data: MergedData


class CustomerSplit(CustomerEvent):
    """One customer turned out to be several; this one kept its id."""

    type: Literal["voeg.customer.split.v1"]
    data: SplitData


class CustomerDeleted(CustomerEvent):
    """No source knows the customer any more, or the customer was erased."""

    type: Literal["voeg.customer.deleted.v1"]
    data: Data


MODELS: Mapping[EventType, type[CustomerEvent]] = {
    EventType.CREATED: CustomerCreated,
    EventType.CHANGED: CustomerChanged,
    EventType.MERGED: CustomerMerged,
    EventType.SPLIT: CustomerSplit,
    EventType.DELETED: CustomerDeleted,
}


def json_schema(type_: EventType) -> str:
    """Return the JSON Schema of an event, as its file holds it."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:voeg:schema:{type_.full_name}",
        **MODELS[type_].model_json_schema(),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def schema_file(type_: EventType) -> Path:
    """Return where the JSON Schema of an event lies."""
    return SCHEMAS / f"{type_.full_name}.json"


if __name__ == "__main__":
    SCHEMAS.mkdir(exist_ok=True)
    for each in EventType:
        schema_file(each).write_text(json_schema(each), encoding="utf-8")

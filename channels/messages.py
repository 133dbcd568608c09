"""What the API takes and gives, as its OpenAPI document shows it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from canonical_model.golden import GoldenRecord
from sync.customer import KINDS, Key, Outcome, State

Text = Annotated[str, Field(min_length=1, max_length=254)]
Kind = Literal["phone", "email", "customer_number", "iban", "product"]


class LookupRequest(BaseModel):
    """What a customer said of themselves; one of these or several."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"examples": [{"phone": "06 12345678"}, {"email": "a@example.nl", "customer_number": "1"}]},
    )

    phone: Text | None = Field(default=None, description="As dialled or as the exchange shows it.")
    email: Text | None = None
    customer_number: Text | None = None
    iban: Text | None = None
    product: Text | None = Field(default=None, description="A product's number: a card, a meter, a subscription.")

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if not self.keys():
            raise ValueError(f"give at least one of {', '.join(KINDS)}")
        return self

    def keys(self) -> list[Key]:
        """Return what is asked for."""
        return [Key(kind, value) for kind in KINDS if (value := getattr(self, kind)) is not None]

    def __repr__(self) -> str:
        """Name the type only: what it holds is personal data."""
        return "<LookupRequest>"


class LookupKey(BaseModel):
    """What one key led to."""

    kind: Kind
    outcome: Outcome = Field(
        description="too_common: generic, or shared by too many to list; invalid: no such phone number exists."
    )
    shared_by: int | None = Field(description="How many customers have it; null when that was not counted.")


class LookupMatch(BaseModel):
    """How a key points to a customer."""

    kind: Kind
    state: State = Field(description="In the golden record, or superseded there by a newer or better value.")
    shared_by: int = Field(description="How many customers have it, this one included.")


class LookupCustomer(BaseModel):
    """A customer that may be meant."""

    id: str
    matches: list[LookupMatch]


class LookupAnswer(BaseModel):
    """All customers that may be meant, the likeliest first. Which it is, the conversation decides."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "keys": [{"kind": "phone", "outcome": "found", "shared_by": 2}],
                    "customers": [
                        {"id": "41", "matches": [{"kind": "phone", "state": "current", "shared_by": 2}]},
                        {"id": "7", "matches": [{"kind": "phone", "state": "superseded", "shared_by": 2}]},
                    ],
                }
            ]
        }
    )

    keys: list[LookupKey]
    customers: list[LookupCustomer]


class Origin(BaseModel):
    """Where a value of the golden record comes from: a source record, or a person who set it."""

    rule: str | None = Field(default=None, examples=["most_recent"])
    data_source: str | None = None
    record_id: str | None = None
    since: AwareDatetime | None = Field(default=None, description="When the source first gave the value.")
    author: str | None = None


class CustomerAnswer(BaseModel):
    """A golden record with the origin of every value."""

    requested_id: str
    id: str
    redirected: bool = Field(description="The requested customer was merged into this one: use this id from now on.")
    version: int
    recorded_at: AwareDatetime
    record: GoldenRecord
    provenance: dict[str, Origin] = Field(
        description="By path in the record.",
        examples=[{"addresses[0]": {"data_source": "crm", "record_id": "8", "rule": "most_recent"}}],
    )


class Contact(BaseModel):
    """A contact between the customer and the organisation."""

    data_source: str
    record_id: str
    occurred_at: AwareDatetime | None = None
    channel: str | None = Field(default=None, examples=["phone"])
    direction: str | None = Field(default=None, examples=["inbound"])
    subject: str | None = None
    outcome: str | None = None
    reference: str | None = None
    attributes: list[dict[str, Any]] = []


class ContactsAnswer(BaseModel):
    """A page of contacts, the newest first."""

    requested_id: str
    id: str
    redirected: bool
    total: int
    contacts: list[Contact]
    next: str | None = Field(description="Give it as `after` for the next page; null on the last.")


class Health(BaseModel):
    """That the process lives, or is ready for questions."""

    status: Literal["ok"] = "ok"

"""docs/architecture.md tells all places in the store that an erasure has to clear."""

from __future__ import annotations

from documentation import DOCS, spans, tables
from sqlalchemy import LargeBinary, Text

from store.tables import metadata

PAGE = DOCS / "architecture.md"

OF_NO_PERSON = {
    *("crosswalk_history.cause", "crosswalk_history.actor"),
    *("decision.kind", "decision.author", "decision.revoked_by"),
    "entity.state",
    "identifier_key.type",
    *("lease.name", "lease.holder"),
    "lookup_key.kind",
    *("model_version.version", "model_version.note", "model_version.actor"),
    *("other_party.other_source", "other_party.other_identifier_type"),
    *("override.path", "override.author", "override.revoked_by"),
    *("party_reference.identifier_type", "party_reference.state"),
    *("quarantine.reasons", "quarantine.closed_by"),
    *("run.verb", "run.state", "run.actor", "run.mapping_digest", "run.details", "run.error"),
    "sequence.name",
    *(f"source.{name}" for name in ("name", "system", "mode", "mapping_digest", "state", "held_reason", "cursor")),
    *("state.key", "state.value"),
    *("suppression.key_hash", "suppression.actor", "tombstone.actor"),
    *("task.kind", "task.state", "task.reason", "task.actor", "task.ended_by"),
}
"""Texts that name systems, kinds, states and who works with the customers: nothing of the customers themselves."""


def test_every_text_of_the_store_is_erased_or_of_no_person() -> None:
    [told] = [table for table in tables(PAGE.read_text()) if table.head[-1] == "where it stands"]
    named = {span for row in told.rows for span in spans(row[-1])}
    whole = {name for name in named if "." not in name}
    columns = {
        f"{table.name}.{column.name}": column
        for table in metadata.tables.values()
        if table.name not in whole
        for column in table.columns
    }
    texts = {name for name, column in columns.items() if isinstance(column.type, Text | LargeBinary)}
    assert whole == {"edge", "outbox"} and whole <= metadata.tables.keys()
    assert texts - OF_NO_PERSON == named - whole - {"feature.key", "blocking_key.hash"}
    assert {*OF_NO_PERSON} <= texts and {"feature.key", "blocking_key.hash"} <= columns.keys()

"""Explanations as JSON-ready documents: one shape for the command line and for every console.

Weights are in bits, three decimals. Values of customers are left out unless they are asked for; nothing else in a
document is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from identity import explanation, wording
from identity.explanation import Weighing
from identity.model import BIT
from sync.explain import (
    KEY_STATES,
    REASONS,
    VERDICTS,
    Decision,
    Fall,
    How,
    Named,
    Pair,
    Step,
    Subject,
    Why,
    WhyNot,
)

FORMAT = 1
"""Raised when a field changes its meaning or goes; a new field changes nothing."""


def why(found: Why, *, sensitive: bool) -> dict[str, Any]:
    """Return what speaks for two being one, and against it; of the strongest pair of their records in full."""
    return {
        "format": FORMAT,
        "a": _subject(found.a),
        "b": _subject(found.b),
        "together": found.together,
        "verdict": {"code": found.verdict, "text": VERDICTS[found.verdict]},
        "between": _bits(found.between),
        "strongest": _pair(found.strongest, sensitive=sensitive) if found.strongest else None,
        "pairs": [_summary(pair) for pair in found.pairs],
        "decisions": _decisions(found.decisions),
        "notes": [*found.notes],
    }


def why_not(found: WhyNot, *, sensitive: bool) -> dict[str, Any]:
    """Return what keeps two apart, the decisive reason first."""
    return {
        **why(found.why, sensitive=sensitive),
        "reasons": [{"code": code, "text": REASONS[code]} for code in found.reasons],
        "keys": [
            {"rule": key.rule, "state": key.state, "text": KEY_STATES[key.state], "records": key.records}
            for key in found.keys
        ],
    }


def how(found: How, *, sensitive: bool) -> dict[str, Any]:
    """Return how a customer was put together, step by step, and what a higher threshold would take apart.

    The first of the ``falls`` is the weakest link.
    """
    return {
        "format": FORMAT,
        "requested_id": found.asked,
        "id": str(found.entity_id),
        "records": [_record(record) for record in found.records],
        "link_threshold": _bits(found.link_threshold),
        "steps": [_step(step, sensitive=sensitive) for step in found.steps],
        "falls": [_fall(fall) for fall in found.falls],
        "decisions": _decisions(found.decisions),
        "notes": [*found.notes],
    }


def _step(step: Step, *, sensitive: bool) -> dict[str, Any]:
    return {
        "one": [str(record) for record in step.one],
        "other": [str(record) for record in step.other],
        "weight": _bits(step.weight),
        "by": "decision" if step.weight is None else "weight",
        "strongest": _pair(step.strongest, sensitive=sensitive),
    }


def _fall(fall: Fall) -> dict[str, Any]:
    parts = [[str(record) for record in part] for part in fall.parts]
    return {"above": _bits(fall.above), "parts": parts, "strongest": _summary(fall.strongest)}


def _subject(subject: Subject) -> dict[str, Any]:
    return {
        "asked": subject.asked,
        "kind": "customer" if subject.whole else "record",
        "id": None if subject.entity_id is None else str(subject.entity_id),
        "records": [_record(record) for record in subject.records],
    }


def _record(record: Named) -> dict[str, str]:
    return {"data_source": record.data_source, "record_id": record.record_id}


def _summary(pair: Pair) -> dict[str, Any]:
    weighing = pair.weighing
    return {"a": str(pair.a), "b": str(pair.b), "weight": _bits(weighing.weight), "vetoes": [*weighing.vetoes]}


def _pair(pair: Pair, *, sensitive: bool) -> dict[str, Any]:
    return {"a": str(pair.a), "b": str(pair.b), **_weighing(pair.weighing, sensitive=sensitive)}


def _weighing(weighing: Weighing, *, sensitive: bool) -> dict[str, Any]:
    return {
        "party_type": weighing.party_type,
        "weight": _bits(weighing.weight),
        "rival": {"code": weighing.rival, "text": wording.RIVALS[weighing.party_type][weighing.rival]},
        "prior": {rival: _bits(weighing.prior(rival)) for rival in wording.BOTH},
        "total": {rival: _bits(weighing.total(rival)) for rival in wording.BOTH},
        "evidence": [
            {
                "comparison": step.comparison,
                "name": wording.respect(step.comparison).name,
                "level": step.level,
                "text": step.words,
                "told": step.told,
                "weight": {rival: _bits(step.weight(rival)) for rival in wording.BOTH},
                **(_values(step) if sensitive else {}),
            }
            for step in weighing.steps
        ],
        "too_common": [*weighing.set_aside],
        "vetoes": [*weighing.vetoes],
        "link_threshold": _bits(weighing.link_threshold),
        "review_threshold": _bits(weighing.review_threshold),
    }


def _values(step: explanation.Step) -> dict[str, Any]:
    """Return what the two records say in their own words, and what was compared."""
    own, others = step.says
    return {"says": {"a": [*own], "b": [*others]}, "a": dict(step.left), "b": dict(step.right)}


def _decisions(decisions: Sequence[Decision]) -> list[dict[str, Any]]:
    return [
        {
            "a": str(decision.a),
            "b": str(decision.b),
            "kind": decision.kind,
            "author": decision.author,
            "reason": decision.reason,
            "decided_at": decision.decided_at.isoformat(),
        }
        for decision in decisions
    ]


def _bits(weight: int | None) -> float | None:
    return None if weight is None else weight / BIT

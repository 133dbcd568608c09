"""The release of the matching code: what beside the model decides which records are one party, as one digest.

Keys, features and edges that are kept were made by the code of some day. A release that would make others, or put
records together otherwise, must not match by them; it links everything anew first.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib import resources
from typing import Final

from pydantic import JsonValue

from identity import blocking, clustering, comparison, features
from identity.blocking import Rule
from identity.comparison import Comparison, Veto

CODE_VERSION: Final = 1
"""Raised when code decides otherwise in a way that nothing below tells of: how weights are summed, clusters put
together, a test of names works. What features mean has a version of its own, because models depend on it."""


@cache
def digest() -> str:
    """Return the digest of features, blocking rules, comparisons, vetoes and clustering of this program."""
    decides: dict[str, JsonValue] = {
        "code": CODE_VERSION,
        "features": [features.CODE_VERSION, {name: str(type_) for name, type_ in features.SCHEMA.items()}],
        "names": _names(),
        "blocking": {party_type: [_rule(rule) for rule in rules] for party_type, rules in blocking.RULES.items()},
        "comparisons": {
            party_type: [_comparison(one) for one in comparisons]
            for party_type, comparisons in comparison.COMPARISONS.items()
        },
        "vetoes": {party_type: [_veto(veto) for veto in vetoes] for party_type, vetoes in comparison.VETOES.items()},
        "clustering": [clustering.BEST_PAIR, clustering.LIMIT, clustering.LARGE, clustering.STEP],
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]


def _names() -> dict[str, JsonValue]:
    """Return the digests of the lists that features are made with: nicknames, legal forms and others."""
    files = (file for file in resources.files("identity").joinpath("data").iterdir() if file.name.endswith(".txt"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _rule(rule: Rule) -> JsonValue:
    return [rule.name, rule.at_most, rule.ceiling, *(part.sql for part in rule.parts)]


def _comparison(one: Comparison) -> JsonValue:
    levels: list[JsonValue] = [[level.name, level.missing, level.frequency] for level in one.levels]
    return [one.name, one.sql(lambda column: f"l.{column}", lambda column: f"r.{column}"), levels]


def _veto(veto: Veto) -> JsonValue:
    return [veto.name, {name: [*sorted(levels)] for name, levels in veto.levels.items()}]

"""Records of several kinds: which group of the copybook a record is, and what belongs to what."""

from __future__ import annotations

from datetime import datetime

from adapters.mainframe.cobrix.given import Given, column, split
from adapters.mainframe.options import Segments


def segments(given: Given) -> Segments | None:
    """Return how kinds of records are told apart; None when no option says so."""
    rules = {group: condition.strip() for group, condition in given.arrows("redefine_rule", "redefine-rule")}
    children = _children(given)
    if "segment_field" not in given:
        return Segments(when=rules) if rules else None
    groups: dict[str, tuple[str, ...]] = {}
    for group, values in given.arrows("redefine_segment_id_map", "redefine-segment-id-map"):
        groups[group] = (*groups.get(group, ()), *(value.strip() for value in split(values)))
    chosen = given.text("segment_filter")
    ids = levels(given)
    return Segments.model_validate(
        {
            "field": given.text("segment_field"),
            "groups": groups,
            "when": rules,
            "only": None if chosen is None else tuple(split(chosen)),
            "children": children,
            "as": "nested" if children else "columns",
            "levels": ids,
            "id_prefix": _id_prefix(given) if ids else None,
        }
    )


def levels(given: Given) -> tuple[tuple[str, ...], ...]:
    """Return the values of the segment field by level, root first; ``_`` stands for all others."""
    found: list[tuple[str, ...]] = []
    while True:
        value = given.text(f"segment_id_level{len(found)}")
        if value is None and not found:
            value = given.text("segment_id_root")
        if value is None:
            break
        found.append(tuple("_" if part.strip() == "*" else part.strip() for part in split(value)))
    for number, ids in enumerate(found):
        name = f"segment_id_level{number}"
        if "_" in ids and number < len(found) - 1:
            given.refuse(name, "'_' and '*' are for the last level only")
        if "_" in ids and len(ids) > 1:
            given.refuse(name, "'_' and '*' stand for every other value, and stand alone")
    return tuple(found)


def _id_prefix(given: Given) -> str:
    return given.text("segment_id_prefix") or datetime.now().astimezone().strftime("%Y%m%d%H%M%S")


def _children(given: Given) -> dict[str, tuple[str, ...]]:
    parents: dict[str, str] = {}
    children: dict[str, tuple[str, ...]] = {}
    for parent, names in given.arrows("segment_children", "segment-children"):
        for child in map(column, split(names)):
            if parents.setdefault(child, parent) != parent:
                given.refuse("segment-children", f"'{child}' is a child of '{parents[child]}' and of '{parent}'")
            elif child not in children.get(parent, ()):
                children[parent] = (*children.get(parent, ()), child)
    return children

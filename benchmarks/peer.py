"""Our comparisons as Splink takes them: the peer that linking and training are measured beside."""

from __future__ import annotations

from collections.abc import Iterable

from splink.comparison_library import CustomComparison

from identity.comparison import Comparison

_left, _right = '"{}_l"'.format, '"{}_r"'.format


def splink_comparison(one: Comparison, *, m: Iterable[float] = (), u: Iterable[float] = ()) -> CustomComparison:
    """Return a comparison as Splink takes it, with the same levels in the same order.

    Args:
        one: the comparison.
        m: of its levels, missing ones left out; nothing where Splink is to estimate it.
        u: the same.
    """
    known_m, known_u = iter(m), iter(u)
    return CustomComparison(
        output_column_name=one.name,
        comparison_levels=[
            {
                "sql_condition": level.condition.sql(_left, _right) if level.condition else "ELSE",
                "label_for_charts": level.name,
                "is_null_level": level.missing,
                "m_probability": None if level.missing else next(known_m, None),
                "u_probability": None if level.missing else next(known_u, None),
            }
            for level in one.levels
        ],
    )

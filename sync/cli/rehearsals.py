"""What ``voeg resolve --dry-run`` tries, and how it tells what would change."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from foundation.settings import IdentitySettings
from identity.model import BIT, Model
from sync.cli.console import bits, note, out, print_json, print_table
from sync.estate import Estate
from sync.rehearse import Part, Rehearsal, Sample
from sync.resolve import with_settings
from sync.train import find_model

PARTS_SHOWN = 4
"""Parts of a sample in the table; ``--json`` has all."""


def model_to_try(here: Estate, name: str | None, link_threshold: float | None) -> tuple[str, Model]:
    """Return the version of a model, and that model with what the estate sets unless it is tried otherwise.

    Args:
        here: the estate.
        name: version of a model in the store, or a file that one was exported to; None: the one in use.
        link_threshold: bits; None: as set.

    Raises:
        NotFound: there is no such version, nor file.
        ConfigurationError: the file holds no model of this release.
    """
    settings = here.settings.identity
    tried = IdentitySettings(
        link_threshold=settings.link_threshold if link_threshold is None else link_threshold,
        review_threshold=settings.review_threshold,
    )
    base = find_model(here.store, name)
    return base.version, with_settings(base, tried, here.duplicate_free)


def print_rehearsal(rehearsal: Rehearsal, *, base: str, as_json: bool) -> None:
    """Print what would change.

    Args:
        rehearsal: what was found.
        base: version of the model that the tried one derives from.
        as_json: for machines.
    """
    if as_json:
        print_json({**_as_dict(rehearsal), "base": base})
        return
    tried = "" if rehearsal.model == base else f", as {rehearsal.model}"
    note(
        f"tried model {base}{tried}: link threshold {bits(rehearsal.link_threshold)} bits,"
        f" review threshold {bits(rehearsal.review_threshold)}"
    )
    if rehearsal.another_release:
        note("customers were made by another release of the program: what would change, may be for that")
    elif rehearsal.standing == rehearsal.model:
        note("customers are made with it: what would change now, waits for 'voeg resolve'")
    out.print(_in_a_sentence(rehearsal), markup=False)
    rows = [
        ("source records", rehearsal.records),
        ("customers now", rehearsal.entities_before),
        ("customers then", rehearsal.entities_after),
        ("customers with other records than now", rehearsal.changed),
        ("records that move to another customer", rehearsal.moved),
        ("customers put together from several", rehearsal.merged),
        ("customers taken apart", rehearsal.split),
        ("ids that redirect to another", rehearsal.absorbed),
        ("new ids", rehearsal.created),
        ("ids that end", rehearsal.ended),
    ]
    print_table(None, ("would change", ""), rows)
    _print_samples("Put together, the largest first", "would become", rehearsal.merges)
    _print_samples("Taken apart, the largest first", "customer", rehearsal.splits)
    if rehearsal.splits:
        note("what holds one together: voeg customer how ID")
    if any(part.entity_id is not None for sample in rehearsal.merges for part in sample.parts):
        note("what keeps two apart now: voeg customer why-not ID ID")
    note("nothing was written")


def _in_a_sentence(rehearsal: Rehearsal) -> str:
    """Say how many customers would change, and how."""
    if not rehearsal.entities_before:
        return f"there are no customers yet; there would be {rehearsal.entities_after:,}"
    if not (rehearsal.changed or rehearsal.created):
        return "nothing would change"
    share = rehearsal.changed / rehearsal.entities_before
    return (
        f"{rehearsal.changed:,} of {rehearsal.entities_before:,} customers ({share:.1%}) would change:"
        f" {rehearsal.split:,} taken apart, {rehearsal.merged:,} put together from several"
    )


def _print_samples(title: str, whole: str, samples: tuple[Sample, ...]) -> None:
    if samples:
        rows = [(_id(each.entity_id), str(each.records), bits(each.weight), _parts(each.parts)) for each in samples]
        print_table(title, (whole, "records", "strongest pair, bits", "parts"), rows)


def _parts(parts: tuple[Part, ...]) -> str:
    texts = [_part(each) for each in parts[:PARTS_SHOWN]]
    if len(parts) > PARTS_SHOWN:
        texts.append(f"and {len(parts) - PARTS_SHOWN:,} more")
    return "; ".join(texts)


def _part(part: Part) -> str:
    shown = [f"{source}/{record}" for source, record in part.keys]
    left = part.records - len(shown)
    keys = ", ".join(shown) + (f" and {left:,} more" if left else "")
    names = f" ({', '.join(part.names)})" if part.names else ""
    return f"{_id(part.entity_id)}{names}: {keys}"


def _id(entity_id: int | None) -> str:
    return "new" if entity_id is None else str(entity_id)


def _as_dict(rehearsal: Rehearsal) -> dict[str, Any]:
    """Return a rehearsal as JSON-ready data; weights in bits."""
    document = asdict(rehearsal)
    for threshold in ("link_threshold", "review_threshold"):
        document[threshold] /= BIT
    for side in ("merges", "splits"):
        for sample in document[side]:
            sample["weight"] = None if sample["weight"] is None else sample["weight"] / BIT
            for part in sample["parts"]:
                part["keys"] = [f"{source}/{record}" for source, record in part["keys"]]
    return document

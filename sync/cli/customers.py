"""Commands about single customers: customer find|show."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from sync.cli.console import (
    HERE,
    EstateOption,
    JsonOption,
    by_path,
    note,
    open_here,
    out,
    print_json,
    print_table,
    reports_errors,
)
from sync.customer import KINDS, Customers, Key

_OUTCOMES = {
    "not_found": "no customer has it",
    "too_common": "too many have it to mean anything",
    "invalid": "no such number exists",
}

customer_app = typer.Typer(help="Golden records of single customers.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(customer_app, name="customer")


@customer_app.command("find")
@reports_errors
def find(
    *,
    phone: Annotated[str | None, typer.Option(help="A phone number, as dialled.")] = None,
    email: Annotated[str | None, typer.Option(help="An e-mail address.")] = None,
    customer_number: Annotated[str | None, typer.Option(help="A customer number.")] = None,
    iban: Annotated[str | None, typer.Option(help="An IBAN.")] = None,
    product: Annotated[str | None, typer.Option(help="A product's number: a card, a meter.")] = None,
    estate: EstateOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """List the customers that have any of these, the likeliest first."""
    given = {"phone": phone, "email": email, "customer_number": customer_number, "iban": iban, "product": product}
    asked = [Key(kind, value) for kind, value in given.items() if value is not None]
    if not asked:
        raise typer.BadParameter("give at least one of " + ", ".join("--" + kind.replace("_", "-") for kind in KINDS))
    here = open_here(estate)
    customers = Customers(here.store, region=here.settings.phone.region)
    found = customers.find(asked)
    customers.close()
    if as_json:
        print_json(asdict(found))
        return
    for key in found.keys:
        if key.outcome != "found":
            note(f"{key.kind.replace('_', ' ')}: {_OUTCOMES[key.outcome]}")
    if not found.customers:
        return
    print_table(
        None,
        ("customer", "found by", "shared by"),
        [
            (
                candidate.id,
                ", ".join(f"{match.kind} ({match.state})" for match in candidate.matches),
                min(match.shared_by for match in candidate.matches),
            )
            for candidate in found.customers
        ],
    )


@customer_app.command("show")
@reports_errors
def show(
    customer: Annotated[str, typer.Argument(metavar="ID", help="The id of a golden record.")],
    sensitive: Annotated[bool, typer.Option("--sensitive", help="Show IBAN and national ids too.")] = False,
    estate: EstateOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show a golden record with the origin of every value; a merged customer shows the one it is now."""
    here = open_here(estate)
    customers = Customers(here.store, region=here.settings.phone.region)
    shown = customers.show(customer, sensitive=sensitive)
    customers.close()
    record, provenance = json.loads(shown.record), json.loads(shown.provenance)
    if as_json:
        answer = {name: getattr(shown, name) for name in ("requested_id", "id", "redirected", "version")}
        moment = shown.recorded_at.isoformat()
        print_json({**answer, "recorded_at": moment, "record": record, "provenance": provenance})
        return
    if shown.redirected:
        note(f"customer {shown.requested_id} was merged into {shown.id}")
    out.print(f"customer {shown.id}, version {shown.version} of {shown.recorded_at:%Y-%m-%d %H:%M} UTC")
    print_table(None, ("field", "value", "from", "by"), _rows(record, provenance))


def _rows(record: dict[str, object], provenance: dict[str, dict[str, str]]) -> list[tuple[str, ...]]:
    """Return one row per value, and per element of a list, with its origin."""
    rows: list[tuple[str, ...]] = []
    for path, text in by_path(record).items():
        if path == "canonical_version":
            continue
        origin = provenance.get(path, {})
        source = origin.get("data_source") or origin.get("author") or ""
        rows.append((path, text, f"{source} {origin.get('record_id', '')}".strip(), origin.get("rule", "")))
    return rows

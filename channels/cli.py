"""The command ``voeg serve``."""

from __future__ import annotations

from typing import Annotated

import typer

from sync.cli.console import HERE, EstateOption, note, open_here, reports_errors


def register(app: typer.Typer) -> None:
    """Add this room's commands to ``voeg``."""
    app.command()(serve)


@reports_errors
def serve(
    estate: EstateOption = HERE,
    host: Annotated[str | None, typer.Option(help="Address to listen on; else api.host of the settings.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; else api.port of the settings.")] = None,
) -> None:
    """Serve the HTTP API until stopped."""
    import uvicorn  # noqa: PLC0415 - other commands start faster without a web server

    from channels import api  # noqa: PLC0415
    from channels.access import Clients  # noqa: PLC0415

    here = open_here(estate)
    settings = here.settings.api
    clients = Clients.of(here.settings, estate=here.root)
    served = api.app(here.store, clients, region=here.settings.phone.region)
    address, number = host or settings.host, settings.port if port is None else port
    note(f"serving on http://{address}:{number}; the API is described at /openapi.json")
    uvicorn.run(
        served, host=address, port=number, log_config=None, access_log=False, server_header=False, lifespan="on"
    )

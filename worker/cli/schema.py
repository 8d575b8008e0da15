"""`tasuki schema`: the contracts as documents, made of the code."""

from importlib.metadata import version

import typer

from worker.cli.common import command_alone

app = typer.Typer(help="Contracts as documents: event, openapi, asyncapi.", no_args_is_help=True)


def _print(document: object) -> None:
    import json

    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


@app.command("event")
@command_alone
def event() -> None:
    """Print the JSON Schema of a canonical event.

    Example: tasuki schema event > event.schema.json
    """
    from schemas.event import Event

    _print({"$schema": "https://json-schema.org/draft/2020-12/schema", **Event.model_json_schema()})


@app.command("openapi")
@command_alone
def openapi() -> None:
    """Print the OpenAPI document of the HTTP API; `tasuki web` serves the same at /openapi.json.

    Example: tasuki schema openapi > openapi.json
    """
    from worker.web.app import create_app

    _print(create_app().openapi())


@app.command("asyncapi")
@command_alone
def asyncapi() -> None:
    """Print the AsyncAPI document of the queue and the outgoing webhooks; also at /asyncapi.json.

    Example: tasuki schema asyncapi > asyncapi.json
    """
    from schemas.asyncapi import document
    from worker.intake.adapters.registry import ADAPTERS

    _print(document(version("tasuki"), sorted(ADAPTERS)))

"""The command's frame: what all commands share, and how errors end."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from cli import completion
from cli.commands import COMMANDS, GROUPS
from cli.hoisting import Frame
from cli.output import Form, Output
from cli.places import Place, PlaceError, find
from cli.problems import Failed
from cli.session import Exit, Session
from cli.words import clean_lines

HELP = """Per-tenant stateful firewall and spoof guard for Open vSwitch.

A tenant's things are written TENANT/NAME, or NAME where -t or OVSWARDEN_TENANT says whose, or one tenant alone has it.
The options below may stand behind the command, too.

Exit status: 0 ok, 1 error, 2 usage, 3 a trace is denied, 4 drift, a plan with changes, or a switch that is behind."""
EPILOG = "Options that all commands share (-o, -t, --curl, --context, ...): ovswarden --help"
NAMES_OF_HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="ovswarden",
    cls=Frame,
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=NAMES_OF_HELP,
)


def _version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"ovswarden {version('ovswarden')}")
        raise typer.Exit(Exit.OK)


@app.callback()
def shared(
    context: typer.Context,
    output: Annotated[Form, typer.Option("-o", "--output", help="How the answer is printed.")] = Form.TABLE,
    tenant: Annotated[
        str | None, typer.Option("-t", "--tenant", help="The tenant that is meant.", autocompletion=completion.tenants)
    ] = None,
    curl: Annotated[bool, typer.Option("--curl", help="Print the request as a curl line and send nothing.")] = False,
    place: Annotated[
        str | None,
        typer.Option("--context", help="A context of ~/.config/ovswarden.toml.", autocompletion=completion.contexts),
    ] = None,
    url: Annotated[str | None, typer.Option("--url", help="Address of the API.")] = None,
    socket: Annotated[str | None, typer.Option("--socket", help="Unix socket of the API.")] = None,
    token_file: Annotated[str | None, typer.Option("--token-file", help="File with a token.")] = None,
    ca: Annotated[str | None, typer.Option("--ca", help="Certificates (PEM) to trust.")] = None,
    certificate: Annotated[str | None, typer.Option("--cert", help="Client certificate (PEM).")] = None,
    key: Annotated[str | None, typer.Option("--key", help="Its private key (PEM).")] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """What all commands share."""
    said = Place(url, socket, None, token_file, ca, certificate, key, tenant)
    context.obj = Session(find(said, place), Output(output), curl)


for command in COMMANDS:
    app.command(command.__name__, epilog=EPILOG, context_settings=NAMES_OF_HELP)(command)
for name, group in GROUPS:
    app.add_typer(group, name=name, context_settings=NAMES_OF_HELP)


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point. Whatever happens is told in words; OVSWARDEN_DEBUG=1 shows where a fault of ours is."""
    try:
        app(args=list(sys.argv[1:] if arguments is None else arguments), prog_name="ovswarden")
    except (PlaceError, Failed) as error:
        _end(str(error))
    except OSError as error:
        _end(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if os.environ.get("OVSWARDEN_DEBUG"):
            raise
        _end(
            f"that is not the answer that this version ({version('ovswarden')}) expects: {type(error).__name__} "
            f"{error}\n  compare `ovswarden doctor`; OVSWARDEN_DEBUG=1 shows where it was"
        )


def _end(text: str) -> None:
    print(f"ovswarden: {clean_lines(text)}", file=sys.stderr)
    sys.exit(Exit.ERROR)

"""`tracets serve` and `tracets keys`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tracets.cli.show import Json, done, json_line, note, printed
from tracets.server.settings import ServerSettings

USUAL = ServerSettings()
Keys = Annotated[Path, typer.Argument(help="The file of keys; they are kept as hashes.")]
app = typer.Typer(help="API keys of a service: made, listed, removed.", no_args_is_help=True)


def serve(
    index: Annotated[str, typer.Argument(help="An index: its folder, or s3://bucket/index.")],
    host: Annotated[str, typer.Option(help="Where to listen; others than the loopback need --keys.")] = USUAL.host,
    port: Annotated[int, typer.Option(help="The port.", min=0, max=65535)] = USUAL.port,
    model: Annotated[str | None, typer.Option(help="By default the model that the index was built with.")] = None,
    keys: Annotated[Path | None, typer.Option(help="A file of API keys, see `tracets keys`.")] = None,
    allow_host: Annotated[list[str] | None, typer.Option(help="A host name that callers may use.")] = None,
    allow_origin: Annotated[list[str] | None, typer.Option(help="A web origin whose pages may call.")] = None,
    max_body: Annotated[int, typer.Option(help="Bytes of a request, at most.", min=1)] = USUAL.max_body_bytes,
    waiting: Annotated[int, typer.Option(help="Requests that may wait; one more gets 429.", min=1)] = USUAL.waiting,
    batch: Annotated[int, typer.Option(help="Texts or series encoded together, at most.", min=1)] = USUAL.batch,
    timeout: Annotated[float, typer.Option(help="Seconds for an answer.")] = USUAL.timeout_s,
    notice: Annotated[
        float, typer.Option(help="Seconds from SIGTERM, when readiness ends, to the end of accepting requests.")
    ] = USUAL.notice_s,
) -> None:
    """Answer over HTTP: search, explain, items, embeddings, forecasts, descriptions. See /docs there."""
    from tracets.server.run import serve as serve_

    settings = ServerSettings(
        host=host, port=port, keys=keys, hosts=tuple(allow_host or ()), origins=tuple(allow_origin or ()),
        max_body_bytes=max_body, waiting=waiting, batch=batch, timeout_s=timeout, notice_s=notice,
    )  # fmt: skip
    note(f"serving {index} on http://{host}:{port} (docs: /docs); stop with Ctrl-C")
    serve_(index, settings, model=model)


@app.command()
def add(
    file: Keys,
    name: Annotated[str, typer.Option(help="Whose it is; goes into the log.")],
    scope: Annotated[Literal["read", "write"], typer.Option(help="write may add and delete windows too.")] = "read",
    as_json: Json = False,
) -> None:
    """Make a key and print it: it cannot be shown again."""
    from tracets.server.keys import add_key

    secret = add_key(file, name, scope)
    if as_json:
        json_line({"name": name, "scope": scope, "key": secret})
    else:
        typer.echo(secret)


@app.command("list")
def list_(file: Keys, as_json: Json = False) -> None:
    """Print the name, scope and time of every key."""
    from tracets.server.keys import read_keys

    for key in read_keys(file):
        if as_json:
            json_line({"name": key.name, "scope": key.scope, "created": key.created})
        else:
            printed(f"{key.name}: {key.scope}, made {key.created}")


@app.command()
def remove(file: Keys, name: Annotated[str, typer.Option(help="Of the key.")], as_json: Json = False) -> None:
    """Take a key out of the file; a running service refuses it within a second or two."""
    from tracets.server.keys import remove_key

    remove_key(file, name)
    done(f"removed key '{name}'", {"removed": name}, as_json=as_json)

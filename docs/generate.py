"""Write the pages that are made from the code: docs/cli.md and docs/settings.md.

Run `python docs/generate.py` after a change of a command or a setting; a test fails while a page is stale.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import typer

from tracets.cli.main import app
from tracets.config import Settings
from tracets.files import Limits

DOCS = Path(__file__).resolve().parent


def cli_page() -> str:
    """Every command with its arguments and options."""
    parts = [
        "# Commands",
        "Answers go to stdout and progress to stderr. A mistake of the user ends with exit code 2 and one line on "
        "stderr that names the fix; `tracets --debug COMMAND` shows the traceback. No model hub is asked: set "
        "`HF_HUB_OFFLINE=0` to fetch a model (`hf://ORG/NAME`) or a text backbone by its name there.",
    ]
    for path, command in _commands(typer.main.get_command(app), "tracets"):
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        given = [f"{p.name.upper()}" if p.required else f"[{p.name.upper()}]" for p in arguments]
        rest = ["COMMAND"] if hasattr(command, "commands") else []
        options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
        usage = " ".join([path, *(["[OPTIONS]"] if options else []), *given, *rest])
        parts += [f"## {path}", command.help.strip(), f"    {usage}"]
        rows = [f"| `{p.name.upper()}` | {_needed(p)} | {_cell(p.help)} |" for p in arguments]
        rows += [f"| `{_spelling(p)}` | {_needed(p)} | {_cell(p.help)} |" for p in options]
        if rows:
            parts.append("\n".join(["| | default | |", "|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def settings_page() -> str:
    """Every setting of a training with its type and default."""
    parts = [
        "# Settings",
        "What `tracets train` reads: the defaults below, then the TOML file of `--recipe` (a table for each group), "
        "then `--set name=value`; the last wins. An unknown name or a value of the wrong type is refused. The settings "
        "of a run are saved in its folder.",
    ]
    limits = "Not of a training: what every command takes as `tracets --file-limit NAME=VALUE COMMAND`. "
    for group, config in [*_groups("", Settings), ("limits", Limits)]:
        parts += [f"## {group}", (limits if config is Limits else "") + _cell(inspect.getdoc(config) or "")]
        hints = get_type_hints(config)
        rows = [
            f"| `{group}.{f.name}` | {_type(hints[f.name])} | {_plain(f.default)} |"
            for f in dataclasses.fields(config)
            if not dataclasses.is_dataclass(hints[f.name])
        ]
        parts.append("\n".join(["| setting | type | default |", "|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, child in (getattr(command, "commands", None) or getattr(command, "forks", {})).items():
        yield from _commands(child, f"{path} {name}")


def _groups(name: str, config: Any) -> Iterator[tuple[str, Any]]:
    if name:
        yield name, config
    for field, hint in get_type_hints(config).items():
        if dataclasses.is_dataclass(hint):
            yield from _groups(f"{name}.{field}" if name else field, hint)


def _spelling(option: Any) -> str:
    names = ", ".join(option.opts)
    return names if option.is_flag else f"{names} {option.metavar or option.name.upper()}"


def _needed(parameter: Any) -> str:
    if parameter.required:
        return "required"
    default = parameter.default() if callable(parameter.default) else parameter.default
    return "" if default is None or default is False or default == "" else f"`{default}`"


def _type(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(hint))
    if get_origin(hint) is types.UnionType:
        return " or ".join("none" if part is type(None) else part.__name__ for part in get_args(hint))
    return str(hint.__name__)


def _plain(value: Any) -> str:
    return f"`{str(value).lower() if value is None or isinstance(value, bool) else value}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PAGES = {"cli.md": cli_page, "settings.md": settings_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")

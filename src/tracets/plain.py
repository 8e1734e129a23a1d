"""Settings as plain values: dataclasses built from tables of a file, and single values set by a dotted name.

Unknown names and wrong types are refused; a value that is not given keeps the default written in the dataclass.
"""

from __future__ import annotations

import difflib
import types
from dataclasses import fields, is_dataclass, replace
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from tracets.errors import ConfigError

T = TypeVar("T")


def build(kind: type[T], values: Any, *, where: str) -> T:
    """Build a (nested) frozen dataclass from a table of plain values.

    Raises
    ------
    ConfigError
        Not a table, an unknown name (with the nearest known one), a value of the wrong type or out of range.

    Examples
    --------
    >>> from tracets.encoders.settings import SeriesConfig
    >>> build(SeriesConfig, {"patch": 24}, where="series").patch
    24
    """
    if not isinstance(values, dict):
        raise ConfigError(f"'{where}' must be a table of settings, got {values!r}")
    hints = get_type_hints(kind)
    given = {}
    for name, value in values.items():
        hint = hints[_known(name, [f.name for f in fields(kind)], where)]  # type: ignore[arg-type]
        path = f"{where}.{name}" if where else name
        nested = isinstance(hint, type) and is_dataclass(hint)
        given[name] = build(hint, value, where=path) if nested else check(value, hint, where=path)
    return kind(**given)


def override(settings: T, assignment: str) -> T:
    """Return the settings with one value changed, as in "align.batch_size=64"; text becomes the type declared.

    Raises
    ------
    ConfigError
        No "=", an unknown name, or a text that is not of the declared type.
    """
    path, equals, text = assignment.partition("=")
    if not equals:
        raise ConfigError(f"'--set {assignment}' must read name=value, as in --set series.patch=24")
    return _set(settings, path.strip().split("."), text.strip(), where="")


def check(value: Any, hint: Any, *, where: str) -> Any:
    """Return the value if it is of the declared type, else raise ConfigError.

    Whole numbers pass as floats, and "none" as None where no text is meant: TOML has no word for it.
    """
    if get_origin(hint) is Literal:
        if value in get_args(hint):
            return value
        raise ConfigError(f"{where} must be one of {', '.join(map(repr, get_args(hint)))}, got {value!r}")
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if value == "none" and type(None) in options and str not in options:
        return None
    for option in options:
        if option is float and type(value) is int and abs(value) < 2**1023:
            return float(value)
        if type(value) is option:
            return value
    names = " or ".join("none" if o is type(None) else o.__name__ for o in options)
    raise ConfigError(f"{where} must be of type {names}, got {value!r}")


def parse(text: str, hint: Any, *, where: str) -> Any:
    """Read a value of the declared type from text: "none", "true"/"false", numbers, else the text itself."""
    readings: list[Any] = [text]
    lowered = text.lower()
    if lowered in ("none", "null"):
        readings.insert(0, None)
    if lowered in ("true", "false"):
        readings.insert(0, lowered == "true")
    for kind in (float, int):
        try:
            readings.insert(0, kind(text))
        except ValueError:
            continue
    for reading in readings:
        try:
            return check(reading, hint, where=where)
        except ConfigError:
            continue
    return check(text, hint, where=where)


def _set(settings: Any, path: list[str], text: str, *, where: str) -> Any:
    name = _known(path[0], [f.name for f in fields(settings)], where)
    here = f"{where}.{name}" if where else name
    old = getattr(settings, name)
    if len(path) > 1:
        if not is_dataclass(old):
            raise ConfigError(f"'{here}' is a single value; it has no '{'.'.join(path[1:])}'")
        return replace(settings, **{name: _set(old, path[1:], text, where=here)})
    if is_dataclass(old):
        raise ConfigError(f"'{here}' is a group; set one of {', '.join(f'{here}.{f.name}' for f in fields(old))}")
    return replace(settings, **{name: parse(text, get_type_hints(type(settings))[name], where=here)})


def _known(name: str, known: list[str], where: str) -> str:
    if name in known:
        return name
    full = f"{where}.{name}" if where else name
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    prefix = f"{where}." if where else ""
    hint = f"did you mean '{prefix}{near[0]}'?" if near else f"known: {', '.join(known)}"
    raise ConfigError(f"unknown setting '{full}'; {hint}")

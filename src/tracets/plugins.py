"""Parts that other packages bring by an entry point, beside those that are built in."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import Protocol, TypeVar

from tracets.errors import ConfigError, NotFound


class Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


def installed(group: str, built_in: Iterable[T], *, kind: str) -> dict[str, T]:
    """The built-in parts of a kind and those of installed packages, by name.

    Parameters
    ----------
    group : str
        Of entry points, such as "tracets.encoders". Each names an object of the kind.
    kind : str
        What a part is called, in the plural, for errors.

    Raises
    ------
    ConfigError
        Two parts have the same name, or an entry point cannot be loaded; names it.
    """
    found: dict[str, T] = {}
    brought = []
    for point in entry_points(group=group):
        try:
            brought.append(point.load())
        except Exception as error:  # code of a stranger, run at import
            raise ConfigError(
                f"the entry point '{point.name}' of {group} cannot be loaded ({type(error).__name__}: {error}). "
                f"Mend or uninstall the package that brings it."
            ) from error
    for part in [*built_in, *brought]:
        if part.name in found:
            raise ConfigError(f"two {kind} are called '{part.name}'. Uninstall or rename one of them.")
        found[part.name] = part
    return found


def package_of(group: str, name: str) -> str:
    """The installed package that brings a part, as `pip install` calls it; "" for a part that none brings."""
    for point in entry_points(group=group):
        if point.dist is not None and point.load().name == name:
            return point.dist.name
    return ""


def named(parts: dict[str, T], name: str, *, kind: str, group: str) -> T:
    """The part of a name.

    Raises
    ------
    NotFound
        There is none; lists those that there are.
    """
    if name not in parts:
        raise NotFound(
            f"no {kind} '{name}': there are {', '.join(sorted(parts)) or 'none'}. Other packages add some by an entry "
            f"point of the group '{group}'."
        )
    return parts[name]

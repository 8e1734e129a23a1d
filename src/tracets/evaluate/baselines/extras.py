"""Import of the libraries that only baselines need."""

from __future__ import annotations

import importlib
from types import ModuleType

from tracets.errors import MissingExtra


def optional(module: str, *, baseline: str) -> ModuleType:
    """Import a module of the extra `baselines`, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"baseline '{baseline}' needs {module.split('.')[0]}, which cannot be imported ({error}). "
            f'Install it with: pip install "tracets[baselines]"'
        ) from error

"""What loading a pretrained model takes, whichever it is: its package, its files, and that nothing in it learns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

import torch
from torch import nn

from tracets.errors import MissingExtra, ModelError

M = TypeVar("M", bound=nn.Module)


def import_package(module: str, *, backbone: str, install: str) -> ModuleType:
    """Import the package that a backbone needs, or say what to run.

    Parameters
    ----------
    install : str
        What pip has to be told.

    Raises
    ------
    MissingExtra
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"backbone '{backbone}' needs the package {module.split('.')[0]}, which cannot be imported ({error}). "
            f"Install it with: pip install {install}"
        ) from error


def frozen(model: M, device: str) -> M:
    """The model on a device, in evaluation mode, with parameters that take no gradient."""
    try:
        moved: M = model.to(torch.device(device)).eval()
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f"device '{device}' cannot hold the model ({error}). Use 'cpu' or one that is there."
        ) from error
    return moved.requires_grad_(False)


def whole(kind: Any, checkpoint: str | None, *, code: bool = False) -> Any:
    """A model of transformers from safetensors only, with every weight from the checkpoint and none made up.

    Parameters
    ----------
    kind : class
        With transformers' `from_pretrained`.
    code : bool, default=False
        Whether Python code beside the weights may be run.

    Raises
    ------
    ValueError
        Weights are missing.
    """
    told = {"trust_remote_code": True} if code else {}
    model, info = kind.from_pretrained(checkpoint, use_safetensors=True, output_loading_info=True, **told)
    missing = sorted(info["missing_keys"])
    if missing:
        raise ValueError(f"it lacks {len(missing)} weights, {missing[0]} among them")
    return model


@contextmanager
def reading(backbone: str, checkpoint: str | None) -> Iterator[None]:
    """Turn whatever a package raises over a checkpoint into one sentence."""
    try:
        yield
    except MissingExtra:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise ModelError(
            f"backbone '{backbone}': checkpoint '{checkpoint}' cannot be read as one of its kind "
            f"({type(error).__name__}: {reason[0] if reason else 'no reason given'}). Name a folder with its "
            f"config.json and model.safetensors, or a name on the hub where the hub can be reached."
        ) from error

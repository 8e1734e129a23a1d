"""Move batches between devices, and take them apart."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


def rows_of(value: T, rows: slice) -> T:
    """Some of the rows, counted along the first axis, of a dataclass or tuple of tensors."""
    taken: Any
    if isinstance(value, Tensor):
        taken = value[rows]
    elif isinstance(value, (tuple, list)):  # torch's loader makes a list of a tuple
        taken = tuple(rows_of(part, rows) for part in value)
    elif is_dataclass(value) and not isinstance(value, type):
        taken = replace(value, **{f.name: rows_of(getattr(value, f.name), rows) for f in fields(value)})
    else:
        raise TypeError(f"a {type(value).__name__} has no rows")
    return taken


def to_device(value: T, device: torch.device) -> T:
    """A tensor, or a tuple or dataclass of such, on a device; other values as they are."""
    moved: Any = value
    if isinstance(value, Tensor):
        moved = value.to(device)
    elif isinstance(value, (tuple, list)):  # torch's loader makes a list of a tuple
        moved = tuple(to_device(part, device) for part in value)
    elif is_dataclass(value) and not isinstance(value, type):
        moved = replace(value, **{f.name: to_device(getattr(value, f.name), device) for f in fields(value)})
    return moved

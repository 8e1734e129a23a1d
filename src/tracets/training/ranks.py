"""The processes of one training: which one this is, its share of a batch, and what all of them must know.

Every process draws the same batches and encodes its share of the rows. `gather` brings the vectors of all shares
together, so that each computes the loss of the whole batch, with all its negatives. In a training of one process
nothing here does anything.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from tracets.errors import ConfigError

T = TypeVar("T")


def is_first() -> bool:
    """Whether this process is the one that writes files: the only one, or that of rank 0."""
    if "RANK" in os.environ:
        return os.environ["RANK"] == "0"
    return {os.environ.get("LOCAL_RANK", "0"), os.environ.get("NODE_RANK", "0")} == {"0"}


def processes(devices: int) -> tuple[int, int]:
    """Processes on this machine, and machines: as torchrun started them, or `devices` on this one.

    Raises
    ------
    ConfigError
        Both say something, and not the same.
    """
    if "LOCAL_WORLD_SIZE" not in os.environ:
        return devices, 1
    here, all_of_them = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
    if devices not in (1, here):
        raise ConfigError(
            f"optim.devices is {devices}, torchrun started {here} processes on this machine. Leave optim.devices out."
        )
    return here, all_of_them // here


def world() -> tuple[int, int]:
    """The rank of this process, and how many there are."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def shares(n: int) -> list[int]:
    """How many of n rows each process has; they differ by one at most.

    Raises
    ------
    ConfigError
        There are fewer rows than processes.
    """
    _, size = world()
    if n < size:
        raise ConfigError(f"a batch of {n} windows cannot be shared by {size} processes. Raise optim.batch_size.")
    return [n // size + (i < n % size) for i in range(size)]


def own_rows(sizes: Sequence[int]) -> slice:
    """The rows of this process, where each has so many, one after the other."""
    rank, _ = world()
    begin = sum(sizes[:rank])
    return slice(begin, begin + sizes[rank])


def gather(rows: Tensor, sizes: Sequence[int]) -> Tensor:
    """The rows of all processes (sum(sizes), ...), in order of rank, from the own ones of each (sizes[rank], ...).

    Gradients are right where every process computes the same loss from what is gathered, and gradients of weights are
    averaged over the processes afterwards, as DistributedDataParallel does.
    """
    if len(sizes) == 1:
        return rows
    gathered: Tensor = _Gather.apply(rows, tuple(sizes))
    return gathered


def agreed(value: T) -> T:
    """What the first process says, in all."""
    if world()[1] == 1:
        return value
    said = [value]
    dist.broadcast_object_list(said, src=0)
    return said[0]


def wait() -> None:
    """Wait until every process has come here."""
    if world()[1] > 1:
        dist.barrier()


class _Gather(torch.autograd.Function):
    """The gradient of the own rows needs no other process: all have the same loss. The mean over n processes divides
    what each of them gives by n, hence the factor."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, sizes: tuple[int, ...]) -> Tensor:
        ctx.own, ctx.n = own_rows(sizes), len(sizes)
        even = rows.new_zeros(max(sizes), *rows.shape[1:])
        even[: len(rows)] = rows
        found = [torch.empty_like(even) for _ in sizes]
        dist.all_gather(found, even)
        return torch.cat([part[:size] for part, size in zip(found, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient[ctx.own] * ctx.n, None

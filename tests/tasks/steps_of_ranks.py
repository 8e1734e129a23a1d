"""Loss and gradients of single steps, as `python steps_of_ranks.py OUT` in each process of a group, or as a function.

The environment says which process it is, as torchrun sets it. The first writes what it finds to OUT.
"""

import importlib.util
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from tracets.data.captions.swaps import Contrast
from tracets.encoders.model import TraceModel
from tracets.encoders.settings import ModelConfig, SeriesConfig, TextConfig
from tracets.tasks.align import AlignConfig, AlignTask
from tracets.tasks.pretrain import PretrainConfig, PretrainTask
from tracets.types import Sample

NAMES = ("load", "wind", "rain")


def window(i, *, c=3, t=12, text=True, channels=True, label=None):
    values = np.random.default_rng(i).normal(size=(c, t)).astype(np.float32) * (i + 1)
    values[0, 3:6] = np.nan
    return Sample(
        f"w{i}", values, NAMES[:c], start=datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=i), freq="h",
        text=f"The load is {i // 2}. {'Calm. ' * (i % 3)}Rain at the end." if text else None,  # some say the same
        channel_texts=tuple(f"{name} {i} up" if channels and j != i % 3 else None for j, name in enumerate(NAMES[:c])),
        event_text=f"event {i}" if i % 2 else None, label=label,
    )  # fmt: skip


def swapper(sample):
    names = sample.channel_names
    return tuple(Contrast("channel", a, f"{a} rises", f"{b} rises", b) for a, b in zip(names, names[1:], strict=False))


TRAIN = [window(i, text=i != 3, channels=i != 5, label="flood" if i < 4 else None) for i in range(7)]
SILENT = [window(i, text=i == 0, channels=False) for i in range(7)]
DRILLS = [(s, swapper(s)) for s in (window(20 + i, c=2, t=9) for i in range(5))]
VALIDATION = [window(10 + i) for i in range(2)]
ALIGN = {
    "every loss, the hardest negatives": ({"hard_last": 2, "hard_first": 2, "event": 0.5, "swapped": 0.5}, {}),
    "drills, hidden steps": ({"swapped": 1.0, "hide_steps": 0.5, "hide_start": 0.5}, {"drills": DRILLS}),
    "cross-attention": ({"cross_attention": True, "hard_last": None}, {}),
    "fewer texts than processes": ({"event": 0.0, "captions": 0.0}, {"train": SILENT}),
}


def tasks(backbone):
    """A task by name, each with an untrained model of its own."""
    for name, (config, more) in ALIGN.items():
        given = {"train": TRAIN, "swapper": swapper, "batch_size": 7, "seed": 3} | more
        train = given.pop("train")
        yield name, AlignTask(_model(backbone), train, VALIDATION, AlignConfig(**config), **given)
    yield "hidden patches", PretrainTask(_model(backbone), TRAIN, TRAIN, PretrainConfig(), batch_size=7, seed=3)


def steps(backbone):
    """The parts of the loss, and the gradient of every weight, of one step of each task; without dropout."""
    found = {}
    for name, task in tasks(backbone):
        step = _Step(task).eval()
        run = nn.parallel.DistributedDataParallel(step, find_unused_parameters=True) if dist.is_initialized() else step
        parts = run(task.batch(1))
        parts["loss"].backward()
        found |= {f"{name}: {part}": value.detach().numpy() for part, value in parts.items()}
        found |= {f"{name}: d {n}": p.grad.numpy() for n, p in task.module.named_parameters() if p.grad is not None}
    return found


class _Step(nn.Module):
    def __init__(self, task):
        super().__init__()
        self.task, self.net = task, task.module

    def forward(self, batch):
        return self.task.loss(batch, progress=0.5)


def _model(backbone):
    torch.manual_seed(0)
    series = SeriesConfig(dim=16, heads=2, layers=2, patch=4, vectors=2)
    config = ModelConfig(dim=16, sample_weight=0.3, series=series, text=TextConfig(dim=16, heads=2))
    return TraceModel(config, name="tiny", backbone=backbone)


if __name__ == "__main__":
    spec = importlib.util.spec_from_file_location("shared", Path(__file__).parents[1] / "conftest.py")
    shared = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(shared)
    dist.init_process_group("gloo")
    made = steps(shared.WordBackbone())
    if dist.get_rank() == 0:
        np.savez(sys.argv[1], **made)
    dist.barrier()  # the others ask rank 0 until they are done
    dist.destroy_process_group()
    os._exit(0)  # threads of gloo may end after the interpreter, which aborts a process that is done

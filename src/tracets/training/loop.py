"""Fit one task within a budget, validate and checkpoint it, and resume it after a kill."""

from __future__ import annotations

import contextlib
import csv
import logging
import math
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader, IterableDataset

from tracets.errors import ConfigError
from tracets.training.ranks import agreed, is_first, processes, wait, world
from tracets.training.settings import OptimConfig

RANK_APART = 1 << 40
"""Between the seeds of two processes."""


class Task(Protocol):
    """What the loop asks of a task: batches by step, a loss with named parts, and a validation score."""

    def prepare(self) -> None: ...
    def batch(self, step: int) -> Any: ...
    def loss(self, batch: Any, *, progress: float) -> dict[str, torch.Tensor]: ...
    def validate(self) -> dict[str, float]: ...
    @property
    def module(self) -> torch.nn.Module: ...


class _Steps(IterableDataset[Any]):
    def __init__(self, task: Task, begin: int, end: int) -> None:
        self.task, self.begin, self.end = task, begin, end

    def __iter__(self) -> Iterator[Any]:
        for step in range(self.begin, self.end):
            yield self.task.batch(step)

    def __len__(self) -> int:
        return self.end - self.begin


class _Loop(L.LightningModule):
    """One Lightning epoch is the stretch between two validations; checkpoints are written at its end only."""

    def __init__(self, task: Task, config: OptimConfig, *, metrics: Path, monitor: str, seed: int) -> None:
        super().__init__()
        self.task, self.config, self.metrics, self.monitor, self.seed = task, config, metrics, monitor, seed
        self.net = task.module
        self.elapsed_before = 0.0
        self.started = time.monotonic()
        self.best, self.stale = -math.inf, 0
        self.seen: list[dict[str, float]] = []

    def elapsed(self) -> float:
        """Seconds spent in this stage, earlier runs of it included."""
        return self.elapsed_before + time.monotonic() - self.started

    def progress(self) -> float:
        """How much of the budget is used, in [0, 1]; the clock is that of the first process."""
        parts = [0.0]
        if self.config.max_steps is not None:
            parts.append(self.global_step / self.config.max_steps)
        if self.config.max_minutes is not None:
            parts.append(agreed(self.elapsed()) / (60 * self.config.max_minutes))
        return min(1.0, max(parts))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        trained = [p for p in self.net.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": self.config.weight_decay},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.config.learning_rate, fused=True)

    def train_dataloader(self) -> DataLoader[Any]:
        end = min(self.global_step + self.config.validate_every, self.config.max_steps or math.inf)
        return DataLoader(_Steps(self.task, self.global_step, int(end)), batch_size=None)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        return batch  # the task moves its own batches

    def on_train_start(self) -> None:
        self._stop_if_finished()  # a resumed stage may have nothing left to do

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
        progress = self.progress()
        if progress >= 1:
            self.trainer.should_stop = True
            return -1
        warm = min(1.0, (self.global_step + 1) / max(self.config.warmup_steps, 1))
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = self.config.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * progress))
        # dropout is a function of the step, and another one in each process
        torch.manual_seed(self.seed * 1_000_003 + self.global_step + world()[0] * RANK_APART)
        return None

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        parts = self.task.loss(batch, progress=self.progress())
        self.seen.append({name: float(value.detach()) for name, value in parts.items()})
        self.log("loss", parts["loss"].detach(), prog_bar=True, batch_size=1)
        return parts["loss"]

    def on_train_epoch_end(self) -> None:
        scores = agreed(_validated(self.task) if is_first() else {})
        for name, value in scores.items():
            self.log(f"val/{name}", value, prog_bar=name == self.monitor, batch_size=1)
        gained = scores[self.monitor] > self.best
        self.best, self.stale = (scores[self.monitor], 0) if gained else (self.best, self.stale + 1)
        if is_first():
            self._write_row(scores)
        self._stop_if_finished()

    def _stop_if_finished(self) -> None:
        if self.stale >= self.config.patience or self.progress() >= 1:
            self.trainer.should_stop = True

    def _write_row(self, scores: dict[str, float]) -> None:
        means = {
            f"train/{name}": sum(part[name] for part in self.seen if name in part)
            / sum(name in part for part in self.seen)
            for name in sorted({name for part in self.seen for name in part})
        }
        self.seen = []
        row = {"step": self.global_step, "minutes": round(self.elapsed() / 60, 3), **means}
        row |= {f"val/{name}": value for name, value in scores.items()}
        # Lightning's CSVLogger drops the rows of the run before when it resumes, and fixes the columns by the first row
        rows: list[dict[str, Any]] = []
        if self.metrics.exists():
            with self.metrics.open(newline="", encoding="utf-8") as file:
                rows = [old for old in csv.DictReader(file) if int(old["step"]) < self.global_step]
        rows.append(row)
        whole = self.metrics.with_suffix(".tmp")
        with whole.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(dict.fromkeys(name for r in rows for name in r)))
            writer.writeheader()
            writer.writerows(rows)
        whole.replace(self.metrics)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        # Lightning saves before it forgets the batches of the epoch that ended, and on resuming would train one of them
        batches = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
        batches["current"], batches["is_last_batch"] = dict.fromkeys(batches["current"], 0), False
        checkpoint["stage"] = {"elapsed": self.elapsed(), "best": self.best, "stale": self.stale}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        stage = checkpoint["stage"]
        self.elapsed_before, self.best, self.stale = stage["elapsed"], stage["best"], stage["stale"]
        self.started = time.monotonic()


def _validated(task: Task) -> dict[str, float]:
    task.module.eval()
    with torch.no_grad():
        scores = task.validate()
    task.module.train()
    return scores


def fit(
    task: Task,
    config: OptimConfig,
    *,
    folder: Path,
    monitor: str,
    seed: int,
    resume: bool,
    progress_bar: bool,
    keep_start: bool = False,
) -> dict[str, float]:
    """Train a task, keep its best validated weights in `task.module`, and return what they reached.

    With `config.devices`, or under torchrun, this runs in every process of the training, from the same call; all but
    the first only compute, and write nothing.

    Parameters
    ----------
    folder : Path
        Gets `metrics.csv`, and while the stage runs `last.ckpt` and `best.ckpt`.
    monitor : str
        The validation score that chooses the weights; larger is better.
    resume : bool
        Go on from `last.ckpt` where there is one.
    keep_start : bool, default=False
        The weights as they come were trained before: they stay where no validation passes theirs.

    Returns
    -------
    dict
        "step", "minutes" and the best validation score under its name.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    folder.mkdir(parents=True, exist_ok=True)
    metrics, last = folder / "metrics.csv", folder / "last.ckpt"
    going_on = resume and last.is_file()
    if not going_on and is_first():
        metrics.unlink(missing_ok=True)
    loop = _Loop(task, config, metrics=metrics, monitor=monitor, seed=seed)
    task.prepare()
    start = _validated(task) if keep_start else None
    start_weights = {name: weight.clone() for name, weight in task.module.state_dict().items()} if keep_start else {}
    task.module.train()
    keep = ModelCheckpoint(
        folder,
        filename="best",
        monitor=f"val/{monitor}",
        mode="max",
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    # one of its own, and after the other: `save_last` skips a validation without gain
    latest = ModelCheckpoint(folder, filename="last", save_on_train_epoch_end=True, enable_version_counter=False)
    here, machines = processes(config.devices)
    with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        trainer = L.Trainer(
            accelerator="auto",
            devices=here,
            num_nodes=machines,
            strategy="auto" if here * machines == 1 else "ddp_find_unused_parameters_true",
            use_distributed_sampler=False,  # a task gives each process its share
            max_steps=config.max_steps or -1,
            max_epochs=-1,
            gradient_clip_val=config.clip_norm,
            reload_dataloaders_every_n_epochs=1,
            callbacks=[keep, latest],
            logger=False,
            enable_progress_bar=progress_bar,
            enable_model_summary=False,
        )
        trainer.fit(loop, ckpt_path=last if going_on else None)
    if start is not None and agreed(start[monitor]) >= loop.best:
        task.module.load_state_dict(start_weights)
        return {"step": 0.0, "minutes": loop.elapsed() / 60, monitor: start[monitor]}
    if not keep.best_model_path and not last.is_file():
        raise ConfigError(
            f"the {config.max_minutes:g} minutes of this stage were over before its first step: preparing (the frozen "
            f"states of every text) took {loop.elapsed() / 60:.1f}. Raise --max-minutes, or train on fewer texts."
        )
    best = torch.load(keep.best_model_path or last, map_location="cpu", weights_only=True)
    loop.load_state_dict(best["state_dict"])
    wait()  # the first process may remove what the others still read
    return {"step": float(trainer.global_step), "minutes": loop.elapsed() / 60, monitor: loop.best}

"""Tune the series tower for classes: adapters of low rank, or every weight, from where the linear probe ended."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tracets.data.collate import collate
from tracets.encoders.model import TraceModel
from tracets.encoders.series import SeriesBatch, to_series_batch
from tracets.nn.device import to_device
from tracets.nn.lora import add_lora, merge_lora
from tracets.tasks.linear import FARTHEST, LinearView
from tracets.tasks.targets import Floats, Targets
from tracets.tasks.views import Layout
from tracets.types import Sample

T = TypeVar("T")
READ_AT_ONCE = 64


@dataclass(frozen=True)
class TuneConfig:
    """How a tower is tuned; `rank` 0 trains every weight. After `patience` epochs without gain on held-out windows it
    ends, and the best weights stay, the first ones included.

    `penalty` of the squared weights of the head is that of the linear probe, or the head would forget it; it learns at
    `head_rate` of the rate, as it has many inputs.
    """

    rank: int
    penalty: float
    epochs: int
    learning_rate: float
    batch_size: int = 32
    patience: int = 5
    head_rate: float = 0.03
    clip_norm: float = 1.0


@dataclass(frozen=True, eq=False)
class Tuned:
    """A tuned model, the linear map on its channel vectors, and what it took."""

    model: TraceModel
    view: LinearView
    n_tuned: int
    losses: tuple[float, ...]


@dataclass(frozen=True)
class _Prepared:
    """A batch, what the tower reads of it without a weight, and `place` (n, n_names): where in each window a channel of
    the layout stands, -1 = nowhere; None = pooled."""

    batch: SeriesBatch
    read: tuple[Tensor, Tensor] | None
    place: Tensor | None


class _Probe(nn.Module):
    """Series to logits: the tower, its channel vectors laid out and standardised, one affine map."""

    def __init__(self, model: TraceModel, view: LinearView) -> None:
        super().__init__()
        self.tower = model.series
        self.head = nn.Linear(view.weight.shape[1], len(view.weight))
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(view.weight))
            self.head.bias.copy_(torch.from_numpy(view.bias))
        self.register_buffer("centre", torch.from_numpy(view.centre).float())
        self.register_buffer("scale", torch.from_numpy(view.scale).float())

    def forward(self, given: _Prepared) -> Tensor:
        """Logits (n, n_classes)."""
        _, channels = self.tower(given.batch, given.read)
        x, alive, place = channels.flatten(2), given.batch.channel_valid, given.place  # (n, c, d)
        if place is None:
            least = x.masked_fill(~alive[..., None], -torch.inf).amax(1)
            x = torch.cat([x.sum(1) / alive.sum(1, keepdim=True).clamp(min=1), least], -1)
            known = alive.any(1, keepdim=True).expand_as(x)
        else:
            at = place.clamp(min=0)
            known = ((place >= 0) & alive.gather(1, at))[..., None].expand(-1, -1, x.shape[-1]).flatten(1)
            x = x.gather(1, at[..., None].expand(-1, -1, x.shape[-1])).flatten(1)
        x = ((x - self.centre) / self.scale).masked_fill(~known, 0).clamp(-FARTHEST, FARTHEST)
        return self.head(x)


def tune(
    model: TraceModel,
    view: LinearView,
    layout: Layout,
    samples: Sequence[Sample],
    targets: Targets,
    weights: Floats,
    *,
    fitted: np.ndarray,
    held: np.ndarray,
    config: TuneConfig,
    seed: int,
) -> Tuned:
    """Train on the rows `fitted`, choose the epoch by the log loss of the rows `held`; the model given stays as it is.

    Notes
    -----
    Source: arXiv:2506.09114, section 3.4 (a light head on a frozen or tuned encoder). The head starts as the linear
    probe, which keeps the tower from being bent by a head that knows nothing yet (Kumar et al., 2022,
    arXiv:2202.10054).
    """
    own = _copied(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if config.rank:
            own.requires_grad_(False)
            add_lora(own.series, config.rank)
        probe = _Probe(own, view).to(own.device)
        before = {name: tensor.clone() for name, tensor in probe.state_dict().items()}
        batches = _Batches(own, layout, samples, targets, weights, config.batch_size)
        n_tuned = _used(probe, batches.at(batches.order(fitted, None)[0]))
        rates = [(p for p in own.series.parameters() if p.requires_grad), probe.head.parameters()]
        optimiser = torch.optim.Adam([{"params": list(those)} for those in rates])
        each = (config.learning_rate, config.learning_rate * config.head_rate)
        rng = np.random.default_rng(seed)
        losses = [_held_out(probe, batches, held, targets, weights)]
        best, stale = before, 0
        for epoch in range(config.epochs):
            probe.train()
            for group, rate in zip(optimiser.param_groups, each, strict=True):
                group["lr"] = rate * 0.5 * (1 + np.cos(np.pi * epoch / config.epochs))
            for rows in batches.order(fitted, rng):
                optimiser.zero_grad()
                loss = batches.loss(probe, rows) + 0.5 * config.penalty * probe.head.weight.square().sum()
                loss.backward()
                nn.utils.clip_grad_norm_(probe.parameters(), config.clip_norm)
                optimiser.step()
            losses.append(_held_out(probe, batches, held, targets, weights))
            if losses[-1] < min(losses[:-1]):
                best, stale = {name: tensor.clone() for name, tensor in probe.state_dict().items()}, 0
            else:
                stale += 1
            if stale >= config.patience:
                break
        probe.load_state_dict(best)
    if config.rank:
        merge_lora(own.series)
    own.requires_grad_(True)
    head = LinearView(
        view.centre, view.scale, probe.head.weight.detach().double().cpu().numpy(),
        probe.head.bias.detach().double().cpu().numpy(), probe.head.weight.numel() + probe.head.bias.numel(),
    )  # fmt: skip
    return Tuned(own.eval(), head, n_tuned, tuple(losses))


class _Batches:
    """Windows as batches of the tower. What it reads of them without a weight is read once: most of a step's time."""

    def __init__(
        self, model: TraceModel, layout: Layout, samples: Sequence[Sample], targets: Targets, weights: Floats, size: int
    ) -> None:
        self.size, self.targets, self.weights, self.device = size, targets, weights, model.device
        groups: dict[int, list[int]] = {}
        for i, sample in enumerate(samples):
            groups.setdefault(sample.n_channels, []).append(i)
        self.group, self.at_in_group = np.zeros(len(samples), np.int64), np.zeros(len(samples), np.int64)
        self.prepared: list[_Prepared] = []
        for k, rows in enumerate(groups.values()):
            self.group[rows], self.at_in_group[rows] = k, np.arange(len(rows))
            self.prepared.append(_prepare(model, layout, [samples[i] for i in rows]))

    def order(self, rows: np.ndarray, rng: np.random.Generator | None) -> list[np.ndarray]:
        """Rows cut into batches, windows of as many channels together; in random order where a generator is given."""
        mixed = rows if rng is None else rng.permutation(rows)
        cut = []
        for k in range(len(self.prepared)):
            own = mixed[self.group[mixed] == k]
            cut += [own[i : i + self.size] for i in range(0, len(own), self.size)]
        return cut if rng is None else [cut[i] for i in rng.permutation(len(cut))]

    def at(self, rows: np.ndarray) -> _Prepared:
        """A batch of windows with as many channels."""
        return to_device(_taken(self.prepared[self.group[rows[0]]], self.at_in_group[rows]), self.device)

    def loss(self, probe: _Probe, rows: np.ndarray) -> Tensor:
        logits = probe(self.at(rows))
        goal = torch.from_numpy(self.targets.rows[rows]).to(logits.device)
        weights = torch.from_numpy(self.weights[rows]).to(logits)
        if self.targets.multilabel:
            each = F.binary_cross_entropy_with_logits(logits, goal.to(logits), reduction="none")
        else:
            each = F.cross_entropy(logits, goal, reduction="none")
        return (each * weights).sum() / weights.sum()


@torch.no_grad()
def _prepare(model: TraceModel, layout: Layout, samples: Sequence[Sample]) -> _Prepared:
    batch = to_series_batch(collate(samples), model.backbone)
    parts = []
    for begin in range(0, len(samples), READ_AT_ONCE):
        part = _taken(batch, np.arange(begin, min(begin + READ_AT_ONCE, len(samples))))
        parts.append(model.series.read_features(to_device(part, model.device)))
    known = [part for part in parts if part is not None]
    read = (torch.cat([a for a, _ in known]).cpu(), torch.cat([b for _, b in known]).cpu()) if known else None
    if layout.names is None:
        return _Prepared(batch, read, None)
    places = [{name: k for k, name in enumerate(sample.channel_names)} for sample in samples]
    return _Prepared(batch, read, torch.tensor([[found.get(name, -1) for name in layout.names] for found in places]))


def _taken(value: T, rows: np.ndarray) -> T:
    """Rows of every tensor in a dataclass or tuple of them."""
    taken: Any = value
    if isinstance(value, Tensor):
        taken = value[torch.from_numpy(rows)]
    elif isinstance(value, tuple):
        taken = tuple(_taken(part, rows) for part in value)
    elif is_dataclass(value) and not isinstance(value, type):
        taken = replace(value, **{f.name: _taken(getattr(value, f.name), rows) for f in fields(value)})
    return taken


@torch.no_grad()
def _held_out(probe: _Probe, batches: _Batches, held: np.ndarray, targets: Targets, weights: Floats) -> float:
    probe.eval()
    order = batches.order(held, None)
    logits = torch.cat([probe(batches.at(rows)) for rows in order]).double().cpu().numpy()
    rows = np.concatenate(order)
    return targets.take(rows).loss(logits, weights[rows])


def _used(probe: _Probe, batch: _Prepared) -> int:
    """Trained numbers of the tower that have a part in the logits: one without attention leaves some layers unused."""
    probe.eval()
    probe(batch).square().sum().backward()
    used = sum(p.numel() for p in probe.tower.parameters() if p.requires_grad and p.grad is not None)
    probe.zero_grad(set_to_none=True)
    return used


def _copied(model: TraceModel) -> TraceModel:
    """The same weights in a model of its own over the same frozen sentence encoder."""
    own = TraceModel(model.config, name=model.name, backbone=model.backbone)
    own.load_state_dict(copy.deepcopy(model.state_dict()))
    return own.to(model.device)

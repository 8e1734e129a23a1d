"""Stage 1: predict hidden patches of a series from the visible ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tracets.data.collate import collate
from tracets.encoders.brought import BroughtTower
from tracets.encoders.model import TraceModel
from tracets.encoders.series import SeriesBatch, to_series_batch
from tracets.errors import ConfigError
from tracets.losses import masked_mse, random_patches
from tracets.nn.device import rows_of, to_device
from tracets.training.order import BatchOrder, generator_at
from tracets.training.ranks import gather, own_rows, shares
from tracets.types import Sample


@dataclass(frozen=True)
class PretrainConfig:
    """Stage 1: `share` of the time budget (0 leaves it out) and the share of patches hidden (paper: 0.3)."""

    share: float = 0.1
    hidden: float = 0.3

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1 or not 0 < self.hidden < 1:
            raise ConfigError(f"pretrain.share must be in [0, 1), pretrain.hidden in (0, 1), got {self}")


def kind_of(sample: Sample) -> tuple[tuple[str, ...], int]:
    """What windows must share to share a batch: channel names and length."""
    return sample.channel_names, sample.n_steps


class PretrainTask:
    """Masked reconstruction (arXiv:2506.09114, section 3.2) of the series of a corpus; texts are not read.

    Departs from the paper in that the statistics and features that a [CIT] gets come from the visible patches only, or
    they would tell what is hidden.
    """

    monitor = "explained"

    def __init__(
        self,
        model: TraceModel,
        train: Sequence[Sample],
        validation: Sequence[Sample],
        config: PretrainConfig,
        *,
        batch_size: int,
        seed: int,
    ) -> None:
        assert not isinstance(model.series, BroughtTower), "another package's tower has no stage 1"
        self.model, self.tower, self.train, self.validation = model, model.series, train, validation
        self.config, self.batch_size, self.seed = config, batch_size, seed
        self.order = BatchOrder(map(kind_of, train), batch_size=batch_size, seed=seed)

    @property
    def module(self) -> nn.Module:
        return self.tower

    def prepare(self) -> None:
        """Nothing to look up: channel names are few."""

    def batch(self, step: int) -> tuple[SeriesBatch, Tensor]:
        rows = self.order.rows_at(step)
        seed = int(generator_at(step, seed=self.seed, purpose=1).integers(2**31))
        return self._hide([self.train[int(i)] for i in rows], seed=seed)

    def loss(self, batch: tuple[SeriesBatch, Tensor], *, progress: float) -> dict[str, Tensor]:
        sizes = shares(len(batch[1]))
        mine = to_device(rows_of(batch, own_rows(sizes)), self._device)
        prediction, target, counted = self.tower.reconstruct_hidden(*mine)
        if len(sizes) == 1:
            return {"loss": masked_mse(prediction, target, counted)}
        error = ((prediction - target).square() * counted).flatten(1).sum(1)  # (own rows,)
        of_all = gather(counted.flatten(1).sum(1), sizes).sum()
        return {"loss": gather(error, sizes).sum() / of_all.clamp(min=1)}

    def validate(self) -> dict[str, float]:
        """Share of the variance of hidden steps explained, against the visible mean of the channel; 1 is best."""
        error = baseline = 0.0
        for begin in range(0, len(self.validation), self.batch_size):
            part = [self.validation[i] for i in range(begin, min(begin + self.batch_size, len(self.validation)))]
            batch = to_device(self._hide(part, seed=begin), self._device)
            prediction, target, counted = self.tower.reconstruct_hidden(*batch)
            error += float(((prediction - target).square() * counted).sum())
            baseline += float((target.square() * counted).sum())
        return {"explained": 1 - error / baseline if baseline else 0.0}

    @property
    def _device(self) -> torch.device:
        """Where the tower is; the rest of the model stays behind in this stage."""
        return self.tower.cls.device

    def _hide(self, samples: list[Sample], *, seed: int) -> tuple[SeriesBatch, Tensor]:
        batch = to_series_batch(collate(samples), self.model.backbone)
        n_patches = -(-batch.values.shape[-1] // self.model.config.series.patch)
        shape = (*batch.channel_valid.shape, n_patches)
        return batch, random_patches(shape, share=self.config.hidden, generator=torch.Generator().manual_seed(seed))

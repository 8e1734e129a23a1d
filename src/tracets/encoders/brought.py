"""A series tower that another package brings, in the place of ours."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from tracets.encoders.registry import series_encoder_named
from tracets.encoders.series import SeriesBatch, SeriesTower
from tracets.encoders.settings import OWN_TOWER, SeriesConfig
from tracets.errors import ConfigError


class BroughtTower(nn.Module):
    """The module of a `SeriesEncoder`, brought to the sphere: lengths are made 1, channels with nothing observed 0.

    It has no stage 1 and no export, and no claims: the text tower reads numbers by their tokens alone.
    """

    def __init__(self, name: str, module: nn.Module, config: SeriesConfig, *, out: int) -> None:
        super().__init__()
        self.name, self.config, self.out, self.module = name, config, out, module

    def forward(self, batch: SeriesBatch, read: None = None) -> tuple[Tensor, Tensor]:
        """Return sample vectors (n, out) and channel vectors (n, c, vectors, out); dead channels are 0.

        Raises
        ------
        ConfigError
            The module gives other shapes.
        """
        whole, channels = self.module(batch)
        wanted = (len(batch.values), self.out), (*batch.channel_valid.shape, self.config.vectors, self.out)
        if (tuple(whole.shape), tuple(channels.shape)) != wanted:
            raise ConfigError(
                f"the series tower '{self.name}' must give sample and channel vectors of shapes {wanted[0]} and "
                f"{wanted[1]}, it gave {tuple(whole.shape)} and {tuple(channels.shape)}."
            )
        return F.normalize(whole, dim=-1), F.normalize(channels, dim=-1) * batch.channel_valid[..., None, None]

    def read_features(self, batch: SeriesBatch) -> None:
        """Nothing: it reads all that it reads with its weights."""


def series_tower(config: SeriesConfig, *, backbone_dim: int, out: int, apart: bool) -> SeriesTower | BroughtTower:
    """The series tower that `series.tower` names. Raises NotFound for an unknown one."""
    if config.tower == OWN_TOWER:
        return SeriesTower(config, backbone_dim=backbone_dim, out=out, apart=apart)
    module = series_encoder_named(config.tower).make(config, backbone_dim, out)
    return BroughtTower(config.tower, module, config, out=out)

"""The series tower: patches, [CLS], one [CIT] a channel, channel-biased attention, masked reconstruction."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tracets.encoders.backbone import TextBackbone
from tracets.encoders.inputs import CALENDAR_DIM, series_inputs
from tracets.encoders.settings import SeriesConfig
from tracets.encoders.whole import SeriesWhole
from tracets.errors import DataError
from tracets.nn.attention import Block, rotary
from tracets.nn.features import (
    N_LEVELS,
    N_MOMENTS,
    N_SHAPES,
    N_STATED,
    PLACE_DIM,
    VALUE_DIM,
    level_features,
    location_and_spread,
    patch_levels,
    stated_features,
)
from tracets.nn.masks import attention_keys, causal_mask, cit_rows
from tracets.nn.parts import N_MORE_MOMENTS, N_PARTS, N_RHYTHM, summary
from tracets.types import Batch

MAX_PATCHES = 512
"""Places that learned positions know; rotary ones have no limit."""
SEASON = slice(5, 7)
N_NUMBERS = {"none": 0, "level": N_LEVELS, "summary": N_STATED + 3 * N_MORE_MOMENTS + N_RHYTHM}
N_OTHERS = {"none": 0, "level": 0, "summary": N_SHAPES + (N_MOMENTS + N_MORE_MOMENTS) * PLACE_DIM + N_PARTS}
CLAIM_SCALE = 0.03
FARTHEST = 5.0
"""Spreads from the mean of what is seen, beyond which stage 1 does not tell a hidden value from another."""


@dataclass(frozen=True)
class SeriesBatch:
    """A `Batch` in torch: values (n, c, t), observed (n, c, t), channel_valid (n, c), names (n, c, backbone dim),
    calendar (n, CALENDAR_DIM), clock (n, 2) seconds since midnight and a step (NaN = unknown), n_steps (n,)."""

    values: Tensor
    observed: Tensor
    channel_valid: Tensor
    names: Tensor
    calendar: Tensor
    clock: Tensor
    n_steps: Tensor


def to_series_batch(batch: Batch, backbone: TextBackbone) -> SeriesBatch:
    """Move a batch to torch and look up the text embedding of every channel's name and unit."""
    inputs = series_inputs(batch)
    vectors = backbone.pooled(inputs.labels)
    label = torch.from_numpy(inputs.label)
    return SeriesBatch(
        values=torch.from_numpy(inputs.values),
        observed=torch.from_numpy(inputs.observed),
        channel_valid=torch.from_numpy(inputs.channel_valid),
        names=vectors[label.clamp(min=0)].masked_fill((label < 0)[..., None], 0),
        calendar=torch.from_numpy(inputs.calendar),
        clock=torch.from_numpy(inputs.clock),
        n_steps=torch.from_numpy(inputs.n_steps),
    )


class SeriesTower(nn.Module):
    """Series to one vector a sample and `vectors` a channel, all of length 1.

    Source: arXiv:2506.09114, section 3.2 and appendix C. Departs from it, each behind a setting: a [CIT] is made
    from the channel's name and unit (`identity`), level and shape that normalisation removes enter it (`features`), and
    start, calendar and sampling step enter [CLS] and, beside the features, each [CIT] (`calendar`); local levels enter
    the patches with `features`. The numbers that a text may state reach the channel vectors through `claims`, which the
    text tower shares: a number in a text is put where the series tower would put it if it were so. Without [CIT]
    (`summary` = "patches") a channel has no identity, and features reach its vectors only beside attention.
    """

    def __init__(self, config: SeriesConfig, *, backbone_dim: int, out: int, apart: bool) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        self.patch = nn.Linear(2 * config.patch, dim)
        self.patch_level = nn.Linear(3 * VALUE_DIM, dim, bias=False)
        self.hidden_patch = nn.Parameter(torch.randn(dim) * 0.02)
        self.cls = nn.Parameter(torch.randn(dim) * 0.02)
        self.has_cit = config.summary == "cit"
        if self.has_cit:
            self.cit = nn.Parameter(torch.randn(dim) * 0.02)
            self.identity = _identity_layer(config, backbone_dim)
        n_numbers, n_others = N_NUMBERS[config.features], N_OTHERS[config.features]
        width = n_numbers * VALUE_DIM + n_others
        if width and self.has_cit:
            self.features = nn.Sequential(
                nn.Linear(width + CALENDAR_DIM, 2 * dim),
                nn.GELU(),
                nn.Dropout(config.dropout),
                nn.Linear(2 * dim, dim),
            )
        if width:
            self.shortcut = nn.Parameter(torch.randn(n_others, config.vectors * out) * CLAIM_SCALE)
            self.claims = nn.Parameter(torch.randn(n_numbers, VALUE_DIM, config.vectors * out) * CLAIM_SCALE)
        self.calendar = nn.Linear(CALENDAR_DIM, dim)
        self.blocks = nn.ModuleList(Block(dim, config.heads, dropout=config.dropout) for _ in range(config.layers))
        self.norm = nn.LayerNorm(dim)
        self.reconstruct = nn.Linear(dim, config.patch)
        self.to_channel = nn.Linear(dim, config.vectors * out)
        self.apart = SeriesWhole(features=width + CALENDAR_DIM, dim=dim, out=out) if apart else None
        if apart:
            self.identity_apart = _identity_layer(config, backbone_dim)
        else:
            self.to_sample = nn.Linear(dim, out)
        if config.positions == "absolute":
            self.place = nn.Parameter(torch.randn(MAX_PATCHES, dim) * 0.02)
        self.out = out

    def forward(self, batch: SeriesBatch, read: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Return sample vectors (n, out) and channel vectors (n, c, vectors, out); dead channels are 0.

        `read` is what `read_features` made of the batch, where it was asked before: no weight has a part in it.
        """
        features = self.read_features(batch) if read is None else read
        found = self._found(batch, features)
        cls, heads = self._summaries(batch, features, found)
        channels = self.to_channel(heads)
        if features is not None:
            width = self.claims.shape[0] * VALUE_DIM
            channels = channels + found[..., :width] @ self.claims.flatten(0, 1)
            channels = channels + found[..., width : width + len(self.shortcut)] @ self.shortcut
        channels = F.normalize(channels.unflatten(-1, (self.config.vectors, self.out)), dim=-1)
        channels = channels * batch.channel_valid[..., None, None]
        whole = (
            self.to_sample(cls)
            if self.apart is None
            else self.apart(self._identity(batch, self.identity_apart), found, batch.channel_valid)
        )
        return F.normalize(whole, dim=-1), channels

    def _summaries(
        self, batch: SeriesBatch, features: tuple[Tensor, Tensor] | None, found: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What stands for the window (n, d), and for each channel (n, c, d): its [CIT], or the mean of its patches."""
        c = batch.channel_valid.shape[1]
        if self.has_cit and not self.blocks:  # nothing reads the patches
            return self.norm(self._cls(batch)), self.norm(self._cit(batch, features, found))
        tokens = self._tokens(batch, features, found, hidden=None)
        if self.has_cit:
            per_channel = (tokens.shape[1] - 1) // c
            rows = torch.cat([torch.zeros(1, dtype=torch.long), 1 + torch.arange(c) * per_channel]).to(tokens.device)
            x = self.norm(self._mix(tokens, batch, rows=rows))  # (n, 1 + c, d)
            return x[:, 0], x[:, 1:]
        x = self.norm(self._mix(tokens, batch, rows=None))
        filled = self._patches(batch.observed).any(-1)[..., None]  # (n, c, n_patches, 1)
        total = (x[:, 1:].unflatten(1, (c, -1)) * filled).sum(2)
        return x[:, 0], total / filled.sum(2).clamp(min=1)

    def reconstruct_hidden(self, batch: SeriesBatch, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Stage 1: hide patches (n, c, n_patches) and predict their normalised values.

        Everything the tower sees, its statistics and features too, comes from what stays visible. Returns prediction,
        target (n, c, n_patches, patch) and the mask of hidden observed steps that the loss may count. Targets are cut
        at `FARTHEST` spreads: of the built-in weather, hidden steps farther out are .5 % of all and over half of the
        squared error, by the channels that are flat where they are seen (no rain), and nothing else is learned.
        """
        begins = torch.arange(hidden.shape[-1], device=hidden.device) * self.config.patch
        hidden = hidden & (begins < batch.n_steps[:, None])[:, None]  # a patch of padding is no token to attend to
        seen = batch.observed & ~hidden.repeat_interleave(self.config.patch, -1)[..., : batch.values.shape[-1]]
        visible = replace(batch, values=batch.values.masked_fill(~seen, 0), observed=seen)
        features = self.read_features(visible)
        tokens = self._tokens(visible, features, self._found(visible, features), hidden=hidden)
        x = self.norm(self._mix(tokens, visible, rows=None, hidden=hidden))
        n, c = batch.channel_valid.shape
        patches = x[:, 1:].unflatten(1, (c, -1))[:, :, -hidden.shape[-1] :]
        mean, spread = location_and_spread(visible.values, seen)
        target = ((batch.values - mean[..., None]) / spread[..., None]).clamp(-FARTHEST, FARTHEST)
        target = target.masked_fill(~batch.observed, 0)
        counted = self._patches(batch.observed) & hidden[..., None] & seen.any(-1)[..., None, None]
        return self.reconstruct(patches), self._patches(target), counted

    def _patches(self, x: Tensor) -> Tensor:
        short = -x.shape[-1] % self.config.patch
        x = F.pad(x, (0, short))
        return x.reshape(*x.shape[:-1], -1, self.config.patch)  # (n, c, n_patches, patch)

    def _tokens(
        self, batch: SeriesBatch, features: tuple[Tensor, Tensor] | None, found: Tensor, *, hidden: Tensor | None
    ) -> Tensor:
        mean, spread = location_and_spread(batch.values, batch.observed)
        z = torch.where(batch.observed, (batch.values - mean[..., None]) / spread[..., None], 0.0)
        patches = self.patch(torch.cat([self._patches(z), self._patches(batch.observed).float()], -1))
        if hidden is not None:
            patches = torch.where(hidden[..., None], self.hidden_patch, patches)
        if features is not None:
            patches = patches + self.patch_level(
                patch_levels(self._patches(batch.values), self._patches(batch.observed))
            )
        if self.config.positions == "absolute":
            patches = patches + self._places(patches.shape[2])
        if self.has_cit:
            patches = torch.cat([self._cit(batch, features, found)[:, :, None], patches], dim=2)
        return torch.cat([self._cls(batch)[:, None], patches.flatten(1, 2)], dim=1)  # (n, 1 + c (1 + n_patches), d)

    def _cls(self, batch: SeriesBatch) -> Tensor:
        cls = self.cls.expand(batch.values.shape[0], -1)
        return cls if self.config.calendar == "none" else cls + self.calendar(self._calendar(batch))

    def _cit(self, batch: SeriesBatch, features: tuple[Tensor, Tensor] | None, found: Tensor) -> Tensor:
        cit = self.cit + self._identity(batch, self.identity)  # (n, c, d)
        return cit if features is None else cit + self.features(found)

    def _found(self, batch: SeriesBatch, features: tuple[Tensor, Tensor] | None) -> Tensor:
        """Features and calendar of each channel (n, c, width): "warm in the morning" is about a channel."""
        when = self._calendar(batch)[:, None].expand(-1, batch.channel_valid.shape[1], -1)
        return when if features is None else torch.cat([features[0].flatten(2), features[1], when], -1)

    def _places(self, n_patches: int) -> Tensor:
        if n_patches > MAX_PATCHES:
            raise DataError(
                f"this model has learned positions for {MAX_PATCHES} patches, got {n_patches}. Use shorter windows, "
                f"or a model with series.positions = 'rotary'."
            )
        return self.place[:n_patches]

    def read_features(self, batch: SeriesBatch) -> tuple[Tensor, Tensor] | None:
        """The numbers a text may state (n, c, numbers, VALUE_DIM), and shapes and places (n, c, others)."""
        if self.config.features == "none":
            return None
        values, observed, steps, clock = batch.values, batch.observed, batch.n_steps, batch.clock
        if self.config.features == "level":
            levels = level_features(values, observed).masked_fill(~observed.any(-1, keepdim=True), torch.nan)
            said = stated_features(levels)
            return said, said.new_zeros(*said.shape[:2], 0)
        stated, others = summary(values, observed, steps, clock)
        return stated_features(stated), others

    def _calendar(self, batch: SeriesBatch) -> Tensor:
        if self.config.calendar == "none":
            return torch.zeros_like(batch.calendar)
        if self.config.calendar == "full":
            return batch.calendar
        season = torch.arange(CALENDAR_DIM, device=batch.calendar.device)
        return batch.calendar.masked_fill((season >= SEASON.start) & (season < SEASON.stop), 0)

    def _identity(self, batch: SeriesBatch, layer: nn.Module) -> Tensor:
        if self.config.identity == "name":
            return layer(batch.names)
        c = batch.channel_valid.shape[1]
        if c > self.config.max_channels:
            raise DataError(
                f"this model tells channels apart by position and knows {self.config.max_channels}, got {c}. "
                f"Use a model with series.identity = 'name'."
            )
        return layer(torch.arange(c, device=batch.values.device)).expand(batch.values.shape[0], -1, -1)

    def _mix(self, x: Tensor, batch: SeriesBatch, *, rows: Tensor | None, hidden: Tensor | None = None) -> Tensor:
        if not self.blocks:
            return x if rows is None else x[:, rows]
        alive = batch.channel_valid
        filled = self._patches(batch.observed).any(-1)  # (n, c, n_patches)
        filled = filled if hidden is None else filled | (hidden & alive[..., None])
        form = self.config.attention
        if form == "block":
            return self._mix_by_channel(x, filled, alive, summaries=rows is not None)
        table = self._table(filled.shape[1], filled.shape[2], x.device) if self.config.positions == "rotary" else None
        if form == "causal":
            mask, narrow = causal_mask(filled, alive, cit=self.has_cit), None
            last = mask
        else:
            mask = attention_keys(filled, alive, cit=self.has_cit)[:, None, None]  # (n, 1, 1, length)
            narrow = cit_rows(mask, filled.shape[1]) if form == "biased" and self.has_cit else None
            last = mask if narrow is None or rows is None else torch.cat([mask, narrow[1]], 2)
        for block in self.blocks[:-1]:
            x = block(x, mask=mask, positions=table, narrow=narrow)
        return self.blocks[-1](x, mask=last, positions=table, rows=rows, narrow=narrow if rows is None else None)

    def _mix_by_channel(self, x: Tensor, filled: Tensor, alive: Tensor, *, summaries: bool) -> Tensor:
        keys = F.pad(filled, (1, 0), value=True)
        table = self._table(1, filled.shape[2], x.device) if self.config.positions == "rotary" else None
        table = None if table is None else (table[0][1:], table[1][1:])  # without [CLS]
        cls, channels = x[:, 0], x[:, 1:].unflatten(1, (filled.shape[1], -1))
        for i, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            last = summaries and i == len(self.blocks) - 1
            cls, channels = block.by_channel(cls, channels, keys=keys, alive=alive, positions=table, summaries=last)
        return torch.cat([cls[:, None], channels.flatten(1, 2)], 1)

    def _table(self, c: int, n_patches: int, device: torch.device) -> tuple[Tensor, Tensor]:
        place = torch.arange(n_patches, device=device)
        place = F.pad(place, (1, 0)) if self.has_cit else place  # [CIT] stands at 0, as the first patch
        return rotary(F.pad(place.repeat(c), (1, 0)), self.config.dim // self.config.heads)


def _identity_layer(config: SeriesConfig, backbone_dim: int) -> nn.Module:
    if config.identity == "name":
        return nn.Linear(backbone_dim, config.dim)
    return nn.Embedding(config.max_channels, config.dim)

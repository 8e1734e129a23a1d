"""The series encoder of the paper (arXiv:2506.09114, section 3.2) written down plainly, to measure `tracets` against.

Its own code, as one would write it from the equations: all attention scores of a head are materialised, mask and
rotation are built anew in each layer, and every layer computes every row. Only the mask does what the paper says (the
released code adds it to the scores), and missing steps are 0 and said to be missing, as in `tracets`. `load` copies the
weights of a tower of ours, so that both give equal vectors.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tracets.encoders.series import SeriesBatch, SeriesTower


class PlainLayer(nn.Module):
    """A pre-norm layer whose heads are computed one by one."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads, self.width = heads, dim // heads
        self.norm_1, self.norm_2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim) for _ in range(4))
        self.up, self.down = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor, filled: Tensor, alive: Tensor) -> Tensor:
        n, c, p = filled.shape
        normed = self.norm_1(x)
        query, key, value = self.query(normed), self.key(normed), self.value(normed)
        mask = self.mask(filled, alive)
        heads = []
        for h in range(self.heads):
            part = slice(h * self.width, (h + 1) * self.width)
            turned_query, turned_key = self.turned(query[..., part], c, p), self.turned(key[..., part], c, p)
            scores = turned_query @ turned_key.transpose(1, 2) / math.sqrt(self.width)  # (n, length, length)
            weights = scores.masked_fill(~mask, -torch.inf).softmax(-1)
            heads.append(weights @ value[..., part])
        x = x + self.out(torch.cat(heads, -1))
        return x + self.down(nn.functional.gelu(self.up(self.norm_2(x))))

    @staticmethod
    def mask(filled: Tensor, alive: Tensor) -> Tensor:
        """Channel-biased attention: [CIT]_c sees its channel, all others everything; nothing sees what is not there."""
        n, c, p = filled.shape
        owner = torch.tensor([-1] + [i for i in range(c) for _ in range(p + 1)])
        is_cit = torch.tensor([False] + [k == 0 for _ in range(c) for k in range(p + 1)])
        there = torch.cat([alive[..., None], filled & alive[..., None]], -1).flatten(1)
        there = torch.cat([torch.ones(n, 1, dtype=torch.bool), there], 1)
        biased = ~is_cit[:, None] | (owner[:, None] == owner[None])
        return (there[:, None] & biased) | torch.eye(len(owner), dtype=torch.bool)

    @staticmethod
    def turned(x: Tensor, c: int, p: int) -> Tensor:
        """Rotary positions: a patch by its index in its channel, [CLS] and [CIT] not at all."""
        half = x.shape[-1] // 2
        place = torch.tensor([0.0] + [float(k) for _ in range(c) for k in [0, *range(p)]])
        angles = place[:, None] * 10_000.0 ** (-torch.arange(half) / half)
        left, right = x[..., :half], x[..., half:]
        return torch.cat([left * angles.cos() - right * angles.sin(), right * angles.cos() + left * angles.sin()], -1)


class PlainTrace(nn.Module):
    """[CLS] [CIT_1] patches ... through all layers; vectors of the window and of its channels, of length 1.

    Parameters
    ----------
    dim, layers, heads, patch, out : int
        Sizes; `max_channels` is the number of learned channel identities.
    """

    def __init__(self, *, dim: int, layers: int, heads: int, patch: int, out: int, max_channels: int) -> None:
        super().__init__()
        self.patch_steps = patch
        self.patch = nn.Linear(2 * patch, dim)
        self.cls = nn.Parameter(torch.zeros(dim))
        self.cit = nn.Parameter(torch.zeros(max_channels, dim))
        self.layers = nn.ModuleList(PlainLayer(dim, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)
        self.sample, self.channel = nn.Linear(dim, out), nn.Linear(dim, out)
        self.hidden_patch = nn.Parameter(torch.zeros(dim))
        self.reconstruct = nn.Linear(dim, patch)

    def forward(self, batch: SeriesBatch) -> tuple[Tensor, Tensor]:
        """Vectors of n windows (n, out) and of their channels (n, c, out); those of channels with nothing are 0."""
        cls, cit, _ = self.tokens(batch, batch.observed, None)
        channels = nn.functional.normalize(self.channel(cit), dim=-1) * batch.channel_valid[..., None]
        return nn.functional.normalize(self.sample(cls), dim=-1), channels

    def predict_hidden(self, batch: SeriesBatch, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Stage 1: patches from the others (n, c, p, patch), and the squared error over hidden observed steps."""
        steps = hidden.repeat_interleave(self.patch_steps, -1)[..., : batch.values.shape[-1]]
        visible = batch.observed & ~steps
        _, _, patches = self.tokens(batch, visible, hidden)
        prediction = self.reconstruct(patches)
        mean, spread = self.normalisation(batch.values, visible)
        target = self.cut(((batch.values - mean) / spread).clamp(-5, 5))  # as docs/model.md says of stage 1
        counted = self.cut(batch.observed & steps & visible.any(-1, keepdim=True))
        return prediction, (prediction - target)[counted].square().sum() / counted.sum().clamp(min=1)

    def tokens(self, batch: SeriesBatch, observed: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """[CLS] (n, dim), the [CIT]s (n, c, dim) and the patches (n, c, p, dim) after the last layer."""
        n, c, _ = batch.values.shape
        mean, spread = self.normalisation(batch.values, observed)
        z = ((batch.values - mean) / spread).masked_fill(~observed, 0)
        patches = self.patch(torch.cat([self.cut(z), self.cut(observed).float()], -1))
        filled = self.cut(observed).any(-1)
        if hidden is not None:
            patches = torch.where(hidden[..., None], self.hidden_patch, patches)
            filled = filled | (hidden & batch.channel_valid[..., None])
        cit = self.cit[:c, None].expand(n, c, 1, -1)
        x = torch.cat([self.cls.expand(n, 1, -1), torch.cat([cit, patches], 2).flatten(1, 2)], 1)
        for layer in self.layers:
            x = layer(x, filled, batch.channel_valid)
        x = self.norm(x)
        channels = x[:, 1:].unflatten(1, (c, -1))
        return x[:, 0], channels[:, :, 0], channels[:, :, 1:]

    def cut(self, x: Tensor) -> Tensor:
        """(n, c, t) to (n, c, patches, patch), padded at the end."""
        short = -x.shape[-1] % self.patch_steps
        return nn.functional.pad(x, (0, short)).unflatten(-1, (-1, self.patch_steps))

    @staticmethod
    def normalisation(values: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and spread (n, c, 1) of what was observed; the spread of a constant is 1."""
        count = observed.sum(-1, keepdim=True).clamp(min=1)
        mean = values.masked_fill(~observed, 0).sum(-1, keepdim=True) / count
        spread = ((values - mean).masked_fill(~observed, 0).square().sum(-1, keepdim=True) / count).sqrt()
        return mean, torch.where(spread > 1e-6 * mean.abs(), spread, 1.0)


def load(tower: SeriesTower) -> PlainTrace:
    """The plain encoder with the weights of a tower that is set as in the recipe "paper"."""
    config = tower.config
    wanted = ("index", "none", "none", "biased", "cit", "rotary", 1)
    found = (config.identity, config.features, config.calendar, config.attention, config.summary, config.positions)
    if (*found, config.vectors) != wanted or tower.apart is not None:
        raise ValueError(f"the plain encoder computes the paper's model {wanted} only, got {(*found, config.vectors)}")
    plain = PlainTrace(
        dim=config.dim, layers=config.layers, heads=config.heads, patch=config.patch, out=tower.out,
        max_channels=config.max_channels,
    )  # fmt: skip
    own = tower.state_dict()
    names = {
        "patch": "patch", "norm": "norm", "sample": "to_sample", "channel": "to_channel", "reconstruct": "reconstruct",
    }  # fmt: skip
    state = {f"{to}.{w}": own[f"{of}.{w}"] for to, of in names.items() for w in ("weight", "bias")}
    state |= {"cls": own["cls"], "hidden_patch": own["hidden_patch"], "cit": own["cit"] + own["identity.weight"]}
    layer = {
        "norm_1": "norm_in", "norm_2": "feedforward.0", "query": "query", "out": "out", "up": "feedforward.1",
        "down": "feedforward.4",
    }  # fmt: skip
    for i in range(config.layers):
        for w in ("weight", "bias"):
            state |= {f"layers.{i}.{to}.{w}": own[f"blocks.{i}.{of}.{w}"] for to, of in layer.items()}
            key, value = own[f"blocks.{i}.key_value.{w}"].chunk(2)
            state |= {f"layers.{i}.key.{w}": key, f"layers.{i}.value.{w}": value}
    plain.load_state_dict(state)
    return plain.train(tower.training)

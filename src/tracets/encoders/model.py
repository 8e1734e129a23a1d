"""The pair of towers: one space for series and text."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from tracets.data.collate import collate
from tracets.encoders.backbone import TextBackbone
from tracets.encoders.brought import series_tower
from tracets.encoders.inputs import series_in_batches, texts_in_batches
from tracets.encoders.pretrained import Pretrained
from tracets.encoders.series import N_NUMBERS, SeriesTower, to_series_batch
from tracets.encoders.settings import ModelConfig, told_apart
from tracets.encoders.text import PooledTextTower, TextBatch, TextTower
from tracets.nn.device import to_device
from tracets.types import FloatArray, Sample, SeriesVectors, TextVectors

INITIAL_SCALE = 20.0
LARGEST_SCALE = 200.0


class TraceModel(Pretrained, nn.Module):
    """A series tower and a text tower that meet in one unit sphere; a `PairEncoder`.

    Parameters
    ----------
    config : ModelConfig
        Sizes and choices of both towers.
    name : str
        What the model is called in an index's manifest.
    backbone : TextBackbone, optional
        A loaded frozen sentence encoder to share; by default the one that `config` names, loaded on first use.

    Examples
    --------
    >>> from tracets.encoders.settings import ModelConfig
    >>> model = TraceModel(ModelConfig(), name="untrained")
    >>> model.encode_texts(["a wet week"]).sample.shape
    (1, 128)
    """

    BACKEND = "torch"

    def __init__(self, config: ModelConfig, *, name: str, backbone: TextBackbone | None = None) -> None:
        super().__init__()
        self.config = config
        self.name = name
        self.source: Path | None = None
        self.backbone = backbone or TextBackbone(config.text.backbone)
        self.series = series_tower(
            config.series, backbone_dim=self.backbone.dim, out=config.dim, apart=config.sample == "apart"
        )
        self.text = self._text_tower()
        self.log_scale = nn.Parameter(torch.tensor(math.log(INITIAL_SCALE)))

    def _write(self, folder: Path) -> None:
        from tracets.encoders.store import save_model

        card = f"# {self.name}\n\nA model of tracets of width {self.dim}, whose weights have no card of their own.\n"
        save_model(self, folder, card=card)

    def _text_tower(self) -> TextTower | PooledTextTower:
        config, width = self.config, self.backbone.dim
        if config.text.reader == "pooled":
            return PooledTextTower(backbone_dim=width, out=config.dim)
        n_claims = N_NUMBERS[config.series.features] * config.series.vectors if self._claims is not None else 0
        return TextTower(
            config.text,
            backbone_dim=width,
            out=config.dim,
            n_claims=max(n_claims, 1),
            apart=config.sample == "apart",
        )

    @property
    def _claims(self) -> Tensor | None:
        """Where the series tower would put a number that a text states; None for one that has no such place."""
        if not isinstance(self.series, SeriesTower) or self.config.series.features == "none":
            return None
        return self.series.claims

    @property
    def device(self) -> torch.device:
        return self.log_scale.device

    @property
    def dim(self) -> int:
        return self.config.dim

    def read_texts(self, batch: TextBatch) -> tuple[Tensor, Tensor]:
        """Vectors of packed texts (n, dim) and of their sentences (m, dim)."""
        return self.text(batch, self._claims)

    @property
    def sample_weight(self) -> float:
        """The share of the sample vectors in the score; a training may choose another one."""
        return self.config.sample_weight

    @sample_weight.setter
    def sample_weight(self, weight: float) -> None:
        self.config = replace(self.config, sample_weight=weight)

    @property
    def scale(self) -> Tensor:
        """What scores are multiplied by in the losses: 1 / temperature, learned, at most 200."""
        return self.log_scale.exp().clamp(max=LARGEST_SCALE)

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change when a weight or a setting changes."""
        digest = hashlib.sha256(json.dumps(told_apart(self.config), sort_keys=True).encode())
        for name, weight in sorted(self.state_dict().items()):
            digest.update(name.encode())
            digest.update(weight.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    @torch.inference_mode()
    def encode_series(self, samples: Sequence[Sample], *, batch_size: int = 64) -> SeriesVectors:
        """Vectors of n samples: one a sample (n, dim), `series.vectors` a channel; batch company changes nothing."""

        def encode(part: list[Sample]) -> tuple[FloatArray, FloatArray]:
            batch = to_series_batch(collate(part), self.backbone)
            whole, parts = self.series(to_device(batch, self.device))
            return whole.cpu().numpy(), parts.cpu().numpy()

        with _evaluating(self):
            return series_in_batches(samples, self.dim, batch_size, encode)

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str], *, batch_size: int = 64) -> TextVectors:
        """Vectors of n texts: one a text (n, dim) and one a sentence."""

        def encode(part: list[tuple[str, ...]]) -> tuple[FloatArray, FloatArray]:
            whole, parts = self.read_texts(to_device(self.text.pack(part, self.backbone), self.device))
            return whole.cpu().numpy(), parts.cpu().numpy()

        spans = [self.text.sentences_of(text) for text in texts]
        with _evaluating(self):
            return texts_in_batches(spans, self.dim, batch_size, encode)


class _evaluating:
    """Switch dropout off inside a with block and put the mode back after it."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __enter__(self) -> None:
        self.was_training = self.module.training
        self.module.eval()

    def __exit__(self, *error: object) -> None:
        self.module.train(self.was_training)

"""The text tower: frozen token states, numbers as values, then trained layers; a vector a sentence and one a text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tracets.encoders.backbone import TextBackbone
from tracets.encoders.inputs import plan_texts, sentences_of
from tracets.encoders.sentences import read_numbers
from tracets.encoders.settings import TextConfig
from tracets.encoders.whole import TextWhole
from tracets.nn.attention import Block, rotary
from tracets.nn.features import VALUE_DIM, value_features
from tracets.nn.scores import mean_by_text


@dataclass(frozen=True)
class TextBatch:
    """The sentences of n texts without padding: what `TextTower` reads.

    states (k, backbone dim) of the k tokens of the u different sentences, numbers (k,) with NaN = no number, `sentence`
    (k,) in [0, u) the sentence of each token; `which` (m,) in [0, u) what each of the m sentences says, `slot` (m,) its
    place in the grid (n, s) of texts and sentences, flattened; `sentence_valid` (n, s).
    """

    states: Tensor
    numbers: Tensor
    sentence: Tensor
    which: Tensor
    slot: Tensor
    sentence_valid: Tensor

    @property
    def n_different(self) -> int:
        """How many different sentences there are (u)."""
        return int(self.sentence[-1]) + 1

    @property
    def owner(self) -> Tensor:
        """The text of each sentence (m,)."""
        return self.slot // self.sentence_valid.shape[1]


def pack_texts(texts: Sequence[Sequence[str]], backbone: TextBackbone) -> TextBatch:
    """Look up the token states of texts already split into sentences; a sentence said twice is read once."""
    plan = plan_texts(texts)
    found = backbone.states(read_numbers(s) for s in plan.different)
    lengths = torch.tensor([len(s) for s, _ in found])
    return TextBatch(
        states=torch.cat([s for s, _ in found]),
        numbers=torch.cat([v for _, v in found]),
        sentence=torch.arange(len(found)).repeat_interleave(lengths),
        which=torch.from_numpy(plan.which),
        slot=torch.from_numpy(plan.slot),
        sentence_valid=torch.from_numpy(plan.sentence_valid),
    )


class TextTower(nn.Module):
    """Texts to a vector a sentence and a vector a text, both of length 1.

    1. project the token states, add the value of each number, mix both token by token  2. gather the tokens of a
    sentence by attention  3. mix the sentences of a text, in order  4. project to the common sphere.

    The token states already know their neighbours, so no further mixing between tokens is trained.

    Source: arXiv:2506.09114, section 3.3, has a frozen sentence encoder and one projection; such a sentence vector
    hardly tells "-10.1" from "10.1", or a rise from a fall.
    """

    def __init__(self, config: TextConfig, *, backbone_dim: int, out: int, n_claims: int, apart: bool) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        self.project = nn.Linear(backbone_dim, dim)
        self.value = nn.Linear(VALUE_DIM, dim)
        self.claim = nn.Linear(dim, n_claims, bias=False)
        self.token = _mlp(dim)
        self.weight = nn.Linear(dim, config.heads)
        self.carry = nn.Linear(dim, dim)
        self.gathered = _mlp(dim)
        self.whole = nn.Parameter(torch.randn(dim) * 0.02)
        self.context = nn.ModuleList(
            Block(dim, config.heads, feedforward=2, dropout=config.dropout) for _ in range(config.context_layers)
        )
        self.drop = nn.Dropout(config.dropout)
        self.norm_sentence, self.to_sentence = nn.LayerNorm(dim), nn.Linear(dim, out)
        self.apart = TextWhole(width=backbone_dim, dim=dim, out=out) if apart else None
        if not apart:
            self.norm_whole, self.to_whole = nn.LayerNorm(dim), nn.Linear(dim, out)

    def sentences_of(self, text: str) -> tuple[str, ...]:
        return sentences_of(text)

    def pack(self, texts: Sequence[Sequence[str]], backbone: TextBackbone) -> TextBatch:
        return pack_texts(texts, backbone)

    def forward(self, batch: TextBatch, claims: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return text vectors (n, out) and the vectors of all m sentences in order (m, out).

        `claims` (numbers, VALUE_DIM, vectors * out) is the series tower's; without it a number is read by its token
        only.
        """
        tokens = self._tokens(batch)  # (k, d)
        x = self._gather(tokens, batch)[batch.which]  # (m, d)
        n, s = batch.sentence_valid.shape
        grid = x.new_zeros(n * s, x.shape[-1]).index_copy(0, batch.slot, x).view(n, s, -1)
        grid = torch.cat([self.whole.expand(n, 1, -1), grid], dim=1)
        valid = F.pad(batch.sentence_valid, (1, 0), value=True)[:, None, None]
        order = rotary(torch.arange(s + 1, device=x.device), grid.shape[-1] // self.config.heads)
        for layer in self.context:
            grid = layer(grid, mask=valid, positions=order)
        head = grid[:, 0] if self.context else grid[:, 1:].sum(1)
        said = grid[:, 1:].flatten(0, 1)[batch.slot]  # (m, d)
        sentences = self.to_sentence(self.norm_sentence(said))
        if self.config.numbers and claims is not None:
            sentences = sentences + self._claimed(tokens, batch, claims)
        sentences = F.normalize(sentences, dim=-1)
        whole = self.to_whole(self.norm_whole(head)) if self.apart is None else self.apart(_mean_states(batch))
        return F.normalize(whole, dim=-1), sentences

    def _tokens(self, batch: TextBatch) -> Tensor:
        x = self.drop(self.project(batch.states.float()))  # (k, d)
        if self.config.numbers:
            here = (~batch.numbers.isnan()).nonzero().squeeze(1)
            x = x.index_add(0, here, self.value(value_features(batch.numbers[here])))
        return x + self.token(x)

    def _claimed(self, tokens: Tensor, batch: TextBatch, claims: Tensor) -> Tensor:
        """What the numbers of each sentence claim (m, out): the words weigh which number of a channel each one is."""
        out = self.to_sentence.out_features
        places = claims.unflatten(-1, (-1, out)).transpose(1, 2).flatten(0, 1)  # (numbers * vectors, VALUE_DIM, out)
        here = (~batch.numbers.isnan()).nonzero().squeeze(1)
        weight = self.claim(tokens[here]) / math.sqrt(len(places))  # (k, numbers * vectors)
        value = value_features(batch.numbers[here])
        placed = (weight[:, :, None] * value[:, None]).flatten(1) @ places.flatten(0, 1)  # (k, out)
        said = placed.new_zeros(batch.n_different, out).index_add(0, batch.sentence[here], placed)
        return said[batch.which]

    def _gather(self, x: Tensor, batch: TextBatch) -> Tensor:
        m, heads = batch.n_different, self.config.heads
        weight = (self.weight(x)).clamp(-20, 20).exp()  # (k, heads): a softmax over each sentence, bounded
        value = (self.carry(x).unflatten(-1, (heads, -1)) * weight[..., None]).flatten(1)
        total = x.new_zeros(m, heads).index_add(0, batch.sentence, weight)
        summed = x.new_zeros(m, x.shape[-1]).index_add(0, batch.sentence, value)
        pooled = (summed.unflatten(-1, (heads, -1)) / total[..., None]).flatten(1)
        return pooled + self.gathered(pooled)


class PooledTextTower(nn.Module):
    """The paper's text side: the frozen vector of a whole text, numbers as words, and one trained projection.

    A text is its own only sentence. Source: arXiv:2506.09114, section 3.3.
    """

    def __init__(self, *, backbone_dim: int, out: int) -> None:
        super().__init__()
        self.project = nn.Linear(backbone_dim, out)

    def sentences_of(self, text: str) -> tuple[str, ...]:
        return (text,)

    def pack(self, texts: Sequence[Sequence[str]], backbone: TextBackbone) -> TextBatch:
        """Look up the vector of each text; it stands as the one token of the one sentence."""
        own = torch.arange(len(texts))
        return TextBatch(
            states=backbone.pooled([text for (text,) in texts]),
            numbers=torch.full((len(texts),), torch.nan),
            sentence=own,
            which=own,
            slot=own,
            sentence_valid=torch.ones(len(texts), 1, dtype=torch.bool),
        )

    def forward(self, batch: TextBatch, claims: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return text vectors (n, out), twice; `claims` is not read."""
        whole = F.normalize(self.project(batch.states), dim=-1)
        return whole, whole


def _mean_states(batch: TextBatch) -> Tensor:
    """The mean over the sentences of each text of the mean state of their tokens (n, backbone dim)."""
    of_sentence = mean_by_text(batch.states.float(), batch.sentence, n_texts=batch.n_different)
    return mean_by_text(of_sentence[batch.which], batch.owner, n_texts=batch.sentence_valid.shape[0])


def _mlp(dim: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

"""Stage 2: bring series and texts together, as wholes, sentence by channel, and channel by channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tracets.data.captions.swaps import Contrast
from tracets.data.collate import collate
from tracets.encoders.model import TraceModel
from tracets.encoders.series import SeriesBatch, to_series_batch
from tracets.encoders.text import TextBatch
from tracets.errors import ConfigError, DataError
from tracets.losses import directed_info_nce, hard_negatives_at, info_nce
from tracets.metrics import first_relevant, reciprocal_rank, same_key
from tracets.nn.device import rows_of, to_device
from tracets.nn.scores import best_cosines, late_interaction, mean_by_text, own_interaction
from tracets.retrieval.scores import combine, series_bank, text_bank, text_to_series
from tracets.tasks.context import same_meaning
from tracets.tasks.pretrain import kind_of
from tracets.training.order import BatchOrder, generator_at
from tracets.training.ranks import gather, own_rows, shares, world
from tracets.types import Sample

T = TypeVar("T")
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7)
"""Shares of the sample vectors in the score among which validation chooses."""

Captioner = Callable[[Sample, int], tuple[str, tuple[str, ...]]]
"""From a sample and a seed to a text of the window and one of each channel."""

Swapper = Callable[[Sample], tuple[Contrast, ...]]
"""From a sample to pairs of sentences about it: a true one, and the same with a single fact swapped for a false one."""

Drill = tuple[Sample, tuple[Contrast, ...]]
"""A window for the swapped loss alone, with its pairs; their sentences, but for numbers, are among the others'."""


@dataclass(frozen=True)
class AlignConfig:
    """Stage 2 (arXiv:2506.09114, section 3.3). The loss of the full score has weight 1; the others theirs.

    `sentence`: each sentence alone must find its window. `swapped`: a true sentence must score higher than the same
    one with a single fact swapped, with the window and, half the weight, with the channels that they name; the
    pairs come from the numbers, whatever texts the corpus has. Drills, where a recipe makes them, are asked in
    place of the windows. `hard_first` to `hard_last` schedule the number of hard negatives mined each step (none =
    all in the batch; paper: 32). `same_text`, `same_label_text`: cosine of word counts from which two texts (of one
    label) are no negatives. `max_sentences` of a text, `channel_texts` and `swapped_pairs` of a window, drawn anew
    each step, keep a step cheap. `captions`: share of windows whose texts are replaced by fresh captions from the
    numbers; windows without text get one if it is above 0. `hide_steps`: the largest share of steps hidden at
    random, `hide_start`: the share of windows whose start is hidden. `near`: share of passes whose batches hold
    windows that are close in time, the hardest negatives. `cross_attention` (the paper): in the channel loss each
    channel has read the channel texts of its own window, also its own. That leaks the pair, and no query has such
    texts: it is here to be compared with. `choose_weight`: the share of the sample vectors in the score
    (`model.sample_weight`) that finds most on validation is measured at each validation and kept with the model.
    """

    sample: float = 0.5
    sentence: float = 0.5
    channel: float = 0.5
    event: float = 0.1
    swapped: float = 0.0
    hard_first: int | None = None
    hard_last: int | None = 32
    same_text: float = 0.97
    same_label_text: float = 0.93
    max_sentences: int = 12
    channel_texts: int = 2
    swapped_pairs: int = 3
    captions: float = 0.0
    hide_steps: float = 0.0
    hide_start: float = 0.0
    near: float = 0.5
    cross_attention: bool = False
    choose_weight: bool = True

    def __post_init__(self) -> None:
        if min(self.sample, self.sentence, self.channel, self.event, self.swapped) < 0:
            raise ConfigError("align.sample, sentence, channel, event and swapped must be at least 0")
        for name in ("captions", "hide_steps", "hide_start", "same_text", "same_label_text", "near"):
            if not 0 <= getattr(self, name) <= 1.1:
                raise ConfigError(f"align.{name} must be in [0, 1], got {getattr(self, name)}")
        hard = [n for n in (self.hard_first, self.hard_last) if n is not None]
        if min(*hard, self.max_sentences, self.channel_texts + 1, self.swapped_pairs) < 1:
            raise ConfigError(
                "align.hard_first, hard_last, max_sentences and swapped_pairs must be at least 1, channel_texts 0"
            )


@dataclass(frozen=True)
class AlignBatch:
    """Series, and all texts of the step in one pack: of windows, of channels, of events, true sentences, swapped ones.

    Each of several processes has the whole batch, but of `texts` its share alone; `lengths` (all texts,) says how many
    sentences each text has. `windows` (n_texts,) the series of each window text; `channels` (n_channel_texts,) the flat
    (series, channel) of each channel text; `events` (n_events,); `swaps` (n_swaps,) the series, or the drill, of each
    true sentence and of its twin, `swap_channels` (2 * n_swaps,) the flat (series, channel) that each true sentence
    names, then each false one; `drills` what is asked about in place of `series`, None without any; `same_*` True where
    a text says nearly what another one's owner says.
    """

    series: SeriesBatch
    drills: SeriesBatch | None
    texts: TextBatch
    lengths: Tensor
    windows: Tensor
    channels: Tensor
    events: Tensor
    swaps: Tensor
    swap_channels: Tensor
    same_windows: Tensor
    same_channels: Tensor
    same_events: Tensor


def sentence_loss(best: Tensor, owner: Tensor, same_windows: Tensor, *, n_hard: int | None) -> Tensor:
    """Each sentence finds its window among windows, and each window its sentence among those of other texts.

    Parameters
    ----------
    best : Tensor of shape (s, n)
        The score of each sentence with each window, already divided by the temperature.
    owner : Tensor of shape (s,)
        The window that each sentence is about.
    same_windows : Tensor of bool, (n, n)
        True where two texts say nearly the same.

    Notes
    -----
    The second half lowers what a sentence that fits everything scores everywhere; without it such texts come first for
    every series that asks for one.
    """
    same = same_windows[owner]  # (s, n)
    own = torch.arange(len(owner), device=owner.device)
    alike = same[:, owner] | (owner[:, None] == owner)  # (s, s)
    return 0.5 * (
        directed_info_nce(best, owner, same=same, n_hard=n_hard)
        + directed_info_nce(best.T[owner], own, same=alike, n_hard=n_hard)
    )


class ReadTexts(nn.Module):
    """The paper's cross-attention: channels read the channel texts of their own window. Training only: it LEAKS.

    The text that a channel is to be found by is among those it reads, so the channel loss may fall without the series
    being read; no query comes with such texts, so nothing of this is saved with a model. Source: arXiv:2506.09114,
    section 3.3.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(dim, 1, batch_first=True)

    def forward(self, channels: Tensor, sentences: Tensor, window: Tensor) -> Tensor:
        """Refine (n, c, v, d) by the sentences (m, d) of `window` (m,); a window without any stays as it is."""
        n, c, v, d = channels.shape
        mine = (torch.arange(n, device=window.device)[:, None] == window).repeat_interleave(c * v, 0)  # (n c v, m)
        told = mine.any(1, keepdim=True)
        query, read = channels.reshape(1, n * c * v, d), sentences[None]
        found, _ = self.attention(query, read, read, attn_mask=~mine & told, need_weights=False)
        return F.normalize((query + found * told).view(n, c, v, d), dim=-1)


class AlignTask:
    """Contrastive alignment of a model's towers on a corpus; windows without text still serve as negatives."""

    monitor = "MRR"

    def __init__(
        self,
        model: TraceModel,
        train: Sequence[Sample],
        validation: Sequence[Sample],
        config: AlignConfig,
        *,
        batch_size: int,
        seed: int,
        captioner: Captioner | None = None,
        swapper: Swapper | None = None,
        drills: Sequence[Drill] = (),
    ) -> None:
        self.model, self.train, self.validation = model, train, [s for s in validation if s.text]
        # with drills, too: these sentences are read beforehand, and hold the words of the drills
        self.swaps = [swapper(s) for s in train] if swapper is not None and config.swapped else [()] * len(train)
        self.config, self.batch_size, self.seed, self.captioner = config, batch_size, seed, captioner
        self.cross: ReadTexts | None = None
        if config.cross_attention:
            with torch.random.fork_rng(devices=[]):  # a resumed run begins with the same weights
                torch.manual_seed(seed)
                self.cross = ReadTexts(model.dim)
        self.drills = drills if config.swapped else ()
        self.drill_order: BatchOrder | None = None
        if self.drills:
            self.drill_order = BatchOrder((kind_of(s) for s, _ in self.drills), batch_size=batch_size, seed=seed)
        self.order = BatchOrder(
            map(kind_of, train), batch_size=batch_size, seed=seed, places=map(start_of, train), near=config.near
        )
        if len(self.validation) < 2:
            raise DataError(
                "training needs at least 2 validation windows with text (split = 'val') to choose the weights, "
                f"got {len(self.validation)}."
            )
        if not config.captions and not any(s.text or any(s.channel_texts) for s in train):
            raise DataError(
                "no training window has a text. Write captions first (tracets data caption), or set align.captions=1."
            )

    @property
    def module(self) -> nn.Module:
        return self.model if self.cross is None else nn.ModuleList([self.model, self.cross])

    def prepare(self) -> None:
        """Encode every sentence of the corpus once; afterwards a step looks them up."""
        split = self.model.text.sentences_of
        with torch.inference_mode():
            for begin in range(0, len(self.train), 256):
                part = [self.train[i] for i in range(begin, min(begin + 256, len(self.train)))]
                pieces = [split(t) for s in part for t in (*texts_of(s), *s.channel_texts, s.event_text) if t]
                pieces += [
                    split(t) for found in self.swaps[begin : begin + 256] for c in found for t in (c.true, c.false)
                ]
                if pieces:
                    self.model.text.pack(pieces, self.model.backbone)

    def batch(self, step: int) -> AlignBatch:
        rows = self.order.rows_at(step)
        rng = generator_at(step, seed=self.seed, purpose=2)
        samples = [self.train[int(i)] for i in rows]
        told = [self._texts(sample, rng) for sample in samples]
        series = self._series(samples, rng)
        width = series.channel_valid.shape[1]
        labels = [s.label for s in samples]

        windows = [i for i, (text, _) in enumerate(told) if text]
        window_texts = [told[i][0] or "" for i in windows]
        channel_of = [
            (i, c) for i, (_, texts) in enumerate(told) for c, t in enumerate(texts) if t and series.channel_valid[i, c]
        ]
        channels = self._some_channels(channel_of, rng)
        channel_texts = [told[i][1][c] or "" for i, c in channels]
        events = [i for i, s in enumerate(samples) if s.event_text] if self.config.event else []
        event_texts = [samples[i].event_text or "" for i in events]

        asked, pairs = samples, [self.swaps[int(i)] for i in rows]
        if self.drill_order is not None:
            drilled = [self.drills[int(i)] for i in self.drill_order.rows_at(step)]
            asked, pairs = [s for s, _ in drilled], [found for _, found in drilled]
        swaps = [(i, found) for i, of in enumerate(pairs) for found in some(of, self.config.swapped_pairs, rng)]
        twins = [found.true for _, found in swaps] + [found.false for _, found in swaps]
        named = [(i, found.channel) for i, found in swaps] + [(i, found.false_channel) for i, found in swaps]
        said = (*window_texts, *channel_texts, *event_texts, *twins)
        pieces = [self._some_sentences(self.model.text.sentences_of(t), rng) for t in said]
        given = pieces + [("",)] * (world()[1] - len(pieces))  # there is something for every process to read
        same_channels = np.zeros((len(channels), len(samples) * width), bool)
        if channels:
            at = [i * width + c for i, c in channel_of]
            same_channels[:, at] = self._same(
                channel_texts, [told[i][1][c] or "" for i, c in channel_of], [labels[i] for i, _ in channels],
                [labels[i] for i, _ in channel_of],
            )  # fmt: skip
        drills = self._series(asked, rng) if self.drill_order is not None else None
        asked_width = width if drills is None else drills.channel_valid.shape[1]
        return AlignBatch(
            series=series,
            drills=drills,
            texts=self.model.text.pack(given[own_rows(shares(len(given)))], self.model.backbone),
            lengths=torch.tensor([len(p) for p in given]),
            windows=torch.tensor(windows, dtype=torch.long),
            channels=torch.tensor([i * width + c for i, c in channels], dtype=torch.long),
            events=torch.tensor(events, dtype=torch.long),
            swaps=torch.tensor([i for i, _ in swaps], dtype=torch.long),
            swap_channels=torch.tensor(
                [i * asked_width + asked[i].channel_names.index(name) for i, name in named], dtype=torch.long
            ),
            same_windows=torch.from_numpy(self._same(window_texts, window_texts, *[[labels[i] for i in windows]] * 2)),
            same_channels=torch.from_numpy(same_channels),
            same_events=torch.from_numpy(self._same_events(event_texts, [labels[i] for i in events])),
        )

    def loss(self, batch: AlignBatch, *, progress: float) -> dict[str, Tensor]:
        """The losses of a step by name; "loss" is their weighted sum."""
        batch = to_device(batch, self.model.device)
        whole, sentences, owner = self._read(batch)
        sample, channels = self._encode(batch.series)
        alive = batch.series.channel_valid
        scale = self.model.scale
        n_hard = hard_negatives_at(progress, first=self.config.hard_first, last=self.config.hard_last)
        n, k, e = len(batch.windows), len(batch.channels), len(batch.events)
        parts: dict[str, Tensor] = {}
        if n > 1:
            own = owner < n
            best = best_cosines(sentences[own], channels[batch.windows], alive[batch.windows])  # (sentences, n)
            late = mean_by_text(best, owner[own], n_texts=n)
            cosine = whole[:n] @ sample[batch.windows].T
            share = self.model.sample_weight
            scores = share * cosine + (1 - share) * late
            parts["pair"] = info_nce(scores * scale, same=batch.same_windows, n_hard=n_hard)
            parts["sample"] = info_nce(cosine * scale, same=batch.same_windows, n_hard=n_hard)
            parts["sentence"] = sentence_loss(best * scale, owner[own], batch.same_windows, n_hard=n_hard)
        if k > 1 and self.config.channel:
            said = (owner >= n) & (owner < n + k)
            if self.cross is not None:
                window = batch.channels[owner[said] - n] // alive.shape[1]
                channels = self.cross(channels, sentences[said], window) * alive[..., None, None]
            flat, living = channels.flatten(0, 1)[:, None], alive.flatten()[:, None]
            scores = late_interaction(sentences[said], owner[said] - n, flat, living, n_texts=k) * scale  # (k, n * c)
            dead = ~living.squeeze(1)[None]
            same = batch.same_channels | dead
            paired, back = batch.channels, batch.same_channels[:, batch.channels].T
            texts = torch.arange(k, device=scores.device)
            parts["channel"] = 0.5 * (
                directed_info_nce(scores, paired, same=same, n_hard=n_hard)
                + directed_info_nce(scores[:, paired].T, texts, same=back, n_hard=n_hard)
            )
        if e > 1:
            cosine = whole[n + k : n + k + e] @ sample[batch.events].T
            parts["event"] = info_nce(cosine * scale, same=batch.same_events, n_hard=n_hard)
        if len(batch.swaps):
            if batch.drills is not None:
                sample, channels = self._encode(batch.drills)
                alive = batch.drills.channel_valid
            asked = torch.cat([batch.swaps, batch.swaps])  # the series of every true sentence, then of every false one
            late = own_interaction(sentences, owner - (n + k + e), channels[asked], alive[asked])
            cosine = (whole[n + k + e :] * sample[asked]).sum(-1)
            share = self.model.sample_weight
            told = channels.flatten(0, 1)[batch.swap_channels][:, None]
            own = own_interaction(sentences, owner - (n + k + e), told, alive.flatten()[batch.swap_channels][:, None])
            both = ((share * cosine + (1 - share) * late).chunk(2), own.chunk(2))
            parts["swapped"] = torch.stack([F.softplus((false - true) * scale).mean() for true, false in both]).mean()
        weights = {"pair": 1.0} | {name: getattr(self.config, name) for name in parts if name != "pair"}
        total = sum((weights[name] * value for name, value in parts.items()), start=0.0 * sample.sum())
        return {"loss": total, **parts, "scale": scale}

    def _encode(self, batch: SeriesBatch) -> tuple[Tensor, Tensor]:
        """Vectors of all series of a step, of which this process encodes its share."""
        sizes = shares(len(batch.values))
        sample, channels = self.model.series(rows_of(batch, own_rows(sizes)))
        return gather(sample, sizes), gather(channels, sizes)

    def _read(self, batch: AlignBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Vectors of all texts of a step and of their sentences, and the text of each sentence."""
        whole, sentences = self.model.read_texts(batch.texts)
        sizes = shares(len(batch.lengths))
        if len(sizes) == 1:
            return whole, sentences, batch.texts.owner
        ends = [0, *np.cumsum(sizes)]
        said = [int(batch.lengths[a:b].sum()) for a, b in pairwise(ends)]
        owner = torch.arange(len(batch.lengths), device=whole.device).repeat_interleave(batch.lengths)
        whole, sentences = gather(whole, sizes), gather(sentences, said)
        real = len(batch.windows) + len(batch.channels) + len(batch.events) + 2 * len(batch.swaps)
        return whole[:real], sentences[owner < real], owner[owner < real]

    def validate(self) -> dict[str, float]:
        """Mean reciprocal rank among the validation pairs, both ways, and their mean, at the weight that is best."""
        series = series_bank(self.model.encode_series(self.validation), [s.channel_names for s in self.validation])
        said = [s.text or "" for s in self.validation]
        texts, relevant = text_bank(self.model.encode_texts(said)), same_key(said, said)
        cosine = texts.sample @ series.sample.T
        late = text_to_series(texts, series, sample_weight=0.0)
        found: dict[str, float] = {}
        for weight in WEIGHTS if self.config.choose_weight else (self.model.sample_weight,):
            scores = combine(cosine, late, weight)
            to_series = float(reciprocal_rank(first_relevant(scores, relevant)).mean())
            to_text = float(reciprocal_rank(first_relevant(scores.T, relevant.T)).mean())
            mean = (to_series + to_text) / 2
            if mean > found.get("MRR", -1.0):
                found = {"MRR": mean, "text_to_series": to_series, "series_to_text": to_text, "sample_weight": weight}
        return found

    def settle(self) -> None:
        """Keep with the model, whose best weights are in place, the share of the sample vectors that suits them."""
        if self.config.choose_weight:
            self.model.sample_weight = self.validate()["sample_weight"]

    def _texts(self, sample: Sample, rng: np.random.Generator) -> tuple[str | None, tuple[str | None, ...]]:
        texts = texts_of(sample)
        fresh = self.config.captions > 0 and (not texts or rng.random() < self.config.captions)
        if fresh and self.captioner is not None:
            return self.captioner(sample, int(rng.integers(2**31)))
        return (texts[int(rng.integers(len(texts)))] if texts else None), sample.channel_texts

    def _series(self, samples: list[Sample], rng: np.random.Generator) -> SeriesBatch:
        if self.config.hide_start:
            hidden = rng.random(len(samples)) < self.config.hide_start
            samples = [replace(s, start=None) if hide else s for s, hide in zip(samples, hidden, strict=True)]
        batch = to_series_batch(collate(samples), self.model.backbone)
        if not self.config.hide_steps:
            return batch
        share = self.config.hide_steps * rng.random((len(samples), 1, 1))
        seen = batch.observed & torch.from_numpy(rng.random(batch.observed.shape) >= share)
        seen = torch.where(seen.any(-1, keepdim=True), seen, batch.observed)
        return replace(batch, values=batch.values * seen, observed=seen)

    def _some_channels(self, known: list[tuple[int, int]], rng: np.random.Generator) -> list[tuple[int, int]]:
        by_window: dict[int, list[tuple[int, int]]] = {}
        for i, c in known:
            by_window.setdefault(i, []).append((i, c))
        most = self.config.channel_texts if self.config.channel else 0
        return [pair for own in by_window.values() for pair in some(own, most, rng)]

    def _some_sentences(self, sentences: Sequence[str], rng: np.random.Generator) -> Sequence[str]:
        if len(sentences) <= self.config.max_sentences:
            return sentences
        return some(sentences, self.config.max_sentences, rng)

    def _same(
        self, a: Sequence[str], b: Sequence[str], labels_a: Sequence[str | None], labels_b: Sequence[str | None]
    ) -> np.ndarray:
        return same_meaning(
            a, b, labels_a=labels_a, labels_b=labels_b,
            same_text=self.config.same_text, same_label_text=self.config.same_label_text,
        )  # fmt: skip

    def _same_events(self, texts: Sequence[str], labels: Sequence[str | None]) -> np.ndarray:
        one_label = np.array([[x is not None and x == y for y in labels] for x in labels], bool)
        return self._same(texts, texts, labels, labels) | one_label.reshape(len(texts), len(texts))


def some(items: Sequence[T], most: int, rng: np.random.Generator) -> list[T]:
    """At most `most` of the items, drawn at random, in their order."""
    return [items[j] for j in sorted(rng.permutation(len(items))[:most])]


def start_of(sample: Sample) -> float:
    """When a window starts, in seconds; 0 where it is unknown."""
    return sample.start.timestamp() if sample.start is not None else 0.0


def texts_of(sample: Sample) -> list[str]:
    """Every text of a window: `text` and, where the corpus has them, other texts of the same window (`alt_texts`)."""
    others = sample.metadata.get("alt_texts")
    return [t for t in (sample.text, *(others if isinstance(others, (list, tuple)) else ())) if t]

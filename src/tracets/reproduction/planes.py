"""Series, texts and channels as points of a plane, before alignment and after, and how near they lie in numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tracets.api.models import BASE, load
from tracets.reproduction.ablation import COMMON
from tracets.reproduction.asides import OWN_FORM
from tracets.reproduction.channels import channels_of
from tracets.reproduction.from_nothing import pretrained, untrained
from tracets.reproduction.trainings import PAPER, trained_for_steps
from tracets.reproduction.windows import Draws, Value, mean_of, pool_of, share_first, some
from tracets.tables.drawing import short
from tracets.tables.table import Line, Panel, Picture, Size, Source, Step, Table
from tracets.types import BoolArray, FloatArray

if TYPE_CHECKING:
    from tracets.encoders.protocol import PairEncoder
    from tracets.evaluate.pool import Pool

LIKE, ACROSS = "series: same label nearest", "text: series of its label nearest"
NEAR = ("cosine of pairs", "cosine of others", "gap between the modalities")
WHOLE = Panel("Whole windows", (LIKE, ACROSS, *NEAR))
LIKE_CHANNEL, ACROSS_CHANNEL = "channel: same channel nearest", "text: its channel nearest"
CHANNELS = Panel("Channels", (LIKE_CHANNEL, ACROSS_CHANNEL, *NEAR))
MOST_POINTS = 400


def nearness(series: FloatArray, texts: FloatArray, same: BoolArray, draws: Draws) -> dict[str, Value]:
    """Mean cosine of pairs and of others (not `same`), and the distance between the means of the two clouds.

    The gap is 0 where both have the same mean and 2 where they are opposite points.
    """
    cosines = series @ texts.T
    others = ~same
    kept = others.any(axis=1)
    rest = np.where(others, cosines, 0).sum(axis=1)[kept] / others.sum(axis=1)[kept]
    gap = float(np.linalg.norm(series.mean(axis=0) - texts.mean(axis=0)))
    return dict(zip(NEAR, (mean_of(np.diag(cosines), draws), mean_of(rest, draws), [gap]), strict=True))


def _points(kinds: Mapping[str, tuple[FloatArray, Sequence[str], Sequence[str]]], title: str, about: str) -> Picture:
    """A picture of several kinds of vectors, each with groups and what its points say, in one plane."""
    from tracets.figures import few_groups
    from tracets.plane import to_plane

    places = to_plane(np.concatenate([vectors for vectors, _, _ in kinds.values()]))
    groups = few_groups([group for _, own, _ in kinds.values() for group in own])
    data: dict[str, dict[str, list[Any]]] = {}
    begin = 0
    for kind, (vectors, _, told) in kinds.items():
        own = slice(begin, begin + len(vectors))
        data[kind] = {
            "x": short(places[own, 0]), "y": short(places[own, 1]), "group": groups[own],
            "said": [one[:80] for one in told],
        }  # fmt: skip
        begin += len(vectors)
    return Picture(title, "points", {"kinds": data, "text": about})


def _windows(pool: Pool, model: PairEncoder, size: Size, seed: int) -> tuple[dict[str, Value], Any, Picture]:
    from tracets.metrics import same_key

    samples = [pool.samples[i] for i in pool.paired]
    series, texts = model.encode_series(samples).sample, model.encode_texts(pool.texts).sample
    labels = pool.labels(pool.paired)
    known = np.array([bool(label) for label in labels])
    alike = same_key(labels, labels) & known[:, None] & known
    aside = pool.overlap[np.ix_(pool.paired, pool.paired)] | ~known
    draws = Draws(pool.block, size.n_boot, seed)
    own, chance = share_first(series @ series.T, alike, aside, draws)
    across, _ = share_first(texts @ series.T, alike, aside, draws)
    figures = {LIKE: own, ACROSS: across} | nearness(series, texts, same_key(pool.texts, pool.texts), draws)
    rows = some(len(samples), MOST_POINTS, seed=seed)
    groups = [labels[i] or "no label" for i in rows]
    kinds = {
        "series": (series[rows], groups, [samples[i].id for i in rows]),
        "text": (texts[rows], groups, [pool.texts[i] for i in rows]),
    }
    about = f"Vectors of {len(rows)} windows and of their texts in the plane of their main directions, by label."
    by_chance: dict[str, Value] = {} if np.isnan(chance) else {LIKE: [chance], ACROSS: [chance]}
    return figures, by_chance, _points(kinds, "whole windows", about)


def _channels(pool: Pool, model: PairEncoder, size: Size, seed: int) -> tuple[dict[str, Value], Any, Picture]:
    samples = [pool.samples[i] for i in some(len(pool.samples), size.limit, seed=seed)]
    found = channels_of(samples, model)
    channels, texts = found.means()
    names, told = np.array(found.names), np.array(found.texts)
    alike, together = names[:, None] == names, found.window[:, None] == found.window
    draws = Draws(pool.block * max(1, len(names) // len(samples)), size.n_boot, seed)
    own, chance = share_first(channels @ channels.T, alike, together, draws)
    across, _ = share_first(texts @ channels.T, alike, together, draws)
    figures = {LIKE_CHANNEL: own, ACROSS_CHANNEL: across}
    figures |= nearness(channels, texts, told[:, None] == told, draws)
    rows = some(len(names), MOST_POINTS, seed=seed)
    groups = [found.names[i] for i in rows]
    kinds = {
        "channel": (channels[rows], groups, [samples[found.window[i]].id for i in rows]),
        "text": (texts[rows], groups, [found.texts[i] for i in rows]),
    }
    about = f"{len(rows)} channels of {len(samples)} windows and their texts, each the mean of its vectors, by channel."
    return figures, {LIKE_CHANNEL: [chance], ACROSS_CHANNEL: [chance]}, _points(kinds, "channels", about)


def _step(source: Source, size: Size, seed: int, name: str, model_of: Callable[[], PairEncoder]) -> Step:
    def make() -> list[Line]:
        model, pool = model_of(), pool_of(source)
        parts = {WHOLE: _windows(pool, model, size, seed)}
        if any(text for sample in pool.samples for text in sample.channel_texts):
            parts[CHANNELS] = _channels(pool, model, size, seed)
        line = Line(
            name, {p.title: f for p, (f, _, _) in parts.items()}, pictures=[one for _, _, one in parts.values()]
        )
        if name != UNTRAINED:
            return [line]
        return [Line("chance", {p.title: chance for p, (_, chance, _) in parts.items() if chance}), line]

    return Step(source.name, source.digest, name, make)


UNTRAINED, MASKED, ALIGNED = (
    f"recipe paper, {what}" for what in ("random weights", "stage 1 alone", "both stages")
)  # fmt: skip
SHIPPED = "base, as it ships"


def _of(source: Source, size: Size, seed: int) -> list[Step]:
    steps = size.ablation_steps
    models: dict[str, Callable[[], PairEncoder]] = {
        UNTRAINED: lambda: untrained(size, recipe=PAPER, seed=seed),
        MASKED: lambda: pretrained(source, size, recipe=PAPER, assignments=COMMON, steps=steps, seed=seed),
        ALIGNED: lambda: trained_for_steps(source, size, recipe=PAPER, assignments=COMMON, steps=steps, seed=seed),
        SHIPPED: lambda: load(BASE),
    }
    return [_step(source, size, seed, name, model_of) for name, model_of in models.items()]


def _steps(sources: Sequence[Source], size: Size, seed: int) -> list[Step]:
    return [step for source in sources for step in _of(source, size, seed)]


FIGURE = Table(
    name="map",
    title="The space of series, texts and channels",
    shows="Vectors of split test in the plane of their main directions, before alignment (random weights; masked "
    "pre-training alone) and after it (the paper's recipe after as many steps; `base`), with what can be "
    "counted: how often the nearest has the same label, and how near pairs are beside others.",
    differs=(
        OWN_FORM,
        "Two main directions of linear projection, which show far less than all: the figures in the tables are of the "
        "whole vectors.",
        "The recipe is the paper's at the width of a CPU, for a fixed number of steps: it is far from trained at size "
        "`cpu`.",
        "`base` finds by its channels and sentences and gives whole windows a part of the score that it chose on "
        "validation: their map is not what its search sees.",
        "Nearest windows are of other times or places: windows that share time with a query are left out, and so is "
        "the own pair of a text.",
    ),
    published=(),
    panels=(WHOLE, CHANNELS),
    steps=_steps,
)

"""Scores of texts against series as a matrix: whole windows, and channels with their own texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracets.api.models import BASE, load
from tracets.reproduction.asides import OWN_FORM
from tracets.reproduction.channels import Channels, channels_of
from tracets.reproduction.from_nothing import untrained
from tracets.reproduction.trainings import OURS
from tracets.reproduction.windows import Draws, Value, mean_of, pool_of, said, share_first, some
from tracets.tables.drawing import short
from tracets.tables.table import Line, Panel, Picture, Size, Source, Step, Table

if TYPE_CHECKING:
    from tracets.encoders.protocol import PairEncoder

FIRST = "own first"
METRICS = (FIRST, "own score", "score of others", "own less others")
WHOLE = Panel("Texts of windows, among all windows", METRICS)
WHICH = Panel("Texts of channels, among the channels of their window", METRICS)
WHOSE = Panel("Texts of channels, among all windows by that channel", METRICS)
MOST_NAMES, SHOWN = 12, 24


def measured(
    scores: NDArray[np.floating], own: NDArray[np.bool_], excluded: NDArray[np.bool_], draws: Draws
) -> tuple[dict[str, Value], float]:
    """The metrics of a matrix whose diagonal holds the pairs; `own` marks what says the same, `excluded` no part."""
    first, chance = share_first(scores, own, excluded, draws)
    others = ~own & ~excluded
    pairs, n_others = np.diag(scores), others.sum(axis=1)
    kept = n_others > 0
    rest = np.where(others, scores, 0).sum(axis=1)[kept] / n_others[kept]
    columns = (pairs[kept], rest, pairs[kept] - rest)
    means = [mean_of(one, draws) for one in columns]
    return dict(zip(METRICS, (first, *means), strict=True)), chance


def _whole(source: Source, model: PairEncoder, size: Size, seed: int) -> tuple[dict[str, Value], float, Picture]:
    from tracets.evaluate.retrieval import encoder_scores
    from tracets.metrics import same_key

    pool = pool_of(source)
    scores = encoder_scores(pool, model).text_to_series
    assert scores is not None
    same = same_key(pool.texts, pool.texts)
    figures, chance = measured(scores, same, np.zeros_like(same), Draws(pool.block, size.n_boot, seed))
    rows = some(len(scores), min(SHOWN, size.limit), seed=seed)
    data = {
        "values": short(scores[np.ix_(rows, rows)]), "rows": said([pool.texts[i] for i in rows]),
        "columns": [pool.samples[pool.paired[i]].id for i in rows], "named": ["text", "series"],
        "text": f"{len(rows)} of {len(scores)} windows, drawn by the seed. The pairs lie on the diagonal.",
    }  # fmt: skip
    return figures, chance, Picture("texts against series", "matrix", data)


def _by_name(found: Channels, scores: NDArray[np.floating]) -> Picture:
    """The mean score of the text of one channel with another channel of the same window."""
    names = list(dict.fromkeys(found.names))[:MOST_NAMES]
    together = found.window[:, None] == found.window[None, :]
    of = {name: np.array([own == name for own in found.names]) for name in names}
    values = [
        [scores[pairs].mean() if (pairs := together & of[a][:, None] & of[b]).any() else np.nan for b in names]
        for a in names
    ]
    text = "Mean over windows: the text of one channel against each channel of the same window."
    data = {"values": short(values), "rows": names, "columns": names, "named": ["text of", "channel"], "text": text}
    return Picture("texts of channels against channels", "matrix", data)


def _step(source: Source, size: Size, seed: int, name: str, model_of: Callable[[], PairEncoder]) -> Step:
    def make() -> list[Line]:
        model, pool = model_of(), pool_of(source)
        windows, chance_of_windows, matrix = _whole(source, model, size, seed)
        figures, chance, pictures = {WHOLE.title: windows}, {WHOLE.title: chance_of_windows}, [matrix]
        samples = [pool.samples[i] for i in some(len(pool.samples), size.limit, seed=seed)]
        if any(sample.channel_texts and any(sample.channel_texts) for sample in samples):
            found = channels_of(samples, model)
            scores, itself = found.scores(), np.eye(len(found.names), dtype=bool)
            names, texts = np.array(found.names), np.array(found.texts)
            together, alike = (one[:, None] == one[None, :] for one in (found.window, names))
            draws = Draws(pool.block * max(1, len(found.names) // len(samples)), size.n_boot, seed)
            for panel, own, excluded in (
                (WHICH, itself, ~together), (WHOSE, alike & (texts[:, None] == texts[None, :]), ~alike),
            ):  # fmt: skip
                figures[panel.title], chance[panel.title] = measured(scores, own, excluded, draws)
            pictures.append(_by_name(found, scores))
        line = Line(name, figures, f"{len(samples)} windows for the channels", pictures=tuple(pictures))
        by_chance = {title: {FIRST: [value]} for title, value in chance.items()}
        return [Line("chance", by_chance), line] if name == SHIPPED else [line]

    return Step(source.name, source.digest, name, make)


SHIPPED, RANDOM = "base, as it ships", "random weights"


def _steps(sources: Sequence[Source], size: Size, seed: int) -> list[Step]:
    return [
        step
        for source in sources
        for step in (
            _step(source, size, seed, SHIPPED, lambda: load(BASE)),
            _step(source, size, seed, RANDOM, lambda: untrained(size, recipe=OURS, seed=seed)),
        )
    ]


FIGURE = Table(
    name="similarity",
    title="Scores of texts against series",
    shows="Every text of split test against every series, and texts of channels against channels: what belongs "
    "together should stand out (the paper's claim of an alignment of windows and of channels).",
    differs=(
        OWN_FORM,
        "Scores are those of search: cosines of whole windows and late interaction of sentences with channels.",
        "A text of a channel often names it, so that the right channel of its own window can be told by its name; "
        "among all windows by that channel, only what it says can tell. Texts that are word for word the same count as "
        "each other's.",
    ),
    published=(),
    panels=(WHOLE, WHICH, WHOSE),
    steps=_steps,
)

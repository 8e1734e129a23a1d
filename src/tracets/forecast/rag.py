"""A forecaster that looks up what followed windows like this one: retrieval-augmented generation for series.

Two ways to make use of neighbours. The plain one mixes what followed them, told in the query's units, into the forecast
of any backbone, by a learnt gate that can shut. The paper's puts them before the tokens of a frozen backbone as a soft
prompt: `tracets.forecast.prompts`.

Source: arXiv:2506.09114, section 3.4, for the retrieval and the prompt; the gate is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tracets.data.pairs import Pair, in_time_order, last_steps
from tracets.errors import ConfigError, DataError
from tracets.forecast.continuations import ANCHORS, Anchor, anchored, continuations, retold
from tracets.forecast.gate import Gate, fit_gate, gate_features
from tracets.forecast.neighbours import Memory, Neighbours, Retrieval
from tracets.forecast.protocol import Backbone
from tracets.types import FloatArray, Forecast, Neighbour, Sample

TOP = 8


class RagForecaster:
    """Any backbone, with what followed the most similar windows mixed in as far as that has paid.

    Until `fit` has seen pairs that the memory does not hold, the gate is shut and forecasts are the backbone's.

    Parameters
    ----------
    backbone : Backbone
        Stays as it is.
    memory : Memory
        Pairs to look up; only those that lie wholly before a query are ever used. Of a longer past, as many of the last
        steps are compared as the memory's pasts have.
    retrieval : "none", "series" or "series+text"
        What neighbours are found by. "none" is the backbone alone.
    top : int, default=8
        Neighbours, at least 1.
    placebo : bool, default=False
        Draw the neighbours by chance, under the same rule of time: what retrieval has to be better than.

    Examples
    --------
    >>> rag = RagForecaster(load_backbone("fracast"), Memory(train, encoder)).fit(validation)  # doctest: +SKIP
    >>> rag.forecast([window], horizon=24)[0].neighbours  # doctest: +SKIP
    ('EWR-2013-02-03T00', 'JFK-2013-01-20T00')
    """

    def __init__(
        self,
        backbone: Backbone,
        memory: Memory,
        *,
        retrieval: Retrieval = "series",
        top: int = TOP,
        placebo: bool = False,
        seed: int = 0,
    ) -> None:
        if retrieval not in ("none", "series", "series+text") or top < 1:
            raise ConfigError(
                f"RagForecaster expects retrieval 'none', 'series' or 'series+text' and top >= 1, got {retrieval!r} "
                f"and {top}."
            )
        self.backbone, self.memory, self.retrieval, self.top = backbone, memory, retrieval, top
        self.placebo, self.seed = placebo, seed
        self.anchor: Anchor = ANCHORS[0]
        self.gate = Gate(None)
        self._scale = _scale(memory)

    @property
    def name(self) -> str:
        found = "random" if self.placebo else self.retrieval
        return self.backbone.name if self.retrieval == "none" else f"{self.backbone.name} + {found}"

    @property
    def summary(self) -> str:
        """One line about the gate."""
        if self.retrieval == "none":
            return "no retrieval"
        gain = "nothing was learnt" if self.gate.gain is None else f"squared error {self.gate.gain.value:+.3g}"
        if self.gate.gain is not None:
            gain += f" ({self.gate.gain.low:+.3g} to {self.gate.gain.high:+.3g}) on parts left out"
        if self.gate.weights is None:
            return f"neighbours are left aside: {gain}"
        return f"what followed {self.top} neighbours of {len(self.memory)} windows is mixed in: {gain}"

    def fit(self, pairs: Sequence[Pair]) -> RagForecaster:
        """Learn the gate from pairs with known futures, of a later time than those that the backbone was fitted to.

        Of the ways to tell a neighbour's future in the query's units, the one whose gate lessens errors most on the
        folds left out is taken; the gate stays shut where none does so beyond its interval.

        Raises
        ------
        DataError
            No pairs, or of another horizon than the memory's.
        """
        if not pairs or {pair.horizon for pair in pairs} != {self.memory.horizon}:
            raise DataError(
                f"fit() expects pairs with a horizon of {self.memory.horizon}, as the memory has, got "
                f"{sorted({pair.horizon for pair in pairs})}."
            )
        if self.retrieval == "none":
            return self
        pairs = in_time_order(pairs)
        plain = [f.mean for f in self.backbone.forecast([pair.past for pair in pairs], self.memory.horizon)]
        pairs = [self._asked(pair) for pair in pairs]
        scales = [self._scale_of(pair.past) for pair in pairs]
        neighbours = self._nearest(pairs)
        windows = np.repeat(np.arange(len(pairs)), [pair.past.n_channels for pair in pairs])
        backbone, truth = (
            np.concatenate([one / scale[:, None] for one, scale in zip(each, scales, strict=True)])
            for each in (plain, [pair.future for pair in pairs])
        )
        gates = []
        for anchor in ANCHORS:
            features, told = [], []
            for i, (pair, scale) in enumerate(zip(pairs, scales, strict=True)):
                futures = continuations(self.memory, neighbours.rows[i], pair.past, anchor=anchor)
                features.append(gate_features(neighbours.scores[i], futures, scale))
                told.append(_mean(futures) / scale[:, None])
            gate = fit_gate(
                np.concatenate(features), backbone, np.concatenate(told), truth, windows=windows, seed=self.seed
            )
            gates.append((np.inf if gate.gain is None else gate.gain.value, anchor, gate))
        _, self.anchor, self.gate = min(gates, key=lambda found: (found[2].weights is None, found[0]))
        return self

    def forecast(self, pasts: Sequence[Sample], horizon: int) -> list[Forecast]:
        """The backbone's forecasts, moved towards what followed the neighbours; its spread is kept.

        `Forecast.neighbours` names them where the gate is open.

        Raises
        ------
        ConfigError
            A horizon beyond the memory's.
        """
        if horizon > self.memory.horizon and self.retrieval != "none":
            raise ConfigError(
                f"the memory knows {self.memory.horizon} steps after each window, {horizon} were asked for. Cut its "
                f"pairs with a horizon of {horizon}."
            )
        plain = self.backbone.forecast(pasts, horizon)
        if self.retrieval == "none" or self.gate.weights is None:
            return plain
        pasts = [last_steps(past, self.memory.n_steps) for past in pasts]
        neighbours = self._nearest(pasts)
        out = []
        for i, (past, one) in enumerate(zip(pasts, plain, strict=True)):
            futures = continuations(self.memory, neighbours.rows[i], past, anchor=self.anchor)[..., :horizon]
            share = self.gate(gate_features(neighbours.scores[i], futures, self._scale_of(past)))
            step = (share * np.nan_to_num(_mean(futures) - one.mean)).astype(np.float32)
            ids = self.memory.ids(neighbours, i)
            out.append(replace(one, mean=one.mean + step, quantiles=one.quantiles + step, neighbours=ids))
        return out

    def neighbours(self, pasts: Sequence[Sample]) -> list[tuple[Neighbour, ...]]:
        """What each window is like and what followed, nearest first, whether the gate is open or shut.

        Told as `forecast` would tell it; by retrieval "none" there are none.
        """
        if self.retrieval == "none":
            return [() for _ in pasts]
        pasts = [last_steps(past, self.memory.n_steps) for past in pasts]
        found = self._nearest(pasts)
        out = []
        for i, past in enumerate(pasts):
            told = []
            for row, score in zip(found.rows[i], found.scores[i], strict=True):
                if row >= 0:
                    pair = self.memory.pairs[row]
                    known, after = (
                        retold(values, pair.past, past, anchor=self.anchor)
                        for values in (pair.past.values, pair.future)
                    )
                    told.append(Neighbour(pair.past.id, float(score), known, after))
            out.append(tuple(told))
        return out

    def _asked(self, pair: Pair) -> Pair:
        """A pair whose past is no longer than those remembered: what is looked up has their length."""
        past = last_steps(pair.past, self.memory.n_steps)
        return replace(pair, past=past, first=pair.first + pair.past.n_steps - past.n_steps)

    def _nearest(self, queries: Sequence[Pair] | Sequence[Sample]) -> Neighbours:
        found: Retrieval = "series+text" if self.retrieval == "series+text" else "series"
        return self.memory.nearest(queries, top=self.top, retrieval=found, placebo=self.placebo, seed=self.seed)

    def _scale_of(self, past: Sample) -> NDArray[np.float64]:
        own = anchored(past.values, "mean")[1]
        names = [name.casefold() for name in past.channel_names]
        return np.array([self._scale.get(name) or spread or 1.0 for name, spread in zip(names, own, strict=True)])


def _mean(futures: FloatArray) -> NDArray[np.float64]:
    """Over the neighbours that know a step: (top, c, h) -> (c, h), NaN where none does."""
    known = np.isfinite(futures)
    total = np.where(known, futures, 0).sum(axis=0, dtype=np.float64)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)


def _scale(memory: Memory) -> dict[str, float]:
    """The spread of each channel over all that is remembered, by its name in lower case."""
    values: dict[str, list[NDArray[np.float32]]] = {}
    for pair in memory.pairs:
        for name, future in zip(pair.past.channel_names, pair.future, strict=True):
            values.setdefault(name.casefold(), []).append(future[np.isfinite(future)])
    return {name: float(np.std(np.concatenate(rows), dtype=np.float64)) for name, rows in values.items()}

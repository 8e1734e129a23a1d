"""Measure how well a pair encoder finds series by text, texts by series and series by series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import tracets.retrieval.scores as vector_scores
from tracets.encoders.protocol import PairEncoder
from tracets.evaluate.baselines import find_baseline
from tracets.evaluate.pool import Pool, make_pool
from tracets.evaluate.report import RetrievalReport
from tracets.evaluate.scoring import ScoreMatrices, chance, differences, per_query, summarise
from tracets.retrieval.hubness import HUB_LEAST, choose_bank, text_hubness, without_hubs
from tracets.types import Sample, SeriesVectors


def evaluate_retrieval(
    samples: Sequence[Sample],
    encoder: PairEncoder,
    *,
    baselines: Sequence[str] = (),
    seed: int = 0,
    n_boot: int = 1000,
    batch_size: int = 64,
    train: Sequence[Sample] | None = None,
    hubness: bool = True,
) -> RetrievalReport:
    """Rank a pool in every direction and measure pairs and labels, beside chance and baselines.

    Parameters
    ----------
    samples : sequence of Sample
        The pool, for instance the test split. Windows without a text take no part in the pairs and are counted.
    encoder : PairEncoder
        The model; scores are those of search, sample cosine and late interaction, exact. Series to text they are less
        the texts' hubness (`tracets.retrieval.hubness`) over at most `HUB_BANK` windows of split "train" in `train`.
    baselines : sequence of str
        Names in `tracets.evaluate.baselines.BASELINES`.
    seed, n_boot : int
        For the bootstrap and for baselines that draw.
    batch_size : int
        Windows and texts encoded at once; changes no figure.
    train : sequence of Sample or None
        Windows of split "train" and "val" for baselines that learn or that scale by training statistics. Windows of
        split "test" and windows of the pool itself are left out of it.
    hubness : bool, default=True
        False leaves the scores of series with texts as they are; so does a `train` without windows of split "train".

    Returns
    -------
    RetrievalReport
        All shares in [0, 1]; `median_rank` from 1 to n.

    Raises
    ------
    DataError
        Fewer than two windows have a text, or a baseline needs `train` and there is none.
    NotFound
        A baseline of that name does not exist.
    MissingExtra
        A baseline needs a library that is not installed.

    Examples
    --------
    >>> report = evaluate_retrieval(corpus.split("test"), encoder, baselines=["bm25"])  # doctest: +SKIP
    >>> report.scores["text_to_series"]["pair"]["MRR"].value  # doctest: +SKIP
    0.61
    """
    runs = {name: find_baseline(name) for name in baselines}  # refuse a misspelt name before any work
    pool = make_pool(samples)
    asked = {sample.id for sample in pool.samples}
    known = [sample for sample in train or () if sample.split != "test" and sample.id not in asked]
    bank = _hub_bank(known) if hubness else []
    model = per_query(pool, encoder_scores(pool, encoder, bank=bank, batch_size=batch_size))
    others = {name: per_query(pool, run(pool, train=known, seed=seed)) for name, run in runs.items()}
    return RetrievalReport(
        n=len(pool.paired),
        n_without_text=len(pool.samples) - len(pool.paired),
        n_duplicates=pool.n_duplicates,
        n_labelled=len(pool.labelled),
        chance=chance(pool),
        scores=summarise(pool, model, n_boot=n_boot, seed=seed),
        baselines={name: summarise(pool, other, n_boot=n_boot, seed=seed) for name, other in others.items()},
        paired={name: differences(pool, model, other, n_boot=n_boot, seed=seed) for name, other in others.items()},
        model=encoder.name,
        fingerprint=encoder.fingerprint,
        split="+".join(sorted({sample.split or "none" for sample in pool.samples})),
        seed=seed,
        n_boot=n_boot,
        block=pool.block,
        hub_bank=len(bank),
    )


def encoder_scores(
    pool: Pool, encoder: PairEncoder, *, bank: Sequence[Sample] = (), batch_size: int = 64
) -> ScoreMatrices:
    """Score the pool as search does.

    1. encode every window and text  2. score every query against every item  3. series to text, take off the texts'
    hubness over the windows of `bank`, if there are any
    """
    series = encoder.encode_series(pool.samples, batch_size=batch_size)
    texts = vector_scores.text_bank(encoder.encode_texts(pool.texts, batch_size=batch_size))
    weight = encoder.sample_weight
    paired, labelled = (_bank(pool, series, positions) for positions in (pool.paired, pool.labelled))
    text_to_series = vector_scores.text_to_series(texts, paired, sample_weight=weight)
    hubs = None
    if bank:
        others = encoder.encode_series(bank, batch_size=batch_size)
        laid_out = vector_scores.series_bank(others, [sample.channel_names for sample in bank])
        hubs = text_hubness(texts, laid_out, sample_weight=weight)
    return ScoreMatrices(
        text_to_series=text_to_series,
        series_to_text=without_hubs(text_to_series.T, hubs),
        series_to_series=vector_scores.series_to_series(labelled, labelled, sample_weight=weight),
    )


def _hub_bank(known: Sequence[Sample]) -> list[Sample]:
    """The windows of split "train" to measure hubness by, the same whatever their order; none where there are few."""
    learnt = sorted((sample for sample in known if sample.split == "train"), key=lambda sample: sample.id)
    return [learnt[i] for i in choose_bank(len(learnt))] if len(learnt) >= HUB_LEAST else []


def _bank(pool: Pool, series: SeriesVectors, positions: np.ndarray) -> vector_scores.SeriesBank:
    vectors = SeriesVectors(series.sample[positions], tuple(series.channels[i] for i in positions))
    return vector_scores.series_bank(vectors, [pool.samples[i].channel_names for i in positions])

"""Every command on corpora that are valid and odd: an answer, or a refusal of one line; never anything else."""

from dataclasses import replace

import numpy as np
import pytest

from tracets.data import Corpus, read_corpus, write_corpus

pytestmark = pytest.mark.slow

ODD = {
    "no split": lambda days: [replace(day, split=None) for day in days],
    "no text": lambda days: [replace(day, text=None, channel_texts=()) for day in days],
    "no label": lambda days: [replace(day, label=None) for day in days],
    "one label": lambda days: [replace(day, label="fair") for day in days],
    "no start": lambda days: [replace(day, start=None, freq=None) for day in days],
    "one window": lambda days: days[-1:],
    "one of train and of test": lambda days: [days[0], days[-1]],
    "train alone": lambda days: days[:8],
    "test alone": lambda days: days[-2:],
    "one step": lambda days: [replace(day, values=day.values[:, :1]) for day in days],
    "nothing observed": lambda days: [replace(day, values=np.full_like(day.values, np.nan)) for day in days],
    "constant": lambda days: [replace(day, values=np.ones_like(day.values)) for day in days],
    "the same window": lambda days: [replace(days[0], id=day.id, split=day.split, label=day.label) for day in days],
    "two lengths": lambda days: [replace(day, values=day.values[:, : 12 + 12 * (i % 2)]) for i, day in enumerate(days)],
}


def commands(corpus, model, folder):
    """What people do with a corpus, in an order that works where the corpus allows it."""
    index = folder / "x.index"
    yield from [
        ("data", "describe", corpus, "--plot", folder / "x.html"),
        ("data", "caption", corpus, "--out", folder / "captioned.parquet"),
        ("evaluate", "retrieval", corpus, "--model", model, "--n-boot", 20, "--baselines", "random,bm25,euclidean"),
        ("evaluate", "probes", corpus, "--model", model, "--n-boot", 20, "--limit", 3),
        ("evaluate", "channels", corpus, "--model", model, "--n-boot", 20, "--limit", 3),
        ("evaluate", "parts", corpus, "--model", model, "--n-boot", 20, "--limit", 2),
        ("evaluate", "classify", corpus, "--model", model, "--n-boot", 20),
        ("evaluate", "forecast", corpus, "--model", model, "--horizon", 4, "--n-boot", 20),
        ("index", corpus, "--model", model, "--out", index),
        ("search", index, "heavy rain", "--plot", folder / "hits.html"),
        ("search", index, "heavy rain", "--hybrid", "--want", "text"),
        ("search", index, "--like", "day-11"),
        ("explain", index, "day-11", "--query", "heavy rain"),
        ("index", "compact", index),
        ("embed", corpus, "--model", model, "--out", folder / "vectors.parquet"),
        ("classify", corpus, "--model", model, "--out", folder / "labels"),
        ("forecast", model, "--series", corpus, "--horizon", 3),
    ]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_corpus_is_answered_or_refused_in_one_line(tracets, corpus_file, model_folder, tmp_path, odd):
    corpus = tmp_path / "odd.parquet"
    write_corpus(Corpus.from_samples(ODD[odd](list(read_corpus(corpus_file)))), corpus)
    for command in commands(corpus, model_folder, tmp_path):
        result = tracets(*command)
        if result.code:
            told = [line for line in result.err.splitlines() if line.startswith("tracets: ")]
            assert (result.code, len(told)) == (2, 1), (command, result)

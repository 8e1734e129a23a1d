"""What a step of the alignment does beside pairs: sentences with a fact swapped, and starts that are hidden."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import torch

from tracets.data.captions.swaps import Contrast
from tracets.tasks.align import AlignConfig, AlignTask, some
from tracets.types import Sample


def window(i):
    values = np.random.default_rng(i).normal(size=(2, 12)).astype(np.float32)
    start = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=i)
    return Sample(
        f"w{i}", values, ("load", "wind"), start=start, freq="h", text=f"text number {i}. Calm.",
        channel_texts=(f"load of {i}", None),
    )  # fmt: skip


TOLD = [window(i) for i in range(6)]


def task(model, *, swapper=None, drills=(), **config):
    chosen = AlignConfig(**{"hard_last": None} | config)
    return AlignTask(model, TOLD, TOLD[:2], chosen, batch_size=8, seed=0, swapper=swapper, drills=drills)


def drawn(made):
    """The samples of the first step, in its order."""
    return [made.train[int(i)] for i in made.order.rows_at(0)]


def late(sentences, vectors):
    """Mean over sentences of the best cosine with any vector."""
    return np.mean([max(float(s @ v) for v in vectors) for s in sentences])


@pytest.fixture
def model(tiny_model):
    return tiny_model()


def test_a_true_sentence_is_told_from_its_swapped_twin(model):
    """Against the vectors of texts read alone: by the score that search gives, and by the channels that are named."""
    model.eval()

    def swapper(sample):
        true, false = f"the load of {sample.id} rises", f"the wind of {sample.id} rises"
        return () if sample.id == "w1" else (Contrast("channel", "load", true, false, "wind"),)

    made = task(model, swapper=swapper, swapped=0.5)
    batch, samples = made.batch(0), drawn(made)
    asked = [s for s in samples if s.id != "w1"]
    assert [samples[i].id for i in batch.swaps] == [s.id for s in asked]
    parts, without = made.loss(batch, progress=0.0), task(model).loss(task(model).batch(0), progress=0.0)
    series, share = model.encode_series(asked), model.sample_weight
    scores = []
    for channel, said in enumerate(("true", "false")):
        texts = model.encode_texts([getattr(swapper(s)[0], said) for s in asked])
        whole = [
            share * float(texts.sample[i] @ series.sample[i])
            + (1 - share) * late(texts.sentences[i], series.channels[i].reshape(-1, model.dim))
            for i in range(len(asked))
        ]
        named = [late(texts.sentences[i], series.channels[i][channel]) for i in range(len(asked))]
        scores.append(whole + named)
    scale = float(model.scale.detach())
    expected = np.mean([math.log1p(math.exp(scale * (f - t))) for t, f in zip(*scores, strict=True)])
    assert float(parts["swapped"].detach()) == pytest.approx(expected, rel=1e-4)
    assert "swapped" not in without
    assert float(parts["loss"].detach()) == pytest.approx(float(without["loss"].detach()) + 0.5 * expected, rel=1e-4)


def test_drills_are_asked_in_place_of_the_windows(model):
    """The same pairs about windows that have no part in any other loss, whatever their channels and length."""
    model.eval()
    pair = Contrast("direction", "rain", "Rain rises.", "Rain falls.", "rain")
    values = np.random.default_rng(99).normal(size=(3, 20)).astype(np.float32)
    drills = [(Sample(f"d{i}", values + i, ("load", "rain", "wind")), (pair,)) for i in range(3)]
    made = task(
        model, swapper=lambda sample: (Contrast("level", "load", "a", "b", "load"),), drills=drills, swapped=1.0
    )
    parts = made.loss(made.batch(0), progress=0.0)
    without = task(model).loss(task(model).batch(0), progress=0.0)
    series, share = model.encode_series([s for s, _ in drills]), model.sample_weight
    scores = []
    for text in (pair.true, pair.false):
        said = model.encode_texts([text])
        whole = [
            share * float(said.sample[0] @ series.sample[i])
            + (1 - share) * late(said.sentences[0], series.channels[i].reshape(-1, model.dim))
            for i in range(3)
        ]
        scores.append(whole + [late(said.sentences[0], series.channels[i][1]) for i in range(3)])
    scale = float(model.scale.detach())
    expected = np.mean([math.log1p(math.exp(scale * (f - t))) for t, f in zip(*scores, strict=True)])
    assert float(parts["swapped"].detach()) == pytest.approx(expected, rel=1e-4)
    for name in ("pair", "sample", "sentence", "channel"):
        assert float(parts[name].detach()) == pytest.approx(float(without[name].detach()), rel=1e-4)


def test_a_step_sees_some_of_the_swaps_and_in_time_all(model):
    known = tuple(Contrast("level", "load", f"Load of {i}.", f"Load of {i + 9}.", "load") for i in range(5))
    made = task(model, swapper=lambda sample: known, swapped=1.0, swapped_pairs=2)
    drawn_ones = [some(known, 2, np.random.default_rng(step)) for step in range(20)]
    assert all(len(few) == 2 and few == sorted(few, key=known.index) for few in drawn_ones)
    assert {c for few in drawn_ones for c in few} == set(known)
    assert made.batch(0).swaps.bincount().tolist() == [2] * len(TOLD)


def test_a_hidden_start_leaves_the_values(model):
    made, plain = task(model, hide_start=1.0), task(model)
    hidden, seen = made.batch(0).series, plain.batch(0).series
    assert hidden.clock[:, 0].isnan().all() and not hidden.calendar[:, :7].any()
    assert torch.equal(hidden.values, seen.values) and torch.equal(hidden.clock[:, 1], seen.clock[:, 1])
    assert not seen.clock[:, 0].isnan().any()
    half = task(model, hide_start=0.5)
    assert 0 < sum(int(half.batch(step).series.clock[:, 0].isnan().sum()) for step in range(8)) < 8 * len(TOLD)

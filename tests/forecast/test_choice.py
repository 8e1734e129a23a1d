"""What is chosen, on series whose truth is known; and folds that never look ahead."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tracets.errors import DataError
from tracets.forecast.choice import WORTH, choose, folds_of
from tracets.forecast.pasts import past_rows
from tracets.forecast.ridge import Material
from tracets.types import Sample

READS = ("recent", "level")
T, H = 16, 4


def material(values, *, parts=None, stride=1):
    """Windows of a long row (n_steps,), the last quarter to choose by."""
    starts = range(0, len(values) - T - H + 1, stride)
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    samples = [
        Sample(str(s), values[None, s : s + T], ("a",), start=begin + timedelta(hours=s), freq="h") for s in starts
    ]
    futures = np.stack([values[s + T : s + T + H] for s in starts])
    rows = past_rows(samples, context=T)
    part = np.array(["train" if i < 0.75 * len(rows) else "val" for i in range(len(rows))], object)
    return Material(rows, futures, parts, np.flatnonzero(part == "train"), folds_of(rows, part, H)), part


def test_folds_learn_from_what_came_before_only():
    found, part = material(np.random.default_rng(0).normal(size=300))
    time = found.rows.time
    assert [fold.val for fold in found.folds] == [False] * 4 + [True]
    for fold in found.folds:
        assert time[fold.learn].max() + H <= time[fold.held].min()  # no future overlaps one that is held
    held = np.concatenate([fold.held for fold in found.folds])
    assert len(held) == len(set(held)) and time[held].min() == pytest.approx(np.median(time[part == "train"]), abs=1)
    assert (part[found.folds[-1].held] == "val").all()


def test_few_windows_have_fewer_folds():
    found, _ = material(np.random.default_rng(0).normal(size=40))
    assert [fold.val for fold in found.folds] == [True]


def test_without_a_row_to_learn_from_there_is_no_choice():
    rows = past_rows([Sample("a", np.ones((1, 5)), ("a",))], context=5)
    with pytest.raises(DataError, match="no window to learn from: in each of them every channel is constant"):
        folds_of(rows, np.zeros(0, object), 2)


@pytest.mark.slow
def test_noise_is_not_learnt():
    found, _ = material(np.random.default_rng(0).normal(size=400).cumsum())
    best = choose(found, contexts=(16, 8, 4), reads=READS, seed=0)
    assert 0.9 < best.score < 1.1  # the last value of a random walk cannot be beaten
    assert best.centres is None


@pytest.mark.slow
def test_a_wave_is_learnt():
    steps = np.arange(400)
    values = 10 + np.sin(steps / 3) + 0.01 * np.random.default_rng(0).normal(size=400)
    best = choose(material(values)[0], contexts=(16, 8), reads=READS, seed=0)
    assert best.score < 0.01


@pytest.mark.slow
def test_growth_in_proportion_bends_the_axis():
    """Steps are shares of the level, which grows a thousandfold: what is learnt from the low part serves the high."""
    rng = np.random.default_rng(0)
    season = np.sin(np.arange(500) / 2)
    values = np.exp(np.linspace(0, 7, 500) + 0.5 * season + 0.02 * rng.normal(size=500))
    best = choose(material(values)[0], contexts=(16,), reads=READS, seed=0)
    assert best.scaling.bend is not None


@pytest.mark.slow
def test_two_kinds_of_rows_get_maps_of_their_own():
    """Half of the windows go on rising, the others turn: only their vectors tell them apart."""
    rng = np.random.default_rng(0)
    n = 400
    kind = rng.integers(2, size=n)
    past = np.cumsum(rng.uniform(0.5, 1.5, (n, T)), 1)
    step = past[:, -1:] - past[:, -2:-1]
    futures = past[:, -1:] + np.where(kind, 1, -1)[:, None] * step * np.arange(1, H + 1)
    samples = [
        Sample(str(i), p[None], ("a",), start=datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=10 * i), freq="h")
        for i, p in enumerate(past)
    ]
    rows = past_rows(samples, context=T)
    part = np.array(["train" if i < 300 else "val" for i in range(n)], object)
    parts = np.stack([4.0 * kind - 2, rng.normal(size=n)], 1)
    told, learn, folds = [], np.flatnonzero(part == "train"), folds_of(rows, part, H)
    for given in (None, parts):
        found = Material(rows, futures, given, learn, folds)
        told.append(choose(found, contexts=(T,), reads=(*READS, "vectors"), seed=0))
    alone, grouped = told
    assert alone.centres is None and grouped.centres is not None
    assert grouped.score < 0.1 * WORTH * alone.score
    groups = grouped.groups(parts)
    assert all(len(set(kind[groups.of_row == k])) == 1 for k in range(groups.n))

"""The task of gradient training: which rows make a batch, what is trained, and the score of the start."""

import numpy as np
import pytest
import torch

from tracets.forecast.head import ForecastHead, HeadSizes, forecast_loss
from tracets.tasks.forecast_tuning import HeadRows, TuneTask
from tracets.types import Sample

RNG = np.random.default_rng(0)
N, C, T, H = 12, 2, 16, 3


@pytest.fixture
def pasts():
    return [Sample(f"w{i}", RNG.normal(size=(C, T)).cumsum(1), ("a", "b")) for i in range(N)]


def rows(vectors=None):
    window, channel = np.repeat(np.arange(N), C), np.tile(np.arange(C), N)
    targets = torch.from_numpy(RNG.normal(size=(N * C, H))).float()
    return HeadRows(torch.from_numpy(RNG.normal(size=(N * C, 5))).float(), targets, window, channel, vectors)


def head_of(vectors):
    torch.manual_seed(0)
    head = ForecastHead(HeadSizes(features=5, context=2, vectors=vectors, parts=3, maps=1, horizon=H))
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return head


def task_of(pasts, encoder=None, *, found=None):
    width = 16 * 3 if encoder is not None else 4  # two vectors a channel and one of the window
    found = found or rows(None if encoder is not None else torch.from_numpy(RNG.normal(size=(N * C, 4))).float())
    learn, val = np.arange(N * C - 6), np.arange(N * C - 6, N * C)
    return TuneTask(head_of(width), encoder, pasts, found, learn=learn, val=val, batch_size=4, seed=0)


def test_a_batch_has_all_rows_of_some_windows_and_depends_on_the_step_alone(pasts):
    task = task_of(pasts)
    for step in range(5):
        window = task.batch(step).rows.window
        assert len(set(window)) == 4 and (np.bincount(window)[list(set(window))] == C).all()
        assert set(window) <= set(range(9))  # the others are to validate on
        np.testing.assert_array_equal(window, task.batch(step).rows.window)


def test_the_loss_is_that_of_the_head_on_the_rows(pasts):
    task = task_of(pasts)
    batch = task.batch(0)
    mean, quantiles = task.head(batch.rows.features, batch.rows.vectors)
    expected = forecast_loss(mean, quantiles, batch.rows.targets)
    assert task.loss(batch, progress=0.0)["loss"].item() == pytest.approx(expected.item())


def test_the_tower_is_read_for_the_vectors_of_each_row(pasts, tiny_model):
    encoder = tiny_model().eval()
    task = task_of(pasts, encoder)
    task.head.eval()
    batch = task.batch(0)
    told = encoder.encode_series(pasts)
    windows = sorted(task.windows[int(i)] for i in task.order.rows_at(0))
    order = np.lexsort((batch.rows.channel, batch.rows.window))  # of the windows of this batch, as they were read
    vectors = np.zeros((len(order), 48), np.float32)
    for row, (w, c) in zip(order, [(w, c) for w in windows for c in range(C)], strict=True):
        vectors[row] = np.concatenate([told.channels[w][c].ravel(), told.sample[w]])
    mean, quantiles = task.head(batch.rows.features, torch.from_numpy(vectors))
    expected = forecast_loss(mean, quantiles, batch.rows.targets)
    assert task.loss(batch, progress=0.0)["loss"].item() == pytest.approx(expected.item(), rel=1e-4)


def test_the_start_scores_minus_one_and_what_errs_less_scores_more(pasts):
    found = rows(torch.zeros(N * C, 4))
    task = task_of(pasts, found=found)
    with torch.no_grad():
        assert task.validate()["score"] == -1.0
        for parameter in task.head.parameters():
            parameter.zero_()
        better = task.validate()
    assert better["score"] > -1.0
    val = found.targets[N * C - 6 :]
    assert better["mse"] == pytest.approx(val.square().mean().item(), rel=1e-5)


@pytest.mark.parametrize("tuned", [False, True])
def test_gradients_reach_what_is_trained(pasts, tiny_model, tuned):
    encoder = tiny_model() if tuned else None
    task = task_of(pasts, encoder)
    task.loss(task.batch(0), progress=0.0)["loss"].backward()
    reached = [name for name, p in task.module.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0]
    assert any(name.startswith("1.") for name in reached) == tuned
    assert {"maps", "curves"} <= {name.split(".")[-1] for name in reached}

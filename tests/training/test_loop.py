"""The loop on a small regression: budget, learning rate, best weights, and resuming to the same bits."""

import csv
import math

import lightning
import pytest
import torch
from torch import nn

import tracets.training.loop as room
from tracets.errors import ConfigError
from tracets.training.loop import fit
from tracets.training.settings import OptimConfig

KILLED = "killed"


class Regression:
    """Fits a line through noise, with dropout; what it is asked for is kept."""

    def __init__(self, *, scores=None, die_at=None, parts=None):
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.3), nn.Linear(8, 1))
        self.scores, self.die_at, self.parts = scores, die_at, parts or (lambda step: {})
        self.steps, self.progress, self.modes, self.snapshots = [], [], [], []
        self.prepared = 0

    @property
    def module(self):
        return self.net

    def prepare(self):
        self.prepared += 1

    def batch(self, step):
        if step == self.die_at:
            raise RuntimeError(KILLED)
        x = torch.randn(6, 3, generator=torch.Generator().manual_seed(step))
        return step, x, x.sum(1, keepdim=True)

    def loss(self, batch, *, progress):
        step, x, y = batch
        self.steps.append(step)
        self.progress.append(progress)
        self.modes.append(self.net.training)
        return {"loss": (self.net(x) - y).square().mean(), **self.parts(step)}

    def validate(self):
        assert not self.net.training and not torch.is_grad_enabled()
        self.snapshots.append([p.detach().clone() for p in self.net.parameters()])
        if self.scores is not None:
            return {"score": self.scores[len(self.snapshots) - 1]}
        _, x, y = self.batch(-1)
        return {"score": -(self.net(x) - y).square().mean().item(), "other": 1.0}


def config(**changes):
    return OptimConfig(**{"max_steps": 10, "max_minutes": None, "validate_every": 4, "warmup_steps": 4} | changes)


def run(task, folder, *, resume=False, **changes):
    return fit(task, config(**changes), folder=folder, monitor="score", seed=5, resume=resume, progress_bar=False)


def weights(task):
    return [p.detach().clone() for p in task.net.parameters()]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def rows(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_budget_by_steps(tmp_path):
    task = Regression()
    found = run(task, tmp_path)
    assert task.steps == list(range(10)) and task.prepared == 1 and all(task.modes)
    assert task.progress == pytest.approx([s / 10 for s in range(10)])
    assert [int(r["step"]) for r in rows(tmp_path)] == [4, 8, 10]
    best = max(float(r["val/score"]) for r in rows(tmp_path))
    assert found["step"] == 10 and found["score"] == pytest.approx(best) and found["minutes"] >= 0


def test_metrics_hold_the_mean_of_each_stretch(tmp_path):
    task = Regression(parts=lambda step: {"part": torch.tensor(float(step))})
    run(task, tmp_path)
    table = rows(tmp_path)
    assert list(table[0]) == ["step", "minutes", "train/loss", "train/part", "val/score", "val/other"]
    assert [float(r["train/part"]) for r in table] == [1.5, 5.5, 8.5]
    assert [float(r["val/other"]) for r in table] == [1.0] * 3


def test_parts_that_come_and_go_keep_their_columns(tmp_path):
    """A stretch of steps without a single event text has no event loss."""
    task = Regression(parts=lambda step: {"event": torch.tensor(2.0)} if 4 <= step < 8 else {})
    run(task, tmp_path)
    table = rows(tmp_path)
    assert [r["train/event"] for r in table] == ["", "2.0", ""]
    assert all(float(r["val/other"]) == 1.0 and float(r["train/loss"]) > 0 for r in table)
    assert all(None not in r and None not in r.values() for r in table)


@pytest.mark.slow
def test_learning_rate_warms_up_and_falls_along_a_cosine(tmp_path, monkeypatch):
    rates = []
    step = room._Loop.training_step

    def noting(self, batch, batch_idx):
        rates.append([group["lr"] for group in self.trainer.optimizers[0].param_groups])
        return step(self, batch, batch_idx)

    monkeypatch.setattr(room._Loop, "training_step", noting)
    run(Regression(), tmp_path, learning_rate=0.1, warmup_steps=4)
    expected = [0.1 * min(1, (s + 1) / 4) * 0.5 * (1 + math.cos(math.pi * s / 10)) for s in range(10)]
    assert [r[0] for r in rates] == pytest.approx(expected) and all(len(set(r)) == 1 for r in rates)
    rates.clear()
    run(Regression(), tmp_path, learning_rate=0.1, warmup_steps=0, max_steps=2)
    assert [r[0] for r in rates] == pytest.approx([0.1, 0.05])


def test_weight_decay_is_for_matrices_only():
    loop = room._Loop(Regression(), config(weight_decay=0.3), metrics=None, monitor="score", seed=0)
    decayed, rest = loop.configure_optimizers().param_groups
    assert decayed["weight_decay"] == 0.3 and all(p.ndim > 1 for p in decayed["params"])
    assert rest["weight_decay"] == 0 and all(p.ndim <= 1 for p in rest["params"])
    assert len(decayed["params"]) == len(rest["params"]) == 2


class Clock:
    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(room, "time", made)
    return made


def test_budget_by_time(tmp_path, clock):
    """Six seconds a step, one minute in all, and preparation counts."""
    task = Regression()
    loss, prepare = task.loss, task.prepare

    def slow(batch, *, progress):
        clock.now += 6
        return loss(batch, progress=progress)

    def slow_prepare():
        clock.now += 12
        prepare()

    task.loss, task.prepare = slow, slow_prepare
    found = run(task, tmp_path, max_steps=None, max_minutes=1.0)
    assert task.steps == list(range(8)) and found["minutes"] == pytest.approx(1.0)
    assert task.progress == pytest.approx([0.2 + 0.1 * s for s in range(8)])
    assert [int(r["step"]) for r in rows(tmp_path)] == [4, 8]


@pytest.mark.slow
def test_time_counts_over_runs(tmp_path, clock):
    def timed(task):
        loss = task.loss

        def slow(batch, *, progress):
            clock.now += 6
            return loss(batch, progress=progress)

        task.loss = slow
        return task

    with pytest.raises(RuntimeError, match=KILLED):
        run(timed(Regression(die_at=5)), tmp_path, max_steps=None, max_minutes=1.0)
    clock.now += 1e6
    second = timed(Regression())
    found = run(second, tmp_path, max_steps=None, max_minutes=1.0, resume=True)
    assert second.steps == list(range(4, 10)) and found["minutes"] == pytest.approx(1.0)


def test_whichever_budget_is_further_along(tmp_path, clock):
    task = Regression()
    run(task, tmp_path, max_steps=6, max_minutes=1e9)
    assert task.steps == list(range(6))


def test_the_best_weights_are_kept(tmp_path):
    task = Regression(scores=[0.1, 0.7, 0.3])
    found = run(task, tmp_path)
    assert found["score"] == 0.7 and same(weights(task), task.snapshots[1])
    assert not same(task.snapshots[1], task.snapshots[2])


def test_stops_after_patience_validations_without_gain(tmp_path):
    task = Regression(scores=[0.5, 0.6, 0.6, 0.4, 0.9])
    found = run(task, tmp_path, max_steps=100, patience=2)
    assert [int(r["step"]) for r in rows(tmp_path)] == [4, 8, 12, 16] and found["step"] == 16
    assert same(weights(task), task.snapshots[1])


@pytest.mark.slow
def test_a_run_is_a_function_of_its_seed(tmp_path):
    first, second = Regression(), Regression()
    run(first, tmp_path / "a")
    torch.manual_seed(99)
    run(second, tmp_path / "b")
    assert same(weights(first), weights(second))


@pytest.mark.slow
def test_company_of_other_random_numbers_changes_nothing(tmp_path):
    """Dropout is a function of seed and step."""
    first, second = Regression(), Regression(parts=lambda step: {"noise": torch.rand(())})
    run(first, tmp_path / "a")
    run(second, tmp_path / "b")
    assert same(weights(first), weights(second))


def without_minutes(table):
    return [{k: v for k, v in row.items() if k != "minutes"} for row in table]


def assert_equal_runs(task, folder, found, **changes):
    whole = Regression(scores=None)
    expected = run(whole, folder.parent / "whole", **changes)
    assert same(weights(task), weights(whole))
    assert without_minutes(rows(folder)) == without_minutes(rows(folder.parent / "whole"))
    assert {k: v for k, v in found.items() if k != "minutes"} == {k: v for k, v in expected.items() if k != "minutes"}


@pytest.mark.slow
@pytest.mark.parametrize("die_at", [0, 2, 4, 6, 9])
def test_resuming_after_a_kill_equals_an_uninterrupted_run(tmp_path, die_at):
    folder = tmp_path / "killed"
    with pytest.raises(RuntimeError, match=KILLED):
        run(Regression(die_at=die_at), folder)
    second = Regression()
    with torch.no_grad():
        for p in second.net.parameters():
            p.add_(
                0.0 if die_at < 4 else 1.0
            )  # what a fresh process starts from is no matter once there is a checkpoint
    found = run(second, folder, resume=True)
    assert second.steps == list(range(4 * (die_at // 4), 10))
    assert_equal_runs(second, folder, found)


@pytest.mark.slow
def test_resuming_twice_equals_an_uninterrupted_run(tmp_path):
    folder = tmp_path / "killed"
    for die_at in (5, 9):
        with pytest.raises(RuntimeError, match=KILLED):
            run(Regression(die_at=die_at), folder, resume=True)
    last = Regression()
    found = run(last, folder, resume=True)
    assert last.steps == [8, 9]
    assert_equal_runs(last, folder, found)


@pytest.mark.slow
def test_a_kill_between_a_row_and_its_checkpoint_leaves_no_row_twice(tmp_path, monkeypatch):
    folder = tmp_path / "killed"
    save, calls = lightning.Trainer.save_checkpoint, []

    def dying(self, *args, **options):
        calls.append(1)
        if self.global_step == 8:
            raise RuntimeError(KILLED)
        return save(self, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(lightning.Trainer, "save_checkpoint", dying)
        with pytest.raises(RuntimeError, match=KILLED):
            run(Regression(), folder)
    assert calls and [int(r["step"]) for r in rows(folder)] == [4, 8]
    second = Regression()
    found = run(second, folder, resume=True)
    assert second.steps == list(range(4, 10))
    assert_equal_runs(second, folder, found)


@pytest.mark.slow
def test_patience_is_kept_over_a_kill(tmp_path):
    with pytest.raises(RuntimeError, match=KILLED):
        run(Regression(scores=[0.9, 0.5, 0.5], die_at=9), tmp_path, max_steps=100, patience=3)
    second = Regression(scores=[0.5, 0.5])
    found = run(second, tmp_path, max_steps=100, patience=3, resume=True)
    assert found["score"] == 0.9 and found["step"] == 16 and second.steps == list(range(8, 16))


@pytest.mark.slow
def test_resuming_a_finished_stage_returns_what_it_reached(tmp_path):
    first = Regression()
    found = run(first, tmp_path)
    again = Regression()
    reached = run(again, tmp_path, resume=True)
    assert again.steps == [] and same(weights(again), weights(first))
    assert reached["score"] == found["score"] and reached["step"] == 10
    assert len(rows(tmp_path)) == 3


@pytest.mark.slow
def test_resuming_a_stage_that_ran_out_of_patience_does_not_train_on(tmp_path):
    first = Regression(scores=[0.9, 0.5, 0.5])
    found = run(first, tmp_path, max_steps=100, patience=2)
    again = Regression(scores=[0.95] * 30)
    reached = run(again, tmp_path, max_steps=100, patience=2, resume=True)
    assert again.steps == [] and reached["score"] == found["score"] == 0.9
    assert same(weights(again), weights(first))


@pytest.mark.slow
def test_without_resume_a_run_starts_anew(tmp_path):
    with pytest.raises(RuntimeError, match=KILLED):
        run(Regression(die_at=9), tmp_path)
    second = Regression()
    found = run(second, tmp_path)
    assert second.steps == list(range(10))
    assert [int(r["step"]) for r in rows(tmp_path)] == [4, 8, 10]
    assert found["step"] == 10


def test_resume_with_nothing_there_starts_anew(tmp_path):
    task = Regression()
    assert run(task, tmp_path / "new", resume=True)["step"] == 10 and task.steps == list(range(10))


@pytest.mark.slow
def test_nothing_is_printed_where_data_go(tmp_path, capsys):
    task = Regression()
    fit(task, config(), folder=tmp_path, monitor="score", seed=0, resume=False, progress_bar=True)
    assert capsys.readouterr().out == ""


def test_gradients_are_clipped(tmp_path):
    """AdamW's first step is of the size of the learning rate, whatever the gradient: so look at the gradient itself."""
    norms = []

    class Huge(Regression):
        def loss(self, batch, *, progress):
            parts = super().loss(batch, progress=progress)
            return parts | {"loss": 1e4 * parts["loss"]}

    task = Huge()
    hook = torch.optim.AdamW.step

    def noting(self, *args, **options):
        out = hook(self, *args, **options)
        norms.append(math.sqrt(sum(float(p.grad.square().sum()) for g in self.param_groups for p in g["params"])))
        return out

    torch.optim.AdamW.step, before = noting, torch.optim.AdamW.step
    try:
        run(task, tmp_path, clip_norm=0.5)
    finally:
        torch.optim.AdamW.step = before
    assert len(norms) == 10 and max(norms) <= 0.5 + 1e-4


@pytest.mark.parametrize(("start", "kept"), [(0.9, True), (0.1, False)])
def test_weights_that_were_trained_before_stay_where_nothing_passes_them(tmp_path, start, kept):
    task = Regression(scores=[start, 0.5, 0.6, 0.2])
    came = weights(task)
    found = fit(
        task, config(), folder=tmp_path, monitor="score", seed=5, resume=False, progress_bar=False, keep_start=True
    )
    assert same(weights(task), came if kept else task.snapshots[2])
    assert found["score"] == (0.9 if kept else 0.6) and found["step"] == (0 if kept else 10)


def test_a_module_that_comes_in_evaluation_is_trained_with_dropout(tmp_path):
    task = Regression()
    task.net.eval()
    run(task, tmp_path)
    assert task.modes == [True] * 10


def test_a_budget_that_preparing_uses_up_is_refused(tmp_path, monkeypatch):
    """Nothing was trained then, and a model that was not must not be handed out as if."""
    task, clock = Regression(), [0.0]
    monkeypatch.setattr(room.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(task, "prepare", lambda: clock.__setitem__(0, 130.0))
    with pytest.raises(ConfigError, match=r"the 2 minutes of this stage were over .* took 2\.2\. Raise --max-minutes"):
        run(task, tmp_path, max_steps=None, max_minutes=2.0)
    assert task.steps == []

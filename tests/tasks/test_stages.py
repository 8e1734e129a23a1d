"""Both stages end to end on a tiny corpus: what is left behind, and a kill at any point."""

import csv
import json

import numpy as np
import pytest
import torch

import tracets.encoders.model as model_room
from tracets.encoders.store import load_model
from tracets.errors import ConfigError, DataError
from tracets.tasks.align import AlignConfig, AlignTask
from tracets.tasks.pretrain import PretrainConfig, PretrainTask
from tracets.tasks.stages import train_stages
from tracets.training.settings import OptimConfig
from tracets.types import Sample

pytestmark = pytest.mark.slow

KILLED = "killed"
OPTIM = OptimConfig(batch_size=8, max_steps=20, max_minutes=None, validate_every=4, warmup_steps=2, learning_rate=5e-3)


def windows(n, *, seed):
    """Level and direction of one channel, and their words."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(n):
        level, slope = int(rng.integers(-20, 20)), int(rng.choice([-1, 1]))
        values = level + slope * np.linspace(0, 5, 24) + 0.1 * rng.normal(size=24)
        text = f"It {'rises' if slope > 0 else 'falls'} from {level}."
        values = np.stack([values, rng.normal(size=24)])
        made.append(Sample(f"{seed}-{i}", values, ("load", "noise"), text=text, channel_texts=(text, None)))
    return made


TRAIN, VALIDATION = windows(40, seed=0), windows(12, seed=1)


@pytest.fixture(scope="module")
def train(tiny_model, word_backbone):
    def run(out, *, resume=False, share=0.4, seed=3, learn=TRAIN, choose=VALIDATION, optim=OPTIM, **align):
        model = tiny_model(features="level", dropout=0.2)
        reached = train_stages(
            model, learn, choose, out, pretrain=PretrainConfig(share=share), align=AlignConfig(hard_last=4, **align),
            optim=optim, seed=seed, resume=resume, progress_bar=False, about="About: a test.", captioner=None,
        )  # fmt: skip
        return model, reached

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_room, "TextBackbone", lambda name: word_backbone)
        yield run


@pytest.fixture(scope="module")
def whole(train, tmp_path_factory):
    """An uninterrupted run: its folder, its model and what it reached."""
    out = tmp_path_factory.mktemp("whole") / "model"
    return out, *train(out)


def steps(file):
    with file.open(newline="") as lines:
        return [int(row["step"]) for row in csv.DictReader(lines)]


def test_a_finished_folder(whole):
    out, model, reached = whole
    files = sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())
    assert files == [
        *("card.md", "config.json", "model.safetensors"),
        *("run/align/metrics.csv", "run/pretrain/metrics.csv", "run/pretrain/reached.json", "run/settings.json"),
    ]
    assert steps(out / "run/pretrain/metrics.csv") == [4, 8] and steps(out / "run/align/metrics.csv") == [4, 8, 12]
    assert set(reached) == {"pretrain", "align"}
    assert (reached["pretrain"]["step"], reached["align"]["step"]) == (8, 12), "shares of 20 steps"
    settings = json.loads((out / "run/settings.json").read_text())
    assert settings["seed"] == 3 and settings["train_windows"] == 40 and settings["align"]["hard_last"] == 4
    card = (out / "card.md").read_text()
    assert card.startswith("# tiny\n") and "About: a test." in card and "40 windows, seed 3" in card
    assert f"MRR {reached['align']['MRR']:.4g}" in card
    loaded = load_model(out)
    assert loaded.fingerprint == model.fingerprint
    assert np.array_equal(loaded.encode_series(VALIDATION).sample, model.encode_series(VALIDATION).sample)


def test_the_saved_model_is_the_best_of_the_validations(whole):
    out, model, reached = whole
    with (out / "run/align/metrics.csv").open(newline="") as lines:
        best = max(float(row["val/MRR"]) for row in csv.DictReader(lines))
    made = AlignTask(model, TRAIN, VALIDATION, AlignConfig(), batch_size=8, seed=3)
    assert made.validate()["MRR"] == pytest.approx(best) == pytest.approx(reached["align"]["MRR"])


def test_training_learns_to_find_pairs(train, tmp_path, tiny_model):
    before = AlignTask(tiny_model(features="level"), TRAIN, VALIDATION, AlignConfig(), batch_size=8, seed=3).validate()
    _, reached = train(tmp_path / "model", optim=OptimConfig(**{**vars(OPTIM), "max_steps": 60, "validate_every": 15}))
    assert reached["align"]["MRR"] > 1.5 * before["MRR"]


def test_without_stage_one(train, tmp_path):
    _, reached = train(tmp_path / "model", share=0.0)
    assert set(reached) == {"align"} and reached["align"]["step"] == 20
    assert not (tmp_path / "model/run/pretrain").exists()


def dying(task, at):
    """The batch of a task, cut off at a step."""
    batch = task.batch

    def made(self, step):
        if step == at:
            raise RuntimeError(KILLED)
        return batch(self, step)

    return made


@pytest.mark.parametrize(
    ("task", "at"),
    [
        (PretrainTask, 2),
        pytest.param(PretrainTask, 6, marks=pytest.mark.slow),
        pytest.param(AlignTask, 0, marks=pytest.mark.slow),
        (AlignTask, 9),
    ],
)
def test_a_killed_run_goes_on_to_the_same_weights(train, whole, tmp_path, monkeypatch, task, at):
    uncut, model, expected = whole
    out = tmp_path / "killed"
    with monkeypatch.context() as patch:
        patch.setattr(task, "batch", dying(task, at))
        with pytest.raises(RuntimeError, match=KILLED):
            train(out)
    assert not (out / "config.json").exists(), "an unfinished model is none"
    torch.manual_seed(12345)
    resumed, reached = train(out, resume=True)
    assert resumed.fingerprint == model.fingerprint
    for stage in ("pretrain", "align"):
        assert steps(out / "run" / stage / "metrics.csv") == steps(uncut / "run" / stage / "metrics.csv")
        assert {**reached[stage], "minutes": 0} == {**expected[stage], "minutes": 0}
    assert not list(out.rglob("*.ckpt")) and load_model(out).fingerprint == model.fingerprint


@pytest.mark.parametrize("at", [0, 9])
def test_a_killed_run_with_cross_attention_goes_on_to_the_same_weights(train, tmp_path, monkeypatch, at):
    """Its weights are in no model folder, so they must come back from the checkpoint or the seed."""
    expected, _ = train(tmp_path / "uncut", cross_attention=True)
    with monkeypatch.context() as patch:
        patch.setattr(AlignTask, "batch", dying(AlignTask, at))
        with pytest.raises(RuntimeError, match=KILLED):
            train(tmp_path / "killed", cross_attention=True)
    torch.manual_seed(12345)
    resumed, _ = train(tmp_path / "killed", resume=True, cross_attention=True)
    assert resumed.fingerprint == expected.fingerprint == load_model(tmp_path / "killed").fingerprint


def test_a_kill_while_saving_goes_on_to_the_same_weights(train, whole, tmp_path, monkeypatch):
    out = tmp_path / "killed"

    def killed(*args, **options):
        raise RuntimeError(KILLED)

    with monkeypatch.context() as patch:
        patch.setattr("tracets.tasks.stages.save_model", killed)
        with pytest.raises(RuntimeError, match=KILLED):
            train(out)
    resumed, _ = train(out, resume=True)
    assert resumed.fingerprint == whole[1].fingerprint


def test_without_resume_nothing_of_a_killed_run_is_left(train, whole, tmp_path, monkeypatch):
    """Nor may a later resume pick up the first stage of the one before."""
    out = tmp_path / "model"
    for task, seed in ((AlignTask, 1), (PretrainTask, 3)):
        with monkeypatch.context() as patch:
            patch.setattr(task, "batch", dying(task, 5))
            with pytest.raises(RuntimeError, match=KILLED):
                train(out, seed=seed)
    resumed, _ = train(out, resume=True)
    assert resumed.fingerprint == whole[1].fingerprint


def test_resuming_with_other_settings_is_refused(train, tmp_path, monkeypatch):
    out = tmp_path / "model"
    with monkeypatch.context() as patch:
        patch.setattr(PretrainTask, "batch", dying(PretrainTask, 5))
        with pytest.raises(RuntimeError, match=KILLED):
            train(out)
    with pytest.raises(ConfigError, match=r"began with pretrain.share = 0.4 \(now 0.2\), seed = 3 \(now 9\)\. Resume"):
        train(out, resume=True, share=0.2, seed=9)
    with pytest.raises(ConfigError, match=r"train_windows = 40 \(now 39\)"):
        train(out, resume=True, learn=TRAIN[1:])
    assert train(out, resume=True)[1]["align"]["step"] == 12


@pytest.mark.parametrize(("learn", "choose", "counts"), [([], VALIDATION, "got 0 and 12"), (TRAIN, [], "got 40 and 0")])
def test_no_windows_to_train_on_or_to_choose_by(train, tmp_path, learn, choose, counts):
    with pytest.raises(DataError, match=f"split = 'train' and some with 'val', {counts}"):
        train(tmp_path / "model", learn=learn, choose=choose)
    assert not (tmp_path / "model").exists()

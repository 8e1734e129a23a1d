"""`tracets train` for a few steps, and how it is resumed."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file

from tracets.encoders.store import load_model

QUICK = (
    "--init",
    "none",
    "--set",
    "optim.max_steps=4",
    "--set",
    "optim.validate_every=2",
    "--set",
    "optim.batch_size=4",
)
SMALL = (
    "--set", "model.dim=16", "--set", "model.series.dim=16", "--set", "model.series.layers=1",
    "--set", "model.series.heads=2", "--set", "model.text.dim=16", "--set", "model.text.heads=2",
)  # fmt: skip


@pytest.mark.slow
def test_a_few_steps_give_a_model_that_loads(tracets, corpus_file, tmp_path):
    out = tmp_path / "mine"
    result = tracets("train", corpus_file, "--out", out, *QUICK, *SMALL, "--set", "pretrain.share=0.5")
    assert (result.code, result.out) == (0, ""), result
    assert f"wrote the model to {out}" in result.err and "Warning" not in result.err
    settings = json.loads((out / "run" / "settings.json").read_text())
    assert settings["model"]["series"]["dim"] == 16 and settings["train_windows"] == 8
    with (out / "run" / "align" / "metrics.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["2"]
    assert {p.name for p in out.iterdir()} == {"config.json", "model.safetensors", "card.md", "run"}
    assert not list(out.rglob("*.ckpt"))

    vectors = tmp_path / "v.parquet"
    assert tracets("embed", corpus_file, "--model", out, "--out", vectors).code == 0


@pytest.mark.slow
def test_json_says_which_weights_came_out(tracets, corpus_file, tmp_path):

    result = tracets("train", corpus_file, "--out", tmp_path / "m", *QUICK, *SMALL, "--json")
    assert json.loads(result.out) == {"out": str(tmp_path / "m"), "fingerprint": load_model(tmp_path / "m").fingerprint}


@pytest.mark.slow
def test_a_model_may_start_from_another(tracets, corpus_file, model_folder, tmp_path):
    out = tmp_path / "finer"
    result = tracets("train", corpus_file, "--out", out, "--init", model_folder, *QUICK[2:])
    assert result.code == 0, result
    assert json.loads((out / "config.json").read_text())["model"]["series"]["patch"] == 4


@pytest.mark.slow
def test_a_model_from_another_may_weigh_the_whole_otherwise(tracets, corpus_file, model_folder, tmp_path):
    before, out = json.loads((model_folder / "config.json").read_text())["model"], tmp_path / "finer"
    weigh = ("--set", "model.sample_weight=0.75", "--set", "align.choose_weight=false")
    result = tracets("train", corpus_file, "--out", out, "--init", model_folder, *QUICK[2:], *weigh)
    assert result.code == 0, result
    assert json.loads((out / "config.json").read_text())["model"] == before | {"sample_weight": 0.75}
    assert load_model(out).sample_weight == 0.75


def test_a_weight_is_either_named_or_chosen(refused, corpus_file, model_folder, tmp_path):
    weigh = ("--set", "model.sample_weight=0.75")
    command = ("train", corpus_file, "--out", tmp_path / "finer", "--init", model_folder, *QUICK[2:], *weigh)
    said = refused(*command)
    assert "model.sample_weight is chosen on validation. Set align.choose_weight=false too" in said
    assert not (tmp_path / "finer").exists()


@pytest.mark.slow
def test_an_interrupted_training_wants_resume(tracets, refused, corpus_file, model_folder, tmp_path):
    out = tmp_path / "mine"
    (out / "run").mkdir(parents=True)
    train = ("train", corpus_file, "--out", out, "--init", model_folder, *QUICK[2:])
    assert "Pass --resume to go on" in refused(*train)
    assert tracets(*train, "--resume").code == 0
    assert "holds a finished model already" in refused(*train, "--resume")


@pytest.mark.slow
def test_errors_name_the_fix(refused, corpus_file, csv_file, model_folder, tmp_path):
    train = ("train", corpus_file, "--out", tmp_path / "m", "--init", "none")
    assert "did you mean 'optim.batch_size'?" in refused(*train, "--set", "optim.batchsize=4")
    assert "must be of type int" in refused(*train, "--set", "optim.batch_size=many")
    assert "must read name=value" in refused(*train, "--set", "optim.batch_size")
    assert "no recipe 'nothing'" in refused(*train, "--recipe", "nothing")
    assert "--init none" in refused(*train[:-1], model_folder, "--set", "model.dim=16")
    assert "no model 'nothing'" in refused(*train[:-1], "nothing")
    assert "a CORPUS, or a --recipe" in refused("train", "--out", tmp_path / "m")
    assert "split = 'train'" in refused("train", csv_file, *train[2:], *SMALL)
    assert "max_minutes" in refused(*train, "--max-minutes", 0)
    assert not (tmp_path / "m").exists()


def test_a_recipe_file_is_read(refused, corpus_file, tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text("[series]\npatch = 4\n")
    train = ("train", corpus_file, "--out", tmp_path / "m", "--init", "none", "--recipe", recipe)
    assert "unknown setting 'series'" in refused(*train)
    recipe.write_text("[optim\n")
    assert "is not TOML" in refused(*train)


@pytest.mark.parametrize("where", ["config.json"])
def test_a_finished_model_is_never_overwritten(refused, corpus_file, tmp_path, where):
    (tmp_path / where).write_text("{}")
    assert "Choose another --out" in refused("train", corpus_file, "--out", tmp_path, "--init", "none")


@pytest.mark.slow
def test_where_narrows_what_is_learnt(tracets, refused, corpus_file, tmp_path):
    out = tmp_path / "part"
    train = ("train", corpus_file, "--out", out, *QUICK, *SMALL)
    assert tracets(*train, "--where", "id <> 'day-0'").code == 0
    assert json.loads((out / "run" / "settings.json").read_text())["train_windows"] == 7
    assert "--where narrows a CORPUS" in refused("train", "--recipe", "base", "--out", out, "--where", "id = 'w00'")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("by", ["optim.devices", "torchrun"])
def test_two_processes_learn_what_one_does(tracets, corpus_file, tmp_path, by):
    """Both stages; without dropout, whose masks differ between processes. The weights agree to 1e-4."""
    settings = [*QUICK, *SMALL, "--set", "pretrain.share=0.5", "--set", "optim.max_minutes=none", "--json"]
    for name in ("model.series.dropout=0", "model.text.dropout=0", "model.sample=cls", "optim.batch_size=5"):
        settings += ["--set", name]
    assert tracets("train", corpus_file, "--out", tmp_path / "one", *settings).code == 0
    run = [sys.executable, "-m"]
    if by == "torchrun":
        run += ["torch.distributed.run", "--nproc-per-node", "2", "-m"]
    else:
        settings += ["--set", "optim.devices=2"]
    done = subprocess.run(
        [*run, "tracets", "train", corpus_file, "--out", tmp_path / "two", *settings], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["out"] == str(tmp_path / "two"), "one process speaks"
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert set(one) == set(two)
    for name, weights in one.items():
        np.testing.assert_allclose(two[name], weights, rtol=0, atol=1e-4, err_msg=name)
    rows = (tmp_path / "two" / "run" / "align" / "metrics.csv").read_text().splitlines()
    assert len(rows) == 2 and not list((tmp_path / "two").rglob("*.ckpt"))

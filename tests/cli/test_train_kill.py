"""A training that is killed: never half a model, and it goes on to its end."""

import subprocess
import sys
import time

import pytest

from tracets import api
from tracets.errors import NotFound

SMALL = [
    "model.dim=16", "model.series.dim=16", "model.series.heads=2", "model.text.dim=16", "model.text.heads=2",
    "optim.max_steps=12", "optim.batch_size=4",
]  # fmt: skip
SHARES = (0.6, 0.75, 0.85, 0.95)
"""When it is killed, in the time that a whole run takes; the first part of it are imports."""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_training_killed_at_any_moment_goes_on(corpus_file, tmp_path):
    def train(out, *more, seconds=None):
        command = [sys.executable, "-m", "tracets", "train", str(corpus_file), "--out", str(out), "--init", "none"]
        command += [part for setting in SMALL for part in ("--set", setting)]
        subprocess.run([*command, *more], timeout=seconds, check=True, capture_output=True)

    began = time.monotonic()
    train(tmp_path / "whole")
    took, killed = time.monotonic() - began, 0
    for share in SHARES:
        out = tmp_path / f"{share}"
        try:
            train(out, seconds=share * took)
        except subprocess.TimeoutExpired:  # run() has killed it with SIGKILL
            killed += 1
            try:
                api.load(out, backend="torch")  # it was written, and whole
            except NotFound:
                train(out, "--resume")
        assert api.load(out, backend="torch").encode_texts(["rain"]).sample.shape == (1, 16)
    assert killed >= 2

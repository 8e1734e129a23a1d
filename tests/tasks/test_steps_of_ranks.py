"""A step shared by several processes is the step of one: the same loss, the same gradients."""

import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SCRIPT = Path(__file__).with_name("steps_of_ranks.py")


@pytest.fixture(scope="module")
def expected(word_backbone):
    spec = importlib.util.spec_from_file_location("steps_of_ranks", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script.steps(word_backbone)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.parametrize("size", [2, 3])  # 7 windows: 4 and 3, or 3, 2 and 2
def test_loss_and_gradients_are_those_of_one_process(expected, tmp_path, size):
    shared = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(size)}
    out = tmp_path / "found.npz"
    running = [
        subprocess.Popen([sys.executable, SCRIPT, out], env=shared | {"RANK": str(rank)}, stderr=subprocess.PIPE)
        for rank in range(size)
    ]
    said = [process.communicate(timeout=300)[1].decode() for process in running]
    assert [process.returncode for process in running] == [0] * size, "\n".join(said)
    found = np.load(out)
    assert set(found) == set(expected) and len(expected) > 100
    for name, value in expected.items():
        tolerance = 5e-6 * np.abs(value).max() + 1e-6
        np.testing.assert_allclose(found[name], value, rtol=0, atol=tolerance, err_msg=name)
    assert sum(np.abs(value).max() > 1e-3 for value in expected.values()) > 100

"""Which process has what; that processes agree is tested where they run (tests/tasks/test_steps_of_ranks.py)."""

import pytest
import torch

import tracets.training.ranks as room
from tracets.errors import ConfigError
from tracets.training.ranks import agreed, gather, is_first, own_rows, processes, shares, wait, world

NAMES = ("RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")


@pytest.fixture
def environment(monkeypatch):
    def put(**values):
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, str(value))

    put()
    return put


def test_alone_everything_is_its_own(environment):
    rows = torch.arange(6.0, requires_grad=True)
    assert world() == (0, 1) and is_first() and processes(1) == (1, 1)
    assert shares(6) == [6] and rows[own_rows([6])].tolist() == rows.tolist()
    assert gather(rows, [6]) is rows and agreed({"a": 1}) == {"a": 1}
    wait()


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_shares_cover_a_batch_once_and_differ_by_one_at_most(monkeypatch, size):
    for n in range(size, 25):
        seen = []
        for rank in range(size):
            monkeypatch.setattr(room, "world", lambda rank=rank: (rank, size))
            seen += list(range(n))[own_rows(shares(n))]
        sizes = shares(n)
        assert seen == list(range(n)) and max(sizes) - min(sizes) <= 1 and sizes == sorted(sizes, reverse=True)


def test_a_batch_smaller_than_the_processes_is_refused(monkeypatch):
    monkeypatch.setattr(room, "world", lambda: (0, 4))
    with pytest.raises(ConfigError, match=r"a batch of 3 windows cannot be shared by 4 processes. Raise optim.batch"):
        shares(3)


def test_the_first_process_by_whoever_started_it(environment):
    environment(RANK=0, LOCAL_RANK=0)
    assert is_first()
    environment(RANK=8, LOCAL_RANK=0)  # torchrun, the first of the second machine
    assert not is_first()
    environment(LOCAL_RANK=1, NODE_RANK=0)  # Lightning
    assert not is_first()
    environment(LOCAL_RANK=0, NODE_RANK=1)
    assert not is_first()


def test_torchrun_says_how_many_there_are(environment):
    assert processes(3) == (3, 1)
    environment(WORLD_SIZE=8, LOCAL_WORLD_SIZE=4)
    assert processes(1) == processes(4) == (4, 2)
    with pytest.raises(ConfigError, match=r"optim.devices is 2, torchrun started 4 processes.*Leave optim.devices out"):
        processes(2)

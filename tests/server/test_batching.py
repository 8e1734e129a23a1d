"""Requests that wait together are encoded together, with the vectors that each would get alone."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tracets.server.batching import BatchingEncoder
from tracets.server.problems import Busy
from tracets.types import TextVectors


class Slow:
    """An encoder that waits to be let go: texts of n letters become n."""

    name, fingerprint, dim, sample_weight = "slow", "f", 1, 0.0

    def __init__(self):
        self.go, self.batches = threading.Event(), []

    def encode_texts(self, texts, *, batch_size=64):
        assert self.go.wait(10)
        self.batches.append(list(texts))
        if "bad" in texts:
            raise ValueError("a bad text")
        sample = np.array([[len(text)] for text in texts], np.float32)
        return TextVectors(sample, tuple(row[None] for row in sample), tuple((text,) for text in texts))

    def encode_series(self, samples, *, batch_size=64):
        raise NotImplementedError


@pytest.fixture
def slow():
    encoder, sizes = Slow(), []
    batching = BatchingEncoder(encoder, batch=4, waiting=8, observed=lambda kind, n: sizes.append((kind, n)))
    yield encoder, batching, sizes
    encoder.go.set()
    batching.close()


def wait_until(holds):
    for _ in range(1000):
        if holds():
            return
        threading.Event().wait(0.005)
    pytest.fail("waited for too long")


def test_what_waits_goes_together_and_each_gets_its_own(slow):
    encoder, batching, sizes = slow
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(batching.encode_texts, ["a"])
        wait_until(lambda: sizes == [("texts", 1)])  # it is with the encoder
        rest = []
        for texts in (["bb"], ["ccc", "dddd"], ["eeeee"], ["ffffff"]):
            rest.append(pool.submit(batching.encode_texts, texts))
            wait_until(lambda: batching._texts._waiting.qsize() == len(rest))
        encoder.go.set()
        assert first.result().sample.tolist() == [[1]]
        found = [one.result() for one in rest]
    assert [one.sample.ravel().tolist() for one in found] == [[2], [3, 4], [5], [6]]
    assert [one.spans for one in found] == [(("bb",),), (("ccc",), ("dddd",)), (("eeeee",),), (("ffffff",),)]
    assert encoder.batches == [["a"], ["bb", "ccc", "dddd", "eeeee"], ["ffffff"]]


def test_one_that_fails_does_not_fail_the_others(slow):
    encoder, batching, sizes = slow
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(batching.encode_texts, ["a"])
        wait_until(lambda: sizes == [("texts", 1)])
        bad, good = pool.submit(batching.encode_texts, ["bad"]), pool.submit(batching.encode_texts, ["good"])
        wait_until(lambda: batching._texts._waiting.qsize() == 2)
        encoder.go.set()
        assert first.result() and good.result().sample.tolist() == [[4]]
        with pytest.raises(ValueError, match="a bad text"):
            bad.result()


def test_more_than_may_wait_is_refused_at_once(slow):
    encoder, batching, sizes = slow
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(batching.encode_texts, ["a"])]
        wait_until(lambda: sizes == [("texts", 1)])
        asked += [pool.submit(batching.encode_texts, ["a"]) for _ in range(8)]
        wait_until(lambda: batching._texts._waiting.qsize() == 8)
        with pytest.raises(Busy):
            batching.encode_texts(["a"])
        encoder.go.set()
        assert all(one.result().sample.tolist() == [[1]] for one in asked)


def test_closing_answers_what_waits(slow):
    encoder, batching, sizes = slow
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(batching.encode_texts, ["abc"])]
        wait_until(lambda: sizes == [("texts", 1)])
        asked += [pool.submit(batching.encode_texts, ["abc"]) for _ in range(4)]
        wait_until(lambda: batching._texts._waiting.qsize() == 4)
        closing = pool.submit(batching.close)
        wait_until(lambda: batching._texts._waiting.qsize() == 5)
        assert not closing.done()
        encoder.go.set()
        closing.result()
        assert not batching._texts._thread.is_alive()
        assert all(one.result().sample.tolist() == [[3]] for one in asked)

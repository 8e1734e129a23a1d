"""Requests that wait together are answered together, each as it would be alone."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tracets import api
from tracets.errors import QueryError
from tracets.server.batching import Asked, BatchingEncoder, BatchingSearch
from tracets.server.problems import Busy
from tracets.types import Query, TextVectors


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


def test_what_nobody_waits_for_any_more_is_not_done(slow):
    encoder, batching, sizes = slow
    worker = batching._texts
    first = worker.submit(["a"])
    wait_until(lambda: sizes == [("texts", 1)])
    gone, stays = worker.submit(["gone"]), worker.submit(["stays"])
    assert gone.cancel()
    encoder.go.set()
    assert stays.result(10)[0].sample.tolist() == [[5]] and first.done()
    assert encoder.batches == [["a"], ["stays"]]


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


@pytest.fixture
def searching(index_folder, model_folder, monkeypatch):
    """A batching search of the tiny index whose first batch waits to be let go; the sizes of its batches."""
    index, model, go, calls = api.open_index(index_folder), api.load(model_folder), threading.Event(), []
    search_many = api.search_many

    def held(index, model, queries, **options):
        assert go.wait(10)
        calls.append([query.text for query in queries])
        return search_many(index, model, queries, **options)

    monkeypatch.setattr(api, "search_many", held)
    sizes = []
    batching = BatchingSearch(lambda: index, model, batch=8, waiting=16, observed=lambda kind, n: sizes.append(n))
    yield batching, go, sizes, calls, (index, model)
    go.set()
    batching.close()


def together(searching, asked):
    """The answers, or errors, to searches that all wait while another one is answered."""
    batching, go, sizes, _, _ = searching

    async def all_of():
        first = asyncio.create_task(batching.ask(Asked(Query("rain"))))
        while sizes != [1]:
            await asyncio.sleep(0.005)
        rest = [asyncio.create_task(batching.ask(one)) for one in asked]
        while batching._by_words._waiting.qsize() != len(asked):
            await asyncio.sleep(0.005)
        go.set()
        found = await asyncio.gather(*rest, return_exceptions=True)
        await first
        return found

    return asyncio.run(all_of())


def same(hits, others):
    assert [hit.id for hit in hits] == [hit.id for hit in others]
    assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in others], abs=1e-5)


def test_searches_that_wait_are_answered_together_those_of_like_options_at_once(searching):
    fair = api.col("label") == "fair"
    asked = [
        Asked(Query("heavy rain"), k=3), Asked(Query("wind"), k=3), Asked(Query("heavy rain"), k=2, where=fair),
        Asked(Query(channels={"rain": "a lull"}), k=3), Asked(Query("wind", channels={"rain": "a burst"}), k=3),
    ]  # fmt: skip
    found = together(searching, asked)
    _, _, sizes, calls, (index, model) = searching
    assert sizes == [1, 5]
    assert calls == [["rain"], ["heavy rain", "wind", None, "wind"], ["heavy rain"]]
    for one, hits in zip(asked, found, strict=True):
        same(hits, api.search(index, model, one.query, **one.options))


def test_a_search_that_is_refused_refuses_no_other(searching):
    asked = [
        Asked(Query("heavy rain"), k=1), Asked(Query(channels={"snow": "deep"}), k=1), Asked(Query("wind"), k=1),
        Asked(Query("wind"), k=1, where="colour = 'red'"),
    ]  # fmt: skip
    first, snow, third, red = together(searching, asked)
    index, model = searching[-1]
    same(first, api.search(index, model, "heavy rain", k=1))
    same(third, api.search(index, model, "wind", k=1))
    assert isinstance(snow, QueryError) and "snow" in str(snow)
    assert isinstance(red, QueryError) and "colour" in str(red)


def test_words_do_not_wait_for_series(index_folder, model_folder, monkeypatch):
    index, model, go = api.open_index(index_folder), api.load(model_folder), threading.Event()
    search_many = api.search_many

    def slow(index, model, queries, **options):
        assert all(query.like is None for query in queries) or go.wait(30)
        return search_many(index, model, queries, **options)

    monkeypatch.setattr(api, "search_many", slow)
    batching = BatchingSearch(lambda: index, model, batch=8, waiting=16, observed=lambda kind, n: None)

    async def both():
        like = asyncio.create_task(batching.ask(Asked(Query(like="day-3"), k=1)))
        await asyncio.sleep(0)
        words = await batching.ask(Asked(Query("wind"), k=1))
        assert not like.done()
        go.set()
        return words, await like

    words, like = asyncio.run(both())
    batching.close()
    same(words, api.search(index, model, "wind", k=1))
    same(like, api.search(index, model, Query(like="day-3"), k=1))


def test_filters_that_are_equal_in_python_alone_are_told_apart(searching, monkeypatch):
    """1 == True, but a column of numbers is not compared with a truth."""
    calls = []

    def told(index, model, queries, **options):
        searching[1].wait(10)
        calls.append(options)
        return [[]]

    monkeypatch.setattr(api, "search_many", told)
    together(searching, [Asked(Query("wind"), where=api.col("label") == value) for value in (1, True)])
    assert [type(options["where"].value) for options in calls[1:]] == [int, bool]

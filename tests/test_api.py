"""The front door: what each function takes and gives, on a tiny untrained model."""

import csv
import importlib.util
import inspect
import json
import logging

import numpy as np
import pytest

import tracets
from tracets import api
from tracets.errors import ConfigError, DataError, NotFound
from tracets.types import Hit, Query, Sample


@pytest.fixture(scope="module")
def corpus(corpus_file):
    return api.read(corpus_file)


@pytest.fixture(scope="module")
def model(model_folder):
    return api.load(model_folder)


@pytest.fixture(scope="module")
def index(index_folder):
    return api.open_index(index_folder)


def test_the_package_offers_what_the_front_door_has():
    assert tracets.search is api.search and tracets.Sample is Sample
    with pytest.raises(AttributeError, match="no attribute 'serch'; it has .*search"):
        tracets.serch  # noqa: B018


def test_no_module_hides_a_function_of_the_front_door():
    """`tracets.explain` must stay the function after a module of that name would have been imported."""
    hidden = [name for name in api.__all__ if importlib.util.find_spec(f"tracets.{name}")]
    assert hidden == []


def test_every_function_is_documented():
    functions = [getattr(api, name) for name in api.__all__ if inspect.isfunction(getattr(api, name))]
    assert len(functions) > 15 and all(inspect.getdoc(function) for function in functions)


def test_a_model_that_is_not_there_is_named_with_the_fix(tmp_path):
    with pytest.raises(NotFound, match=r"no model 'nothing'.*tracets train CORPUS --out nothing"):
        api.load("nothing")


def test_embed_gives_unit_vectors_and_zero_for_a_dead_channel(model):
    values = np.stack([np.arange(24.0), np.full(24, np.nan)])
    table = api.embed([Sample("a", values, ("load", "dead"))], model)
    assert table.column_names == ["id", "vector", "channel_names", "channel_vectors"]
    row = table.to_pylist()[0]
    np.testing.assert_allclose(np.linalg.norm(row["channel_vectors"], axis=1), [1, 0], atol=1e-5)
    own = model.encode_series([Sample("a", values, ("load", "dead"))]).channels[0][0]  # (m, d)
    expected = own.mean(axis=0) / np.linalg.norm(own.mean(axis=0))
    np.testing.assert_allclose(row["channel_vectors"][0], expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(row["vector"]), 1, atol=1e-5)


def test_embed_refuses_no_windows(model):
    with pytest.raises(DataError, match="got no windows"):
        api.embed([], model)


def test_a_text_or_a_sample_may_stand_for_the_query(corpus, model, index):
    def ids(query):
        return [hit.id for hit in api.search(index, model, query)]

    assert ids("heavy rain") == ids(Query(text="heavy rain"))
    assert ids(corpus[4]) == ids(Query(series=corpus[4])) and ids(corpus[4])[0] == "day-4"


def test_the_model_that_is_loaded_finds_what_the_index_was_built_with(index):
    assert api.load(index.model).fingerprint == index.folder.manifest.fingerprint


def test_hit_to_json_is_plain(corpus, model, index):
    hit = api.search(index, model, "rain", k=1)[0]
    assert isinstance(hit, Hit)
    line = json.loads(json.dumps(api.hit_to_json(hit)))
    assert (line["rank"], line["id"], line["score"]) == (1, hit.id, hit.score)


def test_explain_then_explain_again(index, model):
    first, second = (tracets.explain(index, model, "day-3", "heavy rain") for _ in range(2))
    assert first.score == second.score == pytest.approx(first.sample_part + sum(first.channels.values()))


@pytest.mark.slow
def test_plot_draws_the_windows_of_the_hits(index, model, tmp_path):
    hits = api.search(index, model, "rain", k=2)
    api.plot_hits(index, hits, "rain", tmp_path / "hits.html")
    page = (tmp_path / "hits.html").read_text(encoding="utf-8")
    assert all(hit.id in page for hit in hits)


def test_windows_left_out_are_warned_of(tmp_path, caplog):
    path = tmp_path / "gappy.csv"
    path.write_text("time,load\n" + "".join(f"2020-01-{d:02d},{'' if d > 7 else d}\n" for d in range(1, 13)))
    with caplog.at_level(logging.WARNING, logger="tracets"):
        corpus = api.windows(path, length=4)
        assert corpus.ids == ["gappy-2020-01-01", "gappy-2020-01-05"]
        assert caplog.messages == [f"left out 1 of 3 windows of '{path}': less than 50 % of their values were observed"]
        caplog.clear()
        api.windows(path, length=4, min_observed=0)
        assert caplog.messages == []


def test_captions_fill_what_is_missing_only(corpus):
    filled = api.caption(corpus)
    assert filled.column("text") == corpus.column("text")
    assert [s.channel_texts[0] for s in filled] == [s.channel_texts[0] for s in corpus]
    assert all(s.channel_texts[1] for s in filled) and not any(s.channel_texts[1] for s in corpus)
    assert api.caption(corpus, overwrite=True)[0].text != corpus[0].text


@pytest.mark.slow
def test_captions_by_a_language_model_can_be_written_and_indexed(corpus, model, llm_server, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    good, wrong = ({"text": f"Rain. {n} mm.", "channel_texts": ["Rain.", "Wind."]} for n in ("5.0", "77.7"))
    llm_server.answers = [(200, json.dumps(answer)) for answer in [good] * 11 + [wrong]]
    captioner = api.llm_captioner("tiny", tmp_path / "cache", base_url=f"http://127.0.0.1:{llm_server.server_port}/v1")
    seen = []
    told = api.caption_by_llm(corpus, captioner, overwrite=True, progress=seen.append)
    assert seen == list(range(1, 13))
    assert told.column("unsupported_numbers")[-1] == ["77.7"] and set(told.column("text")[:11]) == {"Rain. 5.0 mm."}
    api.write(told, tmp_path / "told.parquet")
    index = api.build_index(api.read(tmp_path / "told.parquet"), model, tmp_path / "index")
    assert api.search(index, model, "rain", k=1)[0].text.startswith("Rain.")


@pytest.mark.slow
def test_captions_without_a_flaw_can_be_written_and_indexed(corpus, model, llm_server, tmp_path, monkeypatch):
    """The column of unsupported numbers is then empty in every row, and has no type of its own."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    good = {"text": "Rain.", "channel_texts": ["Rain.", "Wind."]}
    llm_server.answers = [(200, json.dumps(good))] * 12
    captioner = api.llm_captioner("tiny", tmp_path / "cache", base_url=f"http://127.0.0.1:{llm_server.server_port}/v1")
    api.write(api.caption_by_llm(corpus, captioner), tmp_path / "told.parquet")
    read = api.read(tmp_path / "told.parquet")
    assert read.column("unsupported_numbers") == [[]] * 12
    assert len(api.build_index(read, model, tmp_path / "index")) == 12


def test_evaluation_gives_baselines_the_windows_outside_the_pool(corpus, model, monkeypatch):
    from tracets.evaluate import baselines

    given = {}

    def spy(pool, *, train, seed):
        given.update(pool=[s.id for s in pool.samples], train=[s.id for s in train])
        return baselines.random_scores(pool, train=train, seed=seed)

    monkeypatch.setattr(baselines, "BASELINES", {"spy": spy})
    report = api.evaluate_retrieval(corpus, model, split="val", baselines=["spy"], n_boot=10)
    assert given == {"pool": ["day-8", "day-9"], "train": [f"day-{i}" for i in range(8)]}
    assert report.n == 2 and report.split == "val" and list(report.baselines) == ["spy"]


def test_evaluation_is_narrowed_by_where(corpus, model):
    report = api.evaluate_retrieval(corpus, model, split="train", where="label = 'fair'", n_boot=10)
    assert report.n == 4


def test_training_settings_of_the_model_belong_to_a_fresh_one(corpus, model_folder, tmp_path):
    for setting in ("model.dim=16", "pretrain.share=0.2"):
        with pytest.raises(ConfigError, match="--init none"):
            api.train(corpus, tmp_path / "m", init=model_folder, assignments=[setting])


def test_training_needs_its_splits(corpus, tmp_path, model_folder):
    with pytest.raises(DataError, match="split = 'train' and some with 'val', got 8 and 0"):
        api.train(corpus.where("split <> 'val'"), tmp_path / "m", init=model_folder)
    assert not (tmp_path / "m" / "config.json").exists()


@pytest.mark.slow
def test_training_takes_a_seed_and_gives_the_same_weights(corpus, tmp_path):
    quick = ["optim.max_steps=3", "optim.max_minutes=none", "optim.batch_size=4"]

    def fingerprint(name, seed):
        return api.train(corpus, tmp_path / name, init="none", assignments=quick, seed=seed).fingerprint

    first = fingerprint("a", 0)
    assert fingerprint("b", 0) == first and fingerprint("c", 1) != first


@pytest.mark.slow
def test_the_recipe_of_the_paper_trains_on_a_corpus(corpus, tmp_path):
    """Both stages, and then search by the window's vector alone."""
    quick = ["optim.max_steps=4", "optim.max_minutes=none", "optim.batch_size=4", "model.series.layers=1"]
    made = api.train(corpus, tmp_path / "plain", init="none", recipe="paper", assignments=quick)
    loaded = api.load(tmp_path / "plain", backend="torch")
    assert loaded.fingerprint == made.fingerprint and loaded.sample_weight == 1.0
    assert (tmp_path / "plain/run/pretrain/metrics.csv").is_file()
    text = corpus[0].text
    assert loaded.encode_texts([text]).spans == ((text,),)
    report = api.evaluate_retrieval(corpus, loaded, split="train", n_boot=10)
    assert report.n == 8 and 0 < report.scores["text_to_series"]["pair"]["MRR"].value <= 1


@pytest.mark.slow
def test_a_recipe_may_drill_swapped_facts(tmp_path):
    data = ["data.generated=24", "data.family=8", "data.drills=8", "pretrain.share=0"]
    quick = ["optim.max_steps=2", "optim.max_minutes=none", "optim.batch_size=4", "model.series.layers=0"]

    def swapped(name, *more):
        api.train(None, tmp_path / name, init="none", assignments=[*data, *quick, *more])
        with open(tmp_path / name / "run/align/metrics.csv", newline="") as file:
            return [row.get("train/swapped") for row in csv.DictReader(file)]

    drilled, asked = (swapped(name, "align.swapped=1", f"data.drills={n}") for name, n in (("a", 8), ("b", 0)))
    assert all(float(x) > 0 for x in drilled + asked) and drilled != asked
    assert not any(swapped("c"))


def test_threads_are_limited():
    import torch
    from threadpoolctl import threadpool_info, threadpool_limits

    def of_numpy():
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

    before = torch.get_num_threads()
    try:
        with threadpool_limits(2, user_api="blas"):
            assert of_numpy() == {2}
            api.set_threads(1)
            assert torch.get_num_threads() == 1 and of_numpy() == {1}
        with pytest.raises(ConfigError, match="at least 1, got 0"):
            api.set_threads(0)
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif("base" not in api.shipped_models(), reason="no model ships in this tree yet")
def test_the_base_model_ships_small():
    from tracets.encoders.store import model_folder

    folder = model_folder("base")
    assert sum(p.stat().st_size for p in folder.rglob("*")) < 30e6
    assert (folder / "card.md").read_text(encoding="utf-8").strip()


@pytest.mark.slow
def test_the_base_model_loads():
    assert api.load("base").encode_texts(["rain all week"]).sample.shape == (1, api.load("base").dim)

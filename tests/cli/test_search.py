"""`tracets embed`, `index`, `search` and `explain` on a tiny untrained model."""

import json
import re

import numpy as np
import pyarrow.parquet as pq
import pytest

from tracets import api

KEYS = ["rank", "id", "score", "start", "end", "channels", "text", "label", "metadata"]


@pytest.fixture
def hits(tracets, index_folder):
    """Search with --json; the hits."""

    def run(*arguments):
        result = tracets("search", index_folder, *arguments, "--json")
        assert result.code == 0 and all(line.startswith("asked for ") for line in result.err.splitlines()), result
        return [json.loads(line) for line in result.out.splitlines()]

    return run


def test_embed_writes_the_columns_of_the_contract(tracets, corpus_file, model_folder, tmp_path):
    out = tmp_path / "vectors.parquet"
    result = tracets("embed", corpus_file, "--model", model_folder, "--out", out)
    assert (result.code, result.out, result.err) == (0, "", f"wrote 12 vectors to {out}\n")
    table = pq.read_table(out)
    assert table.column_names == ["id", "vector", "channel_names", "channel_vectors"]
    row = table.slice(3, 1).to_pylist()[0]
    assert row["id"] == "day-3" and row["channel_names"] == ["rain", "wind speed"]
    assert np.shape(row["vector"]) == (16,) and np.shape(row["channel_vectors"]) == (2, 16)
    np.testing.assert_allclose(np.linalg.norm([row["vector"], *row["channel_vectors"]], axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_embed_of_a_folder_writes_a_folder(tracets, refused, corpus_file, model_folder, tmp_path):
    ask = ("embed", corpus_file.parent, "--model", model_folder)
    out = tmp_path / "vectors"
    result = tracets(*ask, "--out", out)
    assert (result.code, result.out, result.err) == (0, "", f"wrote 12 vectors to {out}, 12 of them new\n")
    assert json.loads(tracets(*ask, "--out", out, "--json").out) == {"out": str(out), "windows": 12, "encoded": 0}
    assert api.open_vectors(out).table()["id"].to_pylist() == [f"day-{i}" for i in range(12)]
    assert "--out must be a folder" in refused(*ask, "--out", tmp_path / "vectors.parquet")
    assert "--engine must be local or ray, got 'spark'" in refused(*ask, "--out", out, "--engine", "spark")


@pytest.mark.slow
def test_an_index_in_a_bucket(tracets, refused, corpus_file, model_folder, tmp_path, s3, index_folder):
    url = f"{s3}/days.index"
    made = tracets("index", corpus_file, "--model", model_folder, "--out", url, "--json")
    assert json.loads(made.out)["out"] == url and json.loads(made.out)["encoded_windows"] == 12
    ask = ("a burst of rain", "-k", 3, "--where", "entity = 'ny'", "--json")
    assert tracets("search", url, *ask).out == tracets("search", index_folder, *ask).out != ""
    assert f"there is no index at '{s3}/none'" in refused("search", f"{s3}/none", "rain")
    assert "in bucket 'nowhere': there is no such bucket" in refused("search", "s3://nowhere/index", "rain")


@pytest.mark.slow
def test_index_then_search_with_nothing_but_data_on_stdout(tracets, corpus_file, model_folder, tmp_path):
    out = tmp_path / "days.index"
    result = tracets("index", corpus_file, "--model", model_folder, "--out", out)
    assert (result.code, result.out) == (0, "")
    first, second = result.err.splitlines()
    assert re.fullmatch(r"encoded 12 windows and 12 texts; 12 windows written in [\d.]+ s, \d+ a second", first)
    assert second == f'indexed 12 windows in {out}; next: tracets search {out} "your question"'
    again = tracets("index", corpus_file, "--model", model_folder, "--out", out, "--overwrite", "--json")
    assert json.loads(again.out)["windows"] == json.loads(again.out)["encoded_windows"] == 12
    again = json.loads(tracets("index", corpus_file, "--model", model_folder, "--out", out, "--update", "--json").out)
    assert (again["windows"], again["encoded_windows"], again["encoded_texts"]) == (12, 0, 0)
    assert again["windows_s"] > 0 and again["recall_at_10"] == 1
    found = tracets("index", corpus_file, "--model", model_folder, "--out", out, "--update", "--ann")
    assert "an approximate search finds 100.0% of the 10 best windows" in found.err
    said = [tracets("search", out, "rain", "--json", *more).out for more in ((), ("--exact",))]
    assert said[0] == said[1] and said[0].count("\n") == 10
    found = tracets("search", out, "rain", "-k", 2)
    assert found.err == "" and re.findall(r"day-\d+", found.out) and "score" in found.out


@pytest.mark.slow
def test_a_part_of_a_corpus_is_indexed(tracets, refused, corpus_file, model_folder, tmp_path):
    words = (
        "index",
        corpus_file,
        "--model",
        model_folder,
        "--out",
        tmp_path / "part.index",
        "--where",
        "split = 'test'",
    )
    assert json.loads(tracets(*words, "--json").out)["windows"] == 2
    assert "not what --length cuts" in refused(*words, "--length", 24)


def test_a_hit_has_the_keys_of_the_contract(hits):
    found = hits("heavy rain")
    assert len(found) == 10 and [h["rank"] for h in found] == list(range(1, 11))
    assert all(list(h) == KEYS for h in found)
    assert [h["score"] for h in found] == sorted((h["score"] for h in found), reverse=True)
    day = next(h for h in hits("heavy rain", "-k", 12) if h["id"] == "day-3")
    assert (day["start"], day["end"]) == ("2020-05-04T00:00:00+00:00", "2020-05-04T23:00:00+00:00")
    assert set(day["channels"]) == {"rain", "wind speed"} and day["label"] == "stormy"
    assert day["text"].startswith("A burst of 8 mm") and day["metadata"]["entity"] == "sf"


def test_like_leaves_the_window_itself_out(hits):
    found = hits("--like", "day-4", "-k", 12)
    assert len(found) == 11 and "day-4" not in {h["id"] for h in found}


def test_a_series_finds_itself(hits, tmp_path):
    rng = np.random.default_rng(0)
    rain = np.zeros(24)
    rain[rng.integers(24)] = 5.0
    wind = 3 + np.sin(np.arange(24) / 4)
    lines = ["time,rain [mm],wind speed [m/s]"]
    lines += [f"2020-05-01T{i:02d}:00Z,{rain[i]},{'' if i < 2 else wind[i]}" for i in range(24)]
    path = tmp_path / "day.csv"
    path.write_text("\n".join(lines) + "\n")
    best = hits("--series", path)[0]
    assert best["id"] == "day-0" and best["score"] == pytest.approx(1, abs=1e-4)


def test_a_named_channel_alone_is_scored(hits):
    found = hits("--channel", "Rain=a burst at the end")
    assert all(list(h["channels"]) == ["rain"] for h in found)
    assert found[0]["score"] == pytest.approx(found[0]["channels"]["rain"], abs=1e-5)


def test_parts_of_a_query_are_combined_by_their_mean(hits):
    text = {h["id"]: h["score"] for h in hits("heavy rain", "-k", 12)}
    like = {h["id"]: h["score"] for h in hits("--like", "day-4", "-k", 12)}
    both = {h["id"]: h["score"] for h in hits("heavy rain", "--like", "day-4", "-k", 12)}
    assert both == pytest.approx({name: (text[name] + like[name]) / 2 for name in like}, abs=1e-5)


def test_want_text_ranks_by_the_texts(hits):
    said = "A burst of 9 mm of rain. The wind is light."
    best = hits(said, "--want", "text", "-k", 1)[0]
    assert best["text"] == said and best["score"] == pytest.approx(1, abs=1e-4)


def test_where_filters(hits):
    everything = hits("rain", "-k", 12)
    kept = hits("rain", "--where", "entity = 'ny' AND label = 'fair'", "-k", 12)
    assert [h["id"] for h in kept] == [h["id"] for h in everything if h["metadata"]["entity"] == "ny"]
    assert len(kept) == 6 and hits("rain", "--where", "entity = 'la'") == []


@pytest.mark.slow
def test_hybrid_ranks_by_the_words_too(hits, refused, index_folder):
    said = "A burst of 9 mm of rain"
    rank = next(h["rank"] for h in hits(said, "-k", 12) if h["id"] == "day-4")  # by words it is the first
    found = hits(said, "--hybrid", "-k", 12)
    score = next(h["score"] for h in found if h["id"] == "day-4")
    assert score == pytest.approx((1 / 61 + 1 / (60 + rank)) * 61 / 2, abs=1e-6)
    assert all(0 < h["score"] <= 1 for h in found) and all(list(h) == KEYS for h in found)
    best = hits("A burst of 9 mm of rain. The wind is light.", "--hybrid", "--want", "text", "-k", 1)[0]
    assert (best["id"], best["score"]) == ("day-4", 1.0)
    assert len(hits("burst", "--hybrid", "--where", "label = 'fair'", "-k", 12)) == 6
    assert "Give a text" in refused("search", index_folder, "--like", "day-4", "--hybrid")


@pytest.mark.slow
def test_a_short_answer_says_why_on_stderr_alone(tracets, index_folder):
    for arguments, why in (
        (("-k", 12), ""),
        (("-k", 13), "asked for 13 windows, found 12: the index holds 12 windows\n"),
        (("--where", "label = 'fair'"), "asked for 10 windows, found 6: the filter keeps 6 windows\n"),
        (("--where", "label = 'fair'", "-k", 6), ""),
    ):
        result = tracets("search", index_folder, "rain", "--json", *arguments)
        assert (result.code, result.err) == (0, why)
        assert all(list(json.loads(line)) == KEYS for line in result.out.splitlines())


@pytest.mark.slow
def test_plot_writes_a_page_that_needs_no_network(tracets, index_folder, tmp_path):
    page = tmp_path / "hits.html"
    result = tracets("search", index_folder, "<b>rain</b>", "-k", 2, "--plot", page, "--json")
    assert result.code == 0 and len(result.out.splitlines()) == 2 and result.err == f"drew 2 hits in {page}\n"
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=", text)
    assert "&lt;b&gt;rain&lt;/b&gt;" in text and "wind speed" in text


@pytest.mark.slow
def test_the_parts_of_an_explanation_add_up_to_the_score(tracets, index_folder, hits):
    query = "Heavy rain. The wind is light; then calm."
    result = tracets("explain", index_folder, "day-3", "--query", query, "--json")
    found = json.loads(result.out)
    assert result.err == "" and [s["sentence"] for s in found["sentences"]] == [
        "Heavy rain.", "The wind is light;", "then calm.",
    ]  # fmt: skip
    assert found["score"] == pytest.approx(found["sample_part"] + sum(s["part"] for s in found["sentences"]))
    assert sum(found["channels"].values()) == pytest.approx(sum(s["part"] for s in found["sentences"]))
    searched = next(h for h in hits(query, "-k", 12) if h["id"] == "day-3")
    assert found["score"] == pytest.approx(searched["score"], abs=1e-5)

    plain = tracets("explain", index_folder, "day-3", "--query", query).out
    assert plain.startswith(f"day-3: score {found['score']:.3f} = ") and '"then calm." by ' in plain
    places = [s["place"] for s in found["sentences"] if s["place"]]
    assert places and plain.count("most in step") == len(places)
    first, place = f"2020-05-04 {places[0]['first_step']:02}:00", places[0]
    assert f"most in steps {place['first_step']} to {place['first_step'] + place['n_steps'] - 1} ({first} to " in plain
    assert f": {place['drop']:.3f} less without them" in plain


@pytest.mark.slow
def test_an_explanation_checks_the_numbers_of_the_text(tracets, index_folder):
    # "A burst of 8 mm of rain." is no form of our captions
    result = tracets("explain", index_folder, "day-3", "--query", "rain")
    assert "numbers of its text: 1 not checked\n  8: not checked\n" in result.out


@pytest.mark.slow
def test_checked_numbers_are_told_where_they_lie(tracets, tmp_path, model_folder, csv_file):
    captioned, index = tmp_path / "captioned.parquet", tmp_path / "index"
    assert tracets("data", "caption", csv_file, "--out", captioned).code == 0
    assert tracets("index", captioned, "--out", index, "--model", model_folder).code == 0
    name = json.loads(tracets("search", index, "rain", "-k", 1, "--json").out)["id"]
    found = json.loads(tracets("explain", index, name, "--query", "rain", "--json").out)["numbers"]
    assert found and {number["result"] for number in found} == {"agrees"}
    plain = tracets("explain", index, name, "--query", "rain").out
    assert f"numbers of its text: {len(found)} agrees\n" in plain
    one = next(number for number in found if number["n_steps"] == 1)
    assert f"  {one['number']}: {one['says']} of {one['channel']}, agrees, step {one['first_step']}" in plain


def test_another_model_is_refused_and_both_are_named(refused, index_folder, model_folder, other_model):
    said = refused("search", index_folder, "rain", "--model", other_model, "--backend", "torch")
    assert str(model_folder) in said and str(other_model) in said


@pytest.mark.slow
def test_errors_name_the_fix(refused, index_folder, corpus_file, model_folder, tmp_path, csv_file):
    search = ("search", index_folder)
    assert "NAME=TEXT" in refused(*search, "--channel", "rain")
    assert "was given twice" in refused(*search, "--channel", "rain=a", "--channel", "rain=b")
    assert "Its channels are rain, wind speed" in refused(*search, "--channel", "snow=heavy")
    assert "must be series or text" in refused(*search, "rain", "--want", "both")
    assert "the query is empty" in refused(*search)
    assert "its ids are like 'day-" in refused(*search, "--like", "day-99")
    assert "k of at least 1" in refused(*search, "rain", "-k", 0)
    assert "place" in refused(*search, "rain", "--where", "place = 'ny'")
    assert "holds 12" in refused(*search, "--series", corpus_file)
    assert "no such file" in refused(*search, "--series", tmp_path / "none.csv")
    assert "none.index" in refused("search", tmp_path / "none.index", "rain")
    assert "day-99" in refused("explain", index_folder, "day-99", "--query", "rain")
    assert "no model 'nothing'" in refused("index", corpus_file, "--model", "nothing", "--out", tmp_path / "x")
    assert "no such" in refused("embed", tmp_path / "none.parquet", "--model", model_folder, "--out", tmp_path / "x")
    assert "overwrite" in refused("index", corpus_file, "--model", model_folder, "--out", index_folder)
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_an_index_whose_model_lies_elsewhere_asks_for_it(
    tracets, corpus_file, model_folder, other_model, tmp_path, monkeypatch
):
    out = tmp_path / "days.index"
    monkeypatch.chdir(model_folder.parent)
    assert tracets("index", corpus_file, "--model", model_folder.name, "--out", out).code == 0
    assert tracets("search", out, "rain").code == 0
    monkeypatch.chdir(tmp_path)
    result = tracets("search", out, "rain")
    assert result.code == 2 and "was built with model 'tiny', and there is no such folder here" in result.err
    assert "--model FOLDER" in result.err
    assert tracets("search", out, "rain", "--model", model_folder).code == 0
    assert "was built with model 'tiny'" in tracets("search", out, "rain", "--model", other_model).err

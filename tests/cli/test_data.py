"""`tracets data`: what it writes, what it tells, and what it refuses."""

import json

import numpy as np
import pytest

from tracets.data import read_corpus


def test_describe_counts_what_is_there(tracets, corpus_file):
    result = tracets("data", "describe", corpus_file, "--json")
    found = json.loads(result.out)
    assert (result.code, result.err, result.out.count("\n")) == (0, "", 1)
    assert found["rows"] == 12 and found["channels"] == {"rain": 12, "wind speed": 12}
    assert found["splits"] == {"train": 8, "val": 2, "test": 2}
    assert found["missing"] == pytest.approx(2 / 48) and found["channel_texts"] == 0.5


@pytest.mark.slow
def test_describe_draws_and_tells_what_leaks(tracets, tmp_path):
    from datetime import UTC, datetime

    from tracets.data import Corpus, write_corpus
    from tracets.types import Sample

    path, page = tmp_path / "leaky.parquet", tmp_path / "leaky.html"
    samples = [
        Sample(f"s{i}", [[1.0, 2.0, 3.0]], ("x",), start=datetime(2020, 1, 1, i, tzinfo=UTC), freq="h", split=split,
               text=f"text {i}", label=f"kind {i % 2}")
        for i, split in enumerate(("train", "train", "test"))
    ]  # fmt: skip
    write_corpus(Corpus.from_samples(samples), path)
    result = tracets("data", "describe", path, "--plot", page, "--json")
    assert json.loads(result.out)["leaks"]["examples"] == {"values": [["s0", "s2"]], "times": [["s1", "s2"]]}
    assert result.err.splitlines() == [
        "1 windows have the values of a window of another split",
        "1 windows begin before a window of another split ends, of the same entity and channels",
        f"drew {page}",
    ]
    drawn = page.read_text(encoding="utf-8")
    assert "kind 0: s0" in drawn and "kind 1: s1" in drawn and "3 windows" in drawn


def test_describe_prints_names_with_brackets_as_they_are(tracets, tmp_path):
    path = tmp_path / "[b]x.csv"
    path.write_text("time,[/a] load\n2020-01-01,1\n2020-01-02,2\n")
    out = tracets("data", "describe", path).out
    told = "".join(out.split())  # a long path is broken to the width of the table
    assert "[/a]load" in told and "[b]x.csv" in told


def test_describe_has_a_row_a_channel(tracets, tmp_path, monkeypatch):
    """Not a cell with all of them; what is not there at all is not said; labels that few windows have are summed up."""
    from tracets.data import Corpus, describe, write_corpus
    from tracets.types import Sample

    monkeypatch.setenv("COLUMNS", "110")
    rng = np.random.default_rng(0)
    samples = [
        Sample(f"s{i}", np.where(rng.random((2, 8)) < (0.5, 0.0)[i > 0], np.nan, i), ("load", "temperature [°C]"),
               units=("MW", None), label=f"kind {i}" if i else None)
        for i in range(20)
    ]  # fmt: skip
    path = tmp_path / "c.parquet"
    write_corpus(Corpus.from_samples(samples), path)
    result = tracets("data", "describe", path)
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    missing, gaps = int(np.isnan(samples[0].values[0]).sum()), describe(read_corpus(path))["gaps"]["load"]
    assert f"load MW 20 {missing / 160:.1%} {gaps['count']} {gaps['longest']} 0 " in "\n".join(lines)
    assert any("channel unit windows missing gaps longest low mean high" in line for line in lines)
    assert any("8 more: 8" in line for line in lines) and any("(none): 1" in line for line in lines)
    assert not any(line.startswith("│ event_text_") or "missing_by_channel" in line for line in lines)


def test_describe_reads_a_csv_in_the_zone_given(tracets, csv_file):
    found = json.loads(tracets("data", "describe", csv_file, "--zone", "Europe/Berlin", "--json").out)
    assert found["start"]["zone"] == "Europe/Berlin" and found["units"] == {"load": ["MW"], "temperature": ["°C"]}


def test_windows_then_caption(tracets, csv_file, tmp_path):
    cut, told = tmp_path / "cut.parquet", tmp_path / "told.parquet"
    result = tracets("data", "windows", csv_file, "--length", 24, "--stride", 12, "--out", cut)
    assert (result.code, result.out, result.err) == (0, "", f"wrote 7 windows to {cut}\n")
    windows = read_corpus(cut)
    assert windows.ids[:2] == ["plant-2021-03-01T00", "plant-2021-03-01T12"]
    assert windows[1].values.shape == (2, 24) and windows[1].text is None

    result = tracets("data", "caption", cut, "--out", told, "--seed", 3, "--json")
    assert (result.err, json.loads(result.out)) == ("", {"out": str(told), "windows": 7})
    captioned = read_corpus(told)
    assert all("load" in s.text.lower() and all(s.channel_texts) for s in captioned)
    np.testing.assert_array_equal(captioned[1].values, windows[1].values)

    again = tmp_path / "again.parquet"
    tracets("data", "caption", told, "--out", again, "--seed", 4)
    assert read_corpus(again).column("text") == captioned.column("text")
    tracets("data", "caption", told, "--out", again, "--seed", 4, "--overwrite")
    assert read_corpus(again).column("text") != captioned.column("text")


def test_windows_split_by_time(tracets, csv_file, tmp_path):
    out = tmp_path / "cut.parquet"
    tracets("data", "windows", csv_file, "--length", 6, "--split", "--out", out)
    assert read_corpus(out).column("split") == ["train"] * 9 + ["val"] * 2 + ["test"] * 4


def test_windows_left_out_are_told(tracets, tmp_path):
    path, out = tmp_path / "gappy.csv", tmp_path / "cut.parquet"
    path.write_text("time,load\n" + "".join(f"2020-01-{d:02d},{'' if d > 7 else d}\n" for d in range(1, 13)))
    result = tracets("data", "windows", path, "--length", 4, "--out", out)
    assert (result.code, result.out) == (0, "")
    assert result.err.splitlines() == [
        f"left out 1 of 3 windows of '{path}': less than 50 % of their values were observed",
        f"wrote 2 windows to {out}",
    ]


@pytest.mark.slow
def test_build_weather(tracets, tmp_path):
    out = tmp_path / "weather.parquet"
    result = tracets("data", "build", "weather", "--out", out, "--json")
    corpus = read_corpus(out)
    assert json.loads(result.out) == {"out": str(out), "windows": len(corpus)}
    assert set(corpus.column("entity")) == {"EWR", "JFK", "LGA"} and all(corpus.column("text"))


def test_errors_name_the_fix(refused, corpus_file, tmp_path):
    out = tmp_path / "x.parquet"
    assert "no such file" in refused("data", "describe", tmp_path / "none.csv")
    assert "data build --help" in refused("data", "build", "whether", "--out", out)
    assert "Use one of" in refused("data", "describe", corpus_file, "--reader", "csv-wild")
    assert "Use shorter windows" in refused("data", "windows", corpus_file, "--length", 99, "--out", out)
    assert "min_observed in [0, 1]" in refused(
        "data", "windows", corpus_file, "--length", 4, "--min-observed", 2, "--out", out
    )
    assert not out.exists()


@pytest.mark.slow
class TestLlm:
    @pytest.fixture
    def ask(self, tracets, corpus_file, llm_server, monkeypatch, tmp_path):
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        answer = {"text": "Rain falls.", "channel_texts": ["Rain of 5 mm.", "It is windy."]}
        llm_server.answers = [(200, json.dumps(answer))] * 12
        url = f"http://127.0.0.1:{llm_server.server_port}/v1"

        def run(*options):
            return tracets(
                "data", "caption", corpus_file, "--out", tmp_path / "told.parquet", "--llm", "tiny",
                "--base-url", url, *options,
            )  # fmt: skip

        return run

    def test_nothing_is_asked_before_yes(self, ask, llm_server, tmp_path):
        result = ask("--price-in", 1000, "--price-out", 1000)
        assert (result.code, result.out) == (2, "") and result.err.count("\n") == 1
        assert result.err.startswith("tracets: 12 requests to tiny: about ") and "--yes" in result.err
        assert "4800 out" in result.err and "cost 0.00" not in result.err  # 12 x (260 + 2 x 70)
        assert llm_server.asked == [] and not (tmp_path / "told.parquet").exists()

    @pytest.mark.slow
    def test_texts_that_are_there_stay_and_answers_are_kept(self, ask, llm_server, tmp_path):
        result = ask("--yes")
        assert result.code == 0 and "12 requests" in result.err and "sk-secret" not in result.err
        corpus = read_corpus(tmp_path / "told.parquet")
        assert corpus[3].text.startswith("A burst of 8 mm")
        assert corpus[3].channel_texts == ("Rain of 8 mm.", "It is windy.")
        assert len(llm_server.asked) == 12 and llm_server.asked[0]["model"] == "tiny"
        assert len(list((tmp_path / "told.parquet.cache").rglob("*.json"))) == 12

        assert ask().code == 0, "all answers are kept, so there is nothing to agree to"
        assert len(llm_server.asked) == 12

    def test_a_refusal_is_one_line_without_the_key(self, ask, llm_server):
        llm_server.answers = [(401, "")]
        result = ask("--yes")
        assert (result.code, result.out) == (2, "")
        assert "OPENAI_API_KEY" in result.err and "sk-secret" not in result.err

    def test_its_options_need_it(self, refused, corpus_file, tmp_path):
        said = refused("data", "caption", corpus_file, "--out", tmp_path / "x", "--base-url", "http://127.0.0.1:1")
        assert "are for --llm MODEL" in said

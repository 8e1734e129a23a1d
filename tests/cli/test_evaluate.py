"""`tracets evaluate`: the objects of the contract, and the tables."""

import json

import pytest

from tracets.data import read_corpus, write_corpus

PAIR = {"P@1", "P@5", "P@10", "MRR", "median_rank"}
LABEL = {"P@1", "P@5", "MRR", "macro_P@1"}


@pytest.fixture
def evaluate(tracets, corpus_file, model_folder):
    def run(*options):
        return tracets("evaluate", "retrieval", corpus_file, "--model", model_folder, "--n-boot", 20, *options)

    return run


def numbers(tree):
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from ((name, value),) if isinstance(value, (float, int)) else numbers(value)


def test_json_has_the_keys_of_the_contract(evaluate):
    result = evaluate("--split", "train", "--json", "--baselines", "random,euclidean")
    assert (result.code, result.err, result.out.count("\n")) == (0, "", 1)
    found = json.loads(result.out)
    assert found["n"] == 8
    directions = {"text_to_series", "series_to_text", "series_to_series"}
    assert {"n", "chance", "baselines", *directions} <= set(found)
    for side in (found, found["chance"], found["baselines"]["random"]):
        assert set(side["text_to_series"]["pair"]) == set(side["series_to_text"]["pair"]) == PAIR
        for direction in directions:
            assert set(side[direction]["label"]) == LABEL
    assert set(found["baselines"]["euclidean"]) == {"series_to_series"}
    shares = [v for direction in directions for name, v in numbers(found[direction]) if name != "median_rank"]
    assert len(shares) == 20 and all(0 <= v <= 1 for v in shares)
    assert found["chance"]["text_to_series"]["pair"]["P@1"] == pytest.approx(1 / 8)


@pytest.mark.slow
def test_split_and_where_choose_the_pool(evaluate):
    assert json.loads(evaluate("--json").out)["n"] == 2
    assert json.loads(evaluate("--split", "train", "--where", "entity = 'ny'", "--json").out)["n"] == 4


@pytest.mark.slow
def test_the_table_names_pool_and_model(evaluate, model_folder):
    result = evaluate("--split", "train", "--baselines", "random")
    assert result.err == "" and "Pool: 8 windows with a text" in result.out
    assert "| Text to series, pair | P@1 | P@5 | P@10 | MRR | median_rank |" in result.out
    assert f"| {model_folder} | " in result.out and "| random | " in result.out


def test_errors_name_the_fix(refused, corpus_file, model_folder):
    evaluate = ("evaluate", "retrieval", corpus_file, "--model", model_folder)
    assert "Choose from: random, bm25" in refused(*evaluate, "--baselines", "bm52")
    assert "Use one of train, val, test" in refused(*evaluate, "--split", "dev")
    assert "columns are" in refused(*evaluate, "--where", "place = 'ny'")
    assert "at least 2 windows with a text" in refused(*evaluate, "--where", "entity = 'ny'")
    assert "no window of split 'test' that the filter keeps, of 2" in refused(*evaluate, "--where", "entity = 'la'")


@pytest.mark.parametrize("what", ["retrieval", "probes", "channels", "parts"])
def test_a_corpus_without_the_split_is_refused(refused, corpus_file, model_folder, tmp_path, what):
    write_corpus(read_corpus(corpus_file).split("train"), tmp_path / "train.parquet")
    said = refused("evaluate", what, tmp_path / "train.parquet", "--model", model_folder)
    assert "the corpus has no window of split 'test'. Name a split that it has" in said


@pytest.mark.slow
def test_hubness_can_be_left_in(evaluate):
    corrected, raw = (json.loads(evaluate("--json", *option).out) for option in ((), ("--no-hubness",)))
    assert corrected["provenance"]["hubness"] == {"weight": 0.5, "neighbours": 8, "bank": 8}
    assert raw["provenance"]["hubness"] is None


@pytest.mark.slow
def test_channels(tracets, refused, corpus_file, model_folder):
    command = ("evaluate", "channels", corpus_file, "--model", model_folder, "--split", "train", "--n-boot", 20)
    result = tracets(*command, "--limit", 5, "--json")
    assert (result.code, result.err, result.out.count("\n")) == (0, "", 1)
    found = json.loads(result.out)
    assert (found["n"], found["chance"], found["sentences"]["n"]) == (5, 0.5, 10)
    assert 0 <= found["whole_text"]["low"] <= found["whole_text"]["agreement"] <= found["whole_text"]["high"] <= 1
    assert "8 windows of split train" in tracets(*command).out
    assert "Use one of train, val, test" in refused(*command, "--split", "dev")


@pytest.mark.slow
def test_parts(tracets, refused, corpus_file, model_folder):
    command = ("evaluate", "parts", corpus_file, "--model", model_folder, "--split", "train", "--n-boot", 20)
    found = json.loads(tracets(*command, "--limit", 4, "--json").out)
    assert (found["windows"], found["sentences"], found["chance"]) == (4, 8, 0.5)
    assert found["low"] <= found["beaten"] <= found["high"] and found["provenance"]["split"] == "train"
    assert tracets(*command, "--limit", 4).out.startswith("4 windows of split train, model ")
    assert "Use one of train, val, test" in refused(*command, "--split", "dev")

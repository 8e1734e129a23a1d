"""`tracets index --length` and `tracets search --spans`: from a CSV to places in it."""

import json
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow  # each asks the shipped model or starts a process

KEYS = ["rank", "id", "score", "start", "end", "channels", "text", "label", "metadata", "series", "first_step",
        "n_steps"]  # fmt: skip


@pytest.fixture
def plant(tracets, csv_file, model_folder, tmp_path):
    """The index of four days in windows of 12 and 24 hours, and what `tracets index` said of it."""
    out = tmp_path / "plant.index"
    result = tracets("index", csv_file, "--model", model_folder, "--out", out, "--length", "12,24", "--stride", "6,8",
                     "--zone", "Europe/Berlin")  # fmt: skip
    assert (result.code, result.out) == (0, ""), result
    return out, result.err


@pytest.fixture
def spans(tracets, plant):
    def run(*arguments):
        result = tracets("search", plant[0], *arguments, "--spans", "--json")
        assert result.code == 0, result
        return [json.loads(line) for line in result.out.splitlines()], result.err

    return run


def test_a_long_series_is_cut_and_the_counts_are_told(tracets, plant, csv_file, model_folder):
    out, said = plant
    first, second, third = said.splitlines()
    assert first == "cut 96 steps of 1 series into 25 windows: 15 of 12 steps, 10 of 24 steps"
    assert re.fullmatch(r"encoded 25 windows and 0 texts; 25 windows written in [\d.]+ s, \d+ a second", second)
    assert third == f'indexed 25 windows in {out}; next: tracets search {out} "your question" --spans'
    again = tracets("index", csv_file, "--model", model_folder, "--out", out, "--length", "24", "--json", "--update",
                    "--zone", "Europe/Berlin")  # fmt: skip
    found = json.loads(again.out)
    assert (found["windows"], found["encoded_windows"]) == (13, 9)  # every 6 steps; those every 24 are known
    assert found["cut"] == {"series": 1, "steps": 96, "windows": 13, "by_length": {"24": 13}, "short": [],
                            "left_out": 0, "uncovered": 0, "unobserved": [], "texts": 0}  # fmt: skip


def test_a_folder_of_files_is_read_file_by_file_and_what_is_short_or_missing_is_named(tracets, model_folder, tmp_path):
    folder, out = tmp_path / "plants", tmp_path / "plants.index"
    folder.mkdir()
    for name, values in {"long": range(20), "short": range(3), "dead": [""] * 9}.items():
        lines = [f"2024-01-01 {i:02d}:00,{x}" for i, x in enumerate(values)]
        (folder / f"{name}.csv").write_text("\n".join(["time,load", *lines]) + "\n")
    said = tracets("index", folder, "--model", model_folder, "--out", out, "--length", "8").err
    assert said.splitlines()[:4] == [
        "cut 32 steps of 3 series into 8 windows: 1 of 3 steps, 7 of 8 steps",
        "series 'short' is shorter than the shortest length: indexed whole, each as one window",
        "left out 2 windows that were observed too little; 9 steps are in no window",
        "series 'dead' is not in the index: nothing, or too little, was observed",
    ]
    result = tracets("search", out, "low", "--spans", "--json", "-k", 9)
    found = [json.loads(line) for line in result.out.splitlines()]
    assert sorted(f["series"] for f in found)[-1] == "short" and 2 <= len(found) <= 3
    assert result.err == (
        f"asked for 9 windows, found {len(found)}: every other window overlaps one of them, or does not pass the "
        "filter\n"
    )


def test_a_span_has_the_keys_of_a_hit_and_its_place(spans):
    found, said = spans("a rising temperature", "-k", 4)
    assert said == "" and [list(f) for f in found] == [KEYS] * 4
    taken = set()
    for one in found:
        steps = set(range(one["first_step"], one["first_step"] + one["n_steps"]))
        assert not steps & taken and one["id"] == f"plant@{one['first_step']}+{one['n_steps']}"
        taken |= steps
        hours = one["first_step"]
        assert one["start"] == f"2021-03-{1 + hours // 24:02d}T{hours % 24:02d}:00:00+01:00"
    overlapping, _ = spans("a rising temperature", "-k", 4, "--overlap", 0.5)
    assert overlapping[0] == found[0] and [f["id"] for f in overlapping] != [f["id"] for f in found]


def test_a_search_for_spans_imports_neither_torch_nor_the_table(plant):
    code = (
        "import sys; from tracets.cli.main import app; "
        f"app(['search', {str(plant[0])!r}, 'a rising load', '-k', '2', '--spans', '--json'], standalone_mode=False); "
        "print([m for m in ('torch', 'transformers', 'pandas', 'lancedb') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *found, loaded = done.stdout.splitlines()
    assert (len(found), loaded, done.stderr) == (2, "[]", "")


def test_the_ways_to_ask(spans, csv_file):
    found, said = spans("--like", "plant@24+24", "-k", 20, "--where", "n_steps = 24")
    assert {f["id"] for f in found} <= {"plant@0+24", "plant@48+24", "plant@56+24", "plant@64+24", "plant@72+24"}
    assert "asked for 20 windows, found 3" in said
    found, _ = spans("--channel", "load=falls overnight", "-k", 2)
    assert all(list(f["channels"]) == ["load"] for f in found)
    lines = csv_file.read_text().splitlines()
    part = csv_file.with_name("part.csv")
    part.write_text("\n".join([lines[0], *lines[31:61]]) + "\n")  # thirty hours from step 30 on
    (best,), _ = spans("--series", part, "-k", 1)
    assert best["first_step"] < 60 and best["first_step"] + best["n_steps"] > 30


def test_refined_and_merged_spans_are_drawn(tracets, plant, spans, tmp_path):
    plain, _ = spans("strong swings of the load", "-k", 2)
    refined, _ = spans("strong swings of the load", "-k", 2, "--refine")
    before = {f["id"]: f["score"] for f in plain}
    assert all(f["score"] >= before[f["id"]] for f in refined)
    merged, _ = spans("strong swings of the load", "-k", 2, "--merge")
    assert merged[0]["score"] == plain[0]["score"] and merged[0]["n_steps"] >= plain[0]["n_steps"]
    page = tmp_path / "spans.html"
    result = tracets("search", plant[0], "strong swings", "-k", 2, "--spans", "--refine", "--plot", page)
    assert result.err == f"drew 2 spans in {page}\n"
    shown = re.findall(r"plant, (\d+) steps from (\d+)", result.out)
    assert len(shown) == 2 and re.search(r"2021-03-\d\d \d\d:00 to 2021-03-\d\d \d\d:00", result.out)
    text = page.read_text(encoding="utf-8")
    (ranked,), _ = spans("strong swings", "-k", 1, "--refine")
    assert ranked["start"] in text and "temperature" in text


def test_the_index_without_length_is_as_before_and_knows_no_places(refused, index_folder):
    assert "do not say where in a series they lie" in refused("search", index_folder, "rain", "--spans")


def test_errors_name_the_fix(refused, plant, csv_file, model_folder, tmp_path):
    index = ("index", csv_file, "--model", model_folder, "--out", tmp_path / "x")
    assert "--length must read as 24 or 24,168" in refused(*index, "--length", "day")
    assert "--stride must read as" in refused(*index, "--length", "12", "--stride", "a")
    assert "windows of 12 steps every 13" in refused(*index, "--length", "12", "--stride", "13")
    assert "which --length cuts" in refused(*index, "--stride", "3")
    assert "which --length cuts" in refused(*index, "--min-observed", 0.5)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "holds no files" in refused("index", empty, "--model", model_folder, "--out", tmp_path / "x", "--length", 4)
    search = ("search", plant[0], "load")
    for option in (("--merge",), ("--refine",), ("--overlap", 0.5)):
        assert "are for --spans" in refused(*search, *option)
    assert "not ranked by texts" in refused(*search, "--spans", "--want", "text")
    assert "Choose merge or refine" in refused(*search, "--spans", "--merge", "--refine")
    assert "below 1" in refused(*search, "--spans", "--overlap", 1)
    assert not (tmp_path / "x").exists()

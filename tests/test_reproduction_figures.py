"""The figures of `tracets reproduce`: what they count, by hand or by a plain loop, and that each can be made."""

import json
from datetime import UTC, datetime, timedelta
from html import escape
from math import comb

import numpy as np
import pytest
import torch

from tracets import api, reproduction
from tracets.errors import DataError
from tracets.reproduction import attention, cases, channels, masked, negatives, planes, retrieved, windows
from tracets.reproduction.similarity import measured
from tracets.tables.table import SIZES
from tracets.types import Forecast, Hit, Neighbour, Sample

SMOKE = SIZES["smoke"]
DRAWS = windows.Draws(1, SMOKE.n_boot, 0)


def test_windows_are_drawn_by_the_seed_alone():
    assert windows.some(50, 5, seed=1) == windows.some(50, 5, seed=1) != windows.some(50, 5, seed=2)
    drawn = windows.some(50, 5, seed=1)
    assert drawn == sorted(set(drawn)) and len(drawn) == 5 and max(drawn) < 50


def test_shares_of_firsts_leave_out_what_is_no_part_and_break_ties_by_chance():
    scores = np.array([[3.0, 1.0, 0.0], [2.0, 2.0, 9.0], [0.0, 0.0, 1.0]])
    relevant = np.array([[True, False, False], [False, True, False], [False, False, False]])
    excluded = np.zeros((3, 3), bool)
    excluded[1, 2] = True
    found, chance = windows.share_first(scores, relevant, excluded, DRAWS)
    assert found[0] == (1 + 0.5) / 2 and chance == (1 / 3 + 1 / 2) / 2  # the third row has nothing to find
    assert windows.share_first(scores, ~np.ones((3, 3), bool), excluded, DRAWS)[0] == [None]


def test_a_matrix_is_measured_by_its_diagonal():
    scores = np.array([[0.9, 0.1, 0.3], [0.5, 0.4, 0.2], [0.0, 0.7, 0.7]])
    same = np.eye(3, dtype=bool)
    same[2, 1] = True  # the same text
    figures, chance = measured(scores, same, np.zeros((3, 3), bool), DRAWS)
    assert figures["own first"][0] == pytest.approx(2 / 3)
    assert figures["own score"][0] == pytest.approx((0.9 + 0.4 + 0.7) / 3)
    assert figures["score of others"][0] == pytest.approx((0.2 + 0.35 + 0.0) / 3)
    assert figures["own less others"][0] == pytest.approx((0.7 + 0.05 + 0.7) / 3)
    assert chance == pytest.approx((1 / 3 + 1 / 3 + 2 / 3) / 3)


def test_nearness_of_opposite_clouds():
    series, texts = np.array([[1.0, 0], [1, 0]], np.float32), np.array([[-1.0, 0], [-1, 0]], np.float32)
    found = planes.nearness(series, texts, np.eye(2, dtype=bool), DRAWS)
    assert [found[name][0] for name in planes.NEAR] == [-1, -1, 2]
    together = planes.nearness(series, np.array([[1.0, 0], [0, 1]], np.float32), np.eye(2, dtype=bool), DRAWS)
    assert together["cosine of pairs"][0] == 0.5 and together["cosine of others"][0] == 0.5
    assert together["gap between the modalities"][0] == pytest.approx(np.hypot(0.5, 0.5))


@pytest.mark.slow
def test_scores_of_channels_are_those_of_a_loop(corpus_file, model_folder):
    samples = list(api.read(corpus_file).select(range(3)))
    samples = [Sample(s.id, s.values, s.channel_names, channel_texts=("Rain falls. It is wet.", None)) for s in samples]
    samples[1] = Sample("none", np.full((2, 24), np.nan), samples[0].channel_names, channel_texts=("Nothing.", "x"))
    model = api.load(model_folder)
    found = channels.channels_of(samples, model)
    assert (
        found.window.tolist() == [0, 2] and found.names == ["rain"] * 2 if "rain" in samples[0].channel_names else True
    )
    scores = found.scores()
    for i, sentences in enumerate(found.sentences):
        for j, vectors in enumerate(found.vectors):
            assert scores[i, j] == pytest.approx(np.mean([(vectors @ one).max() for one in sentences]), abs=1e-5)
    ours, texts = found.means()
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    assert texts[0] == pytest.approx(found.sentences[0].mean(0) / np.linalg.norm(found.sentences[0].mean(0)), abs=1e-5)
    with pytest.raises(DataError, match="no channel has a text of its own. Write some: tracets data caption"):
        channels.channels_of([Sample("a", [[1.0, 2]], ("x",))], model)


def test_chance_of_hits_is_that_of_all_draws():
    drawn = [1 - comb(5 - h, 3) / comb(5, 3) for h in (1, 4)]
    found = cases.chance_of(np.array([5, 5]), np.array([1, 4]), 3)
    assert found == pytest.approx(sum(drawn) / 2) == pytest.approx((0.6 + 1) / 2)
    assert cases.chance_of(np.array([2]), np.array([1]), 3) == 1  # both are drawn


def test_series_to_series_leaves_out_windows_of_the_place_that_share_time(monkeypatch, tmp_path):
    from tracets.evaluate.pool import make_pool

    start = datetime(2024, 1, 1, tzinfo=UTC)
    values = np.arange(48.0)[None]
    samples = [
        Sample(
            name, values, ("load",), start=start + timedelta(hours=hours), freq="h", text=f"It is {name}.", label=label,
            metadata={"entity": place},
        )
        for name, hours, place, label in (
            ("a", 0, "ny", "calm"), ("b", 24, "ny", "calm"), ("c", 24, "sf", "calm"), ("d", 96, "ny", "windy"),
        )
    ]  # fmt: skip
    pool = make_pool(samples)
    right, aside = cases._right(pool, cases.LIKE)
    assert right.tolist() == [[0, 0, 1, 0], [0, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]]
    assert aside.tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    asked = []

    def search_many(index, model, queries, *, want, k):
        asked.append((want, k, [query.like for query in queries]))
        others = [[s.id for s in samples if s.id != query.like] for query in queries]
        return [[Hit(r, id, 0.5, None, None, {}, None, None, {}) for r, id in enumerate(ids)] for ids in others]

    monkeypatch.setattr(cases, "search_many", search_many)
    monkeypatch.setattr(cases, "load", lambda name: None)
    monkeypatch.setattr(cases, "build_index", lambda *given: None)
    hits = cases._answers(pool.samples, pool.texts, cases.LIKE, aside)
    assert asked == [("series", 3, ["a", "b", "c", "d"])]
    assert [[hit.id for hit in found] for found in hits] == [["c", "d"], ["c", "d"], ["a", "b", "d"], ["a", "b", "c"]]


def test_numbers_of_negatives_are_settings_and_stay_what_they_are():
    from tracets.config import load_settings

    found = [load_settings("tune", assignments=negatives.assignments_of(k)) for k in negatives.NUMBERS]
    assert [s.align.hard_first for s in found] == [s.align.hard_last for s in found] == [4, 8, 16, 32, None]
    assert all(s.optim.batch_size == negatives.NUMBERS[-1] + 1 for s in found)


class Told:
    """Stands for a fitted forecaster with retrieval."""

    name = "told"

    def __init__(self, near):
        self.near, self.backbone = near, self

    def forecast(self, pasts, horizon):
        return [
            Forecast(p.id, np.full((1, horizon), 9.0), np.tile(np.arange(9.0)[:, None, None], (1, 1, horizon)), ("x",))
            for p in pasts
        ]

    def neighbours(self, pasts):
        return [self.near for _ in pasts]


def test_what_followed_alone_is_the_mean_of_what_is_known():
    past = Sample("a", [[1.0, 2]], ("x",))
    near = [
        Neighbour("b", 0.9, np.zeros((1, 2)), np.array([[1.0, np.nan, np.nan]])),
        Neighbour("c", 0.8, np.zeros((1, 2)), np.array([[3.0, 4.0, np.nan]])),
    ]
    [found] = retrieved.Followed(Told(near)).forecast([past], 3)
    assert found.mean.tolist() == [[2.0, 4.0, 9.0]] and (found.quantiles == found.mean).all()
    [alone] = retrieved.Followed(Told([])).forecast([past], 2)
    assert alone.mean.tolist() == [[9.0, 9.0]]


@pytest.fixture(scope="module")
def tower(model_folder):
    """A model of one layer, as it was saved."""
    return api.load(model_folder, backend="torch")


@pytest.mark.parametrize("form", ["biased", "full", "causal"])
def test_attention_once_more_gives_what_the_layer_gives(form):
    from tracets.nn.attention import Block, rotary
    from tracets.nn.masks import attention_keys, causal_mask, cit_rows

    torch.manual_seed(0)
    block, x = Block(16, 2).eval(), torch.randn(2, 9, 16)  # two channels of three patches
    filled, alive = torch.ones(2, 2, 3, dtype=torch.bool), torch.ones(2, 2, dtype=torch.bool)
    filled[1, 0, 2] = False
    keys = attention_keys(filled, alive)[:, None, None]
    mask = {"biased": torch.cat([keys, cit_rows(keys, 2)[1]], 2), "full": keys, "causal": causal_mask(filled, alive)}
    given = {"mask": mask[form], "positions": rotary(torch.arange(9), 8), "rows": torch.tensor([0, 1, 5])}
    with torch.inference_mode():
        weights, out = attention.recomputed(block, x, **given)
        torch.testing.assert_close(out, block(x, **given), atol=1e-5, rtol=1e-4)
    assert weights.shape == (2, 2, 3, 9)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 3))
    if form == "biased":
        assert weights[:, :, 1, 5:].max() == 0 and weights[:, :, 2, :5].max() == 0 and weights[1, :, 0, 4].max() == 0


def test_attention_of_a_model_is_read_without_changing_it(tower, corpus_file):
    samples = list(api.read(corpus_file).select(range(3)))
    before = tower.encode_series(samples).sample
    weights = attention.last_attention(tower, samples)
    c, width = samples[0].n_channels, 1 + -(-samples[0].n_steps // 4)
    assert weights.shape == (3, 2, 1 + c, 1 + c * width)
    found = attention.shares(weights)
    np.testing.assert_allclose(found["own"], 1, atol=1e-5)  # channel-biased
    np.testing.assert_array_equal(tower.encode_series(samples).sample, before)
    assert not tower.series.blocks[-1]._forward_hooks


def test_shares_of_attention_by_hand():
    weights = np.zeros((1, 1, 3, 5))  # [CLS] and two channels of an identity and a patch
    weights[0, 0] = [[0.2, 0.2, 0.2, 0.2, 0.2], [0, 0.5, 0.5, 0, 0], [0, 0, 0.5, 0.25, 0.25]]
    found = {name: values.tolist() for name, values in attention.shares(weights).items()}
    assert found["own"] == [0.75] and found["cits"] == [pytest.approx(0.4)] and found["itself"] == [pytest.approx(0.2)]
    assert found["cls entropy"] == [pytest.approx(1)]
    halves = np.log(2) + 0.5 * np.log(2) + 2 * 0.25 * np.log(4)
    assert found["cit entropy"] == [pytest.approx(halves / 2 / np.log(5))]


def test_explained_variance_counts_hidden_steps_alone(tower, corpus_file):
    target = np.array([[[1.0, -1, 5]], [[2.0, 2, 2]]])
    counted = np.array([[[True, True, False]], [[True, False, False]]])
    found = masked.explained(target * 0.5, target, counted, size=SMOKE, seed=0)
    assert found == [0.75, 0.75, 0.75]
    samples = list(api.read(corpus_file).select(range(2)))
    prediction, truth, hidden = masked.reconstructed(tower, samples, hidden=0.5, seed=0)
    again = masked.reconstructed(tower, samples, hidden=0.5, seed=0)
    assert prediction.shape == truth.shape == hidden.shape and hidden.any()
    np.testing.assert_array_equal(again[2], hidden)


def of_the_page(report, folder):
    """The titles of all pictures, which must stand in the page and in the JSON."""
    name = report.table.name
    page = (folder / f"{name}.html").read_text(encoding="utf-8")
    titles = [one.title for _, line in report.rows for one in line.pictures]
    assert all(escape(title) in page for title in titles)
    saved = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    assert [one["title"] for row in saved["rows"] for one in row.get("pictures", ())] == titles
    return titles


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("figure", sorted(set(reproduction.FIGURES) - {"retrieved"}))
def test_figures_of_a_small_corpus(figure, tiny_base, corpus_file, tmp_path):
    told = tmp_path / "told.parquet"
    api.write(api.caption(api.read(corpus_file)), told)
    report = api.reproduce(figure, tmp_path / "out", data=[told])
    assert [step for _, step, _ in report.left_out] == (["series to series"] if figure == "cases" else [])
    titles = of_the_page(report, tmp_path / "out")
    pictures = {"map": 8, "similarity": 4, "cases": 2 * 2 * (1 + 1), "attention": 4, "mask": 4, "negatives": 0}
    assert len(titles) == pictures[figure]
    again = api.reproduce(figure, tmp_path / "out", data=[told])
    assert again.to_json() == report.to_json()  # no row was made again, pictures neither


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_errors_by_the_number_of_windows_retrieved(tiny_base, tmp_path):
    rows = [f"2024-01-{1 + i // 24:02d} {i % 24:02d}:00,{(i * 7) % 24}" for i in range(24 * 30)]
    path = tmp_path / "load.csv"
    path.write_text("\n".join(["time,load", *rows]) + "\n")
    report = api.reproduce("retrieved", tmp_path / "out", data=[path])
    lines = {line.name: line for _, line in report.rows}
    assert list(lines)[:3] == ["no retrieval", "series, R = 1", "series and text, R = 1"] and len(lines) == 1 + 3 * 6
    plain = lines["no retrieval"].figures[retrieved.ALONE.title]["MSE"][0]
    for line in list(lines.values())[1:]:
        for values in line.figures.values():
            assert values[retrieved.GAP][0] == pytest.approx(values["MSE"][0] - plain, abs=0.05)
    assert lines["series, R = 32"].at == 32 and lines["series, R = 32"].curve == "series"
    assert of_the_page(report, tmp_path / "out") == []

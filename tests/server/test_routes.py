"""Every route of the service against the front door, which answers the same."""

import base64
import json
import shutil
from datetime import UTC, datetime

import numpy as np
import pytest
from starlette.testclient import TestClient

from tracets import api
from tracets.server.app import create_app
from tracets.types import Query, Sample

SERIES = {
    "id": "now", "values": [[0, 0, 5, None], [3, 4, 5, 6]], "channel_names": ["rain", "wind speed"],
    "units": ["mm", "m/s"], "start": "2020-06-01T00:00:00Z", "freq": "h",
}  # fmt: skip


@pytest.fixture(scope="module")
def direct(index_folder, model_folder):
    return api.open_index(index_folder), api.load(model_folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "query", "options"),
    [
        ({"text": "heavy rain"}, Query("heavy rain"), {}),
        ({"like": "day-3", "want": "text", "k": 3}, Query(like="day-3"), {"want": "text", "k": 3}),
        ({"channels": {"rain": "a burst"}, "where": "label = 'fair'"}, Query(channels={"rain": "a burst"}),
         {"where": "label = 'fair'"}),
        ({"text": "heavy rain", "where": {"not": {"column": "label", "op": "=", "value": "fair"}}, "k": 4},
         Query("heavy rain"), {"where": "label <> 'fair'", "k": 4}),
        ({"text": "a burst of 9 mm of rain", "hybrid": True, "k": 3}, Query("a burst of 9 mm of rain"),
         {"hybrid": True, "k": 3}),
        ({"text": "wind", "series": SERIES, "hubness": False, "want": "text", "k": 12},
         Query("wind", Sample("now", [[0, 0, 5, float("nan")], [3, 4, 5, 6]],
               ("rain", "wind speed"), units=("mm", "m/s"), start=datetime(2020, 6, 1, tzinfo=UTC), freq="h")),
         {"hubness": False, "want": "text", "k": 12}),
    ],
)  # fmt: skip
def test_a_search_gives_the_hits_of_the_command_line(ask, direct, body, query, options):
    expected = [api.hit_to_json(hit) for hit in api.search(*direct, query, **options)]
    found = ask("/v1/search", **body)["hits"]
    assert [hit.pop("score") for hit in found] == pytest.approx([hit.pop("score") for hit in expected], abs=1e-5)
    for one, other in zip(found, expected, strict=True):
        assert one.pop("channels") == pytest.approx(other.pop("channels"), abs=1e-5)
        assert one == other


def test_a_series_is_searched_by(ask, direct):
    sample = api.stored(direct[0], ["day-3"])[0]
    told = api.sample_to_json(sample)
    series = {name: told[name] for name in ("id", "values", "channel_names", "units", "start", "freq")}
    best = ask("/v1/search", series=series, k=1)["hits"][0]
    assert best["id"] == "day-3" and best["score"] == pytest.approx(1, abs=1e-5)


@pytest.fixture(scope="module")
def long(tmp_path_factory, model_folder):
    """A service of windows that overlap, and what answers directly."""
    path = tmp_path_factory.mktemp("long") / "index"
    steps = np.arange(96)
    plant = Sample("plant", [np.sin(steps / 5), np.where(steps > 60, 9.0, 1.0)], ("rain", "wind speed"), freq="h")
    model = api.load(model_folder)
    index = api.build_index(api.cut([plant], lengths=[12, 24], strides=[4, 8]), model, path)
    with TestClient(create_app(path, model=str(model_folder)), base_url="http://localhost") as client:
        yield client, index, model


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [{"k": 3}, {"k": 2, "merge": True}, {"k": 2, "refine": True}, {"k": 2, "overlap": 0.5, "where": "n_steps = 12"}],
)
def test_spans_are_those_of_the_command_line(long, options):
    client, index, model = long
    expected = [api.span_to_json(span) for span in api.find_spans(index, model, "the wind rises", **options)]
    response = client.post("/v1/spans", json={"text": "the wind rises", **options})
    assert response.status_code == 200, response.text
    found = response.json()["spans"]
    assert len(found) == len(expected) >= 2
    for one, other in zip(found, expected, strict=True):
        assert one.pop("score") == pytest.approx(other.pop("score"), abs=1e-5)
        assert one.pop("channels") == pytest.approx(other.pop("channels"), abs=1e-5)
        assert one == other
    assert found[0]["series"] == "plant" and found[0]["n_steps"] >= (1 if "refine" in options else 12)


def test_two_windows_are_compared_by_numbers(client, direct):
    found = client.post("/v1/compare", json={"one": "day-3", "other": "day-4"}).json()["channels"]
    assert found == api.compare(direct[0], "day-3", "day-4")
    rain, wind = (api.stored(direct[0], ["day-3"])[0].values[c] for c in (0, 1))
    assert found["rain"]["one"] == {
        "unit": "mm", "observed": 1.0, "min": 0.0, "mean": pytest.approx(8 / 24), "max": 8.0, "first": float(rain[0]),
        "last": float(rain[-1]),
    }  # fmt: skip
    assert found["wind speed"]["one"]["observed"] == round(22 / 24, 4)
    assert found["wind speed"]["one"]["first"] == float(wind[2]) and found["wind speed"]["other"]["unit"] == "m/s"


def test_an_explanation_adds_up(ask):
    found = ask("/v1/explain", id="day-3", query="Heavy rain. Light wind.")
    assert [one["sentence"] for one in found["sentences"]] == ["Heavy rain.", "Light wind."]
    parts = found["sample_part"] + sum(one["part"] for one in found["sentences"])
    assert parts == pytest.approx(found["score"], abs=1e-6)
    assert sum(found["channels"].values()) == pytest.approx(parts - found["sample_part"], abs=1e-6)


def test_an_explanation_is_that_of_the_front_door(ask, direct):
    query = "Heavy rain. Light wind."
    expected = json.loads(json.dumps(api.explain(*direct, "day-3", query).to_json()))
    same(ask("/v1/explain", id="day-3", query=query), expected)
    assert any(sentence["place"] for sentence in expected["sentences"])


def same(found, expected):
    """Equal, but for floats: vectors are those of other batches."""
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for name, value in expected.items():
            same(found[name], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    else:
        assert found == (pytest.approx(expected, abs=1e-4) if isinstance(expected, float) else expected)


def test_a_stored_window_comes_back_whole(client, direct):
    found = client.get("/v1/items/day-3").json()
    assert found == json.loads(json.dumps(api.sample_to_json(api.stored(direct[0], ["day-3"])[0])))
    assert found["values"][1][:2] == [None, None] and found["metadata"] == {"entity": "sf"}


def test_texts_become_the_vectors_of_the_model(ask, direct):
    texts = ["Heavy rain.", "A light wind. No rain."]
    expected = direct[1].encode_texts(texts).sample
    found = ask("/v1/embeddings", input=texts)
    assert [one["index"] for one in found["data"]] == [0, 1] and found["object"] == "list"
    np.testing.assert_allclose([one["embedding"] for one in found["data"]], expected, atol=1e-6)
    [one] = ask("/v1/embeddings", input=texts[0], encoding_format="base64", dimensions=8)["data"]
    cut = expected[0, :8] / np.linalg.norm(expected[0, :8])
    np.testing.assert_allclose(np.frombuffer(base64.b64decode(one["embedding"]), "<f4"), cut, atol=1e-6)


@pytest.mark.slow
def test_openai_s_own_client_gets_vectors(client, direct):
    openai = pytest.importorskip("openai")
    theirs = openai.OpenAI(api_key="none", base_url="http://localhost/v1", http_client=client)
    found = theirs.embeddings.create(input=["Heavy rain."], model=direct[1].name)  # it asks for base64
    np.testing.assert_allclose(found.data[0].embedding, direct[1].encode_texts(["Heavy rain."]).sample[0], atol=1e-6)


def test_series_become_vectors_in_the_same_shape(ask, direct):
    [one] = ask("/v1/series/embeddings", input=SERIES)["data"]
    assert len(one["embedding"]) == direct[1].dim and np.linalg.norm(one["embedding"]) == pytest.approx(1, abs=1e-5)
    both = ask("/v1/series/embeddings", input=[SERIES, SERIES | {"values": [[1, 2, 3, 4], [3, 4, 5, 6]]}])["data"]
    np.testing.assert_allclose(both[0]["embedding"], one["embedding"], atol=1e-5)
    assert not np.allclose(both[1]["embedding"], one["embedding"], atol=1e-3)


def test_a_forecast_by_another_forecaster(ask):
    [found] = ask("/v1/forecast", series=[SERIES], horizon=2, backbone="last-value")["forecasts"]
    assert found["start"].startswith("2020-06-01T04:00:00") and found["freq"] == "h"
    assert found["channels"]["rain"]["mean"] == [5, 5] and found["channels"]["wind speed"]["mean"] == [6, 6]
    assert np.shape(found["channels"]["rain"]["quantiles"]) == (9, 2)


def test_a_description_names_the_channels(ask):
    [said] = ask("/v1/describe", series=[SERIES])["descriptions"]
    assert said["id"] == "now" and set(said["channels"]) == {"rain", "wind speed"}
    assert said["text"] and "rain" in said["channels"]["rain"].lower()


def test_the_service_says_what_it_holds(client, direct):
    found = client.get("/v1/info").json()
    assert (found["windows"], found["texts"], found["dim"]) == (12, 12, 16)
    assert found["channels"] == ["rain", "wind speed"] and "entity" in found["columns"]
    assert found["fingerprint"] == direct[1].fingerprint
    assert client.get("/health/live").json() == client.get("/health/ready").json() == {"status": "ok"}
    text = client.get("/metrics").text
    assert "tracets_index_windows 12.0" in text
    assert 'tracets_requests_total{route="/v1/info",status="200"}' in text


def test_windows_are_added_replaced_and_deleted(index_folder, model_folder, tmp_path):
    copied = tmp_path / "index"
    shutil.copytree(index_folder, copied)
    with TestClient(create_app(copied, model=str(model_folder)), base_url="http://localhost") as client:
        new = SERIES | {"id": "new/1", "text": "A burst.", "metadata": {"entity": "ny"}}
        made = client.post("/v1/items", json={"items": [new]})
        assert made.json() == {"added": 1, "replaced": 0, "deleted": 0, "windows": 13}
        assert client.get("/v1/items/new/1").json()["text"] == "A burst."
        assert client.post("/v1/search", json={"series": SERIES, "k": 1}).json()["hits"][0]["id"] == "new/1"
        again = client.post("/v1/items", json={"items": [new]})
        assert again.status_code == 422 and "new/1" in again.json()["detail"]
        changed = client.post("/v1/items", json={"items": [new | {"text": "A lull."}], "replace": True})
        assert changed.json() == {"added": 0, "replaced": 1, "deleted": 0, "windows": 13}
        assert client.get("/v1/items/new/1").json()["text"] == "A lull."
        assert client.delete("/v1/items/new/1").json() == {"added": 0, "replaced": 0, "deleted": 1, "windows": 12}
        assert client.get("/v1/items/new/1").status_code == 404 == client.delete("/v1/items/new/1").status_code
        unknown = new | {"metadata": {"colour": "red"}}
        refused = client.post("/v1/items", json={"items": [unknown]})
        assert refused.status_code == 422 and "colour" in refused.json()["detail"]

"""A service whose index is in an object store sees what others write there, and outlives a store out of order."""

import json
import logging
import time

import pytest
from starlette.testclient import TestClient

from tracets import api
from tracets.server.app import create_app


@pytest.fixture
def store(tmp_path, monkeypatch, model_folder):
    """The URL of an index of eight windows, its encoder, and the folder that stands for the store."""
    encoder = api.load(model_folder)
    monkeypatch.setattr("tracets.server.service.REMOTE_FRESH_S", 0.0)
    return f"file://{tmp_path}/store/days.index", encoder, tmp_path / "store" / "days.index"


def windows_become(client, n):
    for _ in range(200):
        if client.get("/v1/info").json()["windows"] == n:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.slow
def test_a_new_state_in_the_store_is_answered_from(store, corpus_file, model_folder, caplog):
    url, encoder, folder = store
    windows = list(api.read(corpus_file))
    api.build_index(windows[:8], encoder, url)
    with TestClient(create_app(url, model=str(model_folder)), base_url="http://localhost") as client:
        assert client.get("/v1/info").json()["windows"] == 8
        assert client.get("/v1/items/day-11").status_code == 404
        api.build_index(windows, encoder, url, update=True)
        assert windows_become(client, 12)
        assert client.get("/v1/items/day-11").status_code == 200
        found = client.post("/v1/search", json={"text": "heavy rain", "k": 12}).json()["hits"]
        assert len(found) == 12

        [inventory] = folder.glob("tracets-index.json")
        sound = inventory.read_text()
        with caplog.at_level(logging.ERROR, logger="tracets.server"):
            inventory.write_text(sound[:100])
            for _ in range(200):
                assert client.post("/v1/search", json={"text": "rain"}).status_code == 200
                if caplog.records:
                    break
                time.sleep(0.02)
        told = json.loads(caplog.records[0].message)
        assert told == {"error": "IndexFolderError", "index": "answers come from the state before"}
        inventory.write_text(sound)
        api.build_index(windows[:3], encoder, url, overwrite=True)
        assert windows_become(client, 3)
        refused = client.post(
            "/v1/items", json={"items": [{"id": "new", "values": [[1, 2]], "channel_names": ["rain"]}]}
        )
        assert refused.status_code == 503 and "days.index" in refused.json()["detail"]


@pytest.mark.slow
def test_an_index_of_another_model_does_not_take_its_place(store, corpus_file, model_folder, other_model, caplog):
    url, encoder, _ = store
    windows = list(api.read(corpus_file))
    api.build_index(windows[:8], encoder, url)
    other = api.load(other_model)
    with TestClient(create_app(url, model=str(model_folder)), base_url="http://localhost") as client:
        api.build_index(windows, other, url, overwrite=True)
        with caplog.at_level(logging.ERROR, logger="tracets.server"):
            for _ in range(200):
                assert client.get("/v1/info").json()["windows"] == 8
                if caplog.records:
                    break
                time.sleep(0.02)
        assert caplog.records and client.post("/v1/search", json={"text": "rain"}).status_code == 200

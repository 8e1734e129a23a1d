"""What is refused, with a problem that says the fix; and what must never be told."""

import json
import logging
import time

import anyio
import pytest

from tracets.errors import ConfigError, NotFound
from tracets.server.keys import KeyFile, add_key, find, read_keys, remove_key
from tracets.server.settings import ServerSettings

SERIES = {"values": [[1, 2]], "channel_names": ["a"]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/v1/search", {}, 422, "the query is empty"),
        ("/v1/search", {"text": "x", "kk": 1}, 422, "body.kk: Extra inputs are not permitted"),
        ("/v1/search", {"text": "x", "k": 5000}, 422, "a request may ask for 1000 hits"),
        ("/v1/search", {"text": "x", "where": "colour = 1"}, 422, "colour"),
        ("/v1/search", {"text": "x", "where": {"column": "label", "op": "~"}}, 422, "filter.op: expected one"),
        ("/v1/search", {"text": "x", "where": {"column": "colour", "op": "is null"}}, 422, "colour"),
        ("/v1/search", {"like": "day-3", "hybrid": True}, 422, "words of the query"),
        ("/v1/search", {"text": "x", "spans": True}, 422, "body.spans: Extra inputs are not permitted"),
        ("/v1/spans", {"text": "x"}, 422, "long series"),
        ("/v1/spans", {"text": "x", "overlap": 1}, 422, "body.overlap: Input should be less than 1"),
        ("/v1/compare", {"one": "day-3", "other": "nobody"}, 404, "nobody"),
        ("/v1/search", {"text": "half \ud800"}, 422, "unicode"),
        ("/v1/search", {"like": "nobody"}, 404, "no window with id 'nobody'"),
        ("/v1/search", {"series": SERIES | {"values": [[1, 2], [1]], "channel_names": ["a", "b"]}}, 422, "one length"),
        ("/v1/search", {"series": SERIES | {"values": [[1e39, 2]]}}, 422, "is infinite"),
        ("/v1/search", {"series": SERIES | {"freq": "fortnightly"}}, 422, "fortnightly"),
        ("/v1/explain", {"id": "nobody", "query": "rain"}, 404, "nobody"),
        ("/v1/embeddings", {"input": []}, 422, "1 to 256 texts"),
        ("/v1/embeddings", {"input": ["x"], "model": "gpt"}, 422, "this service runs model"),
        ("/v1/embeddings", {"input": "x", "dimensions": 17}, 422, "16 dimensions, 17 were asked for"),
        ("/v1/series/embeddings", {"input": [SERIES] * 257}, 422, "256 series, got 257"),
        ("/v1/forecast", {"series": [SERIES], "horizon": 1, "backbone": "crystal-ball"}, 404, "crystal-ball"),
    ],
)  # fmt: skip
def test_a_bad_request_is_told_its_fix(client, path, body, status, said):
    response = client.post(path, content=json.dumps(body).encode(), headers={"content-type": "application/json"})
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found = response.json()
    assert found["status"] == status and said in found["detail"] and found["title"]


def test_what_is_no_json_and_what_is_no_route(client):
    response = client.post("/v1/search", content=b'{"text": NaN', headers={"content-type": "application/json"})
    assert response.status_code == 422 and response.headers["content-type"] == "application/problem+json"
    assert client.get("/v1/nothing").status_code == 404 and client.get("/v1/search").status_code == 405
    assert client.get("/v1/items/../../etc/passwd").status_code == 404


def test_an_unforeseen_error_says_nothing_of_its_cause(client, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr("tracets.api.search_many", fail)
    response = client.post("/v1/search", json={"text": "rain"})
    assert response.status_code == 500 and "secret" not in response.text
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.slow
def test_keys_are_needed_and_those_that_read_may_not_write(serve, tmp_path):
    file = tmp_path / "keys.json"
    reads, writes = add_key(file, "reader", "read"), add_key(file, "writer", "write")
    client = serve(keys=file, host="0.0.0.0")

    def status(method, path, secret=None, scheme="Bearer"):
        headers = {} if secret is None else {"authorization": f"{scheme} {secret}"}
        return client.request(method, path, headers=headers).status_code

    assert status("GET", "/health/live") == 200
    assert status("GET", "/v1/info") == status("GET", "/metrics") == status("GET", "/openapi.json") == 401
    assert status("GET", "/v1/info", reads[:-1]) == status("GET", "/v1/info", reads, scheme="Basic") == 401
    assert status("GET", "/v1/info", reads) == status("GET", "/v1/info", writes, scheme="bearer") == 200
    assert status("DELETE", "/v1/items/day-3", reads) == 403
    assert status("DELETE", "/v1/items/nobody", writes) == 404
    challenge = client.get("/v1/info").headers["www-authenticate"]
    assert challenge == "Bearer"


def test_a_file_of_keys_holds_no_key(tmp_path):
    file = tmp_path / "keys.json"
    secret = add_key(file, "ann", "write")
    assert secret not in file.read_text() and file.stat().st_mode & 0o077 == 0
    [key] = read_keys(file)
    assert find([key], secret) == key and find([key], secret + "x") is None and find([], secret) is None
    with pytest.raises(ConfigError, match="has a key 'ann' already"):
        add_key(file, "ann", "read")
    remove_key(file, "ann")
    assert read_keys(file) == []
    with pytest.raises(NotFound, match="no key 'ann'"):
        remove_key(file, "ann")
    file.write_text('{"keys": [{"name": "x"}]}')
    with pytest.raises(ConfigError, match="is not a file of keys"):
        read_keys(file)


def test_a_changed_file_of_keys_counts_and_a_bad_one_does_not(serve, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("tracets.server.keys.FRESH_S", 0.0)
    file = tmp_path / "keys.json"
    ann = add_key(file, "ann", "read")
    client = serve(keys=file, host="0.0.0.0")

    def status(secret):
        return client.get("/v1/info", headers={"authorization": f"Bearer {secret}"}).status_code

    bob = add_key(file, "bob", "read")
    assert status(ann) == status(bob) == 200
    remove_key(file, "ann")
    assert status(ann) == 401 and status(bob) == 200
    sound = file.read_text()
    with caplog.at_level(logging.INFO, logger="tracets.server"):
        for bad in ("", sound[:40], '{"keys": [{"name": "eve"}]}'):
            file.write_text(bad)
            assert status(bob) == 200 and status(ann) == 401
        file.unlink()
        assert status(bob) == status(bob) == 200
    errors = [json.loads(record.message) for record in caplog.records if record.levelno == logging.ERROR]
    assert [one["error"] for one in errors] == ["ConfigError"] * 3 + ["NotFound"]
    assert bob not in caplog.text and "eve" not in caplog.text
    file.write_text(sound.replace('"bob"', '"rob"'))
    assert status(bob) == 200 and read_keys(file)[0].name == "rob"
    file.write_text('{"keys": []}')
    assert status(bob) == 401


def test_a_file_of_keys_is_not_looked_at_for_every_request(tmp_path, monkeypatch):
    file = tmp_path / "keys.json"
    add_key(file, "ann", "read")
    clock = [100.0]
    monkeypatch.setattr("tracets.server.keys.time.monotonic", lambda: clock[0])
    kept = KeyFile(file)
    add_key(file, "bob", "read")
    clock[0] += 0.9
    assert [key.name for key in kept.keys] == ["ann"]
    clock[0] += 0.1
    assert [key.name for key in kept.keys] == ["ann", "bob"]


def test_others_are_not_served_without_keys():
    with pytest.raises(ConfigError, match="needs API keys"):
        ServerSettings(host="0.0.0.0")
    with pytest.raises(ConfigError, match="waiting is out of range: 0"):
        ServerSettings(waiting=0)


def test_other_hosts_and_pages_are_turned_away(serve):
    client = serve(origins=("https://ours.example",), hosts=("proxy.example",))
    assert client.get("/v1/info", headers={"host": "evil.example"}).status_code == 421
    assert client.get("/v1/info", headers={"host": "proxy.example:443"}).status_code == 200
    assert client.get("/v1/info", headers={"origin": "https://evil.example"}).status_code == 403
    assert client.get("/v1/info", headers={"origin": "null"}).status_code == 403
    found = client.get("/v1/info", headers={"origin": "https://ours.example"})
    assert found.status_code == 200 and found.headers["access-control-allow-origin"] == "https://ours.example"
    preflight = {"origin": "https://ours.example", "access-control-request-method": "POST"}
    assert client.options("/v1/search", headers=preflight).status_code == 200
    assert client.get("/v1/info", headers={"origin": "http://localhost"}).status_code == 200


def test_bodies_have_a_size(serve):
    client = serve(max_body_bytes=1000)
    big = b'{"text": "' + b"x" * 1000 + b'"}'
    assert client.post("/v1/search", content=big).status_code == 413

    def parts():
        yield from (big[i : i + 100] for i in range(0, len(big), 100))  # without its length told before

    assert client.post("/v1/search", content=parts()).status_code == 413


@pytest.mark.slow
def test_bodies_have_a_time(serve):
    """A body whose second half never comes: the client of other tests cannot be so slow."""
    client, sent = serve(body_timeout_s=0.1), []
    parts = iter([{"type": "http.request", "body": b'{"text": ', "more_body": True}])

    async def receive():
        for part in parts:
            return part
        await anyio.sleep(60)

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/v1/search",
        "raw_path": b"/v1/search", "query_string": b"", "root_path": "", "scheme": "http", "client": ("127.0.0.1", 1),
        "server": ("localhost", 80), "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
    }  # fmt: skip
    anyio.run(client.app.middleware_stack, scope, receive, send)
    assert sent[0]["status"] == 408 and b"did not arrive within 0.1 s" in sent[1]["body"]


def test_series_have_a_size(serve):
    client = serve(max_values=3)
    assert client.post("/v1/describe", json={"series": [SERIES]}).status_code == 200
    response = client.post("/v1/describe", json={"series": [SERIES, SERIES]})
    assert response.status_code == 422 and "3 values, got 4" in response.json()["detail"]


def test_more_than_may_wait_is_told_to_come_back(serve):
    client = serve(waiting=1)
    guard = client.app.middleware_stack
    while type(guard).__name__ != "Guard":
        guard = guard.app
    guard.waiting = 1
    response = client.post("/v1/search", json={"text": "rain"})
    assert response.status_code == 429 and response.headers["retry-after"] == "1"
    assert client.get("/health/live").status_code == 200
    guard.waiting = 0
    assert client.post("/v1/search", json={"text": "rain"}).status_code == 200


def test_an_answer_that_takes_too_long_is_not_waited_for(serve, monkeypatch):
    monkeypatch.setattr("tracets.api.search_many", lambda *args, **kwargs: time.sleep(0.5))
    response = serve(timeout_s=0.1).post("/v1/search", json={"text": "rain"})
    assert response.status_code == 503 and "0.1 s" in response.json()["detail"]


def test_the_log_holds_routes_and_no_words(client, caplog):
    with caplog.at_level(logging.INFO, logger="tracets.server"):
        client.post("/v1/search", json={"text": "a burst of purple rain"}, headers={"authorization": "Bearer abc123"})
        client.get("/v1/items/day-3")
    assert '"route": "/v1/search", "status": 200' in caplog.text and '"route": "/v1/items/{id:path}"' in caplog.text
    assert "purple" not in caplog.text and "day-3" not in caplog.text and "abc123" not in caplog.text


def test_every_answer_forbids_guessing_and_framing(client):
    headers = client.get("/v1/info").headers
    assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store" and len(headers["x-request-id"]) == 16

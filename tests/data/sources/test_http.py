"""Asking a server: bounded, without redirects, and without a secret in any message."""

import gzip
import logging
import time

import pytest

from tracets.data.sources import http
from tracets.data.sources.http import Login, Server
from tracets.errors import ConfigError, MissingExtra, SourceError
from tracets.files import LIMITS, Limits

SECRET = "s3cr3t-token"
TOKEN = Login(token=SECRET)


def ask(url: str, *, login=TOKEN, timeout=5.0, limits=LIMITS, **what) -> bytes:
    return Server(url, "Bearer", login, timeout).ask("/x", limits=limits, **what)


@pytest.mark.slow
def test_what_is_sent(serving):
    with serving(lambda asked: (200, {}, b"ok")) as seen:
        assert ask(f"{seen.url}/base/", query={"q": "a b&c"}) == b"ok"
        assert ask(seen.url, form={"q": "a=b"}, login=Login(user="ann", password="pä:ss")) == b"ok"
        ask(seen.url.replace("//", "//bob:p%40ss@"), body={"a": 1}, login=Login())
    get, form, body = seen.asked
    assert (get.method, get.path, get.query) == ("GET", "/base/x", {"q": "a b&c"})
    assert get.headers["Authorization"] == f"Bearer {SECRET}" and "gzip" in get.headers["Accept-Encoding"]
    assert (form.method, form.form) == ("POST", {"q": "a=b"})
    assert form.headers["Authorization"] == "Basic YW5uOnDDpDpzcw=="
    assert body.body == b'{"a":1}' and body.headers["Authorization"] == "Basic Ym9iOnBAc3M="


def test_gzip_is_unpacked_and_bounded_as_unpacked(serving):
    packed = gzip.compress(b"x" * 1_000_000)
    with serving(lambda asked: (200, {"Content-Encoding": "gzip"}, packed)) as seen:
        assert len(ask(seen.url)) == 1_000_000
        with pytest.raises(SourceError, match=r"bytes or more in one answer, more than the 99999 that limits"):
            ask(seen.url, limits=Limits(text_bytes=99_999))


def test_an_endless_answer_ends(serving):
    def endless():
        while True:
            yield b"x" * 65_536

    with serving(lambda asked: (200, {}, endless())) as seen:
        with pytest.raises(SourceError, match=r"limits\.text_bytes allows"):
            ask(seen.url, limits=Limits(text_bytes=1_000_000))


def test_a_redirect_is_not_followed(serving):
    with serving(lambda asked: (200, {}, b"stolen")) as other:
        to = {"Location": f"{other.url.replace('//', '//u:pw@')}/?token={SECRET}"}
        with serving(lambda asked: (307, to, b"")) as seen:
            with pytest.raises(SourceError) as refused:
                ask(seen.url)
        assert other.asked == []
    assert str(refused.value) == (
        f"{seen.url}: redirects to http://127.0.0.1, where no token is sent. Give the address it means."
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, b'{"status":"error","errorType":"bad_data","error":"parse error"}', "answered 400 (parse error). Mend"),
        (401, b'{"code":"unauthorized","message":"bad"}', "answered 401 (bad). Check the token"),
        (503, b"<h1>down</h1>\n for  now", "answered 503 (<h1>down</h1> for now). Mend"),
        (500, b'{"error":"no ' + SECRET.encode() + b'"}', "answered 500 (no ***)"),
        (404, b"", "answered 404. Mend"),
        (400, b"[" * 60_000, "answered 400 ("),
        (400, b"\xff" * 70_000, "answered 400 ("),
    ],
)
def test_what_a_refusal_says(serving, status, body, said):
    with serving(lambda asked: (status, {}, body)) as seen, pytest.raises(SourceError) as refused:
        ask(seen.url)
    assert f"{seen.url}: {said}" in str(refused.value) and SECRET not in str(refused.value)


@pytest.mark.slow
def test_a_server_that_is_silent_or_slow_or_not_there(serving):
    def slow():
        for _ in range(100):
            time.sleep(0.05)
            yield b"x"

    def silent():
        time.sleep(2)
        yield b""

    with serving(lambda asked: (200, {}, silent())) as seen:
        with pytest.raises(SourceError, match=r"no answer within 0\.2 s\. Ask for less, or give it longer"):
            ask(seen.url, timeout=0.2)
    with serving(lambda asked: (200, {}, slow())) as seen:  # each part in time, the whole not
        with pytest.raises(SourceError, match="the answer took longer than 1 s"):
            ask(seen.url, timeout=0.1)
    with pytest.raises(SourceError, match=r"^http://127.0.0.1:1: cannot be asked \(.*Check the address"):
        ask("http://bob:pw@127.0.0.1:1")


@pytest.mark.parametrize("url", ["ftp://host", "http://", "host:80", "http://host:0x", "http://[::1", "http://h:99999"])
def test_addresses_that_are_none(url):
    with pytest.raises(ConfigError, match="must read as http://host:port"):
        Server(url, "Bearer")


def test_secrets_are_in_no_text():
    server = Server("http://ann:pw0rd@host:80/x", "Bearer", Login(token=SECRET))
    assert str(server) == "http://host:80/x"
    assert SECRET not in repr(server) and "pw0rd" not in repr(server)
    assert "pw0rd" not in repr(Login(user="ann", password="pw0rd"))
    with pytest.raises(ConfigError, match="not by both"):
        Login(token="a", user="b")


def test_a_secret_over_plain_http_is_told(serving, caplog, monkeypatch):
    caplog.set_level(logging.WARNING, "tracets")
    monkeypatch.setattr(http, "_is_near", lambda host: False)
    with serving(lambda asked: (200, {}, b"ok")) as seen:
        ask(seen.url, login=Login())
        assert caplog.text == ""
        ask(seen.url)
    assert "goes over the network unencrypted" in caplog.text and SECRET not in caplog.text


@pytest.mark.parametrize(
    ("host", "near"), [("localhost", True), ("127.0.0.2", True), ("::1", True), ("10.0.0.1", False), ("db", False)]
)
def test_which_hosts_are_near(host, near):
    assert http._is_near(host) is near


def test_without_httpx_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "httpx", None)
    with pytest.raises(MissingExtra, match=r'pip install "tracets\[http\]"'):
        ask("http://127.0.0.1:1")

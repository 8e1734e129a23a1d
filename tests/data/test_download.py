"""Downloads against a server that breaks off, hides, lies and changes its mind."""

import hashlib
import json
import logging

import numpy as np
import pytest

from tracets.data.download import Downloads
from tracets.errors import ConfigError, DownloadError

BODY = np.random.default_rng(0).bytes(300_000)


@pytest.fixture
def fetch(web, tmp_path):
    """A function that makes `Downloads` which write down their waits instead of waiting."""

    def make(**options):
        waits = []
        made = Downloads(tmp_path / "cache", **{"pause": 0, "sleep": waits.append} | options)
        return made, waits

    web.files["/a/b.bin"] = BODY
    return make


def test_a_file_comes_once_and_whole(web, fetch):
    downloads, waits = fetch()
    path = downloads.get(f"{web.url}/a/b.bin")
    assert path.read_bytes() == BODY and path.name == "b.bin" and downloads.received == len(BODY)
    again, _ = fetch()
    assert again.get(f"{web.url}/a/b.bin") == path and again.received == 0
    assert len(web.asked) == 1 and waits == []
    assert web.asked[0][1]["User-Agent"].startswith("tracets")
    note = json.loads((path.parent / ".b.bin.json").read_text())
    assert (note["bytes"], note["sha256"]) == (len(BODY), hashlib.sha256(BODY).hexdigest())
    assert sorted(p.name for p in path.parent.iterdir() if "lock" not in p.name) == [".b.bin.json", "b.bin"]


def test_what_broke_off_is_resumed_in_the_same_run(web, fetch):
    web.faults["/a/b.bin"] = [("cut", 100_000), 503, ("cut", 50_000)]
    downloads, waits = fetch()
    assert downloads.get(f"{web.url}/a/b.bin").read_bytes() == BODY
    assert [headers.get("Range") for _, headers in web.asked] == [
        None, "bytes=100000-", "bytes=100000-", "bytes=150000-",
    ]  # fmt: skip
    assert waits == [1.0, 2.0, 4.0] and downloads.received == len(BODY), "no byte came twice"


def test_what_broke_off_is_resumed_by_another_run(web, fetch):
    web.faults["/a/b.bin"] = [("cut", 100_000)]
    with pytest.raises(DownloadError, match="in 1 attempts: it broke off after 100000 of 300000 bytes.*goes on there"):
        fetch(attempts=1)[0].get(f"{web.url}/a/b.bin")
    assert fetch()[0].get(f"{web.url}/a/b.bin").read_bytes() == BODY
    assert web.asked[1][1]["Range"] == "bytes=100000-"


def test_a_file_that_changed_meanwhile_is_not_put_together_from_two(web, fetch):
    web.faults["/a/b.bin"] = [("cut", 100_000)]
    with pytest.raises(DownloadError):
        fetch(attempts=1)[0].get(f"{web.url}/a/b.bin")
    web.files["/a/b.bin"] = other = BODY[::-1]
    assert fetch()[0].get(f"{web.url}/a/b.bin").read_bytes() == other


def test_a_shorter_file_meanwhile(web, fetch):
    web.faults["/a/b.bin"] = [("cut", 100_000), 416]
    assert fetch()[0].get(f"{web.url}/a/b.bin").read_bytes() == BODY


@pytest.mark.parametrize("lacking", ["ranges", "states"])
def test_servers_without_ranges_or_states_start_again(web, fetch, lacking):
    setattr(web, lacking, False)
    web.faults["/a/b.bin"] = [("cut", 100_000)]
    downloads, _ = fetch()
    assert downloads.get(f"{web.url}/a/b.bin").read_bytes() == BODY
    assert downloads.received == len(BODY) + 100_000


def test_the_wait_that_a_server_asks_for(web, fetch):
    web.faults["/a/b.bin"] = [(429, {"Retry-After": "7"}), (503, {"Retry-After": "86400"}), (503, {"Retry-After": "?"})]
    downloads, waits = fetch()
    downloads.get(f"{web.url}/a/b.bin")
    assert waits == [7.0, 300.0, 4.0]


def test_the_pause_between_two_requests(web, fetch):
    web.files["/c"] = b"c"
    downloads, waits = fetch(pause=50)
    downloads.get(f"{web.url}/a/b.bin")
    downloads.get(f"{web.url}/c")
    assert len(waits) == 1 and 40 < waits[0] <= 50


def test_an_absent_file_is_remembered_until_it_is_asked_for_again(web, fetch):
    downloads, _ = fetch()
    assert downloads.find(f"{web.url}/none") is None and downloads.find(f"{web.url}/none") is None
    assert fetch(offline=True)[0].find(f"{web.url}/none") is None and len(web.asked) == 1
    with pytest.raises(DownloadError, match="there is no file .*/none.*base URL"):
        downloads.get(f"{web.url}/none")
    web.files["/none"] = b"now"
    assert fetch(refresh=True)[0].get(f"{web.url}/none").read_bytes() == b"now"


def test_a_refusal_is_not_tried_again(web, fetch):
    web.faults["/a/b.bin"] = [403]
    with pytest.raises(DownloadError, match="the server says 403"):
        fetch()[0].get(f"{web.url}/a/b.bin")
    assert len(web.asked) == 1


def test_no_server_at_all(fetch):
    downloads, waits = fetch(attempts=3)
    with pytest.raises(DownloadError, match="in 3 attempts: .*refused"):
        downloads.get("http://127.0.0.1:9/x")
    assert waits == [1.0, 2.0]


def test_refresh_asks_whether_it_is_still_so(web, fetch):
    url = f"{web.url}/a/b.bin"
    fetch()[0].get(url)
    downloads, _ = fetch(refresh=True)
    downloads.get(url)
    downloads.get(url)
    assert len(web.asked) == 2 and downloads.received == 0, "once a run, and nothing was sent"
    web.files["/a/b.bin"] = b"new"
    assert fetch(refresh=True)[0].get(url).read_bytes() == b"new"


def test_offline_names_the_file_and_its_place(web, fetch):
    downloads, _ = fetch(offline=True)
    place = downloads.place(f"{web.url}/a/b.bin")
    with pytest.raises(DownloadError) as caught:
        downloads.get(f"{web.url}/a/b.bin")
    assert f"{web.url}/a/b.bin" in str(caught.value) and str(place) in str(caught.value)
    place.parent.mkdir(parents=True)
    place.write_bytes(b"by hand")
    assert downloads.get(f"{web.url}/a/b.bin").read_bytes() == b"by hand" and web.asked == []


def test_a_damaged_file_is_fetched_again_and_refused_offline(web, fetch, caplog):
    url = f"{web.url}/a/b.bin"
    path = fetch()[0].get(url)
    path.write_bytes(BODY[:-1] + b"?")
    with pytest.raises(DownloadError, match="not what it was.*Delete it"):
        fetch(offline=True)[0].get(url)
    with caplog.at_level(logging.WARNING, "tracets"):
        assert fetch()[0].get(url).read_bytes() == BODY
    assert "fetched again" in caplog.text


def test_a_hash_that_is_known_beforehand(web, fetch):
    right = hashlib.sha256(BODY).hexdigest()
    web.faults["/a/b.bin"] = [("junk", bytes(300_000))]
    assert fetch()[0].get(f"{web.url}/a/b.bin", sha256=right).read_bytes() == BODY
    assert len(web.asked) == 2
    with pytest.raises(DownloadError, match=f"its SHA-256 is {right}, not 00"):
        fetch(attempts=2)[0].get(f"{web.url}/a/b.bin", sha256="00")


def test_a_page_in_place_of_data_is_not_kept(web, fetch):
    web.files["/x.gz"] = b"<html>please log in</html>"
    downloads, _ = fetch()
    with pytest.raises(DownloadError, match="not the kind of file.*'<h'"):
        downloads.get(f"{web.url}/x.gz", begins=b"\x1f\x8b")
    assert not downloads.place(f"{web.url}/x.gz").exists()


@pytest.mark.parametrize(
    "page", [b"<html>log in", b"\n <!DOCTYPE HTML><p>", b"\xef\xbb\xbf<?xml version='1.0'?><Error/>"]
)
def test_a_page_is_no_table_and_a_listing_is_a_page(web, fetch, page):
    for path in ("/x.csv", "/folder/", "/x.html"):
        web.files[path] = page
    downloads, _ = fetch()
    with pytest.raises(DownloadError, match="it is a page of HTML. Open the address in a browser"):
        downloads.find(f"{web.url}/x.csv")
    assert not downloads.place(f"{web.url}/x.csv").exists()
    web.files["/x.csv"] = b"<5,6\n"
    assert downloads.get(f"{web.url}/x.csv").read_bytes() == b"<5,6\n", "the next run asks again"
    assert all(downloads.get(f"{web.url}{path}").read_bytes() == page for path in ("/folder/", "/x.html"))


def test_a_redirect_without_end(web, fetch):
    web.faults["/a"] = [(302, {"Location": f"{web.url}/a"})] * 30
    with pytest.raises(DownloadError, match="cannot download"):
        fetch(attempts=1)[0].get(f"{web.url}/a")


def test_a_length_that_is_too_short_cuts_what_comes(web, fetch):
    """A server that announces less than it sends: the hash tells, where one is known; gzip's own sum does elsewhere."""
    web.faults["/a/b.bin"] = [("junk", BODY[:100])]
    right = hashlib.sha256(BODY).hexdigest()
    assert fetch()[0].get(f"{web.url}/a/b.bin", sha256=right).read_bytes() == BODY
    assert len(web.asked) == 2


def test_the_limits_hold_before_anything_is_received(web, fetch):
    web.files["/small"] = bytes(10)
    one, _ = fetch(file_bytes=len(BODY) - 1)
    with pytest.raises(DownloadError, match="has 300000 bytes or more, and a file may have 299999"):
        one.get(f"{web.url}/a/b.bin")
    run, _ = fetch(total_bytes=300_005)
    run.get(f"{web.url}/a/b.bin")
    with pytest.raises(DownloadError, match="--max-download"):
        run.get(f"{web.url}/small")
    assert (one.received, run.received) == (0, len(BODY))


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://h/x", "http:///x", "http://h/a/../b", "http://h/a?b=c"])
def test_addresses_that_name_no_file(fetch, url):
    with pytest.raises(DownloadError, match="no address of a file"):
        fetch()[0].get(url)


def test_a_redirect_is_followed_and_never_to_a_file(web, fetch):
    web.faults["/old"] = [(302, {"Location": f"{web.url}/a/b.bin"})]
    assert fetch()[0].get(f"{web.url}/old").read_bytes() == BODY
    web.faults["/trap"] = [(302, {"Location": "file:///etc/hostname"})]
    with pytest.raises(DownloadError):
        fetch(attempts=1)[0].get(f"{web.url}/trap")


def test_from_https_to_http_no_redirect():
    import urllib.request

    from tracets.data.download import _Redirects

    request = urllib.request.Request("https://h/x")
    with pytest.raises(DownloadError, match="not https"):
        _Redirects().redirect_request(request, None, 302, "", {}, "http://h/y")


@pytest.mark.parametrize("wrong", [{"pause": -1}, {"attempts": 0}, {"file_bytes": 0}, {"timeout": 0}])
def test_numbers_out_of_range(fetch, wrong):
    with pytest.raises(ConfigError, match="downloads need"):
        fetch(**wrong)

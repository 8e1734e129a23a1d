"""The clients that put a service under load count what a service did to them, and the table says so."""

import asyncio
import importlib
import itertools
import json
import time
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not SCRIPTS.is_dir(), reason="the benchmarks are not beside the tests")
ANSWER = b"HTTP/1.1 %d x\r\nContent-Length: 2\r\n%s\r\n{}"


@pytest.fixture(scope="module")
def service():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPTS)
        yield importlib.import_module("service")


def met(service, *does):
    """What one client sees of a server that does these things to its requests, in turn, and then is gone; the texts."""
    turn, texts = iter(does), []

    async def serve(reader, writer):
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            texts.append(json.loads(await reader.readexactly(length))["text"])
            what = next(turn)
            if what == does[-1]:
                server.close()
            writer.write(what)
            if what in (b"", ANSWER[:30]) or b"close" in what:
                break
        writer.close()

    async def both():
        nonlocal server
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        seen, port = service.Seen(), server.sockets[0].getsockname()[1]
        await service.client(port, 7, time.monotonic() + 20, seen)
        return seen

    server = None
    return asyncio.run(both()), texts


def test_what_a_client_sees_is_counted(service):
    fine, leaving, busy = ANSWER % (200, b""), ANSWER % (200, b"Connection: close\r\n"), ANSWER % (429, b"")
    seen, texts = met(
        service, fine, busy, b"", leaving, ANSWER[:30], ANSWER % (200, b"connection: close\r\nx-last: 1\r\n")
    )
    assert seen.statuses == {"200": 3, "429": 1, "closed, asked again": 1, "half an answer": 1, "refused": 1}
    assert len(seen.took) == 3 and seen.answers == 4
    asked = list(itertools.islice(service.questions(7), 6))
    assert texts == [*asked[:3], asked[2], asked[3], asked[4]]  # what was not read is asked again


def test_no_question_is_asked_twice(service):
    some = [text for seed in (0, 1000, 2000) for text in itertools.islice(service.questions(seed), 300)]
    assert len(set(some)) == 900


def test_the_table_holds_answers_against_what_was_accepted(service):
    run = {
        "index": "a", "batch": 32, "pinned": False, "terminated": True, "answers_s": 9.0, "p50_ms": 1200,
        "p99_ms": 2000, "statuses": {"refused": 2, "200": 1234}, "answers": 1300,
        "service": {"accepted": 1301, "answered": 1301},
    }  # fmt: skip
    last = service.table([run]).splitlines()[-1]
    assert last == (
        "| a, batches of 32, SIGTERM halfway | 9.0 | 1,200 / 2,000 |  | 1,234 x 200, 2 x refused; accepted 1,301, "
        "answered 1,301, clients got 1,300 |  |"
    )

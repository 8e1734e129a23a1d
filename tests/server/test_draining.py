"""SIGTERM in the middle of requests: a real process, and clients on sockets that see every byte."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from tracets.errors import ConfigError
from tracets.server.run import listen
from tracets.server.settings import ServerSettings

CLIENTS = 24
BODY = json.dumps({"text": "heavy rain at the end", "k": 3}).encode()
HEAD = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
REQUEST = HEAD % len(BODY) + BODY


class Unanswered(Exception):
    """The connection was closed without a byte of an answer: HTTP lets a client ask again."""


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.file = self.socket.makefile("rb")

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise Unanswered from None

    def answer(self):
        """Status, and whether the connection stays; half an answer raises an AssertionError."""
        try:
            first = self.file.readline()
        except ConnectionResetError:
            first = b""
        if not first:
            raise Unanswered
        headers = {}
        while (line := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers["content-length"])
        assert len(self.file.read(length)) == length, "half an answer"
        return int(first.split()[1]), headers.get("connection") != "close"

    def close(self):
        self.file.close()
        self.socket.close()


class Client(threading.Thread):
    """Asks one question after the other, on one connection while that stays, until it is refused a new one."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.answers, self.unanswered, self.error = port, [], 0, None

    def run(self):
        try:
            connection = None
            while True:
                try:
                    connection = connection or Connection(self.port)
                    connection.send(REQUEST)
                    status, stays = connection.answer()
                except ConnectionRefusedError:
                    return
                except (Unanswered, ConnectionResetError):
                    self.unanswered += 1
                    stays = False
                else:
                    self.answers.append(status)
                if not stays:
                    if connection is not None:
                        connection.close()
                    connection = None
        except BaseException as error:  # told by the test
            self.error = error


@pytest.fixture
def served(index_folder, model_folder):
    """A service in a process of its own, its port, and the lines of its log once it has ended."""
    command = [sys.executable, "-m", "tracets", "serve", str(index_folder), "--model", str(model_folder)]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--notice", "0.7", "--waiting", "1000"], stderr=subprocess.PIPE, text=True
    )
    lines: list[dict[str, object]] = []

    def read():
        lines.extend(json.loads(line) for line in process.stderr if line.startswith("{"))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    for _ in range(600):
        if status_of(port, "/health/ready") == 200:
            break
        assert process.poll() is None, "the service did not start"
        time.sleep(0.1)

    def ended(status=-signal.SIGTERM):
        assert process.wait(30) == status
        reader.join(10)
        return lines

    yield process, port, ended
    process.kill()
    process.wait()


def status_of(port, path):
    """The status of an answer; None where no new connection is made."""
    while True:
        try:
            connection = Connection(port)
        except ConnectionRefusedError:
            return None
        try:
            connection.send(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
            return connection.answer()[0]
        except Unanswered:
            continue
        finally:
            connection.close()


@pytest.mark.slow
def test_what_was_accepted_before_and_after_sigterm_is_answered(served):
    process, port, ended = served
    clients = [Client(port) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    while sum(len(client.answers) for client in clients) < 5 * CLIENTS:
        assert process.poll() is None and not any(client.error for client in clients)
        time.sleep(0.02)
    before = sum(len(client.answers) for client in clients)
    process.send_signal(signal.SIGTERM)
    for client in clients:
        client.join(30)
        assert not client.is_alive() and client.error is None
    [end] = [line for line in ended() if line.get("stopped")]
    answers = [status for client in clients for status in client.answers]
    asked = [line for line in ended() if line.get("route") == "/v1/search"]
    assert set(answers) == {200} and len(answers) > before
    assert len(asked) == len(answers), "a request that the service has read was not answered"
    assert end["accepted"] == end["answered"] >= len(answers)


@pytest.mark.slow
def test_requests_that_had_begun_are_answered_and_idle_connections_closed(served):
    process, port, ended = served
    idle, unused, no_head, no_body = (Connection(port) for _ in range(4))
    idle.send(REQUEST)
    assert idle.answer() == (200, True)
    no_head.send(REQUEST[:30])
    no_body.send(REQUEST[:-5])
    process.send_signal(signal.SIGTERM)
    readiness = {status_of(port, "/health/ready")}
    while (found := status_of(port, "/health/ready")) is not None:
        readiness.add(found)
        assert status_of(port, "/health/live") in (200, None)
        time.sleep(0.02)
    assert 503 in readiness
    for one in (idle, unused):
        with pytest.raises(Unanswered):
            one.answer()
    assert process.poll() is None
    no_head.send(REQUEST[30:])
    no_body.send(REQUEST[-5:])
    assert no_head.answer() == no_body.answer() == (200, False)
    [end] = [line for line in ended() if line.get("stopped")]
    assert end["accepted"] == end["answered"]


@pytest.mark.slow
def test_ctrl_c_gives_no_notice_and_answers_what_was_accepted(served):
    process, port, ended = served
    no_body = Connection(port)
    no_body.send(REQUEST[:-5])
    while status_of(port, "/health/live") != 200:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    while status_of(port, "/health/live") is not None:
        time.sleep(0.01)
    no_body.send(REQUEST[-5:])
    assert no_body.answer() == (200, False)
    [end] = [line for line in ended(0) if line.get("stopped")]
    assert end["accepted"] == end["answered"]


def test_readiness_ends_and_connections_close_when_the_service_is_about_to_end(serve):
    client = serve()
    assert client.get("/health/ready").status_code == 200
    assert "connection" not in client.get("/v1/info").headers
    client.app.state.service.drain.begun = True
    found = client.get("/health/ready")
    assert found.status_code == 503 and "the service is ending" in found.json()["detail"]
    found = client.get("/v1/info")
    assert found.status_code == 200 and found.headers["connection"] == "close"
    assert client.get("/health/live").status_code == 200
    drain = client.app.state.service.drain
    assert drain.accepted == drain.answered == 5


def test_an_answer_does_not_wait_for_the_acknowledgement_of_its_head():
    [listener] = listen("127.0.0.1", 0)
    with listener, socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_that_is_taken_is_refused():
    [taken] = listen("127.0.0.1", 0)
    with taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on port {port} of '127.0.0.1' .*Choose another --port"):
            listen("127.0.0.1", port)
    with pytest.raises(ConfigError, match="cannot listen on port 80 of 'no such host'"):
        listen("no such host", 80)
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="notice_s is out of range"):
            ServerSettings(notice_s=wrong)

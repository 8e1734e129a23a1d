"""Real servers on loopback, each with a folder of its own that goes with the session; skipped where not installed."""

import contextlib
import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name.partition(".")[0]))
PASSWORD = "p@ss:w/rd"
HASHED = "$2b$04$byifwKEdGW7Ji801qBUPBOn41.SBMtnUBYOlZy0.FloriFiOyziwm"  # by bcrypt


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(port: int, process: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + 40
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}")


def stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _same_windows(a, b) -> None:
    """Two corpora hold the same windows, bit for bit; `source` says where from and may differ."""
    assert [s.id for s in a] == [s.id for s in b] and len(a) > 0
    for one, other in zip(a, b, strict=True):
        assert one.values.tobytes() == other.values.tobytes()
        assert one.values.shape == other.values.shape
        for name in ("channel_names", "units", "freq", "split", "text", "label"):
            assert getattr(one, name) == getattr(other, name), (one.id, name)
        assert one.start.isoformat() == other.start.isoformat()
        assert dict(one.metadata)["entity"] == dict(other.metadata)["entity"]


@dataclass
class Asked:
    """One request: the query and form as dictionaries of their last values."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {k: v[-1] for k, v in parse_qs(self.body.decode()).items()}


@dataclass
class Recorded:
    url: str = ""
    asked: list[Asked] = field(default_factory=list)


@contextlib.contextmanager
def _serving(answer):
    """`answer(asked)` gives (status, headers, body as bytes or an iterable of parts)."""
    seen = Recorded()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            query = {k: v[-1] for k, v in parse_qs(parts.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            one = Asked(self.command, parts.path, query, dict(self.headers), body)
            seen.asked.append(one)
            status, headers, said = answer(one)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                for part in [said] if isinstance(said, bytes) else said:
                    self.wfile.write(part)
            except OSError:
                pass  # the client has hung up

        do_POST = do_GET

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    seen.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def serving():
    """A function that serves on loopback what `answer(asked)` gives: status, headers, and a body or parts of one."""
    return _serving


@pytest.fixture
def same_windows():
    """A check that two corpora hold the same windows."""
    return _same_windows


@pytest.fixture
def lite(tmp_path):
    """Make a SQLite file of rows: (statement that makes the table, rows) -> URL."""

    def make(create: str, rows=(), name="plant.db") -> str:
        with sqlite3.connect(tmp_path / name) as connection:
            connection.execute(create)
            if rows:
                table, marks = create.split()[2].split("(")[0], ",".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        connection.close()
        return f"sqlite:///{tmp_path / name}"

    return make


@pytest.fixture(scope="session")
def postgres():
    """The URL of an empty database of a PostgreSQL that asks for a password."""
    pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed: tracets[sql]")
    pytest.importorskip("psycopg", reason="psycopg is not installed: tracets[sql]")
    if not POSTGRES:
        pytest.skip("no PostgreSQL server here: apt-get install postgresql")
    user = None
    if os.geteuid() == 0:  # the server refuses to run as root
        try:
            user = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user 'postgres'")
    folder = Path(tempfile.mkdtemp(prefix="tracets-pg-", dir="/tmp"))
    secret = folder / "password"
    secret.write_text(PASSWORD)
    run_as = {}
    if user is not None:
        for path in (folder, secret):
            os.chown(path, user.pw_uid, user.pw_gid)
        run_as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    data, log, port = folder / "data", folder / "log", free_port()
    subprocess.run(
        [POSTGRES[-1] / "initdb", "-D", data, "-U", "tester", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8",
         "--no-locale", "-N"],
        check=True, capture_output=True, cwd=folder, **run_as,
    )  # fmt: skip
    with log.open("w") as out:
        process = subprocess.Popen(
            [POSTGRES[-1] / "postgres", "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c",
             f"unix_socket_directories={folder}", "-c", "fsync=off", "-c", "timezone=America/New_York"],
            stdout=out, stderr=out, cwd=folder, **run_as,
        )  # fmt: skip
    try:
        wait_for(port, process, log)
        until = time.monotonic() + 40
        while subprocess.run(
            [POSTGRES[-1] / "pg_isready", "-h", "127.0.0.1", "-p", str(port)], capture_output=True
        ).returncode:
            if time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL never got ready: {log.read_text()[-2000:]}")
            time.sleep(0.05)
        from sqlalchemy import URL

        url = URL.create("postgresql", "tester", PASSWORD, "127.0.0.1", port, "postgres")
        yield url.render_as_string(hide_password=False)
    finally:
        stop(process)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def sql(postgres):
    """Run statements in a fresh PostgreSQL schema's place: the tables a test makes are dropped after it."""
    import psycopg

    with psycopg.connect(postgres.replace("postgresql+psycopg", "postgresql"), autocommit=True) as connection:
        yield connection.execute
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        for (name,) in connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'plant%'").fetchall():
            connection.execute(f'DROP SCHEMA "{name}" CASCADE')


HISTORY = 1_700_000_400  # 2023-11-14T22:20:00Z, on a step of 5 minutes and of one


@pytest.fixture(scope="session")
def prometheus_server(tmp_path_factory):
    """The address of a Prometheus that asks for a password, with 20 hours of history: see `history`."""
    server, tool = shutil.which("prometheus"), shutil.which("promtool")
    if server is None or tool is None:
        pytest.skip("no Prometheus server here: apt-get install prometheus")
    pytest.importorskip("httpx", reason="httpx is not installed: tracets[http]")
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "history.txt").write_text(history())
    (folder / "prometheus.yml").write_text("global: {scrape_interval: 1h}\n")
    (folder / "web.yml").write_text(f"basic_auth_users: {{tester: {HASHED}}}\n")
    subprocess.run(
        [tool, "tsdb", "create-blocks-from", "openmetrics", folder / "history.txt", folder / "data"],
        check=True, capture_output=True,
    )  # fmt: skip
    port, log = free_port(), folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [server, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
             "--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{port}",
             f"--web.config.file={folder / 'web.yml'}"],
            stdout=out, stderr=out, cwd=folder,
        )  # fmt: skip
    try:
        wait_for(port, process, log)
        ready(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)


@pytest.fixture
def prometheus(prometheus_server, monkeypatch):
    """The address of the server, while the environment holds the login."""
    monkeypatch.setenv("TRACETS_SOURCE_USER", "tester")
    monkeypatch.setenv("TRACETS_SOURCE_PASSWORD", PASSWORD)
    return prometheus_server


def ready(port: int) -> None:
    import httpx

    until = time.monotonic() + 40
    while httpx.get(f"http://127.0.0.1:{port}/-/ready", auth=("tester", PASSWORD)).status_code != 200:
        if time.monotonic() > until:
            raise RuntimeError("Prometheus never got ready")
        time.sleep(0.05)


def load_of(host: str, minute: int) -> float:
    """What `history` holds for a host at a minute."""
    return round(float(np.sin(minute / 50) * 10 + {"a": 20, "b": 40}[host]), 6)


def history() -> str:
    """1,200 minutes of two hosts: `load` (host b is silent from minute 300 to 359), `net` by direction, and `odd`."""
    lines = ["# TYPE load gauge"]
    for host in "ab":
        for minute in range(1200):
            if host == "a" or not 300 <= minute < 360:
                lines.append(f'load{{host="{host}",job="node"}} {load_of(host, minute)} {HISTORY + 60 * minute}')
    lines.append("# TYPE net gauge")
    for direction, sign in (("in", 1), ("out", -1)):
        for minute in range(1200):
            lines.append(f'net{{host="a",direction="{direction}",job="node"}} {sign * minute} {HISTORY + 60 * minute}')
    lines.append("# TYPE odd gauge")
    for minute, value in enumerate(["1", "NaN", "3", "+Inf"]):
        lines.append(f'odd{{host="a"}} {value} {HISTORY + 60 * minute}')
    return "\n".join([*lines, "# EOF", ""])


@dataclass(frozen=True)
class Influx:
    """An InfluxDB 1.x that asks for a password, and a client of it by httpx."""

    url: str
    client: object
    user: str = "tester"
    password: str = PASSWORD

    def ask(self, statement: str, *, login: bool = True, **options: str) -> dict:
        auth = (self.user, self.password) if login else None
        answer = self.client.post("/query", data={"q": statement, **options}, auth=auth)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def write(self, database: str, lines: str, precision: str = "ns") -> int:
        """Send lines of the line protocol to a database that is made for them; the status."""
        self.ask(f'CREATE DATABASE "{database}"')
        where = {"db": database, "precision": {"us": "u", "ns": "n"}.get(precision, precision)}
        auth = (self.user, self.password)
        return self.client.post("/write", params=where, content=lines.encode(), auth=auth).status_code


@pytest.fixture(scope="session")
def influxdb(tmp_path_factory):
    """A real InfluxDB of version 1, which knows InfluxQL (version 2 and Flux are not in Debian)."""
    server = shutil.which("influxd")
    if server is None:
        pytest.skip("no InfluxDB server here: apt-get install influxdb")
    pytest.importorskip("httpx", reason="httpx is not installed: tracets[http]")
    folder = tmp_path_factory.mktemp("influxdb")
    port, rpc, log = free_port(), free_port(), folder / "log"
    (folder / "influxdb.conf").write_text(
        f'''
        reporting-disabled = true
        bind-address = "127.0.0.1:{rpc}"
        [meta]
          dir = "{folder}/meta"
        [data]
          dir = "{folder}/data"
          wal-dir = "{folder}/wal"
        [monitor]
          store-enabled = false
        [http]
          bind-address = "127.0.0.1:{port}"
          auth-enabled = true
        '''
    )
    with log.open("w") as out:
        process = subprocess.Popen(
            [server, "-config", folder / "influxdb.conf"], stdout=out, stderr=out, cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        )  # fmt: skip
    try:
        wait_for(port, process, log)
        import httpx

        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            found = Influx(f"http://127.0.0.1:{port}", client)
            found.ask(f"CREATE USER {found.user} WITH PASSWORD '{found.password}' WITH ALL PRIVILEGES", login=False)
            yield found
    finally:
        stop(process)

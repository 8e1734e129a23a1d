"""A hub for tests: the HTTP paths that huggingface_hub calls to make, fill and read a repository of a model."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LFS_SIZE = 5_000
TOKEN = "hf_test"


@dataclass
class Hub:
    """Repositories (name -> commits, oldest first, each a table of files) and every request (method, path, token)."""

    repos: dict[str, list[tuple[str, dict[str, bytes]]]] = field(default_factory=dict)
    made: dict[str, dict] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    url: str = ""

    def commit(self, repo: str, files: dict[str, bytes]) -> str:
        commits = self.repos.setdefault(repo, [])
        after = (commits[-1][1] if commits else {}) | files
        oid = hashlib.sha1(f"{repo}{len(commits)}".encode()).hexdigest()
        commits.append((oid, after))
        return oid

    def at(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        commits = self.repos.get(repo, [])
        if revision == "main":
            return commits[-1] if commits else None
        return next(((oid, files) for oid, files in commits if oid == revision), None)


@contextmanager
def serving():
    """A hub on a port of this machine."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def answer(self, body, status=200, headers=()):
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            if "Content-Length" not in dict(headers):
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def missing(self, what):
            self.answer({"error": f"no {what}"}, 404, [("X-Error-Code", what)])

        def body(self):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def path_parts(self):
            path = unquote(urlsplit(self.path).path)
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
            hub.asked.append((self.command, path, token))
            return path.strip("/").split("/")

        def do_POST(self):
            parts, data = self.path_parts(), self.body()
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self.answer({"error": "Invalid username or password."}, 401)
                return
            match parts:
                case ["api", "repos", "create"]:
                    asked = json.loads(data)
                    repo = f"{asked.get('organization') or 'me'}/{asked['name']}"
                    if repo in hub.made:
                        self.answer({"error": "exists", "url": f"{hub.url}/{repo}"}, 409)
                        return
                    hub.made[repo] = asked
                    hub.commit(repo, {".gitattributes": b""})
                    self.answer({"url": f"{hub.url}/{repo}", "id": repo, "name": repo})
                case ["api", "validate-yaml"]:
                    self.answer({"errors": [], "warnings": []})
                case ["api", "models", org, name, "preupload", _]:
                    files = [
                        {"path": f["path"], "uploadMode": "lfs" if f["size"] > LFS_SIZE else "regular",
                         "shouldIgnore": False} for f in json.loads(data)["files"]
                    ]  # fmt: skip
                    self.answer({"files": files})
                case [_, _, "info", "lfs", "objects", "batch"]:
                    objects = [
                        {"oid": o["oid"], "size": o["size"],
                         "actions": {"upload": {"href": f"{hub.url}/blobs/{o['oid']}"}}}
                        for o in json.loads(data)["objects"]
                    ]  # fmt: skip
                    self.answer({"transfer": "basic", "objects": objects})
                case ["api", "models", org, name, "commit", _]:
                    files = {}
                    for line in data.splitlines():
                        entry = json.loads(line)
                        if entry["key"] == "file":
                            files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
                        elif entry["key"] == "lfsFile":
                            files[entry["value"]["path"]] = hub.blobs[entry["value"]["oid"]]
                    oid = hub.commit(f"{org}/{name}", files)
                    self.answer(
                        {"success": True, "commitOid": oid, "commitUrl": f"{hub.url}/{org}/{name}/commit/{oid}"}
                    )
                case _:
                    self.missing("EntryNotFound")

        def do_PUT(self):
            parts, data = self.path_parts(), self.body()
            assert hashlib.sha256(data).hexdigest() == parts[-1]
            hub.blobs[parts[-1]] = data
            self.answer(b"")

        def do_GET(self):
            match self.path_parts():
                case ["api", "models", org, name, *rest]:
                    found = hub.at(f"{org}/{name}", rest[1] if rest else "main")
                    if found is None:
                        self.missing("RepoNotFound" if f"{org}/{name}" not in hub.repos else "RevisionNotFound")
                        return
                    siblings = [{"rfilename": file} for file in found[1]]
                    self.answer({"id": f"{org}/{name}", "sha": found[0], "siblings": siblings, "tags": []})
                case [org, name, "resolve", revision, *file]:
                    self.resolve(f"{org}/{name}", revision, "/".join(file))
                case _:
                    self.missing("EntryNotFound")

        do_HEAD = do_GET

        def resolve(self, repo, revision, file):
            found = hub.at(repo, revision)
            if found is None:
                self.missing("RepoNotFound" if repo not in hub.repos else "RevisionNotFound")
                return
            oid, files = found
            if file not in files:
                self.answer({"error": "no entry"}, 404, [("X-Error-Code", "EntryNotFound"), ("X-Repo-Commit", oid)])
                return
            data = files[file]
            etag = f'"{hashlib.sha256(data).hexdigest()}"'
            self.answer(data, 200, [("X-Repo-Commit", oid), ("ETag", etag), ("Content-Length", str(len(data)))])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()

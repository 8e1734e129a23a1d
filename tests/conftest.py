"""Shared by all tests: no network, one thread a test process, and the optional corpora beside the checkout."""

import atexit
import json
import os
import shutil
import socket
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")
if "PYTEST_XDIST_WORKER" not in os.environ:  # workers share the folder of the process that starts them
    os.environ["TRACETS_CACHE"] = tempfile.mkdtemp(prefix="tracets-tests-")
    atexit.register(shutil.rmtree, os.environ["TRACETS_CACHE"], ignore_errors=True)

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def guarded(self, address):
        host = address[0] if isinstance(address, tuple) else "local"
        if host not in ("local", "127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {host}; tests run offline")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def shared_data() -> Path:
    """The evaluation corpora beside the checkout; tests that need them skip without."""
    if not SHARED.is_dir():
        pytest.skip(f"no evaluation corpora at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def minilm():
    """The frozen sentence encoder that models use by default, loaded once."""
    from tracets.encoders.backbone import TextBackbone

    return TextBackbone()


BRIEF_WORDS = (
    "the load rain wind falls rises to of low high dry calm in a evening heavy burst week night then and".split()
)


class WordBackbone:
    """Stands for the frozen sentence encoder where a test needs no meaning: a fixed vector for each word."""

    name, dim = "words", 16

    def states(self, sentences):
        import numpy as np
        import torch

        out = []
        for sentence in sentences:
            words, numbers, at = [np.zeros(self.dim)], [np.nan], 0
            numbers_at = dict(zip(sentence.places, sentence.values, strict=True))
            for word in sentence.words.split(" "):
                words.append(np.random.default_rng(list(word.encode())).normal(size=self.dim))
                inside = [v for place, v in numbers_at.items() if at <= place < at + len(word)]
                numbers.append(inside[0] if inside else np.nan)
                at += len(word) + 1
            out.append((torch.tensor(np.array(words)).half(), torch.tensor(numbers, dtype=torch.float32)))
        return out

    def pooled(self, texts):
        import torch

        from tracets.encoders.sentences import Sentence

        states = [s.float().mean(0) for s, _ in self.states(Sentence(text) for text in texts)]
        return torch.nn.functional.normalize(torch.stack(states), dim=-1)


@pytest.fixture(scope="session")
def word_backbone():
    return WordBackbone()


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory):
    """A sentence encoder with random weights and a tokenizer of its own, as a folder."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("backbone")
    letters = [c for c in "abcdefghijklmnopqrstuvwxyz0123456789.,;:%-"]
    known = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + c for c in letters), *BRIEF_WORDS]
    tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(known)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(known), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    BertModel(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def tiny_model(word_backbone):
    """A function that makes an untrained model of width 16, both parts in its score; series settings by name."""
    import torch

    from tracets.encoders.model import TraceModel
    from tracets.encoders.settings import ModelConfig, SeriesConfig, TextConfig

    def make(*, seed=0, backbone=word_backbone, sample="apart", **series):
        torch.manual_seed(seed)
        sizes = {"dim": 16, "heads": 2, "layers": 2, "patch": 4, "vectors": 2}
        config = ModelConfig(
            dim=16, sample_weight=0.3, sample=sample, series=SeriesConfig(**sizes | series),
            text=TextConfig(dim=16, heads=2),
        )  # fmt: skip
        return TraceModel(config, name="tiny", backbone=backbone)

    return make


@pytest.fixture(scope="session")
def change_settings():
    """A function that changes settings of a folder and seals them again, as if it had been written so."""
    from tracets.encoders.seals import SEAL, sealed

    def change(folder, **changes):
        path = Path(folder) / "config.json"
        saved = {name: value for name, value in json.loads(path.read_text()).items() if name != SEAL}
        path.write_text(json.dumps(sealed(saved | changes)))

    return change


@pytest.fixture
def llm_server():
    """Speaks the OpenAI protocol: answers each request with the next of `answers`, (status, content); keeps `asked`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server.asked.append(body)
            status, content = self.server.answers.pop(0)
            if status == 200:
                message = {"role": "assistant", "content": content}
                reply = {"id": "x", "object": "chat.completion", "created": 0, "model": body["model"],
                         "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}  # fmt: skip
            else:
                reply = {"error": {"message": f"refused, key {self.headers['Authorization']}"}}
            data = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("retry-after-ms", "1")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args):
            pass

    httpd = HTTPServer(("127.0.0.1", 0), Handler)
    httpd.asked, httpd.answers = [], []
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield httpd
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture(scope="session")
def s3_server():
    """The address of a local server that speaks S3."""
    import logging

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server, monkeypatch, request):
    """The URL of an empty bucket, which the environment says how to reach."""
    import boto3

    credentials = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
    for name, value in {"AWS_ENDPOINT_URL": s3_server, "AWS_EC2_METADATA_DISABLED": "true", **credentials}.items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{abs(hash(request.node.nodeid)):x}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return f"s3://{bucket}"


@pytest.fixture
def web():
    """A server of `files` {path: bytes} that knows ranges and states, and keeps what it was `asked` (path, headers).

    Each of `faults`, {path: [fault, ...]}, spoils one answer: a number is a status, (status, headers) one with headers,
    ("cut", n) ends the body after n bytes, ("junk", bytes) sends other bytes of the same length.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            server = self.server
            server.asked.append((self.path, dict(self.headers)))
            fault = (server.faults.get(self.path) or [None]).pop(0)
            if isinstance(fault, int):
                return self.answer(fault, b"")
            if isinstance(fault, tuple) and isinstance(fault[0], int):
                return self.answer(fault[0], b"", **fault[1])
            if self.path not in server.files:
                return self.answer(404, b"no such file")
            data = server.files[self.path]
            state = {"ETag": f'"{sha256(data).hexdigest()}"'} if server.states else {}
            if state and self.headers.get("If-None-Match") == state["ETag"]:
                return self.answer(304, b"", **state)
            begin, status = 0, 200
            wanted = self.headers.get("Range")
            if wanted and server.ranges and self.headers.get("If-Range") in (None, state.get("ETag")):
                begin, status = int(wanted.removeprefix("bytes=").rstrip("-")), 206
                if begin >= len(data):
                    return self.answer(416, b"")
                state["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
            body = data[begin:]
            if fault and fault[0] == "junk":
                body = fault[1][: len(body)]
            self.answer(status, body, cut=fault[1] if fault and fault[0] == "cut" else None, **state)

        def answer(self, status, body, cut=None, **headers):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body if cut is None else body[:cut])
            self.close_connection = True

        def log_message(self, *args):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.files, httpd.asked, httpd.faults, httpd.ranges, httpd.states = {}, [], {}, True, True
    httpd.url = f"http://127.0.0.1:{httpd.server_port}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield httpd
    httpd.shutdown()
    httpd.server_close()


def days():
    """Twelve days of two sites: eight to train on, two to choose by, two to test."""
    import numpy as np

    from tracets.types import Sample

    rng = np.random.default_rng(0)
    samples = []
    for i in range(12):
        rain = np.zeros(24)
        rain[rng.integers(24)] = 5.0 + i
        wind = 3 + np.sin(np.arange(24) / 4) + i
        wind[:2] = np.nan
        samples.append(
            Sample(
                f"day-{i}",
                np.stack([rain, wind]),
                ("rain", "wind speed"),
                ("mm", "m/s"),
                start=datetime(2020, 5, 1, tzinfo=UTC) + timedelta(days=i),
                freq="h",
                text=f"A burst of {5 + i} mm of rain. The wind is {'strong' if i > 5 else 'light'}.",
                channel_texts=(f"Rain of {5 + i} mm.", None),
                label="stormy" if i % 2 else "fair",
                split="train" if i < 8 else "val" if i < 10 else "test",
                metadata={"entity": ("ny", "sf")[i % 2]},
            )
        )
    return samples


@pytest.fixture(scope="session")
def corpus_file(tmp_path_factory):
    from tracets.data import Corpus, write_corpus

    path = tmp_path_factory.mktemp("corpus") / "days.parquet"
    write_corpus(Corpus.from_samples(days()), path)
    return path


def save_tiny(folder, *, backbone, seed=0):
    """An untrained model of width 16 over a sentence encoder."""
    import torch

    from tracets.encoders.model import TraceModel
    from tracets.encoders.settings import ModelConfig, SeriesConfig, TextConfig
    from tracets.encoders.store import save_model

    torch.manual_seed(seed)
    config = ModelConfig(
        dim=16,
        series=SeriesConfig(dim=16, heads=2, layers=1, patch=4, vectors=2),
        text=TextConfig(backbone=backbone, dim=16, heads=2),
    )
    return save_model(TraceModel(config, name="tiny"), folder, card="# tiny\n")


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory, tiny_backbone):
    """A tiny model whose export is kept: commands say nothing of making it."""
    from tracets import api

    folder = save_tiny(tmp_path_factory.mktemp("models") / "tiny", backbone=tiny_backbone)
    api.load(folder)
    return folder


@pytest.fixture(scope="session")
def minilm_model_folder(tmp_path_factory):
    """One over the sentence encoder that ships, for what a stand-in is refused: hubs, and trainings that share one."""
    from tracets.encoders.settings import TextConfig

    return save_tiny(tmp_path_factory.mktemp("models") / "minilm", backbone=TextConfig().backbone)


@pytest.fixture
def tiny_base(monkeypatch, tmp_path, minilm_model_folder):
    """A tiny model as the one that ships."""
    from tracets.encoders import store

    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "base").symlink_to(minilm_model_folder, target_is_directory=True)
    monkeypatch.setattr(store, "SHIPPED", tmp_path / "shipped")


@pytest.fixture(scope="session")
def other_model(tmp_path_factory, tiny_backbone):
    return save_tiny(tmp_path_factory.mktemp("models") / "other", backbone=tiny_backbone, seed=1)


@pytest.fixture(scope="session")
def index_folder(tmp_path_factory, corpus_file, model_folder):
    from tracets import api

    path = tmp_path_factory.mktemp("index") / "days.index"
    api.build_index(api.read(corpus_file), api.load(model_folder), path)
    return path

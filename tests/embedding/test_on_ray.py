"""The same vectors from a Ray cluster of three nodes on this machine, one of them killed while its encoder works."""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import tracets.embedding.parts as room
from tracets import api
from tracets.data import Corpus
from tracets.embedding.on_ray import encode_on_ray
from tracets.embedding.parts import corpus_files, plan_parts
from tracets.errors import ConfigError, DataError, ModelError
from tracets.storage import Location
from tracets.types import Sample

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason='needs Ray: pip install "tracets[ray]"'),
]
FILES, ROWS = 8, 600


@pytest.fixture(autouse=True)
def no_network():
    """Ray asks the system for this machine's own address, by a socket that names another."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ray") / "corpus"
    folder.mkdir()
    for f in range(FILES):
        values = np.random.default_rng(f).normal(size=(ROWS, 3, 168)).astype(np.float32)
        samples = [Sample(f"{f}-{i}", x, ("load", "rain", "wind")) for i, x in enumerate(values)]
        pq.write_table(Corpus.from_samples(samples).table, folder / f"{f}.parquet", row_group_size=200)
    return folder


@pytest.fixture(scope="module")
def cluster():
    """A head without processors, and two nodes of one; this process is connected to it."""
    import ray
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    made.workers = [made.add_node(num_cpus=1) for _ in range(2)]
    ray.init(address=made.address, log_to_driver=False)
    yield made
    ray.shutdown()
    made.shutdown()


def works(node):
    """Whether a process below a node's raylet is an encoder of the pool."""
    raylet = node.all_processes["raylet"][0].process.pid
    children = Path(f"/proc/{raylet}/task/{raylet}/children").read_text().split()
    names = [Path(f"/proc/{child}/cmdline").read_bytes() for child in children]
    return any(b"MapWorker" in name for name in names)


def test_what_an_encoder_finds_wrong_comes_back_as_it_is(cluster, corpus, model_folder, tmp_path):
    bad = tmp_path / "bad"
    bad.mkdir()
    table = pq.read_table(corpus / "0.parquet").slice(0, 4)
    names = [*table["channel_names"].to_pylist()[:3], ["one"]]
    at = table.schema.get_field_index("channel_names")
    pq.write_table(table.set_column(at, "channel_names", [names]), bad / "x.parquet")
    with pytest.raises(
        DataError, match=r"bad/x.parquet, counted from row 0: row 3 \(id '0-3'\): 1 channel_names for 3"
    ):
        api.embed_folder(bad, model_folder, tmp_path / "out", engine="ray")
    with pytest.raises(ModelError, match=r"on machine .* has fingerprint .*Copy one model to all machines"):
        encode_on_ray(
            plan_parts(Location.of(corpus), corpus_files(Location.of(corpus), "0.parquet"), "x"), Location.of(corpus),
            Location.of(tmp_path), model=str(model_folder), backend=None, fingerprint="x", batch_size=8, workers=None,
            cpus=0.5, done=int,
        )  # fmt: skip
    with pytest.raises(ConfigError, match=r"an encoder asks for 3 processors, the Ray cluster has 2"):
        api.embed_folder(bad, model_folder, tmp_path / "out", engine="ray", cpus=3)


def test_a_node_that_is_killed_costs_no_row(cluster, corpus, model_folder, tmp_path, monkeypatch):
    import ray

    monkeypatch.setattr(room, "ROWS", 200)
    killed = []

    def kill(done, total):
        at_work = [] if killed else [node for node in cluster.workers if works(node)]
        if done < total / 2 and len(at_work) == 2:
            cluster.remove_node(at_work[1], allow_graceful=False)
            killed.append(done)

    out = tmp_path / "out"
    made = api.embed_folder(corpus, model_folder, out, engine="ray", workers=2, progress=kill)
    assert killed and sum(node["Alive"] for node in ray.nodes()) == 2
    assert (len(made), made.encoded) == (FILES * ROWS, FILES * ROWS)
    alone = api.embed_folder(corpus, model_folder, tmp_path / "alone")
    assert [e["fragment"] for e in made.manifest["fragments"]] == [e["fragment"] for e in alone.manifest["fragments"]]
    found, expected = made.table(), alone.table()
    assert found["id"].to_pylist() == expected["id"].to_pylist()
    assert len(set(found["id"].to_pylist())) == FILES * ROWS
    for name in ("vector", "channel_vectors"):
        one, other = (np.array(t[name].to_pylist(), dtype=np.float32) for t in (found, expected))
        np.testing.assert_allclose(one, other, atol=1e-6)
    again = api.embed_folder(corpus, model_folder, out, engine="ray")
    assert again.encoded == 0 and again.manifest == made.manifest

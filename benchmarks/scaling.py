"""What it costs to go beyond one process: rates of `tracets embed` here and on Ray, an index in a store, a shared step.

    python benchmarks/scaling.py embed --windows 8192        # one process, then a Ray cluster of two nodes here
    python benchmarks/scaling.py store --windows 512         # needs moto: an index sent, mirrored, opened
    torchrun --nproc-per-node 2 benchmarks/scaling.py step   # and with 1: seconds of a step, of its preparation apart

One JSON line each. Generated windows of 7 channels x 168 steps, seed 0; the model that ships.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from tracets import api
from tracets.data import Corpus, write_corpus
from tracets.types import Sample

CHANNELS = ("temperature", "wind speed", "rain", "pressure", "humidity", "load", "price")
FILES = 8


def windows(n: int, *, told: bool = False) -> list[Sample]:
    """n windows of 7 x 168, with a text of three sentences each if they are `told`."""
    values = np.random.default_rng(0).normal(size=(n, len(CHANNELS), 168)).astype(np.float32).cumsum(-1)
    texts = [f"A week of number {i}. The load rises to {i % 97}. Rain at the end." if told else None for i in range(n)]
    splits = ["val" if i % 8 == 0 else "train" for i in range(n)]
    return [
        Sample(f"w{i}", x, CHANNELS, text=t, split=s)
        for i, (x, t, s) in enumerate(zip(values, texts, splits, strict=True))
    ]


def said(**facts: object) -> None:
    """Print one line."""
    print(json.dumps(facts), flush=True)


def write(n: int, folder: Path) -> None:
    """A corpus of n windows in 8 files."""
    made = windows(n)
    for i in range(FILES):
        write_corpus(Corpus.from_samples(made[i::FILES]), folder / f"{i}.parquet")


def embed(n: int) -> None:
    """Windows a second of `embed_folder` in this process, and on a Ray cluster of two nodes with one processor each."""
    with tempfile.TemporaryDirectory() as place:
        corpus = Path(place) / "corpus"
        writing = get_context("spawn").Process(target=write, args=(n, corpus))  # so that its memory is not ours
        writing.start()
        writing.join()
        encoder = api.load()
        api.embed(windows(64), encoder)
        for engine in ("local", "ray"):
            began, first = time.monotonic(), 0.0
            if engine == "ray":
                import ray
                from ray.cluster_utils import Cluster

                cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
                for _ in range(2):
                    cluster.add_node(num_cpus=1)
                ray.init(address=cluster.address, log_to_driver=False)
            up, seen = time.monotonic() - began, []

            def note(done: int, total: int, seen: list[tuple[float, int]] = seen) -> None:
                seen.append((time.monotonic(), done))

            began = time.monotonic()
            found = api.embed_folder(corpus, "base", Path(place) / engine, engine=engine, progress=note)
            seconds = time.monotonic() - began
            first = seen[0][0] - began
            steady = (seen[-1][1] - seen[0][1]) / (seen[-1][0] - seen[0][0])
            size = sum(f.stat().st_size for f in (Path(place) / engine).rglob("*") if f.is_file())
            said(
                what="embed", engine=engine, windows=len(found), start_s=round(up, 1), seconds=round(seconds, 1),
                first_part_s=round(first, 1), windows_s=round(steady, 1), bytes_a_window=round(size / len(found)),
                peak_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            )  # fmt: skip
        ray.shutdown()
        cluster.shutdown()


def store(n: int) -> None:
    """Seconds to send an index to a local S3 server, to mirror it, to open it again, and after a small change."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "k"}
    os.environ |= {"AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "us-east-1"}
    boto3.client("s3").create_bucket(Bucket="bench")
    encoder, made, url = api.load(), windows(n, told=True), "s3://bench/index"
    times = {}

    def timed(name: str, do: object) -> None:
        began = time.monotonic()
        do()  # type: ignore[operator]
        times[name] = round(time.monotonic() - began, 2)

    with tempfile.TemporaryDirectory() as place:
        os.environ["TRACETS_CACHE"] = f"{place}/one"
        timed("build_and_send_s", lambda: api.build_index(made, encoder, url))
        os.environ["TRACETS_CACHE"] = f"{place}/two"
        timed("mirror_s", lambda: api.open_index(url))
        timed("open_again_s", lambda: api.open_index(url))
        size = sum(f.stat().st_size for f in Path(place, "two").glob("indexes/*/objects/*"))
        said(what="store", windows=n, mb=round(size / 1e6, 1), **times)
    server.stop()


def step(batch: int) -> None:
    """Seconds of a step of the alignment, its preparation apart, with as many processes as torchrun started."""
    import torch
    import torch.distributed as dist
    from torch import nn

    from tracets.encoders.store import load_model
    from tracets.tasks.align import AlignConfig, AlignTask

    dist.init_process_group("gloo")
    torch.set_num_threads(1)
    made = windows(4 * batch, told=True)
    task = AlignTask(load_model("base"), made, made[:8], AlignConfig(), batch_size=batch, seed=0)
    task.prepare()

    class Step(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = task.module

        def forward(self, given: object) -> torch.Tensor:
            return task.loss(given, progress=0.5)["loss"]  # type: ignore[arg-type]

    run = nn.parallel.DistributedDataParallel(Step().train(), find_unused_parameters=True)
    prepared, stepped = [], []
    for i in range(6):
        began = time.monotonic()
        given = task.batch(i)
        middle = time.monotonic()
        run(given).backward()
        prepared.append(middle - began)
        stepped.append(time.monotonic() - middle)
    if dist.get_rank() == 0:
        said(
            what="step", processes=dist.get_world_size(), batch=batch,
            prepare_s=round(float(np.median(prepared[1:])), 3), step_s=round(float(np.median(stepped[1:])), 3),
        )  # fmt: skip
    dist.destroy_process_group()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("embed", "store", "step"))
    parser.add_argument("--windows", type=int, default=8192)
    parser.add_argument("--batch", type=int, default=96)
    asked = parser.parse_args()
    if asked.what == "step":
        step(asked.batch)
    else:
        {"embed": embed, "store": store}[asked.what](asked.windows)

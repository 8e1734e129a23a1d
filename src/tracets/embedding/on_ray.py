"""Parts of a corpus on a Ray cluster: Ray Data hands their names to a pool of encoders, which read and write.

Only names and numbers of rows travel through Ray. A part that a lost worker had is given to another one; one whose
fragment is there is not encoded again, whoever wrote it.
"""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Callable, Sequence
from typing import Any

from tracets import errors
from tracets.embedding.parts import Part, encode_part, is_done
from tracets.encoders.backends import Backend, load
from tracets.encoders.protocol import PairEncoder
from tracets.errors import ConfigError, MissingExtra, ModelError, TracetsError
from tracets.storage import Location, is_url

TASKS = 4096
"""At most, in one run: each has a few parts, one after the other."""


def encode_on_ray(
    parts: Sequence[Part],
    source: Location,
    target: Location,
    *,
    model: str,
    backend: Backend | None,
    fingerprint: str,
    batch_size: int,
    workers: int | None,
    cpus: float,
    done: Callable[[int], None],
) -> None:
    """Encode parts on the cluster that this process is connected to or RAY_ADDRESS names, or on this machine's cores.

    Parameters
    ----------
    model : str
        As every machine finds it.
    fingerprint : str
        What the model must be on every machine.
    workers : int, optional
        Encoders at a time, at most; by default as many as the cluster has room for.
    cpus : float
        Of one encoder.
    done : callable
        Called with the number of rows of each part that is finished.

    Raises
    ------
    MissingExtra
        Ray is not installed.
    TracetsError
        What an encoder found wrong with the data or the model, or a cluster that is too small.
    """
    ray = _ray()
    if not ray.is_initialized():
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    room = int(ray.cluster_resources().get("CPU", 0) / cpus)
    if room < 1:
        raise ConfigError(
            f"an encoder asks for {cpus:g} processors, the Ray cluster has "
            f"{ray.cluster_resources().get('CPU', 0):g}. Ask for less (cpus), or add machines."
        )
    most = min(workers or room, room, len(parts))
    rows = ray.data.from_items(
        [{"part": part.to_json()} for part in parts], override_num_blocks=min(len(parts), TASKS)
    ).map_batches(
        _Encoder,
        fn_constructor_kwargs={
            "source": _as_asked(source), "target": _as_asked(target), "model": model, "backend": backend,
            "fingerprint": fingerprint, "batch_size": batch_size, "threads": max(1, int(cpus)),
        },
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=most, initial_size=most),
        num_cpus=cpus,
    )  # fmt: skip
    for row in rows.iter_rows():
        if row["error"]:
            raise getattr(errors, row["error"])(row["said"])
        done(int(row["rows"]))


class _Encoder:
    """One of the pool, on whatever machine: loads the model once."""

    def __init__(
        self,
        *,
        source: str,
        target: str,
        model: str,
        backend: Backend | None,
        fingerprint: str,
        batch_size: int,
        threads: int,
    ) -> None:
        self.source, self.target, self.batch_size = Location.of(source), Location.of(target), batch_size
        self.encoder: PairEncoder | None = None
        self.problem: TracetsError | None = None
        try:
            encoder = load(model, backend=backend, threads=threads)
            if encoder.fingerprint != fingerprint:
                raise ModelError(
                    f"model '{model}' on machine {platform.node()} has fingerprint {encoder.fingerprint}, not "
                    f"{fingerprint}. Copy one model to all machines, or name one by a path that they share."
                )
            self.encoder = encoder
        except TracetsError as error:
            self.problem = error

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Encode parts; errors of ours are told and not raised, as Ray would bring their text alone."""
        told: dict[str, list[Any]] = {"rows": [], "error": [], "said": []}
        for part in map(Part.from_json, batch["part"]):
            problem = self.problem
            try:
                # there already, where a worker that was lost had finished it
                if self.encoder is not None and not is_done(part, self.target):
                    encode_part(part, self.source, self.target, self.encoder, batch_size=self.batch_size)
            except TracetsError as error:
                problem = error
            told["rows"].append(part.rows)
            told["error"].append(type(problem).__name__ if problem else "")
            told["said"].append(str(problem) if problem else "")
        return told


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingExtra(
            f"engine 'ray' needs Ray Data, which cannot be imported ({error}). "
            f'Install it on every machine with: pip install "tracets[ray]"'
        ) from error
    return ray


def _as_asked(place: Location) -> str:
    """A place as another process finds it."""
    return place.shown if is_url(place.shown) else place.path

"""Contracts of the parts that another package may bring, as checks for its own tests.

Each takes a part, asks of it what tracets will, and raises AssertionError with a sentence on what was broken.

Examples
--------
>>> from tracets.data.captions import known_captioners
>>> check_captioner(known_captioners()["crowd"])
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from tracets.errors import ConfigError, DataError, TracetsError
from tracets.types import FloatArray, Forecast, Sample, SeriesVectors

if TYPE_CHECKING:
    from tracets.data.captions import Captioner
    from tracets.data.readers import Reader
    from tracets.encoders.protocol import PairEncoder
    from tracets.encoders.registry import SentenceEncoder, SeriesEncoder
    from tracets.forecast.protocol import Backbone
    from tracets.index.protocol import Allowed, Finder, IndexEngine

TEXTS = ("The load rises, then falls. It is lowest at night.", "dry", "A burst of 12.5 mm; calm and -3 °C otherwise.")


def windows() -> list[Sample]:
    """Windows that every part must take: gaps, a constant, nothing observed, other lengths, no calendar, one step."""
    rng = np.random.default_rng(0)

    def wave(n: int, period: int) -> Any:
        return 10 + 3 * np.sin(2 * np.pi * np.arange(n) / period) + rng.normal(size=n) / 5

    gaps = wave(96, 24)
    gaps[[5, 6, 40, 95]] = np.nan
    first = np.stack([gaps, np.full(96, -7.25), np.full(96, np.nan)])
    return [
        Sample("a", first, ("load", "still", "dead"), ("MW", None, "K"), start=datetime(2024, 2, 28), freq="h"),
        Sample("b", 1e4 + wave(130, 7)[None], ("visits",), start=datetime(2024, 1, 1), freq="D"),
        Sample("c", 1e-3 * wave(96, 24)[None], ("x",)),
        Sample("d", np.array([[3.0], [4.0]]), ("u", "v")),
    ]


def check_encoder(encoder: PairEncoder, *, tolerance: float = 1e-4) -> None:
    """Check an encoder of series and texts: shapes, unit length, and that company in a batch changes nothing.

    Parameters
    ----------
    tolerance : float
        How far a number of a vector may move with the company or the size of a batch.
    """
    from tracets.encoders.protocol import PairEncoder as Protocol

    assert isinstance(encoder, Protocol), "an encoder has name, fingerprint, dim, sample_weight and two encode methods"
    assert encoder.name and encoder.fingerprint, "name and fingerprint are not empty"
    assert encoder.dim >= 1 and 0 <= encoder.sample_weight <= 1, "dim is at least 1, sample_weight in [0, 1]"
    samples, dim = windows(), encoder.dim
    before = [sample.values.copy() for sample in samples]
    series, texts = encoder.encode_series(samples), encoder.encode_texts(TEXTS)
    for sample, values in zip(samples, before, strict=True):
        assert np.array_equal(sample.values, values, equal_nan=True), f"the values of window '{sample.id}' were changed"

    assert series.sample.shape == (len(samples), dim), f"{len(samples)} windows have vectors ({len(samples)}, {dim})"
    for sample, channels in zip(samples, series.channels, strict=True):
        assert channels.ndim == 3 and channels.shape[0] == sample.n_channels and channels.shape[2] == dim, (
            f"window '{sample.id}': channel vectors are ({sample.n_channels}, vectors a channel, {dim}), "
            f"got {channels.shape}"
        )
    dead = series.channels[0][2]
    assert not dead.any(), "a channel with nothing observed has vectors of zeros: it matches nothing"
    live = [series.sample, *(c[~np.isnan(s.values).all(1)] for s, c in zip(samples, series.channels, strict=True))]
    assert texts.sample.shape == (len(TEXTS), dim), f"{len(TEXTS)} texts have vectors ({len(TEXTS)}, {dim})"
    for text, sentences, spans in zip(TEXTS, texts.sentences, texts.spans, strict=True):
        assert sentences.shape == (len(spans), dim) and len(spans) >= 1, f"'{text}': one vector a span, one at least"
        assert all(span and span in text for span in spans), f"'{text}': spans are parts of the text, got {spans}"
    for part in [*live, texts.sample, *texts.sentences]:
        lengths = np.linalg.norm(part, axis=-1)
        assert np.abs(lengths - 1).max() < 1e-3, f"vectors have length 1, got {lengths.min()} to {lengths.max()}"

    def apart(one: SeriesVectors, other: SeriesVectors) -> float:
        pairs = zip([one.sample, *one.channels], [other.sample, *other.channels], strict=True)
        return max(float(np.abs(x - y).max()) for x, y in pairs)

    for i, sample in enumerate(samples):
        alone = encoder.encode_series([sample])
        there = SeriesVectors(series.sample[i : i + 1], (series.channels[i],))
        assert apart(alone, there) <= tolerance, f"window '{sample.id}' has other vectors in company than alone"
    assert apart(encoder.encode_series(samples, batch_size=1), series) <= tolerance, "batch_size changes the vectors"
    for i, text in enumerate(TEXTS):
        said = encoder.encode_texts([text], batch_size=1)
        moved = np.abs(said.sentences[0] - texts.sentences[i]).max(), np.abs(said.sample[0] - texts.sample[i]).max()
        assert max(moved) <= tolerance, f"'{text}' has other vectors in company than alone"
    assert len(encoder.encode_series([])) == 0 and len(encoder.encode_texts([])) == 0, "nothing is encoded as nothing"


def check_series_encoder(encoder: SeriesEncoder, *, tolerance: float = 1e-4) -> None:
    """Check a series tower, untrained: shapes, padding, what can be saved, gradients; `check_encoder` is for models.

    Parameters
    ----------
    tolerance : float
        How far a number of a vector of length 1 may move with the company in a batch.
    """
    import torch

    from tracets.data.collate import collate
    from tracets.encoders.brought import BroughtTower
    from tracets.encoders.registry import SeriesEncoder as Kind
    from tracets.encoders.series import to_series_batch
    from tracets.encoders.settings import SeriesConfig

    assert isinstance(encoder, Kind) and encoder.name, "a series tower is a SeriesEncoder with a name"
    config, backbone, out = SeriesConfig(dim=16, heads=2, vectors=3, tower=encoder.name), _Words(), 8

    def made() -> BroughtTower:
        module = encoder.make(config, backbone.dim, out)
        assert isinstance(module, torch.nn.Module), f"make() gives a torch module, got {type(module).__name__}"
        return BroughtTower(encoder.name, module, config, out=out)

    def encode(tower: BroughtTower, samples: list[Sample]) -> tuple[Any, Any]:
        try:
            whole, channels = tower.eval()(to_series_batch(collate(samples), backbone))  # type: ignore[arg-type]
        except ConfigError as error:
            raise AssertionError(str(error)) from error
        return whole.detach().numpy(), channels.detach().numpy()

    tower, other, samples = made(), made(), windows()
    weights = tower.state_dict()
    with torch.device("meta"):
        declared = {name: tensor.shape for name, tensor in made().state_dict().items()}
    assert declared == {name: tensor.shape for name, tensor in weights.items()}, "weights have one shape, however made"
    kinds = {tensor.dtype for tensor in weights.values()} - {torch.float32, torch.float64, torch.int64}
    assert not kinds, f"weights are float32, float64 or int64, got {kinds}"
    whole, channels = encode(tower, samples)
    for i, sample in enumerate(samples):
        seen = ~np.isnan(sample.values).all(1)
        parts = [whole[i], channels[i, : sample.n_channels][seen]]
        assert all(np.isfinite(part).all() for part in parts), f"window '{sample.id}' has vectors that are not finite"
        lengths = np.concatenate([np.linalg.norm(part, axis=-1).reshape(-1) for part in parts])
        assert lengths.min() > 0.99, f"window '{sample.id}': a vector is 0 where something was observed"
        alone, own = encode(tower, [sample])
        moved = max(np.abs(alone[0] - whole[i]).max(), np.abs(own[0] - channels[i, : sample.n_channels]).max())
        assert moved <= tolerance, f"window '{sample.id}' has other vectors in company than alone: padding is read"
    large = [replace(sample, values=sample.values * np.float32(1e12)) for sample in samples]
    assert all(np.isfinite(part).all() for part in encode(tower, large)), (
        "large values give vectors that are no numbers"
    )
    other.load_state_dict(weights)
    again = encode(other, samples)
    assert np.array_equal(again[0], whole) and np.array_equal(again[1], channels), "the weights are not all there is"
    batch = to_series_batch(collate(samples), backbone)  # type: ignore[arg-type]
    found = tower.train()(batch)
    sum((part * torch.linspace(-1, 1, out)).square().sum() for part in found).backward()
    idle = [name for name, weight in tower.module.named_parameters() if weight.requires_grad and weight.grad is None]
    assert not idle, f"weights that nothing is made of: {', '.join(idle)}"
    grads = [weight.grad for weight in tower.parameters() if weight.grad is not None]
    assert grads and all(bool(grad.isfinite().all()) for grad in grads), (
        "gradients are finite, and of one weight at least"
    )


class _Words:
    """Stands for the frozen sentence encoder: a drawn vector for each channel name with its unit."""

    name, dim = "words", 12

    def pooled(self, texts: list[str]) -> Any:
        import torch

        drawn = [np.random.default_rng(list(text.encode())).normal(size=self.dim) for text in texts]
        return torch.nn.functional.normalize(torch.from_numpy(np.array(drawn, np.float32)), dim=-1)


def check_sentence_encoder(encoder: SentenceEncoder, *, tolerance: float = 1e-2) -> None:
    """Check a frozen sentence encoder: a folder that opens, a state for every token, numbers in their places, company.

    Parameters
    ----------
    tolerance : float
        How far a number of a token state, in half precision, may move with the company in a batch.
    """
    from tracets.encoders.backbone import TextBackbone
    from tracets.encoders.sentences import read_numbers, split_sentences
    from tracets.errors import ModelError

    folder = encoder.folder()
    assert encoder.name and Path(folder).is_dir(), f"folder() gives a folder that is there, got '{folder}'"
    backbone = TextBackbone(folder)
    try:
        _, tokenizer = backbone.loaded()
    except ModelError as error:
        raise AssertionError(f"the folder cannot be loaded: {error}") from error
    assert getattr(tokenizer, "is_fast", False), "the tokenizer is a fast one (tokenizer.json)"
    said = [read_numbers(sentence) for text in TEXTS for sentence in split_sentences(text)]
    for sentence, (states, numbers) in zip(said, backbone.states(said), strict=True):
        assert states.shape == (len(numbers), backbone.dim), f"'{sentence.words}': a state (tokens, {backbone.dim})"
        assert bool(states.isfinite().all()), f"'{sentence.words}' has states that are not finite"
        told = sorted(numbers[~numbers.isnan()].tolist())
        each = len(told) == len(sentence.values) and np.allclose(told, sorted(sentence.values))
        assert each, f"'{sentence.words}': a number has no token of its own"
        ((alone, _),) = _fresh(backbone).states([sentence])
        moved = float((alone.float() - states.float()).abs().max())
        assert moved <= tolerance, f"'{sentence.words}' has other states in company than alone"
    lengths = np.linalg.norm(backbone.pooled(list(TEXTS)).numpy(), axis=1)
    assert np.abs(lengths - 1).max() < 1e-3, "the vector of a text has length 1"


def _fresh(backbone: Any) -> Any:
    """The same sentence encoder, which remembers nothing."""
    from tracets.encoders.backbone import TextBackbone

    other = TextBackbone(backbone.name)
    other._model, other._tokenizer = backbone.loaded()
    return other


def check_reader(reader: Reader, file: str | os.PathLike[str]) -> None:
    """Check a reader on a file of its layout: it knows it, reads it, and refuses what is damaged as tracets does."""
    from tracets.data.corpus import Corpus
    from tracets.data.series import Series
    from tracets.files import LIMITS

    path = Path(file)

    def read(path: Path) -> Corpus | list[Series]:
        if reader.windows is not None:
            return reader.windows(path, limits=LIMITS)
        assert reader.series is not None
        return reader.series(path, freq=None, zone=None, limits=LIMITS)

    assert reader.name and ":" not in reader.name, "a reader has a name, without a colon"
    assert reader.recognises(path), f"'{path}' is not recognised"
    found = read(path)
    if reader.windows is not None:
        assert isinstance(found, Corpus) and len(found) > 0, "windows() gives a Corpus with at least one window"
        assert len(set(found.ids)) == len(found), "ids are unique"
    else:
        assert isinstance(found, list) and found and all(isinstance(s, Series) for s in found), (
            "series() gives a list of Series, one at least"
        )
    whole = path.read_bytes()
    with TemporaryDirectory() as folder:
        for what, data in {"empty": b"", "noise": bytes(range(256)) * 8, "cut": whole[: len(whole) // 2]}.items():
            damaged = Path(folder) / f"{what}{path.suffix}"
            damaged.write_bytes(data)
            known = reader.recognises(damaged)  # must not raise
            assert what == "cut" or not known or path.suffix, f"a file that is {what} is recognised"
            if known:
                _refuses_as_tracets(read, damaged, what)
        assert not reader.recognises(Path(folder) / "missing.of-no-kind"), "a file that is not there is recognised"


def _refuses_as_tracets(read: object, path: Path, what: str) -> None:
    assert callable(read)
    try:
        read(path)
    except TracetsError:
        return
    except Exception as error:
        raise AssertionError(f"a file that is {what} raises {type(error).__name__}; raise a DataError") from error


def check_captioner(captioner: Captioner) -> None:
    """Check a captioner: a text and one a channel for any window, by its numbers alone, the same for the same seed."""
    assert captioner.name and ":" not in captioner.name, "a captioner has a name, without a colon"
    for sample in windows():
        told = captioner.caption(sample, 0)
        assert told.text.strip(), f"window '{sample.id}' got no text"
        assert len(told.channel_texts) == sample.n_channels, f"window '{sample.id}': one text a channel"
        assert all(text.strip() for text in told.channel_texts), f"window '{sample.id}': a channel got no text"
        assert captioner.caption(sample, 0) == told, f"window '{sample.id}': the same seed gave another text"
        labelled = replace(sample, text="rain", label="storm", channel_texts=("rain",) * sample.n_channels)
        assert captioner.caption(labelled, 0) == told, f"window '{sample.id}': its texts or label were read"


def check_index_engine(engine: IndexEngine, *, recall: float = 0.9) -> None:
    """Check an index engine on 3,000 vectors in clusters: what it writes, what it brings, filters, company, threads.

    Parameters
    ----------
    recall : float
        The share of the 10 nearest vectors that must be among those that it brings at its last effort; a twentieth less
        where a filter keeps one vector in 8.
    """
    from tracets.index.protocol import IndexEngine as Engine
    from tracets.index.quantised import Widened, quantise

    assert isinstance(engine, Engine), "an index engine is a tracets.index.protocol.IndexEngine"
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(60, 24))
    vectors = _units(centres[rng.integers(60, size=3000)] + 0.4 * rng.normal(size=(3000, 24)))
    queries = _units(vectors[:40] + 0.05 * rng.normal(size=(40, 24)))
    stored = Widened(quantise(vectors))
    with TemporaryDirectory() as temporary:
        first, folder, one = (Path(temporary) / name for name in ("first", "moved", "one"))
        for made, given in ((first, stored), (one, Widened(stored.kept[:1]))):
            made.mkdir()
            engine.build(given, made)
        written = [path for path in first.rglob("*") if not path.is_dir()]
        assert written, "build() writes at least one file into the folder"
        assert not any(path.name.startswith(".") or path.is_symlink() for path in first.rglob("*")), (
            "build() writes plain files whose names begin with no dot"
        )
        os.replace(first, folder)
        state = _state_of(folder)
        finder = engine.open(folder)
        _check_finder(finder, queries, vectors, recall=recall)
        _check_company(finder, engine.open(folder), queries)
        assert _state_of(folder) == state, "asking changes the files of the folder; it may be one that is only read"
        (alone,) = engine.open(one).candidates(queries[:1], 4096, None, effort=engine.open(one).efforts[0])
        assert list(np.asarray(alone)) in ([], [0]), "of one vector, one may come at most"
        (Path(temporary) / "empty").mkdir()
        try:
            engine.open(Path(temporary) / "empty")
        except Exception:
            return
        raise AssertionError("open() must raise where its files are missing")


def _check_finder(finder: Finder, queries: FloatArray, vectors: FloatArray, *, recall: float) -> None:
    efforts = list(finder.efforts)
    assert efforts and efforts == sorted(set(efforts)) and all(isinstance(e, int) and e > 0 for e in efforts), (
        f"efforts are whole numbers above 0, rising, one at least; got {efforts}"
    )
    kept = np.arange(len(vectors)) % 8 == 3

    def share(allowed: Allowed | None, among: Any) -> float:
        found = _brought(finder, queries, 64, allowed, effort=efforts[-1], n_vectors=len(vectors))
        shares = []
        for query, places in zip(queries, found, strict=True):
            nearest = among[np.argsort(-(vectors[among] @ query), kind="stable")[:10]]
            live = places if allowed is None else places[allowed(places)]
            shares.append(len(np.intersect1d(nearest, live)) / 10)
        return float(np.mean(shares))

    found = share(None, np.arange(len(vectors)))
    assert found >= recall, f"at its last effort it brings {found:.1%} of the 10 nearest vectors, expected {recall:.0%}"
    found = share(lambda places: kept[places], np.flatnonzero(kept))
    assert found >= recall - 0.05, f"where 1 vector in 8 is allowed it brings {found:.1%} of the 10 nearest of these"
    _brought(finder, queries[:2], 64, lambda places: np.zeros(len(places), bool), effort=efforts[-1], n_vectors=3000)
    _brought(finder, queries[:2], 4096, None, effort=efforts[0], n_vectors=len(vectors))


def _check_company(finder: Finder, again: Finder, queries: FloatArray) -> None:
    def ask(queries: FloatArray, finder: Finder = finder) -> list[list[int]]:
        found = finder.candidates(queries, 64, None, effort=list(finder.efforts)[0])
        return [sorted(np.asarray(places).tolist()) for places in found]

    whole = ask(queries)
    assert [ask(query[None])[0] for query in queries] == whole, "a query is brought others in company than alone"
    assert ask(queries, again) == whole, "opened again it brings other vectors"
    with ThreadPoolExecutor(4) as workers:
        found = list(workers.map(lambda query: ask(query[None])[0], [*queries, *queries]))
    assert found == whole * 2, "it brings other vectors where several threads ask at a time"


def _brought(
    finder: Finder, queries: FloatArray, n: int, allowed: Allowed | None, *, effort: int, n_vectors: int
) -> list[Any]:
    """What an engine brings, held against what may be brought at all."""
    found = [np.asarray(places) for places in finder.candidates(queries, n, allowed, effort=effort)]
    assert len(found) == len(queries), f"{len(queries)} queries have {len(queries)} arrays of places, got {len(found)}"
    for places in found:
        whole = places.ndim == 1 and (np.issubdtype(places.dtype, np.integer) or not len(places))
        assert whole, f"places are whole numbers, one axis of them, got {places.dtype} of shape {places.shape}"
        assert not len(places) or 0 <= places.min() <= places.max() < n_vectors, (
            f"places lie in 0 to {n_vectors - 1}, got {places.min()} to {places.max()}"
        )
    return [places.astype(np.int64) for places in found]


def _units(vectors: Any) -> FloatArray:
    found: FloatArray = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return found


def _state_of(folder: Path) -> list[tuple[str, bytes]]:
    return sorted((str(path), path.read_bytes()) for path in folder.rglob("*") if path.is_file())


def check_backbone(
    backbone: Backbone, *, horizon: int = 4, shortest: int = 1, tolerance: float = 1e-3
) -> list[Forecast]:
    """Check a forecaster: shapes, gaps, constants, channels without values, units, company, and what it refuses.

    Parameters
    ----------
    shortest : int
        Steps that a window must have; one fewer is refused with a `DataError` that names window and length.
    tolerance : float
        How far a forecast may move with the company in a batch, as a share of the spread of the window.

    Returns
    -------
    list of Forecast
        Of the windows "a", "b" and "c" of `windows()`.
    """
    from tracets.forecast.protocol import Backbone as Protocol

    assert isinstance(backbone, Protocol), "a backbone has a name and forecast(pasts, horizon)"
    pasts = windows()[:3]
    found = backbone.forecast(pasts, horizon)
    assert [f.id for f in found] == ["a", "b", "c"], "forecasts come in the order of the windows, by their ids"
    for past, forecast in zip(pasts, found, strict=True):
        assert forecast.mean.shape == (past.n_channels, horizon), f"window '{past.id}': a mean (channels, horizon)"
        assert forecast.channel_names == past.channel_names and forecast.units == past.units, "names and units stay"
        assert forecast.freq == past.freq, f"window '{past.id}': the step stays"
        assert (forecast.mean == forecast.quantiles[4]).all(), "the mean is the middle quantile"
    assert [f.start for f in found] == [datetime(2024, 3, 3), datetime(2024, 5, 10), None], (
        "a forecast starts one step on"
    )
    assert (found[0].quantiles[:, 1] == -7.25).all(), "a constant channel is continued by its constant"
    assert (found[0].quantiles[:, 2] == 0).all(), "a channel with nothing observed is continued by zeros"
    for past, one in zip(pasts, found, strict=True):
        (alone,) = backbone.forecast([past], horizon)
        moved = np.abs(alone.quantiles - one.quantiles).max()
        assert moved <= tolerance * np.nanstd(past.values[0]), f"window '{past.id}': company in the batch moves it"
    values: Any = 100 - 5 * pasts[2].values * 1e3
    scaled = Sample("s", values, ("x",))
    plain = replace(scaled, id="p", values=-pasts[2].values)
    (big,), (small,) = backbone.forecast([scaled], horizon), backbone.forecast([plain], horizon)
    moved = np.abs(big.quantiles - (100 + 5e3 * small.quantiles)).max()
    assert moved <= 5e-3 * np.nanstd(scaled.values), "another unit gives another forecast: the spread is what is read"
    _refuses(backbone, pasts, 0, ConfigError, "horizon must be at least 1, got 0")
    assert backbone.forecast([], horizon) == [], "no window has no forecast"
    if shortest > 1:
        short = Sample("short", np.arange(shortest - 1, dtype=np.float32)[None], ("x",))
        _refuses(backbone, [short], horizon, DataError, f"window 'short' has {shortest - 1} steps", str(shortest))
    else:
        (forecast,) = backbone.forecast([Sample("short", np.array([[2.0]]), ("x",))], horizon)
        assert (forecast.mean == 2).all(), "a window of one step is continued by its value"
    return found


def _refuses(backbone: Backbone, pasts: list[Sample], horizon: int, kind: type[Exception], *said: str) -> None:
    try:
        backbone.forecast(pasts, horizon)
    except kind as error:
        assert all(part in str(error) for part in said), f"the error names {' and '.join(said)}, got: {error}"
    else:
        raise AssertionError(f"expected {kind.__name__}: {said[0]}")

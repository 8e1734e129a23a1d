"""The front door: everything the command line, a server or a notebook may ask for. Heavy imports wait for their use."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tracets.errors import ConfigError
from tracets.types import Hit, Query, Sample

if TYPE_CHECKING:
    import pyarrow as pa

    from tracets.data.captions.llm import LlmCaptioner
    from tracets.data.corpus import Corpus
    from tracets.encoders.backends import Backend
    from tracets.encoders.model import TraceModel
    from tracets.encoders.protocol import PairEncoder
    from tracets.evaluate.deletion import ChannelReport
    from tracets.evaluate.probe_report import ProbeReport
    from tracets.evaluate.report import RetrievalReport
    from tracets.retrieval.reasons import Explanation
    from tracets.retrieval.stored import Index

Path_ = str | os.PathLike[str]
BASE = "base"
SPLIT_FRACTIONS = (0.6, 0.15, 0.25)
LOG = logging.getLogger("tracets")

__all__ = [
    "Hit", "Query", "Sample", "build_index", "caption", "caption_by_llm", "describe", "embed", "evaluate_channels",
    "evaluate_probes", "evaluate_retrieval", "explain", "export", "hit_to_json", "llm_captioner", "load", "open_index",
    "plot_hits", "read", "search", "set_threads", "shipped_models", "train", "weather", "windows", "write",
]  # fmt: skip


def load(name: Path_ = BASE, *, backend: Backend | None = None, threads: int | None = None) -> PairEncoder:
    """Load a model folder or an ONNX export, or a model that ships by its name.

    Parameters
    ----------
    backend : "torch" or "onnx", optional
        By default what the folder holds. "onnx" imports no torch; it takes an export, see docs/backends.md.
    threads : int, optional
        Processor threads, at least 1; by default as many as there are, or OMP_NUM_THREADS.

    Raises
    ------
    NotFound
        No such folder or shipped model, or no export of it.
    ModelError
        A damaged folder, or a format this version does not read.

    Examples
    --------
    >>> load("base").encode_texts(["rain all week"]).sample.shape
    (1, 128)
    """
    from tracets.encoders.backends import load as load_

    return load_(name, backend=backend, threads=threads)


def export(name: Path_, out: Path_, *, int8: bool = False) -> str:
    """Write a model as ONNX graphs to the folder `out`, and return the fingerprint of the export.

    With `int8`, products are of 8 bit integers: smaller and faster, near the model (cosine > 0.99), not equal to it.
    """
    from tracets.encoders.export import export_model
    from tracets.encoders.store import load_model

    return export_model(load_model(name), out, int8=int8)


def shipped_models() -> list[str]:
    """Names of the models inside the package."""
    from tracets.encoders import store

    return store.shipped_models()


def set_threads(n: int) -> None:
    """Limit the processor threads of this process; 1 <= n."""
    from tracets.encoders.backends import set_threads as set_threads_

    set_threads_(n)


def read(path: Path_, *, reader: str | None = None, freq: str | None = None, zone: str | None = None) -> Corpus:
    """Read any file as a corpus; a long series becomes one window of its whole length.

    Parameters
    ----------
    path : path
        Corpus Parquet, wide or long CSV, Time-MMD's numerical CSV, TRACE's published Parquet.
    reader : str, optional
        A reader by name; by default the one that fits the file.
    freq : str, optional
        Re-grid a CSV to this sampling step (pandas offset); by default the file's own, which must be regular.
    zone : str, optional
        Time zone of the stamps of a CSV that have none.

    Raises
    ------
    DataError
        What is wrong in which file, series and row, and the fix.
    """
    from tracets.data import readers

    return readers.read(path, reader=reader, freq=freq, zone=zone)


def windows(
    path: Path_,
    *,
    length: int,
    stride: int | None = None,
    split: bool = False,
    gap: int = 0,
    min_observed: float = 0.5,
    reader: str | None = None,
    freq: str | None = None,
    zone: str | None = None,
) -> Corpus:
    """Cut a file of long series into windows of `length` steps every `stride` steps (default: `length`).

    Parameters
    ----------
    split : bool, default=False
        Split by time into train, val and test (.6, .15, .25): no window overlaps one of another split.
    gap : int, default=0
        Steps left free at the beginning of val and test.
    min_observed : float, default=0.5
        Windows with a smaller share of observed values, in [0, 1], are left out; a warning of the logger "tracets" says
        how many.
    reader, freq, zone : str, optional
        As for `read`.

    Raises
    ------
    DataError
        What is wrong in which file, series and row, and the fix; or no window fits.
    ConfigError
        A number out of its range.
    """
    from tracets.data.corpus import Corpus as Corpus_
    from tracets.data.readers import read_series
    from tracets.data.windows import cut_windows, split_by_fractions

    series = read_series(path, reader=reader, freq=freq, zone=zone)
    parts = split_by_fractions(series, SPLIT_FRACTIONS) if split else None
    cut = cut_windows(series, length=length, stride=stride or length, split=parts, gap=gap, min_observed=min_observed)
    if cut.dropped:
        LOG.warning(
            "left out %d of %d windows of '%s': less than %g %% of their values were observed",
            cut.dropped, cut.dropped + len(cut), path, 100 * min_observed,
        )  # fmt: skip
    return Corpus_.from_samples(cut.samples)


def write(corpus: Corpus, path: Path_) -> None:
    """Write a corpus file (Parquet, one row a window); it appears whole or not at all."""
    from tracets.data.corpus import write_corpus

    write_corpus(corpus, path)


def weather(*, captions: bool = True, seed: int = 0, resolutions: Sequence[str] = ("hourly",)) -> Corpus:
    """The real weather of three New York airports in 2013, in labelled windows of 168 hours, with captions.

    Parameters
    ----------
    captions : bool, default=True
        Write a text of each window and of each channel from its numbers, with this `seed`.
    resolutions : sequence of str
        Some of "hourly", "4-hourly", "daily".
    """
    from tracets.data.nycflights import weather_corpus

    corpus = weather_corpus(resolutions=tuple(resolutions))
    return caption(corpus, seed=seed) if captions else corpus


def caption(corpus: Corpus, *, seed: int = 0, overwrite: bool = False) -> Corpus:
    """Write texts from the numbers for windows and channels that have none (for all, with `overwrite`)."""
    from tracets.data.captions import caption_corpus
    from tracets.data.corpus import Corpus as Corpus_

    return Corpus_.from_samples(caption_corpus(corpus, seed=seed, overwrite=overwrite))


def llm_captioner(model: str, cache_dir: Path_, *, base_url: str | None = None) -> LlmCaptioner:
    """A captioner that asks a language model behind an OpenAI-compatible endpoint, for `caption_by_llm`.

    Its `estimate(corpus, price_in=..., price_out=...)` says what that will take, before any request.

    Parameters
    ----------
    model : str
        Name as the endpoint knows it.
    cache_dir : path
        Answers are kept here; a re-run costs nothing.
    base_url : str, optional
        The endpoint; by default `OPENAI_BASE_URL`, else api.openai.com. The key comes from `OPENAI_API_KEY`.
    """
    from tracets.data.captions.llm import LlmCaptioner as Captioner

    return Captioner(model, Path(cache_dir), base_url=base_url)


def caption_by_llm(
    corpus: Corpus,
    captioner: LlmCaptioner,
    *,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Corpus:
    """Let a language model write the texts that windows and channels lack (all, with `overwrite`).

    Numbers in an answer that the data do not hold are listed in the metadata column `unsupported_numbers`. `progress`
    is called with the number of windows done so far.

    Raises
    ------
    MissingExtra
        The `openai` client is not installed.
    CaptionError
        The endpoint refused, or never answered in the right shape; the answers so far are in the cache.
    """
    from tracets.data.corpus import Corpus as Corpus_

    captioned = []
    for sample in captioner.caption_corpus(corpus, overwrite=overwrite):
        captioned.append(sample)
        if progress is not None:
            progress(len(captioned))
    return Corpus_.from_samples(captioned)


def describe(corpus: Corpus) -> dict[str, Any]:
    """Profile a corpus: rows, channels, lengths, share missing, text coverage, splits, labels, duplicates."""
    from tracets.data.profile import describe as profile

    return profile(corpus)


def train(
    corpus: Corpus | None,
    out: Path_,
    *,
    init: Path_ = BASE,
    recipe: str | None = None,
    assignments: Sequence[str] = (),
    max_minutes: float | None = None,
    seed: int = 0,
    resume: bool = False,
    progress_bar: bool = False,
) -> TraceModel:
    """Train a model on the windows of split "train", choose its weights on "val", save it to the folder `out`.

    Parameters
    ----------
    corpus : Corpus or None
        None: the data that the recipe names.
    out : path
        A new folder; with `resume`, one whose training was cut off.
    init : "base", "none" or a model folder
        Where the weights start. From a model, stage 1 is left out, and the model stays as it is where no validation
        passes its own: captions of the corpus alone seldom better `base`, reports by people do. Its settings stay,
        but for the share of the sample vectors in the score, which validation chooses (`align.choose_weight`).
    recipe : str, optional
        A shipped recipe by name, or a TOML file.
    assignments : sequence of str
        Single settings, such as "align.channel=0".
    max_minutes : float, optional
        Time for everything; stands above the recipe's `optim.max_minutes`.

    Raises
    ------
    ConfigError
        Wrong settings, an `out` that exists, or model settings together with `init`.
    DataError
        No windows to train on or to choose by, or none with text.

    Notes
    -----
    Source: arXiv:2506.09114, sections 3.2 and 3.3; docs/model.md says where we depart.
    """
    import torch

    from tracets.config import load_settings
    from tracets.encoders.model import TraceModel as Model
    from tracets.encoders.store import load_model
    from tracets.tasks.curriculum import drill_windows, fresh_captions, fresh_swaps, recipe_windows
    from tracets.tasks.stages import train_stages

    folder = Path(out)
    if max_minutes is not None:
        assignments = [*assignments, f"optim.max_minutes={max_minutes}"]
    settings = load_settings(recipe, assignments=assignments)
    if (folder / "config.json").exists():
        raise ConfigError(f"'{folder}' holds a finished model already. Choose another --out.")
    if (folder / "run").exists() and not resume:
        raise ConfigError(f"'{folder}' holds a training that was cut off. Pass --resume to go on, or another --out.")
    named = {a.partition("=")[0].strip() for a in assignments}
    if "model.sample_weight" in named and settings.align.choose_weight:
        raise ConfigError(
            "model.sample_weight is chosen on validation. Set align.choose_weight=false too, to keep the one you name."
        )
    torch.manual_seed(seed)
    if str(init) == "none":
        model = Model(settings.model, name=folder.name)
    else:
        if any(name.startswith(("model.", "pretrain.")) for name in named - {"model.sample_weight"}):
            raise ConfigError(
                "settings model.* and pretrain.* belong to a model that starts from nothing (--init none); only "
                "model.sample_weight, which no weights depend on, may be changed."
            )
        settings = replace(settings, pretrain=replace(settings.pretrain, share=0.0))
        model = load_model(init)
        model.name = folder.name
        if "model.sample_weight" in named:
            model.sample_weight = settings.model.sample_weight
    swapper, drills = fresh_swaps(seed), []
    if corpus is None:
        data = settings.data
        windows_, about = recipe_windows(
            weather=data.weather, resolutions=data.resolutions, mixed=data.mixed, generated=data.generated,
            family=data.family, seed=seed,
        )  # fmt: skip
        learn, choose = ([s for s in windows_ if s.split == split] for split in ("train", "val"))
        if data.drills and settings.align.swapped:
            drills = drill_windows(
                data.drills, learn, swapper, weather=data.weather, generated=data.generated, family=data.family,
                seed=seed,
            )  # fmt: skip
            about += f" Swapped facts are asked about {len(drills)} windows more."
    else:
        learn, choose = list(corpus.split("train")), list(corpus.split("val"))
        about = f"Data: {len(corpus)} windows given as a corpus; started from {init}."
    train_stages(
        model, learn, choose, folder, pretrain=settings.pretrain, align=settings.align, optim=settings.optim, seed=seed,
        resume=resume, progress_bar=progress_bar, about=about, captioner=fresh_captions(),
        swapper=swapper, drills=drills, keep_start=str(init) != "none",
    )  # fmt: skip
    return model.eval()


def embed(corpus: Iterable[Sample], model: PairEncoder, *, batch_size: int = 64) -> pa.Table:
    """Vectors of every window as a table: id, vector, channel_names, channel_vectors.

    `channel_vectors` holds one vector a channel: the mean of the channel's vectors, of length 1; zero where nothing was
    observed.
    """
    from tracets.retrieval import build

    return build.embed(corpus, model, batch_size=batch_size)


def build_index(
    corpus: Iterable[Sample],
    model: PairEncoder,
    out: Path_,
    *,
    batch_size: int = 64,
    overwrite: bool = False,
    update: bool = False,
    ann: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Index:
    """Write an index, whole or not at all: `update` encodes what is new alone, `ann` makes its search approximate."""
    from tracets.retrieval.build import build_index as make

    return make(
        corpus, model, out, batch_size=batch_size, overwrite=overwrite, update=update, ann=ann, progress=progress
    )


def open_index(path: Path_) -> Index:
    """Open an index folder. Raises IndexFolderError when it is missing, damaged or of another format."""
    from tracets.retrieval.stored import Index as Index_

    return Index_.open(path)


def search(
    index: Index,
    model: PairEncoder,
    query: Query | Sample | str,
    *,
    want: Literal["series", "text"] = "series",
    k: int = 10,
    where: str | None = None,
    hubness: bool = True,
    exact: bool = False,
) -> list[Hit]:
    """The k stored windows that answer a query best, best first; see `tracets.retrieval.search.search`.

    A text or a sample may stand for the whole query.

    Examples
    --------
    >>> search(open_index("weather.index"), load("base"), "a burst of heavy rain near the end", k=3)  # doctest: +SKIP
    """
    from tracets.retrieval import search as search_

    if isinstance(query, (str, Sample)):
        query = Query(text=query) if isinstance(query, str) else Query(series=query)
    return search_.search(index, model, query, want=want, k=k, where=where, hubness=hubness, exact=exact)


def hit_to_json(hit: Hit) -> dict[str, Any]:
    """A hit as one line of `tracets search --json`."""
    from tracets.retrieval import search as search_

    return search_.hit_to_json(hit)


def explain(index: Index, model: PairEncoder, id: str, query: str) -> Explanation:
    """Take the score of one stored window for a text apart: sentence by sentence, channel by channel."""
    from tracets.retrieval import reasons

    return reasons.explain(index.folder, model, id, query)


def plot_hits(index: Index, hits: Sequence[Hit], description: str, path: Path_) -> None:
    """Draw hits as small multiples, one panel a channel, in one HTML page that needs no network."""
    from tracets import plots

    plots.plot_hits(description, hits, index.folder.samples([hit.id for hit in hits]), path)


def evaluate_retrieval(
    corpus: Corpus,
    model: PairEncoder,
    *,
    split: str = "test",
    where: str | None = None,
    baselines: Sequence[str] = (),
    seed: int = 0,
    n_boot: int = 1000,
    hubness: bool = True,
) -> RetrievalReport:
    """Rank one split of a corpus in every direction: pairs and labels, beside chance, intervals and baselines.

    `where` narrows the pool by an SQL expression. Baselines that learn are fitted on the train split. Series to text,
    the texts' hubness over windows of the train split is taken off (`tracets.retrieval.hubness`), unless
    `hubness` is False.
    """
    from tracets.evaluate.retrieval import evaluate_retrieval as evaluate

    pool = corpus.split(split)
    pool = pool if where is None else pool.where(where)
    rest = [s for s in corpus if s.split in ("train", "val") and s.split != split]
    return evaluate(
        list(pool), model, baselines=baselines, seed=seed, n_boot=n_boot, train=rest or None, hubness=hubness
    )


def evaluate_probes(
    corpus: Corpus,
    model: PairEncoder,
    *,
    split: str = "test",
    where: str | None = None,
    seed: int = 0,
    limit: int | None = None,
    n_boot: int = 1000,
) -> ProbeReport:
    """Ask a model to choose between the truth and the truth with one fact swapped, beside placebos.

    `where` narrows the windows by an SQL expression, `limit` draws at most so many of them.
    """
    from tracets.evaluate.probes import evaluate_probes as evaluate

    windows_ = corpus.split(split)
    windows_ = windows_ if where is None else windows_.where(where)
    return evaluate(list(windows_), model, seed=seed, limit=limit, n_boot=n_boot)


def evaluate_channels(
    corpus: Corpus,
    model: PairEncoder,
    *,
    split: str = "test",
    limit: int = 100,
    seed: int = 0,
    n_boot: int = 1000,
) -> ChannelReport:
    """Drop each channel of at most `limit` windows of one split: do their scores fall most without the named one?

    Beside chance, for whole texts and for each of their sentences asked alone; see `tracets.evaluate.deletion`.
    """
    from tracets.evaluate.deletion import evaluate_channels as evaluate

    return evaluate(list(corpus.split(split)), model, limit=limit, seed=seed, n_boot=n_boot)

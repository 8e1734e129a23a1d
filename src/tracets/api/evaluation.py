"""How good a model is, measured on a corpus. Heavy imports wait for their use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tracets.errors import DataError

if TYPE_CHECKING:
    from tracets.data.corpus import Corpus
    from tracets.encoders.protocol import PairEncoder
    from tracets.evaluate.deletion import ChannelReport
    from tracets.evaluate.parts import PartReport
    from tracets.evaluate.probe_report import ProbeReport
    from tracets.evaluate.report import RetrievalReport
    from tracets.filters import Filter
    from tracets.types import Sample


def evaluate_retrieval(
    corpus: Corpus,
    model: PairEncoder,
    *,
    split: str = "test",
    where: str | Filter | None = None,
    baselines: Sequence[str] = (),
    seed: int = 0,
    n_boot: int = 1000,
    hubness: bool = True,
) -> RetrievalReport:
    """Rank one split of a corpus in every direction: pairs and labels, beside chance, intervals and baselines.

    Parameters
    ----------
    corpus : Corpus
        With texts, labels or both.
    model : PairEncoder
        As `load` gives it.
    split : str, default="test"
        The pool.
    where : str or Filter, optional
        Narrows the pool, as in a search.
    baselines : sequence of str
        Some of "random", "bm25", "caption", "ridge", "euclidean" and "dtw". Those that learn do so on the train
        split.
    seed, n_boot : int
        Of the draws and of the intervals; how many resamples make an interval.
    hubness : bool, default=True
        Series to text, take off the texts' hubness over windows of the train split.

    Returns
    -------
    RetrievalReport
        `to_table()` for people, `to_json()` for programs.

    Raises
    ------
    DataError
        No windows to rank.
    NotFound
        No such baseline.

    Examples
    --------
    >>> report = tracets.evaluate_retrieval(corpus, model, baselines=["bm25"], n_boot=50)
    >>> print(report.to_table().splitlines()[2])
    | Text to series, pair | P@1 | P@5 | P@10 | MRR | median_rank |
    """
    from tracets.evaluate.retrieval import evaluate_retrieval as evaluate

    pool = _asked(corpus, split, where)
    rest = [s for s in corpus if s.split in ("train", "val") and s.split != split]
    return evaluate(pool, model, baselines=baselines, seed=seed, n_boot=n_boot, train=rest or None, hubness=hubness)


def evaluate_probes(
    corpus: Corpus,
    model: PairEncoder,
    *,
    split: str = "test",
    where: str | Filter | None = None,
    seed: int = 0,
    limit: int | None = None,
    n_boot: int = 1000,
) -> ProbeReport:
    """Ask a model to choose between the truth and the truth with one fact swapped, beside placebos.

    Parameters
    ----------
    corpus : Corpus
        Its numbers; texts are written anew.
    model : PairEncoder
        As `load` gives it.
    split : str, default="test"
        Its windows are asked about.
    where : str or Filter, optional
        Narrows the windows, as in a search.
    limit : int, optional
        Draw at most so many of them.
    seed, n_boot : int
        Of the draws and of the intervals; how many resamples make an interval.

    Returns
    -------
    ProbeReport
        The share of right choices of each kind of fact; chance is .5.

    Raises
    ------
    DataError
        No windows to ask about.

    Examples
    --------
    >>> report = tracets.evaluate_probes(corpus, model, limit=4, n_boot=50)
    >>> print(report.to_table().splitlines()[2])
    | Swapped | sentences of facts | n | stored texts | n |
    """
    from tracets.evaluate.probes import evaluate_probes as evaluate

    return evaluate(_asked(corpus, split, where), model, seed=seed, limit=limit, n_boot=n_boot)


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

    Parameters
    ----------
    corpus : Corpus
        With texts.
    model : PairEncoder
        As `load` gives it.
    split : str, default="test"
        Its windows are asked about.
    limit : int, default=100
        At most so many of them.
    seed, n_boot : int
        Of the draws and of the intervals; how many resamples make an interval.

    Returns
    -------
    ChannelReport
        How often the named channel is the one, beside chance.

    Raises
    ------
    DataError
        No windows with a text and several channels.

    Examples
    --------
    >>> report = tracets.evaluate_channels(corpus, model, limit=4, n_boot=50)
    >>> print(report.to_table().splitlines()[2])
    | named channel | n | chance | agreement | fall without it | without another |
    """
    from tracets.evaluate.deletion import evaluate_channels as evaluate

    return evaluate(_asked(corpus, split), model, limit=limit, seed=seed, n_boot=n_boot)


def evaluate_parts(
    corpus: Corpus,
    model: PairEncoder,
    *,
    split: str = "test",
    limit: int = 50,
    seed: int = 0,
    n_boot: int = 1000,
) -> PartReport:
    """Level the part of a channel that each sentence of at most `limit` windows matches: does the match fall most?

    Beside random stretches of the same length; see `tracets.evaluate.parts`.

    Parameters
    ----------
    corpus : Corpus
        With texts.
    model : PairEncoder
        As `load` gives it.
    split : str, default="test"
        Its windows are asked about.
    limit : int, default=50
        At most so many of them.
    seed, n_boot : int
        Of the draws and of the intervals; how many resamples make an interval.

    Returns
    -------
    PartReport
        How often the named part is the one, beside chance.

    Raises
    ------
    DataError
        No windows with a text.

    Examples
    --------
    >>> report = tracets.evaluate_parts(corpus, model, limit=2, n_boot=50)
    >>> print(report.to_table().splitlines()[2])  # doctest: +ELLIPSIS
    | sentences | with a part | its share of the window | falls more than (chance .500) | ...
    """
    from tracets.evaluate.parts import evaluate_parts as evaluate

    return evaluate(_asked(corpus, split), model, limit=limit, seed=seed, n_boot=n_boot)


def _asked(corpus: Corpus, split: str, where: str | Filter | None = None) -> list[Sample]:
    """The windows of a split that a filter keeps; refused where there are none."""
    part = corpus.split(split)
    kept = part if where is None else part.where(where)
    if not len(kept):
        passes = f" that the filter keeps, of {len(part)}" if len(part) else ""
        raise DataError(
            f"the corpus has no window of split '{split}'{passes}. Name a split that it has, or set its column `split` "
            f"(tracets data windows --split writes it)."
        )
    return list(kept)

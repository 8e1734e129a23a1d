"""The words every room speaks: samples, batches, vectors, queries and hits. NumPy only.

Raw units stay in a `Sample`; normalising happens inside the encoders. A missing value is NaN, never a magic number.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from tracets.errors import DataError, NotFound

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]
    BoolArray = NDArray[np.bool_]
else:
    # NumPy waits for the first sample, so that a command's --help does without; annotations are never evaluated
    FloatArray = BoolArray = Any

AnyPath = str | os.PathLike[str]

LISTED = 1_000_000
"""Windows from which on an index is searched approximately, unless it is asked not to be: by inverted lists."""
KEEP_SECONDS = 3600.0
"""How long what an index was before a change stays readable for those who have it open."""
LOOK_SECONDS = 5.0
"""Between two looks at a folder that is watched."""
ANSWER_SECONDS = 60.0
"""How long a source on a server may let us wait for its answer."""
NO_NAME = "[\x00-\x1f\x7f-\x9f\u2028\u2029]"
"""Characters that no id, name or unit may have: controls and line ends. (Half a surrogate pair may stand nowhere.)"""
_NO_NAME = re.compile(f"{NO_NAME}|[\ud800-\udfff]")


@dataclass(frozen=True, eq=False)
class Sample:
    """One window of a multivariate series with whatever text is known about it.

    Parameters
    ----------
    id : str
        Unique in its corpus.
    values : ndarray of shape (n_channels, n_steps), float32
        Raw units; NaN = missing; infinities are refused.
    channel_names : tuple of str
        One non-empty name a channel, unique in the sample. Any names, any order.
    units : tuple of str or None
        One a channel; empty means none is known.
    start : datetime or None
        Time of the first step; its zone is kept.
    freq : str or None
        Sampling step as a pandas offset ("h", "30min", "D").
    text : str or None
        The report or caption of the whole window.
    channel_texts : tuple of (str or None)
        One a channel; empty means none is known.
    event_text, label, split, domain, source : str or None
        `split` is one of "train", "val", "test".
    metadata : mapping
        Every other column of the corpus; can be filtered on.

    Raises
    ------
    DataError
        Shapes that disagree, infinities, empty or repeated channel names, control characters in an id, name or unit.

    Examples
    --------
    >>> import numpy as np
    >>> Sample("a", np.zeros((2, 24)), ("load", "temperature")).n_channels
    2
    """

    id: str
    values: FloatArray
    channel_names: tuple[str, ...]
    units: tuple[str | None, ...] = ()
    start: datetime | None = None
    freq: str | None = None
    text: str | None = None
    channel_texts: tuple[str | None, ...] = ()
    event_text: str | None = None
    label: str | None = None
    split: str | None = None
    domain: str | None = None
    source: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        import numpy as np

        values = np.asarray(self.values, dtype=np.float32)
        if values.ndim != 2 or 0 in values.shape:
            raise DataError(
                f"sample '{self.id}': values must have shape (n_channels, n_steps) with both at least 1, "
                f"got {values.shape}. Pass one row a channel."
            )
        if np.isinf(values).any():
            c, t = np.argwhere(np.isinf(values))[0]
            raise DataError(
                f"sample '{self.id}': channel {c}, step {t} is infinite. "
                f"Replace infinities by NaN if they mean missing."
            )
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "start", _in_zoneinfo(self.start))
        names = tuple(self.channel_names)
        if len(names) != len(values) or len(set(names)) != len(names) or not all(n and n.strip() for n in names):
            raise DataError(
                f"sample '{self.id}': expects {len(values)} distinct, non-empty channel names "
                f"(one a row of values), got {names}."
            )
        object.__setattr__(self, "channel_names", names)
        _check_names(self.id, (self.id, *names, *(unit for unit in self.units if unit)))
        for what in ("units", "channel_texts"):
            given = tuple(getattr(self, what)) or (None,) * len(names)
            if len(given) != len(names):
                raise DataError(
                    f"sample '{self.id}': {what} must have one entry a channel ({len(names)}), got {len(given)}. "
                    f"Use null where a channel has none."
                )
            object.__setattr__(self, what, given)

    @property
    def n_channels(self) -> int:
        return len(self.values)

    @property
    def n_steps(self) -> int:
        return self.values.shape[1]

    def _repr_html_(self) -> str:
        """What a notebook shows: when, how long, each channel in figures and as a line, and the text."""
        import numpy as np

        from tracets import reprs

        rows: list[tuple[str | float | None, ...]] = []
        for name, unit, values in zip(self.channel_names, self.units, self.values, strict=True):
            known = values[~np.isnan(values)].astype(np.float64)
            told = (float(known.min()), float(known.mean()), float(known.max())) if len(known) else (None, None, None)
            rows.append((name, unit, *told, f"{len(known) / len(values):.0%}", reprs.line(values.tolist())))
        facts = {
            "start": self.start and self.start.isoformat(), "steps": self.n_steps, "freq": self.freq,
            "label": self.label, "split": self.split,
        }  # fmt: skip
        head = ("channel", "unit", "least", "mean", "most", "observed", "course")
        return reprs.card(self.id, facts, reprs.table(head, rows), self.text)


def has_controls(name: str) -> bool:
    """Whether a name has characters that no file name, table or terminal could take."""
    return _NO_NAME.search(name) is not None


def _check_names(id: str, names: tuple[str, ...]) -> None:
    if has_controls("".join(names)):
        bad = next(name for name in names if has_controls(name))
        raise DataError(f"sample {id!r}: {bad!r} has control characters. Rename it.")


def _in_zoneinfo(time: datetime | None) -> datetime | None:
    """The same moment in a zone of the standard library: one of pytz, as pandas 2 gives, keeps its offset for ever."""
    zone = None if time is None else getattr(time.tzinfo, "zone", None)
    return time if time is None or zone is None else time.astimezone(ZoneInfo(zone))


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples padded to one shape; what the encoders read.

    `values` (n, c, t) float32 holds 0 where `observed` (n, c, t) is False (missing or padding). `channel_valid` (n, c)
    is False for padding channels and for channels with nothing observed. `start` may hold None; `step_seconds` (n,)
    is NaN where the sampling step is unknown. `n_steps` (n,) is each sample's own length.
    """

    values: FloatArray
    observed: BoolArray
    channel_valid: BoolArray
    channel_names: tuple[tuple[str, ...], ...]
    units: tuple[tuple[str | None, ...], ...]
    start: tuple[datetime | None, ...]
    step_seconds: NDArray[np.float64]
    n_steps: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, eq=False)
class SeriesVectors:
    """What an encoder makes of n series. Every vector has length 1.

    `sample` (n, d); `channels[i]` (n_channels_i, m, d), m vectors a channel, all zero for a channel with nothing
    observed (it can match nothing).
    """

    sample: FloatArray
    channels: tuple[FloatArray, ...]

    def __len__(self) -> int:
        return len(self.sample)


@dataclass(frozen=True, eq=False)
class TextVectors:
    """What an encoder makes of n texts. Every vector has length 1.

    `sample` (n, d); `sentences[i]` (n_sentences_i, d) with n_sentences_i >= 1; `spans[i]` the sentences themselves.
    """

    sample: FloatArray
    sentences: tuple[FloatArray, ...]
    spans: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.sample)


@dataclass(frozen=True)
class Query:
    """What is looked for; at least one part must be given, and several are combined by the mean of their scores.

    Parameters
    ----------
    text, series, like
        Words, a Sample, and the id of a stored window, which is left out of the hits; None for what is not asked by.
    channels : mapping of str to str
        Texts about named channels.

    Examples
    --------
    >>> Query(text="a cold day", channels={"load": "a peak at noon"}).channels
    {'load': 'a peak at noon'}
    """

    text: str | None = None
    series: Sample | None = None
    like: str | None = None
    channels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Hit:
    """One stored window that answers a query.

    Parameters
    ----------
    rank, id, score
        From 1; of the window; see `search`.
    start, end : datetime or None
        Times of the first and the last step.
    channels : mapping of str to float
        What the score would lose without each, from the stored vectors: the largest made the hit. All of the score
        for a channel that answers alone; 0 for one that answers nothing better than others do; below 0 where a query
        series must be compared with it by its name and another one is more alike.
    text, label, metadata
        Of the window.
    drawn_by : callable, optional
        Draws the window for `plot`: a search gives it.

    Examples
    --------
    >>> Hit(1, "a", 0.5, None, None, {"load": 0.5}, None, None, {}).place
    'a'
    """

    rank: int
    id: str
    score: float
    start: datetime | None
    end: datetime | None
    channels: Mapping[str, float]
    text: str | None
    label: str | None
    metadata: Mapping[str, Any]
    drawn_by: Callable[[Hit], Any] | None = field(default=None, kw_only=True, repr=False, compare=False)

    @property
    def place(self) -> str:
        """What was found, in words: the id of the window, or the steps of its series that a span is."""
        return self.id

    def plot(self) -> Any:
        """The window as a plotly figure: a panel a channel with its score in the title, and a star at the largest.

        The values are read from the index that the search was made in, as it was then.

        Raises
        ------
        NotFound
            A hit that comes from no search of this process.

        Examples
        --------
        >>> search(index, model, "heavy rain", k=1)[0].plot()  # doctest: +SKIP
        """
        if self.drawn_by is None:
            raise NotFound(
                f"hit '{self.id}' comes from no search of this process, so that its values are not known. Search "
                f"again, or draw it with tracets.plot_hits(index, hits, title, file)."
            )
        return self.drawn_by(self)

    def _repr_html_(self) -> str:
        """What a notebook shows: score, when, what each channel adds, and the text."""
        from tracets import reprs

        times = [time and time.isoformat() for time in (self.start, self.end)]
        facts = {"score": f"{self.score:.3f}", "start": times[0], "end": times[1], "label": self.label}
        most = max(self.channels.values(), default=0.0)
        ranked = sorted(self.channels.items(), key=lambda item: -item[1])
        rows = [(name, score, reprs.bar(score, most)) for name, score in ranked]
        return reprs.card(f"{self.rank}. {self.place}", facts, reprs.table(("channel", "score", ""), rows), self.text)


@dataclass(frozen=True)
class Span(Hit):
    """A stretch of a series that answers a query: steps `first_step` to `first_step + n_steps` of `series`.

    Parameters
    ----------
    rank, id, score, start, end, channels, text, label, metadata, drawn_by
        As for `Hit`, of the stored window that the span was found by; `score` and `channels` are those of the span
        itself where it was refined. `end` is the time of the last step.
    series, first_step, n_steps
        The long series; where in it the span lies, and how long it is.

    Examples
    --------
    >>> Span(1, "a", 0.5, None, None, {}, None, None, {}, series="plant", first_step=48, n_steps=24).place
    'plant, 24 steps from 48'
    """

    series: str
    first_step: int
    n_steps: int

    @property
    def place(self) -> str:
        return f"{self.series}, {self.n_steps} steps from {self.first_step}"


@dataclass(frozen=True)
class MatchedPart:
    """The stretch of a channel without which a sentence matches it worst: steps `first_step` to `first_step + n_steps`.

    `start` and `end` are the times of its first and last step, None where they are not known. `drop` is what the cosine
    of sentence and channel loses when these steps are made missing, `usual` the median of what it loses without other
    stretches as long as this.
    """

    first_step: int
    n_steps: int
    start: datetime | None
    end: datetime | None
    drop: float
    usual: float


@dataclass(frozen=True)
class CheckedNumber:
    """One number of a text, held against the values of its window.

    Parameters
    ----------
    number : str
        As the text has it, with its unit: "12.7 m/s", "day 5", "04:00", "three".
    at : int
        Where it begins in the text, in characters.
    says : str
        What the text says it is: "high", "mean", "time of the high". Empty where the sentence could not be read.
    channel : str or None
        The channel that it is about; None where it is about several, or the sentence could not be read.
    recomputed : str or None
        The same from the values, in the same rounding; None where the values have no such number.
    result : "agrees", "differs" or "not checked"
        "differs" where the values give another number, or none; "not checked" where the sentence has no form that is
        known, as in a report by people.
    first_step, n_steps, start, end
        Where it lies: the step of a peak, the steps of a day, all of them for a mean. None where it lies nowhere.
    """

    number: str
    at: int
    says: str
    channel: str | None
    recomputed: str | None
    result: Literal["agrees", "differs", "not checked"]
    first_step: int | None = None
    n_steps: int | None = None
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class Classification:
    """What one window is: its most probable label, or the labels that are more probable than not.

    Parameters
    ----------
    id, label
        Of the window; a tuple of labels where it may have several.
    probabilities : mapping of str to float
        Of every class, by its name, in [0, 1]; they sum to 1 where a window has one label.

    Examples
    --------
    >>> Classification("a", "cold", {"cold": 0.8, "warm": 0.2}).label
    'cold'
    """

    id: str
    label: str | tuple[str, ...]
    probabilities: Mapping[str, float]


LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Quantile levels of every forecast."""


@dataclass(frozen=True, eq=False)
class Forecast:
    """What is expected after a window, in raw units.

    Parameters
    ----------
    id : str
        The window that is continued.
    mean : ndarray of shape (n_channels, horizon), float32
        Finite everywhere, also for a channel with nothing observed (then 0).
    quantiles : ndarray of shape (len(LEVELS), n_channels, horizon), float32
        At the `LEVELS`, rising along the first axis.
    channel_names, units
        Those of the window.
    start, freq
        Time of the first forecast step, and the sampling step as a pandas offset; None where they are not known.
    neighbours : tuple of str
        Ids of the windows whose continuations had a part in it, nearest first; empty without retrieval.

    Raises
    ------
    DataError
        Shapes that disagree, values that are not finite, quantiles that fall.

    Examples
    --------
    >>> import numpy as np
    >>> Forecast("a", np.zeros((1, 24)), np.zeros((len(LEVELS), 1, 24)), ("load",)).horizon
    24
    """

    id: str
    mean: FloatArray
    quantiles: FloatArray
    channel_names: tuple[str, ...]
    units: tuple[str | None, ...] = ()
    start: datetime | None = None
    freq: str | None = None
    neighbours: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        import numpy as np

        mean, quantiles = (np.asarray(x, dtype=np.float32) for x in (self.mean, self.quantiles))
        if mean.ndim != 2 or len(mean) != len(self.channel_names) or quantiles.shape != (len(LEVELS), *mean.shape):
            raise DataError(
                f"forecast of '{self.id}': expects a mean of {len(self.channel_names)} channels and quantiles at "
                f"{len(LEVELS)} levels of the same shape, got {mean.shape} and {quantiles.shape}."
            )
        if not (np.isfinite(mean).all() and np.isfinite(quantiles).all()):
            raise DataError(f"forecast of '{self.id}': values must be finite.")
        if (np.diff(quantiles, axis=0) < 0).any():
            raise DataError(f"forecast of '{self.id}': quantiles must rise with their level.")
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "quantiles", quantiles)
        object.__setattr__(self, "units", tuple(self.units) or (None,) * len(mean))

    @property
    def horizon(self) -> int:
        return self.mean.shape[1]


@dataclass(frozen=True, eq=False)
class Neighbour:
    """A window that one is like, told in the units of that one: `past` (n_channels, n_steps) and what followed it,
    `future` (n_channels, horizon). NaN for a channel that it lacks. `score` in [-1, 1]."""

    id: str
    score: float
    past: FloatArray
    future: FloatArray

"""Windows, hits and forecasts as JSON, numbers, tables and pages. Heavy imports wait for their use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tracets.api.searching import stored
from tracets.types import LEVELS, AnyPath, Forecast, Hit, Neighbour, Sample

if TYPE_CHECKING:
    from tracets.retrieval.stored import Index


def hit_to_json(hit: Hit) -> dict[str, Any]:
    """A hit as one line of `tracets search --json`.

    Parameters
    ----------
    hit : Hit
        From `search`.

    Returns
    -------
    dict
        Plain texts and numbers; times are ISO 8601.

    Examples
    --------
    >>> [hit] = tracets.search(index, model, "a cold day", k=1)
    >>> tracets.hit_to_json(hit)["rank"]
    1
    """
    from tracets.retrieval import search as search_

    return search_.hit_to_json(hit)


def hits_to_html(hits: Sequence[Hit]) -> str:
    """Hits as one HTML table, a row a hit, for a notebook; texts in it are escaped.

    Parameters
    ----------
    hits : sequence of Hit
        From `search`.

    Returns
    -------
    str
        HTML that asks no server for anything.

    Examples
    --------
    >>> hit = tracets.Hit(1, "<b>", 0.5, None, None, {"load": 0.5}, None, None, {})
    >>> "&lt;b&gt;" in tracets.hits_to_html([hit])
    True
    """
    from tracets import reprs

    rows = []
    for hit in hits:
        best = sorted(hit.channels.items(), key=lambda item: -item[1])[:3]
        times = [None if time is None else f"{time:%Y-%m-%d %H:%M}" for time in (hit.start, hit.end)]
        told = ", ".join(f"{name} {score:.2f}" for name, score in best)
        rows.append((str(hit.rank), hit.place, f"{hit.score:.3f}", *times, hit.label, told, hit.text))
    head = ("", "window", "score", "from", "to", "label", "channels that count most", "text")
    return reprs.table(head, rows, most=len(rows))


def sample_to_json(sample: Sample) -> dict[str, Any]:
    """A window as plain lists, texts and numbers: NaN is null, times are ISO 8601 with their zone.

    Parameters
    ----------
    sample : Sample
        A window.

    Returns
    -------
    dict
        What `json` can write.

    Examples
    --------
    >>> tracets.sample_to_json(tracets.Sample("a", [[1, float("nan")]], ("load",)))["values"]
    [[1.0, None]]
    """
    from tracets.data.corpus import plain

    listed = ("channel_names", "units", "channel_texts")
    named = ("start", "freq", "text", "event_text", "label", "domain", "source")
    return (
        {"id": sample.id, "values": plain(sample.values)}
        | {name: list(getattr(sample, name)) for name in listed}
        | {name: plain(getattr(sample, name)) for name in named}
        | {"metadata": {name: plain(value) for name, value in sample.metadata.items()}}
    )


def channel_numbers(sample: Sample) -> dict[str, dict[str, Any]]:
    """Of each channel: unit, share observed, and the least, mean, largest, first and last known value or None.

    Parameters
    ----------
    sample : Sample
        A window.

    Returns
    -------
    dict
        By channel: "unit", "observed" in [0, 1], and "min", "mean", "max", "first", "last" in that unit.

    Examples
    --------
    >>> tracets.channel_numbers(tracets.Sample("a", [[1, float("nan"), 4]], ("load",)))["load"]["mean"]
    2.5
    """
    import numpy as np

    out: dict[str, dict[str, Any]] = {}
    for name, unit, values in zip(sample.channel_names, sample.units, sample.values, strict=True):
        known = values[np.isfinite(values)].astype(np.float64)
        told = dict.fromkeys(("min", "mean", "max", "first", "last"))
        if len(known):
            found = (known.min(), known.mean(), known.max(), known[0], known[-1])
            told = dict(zip(told, map(float, found), strict=True))
        out[name] = {"unit": unit, "observed": round(len(known) / len(values), 4), **told}
    return out


def compare(index: Index, one: str, other: str) -> dict[str, dict[str, dict[str, Any]]]:
    """The numbers of two stored windows side by side, for each channel that both have.

    Parameters
    ----------
    index : Index
        An open index.
    one, other : str
        Ids of two windows.

    Returns
    -------
    dict
        By channel "one" and "other", each as `channel_numbers` has it.

    Raises
    ------
    NotFound
        An unknown id.
    QueryError
        They have no channel in common.

    Examples
    --------
    >>> numbers = tracets.compare(index, "plant-2024-01-05T00", "plant-2024-01-06T00")
    >>> sorted(numbers["load"]), numbers["load"]["one"]["unit"]
    (['one', 'other'], 'MW')
    """
    from tracets.errors import QueryError

    first, second = (channel_numbers(sample) for sample in stored(index, [one, other]))
    both = [name for name in first if name in second]
    if not both:
        raise QueryError(f"windows '{one}' and '{other}' have no channel in common. Compare others.")
    return {name: {"one": first[name], "other": second[name]} for name in both}


def map_of(index: Index) -> list[dict[str, Any]]:
    """The windows of an index (up to 2,000, evenly) as points of a plane, near where they are alike.

    Parameters
    ----------
    index : Index
        An open index.

    Returns
    -------
    list of dict
        Each with id, x, y and label.

    Examples
    --------
    >>> points = tracets.map_of(index)
    >>> len(points), sorted(points[0])
    (40, ['id', 'label', 'x', 'y'])
    """
    from tracets.retrieval.projection import project, shown

    rows = shown(index)
    facts = index.folder.facts(rows, ["id", "label"])
    return [
        {"id": fact["id"], "x": float(x), "y": float(y), "label": fact["label"]}
        for fact, (x, y) in zip(facts, project(index, rows), strict=True)
    ]


def plot_hits(index: Index, hits: Sequence[Hit], description: str, path: AnyPath) -> None:
    """Draw hits as small multiples, one panel a channel, in one HTML page that needs no network.

    Parameters
    ----------
    index : Index
        The one that was searched.
    hits : sequence of Hit
        From `search`.
    description : str
        A title: what was asked.
    path : path
        The HTML file to write.

    Examples
    --------
    >>> hits = tracets.search(index, model, "a cold day", k=3)
    >>> tracets.plot_hits(index, hits, "a cold day", "hits.html")
    """
    from tracets import plots

    plots.plot_hits(description, hits, index.folder.samples([hit.id for hit in hits]), path)


def forecast_to_json(forecast: Forecast) -> dict[str, Any]:
    """A forecast as one line of `tracets forecast --json`.

    Parameters
    ----------
    forecast : Forecast
        From a forecaster.

    Returns
    -------
    dict
        Plain texts and numbers; times are ISO 8601.

    Examples
    --------
    >>> [ahead] = tracets.load_backbone("last-value").forecast(tracets.histories("plant.csv"), 2)
    >>> sorted(tracets.forecast_to_json(ahead)["channels"])
    ['load', 'temperature']
    """
    return {
        "id": forecast.id,
        "start": None if forecast.start is None else forecast.start.isoformat(),
        "freq": forecast.freq,
        "levels": list(LEVELS),
        "channels": {
            name: {"mean": forecast.mean[c].tolist(), "quantiles": forecast.quantiles[:, c].tolist()}
            for c, name in enumerate(forecast.channel_names)
        },
        "neighbours": list(forecast.neighbours),
    }


def forecast_frame(forecasts: Sequence[Forecast]) -> Any:
    """Forecasts as a pandas frame, a row a step and channel.

    Parameters
    ----------
    forecasts : sequence of Forecast
        From a forecaster.

    Returns
    -------
    pandas.DataFrame
        id, time (or step, from 1), channel, mean, and a column a level: q0.1 to q0.9.

    Examples
    --------
    >>> ahead = tracets.load_backbone("last-value").forecast(tracets.histories("plant.csv"), 2)
    >>> tracets.forecast_frame(ahead).shape
    (4, 13)
    """
    import pandas as pd

    from tracets.data.calendar import to_offset

    rows = []
    for one in forecasts:
        steps: Any = range(1, one.horizon + 1)
        if one.start is not None and one.freq is not None:
            steps = pd.date_range(one.start, periods=one.horizon, freq=to_offset(one.freq))
        for c, name in enumerate(one.channel_names):
            told = {"id": one.id, "time": steps, "channel": name, "mean": one.mean[c]}
            rows.append(pd.DataFrame(told | {f"q{level:g}": one.quantiles[k, c] for k, level in enumerate(LEVELS)}))
    return pd.concat(rows, ignore_index=True)


def plot_forecasts(
    forecasts: Sequence[Forecast],
    history: Sequence[Sample],
    path: AnyPath,
    *,
    truth: Mapping[str, Any] | None = None,
    neighbours: Sequence[Sequence[Neighbour]] = (),
) -> None:
    """Draw forecasts after the last steps of their series in one HTML page that needs no network.

    Parameters
    ----------
    forecasts : sequence of Forecast
        From a forecaster.
    history : sequence of Sample
        What they continue.
    path : path
        The HTML file to write.
    truth : mapping of str to ndarray of shape (n_channels, horizon), optional
        By id what followed, where it is known.
    neighbours : sequence of sequence of Neighbour
        Of each series in `history`, as `RagForecaster.neighbours(history)` gives them.

    Examples
    --------
    >>> history = tracets.histories("plant.csv")
    >>> tracets.plot_forecasts(tracets.load_backbone("seasonal-naive").forecast(history, 24), history, "ahead.html")
    """
    from tracets import plots

    like = {sample.id: found for sample, found in zip(history, neighbours, strict=bool(neighbours))}
    plots.plot_forecasts(forecasts, history, path, truth=truth or {}, neighbours=like)

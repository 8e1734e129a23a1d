"""Pictures of hits and of forecasts: one self-contained HTML page by plotly, that opens offline."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tracets.errors import NotFound
from tracets.types import LEVELS, FloatArray, Forecast, Hit, Neighbour, Sample

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

COLUMNS = 4
PANEL, GAP, MARGIN = 130, 62, 40  # pixels
STRONGEST, OTHERS, KNOWN, BAND_COLOR = "#c2410c", "#64748b", "#0f172a", "rgba(194, 65, 12, 0.18)"
NEIGHBOURS = "rgba(2, 132, 199, 0.35)"
STEP = "step"
SHOWN = 3
"""Horizons of the past that are drawn before a forecast, at least `LEAST_SHOWN` steps."""
LEAST_SHOWN = 48
BAND = (0.1, 0.9)
LEGEND = "The number in a panel's title is the score of the channel; ★ marks the strongest."
FORECAST_LEGEND = (
    "Grey: what was known. Red: the mean of the forecast, and the band that should hold four of five values. Black: "
    "what followed, where it is known."
)
NEIGHBOURS_LEGEND = " Blue: the windows that the last steps resemble most, in their scale, and what followed them."
PROFILE_LEGEND = "How many windows there are of what, what is missing, when they begin, and one window of each label."
MOST_BARS = 24
MOST_ROWS = 200
LONGEST_NAME = 18
THIN_ROW = 17  # pixels
ROW = 24  # pixels
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; color: #0f172a; background: #f8fafc; max-width: 1280px;
       margin: 0 auto; padding: 24px; }}
h1 {{ font-size: 20px; font-weight: 600; overflow-wrap: anywhere; }}
section {{ background: #fff; border: 1px solid #e2e8f0; border-radius: 8px; padding: 14px 18px; margin: 16px 0; }}
h1, h2, p {{ unicode-bidi: isolate; }}
h2 {{ font-size: 16px; margin: 0 0 4px; overflow-wrap: anywhere; }}
p {{ margin: 4px 0; overflow-wrap: anywhere; }}
.facts {{ color: #475569; font-size: 13px; }}
.score {{ color: {strongest}; }}
td, th {{ padding: 1px 10px 1px 0; text-align: left; overflow-wrap: anywhere; }}
td:nth-child(n+3), th:nth-child(n+3) {{ text-align: right; white-space: nowrap; }}
</style>
<script>{plotly}</script></head>
<body><h1>{title}</h1>
<p class="facts">{count}</p>
{sections}
</body></html>
"""


def plot_hits(
    query_description: str, hits: Sequence[Hit], samples: Iterable[Sample], path: str | os.PathLike[str]
) -> None:
    """Draw each hit as a row of panels, one a channel, in one HTML page that needs no network.

    Missing values are gaps; an observed step between two missing ones is a dot. Times are drawn at the UTC offset that
    the window starts with, so that a change of the clock neither folds nor tears the line.

    Parameters
    ----------
    query_description : str
        The page's title, such as the query's text.
    hits : sequence of Hit
        In the order of the page.
    samples : iterable of Sample
        The windows of the hits, in any order.
    path : path
        The HTML file to write.

    Raises
    ------
    NotFound
        A hit whose sample is not given.
    """
    by_id = {sample.id: sample for sample in samples}
    missing = [hit.id for hit in hits if hit.id not in by_id]
    if missing:
        raise NotFound(f"plot_hits() has no sample for hit '{missing[0]}'. Pass the sample of every hit.")
    count = f"{len(hits)} hit{'' if len(hits) == 1 else 's'}. {LEGEND}"
    _write_page(path, query_description, count, [_section(hit, by_id[hit.id]) for hit in hits])


def plot_forecasts(
    forecasts: Sequence[Forecast],
    pasts: Sequence[Sample],
    path: str | os.PathLike[str],
    *,
    truth: Mapping[str, FloatArray],
    neighbours: Mapping[str, Sequence[Neighbour]],
) -> None:
    """Draw each forecast as a row of panels, one a channel: the last steps known, the mean, and the band of 80 %.

    Parameters
    ----------
    forecasts : sequence of Forecast
        In the order of the page.
    pasts : sequence of Sample
        The windows that are continued, in any order.
    path : path
        The HTML file to write.
    truth : mapping
        Id -> what followed, (n_channels, horizon) with NaN for unknown; drawn where it is given.
    neighbours : mapping
        Id -> the windows that its last steps resemble, drawn behind them.

    Raises
    ------
    NotFound
        A forecast whose window is not given.
    """
    by_id = {sample.id: sample for sample in pasts}
    missing = [forecast.id for forecast in forecasts if forecast.id not in by_id]
    if missing:
        raise NotFound(
            f"plot_forecasts() has no window for forecast '{missing[0]}'. Pass the window of every forecast."
        )
    legend = FORECAST_LEGEND + (NEIGHBOURS_LEGEND if any(neighbours.values()) else "")
    sections = [_ahead(f, by_id[f.id], truth.get(f.id), neighbours.get(f.id, ())) for f in forecasts]
    _write_page(path, "Forecast", legend, sections)


def _write_page(path: str | os.PathLike[str], title: str, legend: str, sections: Sequence[str]) -> None:
    from plotly.offline import get_plotlyjs

    page = PAGE.format(
        title=escape(title), strongest=STRONGEST, plotly=get_plotlyjs(), count=legend, sections="\n".join(sections)
    )
    Path(path).write_text(page, encoding="utf-8")


def _ahead(forecast: Forecast, past: Sample, truth: FloatArray | None, neighbours: Sequence[Neighbour]) -> str:
    facts = [f"{forecast.horizon} steps"]
    if forecast.start is not None:
        facts.append(f"from {escape(forecast.start.isoformat())}")
    if forecast.neighbours:
        facts.append(f"with what followed {escape(', '.join(forecast.neighbours))}")
    elif neighbours:
        facts.append("neighbours had no part in it")
    return (
        f"<section><h2>{escape(forecast.id)}</h2><p class='facts'>{' · '.join(facts)}</p>"
        f"{_forecast_panels(forecast, past, truth, neighbours)}</section>"
    )


def _forecast_panels(
    forecast: Forecast, past: Sample, truth: FloatArray | None, neighbours: Sequence[Neighbour]
) -> str:
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    n_columns = min(COLUMNS, past.n_channels)
    n_rows = -(-past.n_channels // n_columns)
    height = n_rows * PANEL + (n_rows - 1) * GAP
    figure = make_subplots(
        rows=n_rows,
        cols=n_columns,
        vertical_spacing=GAP / height,
        horizontal_spacing=0.05,
        subplot_titles=[escape(name) for name in past.channel_names],
    )
    places, axis = _steps(past, ahead=forecast.horizon)
    shown = max(LEAST_SHOWN, SHOWN * forecast.horizon)
    before, after = places[: past.n_steps][-shown:], places[past.n_steps :]
    low, high = (forecast.quantiles[LEVELS.index(level)] for level in BAND)
    nothing = {"width": 0, "color": STRONGEST}
    for c, (unit, values) in enumerate(zip(past.units, past.values, strict=True)):
        place = {"row": c // n_columns + 1, "col": c % n_columns + 1}
        for one in neighbours:
            told = np.concatenate([one.past[c][-len(before) :], one.future[c]])
            first = past.n_steps - min(one.past.shape[1], len(before))
            x, name = places[first : first + len(told)], f"{one.id} ({one.score:.2f})"
            line = {"color": NEIGHBOURS, "width": 1}
            figure.add_trace(go.Scatter(x=x, y=told[: len(x)], mode="lines", line=line, name=escape(name)), **place)
        for level, fill in ((high, None), (low, "tonexty")):
            band = go.Scatter(x=after, y=level[c], mode="lines", line=nothing, fill=fill, fillcolor=BAND_COLOR)
            figure.add_trace(band, **place)
        lines = [(before, values[-shown:], OTHERS), (after, forecast.mean[c], STRONGEST)]
        lines += [] if truth is None else [(after, truth[c], KNOWN)]
        for x, y, color in lines:
            line = {"color": color, "width": 1.4}
            figure.add_trace(go.Scatter(x=x, y=y, mode="lines", line=line, connectgaps=False), **place)
        figure.update_yaxes(title_text=escape(unit or ""), title_standoff=2, **place)
        if c >= past.n_channels - n_columns:
            figure.update_xaxes(title_text=axis, title_standoff=4, **place)
    return _drawn(_laid_out(figure, height))


def _section(hit: Hit, sample: Sample) -> str:
    facts = [f"score <b class='score'>{hit.score:.3f}</b>"]
    if hit.start is not None:
        facts.append(escape(hit.start.isoformat()) + (f" to {escape(hit.end.isoformat())}" if hit.end else ""))
    if hit.label is not None:
        facts.append(f"label {escape(hit.label)}")
    facts += [f"{escape(str(name))}: {escape(str(value))}" for name, value in hit.metadata.items() if _short(value)]
    text = f"<p>{escape(hit.text)}</p>" if hit.text else ""
    return (
        f"<section><h2>{hit.rank}. {escape(hit.id)}</h2><p class='facts'>{' · '.join(facts)}</p>{text}"
        f"{_drawn(panels(sample, hit.channels))}</section>"
    )


def panels(sample: Sample, scores: Mapping[str, float]) -> Figure:
    """A window as a figure with a panel a channel, the scores of channels in the titles and a star at the largest."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    n_columns = min(COLUMNS, sample.n_channels)
    n_rows = -(-sample.n_channels // n_columns)
    height = n_rows * PANEL + (n_rows - 1) * GAP
    strongest = max(scores, key=lambda name: scores[name]) if scores else None
    figure = make_subplots(
        rows=n_rows,
        cols=n_columns,
        vertical_spacing=GAP / height,
        horizontal_spacing=0.05,
        subplot_titles=[_title(name, scores.get(name), name == strongest) for name in sample.channel_names],
    )
    steps, axis = _steps(sample)
    for c, (name, unit, values) in enumerate(zip(sample.channel_names, sample.units, sample.values, strict=True)):
        color = STRONGEST if name == strongest else OTHERS
        place = {"row": c // n_columns + 1, "col": c % n_columns + 1}
        line = {"color": color, "width": 1.4}
        figure.add_trace(go.Scatter(x=steps, y=values, mode="lines", line=line, connectgaps=False), **place)
        alone = _alone(values)
        if alone.any():
            marker = {"color": color, "size": 4}
            figure.add_trace(go.Scatter(x=steps[alone], y=values[alone], mode="markers", marker=marker), **place)
        figure.update_yaxes(title_text=escape(unit or ""), title_standoff=2, **place)
        if c >= sample.n_channels - n_columns:
            figure.update_xaxes(title_text=axis, title_standoff=4, **place)
        if np.isnan(values).all():
            figure.add_annotation(text="nothing observed", showarrow=False, font_color=OTHERS, **place)
    figure.update_xaxes(range=[str(steps[0]), str(steps[-1])] if axis != STEP else [-0.5, len(steps) - 0.5])
    return _laid_out(figure, height)


def _laid_out(figure: Figure, height: int, *, legend: bool = False) -> Figure:
    figure.update_annotations(font_size=13)
    figure.update_layout(
        template="plotly_white",
        showlegend=legend,
        height=height + 2 * MARGIN,
        margin={"l": 50, "r": 12, "t": MARGIN, "b": MARGIN},
        font_size=11,
    )
    return figure


def _drawn(figure: Figure) -> str:
    drawn: str = figure.to_html(full_html=False, include_plotlyjs=False, config={"displayModeBar": False})
    return drawn


def _title(name: str, score: float | None, strongest: bool) -> str:
    said = f"{'★ ' if strongest else ''}{escape(name)}"
    said = f"<b>{said}</b>" if strongest else said
    return said if score is None else f"{said} {score:.2f}"


def _steps(sample: Sample, ahead: int = 0) -> tuple[NDArray[Any], str]:
    """Where each step is drawn and `ahead` more, (n_steps + ahead,), and the name of that axis."""
    if sample.start is None or sample.freq is None:
        return np.arange(sample.n_steps + ahead), STEP
    import pandas as pd
    from pandas.tseries.frequencies import to_offset

    offset, first = to_offset(sample.freq), pd.Timestamp(sample.start.replace(tzinfo=None))
    times = [first] + [first + i * offset for i in range(1, sample.n_steps + ahead)]
    zone = sample.start.isoformat(timespec="seconds")[19:]
    return np.array(times, dtype="datetime64[s]"), f"time (UTC{zone})" if zone else "time"


def _alone(values: FloatArray) -> NDArray[np.bool_]:
    """Observed steps without an observed neighbour, which a line would not show."""
    seen = np.pad(~np.isnan(values), 1)
    return seen[1:-1] & ~seen[:-2] & ~seen[2:]


def _short(value: Any) -> bool:
    return isinstance(value, str | int | float) and len(str(value)) <= 60


def plot_profile(
    title: str,
    profile: Mapping[str, Any],
    starts: Mapping[str, Sequence[Any]],
    examples: Sequence[Sample],
    path: str | os.PathLike[str],
    *,
    channels: tuple[Sequence[str], Sequence[Sequence[str]]] = ((), ()),
) -> None:
    """Draw what a corpus holds, in one HTML page that needs no network.

    Parameters
    ----------
    title : str
        Of the page, such as the name of the file.
    profile : mapping
        What `tracets.data.describe` says.
    starts : mapping
        Beginnings of the windows of each split, as datetimes; "" where there is none.
    examples : sequence of Sample
        Windows to draw, each with its label and the beginning of its text.
    path : path
        The HTML file to write.
    channels : (names of columns, rows)
        A table with a row a channel.
    """
    shares = {"text": profile["text"], "event text": profile["event_text"], "channel texts": profile["channel_texts"]}
    worst = sorted(profile["missing_by_channel"].items(), key=lambda item: -item[1])
    bars = {
        "windows by split": profile["splits"], "windows by label": profile["labels"], "share with texts": shares,
        "share missing by channel": {name: share for name, share in worst if share},
    }  # fmt: skip
    drawn = _bars({name: counts for name, counts in bars.items() if counts})
    sections = [f"<section><h2>{profile['rows']} windows</h2>{drawn}</section>"]
    if channels[1]:
        sections.append(f"<section><h2>{len(channels[1])} channels</h2>{_table(*channels)}</section>")
    if any(starts.values()):
        sections.append(f"<section><h2>When they begin</h2>{_begins(starts)}</section>")
    for sample in examples:
        text = f"<p>{escape(sample.text[:500])}</p>" if sample.text else ""
        event = f"<p>{escape(sample.event_text[:500])}</p>" if sample.event_text else ""
        heading = f"{escape(sample.label or 'no label')}: {escape(sample.id)}"
        sections.append(f"<section><h2>{heading}</h2>{event}{text}{_drawn(panels(sample, {}))}</section>")
    _write_page(path, title, PROFILE_LEGEND, sections)


def plot_rows(
    title: str,
    about: str,
    panels: Mapping[str, tuple[str, Mapping[str, Sequence[float | None]]]],
    path: str | os.PathLike[str],
    *,
    pictures: Sequence[tuple[str, str, Figure]] = (),
) -> None:
    """Draw rows of figures as bars with their intervals, and pictures, in one HTML page that needs no network.

    Parameters
    ----------
    title, about : str
        Of the page; what stands below it.
    panels : mapping
        Heading -> the name of the figure, and row -> its value, or its value with the ends of its interval.
    path : path
        The HTML file to write.
    pictures : sequence of (heading, text, figure of plotly)
        After the bars.
    """
    sections = [
        f"<section><h2>{escape(heading)}</h2>{_ranked(metric, rows)}</section>"
        for heading, (metric, rows) in panels.items()
        if rows
    ]
    sections += [
        f"<section><h2>{escape(heading)}</h2>{f'<p>{escape(text)}</p>' if text else ''}{_drawn(figure)}</section>"
        for heading, text, figure in pictures
    ]
    _write_page(path, title, escape(about), sections)


def _ranked(metric: str, rows: Mapping[str, Sequence[float | None]]) -> str:
    import plotly.graph_objects as go

    values = [row[0] for row in rows.values()]
    ends = [row if len(row) == 3 and None not in row else [row[0]] * 3 for row in rows.values()]
    above, below = ([abs(end[at] - end[0]) for end in ends] for at in (2, 1))  # type: ignore[operator]
    spread = {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "color": KNOWN, "thickness": 1}
    names = [escape(name) for name in rows]
    bar = go.Bar(x=values, y=names, orientation="h", marker_color=OTHERS, error_x=spread)
    figure = go.Figure(bar)
    figure.update_xaxes(title_text=escape(metric), rangemode="tozero")
    figure.update_yaxes(autorange="reversed", type="category", automargin=True)
    return _drawn(_laid_out(figure, ROW * len(rows)))


def _bars(bars: Mapping[str, Mapping[str, float]]) -> str:
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    titles = [escape(name) for name in bars]
    figure = make_subplots(rows=1, cols=len(bars), horizontal_spacing=0.1, subplot_titles=titles)
    most = 1
    for i, counts in enumerate(bars.values(), start=1):
        shown = list(counts.items())[:MOST_BARS]
        most = max(most, len(shown))
        names = [escape(name) or "(none)" for name, _ in shown]
        short = [escape(_shortened(name)) or "(none)" for name, _ in shown]
        bar = go.Bar(
            x=[n for _, n in shown], y=list(range(len(shown))), orientation="h", marker_color=OTHERS, hovertext=names
        )
        figure.add_trace(bar, row=1, col=i)
        figure.update_xaxes(range=[0, max([n for _, n in shown], default=0) or 1], row=1, col=i)
        figure.update_yaxes(tickvals=list(range(len(shown))), ticktext=short, row=1, col=i)
    figure.update_yaxes(autorange="reversed")
    return _drawn(_laid_out(figure, max(2 * PANEL, THIN_ROW * most)))


def _shortened(name: str) -> str:
    """A name that fits between two pictures; the whole of it shows where the pointer is."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows[:MOST_ROWS])
    rest = f"<p>and {len(rows) - MOST_ROWS} more</p>" if len(rows) > MOST_ROWS else ""
    return f"<table class='facts'><tr>{head}</tr>{body}</table>{rest}"


def _begins(starts: Mapping[str, Sequence[Any]]) -> str:
    import plotly.graph_objects as go

    figure = go.Figure()
    for split, times in starts.items():
        if times:
            places = np.array([time.replace(tzinfo=None) for time in times], dtype="datetime64[s]")
            figure.add_trace(go.Histogram(x=places, name=escape(split) or "no split", opacity=0.7))
    return _drawn(_laid_out(figure.update_layout(barmode="stack"), PANEL, legend=True))

"""From a sample to its facts, measured once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracets.data.captions.channel_facts import channel_facts
from tracets.data.captions.clock import Clock, step_seconds
from tracets.data.captions.cross_facts import cross_facts
from tracets.data.captions.facts import ChannelView, Fact, WindowFacts
from tracets.data.captions.styles.blocks import block_facts
from tracets.data.captions.styles.latest import latest_facts
from tracets.data.captions.styles.shape import shape_facts
from tracets.errors import DataError
from tracets.types import Sample

STYLES = ("numbers", "crowd", "narrative", "report")
_CHANNEL_FACTS = {"numbers": channel_facts, "crowd": shape_facts, "narrative": block_facts, "report": latest_facts}


def read_facts(sample: Sample, *, style: str = "numbers") -> WindowFacts:
    """Measure a window.

    Parameters
    ----------
    sample : Sample
        Values of shape (n_channels, n_steps) in raw units; NaN = missing; any length, any names, units may be None.
    style : str, default="numbers"
        The manner of telling, one of `STYLES`; each has facts of its own, and only they are measured.

    Returns
    -------
    WindowFacts
        Facts for each channel in the sample's order, then, in style "numbers", the ones across channels.

    Raises
    ------
    DataError
        The style is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> facts = read_facts(Sample("a", np.array([[1.0, 2.0, 3.0, 8.0]]), ("load",), ("MW",)))
    >>> dict(facts.of("load")[0].numbers)
    {'low': 1.0, 'high': 8.0, 'mean': 3.5}
    """
    if style not in STYLES:
        raise DataError(f"captions have no style '{style}'. Choose one of {', '.join(STYLES)}.")
    values = sample.values.astype(np.float64)
    clock = Clock(sample.n_steps, step_seconds(sample.freq), sample.start)
    views = tuple(
        view_channel(row, name, unit)
        for row, name, unit in zip(values, sample.channel_names, sample.units, strict=True)
    )
    facts: list[Fact] = []
    for row, view in zip(values, views, strict=True):
        facts += _CHANNEL_FACTS[style](row, view, clock)
    if style == "numbers":
        facts += cross_facts(values, views, clock, facts)
    return WindowFacts(sample.id, clock, views, tuple(facts), style)


def view_channel(row: NDArray[np.float64], name: str, unit: str | None) -> ChannelView:
    """Choose how a channel's numbers are rounded. `row` (n_steps,) may hold NaN."""
    seen = row[~np.isnan(row)]
    if not len(seen):
        return ChannelView(name, unit, 0, 0)
    spread = float(seen.max() - seen.min()) or float(abs(seen[0])) or 1.0
    by_range = int(np.clip(np.ceil(2 - np.log10(2 * spread)), 0, 9))
    # float32 carries about seven digits: compare on that grain, not exactly.
    grain = 2e-7 * float(np.abs(seen).max()) + 1e-12
    own = next((d for d in range(by_range) if np.abs(seen - np.round(seen, d)).max() <= grain), by_range)
    return ChannelView(name, unit, own, min(own + 1, by_range) if len(seen) > 1 and np.ptp(seen) > 0 else own)

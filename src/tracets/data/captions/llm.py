"""Captions by a language model behind any OpenAI-compatible endpoint, held to the numbers of the window.

The model sees measured facts only, never an id, a place or a date; its answer is checked, cached on disk, and every
number in it that the data do not support is flagged.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tracets.data.captions import words
from tracets.data.captions.caption import Captions
from tracets.data.captions.clock import number
from tracets.data.captions.facts import Fact, WindowFacts
from tracets.data.captions.reader import read_facts
from tracets.data.captions.slots import COUNTS, MEANS
from tracets.errors import CaptionError, ConfigError, MissingExtra
from tracets.files import LIMITS, parse_json, read_bytes
from tracets.types import Sample

INSTRUCTIONS = (
    "You describe windows of multivariate time series. Use only the facts given; do not compute, guess or add "
    "knowledge about places, dates or causes. Never name a calendar date, month or year. State numbers exactly as "
    "given, with their units. Write plain English sentences that end with a period. "
    'Answer with one JSON object: {"text": "<6 to 12 sentences on the whole window that name every channel>", '
    '"channel_texts": ["<2 to 4 sentences on the first channel>", ...]} with one entry a channel, in the given order.'
)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w]*\d)")
# A caption of this many tokens is assumed for the whole text and for each channel when costs are estimated.
_TOKENS_TEXT, _TOKENS_CHANNEL, _CHARS_A_TOKEN = 260, 70, 3.5
# Facts a channel that the prompt holds: the most salient ones.
_FACTS = 8


@dataclass(frozen=True)
class LlmCaptions(Captions):
    """Captions of a language model. `unsupported`: numbers it states that the data do not hold, as written."""

    unsupported: tuple[str, ...] = ()
    from_cache: bool = False


@dataclass(frozen=True)
class Estimate:
    """What captioning will take: requests that are not in the cache, their tokens, and the cost in the price's unit."""

    requests: int
    tokens_in: int
    tokens_out: int
    cost: float


@dataclass(frozen=True)
class LlmCaptioner:
    """Caption samples by a language model.

    Parameters
    ----------
    model : str
        Name as the endpoint knows it.
    cache_dir : Path
        Answers are kept here, one JSON file each, named by a hash of prompt and model. A re-run costs nothing.
    base_url : str or None
        An OpenAI-compatible endpoint; None takes the client's default (`OPENAI_BASE_URL`, else api.openai.com).
    api_key : str or None
        None takes `OPENAI_API_KEY`. Never written to cache, errors or repr.
    temperature : float or None
        None leaves it to the endpoint.
    timeout_s : float
        For one request.
    max_retries : int
        Retries of a refused or failed request (429, 5xx, connection; the client backs off between them), and of an
        answer of the wrong shape.

    Raises
    ------
    MissingExtra
        The `openai` client is not installed.
    CaptionError
        The endpoint refused, or never answered in the right shape.
    """

    model: str
    cache_dir: Path
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    temperature: float | None = None
    timeout_s: float = 60.0
    max_retries: int = 3

    def __post_init__(self) -> None:
        if self.max_retries < 0 or self.timeout_s <= 0:
            raise ConfigError(
                f"LlmCaptioner expects max_retries >= 0 and timeout_s > 0, got {self.max_retries} and {self.timeout_s}."
            )
        object.__setattr__(self, "cache_dir", Path(self.cache_dir))

    def caption(self, sample: Sample) -> LlmCaptions:
        """Captions of one sample, from the cache where it was captioned before."""
        window = read_facts(sample)
        messages = prompt(window)
        cached = self._cached(messages, sample.n_channels)
        answer = cached if cached is not None else self._ask(messages, sample)
        text, channel_texts = answer["text"], tuple(answer["channel_texts"])
        unsupported = unsupported_numbers(sample, Captions(text, channel_texts))
        return LlmCaptions(text, channel_texts, unsupported, cached is not None)

    def caption_corpus(self, samples: Iterable[Sample], *, overwrite: bool = False) -> Iterator[Sample]:
        """Caption samples one at a time; texts that are there stay unless `overwrite`.

        A caption with unsupported numbers is kept, and they are listed in the metadata under `unsupported_numbers`.
        """
        for sample in samples:
            if not overwrite and _is_told(sample):
                yield sample
                continue
            made = self.caption(sample)
            pairs = zip(sample.channel_texts, made.channel_texts, strict=True)
            yield replace(
                sample,
                text=made.text if overwrite else sample.text or made.text,
                channel_texts=made.channel_texts if overwrite else tuple(old or new for old, new in pairs),
                metadata={**sample.metadata, "unsupported_numbers": list(made.unsupported)},
            )

    def estimate(
        self, samples: Iterable[Sample], *, price_in: float, price_out: float, overwrite: bool = False
    ) -> Estimate:
        """Tokens and cost of `caption_corpus`, before any request. Cached samples are free.

        `price_in`, `price_out`: price of a million tokens, in any currency. Tokens are taken as characters / 3.5 in
        the prompt, and as 260 for a text plus 70 a channel in the answer.
        """
        requests = tokens_in = tokens_out = 0
        for sample in samples:
            if not overwrite and _is_told(sample):
                continue
            messages = prompt(read_facts(sample))
            if self._cached(messages, sample.n_channels) is None:
                requests += 1
                tokens_in += round(sum(len(m["content"]) for m in messages) / _CHARS_A_TOKEN)
                tokens_out += _TOKENS_TEXT + _TOKENS_CHANNEL * sample.n_channels
        return Estimate(requests, tokens_in, tokens_out, (tokens_in * price_in + tokens_out * price_out) / 1e6)

    def _path(self, messages: list[dict[str, str]]) -> Path:
        content = json.dumps([self.model, self.temperature, messages], ensure_ascii=False)
        name = hashlib.sha256(content.encode()).hexdigest()
        return self.cache_dir / name[:2] / f"{name}.json"

    def _cached(self, messages: list[dict[str, str]], n_channels: int) -> dict[str, Any] | None:
        try:
            content = read_bytes(self._path(messages), most=LIMITS.json_bytes).decode("utf-8")
        except ValueError:
            return None
        answer, _ = check_answer(content, n_channels)
        return answer  # None where it was damaged from outside: ask again

    def _ask(self, messages: list[dict[str, str]], sample: Sample) -> dict[str, Any]:
        try:
            import openai
        except ImportError:
            raise MissingExtra(
                'Captions by a language model need the openai client. Install it by: pip install "tracets[llm]"'
            ) from None
        wrong = ""
        try:
            client = openai.OpenAI(
                api_key=self.api_key, base_url=self.base_url, timeout=self.timeout_s, max_retries=self.max_retries
            )
            for _ in range(self.max_retries + 1):
                tried = [*messages, {"role": "user", "content": f"Your last answer was refused: {wrong}."}]
                reply = client.chat.completions.create(  # type: ignore[call-overload]
                    model=self.model,
                    messages=tried if wrong else messages,
                    response_format={"type": "json_object"},
                    temperature=openai.NOT_GIVEN if self.temperature is None else self.temperature,
                )
                content = (reply.choices[0].message.content or "") if reply.choices else ""
                answer, wrong = check_answer(content, sample.n_channels)
                if answer is not None:
                    _write_atomically(self._path(messages), json.dumps(answer, ensure_ascii=False))
                    return answer
        except openai.OpenAIError as error:
            # The client's own text may echo the key or the request: only its class and status are passed on.
            status = getattr(error, "status_code", None)
            what = f"{type(error).__name__}{f', HTTP {status}' if status else ''}"
            raise CaptionError(
                f"captioning sample '{sample.id}' with model '{self.model}' failed ({what}). "
                f"Check the endpoint, the key (OPENAI_API_KEY) and the limits of the account; "
                f"captions made so far are in the cache."
            ) from None
        raise CaptionError(
            f"model '{self.model}' gave {self.max_retries + 1} answers of the wrong shape for sample '{sample.id}' "
            f"(last: {wrong}). Try another model or a lower temperature."
        )


def _is_told(sample: Sample) -> bool:
    return bool(sample.text) and all(sample.channel_texts)


def check_answer(content: str, n_channels: int) -> tuple[dict[str, Any] | None, str]:
    """The answer's object and "", or None and what is wrong with it."""
    try:
        answer = parse_json(content, where="the answer", error=CaptionError)
    except CaptionError:
        return None, "it is not a JSON object"
    if not isinstance(answer, dict) or set(answer) != {"text", "channel_texts"}:
        return None, 'it must be one object with exactly the keys "text" and "channel_texts"'
    text, texts = answer["text"], answer["channel_texts"]
    if not isinstance(text, str) or not text.strip():
        return None, '"text" must be a non-empty string'
    if not isinstance(texts, list) or not all(isinstance(t, str) and t.strip() for t in texts):
        return None, '"channel_texts" must be a list of non-empty strings'
    if len(texts) != n_channels:
        return None, f'"channel_texts" must have {n_channels} entries, it has {len(texts)}'
    return answer, ""


def prompt(window: WindowFacts) -> list[dict[str, str]]:
    """The messages for a window: instructions, then its facts as JSON. The same facts give the same prompt."""
    channels = []
    for view in window.channels:
        facts = sorted(window.of(view.name), key=lambda f: -f.salience)[:_FACTS]
        channels.append(
            {
                "name": words.humanise(view.name),
                "unit": words.unit_text(view.unit).strip() or None,
                "facts": [_fact_for_prompt(window, fact) for fact in facts],
            }
        )
    across = sorted(window.of(None), key=lambda f: -f.salience)[:_FACTS]
    clock = window.clock
    content = {
        "length": clock.duration(clock.n_steps),
        "steps": clock.n_steps,
        "channels": channels,
        "across": [_fact_for_prompt(window, fact) for fact in across],
    }
    return [
        {"role": "system", "content": INSTRUCTIONS},
        {"role": "user", "content": json.dumps(content, ensure_ascii=False)},
    ]


def _fact_for_prompt(window: WindowFacts, fact: Fact) -> dict[str, Any]:
    from random import Random

    views = {view.name: view for view in window.channels}
    said: dict[str, Any] = {"fact": fact.kind, "form": fact.variant} if fact.variant else {"fact": fact.kind}
    if fact.others:
        said["channels"] = [words.humanise(name) for name in fact.others]
    names = (fact.channel,) if fact.channel is not None else fact.others
    for key, value in fact.numbers.items():
        if key.endswith("_step"):
            said[key.removesuffix("_step")] = window.clock.note(int(value), Random(0))
        elif key.endswith("_steps"):
            said[key.removesuffix("_steps")] = window.clock.duration(value)
        elif key.endswith("_share"):
            said[key] = number(100 * value, 1) + "%"
        elif key.endswith("_hour"):
            said[key] = f"{int(value):02d}:00"
        elif key in COUNTS or key == "degrees":
            said[key] = int(value)
        elif key in ("r", "strength", "ratio", "least", "repeats"):
            said[key] = number(value, 2)
        else:
            view = views[str(names[1 if key.endswith("2") and len(names) > 1 else 0])]
            decimals = view.mean_decimals if key in MEANS else view.decimals
            said[key] = number(value, decimals) + words.unit_text(view.unit)
    return said


def unsupported_numbers(sample: Sample, captions: Captions) -> tuple[str, ...]:
    """Numbers in captions that neither the data nor their facts hold, as written, in order of appearance.

    A number is supported when a value, a fact's number, a share in percent, a day, hour or step of the window rounds
    to it at the decimals it is written with. Channel names ("PM2.5") and units are not read as numbers.
    """
    window = read_facts(sample)
    clock = window.clock
    common = [float(sample.n_channels), float(sample.n_steps), *map(float, range(1, clock.days + 1))]
    if clock.step is not None:
        common += [sample.n_steps * clock.step / s for s in (60.0, 3600.0, 86400.0, 604800.0)]
    if clock.has_clock:
        times = [clock.local(i) for i in range(sample.n_steps)]
        common += sorted({float(t.hour) for t in times} | {float(t.minute) for t in times})
    by_channel = [common + _numbers(window, view.name) for view in window.channels]
    for known, row in zip(by_channel, sample.values, strict=True):
        known += row[~np.isnan(row)].astype(float).tolist()
    everything = [v for known in by_channel for v in known] + _numbers(window, None)
    found: list[str] = []
    for text, known in [(captions.text, everything), *zip(captions.channel_texts, by_channel, strict=True)]:
        pool = np.array(known)
        for match in _NUMBER.finditer(_without_names(text, sample)):
            decimals = len(match[0].partition(".")[2])
            if np.abs(pool - float(match[0])).min() > 0.5 * 10.0**-decimals * (1 + 1e-6) + 1e-9:
                found.append(match[0])
    return tuple(dict.fromkeys(found))


def _numbers(window: WindowFacts, channel: str | None) -> list[float]:
    """Every number of a channel's facts in the forms in which it may be written."""
    clock = window.clock
    found: list[float] = []
    for fact in window.of(channel):
        for key, value in fact.numbers.items():
            found.append(value)
            if key.endswith("_share"):
                found.append(100 * value)
            elif key.endswith("_step"):
                found.append(value + 1)
            elif key.endswith("_steps") and clock.step is not None:
                found += [value * clock.step / s for s in (1.0, 60.0, 3600.0, 86400.0, 604800.0)]
    return found


def _without_names(text: str, sample: Sample) -> str:
    for name, unit in zip(sample.channel_names, sample.units, strict=True):
        for word in (name, words.humanise(name), unit, words.unit_text(unit).strip()):
            if word and any(c.isdigit() for c in word):
                text = re.sub(re.escape(word), " ", text, flags=re.IGNORECASE)
    return text


def _write_atomically(path: Path, text: str) -> None:
    """Write beside the target, then rename: a reader sees the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(name, path)

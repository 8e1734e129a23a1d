"""What goes over the wire. Every shape of an answer is one of the command line's JSON."""

from __future__ import annotations

from datetime import datetime
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue

from tracets.api import Filter, filter_from_json
from tracets.types import FloatArray

MOST_CHARACTERS = 20_000
MOST_CHANNELS = 1_000


Word = Annotated[str, Field(min_length=1, max_length=500)]
Text = Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)]
Metadata = dict[Word, str | bool | int | FiniteFloat | None]

FAIR: dict[str, JsonValue] = {"column": "label", "op": "=", "value": "fair"}
SEARCHES: list[JsonValue] = [
    {"text": "a cold week with strong wind", "k": 5, "where": "label = 'storm'"},
    {"text": "heavy rain near the end", "hybrid": True},
    {"channels": {"precipitation": "a burst near the end"}, "where": FAIR},
    {"like": "week 12", "want": "text", "k": 3},
    {"series": {"values": [[1.0, 2.0, None, 4.0]], "channel_names": ["temperature"], "units": ["°C"]}},
]
SPANS: list[JsonValue] = [
    {"text": "a sudden drop of the load", "k": 3},
    {"text": "calm, then a storm", "merge": True, "where": "n_steps = 24"},
    {"series": {"values": [[5.0, 5.0, 1.0, 1.0]], "channel_names": ["load"]}, "refine": True},
]


class Body(BaseModel):
    """A request: names that are not known are refused, so that a misspelt option is not passed over."""

    model_config = ConfigDict(extra="forbid")


class Series(Body):
    """A window of values in raw units: a row a channel, null where missing."""

    id: Word = Field("query", examples=["week 12"])
    values: list[list[FiniteFloat | None]] = Field(
        min_length=1, max_length=MOST_CHANNELS, examples=[[[1.0, 2.0, None, 4.0]]]
    )
    channel_names: list[Word] = Field(examples=[["temperature"]])
    units: list[Word | None] = Field([], examples=[["°C"]])
    start: datetime | None = Field(None, description="Time of the first step, with its offset from UTC if known.")
    freq: Word | None = Field(None, description="Sampling step as a pandas offset.", examples=["h"])


class Item(Series):
    """A window with what is known about it."""

    text: Text | None = None
    channel_texts: list[Text | None] = []
    event_text: Text | None = None
    label: Word | None = None
    domain: Word | None = None
    source: Word | None = None
    metadata: Metadata = {}


Where = Annotated[
    Text | dict[str, Any] | None,
    Field(
        description="A filter in SQL, or an object with column, op and value, or with and, or, not: docs/filters.md.",
        examples=["label = 'storm'", {"and": [FAIR, {"not": {"column": "text", "op": "is null"}}]}],
    ),
]


class Question(Body):
    """At least one of text, series, like and channels; the scores of several are averaged."""

    text: Text | None = Field(None, examples=["a cold week with strong wind"])
    series: Series | None = None
    like: Word | None = Field(None, description="The id of a stored window.")
    channels: dict[Word, Text] = Field({}, examples=[{"precipitation": "a burst near the end"}])
    k: int = Field(10, ge=1)
    where: Where = None

    def filter(self) -> str | Filter | None:
        """The filter as the front door takes it. Raises QueryError for an object that is none."""
        return filter_from_json(self.where) if isinstance(self.where, dict) else self.where


class SearchRequest(Question):
    model_config = ConfigDict(json_schema_extra={"examples": SEARCHES})

    want: Literal["series", "text"] = "series"
    hubness: bool = True
    exact: bool = False
    hybrid: bool = Field(False, description="Fuse the ranking with one by the words of the stored texts (BM25).")


class SpansRequest(Question):
    """Places in the long series of an index whose windows were cut from them."""

    model_config = ConfigDict(json_schema_extra={"examples": SPANS})

    overlap: float = Field(0, ge=0, lt=1, description="The share of the shorter that two spans may both hold.")
    merge: bool = Field(False, description="Cover overlapping windows that score nearly as well.")
    refine: bool = Field(False, description="Slide and stretch each span, step by step, to score higher.")


class Hit(BaseModel):
    """One stored window that answers."""

    rank: int
    id: str
    score: float
    start: str | None
    end: str | None
    channels: dict[str, float]
    text: str | None
    label: str | None
    metadata: dict[str, Any]


class SearchAnswer(BaseModel):
    hits: list[Hit]


class SpanHit(Hit):
    """A place in a long series, from a step on; `id` is that of its best window."""

    series: str
    first_step: int
    n_steps: int


class SpansAnswer(BaseModel):
    spans: list[SpanHit]


class ExplainRequest(Body):
    id: Word
    query: Text


class MatchedPart(BaseModel):
    """The steps of the channel without which the sentence matches worst: `drop` less, where `usual` is the median."""

    first_step: int
    n_steps: int
    start: str | None
    end: str | None
    drop: float
    usual: float


class Sentence(BaseModel):
    sentence: str
    channel: str | None
    cosine: float
    part: float
    place: MatchedPart | None


class StoredSentence(BaseModel):
    sentence: str
    query_sentence: str
    cosine: float


class CheckedNumber(BaseModel):
    """A number of a window's text, `at` a place in it, beside the same from the values and its steps."""

    number: str
    at: int
    says: str
    channel: str | None
    recomputed: str | None
    result: Literal["agrees", "differs", "not checked"]
    first_step: int | None
    n_steps: int | None
    start: str | None
    end: str | None


class ExplainAnswer(BaseModel):
    """A score taken apart: `sample_part` plus the parts of all sentences is `score`."""

    id: str
    query: str
    score: float
    sample_cosine: float
    sample_part: float
    sentences: list[Sentence]
    channels: dict[str, float]
    stored: StoredSentence | None
    numbers: list[CheckedNumber]


class StoredItem(BaseModel):
    """A window as the index holds it."""

    id: str
    values: list[list[float | None]]
    channel_names: list[str]
    units: list[str | None]
    start: str | None
    freq: str | None
    text: str | None
    channel_texts: list[str | None]
    event_text: str | None
    label: str | None
    domain: str | None
    source: str | None
    metadata: dict[str, Any]


class Point(BaseModel):
    id: str
    x: float
    y: float
    label: str | None


class Map(BaseModel):
    points: list[Point]


class FollowedWindow(BaseModel):
    """A window that is like the one that was asked for: `values` are what followed it, a row a channel."""

    id: str
    score: float
    values: list[list[float | None]]


class Followed(BaseModel):
    windows: list[FollowedWindow]


class SeriesRead(BaseModel):
    """Series of a file, as they may be sent to the other routes."""

    series: list[Series]


class EmbeddingRequest(Body):
    """As OpenAI's: texts to vectors."""

    input: Text | list[Text] = Field(examples=["heavy rain at the end"])
    model: str | None = Field(None, description="The model of the service, if given.")
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(None, ge=1, description="The first so many numbers, at length 1 again.")
    user: str | None = None


class SeriesEmbeddingRequest(Body):
    """The same for series."""

    input: Series | list[Series]
    model: str | None = None
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(None, ge=1)
    user: str | None = None


class Embedding(BaseModel):
    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class Usage(BaseModel):
    prompt_tokens: int
    total_tokens: int


class Embeddings(BaseModel):
    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: Usage


class ForecastRequest(Body):
    """Whole series, to be continued."""

    series: list[Series] = Field(min_length=1)
    horizon: int = Field(ge=1, le=2_000)
    backbone: Word | None = Field(
        None, description="Another forecaster instead of a head on the model.", examples=["seasonal-naive"]
    )
    retrieval: Literal["none", "series", "series+text"] = Field(
        "none", description="Mix in what followed the most similar windows of the index, where that pays."
    )


class ChannelForecast(BaseModel):
    mean: list[float]
    quantiles: list[list[float]]


class OneForecast(BaseModel):
    id: str
    start: str | None
    freq: str | None
    levels: list[float]
    channels: dict[str, ChannelForecast]
    neighbours: list[str]


class ForecastAnswer(BaseModel):
    forecasts: list[OneForecast]


class DescribeRequest(Body):
    series: list[Series] = Field(min_length=1)
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Another seed says it in other words.")


class Description(BaseModel):
    id: str
    text: str | None
    channels: dict[str, str | None]


class DescribeAnswer(BaseModel):
    descriptions: list[Description]


class Info(BaseModel):
    """The index and its model."""

    windows: int
    texts: int
    channels: list[str]
    columns: list[str]
    zone: str | None = Field(description="Of the times in filters; null: times have none.")
    model: str
    fingerprint: str
    dim: int


class WriteRequest(Body):
    """Windows to add in one commit: all of them, or none."""

    items: list[Item] = Field(min_length=1)
    replace: bool = Field(False, description="Let them take the place of windows with their ids.")


class Written(BaseModel):
    """What a change did, and how many windows there are after it."""

    added: int
    replaced: int
    deleted: int
    windows: int


class CompareRequest(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"one": "week 12", "other": "week 30"}]})

    one: Word = Field(description="The id of a stored window.")
    other: Word = Field(description="The id of another.")


class ChannelNumbers(BaseModel):
    """What a channel of a window comes to, in its unit; null where nothing was observed."""

    unit: str | None
    observed: float = Field(description="The share of its steps that has a value.")
    min: float | None
    mean: float | None
    max: float | None
    first: float | None
    last: float | None


class BothChannels(BaseModel):
    one: ChannelNumbers
    other: ChannelNumbers


class CompareAnswer(BaseModel):
    """The channels that both windows have, by their names."""

    channels: dict[str, BothChannels]


class Health(BaseModel):
    status: Literal["ok"]


def rows_of(values: FloatArray) -> list[list[float | None]]:
    """Rows of numbers as JSON has them: NaN is null."""
    return [[float(value) if isfinite(value) else None for value in row] for row in values]

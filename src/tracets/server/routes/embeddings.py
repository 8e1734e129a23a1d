"""Vectors: of texts, in the shape of OpenAI's API, and of series in the same shape."""

from __future__ import annotations

import base64
from typing import Any

from fastapi import APIRouter

from tracets.errors import QueryError
from tracets.server.routes.served import Served
from tracets.server.schemas import Embedding, EmbeddingRequest, Embeddings, SeriesEmbeddingRequest, Usage
from tracets.types import FloatArray

router = APIRouter(prefix="/v1", tags=["embeddings"])


@router.post("/embeddings")
def texts(request: EmbeddingRequest, service: Served) -> Embeddings:
    """Texts as vectors, as `client.embeddings.create` of the `openai` package asks for them.

    A vector stands for the whole text; a search by sentences finds more.
    """
    service.check_model(request.model)
    given = service.texts([request.input] if isinstance(request.input, str) else request.input)
    found = service.encoder.encode_texts(given)
    words = sum(len(text.split()) for text in given)
    return _answer(found.sample, request, service.encoder.name, tokens=words)


@router.post("/series/embeddings")
def series(request: SeriesEmbeddingRequest, service: Served) -> Embeddings:
    """Series as vectors, in the same space. `usage` counts values."""
    service.check_model(request.model)
    given = service.samples(request.input if isinstance(request.input, list) else [request.input])
    if not given:
        raise QueryError("there is no series to embed. Send at least one.")
    found = service.encoder.encode_series(given)
    return _answer(found.sample, request, service.encoder.name, tokens=sum(one.values.size for one in given))


def _answer(
    vectors: FloatArray, request: EmbeddingRequest | SeriesEmbeddingRequest, model: str, *, tokens: int
) -> Embeddings:
    import numpy as np

    width = request.dimensions or vectors.shape[1]
    if width > vectors.shape[1]:
        raise QueryError(f"model '{model}' has {vectors.shape[1]} dimensions, {width} were asked for.")
    cut: Any = vectors[:, :width]
    if width < vectors.shape[1]:
        cut = cut / np.maximum(np.linalg.norm(cut, axis=1, keepdims=True), 1e-12)

    def told(vector: FloatArray) -> list[float] | str:
        if request.encoding_format == "float":
            numbers: list[float] = vector.tolist()
            return numbers
        return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()

    return Embeddings(
        data=[Embedding(index=i, embedding=told(vector)) for i, vector in enumerate(cut)], model=model,
        usage=Usage(prompt_tokens=tokens, total_tokens=tokens),
    )  # fmt: skip

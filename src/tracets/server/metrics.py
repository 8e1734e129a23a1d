"""What Prometheus may ask: requests, how long they took, what waits, how much is encoded together."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The metrics of one service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "tracets_requests", "Requests by route and status.", ("route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "tracets_request_seconds", "Seconds to an answer.", ("route",), buckets=SECONDS, registry=self.registry
        )
        self.waiting = Gauge("tracets_requests_waiting", "Requests that are being answered.", registry=self.registry)
        self.batches = Histogram(
            "tracets_batch_size",
            "Texts or series encoded together, or searches answered together.",
            ("kind",),
            buckets=SIZES,
            registry=self.registry,
        )
        self.windows = Gauge("tracets_index_windows", "Windows of the index.", registry=self.registry)

    def exposition(self) -> tuple[bytes, str]:
        """The text format and its media type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def encoded(self, kind: str, size: int) -> None:
        self.batches.labels(kind).observe(size)

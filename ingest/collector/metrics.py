"""What the collector counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """A registry of its own, so that several collectors may live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "observatory_collector_requests",
            "Requests to /v1/events by HTTP status.",
            ["status"],
            registry=self.registry,
        )
        self.events = Counter(
            "observatory_collector_events",
            "Events answered with 202, by sender and whether they were new.",
            ["sender", "outcome"],
            registry=self.registry,
        )
        self.refused = Counter(
            "observatory_collector_events_refused",
            "Events that break the contract, by sender and reason.",
            ["sender", "reason"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "observatory_collector_request_seconds",
            "Time from the head of a request to its answer, in seconds.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.waiting = Gauge(
            "observatory_collector_waiting_bytes",
            "Events that wait to be durable, in bytes.",
            registry=self.registry,
        )
        self.segments = Gauge(
            "observatory_collector_segments_handed_over",
            "Segments handed over since the start.",
            registry=self.registry,
        )
        self.healthy = Gauge(
            "observatory_collector_healthy",
            "1 while events can be kept.",
            registry=self.registry,
        )

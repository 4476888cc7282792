"""What Prometheus reads of the web process beside Django's own figures: /v1's requests, which skip Django's handler.

Label values come from fixed lists, never from a request. Not here: money and tokens, which the ledger counts, and the
worker's tasks (worker/metrics.py).
"""

from prometheus_client import Counter, Histogram

REQUEST_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
V1_ROUTES = ("/v1/chat/completions", "/v1/completions", "/v1/reason", "/v1/models", "/v1/usage")

v1_requests = Counter("svend_v1_requests_total", "Answers of /v1 by their status", ["route", "status"])
v1_seconds = Histogram(
    "svend_v1_answer_seconds",
    "From a request of /v1 to its answer's head; a stream's first byte comes after",
    ["route"],
    buckets=REQUEST_BUCKETS_SECONDS,
)


def v1_answered(*, path: str, status: int, seconds: float) -> None:
    route = next((route for route in V1_ROUTES if path == route or path.startswith(route + "/")), "other")
    v1_requests.labels(route, status).inc()
    v1_seconds.labels(route).observe(seconds)

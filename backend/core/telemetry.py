"""OpenTelemetry for web and worker: off unless its own variable OTEL_EXPORTER_OTLP_ENDPOINT names a collector.

Spans: each request, each SQL statement, each call to a node (which hands the trace on), each task. All further settings
are OpenTelemetry's own variables (OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS, …). Not here:
metrics, which Prometheus reads, and the node's spans (gpu_node/server/telemetry.py).
"""

import os
from typing import Any

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def telemetry_is_on() -> bool:
    return bool(os.environ.get(ENDPOINT))


def telemetry_start(service_name: str) -> None:
    """Sends this process's spans to the collector; in a forked child too, whose parent must not have called it.

    Raises SystemExit: the variable is set, but the packages are not installed.
    """
    if not telemetry_is_on():
        return
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
        from opentelemetry.instrumentation.celery import CeleryInstrumentor
        from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SystemExit(f"{ENDPOINT} is set, but {error.name} is missing: pip install 'svend[otel]'") from error
    provider = TracerProvider(
        resource=Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", service_name)})
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    AioHttpClientInstrumentor().instrument()
    CeleryInstrumentor().instrument()  # type: ignore[no-untyped-call]
    PsycopgInstrumentor().instrument()


def telemetry_wrap(application: Any) -> Any:
    """The ASGI application with a span a request, or as it is."""
    if not telemetry_is_on():
        return application
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    return OpenTelemetryMiddleware(application, exclude_spans=["receive", "send"])

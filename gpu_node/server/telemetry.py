"""OpenTelemetry for a node: off unless its own variable OTEL_EXPORTER_OTLP_ENDPOINT names a collector.

A run's span belongs to the trace of the request that started it, a tool call's to its run; attributes are named as in
OpenTelemetry's conventions for generative AI. Without a collector the API's spans cost nothing and go nowhere.
"""

import os
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, Tracer

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def telemetry_is_on() -> bool:
    return bool(os.environ.get(ENDPOINT))


def telemetry_start(node_name: str) -> None:
    """Raises ValueError: the variable is set, but the packages are not installed."""
    if not telemetry_is_on():
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ValueError(f"{ENDPOINT} is set, but {error.name} is missing: pip install 'svend[otel]'") from error
    service_name = os.environ.get("OTEL_SERVICE_NAME", "svend-node")
    resource = Resource.create({"service.name": service_name, "service.instance.id": node_name})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def telemetry_wrap(application: Any) -> Any:
    """The ASGI application with a span a request, or as it is."""
    if not telemetry_is_on():
        return application
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    return OpenTelemetryMiddleware(application, exclude_spans=["receive", "send"])


def tracer() -> Tracer:
    return trace.get_tracer("svend.node")


def run_span(model: str) -> Span:
    attributes = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.request.model": model,
        "gen_ai.provider.name": "svend",
    }
    return tracer().start_span(f"invoke_agent {model}", attributes=attributes)


def tool_span(run: Span, name: str) -> Span:
    attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
    context = trace.set_span_in_context(run)
    return tracer().start_span(f"execute_tool {name}", context=context, attributes=attributes)

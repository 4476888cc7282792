"""What is observed of runs: Prometheus' metrics (`GET /metrics`) and spans. A metric has its unit in its name.

Counters and histograms are fed by the events of each run as they are written, gauges are asked at the scrape. One
registry a node, because a process may hold several. Not here: a GPU's own figures (NVIDIA's exporter tells them) and a
training's curves, which are job frames.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from opentelemetry.trace import Span
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gpu_node.protocol.frames import RunEvent, RunFailed, RunFinished, StepDelta, ToolCall, ToolResult, Usage
from gpu_node.server.telemetry import run_span, tool_span

# A small model answers in a tenth of a second; a long search takes minutes.
RUN_BUCKETS_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
TOKEN_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
TOOL_BUCKETS_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

Gauge = tuple[str, str, Callable[[], float]]  # name, help, value now


class RunMetrics:
    known_tools: frozenset[str] = frozenset()  # a model may write any name: only these become a label

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.run_seconds = Histogram(
            "svend_node_run_seconds",
            "From a run's start (queueing included) to its terminal frame",
            ["model", "end"],
            buckets=RUN_BUCKETS_SECONDS,
            registry=self.registry,
        )
        self.first_token_seconds = Histogram(
            "svend_node_first_token_seconds",
            "From a run's start (queueing included) to its first generated text",
            ["model"],
            buckets=TOKEN_BUCKETS_SECONDS,
            registry=self.registry,
        )
        self.tokens = Counter(
            "svend_node_tokens_total",
            "Tokens counted where they are made; tool_result is part of prompt",
            ["model", "kind"],
            registry=self.registry,
        )
        self.tool_seconds = Histogram(
            "svend_node_tool_seconds",
            "A tool call in the fence, as its result tells",
            ["tool", "status"],
            buckets=TOOL_BUCKETS_SECONDS,
            registry=self.registry,
        )

    def run_begin(self, model: str) -> "RunMeter":
        return RunMeter(metrics=self, model=model)

    def gauges_add(self, gauges: list[Gauge]) -> None:
        self.registry.register(_Gauges(gauges))


@dataclass(kw_only=True)
class RunMeter:
    """One run's events on their way to the log."""

    metrics: RunMetrics
    model: str
    _began: float = field(init=False, default_factory=time.monotonic)
    _has_text: bool = field(init=False, default=False)
    _tools: dict[int, tuple[str, Span]] = field(init=False, default_factory=dict)  # call_id -> name, span
    _span: Span = field(init=False)
    end: str = field(init=False, default="failed")

    def __post_init__(self) -> None:
        self._span = run_span(self.model)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def see(self, event: RunEvent) -> None:
        match event:
            case StepDelta() if not self._has_text:
                self._has_text = True
                self.metrics.first_token_seconds.labels(self.model).observe(self.seconds)
            case ToolCall():
                name = event.name if event.name in self.metrics.known_tools else "other"
                self._tools[event.call_id] = name, tool_span(self._span, name)
            case ToolResult():
                name, span = self._tools.pop(event.call_id)
                span.set_attribute("svend.tool.status", event.status)
                span.end()
                self.metrics.tool_seconds.labels(name, event.status).observe(event.wall_ms / 1000)
            case RunFinished():
                self.end = event.finish_reason
            case RunFailed():
                self.end = event.code

    def ended(self, usage: Usage, *, end: str) -> None:
        self.metrics.run_seconds.labels(self.model, end).observe(self.seconds)
        counts = {
            "prompt": usage.prompt_tokens,
            "completion": usage.completion_tokens,
            "tool_result": usage.tool_result_tokens,
        }
        for kind, count in counts.items():
            self.metrics.tokens.labels(self.model, kind).inc(count)
        for _, span in self._tools.values():  # the run was stopped in the middle of a call
            span.end()
        self._span.set_attributes(
            {
                "gen_ai.usage.input_tokens": usage.prompt_tokens,
                "gen_ai.usage.output_tokens": usage.completion_tokens,
                "gen_ai.response.finish_reasons": [end],
            }
        )
        self._span.end()


class _Gauges(Collector):
    def __init__(self, gauges: list[Gauge]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, meaning, value in self._gauges:
            yield GaugeMetricFamily(name, meaning, value=value())

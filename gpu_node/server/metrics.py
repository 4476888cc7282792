"""What Prometheus reads of a node (`GET /metrics`): runs, tokens, tools and jobs, each with its unit in its name.

Counters and histograms are fed by the events of each run as they are written, gauges are asked at the scrape. One
registry a node, because a process may hold several. Not here: a GPU's own figures (NVIDIA's exporter tells them) and a
training's curves, which are job frames.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gpu_node.protocol.frames import RunEvent, RunFailed, RunFinished, StepDelta, ToolCall, ToolResult, Usage

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
    _tools: dict[int, str] = field(init=False, default_factory=dict)  # call_id -> name
    end: str = field(init=False, default="failed")

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def see(self, event: RunEvent) -> None:
        match event:
            case StepDelta() if not self._has_text:
                self._has_text = True
                self.metrics.first_token_seconds.labels(self.model).observe(self.seconds)
            case ToolCall():
                self._tools[event.call_id] = event.name
            case ToolResult():
                name = self._tools.pop(event.call_id, "")
                name = name if name in self.metrics.known_tools else "other"
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


class _Gauges(Collector):
    def __init__(self, gauges: list[Gauge]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, meaning, value in self._gauges:
            yield GaugeMetricFamily(name, meaning, value=value())

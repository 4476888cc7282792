"""The cast of the node's tests: a scripted model, tools that answer from a table, a node on a free port."""

import asyncio
import socket
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from gpu_node.data.chat_format import SVEND, Dialect
from gpu_node.inference.scripted import Answer, Attempt, Call, Script, ScriptedBackend, Thought, byte_tokenizer
from gpu_node.protocol.frames import ToolAttachment, ToolStatus
from gpu_node.protocol.node import LoadedModel
from gpu_node.protocol.run_spec import ClientTool, Message, RunSpec
from gpu_node.protocol.tools import ToolDescription
from gpu_node.reasoning.attempt import ToolCaller
from gpu_node.reasoning.orchestrator import Orchestrator, orchestrator_build
from gpu_node.reasoning.text_stream import TokenBytes
from gpu_node.reasoning.verifier import Thresholds, Verifier
from gpu_node.server.app import app_build
from gpu_node.server.loading import SCRIPTED_THRESHOLDS
from gpu_node.server.node import Node, node_build
from gpu_node.server.serve_command import KEEP_ALIVE_SECONDS

MODEL = "svend-scripted"
FORMULA = ToolAttachment(kind="latex", title="Formula", data="-2, 2")
SOLVE = '{"operation": "solve", "expression": "x^2 - 4"}'
SOLVED: Attempt = [
    Thought("I solve it."),
    Call("symbolic_math", SOLVE),
    Thought("Two roots."),
    Answer("x = -2 or x = 2 \u2713"),
]
SLOW: Attempt = [Thought("slow " * 200), Answer("done")]
ANSWERS: dict[str, list[Attempt]] = {
    "Solve x^2 = 4": [SOLVED],
    "slow": [SLOW],
    "forbidden tool": [[Call("execute_python", '{"code": "print(1)"}'), Answer("no tool then")]],
    "unknown tool": [[Call("web_search", "{}"), Answer("no such tool")]],
    "bad json": [[Call("symbolic_math", '{"operation": '), Call("symbolic_math", SOLVE), Answer("repaired")]],
    "hang": [[Call("symbolic_math", '"hang"'), Answer("after the tool")]],
    "client tool": [[Thought("I ask."), Call("get_weather", '{"city": "Oslo"}'), Answer("never said")]],
    "two tries": [[Thought("guess"), Answer("wrong")], [Thought("again"), Answer("right")]],
    "many calls": [[Call("symbolic_math", SOLVE)] * 20],
    "Solve: 1 + 1\n": [[Answer("2 STOP and more")]],
    "silent": [[Answer("")]],
}


@dataclass(frozen=True, kw_only=True)
class TableOutcome:
    status: ToolStatus = "ok"
    text: str
    wall_ms: float = 1.0
    is_truncated: bool = False
    attachments: tuple[ToolAttachment, ...] = ()


@dataclass
class TableTools:
    """Answers from a table of arguments; `"hang"` waits until it is cancelled."""

    fence_tier: str = "none"
    calls: list[tuple[str, str]] = field(default_factory=list)
    programs: list[list[str] | None] = field(default_factory=list)

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def descriptions(self) -> list[ToolDescription]:
        return []

    def described(self, names: Collection[str]) -> list[ClientTool]:
        return []

    async def call(
        self, name: str, arguments_json: str, *, timeout_seconds: float, programs: list[str] | None = None
    ) -> TableOutcome:
        self.calls.append((name, arguments_json))
        self.programs.append(programs)
        if arguments_json == '"hang"':
            await asyncio.sleep(60)
        if arguments_json == SOLVE:
            return TableOutcome(text="[-2, 2]", attachments=(FORMULA,))
        return TableOutcome(status="error", text=f"error: arguments are not a JSON object: {arguments_json!r}")


@dataclass
class EndingCritic:
    """Likes an answer that ends in "right", dislikes one that ends in "wrong"."""

    token_bytes: TokenBytes
    context_tokens: int = 4096

    async def score(self, ids: list[list[int]]) -> list[float]:
        texts = [self.token_bytes.text(sequence) for sequence in ids]
        return [0.9 if text.endswith("right") else 0.1 if text.endswith("wrong") else 0.5 for text in texts]


@dataclass
class Cast:
    orchestrator: Orchestrator
    backend: ScriptedBackend
    tools: TableTools


def orchestrator_of(script: Script, tools: ToolCaller) -> Orchestrator:
    """A scripted model with these tools, without a critic."""
    tokenizer = byte_tokenizer()
    return orchestrator_build(ScriptedBackend(tokenizer, script), tokenizer, tools=tools, model=MODEL)


def cast(
    *,
    answers: Mapping[str, list[Attempt]] = ANSWERS,
    seconds_per_token: float = 0.0,
    has_critic: bool = True,
    thresholds: Thresholds = SCRIPTED_THRESHOLDS,
    dialect: Dialect = SVEND,
) -> Cast:
    tokenizer = byte_tokenizer(dialect)
    script = Script(attempts=answers, seconds_per_token=seconds_per_token)
    backend, tools = ScriptedBackend(tokenizer, script), TableTools()
    verifier = Verifier(EndingCritic(TokenBytes(tokenizer)), thresholds) if has_critic else None
    orchestrator = orchestrator_build(backend, tokenizer, tools=tools, model=MODEL, verifier=verifier)
    return Cast(orchestrator, backend, tools)


def spec(question: str, **fields: object) -> RunSpec:
    base: dict[str, object] = {
        "model": MODEL,
        "messages": [Message(role="user", content=question)],
        "tools": ["symbolic_math"],
        "max_total_tokens": 4096,
    }
    return RunSpec.model_validate(base | fields)


def completion_spec(prompt: str | list[int], **fields: object) -> RunSpec:
    return spec("", kind="completion", prompt=prompt, messages=[], tools=[], **fields)


def node_of(cast_: Cast, state: Path, **fields: int) -> Node:
    loaded = LoadedModel(
        version=MODEL,
        role="reasoner",
        backend="scripted",
        num_parameters=0,
        context_tokens=cast_.backend.context_tokens,
        vocab_size=270,
        manifest_sha256="0" * 64,
    )
    return node_build(
        name="test", state=state, orchestrator=cast_.orchestrator, models=[loaded], tools=cast_.tools, **fields
    )


class QuietServer(uvicorn.Server):
    """Leaves the test process's signals alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(node: Node, *, secret: str = "") -> AsyncIterator[str]:
    """The node behind a real socket; yields its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = app_build(node, secret=secret)
    server = QuietServer(
        uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, timeout_keep_alive=KEEP_ALIVE_SECONDS)
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
        assert not serving.done(), serving.exception()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving

"""`POST /v1/chat/completions` and `POST /v1/completions`: a run each, told in OpenAI's shapes.

chat: orchestrated, tools on, critic off; `{"svend": {"tools", "verify", "search"}}` changes that. completions: the raw
continuation of a prompt, nothing around it. Server-side tools never surface as `tool_calls`.
"""

from django.http import HttpRequest, HttpResponseBase
from django.http.response import JsonResponse

from backend.core.errors import ApplicationError, error_response
from backend.model_registry.models import ModelVersion
from backend.openai_api.door import Request, answer, body_parse, v1_view
from backend.openai_api.requests import COMPLETION_TOKENS_DEFAULT, ChatBody, CompletionBody
from backend.openai_api.running import (
    chunk_feed,
    projection_finished,
    question_size_check,
    run_begin,
    stream_response,
    version_ready,
)
from backend.runs.admission import prompt_bound_tokens, run_bound_tokens
from backend.runs.models import Run
from gpu_node.protocol.frames import Search
from gpu_node.protocol.projector import ChatChunks, TextChunks, chat_completion, text_completion
from gpu_node.protocol.run_spec import RunSpec


@v1_view("inference", methods=("POST",))
async def chat_completions(request: Request) -> HttpResponseBase:
    body = body_parse(request, ChatBody)
    body.check()
    version = await version_ready(body.model, tools=body.svend.tool_names, param="svend.tools[{}]")
    spec = _chat_spec(body, version)
    admitted = await run_begin(request, surface=Run.Surface.CHAT, question=_last_question(spec), spec=spec)
    run_id, created = admitted.run.id, int(admitted.run.created_at.timestamp())
    if body.stream:
        chunks = ChatChunks(
            run_id=run_id,
            created=created,
            include_usage=body.include_usage,
            is_answer_held=spec.is_answer_held,
            model=version.name,
        )
        return await stream_response(request, admitted, chunk_feed(admitted, chunks.feed))
    return answer(chat_completion(await projection_finished(request, admitted), run_id=run_id, created=created))


def _chat_spec(body: ChatBody, version: ModelVersion) -> RunSpec:
    messages, client_tools = body.wire_messages(), body.client_tools()
    num_bytes = sum(len(message.content.encode()) for message in messages)
    num_bytes += sum(len(tool.model_dump_json()) for tool in client_tools)
    num_bytes += sum(len(str(message.tool_calls)) for message in messages)
    question_size_check(num_bytes, version)
    bound = run_bound_tokens(
        prompt_bound=prompt_bound_tokens(num_bytes=num_bytes, num_messages=len(messages)),
        context_tokens=version.context_tokens,
        max_completion_tokens=body.completion_limit,
        has_tools=bool(body.svend.tool_names),
        verify=body.svend.verify,
        search=body.svend.search,
    )
    return RunSpec(
        model=version.name,
        messages=messages,
        tools=body.svend.tool_names,
        client_tools=client_tools,
        verify=body.svend.verify,
        search=body.svend.search or Search(),
        max_total_tokens=bound,
        max_completion_tokens=body.completion_limit,
        temperature=body.temperature or 0.0,
        top_p=body.top_p or 1.0,
        seed=body.seed,
        stop=body.stop_strings,
    )


def _last_question(spec: RunSpec) -> str:
    return next((message.content for message in reversed(spec.messages) if message.role == "user"), "")


@v1_view("inference", methods=("POST",))
async def completions(request: Request) -> HttpResponseBase:
    body = body_parse(request, CompletionBody)
    body.check()
    version = await version_ready(body.model)
    prompt = body.one_prompt()
    num_bytes = len(prompt.encode()) if isinstance(prompt, str) else len(prompt)
    question_size_check(num_bytes, version)
    limit = body.max_tokens or COMPLETION_TOKENS_DEFAULT
    spec = RunSpec(
        kind="completion",
        model=version.name,
        prompt=prompt,
        max_total_tokens=run_bound_tokens(
            prompt_bound=prompt_bound_tokens(num_bytes=num_bytes, num_messages=1),
            context_tokens=version.context_tokens,
            max_completion_tokens=limit,
            has_tools=False,
        ),
        max_completion_tokens=limit,
        temperature=body.temperature or 0.0,
        top_p=body.top_p or 1.0,
        seed=body.seed,
        stop=body.stop_strings,
    )
    question = prompt if isinstance(prompt, str) else f"[{len(prompt)} token ids]"
    admitted = await run_begin(request, surface=Run.Surface.COMPLETION, question=question, spec=spec)
    run_id, created = admitted.run.id, int(admitted.run.created_at.timestamp())
    if body.stream:
        chunks = TextChunks(
            run_id=run_id,
            created=created,
            include_usage=body.include_usage,
            is_answer_held=False,
            model=version.name,
        )
        return await stream_response(request, admitted, chunk_feed(admitted, chunks.feed))
    return answer(text_completion(await projection_finished(request, admitted), run_id=run_id, created=created))


async def unknown_route(request: HttpRequest) -> JsonResponse:
    """Every other path below /v1, in JSON: an HTML 404 shows up as `code=None` in OpenAI's clients."""
    message = f"Unknown request URL: {request.method} {request.path}. See /docs for what there is."
    return error_response(ApplicationError(message, code="unknown_url", status=404))

"""Conversations: begin one, ask in it, list, read, hide. Asking is the runs app's; this keeps what belongs together."""

from dataclasses import dataclass

from asgiref.sync import async_to_sync
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from backend.accounts.callers import Caller
from backend.chat.models import Conversation
from backend.core.errors import ApplicationError, NotFound
from backend.core.ids import conversation_id_make, id_is_valid
from backend.model_registry.models import ModelVersion
from backend.model_registry.services import model_resolve, nodes_for, snapshot_read, tools_check
from backend.runs.admission import advance_begin, prompt_bound_tokens, run_admit, run_bound_tokens
from backend.runs.models import Run
from backend.runs.services import RunRequest
from gpu_node.protocol.frames import Search
from gpu_node.protocol.run_spec import QUESTION_BYTES_MAX, Message, RunSpec, ToolName

TITLE_CHARS_MAX = 80
CONVERSATIONS_PER_PAGE = 30


@dataclass(frozen=True, kw_only=True)
class Question:
    text: str
    allow_tools: bool
    verify: bool
    model: str | None
    tools: tuple[ToolName, ...]
    search: Search


def _run_request(*, conversation_id: str, question: Question, version: ModelVersion) -> RunRequest:
    num_bytes = len(question.text.encode())
    if num_bytes > QUESTION_BYTES_MAX:
        message = f"The question has {num_bytes} bytes; at most {QUESTION_BYTES_MAX} are read."
        raise ApplicationError(message, code="context_length_exceeded", param="question")
    tools = question.tools if question.allow_tools else ()
    bound = run_bound_tokens(
        prompt_bound=prompt_bound_tokens(num_bytes=num_bytes, num_messages=1),
        context_tokens=version.context_tokens,
        max_completion_tokens=None,
        has_tools=bool(tools),
        verify=question.verify,
        search=question.search,
    )
    spec = RunSpec(
        model=version.name,
        messages=[Message(role="user", content=question.text)],
        tools=list(tools),
        verify=question.verify,
        search=question.search,
        max_total_tokens=bound,
    )
    return RunRequest(surface=Run.Surface.ASK, question=question.text, spec=spec, conversation_id=conversation_id)


def _version_ready(question: Question) -> ModelVersion:
    """Refuses an unknown model, or one without a node, before anything is written."""
    registry = snapshot_read()
    version = model_resolve(registry, question.model)
    tools_check(registry, question.tools, param="tools.{}")
    async_to_sync(nodes_for)(version.name)
    return version


def conversation_begin(*, caller: Caller, conversation_id: str | None, question: Question) -> tuple[Conversation, Run]:
    """Makes the conversation and its first run. With a client-made id a repeat finds what the first try made."""
    if conversation_id is not None and not id_is_valid(conversation_id, "conv"):
        raise ApplicationError("id must look like conv_ and 8 to 32 letters or digits.", param="id")
    version = _version_ready(question)
    with transaction.atomic():
        conversation, is_new = Conversation.objects.get_or_create(
            id=conversation_id or conversation_id_make(),
            defaults={"account_id": caller.account_id, "title": _title(question.text)},
        )
        if conversation.account_id != caller.account_id:
            raise ApplicationError("This id is taken.", code="id_taken", status=409, param="id")
        first = None if is_new else Run.objects.filter(conversation_id=conversation.id).order_by("created_at").first()
        request = _run_request(conversation_id=conversation.id, question=question, version=version)
        run = first or run_admit(caller=caller, request=request).run
    if first is None:
        advance_begin(run.id)
    return conversation, run


def conversation_ask(*, caller: Caller, conversation_id: str, question: Question) -> Run:
    conversation = conversation_get(account_id=caller.account_id, conversation_id=conversation_id)
    version = _version_ready(question)
    request = _run_request(conversation_id=conversation.id, question=question, version=version)
    run = run_admit(caller=caller, request=request).run
    advance_begin(run.id)
    return run


def _title(question: str) -> str:
    line = " ".join(question.split())
    return line if len(line) <= TITLE_CHARS_MAX else line[: TITLE_CHARS_MAX - 1] + "…"


def conversation_get(*, account_id: str, conversation_id: str) -> Conversation:
    """Raises NotFound for none, another's, or a deleted one: all look the same."""
    found = Conversation.objects.filter(id=conversation_id, account_id=account_id, deleted_at=None).first()
    if found is None:
        raise NotFound("There is no such conversation.", code="conversation_not_found")
    return found


def conversation_runs(conversation: Conversation) -> list[Run]:
    return list(Run.objects.filter(conversation_id=conversation.id).order_by("created_at"))


def conversation_delete(*, account_id: str, conversation_id: str) -> None:
    conversation_get(account_id=account_id, conversation_id=conversation_id)
    Conversation.objects.filter(id=conversation_id).update(deleted_at=timezone.now())


def conversations_list(*, account_id: str, before: str | None) -> list[tuple[Conversation, Run | None]]:
    """A page, newest first, each with its last run; one more than a page when there is a next one."""
    rows = Conversation.objects.filter(account_id=account_id, deleted_at=None).order_by("-created_at", "-id")
    if before is not None:
        mark = Conversation.objects.filter(account_id=account_id, id=before).first()
        if mark is None:
            raise ApplicationError("This cursor is unknown.", code="invalid_value", param="cursor")
        rows = rows.filter(created_at__lt=mark.created_at)
    newest = Run.objects.filter(conversation_id=OuterRef("id")).order_by("-created_at").values("id")[:1]
    page = list(rows.annotate(last_run_id=Subquery(newest))[: CONVERSATIONS_PER_PAGE + 1])
    runs = Run.objects.in_bulk([row.last_run_id for row in page if row.last_run_id])
    return [(row, runs.get(row.last_run_id)) for row in page]

"""Asks any OpenAI-compatible endpoint, by the `openai` client: our own `/v1`, a node's, or somebody else's.

A plain mode sends nothing that is ours: what tools a server has is its own affair, and it runs them itself. Modes that
are ours alone go in the `svend` object, which only our servers know. Not here: traces, which `/v1` does not give.
"""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gpu_node.evaluation.asking import Asked
from gpu_node.evaluation.modes import COMPLETION_TOKENS, Mode
from gpu_node.evaluation.question import Question
from gpu_node.protocol.frames import ClientToolCall, Usage

if TYPE_CHECKING:
    import openai

TIMEOUT_SECONDS = 120.0  # of one answer, as long as a node lets a run live
RETRIES_MAX = 4  # by the client, for 429 and 5xx, with its own waits


class UrlRefused(RuntimeError):
    """The endpoint refuses all questions: a wrong key, address or model."""


@dataclass(frozen=True, kw_only=True)
class UrlAsker:
    client: "openai.AsyncOpenAI"
    model: str
    completion_tokens: int = COMPLETION_TOKENS

    async def ask(self, question: Question, mode: Mode, *, sample: int, temperature: float) -> Asked:
        """Raises UrlRefused; a question that alone is refused has the reason in `problem`."""
        import openai

        fields: dict[str, Any] = {"extra_body": {"svend": svend}} if (svend := _svend(mode)) else {}
        if question.client_tools:
            fields["tools"] = [
                {"type": "function", "function": tool.model_dump(mode="json")} for tool in question.client_tools
            ]
        try:
            done = await self.client.chat.completions.create(
                model=self.model,
                messages=[{"role": "user", "content": question.text}],
                temperature=temperature,
                seed=(question.sampling_seed + sample) % 2**31,
                max_tokens=self.completion_tokens * mode.num_answers,
                **fields,
            )
        except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as error:
            raise UrlRefused(f"{self.client.base_url} refuses the key, the model or the path: {error}") from error
        except openai.APIConnectionError as error:
            raise UrlRefused(f"{self.client.base_url} does not answer: {error}") from error
        except openai.APIStatusError as error:
            return Asked(problem=f"{error.status_code}: {error}")
        return _read(done)


def url_client(url: str, key_env: str | None) -> "openai.AsyncOpenAI":
    """The client; the key is read from the named environment variable.

    Raises:
        ValueError: the variable is not set, or the `openai` package is missing.
    """
    try:
        import openai
    except ImportError as error:
        raise ValueError("--url needs the openai package: pip install openai") from error
    key = "not-needed" if key_env is None else os.environ.get(key_env, "")
    if not key:
        raise ValueError(f"the environment variable {key_env} holds no key")
    return openai.AsyncOpenAI(base_url=url, api_key=key, timeout=TIMEOUT_SECONDS, max_retries=RETRIES_MAX)


def _svend(mode: Mode) -> dict[str, Any]:
    fields: dict[str, Any] = {} if mode.tools else {"tools": False}
    if mode.verify:
        fields["verify"] = True
    if mode.is_search:
        fields["search"] = mode.search.model_dump(mode="json")
    return fields


def _read(done: Any) -> Asked:
    message = done.choices[0].message
    calls = [
        ClientToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)
        for call in message.tool_calls or []
        if call.type == "function"
    ]
    used = done.usage
    usage = Usage(prompt_tokens=used.prompt_tokens, completion_tokens=used.completion_tokens) if used else Usage()
    return Asked(answer=message.content or "", client_tool_calls=calls, usage=usage)

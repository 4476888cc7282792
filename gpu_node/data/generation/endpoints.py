"""The far ends that answer seed questions: any OpenAI-compatible server, or Anthropic's, each through its own client.

The clients are the optional extra `generate`; their own retries are off, because each try is paid for by itself
(generate.py tries again). Not here: what an answer is worth, money.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

Provider = Literal["openai", "anthropic"]
TIMEOUT_SECONDS = 600.0  # of one request: long answers of slow models
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class EndpointUnusable(ValueError):
    """It cannot be asked at all: a missing package or key, an unknown model, a refused request."""


class TryFailed(Exception):
    """This try failed, another may not. `is_billed`: the far end may have answered without our hearing it."""

    def __init__(self, message: str, *, is_billed: bool, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.is_billed = is_billed
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True)
class Ask:
    system: str
    user: str
    temperature: float | None
    completion_tokens_max: int
    seed: int

    @property
    def num_bytes(self) -> int:
        return len(self.system.encode()) + len(self.user.encode())


@dataclass(frozen=True)
class Reply:
    """`reasoning` is what a far end keeps apart from its answer. Tokens are as the far end counts them."""

    text: str
    reasoning: str
    prompt_tokens: int
    completion_tokens: int
    is_cut: bool


class Endpoint(Protocol):
    async def ask(self, ask: Ask) -> Reply:
        """Raises TryFailed, EndpointUnusable."""
        ...

    async def close(self) -> None: ...


class OpenAiEndpoint:
    def __init__(self, *, base_url: str, key: str, model: str) -> None:
        import openai

        self._errors = openai
        self._client = openai.AsyncOpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=TIMEOUT_SECONDS)
        self._model = model

    async def ask(self, ask: Ask) -> Reply:
        messages: list[Any] = [{"role": "user", "content": ask.user}]
        if ask.system:
            messages.insert(0, {"role": "system", "content": ask.system})
        options: dict[str, Any] = {} if ask.temperature is None else {"temperature": ask.temperature}
        try:
            done = await self._client.chat.completions.create(
                model=self._model,
                messages=messages,
                max_completion_tokens=ask.completion_tokens_max,
                seed=ask.seed,
                **options,
            )
        except self._errors.APIError as error:
            raise _failed(error, self._errors) from error
        if done.usage is None or not done.choices:
            raise EndpointUnusable("the endpoint answers without usage or choices: what it costs cannot be counted")
        message, choice = done.choices[0].message, done.choices[0]
        extra = message.model_extra or {}
        return Reply(
            text=message.content or "",
            reasoning=str(extra.get("reasoning_content") or extra.get("reasoning") or ""),
            prompt_tokens=done.usage.prompt_tokens,
            completion_tokens=done.usage.completion_tokens,
            is_cut=choice.finish_reason == "length",
        )

    async def close(self) -> None:
        await self._client.close()


class AnthropicEndpoint:
    def __init__(self, *, base_url: str, key: str, model: str) -> None:
        import anthropic

        self._errors = anthropic
        self._client = anthropic.AsyncAnthropic(base_url=base_url, api_key=key, max_retries=0, timeout=TIMEOUT_SECONDS)
        self._model = model

    async def ask(self, ask: Ask) -> Reply:
        options: dict[str, Any] = {} if ask.temperature is None else {"temperature": ask.temperature}
        if ask.system:
            options["system"] = ask.system
        try:
            done = await self._client.messages.create(
                model=self._model,
                max_tokens=ask.completion_tokens_max,
                messages=[{"role": "user", "content": ask.user}],
                **options,
            )
        except self._errors.APIError as error:
            raise _failed(error, self._errors) from error
        cached = (done.usage.cache_creation_input_tokens or 0) + (done.usage.cache_read_input_tokens or 0)
        return Reply(
            text="".join(block.text for block in done.content if block.type == "text"),
            reasoning="".join(block.thinking for block in done.content if block.type == "thinking"),
            prompt_tokens=done.usage.input_tokens + cached,
            completion_tokens=done.usage.output_tokens,
            is_cut=done.stop_reason == "max_tokens",
        )

    async def close(self) -> None:
        await self._client.close()


TRANSIENT_STATUS = (408, 409, 429, 500, 502, 503, 504, 529)


def _failed(error: Any, errors: Any) -> TryFailed | EndpointUnusable:
    """Both clients come of one generator: their errors have the same names."""
    if isinstance(error, errors.APITimeoutError):
        return TryFailed("no answer in time", is_billed=True)
    if isinstance(error, errors.APIConnectionError):
        return TryFailed(f"no connection: {error.__cause__ or error}", is_billed=True)
    if isinstance(error, errors.APIStatusError):
        said = f"{error.status_code}: {error.message}"
        if error.status_code in TRANSIENT_STATUS and getattr(error, "code", None) != "insufficient_quota":
            return TryFailed(said, is_billed=False, retry_after_seconds=_seconds(error.response.headers))
        return EndpointUnusable(f"the endpoint refuses: {said}")
    return TryFailed(f"no answer of its API: {error}", is_billed=True)


def _seconds(headers: Any) -> float | None:
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None


MAKERS: dict[Provider, Callable[..., Endpoint]] = {"openai": OpenAiEndpoint, "anthropic": AnthropicEndpoint}
NO_KEY = "not-needed"  # the clients want one; a server of one's own asks for none


def endpoint_make(provider: Provider, *, base_url: str, key: str | None, model: str) -> Endpoint:
    """Raises EndpointUnusable: no URL, no key for a far host, a package that is not installed."""
    url = urlsplit(base_url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise EndpointUnusable(f"{base_url!r} is no address: name it like https://host/v1")
    if key is None and url.hostname not in LOOPBACK:
        raise EndpointUnusable(f"{url.hostname} needs a key: put it into the environment")
    if url.scheme == "http" and url.hostname not in LOOPBACK:
        raise EndpointUnusable(f"{base_url!r} would send the key unencrypted: use https")
    try:
        return MAKERS[provider](base_url=base_url, key=key or NO_KEY, model=model)
    except ImportError as error:
        raise EndpointUnusable(f"asking {provider} needs its client: pip install 'svend[generate]'") from error

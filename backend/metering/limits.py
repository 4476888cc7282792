"""Rate limits: requests and tokens a minute per account, by one Lua script in Valkey for each request.

Two buckets that fill evenly over a minute. A request takes one from the first and its bound of tokens from the
second; `limits_settle` gives back what it did not use. The same script compares the API key's version with the
least good one, so a revocation holds at once, cached callers or not. Limits are no money: losing Valkey's data
fills the buckets, nothing more. With Valkey down a metered request is refused (503), because nobody could
revoke a key. Floats below are seconds, never money.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import structlog
from redis.commands.core import Script
from redis.exceptions import RedisError

from backend.accounts.callers import Caller
from backend.accounts.services import key_version_key
from backend.core.errors import ApplicationError, NotAuthenticated, ServiceUnavailable
from backend.core.valkey import valkey

log = structlog.get_logger(__name__)

REQUESTS_PER_MINUTE = 60  # a person's pace and a small program's
TOKENS_PER_MINUTE = 200_000  # 60 requests that each fill a small context
WINDOW_MS = 60_000

# KEYS: requests bucket, tokens bucket, key version.
# ARGV: request limit, token limit, tokens wanted, key version, window in ms.
# Returns {outcome, requests left, tokens left, ms until requests full, ms until tokens full, ms to wait}.
# A bucket is the hash {left, at}; it expires when it would be full again.
TAKE_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limits = {tonumber(ARGV[1]), tonumber(ARGV[2])}
local wanted = {1, tonumber(ARGV[3])}
local window = tonumber(ARGV[5])

if KEYS[3] ~= '' then
    local least = redis.call('GET', KEYS[3])
    if least and tonumber(least) > tonumber(ARGV[4]) then return {'revoked', 0, 0, 0, 0, 0} end
end

local left, outcome, wait = {}, 'ok', 0
for i = 1, 2 do
    local bucket = redis.call('HMGET', KEYS[i], 'left', 'at')
    left[i] = limits[i]
    if bucket[1] then
        local grown = (now - tonumber(bucket[2])) * limits[i] / window
        left[i] = math.min(limits[i], tonumber(bucket[1]) + math.max(0, grown))
    end
    if left[i] < wanted[i] and outcome == 'ok' then
        outcome = (i == 1) and 'requests' or 'tokens'
        wait = math.ceil((wanted[i] - left[i]) * window / limits[i])
    end
end
for i = 1, 2 do
    if outcome == 'ok' then left[i] = left[i] - wanted[i] end
    redis.call('HSET', KEYS[i], 'left', tostring(left[i]), 'at', now)
    redis.call('PEXPIRE', KEYS[i], window)
end
local function full(i) return math.ceil((limits[i] - left[i]) * window / limits[i]) end
return {outcome, math.floor(left[1]), math.floor(left[2]), full(1), full(2), wait}
"""

# KEYS: tokens bucket.  ARGV: token limit, tokens given back (negative: used more than reserved).
GIVE_BACK_SCRIPT = """
local left = redis.call('HGET', KEYS[1], 'left')
if left then
    redis.call('HSET', KEYS[1], 'left', tostring(math.min(tonumber(ARGV[1]), tonumber(left) + tonumber(ARGV[2]))))
end
"""


@dataclass(frozen=True)
class LimitsState:
    outcome: str
    requests_left: int
    tokens_left: int
    requests_reset_ms: int
    tokens_reset_ms: int
    wait_ms: int


class RateLimited(ApplicationError):
    code, status, type = "rate_limit_exceeded", 429, "rate_limit_error"


@lru_cache(maxsize=1)
def _take() -> Script:
    return valkey().register_script(TAKE_SCRIPT)


@lru_cache(maxsize=1)
def _give_back() -> Script:
    return valkey().register_script(GIVE_BACK_SCRIPT)


def limits_of(caller: Caller) -> tuple[int, int]:
    """(requests, tokens) a minute."""
    return (caller.requests_per_minute or REQUESTS_PER_MINUTE, caller.tokens_per_minute or TOKENS_PER_MINUTE)


def _bucket(caller: Caller, what: str) -> str:
    return f"svend:limit:{caller.account_id}:{what}"


def limits_take(caller: Caller, tokens: int) -> dict[str, str]:
    """Takes one request and `tokens` tokens; returns the six headers for the answer.

    Raises RateLimited (with the same headers and retry-after), NotAuthenticated for a revoked key and
    ServiceUnavailable. `tokens=0` is right for requests that generate nothing.
    """
    request_limit, token_limit = limits_of(caller)
    if tokens > token_limit:
        tokens = token_limit  # one request above the whole limit would else never pass: it takes all there is
    version_key = key_version_key(caller.api_key_id) if caller.api_key_id else ""
    try:
        answer = _take()(
            keys=[_bucket(caller, "requests"), _bucket(caller, "tokens"), version_key],
            args=[request_limit, token_limit, tokens, caller.api_key_version, WINDOW_MS],
        )
    except RedisError as error:
        log.warning("limits.unreachable", error=repr(error))
        raise ServiceUnavailable("The limits store does not answer. Try again in a moment.") from error
    state = LimitsState(answer[0].decode(), *(int(number) for number in answer[1:]))
    if state.outcome == "revoked":
        raise NotAuthenticated("This API key was revoked.")
    headers = _headers(request_limit, token_limit, state)
    if state.outcome != "ok":
        limit = request_limit if state.outcome == "requests" else token_limit
        raise RateLimited(
            f"Rate limit reached: {limit} {state.outcome} a minute. Try again in {go_duration(state.wait_ms)}.",
            headers={**headers, "retry-after": str(math.ceil(state.wait_ms / 1000))},
        )
    return headers


def limits_settle(caller: Caller, *, reserved_tokens: int, used_tokens: int) -> None:
    """Gives back what a finished run did not use. Best effort: the bucket fills by itself anyway."""
    _, token_limit = limits_of(caller)
    given = min(reserved_tokens, token_limit) - used_tokens
    try:
        _give_back()(keys=[_bucket(caller, "tokens")], args=[token_limit, given])
    except RedisError as error:
        log.warning("limits.unreachable", error=repr(error))


def _headers(request_limit: int, token_limit: int, state: LimitsState) -> dict[str, str]:
    return {
        "x-ratelimit-limit-requests": str(request_limit),
        "x-ratelimit-limit-tokens": str(token_limit),
        "x-ratelimit-remaining-requests": str(max(0, state.requests_left)),
        "x-ratelimit-remaining-tokens": str(max(0, state.tokens_left)),
        "x-ratelimit-reset-requests": go_duration(state.requests_reset_ms),
        "x-ratelimit-reset-tokens": go_duration(state.tokens_reset_ms),
    }


def go_duration(milliseconds: int) -> str:
    """As Go prints it and OpenAI's clients read it: `20ms`, `1.5s`, `6m0s`."""
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    seconds = f"{rest // 1000}.{rest % 1000:03d}".rstrip("0").rstrip(".")
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"

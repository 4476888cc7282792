"""Asks each seed its number of times, checks what comes back, and writes all of it down.

Stops asking where the budget cannot bear one more worst case. A try that fails for a while is made again, later and
later; each try is paid for by itself. What the journal has answered is never asked again. An answer that was accepted
before in the same words is rejected as a duplicate. Not here: far ends, checks, files.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

import tenacity

from gpu_node.data.generation.budget import Budget, Price
from gpu_node.data.generation.checks import Verdict, reply_check
from gpu_node.data.generation.endpoints import Ask, Endpoint, Reply, TryFailed
from gpu_node.data.generation.journal import Answered, Asked, Began, Failed, Journal
from gpu_node.data.generation.seeds import Seed, Template
from gpu_node.data.mixing.duplicates import ExactDuplicates
from gpu_node.data.mixing.row_texts import row_texts, words_of
from gpu_node.protocol.data_rows import ProblemRow
from gpu_node.tools.executor import ToolExecutor

TRIES_MAX = 6  # of one question: about a minute of waiting
WAIT_SECONDS_FIRST = 0.5
WAIT_SECONDS_MAX = 30.0
RETRY_AFTER_SECONDS_MAX = 120.0  # what a far end may ask us to wait
FAILED_IN_A_ROW_MAX = 20  # questions: then the far end is gone, and the rest would fail too


class BudgetSpent(Exception):
    """One more request could pass the budget."""


class OtherSettings(ValueError):
    """The journal belongs to another generation."""


@dataclass(frozen=True)
class GenerationSettings:
    """`budget_nano_usd` may be raised between two starts; all else belongs to the journal."""

    endpoint: str
    model: str
    template: Template
    price: Price
    budget_nano_usd: int
    num_samples: int = 1
    num_concurrent: int = 8
    temperature: float | None = 0.7
    completion_tokens_max: int = 2048

    def fingerprint(self) -> dict[str, str | int | float | None]:
        prices = asdict(self.price)
        texts = {"endpoint": self.endpoint, "model": self.model, "template": self.template.model_dump_json()}
        return {**texts, **prices, "temperature": self.temperature, "completion_tokens_max": self.completion_tokens_max}


@dataclass
class Outcome:
    """`num_left` questions were not asked, because of the budget, a stop or a far end that is gone."""

    num_accepted: int = 0
    num_rejected: int = 0
    num_failed: int = 0
    num_left: int = 0
    spent_nano_usd: int = 0
    stopped_by: str = ""
    reasons: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    seed: Seed
    sample: int

    @property
    def key(self) -> str:
        return f"{self.seed.id}.{self.sample}"


class Generation:
    def __init__(
        self,
        settings: GenerationSettings,
        *,
        endpoint: Endpoint,
        journal: Journal,
        tools: ToolExecutor | None,
        on_answer: Callable[["Generation"], None] = lambda _: None,
        is_stopped: Callable[[], bool] = lambda: False,
        wait_seconds_first: float = WAIT_SECONDS_FIRST,
    ) -> None:
        """Raises OtherSettings."""
        self._settings, self._endpoint, self._journal, self._tools = settings, endpoint, journal, tools
        self._on_answer, self._is_stopped, self._wait_first = on_answer, is_stopped, wait_seconds_first
        self._claim()
        self.budget = Budget(settings.budget_nano_usd, spent_nano_usd=journal.spent_nano_usd)
        self._accepted = ExactDuplicates()
        for entry in journal.answers():
            if entry.is_accepted and entry.row is not None:
                self._accepted.earlier(_words(entry.row), entry.key)
        self._failed_in_a_row = 0
        self._stopped_by = ""
        self._settled = asyncio.Condition()

    def _claim(self) -> None:
        wanted = Began(settings=self._settings.fingerprint())
        if self._journal.began is None:
            self._journal.append(wanted)
        elif self._journal.began != wanted:
            raise OtherSettings(
                f"{self._journal.folder} holds another generation (endpoint, model, prompt, prices, temperature or "
                "length differ): name another --out"
            )

    async def run(self, seeds: Sequence[Seed]) -> Outcome:
        """Raises EndpointUnusable, ToolsUnavailable; what was answered until then is kept and written."""
        questions = [Question(seed, sample) for sample in range(self._settings.num_samples) for seed in seeds]
        left = [question for question in questions if question.key not in self._journal.answered]
        waiting = iter(left)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._settings.num_concurrent, len(left))):
                    group.create_task(self._work(waiting))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        finally:
            self._journal.rows_write()
        return self._outcome(questions)

    def _outcome(self, questions: Sequence[Question]) -> Outcome:
        journal = self._journal
        return Outcome(
            num_accepted=journal.num_accepted,
            num_rejected=len(journal.answered) - journal.num_accepted,
            num_failed=len(journal.failed),
            num_left=sum(question.key not in journal.answered | journal.failed for question in questions),
            spent_nano_usd=self.budget.spent_nano_usd,
            stopped_by=self._stopped_by,
            reasons=dict(journal.reasons),
        )

    async def _work(self, waiting: Iterator[Question]) -> None:
        for question in waiting:
            if self._is_stopped():
                self._stopped_by = "asked to stop"
            elif self._failed_in_a_row >= FAILED_IN_A_ROW_MAX:
                self._stopped_by = f"{FAILED_IN_A_ROW_MAX} questions in a row failed"
            if self._stopped_by:
                return
            try:
                await self._question(question)
            except BudgetSpent:
                self._stopped_by = "budget"
                return
            except TryFailed:
                self._failed_in_a_row += 1
            else:
                self._failed_in_a_row = 0
            self._on_answer(self)

    async def _question(self, question: Question) -> None:
        """Raises TryFailed after the last try, BudgetSpent, and what no other try would change."""
        tries = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(TRIES_MAX),
            wait=self._wait_seconds,
            retry=tenacity.retry_if_exception_type(TryFailed),
            reraise=True,
        )
        async for attempt in tries:
            with attempt:
                await self._try(question)

    def _wait_seconds(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        if isinstance(error, TryFailed) and error.retry_after_seconds is not None:
            return min(error.retry_after_seconds, RETRY_AFTER_SECONDS_MAX)
        return tenacity.wait_exponential_jitter(multiplier=self._wait_first, max=WAIT_SECONDS_MAX)(state)

    async def _try(self, question: Question) -> None:
        settings = self._settings
        ask = Ask(
            system=settings.template.system,
            user=settings.template.prompt(question.seed),
            temperature=settings.temperature,
            completion_tokens_max=settings.completion_tokens_max,
            seed=question.sample,
        )
        bound = settings.price.bound_nano_usd(
            prompt_bytes=ask.num_bytes, completion_tokens_max=settings.completion_tokens_max
        )
        await self._hold(bound)
        self._journal.append(Asked(key=question.key, bound_nano_usd=bound))
        try:
            reply = await self._endpoint.ask(ask)
        except TryFailed as error:
            cost = bound if error.is_billed else 0
            self._journal.append(Failed(key=question.key, reason=str(error), cost_nano_usd=cost))
            await self._settle(bound, cost)
            raise
        verdict = self._once(question, await reply_check(question.seed, settings.template, reply, self._tools))
        cost = settings.price.cost_nano_usd(
            prompt_tokens=reply.prompt_tokens, completion_tokens=reply.completion_tokens
        )
        self._journal.append(_answered(question, reply, verdict, cost))
        await self._settle(bound, cost)

    async def _hold(self, bound: int) -> None:
        """Waits while what others have set aside may come back. Raises BudgetSpent."""
        async with self._settled:
            while not self.budget.hold(bound):
                if not self.budget.held_nano_usd:
                    raise BudgetSpent
                await self._settled.wait()

    async def _settle(self, bound: int, cost: int) -> None:
        async with self._settled:
            self.budget.settle(bound, cost)
            self._settled.notify_all()

    def _once(self, question: Question, verdict: Verdict) -> Verdict:
        if not verdict.is_accepted or verdict.row is None:
            return verdict
        earlier = self._accepted.earlier(_words(verdict.row), question.key)
        return verdict if earlier is None else Verdict(False, f"duplicate: of {earlier}", verdict.row)


def _words(row: ProblemRow) -> list[str]:
    return words_of(" ".join(row_texts(row)))


def _answered(question: Question, reply: Reply, verdict: Verdict, cost: int) -> Answered:
    return Answered(
        key=question.key,
        question=question.seed.question,
        reply="\n".join(part for part in (reply.reasoning, reply.text) if part),
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
        cost_nano_usd=cost,
        is_accepted=verdict.is_accepted,
        reason=verdict.reason,
        row=verdict.row,
    )

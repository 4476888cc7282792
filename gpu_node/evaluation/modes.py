"""The ways in which a question can be asked, each a few fields of a RunSpec, so that a figure names what it measured.

All searches have the same width in answers' worth of tokens: what one spends, the others may spend.
Not here: the strategies themselves (gpu_node/reasoning).
"""

from dataclasses import dataclass, field

from gpu_node.evaluation.question import Question
from gpu_node.protocol.job_spec import EvalMode
from gpu_node.protocol.run_spec import BUILT_IN_TOOLS, TOTAL_TOKENS_MAX, Message, RunSpec, Search

COMPLETION_TOKENS = 512  # of one answer: a school problem reasoned in words takes about half of it
SEARCH_ANSWERS = 8  # answers' worth of tokens that a search may spend
SEARCH_SEQUENCES = 16  # that a search may have open at once, tree search with 4 times 4 included
SAMPLE_TEMPERATURE = 0.8  # as in the orchestrator's retries: other steps, calls that do not break


@dataclass(frozen=True)
class Mode:
    name: EvalMode
    what: str
    tools: bool = True
    verify: bool = False
    search: Search = field(default_factory=Search)

    @property
    def is_search(self) -> bool:
        return self.search.strategy != "none"

    @property
    def num_answers(self) -> int:
        """How many answers' worth of tokens it may spend; a rejected one is made anew up to three times."""
        return SEARCH_ANSWERS if self.is_search else 4 if self.verify else 1


MODES: dict[EvalMode, Mode] = {
    mode.name: mode
    for mode in (
        Mode("no_tools", "one answer, no tools", tools=False),
        Mode("tools", "one answer with tools"),
        Mode("critic", "tools; what the critic rejects is made anew", verify=True),
        Mode("majority", "the commonest of 8 answers", search=Search(strategy="majority", width=8)),
        Mode("best_of_n", "the critic's choice among 8", verify=True, search=Search(strategy="best_of_n", width=8)),
        Mode("beam", "steps scored by the critic, 4 wide", verify=True, search=Search(strategy="beam")),
        Mode("mcts", "tree search by the critic, 4 wide", verify=True, search=Search(strategy="mcts")),
        Mode(
            "auto", "8 answers, where the critic doubts the first", verify=True, search=Search(strategy="auto", width=8)
        ),
    )
}


def run_spec(
    question: Question,
    mode: Mode,
    *,
    model: str,
    context_tokens: int,
    temperature: float,
    sample: int,
    completion_tokens: int = COMPLETION_TOKENS,
) -> RunSpec:
    """The question as a run. One that brings its asker's tools gets those alone."""
    has_tools = mode.tools and not question.client_tools
    return RunSpec(
        model=model,
        messages=[Message(role="user", content=question.text)],
        tools=list(BUILT_IN_TOOLS) if has_tools else [],
        client_tools=list(question.client_tools),
        verify=mode.verify,
        search=mode.search,
        max_total_tokens=min(TOTAL_TOKENS_MAX, context_tokens * mode.num_answers),
        max_completion_tokens=completion_tokens * mode.num_answers,
        temperature=temperature,
        seed=question.sampling_seed + sample,
    )

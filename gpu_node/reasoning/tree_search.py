"""The searches: several branches of one run under its one budget, and the choice among their answers.

    majority   `width` answers side by side; the one that most of them agree on (no critic needed)
    best_of_n  `width` answers side by side; the critic's choice among them
    beam       a step at a time: two children of each of the `width` best branches, as far as `depth` steps
    mcts       `depth` rounds of `width` simulations: the most promising place by PUCT, one step, and on to an answer
    auto       one answer; the others of `width` only when the critic does not accept it

Branches are forks, so what they have in common is computed once. Not here: running a branch (`branches`, `attempt`).
Invariants: no branch beside the first is opened that the rest of the budget could not bring to an answer; whatever is
given up is told why; the last event selects.
"""

import math
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from gpu_node.protocol.frames import RunEvent, SearchStrategy
from gpu_node.reasoning.branches import Branch, Branches
from gpu_node.reasoning.voting import votes

NEEDS_CRITIC: frozenset[SearchStrategy] = frozenset({"best_of_n", "beam", "mcts"})
BEAM_CHILDREN = 2  # of each branch that is kept: the least that lets the critic choose
# PUCT's weight of what has been tried little, against values in 0..1 (Silver et al. 2017 use 1 to 5 with values in
# -1..1); a small one, because a simulation is a whole answer and there are few of them.
EXPLORATION = 1.0
ROLLOUT_SEEDS = 1_000  # rollouts draw by their step's number beyond this, above any branch's own

Events = AsyncGenerator[RunEvent, None]


async def searched(branches: Branches) -> Events:
    """The search that the run's spec names. Raises the engine's errors only when every branch has failed."""
    strategy = _STRATEGIES[branches.spec.search.strategy]
    async with aclosing(strategy(branches)) as events:
        async for event in events:
            yield event


async def _side_by_side(branches: Branches, num: int, reason: str) -> Events:
    """Whole answers from the prompt on; fewer where the budget has not enough for all."""
    num = max(min(num, branches.num_affordable), 0 if branches.opened else 1)
    is_fresh = not branches.opened
    opened = [branches.open(reason, is_first=is_fresh and number == 0) for number in range(num)]
    async with aclosing(branches.run_together(opened)) as events:
        async for event in events:
            yield event


async def majority(branches: Branches, reason: str = "majority") -> Events:
    width = branches.spec.search.width
    async with aclosing(_side_by_side(branches, width, reason)) as events:
        async for event in events:
            yield event
    found = await votes(branches.opened)
    if not found:
        yield branches.select(branches.best, "no branch came to an answer")
        return
    winner = max(found, key=lambda vote: (len(vote.branches), vote.weight / len(vote.branches)))
    num_answers = sum(len(vote.branches) for vote in found)
    yield branches.select(winner.best, f"{len(winner.branches)} of {num_answers} answers agree")


async def best_of_n(branches: Branches) -> Events:
    async with aclosing(_side_by_side(branches, branches.spec.search.width, "best of n")) as events:
        async for event in events:
            yield event
    yield await _selection(branches)


async def _selection(branches: Branches) -> RunEvent:
    """An answer that the critic accepts; else the one whose branches have the most of its scores together.

    That is weighted best-of-n (Li et al. 2023, "Making language models better reasoners with step-aware verifier"): a
    single best score is often a wrong answer that the critic errs about. Branches that were merged count as many.
    """
    if _is_accepted(branches):
        return branches.select(branches.best, "the critic accepts this answer")
    found = await votes(branches.opened)
    if not found:
        return branches.select(branches.best, "no branch came to an answer")
    winner = max(found, key=lambda vote: (vote.weight, len(vote.branches)))
    num_answers = sum(len(vote.branches) for vote in found)
    words = f"{len(winner.branches)} of {num_answers} answers, with the most of the critic's scores together"
    return branches.select(winner.best, words)


def _is_accepted(branches: Branches) -> bool:
    """The critic accepts an answer that is there: more of the budget would buy nothing."""
    return branches.best.is_complete and branches.scorer.verdict(branches.best.score) == "accept"


async def auto(branches: Branches) -> Events:
    if not branches.scorer.is_on:
        async with aclosing(majority(branches, "majority, because no critic is loaded")) as events:
            async for event in events:
                yield event
        return
    first = branches.open("first answer", is_first=True)
    async with aclosing(branches.run_together([first])) as events:
        async for event in events:
            yield event
    doubt = _doubt(branches, first)
    if doubt is None:
        yield branches.select(first, "the critic accepts the first answer")
        return
    if branches.num_affordable == 0 or branches.spec.search.width == 1:
        yield branches.select(first, f"{doubt}, and there is no budget for another")
        return
    async with aclosing(_side_by_side(branches, branches.spec.search.width - 1, doubt)) as events:
        async for event in events:
            yield event
    yield await _selection(branches)


def _doubt(branches: Branches, first: Branch) -> str | None:
    """Why one answer is not enough; None when it is."""
    if not first.is_complete:
        return "the first branch came to no answer"
    if first.score is None:
        return "the critic cannot read the first answer"
    match branches.scorer.verdict(first.score):
        case "accept":
            return None
        case "reject":
            return f"the critic rejects the first answer ({first.score:.2f})"
        case "abstain":
            return f"the critic is unsure of the first answer ({first.score:.2f})"


async def beam(branches: Branches) -> Events:
    search = branches.spec.search
    kept: list[Branch] = []
    for step in range(1, search.depth + 1):
        children = _children(branches, kept, BEAM_CHILDREN * search.width, f"beam step {step}")
        async with aclosing(branches.run_together(children, is_one_step=True)) as events:
            async for event in events:
                yield event
        for parent in kept:
            parent.close()
        kept, pruned = _survivors(branches, children)
        for event in pruned:
            yield event
        if _is_accepted(branches):
            for branch in kept:
                yield branches.prune(branch, f"the critic accepts the answer of branch {branches.best.id}")
            kept = []
        if not kept or branches.num_affordable == 0:
            break
    lasts = _children(branches, kept, len(kept), "to its answer") if kept and branches.num_affordable > 0 else []
    for branch in kept[len(lasts) :]:
        yield branches.prune(branch, "too little of the budget is left")
    async with aclosing(branches.run_together(lasts)) as events:
        async for event in events:
            yield event
    yield await _selection(branches)


def _children(branches: Branches, parents: list[Branch], num: int, reason: str) -> list[Branch]:
    """`num` new branches, spread over the parents, the best ones first; of the prompt when there are no parents."""
    num = max(1, min(num, branches.num_affordable))
    origins = [parents[index % len(parents)] if parents else None for index in range(num)]
    children = []
    for index, origin in enumerate(origins):
        child = branches.open(reason, parent=origin, is_first=index < max(1, len(parents)))
        child.mass = 1.0 if origin is None else origin.mass / origins.count(origin)
        children.append(child)
    return children


def _survivors(branches: Branches, children: list[Branch]) -> tuple[list[Branch], list[RunEvent]]:
    """The best that still grow, each state once, and the prunings of the others."""
    growing = sorted((child for child in children if child.is_growing), key=lambda child: child.rank, reverse=True)
    events: list[RunEvent] = []
    known: dict[object, Branch] = {}
    for child in growing:
        twin = known.setdefault(child.path.state, child)
        if twin is not child:
            twin.mass += child.mass
            events.append(branches.prune(child, f"the same state as branch {twin.id}"))
    width = branches.spec.search.width
    unique = list(known.values())
    events += [branches.prune(child, "not among the best of its step") for child in unique[width:]]
    return unique[:width], events


@dataclass(eq=False, kw_only=True)
class _Node:
    """A place in the tree from which branches may go on. Values are the critic's scores of answers below it."""

    branch: Branch | None  # None: the prompt
    parent: "_Node | None"
    prior: float = 1.0  # the critic's score of the step that led here
    rollout: Branch | None = None
    children: list["_Node"] = field(default_factory=list)
    num_tried: int = 0  # steps tried from here, those that led nowhere new as well
    num_visits: int = 0  # counted when a simulation begins, so that those at work together spread out
    value_sum: float = 0.0

    @property
    def value(self) -> float:
        return self.value_sum / self.num_visits if self.num_visits else 0.0

    @property
    def lineage(self) -> list["_Node"]:
        """The node and all above it."""
        return [self, *(self.parent.lineage if self.parent is not None else [])]

    def is_tried_out(self, width: int) -> bool:
        return self.num_tried >= width and all(child.is_tried_out(width) for child in self.children)

    def release(self, width: int) -> None:
        """Frees what the engine holds of places from which no more steps are tried."""
        if self.num_tried >= width and self.branch is not None:
            self.branch.close()
        for child in self.children:
            child.release(width)

    def leaf(self, width: int) -> "_Node":
        """Where to try the next step, downwards by value + c · prior · √N / (1 + n), which is PUCT (Silver et al. 2017,
        "Mastering the game of Go without human knowledge")."""
        if self.num_tried < width:
            return self
        open_children = [child for child in self.children if not child.is_tried_out(width)]
        explored = EXPLORATION * math.sqrt(self.num_visits)
        return max(open_children, key=lambda c: c.value + explored * c.prior / (1 + c.num_visits)).leaf(width)


async def mcts(branches: Branches) -> Events:
    search = branches.spec.search
    root = _Node(branch=None, parent=None)
    for number in range(1, search.depth + 1):
        num = min(search.width, branches.num_affordable) if branches.opened else search.width
        streams: list[Events] = []
        while len(streams) < num and not root.is_tried_out(search.width):
            streams.append(_simulation(branches, root.leaf(search.width), f"mcts round {number}"))
        async with aclosing(branches.together(streams)) as events:
            async for event in events:
                yield event
        branches.check()
        root.release(search.width)
        if not streams or _is_accepted(branches):
            break
    yield await _selection(branches)


def _simulation(branches: Branches, leaf: _Node, reason: str) -> Events:
    child = branches.open(reason, parent=leaf.branch, is_first=leaf.num_tried == 0)
    leaf.num_tried += 1
    for node in leaf.lineage:
        node.num_visits += 1
    return _simulated(branches, leaf, child)


async def _simulated(branches: Branches, leaf: _Node, child: Branch) -> Events:
    """One step from the leaf, then the policy's way on to an answer, whose score goes up the tree."""
    async with aclosing(branches.run_told(child, is_one_step=True)) as events:
        async for event in events:
            yield event
    node, value = leaf, child.score if child.is_complete else None
    twin = next((known for known in leaf.children if child.is_growing and _is_same(known, child)), None)
    if twin is not None:
        assert twin.branch is not None
        assert twin.rollout is not None
        twin.rollout.mass += child.mass
        yield branches.prune(child, f"the same state as branch {twin.branch.id}")
        value = twin.value
    elif child.is_growing:
        node = _Node(branch=child, parent=leaf, prior=child.score or 0.0, num_visits=1)
        leaf.children.append(node)
        node.rollout = rollout = branches.open(
            "rollout", parent=child, is_first=True, seed_offset=ROLLOUT_SEEDS + child.id
        )
        async with aclosing(branches.run_told(rollout)) as events:
            async for event in events:
                yield event
        value = rollout.score if rollout.is_complete else None
    for above in node.lineage:
        above.value_sum += value or 0.0


def _is_same(node: _Node, child: Branch) -> bool:
    return node.branch is not None and node.branch.path.state == child.path.state


_STRATEGIES: dict[SearchStrategy, Callable[[Branches], Events]] = {
    "auto": auto,
    "majority": majority,
    "best_of_n": best_of_n,
    "beam": beam,
    "mcts": mcts,
}

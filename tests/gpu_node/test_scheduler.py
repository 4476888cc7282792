"""The scheduler as a state machine: slots stay contiguous, nobody is in two places, waiting is in order."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gpu_node.inference.backend import SamplingParams
from gpu_node.inference.scheduler import PREFILL_TOKENS_MAX, Scheduler, SequenceState

SLOTS = 3


def sequence(num_tokens: int) -> SequenceState:
    return SequenceState(ids=[1] * num_tokens, sampling=SamplingParams())


class SchedulerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler(slots_max=SLOTS)
        self.by_slot: dict[int, SequenceState] = {}  # the slots as a cache would see them: by events alone

    @rule(num_tokens=st.integers(1, 1500))
    def add(self, num_tokens: int) -> None:
        self.scheduler.add(sequence(num_tokens))

    @rule()
    def step(self) -> None:
        for slot, admitted in self.scheduler.admit():
            assert slot not in self.by_slot
            self.by_slot[slot] = admitted
        chunks = self.scheduler.prefills()
        assert sum(chunk.num_tokens for chunk in chunks) <= PREFILL_TOKENS_MAX
        for chunk in chunks:
            assert self.by_slot[chunk.slot] is chunk.sequence
            chunk.sequence.num_cached += chunk.num_tokens
            assert chunk.is_last == (chunk.sequence.num_pending == 0)
            if chunk.is_last:
                chunk.sequence.ids.append(1)

    @precondition(lambda self: self.scheduler.running)
    @rule(data=st.data())
    def leave_running(self, data: st.DataObject) -> None:
        leaving = data.draw(st.sampled_from(self.scheduler.running))
        left = self.scheduler.leave(leaving)
        assert left is not None
        assert self.by_slot[left.slot] is leaving
        if left.moved_from is None:
            del self.by_slot[left.slot]
        else:
            self.by_slot[left.slot] = self.by_slot.pop(left.moved_from)

    @precondition(lambda self: self.scheduler.waiting)
    @rule(data=st.data())
    def leave_waiting(self, data: st.DataObject) -> None:
        assert self.scheduler.leave(data.draw(st.sampled_from(list(self.scheduler.waiting)))) is None

    @invariant()
    def slots_are_contiguous_and_agree(self) -> None:
        assert [self.by_slot[slot] for slot in range(len(self.by_slot))] == self.scheduler.running
        assert len(self.scheduler.running) <= SLOTS
        assert not set(map(id, self.scheduler.running)) & set(map(id, self.scheduler.waiting))


SchedulerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestScheduler = SchedulerMachine.TestCase


def test_waiting_is_in_order():
    scheduler = Scheduler(slots_max=2)
    all_ = [sequence(5) for _ in range(4)]
    for each in all_:
        scheduler.add(each)
    assert [admitted for _, admitted in scheduler.admit()] == all_[:2]
    scheduler.leave(all_[0])
    assert [admitted for _, admitted in scheduler.admit()] == [all_[2]]


def test_leaving_twice_is_nothing():
    scheduler, one = Scheduler(slots_max=2), sequence(5)
    scheduler.add(one)
    scheduler.admit()
    assert scheduler.leave(one) is not None
    assert scheduler.leave(one) is None

"""Who goes first, and where: priority, fair share, gangs, budgets, nodes that take nothing."""

import pytest
from django.utils import timezone

from backend.jobs.models import Attempt, AttemptNode, Job
from backend.jobs.outcome import attempt_settle
from backend.jobs.reading import job_read
from backend.jobs.services import job_cancel, job_requeue
from backend.nodes.fleet import node_change
from backend.nodes.models import Node
from backend.nodes.services import nodes_probe
from gpu_node.protocol import job_frames as wire
from tests.backend.jobs.conftest import STARTED, follow, fresh, place, status, sweep, tick

pytestmark = pytest.mark.django_db(transaction=True)

FINISHED = wire.JobFinished(step=100, is_complete=True)


def test_the_higher_priority_goes_first(node, make_job) -> None:
    low, high = make_job(), make_job(terms={"priority": 5})
    place()
    assert (status(low), status(high)) == ("queued", "starting")
    assert job_read(low.id)["queue_position"] == 1
    assert "All nodes are busy" in job_read(low.id)["waiting_reason"]


def test_of_equal_priority_the_older_goes_first(node, make_job) -> None:
    first, second = make_job(), make_job()
    place()
    assert (status(first), status(second)) == ("starting", "queued")


def test_an_account_that_holds_less_passes_one_that_holds_more(nodes, make_job, other_account) -> None:
    nodes("gpu-1", jobs_max=3)
    greedy = [make_job() for _ in range(4)]
    modest = make_job(owner=other_account)
    place()
    assert [status(job) for job in greedy] == ["starting", "starting", "queued", "queued"]
    assert status(modest) == "starting"


def test_an_account_that_had_less_lately_goes_first(node, make_job, other_account) -> None:
    used = make_job()
    place()
    node.emit(used.id, STARTED, FINISHED)
    follow()
    Attempt.objects.update(created_at=timezone.now() - timezone.timedelta(hours=2))
    again, modest = make_job(), make_job(owner=other_account)
    place()
    assert (status(again), status(modest)) == ("queued", "starting")


@pytest.mark.parametrize("change", [{"is_cordoned": True}, {"is_draining": True}, {"role": "serve"}])
def test_a_cordoned_or_draining_node_gets_nothing(node, make_job, change) -> None:
    tick(nodes_probe())
    node_change("gpu-1", **change)
    job = make_job()
    place()
    assert status(job) == "queued"
    assert fresh(job).waiting_reason == "No node takes jobs now."


def test_a_drain_reaches_the_node_and_is_told_again_after_a_restart(node) -> None:
    tick(nodes_probe())
    node_change("gpu-1", is_draining=True)
    tick(nodes_probe())
    assert node.is_draining
    node.is_draining = False  # it restarted and forgot
    tick(nodes_probe())
    assert node.is_draining


def test_an_unreachable_node_gets_nothing(node, make_job) -> None:
    tick(nodes_probe())
    Node.objects.update(probe_error="does not answer", seen_at=None)
    node.stop()
    job = make_job()
    place()
    assert status(job) == "queued"


def test_a_job_bound_to_a_node_waits_for_it(nodes, make_job) -> None:
    nodes("gpu-1")
    two = nodes("gpu-2")
    bound = make_job(terms={"node_names": ["gpu-2"]})
    nowhere = make_job(terms={"node_names": ["gpu-9"]})
    place()
    assert two.has_taken(bound.id)
    assert fresh(nowhere).waiting_reason == "None of its nodes (gpu-9) takes jobs now."


def test_the_cheaper_node_is_taken(nodes, make_job) -> None:
    nodes("gpu-1")
    cheap = nodes("gpu-2")
    tick(nodes_probe())
    node_change("gpu-1", price_nano_usd_per_hour=2_000_000_000)
    job = make_job()
    place()
    assert cheap.has_taken(job.id)


# --- Gangs


def test_a_gang_gets_all_its_nodes_or_none(nodes, make_job) -> None:
    one = nodes("gpu-1")
    gang = make_job(num_nodes=2)
    place()
    assert status(gang) == "queued"
    assert fresh(gang).waiting_reason == "It needs 2 nodes at once; 1 take jobs now."
    two = nodes("gpu-2")
    place()
    assert status(gang) == "starting"
    orders = [one.attempt(gang.id).order, two.attempt(gang.id).order]
    assert [order.rendezvous.node_rank for order in orders] == [0, 1]
    assert len({order.rendezvous.master_port for order in orders}) == 1


def test_a_gang_of_which_one_node_refuses_is_taken_back_everywhere(nodes, make_job) -> None:
    one, two = nodes("gpu-1"), nodes("gpu-2")
    gang = make_job(num_nodes=2)
    two.refuse_next = (503, "busy", "no place left")
    place()
    assert status(gang) == "queued"
    assert "no place left" in fresh(gang).status_reason
    assert one.attempt(gang.id).calls == ["put", "cancel"]
    assert Attempt.objects.get().outcome == "not_placed"
    Job.objects.update(not_before=None)
    place()
    assert status(gang) == "starting"
    assert {one.attempt(gang.id).epoch, two.attempt(gang.id).epoch} == {2}


def test_a_spec_that_the_node_refuses_fails_with_its_words(node, make_job) -> None:
    job = make_job()
    node.refuse_next = (400, "bad_spec", "7b does not fit in 10 bytes")
    place()
    job = fresh(job)
    assert (job.status, job.failure_cause, job.failure_message) == ("failed", "bad_spec", "7b does not fit in 10 bytes")


def test_a_gang_that_waits_long_holds_nodes_for_itself(nodes, make_job) -> None:
    nodes("gpu-1")
    busy = nodes("gpu-2")
    first = make_job(terms={"node_names": ["gpu-2"]})
    place()
    gang = make_job(num_nodes=2, terms={"priority": 1})
    Job.objects.filter(id=gang.id).update(queued_at=timezone.now() - timezone.timedelta(minutes=6))
    small = make_job()
    place()
    assert status(small) == "queued"
    assert "goes first" in fresh(small).waiting_reason
    busy.emit(first.id, STARTED, FINISHED)
    follow()
    place()
    assert status(gang) == "starting"


def test_a_gang_holds_no_nodes_while_its_others_are_away(nodes, make_job) -> None:
    nodes("gpu-1")
    gang = make_job(num_nodes=2, terms={"priority": 1})
    Job.objects.filter(id=gang.id).update(queued_at=timezone.now() - timezone.timedelta(minutes=6))
    small = make_job()
    place()
    assert (status(gang), status(small)) == ("queued", "starting")


def test_an_interrupted_job_keeps_its_place_and_one_put_back_by_a_person_does_not(node, make_job) -> None:
    interrupted, waiting = make_job(), make_job()
    place()
    node.emit(interrupted.id, STARTED, wire.JobFailed(cause="killed", message="signal 9"))
    follow()
    assert (status(interrupted), job_read(interrupted.id)["queue_position"]) == ("queued", 1)
    place()  # at once: its node is still free
    assert (status(interrupted), status(waiting)) == ("starting", "queued")
    Job.objects.filter(id=interrupted.id).update(losses=5)
    node.emit(interrupted.id, STARTED, wire.JobFailed(cause="killed", message="signal 9"), epoch=2)
    follow()
    place()  # now it waits, and does not keep its node from others meanwhile
    assert (status(interrupted), status(waiting)) == ("queued", "starting")
    job_cancel(interrupted.id, reason="enough")
    later = make_job()
    job_requeue(interrupted.id, reason="on")
    assert (job_read(later.id)["queue_position"], job_read(interrupted.id)["queue_position"]) == (1, 2)


def test_a_rank_that_lost_its_peer_waits_for_the_cause(nodes, make_job) -> None:
    one, two = nodes("gpu-1"), nodes("gpu-2")
    gang = make_job(num_nodes=2)
    place()
    one.emit(gang.id, STARTED, wire.JobFailed(cause="peer_lost", message="rank 1 is gone"))
    follow()
    assert status(gang) == "running"
    two.emit(gang.id, wire.JobFailed(cause="out_of_memory", message="too big", cure="halve it"), node_rank=1)
    follow()
    assert (status(gang), fresh(gang).failure_cause) == ("failed", "out_of_memory")


def test_a_gang_of_which_a_rank_was_lost_is_placed_again(nodes, make_job) -> None:
    one, two = nodes("gpu-1"), nodes("gpu-2")
    gang = make_job(num_nodes=2)
    place()
    one.emit(gang.id, STARTED, wire.JobFailed(cause="peer_lost", message="rank 1 is gone"))
    follow()
    AttemptNode.objects.filter(ended_at__isnull=False).update(ended_at=timezone.now() - timezone.timedelta(minutes=1))
    attempt_settle(gang.id)
    assert (status(gang), fresh(gang).losses) == ("queued", 1)
    sweep()  # the rank that goes on without its gang is stopped
    assert two.attempt(gang.id).calls == ["put", "cancel"]


def test_a_gang_whose_nodes_cannot_reach_each_other_fails_at_the_third_time(nodes, make_job) -> None:
    one, two = nodes("gpu-1"), nodes("gpu-2")
    gang = make_job(num_nodes=2)
    said = "node rank 1 of the gang cannot reach rank 0 at 10.0.0.5:29501: Connection refused"
    for expected in (["queued", 1, ""], ["queued", 2, ""], ["failed", 2, said]):
        place()
        one.emit(gang.id, wire.JobFailed(cause="peer_lost", message="node rank 1 did not come"))
        two.emit(gang.id, wire.JobFailed(cause="rendezvous_failed", message=said, cure="open the port"), node_rank=1)
        follow()
        job = fresh(gang)
        assert [job.status, job.losses, job.failure_message] == expected
        Job.objects.update(not_before=None)
    assert fresh(gang).failure_cure == "open the port"


# --- Budgets


def test_a_job_ends_when_its_dollars_are_spent(node, make_job) -> None:
    tick(nodes_probe())
    node_change("gpu-1", price_nano_usd_per_hour=3_600_000_000)  # a dollar a quarter hour and a bit: 1 m$ a second
    job = make_job(terms={"budget_nano_usd": 60_000_000})
    place()
    node.emit(job.id, STARTED)
    follow()
    sweep()
    assert status(job) == "running"
    Attempt.objects.update(created_at=timezone.now() - timezone.timedelta(seconds=61))
    sweep()
    assert status(job) == "stopping"
    assert "budget is spent" in fresh(job).status_reason
    node.emit(job.id, wire.JobCancelled(step=3))
    follow()
    job = fresh(job)
    assert job.status == "cancelled"
    assert 61_000_000 <= job.spent_nano_usd < 75_000_000
    assert isinstance(job.spent_nano_usd, int)


def test_a_job_without_budget_left_is_not_placed(node, make_job) -> None:
    job = make_job(terms={"budget_nano_usd": 5})
    Job.objects.update(spent_nano_usd=5)
    place()
    assert status(job) == "cancelled"
    assert not node.has_taken(job.id)

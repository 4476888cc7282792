"""Promotion: evidence, a person and a reason, or no; the alias waits for a ready node; one click leads back."""

import pytest

from backend.accounts.models import User
from backend.core.errors import ApplicationError
from backend.metering.services import price_read
from backend.model_registry.models import Deployment, ModelVersion, Promotion
from backend.model_registry.promotions import (
    PromotionRefused,
    RollbackRefused,
    aliases_read,
    promote,
    promotion_gates,
    promotions_settle,
    rollback,
)
from backend.model_registry.services import model_resolve, snapshot_load
from tests.backend.model_registry.cast import manifest_named, node_says, version_of
from tests.backend.model_registry.conftest import ALIAS

pytestmark = pytest.mark.django_db


def means(alias: str = ALIAS) -> str:
    return model_resolve(snapshot_load(), alias).name


def red(version: ModelVersion) -> set[str]:
    return {g.name for g in promotion_gates(alias=ALIAS, version=version).gates if not g.is_ok and g.is_blocking}


def move(version: ModelVersion, by: User, reason: str = "better on every family") -> Promotion:
    return promote(alias=ALIAS, version=version, promoted_by_id=by.pk, reason=reason)


def test_a_better_version_is_promoted_and_the_record_says_who_and_why(better: ModelVersion, operator: User) -> None:
    promotion = move(better, operator)
    assert promotion.state == Promotion.State.EFFECTIVE
    assert (promotion.promoted_by, promotion.reason) == (operator, "better on every family")
    assert promotion.replaces is not None
    assert promotion.replaces.name == "old"
    assert promotion.candidate_report is not None
    assert promotion.serving_report is not None
    assert promotion.candidate_report.problems_sha256 == promotion.serving_report.problems_sha256
    assert means() == "better"


def test_a_clearly_worse_version_is_refused_and_nothing_is_written(worse: ModelVersion, operator: User) -> None:
    with pytest.raises(PromotionRefused, match="Clearly worse"):
        move(worse, operator)
    assert red(worse) == {"not_worse"}
    assert Promotion.objects.count() == 1
    assert means() == "old"


def test_a_version_without_a_report_is_refused(served: ModelVersion, operator: User) -> None:
    with pytest.raises(PromotionRefused, match="was not evaluated"):
        move(version_of("better"), operator)


def test_the_served_version_must_have_answered_the_same_problems(served: ModelVersion, operator: User) -> None:
    candidate = version_of("better", rights={"geometry": 50})
    assert red(candidate) == {"serving_report"}
    with pytest.raises(PromotionRefused, match="same problems"):
        move(candidate, operator)


@pytest.mark.parametrize("reason", ["", "  ", "ok"])
def test_a_reason_is_required(better: ModelVersion, operator: User, reason: str) -> None:
    with pytest.raises(ApplicationError) as refused:
        move(better, operator, reason)
    assert refused.value.code == "reason_required"


def test_the_promoted_version_takes_over_the_price(better: ModelVersion, operator: User) -> None:
    move(better, operator)
    assert price_read("better") == 3_000


def test_an_alias_without_a_price_to_take_over_is_refused(settings, db: None, operator: User) -> None:
    settings.SVEND_NODES = []
    node_says(settings, "one", ["first"])
    assert red(version_of("first", rights={"algebra": 40})) == {"price"}


def test_a_second_click_is_the_same_promotion(better: ModelVersion, operator: User) -> None:
    assert move(better, operator) == move(better, operator)
    assert Promotion.objects.filter(model_version=better).count() == 1


def test_the_alias_waits_until_a_node_is_ready(served: ModelVersion, operator: User, settings) -> None:
    candidate = version_of("new", rights={"algebra": 45, "logic": 45}, manifest=manifest_named("new"))
    promotion = move(candidate, operator)
    assert promotion.state == Promotion.State.WAITING
    assert [(w.node_name, w.state) for w in Deployment.objects.all()] == [("one", "wanted")]
    assert means() == "old"
    assert promotions_settle() == 0
    node_says(settings, "one", ["old", "new"])
    assert promotions_settle() == 1
    assert means() == "new"


def test_a_promotion_fails_when_no_node_can_load_it(served: ModelVersion, operator: User) -> None:
    candidate = version_of("new", rights={"algebra": 45, "logic": 45}, manifest=manifest_named("new"))
    promotion = move(candidate, operator)
    Deployment.objects.update(state=Deployment.State.FAILED, reason="bad_input: a wrong hash")
    assert promotions_settle() == 1
    promotion.refresh_from_db()
    assert promotion.state == Promotion.State.FAILED
    assert "one: bad_input: a wrong hash" in promotion.error
    assert means() == "old"


def test_a_version_that_no_node_can_hold_is_refused(served: ModelVersion) -> None:
    assert red(version_of("nowhere", rights={"algebra": 45, "logic": 45})) == {"node"}


def test_a_draining_node_is_no_ready_node(better: ModelVersion, settings) -> None:
    node_says(settings, "one", ["old", "better"], is_draining=True)
    assert red(better) == {"node"}


def test_one_click_leads_back_and_the_next_one_further(better: ModelVersion, operator: User, settings) -> None:
    node_says(settings, "one", ["old", "better", "best"])
    move(better, operator)
    move(version_of("best", rights={"algebra": 50, "logic": 50}), operator)
    back = rollback(alias=ALIAS, promoted_by_id=operator.pk, reason="customers complain")
    assert (back.is_rollback, back.state, means()) == (True, Promotion.State.EFFECTIVE, "better")
    rollback(alias=ALIAS, promoted_by_id=operator.pk, reason="still worse than before")
    assert means() == "old"
    with pytest.raises(RollbackRefused, match="no version before"):
        rollback(alias=ALIAS, promoted_by_id=operator.pk, reason="and further")


def test_a_rollback_needs_no_report_but_a_person_and_a_reason(better: ModelVersion, operator: User) -> None:
    move(better, operator)
    with pytest.raises(ApplicationError, match="Say why"):
        rollback(alias=ALIAS, promoted_by_id=operator.pk, reason="")


def test_a_second_click_does_not_roll_back_twice(better: ModelVersion, operator: User, settings) -> None:
    node_says(settings, "one", ["old", "better", "best"])
    move(better, operator)
    move(version_of("best", rights={"algebra": 50, "logic": 50}), operator)
    rollback(alias=ALIAS, promoted_by_id=operator.pk, reason="complaints", expected="best")
    with pytest.raises(RollbackRefused, match="look again"):
        rollback(alias=ALIAS, promoted_by_id=operator.pk, reason="complaints", expected="best")
    assert means() == "better"


def test_a_rollback_withdraws_what_waits(served: ModelVersion, operator: User) -> None:
    candidate = version_of("new", rights={"algebra": 45, "logic": 45}, manifest=manifest_named("new"))
    promotion = move(candidate, operator)
    rollback(alias=ALIAS, promoted_by_id=operator.pk, reason="not today")
    promotion.refresh_from_db()
    assert promotion.state == Promotion.State.FAILED
    (alias,) = aliases_read()
    assert (alias.model, alias.rollback_to, alias.waiting) == ("old", None, None)

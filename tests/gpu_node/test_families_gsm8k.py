"""Real word problems: what of a row becomes one expression, and what a resampled problem must keep."""

import pytest

from gpu_node.data.exact_value import exact_value
from gpu_node.data.families.gsm8k import resampled, story_read
from gpu_node.data.problem import ProblemRandom

CLIPS = "Mia folds 40 paper cranes in April and half as many in May. How many cranes does she fold in April and May?"
CLIPS_ANSWER = "She folds 40/2 = <<40/2=20>>20 in May.\nShe folds 40+20 = <<40+20=60>>60 in all.\n#### 60"
SHOP = "A pen costs $3 and a book costs $14. Omar buys 4 pens and 2 books. How much does he pay?"
SHOP_ANSWER = "<<3*4=12>>12 for pens, <<14*2=28>>28 for books, <<12+28=40>>40 in all.\n#### 40"


def test_marks_chain_into_one_expression_over_the_numbers_of_the_text() -> None:
    story = story_read(CLIPS, CLIPS_ANSWER)
    assert story is not None
    assert story.expression == "40 + 40 / 2"
    assert story.slots == ("40",)


def test_a_row_whose_last_mark_is_not_its_answer_is_not_used() -> None:
    assert story_read(CLIPS, CLIPS_ANSWER.replace("#### 60", "#### 61")) is None


def test_a_number_that_is_both_given_and_a_result_is_ambiguous() -> None:
    assert story_read("Ida has 4 hats with 2 pins each, and 8 scarves. How many things?",
                      "<<4*2=8>>8 pins, <<8+8=16>>16, <<16+4=20>>20\n#### 20") is None  # fmt: skip


def test_a_number_that_no_mark_uses_is_a_step_without_a_mark() -> None:
    assert story_read("Ida has 4 hats with 2 pins each and sells 3. How many pins?", "<<4*2=8>>8\n#### 8") is None


def test_resampling_changes_text_and_expression_alike() -> None:
    story = story_read(SHOP, SHOP_ANSWER)
    assert story is not None
    for seed in range(50):
        other = resampled(story, ProblemRandom(seed))
        value = exact_value(other.expression)
        assert value > 0
        assert value.denominator == 1
        for number in other.expression.replace("(", " ").replace(")", " ").replace("*", " ").replace("+", " ").split():
            assert number in other.question


@pytest.mark.parametrize("text", ["1 +", "__import__('os')", "2 ** 99", "a + 1"])
def test_exact_value_reads_arithmetic_only(text: str) -> None:
    with pytest.raises(ValueError, match="not arithmetic"):
        exact_value(text)

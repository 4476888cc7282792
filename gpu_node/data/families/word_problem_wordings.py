"""The sentences of word problems, kind by kind.

WORDINGS: (parts for training, parts held out). A part is a list of interchangeable sentences; a phrasing takes one of
each part. QUESTIONS: whole problems for training only, where the question may come first or the numbers in any order.
Slots: names {n} {m} {k}, pronouns {he} {him} {his} of {n}, things {t} {u} {v}, a container {box} {boxes}, an article of
a shop {goods}, {walker}, {day}, {unit}, numbers {a} {b} {c} {d}.
"""

from gpu_node.data.families import (
    word_questions_counting,
    word_questions_steps,
    word_questions_trade,
    word_questions_travel,
    word_wordings_counting,
    word_wordings_steps,
    word_wordings_trade,
    word_wordings_travel,
)

WORDINGS = {
    **word_wordings_counting.WORDINGS,
    **word_wordings_steps.WORDINGS,
    **word_wordings_trade.WORDINGS,
    **word_wordings_travel.WORDINGS,
}
QUESTIONS = {
    **word_questions_counting.QUESTIONS,
    **word_questions_steps.QUESTIONS,
    **word_questions_trade.QUESTIONS,
    **word_questions_travel.QUESTIONS,
}

"""Light random edits of a question, applied centrally: case, politeness, punctuation, filler.

They never touch what is to be copied (numbers, names, expressions): only the ends of the question change, and the first
letter when the first word is one of the known opening words.
"""

import random
import re

REFRAME_PROBABILITY = 0.25  # of trained questions that ask for a thing ("What is the …?") and so fit other frames
EDIT_PROBABILITY = 0.55  # the rest of the questions stay as their template has them

_OPENING_WORDS = frozenset(
    """what what's whats which who who's when where how is are can could compute calculate find give tell solve simplify
    expand factor factorise factorize differentiate integrate evaluate work please determine show write convert count
    sort list put arrange order does do if suppose given let i i'm i'd my there a an the in on at for of with help
    multiply add subtract divide sum reverse repeat copy say spell name decide check prove take get need figure
    express reduce change turn use add it we two three four five""".split()
)
_OPENERS = (
    "please ", "Please ", "hey, ", "Hi! ", "hello, ", "Quick question: ", "ok, ", "So, ", "Question: ", "hi, ",
    "Can you help me? ", "I have a question: ", "Hey there, ", "For my homework: ", "Now: ", "Tell me: ", "Q: ",
)  # fmt: skip
_CLOSERS = (
    " please", " Please.", " Thanks!", " thanks", " Thank you.", " Show me the answer.", " Be quick.",
    " I need the answer.", " Any idea?", " Thx", " Just the answer.",
)  # fmt: skip
_CLOSERS_INLINE = (" please", ", please", ", please.", ", thanks", " thanks!", ", thank you")


# What asks for a thing, and other frames for it; "Tell me" and "Could you" are left to held-out templates.
_ASKS_FOR_A_THING = re.compile(
    r"(?:What is|What's|What are|Find|Calculate|Compute|Determine|Give me|Give|Work out|I need|Evaluate|Get) "
    r"((?:the |all |every |[\d(\[]|[a-z](?= ))[^.?!:]*)[.?]?"
)
_FRAMES = (
    "Find {}.", "Compute {}.", "Calculate {}", "Determine {}.", "Work out {}.", "Give me {}.", "I need {}.",
    "I'd like {}.", "I want {}", "Show me {}.", "Get {}", "Help me find {}.", "Help me with {}.", "Can you find {}?",
    "Can you give me {}?", "Can you work out {}?", "Do you know {}?", "I'm looking for {}.", "How do I find {}?",
    "How do you compute {}?", "Try to find {}.", "We need {}.", "Let's find {}.", "Any idea how to get {}?",
    "I have to find {}.", "My task is to find {}.", "{} please", "{}?", "{}",
)  # fmt: skip


def question_vary(rng: random.Random, question: str, *, is_reframed: bool = False) -> str:
    """The question with light edits; `is_reframed` also lets a request for a thing be put in another frame."""
    if is_reframed and rng.random() < REFRAME_PROBABILITY:
        question = _reframe(rng, question)
    if rng.random() > EDIT_PROBABILITY:
        return question
    if rng.random() < 0.45:
        question = _ending_vary(rng, question)
    if rng.random() < 0.45:
        question = _lower_first(question)
    if rng.random() < 0.3:
        opener = rng.choice(_OPENERS)
        question = opener + (_lower_first(question) if rng.random() < 0.6 else question)
    if rng.random() < 0.2:
        closers = _CLOSERS if question[-1] in ".?!" else _CLOSERS_INLINE
        question = question + rng.choice(closers)
    return question


def _reframe(rng: random.Random, question: str) -> str:
    asked = _ASKS_FOR_A_THING.fullmatch(question)
    if asked is None:
        return question
    framed = rng.choice(_FRAMES).format(asked[1])
    return framed[0].upper() + framed[1:] if framed.startswith(("the ", "all ", "every ")) else framed


def _ending_vary(rng: random.Random, question: str) -> str:
    """Drop or change the last mark; a mark that is part of an expression (5!) is left alone."""
    if question.endswith("?"):
        return question[:-1].rstrip() + rng.choice(("", "", "??", " ?", "."))
    if question.endswith("."):
        return question[:-1] + rng.choice(("", "", "!", "?") if question[-2].isalpha() else ("", "", "?"))
    if question[-1].isalpha() and len(question.split()[-1]) > 1:
        return question + rng.choice((".", "?", "!"))
    return question


def _lower_first(question: str) -> str:
    first = question.split(" ", 1)[0].rstrip(",:")
    if first.lower() in _OPENING_WORDS:
        return question[0].lower() + question[1:]
    return question

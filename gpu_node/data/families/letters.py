"""Letters and words inside a text: counting, length, reversal, the longest word.

The word stands in the call with the space that stood before it in the question (or without one where it was quoted), so
that the same tokens are copied; the code strips it where it would count.
"""

import random

from gpu_node.data.families import vocabulary
from gpu_node.data.families.lists import list_spelled
from gpu_node.data.families.registry import family
from gpu_node.data.families.templates import alternatives
from gpu_node.data.problem import Call, Phrasings, Problem, ProblemRandom, Split

COUNT_LETTER = Phrasings(
    train=alternatives(
        [
            "How many [{q}|{q}'s|{q}s] are [there |]in {w}?",
            "How many times does [the letter |]{q} [appear|occur|come up] in {w}?",
            "How often does [the letter |]{q} [appear|occur|come] in {w}?",
            "Count the [letter {q}|{q}'s] in {w}.",
            "Count how many [{q}|{q}'s] are in {w}.",
            "How many letters {q} are in {w}?",
            "How many {q}'s does {w} [have|contain]?",
            "How many of the letter {q} [does {w} have|are in {w}]?",
            "[What is|Find|Give] the number of {q}'s in {w}",
            "In {w}, how many {q}'s are there?",
            "In the word {w}, how many times does {q} appear?",
            "How many times is {q} in {w}?",
            "[the number of|count of] {q} in {w}",
            "Number of {q}'s in the word {w}?",
            "How many {q}'s are in the word {w}?",
            "Take {w}. How many {q}'s [does it have|are in it]?",
            "Here is a word: {w}. How many {q}'s does it have?",
            "The word is {w}. [Count the {q}'s.|How often does {q} occur?]",
            "Given {w}, count the letter {q}.",
            "I wrote {w}. How many {q}'s did I use?",
            "If I spell {w}, how often do I need {q}?",
            "{w}: how many {q}'s?",
            "{w}: count {q}",
            "{w} [has|contains] how many {q}'s?",
            "{q} in {w}, how many times?",
            "How many times do you find {q} in {w}?",
            "How many times does {w} contain {q}?",
            "[Find|Determine|Work out] how many {q}'s {w} has.",
            "What is the number of times {q} is in {w}?",
            "Which number of {q}'s does {w} have?",
        ]
    ),
    held_out=[
        "How frequently does {q} show up in {w}?",
        "Tell me the count of the letter {q} inside {w}.",
        "How many letters of {w} are {q}?",
        "Looking at {w}, how many {q}'s do you see?",
        "The letter {q} stands how many times in {w}?",
    ],
)
COUNT_VOWELS = Phrasings(
    train=alternatives(
        [
            "How many vowels are [there |]in {w}?",
            "How many vowels does {w} [have|contain]?",
            "[Count|Find|Give me|Tell me] the [number of |]vowels in {w}.",
            "[What is|What's] the number of vowels in {w}?",
            "In {w}, how many vowels are there?",
            "How many letters [of|in] {w} are vowels?",
            "Number of vowels in {w}?",
            "Count the vowels of {w}",
            "How many vowels are in the word {w}?",
            "{w}: how many vowels?",
            "How many of the letters in {w} are vowels?",
            "Take {w}. How many vowels [does it have|are in it]?",
            "Here is a word: {w}. Count its vowels.",
            "The word is {w}. How many vowels does it have?",
            "Given {w}, count the vowels.",
            "{w} [has|contains] how many vowels?",
            "{w}, vowels?",
            "{w}: count the vowels",
            "How many times does {w} have a vowel?",
            "[Determine|Work out] how many vowels {w} has.",
            "If I spell {w}, how many vowels do I use?",
            "How many of a, e, i, o and u are in {w}?",
        ]
    ),
    held_out=[
        "Looking at {w}, how many vowels do you see?",
        "Tell me how many vowels {w} is spelled with.",
        "What count of vowels has {w}?",
        "The word {w} holds how many vowels?",
        "Vowels in {w}, how many?",
    ],
)
LENGTH = Phrasings(
    train=alternatives(
        [
            "How many letters [are in|are there in|does the word have:] {w}?",
            "How many letters does {w} [have|contain]?",
            "[Count|Find|Give me] the [number of |]letters in {w}.",
            "[What is|What's] the length of {w}?",
            "How long is [the word |]{w}?",
            "[What is|What's] the number of letters in {w}?",
            "How many characters [are in|are there in] {w}?",
            "How many letters are in the word {w}?",
            "Number of letters in {w}?",
            "{w}: how many letters?",
            "Length of {w}?",
            "Take {w}. How many letters [does it have|are in it]?",
            "Here is a word: {w}. Count its letters.",
            "The word is {w}. How long is it?",
            "Given {w}, find its length.",
            "{w} [has|contains] how many letters?",
            "{w} is how many letters long?",
            "{w}, how long?",
            "{w}: count the letters",
            "How many letters long is {w}?",
            "[Determine|Work out] the length of {w}.",
            "If I spell {w}, how many letters do I need?",
            "Count how many letters {w} has.",
        ]
    ),
    held_out=[
        "With how many letters is {w} written?",
        "Tell me how many letters {w} is made of.",
        "What count of letters has {w}?",
        "The word {w} holds how many letters?",
        "Letters in {w}, how many?",
    ],
)
REVERSE = Phrasings(
    train=alternatives(
        [
            "Reverse [|the word |the letters of |the string ]{w}.",
            "Spell {w} [backwards|backward|in reverse].",
            "Write {w} [backwards|backward|in reverse|from back to front].",
            "What is {w} [backwards|spelled backwards|in reverse|reversed]?",
            "How do you [spell|write] {w} backwards?",
            "Can you [reverse|spell backwards] {w}?",
            "[Give me|Show|Say] {w} [backwards|in reverse].",
            "{w} [backwards|reversed]?",
            "Turn {w} around.",
            "What do you get when you reverse {w}?",
            "Take {w} and [reverse it|write it backwards|turn it around].",
            "Given {w}, [reverse it|write it backwards].",
            "Here is a word: {w}. [Reverse it.|Spell it backwards.]",
            "I have the word {w}. What is it backwards?",
            "The word is {w}. [Reverse it.|What is it spelled backwards?]",
            "If you [reverse|spell backwards] {w}, what do you get?",
            "If {w} is [reversed|written backwards], what is the result?",
            "When {w} is spelled backwards, what does it say?",
            "From the last letter to the first, write {w}.",
            "Write the letters of {w} from last to first.",
            "List the letters of {w} backwards.",
            "Backwards, {w} is what?",
            "Backwards: {w}",
            "reverse: {w}",
            "{w}: [reverse it|spell it backwards|backwards]",
            "{w} in reverse is what?",
            "{w}, but backwards",
            "[Print|Return|Type|Output] {w} [backwards|in reverse].",
            "[Find|Compute|Get] the reverse of {w}.",
            "What is the reverse of {w}?",
            "What would {w} be if it was written backwards?",
            "What word do you get from {w} backwards?",
            "Mirror {w}.",
            "Invert the word {w}.",
            "I want {w} [reversed|spelled backwards].",
            "[Please reverse|Please spell backwards] the word {w}",
        ]
    ),
    held_out=[
        "Read {w} from right to left.",
        "Which string is {w} with its letters in reverse order?",
        "Put the letters of {w} in the opposite order.",
        "How does {w} look when it is reversed?",
        "Flip {w} back to front.",
    ],
)
PALINDROME = Phrasings(
    train=alternatives(
        [
            "Is {w} a palindrome?",
            "Is the word {w} a palindrome?",
            "[Check|Decide|Determine|Find out] [whether|if] {w} is a palindrome.",
            "Does {w} read the same [backwards|forwards and backwards|in both directions]?",
            "[Tell me|Say] [whether|if] {w} is a palindrome.",
            "Is {w} the same backwards?",
            "Palindrome or not: {w}?",
            "{w}: is it a palindrome?",
            "Would you call {w} a palindrome?",
            "Is {w} the same when reversed?",
            "Take {w}. Is it a palindrome?",
            "Here is a word: {w}. Is it a palindrome?",
            "The word is {w}. Is it a palindrome?",
            "Given {w}, decide if it is a palindrome.",
            "If I reverse {w}, is it the same?",
            "If you write {w} backwards, do you get {w} again?",
            "Backwards, is {w} still {w}?",
            "{w}, a palindrome?",
            "{w} is a palindrome, [true or false|yes or no|right]?",
            "Is it true that {w} is a palindrome?",
            "Test {w} for being a palindrome.",
            "Do we call {w} a palindrome?",
            "Is {w} a word that reads the same backwards?",
            "Is {w} symmetric?",
        ]
    ),
    held_out=[
        "Is {w} spelled the same from both ends?",
        "Can {w} be read from right to left without change?",
        "I wonder if {w} is a palindrome.",
        "Does reversing {w} leave it as it was?",
        "Is {w} equal to its own reverse?",
    ],
)
LONGEST = Phrasings(
    train=alternatives(
        [
            "[What is|What's|Which is] the longest [word|] [of|in|among] {l}?",
            "Which [word|] of {l} is [the |]longest?",
            "[Find|Give me|Tell me|Pick] the longest word [of|in|from] {l}.",
            "Which word is [the |]longest: {l}?",
            "Which of these words is longest: {l}?",
            "Longest word in {l}?",
            "Which of {l} has the most letters?",
            "Which word has the most letters: {l}?",
            "Take the words {l}. Which is the longest?",
            "Here are some words: {l}. [Which is the longest?|Find the longest.]",
            "The words are {l}. Find the longest one.",
            "Given {l}, [find|give] the longest word.",
            "[If you compare|Compare] the lengths of {l}. Which word is longest?",
            "From {l}, [pick|choose|take] the longest word.",
            "In the list {l}, which word is longest?",
            "In {l}, find the longest word.",
            "{l}: longest word?",
            "longest: {l}",
            "Choose the longest word: {l}",
            "[Determine|Select|Print] the longest word in {l}.",
            "What word of {l} has the most letters?",
            "Which of the words {l} is longer than all the others?",
            "Which word in {l} is the longest one?",
        ]
    ),
    held_out=[
        "Among {l}, which one is the longest word?",
        "Name the word with the greatest length: {l}",
        "Of the words {l}, which takes the most letters?",
        "Show the longest one of {l}.",
        "{l}. Which one is the longest?",
    ],
)
COUNT_WORDS = Phrasings(
    train=alternatives(
        [
            "How many words are [there |]in {w}?",
            "How many words does [the sentence |]{w} [have|contain]?",
            "Count the words in {w}.",
            "[What is|What's|Find|Give me] the number of words in {w}",
            "How many words are in the sentence {w}?",
            "[Word count of|Number of words in] {w}?",
            "{w}: how many words?",
            "Count how many words are in {w}.",
            "How many words [make up|has] {w}?",
            "Count words: {w}",
            "How many words long is {w}?",
            "Take the sentence {w}. How many words does it have?",
            "Take {w} and count its words.",
            "Here is a [sentence|text]: {w}. How many words [does it have|are in it]?",
            "I have a [sentence|text], {w}. Count its words.",
            "I typed {w}. How many words is that?",
            "The [sentence|text] is {w}. How many words are in it?",
            "Given {w}, [count the words|find the number of words].",
            "If I write {w}, how many words do I use?",
            "If you count the words in {w}, what do you get?",
            "In {w}, how many words are there?",
            "In the sentence {w}, count the words.",
            "[Find|Determine|Work out|Compute] how many words {w} has.",
            "{w} [has|contains] how many words?",
            "{w} is how many words long?",
            "{w}: count the words",
            "{w}: number of words?",
            "{w}, how long is it in words?",
            "What is the word count [of|for] {w}?",
            "What is the length of {w} in words?",
            "How long is {w} in words?",
            "How many separate words are in {w}?",
            "How many words did I use in {w}?",
            "[Please count|Can you count] the words in {w}",
        ]
    ),
    held_out=[
        "Of how many words does {w} consist?",
        "Tell me how many words I wrote: {w}",
        "What count of words has {w}?",
        "The sentence {w} holds how many words?",
        "Words in {w}, how many?",
    ],
)


def _quoted(rng: random.Random, text: str) -> tuple[str, str]:
    """(as it stands in the question, as it stands inside the call's quotes)."""
    style = rng.random()
    if style < 0.5:
        return text, f" {text}"
    return (f"'{text}'" if style < 0.75 else f'"{text}"'), text


def _problem(
    name: str, asked: tuple[str, str], thought: str, code: str, answer: str, kind: str, result: str | None = None
) -> Problem:
    return Problem(
        family=name,
        question=asked[0].replace("  ", " "),
        thought=thought,
        calls=(Call("execute_python", {"code": code}),),
        conclusion="That is the answer.",
        answer=answer,
        answer_kind=kind,  # type: ignore[arg-type]
        phrasing_id=asked[1],
        result=result,
    )


@family("count_letters", weight=1.3)
def count_letters(rng: random.Random, phrasings: Split) -> Problem:
    word = vocabulary.word_draw(rng)
    shown, inside = _quoted(rng, word)
    kind = rng.choice(("letter", "letter", "letter", "vowels", "length"))
    if kind == "vowels":
        asked = COUNT_VOWELS.ask(rng, phrasings, w=shown)
        code, count = f"print(sum(c in 'aeiou' for c in '{inside}'))", sum(c in "aeiou" for c in word)
        thought = "Count the vowels."
    elif kind == "length":
        asked = LENGTH.ask(rng, phrasings, w=shown)
        code, count, thought = f"print(len('{inside}'.strip()))", len(word), "Count the letters."
    else:
        letter = rng.choice(word) if rng.random() < 0.9 else rng.choice("abcdefghijklmnopqrstuvwxyz")
        quoted = rng.choice((letter, letter, f"'{letter}'", f'"{letter}"'))
        asked = COUNT_LETTER.ask(rng, phrasings, q=quoted, w=shown)
        code, count, thought = f"print('{inside}'.count('{letter}'))", word.count(letter), "Count the letter."
    return _problem("count_letters", (asked[0], f"{kind}-{asked[1]}"), thought, code, str(count), "number")


@family("reverse_word")
def reverse_word(rng: random.Random, phrasings: Split) -> Problem:
    word = vocabulary.word_draw(rng)
    if rng.random() < 0.7:
        shown, inside = _quoted(rng, word)
        asked = REVERSE.ask(rng, phrasings, w=shown)
        return _problem("reverse_word", asked, "Reverse it.", f"print('{inside}'[::-1])", word[::-1], "text")
    if rng.random() < 0.5:
        word = rng.choice(
            ("level", "radar", "civic", "kayak", "rotor", "madam", "refer", "noon", "racecar", "stats", "tenet")
        )
    shown, inside = _quoted(rng, word)
    question, phrasing_id = PALINDROME.ask(rng, phrasings, w=shown)
    truth = word == word[::-1]
    code = f"w = '{inside}'.strip(); print(w == w[::-1])"
    answer = "yes" if truth else "no"
    return _problem(
        "reverse_word",
        (question, f"palindrome-{phrasing_id}"),
        "Compare it with its reverse.",
        code,
        answer,
        "bool",
        str(truth),
    )


@family("count_words")
def count_words(rng: ProblemRandom, phrasings: Split) -> Problem:
    if rng.random() < 0.5:
        words = vocabulary.words_draw(rng, rng.randint(3, 6))
        longest = max(words, key=len)
        if sum(len(word) == len(longest) for word in words) > 1:
            return count_words(rng, phrasings)
        question, phrasing_id = LONGEST.ask(rng, phrasings, l=list_spelled(rng, words))
        code = f"print(max(' {' '.join(words)}'.split(), key=len))"
        return _problem("count_words", (question, f"longest-{phrasing_id}"), "Compare lengths.", code, longest, "text")
    if rng.random() < 0.5:
        sentence = rng.choice(vocabulary.SENTENCES)
    else:
        sentence = " ".join(vocabulary.word_draw(rng) for _ in range(rng.randint(2, 9)))
    shown, inside = _quoted(rng, sentence)
    if shown == sentence and phrasings == "train":
        shown, inside = (f"'{sentence}'", sentence) if rng.random() < 0.7 else (shown, inside)
    asked = COUNT_WORDS.ask(rng, phrasings, w=shown)
    return _problem(
        "count_words",
        asked,
        "Count the words.",
        f"print(len('{inside}'.split()))",
        str(len(sentence.split())),
        "number",
    )

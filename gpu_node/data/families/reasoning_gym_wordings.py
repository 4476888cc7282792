"""Short wordings, (training, held out), of the tasks that reasoning_gym_tasks.py takes from reasoning-gym."""

from gpu_node.data.families.templates import alternatives

_FIND = "[What is|What's|Find|Compute|Calculate|Give me|Work out] "

WORDINGS: dict[str, tuple[list[str], list[str]]] = {
    "count_bits": (
        alternatives(
            [
                "How many [1 bits|ones|set bits] are [there |]in the binary [representation |form |]of {n}?",
                "How many [1 bits|ones|set bits] does {n} have in binary?",
                "Count the [1 bits|ones|set bits] of {n}[| in binary].",
                _FIND + "the number of [ones|set bits] in {n} in binary.",
            ]
        ),
        [
            "With how many ones is {n} written in base 2?",
            "Bit count of {n}?",
            "Write {n} in binary; how many ones?",
            "How many digits 1 has {n} in the binary system?",
            "In base two, how many ones are in {n}?",
        ],
    ),
    "base_conversion": (
        alternatives(
            [
                "[Convert|Change] {n} from base {s} to base {t}[|.]",
                "[Convert|Change|Rewrite] the base-{s} number {n} [to|in] base {t}.",
                "What is {n} in base {s} [converted to|written in] base {t}?",
                "What is the base {s} number {n} in base {t}?",
                "{n} in base {s} is what in base {t}?",
                "[Write|Express] {n} (base {s}) in base {t}.",
                "{n} is a number in base {s}. What is it in base {t}?",
                "Base {s} number {n} to base {t}?",
                "How do you write {n} from base {s} in base {t}?",
                "[Can you convert|Please convert] {n} from base {s} to base {t}?",
                "{n} (base {s}) to base {t}",
            ]
        ),
        [
            "Turn {n}, a number in base {s}, into base {t}.",
            "How does {n} of base {s} look in base {t}?",
            "Give the base {t} form of {n}, which is in base {s}.",
            "From base {s} to base {t}: {n}",
            "Spell the base {s} number {n} with base {t} digits.",
        ],
    ),
    "leg_counting": (
        alternatives(
            [
                "How many legs [do {l} have|are there on {l}|have {l}][| in total| altogether]?",
                "How many legs are there[| in total| altogether] if you have {l}?",
                "[Count|Find] the legs of {l}.",
                "{l}: how many legs?",
                "There are {l}. How many legs [are there|is that][| in total]?",
                "I have {l}. How many legs [are there|do they have]?",
                "A [zoo|field] has {l}. How many legs are there?",
            ]
        ),
        [
            "What number of legs belongs to {l}?",
            "On how many legs do {l} stand?",
            "Add up the legs of {l}.",
            "{l} have how many legs together?",
            "Legs of {l}, in all?",
        ],
    ),
    "number_filtering": (
        alternatives(
            [
                "{V} [all |the |]numbers {w} than {n} in [this list: |the list |]{l}",
                "{V} [everything|every number|all values|what is] {w} than {n} in {l}",
                "From {l}, {v} [all |the |]numbers {w} than {n}.",
                "{l}: {v} [all |the |]numbers {w} than {n}.",
                "In {l}, {v} [every number|all numbers|each number] {w} than {n}.",
                "Please {v} numbers {w} than {n} in {l}",
            ]
        ),
        [
            "Here is a list: {l}. {V} what is {w} than {n}.",
            "Take {l} and {v} those {w} than {n}.",
            "{V} those values of {l} that are {w} than {n}.",
            "Of {l}, {v} any number {w} than {n}.",
            "Given {l}, {v} the ones {w} than {n}.",
        ],
    ),
    "number_sorting": (
        alternatives(
            [
                "Sort {l} in {o} order.",
                "Sort [these numbers|this list|the numbers] in {o} order: {l}",
                "[Put|Arrange|Write|List|Order] {l} in {o} order.",
                "[Put|Arrange|Order] the numbers {l} in {o} order.",
                "{l}: sort them in {o} order.",
                "[Can you sort|Please sort] {l} in {o} order?",
                "What is the {o} order of {l}?",
                "I want {l} in {o} order.",
                "Give me {l} sorted, {o}.",
                "Sort {l}, {o}",
                "Sort {l} ({o}).",
            ]
        ),
        [
            "Bring {l} into {o} order.",
            "How do {l} stand in {o} order?",
            "Show {l} sorted in {o} order.",
            "My numbers are {l}; I need {o} order.",
            "Return {l} as a list in {o} order.",
        ],
    ),
    "bitwise_arithmetic": (
        alternatives(
            [
                _FIND + "{e}[| in hexadecimal| in hex].",
                "[Evaluate|Solve] {e}[| in hexadecimal| in hex].",
                "{e} = ?",
                "What does {e} give in hex?",
                "How much is {e} in hex?",
            ]
        ),
        [
            "In hexadecimal, what comes out of {e}?",
            "Give the hex value of {e}.",
            "Which hexadecimal number is {e}?",
            "Hex arithmetic: {e}",
            "Tell me {e} as a hex number.",
        ],
    ),
    "letter_counting": (
        alternatives(
            [
                "How many times does [the letter |]{q} [appear|occur] in [the text |]{w}?",
                "How many {q}'s are [there |]in [the text |]{w}?",
                "Count the [letter {q}|{q}'s] in [the text |]{w}.",
                "How often does {q} [appear|occur|come] in {w}?",
                "How many letters {q} are in {w}?",
                "In {w}, how many {q}'s are there?",
                _FIND + "the number of {q}'s in {w}.",
            ]
        ),
        [
            "How frequently does {q} show up in {w}?",
            "Tell me the count of the letter {q} inside {w}.",
            "Looking at {w}, how many {q}'s do you see?",
            "The letter {q} stands how many times in {w}?",
            "How many letters of {w} are {q}?",
        ],
    ),
    "spell_backward": (
        alternatives(
            [
                "[Spell|Write|Say] [the word |]{w} [backwards|backward|in reverse].",
                "What is {w} [spelled |]backwards?",
                "Reverse [the word |the letters of |]{w}.",
                "How do you spell {w} [backwards|backward]?",
                "[Can you spell|Please spell] {w} backwards?",
                "{w} backwards?",
                "Give me {w} [backwards|in reverse].",
            ]
        ),
        [
            "Read {w} from right to left.",
            "Which string is {w} with its letters in reverse order?",
            "Put the letters of {w} in the opposite order.",
            "How does {w} look when it is reversed?",
            "Flip {w} back to front.",
        ],
    ),
    "word_sequence_reversal": (
        alternatives(
            [
                "Reverse [this list of words:|the list|the words|the order of|the order of the words] {l}",
                "[Write|Give|List|Say] the words {l} in reverse order.",
                "[Put|Arrange] {l} in reverse order.",
                "What is the reverse order of {l}?",
                "{l}: reverse the order[| of the words].",
                "List {l} from [last to first|back to front].",
                "Turn the list {l} around.",
                "[Can you reverse|Please reverse] the list {l}?",
                "{l} in reverse order?",
                "I want the words {l} in reverse order.",
            ]
        ),
        [
            "Starting with the last one, list {l}.",
            "Read the words {l} from the end to the start.",
            "Which list is {l} backwards?",
            "Show {l} the other way round.",
            "Begin with the last of {l} and end with the first.",
        ],
    ),
    "time_intervals": (
        alternatives(
            [
                "How much time [passes|elapses] [from {a} to {b}|between {a} and {b}][|, as HH:MM]?",
                "How long is it from {a} to {b}[| in hours and minutes| as HH:MM]?",
                "How many hours and minutes [are there between {a} and {b}|is it from {a} to {b}]?",
                "A [call|film|meeting] starts at {a} and ends at {b}. How long is it in hours and minutes?",
                "{a} to {b}, how [long|much time]?",
                "What is the time between {a} and {b} as HH:MM?",
                "Time from {a} to {b}[| as HH:MM]?",
                "Duration from {a} until {b} in hours and minutes?",
            ]
        ),
        [
            "Tell me the duration from {a} till {b} in hours and minutes.",
            "By how many hours and minutes is {b} after {a}?",
            "What time lies between {a} and {b}, as HH:MM?",
            "A shift from {a} till {b} has which length in hours and minutes?",
            "Give the elapsed time, {a} till {b}, as HH:MM.",
        ],
    ),
    "simple_geometry": (
        alternatives(
            [
                "A polygon has {n} sides. {k} of its [interior |]angles are {l}. [What is the last angle?|Find it.]",
                "A polygon has {n} sides. {k} angles are {l}[| degrees]. [How large is|Find] the last angle?",
                "The angles of a polygon with {n} sides are {l} and one more. [Which?|Find it.]",
                "A polygon with {n} sides has angles {l}. [What is the missing angle?|Find the missing angle.]",
                "[Find|What is] the missing angle of a polygon with {n} sides whose other angles are {l}?",
                "{n} sided polygon, angles {l}. [Missing angle?|What is the last angle?]",
                "[Polygon|Shape] with {n} sides: {k} angles are {l}. [What is|Find] the missing one?",
            ]
        ),
        [
            "All angles but one of a polygon with {n} sides are {l}. How big is that one?",
            "A shape has {n} corners, with angles {l} and one unknown. Which?",
            "For a polygon of {n} sides with known angles {l}, compute the remaining angle.",
            "Besides {l}, which angle does a polygon of {n} sides have?",
            "{n} sides, known angles {l}: work out the remaining angle.",
        ],
    ),
    "products": (
        alternatives(
            [
                _FIND + "{e}.",
                "{e} = ?",
                "{e}",
                "[Multiply|Solve|Evaluate]: {e}",
                "How much is {e}?",
                "What does {e} [give|equal|make]?",
                "[Can you multiply|Can you compute|Please multiply] {e}?",
                "I need {e}.",
                "Tell me {e}",
                "{e} is what?",
                "What do you get for {e}?",
            ]
        ),
        [
            "Which number is {e}?",
            "What comes out of {e}?",
            "Give the product {e}.",
            "The value of {e}?",
            "To what does {e} multiply?",
        ],
    ),
    "chain_sum": (
        alternatives(
            [
                _FIND + "{e}.",
                "{e} = ?",
                "{e}",
                "[Add|Solve|Evaluate]: {e}",
                "How much is {e}?",
                "What does {e} [give|equal|make]?",
                "[Can you calculate|Can you compute|Please calculate] {e}?",
                "I need {e}.",
                "Tell me {e}",
                "{e} is what?",
                "What do you get for {e}?",
            ]
        ),
        [
            "Which number is {e}?",
            "What comes out of {e}?",
            "Give the sum {e}.",
            "The value of {e}?",
            "To what does {e} add up?",
        ],
    ),
}

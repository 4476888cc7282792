"""Wordings of word problems: two steps about things that are counted. How to read them: word_problem_wordings.py."""

from gpu_node.data.families.word_sentences import (
    HAS,
    HAS_UNSEEN,
    LEFT,
    LEFT_UNSEEN,
    NOW,
    NOW_UNSEEN,
    TOTAL_UNSEEN,
    Parts,
)

WORDINGS: dict[str, tuple[Parts, Parts]] = {
    "gain_lose": (
        [
            HAS,
            [
                "{n} buys {b} more and",
                "{he} gets {b} more and then",
                "{m} gives {him} {b} more, then {he}",
                "{he} finds {b} more but",
                "Then {he} buys {b} more and",
                "{n} is given {b} more and then",
                "{n} makes {b} more and",
                "{m} brings {him} {b} more, but {he}",
                "After that {he} wins {b} more and",
                "The next day {he} picks {b} more, then {he}",
            ],
            [
                "gives {c} to {k}.",
                "loses {c}.",
                "gives away {c}.",
                "sells {c}.",
                "gives {c} away.",
                "throws {c} away.",
                "uses {c} of them.",
                "lends {c} to {k}.",
                "breaks {c}.",
                "sells {c} to {k}.",
            ],
            NOW,
        ],
        [
            HAS_UNSEEN,
            ["{n} receives another {b}, then", "{b} more come from {m}, but {he}"],
            ["hands {c} over to {k}.", "drops {c} of them."],
            NOW_UNSEEN,
        ],
    ),
    "lose_gain": (
        [
            HAS,
            [
                "{n} gives {b} to {m} and",
                "{he} loses {b} and then",
                "{he} sells {b} but",
                "{he} gives away {b} and",
                "{n} eats {b}, then {he}",
                "{n} throws {b} away and",
                "{b} are sold, then {he}",
                "{he} uses {b} and later",
                "{n} lends {b} to {m}, then {he}",
                "{n} breaks {b} but",
            ],
            [
                "buys {c} more.",
                "gets {c} more.",
                "finds {c} more.",
                "gets {c} from {k}.",
                "gets {c} new ones.",
                "makes {c} more.",
                "wins {c}.",
                "is given {c} by {k}.",
                "picks {c} more.",
                "buys {c} from {k}.",
            ],
            NOW,
        ],
        [
            HAS_UNSEEN,
            ["{n} hands {b} over to {m}, then", "Then {b} of the {t} get lost, but {he}"],
            ["receives another {c}.", "picks up {c} further ones."],
            NOW_UNSEEN,
        ],
    ),
    "lose_two": (
        [
            HAS,
            [
                "{he} gives {b} to {m} and {c} to {k}.",
                "{n} gives {m} {b} and {k} {c}.",
                "{n} loses {b} and gives away {c}.",
                "{he} eats {b} and sells {c}.",
                "{he} sells {b} on Monday and {c} on Tuesday.",
                "{m} takes {b} and {k} takes {c}.",
                "{n} uses {b} and then {c} more.",
                "{b} are sold and {c} are thrown away.",
                "First {b} and then {c} of them are used.",
                "{he} lends {m} {b} and {k} {c}.",
                "{b} of them are broken, and {he} gives {c} away.",
                "On Monday {he} uses {b}, on Tuesday {c}.",
            ],
            LEFT,
        ],
        [HAS_UNSEEN, ["{n} hands {b} over to {m} and {c} to {k}.", "Then {b} get lost and {c} break."], LEFT_UNSEEN],
    ),
    "groups_more": (
        [
            [
                "{n} has {a} {boxes} of {b} {t} and {c} [more|single {t}|loose {t}|extra {t}].",
                "{n} buys {a} {boxes} with {b} {t} each and {c} more {t}.",
                "There are {a} {boxes} with {b} {t} each and {c} {t} [on the table|on the floor|besides].",
                "{n} has {a} {boxes} with {b} {t} in each. {m} gives {him} {c} more.",
                "{n} fills {a} {boxes} with {b} {t} each and has {c} left over.",
            ],
            [
                "How many {t} are there[| in total| in all| altogether]?",
                "How many {t} does {n} have[| in total| in all]?",
                "How many {t} is that[| in all]?",
            ],
        ],
        [
            [
                "{n} stacks {a} {boxes}, every one with {b} {t}, and {c} {t} lie beside.",
                "Each of {a} {boxes} contains {b} {t}, and {n} has {c} besides.",
            ],
            [
                "What number of {t} does that make?",
                "Find the number of all {t}.",
                "All in all, how many {t} are these?",
            ],
        ],
    ),
    "groups_less": (
        [
            [
                "{n} has {a} {boxes} of {b} {t}.",
                "{n} buys {a} {boxes} with {b} {t} each.",
                "There are {a} {boxes} with {b} {t} in each.",
                "{n} has {a} {boxes}. Each has {b} {t}.",
            ],
            [
                "{he} gives {c} {t} to {m}.",
                "{n} uses {c} {t}.",
                "{c} {t} break.",
                "{m} takes {c} {t}.",
                "{he} sells {c} {t}.",
                "{n} eats {c} of them.",
            ],
            LEFT,
        ],
        [
            ["{n} stacks {a} {boxes}, every one with {b} {t}.", "Each of {a} {boxes} contains {b} {t}."],
            ["Then {c} {t} get lost.", "{n} hands {c} {t} over to {m}."],
            LEFT_UNSEEN,
        ],
    ),
    "two_groups": (
        [
            [
                "{n} has {a} {boxes} with {b} {t} each and {c} {boxes} with {d} {t} each.",
                "{n} buys {a} {boxes} of {b} {t} and {c} {boxes} of {d} {t}.",
                "There are {a} {boxes} with {b} {t} in each and {c} {boxes} with {d} in each.",
                "{n} has {a} {boxes} of {b} {t}. {m} has {c} {boxes} of {d} {t}.",
                "{n} packs {a} {boxes} of {b} {t} and {c} {boxes} of {d} {u}.",
            ],
            [
                "How many [things |items |]are there [in total|in all|altogether]?",
                "How many is that [in total|in all|altogether]?",
                "What is the total?",
            ],
        ],
        [
            [
                "{n} stacks {a} {boxes}, every one with {b} {t}, and {m} stacks {c}, every one with {d}.",
                "{a} {boxes} contain {b} {t} each, {c} others contain {d} each.",
            ],
            [
                "What number of {t} does that make?",
                "Find the number of all {t}.",
                "All in all, how many {t} are these?",
            ],
        ],
    ),
    "share_sum": (
        [
            [
                "{n} has {a} {t} and {m} has {b}.",
                "{n} picks {a} {t} and {m} picks {b}.",
                "{n} has {a} {t} and gets {b} more.",
                "{n} bakes {a} {t}, then {b} more.",
                "There are {a} {t} and {b} {u}.",
            ],
            [
                "They are shared [equally |evenly ]among {c} [friends|children|people].",
                "All of them are split [equally |evenly ]between {c} [friends|children].",
                "They go into {c} {boxes} evenly.",
            ],
            [
                "How many does each get?",
                "How many for each?",
                "How many in each?",
                "How many {t} does each [one |]get?",
            ],
        ],
        [
            ["{n} owns {a} {t} while {m} owns {b}.", "{a} {t} belong to {n}, {b} to {m}."],
            ["{c} pupils get them in equal shares.", "They part it all fairly by {c}."],
            ["What is one share?", "Find the share of one."],
        ],
    ),
    "times_total": (
        [
            [
                "{n} has {a} {t}. {m} has {b} times as many[| {t}| as {n}].",
                "{n} has {a} {t} and {m} has {b} times as many.",
                "{n} picked {a} {t}. {m} picked {b} times as many[| as {n}].",
            ],
            [
                "How many {t} do they have [together|in all|altogether|in total]?",
                "How many {t} do {n} and {m} have [together|in all|altogether]?",
                "How many is that together?",
                "How many {t} have they got between them?",
                "[Work out|Calculate] how many {t} there are altogether.",
                "How many {t} is that for both?",
            ],
        ],
        [
            [
                "{m} owns {b} times the {a} {t} of {n}.",
                "{n} counted {a} {t}, {m} counted {b} times that.",
                "For each of the {a} {t} of {n}, {m} has {b}.",
            ],
            TOTAL_UNSEEN,
        ],
    ),
    "more_total": (
        [
            [
                "{n} has {a} {t}. {m} has {b} more[| {t}] than {n}.",
                "{n} has {a} {t} and {m} has {b} more than {n}.",
                "{n} made {a} {t}. {m} made {b} more[| than {n}].",
                "{n} picked {a} {t}. {m} picked {b} more than {n} did.",
            ],
            [
                "How many {t} do they have [together|in all|altogether|in total]?",
                "How many {t} do {n} and {m} have [together|in all|altogether]?",
                "How many is that together?",
                "How many {t} have they got between them?",
                "[Work out|Calculate] how many {t} there are altogether.",
                "How many {t} is that for both?",
            ],
        ],
        [
            [
                "{m} beats {n}, who has {a} {t}, by {b}.",
                "{n} counted {a} {t}, {m} counted {b} more.",
                "Compared with the {a} {t} of {n}, {m} has {b} more.",
            ],
            TOTAL_UNSEEN,
        ],
    ),
    "legs": (
        [
            [
                "A [farm|farmer] has {a} [cows|pigs|sheep|goats|horses] and {b} [chickens|ducks|hens|geese].",
                "There are {a} [dogs|cats|rabbits] and {b} [birds|chickens|people] in a [yard|room|garden].",
                "{n} has {a} [cows|dogs|cats] and {b} [chickens|ducks|birds].",
            ],
            [
                "How many legs are there[| in total| altogether| in all]?",
                "How many legs do they have[| in total| altogether]?",
                "How many legs is that?",
                "What is the total number of legs?",
            ],
        ],
        [
            [
                "In a stable stand {a} horses and {b} hens.",
                "{a} lions and {b} eagles live in a zoo.",
                "{n} feeds {a} donkeys and {b} turkeys.",
            ],
            ["Count the legs of all of them.", "What number of legs do these animals have?"],
        ],
    ),
    "half_left_gain": (
        [
            [
                "{n} has {a} {t} and gives half of them to {m}.",
                "{n} has {a} {t}. {he} gives half [of them |]away.",
                "{n} had {a} {t} and lost half[| of them].",
                "{n} sells half of {his} {a} {t}.",
            ],
            [
                "Then {he} buys {b} more.",
                "Then {he} gets {b} more.",
                "{he} finds {b} more.",
                "{k} gives {him} {b} more.",
            ],
            NOW,
        ],
        [
            ["{n} cuts a pile of {a} {t} in two halves and keeps one.", "Half of the {a} {t} of {n} go to {m}."],
            ["Later {b} more come.", "{n} receives another {b}."],
            NOW_UNSEEN,
        ],
    ),
    "third_left": (
        [
            [
                "{n} has {a} {t} and gives a third of them to {m}.",
                "{n} has {a} {t}. {he} gives [a|one] third [of them |]away.",
                "{n} eats one third of {his} {a} {t}.",
                "{n} sells a third of {a} {t}.",
                "{n} had {a} {t} and lost a third[| of them].",
            ],
            LEFT,
        ],
        [
            [
                "A third of the {a} {t} of {n} go to {m}.",
                "{n} parts with one third of {a} {t}.",
                "One third of the {a} {t} that {n} owns get lost.",
            ],
            LEFT_UNSEEN,
        ],
    ),
    "twice_total": (
        [
            [
                "{n} has {a} {t}. {m} has twice as many[| as {n}].",
                "{n} has {a} {t} and {m} has twice as many.",
                "{n} picked {a} {t}. {m} picked twice as many.",
                "{n} has {a} {t}. {m} has double that.",
            ],
            [
                "How many {t} do they have [together|in all|altogether|in total]?",
                "How many {t} do {n} and {m} have [together|in all|altogether]?",
                "How many is that together?",
                "How many {t} have they got between them?",
                "[Work out|Calculate] how many {t} there are altogether.",
                "How many {t} is that for both?",
            ],
        ],
        [
            [
                "{m} owns twice the {a} {t} of {n}.",
                "{n} counted {a} {t}, {m} counted double.",
                "For each of the {a} {t} of {n}, {m} has two.",
            ],
            TOTAL_UNSEEN,
        ],
    ),
}

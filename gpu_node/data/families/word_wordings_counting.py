"""Wordings of word problems: one step about things that are counted. How to read them: word_problem_wordings.py."""

from gpu_node.data.families.word_sentences import (
    GETS,
    GETS_UNSEEN,
    GIVES,
    GIVES_UNSEEN,
    HAS,
    HAS_UNSEEN,
    LEFT,
    LEFT_UNSEEN,
    NOW,
    NOW_UNSEEN,
    TOTAL,
    TOTAL_UNSEEN,
    Parts,
)

WORDINGS: dict[str, tuple[Parts, Parts]] = {
    "gain": ([HAS, GETS, NOW], [HAS_UNSEEN, GETS_UNSEEN, NOW_UNSEEN]),
    "lose": ([HAS, GIVES, LEFT], [HAS_UNSEEN, GIVES_UNSEEN, LEFT_UNSEEN]),
    "two_people_total": (
        [
            [
                "{n} has {a} {t} and {m} has {b}[| {t}].",
                "{n} has {a} {t}. {m} has {b}[| {t}].",
                "{n} picked {a} {t} and {m} picked {b}.",
                "{n} found {a} {t}, {m} found {b}.",
                "{n} made {a} {t} and {m} made {b}.",
            ],
            TOTAL,
        ],
        [
            [
                "{n} owns {a} {t} while {m} owns {b}.",
                "{a} {t} belong to {n}, {b} to {m}.",
                "{n} brought {a} {t}; {m} brought {b}.",
            ],
            TOTAL_UNSEEN,
        ],
    ),
    "three_total": (
        [
            [
                "{n} has {a} {t}, {b} {u} and {c} {v}.",
                "There are {a} {t}, {b} {u} and {c} {v} in a {box}.",
                "{n} bought {a} {t}, {b} {u} and {c} {v}.",
                "A {box} holds {a} {t}, {b} {u} and {c} {v}.",
                "{n} sold {a} {t} on Monday, {b} on Tuesday and {c} on Wednesday.",
                "{n} has {a} {t}, {m} has {b} and {k} has {c}.",
            ],
            [
                "How many [things|items] is that [in total|in all|altogether]?",
                "How many are there [in total|in all|altogether]?",
                "What is the total?",
                "How many [altogether|in total]?",
            ],
        ],
        [
            [
                "{n} packs {a} {t}, {b} {u} and {c} {v}.",
                "On a table lie {a} {t}, {b} {u} and {c} {v}.",
                "{n}, {m} and {k} own {a}, {b} and {c} {t}.",
            ],
            ["What do they come to in all?", "Find the whole number."],
        ],
    ),
    "rest": (
        [
            [
                "{n} has {a} {t}. {b} of them are [red|green|new|old|blue|broken].",
                "There are {a} {t} in a {box}. {b} are [red|blue|new|green].",
                "A {box} has {a} {t}, {b} of them [red|green|broken].",
                "Of {a} {t}, {b} are [red|green|broken|new].",
            ],
            [
                "How many are not?",
                "How many of the {t} are not?",
                "How many other {t} are there?",
                "How many are the others?",
                "How many {t} are the rest?",
            ],
        ],
        [
            [
                "{b} of the {a} {t} of {n} are yellow.",
                "Among {a} {t} there are {b} black ones.",
                "{n} counts {a} {t}, {b} of which are white.",
            ],
            ["What is the number of the remaining {t}?", "How many of a different sort are there?"],
        ],
    ),
    "grown": (
        [
            ["{n} had {a} {t}.", "{n} has {a} {t}.", "There were {a} {t} in the {box}.", "Yesterday {n} had {a} {t}."],
            [
                "Now {he} has {b}.",
                "{he} buys some more and now has {b}.",
                "After {m} gave {him} some, {he} has {b}.",
                "Now there are {b}.",
                "Today {he} has {b}.",
                "{he} got some more and has {b} now.",
            ],
            [
                "How many did {he} get?",
                "How many {t} did {n} get?",
                "How many more is that?",
                "How many were added?",
                "How many {t} are new?",
            ],
        ],
        [
            ["At first {n} owned {a} {t}.", "In the morning there were {a} {t}."],
            ["By evening there are {b}.", "Later {he} counts {b}."],
            ["What number of {t} came in?", "By how many did it grow?", "How many {t} have come in between?"],
        ],
    ),
    "more_than": (
        [
            [
                "{n} has {a} {t}. {m} has {b} more[| {t}] than {n}.",
                "{n} has {a} {t} and {m} has {b} more than {n}.",
                "{n} made {a} {t}. {m} made {b} more[| than {n}].",
                "{m} has {b} more {t} than {n}, who has {a}.",
                "{n} picked {a} {t}. {m} picked {b} more than {n} did.",
                "{n} has {a} {t}, and {m} has {b} more than that.",
            ],
            [
                "How many {t} does {m} have?",
                "How many does {m} have?",
                "What number of {t} has {m}?",
                "How many {t} are {m}'s?",
            ],
        ],
        [
            [
                "{m} beats {n}, who has {a} {t}, by {b}.",
                "{n} counted {a} {t}, {m} counted {b} more.",
                "Compared with the {a} {t} of {n}, {m} has {b} more.",
            ],
            ["What does {m} have?", "How many has {m} got?"],
        ],
    ),
    "less_than": (
        [
            [
                "{n} has {a} {t}. {m} has {b} [fewer|less][| {t}] than {n}.",
                "{n} has {a} {t} and {m} has {b} fewer than {n}.",
                "{n} made {a} {t}. {m} made {b} fewer[| than {n}].",
                "{n} picked {a} {t}. {m} picked {b} less than {n} did.",
                "{n} has {a} {t}, and {m} has {b} fewer than that.",
            ],
            [
                "How many {t} does {m} have?",
                "How many does {m} have?",
                "What number of {t} has {m}?",
                "How many {t} are {m}'s?",
            ],
        ],
        [
            [
                "{m} is {b} behind {n}, who has {a} {t}.",
                "{n} counted {a} {t}, {m} counted {b} fewer.",
                "Compared with the {a} {t} of {n}, {m} has {b} less.",
            ],
            ["What does {m} have?", "How many has {m} got?"],
        ],
    ),
    "difference": (
        [
            [
                "{n} has {a} {t} and {m} has {b}[| {t}].",
                "{n} has {a} {t}. {m} has {b}[| {t}].",
                "{n} picked {a} {t} and {m} picked {b}.",
            ],
            [
                "How many more does {n} have[| than {m}]?",
                "How many more is that[| than {m}]?",
                "How many more {t} does {n} have than {m}?",
                "What is the difference?",
                "By how many does {n} have more?",
                "How many fewer does {m} have?",
            ],
        ],
        [
            [
                "{n} owns {a} {t} while {m} owns {b}.",
                "{a} {t} belong to {n}, {b} to {m}.",
                "{n} brought {a} {t}; {m} brought {b}.",
            ],
            ["By how much is {n} ahead of {m}?", "What separates the two?"],
        ],
    ),
    "groups": (
        [
            [
                "There are {a} {boxes} with {b} {t} [each|in each {box}|in each].",
                "{n} has {a} {boxes} with {b} {t} [each|in each].",
                "{n} buys {a} {boxes} of {b} {t}[| each].",
                "{n} fills {a} {boxes} with {b} {t} each.",
                "There are {a} {boxes}. Each {box} has {b} {t}.",
                "{n} has {a} {boxes}. Each [{box} |]holds {b} {t}.",
                "{a} {boxes} hold {b} {t} each.",
                "{a} friends each bring {b} {t}.",
            ],
            [
                "How many {t} are there[| in total| in all| altogether]?",
                "How many {t} is that[| in all]?",
                "What is the total number of {t}?",
                "How many {t} [in total|altogether]?",
            ],
        ],
        [
            [
                "{n} stacks {a} {boxes}, every one with {b} {t}.",
                "Each of {a} {boxes} contains {b} {t}.",
                "In every one of {a} {boxes} lie {b} {t}.",
            ],
            ["What number of {t} does that make?", "Find the number of all {t}."],
        ],
    ),
    "share": (
        [
            [
                "{n} shares {a} {t} [equally |evenly |]among {b} friends.",
                "{n} has {a} {t} and {b} friends, and shares them equally.",
                "{a} {t} are shared [equally |evenly |]among {b} [children|people|friends|kids].",
                "{n} divides {a} {t} equally among {b} people.",
                "{n} splits {a} {t} [evenly |]between {b} [children|friends].",
                "{b} [children|friends] share {a} {t} [equally|evenly|fairly].",
                "{n} gives {a} {t} to {b} children, each the same.",
            ],
            [
                "How many {t} does each [get|one get|receive]?",
                "How many does each [friend |child |person |]get?",
                "How many {t} for each?",
                "How many {t} per person?",
            ],
        ],
        [
            [
                "{a} {t} get handed out fairly to {b} pupils.",
                "{b} players deal out {a} {t} evenly.",
                "A group of {b} parts {a} {t} in equal shares.",
            ],
            ["What is one share?", "Find the share of one."],
        ],
    ),
    "pack": (
        [
            [
                "{n} has {a} {t} and puts {b} in each {box}.",
                "{n} packs {a} {t} in {boxes} of {b}.",
                "{a} {t} are packed with {b} in each {box}.",
                "{n} puts {a} {t} into {boxes} of {b}.",
                "A {box} holds {b} {t}. {n} has {a} {t}.",
                "{n} has {a} {t}. Each {box} holds {b}.",
                "{n} wants to pack {a} {t}, {b} to a {box}.",
            ],
            [
                "How many {boxes} are [needed|there|filled]?",
                "How many {boxes} does {n} need?",
                "How many {boxes} does {he} fill?",
                "How many {boxes} is that?",
            ],
        ],
        [
            ["{a} {t} go into {boxes}, {b} per {box}.", "Into every {box} fit {b} of the {a} {t}."],
            ["What number of {boxes} will be full?", "Find the number of {boxes}.", "{n} will need how many {boxes}?"],
        ],
    ),
    "left_over": (
        [
            [
                "{n} shares {a} {t} equally among {b} friends.",
                "{n} packs {a} {t} in {boxes} of {b}.",
                "{a} {t} are shared [equally |]among {b} [children|friends].",
                "{n} puts {a} {t} into {boxes} of {b}.",
                "{n} divides {a} {t} [equally |]among {b} people.",
                "{a} {t} are put in {boxes} of {b} each.",
                "{n} makes groups of {b} from {a} {t}.",
            ],
            [
                "How many {t} are left over?",
                "How many are left over?",
                "How many {t} remain?",
                "What is left over?",
                "How many does not fit?",
                "How many {t} will be left over?",
                "What is the remainder?",
            ],
        ],
        [
            [
                "{a} {t} get handed out fairly to {b} pupils.",
                "{a} {t} go into {boxes}, {b} per {box}, as long as it works out.",
            ],
            [
                "How many {t} are over in the end?",
                "What number of {t} cannot be used?",
                "Find how many {t} stay behind.",
            ],
        ],
    ),
    "times_as_many": (
        [
            [
                "{n} has {a} {t}. {m} has {b} times as many[| {t}| as {n}].",
                "{n} has {a} {t} and {m} has {b} times as many.",
                "{n} picked {a} {t}. {m} picked {b} times as many[| as {n}].",
                "{n} has {a} {t}, {m} has {b} times more.",
                "{m} has {b} times as many {t} as {n}, who has {a}.",
            ],
            [
                "How many {t} does {m} have?",
                "How many does {m} have?",
                "What number of {t} has {m}?",
                "How many {t} are {m}'s?",
            ],
        ],
        [
            [
                "{m} owns {b} times the {a} {t} of {n}.",
                "{n} counted {a} {t}, {m} counted {b} times that.",
                "For each of the {a} {t} of {n}, {m} has {b}.",
            ],
            ["What does {m} have?", "How many has {m} got?"],
        ],
    ),
    "half": (
        [
            [
                "{n} has {a} {t} and gives half of them to {m}.",
                "{n} has {a} {t}. {he} gives half [of them |]away.",
                "{n} eats half of {his} {a} {t}.",
                "{n} sells half of {a} {t}.",
                "{n} had {a} {t} and lost half[| of them].",
                "There are {a} {t} and half are [red|new].",
            ],
            [
                "How many is that?",
                "How many {t} is that?",
                "How many are left?",
                "How many {t} remain?",
                "How many are the other half?",
            ],
        ],
        [
            ["{n} cuts a pile of {a} {t} in two halves.", "Half of {a} {t} go to {m}."],
            ["What is one half?", "What number is in one half?", "How big is the other half?"],
        ],
    ),
}

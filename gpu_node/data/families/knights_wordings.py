"""The sentences around the claims of a puzzle of knights and knaves: who speaks, what is known, what is asked.

{S} speaks, {c} is the claim and {C} the claim with a capital; {people}, {n}, {P} are the people; the rest are the words
for the two kinds.
"""

from gpu_node.data.families.templates import alternatives
from gpu_node.data.problem import Phrasings

SPEECH = Phrasings(
    train=alternatives(
        [
            "{S} says {c}.", "{S} says that {c}.", '{S} says[:|,] "{C}."', "{S} says: {c}.", "{S} claims {c}.",
            "{S} claims that {c}.", '{S} claims[:|,] "{C}."', "{S} said {c}.", "{S} said that {c}.",
            "{S}: {c}.", '{S}: "{C}."', "{S} tells you that {c}.", "{S} tells you {c}.", "{S} states that {c}.",
            "{S} told you that {c}.", '{S} told me[:|,] "{C}."', "According to {S}, {c}.", "{S} says '{C}'.",
            "{S} says, '{C}'.", '{S} said[:|,] "{C}."', "{S} says {c}.", '{S} says "{c}".',
        ]
    ),
    held_out=[
        '{S} remarks: "{C}."', "{S} asserts that {c}.", "{S} declares that {c}.", "{S} tells me that {c}.",
        '"{C}," says {S}.', "{S} whispers: {c}.", "{S} insists that {c}.",
    ],
)  # fmt: skip

INTRODUCTIONS = Phrasings(
    train=alternatives(
        [
            "",
            "[On an island, |On a strange island, |Here ][every person|everyone|each person] is {a_good} or {a_bad}.",
            "On an island live {goods} and {bads}.",
            "{Goods} always tell the truth[ and|,] {bads} always lie.",
            "{Goods} tell the truth[ and|,] {bads} lie.",
            "You meet {people} on an island of {goods} and {bads}.",
            "You meet {people}.",
            "You meet {people}. Each is {a_good} or {a_bad}.",
            "{people} are each [either |]{a_good} or {a_bad}.",
            "There are {n} people, {people}, each {a_good} or {a_bad}.",
            "{people} live on the island of {goods} and {bads}.",
            "A puzzle of {goods} and {bads}:",
            "{Goods} and {bads}:",
            "{Goods} and {bads} puzzle:",
            "You are on an island of {goods} (truth) and {bads} (lies).",
            "{A_good} always tells the truth and {a_bad} always lies.",
            "{A_good} always tells the truth, {a_bad} always lies. You meet {people}.",
        ]
    ),
    held_out=[
        "A visitor meets {people}, who are {goods} or {bads}.",
        "Remember that {goods} never lie and {bads} never tell the truth.",
        "On this island {goods} only say true things and {bads} only false ones.",
        "Among {people}, each one is {a_good} or else {a_bad}.",
        "Consider {people}: all of them are {goods} or {bads}.",
    ],
)

ENDINGS = Phrasings(
    train=alternatives(
        [
            "Who is {a_good} and who is {a_bad}?", "Who is {a_good}, who is {a_bad}?", "Who is what?",
            "What is each person?", "What are {people}?", "Which of them is {a_good}?", "Who is the {good}?",
            "Who is {a_bad}?", "Who is lying?", "Who tells the truth?", "What are they?", "Find out who is who.",
            "Is {P} {a_good} or {a_bad}?", "What is {P}?", "Who are the {goods} and who are the {bads}?",
            "Determine who is {a_good} and who is {a_bad}.", "Solve it.", "Who is who?", "Tell me who is what.",
            "Which are {goods} and which are {bads}?", "Say what each of them is.", "What kind is each[| of them]?",
            "Identify the {goods} and the {bads}.", "So who is {a_good} and who is {a_bad}?",
        ]
    ),
    held_out=[
        "Can you tell who is {a_good} and who is {a_bad}?", "Decide for each whether they are {a_good} or {a_bad}.",
        "Work out the kind of each one.", "Who of them is honest?", "Which kind does each of them belong to?",
    ],
)  # fmt: skip

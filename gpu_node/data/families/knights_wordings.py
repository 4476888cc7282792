"""The sentences around the claims of a puzzle of knights and knaves: who speaks, what is known, what is asked.

{S} speaks, {c} is the claim and {C} the claim with a capital; {people}, {n}, {P} are the people; the rest are the words
for the two kinds.
"""

from gpu_node.data.families.templates import alternatives
from gpu_node.data.problem import Phrasings

SPEECH = Phrasings(
    train=alternatives(
        [
            "{S} [says|says|said|claims|claimed|states|stated|replies|answers|adds|argues|swears|reports] {c}.",
            "{S} [says|says|said|claims|claimed|states|replies|answers|argues|swears|maintains|believes] that {c}.",
            '{S} [says|said|claims|claimed|states|replies|replied|answers|adds|shouts|explains][:|,] "{C}."',
            "{S} [says|said|claims|states|replies|answers]: {c}.",
            "{S} [says|said|claims|replies]: {C}.",
            "{S} [says|said|claims], {c}.",
            "{S}: {c}.", '{S}: "{C}."', "{S}: '{C}.'", "{S} - {c}.", "{S}: {C}.",
            "{S} [tells|told] [you|us|me|the visitor] {c}.", "{S} [tells|told] [you|us|the visitor] that {c}.",
            '{S} [tells|told] [you|us|me][:|,] "{C}."', "According to {S}, {c}.", "{S}'s statement: {c}.",
            "{S} says '{C}'.", "{S} [says|said], '{C}.'", '{S} says "{c}".', "{S} will tell you that {c}.",
            "If you ask {S}, {c}.", "{S} makes the statement that {c}.", "{S} is heard to say that {c}.",
            "From {S} we hear that {c}.", "{S} says of the group that {c}.", "{S} lets us know that {c}.",
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
            "[On an island, |On a strange island, |Here ][every person|everyone|each person] is {a_good} or {a_bad}.",
            "On an island live {goods} and {bads}.",
            "On an island of {goods} and {bads},",
            "On the island of {goods} and {bads}[|:|,]",
            "There is an island of {goods} and {bads}.",
            "{Goods} always tell the truth[ and|,| while|;] {bads} always lie.",
            "{Goods} [tell|say|speak] the truth[ and|,| but] {bads} lie.",
            "{Goods} always tell the truth and {bads} always lie. There are {n} of them: {people}.",
            "[You meet|I met|I meet|We meet] {people} on an island of {goods} and {bads}.",
            "[You meet|I met|We meet|You come across|You talk to] {people}.",
            "[You meet|We meet|You see] {n} people, {people}.",
            "You meet {n} inhabitants: {people}.",
            "You meet {people}. Each is {a_good} or {a_bad}.",
            "{people} are each [either |]{a_good} or {a_bad}.",
            "{people} [are inhabitants of|come from] an island of {goods} and {bads}.",
            "There are {n} people, {people}, each {a_good} or {a_bad}.",
            "There are {n} people: {people}.",
            "[The|There are {n}] islanders {people} talk to you.",
            "{people} live on the island of {goods} and {bads}.",
            "[A puzzle|A riddle|A logic puzzle|A question] [of|about|with] {goods} and {bads}:",
            "{Goods} and {bads}[:|.| puzzle:| problem:| riddle.]",
            "You are on an island of {goods} (truth) and {bads} (lies).",
            "[A land|A country|A town|A village] is full of {goods} and {bads}.",
            "{A_good} always tells the truth and {a_bad} always lies.",
            "{A_good} [always tells|tells] the truth, {a_bad} [always lies|lies]. You meet {people}.",
            "{Goods} are truthful, {bads} are not.",
            "Every inhabitant is either {a_good}, who tells the truth, or {a_bad}, who lies.",
            "In this riddle {goods} tell the truth and {bads} lie.",
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
            "Who is {a_good} and who is {a_bad}?", "Who is {a_good}, who is {a_bad}?", "Who is what?", "Who is which?",
            "What is each person?", "What are {people}?", "Which of them is {a_good}?", "Who is the {good}?",
            "Who is {a_bad}?", "Who is lying?", "Who tells the truth?", "What are they?", "Find out who is who.",
            "Is {P} {a_good} or {a_bad}?", "What is {P}?", "Who are the {goods} and who are the {bads}?",
            "[Determine|Find|Find out|Say|Figure out|Deduce|Conclude] who is {a_good} and who is {a_bad}.",
            "Solve it.", "Solve this[| puzzle| riddle].", "Who is who?", "Tell me who is what.",
            "Which are {goods} and which are {bads}?", "Say what each of them is.", "What kind is each[| of them]?",
            "[Identify|Name|Find|List] the {goods} and the {bads}.", "So who is {a_good} and who is {a_bad}?",
            "What is each[| one| of them]?", "What can you say about {people}?", "Who lies and who tells the truth?",
            "Who is {a_good}?", "Who is the {bad}?", "Who lies?", "Are they {goods} or {bads}?", "What is everyone?",
            "Which one is the {bad}?", "Is {P} {a_bad}?", "Is {P} {a_good}?", "Find everyone's kind.",
            "Who's {a_good} and who's {a_bad}?", "What must {people} be?", "Sort them into {goods} and {bads}.",
        ]
    ),
    held_out=[
        "Can you tell who is {a_good} and who is {a_bad}?", "Decide for each whether they are {a_good} or {a_bad}.",
        "Work out the kind of each one.", "Who of them is honest?", "Which kind does each of them belong to?",
    ],
)  # fmt: skip

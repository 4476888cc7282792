"""Wordings of word problems: money, percentages and ratios. How to read them: word_problem_wordings.py."""

from gpu_node.data.families.word_sentences import COST, COST_UNSEEN, Parts

WORDINGS: dict[str, tuple[Parts, Parts]] = {
    "price": (
        [
            [
                "{n} buys {a} {t} for ${b} each.",
                "{n} buys {a} {t} at ${b} each.",
                "{n} buys {a} {t}. Each costs ${b}.",
                "A {goods} costs ${b}. {n} buys {a} of them.",
                "{n} buys {a} {t} that cost {b} dollars each.",
                "One {goods} costs {b} dollars. {n} wants {a}.",
                "{t} cost ${b} each. {n} buys {a}.",
                "{n} bought {a} {t} for {b} dollars each.",
                "{n} ordered {a} {t}, each costing ${b}.",
                "{n} needs {a} {t}, and one costs ${b}.",
                "{n} went shopping and bought {a} {t} at {b} dollars each.",
            ],
            COST,
        ],
        [
            [
                "{n} takes {a} {t} priced at ${b} apiece.",
                "At ${b} apiece, {n} gets {a} {t}.",
                "For every one of {a} {t} {n} gives ${b}.",
            ],
            COST_UNSEEN,
        ],
    ),
    "change": (
        [
            [
                "{n} has ${a} and buys {b} {t} for ${c} each.",
                "{n} has {a} dollars. {he} buys {b} {t} for {c} dollars each.",
                "{n} has ${a}. {he} buys {b} {t} at ${c} each.",
                "With ${a}, {n} buys {b} {t} that cost ${c} each.",
                "{n} pays with ${a} for {b} {t} at ${c} each.",
            ],
            [
                "How much money is left?",
                "[Work out|Calculate] how much money is left.",
                "How many dollars are left?",
                "How much does {he} have left?",
                "How much money does {n} have left?",
                "What is the change?",
                "How much is left?",
                "How much change does {n} get?",
            ],
        ],
        [
            ["From ${a} {n} pays {b} {t} priced at ${c} apiece.", "{n} owns ${a} and takes {b} {t} at ${c} apiece."],
            ["What sum remains?", "How many dollars stay with {n}?", "Find what {n} keeps."],
        ],
    ),
    "two_prices": (
        [
            [
                "{n} buys {a} {t} for ${b} each and {c} {u} for ${d} each.",
                "{n} buys {a} {t} at ${b} each and {c} {u} at ${d} each.",
                "{n} buys {a} {t} for {b} dollars each and {c} {u} for {d} dollars each.",
                "{n} bought {a} {t} at ${b} and {c} {u} at ${d}.",
                "{n} needs {a} {t} at ${b} each and {c} {u} at ${d} each.",
            ],
            COST,
        ],
        [
            [
                "{n} takes {a} {t} priced at ${b} apiece and {c} {u} at ${d} apiece.",
                "For {a} {t} {n} gives ${b} each, for {c} {u} ${d} each.",
                "{a} {t} at ${b} and {c} {u} at ${d} go to {n}.",
            ],
            COST_UNSEEN,
        ],
    ),
    "unit_price": (
        [
            [
                "{a} {t} cost ${b}.",
                "{n} pays ${b} for {a} {t}.",
                "{n} bought {a} {t} for ${b}.",
                "{a} {t} cost {b} dollars.",
                "{a} {t} cost ${b} in total.",
                "{n} buys {a} {t} for {b} dollars.",
            ],
            [
                "How much does one cost?",
                "How much is one[| of them]?",
                "What is the price of one?",
                "How much did each cost?",
                "What does each [one |]cost?",
            ],
        ],
        [
            ["For {a} {t} {n} gave ${b}.", "The price of {a} {t} is ${b}."],
            ["What would a single one be?", "Find the price for a single one.", "How much per piece?"],
        ],
    ),
    "scaled_price": (
        [
            [
                "{a} {t} cost ${b}.",
                "{n} pays ${b} for {a} {t}.",
                "If {a} {t} cost ${b},",
                "{a} {t} cost {b} dollars.",
                "{n} bought {a} {t} for ${b}.",
            ],
            [
                "how much do {c} {t} cost?",
                "how much do {c} cost?",
                "what do {c} {t} cost?",
                "what is the price of {c} {t}?",
                "how much are {c} {t}?",
                "how much would {c} cost?",
            ],
        ],
        [
            ["For {a} {t} {n} gave ${b}.", "The price of {a} {t} is ${b}."],
            [
                "At that rate, find the price for {c}.",
                "What must {m} give for {c} of them?",
                "So {c} {t} come to how much?",
            ],
        ],
    ),
    "earn": (
        [
            [
                "{n} earns ${a} an hour and works {b} hours.",
                "{n} earns ${a} per hour. {he} works {b} hours.",
                "{n} makes ${a} an hour. {he} worked for {b} hours.",
                "{n} gets {a} dollars an hour and works {b} hours.",
                "{n} works {b} hours for ${a} an hour.",
                "{n} is paid ${a} a day for {b} days.",
                "{n} saves ${a} [every|each|a] week for {b} weeks.",
            ],
            [
                "How much does {he} [earn|make|get]?",
                "How much does {n} [earn|make|get] [in total|altogether]?",
                "How much money is that?",
                "[Work out|Calculate] how much that is.",
                "How much money does {n} have then?",
                "How many dollars is that?",
            ],
        ],
        [
            [
                "An hour brings {n} ${a}, and {he} works {b} of them.",
                "With a wage of ${a} an hour, {n} stays {b} hours.",
            ],
            ["What is the pay?", "Find the pay of {n}.", "What sum does {n} take home?"],
        ],
    ),
    "save_weeks": (
        [
            [
                "{n} saves ${a} [every|each|a] week.",
                "{n} saves {a} dollars [each|per] week.",
                "{n} puts away ${a} [each|every] week.",
            ],
            [
                "How many weeks until {he} has ${b}?",
                "How many weeks does {he} need to save ${b}?",
                "How long until {he} has ${b}?",
                "How many weeks for ${b}?",
                "{he} wants a {goods} that costs ${b}. How many weeks does {he} need?",
            ],
        ],
        [
            ["Each week ${a} go into the piggy bank of {n}.", "{n} can set ${a} aside a week."],
            [
                "After what number of weeks are there ${b}?",
                "Find the number of weeks for ${b}.",
                "When will ${b} be reached?",
            ],
        ],
    ),
    "percent_of": (
        [
            [
                "[What is|What's|Find|Calculate|Compute|How much is] {a}% of {b}?",
                "[What is|How much is|Find] {a} percent of {b}?",
                "{a}% of {b} {t} are [red|broken|new|sold]. How many [{t} |]is that?",
                "{n} has {b} {t} and {a}% of them are [new|red]. How many is that?",
                "{n} gives away {a}% of {his} {b} {t}. How many is that?",
                "A class has {b} pupils. {a}% of them [walk|play chess]. How many is that?",
                "{a} percent of {b} is what?",
            ],
        ],
        [
            [
                "How big is a share of {a}% in {b}?",
                "Out of {b} {t}, {a} percent are old. What number is that?",
                "Of {b} guests {a}% have left. How many went?",
                "Take {a} percent of {b}.",
                "{a}% from {b}, how much would that be?",
            ]
        ],
    ),
    "discount": (
        [
            [
                "A {goods} costs ${b}. It is {a}% off.",
                "A {goods} costs ${b} and is {a}% off.",
                "In a sale, a ${b} {goods} is {a}% off.",
                "A {goods} that cost ${b} is reduced by {a}%.",
                "The old price of a {goods} was ${b}, and now it is {a}% less.",
                "The price of a {goods} is ${b}. There is a discount of {a}%.",
                "A {goods} costs {b} dollars with a {a}% discount.",
                "A ${b} {goods} is on sale at {a}% off.",
                "{n} gets {a}% off a ${b} {goods}.",
            ],
            [
                "What is the [new |sale |]price?",
                "How much is it now?",
                "[Work out|Calculate] the new price.",
                "What is the price after the discount?",
                "What does it cost now?",
                "How much does {n} pay?",
                "What is the price now?",
            ],
        ],
        [
            ["From the ${b} for a {goods} the shop takes {a}% away.", "A {goods}, once ${b}, got {a}% cheaper."],
            ["What has to be paid?", "Find the price after that.", "How many dollars is it in the end?"],
        ],
    ),
    "ratio": (
        [
            [
                "The ratio of {t} to {u} is {a}:{b}. There are {c} [in total|in all|altogether].",
                "{t} and {u} are in the ratio {a}:{b}, {c} [in total|in all|altogether].",
                "A {box} has {c} {t} and {u} in the ratio {a}:{b}.",
                "The ratio of {t} to {u} is {a} to {b}, and there are {c} together.",
            ],
            ["How many {t} are there?", "How many are {t}?", "How many is the first part?", "What is the first part?"],
        ],
        [
            ["{c} {t} and {u} stand {a} to {b}.", "{t} and {u} are mixed {a}:{b} and make {c}."],
            ["What number of {t} is it?", "Find the number of {t}.", "How many of them are {t}?"],
        ],
    ),
}

"""Wordings of word problems: money, travel, work, ages and percentages. How to read them: word_problem_wordings.py."""

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
    "distance": (
        [
            [
                "A {walker} [travels|goes|moves] at {a} [km/h|mph|km per hour|miles per hour] for {b} hours.",
                "A {walker} [travels|goes|covers] {a} [km|miles] [per|in an|an] hour for {b} hours.",
                "{n} drives {b} hours at {a} [km/h|mph].",
                "{n} drives at {a} [km/h|mph|miles per hour] for {b} hours.",
                "{n} runs {a} [km|miles] [every|each|a] day for {b} days.",
            ],
            [
                "How far does it go?",
                "How far is that?",
                "What is the distance?",
                "How many [km|miles] is that?",
                "How far does {he} get?",
                "What distance is covered?",
            ],
        ],
        [
            [
                "For {b} hours a {walker} keeps a speed of {a} km/h.",
                "With {a} miles an hour, a {walker} is on the road for {b} hours.",
            ],
            ["What way does it make?", "Find the distance.", "What length is the trip?"],
        ],
    ),
    "speed": (
        [
            [
                "A {walker} [travels|goes|covers] {a} [km|miles] in {b} hours.",
                "{n} drives {a} [km|miles] in {b} hours.",
                "A {walker} needs {b} hours for {a} [km|miles].",
                "It takes a {walker} {b} hours to go {a} [km|miles].",
                "{n} runs {a} [km|miles] in {b} hours.",
            ],
            [
                "What is [its|the] [average |]speed?",
                "How fast is that?",
                "How fast does it go?",
                "What is the speed per hour?",
                "How many per hour is that?",
            ],
        ],
        [
            ["In {b} hours a {walker} puts {a} km behind it.", "A trip of {a} miles takes a {walker} {b} hours."],
            ["What speed does it have?", "Find the speed.", "How many in an hour?"],
        ],
    ),
    "travel_time": (
        [
            [
                "A {walker} [travels|goes] {a} [km|miles] at {b} [km/h|mph].",
                "{n} drives {a} [km|miles] at {b} [km/h|mph].",
                "A trip is {a} [km|miles] long. A {walker} goes {b} [km|miles] an hour.",
                "{n} must drive {a} [km|miles] at {b} [km|miles] per hour.",
            ],
            [
                "How long does it take?",
                "How many hours does it take?",
                "How many hours is that?",
                "How long is the trip in hours?",
                "What time does it take?",
            ],
        ],
        [
            ["{a} km lie before a {walker} that makes {b} km/h.", "The way is {a} miles, the speed {b} miles an hour."],
            ["What number of hours is needed?", "Find the time.", "After how many hours is it done?"],
        ],
    ),
    "work_rate": (
        [
            [
                "A [machine|robot] makes {a} {t} [per|every|each] {unit}.",
                "{n} makes {a} {t} [per|each|every] {unit}.",
                "{n} [sells|packs] {a} {t} [per|each|every] {unit}.",
                "A [machine|factory] produces {a} {t} [per|each|every] {unit}.",
            ],
            [
                "How many in {b} {unit}s?",
                "How many does {he} make in {b} {unit}s?",
                "How many is that in {b} {unit}s?",
                "How many {t} are made in {b} {unit}s?",
                "How many after {b} {unit}s?",
            ],
        ],
        [
            ["Every {unit} a workshop turns out {a} {t}.", "{n} finishes {a} {t} in one {unit}."],
            [
                "What is the output of {b} {unit}s?",
                "Find the number for {b} {unit}s.",
                "What comes out within {b} {unit}s?",
            ],
        ],
    ),
    "pages_left": (
        [
            [
                "A book has {a} pages.",
                "{n} reads a book of {a} pages.",
                "{n} has a book with {a} pages.",
                "{n}'s book has {a} pages.",
            ],
            [
                "{n} reads {b} pages [a|each|every|per] day for {c} days.",
                "{he} reads {b} pages [a|each|every|per] day for {c} days.",
                "{he} reads {b} pages on each of {c} days.",
            ],
            [
                "How many pages are left?",
                "How many pages remain?",
                "How many pages does {he} still have to read?",
                "How many are left to read?",
            ],
        ],
        [
            ["A novel is {a} pages long.", "Of a novel with {a} pages"],
            ["{n} manages {b} a day during {c} days.", "{n} gets through {b} a day in {c} days."],
            ["What number of pages is still unread?", "Find the pages still to go."],
        ],
    ),
    "pages_days": (
        [
            [
                "A book has {a} pages. {n} reads {b} [a|each|every|per] day.",
                "{n} reads {b} pages of a {a} page book [a|each|every] day.",
                "{n} reads a book of {a} pages, {b} pages [a|each|per] day.",
                "{n} has to read {a} pages and reads {b} [a|each|every] day.",
                "{n} has {a} {t} and uses {b} [a|each|every] day.",
            ],
            [
                "How many days does it take?",
                "How many days does {he} need?",
                "How long does it take?",
                "How many days is that?",
                "In how many days is it done?",
                "How many days will it last?",
            ],
        ],
        [
            ["A novel is {a} pages long and {n} manages {b} a day.", "At {b} pages a day, {n} reads {a} pages."],
            ["After what number of days is the end reached?", "Find the number of days.", "What time in days is that?"],
        ],
    ),
    "older": (
        [
            [
                "{n} is {a} years old. {m} is {b} years older[| than {n}].",
                "{n} is {a}. {m} is {b} years older[| than {n}].",
                "{n} is {a} years old and {m} is {b} years older.",
                "{m} is {b} years older than {n}, who is {a}.",
                "{m} is {b} years older than {n}. {n} is {a}.",
            ],
            ["How old is {m}?", "What is {m}'s age?", "What age is {m}?", "How old is {m} now?"],
        ],
        [
            [
                "{n} turned {a} and {m} is {b} years ahead.",
                "{m} was born {b} years before {n}, who is {a}.",
                "{b} years lie between {n}, aged {a}, and the older {m}.",
            ],
            ["Find the age of {m}.", "How many years has {m} lived?"],
        ],
    ),
    "younger": (
        [
            [
                "{n} is {a} years old. {m} is {b} years younger[| than {n}].",
                "{n} is {a}. {m} is {b} years younger[| than {n}].",
                "{n} is {a} years old and {m} is {b} years younger.",
                "{m} is {b} years younger than {n}, who is {a}.",
                "{n} is {a} and {b} years older than {m}.",
                "{n} is {a}, {b} years older than {m}.",
            ],
            ["How old is {m}?", "What is {m}'s age?", "What age is {m}?", "How old is {m} now?"],
        ],
        [
            [
                "{n} turned {a} and {m} is {b} years behind.",
                "{m} was born {b} years after {n}, who is {a}.",
                "{b} years lie between {n}, aged {a}, and the younger {m}.",
            ],
            ["Find the age of {m}.", "How many years has {m} lived?"],
        ],
    ),
    "in_years": (
        [
            [
                "{n} is {a} years old[| now| today].",
                "{n} is {a}[| now| today].",
                "{n} turned {a} today.",
                "Now {n} is {a}.",
                "{n}'s age is {a}.",
            ],
            [
                "How old will {he} be in {b} years?",
                "How old will {n} be in {b} years?",
                "How old is {n} in {b} years?",
                "What age will {he} be in {b} years?",
                "How old will {he} be {b} years from now?",
            ],
        ],
        [
            ["Today {n} celebrates being {a}.", "{n} has lived {a} years."],
            [
                "What will the age be after {b} more years?",
                "Find the age {b} years later.",
                "{b} years later, how old is {n}?",
            ],
        ],
    ),
    "older_in_years": (
        [
            [
                "{n} is {a} years old. {m} is {b} years older[| than {n}].",
                "{n} is {a}. {m} is {b} years older[| than {n}].",
                "{n} is {a} years old and {m} is {b} years older.",
            ],
            [
                "How old will {m} be in {c} years?",
                "How old is {m} in {c} years?",
                "What age will {m} be in {c} years?",
                "How old will {m} be {c} years from now?",
            ],
        ],
        [
            ["{n} turned {a} and {m} is {b} years ahead.", "{m} was born {b} years before {n}, who is {a}."],
            [
                "What will the age of {m} be after {c} more years?",
                "Find the age of {m} {c} years later.",
                "{c} years later, how old is {m}?",
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
                "The price of a {goods} is ${b}. There is a discount of {a}%.",
                "A {goods} costs {b} dollars with a {a}% discount.",
                "A ${b} {goods} is on sale at {a}% off.",
                "{n} gets {a}% off a ${b} {goods}.",
            ],
            [
                "What is the [new |sale |]price?",
                "How much is it now?",
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
                "{n} and {m} share {c} {t} in the ratio {a}:{b}.",
            ],
            ["How many {t} are there?", "How many are {t}?", "How many is the first part?", "What is the first part?"],
        ],
        [
            ["{c} {t} and {u} stand {a} to {b}.", "{t} and {u} are mixed {a}:{b} and make {c}."],
            ["What number of {t} is it?", "Find the number of {t}.", "How many of them are {t}?"],
        ],
    ),
}

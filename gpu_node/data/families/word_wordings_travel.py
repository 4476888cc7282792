"""Wordings of word problems: travel, work, reading and ages. How to read them: word_problem_wordings.py."""

from gpu_node.data.families.word_sentences import Parts

WORDINGS: dict[str, tuple[Parts, Parts]] = {
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
                "What distance is that?",
                "[Work out|Calculate] how far that is.",
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
                "[Work out|Calculate] the [average |]speed.",
                "What speed is that?",
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
                "[Work out|Calculate] how many hours that takes.",
                "How many hours are needed?",
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
                "[Work out|Calculate] how many that is in {b} {unit}s.",
                "How many are there after {b} {unit}s?",
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
                "{n} is {a}, and {m} is older by {b} years.",
                "{n} is {b} years younger than {m} and is {a} years old.",
                "{n} is now {a}; {his} friend {m} is {b} years older.",
                "{m} is {b} years older than {n}, who is {a}.",
                "{m} is {b} years older than {n}. {n} is {a}.",
            ],
            [
                "How old is {m}?",
                "What is {m}'s age?",
                "What age is {m}?",
                "How old is {m} now?",
                "[Work out|Tell me] how old {m} is.",
                "So how old is {m}?",
                "How many years old is {m}?",
            ],
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
                "{n} is {a}, and {m} is younger by {b} years.",
                "{n} is {b} years older than {m} and is {a} years old.",
                "{n} is now {a}; {his} friend {m} is {b} years younger.",
                "{m} is {b} years younger than {n}, who is {a}.",
                "{n} is {a} and {b} years older than {m}.",
                "{n} is {a}, {b} years older than {m}.",
            ],
            [
                "How old is {m}?",
                "What is {m}'s age?",
                "What age is {m}?",
                "How old is {m} now?",
                "[Work out|Tell me] how old {m} is.",
                "So how old is {m}?",
                "How many years old is {m}?",
            ],
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
                "[Work out|Tell me] how old {he} will be in {b} years.",
                "In {b} years, how old will {he} be?",
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
                "{n} is {a}, and {m} is older by {b} years.",
                "{n} is {b} years younger than {m} and is {a} years old.",
                "{n} is now {a}; {his} friend {m} is {b} years older.",
            ],
            [
                "How old will {m} be in {c} years?",
                "How old is {m} in {c} years?",
                "What age will {m} be in {c} years?",
                "How old will {m} be {c} years from now?",
                "[Work out|Tell me] how old {m} will be in {c} years.",
                "In {c} years, how old will {m} be?",
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
}

"""Sentences that several kinds of word problem share; slots as in word_problem_wordings.py."""

Parts = list[list[str]]

HAS = ["{n} has {a} {t}.", "{n} had {a} {t}.", "{n} owns {a} {t}.", "There are {a} {t} in {n}'s {box}.",
        "{n} starts with {a} {t}.", "{n} collected {a} {t}."]  # fmt: skip
HAS_UNSEEN = ["At first {n} has {a} {t}.", "{n} keeps {a} {t} in a {box}.", "In the morning {n} had {a} {t}."]
NOW = ["How many {t} does {n} have now?", "How many {t} does {he} have now?", "How many {t} are there now?",
        "How many {t} does {n} have [in total|in all|altogether]?", "How many does {n} have now?"]  # fmt: skip
LEFT = ["How many {t} are left?", "How many {t} does {n} have left?", "How many {t} does {he} have now?",
         "How many {t} remain?", "How many are left?", "How many {t} does {he} still have?"]  # fmt: skip
NOW_UNSEEN = ["What number of {t} does {n} have in the end?", "Find how many {t} {n} has at the end."]
LEFT_UNSEEN = ["What number of {t} remains with {n}?", "Find how many {t} {n} still has."]
GETS = ["{m} gives {n} {b} more.", "{m} gives {him} {b} more.", "{n} buys {b} more.", "{n} gets {b} more {t}.",
         "{he} finds {b} more.", "Then {n} buys {b} more {t}.", "{he} gets {b} more from {m}.",
         "{m} gave {n} {b} {t}.", "Then {he} won {b} more."]  # fmt: skip
GETS_UNSEEN = ["{n} receives another {b} from {m}.", "Later {he} picks up {b} further {t}.", "{b} more come from {m}."]
GIVES = ["{n} gives {b} to {m}.", "{he} gives {b} [of them |]to {m}.", "{n} loses {b} [of them|{t}].",
         "{he} sells {b}.",
          "{n} eats {b} of them.", "{he} gave away {b} {t}.", "{m} takes {b} [of them|away].", "{n} uses {b} of them.",
          "Then {n} sold {b} {t}.", "{b} [of them |]break.", "{n} gave {m} {b} {t}."]  # fmt: skip
GIVES_UNSEEN = ["{n} hands {b} over to {m}.", "Then {b} of the {t} get lost.", "{n} parts with {b} {t}."]
TOTAL = ["How many {t} do they have [together|in all|altogether|in total]?",
          "How many {t} do {n} and {m} have [together|in all|altogether]?", "How many is that in total?",
          "What is the total number of {t}?"]  # fmt: skip
TOTAL_UNSEEN = ["What number of {t} do the two have jointly?", "Find the number of {t} that both own."]
COST = ["How much does {n} pay?", "How much does {he} spend?", "How much does that cost?", "What is the total cost?",
         "How much is that [in total|altogether]?", "How many dollars does {n} spend?"]  # fmt: skip
COST_UNSEEN = ["What does {n} have to pay?", "Find the bill of {n}."]

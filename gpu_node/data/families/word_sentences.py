"""Sentences that several kinds of word problem share; slots as in word_problem_wordings.py."""

Parts = list[list[str]]

HAS = ["{n} has {a} {t}.", "{n} had {a} {t}.", "{n} owns {a} {t}.", "There are {a} {t} in {n}'s {box}.",
        "{n} starts with {a} {t}.", "{n} collected {a} {t}.", "{n} has got {a} {t}.", "{n} bought {a} {t}.",
        "{n} found {a} {t}.", "{n} holds {a} {t}.", "{n} made {a} {t}.", "{n} picked {a} {t} on {day}.",
        "{n} was given {a} {t}.", "Yesterday {n} had {a} {t}.", "There were {a} {t} in {n}'s {box}.",
        "{n} collects {t} and has {a} of them.", "{n} used to have {a} {t}."]  # fmt: skip
HAS_UNSEEN = ["At first {n} has {a} {t}.", "{n} keeps {a} {t} in a {box}.", "In the morning {n} had {a} {t}."]
NOW = ["How many {t} does {n} have now?", "How many {t} does {he} have now?", "How many {t} are there now?",
        "How many {t} does {n} have [in total|in all|altogether]?", "How many does {n} have now?",
        "How many {t} has {n} got [now|altogether]?", "So how many {t} does {n} have now?",
        "[Work out|Tell me] how many {t} {n} has now.", "How many are there now?"]  # fmt: skip
LEFT = ["How many {t} are left?", "How many {t} does {n} have left?", "How many {t} does {he} have now?",
         "How many {t} remain?", "How many are left?", "How many {t} does {he} still have?",
         "How many {t} has {n} got left?", "How many {t} are there now?", "How many are still there?",
         "How many {t} does that leave?", "[Work out|Tell me] how many {t} are left.",
        "So how many remain?"]  # fmt: skip
NOW_UNSEEN = ["What number of {t} does {n} have in the end?", "Find how many {t} {n} has at the end."]
LEFT_UNSEEN = ["What number of {t} remains with {n}?", "Find how many {t} {n} still has."]
GETS = ["{m} gives {n} {b} more.", "{m} gives {him} {b} more.", "{n} buys {b} more.", "{n} gets {b} more {t}.",
         "{he} finds {b} more.", "Then {n} buys {b} more {t}.", "{he} gets {b} more from {m}.",
         "{m} gave {n} {b} {t}.", "Then {he} won {b} more.", "{he} is given {b} more by {m}.",
         "{his} friend {m} gives {him} {b} more {t}.", "After that {n} makes {b} more.",
        "The next day {he} buys {b} more.",
         "{he} then picks {b} more.", "{b} more [{t} |]are given to {him}.", "{n} adds {b} more {t}.",
         "{m} brings {him} {b} more {t}.", "{b} new {t} are added."]  # fmt: skip
GETS_UNSEEN = ["{n} receives another {b} from {m}.", "Later {he} picks up {b} further {t}.", "{b} more come from {m}."]
GIVES = ["{n} gives {b} to {m}.", "{he} gives {b} [of them |]to {m}.", "{n} loses {b} [of them|{t}].",
         "{he} sells {b}.",
          "{n} eats {b} of them.", "{he} gave away {b} {t}.", "{m} takes {b} [of them|away].", "{n} uses {b} of them.",
          "Then {n} sold {b} {t}.", "{b} [of them |]break.", "{n} gave {m} {b} {t}.",
          "{b} [{t} |]are taken away by {m}.", "{b} of them are sold.", "{he} throws {b} [of them |]away.",
          "After that {he} gives {b} [of these |]to {m}.", "The next day {b} [of them |]go missing.",
          "{m} borrows {b} of them.", "{b} of these were stolen.", "{he} lends {m} {b} {t}.",
          "{n} used up {b} of the {t}."]  # fmt: skip
GIVES_UNSEEN = ["{n} hands {b} over to {m}.", "Then {b} of the {t} get lost.", "{n} parts with {b} {t}."]
TOTAL = ["How many {t} do they have [together|in all|altogether|in total]?",
          "How many {t} do {n} and {m} have [together|in all|altogether]?", "How many is that in total?",
          "What is the total number of {t}?", "How many {t} have they got [between them|together]?",
        "What is their total?",
          "[Work out|Calculate] how many {t} there are altogether.", "How many {t} is that for both?",
          "How many {t} are there if both are counted?"]  # fmt: skip
TOTAL_UNSEEN = ["What number of {t} do the two have jointly?", "Find the number of {t} that both own."]
COST = ["How much does {n} pay?", "How much does {he} spend?", "How much does that cost?", "What is the total cost?",
         "How much is that [in total|altogether]?", "How many dollars does {n} spend?",
         "How much money does {n} need?", "How much did {n} spend [in total|altogether]?", "What is the total?",
         "[Work out|Calculate] the total cost.", "How many dollars is that?", "What does it all cost?"]  # fmt: skip
COST_UNSEEN = ["What does {n} have to pay?", "Find the bill of {n}."]

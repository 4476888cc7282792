"""Percentages: a part of a number, a change by a percentage, a price with a discount."""

from gpu_node.data.families.python_problem import python_problem
from gpu_node.data.families.registry import family
from gpu_node.data.problem import Call, Phrasings, Problem, ProblemRandom, Split

PERCENT = Phrasings(
    train=[
        "What is {p}% of {n}?",
        "Calculate {p}% of {n}.",
        "How much is {p} percent of {n}?",
        "Find {p}% of {n}",
        "{p}% of {n}",
        "{p} percent of {n}?",
        "Compute {p} percent of {n}.",
        "Take {p}% of {n}.",
        "What's {p}% of {n}",
        "Give me {p}% of {n}.",
        "Work out {p} percent of {n}.",
        "What number is {p}% of {n}?",
        "I need {p}% of {n}.",
        "How much is {p}% of {n}?",
        "If I take {p}% of {n}, what do I get?",
        "Can you find {p} percent of {n}?",
        "{p} % of {n} = ?",
        "A tip of {p}% on {n} dollars is how much?",
        "There are {n} people and {p}% leave. How many people leave?",
        "How many is {p}% of {n}?",
        "A sum of {n} euros, {p}% of it is how much?",
    ],
    held_out=[
        "Tell me {p}% of {n}.",
        "Could you work out what {p}% of {n} is?",
        "Out of {n} students, {p}% passed. How many passed?",
        "What amount is {p} percent of {n}?",
        "Please give {p} percent of the number {n}",
    ],
)


@family("percent")
def percent(rng: ProblemRandom, phrasings: Split) -> Problem:
    part, whole = rng.choice((5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 80, rng.randint(1, 99))), rng.randint(2, 60) * 20
    if rng.random() < 0.3:
        whole = rng.randint(11, 999)
    question, phrasing_id = PERCENT.ask(rng, phrasings, p=part, n=whole)
    return Problem(
        family="percent",
        question=question,
        thought="A percentage of a number.",
        calls=(Call("execute_python", {"code": f"print(f'{{{part} * {whole} / 100:g}}')"}),),
        conclusion="That is the part.",
        answer=f"{part * whole / 100:g}",
        answer_kind="number",
        phrasing_id=phrasing_id,
    )


PERCENT_CHANGE = Phrasings(
    train=[
        "What is {n} {change} by {p}%?",
        "{n} {change} by {p}% is how much?",
        "A price of {n} is {change} by {p}%. What is the new price?",
        "A {thing} costs {n} dollars and is {change} by {p}%. What does it cost now?",
        "The {thing} cost {n} euros. The price was {change} by {p}%. What is the new price?",
        "Find the result when {n} is {change} by {p} percent.",
        "If {n} is {change} by {p}%, what do you get?",
        "Calculate {n} {change} by {p}%.",
        "{n} is {change} by {p} percent. What is it now?",
        "How much is {n} when it is {change} by {p}%?",
        "A salary of {n} is {change} by {p}%. How much is it now?",
        "A {thing} at {n} dollars, {change} by {p}%, costs how much?",
        "Take {n}, {change} by {p}%. What is the result?",
        "The rent was {n} and is {change} by {p}%. What is the rent now?",
        "What do you get when {n} gets {change} by {p}%?",
        "A number, {n}, was {change} by {p} percent. What is it now?",
        "My {thing} was worth {n}. Its value was {change} by {p}%. What is it worth now?",
        "Work out {n} {change} by {p} percent.",
        "The population was {n} and was {change} by {p}%. What is it now?",
        "Compute {n} {change} by {p}%",
    ],
    held_out=[
        "Tell me what {n} becomes when {change} by {p}%.",
        "The ticket price of {n} dollars was {change} by {p}%. How much is a ticket now?",
        "After {n} was {change} by {p} percent, how much is it?",
        "Please give {n} {change} by {p}%",
        "{n}, {change} by {p}%, makes what?",
    ],
)
_THINGS = ("shirt", "bike", "phone", "book", "lamp", "coat", "chair", "camera", "guitar", "bag", "watch", "table")


@family("percent_change", weight=0.6)
def percent_change(rng: ProblemRandom, phrasings: Split) -> Problem:
    part, whole = rng.choice((5, 10, 15, 20, 25, 30, 40, 50, rng.randint(1, 90))), rng.randint(2, 60) * 20
    is_up = rng.random() < 0.5
    change = rng.choice(("increased", "raised") if is_up else ("decreased", "reduced", "lowered"))
    question, phrasing_id = PERCENT_CHANGE.ask(
        rng, phrasings, p=part, n=whole, change=change, thing=rng.choice(_THINGS)
    )
    sign = "+" if is_up else "-"
    rate = 100 + part if is_up else 100 - part
    return Problem(
        family="percent_change",
        question=question,
        thought="Up by a percentage." if is_up else "Down by a percentage.",
        calls=(Call("execute_python", {"code": f"print(f'{{{whole} * (100 {sign} {part}) / 100:g}}')"}),),
        conclusion="That is the new value.",
        answer=f"{whole * rate / 100:g}",
        answer_kind="number",
        phrasing_id=phrasing_id,
    )


DISCOUNT = Phrasings(
    train=[
        "A {thing} costs {n} dollars and is {p}% off. What do I pay?",
        "A {thing} costs {n} dollars with {p}% off. How much is it?",
        "The {thing} is {n} euros and there is a {p}% discount. What does it cost now?",
        "What is {n} with {p}% off?",
        "{n} dollars, {p}% off. What is the price?",
        "How much do I pay for a {thing} of {n} dollars with a discount of {p}%?",
        "A shop takes {p}% off a {thing} of {n} dollars. What is the sale price?",
        "There is {p} percent off a {thing} that costs {n}. What is the new price?",
        "I get a discount of {p}% on a {thing} for {n} euros. What do I pay?",
        "Find the sale price of a {thing} at {n} dollars with {p}% off.",
        "A {thing} for {n} dollars is on sale at {p}% off. How much is it now?",
        "The normal price is {n}, the discount {p}%. What is the price to pay?",
        "What does a {n} dollar {thing} cost after {p}% off?",
        "Take {p}% off {n}.",
        "A {thing} of {n} pounds is sold with a {p} percent discount. What is the price?",
        "If a {thing} at {n} dollars is discounted by {p}%, what does it cost?",
        "Price {n}, discount {p}%. How much is left to pay?",
        "With {p}% off, how much is a {thing} of {n} dollars?",
        "My {thing} was {n} dollars, but I had a {p}% coupon. How much did I pay?",
        "Calculate the price of a {n} dollar {thing} with {p}% off.",
        "What is the price of a {thing} of {n} dollars after a {p}% discount?",
        "What is the final price of a {n} dollar {thing} at {p}% off?",
        "What will I pay for a {thing} of {n} dollars if it is {p}% off?",
        "How much does a {thing} of {n} dollars cost with {p}% off?",
        "How much is {n} dollars after a discount of {p}%?",
        "How much is {n} minus {p}%?",
        "Subtract {p}% from {n}.",
        "Take {n} dollars and subtract {p}%.",
        "Compute the price after {p}% off {n} dollars.",
        "Apply a {p}% discount to {n}.",
        "Apply {p}% off to a price of {n} dollars.",
        "{n} minus {p}%?",
        "{n} dollars minus {p} percent is what?",
        "{n} with a discount of {p}% is how much?",
        "{p}% off {n}?",
        "{p}% off a {n} dollar {thing} is how much?",
        "{thing}: {n} dollars, {p}% off. Price?",
        "If something costs {n} dollars and is {p}% off, what is the price?",
        "If the price is {n} and the discount is {p}%, what do I pay?",
        "If I have a {p}% coupon for a {thing} of {n} dollars, what do I pay?",
        "I buy a {thing} for {n} dollars with {p}% off. How much do I spend?",
        "I bought a {n} dollar {thing} at a {p}% discount. What did I pay?",
        "In a sale, a {thing} of {n} dollars is {p}% cheaper. What is the price?",
        "In the sale everything is {p}% off. What does a {thing} of {n} dollars cost?",
        "A store sells a {n} euro {thing} at {p}% off. How much does it cost?",
        "A {thing} was {n} dollars. It is now {p}% cheaper. What does it cost?",
        "The old price of a {thing} is {n} dollars. It is cut by {p}%. Find the new price.",
        "The {thing} costs {n} dollars, and members get {p}% off. What do members pay?",
        "After a discount of {p}%, what is the price of a {thing} of {n} dollars?",
        "For a {thing} of {n} euros I get {p} percent off. What is the price now?",
    ],
    held_out=[
        "A {thing} normally costs {n} dollars. Today it is {p}% off. How much is it today?",
        "How much is a {n} euro {thing} if I get {p}% off?",
        "Tell me the price of a {thing} of {n} dollars less {p}%.",
        "{p}% discount on {n} dollars: what remains to be paid?",
        "The {thing} is marked {n} dollars and reduced by {p} percent at the till. What is paid?",
    ],
)


@family("discount", weight=0.6)
def discount(rng: ProblemRandom, phrasings: Split) -> Problem:
    part, whole = rng.choice((5, 10, 15, 20, 25, 30, 40, 50, 60, 75)), rng.randint(2, 60) * rng.choice((5, 10, 20))
    return python_problem(
        "discount",
        DISCOUNT.ask(rng, phrasings, p=part, n=whole, thing=rng.choice(_THINGS)),
        thought="Down by a percentage.",
        code=f"print(f'{{{whole} * (100 - {part}) / 100:g}}')",
        conclusion="That is the price.",
        answer=f"{whole * (100 - part) / 100:g}",
    )

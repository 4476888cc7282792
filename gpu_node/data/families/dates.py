"""Dates and clock times: days between dates, weekdays, dates and times some while later, leap years.

Years, days and clock times are copied as they stand; only a month's name becomes a number. Answers are ISO dates,
weekday names, numbers and 24-hour times.
"""

import calendar
import random
from datetime import date, timedelta

from gpu_node.data.families import vocabulary
from gpu_node.data.families.registry import family
from gpu_node.data.families.templates import alternatives
from gpu_node.data.problem import Call, Phrasings, Problem, Split

MONTHS = calendar.month_name[1:]
WEEKDAYS = list(calendar.day_name)

BETWEEN = Phrasings(
    train=alternatives(
        [
            "How many days are [there |]between {a} and {b}?",
            "How many days [is it |are there |]from {a} to {b}?",
            "[What is|Find|Calculate|Compute] the number of days [between {a} and {b}|from {a} to {b}].",
            "How many days [pass|go by|lie] between {a} and {b}?",
            "Days between {a} and {b}?",
            "Days from {a} [to|until] {b}?",
            "How long is it from {a} to {b} in days?",
            "It is {a}. How many days until {b}?",
            "Today is {a}. How many days [until|to|are left until] {b}?",
            "How many days after {a} is {b}?",
            "[Count|Give me] the days [between {a} and {b}|from {a} to {b}].",
            "A trip starts on {a} and ends on {b}. How many days [is that|does it take]?",
        ]
    ),
    held_out=[
        "What is the difference in days between {a} and {b}?",
        "By how many days do {a} and {b} differ?",
        "Starting on {a}, after how many days is it {b}?",
        "Someone waits from {a} till {b}. For how many days?",
        "Tell me how many days separate {a} and {b}.",
    ],
)
WEEKDAY = Phrasings(
    train=alternatives(
        [
            "What day of the week [was|is|will be] {a}?",
            "What day [was|is] {a}?",
            "[What|Which] weekday [was|is|falls on] {a}?",
            "On [what|which] day of the week [does|did] {a} fall?",
            "On which weekday [was|is] {a}?",
            "What day of the week does {a} fall on?",
            "Which day of the week [was|is] {a}?",
            "{a} [was|is|falls on] which day of the week?",
            "[Find|Give me|Tell me] the [weekday|day of the week] of {a}.",
            "{n} was born on {a}. What day of the week was that?",
            "Weekday of {a}?",
        ]
    ),
    held_out=[
        "Name the weekday of {a}.",
        "Was {a} a Monday, a Tuesday or which day?",
        "A party took place on {a}. Which weekday was it?",
        "What is the name of the day on {a}?",
        "I need the day of the week for {a}.",
    ],
)
LATER = Phrasings(
    train=alternatives(
        [
            "What [date|day] is {k} days after {a}?",
            "What is the date {k} days after {a}?",
            "What date is it {k} days after {a}?",
            "[Add|Please add] {k} days to {a}.",
            "What date comes {k} days after {a}?",
            "Which date is {k} days [after|from] {a}?",
            "[Today is|It is] {a}. What [is the date|date is it|date will it be] in {k} days?",
            "If today is {a}, what is the date in {k} days?",
            "{k} days after {a} is what date?",
            "A trip of {k} days starts on {a}. When does it end?",
            "[Find|Give me] the date {k} days after {a}.",
            "{a} plus {k} days?",
            "Take {a} and add {k} days. What date [is it|do you get]?",
            "Start [at|from|on] {a} and go [forward {k} days|{k} days into the future]. What date is it?",
            "Start with {a}. Add {k} days.",
            "If you add {k} days to {a}, [what date do you get|what is the date]?",
            "If I start on {a} and wait {k} days, what date is it?",
            "If {a} is day 0, what date is day {k}?",
            "I leave on {a} and come back {k} days later. What date do I come back?",
            "A package is sent on {a} and takes {k} days. On what date does it arrive?",
            "{n} starts a job on {a} that takes {k} days. On which date is it finished?",
            "A baby is born on {a}. On what date is it {k} days old?",
            "An offer from {a} is valid for {k} days. When does it end?",
            "The bill is from {a} and must be paid in {k} days. What is the last date?",
            "What will the date be {k} days after {a}?",
            "What is {a} plus {k} days?",
            "What is the date in {k} days, if it is {a} now?",
            "What date do you get {k} days after {a}?",
            "Which day comes {k} days after {a}?",
            "On what date are we {k} days after {a}?",
            "In {k} days, counted from {a}, what is the date?",
            "Go {k} days forward from {a}.",
            "Move {a} forward by {k} days.",
            "Compute {a} plus {k} days.",
            "Calculate the date {k} days from {a}.",
            "{a} + {k} days",
            "{a} + {k} days = ?",
            "{a}, {k} days later?",
            "{k} days later than {a}?",
            "{k} days from {a} is which date?",
            "Date {k} days after {a}?",
            "It is {a} now. In {k} days it is what date?",
            "We have {a} today. What date comes {k} days later?",
        ]
    ),
    held_out=[
        "Counting {k} days on from {a}, which date is reached?",
        "When {k} days have passed since {a}, what date is it?",
        "Something is due {k} days from {a}. On what date?",
        "Tell me the date that lies {k} days past {a}.",
        "{a} and {k} more days, which date is that?",
    ],
)
EARLIER = Phrasings(
    train=alternatives(
        [
            "What [date|day] [is|was] {k} days before {a}?",
            "What [is|was] the date {k} days before {a}?",
            "[Subtract|Take] {k} days from {a}.",
            "What date do you get {k} days before {a}?",
            "What date comes {k} days before {a}?",
            "Which date [is|was] {k} days before {a}?",
            "[Today is|It is] {a}. What was the date {k} days ago?",
            "If today is {a}, what was the date {k} days ago?",
            "{k} days before {a} is what date?",
            "[Find|Give me] the date {k} days before {a}.",
            "{a} minus {k} days?",
            "What date is {k} days [earlier than|prior to] {a}?",
            "Take {a} and subtract {k} days. What date [is it|do you get]?",
            "Start with {a}. Subtract {k} days.",
            "If you subtract {k} days from {a}, [what date do you get|what is the date]?",
            "{n} came home on {a} after a trip of {k} days. When did the trip start?",
            "A package arrived on {a}, {k} days after it was sent. On what date was it sent?",
            "A job that took {k} days was finished on {a}. On which date did it start?",
            "A puppy is {k} days old on {a}. On what date was it born?",
            "What is {a} minus {k} days?",
            "What was the date {k} days ago, if it is {a} now?",
            "Which day came {k} days before {a}?",
            "On what date were we {k} days before {a}?",
            "Move {a} back by {k} days.",
            "Compute {a} minus {k} days.",
            "Calculate the date {k} days before {a}.",
            "{a} - {k} days",
            "{a} - {k} days = ?",
            "{a}, {k} days earlier?",
            "{k} days earlier than {a}?",
            "{k} days prior to {a} is which date?",
            "Date {k} days before {a}?",
            "It is {a} now. {k} days ago it was what date?",
            "We have {a} today. What date was it {k} days earlier?",
        ]
    ),
    held_out=[
        "Counting {k} days back from {a}, which date is reached?",
        "Something began {k} days ahead of {a}. On what date?",
        "Tell me the date that lies {k} days in front of {a}.",
        "Going {k} days back from {a}, what is the date?",
        "{a} less {k} days, which date is that?",
    ],
)
WEEKDAY_LATER = Phrasings(
    train=alternatives(
        [
            "[Today is|It is] {w}. [What day is it|What day will it be|What day of the week is it] in {k} days?",
            "If today is {w}, [what day is it|what day will it be|what day of the week is it] in {k} days?",
            "What day [is it|comes|of the week is] {k} days after {w}?",
            "If today is {w}, what day of the week will it be {k} days from now?",
            "{k} days after {w} is which day?",
            "What [weekday|day] is {k} days from {w}?",
            "What day of the week [is|comes] {k} days after a {w}?",
            "Which day of the week is {k} days after {w}?",
            "Today is {w}. Which day [is|comes] {k} days later?",
        ]
    ),
    held_out=[
        "Suppose it is {w}. Which weekday comes after {k} days?",
        "Counting {k} days on from {w}, which weekday is reached?",
        "When {k} days have passed since {w}, what day is it?",
        "We have {w} today; name the day {k} days on.",
        "It's {w} now. {k} days from today will be a what?",
    ],
)
LEAP = Phrasings(
    train=alternatives(
        [
            "[Is|Was|Will] {y} [a leap year|be a leap year]?",
            "Is the year {y} a leap year?",
            "[Check|Decide|Determine|Find out|Tell me] [whether|if] {y} is a leap year.",
            "Does {y} have 366 days?",
            "Leap year or not: {y}?",
            "{y}: [is it a leap year|leap year]?",
            "Did {y} have a February 29?",
            "Does the year {y} have a leap day?",
            "Is there a February 29 in {y}?",
        ]
    ),
    held_out=[
        "Does February have 29 days in {y}?",
        "Can {y} be called a leap year?",
        "I wonder if {y} is a leap year.",
        "Is {y} one of the leap years?",
        "Has the year {y} one day more than usual?",
    ],
)
MONTH_DAYS = Phrasings(
    train=alternatives(
        [
            "How many days [are there in|are in|has|were in] {m} {y}?",
            "How many days [does|did] {m} {y} have?",
            "[What is|Find|Give me] the number of days in {m} {y}.",
            "How long is {m} {y} in days?",
            "Number of days in {m} {y}?",
            "{m} {y} has how many days?",
            "In {m} {y}, how many days are there?",
            "Days in {m} {y}?",
            "How many days [did|will] {m} of {y} have?",
            "How many days are there in {m} of {y}?",
            "How many days are in the month of {m} {y}?",
            "Count the days of {m} {y}.",
            "[Tell me|Say] how many days {m} {y} has.",
        ]
    ),
    held_out=[
        "Of how many days does {m} {y} consist?",
        "What is the last day number of {m} {y}?",
        "{m} {y} lasts how many days?",
        "For how many days does {m} {y} go on?",
        "What length in days has {m} {y}?",
    ],
)
MINUTES = Phrasings(
    train=alternatives(
        [
            "How many minutes [are there |are |]between {a} and {b}?",
            "How many minutes [is it |are there |]from {a} to {b}?",
            "How many minutes pass [between {a} and {b}|from {a} to {b}]?",
            "[What is|Find|Compute|Calculate] the number of minutes [between {a} and {b}|from {a} to {b}].",
            "A [film|class|meeting|game|show] [starts|begins] at {a} and ends at {b}. How many minutes is that?",
            "A [film|class|meeting|trip] starts at {a} and ends at {b}. How many minutes does it [last|take]?",
            "A [film|class|meeting|game|show] goes from {a} to {b}. How long is it in minutes?",
            "Minutes between {a} and {b}?",
            "It is {a}. How many minutes until {b}?",
            "{n} sleeps from {a} to {b}. How many minutes is that?",
            "How long is it from {a} to {b} in minutes?",
            "{n} works from {a} until {b}. How many minutes?",
            "A train leaves at {a} and arrives at {b}. How many minutes does it take?",
            "Start at {a}, stop at {b}. How many minutes [is that|are that]?",
            "If a [film|class|meeting|trip] starts at {a} and ends at {b}, how many minutes does it take?",
            "If it is {a} now, how many minutes is it until {b}?",
            "From {a} to {b}, how many minutes [is it|pass]?",
            "From {a} until {b}: how many minutes?",
            "Between {a} and {b}, how many minutes are there?",
            "{a} to {b}, how many minutes?",
            "{a} to {b} in minutes",
            "{a} - {b}: minutes?",
            "The clock shows {a}. How many minutes [until|to] {b}?",
            "The bus leaves at {a} and gets there at {b}. How many minutes is the ride?",
            "{n} leaves home at {a} and is at work at {b}. How many minutes is the way?",
            "{n} reads from {a} to {b}. How many minutes does {n} read?",
            "{n} goes to bed at {a} and gets up at {b}. How many minutes is that?",
            "The shop is open from {a} to {b}. How many minutes is it open?",
            "I started at {a} and finished at {b}. How many minutes did I need?",
            "[Count|Give me|Work out] the minutes [between {a} and {b}|from {a} to {b}].",
            "How many minutes later than {a} is {b}?",
            "How many minutes after {a} is {b}?",
            "How many minutes are left until {b} if it is {a}?",
            "How much time is it from {a} to {b}, in minutes?",
            "What is the time from {a} to {b} in minutes?",
            "In minutes, how long is it from {a} to {b}?",
        ]
    ),
    held_out=[
        "By how many minutes does {b} come after {a}?",
        "Someone waits from {a} till {b}. For how many minutes?",
        "A lesson opens at {a} and is over at {b}. Give its length in minutes.",
        "Tell me how many minutes lie between {a} and {b}.",
        "What is the difference between {a} and {b} in minutes?",
    ],
)
CLOCK_LATER = Phrasings(
    train=alternatives(
        [
            "What time is it {k} minutes after {a}?",
            "What time is {k} minutes [after|past|from] {a}?",
            "It is {a}. What time [is it|will it be] in {k} minutes?",
            "A [film|class|meeting|game|show] [starts|begins] at {a} and [lasts|takes] {k} minutes. When does it end?",
            "A [film|class|meeting|game] of {k} minutes starts at {a}. What time does it end?",
            "[Add|Please add] {k} minutes to {a}.",
            "{k} minutes after {a} is what time?",
            "A train leaves at {a} and takes {k} minutes. When does it arrive?",
            "If it is {a} now, what time is it in {k} minutes?",
            "{n} starts at {a} and works {k} minutes. When is {n} done?",
            "{a} plus {k} minutes?",
            "Take {a} and add {k} minutes. What time is it?",
            "Start at {a} and wait {k} minutes. What time is it?",
            "If a [film|class|meeting|trip] starts at {a} and takes {k} minutes, when does it end?",
            "If I leave at {a} and drive {k} minutes, when do I arrive?",
            "If you add {k} minutes to {a}, what time do you get?",
            "In {k} minutes from {a}, what time is it?",
            "{a} + {k} minutes",
            "{a} + {k} min = ?",
            "{a}, {k} minutes later?",
            "{k} minutes later than {a} is what time?",
            "{k} minutes from {a} is what time?",
            "{k} minutes past {a}?",
            "Go {k} minutes forward from {a}.",
            "Move {a} forward by {k} minutes.",
            "The bus leaves at {a} and the ride is {k} minutes. When does it arrive?",
            "{n} leaves at {a} and walks {k} minutes. When does {n} arrive?",
            "{n} falls asleep at {a} and sleeps {k} minutes. When does {n} wake up?",
            "{n} sets a timer of {k} minutes at {a}. When does it ring?",
            "I start at {a} and need {k} minutes. When am I finished?",
            "It is {a} now and the train comes in {k} minutes. At what time does it come?",
            "[Find|Compute|Give me] the time {k} minutes after {a}.",
            "What will the time be {k} minutes after {a}?",
            "What is {a} plus {k} minutes?",
            "At what time are {k} minutes over if you start at {a}?",
            "Which time is {k} minutes after {a}?",
        ]
    ),
    held_out=[
        "Counting {k} minutes on from {a}, what does the clock show?",
        "A lesson opens at {a} and goes on for {k} minutes. At what time is it over?",
        "When {k} minutes have passed since {a}, what time is it?",
        "The clock shows {a}. What will it show {k} minutes later?",
        "A cake goes in the oven at {a} for {k} minutes. When is it ready?",
    ],
)


def _date_draw(rng: random.Random) -> date:
    low, high = rng.choice(((1900, 2030), (2000, 2030), (2015, 2030)))
    return date(rng.randint(low, high), 1, 1) + timedelta(days=rng.randint(0, 364))


def _date_spell(rng: random.Random, day: date) -> str:
    month = MONTHS[day.month - 1]
    style = rng.random()
    if style < 0.45:
        return f"{month} {day.day}, {day.year}"
    if style < 0.7:
        return f"{day.day} {month} {day.year}"
    if style < 0.9:
        return day.isoformat()
    return f"{month} {day.day} {day.year}"


def _date_code(day: date) -> str:
    return f"date({day.year}, {day.month}, {day.day})"


def _problem(
    name: str, asked: tuple[str, str], thought: str, code: str, answer: str, kind: str, result: str | None = None
) -> Problem:
    return Problem(
        family=name,
        question=asked[0],
        thought=thought,
        calls=(Call("execute_python", {"code": code}),),
        conclusion="That is the answer.",
        answer=answer,
        answer_kind=kind,  # type: ignore[arg-type]
        phrasing_id=asked[1],
        result=result,
    )


@family("days_between", weight=1.2)
def days_between(rng: random.Random, phrasings: Split) -> Problem:
    first = _date_draw(rng)
    second = first + timedelta(days=rng.randint(1, rng.choice((40, 300, 1500))))
    spelled = _date_spell(rng, first)
    if first.year == second.year and rng.random() < 0.4:  # the year only once, after the second date
        month_first = rng.random() < 0.6
        spelled = f"{MONTHS[first.month - 1]} {first.day}" if month_first else f"{first.day} {MONTHS[first.month - 1]}"
    asked = BETWEEN.ask(rng, phrasings, a=spelled, b=_date_spell(rng, second))
    code = f"from datetime import date; print(abs({_date_code(first)} - {_date_code(second)}).days)"
    return _problem("days_between", asked, "Subtract the dates.", code, str((second - first).days), "number")


@family("weekday", weight=1.2)
def weekday(rng: random.Random, phrasings: Split) -> Problem:
    day = _date_draw(rng)
    if rng.random() < 0.7:
        asked = WEEKDAY.ask(rng, phrasings, a=_date_spell(rng, day), n=vocabulary.names_draw(rng, 1)[0])
        code = f"from datetime import date; print({_date_code(day)}.strftime('%A'))"
        return _problem("weekday", asked, "Ask the calendar.", code, WEEKDAYS[day.weekday()], "text")
    start, days = rng.randrange(7), rng.randint(2, rng.choice((20, 100, 1000)))
    question, phrasing_id = WEEKDAY_LATER.ask(rng, phrasings, w=WEEKDAYS[start], k=days)
    known = date(2024, 1, 1 + start)  # 2024 began on a Monday
    code = f"from datetime import date, timedelta; print(({_date_code(known)} + timedelta({days})).strftime('%A'))"
    answer = WEEKDAYS[(start + days) % 7]
    return _problem("weekday", (question, f"later-{phrasing_id}"), "Monday is January 1, 2024.", code, answer, "text")


@family("date_shift", weight=1.2)
def date_shift(rng: random.Random, phrasings: Split) -> Problem:
    day, days = _date_draw(rng), rng.randint(2, rng.choice((30, 100, 1000)))
    wording, sign = (LATER, "+") if rng.random() < 0.65 else (EARLIER, "-")
    name = vocabulary.names_draw(rng, 1)[0]
    question, phrasing_id = wording.ask(rng, phrasings, a=_date_spell(rng, day), k=days, n=name)
    code = f"from datetime import date, timedelta; print({_date_code(day)} {sign} timedelta({days}))"
    answer = day + timedelta(days=days if sign == "+" else -days)
    asked = (question, f"{'later' if sign == '+' else 'earlier'}-{phrasing_id}")
    return _problem("date_shift", asked, "Shift the date.", code, answer.isoformat(), "text")


@family("leap_year", weight=0.7)
def leap_year(rng: random.Random, phrasings: Split) -> Problem:
    year = rng.choice((rng.randint(1580, 2400), 4 * rng.randint(450, 540), 100 * rng.randint(16, 24)))
    if year == 1729:  # a number whose questions stay unseen
        year = 1728
    if rng.random() < 0.65:
        asked = LEAP.ask(rng, phrasings, y=year)
        is_leap = calendar.isleap(year)
        code = f"from calendar import isleap; print(isleap({year}))"
        return _problem("leap_year", asked, "Check the year.", code, "yes" if is_leap else "no", "bool", str(is_leap))
    month = rng.choice((2, 2, 2, *range(1, 13)))
    question, phrasing_id = MONTH_DAYS.ask(rng, phrasings, m=MONTHS[month - 1], y=year)
    code = f"from calendar import monthrange; print(monthrange({year}, {month})[1])"
    answer = str(calendar.monthrange(year, month)[1])
    return _problem("leap_year", (question, f"month-{phrasing_id}"), "Ask the calendar.", code, answer, "number")


def _clock(rng: random.Random, minutes: int) -> str:
    hour, minute = divmod(minutes % 1440, 60)
    return f"{hour}:{minute:02d}" if rng.random() < 0.7 else f"{hour:02d}:{minute:02d}"


def _clock_half(minutes: int) -> str:
    hour, minute = divmod(minutes % 1440, 60)
    return f"{(hour + 11) % 12 + 1}:{minute:02d} {'am' if hour < 12 else 'pm'}"


@family("clock_time", weight=1.5)
def clock_time(rng: random.Random, phrasings: Split) -> Problem:
    start, length = rng.randrange(1440), rng.randint(5, rng.choice((60, 200, 600)))
    is_half = rng.random() < 0.35
    name = vocabulary.names_draw(rng, 1)[0]
    if is_half:
        first, second, pattern = _clock_half(start), _clock_half(start + length), "%I:%M %p"
    else:
        first, second, pattern = _clock(rng, start), _clock(rng, start + length), "%H:%M"
    if rng.random() < 0.55:
        question, phrasing_id = MINUTES.ask(rng, phrasings, a=first, b=second, n=name)
        read = f"print((d('{second}', f) - d('{first}', f)).seconds // 60)"
        code = f"from datetime import datetime; d = datetime.strptime; f = '{pattern}'; {read}"
        return _problem("clock_time", (question, phrasing_id), "Subtract the times.", code, str(length), "number")
    question, phrasing_id = CLOCK_LATER.ask(rng, phrasings, a=first, k=length, n=name)
    read = f"print((datetime.strptime('{first}', f) + timedelta(minutes={length})).strftime(f))"
    code = f"from datetime import datetime, timedelta; f = '{pattern}'; {read}"
    hour, minute = divmod((start + length) % 1440, 60)
    answer = f"{hour:02d}:{minute:02d}"
    if is_half:
        answer = f"{(hour + 11) % 12 + 1:02d}:{minute:02d} {'AM' if hour < 12 else 'PM'}"
    return _problem("clock_time", (question, f"later-{phrasing_id}"), "Add the minutes.", code, answer, "text")

"""What a speaker says of others in a puzzle of knights and knaves: wordings, constraint and truth of each claim.

Not here: how the speech is introduced (knights_wordings.py), and which claims make a puzzle (knights.py).
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """What a speaker S says of others T and U: its wordings, the right side of its constraint, and its truth.

    Wordings are third person ("T is a knave") or first person ("we are both knaves"); {she} is the speaker, reported.
    """

    needs: int  # how many others it names
    formula: str
    truth: Callable[[bool, bool, bool], bool]
    train: tuple[str, ...]
    held_out: tuple[str, ...]
    group_of: int = 0  # 3: only fits puzzles of so many people ("all of us"); 0 fits any
    weight: float = 1.0


CLAIMS = (
    Claim(
        1, "not {T}", lambda s, t, u: not t,
        ("{T} is {a_bad}", "{T} is {a_bad}", "{T} is {a_bad}", "{T} is a liar", "{T} lies", "{T} always lies",
         "{T} is lying", "{T} is not {a_good}", "{T} never tells the truth", "{T} is a liar", "{T} is no {good}",
         "{T} isn't {a_good}", "{T} is the {bad}", "{T} is one of the {bads}", "{T} would never tell the truth",
         "{T} is false", "{T} cannot be trusted", "{T} is dishonest", "you cannot trust {T}", "{T} is lying to you"),
        ("{T} does not tell the truth", "{T} tells only lies", "{T} must be {a_bad}"), weight=4.0,
    ),
    Claim(
        1, "{T}", lambda s, t, u: t,
        ("{T} is {a_good}", "{T} is {a_good}", "{T} always tells the truth", "{T} tells the truth", "{T} never lies",
         "{T} is not {a_bad}", "{T} is honest", "{T} is telling the truth", "{T} is no {bad}", "{T} isn't {a_bad}",
         "{T} is the {good}", "{T} is one of the {goods}", "{T} would never lie", "{T} can be trusted",
         "{T} is truthful", "you can trust {T}", "{T} always says the truth"),
        ("{T} does not lie", "{T} tells only the truth", "{T} must be {a_good}"), weight=2.0,
    ),
    Claim(
        1, "(not {S} and not {T})", lambda s, t, u: not s and not t,
        ("we are both {bads}", "they are both {bads}", "both of us are {bads}",
         "{T} and I are both {bads}", "neither of us is {a_good}", "both are {bads}", "we're both {bads}",
         "{T} and {she} are both {bads}", "{she} and {T} are both {bads}", "both {T} and I are {bads}",
         "{S} and {T} are both {bads}", "I am {a_bad} and so is {T}", "{T} and I are {bads}",
         "the two of us are {bads}", "neither {T} nor I am {a_good}", "I am {a_bad} and {T} is {a_bad}",
         "both of them are {bads}", "we both lie", "{she} is {a_bad} and {T} is too"),
        ("we are {bads}, both of us", "{T} and me, we are both {bads}"), weight=2.0,
    ),
    Claim(
        1, "({S} and {T})", lambda s, t, u: s and t,
        ("we are both {goods}", "they are both {goods}", "both of us are {goods}",
         "{T} and I are both {goods}", "neither of us is {a_bad}", "both are {goods}", "we're both {goods}",
         "{T} and {she} are both {goods}", "{she} and {T} are both {goods}", "both {T} and I are {goods}",
         "{S} and {T} are both {goods}", "I am {a_good} and so is {T}", "{T} and I are {goods}",
         "the two of us are {goods}", "neither {T} nor I am {a_bad}", "I am {a_good} and {T} is {a_good}",
         "both of them are {goods}", "we both tell the truth", "{she} is {a_good} and {T} is too"),
        ("we are {goods}, both of us", "{T} and me, we are both {goods}"), weight=1.0,
    ),
    Claim(
        1, "(not {S} or not {T})", lambda s, t, u: not s or not t,
        ("at least one of us is {a_bad}", "one of us at least is {a_bad}", "we are not both {goods}",
         "at least one of {T} and me is {a_bad}", "I am {a_bad} or {T} is {a_bad}", "at least one of them is {a_bad}",
         "{T} and I are not both {goods}", "either {T} or I am {a_bad}", "we aren't both {goods}",
         "at least one of {S} and {T} is {a_bad}", "{T} or I lie", "not both of us are {goods}"),
        ("there is at least one {bad} among us", "one or both of us are {bads}"), weight=2.0,
    ),
    Claim(
        1, "({S} or {T})", lambda s, t, u: s or t,
        ("at least one of us is {a_good}", "one of us at least is {a_good}", "we are not both {bads}",
         "{T} and I are not both {bads}", "at least one of {T} and me is {a_good}", "at least one of them is {a_good}",
         "I am {a_good} or {T} is {a_good}", "not both of us are {bads}", "we aren't both {bads}"),
        ("there is at least one {good} among us", "one or both of us are {goods}"), weight=0.7,
    ),
    Claim(
        1, "({S} <-> {T})", lambda s, t, u: s == t,
        ("{T} and I are the same kind", "we are the same kind", "{T} and I are of the same kind",
         "{T} is the same kind as me", "{T} and I are the same type", "{T} and I are alike",
         "{T} and {she} are of the same kind", "{she} and {T} are the same kind", "both of us are the same kind",
         "{T} is the same as me", "{T} and I are the same", "both are of the same kind", "they are of the same kind",
         "{S} and {T} are the same kind", "we are of the same type", "{T} is just like me"),
        ("{T} is of my own kind", "we are both of the same sort"), weight=1.5,
    ),
    Claim(
        1, "({S} xor {T})", lambda s, t, u: s != t,
        ("{T} and I are different kinds", "we are different kinds", "{T} and I are of different kinds",
         "exactly one of us is {a_good}", "exactly one of us is {a_bad}", "only one of us is {a_good}",
         "{T} is a different kind from me", "{T} and I are different types", "{T} and {she} are of different kinds",
         "{she} and {T} are different kinds", "we are of different kinds", "{T} and I are different",
         "{T} is different from me", "they are of different kinds", "{S} and {T} are different kinds",
         "{T} and I are not the same kind", "we are not the same kind", "we are of different types",
         "{T} is not like me", "exactly one of {T} and me is {a_bad}", "only one of us is {a_bad}"),
        ("{T} is not of my kind", "one of us is {a_good} and the other {a_bad}"), weight=2.0,
    ),
    Claim(
        1, "({S} and not {T})", lambda s, t, u: s and not t,
        ("I am {a_good} and {T} is {a_bad}", "I am {a_good} but {T} is {a_bad}", "I tell the truth but {T} lies",
         "I am {a_good}, {T} is {a_bad}", "I am {a_good} and {T} lies", "{she} is {a_good} and {T} is {a_bad}"),
        ("I am {a_good} while {T} is {a_bad}", "{T} is {a_bad} and I am {a_good}"),
    ),
    Claim(
        1, "(not {S} or {T})", lambda s, t, u: not s or t,
        ("I am {a_bad} or {T} is {a_good}", "either I am {a_bad} or {T} is {a_good}"),
        ("at least one holds: I am {a_bad} or {T} is {a_good}", "I am {a_bad}, or else {T} is {a_good}"),
    ),
    Claim(
        1, "(not {S} and {T})", lambda s, t, u: not s and t,
        ("I am {a_bad} and {T} is {a_good}", "I am {a_bad} but {T} is {a_good}", "I am {a_bad}, {T} is {a_good}",
         "{she} is {a_bad} and {T} is {a_good}"),
        ("I am {a_bad} while {T} is {a_good}", "I lie but {T} tells the truth"), weight=0.5,
    ),
    Claim(
        1, "({S} -> {T})", lambda s, t, u: not s or t,
        ("if I am {a_good}, then {T} is {a_good}", "if I am {a_good} then so is {T}"),
        ("whenever I am {a_good}, {T} is {a_good}", "{T} is {a_good} if I am {a_good}"), weight=0.7,
    ),
    Claim(
        2, "({T} and {U})", lambda s, t, u: t and u,
        ("{T} and {U} are both {goods}", "both {T} and {U} are {goods}", "{T} and {U} are {goods}",
         "{T} is {a_good} and {U} is {a_good}", "{T} and {U} both tell the truth", "neither {T} nor {U} is {a_bad}",
         "{T} is {a_good} and {U} is too", "{T} and {U} tell the truth"),
        ("{T} is {a_good} and so is {U}", "each of {T} and {U} is {a_good}"), weight=1.5,
    ),
    Claim(
        2, "(not {T} and not {U})", lambda s, t, u: not t and not u,
        ("{T} and {U} are both {bads}", "both {T} and {U} are {bads}", "{T} and {U} are {bads}",
         "neither {T} nor {U} is {a_good}", "{T} is {a_bad} and {U} is {a_bad}", "{T} and {U} both lie",
         "{T} is {a_bad} and {U} is too", "{T} and {U} are lying", "neither {T} nor {U} tells the truth"),
        ("{T} is {a_bad} and so is {U}", "each of {T} and {U} is {a_bad}"), weight=1.5,
    ),
    Claim(
        2, "(not {T} or not {U})", lambda s, t, u: not t or not u,
        ("at least one of {T} and {U} is {a_bad}", "{T} is {a_bad} or {U} is {a_bad}",
         "{T} and {U} are not both {goods}", "either {T} or {U} is {a_bad}", "{T} or {U} lies",
         "one of {T} and {U} at least is {a_bad}"),
        ("one or both of {T} and {U} are {bads}", "among {T} and {U} there is at least one {bad}"),
    ),
    Claim(
        2, "({T} or {U})", lambda s, t, u: t or u,
        ("at least one of {T} and {U} is {a_good}", "{T} is {a_good} or {U} is {a_good}", "{T} or {U} is {a_good}",
         "{T} and {U} are not both {bads}", "{T} or {U} tells the truth"),
        ("one or both of {T} and {U} are {goods}", "among {T} and {U} there is at least one {good}"),
    ),
    Claim(
        2, "({T} <-> {U})", lambda s, t, u: t == u,
        ("{T} and {U} are the same kind", "{T} and {U} are of the same kind", "{T} and {U} are the same type",
         "{T} is the same kind as {U}", "{T} and {U} are the same", "{T} and {U} are alike", "{T} is just like {U}",
         "{T} and {U} are of the same type"),
        ("{T} is of the kind of {U}", "{T} and {U} are of one sort"), weight=1.5,
    ),
    Claim(
        2, "({T} xor {U})", lambda s, t, u: t != u,
        ("{T} and {U} are different kinds", "{T} and {U} are of different kinds",
         "exactly one of {T} and {U} is {a_good}", "exactly one of {T} and {U} is {a_bad}",
         "{T} and {U} are different", "{T} and {U} are different types", "{T} and {U} are not the same kind",
         "only one of {T} and {U} is {a_good}", "{T} is a different kind from {U}"),
        ("{T} is not of the kind of {U}", "one of {T} and {U} is {a_good}, the other {a_bad}"), weight=1.5,
    ),
    Claim(
        2, "({T} and not {U})", lambda s, t, u: t and not u,
        ("{T} is {a_good} and {U} is {a_bad}", "{T} is {a_good} but {U} is {a_bad}", "{T} is {a_good}, {U} is {a_bad}",
         "{T} tells the truth and {U} lies", "{T} is {a_good} and {U} is lying"),
        ("{T} is {a_good} while {U} is {a_bad}", "{T} tells the truth but {U} lies"),
    ),
    Claim(
        2, "(not {T} and {U})", lambda s, t, u: not t and u,
        ("{T} is {a_bad} and {U} is {a_good}", "{T} is {a_bad} but {U} is {a_good}", "{T} is {a_bad}, {U} is {a_good}",
         "{T} lies and {U} tells the truth", "{T} is lying and {U} is {a_good}"),
        ("{T} is {a_bad} while {U} is {a_good}", "{T} lies but {U} tells the truth"),
    ),
    Claim(
        2, "({T} -> {U})", lambda s, t, u: not t or u,
        ("if {T} is {a_good}, then {U} is {a_good}", "if {T} is {a_good} then {U} is {a_good}"),
        ("whenever {T} is {a_good}, {U} is {a_good}", "{U} is {a_good} if {T} is {a_good}"),
    ),
    Claim(
        2, "({T} -> not {U})", lambda s, t, u: not t or not u,
        ("if {T} is {a_good}, then {U} is {a_bad}", "if {T} is {a_good} then {U} is {a_bad}"),
        ("whenever {T} is {a_good}, {U} is {a_bad}", "{U} is {a_bad} if {T} is {a_good}"),
    ),
    Claim(
        2, "(not {S} and not {T} and not {U})", lambda s, t, u: not s and not t and not u,
        ("we are all {bads}", "all of us are {bads}", "all three of us are {bads}", "all three are {bads}",
         "they are all {bads}", "everyone here is {a_bad}"),
        ("every one of us is {a_bad}", "none of us is {a_good}"), group_of=3,
    ),
    Claim(
        2, "(not {S} or not {T} or not {U})", lambda s, t, u: not s or not t or not u,
        ("at least one of us is {a_bad}", "at least one of the three of us is {a_bad}", "we are not all {goods}",
         "one of us at least is {a_bad}"),
        ("there is at least one {bad} among us", "not all of us are {goods}"), group_of=3,
    ),
)  # fmt: skip

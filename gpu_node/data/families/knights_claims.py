"""What a speaker says of others in a puzzle of knights and knaves: wordings, constraint and truth of each claim.

Not here: how the speech is introduced (knights_wordings.py), and which claims make a puzzle (knights.py).
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """What a speaker S says of others T and U: its wordings, the right side of its constraint, and its truth.

    Wordings are third person ("T is a knave") or, in `own`, first person ("we are both knaves"), which may be quoted.
    """

    needs: int  # how many others it names
    formula: str
    truth: Callable[[bool, bool, bool], bool]
    train: tuple[str, ...]
    held_out: tuple[str, ...]
    group_of: int = 0  # 2 or 3: only fits puzzles of so many people ("all of us"); 0 fits any
    weight: float = 1.0


CLAIMS = (
    Claim(
        1, "not {T}", lambda s, t, u: not t,
        ("{T} is {a_bad}", "{T} is {a_bad}", "{T} is {a_bad}", "{T} is a liar", "{T} lies", "{T} always lies",
         "{T} is lying", "{T} is not {a_good}", "{T} never tells the truth"),
        ("{T} does not tell the truth", "{T} tells only lies", "{T} must be {a_bad}"), weight=4.0,
    ),
    Claim(
        1, "{T}", lambda s, t, u: t,
        ("{T} is {a_good}", "{T} is {a_good}", "{T} always tells the truth", "{T} tells the truth", "{T} never lies",
         "{T} is not {a_bad}", "{T} is honest", "{T} is telling the truth"),
        ("{T} does not lie", "{T} tells only the truth", "{T} must be {a_good}"), weight=2.0,
    ),
    Claim(
        1, "(not {S} and not {T})", lambda s, t, u: not s and not t,
        ("we are both {bads}", "they are both {bads}", "both of us are {bads}",
         "{T} and I are both {bads}", "neither of us is {a_good}"),
        ("we are {bads}, both of us", "{T} and me, we are both {bads}"), group_of=2, weight=2.0,
    ),
    Claim(
        1, "({S} and {T})", lambda s, t, u: s and t,
        ("we are both {goods}", "they are both {goods}", "both of us are {goods}",
         "{T} and I are both {goods}", "neither of us is {a_bad}"),
        ("we are {goods}, both of us", "{T} and me, we are both {goods}"), group_of=2, weight=1.0,
    ),
    Claim(
        1, "(not {S} or not {T})", lambda s, t, u: not s or not t,
        ("at least one of us is {a_bad}", "one of us at least is {a_bad}", "we are not both {goods}",
         "at least one of {T} and me is {a_bad}"),
        ("there is at least one {bad} among us", "one or both of us are {bads}"), group_of=2, weight=2.0,
    ),
    Claim(
        1, "({S} or {T})", lambda s, t, u: s or t,
        ("at least one of us is {a_good}", "one of us at least is {a_good}", "we are not both {bads}"),
        ("there is at least one {good} among us", "one or both of us are {goods}"), group_of=2, weight=0.7,
    ),
    Claim(
        1, "({S} <-> {T})", lambda s, t, u: s == t,
        ("{T} and I are the same kind", "we are the same kind", "{T} and I are of the same kind",
         "{T} is the same kind as me", "{T} and I are the same type", "{T} and I are alike"),
        ("{T} is of my own kind", "we are both of the same sort"), weight=1.5,
    ),
    Claim(
        1, "({S} xor {T})", lambda s, t, u: s != t,
        ("{T} and I are different kinds", "we are different kinds", "{T} and I are of different kinds",
         "exactly one of us is {a_good}", "exactly one of us is {a_bad}", "only one of us is {a_good}",
         "{T} is a different kind from me", "{T} and I are different types"),
        ("{T} is not of my kind", "one of us is {a_good} and the other {a_bad}"), weight=2.0,
    ),
    Claim(
        1, "({S} and not {T})", lambda s, t, u: s and not t,
        ("I am {a_good} and {T} is {a_bad}", "I am {a_good} but {T} is {a_bad}", "I tell the truth but {T} lies"),
        ("I am {a_good} while {T} is {a_bad}", "{T} is {a_bad} and I am {a_good}"),
    ),
    Claim(
        1, "(not {S} or {T})", lambda s, t, u: not s or t,
        ("I am {a_bad} or {T} is {a_good}", "either I am {a_bad} or {T} is {a_good}"),
        ("at least one holds: I am {a_bad} or {T} is {a_good}", "I am {a_bad}, or else {T} is {a_good}"),
    ),
    Claim(
        1, "(not {S} and {T})", lambda s, t, u: not s and t,
        ("I am {a_bad} and {T} is {a_good}", "I am {a_bad} but {T} is {a_good}"),
        ("I am {a_bad} while {T} is {a_good}", "I lie but {T} tells the truth"), weight=0.5,
    ),
    Claim(
        1, "({S} -> {T})", lambda s, t, u: not s or t,
        ("if I am {a_good}, then {T} is {a_good}", "if I am {a_good} then so is {T}"),
        ("whenever I am {a_good}, {T} is {a_good}", "{T} is {a_good} if I am {a_good}"), weight=0.7,
    ),
    Claim(
        2, "({T} and {U})", lambda s, t, u: t and u,
        ("{T} and {U} are both {goods}", "both {T} and {U} are {goods}", "{T} and {U} are {goods}"),
        ("{T} is {a_good} and so is {U}", "each of {T} and {U} is {a_good}"), weight=1.5,
    ),
    Claim(
        2, "(not {T} and not {U})", lambda s, t, u: not t and not u,
        ("{T} and {U} are both {bads}", "both {T} and {U} are {bads}", "{T} and {U} are {bads}",
         "neither {T} nor {U} is {a_good}"),
        ("{T} is {a_bad} and so is {U}", "each of {T} and {U} is {a_bad}"), weight=1.5,
    ),
    Claim(
        2, "(not {T} or not {U})", lambda s, t, u: not t or not u,
        ("at least one of {T} and {U} is {a_bad}", "{T} is {a_bad} or {U} is {a_bad}",
         "{T} and {U} are not both {goods}"),
        ("one or both of {T} and {U} are {bads}", "among {T} and {U} there is at least one {bad}"),
    ),
    Claim(
        2, "({T} or {U})", lambda s, t, u: t or u,
        ("at least one of {T} and {U} is {a_good}", "{T} is {a_good} or {U} is {a_good}", "{T} or {U} is {a_good}"),
        ("one or both of {T} and {U} are {goods}", "among {T} and {U} there is at least one {good}"),
    ),
    Claim(
        2, "({T} <-> {U})", lambda s, t, u: t == u,
        ("{T} and {U} are the same kind", "{T} and {U} are of the same kind", "{T} and {U} are the same type",
         "{T} is the same kind as {U}"),
        ("{T} is of the kind of {U}", "{T} and {U} are of one sort"), weight=1.5,
    ),
    Claim(
        2, "({T} xor {U})", lambda s, t, u: t != u,
        ("{T} and {U} are different kinds", "{T} and {U} are of different kinds",
         "exactly one of {T} and {U} is {a_good}", "exactly one of {T} and {U} is {a_bad}"),
        ("{T} is not of the kind of {U}", "one of {T} and {U} is {a_good}, the other {a_bad}"), weight=1.5,
    ),
    Claim(
        2, "({T} and not {U})", lambda s, t, u: t and not u,
        ("{T} is {a_good} and {U} is {a_bad}", "{T} is {a_good} but {U} is {a_bad}"),
        ("{T} is {a_good} while {U} is {a_bad}", "{T} tells the truth but {U} lies"),
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
        ("we are all {bads}", "all of us are {bads}", "all three of us are {bads}"),
        ("every one of us is {a_bad}", "none of us is {a_good}"), group_of=3,
    ),
    Claim(
        2, "(not {S} or not {T} or not {U})", lambda s, t, u: not s or not t or not u,
        ("at least one of us is {a_bad}", "at least one of the three of us is {a_bad}"),
        ("there is at least one {bad} among us", "not all of us are {goods}"), group_of=3,
    ),
)  # fmt: skip

"""What a case of abuse is: a program, and the outcomes that are allowed for it on each tier."""

from dataclasses import dataclass, field

REFUSED = frozenset({"ok", "error"})  # the call goes on, the attempt within it fails
KILLED = frozenset({"killed"})
TIMEOUT = frozenset({"timeout"})
MEMORY = frozenset({"memory", "killed"})

# Raw calls of the kernel; prints the result and the error's number.
CALLS = """import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(number, *arguments)
    print(result, ctypes.get_errno())
"""


@dataclass(frozen=True)
class Case:
    """`parts`: one of them must be in the text. `strict_*`: where there are no namespaces, if it differs."""

    code: str
    statuses: frozenset[str] = REFUSED
    parts: tuple[str, ...] = ("",)
    seconds: float = 20.0  # of the call; nothing here takes a second on an idle machine
    strict_statuses: frozenset[str] | None = None
    strict_parts: tuple[str, ...] | None = None
    leaves: tuple[str, ...] = field(default=())  # what must not be in the text

    def statuses_on(self, tier: str) -> frozenset[str]:
        is_strict = tier != "namespaces" and self.strict_statuses is not None
        return self.strict_statuses if is_strict and self.strict_statuses is not None else self.statuses

    def parts_on(self, tier: str) -> tuple[str, ...]:
        return self.strict_parts if tier != "namespaces" and self.strict_parts is not None else self.parts


def raw(*calls: tuple[int, ...], answer: str = "-1 1") -> Case:
    """Every one of the calls must be answered so; "-1 1" is EPERM, "-1 38" ENOSYS."""
    lines = "".join(f"call({', '.join(map(str, call))})\n" for call in calls)
    return Case(CALLS + lines, parts=("\n".join([answer] * len(calls)),))

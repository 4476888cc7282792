"""Nano-dollars as text, digit by digit: no float touches money. Pure."""

NANO_PER_USD = 1_000_000_000


def usd_exact(nano_usd: int) -> str:
    """All nine digits, for programs: 636_000 is "0.000636000", so that a column of them adds up to the nano-dollar."""
    sign, value = ("-", -nano_usd) if nano_usd < 0 else ("", nano_usd)
    return f"{sign}{value // NANO_PER_USD}.{value % NANO_PER_USD:09d}"


def usd(nano_usd: int) -> str:
    """As people read it: "$5.00", and "$0.000636" down to the last digit that is not zero."""
    sign, value = ("-", -nano_usd) if nano_usd < 0 else ("", nano_usd)
    fraction = f"{value % NANO_PER_USD:09d}"
    return f"{sign}${value // NANO_PER_USD:,}.{fraction[:2]}{fraction[2:].rstrip('0')}"

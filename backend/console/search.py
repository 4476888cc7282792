"""What a person types into a filter, made safe for LIKE. Pure."""


def like_escaped(text: str) -> str:
    """The text with LIKE's signs taken literally."""
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")

"""The command blocks of the pages, with the mark before each that says whether a test runs it."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
_BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[^\n]*?) -->\n)?^```(?P<language>console|bash|sh|python)\n(?P<body>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Block:
    page: Path
    mark: str  # "run: NAME", "snippet: NAME", "run by: TEST FILE", "not run: REASON", or "" where none stands
    language: str
    body: str

    @property
    def commands(self) -> list[str]:
        """A console block's lines after the prompt, without their remarks."""
        lines = [line[2:] for line in self.body.splitlines() if line.startswith("$ ")]
        return [re.sub(r"\s{2,}# .*$", "", line) for line in lines]


def blocks_of(page: Path) -> list[Block]:
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(page, match["mark"] or "", match["language"], match["body"]) for match in found]


def block_named(page: str, name: str) -> Block:
    """Raises LookupError: the page has no block of that name."""
    for block in blocks_of(ROOT / page):
        if block.mark == f"run: {name}":
            return block
    raise LookupError(f"{page} has no block marked 'run: {name}'")

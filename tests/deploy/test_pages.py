"""Every command block of the pages says whether a test runs it, and what it says is true."""

from pathlib import Path

import pytest

from tests.deploy.pages import PAGES, ROOT, Block, blocks_of

BLOCKS = [block for page in PAGES for block in blocks_of(page)]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page.name}:{block.body.splitlines()[0][:40]}")
def test_a_block_says_whether_it_is_run(block: Block) -> None:
    kind, _, value = block.mark.partition(": ")
    match kind:
        case "not run":
            assert len(value) > 5, "say why"
        case "run by":
            assert (ROOT / value).is_file(), f"{value} is no test file"
        case "run":
            assert _is_named_in_a_test(f'"{value}"'), f"no test runs {value!r}"
        case "snippet":
            assert f"{value}" in (ROOT / "tests/e2e/test_first_snippets.py").read_text(), f"no test runs {value!r}"
        case _:
            pytest.fail(f"{block.page.name}: a block without a mark: {block.body[:80]!r}")


def test_there_are_blocks() -> None:
    assert len(BLOCKS) > 10
    assert {block.page for block in BLOCKS} >= {ROOT / "README.md", ROOT / "docs/deploy/own-box.md"}


def _is_named_in_a_test(name: str) -> bool:
    return any(name in Path(file).read_text() for file in (ROOT / "tests" / "deploy").glob("test_*.py"))

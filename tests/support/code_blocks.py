"""The fenced blocks of a page in Markdown."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCED = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One block: its language, its text, and the line on which it begins."""

    language: str
    text: str
    line: int

    def commands(self) -> Iterator[str]:
        """Yield the lines of a shell that it holds, each joined where it goes on after a backslash."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        yield from (line for line in lines if line.strip())


def code_blocks(page: Path) -> list[Block]:
    """Return all blocks of a page."""
    text = page.read_text(encoding="utf-8")
    found = _FENCED.finditer(text)
    return [Block(one[2], textwrap.dedent(one[3]), text.count("\n", 0, one.start()) + 1) for one in found]

"""A change that would do harm: it has to turn its tests red."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Mutant:
    """One change of one file of the package, and the test files that must notice it.

    ``title`` says what would go wrong. ``equivalent`` is the reason why the change does no harm, where it
    does none.
    """

    title: str
    file: str
    text: str
    replacement: str
    tests: tuple[str, ...]
    equivalent: str = ""

    def occurrences(self, root: Path = ROOT) -> int:
        """Count how often the text stands in the file; it has to be once."""
        return (root / self.file).read_text().count(self.text)


def changes_of(module: str, tests: str, *changes: tuple[str, ...]) -> Iterator[Mutant]:
    """Yield the mutants of one module, all noticed by the same tests.

    A change is (title, text, replacement), and for one that does no harm the reason.
    """
    files = tuple(f"tests/{name}.py" for name in tests.split())
    for title, text, replacement, *equivalent in changes:
        yield Mutant(title, f"inc_mlflow/{module}.py", text, replacement, files, *equivalent)

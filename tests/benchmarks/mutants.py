"""Change search, timing and gate one by one, and say which test notices each change.

Run as ``.venv/bin/python -m tests.benchmarks.mutants [WORD ...]`` in the repository: all changes of
``mutant_table.MUTANTS``, or those that have a word in their title or file. Each is made in a copy of the
tree and runs its own test files. The exit code is 1 where a change survives and is not listed as equivalent,
where one that is listed dies, or where its text does not stand in its file exactly once; 2 where tests fail
without any change.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import cache_from_source
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.mutant_table import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
FOLDERS = ("inc_mlflow", "components", "pipelines", "examples", "tests")
MOST_SECONDS = 600
_FAILED, _PASSED = 1, 0
"""Exit codes of pytest; others are errors, which prove nothing."""


def occurrences(mutant: Mutant, root: Path = ROOT) -> int:
    """Count how often a mutant's text stands in its file."""
    return (root / mutant.file).read_text().count(mutant.text)


def main(words: Sequence[str]) -> int:
    """Try the mutants and print a line for each; return the exit code."""
    chosen = [one for one in MUTANTS if not words or any(word in one.title + one.file for word in words)]
    started = time.monotonic()
    with TemporaryDirectory() as folder:
        root = _copy(Path(folder))
        tests = sorted({file for mutant in chosen for file in mutant.tests})
        code, output = _run_tests(root, tests)
        if code != _PASSED:
            print(f"tests fail without any change:\n{output}")
            return 2
        answers = [_try(mutant, root) for mutant in chosen]
    wrong = sum(not as_expected for as_expected, _ in answers)
    equivalent = sum(bool(mutant.equivalent) for mutant in chosen)
    seconds = time.monotonic() - started
    print(
        f"{len(chosen)} mutants: {len(chosen) - equivalent - wrong} killed, {equivalent} equivalent, "
        f"{wrong} wrong, in {seconds:.0f} s"
    )
    return 1 if wrong else 0


def _try(mutant: Mutant, root: Path) -> tuple[bool, str]:
    """Return whether a mutant does as the table says, and which test noticed it; print both."""
    if occurrences(mutant, root) != 1:
        answer = False, "its text does not stand in the file exactly once"
    else:
        with _changed(mutant, root):
            code, output = _run_tests(root, mutant.tests)
        noticed = re.search(r"^FAILED (\S+)", output, re.MULTILINE)
        if code == _FAILED and noticed:
            answer = not mutant.equivalent, f"killed by {noticed[1]}"
        elif code == _PASSED:
            answer = bool(mutant.equivalent), f"survived{mutant.equivalent and ': '}{mutant.equivalent}"
        else:
            answer = False, f"no test failed, pytest ended with {code}: {output[-500:]}"
    print(f"{'ok   ' if answer[0] else 'WRONG'} {mutant.file}: {mutant.title}: {answer[1]}", flush=True)
    return answer


@contextmanager
def _changed(mutant: Mutant, root: Path) -> Iterator[None]:
    file = root / mutant.file
    original = file.read_text()
    _write(file, original.replace(mutant.text, mutant.replacement))
    try:
        yield
    finally:
        _write(file, original)


def _write(file: Path, text: str) -> None:
    """Write a module and drop its bytecode, which a change of equal size in the same second would not."""
    file.write_text(text)
    Path(cache_from_source(str(file))).unlink(missing_ok=True)


def _run_tests(root: Path, tests: Sequence[str]) -> tuple[int, str]:
    """Run test files up to the first failure; return pytest's exit code and output."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(root)}
    try:
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=MOST_SECONDS
        )
    except subprocess.TimeoutExpired:
        return -1, f"no end within {MOST_SECONDS} s"
    return done.returncode, done.stdout + done.stderr


def _copy(target: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, target / name, symlinks=True, ignore=ignored)
    shutil.copy2(ROOT / "pyproject.toml", target)
    return target


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

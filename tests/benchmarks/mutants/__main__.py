"""Change search, timing, gate, comparison and training one by one, and say which test notices each change.

Run in the repository as ``.venv/bin/python -m tests.benchmarks.mutants [WORD ...]``: all changes, or those
that have one of the words in their title or file. Each is made in a copy of the tree and runs its own test
files. The exit code is 1 where a change survives that is not listed as equivalent, where one that is listed
is noticed, or where its text does not stand in its file exactly once; 2 where tests fail without any change.
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

from tests.benchmarks.mutants.comparison import COMPARISON
from tests.benchmarks.mutants.gate import GATE
from tests.benchmarks.mutants.mutant import ROOT, Mutant
from tests.benchmarks.mutants.search import SEARCH
from tests.benchmarks.mutants.timing import TIMING
from tests.benchmarks.mutants.training import TRAINING

MUTANTS = (*SEARCH, *TIMING, *GATE, *COMPARISON, *TRAINING)
FOLDERS = ("inc_mlflow", "components", "pipelines", "examples", "tests")
MOST_SECONDS = 300
_FAILED, _PASSED = 1, 0
"""Exit codes of pytest; others are errors, which prove nothing."""


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
        right = [one for one in chosen if _behaves(one, root)]
    killed = sum(not one.equivalent for one in right)
    wrong = len(chosen) - len(right)
    print(
        f"{len(chosen)} mutants: {killed} killed, {len(right) - killed} equivalent, {wrong} wrong, "
        f"in {time.monotonic() - started:.0f} s"
    )
    return 1 if wrong else 0


def _behaves(mutant: Mutant, root: Path) -> bool:
    """Tell whether a mutant is noticed, or is not where it is listed as equivalent; print what happened."""
    if mutant.occurrences(root) != 1:
        right, answer = False, "its text does not stand in the file exactly once"
    else:
        with _changed(mutant, root):
            code, output = _run_tests(root, mutant.tests)
        noticed = re.search(r"^FAILED (\S+)", output, re.MULTILINE)
        if code == _FAILED and noticed:
            right, answer = not mutant.equivalent, f"noticed by {noticed[1]}"
        elif code == _PASSED:
            right, answer = bool(mutant.equivalent), f"not noticed; {mutant.equivalent or 'its tests pass'}"
        else:
            right, answer = False, f"no test failed, pytest ended with {code}: {output[-500:]}"
    print(f"{'ok   ' if right else 'WRONG'} {mutant.file}: {mutant.title}: {answer}", flush=True)
    return right


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

"""Print, as JSON, how long `inc-mlflow --help` takes against `python -c "import json"`.

Run with the environment's Python: ``.venv/bin/python tests/benchmarks/start.py``. Minimum of nine,
interleaved.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

REPEATS = 9


def seconds(command: list[str]) -> float:
    """Wall time of one process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure() -> dict[str, float]:
    """Return both minima in seconds and their ratio."""
    help_ = [str(Path(sys.executable).with_name("inc-mlflow")), "--help"]
    pairs = [(seconds([sys.executable, "-c", "import json"]), seconds(help_)) for _ in range(REPEATS)]
    python, program = (min(column) for column in zip(*pairs, strict=True))
    return {"python_seconds": python, "help_seconds": program, "ratio": program / python}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))

"""Whoever has the wheel installed and never uses it does not pay for it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / "benchmarks" / "plugins.py"


@pytest.mark.slow
@pytest.mark.quiet
def test_importing_mlflow_costs_at_most_five_per_cent_more_with_the_wheel():
    """Minimum of nine, interleaved; what is true stays so when it is measured again, noise does not."""
    ratios: list[float] = []
    while len(ratios) < 3 and min(ratios, default=2.0) > 1.05:
        done = subprocess.run([sys.executable, PROGRAM], capture_output=True, text=True, check=True)
        ratios.append(json.loads(done.stdout)["ratio"])
    assert min(ratios) <= 1.05, ratios

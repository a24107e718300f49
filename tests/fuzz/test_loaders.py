"""Damaged files of every kind are read or refused in one line, within time and memory."""

import json
import subprocess
import sys

import pytest

from inc_mlflow.registry.datasets import DATASETS
from tests.fuzz.targets import TARGETS
from tests.support.paths import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does it")
EVERY = pytest.mark.parametrize("loader", TARGETS)


def fuzz(loader, first, last):
    """Read the files with these numbers in a process of its own; return what it counted."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "tests.fuzz.fuzzing"]
    command += [loader, str(first), str(last)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    lines = ended.stdout.splitlines()
    assert ended.returncode == 0, f"{loader} {lines[-1:]}: code {ended.returncode}\n{ended.stderr[-3000:]}"
    assert ended.stderr == ""
    counted = json.loads(lines[-1])
    print(json.dumps(counted))
    assert counted["accepted"] + counted["refused"] == last - first
    return counted


def test_every_format_of_data_is_covered():
    assert set(DATASETS) == {"npz", "images", "text"}  # another one needs a target


@EVERY
def test_three_hundred_damaged_files_are_read_or_refused(loader):
    assert fuzz(loader, 0, 300)["refused"] > 30


@pytest.mark.long
@EVERY
def test_three_thousand_more_damaged_files_are_read_or_refused(loader):
    fuzz(loader, 300, 3300)

"""A search that is killed loses at most the trial in flight, and has its best so far on disk."""

import json
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from inc_mlflow.files import unsealed
from inc_mlflow.records import Trial
from inc_mlflow.search.front import shortlist
from tests.support.pipeline_runs import PROGRAM, SEEDS, environment

pytestmark = pytest.mark.slow
BUDGET = "8"
KILLS = 3


def start(job, out):
    command = [PROGRAM, "search", job, "-o", out, "--budget", BUDGET, "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())


def trials(out: Path) -> list[Trial]:
    """Return the trials whose lines are whole."""
    text = (out / "trials.jsonl").read_text() if (out / "trials.jsonl").exists() else ""
    lines = text[: text.rfind("\n") + 1].splitlines()[1:]
    return [Trial.model_validate(unsealed(line)) for line in lines]


def check_best(out: Path, found: list[Trial]) -> None:
    """The model of the best trial that is written down can be used at every moment."""
    if found:
        assert (out / shortlist(found)[0].directory / "model.onnx").stat().st_size > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_search_loses_at_most_the_trial_in_flight(digits, tmp_path, seed):
    chance, out, before = random.Random(seed), tmp_path / "out", []
    for _ in range(KILLS):
        process = start(digits, out)
        time.sleep(chance.uniform(1.0, 6.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        after = trials(out)
        assert after[: len(before)] == before
        check_best(out, after)
        before = after
    process = start(digits, out)
    told, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert trials(out)[: len(before)] == before
    recipes = [json.dumps(one.recipe, sort_keys=True) for one in trials(out)]
    assert len(set(recipes)) == len(recipes), "no trial was made twice"
    for candidate in json.loads(told)["candidates"]:
        assert Path(candidate["path"]).stat().st_size > 0
    assert not (out / ".trial.partial").exists()

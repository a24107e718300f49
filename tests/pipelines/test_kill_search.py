"""A search that is killed loses at most the trial or the probe in flight, and has its best so far on disk."""

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
from inc_mlflow.steps.compress.answers import ANSWERS
from inc_mlflow.steps.compress.search import SETTINGS
from tests.support.pipeline_runs import PROGRAM, environment

pytestmark = pytest.mark.slow
BUDGET = "8"
KILLS = 3
BEGINS, LONGEST = 60.0, 4.0
"""Seconds for a search to begin, and from then on until it is killed at the latest."""
SEEDS = [*range(3), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 20))]


def start(job, out):
    command = [PROGRAM, "search", job, "-o", out, "--budget", BUDGET, "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())


def trials(out: Path) -> list[Trial]:
    """Return the trials whose lines are whole."""
    text = (out / "trials.jsonl").read_text() if (out / "trials.jsonl").exists() else ""
    lines = text[: text.rfind("\n") + 1].splitlines()[1:]
    return [Trial.model_validate(unsealed(line)) for line in lines]


def wait_for(file: Path) -> None:
    """Wait until a search has begun: importing takes most of the time before, and is no part of it."""
    end = time.monotonic() + BEGINS
    while not file.exists() and time.monotonic() < end:
        time.sleep(0.01)


def answers(out: Path) -> dict[str, bytes]:
    """Return what the plan has learnt, by the file of each question."""
    return {path.name: path.read_bytes() for path in (out / ANSWERS).glob("*.json")}


def check_best(out: Path, found: list[Trial]) -> None:
    """The model of the best trial that is written down can be used at every moment."""
    if found:
        assert (out / shortlist(found)[0].directory / "model.onnx").stat().st_size > 0


def check_code(process, told, errors):
    """What the seconds of its budget bought decides whether a search has a candidate; its code says the same."""
    assert process.returncode in {0, 3}, errors
    assert (process.returncode == 0) == bool(json.loads(told)["candidates"]), errors


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_search_loses_at_most_what_is_in_flight(digits, tmp_path, seed):
    chance, out, before, known = random.Random(seed), tmp_path / "out", [], {}
    for _ in range(KILLS):
        process = start(digits, out)
        wait_for(out / SETTINGS)
        time.sleep(chance.uniform(0.0, LONGEST))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        after = trials(out)
        assert after[: len(before)] == before
        check_best(out, after)
        assert known.items() <= answers(out).items()
        before, known = after, answers(out)
    process = start(digits, out)
    told, errors = process.communicate(timeout=300)
    check_code(process, told, errors)
    assert trials(out)[: len(before)] == before
    assert known.items() <= answers(out).items(), "what was learnt is not asked again"
    recipes = [json.dumps(one.recipe, sort_keys=True) for one in trials(out)]
    assert len(set(recipes)) == len(recipes), "no trial was made twice"
    for candidate in json.loads(told)["candidates"]:
        assert Path(candidate["path"]).stat().st_size > 0
    assert not (out / ".trial.partial").exists()
    end = trials(out)
    process = start(digits, out)
    again, errors = process.communicate(timeout=300)
    check_code(process, again, errors)
    assert trials(out)[: len(end)] == end
    if json.loads(told)["ended"] is None:
        assert json.loads(again)["candidates"] == json.loads(told)["candidates"], (
            "the journal gives the same end"
        )

"""A run that a signal ends leaves nothing behind, promotes nothing more, and goes on when started again."""

import contextlib
import random
import shutil
import signal
import time
from dataclasses import dataclass

import psutil
import pytest

from tests.support.pipeline_runs import (
    ORDER,
    SPANS,
    begun,
    check_end,
    check_nothing_left,
    copy_of,
    state_of,
    store,
    wait_for,
)

pytestmark = pytest.mark.slow
QUIET = 15.0
"""Seconds after which a model used to be promoted all the same."""


ATTEMPTS = 10
"""Times that a signal may come too late for a step: a judgement takes a tenth of a second."""


@dataclass(frozen=True)
class Blow:
    """A signal to the run or to the step under way, and how the run then ends: exit code and last line."""

    number: int
    step: bool
    code: int
    line: str = "inc-mlflow: stopped; run the same command again to go on"


BLOWS = (
    Blow(signal.SIGTERM, step=False, code=143),
    Blow(signal.SIGKILL, step=False, code=-9, line=""),
    Blow(signal.SIGKILL, step=True, code=2, line="was killed (signal 9): out of memory?; run again to go on"),
    Blow(signal.SIGHUP, step=False, code=129),
    Blow(signal.SIGINT, step=False, code=130),
)
FEW = {"baseline": BLOWS[1], "candidates": BLOWS[2], "tracking": BLOWS[0]}
"""What CI has time for: a signal in each of these steps."""


def without(job, *steps):
    """Take out the results of steps and what was logged and promoted; other measurements stay."""
    state = state_of(job)
    (state / "result.json").unlink()
    for name in {*steps, "tracking", "promotion"}:
        shutil.rmtree(state / name)
    return job


def strike(job, run, blow, step, rng):
    """Send the signal within a step; tell whether it met one that was still at work."""
    if not wait_for(lambda: begun(job, step), run):
        return False
    time.sleep(rng.uniform(0, SPANS.get(step, 0.3) / 2))
    note = state_of(job) / f"{step}.pid"
    with contextlib.suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess):
        psutil.Process(int(note.read_text()) if blow.step else run.process.pid).send_signal(blow.number)
        return True
    return False


def play(job, blow, step, rng, start, temporary):
    """Start the job, strike it in a step, and see it end as it should."""
    if state_of(job) and (state_of(job) / step).exists():
        return False  # an earlier run was faster than its signal
    run = start(job, TMPDIR=str(temporary))
    struck = strike(job, run, blow, step, rng)
    code = run.wait()
    check_nothing_left(temporary)
    if not struck or code == 0:
        return False  # the step was over
    assert code == blow.code, run.err[-3000:]
    assert run.out == ""
    assert run.err.rstrip("\n").rpartition("\n")[2].endswith(blow.line), run.err[-3000:]
    assert "Traceback" not in run.err
    return True


def test_a_run_that_signals_end_leaves_nothing_and_goes_on(undisturbed, tmp_path, start, temporary):
    job = without(copy_of(undisturbed.job, tmp_path / "digits"), *FEW)
    for seed, (step, blow) in enumerate(FEW.items()):
        assert play(job, blow, step, random.Random(seed), start, temporary)
    check_end(job, start(job, TMPDIR=str(temporary)), undisturbed)
    check_nothing_left(temporary)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_a_run_that_signals_end_in_each_step_ends_like_an_undisturbed_one(
    seed, undisturbed, copy_example, tmp_path, start, temporary
):
    """Each seed begins with another signal, so that each step meets all of them."""
    rng, job, struck = random.Random(seed), copy_example(tmp_path / "digits"), []
    for number, step in enumerate(ORDER):
        blow = BLOWS[(seed + number) % len(BLOWS)]
        if play(job, blow, step, rng, start, temporary):
            struck.append((step, blow))
    print("struck:", [(step, blow.number, "step" if blow.step else "run") for step, blow in struck])
    check_end(job, start(job, TMPDIR=str(temporary)), undisturbed)
    check_nothing_left(temporary)


@pytest.mark.long
@pytest.mark.parametrize("blow", BLOWS)
@pytest.mark.parametrize("step", ["benchmark", "judgement", "tracking"])
def test_nothing_is_promoted_after_the_end(step, blow, undisturbed, tmp_path, start, temporary):
    for attempt in range(ATTEMPTS):
        job = without(copy_of(undisturbed.job, tmp_path / f"digits{attempt}"), step)
        if play(job, blow, step, random.Random(attempt), start, temporary):
            break
    else:
        pytest.fail(f"{step} was over before the signal came, {ATTEMPTS} times")
    time.sleep(QUIET)
    found = store(job)
    assert (found["versions"], found["aliases"]) == ([], {})

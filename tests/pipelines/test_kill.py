"""A run that is killed at any moment and started again ends like one that nobody disturbed.

Only processes that these tests started are killed: each runs on a copy of the example in a folder of its own.
"""

import contextlib
import random
import time

import psutil
import pytest

from tests.support.pipeline_runs import SPANS, STEPS, before, begun, check_end, copy_of, state_of, wait_for

pytestmark = pytest.mark.slow


def kill_at_random(job, run, rng, step, seconds):
    """Kill within a step, or every third time at any moment, between two steps too."""
    group = rng.random() < 0.5
    if rng.random() < 1 / 3:
        time.sleep(rng.uniform(0, seconds))
    else:
        wait_for(lambda: begun(job, step), run)
        time.sleep(rng.uniform(0, SPANS.get(step, 0.3)))
    run.kill(group)


@pytest.fixture
def kill_and_finish(undisturbed, start):
    """Give a function that kills a job's runs as a seed says, starts it again and compares its end."""

    def play(seed, job):
        rng = random.Random(seed)
        kills = [STEPS[seed % len(STEPS)]] + ([rng.choice(STEPS)] if rng.random() < 1 / 3 else [])
        for step in kills:
            kill_at_random(job, start(job), rng, step, undisturbed.seconds)
        check_end(job, start(job), undisturbed)

    return play


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_a_killed_run_started_again_ends_like_an_undisturbed_one(
    seed, copy_example, tmp_path, kill_and_finish
):
    kill_and_finish(seed, copy_example(tmp_path / "digits"))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))])
def test_a_run_killed_in_a_step_that_talks_to_a_server_ends_like_an_undisturbed_one(
    seed, undisturbed, tmp_path, kill_and_finish
):
    """As above, but earlier steps are done: CI has less time."""
    kill_and_finish(seed, before(copy_of(undisturbed.job, tmp_path / "digits"), STEPS[seed]))


def test_a_run_beside_another_is_refused_and_a_step_of_a_killed_one_ends_with_it(
    undisturbed, tmp_path, start
):
    job = before(copy_of(undisturbed.job, tmp_path / "digits"), "benchmark")
    note = state_of(job) / "benchmark.pid"
    first = start(job)
    assert wait_for(note.exists, first), first.err[-3000:]
    beside = start(job)
    assert beside.wait() == 2
    assert beside.out == ""
    assert beside.err.count("\n") == 1
    assert "another run of this job is under way" in beside.err
    step = psutil.Process(int(note.read_text()))
    first.kill(group=False)
    assert psutil.wait_procs([step], timeout=30)[1] == [], "the step outlives its parent"
    second = start(job)
    check_end(job, second, undisturbed)


def step_process(run, function):
    """Find the process of a component below a run: the child of the one that watches it."""
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(run.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                line = process.cmdline()
                asked = (
                    line[1:4] == ["-m", "inc_mlflow.pipelines.launch", "kfp.dsl.executor_main"]
                    and line[-1] == function
                )
                if asked and (step := process.children()):
                    return step[0]
    return None


def test_a_step_that_had_not_announced_itself_when_its_parent_was_killed_is_ended_too(
    undisturbed, tmp_path, start
):
    """A step takes a second to import what it needs; a busy machine is played by stopping it there."""
    job = before(copy_of(undisturbed.job, tmp_path / "digits"), "tracking")
    first = start(job)
    step = wait_for(lambda: step_process(first, "track"), first)
    assert step, first.err[-3000:]
    step.suspend()
    first.kill(group=False)
    assert not (state_of(job) / "tracking.pid").exists(), "it has announced itself: stop it earlier"
    second = start(job)
    try:
        assert wait_for(lambda: step_process(second, "track"), second), second.err[-3000:]
        assert not step.is_running() or step.status() == psutil.STATUS_ZOMBIE, (
            "two processes log this job at once"
        )
    finally:
        with contextlib.suppress(psutil.Error):
            step.resume()
    check_end(job, second, undisturbed)

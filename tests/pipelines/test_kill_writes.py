"""Killed at any single write to the store, logging and promotion are completed and duplicate nothing."""

import random
import shutil
import signal
from pathlib import Path

import pytest

from tests.support.pipeline_runs import NEVER, SEEDS, before, check_store, copy_of, late, state_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def writes_of_creation(tmp_path_factory, copy_example):
    """How many statements and commits MLflow needs to make its store."""
    job = copy_example(tmp_path_factory.mktemp("creation") / "digits")
    done = late("connect", job, NEVER, state=None)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_store_that_was_being_made_when_the_run_was_killed_can_be_used(
    seed, writes_of_creation, copy_example, tmp_path
):
    job = copy_example(tmp_path / "digits")
    fatal = random.Random(seed).randint(1, writes_of_creation)
    assert late("connect", job, fatal, state=None).returncode == -signal.SIGKILL
    again = late("connect", job, NEVER, state=None)
    assert again.returncode == 0, f"killed at write {fatal} of {writes_of_creation}: {again.stderr[-2000:]}"


@pytest.fixture(scope="module")
def measured(undisturbed, tmp_path_factory):
    """A job that was killed when everything was measured and nothing logged; its store is there and empty."""
    job = before(copy_of(undisturbed.job, tmp_path_factory.mktemp("measured") / "digits"), "tracking")
    done = late("connect", job, NEVER, state=None)
    assert done.returncode == 0, done.stderr
    return job


@pytest.fixture
def unlogged(measured, tmp_path):
    """A copy of it, with the store: as long as that is empty it names no folder."""
    return Path(shutil.copytree(measured.parent, tmp_path / "digits")) / measured.name


@pytest.fixture(scope="module")
def writes_of_logging(measured, tmp_path_factory):
    """How many statements and commits it takes to log and promote."""
    job = (
        Path(shutil.copytree(measured.parent, tmp_path_factory.mktemp("logging") / "digits")) / measured.name
    )
    done = late("log", job, NEVER, state=state_of(job))
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("seed", SEEDS)
def test_logging_that_was_killed_at_any_write_is_completed_and_duplicates_nothing(
    seed, unlogged, writes_of_logging, undisturbed
):
    fatal = random.Random(seed).randint(1, writes_of_logging)
    state = state_of(unlogged)
    assert late("log", unlogged, fatal, state=state).returncode == -signal.SIGKILL
    again = late("log", unlogged, NEVER, state=state)
    assert again.returncode == 0, f"killed at write {fatal} of {writes_of_logging}: {again.stderr[-2000:]}"
    found = check_store(unlogged, undisturbed.result)
    live = {run["id"] for run in found["runs"] if run["live"]}
    strays = [one for one in found["logged"] if one["run"] not in live]
    assert strays == [], (
        f"killed at write {fatal} of {writes_of_logging}: logged models that belong to no live run"
    )

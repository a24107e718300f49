"""A run that is killed at any moment and started again ends like one that nobody disturbed.

Only processes that these tests started are killed: each runs on a copy of the example in a folder of its own.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.slow

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
STEPS = ("promotion", "tracking", "champion", "benchmark", "candidates", "baseline", "evaluation", "ranges", "judgement")
"""Directories of the steps, those with side effects first: they are the ones that the few seeds of CI meet."""
ORDER = ("champion", "baseline", "ranges", "candidates", "evaluation", "benchmark", "judgement", "tracking", "promotion")
SPANS = {"benchmark": 8.0, "champion": 3.0, "tracking": 4.0, "promotion": 2.0}
"""Seconds after a step's start within which it is killed; 0.3 for the others."""
SEEDS = [*range(3), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 20))]
POLL = 0.002
PATIENCE = 240.0
NEVER = -1

STORE = """
import json, sys, warnings
warnings.simplefilter("ignore")
from mlflow import MlflowClient
from mlflow.entities import ViewType
client = MlflowClient(sys.argv[1], sys.argv[1])
experiments = [one.experiment_id for one in client.search_experiments(ViewType.ALL) if one.name != "Default"]
runs = client.search_runs(experiments, run_view_type=ViewType.ALL)
models = client.search_registered_models()
json.dump({
    "experiments": len(experiments),
    "runs": [{
        "id": run.info.run_id,
        "live": run.info.lifecycle_stage == "active",
        "status": run.info.status,
        "role": run.data.tags.get("inc.role"),
        "parent": run.data.tags.get("mlflow.parentRunId"),
        "sha256": run.data.params.get("inc.sha256"),
        "model": run.data.tags.get("inc.model_id"),
        "metrics": sorted(run.data.metrics),
    } for run in runs],
    "versions": [{
        "version": str(one.version), "sha256": one.tags.get("inc.sha256"), "model": one.tags.get("inc.model_id"),
    } for one in client.search_model_versions()],
    "aliases": {model.name: {name: str(version) for name, version in model.aliases.items()} for model in models},
    "logged": [{
        "id": one.model_id, "run": one.source_run_id, "status": str(one.status),
    } for one in client.search_logged_models(experiments)],
}, sys.stdout)
"""
LATE_STEPS = """
import json, os, signal, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from sqlalchemy import event
from sqlalchemy.engine import Engine
from inc_mlflow.spec import Job
from inc_mlflow.steps.promote import promote_best
from inc_mlflow.steps.track import track
from inc_mlflow.tracking.server import Server, connected
from inc_mlflow.tracking.versions import find_champion

what, job, fatal = sys.argv[1], Job.load(Path(sys.argv[2])), int(sys.argv[3])
written = 0

@event.listens_for(Engine, "after_cursor_execute")
def count(connection, cursor, statement, *_):
    global written
    written += statement.split()[0].upper() not in {"SELECT", "PRAGMA"}
    if written == fatal:
        os.kill(os.getpid(), signal.SIGKILL)

@event.listens_for(Engine, "commit")
def committed(connection):
    global written
    written += 1
    if written == fatal:
        os.kill(os.getpid(), signal.SIGKILL)

if what == "connect":
    with connected(Server.of(job)) as client:
        assert find_champion(client, "digits") is None
else:
    state = Path(os.environ["INC_MLFLOW_STATE"])
    os.environ["INC_MLFLOW_SESSION"] = (state / "session").read_text()
    steps = {name: state / name for name in ("baseline", "evaluation", "benchmark", "judgement")}
    track(job, state / "tracking", **steps)
    late = {name: state / name for name in ("champion", "judgement", "tracking")}
    promote_best(job, state / "promotion", **late)
print(json.dumps(written))
"""


def environment(**more):
    own = {name: value for name, value in os.environ.items() if not name.startswith(("INC_MLFLOW", "MLFLOW"))}
    return own | more


class Run:
    """One `inc-mlflow run` in a process group of its own, with its output in files."""

    def __init__(self, job: Path) -> None:
        self._out, self._err = (job.parent / f"{name}-{time.monotonic_ns()}.txt" for name in ("out", "err"))
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                [PROGRAM, "run", job, "--json"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment(),
                start_new_session=True,
            )

    def wait(self):
        return self.process.wait(PATIENCE)

    def kill(self, group: bool) -> None:
        """End the parent alone, or it and everything it started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL) if group else self.process.kill()
            self.process.wait()

    @property
    def out(self):
        return self._out.read_text()

    @property
    def err(self):
        return self._err.read_text()


@dataclass(frozen=True)
class Undisturbed:
    """What a run gives that nobody disturbs."""

    job: Path
    seconds: float
    result: dict
    folders: tuple[list[str], list[str]]


def state_of(job):
    """Return the state folder of a job that has run, or None."""
    found = [path for path in (job.parent / ".inc-mlflow").glob("*") if (path / "lock").exists()]
    assert len(found) <= 1
    return found[0] if found else None


def folders(job):
    """Names in the folder beside the job and in its state folder, hidden files too."""
    state = state_of(job)
    beside = sorted(path.name for path in state.parent.iterdir() if path != state)
    return beside, sorted(path.name for path in state.iterdir())


def candidates(result):
    return [(row["recipe"], row["sha256"]) for row in result["table"]]


def store(job):
    command = [sys.executable, "-c", STORE, f"sqlite:///{job.parent / '.inc-mlflow' / 'mlflow.db'}"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def steps_of(job):
    """Processes alive that work on the state of this job: its folder is named in their environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("INC_MLFLOW_STATE", "").startswith(f"{job.parent}/"):
                found.append(process)
    return found


def copy_of(source, target):
    """Copy a job's folder; MLflow's files are left out since they name the folder they were made in."""
    skip = shutil.ignore_patterns("mlflow.db*", "artifacts", "*.txt")
    shutil.copytree(source.parent, target, ignore=skip)
    return target / source.name


def before(job, step):
    """Take out the results of a step and of all later ones; what is logged is logged anew, in this folder's store."""
    state, first = state_of(job), min(ORDER.index(step), ORDER.index("tracking"))
    (state / "result.json").unlink()
    for name in ORDER[first:]:
        shutil.rmtree(state / name)
    return job


def check_store(job, result):
    """One live parent, one live child per candidate, one version that the alias names; nothing RUNNING, deleted or not."""
    found = store(job)
    live = [run for run in found["runs"] if run["live"]]
    assert [run for run in found["runs"] if run["status"] == "RUNNING"] == []
    assert found["experiments"] == 1
    (parent,) = (run for run in live if run["role"] == "job")
    children = [run for run in live if run["role"] == "candidate"]
    assert [run["status"] for run in live] == ["FINISHED"] * len(live)
    assert sorted(run["sha256"] for run in children) == sorted(row["sha256"] for row in result["table"][1:])
    assert {run["parent"] for run in children} == {parent["id"]}
    assert all("speedup" in run["metrics"] and "accuracy" in run["metrics"] for run in children)
    (version,) = found["versions"]
    assert found["aliases"] == {"digits": {"int8-champion": version["version"]}}
    assert version["sha256"] == result["champion"]["sha256"]
    assert version["model"] in {run["model"] for run in children}
    return found


def check_end(job, run, undisturbed):
    assert run.wait() == 0, run.err[-3000:]
    result = json.loads(run.out)
    assert result["verdict"] == "pass"
    assert candidates(result) == candidates(undisturbed.result)
    assert folders(job) == undisturbed.folders
    check_store(job, result)
    assert psutil.wait_procs(steps_of(job), timeout=5)[1] == []


@pytest.fixture
def start():
    """Give a function that starts runs; whatever they left alive is ended afterwards, by process id."""
    jobs, runs = set(), []

    def begin(job):
        jobs.add(job)
        runs.append(Run(job))
        return runs[-1]

    yield begin
    for run in runs:
        run.kill(group=True)
    for process in [process for job in jobs for process in steps_of(job)]:
        with contextlib.suppress(psutil.Error):
            process.kill()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, copy_example):
    job = copy_example(tmp_path_factory.mktemp("undisturbed") / "digits")
    begun, run = time.monotonic(), Run(job)
    assert run.wait() == 0, run.err[-3000:]
    result = json.loads(run.out)
    check_store(job, result)
    return Undisturbed(job, time.monotonic() - begun, result, folders(job))


def wait_for(condition, run):
    """Poll until the condition holds or the run is over."""
    end = time.monotonic() + PATIENCE
    while run.process.poll() is None and not (found := condition()):
        assert time.monotonic() < end, run.err[-3000:]
        time.sleep(POLL)
    return run.process.poll() is None and found


def begun(job, step):
    """Tell whether a step has begun; one that takes milliseconds may be over already."""
    state = state_of(job)
    return state is not None and ((state / f"{step}.pid").exists() or (state / step).exists())


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
def test_a_killed_run_started_again_ends_like_an_undisturbed_one(seed, copy_example, tmp_path, kill_and_finish):
    kill_and_finish(seed, copy_example(tmp_path / "digits"))


@pytest.mark.parametrize("seed", range(3))
def test_a_run_killed_in_a_step_that_talks_to_a_server_ends_like_an_undisturbed_one(
    seed, undisturbed, tmp_path, kill_and_finish
):
    """As above, but earlier steps are done: CI has less time."""
    kill_and_finish(seed, before(copy_of(undisturbed.job, tmp_path / "digits"), STEPS[seed]))


def late(*arguments, state):
    command = [sys.executable, "-c", LATE_STEPS, *map(str, arguments)]
    more = {"INC_MLFLOW_STATE": str(state)} if state else {}
    return subprocess.run(command, env=environment(**more), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def writes_of_creation(tmp_path_factory, copy_example):
    """How many statements and commits MLflow needs to make its store."""
    job = copy_example(tmp_path_factory.mktemp("creation") / "digits")
    done = late("connect", job, NEVER, state=None)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_store_that_was_being_made_when_the_run_was_killed_can_be_used(seed, writes_of_creation, copy_example, tmp_path):
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
    job = Path(shutil.copytree(measured.parent, tmp_path_factory.mktemp("logging") / "digits")) / measured.name
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
    assert strays == [], f"killed at write {fatal} of {writes_of_logging}: logged models that belong to no live run"


def test_a_run_beside_another_is_refused_and_a_step_of_a_killed_one_is_ended(undisturbed, tmp_path, start):
    job = before(copy_of(undisturbed.job, tmp_path / "digits"), "benchmark")
    note = state_of(job) / "benchmark.pid"
    first = start(job)
    assert wait_for(note.exists, first), first.err[-3000:]
    beside = start(job)
    assert beside.wait() == 2
    assert beside.out == ""
    assert beside.err.count("\n") == 1
    assert "another run of this job is under way" in beside.err
    step = psutil.Process(json.loads(note.read_text())["pid"])
    first.kill(group=False)
    assert step.is_running() and step.status() != psutil.STATUS_ZOMBIE, "the step should outlive its parent"
    second = start(job)
    assert wait_for(lambda: note.exists() and json.loads(note.read_text())["pid"] != step.pid, second), second.err[-3000:]
    assert not step.is_running() or step.status() == psutil.STATUS_ZOMBIE, "two benchmarks run at once"
    check_end(job, second, undisturbed)


def step_process(run, function):
    """Find the Python process of a component below a run."""
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(run.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                line = process.cmdline()
                if line[1:3] == ["-m", "kfp.dsl.executor_main"] and line[-1] == function:
                    return process
    return None


def test_a_step_that_had_not_announced_itself_when_its_parent_was_killed_is_ended_too(undisturbed, tmp_path, start):
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
        assert not step.is_running() or step.status() == psutil.STATUS_ZOMBIE, "two processes log this job at once"
    finally:
        with contextlib.suppress(psutil.Error):
            step.resume()
    check_end(job, second, undisturbed)

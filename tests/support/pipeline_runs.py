"""Runs that are killed, and what must be true of every one that ends."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.support.brief_benchmarks import brief
from tests.support.paths import ROOT

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
STEPS = (
    "promotion",
    "tracking",
    "champion",
    "benchmark",
    "candidates",
    "baseline",
    "evaluation",
    "ranges",
    "judgement",
)
"""Directories of the steps, those with side effects first: they are the ones that the few seeds of CI
meet."""
ORDER = (
    "champion",
    "baseline",
    "ranges",
    "candidates",
    "evaluation",
    "benchmark",
    "judgement",
    "tracking",
    "promotion",
)
SPANS = {"benchmark": 2.5, "champion": 3.0, "tracking": 4.0, "promotion": 2.0}
"""Seconds after a step's start within which it is killed; 0.3 for the others."""
SEEDS = [*range(2), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 20))]
POLL = 0.002
PATIENCE = 240.0
NEVER = -1
ENDS = 12.0
"""Seconds after which no process and no temporary file of a run that a signal ended may be left, also on a busy
machine; after 15 s the guard kills what hears nothing."""
SCRIPTS = ROOT / "tests" / "pipelines" / "scripts"


def environment(**more):
    own = {name: value for name, value in os.environ.items() if not name.startswith(("INC_MLFLOW", "MLFLOW"))}
    return own | more


def heeding():
    """Heed Ctrl-C and a hang-up, which a shell or nohup lets background jobs ignore, these tests among them."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Run:
    """One `inc-mlflow run` in a process group of its own, with its output in files."""

    def __init__(self, job: Path, **more: str) -> None:
        self._out, self._err = (job.parent / f"{name}-{time.monotonic_ns()}.txt" for name in ("out", "err"))
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                [PROGRAM, "run", job, "--json"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment(**brief(), **more),
                start_new_session=True,
                preexec_fn=heeding,
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
    command = [sys.executable, SCRIPTS / "store.py", f"sqlite:///{job.parent / '.inc-mlflow' / 'mlflow.db'}"]
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


def processes(temporary):
    """Return everything that was started with these temporary files, guards among them."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            found += [process] if process.environ().get("TMPDIR", "").startswith(str(temporary)) else []
    return found


def check_nothing_left(temporary):
    late = time.monotonic() + ENDS
    while left := [*processes(temporary), *temporary.iterdir()]:
        assert time.monotonic() < late, left
        time.sleep(0.05)


def copy_of(source, target):
    """Copy a job's folder; MLflow's files are left out since they name the folder they were made in."""
    skip = shutil.ignore_patterns("mlflow.db*", "artifacts", "*.txt")
    shutil.copytree(source.parent, target, ignore=skip)
    return target / source.name


def before(job, step):
    """Take out the results of a step and of all later ones.

    What is logged is logged anew, in this folder's store.
    """
    state, first = state_of(job), min(ORDER.index(step), ORDER.index("tracking"))
    (state / "result.json").unlink()
    for name in ORDER[first:]:
        shutil.rmtree(state / name)
    return job


def check_store(job, result):
    """One live parent, one live child per row and one per measurement, one version that the alias names.

    Nothing RUNNING.
    """
    found = store(job)
    live = [run for run in found["runs"] if run["live"]]
    assert [run for run in found["runs"] if run["status"] == "RUNNING"] == []
    assert found["experiments"] == 1
    (parent,) = (run for run in live if run["role"] == "job")
    children = [run for run in live if run["role"] == "candidate"]
    assert [run["status"] for run in live] == ["FINISHED"] * len(live)
    assert sorted(run["sha256"] for run in children) == sorted(row["sha256"] for row in result["table"][1:])
    assert {run["parent"] for run in live if run != parent} == {parent["id"]}
    shas = sorted(row["sha256"] for row in result["table"] for _ in row["per_pool"])
    assert sorted(run["sha256"] for run in live if run["role"] == "measurement") == shas
    (baseline,) = (run for run in live if run["role"] == "baseline")
    assert sorted(one["run"] for one in found["logged"]) == sorted(run["id"] for run in (baseline, *children))
    assert {one["status"] for one in found["logged"]} == {"READY"}
    assert found["twice"] == []
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


def late(*arguments, state):
    command = [sys.executable, SCRIPTS / "late_steps.py", *map(str, arguments)]
    more = {"INC_MLFLOW_STATE": str(state)} if state else {}
    return subprocess.run(command, env=environment(**more), capture_output=True, text=True, check=False)

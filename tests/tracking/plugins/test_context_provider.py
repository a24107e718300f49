"""Tags of runs: those of our steps say where they were opened, and nobody else's are touched."""

import platform
import subprocess
import sys
import threading
from pathlib import Path

import mlflow
import pytest

from inc_mlflow.hardware.probe import host_facts
from inc_mlflow.records import CalibrationRecord
from inc_mlflow.spec import Job, JobSpec
from inc_mlflow.steps.step import STATE, step
from inc_mlflow.tracking.plugins.step_context import POD_FACTS, step_context

SPEC = JobSpec.from_text(
    "{version: 1, name: a, model: a.onnx, data: {validation: {path: a.npz}}, metric: top1, recipes: [{method: dynamic}]}"
)


@pytest.fixture
def opened(store):
    """Give a function that opens a run as anybody does, and returns our tags of it."""

    def open_run() -> dict[str, str]:
        with mlflow.start_run() as run:
            pass
        return {name: value for name, value in store.tags(run.info.run_id).items() if name.startswith("inc.")}

    return open_run


def ran(opened, folder: Path, pool: str | None) -> dict[str, str]:
    """Open a run inside a step."""
    found = {}

    @step("calibrate", CalibrationRecord)
    def calibrate(job: Job, target: Path) -> CalibrationRecord:
        found.update(opened())
        return CalibrationRecord(model_sha256="", ranges_sha256=None, tensors=0, rows=0)

    calibrate(Job(SPEC, folder, on=pool), folder / "target")
    return found


@pytest.fixture
def pod(monkeypatch):
    for tag, (variable, _) in POD_FACTS.items():
        monkeypatch.setenv(variable, f"the {tag}")


def test_a_run_of_a_step_on_a_pool_carries_its_hardware(opened, tmp_path):
    host = host_facts()
    assert ran(opened, tmp_path, "intel") == {
        "inc.step": "calibrate",
        "inc.pool": "intel",
        "inc.arch": platform.machine(),
        "inc.cpu": host.cpu,
        **({"inc.isa": " ".join(host.isa)} if host.isa else {}),
    }


def test_a_step_that_measures_nothing_names_no_hardware(opened, tmp_path):
    assert ran(opened, tmp_path, None) == {"inc.step": "calibrate"}


@pytest.mark.usefixtures("pod")
def test_in_a_pod_it_carries_the_facts_of_the_pod(opened, tmp_path):
    assert ran(opened, tmp_path, None) == {"inc.step": "calibrate"} | {tag: f"the {tag}" for tag in POD_FACTS}


def test_so_it_does_where_the_step_keeps_its_state(opened, tmp_path, monkeypatch):
    monkeypatch.setenv(STATE, str(tmp_path / "state"))
    (tmp_path / "state").mkdir()
    assert ran(opened, tmp_path, None) == {"inc.step": "calibrate"}


@pytest.mark.usefixtures("pod")
def test_runs_outside_of_our_steps_are_untouched(opened, tmp_path):
    assert opened() == {}
    ran(opened, tmp_path, "intel")
    assert opened() == {}


@pytest.mark.usefixtures("pod")
def test_what_another_thread_does_meanwhile_is_untouched(opened):
    found = {}
    with step_context("calibrate", "intel"):
        thread = threading.Thread(target=lambda: found.update(opened()))
        thread.start()
        thread.join()
    assert found == {}


def test_a_step_that_fails_leaves_nothing_behind(opened):
    with pytest.raises(ZeroDivisionError), step_context("calibrate", "intel"):
        _ = 1 / 0
    assert opened() == {}


@pytest.mark.slow
def test_the_runs_and_models_of_a_job_carry_the_facts_of_the_pod(store, measured, monkeypatch):
    monkeypatch.setenv("INC_MLFLOW_POD", "track-0")
    logged = measured.track(store.folder)
    for run_id in (logged.parent_run_id, *logged.runs.values()):
        assert {"inc.step": "tracking", "inc.pod": "track-0"}.items() <= store.tags(run_id).items()
        assert "inc.cpu" not in store.tags(run_id)  # what opened the run is not what made its numbers
    for model_id in logged.models.values():
        assert store.client.get_logged_model(model_id).tags["inc.pod"] == "track-0"


def imported(module: str, *options: str) -> list[str]:
    """Import a module of MLflow's in a new process; return the modules of ours that it brought."""
    code = (
        f"import sys, {module}; print(*sorted(name for name in sys.modules if name.startswith('inc_mlflow')))"
    )
    done = subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


PROVIDER = [
    "inc_mlflow",
    "inc_mlflow.tracking",
    "inc_mlflow.tracking.plugins",
    "inc_mlflow.tracking.plugins.context_provider",
    "inc_mlflow.tracking.plugins.step_context",
]


def test_importing_mlflow_warns_of_nothing_and_brings_next_to_nothing():
    assert imported("mlflow", "-W", "error") == PROVIDER


def test_importing_its_evaluation_brings_the_evaluator_alone():
    hints = "ignore:.*Any type hint is inferred:UserWarning"  # about MLflow's own code
    found = imported("mlflow.models.evaluation.evaluator_registry", "-W", hints.replace(".*", ""))
    assert found == sorted([*PROVIDER, "inc_mlflow.tracking.plugins.evaluator"])

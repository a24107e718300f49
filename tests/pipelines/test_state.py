"""The state folder: named by content, locked by one run, cleaned of what a killed run left."""

import contextlib
import json
import os
import subprocess
import sys

import numpy as np
import onnx
import psutil
import pytest
import yaml

from inc_mlflow.errors import StateError
from inc_mlflow.pipelines.state import (
    clear,
    end_orphans,
    ended_sessions,
    forget_ended_sessions,
    locked,
    session_id,
    state_folder,
)
from inc_mlflow.spec import Job
from inc_mlflow.steps.prepare.check import check

METRIC = '''
def score(outputs, labels, reference):
    """{comment}"""
    return (next(iter(outputs.values())).argmax(1) == labels).astype(float)
'''


def folder_of(job_file):
    job = Job.load(job_file)
    return state_folder(job, check(job).facts, "int8")


def edit(job_file, change):
    data = yaml.safe_load(job_file.read_text())
    change(data)
    job_file.write_text(yaml.safe_dump(data))


def use_metric(job_file, reference):
    file = job_file.parent / reference.partition(":")[0]
    file.parent.mkdir(exist_ok=True)
    file.write_text(METRIC.format(comment="first"))
    edit(job_file, lambda data: data.update(metric={"callable": reference}))
    return file


def test_the_folder_stands_beside_the_job_and_is_named_by_twelve_digits(digits):
    folder = folder_of(digits)
    assert folder.parent == digits.parent / ".inc-mlflow"
    assert len(folder.name) == 12
    assert int(folder.name, 16) >= 0


def test_the_order_of_keys_and_comments_do_not_change_it(digits):
    before = folder_of(digits)
    data = yaml.safe_load(digits.read_text())
    turned = dict(reversed(list(data.items())))
    turned["data"] = dict(reversed(list(data["data"].items())))
    digits.write_text(
        "# another comment\n" + yaml.safe_dump(turned, sort_keys=False) + "# and one at the end\n"
    )
    assert folder_of(digits) == before


def test_a_default_that_is_written_out_does_not_change_it(digits):
    before = folder_of(digits)
    edit(
        digits,
        lambda data: data.update(
            pools=["local"], metric={"name": "top1"}, benchmark={"layout": "1s1c1ins1bs"}
        ),
    )
    assert folder_of(digits) == before


def test_a_copy_of_the_job_elsewhere_has_the_same_name(digits, tmp_path):
    before = folder_of(digits)
    digits.parent.rename(tmp_path / "moved")
    assert folder_of(tmp_path / "moved" / digits.name).name == before.name


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(name="other"),
        lambda data: data["gate"].update(min_speedup=1.1),
        lambda data: data["data"]["calibration"].update(samples=199),
        lambda data: data["recipes"][0].update(per_channel=False),
        lambda data: data["tracking"].update(registered_model="other"),
    ],
    ids=["name", "gate", "samples", "recipe", "registered model"],
)
def test_every_change_of_the_spec_changes_it(digits, change):
    before = folder_of(digits)
    edit(digits, change)
    assert folder_of(digits) != before


def test_other_bytes_of_the_model_change_it(digits):
    before = folder_of(digits)
    model = onnx.load(digits.parent / "fp32.onnx")
    model.doc_string = "exported again"
    onnx.save(model, digits.parent / "fp32.onnx")
    assert folder_of(digits) != before


def change_value(arrays):
    name = next(name for name, array in arrays.items() if array.dtype.kind == "f")
    arrays[name].flat[0] += 1


def change_label(arrays):
    arrays["label"][0] = (arrays["label"][0] + 1) % 10


def change_order(arrays):
    for name, array in arrays.items():
        arrays[name] = array[::-1].copy()


@pytest.mark.parametrize("split", ["calib", "tune", "dev"])
@pytest.mark.parametrize(
    "change", [change_value, change_label, change_order], ids=["value", "label", "order"]
)
def test_one_other_row_of_any_split_changes_it(digits, split, change):
    before = folder_of(digits)
    path = digits.parent / f"{split}.npz"
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    if change is change_label and "label" not in arrays:
        pytest.skip("the split has no labels")
    if split == "calib":  # all its rows: a drawn sample may leave the first one out
        edit(digits, lambda data: data["data"]["calibration"].pop("samples"))
        before = folder_of(digits)
    change(arrays)
    np.savez(path, **arrays)
    assert folder_of(digits) != before


def test_the_same_rows_packed_otherwise_do_not_change_it(digits):
    before = folder_of(digits)
    path = digits.parent / "dev.npz"
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    np.savez_compressed(path, **dict(reversed(arrays.items())))
    assert folder_of(digits) == before


def test_other_source_of_the_metric_changes_it(digits):
    file = use_metric(digits, "metric.py:score")
    before = folder_of(digits)
    file.write_text(METRIC.format(comment="second"))
    assert folder_of(digits) != before


def test_of_two_sources_with_one_name_each_changes_it(digits):
    """Data in ``a/code.py`` and metric in ``b/code.py``."""
    metric = use_metric(digits, "b/code.py:score")
    data = digits.parent / "a" / "code.py"
    data.parent.mkdir()
    text = (
        "import numpy as np\nfrom pathlib import Path\n"
        "def rows(split):\n"
        "    with np.load(Path(__file__).parents[1] / 'dev.npz') as archive:\n"
        "        arrays = {name: archive[name] for name in archive.files}\n"
        "    labels = arrays.pop('label')\n"
        "    yield arrays, labels\n"
    )
    data.write_text(text)
    edit(digits, lambda job: job["data"].update(validation={"callable": "a/code.py:rows"}))
    names = {folder_of(digits)}
    metric.write_text(METRIC.format(comment="second"))
    names.add(folder_of(digits))
    data.write_text(text + "# another comment\n")
    names.add(folder_of(digits))
    assert len(names) == 3


def test_the_session_is_kept_until_the_state_is_cleared(tmp_path):
    first = session_id(tmp_path)
    assert session_id(tmp_path) == first
    clear(tmp_path)
    assert session_id(tmp_path) != first


def test_clear_remembers_executions_that_may_have_left_runs_open(tmp_path):
    killed = []
    for _ in range(2):
        killed.append(session_id(tmp_path))
        clear(tmp_path)
    assert sorted(ended_sessions(tmp_path)) == sorted(killed)
    assert session_id(tmp_path) not in killed
    forget_ended_sessions(tmp_path)
    assert ended_sessions(tmp_path) == []


def test_clear_forgets_everything_but_the_lock_and_the_session(tmp_path):
    state = tmp_path / "state"
    with locked(state):
        (state / "baseline").mkdir()
        (state / "baseline" / "model.onnx").write_bytes(b"x")
        (state / ".ranges.partial").mkdir()
        for name in ("result.json", "session", "gate.error", ".result.json.12"):
            (state / name).write_text("{}")
        clear(state)
        assert sorted(path.name for path in state.iterdir()) == ["ended", "lock"]
        with pytest.raises(StateError), locked(state):
            pass


def test_a_second_run_of_a_job_is_refused_in_one_line(tmp_path):
    state = tmp_path / "state"
    with (
        locked(state),
        pytest.raises(StateError, match="another run of this job is under way") as raised,
        locked(state),
    ):
        pass
    assert "\n" not in str(raised.value)


def test_the_lock_is_free_again_after_a_run_that_failed(tmp_path):
    state = tmp_path / "state"
    with pytest.raises(ZeroDivisionError), locked(state):
        raise ZeroDivisionError
    with locked(state):
        pass


@pytest.fixture
def sleeper():
    """Give a function that starts a process with a child, as a step of a state.

    Both are ended whatever happens.
    """
    sleeping = "import time; print(flush=True); time.sleep(60)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {sleeping!r}])"
    started = []

    def start(state):
        environment = os.environ | {"INC_MLFLOW_STATE": str(state)}
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment)
        started.append(process)
        process.stdout.readline()  # the child lives
        started.extend(psutil.Process(process.pid).children())
        return psutil.Process(process.pid)

    yield start
    for process in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    for process in started:
        if isinstance(process, subprocess.Popen):
            process.communicate()


def announce(state, name, pid, created):
    state.mkdir(exist_ok=True)
    (state / f"{name}.pid").write_text(json.dumps({"pid": pid, "created": created}))


def alive(processes):
    living = psutil.wait_procs(processes, timeout=2)[1]
    return [process for process in living if process.status() != psutil.STATUS_ZOMBIE]


def test_a_step_left_by_a_killed_run_is_ended_with_its_children(tmp_path, sleeper):
    step = sleeper(tmp_path)
    processes = [step, *step.children()]
    announce(tmp_path, "benchmark", step.pid, step.create_time())
    end_orphans(tmp_path)
    assert alive(processes) == []
    assert list(tmp_path.iterdir()) == []


def test_a_stranger_with_the_process_id_of_a_step_is_left_alone(tmp_path, sleeper):
    stranger = sleeper(tmp_path / "state of another job")
    announce(tmp_path, "benchmark", stranger.pid, stranger.create_time() - 100)
    end_orphans(tmp_path)
    assert len(alive([stranger, *stranger.children()])) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_note_of_a_step_that_is_gone_is_removed(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    announce(tmp_path, "benchmark", gone.pid, 1.0)
    end_orphans(tmp_path)
    assert list(tmp_path.iterdir()) == []

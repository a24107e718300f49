"""Unwritable places, full disks, and MLflow servers that are away or hold what is not ours."""

import json
import os
import socket
import subprocess
import sys

import pytest

BELOW_A_FILE = ["file/out", "file/deep/out"]
STATIC = [{"method": "static"}]


def writing(work, command, out):
    """Return the arguments of a command that writes ``out``."""
    recipe = ["--recipe", '{"method": "dynamic"}'] if command == "quantize" else []
    return [command, work.folder / "fp32.onnx" if command == "import" else work.job, *recipe, "-o", out]


@pytest.mark.parametrize("command", ["import", "calibrate", "quantize"])
@pytest.mark.parametrize("place", [*BELOW_A_FILE, "file", "folder"])
def test_output_not_writable(refused, work, command, place):
    if (place, command) in {("file", "calibrate"), ("file", "quantize"), ("folder", "import")}:
        pytest.skip("it may be written there")
    work.set("data.calibration.samples", 2)
    work.write("file", "kept")
    (work.folder / "folder").mkdir()
    refused(
        *writing(work, command, work.folder / place),
        holds=(place, "cannot be written", "choose a writable directory"),
    )
    assert (work.folder / "file").read_text() == "kept"
    assert sorted(path.name for path in work.folder.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize("place", BELOW_A_FILE)
def test_package_not_writable(run_program, refused_late, work, place):
    work.write("file", "kept")
    ended = run_program(*writing(work, "compile", work.folder / place))
    refused_late(ended, place, "cannot be written", "choose a writable directory")
    assert len(ended.stderr.splitlines()) == 1


def test_state_not_writable(refused, work):
    work.write(".inc-mlflow", "kept")
    refused(
        "run",
        work.job,
        holds=(".inc-mlflow", "cannot be written (Not a directory)", "choose a writable directory"),
    )
    assert (work.folder / ".inc-mlflow").read_text() == "kept"


@pytest.mark.parametrize(
    ("command", "kilobytes"),
    [("import", 8), ("import", 300), ("import", 600), ("calibrate", 0), ("quantize", 8)],
)
def test_output_on_a_full_disk(refused, work, small_disk, command, kilobytes):
    work.set("data.calibration.samples", 2)
    disk = small_disk("disk", max(kilobytes, 4))
    if not kilobytes:
        (disk / "full").write_bytes(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize))
    refused(*writing(work, command, disk / "out"), holds=(str(disk), "the disk is full", "free some space"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "kilobytes", [800, 2000, 2700, *(pytest.param(size, marks=pytest.mark.long) for size in (1500, 2300))]
)
def test_job_on_a_full_disk(run_program, make_work, small_disk, kilobytes):
    """Any step may find no room, even for its error message: 800 kB hold no store, 2000 no baseline."""
    work = make_work(small_disk("disk", kilobytes))
    ended = run_program("run", work.job, "--json")
    assert (ended.returncode, "disk is full" in ended.stderr.splitlines()[-1]) == (2, True), ended.stderr[
        -600:
    ]
    assert ended.stdout == "" or json.loads(ended.stdout)["champion"] is None, "what was measured is told"
    assert work.registered() == 0


def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.slow
def test_server_away_costs_no_measurement(run_program, work):
    work.set("recipes", STATIC)
    server = f"http://127.0.0.1:{closed_port()}"
    ended = run_program("run", work.job, "--json", MLFLOW_TRACKING_URI=server)
    assert ended.returncode == 2, ended.stderr[-600:]
    *lines, last = ended.stderr.splitlines()
    assert any(line.startswith(f"MLflow at {server}: cannot be reached") for line in lines), (
        "told before the work too"
    )
    assert last.startswith(f"inc-mlflow: MLflow at {server}: cannot be reached")
    assert last.endswith("the same command sends it")
    pending = json.loads(ended.stdout)
    assert (pending["champion"], pending["tracking"]) == (None, None)
    assert work.registered() == 0
    kept = {
        name: (work.step(name) / "record.json").read_bytes()
        for name in ("baseline", "candidates", "evaluation", "benchmark")
    }
    again = run_program("run", work.job, "--json")
    assert again.returncode == 0, again.stderr[-600:]
    result = json.loads(again.stdout)
    assert (result["verdict"], result["table"]) == ("pass", pending["table"])
    assert {name: (work.step(name) / "record.json").read_bytes() for name in kept} == kept
    assert work.registered() == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("uri", "holds"),
    [("nonsense://host", ["nonsense"]), ("sqlite:///{job}/broken.db", ["broken.db"])],
)
def test_tracking_uri_of_no_server(run_program, refused_late, work, uri, holds):
    work.write("broken.db", "no database\n" * 100)
    work.set("recipes", STATIC)
    refused_late(
        run_program("run", work.job, "--tracking-uri", uri.format(job=work.folder)), "MLflow", *holds
    )


def in_store(work, script):
    """Run a script that has a ``client`` of the job's default store."""
    work.state.mkdir(exist_ok=True)
    begin = (
        f"from mlflow import MlflowClient\nclient = MlflowClient('sqlite:///{work.state / 'mlflow.db'}')\n"
    )
    environment = dict(os.environ) | {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    ended = subprocess.run(
        [sys.executable, "-c", begin + script],
        capture_output=True,
        text=True,
        env=environment,
        cwd=work.folder,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.slow
def test_what_is_not_ours_is_refused(run_program, refused_late, work):
    in_store(work, "client.create_registered_model('digits')")
    tables = [
        "registered_models",
        "registered_model_aliases",
        "registered_model_tags",
        "model_versions",
        "runs",
    ]
    before = {table: work.rows(f"SELECT * FROM {table}") for table in tables}
    ended = run_program("run", work.job, "--json")
    refused_late(
        ended, "registered model 'digits'", "choose another tracking.registered_model", "has no ledger"
    )
    assert {table: work.rows(f"SELECT * FROM {table}") for table in tables} == before
    assert not list(work.state.glob("*/evaluation")), "it was refused after the measurements"

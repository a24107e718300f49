"""Running a pipeline on this machine: how its end and its output reach the caller."""

import json
import os
import pty
import signal
import subprocess
import sys

import pytest

from inc_mlflow import errors
from tests.support.small_pipelines import PIPELINES, RUN


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Give the command that runs one pipeline in a process of its own, which prints how it ended.

    It starts in a folder of the user's, with a file named as a module of Python's. Programs that a step starts
    see that folder as ever.
    """
    (tmp_path / "state").mkdir()
    folder = tmp_path / "where the command runs"
    folder.mkdir()
    (folder / "statistics.py").write_text("raise RuntimeError('the wrong module')\n")
    (folder / "beside_the_command.py").write_text("")
    monkeypatch.chdir(folder)
    (tmp_path / "graphs.py").write_text(PIPELINES)

    def make(name, **arguments):
        return [
            sys.executable,
            "-c",
            RUN,
            str(tmp_path),
            name,
            str(tmp_path / "state"),
            json.dumps(arguments),
        ]

    return make


def run(command, **more):
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | more)


def answer(done):
    assert done.stdout.startswith("RESTORED {"), done.stderr
    return json.loads(done.stdout.removeprefix("RESTORED "))


@pytest.mark.parametrize(
    "kind", sorted(one.__name__ for one in [errors.IncError, *errors.IncError.__subclasses__()])
)
def test_what_a_step_refuses_reaches_the_caller_as_its_own_type_and_line(command, kind):
    line = "data.validation: 3 rows hold NaN: in column Größe; clean them: {a: 'b', \"c\"}"
    told = answer(run(command("refused", kind=kind, message=line)))
    assert (told["kind"], told["message"]) == (kind, line)


def test_an_error_names_the_file_with_what_the_steps_printed(command, tmp_path):
    done = run(command("refused", kind="DataError", message="x: y; z"))
    log = tmp_path / "state" / "kfp.log"
    assert (answer(done)["notes"], done.stderr) == ([f"log: {log}"], "")
    assert "DataError: x: y; z" in log.read_text()
    verbose = run(command("refused", kind="DataError", message="x: y; z"), VERBOSE="1")
    assert answer(verbose)["notes"] == []
    assert "DataError: x: y; z" in verbose.stderr


def test_what_is_refused_outside_of_a_step_is_a_line_too(command):
    told = answer(run(command("misused")))
    assert (told["kind"], told["message"]) == ("SpecError", "job: is none; give one")


def test_a_bug_in_a_step_is_no_error_of_the_user(command, tmp_path):
    """Its traceback is shown whole, and alone."""
    done = run(command("buggy"))
    told = answer(done)
    assert told["kind"] == "RuntimeError"
    assert told["message"].startswith(
        "ZeroDivisionError: a bug of ours (a step's bug, its traceback is above"
    )
    assert str(tmp_path / "state" / "kfp.log") in told["message"]
    lines = done.stderr.splitlines()
    assert (lines[0], lines[-1]) == ("Traceback (most recent call last):", "ZeroDivisionError: a bug of ours")
    assert len([line for line in lines if line.startswith("Traceback")]) == 1


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (signal.SIGKILL, "is_killed was killed (signal 9): out of memory?; run again to go on"),
        (signal.SIGTERM, "is_killed was killed (signal 15); run again to go on"),
    ],
)
def test_a_step_that_was_killed_can_be_run_again_by_the_user(command, number, line):
    told = answer(run(command("killed", number=number, parents=0)))
    assert (told["kind"], told["message"]) == ("KilledError", line)


def test_a_step_killed_with_the_process_that_watches_it_is_told_by_the_note_it_left(command, tmp_path):
    (tmp_path / "state" / "benchmark.pid").write_text("1")
    told = answer(run(command("killed", number=signal.SIGKILL, parents=1)))
    assert (told["kind"], told["message"]) == ("KilledError", "benchmark was killed; run again to go on")


def test_a_step_whose_own_code_crashed_is_no_error_of_the_user(command):
    done = run(command("killed", number=signal.SIGSEGV, parents=0))
    assert answer(done)["kind"] == "RuntimeError"
    assert "is_killed crashed (signal 11)" in done.stderr


def test_an_error_of_an_earlier_run_is_not_told_again(command, tmp_path):
    (tmp_path / "state" / "refusal.error").write_text(
        json.dumps({"kind": "DataError", "message": "of yesterday"})
    )
    assert answer(run(command("buggy")))["kind"] == "RuntimeError"


def test_a_run_that_was_refused_can_run_again(command, tmp_path):
    assert answer(run(command("refused", kind="DataError", message="x: y; z")))["kind"] == "DataError"
    assert answer(run(command("good")))["kind"] is None
    left = {path.name for path in (tmp_path / "state").iterdir()}
    assert not left & {"kfp", "refusal.error", "refusal.pid", "refusal"}


def test_whatever_steps_print_stays_off_standard_output_and_that_is_given_back(command, tmp_path):
    (tmp_path / "state" / "kfp.log").write_text("of an earlier run")
    done = run(command("good"), VERBOSE="1")
    assert answer(done)["kind"] is None
    for word in ("WRITTEN", "PRINTED", "COMPLAINED", "finished with status"):
        assert word in done.stderr
    assert not (tmp_path / "state" / "kfp.log").exists()


def test_the_environment_is_given_back(command):
    assert answer(run(command("good")))["environment"] == []
    assert answer(run(command("buggy")))["environment"] == []


def test_without_a_terminal_kubeflow_and_the_steps_print_into_a_file_too(command, tmp_path):
    done = run(command("good"))
    assert (answer(done)["kind"], done.stderr) == (None, "")
    for word in ("WRITTEN", "PRINTED", "COMPLAINED", "finished with status"):
        assert word in (tmp_path / "state" / "kfp.log").read_text()


def test_without_a_terminal_long_work_tells_now_and_then_how_far_it_is(command):
    done = run(command("late"), LINES_AFTER="0.3")
    assert "of the step that failed: " in done.stderr, done.stderr
    assert " of 100 done" in done.stderr


def at_terminal(command):
    """Run with a terminal as standard error; return standard output and what the terminal got."""
    leader, follower = pty.openpty()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=follower, text=True) as process:
        os.close(follower)
        shown = b""
        while True:
            try:
                chunk = os.read(leader, 65536)
            except OSError:  # the last writer is gone
                break
            if not chunk:
                break
            shown += chunk
        os.close(leader)
        return process.stdout.read(), shown.decode(errors="replace")


def test_at_a_terminal_kubeflow_and_the_steps_print_into_a_file(command, tmp_path):
    out, shown = at_terminal(command("good"))
    assert json.loads(out.removeprefix("RESTORED "))["kind"] is None
    for word in ("WRITTEN", "PRINTED", "COMPLAINED", "finished with status"):
        assert word not in shown
        assert word in (tmp_path / "state" / "kfp.log").read_text()


def test_at_a_terminal_the_traceback_of_a_bug_can_be_found(command, tmp_path):
    """The person sees it, and is told where the rest is."""
    out, shown = at_terminal(command("buggy"))
    told = json.loads(out.removeprefix("RESTORED "))
    assert told["kind"] == "RuntimeError"
    assert "a bug of ours" in shown
    assert str(tmp_path / "state" / "kfp.log") in told["message"]


def test_how_far_a_killed_step_was_is_not_shown_in_the_next_run(command, tmp_path):
    """The bar would show it until a step told something newer."""
    told = {"label": "of yesterday", "done": 3, "total": 4}
    (tmp_path / "state" / "progress.json").write_text(json.dumps(told))
    assert answer(run(command("good")))["kind"] is None
    assert not (tmp_path / "state" / "progress.json").exists()


def test_how_far_a_step_was_that_failed_is_forgotten(command, tmp_path):
    assert answer(run(command("late")))["kind"] == "RuntimeError"
    assert not (tmp_path / "state" / "progress.json").exists()


def test_a_run_leaves_nothing_among_the_temporary_files(command, tmp_path):
    """Not even what Kubeflow writes for each step."""
    (tmp_path / "temporary").mkdir()
    assert answer(run(command("good"), TMPDIR=str(tmp_path / "temporary")))["kind"] is None
    assert list((tmp_path / "temporary").iterdir()) == []

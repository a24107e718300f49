"""Commands that work in their own process end by a signal as a run does."""

import signal
import subprocess
import time

import pytest

from tests.support.pipeline_runs import ENDS, PROGRAM, check_nothing_left, environment, heeding

pytestmark = pytest.mark.slow
STOPPED = "inc-mlflow: stopped; run the same command again to go on\n"


@pytest.fixture
def start(temporary):
    """Give a function that starts a command with temporary files of its own; it is ended whatever happens."""
    started = []

    def begin(*arguments):
        process = subprocess.Popen(
            [PROGRAM, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(TMPDIR=str(temporary), TESTS_CHANGED_CONSTANTS="{}"),  # no brief benchmark
            preexec_fn=heeding,
        )
        started.append(process)
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def wait_until(condition, process):
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_search(digits, tmp_path, start, temporary, number, code):
    process = start("search", digits, "-o", tmp_path / "out", "--json")
    wait_until((tmp_path / "out" / "trials.jsonl").exists, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=2 * ENDS)
    assert (process.returncode, out) == (code, "")
    assert err.endswith(STOPPED if code > 0 else "")
    assert "Traceback" not in err
    check_nothing_left(temporary)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGHUP, 129), (signal.SIGKILL, -9)])
def test_a_benchmark_and_its_instances(digits, start, temporary, number, code):
    process = start("benchmark", digits, "--candidate", digits.parent / "fp32.onnx")
    wait_until(lambda: list(temporary.rglob("*.npz")), process)
    time.sleep(0.5)
    process.send_signal(number)
    process.communicate(timeout=2 * ENDS)
    assert process.returncode == code
    check_nothing_left(temporary)

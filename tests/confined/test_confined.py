"""A process with limits: whatever the work does to it, the caller gets a text or an error in one line."""

import os
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from inc_mlflow.confined import Limits, confined, file_limit
from inc_mlflow.errors import BrokenError, DataError, ShortageError
from tests.support.paths import ROOT

LIMITS = Limits(cpu_seconds=1, memory_bytes=128 << 20, wall_seconds=50)
"""A busy machine takes long for a second of CPU time."""
SHORT = replace(LIMITS, wall_seconds=3)


def ask(name, limits=LIMITS, **arguments):
    return confined("the work", f"tests.confined.misbehaving:{name}", arguments, limits)


@pytest.fixture(scope="module", autouse=True)
def found():
    """The server finds the functions of this folder, as those of the package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(
            "PYTHONPATH",
            os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        )
        patch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2")
        patch.setattr("inc_mlflow.confined.call._SERVER", server := type(confined.__globals__["_SERVER"])())
        yield
        server.end()


def test_work_gives_its_text_and_its_errors():
    assert ask("echo", text="a\n\x00\u2028é") == "a\n\x00\u2028é"
    with pytest.raises(DataError, match=r"^evidence: is wrong$") as refusal:
        ask("refuse", text="evidence: is wrong")
    assert type(refusal.value) is DataError


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("stumble", r"met KeyError in .*: 'nothing'"),
        ("spin", r"took more than 1 s of CPU time"),
        ("sleep", r"took too long"),
        ("fill", r"needs more than 128 MiB of memory"),
        ("dive", r"met RecursionError in .*: maximum recursion depth exceeded.*"),
        ("crash", r"was ended by signal 11 \(SIGSEGV\)"),
        ("leave", r"ended without an answer"),
        ("babble", r"answered more than 16 MiB"),
    ],
)
def test_whatever_else_happens_is_one_line(name, why):
    with pytest.raises(
        BrokenError, match=rf"^the work: the process that reads it {why}; start the pipeline again$"
    ):
        ask(name, SHORT if name == "sleep" else LIMITS)
    assert ask("echo", text="the next one is answered") == "the next one is answered"


def test_work_gets_the_time_that_is_in_store_for_it_and_no_more():
    more = Limits(cpu_seconds=1, memory_bytes=128 << 20, wall_seconds=50, more_cpu_seconds=2)
    assert confined("the work", "tests.confined.misbehaving:ask_for_more", {"seconds": 60}, more) == "done"
    with pytest.raises(BrokenError, match="took more than 1 s of CPU time"):
        ask("ask_for_more", seconds=60)


def test_it_writes_no_file(tmp_path):
    with pytest.raises(BrokenError, match="File too large"):
        ask("write", path=str(tmp_path / "file"))


def test_what_the_machine_lacks_is_told_apart():
    with pytest.raises(
        ShortageError, match=r"^the work: met OSError in .*No space left on device; try again$"
    ):
        ask("full")


def test_it_gets_no_secret_of_the_caller():
    assert "PATH" in ask("environment").split()
    assert "MLFLOW_TRACKING_PASSWORD" not in ask("environment").split()


def test_it_prints_nothing(capfd):
    assert ask("shout") == "said"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("busy", [False, True])
def test_no_process_outlives_a_caller_that_is_killed(busy):
    work = (
        "confined('w', 'tests.confined.misbehaving:sleep', {}, Limits(60, 1 << 27, 60))"
        if busy
        else "time.sleep(60)"
    )
    code = (
        "import time\nfrom inc_mlflow.confined import Limits, confined\n"
        f"confined('w', 'tests.confined.misbehaving:echo', {{'text': ''}}, Limits(60, 1 << 27, 60))\nprint(flush=True)\n{work}"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as caller:
        caller.stdout.readline()
        time.sleep(0.3)
        left = psutil.Process(caller.pid).children(recursive=True)
        assert len(left) == 1 + busy
        caller.kill()
        assert psutil.wait_procs(left, timeout=30)[1] == []


def test_a_file_limit_ends_with_its_block(tmp_path):
    with file_limit(10), pytest.raises(OSError, match="File too large"):
        (tmp_path / "file").write_bytes(bytes(11))
    (tmp_path / "file").write_bytes(bytes(11))

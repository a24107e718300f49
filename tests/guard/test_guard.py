"""A guarded command leaves no process and no temporary file, whatever ends it: small programs that are really
killed."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from inc_mlflow.guard import guarded
from inc_mlflow.guard.program import MARK

BEGIN = """
import os, signal, subprocess, sys, tempfile, time
from pathlib import Path
from inc_mlflow.guard import guarded

def begun():
    print("begun", flush=True)

with guarded("stopped"):
"""
WORKS = """
    Path(tempfile.mkdtemp(), "half").write_text("x")
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    begun()
    time.sleep(60)
"""
ENDS = 12.0
"""Seconds after which nothing may be left, also on a busy machine; after 15 s the guard kills what hears nothing."""


@pytest.fixture
def start(temporary):
    """Give a function that starts a program and waits until it has begun.

    Its processes are ended whatever happens.
    """
    started = []

    def begin(text, ignored=None, **options):
        def heed():
            for number in (signal.SIGINT, signal.SIGHUP):  # a shell or nohup lets background jobs ignore them
                signal.signal(number, signal.SIG_DFL)
            if ignored:
                signal.signal(ignored, signal.SIG_IGN)

        command = [sys.executable, "-c", BEGIN + text]
        environment = os.environ | {"TMPDIR": str(temporary)}
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            preexec_fn=heed,
            **options,
        )
        started.append(process)
        assert process.stdout.readline() == "begun\n"
        return process

    yield begin
    for process in alive(temporary):
        process.kill()
    for process in started:
        process.communicate()


def alive(temporary):
    """Return the processes that were started with these temporary files, the guard among them."""
    found = []
    for process in psutil.process_iter():
        try:
            found += [process] if process.environ().get("TMPDIR", "").startswith(str(temporary)) else []
        except psutil.Error:
            continue
    return found


def all_begun(temporary, number):
    """Return so many processes; as one begins, the system may not tell yet what it was started with."""
    late = time.monotonic() + ENDS
    while len(found := alive(temporary)) != number:
        assert time.monotonic() < late, f"{len(found)} processes, not {number}"
        time.sleep(0.05)
    return found


def nothing_is_left(temporary):
    late = time.monotonic() + ENDS
    while alive(temporary) or list(temporary.iterdir()):
        if time.monotonic() > late:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_a_command_with_one_line_and_all_that_it_started(start, temporary, number, code):
    process = start(WORKS)
    all_begun(temporary, 3)
    process.send_signal(number)
    out, err = process.communicate(timeout=ENDS)
    assert (process.returncode, out, err) == (code, "", "stopped\n")
    assert alive(temporary) == []
    assert list(temporary.iterdir()) == []


def test_a_killed_command_leaves_no_process_and_no_temporary_file(start, temporary):
    process = start(WORKS)
    process.kill()
    process.communicate()
    assert nothing_is_left(temporary)


def test_a_command_killed_with_its_whole_group_leaves_nothing(start, temporary):
    process = start(WORKS, start_new_session=True)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert nothing_is_left(temporary)


def test_a_command_killed_while_it_is_being_stopped_leaves_nothing(start, temporary):
    process = start(WORKS)
    process.terminate()
    process.kill()
    process.communicate()
    assert nothing_is_left(temporary)


def test_a_signal_to_everything_at_once_ends_as_one_to_the_command(start, temporary):
    """A service manager sends it to every process, the guard among them."""
    process = start(WORKS)
    for one in alive(temporary):
        one.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=ENDS) == ("", "stopped\n")
    assert process.returncode == 143
    assert nothing_is_left(temporary)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_guard_outlives_the_signals_that_end_commands(start, temporary, number):
    process = start(WORKS)
    (guard,) = (one for one in all_begun(temporary, 3) if "-S" in one.cmdline())
    guard.send_signal(number)
    time.sleep(0.2)
    process.kill()
    process.communicate()
    assert nothing_is_left(temporary)


CLOSES = """
    try:
        begun()
        time.sleep(60)
    finally:
        time.sleep(1)
        Path(os.environ["CLOSED"]).write_text("whole")
"""


def test_what_has_to_be_closed_is_closed_though_the_signal_comes_twice(start, tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSED", str(tmp_path / "closed"))
    process = start(CLOSES)
    process.terminate()
    time.sleep(0.5)
    process.terminate()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=ENDS) == ("", "stopped\n")
    assert process.returncode == 143
    assert (tmp_path / "closed").read_text() == "whole"


HANGS = """
    try:
        begun()
        time.sleep(60)
    finally:
        time.sleep(60)
"""


def test_a_command_whose_closing_hangs_is_left_all_the_same(start, temporary):
    process = start(HANGS)
    process.terminate()
    assert process.communicate(timeout=2 * ENDS) == ("", "stopped\n")
    assert process.returncode == 143
    assert nothing_is_left(temporary)


FAILS = """
    try:
        begun()
        time.sleep(60)
    except KeyboardInterrupt:
        raise ValueError("a child was ended") from None
"""


def test_an_error_that_only_the_end_of_a_child_brought_is_not_told(start):
    process = start(FAILS)
    process.terminate()
    assert process.communicate(timeout=ENDS) == ("", "stopped\n")
    assert process.returncode == 143


DEAF = """
    import ctypes
    lock = ctypes.create_string_buffer(64)
    begun()
    for _ in range(2):
        ctypes.CDLL(None).pthread_mutex_lock(lock)
"""


@pytest.mark.long
def test_a_command_in_a_library_that_never_looks_at_signals_is_killed(start, temporary):
    process = start(DEAF)
    time.sleep(0.5)  # until it hangs
    process.terminate()
    _, err = process.communicate(timeout=30)
    assert err == "inc-mlflow: killed, since it did not stop; run the same command again to go on\n"
    assert process.returncode == -signal.SIGKILL
    assert nothing_is_left(temporary)


NOHUP = """
    begun()
    time.sleep(0.5)
    print("finished")
"""


def test_a_hang_up_that_was_ignored_from_the_start_stays_ignored(start):
    process = start(NOHUP, ignored=signal.SIGHUP)
    process.send_signal(signal.SIGHUP)
    assert process.communicate(timeout=ENDS) == ("finished\n", "")
    assert process.returncode == 0


FORKS = """
    child = os.fork()
    if child == 0:
        begun()
        time.sleep(60)
    time.sleep(0.3)
    os.kill(child, signal.SIGTERM)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_ends_by_a_signal_as_any_process_does(start):
    process = start(FORKS)
    assert process.communicate(timeout=ENDS) == ("-15\n", "")
    assert process.returncode == 0


def test_a_command_that_ends_gives_everything_back(temporary, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(temporary))
    children = psutil.Process().children()
    before, handlers = (
        dict(os.environ),
        [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
    )
    with guarded("stopped"):
        assert MARK in os.environ
    assert dict(os.environ) == before
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == handlers
    assert psutil.Process().children() == children

"""Forks a process for each piece of work. ``confined`` runs it.

Run as ``python -P -m inc_mlflow.confined.server``. Each line on standard input is a piece of work (``Work``);
each answer is one JSON line, for which the caller waits. The forks find the libraries loaded and none of the
caller's secrets. The end of standard input ends the server and the work in progress.
"""

import json
import os
import select
import signal
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import BinaryIO, NoReturn

from inc_mlflow.confined.limits import Limits
from inc_mlflow.confined.work import Work, answer_of
from inc_mlflow.guard import end_with_parent

LARGEST_ANSWER = 16 << 20
"""Bytes; no legitimate answer is longer."""
_FILES = 1024
"""File descriptors to close in a fork; more than this process opens."""
_KILLED_FIRST = "1000"
"""Score of a process that Linux ends first where memory is short."""


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's; its end closes standard input
    with (
        suppress(BrokenPipeError),
        os.fdopen(0, "rb", closefd=False) as lines,
        os.fdopen(1, "wb", closefd=False) as answers,
    ):
        while line := lines.readline():
            answers.write(_answer(Work.parse(line), lines) + b"\n")
            answers.flush()


def _answer(work: Work, lines: BinaryIO) -> bytes:
    import_module(work.module)  # here, so that the next fork has it already
    reader, writer = os.pipe()
    server = os.getpid()
    try:
        child = os.fork()
    except OSError as error:
        os.close(reader)
        os.close(writer)
        return _message("short", f"no process for it ({error.strerror})")
    if child == 0:
        _work(work, writer, server)
    os.close(writer)
    try:
        return _waited(child, reader, lines, work.limits)
    finally:
        os.close(reader)


def _work(work: Work, writer: int, server: int) -> NoReturn:
    """Do the work in this process, write the answer, and end, whatever happens."""
    code = 1
    try:
        _isolate(writer, server)
        work.limits.apply()
        answer = answer_of(work)
        with os.fdopen(writer, "wb") as file:
            file.write(answer)
        code = 0
    finally:
        os._exit(code)


def _isolate(writer: int, server: int) -> None:
    """Close all files but the pipe for the answer, end with the parent, die first where memory is short."""
    os.closerange(3, writer)
    os.closerange(writer + 1, _FILES)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    end_with_parent(server)
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(_KILLED_FIRST)


def _waited(child: int, reader: int, lines: BinaryIO, limits: Limits) -> bytes:
    """Return the child's answer, or why there is none; the child has ended by then."""
    content, why = _collected(reader, lines, time.monotonic() + limits.wall_seconds)
    if why:
        os.kill(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    why = why or _ended(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime)
    return _message("broken", why) if why else content


def _collected(reader: int, lines: BinaryIO, deadline: float) -> tuple[bytes, str]:
    """Return what the child wrote, and the reason to stop waiting, if there is one."""
    content = bytearray()
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    poll.register(lines.fileno(), 0)  # POLLHUP is always reported
    while (left := deadline - time.monotonic()) > 0:
        ready = dict(poll.poll(left * 1000))
        if lines.fileno() in ready:
            return b"", "was given up"
        if not ready:
            break
        if not (part := os.read(reader, 1 << 16)):
            return bytes(content), ""
        content += part
        if len(content) > LARGEST_ANSWER:
            return b"", f"answered more than {LARGEST_ANSWER >> 20} MiB"
    return b"", "took too long"


def _ended(code: int, seconds: float) -> str:
    """Return how a process failed; empty where it ended with an answer."""
    if code == -signal.SIGXCPU:
        return f"took more than {seconds:.0f} s of CPU time"
    if code < 0:
        memory = ": out of memory?" if -code == signal.SIGKILL else ""
        return f"was ended by signal {-code} ({signal.Signals(-code).name}){memory}"
    return "" if code == 0 else "ended without an answer"


def _message(kind: str, message: str) -> bytes:
    return json.dumps({"kind": kind, "message": message}).encode()


if __name__ == "__main__":
    main()

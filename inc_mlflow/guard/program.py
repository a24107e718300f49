"""The guard of one command: a process that outlives it and clears up, however it ends.

Run as ``python -I -S program.py MARK FOLDER PACKAGES`` with SIGINT, SIGTERM and SIGHUP blocked. Every process
of the command has ``MARK`` in its environment; ``FOLDER`` holds the command's temporary files. Standard input
is a pipe that only the command writes to:

- the number of a signal that reached the command: the guard ends its other processes and answers with a line
- ``DONE``: the command has cleared up
- end of file: the command has ended, for whatever reason

Imports stand inside functions: every command waits for its guard at its end.
"""

import os
import select
import signal
import sys
import time

MYPY = False
if MYPY:
    import psutil

MARK = "INC_MLFLOW_GUARD"
"""Environment variable that all processes of a command have in common."""
DONE = 0
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that a closing terminal, a service manager or a person sends to end a program."""
PATIENCE = 15.0
"""Seconds after a signal until a command that did not end is killed: a library may block its signals."""
_PAUSE, _GONE = 0.1, 0.02
"""Seconds between two looks: for processes that the command starts, and for the end of killed ones."""


def main(mark: str, folder: str, packages: str) -> None:
    """Wait for the end of the command, and clear up unless it has done so itself."""
    sys.path.extend(packages.split(os.pathsep))
    command = os.getppid()
    while said := os.read(0, 64):
        if DONE in said:
            return
        if any(number in said for number in STOPS):
            _stop(command, mark)
            break
    _clear_up(mark, folder)


def _stop(command: int, mark: str) -> None:
    """End the command's processes, also those that it still starts, until it has ended itself."""
    end_marked(mark, command)
    _write(1, b"\n")
    late = time.monotonic() + PATIENCE
    while not _gone():
        end_marked(mark, command)
        if time.monotonic() > late:
            _write(2, b"inc-mlflow: killed, since it did not stop; run the same command again to go on\n")
            os.kill(command, signal.SIGKILL)
            return


def _write(where: int, line: bytes) -> None:
    try:
        os.write(where, line)
    except OSError:
        return  # the reader has ended; the rest is to be done all the same


def _gone() -> bool:
    """Return whether the command has ended; further signals change nothing."""
    ready, _, _ = select.select([0], [], [], _PAUSE)
    return bool(ready) and not os.read(0, 64)


def _clear_up(mark: str, folder: str) -> None:
    import shutil

    end_marked(mark)
    shutil.rmtree(folder, ignore_errors=True)


def end_marked(mark: str, spared: int = 0) -> None:
    """Kill every process of a command but ``spared`` and this one, and wait until they are gone."""
    import psutil

    while found := [
        one for one in psutil.process_iter() if one.pid not in (spared, os.getpid()) and _is_marked(one, mark)
    ]:
        for one in found:
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        time.sleep(_GONE)


def _is_marked(process: "psutil.Process", mark: str) -> bool:
    import psutil

    try:
        return bool(process.environ().get(MARK) == mark)
    except psutil.Error:
        return False  # it ended, is a zombie, or belongs to another user


if __name__ == "__main__":
    main(*sys.argv[1:])

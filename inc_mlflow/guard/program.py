"""The guard of one command: a process that outlives it, however it ends, and clears up behind it.

Run as ``python -I -S program.py MARK FOLDER PACKAGES`` with the signals blocked that end commands. Every
process of the command has ``MARK`` in its environment; ``FOLDER`` is where it has its temporary files.
Standard input is a pipe that only the command writes to:

- the number of a signal that reached it: its other processes are ended, and a line is the answer
- ``DONE``: it cleared up itself
- the end: it is gone, whatever ended it

It imports nothing before it has to: every command waits for it at its end.
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
"""What a terminal that closes, a service manager or a person sends to end a program."""
PATIENCE = 15.0
"""Seconds after a signal until a command is killed that did not end: a library may keep it from looking at
signals."""
_PAUSE, _GONE = 0.1, 0.02
"""Seconds between two looks: for what a command goes on to start, and whether what was killed is gone."""


def main(mark: str, folder: str, packages: str) -> None:
    """Wait for the command's end, and clear up unless it did."""
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
    """End what the command started, also what it goes on to start, until it is gone itself."""
    end_marked(mark, command)
    _tell(1, b"\n")
    late = time.monotonic() + PATIENCE
    while not _gone():
        end_marked(mark, command)
        if time.monotonic() > late:
            _tell(2, b"inc-mlflow: killed, since it did not stop; run the same command again to go on\n")
            os.kill(command, signal.SIGKILL)
            return


def _tell(where: int, line: bytes) -> None:
    try:
        os.write(where, line)
    except OSError:
        return  # whoever read it is gone; what is left to do is the same


def _gone() -> bool:
    """Tell whether the command is gone; further signals change nothing."""
    ready, _, _ = select.select([0], [], [], _PAUSE)
    return bool(ready) and not os.read(0, 64)


def _clear_up(mark: str, folder: str) -> None:
    import shutil

    end_marked(mark)
    shutil.rmtree(folder, ignore_errors=True)


def end_marked(mark: str, spared: int = 0) -> None:
    """Kill every process of a command but ``spared`` and this one, and see them gone.

    Their parents may not have noticed.
    """
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
        return False  # it ended, is a stranger's or a zombie


if __name__ == "__main__":
    main(*sys.argv[1:])

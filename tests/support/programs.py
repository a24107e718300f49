"""Programs that tests start, kill and start again, each with all that it started itself."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import psutil
import pytest

PATIENCE = 120.0


class Program:
    """A process, what it writes to ``log``, and how to begin it again as it was."""

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        ready: Callable[[], bool],
        environment: Mapping[str, str],
        user: str | None = None,
        end: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.command, self.log, self.ready = command, log, ready
        self.environment, self.user, self.end = environment, user, end

    def start(self) -> None:
        """Return once it answers; the test fails with its last words where it does not."""
        groups = None if self.user is None else []
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdout=log,
                stderr=log,
                cwd=self.log.parent,
                user=self.user,
                group=self.user,
                extra_groups=groups,
            )
        limit = time.monotonic() + PATIENCE
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > limit:
                self.kill()
                pytest.fail(f"{self.command[0]} did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut does."""
        for process in self._family():
            process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Let it finish, and whatever does not end with it is killed."""
        family = self._family()
        self.process.send_signal(self.end)
        for process in psutil.wait_procs(family, timeout=10)[1]:
            process.kill()
        self.process.wait()

    def _family(self) -> list[psutil.Process]:
        try:
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def leave_out(reason: str) -> NoReturn:
    """Skip what a person's machine cannot run; CI installs all, and so must not skip."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; tests/servers/install.sh installs it")
    pytest.skip(reason)

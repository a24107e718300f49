"""The launcher of one machine: torch.distributed.run, over its loopback."""

import os
import subprocess
import sys

from inc_mlflow.training.launch.launcher import Ended, Program

_STORY = 20_000
"""Characters of what processes printed that are kept."""
_SIGNALS = 128
"""The agent's exit code for a process that a signal ended is this and the signal."""


class LaunchHere:
    """Runs all processes on this machine; they end with this process, however it ends."""

    def run(self, program: Program, processes: int) -> Ended:
        """Start them; see ``Launcher``."""
        agent = [sys.executable, "-P", "-m", "inc_mlflow.training.launch.agent", str(os.getpid())]
        place = ["--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", str(processes)]
        loopback = "lo" if sys.platform == "linux" else "lo0"
        # A user's statistics.py in the present folder is none of Python's; torch sets threads later.
        surroundings = {"GLOO_SOCKET_IFNAME": loopback, "PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [*agent, *place, "-m", program.module, program.argument],
            env=os.environ | surroundings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        return Ended(done.returncode == 0, max(0, done.returncode - _SIGNALS), done.stdout[-_STORY:])

"""The processes that resample rows: what happens when they or their parent are killed."""

import os
import signal
import subprocess
import sys

import numpy as np
import psutil
import pytest

from inc_mlflow.errors import KilledError
from inc_mlflow.measure.stats.resample import resample

ROWS = {"baseline": {"label": np.arange(10)}}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks them")
def test_a_killed_process_is_one_line_and_no_wait_for_ever():
    test = os.getpid()

    def score(rows, reference):
        if os.getpid() != test:
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(
        KilledError, match=r"^metric: a process was killed: out of memory\?; run again to go on$"
    ):
        resample(ROWS, "baseline", score, workers=2)


SLEEPS = """
import os, time
import numpy as np
from inc_mlflow.measure.stats.resample import resample

def score(rows, reference):
    os.write(1, b"begun\\n")
    time.sleep(20)

resample({"baseline": {"label": np.arange(10)}}, "baseline", score, workers=2)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends them with their parent")
def test_the_processes_end_with_a_killed_parent():
    with subprocess.Popen([sys.executable, "-c", SLEEPS], stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"begun\n"
        workers = psutil.Process(parent.pid).children()
        assert len(workers) == 2
        parent.kill()
        assert psutil.wait_procs(workers, timeout=15)[1] == []

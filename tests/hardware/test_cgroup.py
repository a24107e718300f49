"""A layout in a cgroup that allows 1.5 CPUs: what the program says there."""

import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
VERSION_1, VERSION_2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
MOVED = 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"'


@pytest.fixture
def cgroup():
    """A cgroup limited to 1.5 CPUs; skips where this user may not make one."""
    version_1 = (VERSION_1 / "cpu.cfs_period_us").is_file()
    folder = (VERSION_1 if version_1 else VERSION_2) / f"inc-mlflow-test-{uuid.uuid4().hex[:8]}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    try:
        limit(folder, version_1)
        yield folder
    finally:
        folder.rmdir()


def limit(folder, version_1):
    try:
        if version_1:
            (folder / "cpu.cfs_quota_us").write_text("150000")
        else:
            (folder / "cpu.max").write_text("150000 100000")
    except OSError as error:
        pytest.skip(f"no CPU quota can be set here: {error}")


def inside(folder, *arguments):
    command = ["sh", "-c", MOVED, "sh", str(folder), str(PROGRAM), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two CPUs")
def test_two_cores_are_refused_in_a_cgroup_of_one_and_a_half_cpus_and_it_says_why(cgroup):
    refused = inside(cgroup, "probe", "--layout", "2c")
    assert (refused.returncode, refused.stdout) == (2, "")
    cpus = len(os.sched_getaffinity(0))
    source = cgroup / ("cpu.cfs_quota_us" if cgroup.parent == VERSION_1 else "cpu.max")
    assert refused.stderr == (
        "inc-mlflow: --layout: 1s2c1ins1bs needs 1 x 2 = 2 cores; this process may use 1 "
        f"({cpus} CPUs in its cpuset, a CPU quota of 1.5 in {source}); use 1s1c1ins1bs\n"
    )


def test_one_core_is_planned_there_and_the_quota_is_told(cgroup):
    planned = inside(cgroup, "probe", "--layout", "auto")
    assert planned.returncode == 0, planned.stderr
    last = planned.stdout.splitlines()[-1]
    assert re.match(r"plan: +layout 1s1c1ins1bs on CPUs ", last)
    assert "of which cgroups allow 1.5 at a time" in last

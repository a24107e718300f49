"""How much of the CPUs that share a cache others use, in a made-up /proc and sysfs."""

import os
import time

import pytest

from inc_mlflow.hardware import neighbours
from inc_mlflow.hardware.neighbours import Neighbours, sharing

TICK = os.sysconf("SC_CLK_TCK")


class Machine:
    """Two CPUs and the instance 7; seconds that were used so far."""

    def __init__(self, proc):
        self.proc, self.now = proc, 0.0
        (proc / "7").mkdir(parents=True)
        self.say(0.0, 0.0)

    def say(self, *busy, stolen=0.0, ours=0.0):
        """``busy`` seconds of each CPU, all processes; ``ours`` are the instance's."""
        rows = [
            f"cpu{n} {round(one * TICK)} 0 0 999 9 0 0 {round(stolen * TICK)} 0 0"
            for n, one in enumerate(busy)
        ]
        (self.proc / "stat").write_text("\n".join(["cpu  0 0 0 0 0 0 0 0 0 0", *rows, "intr 1"]) + "\n")
        fields = ["S", *["0"] * 10, str(round(ours * TICK)), "0", *["0"] * 30]
        (self.proc / "7" / "stat").write_text(f"7 (a (b) c) {' '.join(fields)}\n")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    made = Machine(tmp_path / "proc")
    monkeypatch.setattr(neighbours.time, "monotonic", lambda: made.now)
    monkeypatch.setattr(neighbours.time, "process_time", lambda: 0.0)
    return made


@pytest.mark.parametrize(
    ("after", "share"),
    [
        ({"busy": (2.0, 0.0), "ours": 2.0}, 0.0),
        ({"busy": (2.0, 2.0), "ours": 2.0}, 0.5),
        ({"busy": (2.0, 0.0), "ours": 1.0}, 0.25),
        ({"busy": (2.0, 0.0), "ours": 2.0, "stolen": 0.5}, 0.25),
        ({"busy": (1.99, 0.0), "ours": 2.0}, 0.0),
    ],
    ids=["alone", "beside one", "in turns with one", "other machines", "rounded"],
)
def test_the_share_is_what_others_used_of_all_cpus_that_share_the_cache(machine, after, share):
    seen = Neighbours((0, 1), machine.proc)
    with seen.watch([7]):
        machine.now = 2.0
        machine.say(*after.pop("busy"), **after)
    assert seen.shares == pytest.approx([share])


def test_each_generation_counts_from_its_own_begin(machine):
    seen = Neighbours((0, 1), machine.proc)
    for end in (2.0, 4.0):
        with seen.watch([7]):
            machine.now = end
            machine.say(0.0, 2.0)
    assert seen.shares == pytest.approx([0.5, 0.0])


@pytest.mark.parametrize("cpus", [(), (0, 1, 2)], ids=["bound to none", "one that the system hides"])
def test_what_cannot_be_read_is_not_taken_for_quiet(machine, cpus):
    seen = Neighbours(cpus, machine.proc)
    with seen.watch([7]):
        machine.now = 2.0
    assert seen.shares == [None]


def test_the_largest_cache_says_who_shares_it(tmp_path):
    for index, (level, cpus) in enumerate([(1, "1"), (1, "1"), (2, "1,33"), (3, "0-3,32-35")]):
        folder = tmp_path / "cpu1" / "cache" / f"index{index}"
        folder.mkdir(parents=True)
        (folder / "level").write_text(f"{level}\n")
        (folder / "shared_cpu_list").write_text(f"{cpus}\n")
    assert sharing(1, tmp_path) == [0, 1, 2, 3, 32, 33, 34, 35]
    assert sharing(2, tmp_path) == [2]


def test_a_busy_process_on_this_machine_is_seen_and_ones_own_work_is_not():
    cpus = sorted(os.sched_getaffinity(0))
    seen = Neighbours(cpus)
    with seen.watch([]):
        begin = time.process_time()
        while time.process_time() - begin < 0.3:
            pass
    child = os.fork()
    if child == 0:
        while True:
            pass
    with seen.watch([]):
        time.sleep(0.5)
    with seen.watch([child]):
        time.sleep(0.5)
    os.kill(child, 9)
    os.waitpid(child, 0)
    _, beside, ours = seen.shares
    assert beside - ours > 0.2 / len(cpus)

"""Loads from the kernel's counters, in a made-up /proc."""

import pytest

from inc_mlflow.hardware import counters
from inc_mlflow.hardware.counters import LoadMeter
from inc_mlflow.measure.timing import disturbance

SECOND = 10**9


class Host:
    """Files of /proc and sysfs; ``clock`` is what time.monotonic says."""

    def __init__(self, root):
        self.proc, self.sysfs, self.group, self.clock = root / "proc", root / "cpu", root / "group", 0.0
        self.group.mkdir()
        for thread in ("10", "11", "20"):
            self.thread(thread)
        self.thread("1", "self")
        self.cpus()
        self.throttled(0)

    def thread(self, number, process=None, ran=0.0, waited=0.0, cpu=0, moved=0):
        folder = self.proc / (process or f"{number[0]}0") / "task" / number
        folder.mkdir(parents=True, exist_ok=True)
        fields = ["S", *["0"] * 10, str(round(ran * 100)), "0", *["0"] * 23, str(cpu)]
        (folder / "stat").write_text(f"{number} (a (b) c) {' '.join(fields)}\n")
        (folder / "schedstat").write_text(f"{round(ran * SECOND)} {round(waited * SECOND)} 7\n")
        (folder / "sched").write_text(f"python (1)\nse.nr_migrations   :   {moved}\nnr_switches : 5\n")

    def cpus(self, *times):
        """Times are (user, system, steal) ticks of CPU 0, CPU 1, …"""
        rows = [
            f"cpu{n} {user} 0 {system} 999 9 0 0 {steal} 0 0"
            for n, (user, system, steal) in enumerate(times or [(0, 0, 0)] * 2)
        ]
        (self.proc / "stat").write_text("\n".join(["cpu  0 0 0 0 0 0 0 0 0 0", *rows, "intr 1"]) + "\n")

    def throttled(self, count):
        (self.group / "cpu.stat").write_text(f"nr_periods 9\nnr_throttled {count}\n")

    def frequency(self, *khz):
        for cpu, clock in enumerate(khz):
            (self.sysfs / f"cpu{cpu}" / "cpufreq").mkdir(parents=True, exist_ok=True)
            (self.sysfs / f"cpu{cpu}" / "cpufreq" / "scaling_cur_freq").write_text(f"{clock}\n")

    def remove(self, name):
        for file in self.proc.glob(f"*/task/*/{name}"):
            file.unlink()


@pytest.fixture
def host(tmp_path, monkeypatch):
    made = Host(tmp_path)
    monkeypatch.setattr(counters.time, "monotonic", lambda: made.clock)
    monkeypatch.setattr(counters.os, "sysconf", lambda _: 100)
    return made


def watch(host):
    return LoadMeter([10, 20], [0, 1], [host.group], host.proc, host.sysfs)


def test_a_quiet_round_has_no_load(host):
    watching = watch(host)
    host.clock = 2.0
    host.thread("10", ran=1.9, waited=0.01)
    host.thread("20", ran=1.9, waited=0.02, cpu=1)
    host.cpus((180, 10, 0), (190, 0, 0))
    load = watching()
    assert load.waited == pytest.approx(0.01)
    assert (load.stolen, load.other, load.throttled, load.migrated, load.slowed) == (
        0,
        pytest.approx(0, abs=0.01),
        0,
        0,
        None,
    )


def test_waiting_is_that_of_the_worst_off_thread(host):
    watching = watch(host)
    host.clock = 2.0
    host.thread("10", ran=1.0, waited=0.2)
    host.thread("11", ran=1.0, waited=0.9)
    assert watching().waited == pytest.approx(0.45)


def test_other_load_is_what_neither_instances_nor_their_parent_used_of_the_busiest_cpu(host):
    watching = watch(host)
    host.clock = 2.0
    host.thread("10", ran=1.0)
    host.thread("20", ran=1.0, cpu=1)
    host.thread("1", "self", ran=0.1)
    host.cpus((110, 0, 0), (150, 40, 0))
    assert watching().other == pytest.approx((1.9 - 1.1 - 2 * 0.01) / 2)


@pytest.mark.parametrize("seconds", [0.2, 0.22])
def test_ticks_that_rounding_makes_disturb_no_turn(host, seconds):
    """User and system time are each rounded to 10 ms at both ends, stolen time too."""
    watching = watch(host)
    host.clock = seconds
    host.thread("10", ran=seconds)
    ticks = round(seconds * 100)
    host.cpus((ticks + 1, 1, 1), (0, 0, 0))
    load = watching()
    assert (load.other, load.stolen) == (0, 0)
    assert disturbance.causes(load) == []


def test_a_process_that_takes_a_quarter_of_the_shortest_turn_is_seen_in_ticks(host):
    watching = watch(host)
    host.clock = 0.2
    host.thread("10", ran=0.15)
    host.cpus((20, 0, 3), (0, 0, 0))
    load = watching()
    assert load.stolen == pytest.approx(0.1)
    host.clock = 0.4
    host.thread("10", ran=0.3)
    host.cpus((40, 0, 3), (0, 0, 0))
    assert disturbance.causes(load) == ["stolen", "other"]
    assert disturbance.causes(watching()) == ["other"]


def test_steal_throttling_and_migrations_are_counted_since_the_last_call(host):
    watching = watch(host)
    host.clock = 1.0
    host.thread("10", ran=1.0, moved=3)
    host.cpus((100, 0, 20), (0, 0, 5))
    host.throttled(4)
    load = watching()
    assert (load.stolen, load.throttled, load.migrated) == (pytest.approx(0.2 - 0.01), 4, 3)
    host.clock = 2.0
    again = watching()
    assert (again.stolen, again.throttled, again.migrated) == (0, 0, 0)


def test_a_thread_that_sleeps_may_be_moved(host):
    watching = watch(host)
    host.clock = 1.0
    host.thread("11", ran=0.005, moved=3)
    assert watching().migrated == 0


def test_without_a_count_of_migrations_the_last_cpu_tells(host):
    host.remove("sched")
    watching = watch(host)
    host.clock = 1.0
    host.thread("10", ran=1.0, cpu=1)
    host.remove("sched")
    assert watching().migrated == 1


def test_what_is_not_there_is_not_read_rather_than_zero(host):
    host.remove("schedstat")
    (host.proc / "stat").unlink()
    (host.group / "cpu.stat").unlink()
    watching = watch(host)
    host.clock = 1.0
    load = watching()
    assert (load.waited, load.stolen, load.other, load.throttled, load.slowed) == (None,) * 5


def test_a_stat_file_without_one_of_the_cpus_is_not_read(host):
    """As lxcfs shows it in containers: fewer CPUs than there are, numbered from 0."""
    watching = LoadMeter([10, 20], [0, 3], [host.group], host.proc, host.sysfs)
    host.clock = 1.0
    load = watching()
    assert (load.waited, load.stolen, load.other) == (0, None, None)


def test_a_kernel_that_leaves_schedstat_at_zero_is_read_in_ticks(host):
    def ran(seconds):
        host.thread("10", ran=seconds)
        host.thread("20", ran=seconds, cpu=1)
        host.thread("1", "self", ran=seconds / 10)
        for file in host.proc.glob("*/task/*/schedstat"):
            file.write_text("0 0 0\n")

    ran(0.5)  # and the parent a tenth of it
    watching = watch(host)
    host.clock = 1.0
    host.cpus((103, 0, 0), (100, 0, 0))
    ran(1.4)
    load = watching()
    assert (load.waited, load.other) == (None, pytest.approx(0, abs=1e-9))


def test_a_slower_clock_is_told_as_a_share_of_the_highest_seen(host):
    host.frequency(3000000, 2900000)
    watching = watch(host)
    host.clock = 1.0
    assert watching().slowed == pytest.approx(2.9 / 3)
    host.frequency(1500000, 3000000)
    host.clock = 2.0
    assert watching().slowed == pytest.approx(0.5)


def test_a_driver_that_does_not_know_the_clock_is_not_read(host):
    host.frequency("<unknown>", 3000000)
    watching = watch(host)
    host.clock = 1.0
    assert watching().slowed is None


def test_a_thread_that_ended_is_no_error(host):
    watching = watch(host)
    host.clock = 1.0
    for file in (host.proc / "20" / "task" / "20").iterdir():
        file.unlink()
    assert watching().waited == 0
